package sandbox

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// payplay simulates api.payplay.io: crypto orders on a merchant's payment page, and withdrawals from its company.
// Amounts are strings, dates have no zone and are UTC; value is in the order's currency, what was received in another.
//
// Whether external_order_id must be unique is not documented: here it need not, the worst case.
type payplay struct {
	*desk
	key           string
	slug, company string
	balances      map[string]money
	orders        []*order
	withdrawals   []*withdrawal
	transactions  []*transaction
}

// The statuses of orders. CANCELED has one L here, and two in transactions.
const (
	orderInit      = "INIT"
	orderOpen      = "OPEN"
	orderPartial   = "PARTIALLY_FULFILLED"
	orderComplete  = "COMPLETE"
	orderDeclined  = "DECLINED"
	orderCanceled  = "CANCELED"
	payoutPending  = "PENDING_WITHDRAWAL"
	payoutCanceled = "CANCELLED"
)

// payplayStatuses is the document's list.
//
//nolint:gochecknoglobals // a table
var payplayStatuses = []struct {
	ID    string `json:"id"`
	Label string `json:"label"`
}{
	{"5af96312-b7b9-4d21-9958-30285a54f4c8", orderCanceled},
	{"7f8550ad-11da-4060-8d1d-54a6d9c08e10", orderInit},
	{"f46218e8-e883-4478-abac-f5b8c94f97c2", orderPartial},
	{"ab306dbd-b837-413a-add5-3bd76542c1c4", orderComplete},
	{"1ca06987-ede3-44e3-be1c-f883e82d267b", orderDeclined},
	{"984617f8-81fc-4971-b5d0-acebbc6d9d9c", orderOpen},
}

// payplayPrice is what one unit is worth in USDT.
//
//nolint:gochecknoglobals // a table
var payplayPrice = map[string]string{
	"USDT": "1", "USDC": "1", "USD": "1", "BTC": "96250.5", "ETH": "2735.25", "TRX": "0.2417", "BNB": "666.69",
	"LTC": "131.4",
	"EUR": "1.0475", "GBP": "1.2634", "CHF": "1.1129", "PLN": "0.2517", "UAH": "0.02398",
	"NGN": "0.00060230951568876334",
	"INR": "0.01155", "AED": "0.27229", "BRL": "0.1747", "TRY": "0.02752", "KZT": "0.001993",
}

// The currencies that are coins, and those that can be drawn on external rates.
//
//nolint:gochecknoglobals // a table
var payplayCoins = []string{"USDT", "USDC", "BTC", "ETH", "TRX", "BNB", "LTC"}

// payplayTime is a date without a zone, in UTC.
type payplayTime struct{ time.Time }

// MarshalJSON writes "2024-09-16 12:48:28".
func (t payplayTime) MarshalJSON() ([]byte, error) {
	return []byte(`"` + t.UTC().Format(time.DateTime) + `"`), nil
}

func newPayPlay(d *desk, o Options) *payplay {
	return &payplay{
		desk: d, key: o.Credentials.PayPlay, slug: o.PayPlaySlug, company: o.PayPlayCompany,
		balances: map[string]money{
			"USDT": amount("100000"), "USDC": amount("50000"), "ETH": amount("25"),
			"BTC": amount("2"),
		},
	}
}

// payplayWebhookToken signs the webhooks to accounts that were opened: of the payment page and of everything else.
const payplayWebhookToken = "sandbox-payplay-webhook-token-made-up"

func (p *payplay) open(string) map[string]string {
	return map[string]string{
		"api_key": p.key, "webhook_token": payplayWebhookToken,
		"page_webhook_token": payplayWebhookToken,
	}
}

func (p *payplay) routes() []route {
	const api = "/private-api"
	return []route{
		{
			operation: "create_order", method: http.MethodPost, pattern: api + "/crypto-orders/{slug}",
			serve: p.onPage(p.serveCreate),
		},
		{
			operation: "create_topup", method: http.MethodPost, pattern: api + "/crypto-topups/{slug}",
			serve: p.onPage(p.serveTopup),
		},
		{
			operation: "complete_order", method: http.MethodPost, pattern: api + "/crypto-orders/{slug}/{id}/complete",
			serve: p.onPage(p.serveComplete),
		},
		{
			operation: "get_order", method: http.MethodGet, pattern: api + "/crypto-orders/{slug}/{id}",
			serve: p.onPage(p.serveOrder),
		},
		{
			operation: "get_order", method: http.MethodGet, pattern: api + "/orders/{slug}/{id}",
			serve: p.onPage(p.serveOrder),
		},
		{
			operation: "list_orders", method: http.MethodGet, pattern: api + "/orders/{slug}",
			serve: p.onPage(p.serveOrders),
		},
		{operation: "order_statuses", method: http.MethodGet, pattern: api + "/order-statuses", serve: p.serveStatuses},
		{
			operation: "get_transaction", method: http.MethodGet, pattern: api + "/transactions/{id}",
			serve: p.serveTransaction,
		},
		{
			operation: "list_transactions", method: http.MethodGet, pattern: api + "/transactions",
			serve: p.serveTransactions,
		},
		{operation: "balances", method: http.MethodGet, pattern: api + "/balances", serve: p.serveBalances},
		{
			operation: "exchange_rate", method: http.MethodGet, pattern: api + "/exchange-rates/{ticker}",
			serve: p.serveExchangeRate,
		},
		{
			operation: "refund_order", method: http.MethodPost, pattern: api + "/refunds/orders/{id}",
			serve: p.serveRefund,
		},
		{operation: "withdrawal_fees", method: http.MethodGet, pattern: api + "/withdrawals/fees", serve: p.serveFees},
		{
			operation: "withdraw", method: http.MethodPost, pattern: api + "/{company}/withdrawal",
			serve: p.serveWithdraw,
		},
		{operation: "rates", method: http.MethodGet, pattern: "/rates", serve: p.serveRates, open: true},
	}
}

