package main

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"payrouter/abi/decimal"
	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
	"payrouter/abi/native"
	abi "payrouter/abi/v1"
)

// withdrawalMethods send coins out, and price that.
//
//nolint:gochecknoglobals // a table
var withdrawalMethods = []method{
	{
		Name: withdraw,
		Summary: "Sends coins to an address. PayPlay has no way to find a withdrawal by our reference: one that was " +
			"not answered stays unknown until its webhook comes or a person settles it.",
		Class: risky, Documented: elsewhere, Final: true, Reference: &referenceForm, Open: true,
		Input: native.Fields{
			{Name: "amount", Form: &native.Amount, Required: true, Example: "10"},
			{Name: "currency", Required: true, Example: "USDT"},
			{
				Name: "wallet", Required: true, Note: "The address to send to.",
				Example: "TJRabPrwbZy45sbavfcjinPJC18kjpRTv8",
			},
			{Name: "network", Required: true, Example: "TRC20"},
			{Name: "memo"},
			{
				Name: "external_id", OurReference: true,
				Note: "The caller's own; the router's reference where it is left out.",
			},
			{Name: "comment"},
		},
		Output: native.Fields{
			{Name: "request_id", Form: &native.Any, Note: "PayPlay's."},
			{Name: "transactions", Form: &native.List, Required: true, Members: withdrawnMembers},
		},
	},
	{
		Name:    showFees,
		Summary: "Lists the currencies that can be withdrawn, with fees and limits by network.",
		Class:   safe, Documented: elsewhere,
		Output: native.Fields{{Name: "currencies", Form: &native.List, Required: true, Members: native.Fields{
			{Name: "ticker", Note: "Its name here is inferred."},
			{Name: "fees", Form: &native.Any, Note: "Null where they are by network."},
			{
				Name: "network_fees", Form: &native.Object,
				Note: "By network: fixed, min_amount, max_amount (0 where there is none), is_memo_required, flex.",
			},
		}}},
	},
}

// withdrawnMembers is a withdrawal's transaction, as the vendor shows it in the answer to the withdrawal.
//
//nolint:gochecknoglobals // a table
var withdrawnMembers = native.Fields{
	{Name: "id", Form: &word, Required: true},
	{Name: "currency", Form: &native.Any, Required: true, Note: "A ticker, or an object with one."},
	{Name: "value", Form: &native.Amount, Required: true},
	{Name: "status", Form: &word, Required: true},
	{Name: "type"},
	{Name: "network", Note: "Null where it is not known."},
	{Name: "fee", Form: &native.Amount},
	{Name: "created_at", Note: withoutZone},
	{Name: "completed_at", Note: withoutZone},
}

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
			return guest.Reject("invalid_request", field.pointer,
				"a withdrawal needs an amount, a currency, an address and a network")
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
	return request("POST", guest.Literal("/private-api/"), guest.Text(account.companySlug),
		guest.Literal("/withdrawal")).
		JSON(further(call, body).JSON()).Send(nil)
}

