package main

import (
	"slices"
	"strconv"
	"strings"

	"payrouter/abi/guest"
	abi "payrouter/abi/v1"
)

const (
	// pageSize is how many orders a page of get_exchanges holds: the sites give 500 at most, a guest's fuel is meant
	// for fewer. The list begins with what changed last, so an order just made stands on its first page.
	pageSize = 40
	// mostPages bounds a walk, so that it fits into max_steps with what follows it.
	mostPages = 4
	// listMargin goes back before the order was sent, in seconds: the sites compare start_time, read as UTC, with their
	// local time, which is up to twelve hours behind.
	listMargin = 13 * 60 * 60
)

// prepareLookup asks for an order by its id; or, where only our reference is known, walks the orders for it.
func prepareLookup(call *abi.Call, account settings) (*abi.Step, error) {
	if id := call.GetProviderReference(); id != "" {
		return askInfo(call, account, id), nil
	}
	if call.GetCreateReference() == "" {
		return guest.Reject("invalid_request", "", "a look-up needs the order's id or our reference"), nil
	}
	return askPage(call, account, 0), nil
}

func askInfo(call *abi.Call, account settings, id string) *abi.Step {
	return post(call, account, opBidInfo, new(guest.Form).Set("id", id), stageInfo, id)
}

// readInfo reads bid_info. "no bid exists" is no proof: it is stated of every order whose direction was switched off.
// The list of orders still has it.
func readInfo(t reply) (*abi.Step, error) {
	if t.answer.failed() && strings.EqualFold(t.answer.text, textNoBid) {
		form := new(guest.Form).Set("id", t.note)
		return post(t.call, t.account, opGetExchanges, form, stageListed, t.note), nil
	}
	if t.answer.failed() {
		return refusal(t.answer), nil
	}
	return ofID(t)
}

// ofID reads the order that was asked for, and no other.
func ofID(t reply) (*abi.Step, error) {
	if t.answer.data.Text("id") != t.note {
		return guest.Unreadable("the answer is about another order"), nil
	}
	return bidOf(t, t.answer.data)
}

// readListed reads an order off the list.
func readListed(t reply) (*abi.Step, error) {
	if t.answer.failed() {
		return refusal(t.answer), nil
	}
	for _, item := range t.answer.data.Items("items") {
		if item.Text("id") == t.note {
			return bidOf(t, item)
		}
	}
	if !listed(t) {
		return guest.Unreadable("the orders are not a list"), nil
	}
	return guest.Rejected(codeNotListed, "the site does not list the order"), nil
}

// listed reports whether an answer is a list of orders, an empty one included: then the site sends [] in the place of
// {"items": …}.
func listed(t reply) bool {
	return t.answer.data.IsArray() && len(t.answer.data.Items()) == 0 || t.answer.data.Get("items").IsArray()
}

// askPage asks for a page of the orders that changed since ours was sent. The filter by api_id is left out: on some
// sites it compares with the order's id.
func askPage(call *abi.Call, account settings, offset int) *abi.Step {
	form := new(guest.Form)
	if since := call.GetSentMs()/1000 - listMargin; since > 0 {
		form.Set("start_time", strconv.FormatInt(since, 10))
	}
	form.Set("limit", strconv.Itoa(pageSize)).Set("offset", strconv.Itoa(offset))
	return post(call, account, opGetExchanges, form, stagePage, strconv.Itoa(offset))
}

// readPage looks for our reference on a page, and walks on.
func readPage(t reply) (*abi.Step, error) {
	if t.answer.failed() {
		return refusal(t.answer), nil
	}
	if !listed(t) {
		return guest.Unreadable("the orders are not a list"), nil
	}
	items := t.answer.data.Items("items")
	var found []string
	for _, item := range items {
		if id := item.Text("id"); item.Text("api_id") == t.call.GetCreateReference() && !slices.Contains(found, id) {
			found = append(found, id)
		}
	}
	offset, err := strconv.Atoi(t.note)
	switch {
	case err != nil:
		return nil, &guest.Error{Code: abi.Error_CODE_BAD_INPUT, Message: "the state's offset is not a number"}
	case len(found) > 1:
		// The sites check for duplicates without a unique index: two requests at once make two orders.
		return guest.Unreadable("several orders have our reference: " + strings.Join(found, ", ")), nil
	case len(found) == 1 && !isID(found[0]):
		return guest.Unreadable("the order has no number"), nil
	case len(found) == 1:
		return askInfo(t.call, t.account, found[0]), nil
	case len(items) < pageSize:
		return guest.Rejected(codeNotListed, "the site lists no order with our reference"), nil
	case offset/pageSize+1 >= mostPages:
		return guest.Unreadable("the site lists more orders than one look-up reads"), nil
	}
	return askPage(t.call, t.account, offset+pageSize), nil
}
