package main

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"payrouter/abi/decimal"
	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
	abi "payrouter/abi/v1"
)

// payout is what PayPlay is asked for a withdrawal. The amount is a string there.
type payout struct {
	amount, currency, wallet, network, memo, reference, comment string
}

func prepareWithdraw(call *abi.Call, account settings) *abi.Step {
	if account.companySlug == "" {
		return guest.Reject("unsupported", "", "withdrawals need the account's company_slug")
	}
	asked := payoutOf(call)
	if !isPositive(asked.amount) {
		return guest.Reject("invalid_request", "/amount", "the amount has to be a decimal above zero")
	}
	for _, field := range []struct{ text, pointer string }{
		{asked.currency, "/currency"}, {asked.wallet, "/destination/address"}, {asked.network, "/destination/network"},
	} {
		if field.text == "" {
			return guest.Reject("invalid_request", field.pointer, "a withdrawal needs an amount, a currency, an address and a network")
		}
	}
	body := jsontext.NewObject()
	for _, field := range []struct{ name, text string }{
		{"amount", asked.amount},
		{"currency", asked.currency},
		{"wallet", asked.wallet},
		{"network", asked.network},
		{"memo", asked.memo},
		{"external_id", asked.reference},
		{"comment", asked.comment},
	} {
		if field.text != "" {
			body.String(field.name, field.text)
		}
	}
	return request("POST", guest.Literal("/private-api/"), guest.Text(account.companySlug), guest.Literal("/withdrawal")).JSON(body.JSON()).Send(nil)
}

func payoutOf(call *abi.Call) payout {
	payment := call.GetPayment()
	if payment == nil {
		input := inputOf(call)
		amount, _ := input.Decimal("amount")
		return payout{
			amount: amount, currency: input.Text("currency"), wallet: input.Text("wallet"), network: input.Text("network"),
			memo: input.Text("memo"), reference: cmp.Or(call.GetReference(), input.Text("external_id")), comment: input.Text("comment"),
		}
	}
	to := payment.GetDestination()
	return payout{
		amount: payment.GetAmount(), currency: payment.GetCurrency(), wallet: to.GetAddress(), network: to.GetNetwork(),
		memo: to.GetMemo(), reference: call.GetReference(), comment: payment.GetDescription(),
	}
}

// interpretWithdrawn wants exactly one transaction: its id is what the payout is followed by. Anything else leaves open
// what was sent, and that is not guessed.
func interpretWithdrawn(call *abi.Call, _ settings, _, body []byte) *abi.Step {
	answer, err := jsontext.Parse(body)
	if err != nil {
		return guest.Unreadable("the answer is not JSON")
	}
	made := answer.Items("transactions")
	if len(made) != 1 {
		return guest.Unreadable("the answer does not have exactly one transaction")
	}
	return transacted(call, made[0], body)
}

func prepareShowTransaction(call *abi.Call, _ settings) *abi.Step {
	id := idOf(call)
	if id == "" {
		return guest.Reject("unsupported", "",
			"PayPlay shows a transaction by its own id alone: a withdrawal that was not answered is settled by a webhook or a person")
	}
	if !isID(id) {
		return notAnID()
	}
	return request("GET", guest.Literal("/private-api/transactions/"), guest.Text(id)).Send(nil)
}

func interpretShownTransaction(call *abi.Call, _ settings, _, body []byte) *abi.Step {
	answer, err := jsontext.Parse(body)
	if err != nil {
		return guest.Unreadable("the answer is not JSON")
	}
	return transacted(call, answer.Get("transaction"), body)
}

// transacted ends a call with a transaction, if it is the one that was asked about.
func transacted(call *abi.Call, from jsontext.Value, body []byte) *abi.Step {
	found, err := readTransaction(from)
	if err != nil {
		return guest.Unreadable(err.Error())
	}
	if err := found.matches(expected(call)); err != nil {
		return guest.Unreadable(err.Error())
	}
	outcome := found.outcome()
	if differ(expected(call).amount, found.value) {
		outcome.Alert = strings.TrimPrefix(outcome.GetAlert()+"; the transaction's value is "+found.value.String(), "; ")
	} else {
		outcome.Amount = guest.Money(found.value.String(), found.currency)
	}
	if call.GetPayment() == nil {
		outcome.Output = body
	}
	return guest.Done(outcome)
}

// transaction is PayPlay's transaction, as far as a payout goes.
type transaction struct {
	id        string
	status    string
	currency  string
	value     decimal.Decimal
	reference string
}

// readTransaction reads a transaction of any operation. Its currency is a ticker in some, and an object with one in others.
func readTransaction(from jsontext.Value) (transaction, error) {
	t := transaction{
		id:        from.Text("id"),
		status:    from.Text("status"),
		currency:  cmp.Or(from.Text("currency"), from.Text("currency", "ticker")),
		reference: from.Text("external_id"),
	}
	if !isID(t.id) || t.status == "" || !isCurrency(t.currency) {
		return transaction{}, errors.New("the answer has no transaction with an id, a status and a currency")
	}
	var err error
	if t.value, err = decimal.Parse(from.Text("value")); err != nil {
		return transaction{}, fmt.Errorf("the transaction's value: %w", err)
	}
	return t, nil
}

// matches tells a transaction that is not the one that was asked about. Its value is not held against it: whether that
// is before a fee or after is not documented.
func (t transaction) matches(asked expectation) error {
	switch {
	case asked.id != "" && !strings.EqualFold(asked.id, t.id):
		return errors.New("the answer is about another transaction")
	case asked.currency != "" && !strings.EqualFold(asked.currency, t.currency):
		return fmt.Errorf("the transaction is in %s, not %s", t.currency, asked.currency)
	case asked.reference != "" && t.reference != "" && asked.reference != t.reference:
		return errors.New("the transaction carries another reference than ours")
	}
	return nil
}

func (t transaction) outcome() *abi.Outcome {
	meaning := readTransactionStatus(t.status)
	outcome := guest.Accepted(meaning.status, t.id)
	outcome.Alert = meaning.alert
	outcome.EchoedReference = t.reference
	if meaning.status == abi.Status_STATUS_FAILED {
		outcome.Failure = &abi.Failure{ProviderCode: t.status, Message: "PayPlay declined the transaction"}
	}
	return outcome
}
