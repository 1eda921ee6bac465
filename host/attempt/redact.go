package attempt

import (
	"cmp"
	"slices"
	"strings"

	"payrouter/abi/jsontext"
	abi "payrouter/abi/v1"
)

// redacted is a reason as it may be logged: without what the caller gave and without the provider's own words. Either
// may be a payer's data, and an answer may repeat it. The attempt has the whole reason.
func redacted(why string, call *abi.Call, quoted string) string {
	payment := call.GetPayment()
	payer, destination := payment.GetPayer(), payment.GetDestination()
	texts := []string{
		quoted, payer.GetName(), payer.GetEmail(), payer.GetPhone(), payer.GetIp(), destination.GetNumber(),
		destination.GetAccount(), destination.GetAddress(), destination.GetMemo(), payment.GetReference(),
		payment.GetDescription(), payment.GetReturnUrl(),
	}
	for _, document := range [][]byte{payment.GetOptions(), call.GetInput()} {
		if value, err := jsontext.Parse(document); err == nil {
			texts = append(texts, textsOf(value)...)
		}
	}
	const shortest = 3 // what is shorter identifies no payer, and stands in every sentence
	texts = slices.DeleteFunc(texts, func(text string) bool { return len(text) < shortest })
	slices.SortFunc(texts, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	for _, text := range texts {
		why = strings.ReplaceAll(why, text, "…")
	}
	return why
}

// textsOf are the texts and numbers in a JSON value.
func textsOf(value jsontext.Value) []string {
	var texts []string
	switch {
	case value.IsObject():
		value.Each(func(_ string, member jsontext.Value) { texts = append(texts, textsOf(member)...) })
	case value.IsArray():
		for _, item := range value.Items() {
			texts = append(texts, textsOf(item)...)
		}
	case value.IsString(), value.IsNumber():
		texts = append(texts, value.Text())
	}
	return texts
}
