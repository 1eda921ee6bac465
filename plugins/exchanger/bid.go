package main

import (
	"strings"

	"payrouter/abi/decimal"
	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
	abi "payrouter/abi/v1"
)

// bidOf ends a call with what an order's description says of the payment.
func bidOf(t turn, data jsontext.Value) (*abi.Step, error) {
	id := data.Text("id")
	if !isID(id) || data.Text("status") == "" {
		return guest.Unreadable("the answer describes no order"), nil
	}
	code, by, err := t.account.terms(t.call.GetPayment())
	if err != nil {
		return nil, err
	}
	outcome := guest.Accepted(0, id)
	outcome.Output = t.answer.raw
	// The list of orders has it; bid_info does not.
	outcome.EchoedReference = data.Text("api_id")
	settle(outcome, data.Text("status"), t)
	if why := price(outcome, data, t.call.GetPayment(), code, by); why != "" {
		return guest.Unreadable(why), nil
	}
	if outcome.GetStatus() == abi.Status_STATUS_REQUIRES_ACTION && data.Get("api_actions").IsObject() {
		show(outcome, data)
	}
	return guest.Done(outcome), nil
}

// isID tells an order's number.
func isID(text string) bool {
	return isDigits(text) && len(text) <= 20 && strings.Trim(text, "0") != ""
}

// settle puts the status, and what goes with it.
func settle(outcome *abi.Outcome, status string, t turn) {
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

// price puts the amounts, and tells why they cannot be this payment's. An order that is worth less than what was asked
// for is never a success: the site recalculates orders when rates move or the payer sends less.
func price(outcome *abi.Outcome, data jsontext.Value, payment *abi.Payment, code string, by action) string {
	side := "get"
	if by.gives() {
		side = "give"
	}
	if !strings.EqualFold(data.Text("currency_code_"+side), code) {
		return "the order is in another currency"
	}
	said, ok := number(data.Get("amount_" + side))
	asked, err := decimal.Parse(payment.GetAmount())
	if !ok || err != nil {
		return "the order has no amount"
	}
	outcome.Amount = guest.Money(said.String(), payment.GetCurrency())
	difference := said.Sub(asked)
	if difference.Sign() < 0 {
		short(outcome, said, payment)
	}
	if difference.Sign() > 0 && by == giveNet {
		// The amount without commission was asked for: what comes on top of it is the commission, told to the payer.
		outcome.Amount = guest.Money(payment.GetAmount(), payment.GetCurrency())
		outcome.Fee = guest.Money(difference.String(), payment.GetCurrency())
	}
	return ""
}

// short holds back an order that is worth too little, unless it came to nothing anyway.
func short(outcome *abi.Outcome, said decimal.Decimal, payment *abi.Payment) {
	if status := outcome.GetStatus(); status == abi.Status_STATUS_FAILED || status == abi.Status_STATUS_CANCELED {
		return
	}
	outcome.Status = abi.Status_STATUS_PROCESSING
	outcome.Alert = "the order is worth " + said.String() + " where " + payment.GetAmount() + " " + payment.GetCurrency() + " were asked for"
}

// show tells the payer how to pay. api_actions.pay is "api", "disabled" or a page; the order's own page is the last resort.
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
	// Elsewhere the address is an account or a card, and the instruction says what to do with it.
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

// payAmount is what the payer has to send, in the currency that the payer gives; nil where the site does not say.
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
	if len(code) < 2 || len(code) > 16 {
		return ""
	}
	return code
}

func isPage(text string) bool {
	return (strings.HasPrefix(text, "https://") || strings.HasPrefix(text, "http://")) && !strings.ContainsAny(text, " \t\r\n\"<>")
}
