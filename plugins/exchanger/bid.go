package main

import (
	"slices"
	"strings"

	"payrouter/abi/decimal"
	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
	"payrouter/abi/native"
	abi "payrouter/abi/v1"
)

// The form of api_id. The sites look for duplicates among positive whole numbers only; without a zero none can lead.
const (
	referenceAlphabet = "123456789"
	referenceLength   = 18
)

// settleAfter is how long, in milliseconds, get_exchanges may leave a new order out: it lists orders once they are
// complete, some seconds after they are made.
const settleAfter = 2 * 60 * 1000

// bidFields name an order.
//
//nolint:gochecknoglobals // a table
var bidFields = native.Fields{{Name: "id", Form: &digits}, {Name: "hash"}}

// bidMembers are an order, in the document's order.
//
//nolint:gochecknoglobals // a table
var bidMembers = native.Fields{
	{Name: "url", Form: &word, Note: "The order's page, for the payer."},
	{Name: "id", Form: &word, Required: true},
	{Name: "hash", Form: &word},
	{Name: "status", Form: &word, Required: true},
	{Name: "status_title", Form: &word},
	{Name: "psys_give", Form: &word},
	{Name: "psys_get", Form: &word},
	{Name: "currency_code_give", Form: &word},
	{Name: "currency_code_get", Form: &word},
	{Name: "amount_give", Form: &amount},
	{Name: "amount_get", Form: &amount},
	{Name: "course_give", Form: &amount},
	{Name: "course_get", Form: &amount},
	{
		Name: "api_actions", Form: &word,
		Note: "type, cancel, pay, instruction and pay_amount: what can be done about it, and how.",
	},
}

// listFields choose what a list shows.
//
//nolint:gochecknoglobals // a table
var (
	startField = native.Field{
		Name: "start_time", Form: &digits,
		Note: "Unix time, in seconds. Sites compare it with their own local time.",
	}
	endField     = native.Field{Name: "end_time", Form: &digits, Note: "Unix time, in seconds."}
	ipField      = native.Field{Name: "ip"}
	idField      = native.Field{Name: "id", Form: &serials, Note: "One, or several: 1,2."}
	historyField = native.Field{
		Name: "status_history", Form: &zeroOrOne,
		Note: "1 shows how each order's status changed.",
	}
	limitField  = native.Field{Name: "limit", Form: &howMany, Note: "How many to show; 100 where it is left out."}
	offsetField = native.Field{Name: "offset", Form: &digits, Note: "How many to skip; a cursor goes before it."}
)

// exchangeMembers are an order as the lists show it, in the document's order.
//
//nolint:gochecknoglobals // a table
var exchangeMembers = native.Fields{
	{Name: "id", Form: &word},
	{Name: "time", Form: &word, Note: "When the status changed, Unix time in seconds."},
	{Name: "date", Form: &word, Note: "The same, in the site's local time."},
	{Name: "psys_give", Form: &word},
	{Name: "psys_get", Form: &word},
	{Name: "currency_code_give", Form: &word},
	{Name: "currency_code_get", Form: &word},
	{Name: "course_give", Form: &amount},
	{Name: "course_get", Form: &amount},
	{Name: "amount_give", Form: &amount},
	{Name: "amount_get", Form: &amount},
	{
		Name: "exchange_success", Form: &word,
		Note: "Not to be relied on: documented as 0 for executed, and sites disagree.",
	},
	{Name: "user_hash", Form: &word},
	{Name: "user_ip", Form: &word},
	{Name: "status", Form: &word},
	{Name: "statuses", Form: &word, Note: "Each with time, date and status."},
}

