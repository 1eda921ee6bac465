package sandbox

import (
	"maps"
	"net/http"
	"slices"
	"time"
)

// paygramEntry is a line of a user's statement.
type paygramEntry struct {
	ID          int            `json:"id"`
	Transaction string         `json:"transactionId"`
	Executed    netTime        `json:"executedUtc"`
	Amount      money          `json:"amount"`
	Currency    int            `json:"currency"`
	Created     netTime        `json:"createdUtc"`
	Fees        money          `json:"fees"`
	EntryType   int            `json:"entryType"`
	Recallable  bool           `json:"recallable"`
	Invoice     map[string]any `json:"invoice"`
}

// enter moves money in or out of a user's wallet and writes it down: a debit is negative. Whoever knows of fees puts
// them into the line.
func (p *paygram) enter(u *paygramUser, currency int, sum money, way, code string, callbackData *string) *paygramEntry {
	kind := 1
	if way == "debit" {
		sum, kind = money{}.sub(sum), 2
	}
	u.balances[currency] = u.balances[currency].add(sum)
	now := netTime{p.now(), true}
	u.statement = append(u.statement, paygramEntry{
		ID: p.firstEntry + len(u.statement), Transaction: p.ids.uuid(), Executed: now, Amount: sum, Currency: currency,
		Created:   now,
		EntryType: kind,
		Invoice:   map[string]any{"guid": code, "friendlyVoucherCode": nil, "callbackData": callbackData},
	})
	return &u.statement[len(u.statement)-1]
}

func (p *paygram) statement(q *paygramRequest) answer {
	from, _ := time.Parse(time.RFC3339Nano, q.fields.FromUTC)
	to, err := time.Parse(time.RFC3339Nano, q.fields.ToExcludingUTC)
	if err != nil {
		to = q.now.Add(time.Second)
	}
	entries := []paygramEntry{}
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
	return jsonAnswer(http.StatusOK, struct {
		Entries []paygramEntry `json:"statementEntries"`
		Results int            `json:"results"`
		More    bool           `json:"nextPageAvailable"`
		paygramTail
	}{entries[start:end], end - start, end < len(entries), paygramTail{paygramStatement, true}})
}

func (p *paygram) circulatingCoins(q *paygramRequest) answer {
	sums := map[int]money{}
	for _, u := range q.account.users {
		for currency, b := range u.balances {
			sums[currency] = sums[currency].add(b)
		}
	}
	coins := []paygramBalance{}
	for _, currency := range slices.Sorted(maps.Keys(sums)) {
		coins = append(coins, paygramBalance{sums[currency], currency})
	}
	return jsonAnswer(http.StatusOK, struct {
		Coins []paygramBalance `json:"coins"`
		paygramTail
	}{coins, paygramTail{paygramCirculating, true}})
}

func (p *paygram) exchangeRates(q *paygramRequest) answer {
	type rate struct {
		Quote   int     `json:"quoteCurrency"`
		Updated netTime `json:"updatedUTC"`
		Price   money   `json:"price"`
	}
	rates := map[int]map[int]rate{}
	for base := range paygramPrice {
		rates[base] = map[int]rate{}
		for quote := range paygramPrice {
			if quote != base {
				rates[base][quote] = rate{
					quote,
					netTime{q.now.Truncate(time.Minute), false},
					paygramRate(base, quote).round(8),
				}
			}
		}
	}
	return jsonAnswer(http.StatusOK, struct {
		Rates map[int]map[int]rate `json:"rates"`
		paygramTail
	}{rates, paygramTail{paygramRates, true}})
}

func paygramRate(base, quote int) money {
	return amount(paygramPrice[base]).div(amount(paygramPrice[quote]))
}