func payoutOf(call *abi.Call) payout {
	payment := call.GetPayment()
	if payment == nil {
		input := inputOf(call)
		return payout{
			amount: input.Text("amount"), currency: input.Text("currency"), wallet: input.Text("wallet"),
			network: input.Text("network"),
			memo:    input.Text("memo"), reference: ourReference(call), comment: input.Text("comment"),
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
	return transacted(call, made[0], answer)
}

func prepareShowTransaction(call *abi.Call, _ settings) *abi.Step {
	id := idOf(call)
	if id == "" {
		return guest.Reject("unsupported", "",
			"PayPlay shows a transaction by its own id alone: a withdrawal that was not answered is settled by a "+
				"webhook or a person")
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
	if answer.Twice("transaction") {
		return guest.Unreadable("the answer: transaction stands twice")
	}
	return transacted(call, answer.Get("transaction"), answer)
}

// transacted ends a call with a transaction, if it is the one that was asked about.
func transacted(call *abi.Call, from, answer jsontext.Value) *abi.Step {
	found, err := readTransaction(from, expected(call).amount)
	if err != nil {
		return guest.Unreadable(err.Error())
	}
	if err := found.matches(expected(call)); err != nil {
		return guest.Unreadable(err.Error())
	}
	outcome := found.outcome()
	found.weigh(outcome, expected(call).amount)
	found.warnOfNetwork(call, outcome)
	return completed(call, outcome, answer)
}

// warnOfNetwork adds an alert to a transaction that states another network than was asked for.
func (t transaction) warnOfNetwork(call *abi.Call, outcome *abi.Outcome) {
	if asked := networkOf(call); contradicts(asked, t.network) {
		warn(outcome, "the transaction's network is "+t.network+", not "+asked)
	}
}

// networkOf is the network that a withdrawal is to use; empty where the call does not state it.
func networkOf(call *abi.Call) string {
	if payment := call.GetPayment(); payment != nil {
		return payment.GetDestination().GetNetwork()
	}
	return inputOf(call).Text("network")
}

// warn adds an alert.
func warn(outcome *abi.Outcome, alert string) {
	outcome.Alert = strings.TrimPrefix(outcome.GetAlert()+"; "+alert, "; ")
}

// weigh compares a transaction's value with the amount that was asked for, where it is known. Whether the value is
// before the fee or after it no document states: a difference of the very fee that PayPlay names is that fee, and any
// other is no proof that the amount was sent.
func (t transaction) weigh(outcome *abi.Outcome, asked string) {
	amount, err := decimal.Parse(asked)
	fee, _ := decimal.Parse(t.fee)
	if err != nil || t.value.Cmp(amount) == 0 || t.value.Add(fee).Cmp(amount) == 0 ||
		t.value.Sub(fee).Cmp(amount) == 0 {
		if err != nil {
			amount = t.value
		}
		outcome.Amount = guest.Money(amount.String(), t.currency)
		return
	}
	warn(outcome, "the transaction's value is "+t.value.String())
	if outcome.GetStatus() == abi.Status_STATUS_SUCCEEDED {
		outcome.Status = abi.Status_STATUS_PROCESSING
	}
}

// transaction is PayPlay's transaction, as far as a payout goes.
type transaction struct {
	id        string
	status    string
	currency  string
	value     decimal.Decimal
	reference string
	network   string
	// fee is in the transaction's currency, and not below zero; empty where PayPlay does not state it. unclear is set
	// where PayPlay states something that is no fee.
	fee     string
	unclear bool
}

// readTransaction reads a transaction of any operation. Its currency is a ticker in some, and an object with one in
// others. asked is the amount that was asked for, where it is known. Only what decides something has to be readable.
func readTransaction(from jsontext.Value, asked string) (transaction, error) {
	t := transaction{
		id:        from.Text("id"),
		status:    strings.ToUpper(from.Text("status")),
		currency:  tickerOf(from),
		reference: from.Text("external_id"),
		network:   from.Text("network"),
	}
	if from.Twice("id", "status", "external_id", "currency", "value", "fee") || from.Get("currency").Twice("ticker") {
		return transaction{}, errors.New("a member of the transaction stands twice")
	}
	if err := faultOf("transaction", from, t.id, t.status); err != nil {
		return transaction{}, err
	}
	if !isCurrency(t.currency) {
		return transaction{}, errors.New("the transaction's currency: no ticker")
	}
	var err error
	if t.value, err = from.Get("value").Amount(asked); err != nil {
		return transaction{}, fmt.Errorf("the transaction's value: %w", err)
	}
	if fee, err := from.Get("fee").Amount(); err == nil && fee.Sign() >= 0 {
		t.fee = fee.String()
	} else {
		t.unclear = from.Get("fee").Exists()
	}
	return t, nil
}

// matches returns an error for a transaction that is not the one that was asked about. Its value is not compared with
// it: whether that is before a fee or after is not documented.
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
	outcome.Fee = guest.Money(t.fee, t.currency)
	if meaning.status == abi.Status_STATUS_FAILED {
		outcome.Failure = &abi.Failure{ProviderCode: t.status, Message: "PayPlay declined the transaction"}
	}
	return outcome
}

func prepareFees(*abi.Call, settings) *abi.Step {
	return request("GET", guest.Literal("/private-api/withdrawals/fees")).Send(nil)
}

// interpretFees gives the currencies that can be withdrawn, where the account is asked for them.
func interpretFees(call *abi.Call, account settings, state, body []byte) *abi.Step {
	step := interpretPlain(call, account, state, body)
	outcome := step.GetDone()
	if call.GetQuery() == nil || outcome.GetVerdict() != abi.Verdict_VERDICT_ACCEPTED {
		return step
	}
	answer, _ := jsontext.Parse(body) // interpretPlain has read it
	listed := answer.Items("currencies")
	for _, currency := range listed {
		ticker := cmp.Or(strings.ToUpper(currency.Text("ticker")), tickerOf(currency))
		if !isCurrency(ticker) {
			continue // the catalog lists what it can name
		}
		outcome.Items = append(outcome.Items, &abi.Item{
			Code:     ticker,
			Name:     cmp.Or(currency.Text("title"), currency.Text("currency", "title"), currency.Text("name")),
			Currency: ticker,
			Bounds:   withdrawalBounds(currency.Get("network_fees"), ticker),
		})
	}
	if len(listed) > 0 && len(outcome.GetItems()) == 0 {
		return guest.Unreadable("no currency that can be withdrawn has a ticker")
	}
	return step
}

// withdrawalBounds are the limits that hold whatever the network: none takes less than the least, or more than the
// most. There is none where a network does not state it, or states 0.
func withdrawalBounds(networks jsontext.Value, ticker string) []*abi.Bound {
	var lowest, highest limit
	networks.Each(func(_ string, network jsontext.Value) {
		lowest.take(network.Text("min_amount"), -1)
		highest.take(network.Text("max_amount"), 1)
	})
	low, high := lowest.text(), highest.text()
	if low == "" && high == "" || low != "" && high != "" && lowest.amount.Cmp(highest.amount) > 0 {
		return nil
	}
	return []*abi.Bound{{Currency: ticker, Min: low, Max: high}}
}

// limit is the least or the greatest of several, unless one of them is open.
type limit struct {
	amount     decimal.Decimal
	seen, open bool
}

// take looks at one more limit; order is -1 where the least is wanted, and 1 where the greatest.
func (l *limit) take(text string, order int) {
	amount, err := decimal.Parse(text)
	switch {
	case err != nil || amount.Sign() <= 0:
		l.open = true
	case !l.seen || amount.Cmp(l.amount) == order:
		l.amount = amount
	}
	l.seen = true
}

func (l *limit) text() string {
	if !l.seen || l.open {
		return ""
	}
	return l.amount.String()
}
