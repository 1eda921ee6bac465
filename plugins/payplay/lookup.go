package main

import (
	"slices"
	"strconv"
	"strings"

	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
	abi "payrouter/abi/v1"
)

// mostPages bounds the walk through the list of orders for one with our reference. PayPlay filters by it, so that one
// page is the rule.
const mostPages = 8

// noSuchReference is the code of a walk through the list that did not meet our reference.
const noSuchReference = "no_such_reference"

// What is in front of the payment page's name.
const (
	ordersPath       = "/private-api/orders/"
	cryptoOrdersPath = "/private-api/crypto-orders/"
	topupsPath       = "/private-api/crypto-topups/"
)

// prepareShowCryptoOrder asks for an order by PayPlay's id, where crypto orders are made.
func prepareShowCryptoOrder(call *abi.Call, account settings) *abi.Step {
	id := idOf(call)
	if !isID(id) {
		return notAnID()
	}
	return request("GET", guest.Literal(cryptoOrdersPath), guest.Text(account.slug), guest.Literal("/"),
		guest.Text(id)).Send(nil)
}

// prepareShowOrder asks for an order by PayPlay's id, or looks for ours in the list.
func prepareShowOrder(call *abi.Call, account settings) *abi.Step {
	if id := idOf(call); id != "" {
		if !isID(id) {
			return notAnID()
		}
		return request("GET", guest.Literal(ordersPath), guest.Text(account.slug), guest.Literal("/"),
			guest.Text(id)).Send(nil)
	}
	if call.GetCreateReference() == "" {
		return guest.Reject("unsupported", "", "neither PayPlay's id nor our reference of the order is known")
	}
	return search(call, account, 1)
}

// search asks for a page of the orders with our reference. The page's number is the state.
func search(call *abi.Call, account settings, page int) *abi.Step {
	number := strconv.Itoa(page)
	return request("GET", guest.Literal(ordersPath), guest.Text(account.slug)).
		Query("external_order_id", call.GetCreateReference()).
		Query("page", number).
		SendAs(showOrders, []byte(number))
}

func interpretShownOrder(call *abi.Call, account settings, state, body []byte) *abi.Step {
	if len(state) == 0 {
		return interpretOrder(call, account, state, body)
	}
	number, _ := strconv.Atoi(string(state))
	listed, why := readPage(body, "orders")
	switch {
	case why != "":
		return guest.Unreadable(why)
	case listed.ends && listed.current != number:
		return guest.Unreadable("the answer is not the page of orders that was asked for")
	}
	found, unreadable := withReference(listed.items, call.GetCreateReference(), expected(call).amount)
	switch {
	case unreadable != nil:
		return guest.Unreadable(unreadable.Error())
	case len(found) > 0:
		return settled(call, found, listed.answer)
	case !listed.ends:
		return guest.Unreadable(endless)
	case len(listed.items) == 0 && number == 1 && listed.total != 0:
		return guest.Unreadable("the list counts orders, and has none")
	case number >= listed.last:
		return guest.Rejected(noSuchReference, "PayPlay has no order with our reference")
	case number >= mostPages:
		return guest.Unreadable("the list is longer than is walked through")
	default:
		return search(call, account, number+1)
	}
}

// withReference picks the orders that carry our reference: whether the filter held is not taken for granted.
func withReference(orders []jsontext.Value, reference, asked string) ([]order, error) {
	var found []order
	for _, item := range orders {
		if item.Text("external_order_id") != reference {
			continue
		}
		one, err := readOrder(item, asked)
		if err != nil {
			return nil, err
		}
		found = append(found, one)
	}
	return found, nil
}

// settled concludes with one of the orders that carry our reference. PayPlay does not promise that it is only one:
// where an unanswered create was repeated, the order that has come furthest is the payment's.
func settled(call *abi.Call, found []order, answer jsontext.Value) *abi.Step {
	furthest := slices.MaxFunc(found, func(a, b order) int { return progress(a.status) - progress(b.status) })
	step := concluded(call, furthest, answer)
	if outcome := step.GetDone(); len(found) > 1 && outcome.GetVerdict() == abi.Verdict_VERDICT_ACCEPTED {
		warn(outcome, strconv.Itoa(len(found))+" orders carry our reference")
	}
	return step
}

