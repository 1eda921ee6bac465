package main

import (
	"strconv"

	"payrouter/abi/decimal"
	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
	abi "payrouter/abi/v1"
)

// listing is one of the lists that a statement is made of.
type listing struct {
	operation string
	read      func(t turn, item jsontext.Value, at int64) (*abi.Transaction, string)
}

// listings make a statement, one after the other: the orders made with this key, the rewards for those that the partner has a share of,
// and the payouts of the rewards. A cursor is a list's letter, and an offset into it.
//
//nolint:gochecknoglobals // a table
var (
	listings = map[byte]listing{
		'e': {opGetExchanges, orderEntry},
		'r': {opGetPartnerExchanges, rewardEntry},
		'p': {opGetPartnerPayouts, payoutEntry},
	}
	listingAfter = map[byte]byte{'e': 'r', 'r': 'p'}
)

const (
	// statementPage is how many entries a page has at most.
	statementPage = 100
	// endMargin goes past the end of a query, in seconds: the sites' local time is up to fourteen hours ahead.
	endMargin = 15 * 60 * 60
)

// position is a place in a statement.
type position struct {
	list   byte
	offset int
}

func readPosition(cursor string) (position, bool) {
	if cursor == "" {
		return position{list: 'e'}, true
	}
	_, known := listings[cursor[0]]
	offset, err := strconv.Atoi(cursor[1:])
	return position{cursor[0], offset}, known && err == nil && isOffset(cursor[1:])
}

func (p position) cursor() string { return string(p.list) + strconv.Itoa(p.offset) }

// after is where the next list begins; empty behind the last. Without the partner's currency a reward is no amount.
func (p position) after(account settings) string {
	next := listingAfter[p.list]
	if next == 'r' && account.partnerCurrency == "" {
		next = listingAfter[next]
	}
	if next == 0 {
		return ""
	}
	return position{list: next}.cursor()
}

// prepareStatement asks for a page of the list whose turn it is, with the times wide enough for any site's clock.
func prepareStatement(call *abi.Call, account settings) (*abi.Step, error) {
	at, ok := readPosition(call.GetCursor())
	if !ok {
		return guest.Reject("invalid_request", "", "the cursor is none of this plugin's"), nil
	}
	form := new(guest.Form)
	query := call.GetQuery()
	if from := query.GetFromMs()/1000 - listMargin; query.GetFromMs() > 0 && from > 0 {
		form.Set("start_time", strconv.FormatInt(from, 10))
	}
	if query.GetUntilMs() > 0 {
		form.Set("end_time", strconv.FormatInt(query.GetUntilMs()/1000+endMargin, 10))
	}
	form.Set("limit", strconv.Itoa(statementSize(query))).Set("offset", strconv.Itoa(at.offset))
	return post(call, account, listings[at.list].operation, form, stageStatement, ""), nil
}

func statementSize(query *abi.Query) int {
	if limit := query.GetLimit(); limit > 0 && limit < statementPage {
		return int(limit)
	}
	return statementPage
}

// readStatement gives the entries of a page that lie within the query's times.
func readStatement(t turn) (*abi.Step, error) {
	at, ok := readPosition(t.call.GetCursor())
	if !ok {
		return nil, &guest.Error{Code: abi.Error_CODE_BAD_INPUT, Message: "the cursor is none of this plugin's"}
	}
	list := listings[at.list]
	if t.answer.failed() && (list.operation == opGetExchanges || spelled(t.answer.text) != textNoMethod) {
		return refusal(t.answer), nil
	}
	// A key that may not ask for what a partner has done has no more of a statement.
	if t.answer.failed() {
		return guest.Done(&abi.Outcome{Verdict: abi.Verdict_VERDICT_ACCEPTED, Output: nothing(), Cursor: at.after(t.account)}), nil
	}
	if why := nativeOf(list.operation).unlike(t.answer.data); why != "" {
		return guest.Unreadable(why), nil
	}
	outcome := new(abi.Outcome)
	items := t.answer.data.Items("items")
	for _, item := range items {
		entry, why := list.entry(t, item)
		if why != "" {
			return guest.Unreadable("the statement: " + why), nil
		}
		if entry != nil {
			outcome.Transactions = append(outcome.Transactions, entry)
		}
	}
	outcome.Cursor = at.after(t.account)
	if size := statementSize(t.call.GetQuery()); len(items) >= size {
		outcome.Cursor = position{at.list, at.offset + size}.cursor()
	}
	return t.answered(outcome), nil
}

// nothing is a list without entries, as the sites send it.
func nothing() []byte { return []byte(`{"error":"0","error_text":"","data":[]}`) }

// entry is a transaction; nil for what is none, or lies outside the query's times.
func (l listing) entry(t turn, item jsontext.Value) (*abi.Transaction, string) {
	seconds, err := strconv.ParseInt(item.Text("time"), 10, 64)
	if err != nil || !isOffset(item.Text("time")) {
		return nil, "an entry has no time"
	}
	at := seconds * 1000
	query := t.call.GetQuery()
	if at < query.GetFromMs() || query.GetUntilMs() > 0 && at >= query.GetUntilMs() {
		return nil, ""
	}
	if !isID(item.Text("id")) {
		return nil, "an entry has no number"
	}
	return l.read(t, item, at)
}

// orderEntry is an order: what the site pays the merchant for it. Its status says whether it has.
func orderEntry(_ turn, item jsontext.Value, at int64) (*abi.Transaction, string) {
	amount, why := entryMoney(item, "amount_get", ticker(item.Text("currency_code_get")))
	if why != "" {
		return nil, why
	}
	entry := &abi.Transaction{
		Id: item.Text("id"), AtMs: at, Amount: amount, Kind: "exchange", Status: clip(plain(item.Text("status")), 40), ProviderReference: item.Text("id"),
	}
	if reference := item.Text("api_id"); isID(reference) {
		entry.Reference = reference
	}
	return entry, ""
}

// rewardEntry is the partner's share of an order, once it is on the balance.
func rewardEntry(t turn, item jsontext.Value, at int64) (*abi.Transaction, string) {
	if item.Text("accrued") != "1" {
		return nil, ""
	}
	amount, why := entryMoney(item, "partner_reward", t.account.partnerCurrency)
	if why != "" {
		return nil, why
	}
	return &abi.Transaction{Id: "reward-" + item.Text("id"), AtMs: at, Amount: amount, Kind: "partner_reward", ProviderReference: item.Text("id")}, ""
}

// payoutWords are the document's for a payout's status.
//
//nolint:gochecknoglobals // a table
var payoutWords = map[string]string{"0": "pending", "1": "paid out", "2": "cancelled"}

// payoutEntry is a payout: what left the balance, with the fee in it where both are in one currency.
func payoutEntry(_ turn, item jsontext.Value, at int64) (*abi.Transaction, string) {
	code := ticker(item.Text("original_currency_code"))
	paid, why := entryMoney(item, "original_amount", code)
	if why != "" {
		return nil, why
	}
	left, _ := decimal.Parse(paid.GetAmount()) // entryMoney has read it
	reference := payoutReference(item.Text("id"))
	entry := &abi.Transaction{
		Id: reference, AtMs: at, Amount: guest.Money(decimal.Decimal{}.Sub(left).String(), code), Kind: "partner_payout", ProviderReference: reference,
		Status: either(payoutWords[item.Text("status")], clip(plain(item.Text("status")), 40)),
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
