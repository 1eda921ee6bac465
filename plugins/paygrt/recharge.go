package main

import (
	"cmp"
	"strings"

	"payrouter/abi/decimal"
	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
	abi "payrouter/abi/v1"
)

// order is a recharge as it is asked for.
type order struct {
	reference, number, amount, operator string
}

// orderOf reads the order from a payment, or from a native input; otherwise the step has the reason that there is none.
func orderOf(call *abi.Call) (order, *abi.Step) {
	payment := call.GetPayment()
	if payment == nil {
		return nativeOrder(call)
	}
	if payment.GetKind() != abi.Kind_KIND_RECHARGE {
		return order{}, guest.Reject("unsupported", "/kind", "Paygrt takes recharges alone")
	}
	if payment.GetCurrency() != currency {
		return order{}, guest.Reject("unsupported", "/currency", "Paygrt takes INR alone")
	}
	wanted := order{
		reference: call.GetReference(),
		number:    payment.GetDestination().GetNumber(),
		amount:    payment.GetAmount(),
		operator:  payment.GetDestination().GetOperator(),
	}
	return wanted, wanted.reject("/amount", "/destination/number", "/destination/operator")
}

func nativeOrder(call *abi.Call) (order, *abi.Step) {
	input, err := jsontext.Parse(call.GetInput())
	if err != nil || !input.IsObject() {
		return order{}, guest.Reject("invalid_request", "", "the input is not a JSON object")
	}
	wanted := order{
		reference: input.Text("api_ref_id"),
		number:    input.Text("recharge_number"),
		amount:    input.Text("recharge_amount"),
		operator:  input.Text("operator_code"),
	}
	if wanted.reference == "" {
		wanted.reference = call.GetReference()
	}
	return wanted, wanted.reject("/recharge_amount", "/recharge_number", "/operator_code")
}

// reject is nil for an order that Paygrt can be asked for; the pointers name the members of what it was read from.
func (o order) reject(amount, number, operator string) *abi.Step {
	sum, err := decimal.Parse(o.amount)
	switch {
	case err != nil || sum.Sign() <= 0:
		return guest.Reject("invalid_request", amount, "the amount is not a positive decimal")
	case sum.Scale() > 2:
		return guest.Reject("invalid_request", amount, "INR has two decimals")
	case o.number == "":
		return guest.Reject("invalid_destination", number, "the number to recharge is missing")
	case o.operator == "":
		return guest.Reject("invalid_destination", operator, "the operator's code is missing")
	case o.reference == "":
		return guest.Reject("invalid_request", "",
			"a recharge needs a reference: without one it could never be looked up")
	}
	return nil
}

func prepareRecharge(call *abi.Call, account settings) (*abi.Step, error) {
	wanted, rejected := orderOf(call)
	if rejected != nil {
		return rejected, nil
	}
	sum, _ := decimal.Parse(wanted.amount) // it was read before
	form := new(guest.Form).
		Set("api_ref_id", wanted.reference).
		Set("recharge_number", wanted.number).
		Set("recharge_amount", sum.String()).
		Set("operator_code", wanted.operator)
	return post(account, "/v1/recharges/", form).Send(nil), nil
}

// interpretRecharge reads the transaction's state inside first: the envelope only states whether the request was
// carried out.
func interpretRecharge(call *abi.Call, _ settings, _ []byte, answer reply) *abi.Step {
	wanted, rejected := orderOf(call)
	if rejected != nil {
		return rejected
	}
	if answer.refusedWhole() {
		return guest.Rejected(refusalCode(answer.message), answer.message)
	}
	if !answer.data.IsObject() {
		return guest.Unreadable("the data: no object; the message: " + answer.message)
	}
	word, why := answer.wordOf()
	if why == "" {
		why = wanted.contradicts(answer, word)
	}
	if why != "" {
		return guest.Unreadable(why)
	}
	if answer.status == envelopeFailed && answer.data.Text("txn_id") == "" {
		return refusal(answer)
	}
	outcome := transaction(answer, word)
	outcome.Amount = guest.Money(amountOf(answer.data, wanted.amount), currency)
	return done(call, outcome, answer)
}