func (p *payplay) admit(r *request) *answer {
	if r.header.Get("Authorization") == "Bearer "+p.key {
		return nil
	}
	a := laravelMessage(http.StatusUnauthorized, "Unauthenticated.")
	return &a
}

func (p *payplay) missing(*request) answer {
	return laravelMessage(http.StatusNotFound, "Page not found")
}

func (p *payplay) maintenance() answer {
	return laravelMessage(http.StatusServiceUnavailable, "Service Unavailable")
}

// onPage lets only requests for a payment page that exists through.
func (p *payplay) onPage(serve func(*request) answer) func(*request) answer {
	return func(r *request) answer {
		if p.slug != "" && r.vars["slug"] != p.slug {
			return p.missing(r)
		}
		return serve(r)
	}
}

// serveRates is the one call without credentials, and the one number with a decimal comma.
func (p *payplay) serveRates(*request) answer {
	return jsonAnswer(http.StatusOK, map[string]string{"USDT_USD": "1,00"})
}

func (p *payplay) serveStatuses(*request) answer {
	return jsonAnswer(http.StatusOK, map[string]any{"order_statuses": payplayStatuses})
}

// serveExchangeRate is how many units of an external currency one USDT buys.
func (p *payplay) serveExchangeRate(r *request) answer {
	ticker := strings.ToUpper(r.vars["ticker"])
	price, ok := payplayPrice[ticker]
	if !ok || slices.Contains(payplayCoins, ticker) {
		return laravelMessage(http.StatusNotFound, "Currency not found")
	}
	return jsonAnswer(http.StatusOK, struct {
		Ticker string `json:"ticker"`
		Rate   string `json:"exchange_rate"`
	}{ticker, amount("1").div(amount(price)).round(10).trim().String()})
}

func (p *payplay) fund(_, currency string, balance money) error {
	if !slices.Contains(payplayCoins, currency) {
		return fmt.Errorf("%w currency %q: payplay has %s", ErrUnknown, currency, strings.Join(payplayCoins, ", "))
	}
	p.balances[currency] = balance
	return nil
}

var payplayExternalID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,255}$`)

// payplayAmount takes an amount as a string or as a number.
func payplayAmount(raw json.RawMessage, errs *fieldErrors) money {
	text := string(raw)
	if text == "" || text == "null" {
		errs.add("amount", "The amount field is required.")
		return money{}
	}
	if unquoted, quoted := strings.CutPrefix(text, `"`); quoted {
		text = strings.TrimSuffix(unquoted, `"`)
	}
	sum, err := parseMoney(text)
	switch {
	case err != nil:
		errs.add("amount", "The amount must be a number.")
	case sum.sign() <= 0:
		errs.add("amount", "The amount must be greater than 0.")
	}
	return sum
}

//nolint:gochecknoglobals // a table
var payplayMoves = map[string]string{
	"open": orderOpen, "pay": orderComplete, "underpay": orderPartial, "decline": orderDeclined,
	"cancel": orderCanceled,
	// There is no status of its own for an order whose time ran out.
	"expire": orderDeclined,
}

func (p *payplay) events() []string {
	return []string{"open", "pay", "underpay", payLate, "decline", "cancel", "expire"}
}

func (p *payplay) drive(ref, event, sum string) error {
	if o := p.findOrder(ref); o != nil {
		return p.driveOrder(o, event, sum)
	}
	for _, w := range slices.Backward(p.withdrawals) {
		if ref == w.requestID || ref == w.entry.ID || ref == w.externalID {
			return p.driveWithdrawal(w, event)
		}
	}
	return fmt.Errorf("%w payment", ErrUnknown)
}

// report sends a webhook: the raw body signed by the token of the event's family.
func (p *payplay) report(token, event, name string, value any) {
	body, err := marshal(map[string]any{name: value, "event_type": event})
	if err != nil {
		return
	}
	mac := hmac.New(sha256.New, []byte(token))
	mac.Write(body)
	p.courier.post(delivery{
		provider: PayPlay, method: http.MethodPost, url: p.callback.URL, body: string(body), tries: 2,
		header: http.Header{"Content-Type": {"application/json"}, "Signature": {hex.EncodeToString(mac.Sum(nil))}},
	})
}

func (p *payplay) reportOrder(o *order) {
	events := map[string]string{
		orderComplete: "order::completed", orderDeclined: "order::declined", orderCanceled: "order::canceled",
		orderPartial: "order::partially_fulfilled",
	}
	if event, ok := events[o.Status]; ok {
		p.report(cmp.Or(p.callback.PageSecret, p.callback.Secret), event, "order", o.view())
	}
}

func (p *payplay) page(path string) (payerPage, bool) {
	id, ok := strings.CutPrefix(path, "/crypto-orders/")
	if !ok {
		id, ok = strings.CutPrefix(path, "/topup-orders/crypto/")
	}
	o := p.findOrder(id)
	if !ok || o == nil {
		return payerPage{}, false
	}
	return payerPage{Reference: o.ID, Amount: o.Value, Currency: o.Currency, Status: o.Status}, true
}
