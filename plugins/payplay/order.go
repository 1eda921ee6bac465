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

// transactionMembers is a movement of coins. Its currency is a ticker in some answers, an object with one in others.
// What it needs readTransaction looks for, where the transaction is what was asked about.
//
//nolint:gochecknoglobals // a table
var transactionMembers = native.Fields{
	{Name: "id"},
	{Name: "type"},
	{Name: "currency", Form: &native.Any, Note: "A ticker, or an object with one."},
	{Name: "value", Form: &native.Amount},
	{Name: "status"},
	{Name: "network", Note: "Null where it is not known."},
	{Name: "hash"},
	{Name: "is_internal", Form: &native.Boolean},
	{Name: "created_at", Note: withoutZone},
	{Name: "completed_at", Note: withoutZone},
}

// withoutZone is what is known of PayPlay's dates.
const withoutZone = "Without a zone, presumably UTC."

// orderMembers is an order, or a top-up: one of any amount has neither a value nor a currency.
//
//nolint:gochecknoglobals // a table
var orderMembers = native.Fields{
	{Name: "id", Form: &word, Required: true},
	{Name: "currency", Form: &native.Any, Note: "A ticker."},
	{Name: "order_number"},
	{Name: "value", Form: &native.Amount},
	{Name: "expected_amount", Form: &native.Amount},
	{
		Name: "received_total", Form: &native.Amount,
		Note: "In received_currency, after PayPlay's fee: not to be compared with value.",
	},
	{Name: "exchange_rate", Form: &native.Amount},
	{Name: "clean_exchange_rate", Form: &native.Amount},
	{Name: "is_internal", Form: &native.Boolean},
	{Name: "deposited_currency"},
	{Name: "received_currency"},
	{Name: "status", Form: &word, Required: true},
	{Name: "external_order_id"},
	{Name: "created_at", Note: withoutZone},
	{Name: "completed_at", Note: withoutZone},
	{Name: "acquiring_url", Note: "Where the payer goes."},
	{Name: "successful_link"},
	{Name: "failure_link"},
	{Name: "transactions", Form: &native.List, Members: transactionMembers},
}

// metaMembers is where in a list an answer stands.
//
//nolint:gochecknoglobals // a table
var metaMembers = native.Fields{
	{Name: "current_page", Form: &position, Required: true},
	{Name: "last_page", Form: &position, Required: true},
	{Name: "total", Form: &position},
}

//nolint:gochecknoglobals // tables
var (
	idField = native.Field{
		Name: "id", Required: true, Matches: isID, Pattern: "^[A-Za-z0-9_-]{1,64}$",
		Example: "9d05ffbb-0f89-488a-ad58-2a9bc207d3ab", Note: "PayPlay's.",
	}
	pageField     = native.Field{Name: "page", Form: &native.Count, Note: "A cursor goes before it."}
	perPageField  = native.Field{Name: "per_page", Form: &native.Count}
	oneOrder      = native.Fields{{Name: "order", Form: &native.Object, Required: true, Members: orderMembers}}
	linksAndOurID = native.Fields{
		{
			Name: "external_order_id", OurReference: true, Matches: isExternalID, Pattern: "^[A-Za-z0-9_-]{1,255}$",
			Note: "The caller's own; the router's reference where it is left out.",
		},
		{
			Name: "successful_link", Matches: guest.IsWebAddress, Pattern: "^https?://",
			Note: "Where the payer goes after payment.",
		},
		{
			Name: "failure_link", Matches: guest.IsWebAddress, Pattern: "^https?://",
			Note: "Where the payer goes after a failure.",
		},
	}
)

