// Package payplay simulates api.payplay.io: crypto orders on a merchant's payment page, and withdrawals from its
// company. Amounts are strings, dates have no zone and are UTC; value is in the order's currency, what was received in
// another.
//
// Whether external_order_id must be unique is not documented: here it need not, the worst case.
package payplay

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

	"payrouter/host/sandbox/laravel"
	"payrouter/host/sandbox/simulator"
)

// provider is PayPlay: one company, with its balances, orders, withdrawals and transactions.
type provider struct {
	*simulator.Backend
	key          string
	options      Options
	balances     map[string]simulator.Money
	orders       []*order
	withdrawals  []*withdrawal
	transactions []*transaction
	conversions  []*conversion
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

// orderStatuses is the document's list.
//
//nolint:gochecknoglobals // a table
var orderStatuses = []struct {
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

// prices is what one unit is worth in USDT.
//
//nolint:gochecknoglobals // a table
var prices = map[string]string{
	"USDT": "1", "USDC": "1", "USD": "1", "BTC": "96250.5", "ETH": "2735.25", "TRX": "0.2417", "BNB": "666.69",
	"LTC": "131.4",
	"EUR": "1.0475", "GBP": "1.2634", "CHF": "1.1129", "PLN": "0.2517", "UAH": "0.02398",
	"NGN": "0.00060230951568876334",
	"INR": "0.01155", "AED": "0.27229", "BRL": "0.1747", "TRY": "0.02752", "KZT": "0.001993",
}

// The currencies that are coins, and those that can be drawn on external rates.
//
//nolint:gochecknoglobals // a table
var coins = []string{"USDT", "USDC", "BTC", "ETH", "TRX", "BNB", "LTC"}

// timestamp is a date without a zone, in UTC.
type timestamp struct{ time.Time }

// MarshalJSON writes "2024-09-16 12:48:28".
func (t timestamp) MarshalJSON() ([]byte, error) {
	return []byte(`"` + t.UTC().Format(time.DateTime) + `"`), nil
}

// New simulates PayPlay with one company, which has the given API key.
func New(b *simulator.Backend, key string, o Options) simulator.Provider {
	return &provider{
		Backend: b, key: key, options: o,
		balances: map[string]simulator.Money{
			"USDT": simulator.Amount("100000"), "USDC": simulator.Amount("50000"), "ETH": simulator.Amount("25"),
			"BTC": simulator.Amount("2"),
		},
	}
}

// webhookToken signs the webhooks to accounts that were opened: of the payment page and of everything else.
const webhookToken = "sandbox-payplay-webhook-token-made-up"

func (p *provider) Options() any { return &p.options }

func (p *provider) Open(string) map[string]string {
	return map[string]string{
		"api_key": p.key, "webhook_token": webhookToken,
		"page_webhook_token": webhookToken,
	}
}

func (p *provider) Routes() []simulator.Route {
	routes := p.calls()
	for i := range routes {
		routes[i].Serve = p.varied(routes[i].Serve)
	}
	return routes
}

const api = "/private-api"

func (p *provider) calls() []simulator.Route {
	return slices.Concat(p.accountCalls(), p.conversionCalls(), []simulator.Route{
		{
			Operation: "create_order", Method: http.MethodPost, Pattern: api + "/crypto-orders/{slug}",
			Serve: p.onPage(p.serveCreate),
		},
		{
			Operation: "create_topup", Method: http.MethodPost, Pattern: api + "/crypto-topups/{slug}",
			Serve: p.onPage(p.serveTopup),
		},
		{
			Operation: "complete_order", Method: http.MethodPost, Pattern: api + "/crypto-orders/{slug}/{id}/complete",
			Serve: p.onPage(p.serveComplete),
		},
		{
			Operation: "get_order", Method: http.MethodGet, Pattern: api + "/crypto-orders/{slug}/{id}",
			Serve: p.onPage(p.serveOrder),
		},
		{
			Operation: "get_order", Method: http.MethodGet, Pattern: api + "/orders/{slug}/{id}",
			Serve: p.onPage(p.serveOrder),
		},
		{
			Operation: "list_orders", Method: http.MethodGet, Pattern: api + "/orders/{slug}",
			Serve: p.onPage(p.serveOrders),
		},
		{Operation: "order_statuses", Method: http.MethodGet, Pattern: api + "/order-statuses", Serve: p.serveStatuses},
		{
			Operation: "refund_order", Method: http.MethodPost, Pattern: api + "/refunds/orders/{id}",
			Serve: p.serveRefund,
		},
		{
			Operation: "withdraw", Method: http.MethodPost, Pattern: api + "/{company}/withdrawal",
			Serve: p.serveWithdraw,
		},
	})
}

// accountCalls are about what the company has, and about prices.
func (p *provider) accountCalls() []simulator.Route {
	return []simulator.Route{
		{
			Operation: "get_transaction", Method: http.MethodGet, Pattern: api + "/transactions/{id}",
			Serve: p.serveTransaction,
		},
		{
			Operation: "list_transactions", Method: http.MethodGet, Pattern: api + "/transactions",
			Serve: p.serveTransactions,
		},
		{Operation: "balances", Method: http.MethodGet, Pattern: api + "/balances", Serve: p.serveBalances},
		{Operation: "balance", Method: http.MethodGet, Pattern: api + "/balances/{id}", Serve: p.serveBalance},
		{Operation: "post_balance", Method: http.MethodPost, Pattern: api + "/balances/{id}", Serve: p.serveBalance},
		{Operation: "withdrawal_fees", Method: http.MethodGet, Pattern: api + "/withdrawals/fees", Serve: p.serveFees},
		{
			Operation: "exchange_rate", Method: http.MethodGet, Pattern: api + "/exchange-rates/{ticker}",
			Serve: p.serveExchangeRate,
		},
		{
			Operation: "order_currencies", Method: http.MethodGet, Pattern: "/currencies/crypto-order-target-currencies",
			Serve: p.serveOrderCurrencies,
		},
		{
			Operation: "topup_currencies", Method: http.MethodGet,
			Pattern: api + "/currencies/crypto-topup-target-currencies", Serve: p.serveTopupCurrencies,
		},
		{Operation: "rates", Method: http.MethodGet, Pattern: "/rates", Serve: p.serveRates, Open: true},
	}
}

// conversionCalls are about convert-withdrawals.
func (p *provider) conversionCalls() []simulator.Route {
	const convert = api + "/convert-withdrawal"
	return []simulator.Route{
		{
			Operation: "convert_currencies", Method: http.MethodGet, Pattern: convert + "/currencies",
			Serve: p.serveConvertCurrencies,
		},
		{
			Operation: "instant_convert_withdrawal", Method: http.MethodPost, Pattern: convert + "/instant",
			Serve: p.serveInstantConvert,
		},
		{Operation: "convert_withdrawal", Method: http.MethodPost, Pattern: convert, Serve: p.serveConvert},
		{
			Operation: "refresh_convert_withdrawal", Method: http.MethodPost, Pattern: convert + "/{id}/refresh",
			Serve: p.onConversion(p.estimate),
		},
		{
			Operation: "confirm_convert_withdrawal", Method: http.MethodPost, Pattern: convert + "/{id}/confirm",
			Serve: p.onConversion(p.takeConversion),
		},
	}
}

func (p *provider) Admit(r *simulator.Request) *simulator.Answer {
	if r.Header.Get("Authorization") == "Bearer "+p.key {
		return nil
	}
	if p.options.WrongKeyNotFound {
		a := p.Missing(r)
		return &a
	}
	a := laravel.Message(http.StatusUnauthorized, "Unauthenticated.")
	return &a
}

func (p *provider) Missing(*simulator.Request) simulator.Answer {
	return laravel.Message(http.StatusNotFound, "Page not found")
}

func (p *provider) Maintenance() simulator.Answer {
	return laravel.Message(http.StatusServiceUnavailable, "Service Unavailable")
}

// onPage lets only requests for a payment page that exists through.
func (p *provider) onPage(serve func(*simulator.Request) simulator.Answer) func(*simulator.Request) simulator.Answer {
	return func(r *simulator.Request) simulator.Answer {
		if p.options.Slug != "" && r.Vars["slug"] != p.options.Slug {
			return p.Missing(r)
		}
		return serve(r)
	}
}

// serveRates is the one call without credentials, and the one number with a decimal comma.
func (p *provider) serveRates(*simulator.Request) simulator.Answer {
	return simulator.JSON(http.StatusOK, map[string]string{"USDT_USD": "1,00"})
}

func (p *provider) serveStatuses(*simulator.Request) simulator.Answer {
	return simulator.JSON(http.StatusOK, map[string]any{"order_statuses": orderStatuses})
}

// serveExchangeRate is how many units of an external currency one USDT buys.
func (p *provider) serveExchangeRate(r *simulator.Request) simulator.Answer {
	ticker := strings.ToUpper(r.Vars["ticker"])
	price, ok := prices[ticker]
	if !ok || slices.Contains(coins, ticker) {
		return laravel.Message(http.StatusNotFound, "Currency not found")
	}
	return simulator.JSON(http.StatusOK, struct {
		Ticker string `json:"ticker"`
		Rate   string `json:"exchange_rate"`
	}{ticker, simulator.Amount("1").Div(simulator.Amount(price)).Round(10).Trim().String()})
}

func (p *provider) Fund(_, currency string, balance simulator.Money) error {
	if !slices.Contains(coins, currency) {
		return fmt.Errorf("%w currency %q: payplay has %s", simulator.ErrUnknown, currency, strings.Join(coins, ", "))
	}
	p.balances[currency] = balance
	return nil
}

// finer applies Options.Finer to an amount of a currency. Fiat currencies and coins have a precision alike.
func (p *provider) finer(sum simulator.Money, ticker string, errs *laravel.Errors) simulator.Money {
	places := currencyOf(ticker).Precision
	rounded := sum.RoundDown(int32(places)) //nolint:gosec // G115: a precision is a few digits
	if rounded.Cmp(sum) == 0 {
		return sum
	}
	switch p.options.Finer {
	case FinerRefused:
		errs.Add("amount", fmt.Sprintf("The amount must have at most %d decimal places.", places))
	case FinerRounded:
		return rounded
	}
	return sum
}

var externalIDForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,255}$`)

// readAmount takes an amount as a string or as a number.
func readAmount(raw json.RawMessage, errs *laravel.Errors) simulator.Money {
	text := string(raw)
	if text == "" || text == "null" {
		errs.Add("amount", "The amount field is required.")
		return simulator.Money{}
	}
	if unquoted, quoted := strings.CutPrefix(text, `"`); quoted {
		text = strings.TrimSuffix(unquoted, `"`)
	}
	sum, err := simulator.ParseMoney(text)
	switch {
	case err != nil:
		errs.Add("amount", "The amount must be a number.")
	case sum.Sign() <= 0:
		errs.Add("amount", "The amount must be greater than 0.")
	}
	return sum
}

