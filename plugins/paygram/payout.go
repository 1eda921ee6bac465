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

// withdraw pays credit out.
const withdraw = "Withdraw"

// networks has PayGram's number of each network by its place: by the name of its tokens' standard, and by its own, as
// other providers call it.
//
//nolint:gochecknoglobals // a table
var networks = [...][2]string{
	{"STANDARD", ""},
	{"ERC20", "ETHEREUM"},
	{"TRC20", "TRON"},
	{"BEP20", "BSC"},
	{"FNT20", ""},
}

// onSeveral are the coins that exist on more than one network: without its name they may go to where no one can reach
// them.
//
//nolint:gochecknoglobals // a table
var onSeveral = [...]string{"USDT", "USDC", "BNB"}

// bankMembers are the members of withdrawMethod that a payment's options may give, by their names there.
//
//nolint:gochecknoglobals // a table
var bankMembers = [...]string{
	"beneficiaryAccountFullname", "bicSwift", "bankRoutingNumber", "bankSortCode",
}

// addresses are the members of withdrawMethod that are objects, and addressMembers what those have.
//
//nolint:gochecknoglobals // tables
var (
	addresses      = [...]string{"bankAddress", "beneficiaryAddress"}
	addressMembers = native.Fields{
		{Name: "buildingNumber"},
		{Name: "street1"},
		{Name: "street2"},
		{Name: "city"},
		{Name: "province"},
		{Name: "zIP_Postal_Code"},
		{Name: "country"},
	}
)

// preparePayout withdraws to an address or a bank account.
func preparePayout(t *task) *abi.Step {
	payment := t.GetPayment()
	number := currencyNumber(payment.GetCurrency())
	if wrong := refusesMoney(t, number, "it"); wrong != nil {
		return wrong
	}
	method, wrong := payoutMethod(payment, number)
	if wrong != nil {
		return wrong
	}
	body := t.body().Integer("provider", 0).Number("amount", payment.GetAmount()).String(callbackDataName,
		t.GetReference()).Object("withdrawMethod", method)
	return post(pathOf(withdraw), t.unique(body)).Send(nil)
}

// refusesMoney refuses a payment whose money PayGram does not have; subject begins what it says of an amount.
func refusesMoney(t *task, number uint64, subject string) *abi.Step {
	payment := t.GetPayment()
	if number == 0 {
		return guest.Reject("unsupported", "/currency", "PayGram has no "+payment.GetCurrency())
	}
	if sum, err := decimal.Parse(payment.GetAmount()); err != nil || sum.Sign() <= 0 {
		return guest.Reject("invalid_request", "/amount", subject+" needs a positive amount")
	}
	return nil
}

// unique adds our reference as clientUnique where the account honours it.
func (t *task) unique(body *jsontext.Object) *jsontext.Object {
	if t.clientUnique && t.GetReference() != "" {
		body.String(clientUnique, t.GetReference())
	}
	return body
}

// payoutMethod states where the money goes: to an address, or to a bank account.
func payoutMethod(payment *abi.Payment, number uint64) (*jsontext.Object, *abi.Step) {
	to := payment.GetDestination()
	method := jsontext.NewObject().Integer("currencyCode", number)
	switch {
	case (to.GetAddress() == "") == (to.GetAccount() == ""):
		return nil, guest.Reject("invalid_request", "/destination",
			"a payout goes to an address, or to an account of a bank: give one of the two")
	case to.GetMemo() != "":
		return nil, guest.Reject("unsupported", "/destination/memo",
			"PayGram has no place for a memo, and coins without it would be lost")
	case (to.GetAccount() != "") != slices.Contains(fiat[:], payment.GetCurrency()):
		return nil, guest.Reject("invalid_request", "/destination",
			"PayGram pays coins out to an address, and money to an account of a bank")
	case to.GetAddress() != "":
		network, wrong := networkNumber(payment)
		return method.Integer("network", network).String("cryptoAddress", to.GetAddress()), wrong
	}
	method.Integer("network", 0)
	hasIBAN := isIBAN(to.GetAccount())
	if hasIBAN {
		method.String("bankIban", strings.ReplaceAll(to.GetAccount(), " ", ""))
	} else {
		method.String("bankAccount", to.GetAccount())
	}
	return method, bankOptions(payment, method, hasIBAN)
}

func networkNumber(payment *abi.Payment) (number uint64, wrong *abi.Step) {
	name := strings.ToUpper(payment.GetDestination().GetNetwork())
	for i, known := range networks {
		if name != "" && (name == known[0] || name == known[1]) {
			return uint64(i), nil
		}
	}
	if name != "" {
		return 0, guest.Reject("unsupported", "/destination/network",
			"PayGram pays out on standard, ERC20, TRC20, BEP20 and FNT20")
	}
	for _, coin := range onSeveral {
		if coin == payment.GetCurrency() {
			return 0, guest.Reject("invalid_request", "/destination/network",
				coin+" is on several networks: say on which")
		}
	}
	return 0, nil
}