// progress ranks statuses by how much of a payment has happened; one that is not known comes last.
func progress(status string) int {
	return slices.Index([]string{"DECLINED", "CANCELED", "INIT", "OPEN", "PARTIALLY_FULFILLED", "COMPLETE"}, status)
}

// page is a page of a list.
type page struct {
	answer jsontext.Value
	items  []jsontext.Value
	// ends reports that the list states where it ends: current and last. total is 0 where it is not stated.
	ends                 bool
	current, last, total int
}

// endless is why a list is unreadable of which the rest counts.
const endless = "the list does not say whether it goes on"

// readPage reads a page of a list that the answer has under a name; why is empty where it is one.
func readPage(body []byte, name string) (listed page, why string) {
	answer, err := jsontext.Parse(body)
	if err != nil {
		return page{}, "the answer is not JSON"
	}
	if !answer.Get(name).IsArray() {
		return page{}, "the answer has no list of " + name
	}
	current, noCurrent := strconv.Atoi(answer.Text("meta", "current_page"))
	last, noLast := strconv.Atoi(answer.Text("meta", "last_page"))
	total, _ := strconv.Atoi(answer.Text("meta", "total"))
	return page{
		answer: answer, items: answer.Items(name), current: current, last: last, total: total,
		ends: noCurrent == nil && noLast == nil && current >= 1 && last >= 0,
	}, ""
}

// next is the cursor of the page behind; empty where there is none.
func (p page) next() string {
	if p.current < p.last {
		return strconv.Itoa(p.current + 1)
	}
	return ""
}

// isPageNumber reports whether a text is what next makes.
func isPageNumber(cursor string) bool {
	number, err := strconv.Atoi(cursor)
	return err == nil && number > 0
}

// pageOf is the number of the page that a call of a paged operation asks for; empty for the first.
func pageOf(call *abi.Call) (number string, refusal *abi.Step) {
	switch cursor := call.GetCursor(); {
	case cursor == "":
		return inputOf(call).Text("page"), nil
	case !isPageNumber(cursor):
		return "", guest.Reject("invalid_request", "", "the cursor is none of PayPlay's")
	default:
		return cursor, nil
	}
}

// filters are the list's, as the document has them.
//
//nolint:gochecknoglobals // a table
var filters = []string{
	"date_from", "date_to", "completed_at_from", "completed_at_to", "order_status_id",
	"external_order_id",
}

func prepareShowOrders(call *abi.Call, account settings) *abi.Step {
	input := inputOf(call)
	number, refusal := pageOf(call)
	if refusal != nil {
		return refusal
	}
	asked := request("GET", guest.Literal(ordersPath), guest.Text(account.slug)).
		Query("page", number).
		Query("per_page", input.Text("per_page"))
	for _, name := range filters {
		text := input.Text(name)
		if !strings.HasSuffix(name, "_id") {
			text = unescaped(text)
		}
		asked.Query(name, text)
	}
	return asked.Send(nil)
}

// unescaped is a date as the host is to escape it: the document writes dates as they stand in a URL, where a plus is a
// space.
func unescaped(date string) string {
	return strings.ReplaceAll(date, "+", " ")
}

func interpretOrders(call *abi.Call, _ settings, _, body []byte) *abi.Step {
	listed, why := readPage(body, "orders")
	switch {
	case why != "":
		return guest.Unreadable(why)
	case !listed.ends:
		return guest.Unreadable(endless)
	}
	step := answered(call, listed.answer)
	if outcome := step.GetDone(); outcome.GetVerdict() == abi.Verdict_VERDICT_ACCEPTED {
		outcome.Cursor = listed.next()
	}
	return step
}

func prepareOrderStatuses(*abi.Call, settings) *abi.Step {
	return request("GET", guest.Literal("/private-api/order-statuses")).Send(nil)
}

// interpretPlain passes on an answer that needs no reading beyond what the table states of it.
func interpretPlain(call *abi.Call, _ settings, _, body []byte) *abi.Step {
	answer, err := jsontext.Parse(body)
	if err != nil || !answer.IsObject() {
		return guest.Unreadable("the answer is not a JSON object")
	}
	return answered(call, answer)
}
