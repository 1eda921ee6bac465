package main

import (
	"cmp"
	"strconv"
	"strings"

	"payrouter/abi/decimal"
	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
	abi "payrouter/abi/v1"
)

// listing is one of the lists that a statement is made of.
type listing struct {
	operation string
	read      func(t reply, item jsontext.Value, at int64) (*abi.Transaction, string)
}

// listings make a statement: the payouts of what the partner has earned, the rewards that it was earned by, and the
// orders made with this key. A page asks each for as many entries as it may have, and takes the newest of all. The list
// of the call's own operation comes last, so that its answer is the output.
//
//nolint:gochecknoglobals // a table
var listings = [...]listing{
	{opGetPartnerPayouts, payoutEntry},
	{opGetPartnerExchanges, rewardEntry},
	{opGetExchanges, orderEntry},
}

// rewards is the place of theirs among the listings: without the partner's currency they are no amounts.
const rewards = 1

// statementPage is how many entries a page has at most.
const statementPage = 100

// offsets are how far each list was read: "4.2.1" as a cursor.
type offsets [len(listings)]int

func readOffsets(cursor string) (at offsets, ok bool) {
	if cursor == "" {
		return at, true
	}
	parts := strings.Split(cursor, ".")
	if len(parts) != len(at) {
		return at, false
	}
	for i, part := range parts {
		if !isOffset(part) {
			return at, false
		}
		at[i], _ = strconv.Atoi(part)
	}
	return at, true
}

func (at offsets) cursor() string {
	var text []string
	for _, offset := range at {
		text = append(text, strconv.Itoa(offset))
	}
	return strings.Join(text, ".")
}

// stretch is what a list gave for a page: its entries in their order, the newest first. What is no transaction of the
// query's stands there without an id, for it counts when the list is gone on with.
type stretch struct {
	entries []*abi.Transaction
	// full: the list may go on.
	full bool
}

func prepareStatement(call *abi.Call, account settings) (*abi.Step, error) {
	at, ok := readOffsets(call.GetCursor())
	if !ok {
		return guest.Reject("invalid_request", "", "the cursor is none of this plugin's"), nil
	}
	return askStretch(call, account, at, 0, ""), nil
}

// askStretch asks a list for its part of a page, with a day more on both sides: a site's clock changes with the season,
// and is not known where the settings do not state it. read is what the
// lists before it gave.
func askStretch(call *abi.Call, account settings, at offsets, list int, read string) *abi.Step {
	form, query := new(guest.Form), call.GetQuery()
	if from := query.GetFromMs() / 1000; from > day {
		form.Set("start_time", strconv.FormatInt(from+account.zone.ahead(from)-day, 10))
	}
	if until := query.GetUntilMs() / 1000; query.GetUntilMs() > 0 {
		form.Set("end_time", strconv.FormatInt(until+account.zone.ahead(until)+day, 10))
	}
	form.Set("limit", strconv.Itoa(statementSize(query))).Set("offset", strconv.Itoa(at[list]))
	return post(call, account, listings[list].operation, form, stageStatement, strconv.Itoa(list)+read)
}

func statementSize(query *abi.Query) int {
	if limit := query.GetLimit(); limit > 0 && limit < statementPage {
		return int(limit)
	}
	return statementPage
}

// readStatement reads a list's part of a page, and goes on with the next list, or puts the page together.
func readStatement(t reply) (*abi.Step, error) {
	at, ok := readOffsets(t.call.GetCursor())
	if !ok || t.note == "" || int(t.note[0]-'0') >= len(listings) {
		return nil, brokenState()
	}
	list, read := int(t.note[0]-'0'), t.note[1:]
	found, end := listings[list].stretch(t)
	if end != nil {
		return end, nil
	}
	if list == len(listings)-1 {
		return t.merged(at, read, found)
	}
	read += found.pack()
	if list++; list == rewards && t.account.partnerCurrency == "" {
		read += stretch{}.pack()
		list++
	}
	return askStretch(t.call, t.account, at, list, read), nil
}

// stretch reads a list's part of a page. The step, if any, has the reason that it cannot be read.
func (l listing) stretch(t reply) (stretch, *abi.Step) {
	// A key that is no partner's, or may not ask for what a partner has done, has a statement of orders alone. In the
	// site's language that reads like maintenance; but then the list of orders, which comes last, reports it too.
	known := spelled(t.answer.text)
	if l.operation != opGetExchanges && (t.answer.noPartner() || t.answer.failed() && known == textNoMethod ||
		t.answer.code == "1" && known == "" && empty(t.answer.data)) {
		return stretch{}, nil
	}
	if t.answer.failed() {
		return stretch{}, refusal(t.answer)
	}
	if why := unlike(methods.Find(l.operation), t.answer.data); why != "" {
		return stretch{}, guest.Unreadable(why)
	}
	items := t.answer.data.Items("items")
	found := stretch{full: len(items) >= statementSize(t.call.GetQuery())}
	for _, item := range items {
		entry, why := l.entry(t, item)
		if why != "" {
			return stretch{}, guest.Unreadable("the statement: " + why)
		}
		found.entries = append(found.entries, entry)
	}
	return found, nil
}

