package sandbox

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// payplayCurrency is a currency where it is an object.
type payplayCurrency struct {
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
var payplayTitles = map[string]string{
	"USDT": "Tether US", "USDC": "USD Coin", "BTC": "Bitcoin", "ETH": "Ethereum", "TRX": "Tron", "BNB": "BNB",
	"LTC": "Litecoin",
}

func currencyOf(ticker string) payplayCurrency {
	const icon, precision = "https://media.payplay.io/currency-default-icon.svg", 8
	return payplayCurrency{
		ID: madeUpID("currency " + ticker), Ticker: ticker, IsFiat: !slices.Contains(payplayCoins, ticker),
		IsUsedForOrderExchange: true,
		Icon:                   icon, CRMIcon: icon, Precision: precision, Title: payplayTitles[ticker],
	}
}

// madeUpID is the same UUID for the same name, whatever else was made before.
func madeUpID(name string) string {
	sum := sha256.Sum256([]byte(name))
	digits := hex.EncodeToString(sum[:16])
	return digits[:8] + "-" + digits[8:12] + "-4" + digits[13:16] + "-8" + digits[17:20] + "-" + digits[20:32]
}

// serveBalances lists what the company has of each currency.
func (p *payplay) serveBalances(*request) answer {
	type balance struct {
		ID       string          `json:"id"`
		Currency payplayCurrency `json:"currency"`
		Value    string          `json:"value"`
	}
	list := []balance{}
	for _, ticker := range slices.Sorted(maps.Keys(p.balances)) {
		list = append(list,
			balance{madeUpID("balance " + ticker), currencyOf(ticker), p.balances[ticker].trim().String()})
	}
	return jsonAnswer(http.StatusOK, map[string]any{"balances": list})
}

func (p *payplay) serveTransaction(r *request) answer {
	i := slices.IndexFunc(p.transactions, func(t *transaction) bool { return t.ID == r.vars["id"] })
	if i < 0 {
		return laravelMessage(http.StatusNotFound, "Transaction not found")
	}
	return jsonAnswer(http.StatusOK, map[string]any{"transaction": p.transactions[i]})
}

// listedTransaction is a transaction in the list. The document does not show the list: with the fee, its sum equals the
// balances.
type listedTransaction struct {
	*transaction
	Fee string `json:"fee"`
}

// serveTransactions lists what came and went, newest first.
func (p *payplay) serveTransactions(r *request) answer {
	errs := &fieldErrors{}
	page, size := listPage(r.query, errs)
	created := datesBetween(r, "date_from", "date_to", errs)
	if refusal := errs.answer(); refusal != nil {
		return *refusal
	}
	found := []listedTransaction{}
	for _, t := range slices.Backward(p.transactions) {
		if kind := r.query.Get("type"); created(&t.CreatedAt) && (kind == "" || strings.EqualFold(kind, t.Type)) {
			found = append(found, listedTransaction{t, t.fee.trim().String()})
		}
	}
	shown, meta := cut(found, page, size)
	return jsonAnswer(http.StatusOK, struct {
		Transactions []listedTransaction `json:"transactions"`
		Meta         listMeta            `json:"meta"`
	}{shown, meta})
}