// orderMethods are about what payers pay.
//
//nolint:gochecknoglobals // a table
var orderMethods = []method{
	{
		Name: createOrder,
		Summary: "Creates an order with a hosted page. An order whose page never arrived can be paid by nobody; it " +
			"is found again by our reference, which PayPlay does not promise to be unique.",
		Class: abandoned, Documented: elsewhere, Final: true, SettleAfterMs: minute, Reference: &referenceForm,
		Open: true,
		Input: append(native.Fields{
			{Name: "amount", Form: &native.Amount, Required: true, Example: "12.12"},
			{Name: "currency", Required: true, Note: "A currency's code, or a coin's ticker.", Example: "EUR"},
		}, linksAndOurID...),
		Output: oneOrder,
	},
	{
		Name: createTopup,
		Summary: "Creates a top-up with a hosted page, of an amount or of whatever the payer sends. One whose page " +
			"never arrived can be paid by nobody.",
		Class: abandoned, Documented: elsewhere, Final: true, Reference: &referenceForm, Open: true,
		Input: append(native.Fields{
			{Name: "amount", Form: &native.Amount, Note: "With a currency, or left out.", Example: "300"},
			{Name: "currency", Note: "With an amount, or left out.", Example: "USDT"},
		}, linksAndOurID...),
		Output: native.Fields{{Name: "order", Form: &native.Object, Required: true, Members: topupMembers}},
	},
	{
		Name: completeOrder,
		Summary: "Closes an order as it is, at the merchant's word: one that was paid in part counts as paid from " +
			"then on.",
		Class: risky, Documented: elsewhere, Final: true, Open: true,
		Input: native.Fields{idField}, Output: oneOrder,
	},
	{
		Name:    showCryptoOrder,
		Summary: "Reads an order by PayPlay's id, where crypto orders are made.",
		Class:   safe, Documented: elsewhere,
		Input: native.Fields{idField}, Output: oneOrder,
	},
	{
		Name:    showOrder,
		Summary: "Reads an order by PayPlay's id, or finds it in the list by our reference.",
		Class:   safe, Documented: full, FindsByReference: true,
		Input: native.Fields{idField}, Output: oneOrder,
	},
	{
		Name:    showOrders,
		Summary: "Lists the payment page's orders, by date, status or external_order_id.",
		Class:   safe, Documented: full, Paged: true,
		Input: native.Fields{
			pageField, perPageField,
			{Name: "date_from", Note: "UTC, of the order's creation.", Example: "2022-06-01 00:00:00"},
			{Name: "date_to"},
			{Name: "completed_at_from"},
			{Name: "completed_at_to"},
			{
				Name: "order_status_id", Note: "One of OrderStatusesList.",
				Example: "ab306dbd-b837-413a-add5-3bd76542c1c4",
			},
			{Name: "external_order_id"},
		},
		Output: native.Fields{
			{Name: "orders", Form: &native.List, Required: true, Members: orderMembers},
			{Name: "meta", Form: &native.Object, Required: true, Members: metaMembers},
		},
	},
	{
		Name:    showOrderStatuses,
		Summary: "Lists the statuses that an order may have.",
		Class:   safe, Documented: full,
		Output: native.Fields{{
			Name: "order_statuses", Form: &native.List, Required: true,
			Members: native.Fields{
				{Name: "id", Form: &word, Required: true}, {Name: "label", Form: &word, Required: true},
			},
		}},
	},
	{
		Name: refundOrder,
		Summary: "Gives back what was received for an order. Where to, and whether a part of it can be given back, " +
			"no document tells: members beyond the id are sent as they are.",
		Class: risky, Documented: elsewhere, Final: true, Open: true,
		Input: native.Fields{
			idField,
			{Name: "amount", Form: &native.Amount, Note: "Whether PayPlay heeds it is not known."},
		},
		Output: native.Fields{
			{Name: "order", Form: &native.Object, Members: orderMembers},
			{Name: "transaction", Form: &native.Object, Members: transactionMembers},
		},
	},
}

// topupMembers is an order that may have no amount.
//
//nolint:gochecknoglobals // a table
var topupMembers = native.Fields{
	{Name: "id", Form: &word, Required: true},
	{Name: "status", Form: &word, Required: true},
	{Name: "currency", Form: &native.Any, Note: "A ticker."},
	{Name: "value", Form: &native.Amount},
	{Name: "received_total", Form: &native.Amount},
	{Name: "external_order_id"},
	{Name: "acquiring_url", Required: true, Note: "Where the payer goes."},
}

// checkout is what PayPlay is asked for an order.
type checkout struct {
	amount         string
	currency       string
	reference      string
	successfulLink string
	failureLink    string
}

func prepareCreate(call *abi.Call, account settings) *abi.Step {
	order, refusal := checkoutOf(call, account)
	if refusal != nil {
		return refusal
	}
	if !isPositive(order.amount) {
		return guest.Reject("invalid_request", "/amount", "the amount has to be a decimal above zero")
	}
	if order.currency == "" {
		return guest.Reject("invalid_request", "/currency", "a currency is required")
	}
	return request("POST", guest.Literal(cryptoOrdersPath), guest.Text(account.slug)).JSON(order.body(call)).Send(nil)
}

// body is the order as PayPlay is asked for it.
func (order checkout) body(call *abi.Call) []byte {
	body := jsontext.NewObject()
	for _, field := range []struct{ name, text string }{
		{"amount", order.amount},
		{"currency", order.currency},
		{"external_order_id", order.reference},
		{"successful_link", order.successfulLink},
		{"failure_link", order.failureLink},
	} {
		if field.text != "" {
			body.String(field.name, field.text)
		}
	}
	return further(call, body).JSON()
}

