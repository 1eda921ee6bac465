package replay

import (
	"slices"

	abi "payrouter/abi/v1"
)

// shape is what recordings have in common that a plugin most likely treats alike.
type shape struct {
	operation, kind, currency, country, method, result string
}

// LastAlike are the last recordings of each shape, at most a number of one, in the order given, the oldest first. Those
// have one shape that are of the same operation, kind of payment, currency, country and method, and came to the same
// result: each more of them shows less, while one of a rare shape shows what many of a common one do not.
func LastAlike(recordings []Recording, most int) []Recording {
	kept := map[shape]int{}
	var last []Recording
	for _, recording := range slices.Backward(recordings) {
		of := recording.shape()
		if kept[of] == most {
			continue
		}
		kept[of]++
		last = append(last, recording)
	}
	slices.Reverse(last)
	return last
}

// shape of a recording; one that cannot be read has its operation and result alone.
func (r Recording) shape() shape {
	of := shape{operation: r.Operation, result: r.Result()}
	call := new(abi.Call)
	if r.Operation == "" || len(r.Steps) == 0 || call.UnmarshalVTUnsafe(r.Steps[0].Input) != nil {
		return of
	}
	payment := call.GetPayment()
	of.kind, of.currency = payment.GetKind().String(), payment.GetCurrency()
	of.country, of.method = payment.GetCountry(), payment.GetMethod()
	return of
}
