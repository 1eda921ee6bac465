package paygram

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"payrouter/host/sandbox/simulator"
)

// The types of a statement's entries.
const (
	entryDeposit          = 1
	entryWithdrawal       = 2
	entryRefund           = 3
	entrySent             = 4
	entrySentDirectly     = 5
	entryReceived         = 6
	entryReceivedDirectly = 7
	entrySold             = 8
	entryBought           = 9
)

// firstEntry is where the ids of entries begin: they have 64 bits, more than a double can tell apart.
const firstEntry = int64(1) << 53

// entry is a line of a user's statement, as the table of all users' lines has it.
type entry struct {
	ID          int64
	Transaction string
	At          time.Time
	Amount      simulator.Money
	Currency    int
	Fees        simulator.Money
	Type        int
	Invoice     reference
}

// entryView is an entry as a statement shows it.
type entryView struct {
	ID          int64           `json:"id"`
	Transaction string          `json:"transactionId"`
	Executed    netTime         `json:"executedUtc"`
	Amount      simulator.Money `json:"amount"`
	Currency    enum            `json:"currency"`
	Created     netTime         `json:"createdUtc"`
	Fees        simulator.Money `json:"fees"`
	EntryType   enum            `json:"entryType"`
	Recallable  bool            `json:"recallable"`
	Invoice     reference       `json:"invoice"`
}

// enter moves money into a user's wallet, or, below 0, out of it, and writes it down under the invoice that it is for.
// Whoever knows of fees puts them into the line.
func (p *provider) enter(u *user, v *invoice, kind int, sum simulator.Money) *entry {
	return p.enterAs(u, reference{v.code, &v.friendly}, v.currency, kind, sum)
}

func (p *provider) enterAs(u *user, of reference, currency, kind int, sum simulator.Money) *entry {
	u.balances[currency] = u.balances[currency].Add(sum)
	u.statement = append(u.statement, entry{
		ID: p.nextEntry, Transaction: p.IDs.UUID(), At: p.Now(), Amount: sum, Currency: currency, Type: kind,
		Invoice: of,
	})
	p.nextEntry++
	return &u.statement[len(u.statement)-1]
}

// statement lists a user's entries from a cursor on: an entry's id, or 0 for where the statement begins. Going
// backward, every page states that there is another.
func (p *provider) statement(q *request) simulator.Answer {
	from, _ := time.Parse(time.RFC3339Nano, q.fields.FromUTC)
	to, err := time.Parse(time.RFC3339Nano, q.fields.ToExcludingUTC)
	if err != nil {
		to = q.Now.Add(time.Second)
	}
	entries := []entryView{}
	for _, e := range q.user.statement {
		if !e.At.Before(from) && e.At.Before(to) && p.behind(e.ID, q.fields.StartIdx, q.fields.GoForward) {
			at := netTime{e.At, true}
			entries = append(entries, entryView{
				e.ID, e.Transaction, at, e.Amount, p.enum(currencies, e.Currency), at, e.Fees,
				p.enum(entryTypes, e.Type), false, e.Invoice,
			})
		}
	}
	if !q.fields.GoForward {
		slices.Reverse(entries)
	}
	size := q.fields.ResultsPerPage
	if size <= 0 {
		size = 25
	}
	end := min(size, len(entries))
	return simulator.JSON(http.StatusOK, struct {
		Entries []entryView `json:"statementEntries"`
		Results int         `json:"results"`
		More    bool        `json:"nextPageAvailable"`
		tail
	}{entries[:end], end, !q.fields.GoForward || end < len(entries), p.tail(typeStatement)})
}

// behind reports an entry that comes after a cursor.
func (p *provider) behind(id, cursor int64, forward bool) bool {
	switch {
	case id == cursor:
		return p.options.InclusiveCursor
	case forward:
		return id > cursor
	case cursor == 0:
		return !p.options.NothingBeforeZero
	}
	return id < cursor
}

func (p *provider) circulatingCoins(q *request) simulator.Answer {
	sums := map[int]simulator.Money{}
	for _, u := range q.account.users {
		for currency, b := range u.balances {
			sums[currency] = sums[currency].Add(b)
		}
	}
	coins := []balanceView{}
	for _, currency := range slices.Sorted(maps.Keys(sums)) {
		coins = append(coins, balanceView{sums[currency], p.enum(currencies, currency)})
	}
	return simulator.JSON(http.StatusOK, struct {
		Coins []balanceView `json:"coins"`
		tail
	}{coins, p.tail(typeCirculating)})
}

// exchangeRates are keyed by the currencies' names: an enum that is a key is written as its name.
func (p *provider) exchangeRates(q *request) simulator.Answer {
	type rate struct {
		Quote   enum            `json:"quoteCurrency"`
		Updated netTime         `json:"updatedUTC"`
		Price   simulator.Money `json:"price"`
		Buy     simulator.Money `json:"spreadBuy"`
		Sell    simulator.Money `json:"spreadSell"`
	}
	key := func(currency int) string {
		if p.options.NumberedRates {
			return strconv.Itoa(currency)
		}
		return currencies[currency]
	}
	rates := map[string]map[string]rate{}
	for base := range prices {
		quotes := map[string]rate{}
		for quote := range prices {
			if quote != base {
				quotes[key(quote)] = rate{
					p.enum(currencies, quote),
					netTime{q.Now.Truncate(time.Minute), false},
					crossRate(base, quote).Round(8),
					simulator.Amount("0.005"), simulator.Amount("0.005"),
				}
			}
		}
		rates[key(base)] = quotes
	}
	return simulator.JSON(http.StatusOK, struct {
		Rates map[string]map[string]rate `json:"rates"`
		tail
	}{rates, p.tail(typeRates)})
}

func crossRate(base, quote int) simulator.Money {
	return simulator.Amount(prices[base]).Div(simulator.Amount(prices[quote]))
}