func checkoutOf(call *abi.Call, account settings) (checkout, *abi.Step) {
	payment := call.GetPayment()
	if payment == nil {
		input := inputOf(call)
		return checkout{
			amount:         input.Text("amount"),
			currency:       input.Text("currency"),
			reference:      ourReference(call),
			successfulLink: cmp.Or(input.Text("successful_link"), account.successfulLink),
			failureLink:    cmp.Or(input.Text("failure_link"), account.failureLink),
		}, nil
	}
	links, refusal := readOptions(payment.GetOptions())
	if refusal != nil {
		return checkout{}, refusal
	}
	return checkout{
		amount:         payment.GetAmount(),
		currency:       payment.GetCurrency(),
		reference:      call.GetReference(),
		successfulLink: cmp.Or(links["successful_link"], payment.GetReturnUrl(), account.successfulLink),
		failureLink:    cmp.Or(links["failure_link"], payment.GetReturnUrl(), account.failureLink),
	}, nil
}

const optionsField = "/provider_options/payplay"

// readOptions reads a payment's provider_options: links that go before its return URL. A name that it does not know is
// refused: a typo must not become another order than was meant.
func readOptions(data []byte) (links map[string]string, refusal *abi.Step) {
	if len(data) == 0 {
		return nil, nil
	}
	given, err := jsontext.Parse(data)
	if err != nil || !given.IsObject() {
		return nil, guest.Reject("invalid_request", optionsField, "the options are not a JSON object")
	}
	links = map[string]string{}
	given.Each(func(name string, value jsontext.Value) {
		switch {
		case name != "successful_link" && name != "failure_link":
			refusal = guest.Reject("invalid_request", optionsField,
				"PayPlay has the options successful_link and failure_link, not "+name)
		case !guest.IsWebAddress(value.Text()):
			refusal = guest.Reject("invalid_request", optionsField+"/"+name, "an http(s) URL is wanted")
		default:
			links[name] = value.Text()
		}
	})
	return links, refusal
}

// interpretCreated wants a page for the payer, too: an order without one is of no use.
func interpretCreated(call *abi.Call, account settings, state, body []byte) *abi.Step {
	step := interpretOrder(call, account, state, body)
	outcome := step.GetDone()
	if outcome.GetStatus() == abi.Status_STATUS_REQUIRES_ACTION && outcome.GetNextAction() == nil {
		return guest.Unreadable("the order has no page for the payer")
	}
	return step
}

// prepareComplete has PayPlay close an order as it is, at the merchant's word: one that was paid in part.
func prepareComplete(call *abi.Call, account settings) *abi.Step {
	id := idOf(call)
	if !isID(id) {
		return notAnID()
	}
	asked := request("POST", guest.Literal(cryptoOrdersPath), guest.Text(account.slug), guest.Literal("/"),
		guest.Text(id), guest.Literal("/complete"))
	if body := furtherAlone(call); body != nil {
		asked.JSON(body)
	}
	return asked.Send(nil)
}

// furtherAlone is the body of a request that takes none by itself: what else a native call's input holds; nil where
// that is nothing.
func furtherAlone(call *abi.Call) []byte {
	if !isNative(call) {
		return nil
	}
	body := further(call, jsontext.NewObject()).JSON()
	if string(body) == "{}" {
		return nil
	}
	return body
}

func interpretOrder(call *abi.Call, _ settings, _, body []byte) *abi.Step {
	answer, err := jsontext.Parse(body)
	if err != nil {
		return guest.Unreadable("the answer is not JSON")
	}
	if answer.Twice("order") {
		return guest.Unreadable("the answer: order stands twice")
	}
	found, err := readOrder(answer.Get("order"), expected(call).amount)
	if err != nil {
		return guest.Unreadable(err.Error())
	}
	if call.GetOperation() == createOrder {
		found.unclear = false // nothing was received for an order that was made just now
	}
	return concluded(call, found, answer)
}

// concluded ends a call with an order, if it is the one that was asked about.
func concluded(call *abi.Call, found order, answer jsontext.Value) *abi.Step {
	if err := found.matches(call); err != nil {
		return guest.Unreadable(err.Error())
	}
	return completed(call, found.outcome(), answer)
}

// order is PayPlay's order, as far as a payment goes.
type order struct {
	id        string
	status    string
	reference string
	// value is in currency: what was asked for. A top-up of any amount has neither.
	value     decimal.Decimal
	currency  string
	anyAmount bool
	// received is in receivedCurrency, after PayPlay's fee. It cannot be compared with value, even in the same
	// currency. receivedCurrency is empty where PayPlay does not name it. unclear is set where PayPlay states what was
	// received as something else than an amount.
	received         decimal.Decimal
	receivedCurrency string
	unclear          bool
	// page is where the payer goes; empty where PayPlay does not state it.
	page string
}

