package payplay

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net/http"
	"slices"
	"strings"

	"payrouter/host/sandbox/laravel"
	"payrouter/host/sandbox/simulator"
)

// currencyView is a currency where it is an object.
type currencyView struct {
	ID                     string `json:"id"`
	Ticker                 string `json:"ticker"`
	IsFiat                 bool   `json:"is_fiat"`
	IsUsedForOrderExchange bool   `json:"is_used_for_order_exchange"`
	Icon                   string `json:"icon"`
	CRMIcon                string `json:"crm_icon"`
	Precision              int    `json:"precision"`
	Title                  string `json:"title"`
}

//nolint:gochecknoglobals // a table
var coinTitles = map[string]string{
	"USDT": "Tether US", "USDC": "USD Coin", "BTC": "Bitcoin", "ETH": "Ethereum", "TRX": "Tron", "BNB": "BNB",
	"LTC": "Litecoin",
}

func currencyOf(ticker string) currencyView {
	const icon, precision = "https://media.payplay.io/currency-default-icon.svg", 8
	return currencyView{
		ID: madeUpID("currency " + ticker), Ticker: ticker, IsFiat: !slices.Contains(coins, ticker),
		IsUsedForOrderExchange: true,
		Icon:                   icon, CRMIcon: icon, Precision: precision, Title: coinTitles[ticker],
	}
}

// madeUpID is the same UUID for the same name, whatever else was made before.
func madeUpID(name string) string {
	sum := sha256.Sum256([]byte(name))
	digits := hex.EncodeToString(sum[:16])
	return digits[:8] + "-" + digits[8:12] + "-4" + digits[13:16] + "-8" + digits[17:20] + "-" + digits[20:32]
}

// serveBalances lists what the company has of each currency.
func (p *provider) serveBalances(*simulator.Request) simulator.Answer {
	type balance struct {
		ID       string       `json:"id"`
		Currency currencyView `json:"currency"`
		Value    string       `json:"value"`
	}
	list := []balance{}
	for _, ticker := range slices.Sorted(maps.Keys(p.balances)) {
		list = append(list,
			balance{madeUpID("balance " + ticker), currencyOf(ticker), p.balances[ticker].Trim().String()})
	}
	return simulator.JSON(http.StatusOK, map[string]any{"balances": list})
}

func (p *provider) serveTransaction(r *simulator.Request) simulator.Answer {
	i := slices.IndexFunc(p.transactions, func(t *transaction) bool { return t.ID == r.Vars["id"] })
	if i < 0 {
		return laravel.Message(http.StatusNotFound, "Transaction not found")
	}
	return simulator.JSON(http.StatusOK, map[string]any{"transaction": p.transactions[i]})
}

// listedTransaction is a transaction in the list. The document does not show the list: with the fee, its sum equals the
// balances.
type listedTransaction struct {
	*transaction
	Fee string `json:"fee"`
}

// serveTransactions lists what came and went, newest first.
func (p *provider) serveTransactions(r *simulator.Request) simulator.Answer {
	errs := &laravel.Errors{}
	page, size := listPage(r.Query, errs)
	created := datesBetween(r, "date_from", "date_to", errs)
	if refusal := errs.Answer(); refusal != nil {
		return *refusal
	}
	found := []listedTransaction{}
	for _, t := range slices.Backward(p.transactions) {
		if kind := r.Query.Get("type"); created(&t.CreatedAt) && (kind == "" || strings.EqualFold(kind, t.Type)) {
			found = append(found, listedTransaction{t, t.fee.Trim().String()})
		}
	}
	shown, meta := cut(found, page, size)
	return simulator.JSON(http.StatusOK, struct {
		Transactions []listedTransaction `json:"transactions"`
		Meta         listMeta            `json:"meta"`
	}{shown, meta})
}
