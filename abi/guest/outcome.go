package guest

import (
	abi "payrouter/abi/v1"
)

// Done is the step that ends a call.
func Done(outcome *abi.Outcome) *abi.Step {
	made := &struct {
		step abi.Step
		next abi.Step_Done
	}{next: abi.Step_Done{Done: outcome}}
	made.step.Next = &made.next
	return &made.step
}

// Accepted starts the outcome of a request that the provider took.
func Accepted(status abi.Status, reference string) *abi.Outcome {
	return &abi.Outcome{Verdict: abi.Verdict_VERDICT_ACCEPTED, Status: status, ProviderReference: reference}
}

// Quoted is the step that ends a quote.
func Quoted(quote *abi.Quote) *abi.Step {
	return Done(&abi.Outcome{Verdict: abi.Verdict_VERDICT_ACCEPTED, Quote: quote})
}

// Rejected is the step for a well-formed refusal. The manifest's failure rules give the code its meaning.
func Rejected(code, message string) *abi.Step {
	return Done(&abi.Outcome{
		Verdict: abi.Verdict_VERDICT_REJECTED,
		Failure: &abi.Failure{ProviderCode: code, Message: message},
	})
}

// Unreadable is the step for a response that cannot be understood. why is for people.
func Unreadable(why string) *abi.Step {
	return Done(&abi.Outcome{Verdict: abi.Verdict_VERDICT_UNREADABLE, Failure: &abi.Failure{Message: why}})
}

// Reject is the step for a call that this plugin cannot make a request of: nothing was sent. code is one of the
// router's failure codes; field is a JSON pointer into the payment, or empty.
func Reject(code, field, message string) *abi.Step {
	return &abi.Step{Next: &abi.Step_Reject{Reject: &abi.Reject{Code: code, Field: field, Message: message}}}
}

// RedirectTo sends the payer to a page.
func RedirectTo(url string) *abi.NextAction {
	made := &struct {
		action   abi.NextAction
		which    abi.NextAction_Redirect
		redirect abi.Redirect
	}{redirect: abi.Redirect{Url: url}}
	made.which.Redirect = &made.redirect
	made.action.Action = &made.which
	return &made.action
}

// PayTo asks the payer for an exact amount at an address.
func PayTo(address, network string, amount *abi.Money, memo string) *abi.NextAction {
	return &abi.NextAction{Action: &abi.NextAction_PayTo{PayTo: &abi.PayTo{
		Address: address, Network: network,
		Amount: amount, Memo: memo,
	}}}
}

// Instruct is what the payer has to do in the provider's words; url may be empty.
func Instruct(text string, amount *abi.Money, url string) *abi.NextAction {
	return &abi.NextAction{Action: &abi.NextAction_Instructions{Instructions: &abi.Instructions{
		Text:   text,
		Amount: amount, Url: url,
	}}}
}

// Money pairs an amount with its currency; nil where there is no amount.
func Money(amount, currency string) *abi.Money {
	if amount == "" {
		return nil
	}
	return &abi.Money{Amount: amount, Currency: currency}
}