// readOrder reads an order of any answer; asked is the amount that was asked for, where it is known. Only what decides
// something has to be readable.
func readOrder(from jsontext.Value, asked string) (order, error) {
	o := order{
		id:               from.Text("id"),
		status:           strings.ToUpper(from.Text("status")),
		reference:        from.Text("external_order_id"),
		currency:         tickerOf(from),
		anyAmount:        !from.Get("value").Exists() && !from.Get("currency").Exists(),
		receivedCurrency: cmp.Or(from.Text("received_currency"), from.Text("deposited_currency")),
		page:             from.Text("acquiring_url"),
	}
	if from.Twice("id", "status", "external_order_id", "currency", "value", "received_currency", "deposited_currency",
		"received_total", "acquiring_url") {
		return order{}, errors.New("a member of the order stands twice")
	}
	if err := faultOf("order", from, o.id, o.status); err != nil {
		return order{}, err
	}
	received := from.Get("received_total")
	if total, err := received.Amount(); err == nil {
		o.received = total
	} else {
		o.unclear = received.Exists() && (!received.IsString() || received.Text() != "")
	}
	if o.anyAmount {
		return o, nil
	}
	if !isCurrency(o.currency) {
		return order{}, errors.New("the order's currency: no ticker")
	}
	var err error
	if o.value, err = from.Get("value").Amount(asked); err != nil {
		return order{}, fmt.Errorf("the order's value: %w", err)
	}
	return o, nil
}

// faultOf is what an order or a transaction lacks that all of them need; nil where that is nothing.
func faultOf(what string, from jsontext.Value, id, status string) error {
	switch {
	case !from.IsObject():
		return errors.New("the answer has no " + what)
	case !isID(id):
		return errors.New("the " + what + "'s id: none of PayPlay's form")
	case status == "":
		return errors.New("the " + what + "'s status: no text")
	}
	return nil
}

// matches returns an error for an order that is not the one that was asked about.
func (o order) matches(call *abi.Call) error {
	asked := expected(call)
	switch {
	case asked.id != "" && !strings.EqualFold(asked.id, o.id):
		return errors.New("the answer is about another order")
	case o.anyAmount && asked.amount != "":
		return errors.New("the order's value: none")
	case asked.currency != "" && !strings.EqualFold(asked.currency, o.currency):
		return fmt.Errorf("the order is for %s, not %s", o.currency, asked.currency)
	case differ(asked.amount, o.value):
		return fmt.Errorf("the order is for %s, not %s", o.value, asked.amount)
	case asked.reference != "" && o.reference != "" && asked.reference != o.reference:
		return errors.New("the order carries another reference than ours")
	}
	return nil
}

// expectation is what an answer has to repeat; a member is empty where the call does not know it.
type expectation struct {
	id, amount, currency, reference string
}

func expected(call *abi.Call) expectation {
	asked := expectation{id: idOf(call), reference: call.GetCreateReference()}
	switch call.GetOperation() {
	case createOrder, withdraw, convertWithdrawal, instantConversion:
		asked.id, asked.reference = "", ourReference(call)
	}
	if payment := call.GetPayment(); payment != nil {
		asked.amount, asked.currency = payment.GetAmount(), payment.GetCurrency()
		return asked
	}
	asked.amount, _ = inputOf(call).Decimal("amount")
	asked.currency = inputOf(call).Text("currency")
	return asked
}

func (o order) outcome() *abi.Outcome {
	money := o.received.Sign() > 0
	meaning := readOrderStatus(o.status, money || o.unclear)
	outcome := guest.Accepted(meaning.status, o.id)
	outcome.Alert = meaning.alert
	if !o.anyAmount {
		outcome.Amount = guest.Money(o.value.String(), o.currency)
	}
	outcome.EchoedReference = o.reference
	outcome.Received = o.money(meaning.status)
	if meaning.ended() && (o.unclear || money && !isCurrency(o.receivedCurrency)) {
		// What was received cannot be named, and so not be reported: the payment is kept open.
		outcome.Status, outcome.Alert = abi.Status_STATUS_PROCESSING, o.status+", but something was received"
		return outcome
	}
	if meaning.status == abi.Status_STATUS_REQUIRES_ACTION && guest.IsWebAddress(o.page) {
		outcome.NextAction = guest.RedirectTo(o.page)
	}
	if meaning.status == abi.Status_STATUS_FAILED {
		outcome.Failure = &abi.Failure{ProviderCode: o.status, Message: "PayPlay declined the order"}
	}
	return outcome
}

// money is what was received, as the host may compare it. Of an order that is complete and was paid in its own currency
// only more than the amount is stated: after PayPlay's fee less may be all of it.
func (o order) money(status abi.Status) *abi.Money {
	complete := status == abi.Status_STATUS_SUCCEEDED
	if o.received.Sign() <= 0 || !isCurrency(o.receivedCurrency) ||
		complete && o.receivedCurrency == o.currency && o.received.Cmp(o.value) <= 0 {
		return nil
	}
	return guest.Money(o.received.String(), o.receivedCurrency)
}
