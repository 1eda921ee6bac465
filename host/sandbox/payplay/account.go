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

// precisionOf is how many digits of a currency are shown. Public examples have 2 and 4 for USDT, beside amounts of six
// and eight digits.
func precisionOf(ticker string) int {
	switch ticker {
	case "USDT", "USDC":
		return 4
	case "BTC", "ETH", "TRX", "BNB", "LTC":
		return 8
	default:
		return 2
	}
}

func currencyOf(ticker string) currencyView {
	const icon = "https://media.payplay.io/currency-default-icon.svg"
	return currencyView{
		ID: madeUpID("currency " + ticker), Ticker: ticker, IsFiat: !slices.Contains(coins, ticker),
		IsUsedForOrderExchange: true,
		Icon:                   icon, CRMIcon: icon, Precision: precisionOf(ticker), Title: coinTitles[ticker],
	}
}

// madeUpID is the same UUID for the same name, whatever else was made before.
func madeUpID(name string) string {
	sum := sha256.Sum256([]byte(name))
	digits := hex.EncodeToString(sum[:16])
	return digits[:8] + "-" + digits[8:12] + "-4" + digits[13:16] + "-8" + digits[17:20] + "-" + digits[20:32]
}

// balance is what the company has of a currency.
type balance struct {
	ID       string       `json:"id"`
	Currency currencyView `json:"currency"`
	Value    string       `json:"value"`
}

func (p *provider) listBalances() []balance {
	list := []balance{}
	for _, ticker := range slices.Sorted(maps.Keys(p.balances)) {
		list = append(list,
			balance{madeUpID("balance " + ticker), currencyOf(ticker), p.balances[ticker].Trim().String()})
	}
	return list
}

// serveBalances lists what the company has of each currency.
func (p *provider) serveBalances(*simulator.Request) simulator.Answer {
	return simulator.JSON(http.StatusOK, map[string]any{"balances": p.listBalances()})
}

// serveBalance shows one balance. What a POST does there is not public: here nothing.
func (p *provider) serveBalance(r *simulator.Request) simulator.Answer {
	for _, one := range p.listBalances() {
		switch {
		case one.ID != r.Vars["id"]:
		case p.options.SingleBalance:
			return simulator.JSON(http.StatusOK, map[string]any{"balance": one})
		default:
			return simulator.JSON(http.StatusOK, map[string]any{"balances": []balance{one}})
		}
	}
	return laravel.Message(http.StatusNotFound, "Balance not found")
}

func (p *provider) serveTransaction(r *simulator.Request) simulator.Answer {
	i := slices.IndexFunc(p.transactions, func(t *transaction) bool { return t.ID == r.Vars["id"] })
	if i < 0 {
		return laravel.Message(http.StatusNotFound, "Transaction not found")
	}
	return simulator.JSON(http.StatusOK, map[string]any{"transaction": p.showNetwork(p.transactions[i])})
}

// routed is a transaction with its network.
type routed struct {
	*transaction
	Network *string `json:"network"`
}

// showNetwork is a transaction with its network, where that is told.
func (p *provider) showNetwork(t *transaction) any {
	if !p.options.Networks {
		return t
	}
	return routed{t, p.networkOf(t)}
}

// networkOf is the network that is told of a transaction; nil where it is not.
func (p *provider) networkOf(t *transaction) *string {
	if !p.options.Networks || t.network == "" {
		return nil
	}
	return &t.network
}

// listedTransaction is a transaction in the list. The document does not show the list: with the fee, its sum equals the
// balances.
type listedTransaction struct {
	*transaction
	Network *string `json:"network"`
	Fee     string  `json:"fee"`
}

// serveTransactions lists what came and went, newest first.
func (p *provider) serveTransactions(r *simulator.Request) simulator.Answer {
	errs := &laravel.Errors{}
	page, size := listPage(r.Query, errs)
	created := p.datesBetween(r, "date_from", "date_to", errs)
	if refusal := errs.Answer(); refusal != nil {
		return *refusal
	}
	found := []listedTransaction{}
	for _, t := range slices.Backward(p.transactions) {
		if kind := r.Query.Get("type"); created(&t.CreatedAt) && (kind == "" || strings.EqualFold(kind, t.Type)) {
			found = append(found, listedTransaction{t, p.networkOf(t), t.fee.Trim().String()})
		}
	}
	shown, meta := cut(found, page, size)
	return simulator.JSON(http.StatusOK, struct {
		Transactions []listedTransaction `json:"transactions"`
		Meta         listMeta            `json:"meta"`
	}{shown, meta})
}