// bidMethods are about orders.
//
//nolint:gochecknoglobals // a table
var bidMethods = []method{
	{
		Name: opCreateBid, Summary: "Make an exchange order: the payer gives, the site pays the merchant.",
		// The site notifies the payer of the order, and the check for duplicates has no unique index behind it.
		Class: risky, Documented: partial, SettleAfterMs: settleAfter,
		Final: true, Extra: wire{custom: true},
		Reference: &abi.ReferenceForm{Alphabet: referenceAlphabet, Length: referenceLength},
		Input: native.Fields{
			{Name: "direction_id", Form: &digits, Required: true},
			{Name: "calc_amount", Form: &sum, Required: true},
			{
				Name: "calc_action", Form: &side, Required: true,
				Note: "Whose amount it is: 1 what is given, 2 what is got; 3 and 4 the same with the commission.",
			},
			{Name: "api_id", Form: &serial, Note: "Our unique number; the router makes one where it is left out."},
			{Name: "partner_id", Form: &digits},
			{Name: "callback_url", Note: "Where the site reports a change of the order's status."},
			{Name: "account1", Note: "The account that the payer pays from."},
			{Name: "account2", Note: "The account that the site pays."},
		},
		Output: bidMembers,
	},
	{
		Name: opBidInfo, Summary: "Read an order, by its id or hash, or by our reference.",
		Class: safe, Documented: full, Input: bidFields, Output: bidMembers,
		FindsByReference: true, Extra: wire{oneOf: true},
	},
	{
		// An order that is already so answers as if it had just been done.
		Name: opCancelBid, Summary: "Cancel an order, where its api_actions.cancel is api.",
		Class: safe, Documented: partial, Input: bidFields,
		Extra: wire{data: statusWord, oneOf: true},
	},
	{
		Name:    opPayBid,
		Summary: "Mark an order as paid by the payer, where its api_actions.pay is api. A claim, not a proof.",
		Class:   safe, Documented: partial, Input: bidFields,
		Extra: wire{data: statusWord, oneOf: true},
	},
	{
		// The site pays the merchant upon it; that it may be repeated is not stated.
		Name:    opSuccessBid,
		Summary: "Complete an order, where the site's owner lets the key do that. No look-up of ours follows it.",
		Class:   risky, Documented: unlisted, Final: true, Input: bidFields,
		Extra: wire{data: statusWord, oneOf: true},
	},
	{
		Name: opGetExchanges, Summary: "List the orders made with this key.",
		Class: safe, Documented: partial,
		Paged: true, Extra: wire{data: itemList},
		Input: native.Fields{
			startField, endField, ipField, idField,
			{Name: "hash"},
			{
				Name: "api_id", Form: &digits,
				Note: "Sites compare it with the order's own id: match the list's own api_id.",
			},
			historyField, limitField, offsetField,
		},
		Output: slices.Concat(native.Fields{
			{Name: "api_id", Form: &word, Note: "Our number; 0 where there is none."},
		}, exchangeMembers),
	},
}

// bidOf ends a call with what an order's description states of the payment. An order for more than was asked for is no
// proof by itself: the site's calculator is asked what a commission would be.
func bidOf(t reply, data jsontext.Value) (*abi.Step, error) {
	outcome, surplus, why, err := described(t, data)
	switch {
	case err != nil:
		return nil, err
	case why != "":
		return guest.Unreadable(why), nil
	case surplus.Sign() > 0:
		return askProof(t, data)
	}
	return guest.Done(outcome), nil
}

// bidQuoted ends a call with an order of which the calculator has stated what the payer gives, commission included.
func bidQuoted(t reply, data jsontext.Value, quoted decimal.Decimal) (*abi.Step, error) {
	outcome, surplus, why, err := described(t, data)
	switch {
	case err != nil:
		return nil, err
	case why != "":
		return guest.Unreadable(why), nil
	}
	attribute(outcome, surplus, quoted, t.call.GetPayment())
	return guest.Done(outcome), nil
}

// described is what an order's description states; why is the reason that it cannot be this payment's order. surplus is
// what the order has beyond an amount without commission: whether that is the commission the description does not
// state.
func described(t reply, data jsontext.Value) (outcome *abi.Outcome, surplus decimal.Decimal, why string, err error) {
	id := data.Text("id")
	if data.Twice(bidNames...) {
		return nil, surplus, "a member of the order stands twice", nil
	}
	if !isID(id) || data.Text("status") == "" {
		return nil, surplus, "the answer describes no order", nil
	}
	code, by, err := t.account.terms(t.call.GetPayment())
	if err != nil {
		return nil, surplus, "", err
	}
	outcome = guest.Accepted(0, id)
	// The list of orders has it; bid_info does not.
	outcome.EchoedReference = data.Text("api_id")
	settle(outcome, data.Text("status"), t)
	made := t.call.GetOperation() == opCreateBid
	if surplus, why = price(outcome, data, t.call.GetPayment(), code, by, made); why != "" {
		return nil, surplus, why, nil
	}
	if outcome.GetStatus() == abi.Status_STATUS_REQUIRES_ACTION && data.Get("api_actions").IsObject() {
		show(outcome, data)
	}
	return outcome, surplus, "", nil
}

// bidNames are the members of an order's description that are read.
//
//nolint:gochecknoglobals // a table
var bidNames = []string{
	"id", "status", "api_id", "currency_code_give", "currency_code_get", "amount_give", "amount_get", "psys_give", "url",
	"hash", "api_actions",
}

// isID reports whether a text is an order's number.
func isID(text string) bool {
	return isDigits(text) && len(text) <= 20 && strings.Trim(text, "0") != ""
}

// settle puts the status, and what goes with it.
func settle(outcome *abi.Outcome, status string, t reply) {
	var age int64
	if sent := t.call.GetSentMs(); sent > 0 {
		age = t.call.GetNowMs() - sent
	}
	read := stateOf(status, age, t.account.errorFinalAfter)
	outcome.Status, outcome.Alert = read.status, read.alert
	if read.status == abi.Status_STATUS_FAILED {
		outcome.Failure = &abi.Failure{ProviderCode: status, Message: read.alert}
	}
}

