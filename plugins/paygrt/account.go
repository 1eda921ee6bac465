package main

import (
	"strings"

	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
	"payrouter/abi/native"
	abi "payrouter/abi/v1"
)

func prepareBalance(_ *abi.Call, account settings) (*abi.Step, error) {
	return get(guest.Literal("/v1/merchants/"), guest.Text(account.merchant), guest.Literal("/balance")), nil
}

func prepareOperators(_ *abi.Call, account settings) (*abi.Step, error) {
	return get(guest.Literal("/v1/operators/"), guest.Text(account.merchant)), nil
}

func get(path ...*abi.Part) *abi.Step {
	return guest.NewRequest("GET", path...).Header("api-key", guest.Secret(secretAPIKey)).Send(nil)
}

// interpretBalance reads the one balance that a merchant has.
func interpretBalance(_ *abi.Call, account settings, _ []byte, answer reply) *abi.Step {
	if answer.status == envelopeFailed {
		return queryFailed(answer)
	}
	balance, isSum := answer.data.Decimal("balance")
	merchant := answer.data.Text("merchant_id") // the path named it; an answer need not repeat it
	switch {
	case merchant != "" && !strings.EqualFold(merchant, account.merchant):
		return guest.Unreadable("the answer is about another merchant_id")
	case !isSum:
		return guest.Unreadable("the balance: no decimal")
	}
	outcome := &abi.Outcome{
		Verdict:  abi.Verdict_VERDICT_ACCEPTED,
		Balances: []*abi.Balance{{Available: guest.Money(balance, currency)}},
	}
	return native.Answered(outcome, answer.whole, isAmount)
}

// interpretOperators lists the operators by the codes that recharges name. They are India's: a payer elsewhere has
// none.
func interpretOperators(call *abi.Call, _ settings, _ []byte, answer reply) *abi.Step {
	if answer.status == envelopeFailed {
		return queryFailed(answer)
	}
	if !answer.data.IsArray() {
		return guest.Unreadable("the data: no list of operators")
	}
	outcome := &abi.Outcome{Verdict: abi.Verdict_VERDICT_ACCEPTED}
	if payers := call.GetQuery().GetCountry(); payers != "" && payers != country {
		return native.Answered(outcome, answer.whole, isAmount)
	}
	for _, operator := range answer.data.Items() {
		if item := itemOf(operator); item != nil {
			outcome.Items = append(outcome.Items, item)
		}
	}
	return native.Answered(outcome, answer.whole, isAmount)
}

// itemOf is nil for an operator that no recharge could name.
func itemOf(operator jsontext.Value) *abi.Item {
	code := operator.Text("operator_code")
	if code == "" {
		return nil
	}
	return &abi.Item{
		Code: code, Name: operator.Text("operator_name"), Category: operator.Text("type"),
		Currency: currency,
	}
}

// queryFailed is the answer to a read that was not carried out. The document has no reasons for it.
func queryFailed(answer reply) *abi.Step {
	if answer.refusedKey() {
		return guest.Rejected(codeKey, answer.message)
	}
	return guest.Rejected(codeRefused, answer.message)
}
