package replay

import (
	"slices"

	abi "payrouter/abi/v1"
)

// shape is what recordings have in common that a plugin most likely treats alike.
type shape struct {
	operation, kind, currency, country, method, result string
}

// mostAlike recordings of one shape are kept: no fewer than fuel is compared by.
const mostAlike = fewest

// LastAlike are the last few recorded flows of each shape, and every callback, in the order given, the oldest first.
// Those flows have one shape that are of the same operation, kind of payment, currency, country and method, and came to
// the same result: each more of them shows less, while one of a rare shape shows what many of a common one do not. What
// a callback is about is not known without the plugin.
func LastAlike(recordings []Recording) []Recording {
	kept := map[shape]int{}
	var last []Recording
	for _, recording := range slices.Backward(recordings) {
		if recording.Operation != "" {
			of := recording.shape()
			if kept[of] == mostAlike {
				continue
			}
			kept[of]++
		}
		last = append(last, recording)
	}
	slices.Reverse(last)
	return last
}

// shape of a flow; one that cannot be read has its operation and result alone.
func (r Recording) shape() shape {
	of := shape{operation: r.Operation, result: r.Result()}
	call := new(abi.Call)
	if len(r.Steps) == 0 || call.UnmarshalVTUnsafe(r.Steps[0].Input) != nil {
		return of
	}
	payment := call.GetPayment()
	of.kind, of.currency = payment.GetKind().String(), payment.GetCurrency()
	of.country, of.method = payment.GetCountry(), payment.GetMethod()
	return of
}