// price puts the amounts, and returns why they cannot be this payment's. An order that is worth less than what was
// asked for is never a success: the site recalculates orders when rates move or the payer sends less. surplus is what
// an order has beyond an amount that was asked for without commission. made means that the order was made just now:
// then another amount means another order.
func price(outcome *abi.Outcome, data jsontext.Value, payment *abi.Payment, code string,
	by action, made bool,
) (surplus decimal.Decimal, why string) {
	side := "get"
	if by.payerSide() {
		side = "give"
	}
	if !strings.EqualFold(data.Text("currency_code_"+side), code) {
		return surplus, "the order is in another currency"
	}
	worth, ok := number(data.Get("amount_"+side), payment.GetAmount())
	asked, err := decimal.Parse(payment.GetAmount())
	if !ok || err != nil {
		return surplus, "the order has no amount"
	}
	outcome.Amount = guest.Money(worth.String(), payment.GetCurrency())
	difference := worth.Sub(asked)
	if difference.Sign() != 0 && over(outcome) {
		outcome.Amount = nil // what an order was for that came to nothing is no matter
		return surplus, ""
	}
	if difference.Sign() > 0 && by == giveNet {
		return difference, ""
	}
	if difference.Sign() != 0 && !made {
		recalculated(outcome, worth, payment)
	}
	if difference.Sign() < 0 {
		short(outcome, worth, payment)
	}
	return surplus, ""
}

// over reports whether an order came to nothing.
func over(outcome *abi.Outcome) bool {
	return outcome.GetStatus() == abi.Status_STATUS_FAILED || outcome.GetStatus() == abi.Status_STATUS_CANCELED
}

// recalculated has the amount of an order that the site has calculated anew since it was made: it is the payment's
// order, and no longer for the payment's amount. One that is executed shows what has come instead.
func recalculated(outcome *abi.Outcome, worth decimal.Decimal, payment *abi.Payment) {
	outcome.Amount = nil
	if outcome.GetStatus() == abi.Status_STATUS_SUCCEEDED {
		outcome.Received = guest.Money(worth.String(), payment.GetCurrency())
	}
}

// short holds back an order that is worth too little.
func short(outcome *abi.Outcome, worth decimal.Decimal, payment *abi.Payment) {
	outcome.Status = abi.Status_STATUS_PROCESSING
	outcome.Alert = "the order is worth " + worth.String() + " where " + payment.GetAmount() + " " +
		payment.GetCurrency() + " were asked for"
}

// show describes how the payer pays. api_actions.pay is "api", "disabled" or a page; the order's own page is the last
// resort.
func show(outcome *abi.Outcome, data jsontext.Value) {
	actions := data.Get("api_actions")
	page := data.Text("url")
	if !isPage(page) {
		page = ""
	}
	instruction, amount := plain(actions.Text("instruction")), payAmount(data)
	address := strings.TrimSpace(actions.Text("address"))
	switch pay := actions.Text("pay"); {
	case isPage(pay):
		outcome.NextAction = guest.RedirectTo(pay)
	// Elsewhere the address is an account or a card, and the instruction states what to do with it.
	case address != "" && amount != nil && (actions.Text("type") == "address" || instruction == ""):
		outcome.NextAction = guest.PayTo(address, data.Text("psys_give"), amount, actions.Text("dest_tag"))
	case instruction != "":
		outcome.NextAction = guest.Instruct(instruction, amount, page)
	case page != "":
		outcome.NextAction = guest.RedirectTo(page)
	default:
		outcome.Alert = "the site does not say how the payer can pay"
	}
}

// payAmount is what the payer has to send, in the currency that the payer gives; nil where the site does not state it.
func payAmount(data jsontext.Value) *abi.Money {
	amount, ok := number(data.Get("api_actions", "pay_amount"))
	if !ok {
		amount, ok = number(data.Get("amount_give"))
	}
	currency := ticker(data.Text("currency_code_give"))
	if !ok || currency == "" {
		return nil
	}
	return guest.Money(amount.String(), currency)
}

// ticker is a site's currency code as the router writes them: capitals and digits. It is empty where nothing is left.
func ticker(code string) string {
	code = strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' {
			return r
		}
		return -1
	}, strings.ToUpper(code))
	if len(code) < shortestTicker || len(code) > longestTicker {
		return ""
	}
	return code
}

// The lengths of a currency's code.
const (
	shortestTicker = 2
	longestTicker  = 16
)

func isPage(text string) bool {
	return guest.IsWebAddress(text) && !strings.ContainsAny(text, " \t\r\n\"<>")
}
