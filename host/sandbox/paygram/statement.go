package paygram

import (
	"maps"
	"net/http"
	"slices"
	"time"

	"payrouter/host/sandbox/simulator"
)

// entry is a line of a user's statement.
type entry struct {
	ID          int             `json:"id"`
	Transaction string          `json:"transactionId"`
	Executed    netTime         `json:"executedUtc"`
	Amount      simulator.Money `json:"amount"`
	Currency    int             `json:"currency"`
	Created     netTime         `json:"createdUtc"`
	Fees        simulator.Money `json:"fees"`
	EntryType   int             `json:"entryType"`
	Recallable  bool            `json:"recallable"`
	Invoice     map[string]any  `json:"invoice"`
}

// enter moves money in or out of a user's wallet and writes it down: a debit is negative. Whoever knows of fees puts
// them into the line.
func (p *provider) enter(u *user, currency int, sum simulator.Money, way, code string, callbackData *string) *entry {
	kind := 1
	if way == "debit" {
		sum, kind = simulator.Money{}.Sub(sum), 2
	}
	u.balances[currency] = u.balances[currency].Add(sum)
	now := netTime{p.Now(), true}
	u.statement = append(u.statement, entry{
		ID: p.firstEntry + len(u.statement), Transaction: p.IDs.UUID(), Executed: now, Amount: sum, Currency: currency,
		Created:   now,
		EntryType: kind,
		Invoice:   map[string]any{"guid": code, "friendlyVoucherCode": nil, "callbackData": callbackData},
	})
	return &u.statement[len(u.statement)-1]
}

func (p *provider) statement(q *request) simulator.Answer {
	from, _ := time.Parse(time.RFC3339Nano, q.fields.FromUTC)
	to, err := time.Parse(time.RFC3339Nano, q.fields.ToExcludingUTC)
	if err != nil {
		to = q.Now.Add(time.Second)
	}
	entries := []entry{}
	for _, e := range q.user.statement {
		if !e.Executed.at.Before(from) && e.Executed.at.Before(to) {
			entries = append(entries, e)
		}
	}
	if !q.fields.GoForward {
		slices.Reverse(entries)
	}
	size := q.fields.ResultsPerPage
	if size <= 0 {
		size = 25
	}
	start := min(max(q.fields.StartIdx, 0), len(entries))
	end := min(start+size, len(entries))
	return simulator.JSON(http.StatusOK, struct {
		Entries []entry `json:"statementEntries"`
		Results int     `json:"results"`
		More    bool    `json:"nextPageAvailable"`
		tail
	}{entries[start:end], end - start, end < len(entries), tail{typeStatement, true}})
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
		coins = append(coins, balanceView{sums[currency], currency})
	}
	return simulator.JSON(http.StatusOK, struct {
		Coins []balanceView `json:"coins"`
		tail
	}{coins, tail{typeCirculating, true}})
}

func (p *provider) exchangeRates(q *request) simulator.Answer {
	type rate struct {
		Quote   int             `json:"quoteCurrency"`
		Updated netTime         `json:"updatedUTC"`
		Price   simulator.Money `json:"price"`
	}
	rates := map[int]map[int]rate{}
	for base := range prices {
		rates[base] = map[int]rate{}
		for quote := range prices {
			if quote != base {
				rates[base][quote] = rate{
					quote,
					netTime{q.Now.Truncate(time.Minute), false},
					crossRate(base, quote).Round(8),
				}
			}
		}
	}
	return simulator.JSON(http.StatusOK, struct {
		Rates map[int]map[int]rate `json:"rates"`
		tail
	}{rates, tail{typeRates, true}})
}

func crossRate(base, quote int) simulator.Money {
	return simulator.Amount(prices[base]).Div(simulator.Amount(prices[quote]))
}