// contradicts states why an answer cannot be about this order, or about any; empty where it can. What failed comes with
// null fields, what was taken has a transaction and our reference. A failure that either the envelope or the recharge
// does not state needs our reference too.
func (o order) contradicts(answer reply, word string) string {
	reference, number := answer.data.Text("api_ref_id"), answer.data.Text("recharge_number")
	transactionID := answer.data.Text("txn_id")
	failed := answer.status == envelopeFailed
	taken := word == wordSuccess || word == wordPending
	switch {
	case word == "" && (!failed || transactionID != "" || reference == ""):
		return "the answer has neither a status_code nor a recharge_status"
	case taken && failed:
		return "the envelope says failed, and the recharge says " + word
	case taken && transactionID == "":
		return "the txn_id: none, and yet the recharge says " + word
	case reference != o.reference && (!failed || reference != ""):
		return "the answer is about another api_ref_id"
	case isNumber(number) && digitsOf(number) != digitsOf(o.number):
		return "the answer is about another number"
	case word == wordSuccess && answer.data.Text("recharge_amount") == "":
		return "the recharge_amount: none, and yet the recharge says " + word
	case answer.data.Text("recharge_amount") == "":
		return ""
	}
	asked, _ := decimal.Parse(o.amount)
	switch said, err := decimal.Parse(amountOf(answer.data, o.amount)); {
	case err != nil:
		return "the recharge_amount: no decimal"
	case said.Cmp(asked) != 0:
		return "the answer is about another amount"
	}
	return ""
}

// isNumber reports a text that is a number to recharge, and not one of which a part is masked.
func isNumber(text string) bool { return text != "" && strings.Trim(text, "0123456789+- ") == "" }

// digitsOf is a number without the marks and zeros at its start that a JSON number cannot have.
func digitsOf(number string) string {
	return strings.TrimLeft(strings.NewReplacer("+", "", "-", "", " ", "").Replace(number), "0")
}

// amountOf is the amount that an answer repeats; empty where it repeats none.
func amountOf(data jsontext.Value, asked string) string {
	amount, err := data.Get("recharge_amount").Amount(asked)
	if err != nil {
		return ""
	}
	return amount.String()
}

// refusal is a recharge that never became a transaction: it failed, and has no txn_id.
func refusal(answer reply) *abi.Step {
	said := cmp.Or(answer.data.Text("message"), answer.message)
	return guest.Rejected(refusalCode(said), said)
}

func refusalCode(said string) string {
	folded := strings.ToLower(strings.TrimSpace(said))
	switch {
	case strings.EqualFold(folded, codeNoBalance):
		return codeNoBalance
	// Undocumented, and the one refusal that must not be taken for a decline: the first recharge may have gone through.
	case strings.Contains(folded, "duplicate"), strings.Contains(folded, "already"):
		return codeDuplicate
	case speaksOfKey(folded):
		return codeKey
	}
	return codeRefused
}

// speaksOfKey reports a text about the caller's credentials. The document has none, and how a wrong key is answered is
// not stated.
func speaksOfKey(folded string) bool {
	for _, word := range [...]string{
		"api key", "api-key", "apikey", "authenticat", "authoriz", "authoris",
		"credential",
	} {
		if strings.Contains(folded, word) {
			return true
		}
	}
	return false
}

// transaction is the outcome of a recharge that has a txn_id.
func transaction(answer reply, word string) *abi.Outcome {
	outcome := guest.Accepted(statuses[word], answer.data.Text("txn_id"))
	outcome.EchoedReference = answer.data.Text("api_ref_id")
	if word == wordFail {
		said := answer.data.Text("message")
		if said == "" {
			said = answer.message
		}
		outcome.Failure = &abi.Failure{ProviderCode: codeFail, Message: said}
	}
	return outcome
}