// isIBAN distinguishes an IBAN's form (ISO 13616) from any other account number: two letters, two digits, and letters
// and digits.
func isIBAN(account string) bool {
	account = strings.ReplaceAll(account, " ", "")
	if len(account) < 15 || len(account) > 34 {
		return false
	}
	for i := range len(account) {
		digit, letter := account[i] >= '0' && account[i] <= '9', account[i] >= 'A' && account[i] <= 'Z'
		if !digit && !letter || i < 2 && !letter || (i == 2 || i == 3) && !digit {
			return false
		}
	}
	return true
}

// bankOptions adds what a bank wants to know beyond the account. PayGram takes an account with its holder's name, an
// IBAN with a BIC too, any other with a sort code or a routing number.
func bankOptions(payment *abi.Payment, method *jsontext.Object, hasIBAN bool) *abi.Step {
	const place = "/provider_options/paygram"
	options := jsontext.Value{}
	if len(payment.GetOptions()) > 0 {
		var err error
		if options, err = jsontext.Parse(payment.GetOptions()); err != nil || !options.IsObject() {
			return guest.Reject("invalid_request", place, "the options are no object")
		}
	}
	var wrong *abi.Step
	options.Each(func(name string, value jsontext.Value) {
		if why := addBankOption(method, name, value); why != "" && wrong == nil {
			wrong = guest.Reject("invalid_request", place+native.Pointer(name), why)
		}
	})
	has := func(name string) bool { return strings.TrimSpace(options.Text(name)) != "" }
	switch {
	case wrong != nil:
		return wrong
	case !has("beneficiaryAccountFullname"):
		return guest.Reject("invalid_request", place+"/beneficiaryAccountFullname", "the account's holder is missing")
	case hasIBAN && !has("bicSwift"):
		return guest.Reject("invalid_request", place+"/bicSwift", "an IBAN needs the bank's BIC")
	case !hasIBAN && !has("bankSortCode") && !has("bankRoutingNumber"):
		return guest.Reject("invalid_request", place, "an account needs bankSortCode or bankRoutingNumber")
	}
	return nil
}

// addBankOption adds one option to a withdrawMethod; why is what is wrong with it.
func addBankOption(method *jsontext.Object, name string, value jsontext.Value) (why string) {
	switch {
	case slices.Contains(bankMembers[:], name) && !value.IsString():
		return name + " has to be a text"
	case slices.Contains(bankMembers[:], name):
		method.String(name, value.Text())
	case !slices.Contains(addresses[:], name):
		return "a payout takes no such option"
	case !value.IsObject():
		return name + " has to be an object"
	default:
		value.Each(func(member string, text jsontext.Value) {
			if why == "" && (addressMembers.Find(member) == nil || !text.IsString()) {
				why = name + " has to be an object of texts: buildingNumber, street1, street2, city, province, " +
					"zIP_Postal_Code, country"
			}
		})
		method.Value(name, value)
	}
	return why
}

// interpretPayout takes note that PayGram has the withdrawal. What it states of amounts is not to be relied on: the
// look-up's invoice is.
func interpretPayout(t *task, a answer) *abi.Step {
	code := a.Text("invoiceCode")
	if !isCode(code) {
		code = "" // it is found by our reference
	}
	outcome := guest.Accepted(abi.Status_STATUS_PROCESSING, code)
	fee, _ := a.Decimal("expectedFee")
	outcome.Fee = guest.Money(fee, t.GetPayment().GetCurrency())
	return guest.Done(outcome)
}

// payoutStatus maps a withdrawal's state. Money that has left, or may have, is never called failed: whoever reads that
// pays again. So what was cancelled, denied or at fault has ended only where PayGram states that the money went back.
func payoutStatus(i invoice) (status abi.Status, alert string) {
	ended, isEnd := endOf(i.state)
	switch {
	case !isEnd:
		return abi.Status_STATUS_UNKNOWN, "PayGram's withdrawal has a status that is not known: " + i.state
	case i.refunded && (i.paid || ended == abi.Status_STATUS_SUCCEEDED || ended == abi.Status_STATUS_PROCESSING):
		return abi.Status_STATUS_UNKNOWN, "PayGram calls the withdrawal refunded, but its status is " + i.state
	case ended == abi.Status_STATUS_PROCESSING || i.refunded:
		return ended, ""
	case ended == abi.Status_STATUS_SUCCEEDED && (i.paid || i.statesRefund):
		return ended, ""
	case ended == abi.Status_STATUS_SUCCEEDED:
		return abi.Status_STATUS_UNKNOWN, "PayGram calls the withdrawal completed, but not paid"
	case i.paid:
		return abi.Status_STATUS_UNKNOWN, "PayGram calls the withdrawal paid, but its status is " + i.state
	}
	return abi.Status_STATUS_UNKNOWN, "PayGram's withdrawal has status " + i.state +
		", and the money was taken: that it was given back is not said"
}

// endOf is what a withdrawal's state is worth where nothing contradicts it.
func endOf(state string) (status abi.Status, known bool) {
	switch state {
	case "1", "4", "8", "100":
		return abi.Status_STATUS_PROCESSING, true
	case "2":
		return abi.Status_STATUS_SUCCEEDED, true
	case "3":
		return abi.Status_STATUS_CANCELED, true
	case "5", "7":
		return abi.Status_STATUS_FAILED, true
	}
	return abi.Status_STATUS_UNKNOWN, false
}