// merged puts a page together.
func (t reply) merged(at offsets, read string, last stretch) (*abi.Step, error) {
	lists, ok := unpack(read)
	if !ok || len(lists) != len(listings)-1 {
		return nil, brokenState()
	}
	outcome := new(abi.Outcome)
	lists = append(lists, last)
	size, more := statementSize(t.call.GetQuery()), false
	for len(outcome.GetTransactions()) < size {
		next := newest(lists)
		if next < 0 {
			break
		}
		if entry := lists[next].entries[0]; entry.GetId() != "" {
			outcome.Transactions = append(outcome.Transactions, entry)
		}
		lists[next].entries = lists[next].entries[1:]
		at[next]++
	}
	for _, list := range lists {
		more = more || list.full || len(list.entries) > 0
	}
	if more {
		outcome.Cursor = at.cursor()
	}
	return t.answered(outcome), nil
}

// newest is the list whose next entry is the newest of all; below 0 where none is left, or it cannot be determined
// because a list's next one is on another page.
func newest(lists []stretch) int {
	found := -1
	for i, list := range lists {
		switch {
		case len(list.entries) == 0 && list.full:
			return -1
		case len(list.entries) > 0 && (found < 0 || list.entries[0].GetAtMs() > lists[found].entries[0].GetAtMs()):
			found = i
		}
	}
	return found
}

// pack is a stretch as a step's state has it: its length, and the contract's own encoding.
func (s stretch) pack() string {
	held := &abi.Outcome{Transactions: s.entries}
	if s.full {
		held.Cursor = "more"
	}
	encoded, _ := held.MarshalVT() // the generated code has no error to give
	return strconv.Itoa(len(encoded)) + ":" + string(encoded)
}

func unpack(text string) (lists []stretch, ok bool) {
	for text != "" {
		digits, rest, found := strings.Cut(text, ":")
		length, err := strconv.Atoi(digits)
		if !found || err != nil || length < 0 || length > len(rest) {
			return nil, false
		}
		held := new(abi.Outcome)
		if held.UnmarshalVTUnsafe([]byte(rest[:length])) != nil {
			return nil, false
		}
		lists = append(lists, stretch{entries: held.GetTransactions(), full: held.GetCursor() != ""})
		text = rest[length:]
	}
	return lists, true
}

// nothing is a list without entries, as the sites send it.
func nothing() []byte { return []byte(`{"error":"0","error_text":"","data":[]}`) }

// entry is a transaction; without an id for what is none, or lies outside the query's times.
func (l listing) entry(t reply, item jsontext.Value) (*abi.Transaction, string) {
	seconds, err := strconv.ParseInt(item.Text("time"), 10, 64)
	if err != nil || !isOffset(item.Text("time")) {
		return nil, "an entry has no time"
	}
	at := t.account.zone.utc(seconds) * 1000
	query := t.call.GetQuery()
	if at < query.GetFromMs() || query.GetUntilMs() > 0 && at >= query.GetUntilMs() {
		return &abi.Transaction{AtMs: at}, ""
	}
	if !isID(item.Text("id")) {
		return nil, "an entry has no number"
	}
	return l.read(t, item, at)
}

// orderEntry is an order: what the site pays the merchant for it. Its status states whether it has.
func orderEntry(_ reply, item jsontext.Value, at int64) (*abi.Transaction, string) {
	amount, why := entryMoney(item, "amount_get", ticker(item.Text("currency_code_get")))
	if why != "" {
		return nil, why
	}
	entry := &abi.Transaction{
		Id: item.Text("id"), AtMs: at, Amount: amount, Kind: "exchange", Status: clip(plain(item.Text("status")), 40),
		ProviderReference: item.Text("id"),
	}
	if reference := item.Text("api_id"); isID(reference) {
		entry.Reference = reference
	}
	return entry, ""
}

// rewardEntry is the partner's share of an order, once it is on the balance.
func rewardEntry(t reply, item jsontext.Value, at int64) (*abi.Transaction, string) {
	if item.Text("accrued") != "1" {
		return &abi.Transaction{AtMs: at}, ""
	}
	amount, why := entryMoney(item, "partner_reward", t.account.partnerCurrency)
	if why != "" {
		return nil, why
	}
	return &abi.Transaction{
		Id: "reward-" + item.Text("id"), AtMs: at, Amount: amount, Kind: "partner_reward",
		ProviderReference: item.Text("id"),
	}, ""
}

// payoutWords are the document's for a payout's status.
//
//nolint:gochecknoglobals // a table
var payoutWords = map[string]string{"0": "pending", "1": "paid out", "2": "cancelled"}

// payoutEntry is a payout: what left the balance, with the fee in it where both are in one currency.
func payoutEntry(_ reply, item jsontext.Value, at int64) (*abi.Transaction, string) {
	code := ticker(item.Text("original_currency_code"))
	paid, why := entryMoney(item, "original_amount", code)
	if why != "" {
		return nil, why
	}
	left, _ := decimal.Parse(paid.GetAmount()) // entryMoney has read it
	reference := payoutReference(item.Text("id"))
	entry := &abi.Transaction{
		Id: reference, AtMs: at, Amount: guest.Money(decimal.Decimal{}.Sub(left).String(), code),
		Kind: "partner_payout", ProviderReference: reference,
		Status: cmp.Or(payoutWords[item.Text("status")], clip(plain(item.Text("status")), 40)),
	}
	entry.Fee = payoutFee(left, item, code)
	entry.FeeIncluded = entry.GetFee() != nil
	return entry, ""
}

// entryMoney is an entry's amount, which the lists write without a sign.
func entryMoney(item jsontext.Value, name, currency string) (money *abi.Money, why string) {
	amount, ok := number(item.Get(name))
	if !ok || amount.Sign() < 0 || currency == "" {
		return nil, name + " is not an amount in a currency that is known"
	}
	return guest.Money(amount.String(), currency), ""
}
