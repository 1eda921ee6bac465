package main

import (
	"slices"
	"strconv"
	"strings"

	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
	abi "payrouter/abi/v1"
)

const (
	// pageSize is how many orders a page of get_exchanges holds: the sites give 500 at most, a guest's fuel is meant
	// for fewer.
	pageSize = 40
	// mostPages bounds a walk, so that it fits into max_steps with what follows it.
	mostPages = 4
	// day is what a walk goes back before the order was sent, in seconds: the sites compare start_time with their local
	// time, which is up to twelve hours behind.
	day = 24 * 60 * 60
	// A create's own seconds: clocks are a little off, and the site takes its time. The minutes come after them.
	secondsBefore, secondsAfter, minutesAfter = 2, 5, 120
	// zoneStep is what the zones of the world are apart, in seconds.
	zoneStep = 15 * 60
)

// prepareLookup asks for an order by its id; or, where only our reference is known, walks the orders for it.
func prepareLookup(call *abi.Call, account settings) (*abi.Step, error) {
	if id := call.GetProviderReference(); id != "" {
		return askInfo(call, account, id), nil
	}
	if call.GetCreateReference() == "" {
		return guest.Reject("invalid_request", "", "a look-up needs the order's id or our reference"), nil
	}
	return askPage(call, account, position{}), nil
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

// position is where a walk of the orders stands.
type position struct {
	// read are the pages that were read, and wide those of them that are of the whole list.
	read, wide int
	// The page is of what changed between these times, by the site's clock; of the whole list where they are 0.
	from, until int64
	offset      int
}

func (p position) note() string {
	var text []string
	for _, number := range []int64{int64(p.read), int64(p.wide), p.from, p.until, int64(p.offset)} {
		text = append(text, strconv.FormatInt(number, 10))
	}
	return strings.Join(text, " ")
}

func readPosition(note string) (p position, ok bool) {
	var numbers []int64
	for word := range strings.FieldsSeq(note) {
		number, err := strconv.ParseInt(word, 10, 64)
		if err != nil {
			return position{}, false
		}
		numbers = append(numbers, number)
	}
	if len(numbers) != 5 {
		return position{}, false
	}
	return position{
		read: int(numbers[0]), wide: int(numbers[1]), from: numbers[2], until: numbers[3], offset: int(numbers[4]),
	}, true
}

// askPage asks for a page of the orders: of those that changed since ours was sent, the newest first, or of those that
// changed when it was. The filter by api_id is left out: it compares with the order's id.
func askPage(call *abi.Call, account settings, at position) *abi.Step {
	form := new(guest.Form)
	since := call.GetSentMs()/1000 + account.zone.ahead(call.GetSentMs()/1000) - day
	if at.until != 0 {
		since = at.from
	}
	if since > 0 {
		form.Set("start_time", strconv.FormatInt(since, 10))
	}
	if at.until != 0 {
		form.Set("end_time", strconv.FormatInt(at.until, 10))
	}
	form.Set("limit", strconv.Itoa(pageSize)).Set("offset", strconv.Itoa(at.offset))
	return post(call, account, opGetExchanges, form, stagePage, at.note())
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
	at, ok := readPosition(t.note)
	switch {
	case !ok:
		return nil, brokenState()
	case len(found) > 1:
		// The sites check for duplicates without a unique index: two requests at once make two orders.
		return guest.Unreadable("several orders have our reference: " + strings.Join(found, ", ")), nil
	case len(found) == 1 && !isID(found[0]):
		return guest.Unreadable("the order has no number"), nil
	case len(found) == 1:
		return askInfo(t.call, t.account, found[0]), nil
	case len(items) < pageSize && at.until == 0:
		return guest.Rejected(codeNotListed, "the site lists no order with our reference"), nil
	}
	next, more := at.next(t, items)
	if !more {
		return guest.Unreadable("the site lists more orders than one look-up reads"), nil
	}
	return askPage(t.call, t.account, next), nil
}

// next is the page after this one. A list that does not end with its first page is of a busy site: what changed in the
// seconds of the create comes next, and in the minutes after it, for as a rule the order has not changed since. Then
// comes the rest of the list.
func (p position) next(t reply, items []jsontext.Value) (next position, more bool) {
	next = p
	next.read++
	next.offset += len(items)
	if p.until == 0 {
		next.wide++
	}
	switch sent := t.call.GetSentMs() / 1000; {
	case p.until == 0 && next.wide == 1 && sent > 0:
		sent += t.account.clock(items, t.call.GetNowMs()/1000)
		next.from, next.until, next.offset = sent-secondsBefore, sent+secondsAfter, 0
	case p.until == 0 || len(items) >= pageSize:
	case p.until-p.from == secondsBefore+secondsAfter:
		next.from, next.until, next.offset = p.until+1, p.until+minutesAfter, 0
	default:
		next.from, next.until, next.offset = 0, 0, next.wide*pageSize
	}
	return next, next.read < mostPages
}

// clock is how far the site's clock is ahead of UTC, in seconds. The newest order of a busy site has changed just now,
// so its time shows the zone, whatever the season.
func (s settings) clock(newestFirst []jsontext.Value, now int64) int64 {
	newest, err := strconv.ParseInt(newestFirst[0].Text("time"), 10, 64)
	if err != nil || now == 0 {
		return s.zone.ahead(now)
	}
	const positive = 2 * day // a division rounds towards zero
	ahead := (newest-now+positive+zoneStep/2)/zoneStep*zoneStep - positive
	if ahead < -day || ahead > day {
		return s.zone.ahead(now)
	}
	return ahead
}
