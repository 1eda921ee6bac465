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

// ordersPath is in front of the payment page's name.
const ordersPath = "/private-api/orders/"

// prepareShowOrder asks for an order by PayPlay's id, or looks for ours in the list.
func prepareShowOrder(call *abi.Call, account settings) *abi.Step {
	if id := idOf(call); id != "" {
		if !isID(id) {
			return notAnID()
		}
		return request("GET", guest.Literal(ordersPath), guest.Text(account.slug), guest.Literal("/"), guest.Text(id)).Send(nil)
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
	page, _ := strconv.Atoi(string(state))
	listed, ok := readList(body)
	if !ok || listed.current != page {
		return guest.Unreadable("the answer is not the page of orders that was asked for")
	}
	found, unreadable := withReference(listed.orders, call.GetCreateReference())
	switch {
	case unreadable != nil:
		return guest.Unreadable(unreadable.Error())
	case len(found) > 0:
		return settled(call, found, body)
	case len(listed.orders) == 0 && page == 1 && listed.total != 0:
		return guest.Unreadable("the list counts orders, and has none")
	case page >= listed.last:
		return guest.Rejected(noSuchReference, "PayPlay has no order with our reference")
	case page >= mostPages:
		return guest.Unreadable("the list is longer than is walked through")
	default:
		return search(call, account, page+1)
	}
}

// withReference picks the orders that carry our reference: whether the filter held is not taken for granted.
func withReference(orders []jsontext.Value, reference string) ([]order, error) {
	var found []order
	for _, item := range orders {
		if item.Text("external_order_id") != reference {
			continue
		}
		one, err := readOrder(item)
		if err != nil {
			return nil, err
		}
		found = append(found, one)
	}
	return found, nil
}

// settled concludes with one of the orders that carry our reference. PayPlay does not promise that it is only one: where
// an unanswered create was repeated, the order that has come furthest is the payment's.
func settled(call *abi.Call, found []order, body []byte) *abi.Step {
	furthest := slices.MaxFunc(found, func(a, b order) int { return progress(a.status) - progress(b.status) })
	step := concluded(call, furthest, body)
	if outcome := step.GetDone(); len(found) > 1 && outcome.GetVerdict() == abi.Verdict_VERDICT_ACCEPTED {
		outcome.Alert = strings.TrimPrefix(outcome.GetAlert()+"; "+strconv.Itoa(len(found))+" orders carry our reference", "; ")
	}
	return step
}

// progress ranks statuses by how much of a payment has happened; one that is not known comes last.
func progress(status string) int {
	return slices.Index([]string{"DECLINED", "CANCELED", "INIT", "OPEN", "PARTIALLY_FULFILLED", "COMPLETE"}, status)
}

// list is a page of orders.
type list struct {
	orders               []jsontext.Value
	current, last, total int
}

func readList(body []byte) (list, bool) {
	answer, err := jsontext.Parse(body)
	if err != nil || !answer.Get("orders").IsArray() {
		return list{}, false
	}
	current, noCurrent := strconv.Atoi(answer.Text("meta", "current_page"))
	last, noLast := strconv.Atoi(answer.Text("meta", "last_page"))
	total, noTotal := strconv.Atoi(answer.Text("meta", "total"))
	if noCurrent != nil || noLast != nil || noTotal != nil || current < 1 || last < 0 || total < 0 {
		return list{}, false
	}
	return list{orders: answer.Items("orders"), current: current, last: last, total: total}, true
}

// filters are the list's, as the document has them.
var filters = []string{"date_from", "date_to", "completed_at_from", "completed_at_to", "order_status_id", "external_order_id"} //nolint:gochecknoglobals // a table

func prepareShowOrders(call *abi.Call, account settings) *abi.Step {
	input := inputOf(call)
	page := call.GetCursor()
	if page == "" {
		page = input.Text("page")
	}
	asked := request("GET", guest.Literal(ordersPath), guest.Text(account.slug)).
		Query("page", page).
		Query("per_page", input.Text("per_page"))
	for _, name := range filters {
		text := input.Text(name)
		if !strings.HasSuffix(name, "_id") {
			// The document writes dates as they stand in a URL, where a plus is a space.
			text = strings.ReplaceAll(text, "+", " ")
		}
		asked.Query(name, text)
	}
	return asked.Send(nil)
}

func interpretOrders(_ *abi.Call, _ settings, _, body []byte) *abi.Step {
	listed, ok := readList(body)
	if !ok {
		return guest.Unreadable("the answer is not a page of orders")
	}
	step := answered(body)
	if listed.current < listed.last {
		step.GetDone().Cursor = strconv.Itoa(listed.current + 1)
	}
	return step
}

// answered ends a native call about no payment: what PayPlay said is all there is.
func answered(body []byte) *abi.Step {
	outcome := guest.Accepted(abi.Status_STATUS_UNSPECIFIED, "")
	outcome.Output = body
	return guest.Done(outcome)
}

func prepareOrderStatuses(*abi.Call, settings) *abi.Step {
	return request("GET", guest.Literal("/private-api/order-statuses")).Send(nil)
}

func interpretOrderStatuses(_ *abi.Call, _ settings, _, body []byte) *abi.Step {
	answer, err := jsontext.Parse(body)
	if err != nil || !answer.Get("order_statuses").IsArray() {
		return guest.Unreadable("the answer is not a list of order statuses")
	}
	return answered(body)
}