//nolint:gochecknoglobals // a table
var statusMoves = map[string]string{
	"open": orderOpen, "pay": orderComplete, "underpay": orderPartial, "overpay": orderComplete,
	"decline": orderDeclined, "cancel": orderCanceled,
	// There is no status of its own for an order whose time ran out.
	"expire": orderDeclined,
}

func (p *provider) Events() []string {
	return []string{"open", "pay", "underpay", "overpay", simulator.PayLate, "decline", "cancel", "expire"}
}

func (p *provider) Drive(ref, event, sum string) error {
	if o := p.findOrder(ref); o != nil {
		return p.driveOrder(o, event, sum)
	}
	for _, w := range slices.Backward(p.withdrawals) {
		if ref == w.requestID || ref == w.entry.ID || ref == w.externalID {
			return p.driveWithdrawal(w, event)
		}
	}
	return fmt.Errorf("%w payment", simulator.ErrUnknown)
}

// report sends a webhook: the raw body signed by the token of the event's family.
func (p *provider) report(token, event, name string, value any) {
	if p.options.ShortEvents {
		event = strings.NewReplacer("completed", "complete", "cancelled", "canceled").Replace(event)
	}
	body, err := simulator.Marshal(map[string]any{name: value, "event_type": event})
	if err != nil {
		return
	}
	body = p.options.write(body)
	mac := hmac.New(sha256.New, []byte(token))
	mac.Write(body)
	p.Post(simulator.Delivery{
		Method: http.MethodPost, URL: p.Callback("").URL, Body: string(body), Tries: 2,
		Header: http.Header{"Content-Type": {"application/json"}, "Signature": {hex.EncodeToString(mac.Sum(nil))}},
	})
}

func (p *provider) reportOrder(o *order) {
	events := map[string]string{
		orderComplete: "order::completed", orderDeclined: "order::declined", orderCanceled: "order::canceled",
		orderPartial: "order::partially_fulfilled",
	}
	event, ok := events[o.Status]
	token := cmp.Or(p.Callback("").PageSecret, p.Callback("").Secret)
	if p.options.GeneralToken {
		token = p.Callback("").Secret
	}
	if ok {
		p.report(token, event, "order", o.view())
	}
}

func (p *provider) Page(path string) (simulator.PayerPage, bool) {
	id, ok := strings.CutPrefix(path, "/crypto-orders/")
	if !ok {
		id, ok = strings.CutPrefix(path, "/topup-orders/crypto/")
	}
	o := p.findOrder(id)
	if !ok || o == nil {
		return simulator.PayerPage{}, false
	}
	return simulator.PayerPage{Reference: o.ID, Amount: o.Value, Currency: o.Currency, Status: o.Status}, true
}
