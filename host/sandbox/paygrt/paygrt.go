// Package paygrt simulates api.paygrt.com: recharges of phones and bills, in INR. Everything is a string, HTTP is
// always 200, and "0" is success. Only Airtel (AT) succeeds, as in the provider's test environment.
//
// The document is silent on a second recharge under one api_ref_id: it is a second recharge, the worst case, unless
// Options.Unique refuses it.
package paygrt

import (
	"cmp"
	"fmt"
	"net/http"

	"payrouter/host/sandbox/simulator"
)

// provider is Paygrt: one merchant, its balance and its recharges.
type provider struct {
	*simulator.Backend
	key       string
	options   Options
	balance   simulator.Money
	recharges []*recharge
	nextTxn   int
}

type envelope struct {
	Message string `json:"message"`
	Data    any    `json:"data"`
	Status  string `json:"status"`
}

type operator struct {
	Name string `json:"operator_name"`
	Code string `json:"operator_code"`
	Type string `json:"type"`
}

// operators is the document's list.
//
//nolint:gochecknoglobals // a table
var operators = []operator{
	{"Home Credit", "HC", "Cash Drop"},
	{"Swiggy", "SW", "Cash Drop"},
	{"Bajaj Finserv", "BFC", "Cash Drop"},
	{"Airtel", "AT", "Mobile"},
	{"BSNL Special", "BS", "Mobile"},
	{"BSNL Top Up", "BT", "Mobile"},
	{"Idea", "ID", "Mobile"},
	{"MTNL Special", "MS", "Mobile"},
	{"MTNL Top Up", "TM", "Mobile"},
	{"Reliance Jio", "RJ", "Mobile"},
	{"Tata Docomo Special", "DS", "Mobile"},
	{"Tata Docomo Top Up", "DT", "Mobile"},
	{"Tata Indicom/ CDMA", "TI", "Mobile"},
	{"Uninor Special", "US", "Mobile"},
	{"Uninor Top Up", "UT", "Mobile"},
	{"Vodafone", "VF", "Mobile"},
	{"Airtel DTH", "AH", "DTH"},
	{"BIG TV", "BG", "DTH"},
	{"Dish TV", "DH", "DTH"},
	{"Sun Direct", "SD", "DTH"},
	{"Tata Sky", "TS", "DTH"},
	{"Videocon D2h", "VD", "DTH"},
}

// Options are what Paygrt does where its document leaves a choice.
type Options struct {
	// Merchant is the merchant that exists; empty means any.
	Merchant string `json:"merchant"`
	// Balance is the merchant's opening balance in INR; empty means 100000.
	Balance string `json:"balance"`
	// Immediate makes a recharge that will succeed do so in its first answer, instead of "Pending".
	Immediate bool `json:"immediate"`
	// AnyOperator lets recharges of all operators succeed, as outside of the provider's test environment.
	AnyOperator bool `json:"any_operator"`
	// NoData makes every failure one without data, as that of a wrong key is; the document's sample of a failed recharge
	// has data.
	NoData bool `json:"no_data"`
	// Unique refuses a second recharge under one api_ref_id, which the document calls unique.
	Unique bool `json:"unique"`
	// UTC counts txn_date in UTC; otherwise it is India's. The document names no zone.
	UTC bool `json:"utc"`
	// Echo is the api_ref_id with which status checks are answered; empty means that of the recharge. The document's
	// sample asks for 1120 and is answered about 12345.
	Echo string `json:"echo"`
	// Callback is how changes are reported. The document has the members in the query, and a method "VIEW".
	Callback Callback `json:"callback"`
}

// Callback is a method and a place for a callback's members.
type Callback string

// The readings of Callback. The zero value is CallbackGet.
const (
	// CallbackGet is a GET with the members in the query.
	CallbackGet Callback = ""
	// CallbackPost is a POST with the members in the query.
	CallbackPost Callback = "post"
	// CallbackForm is a POST with the members in a form.
	CallbackForm Callback = "form"
)

// UnmarshalText takes the readings that there are.
func (c *Callback) UnmarshalText(text []byte) error {
	switch read := Callback(text); read {
	case CallbackGet, CallbackPost, CallbackForm:
		*c = read
		return nil
	default:
		return fmt.Errorf(`callback %q is not "", "post" or "form"`, text)
	}
}

// New simulates Paygrt with one merchant, who has the given key. The error is a balance that is no amount.
func New(b *simulator.Backend, key string, o Options) (simulator.Provider, error) {
	balance, err := simulator.ParseMoney(cmp.Or(o.Balance, "100000"))
	if err != nil {
		return nil, fmt.Errorf("opening balance: %w", err)
	}
	return &provider{
		Backend: b,
		key:     key,
		options: o,
		balance: balance,
		nextTxn: b.IDs.First(5001234), // the document's example
	}, nil
}

func (p *provider) Options() any { return &p.options }

func (p *provider) Open(string) map[string]string {
	return map[string]string{"api_key": p.key}
}

func (p *provider) Routes() []simulator.Route {
	return []simulator.Route{
		{
			Operation: "balance", Method: http.MethodGet, Pattern: "/v1/merchants/{merchant}/balance",
			Serve: p.serveBalance,
		},
		{Operation: "operators", Method: http.MethodGet, Pattern: "/v1/operators/{merchant}", Serve: p.serveOperators},
		{
			Operation: "status", Method: http.MethodPost, Pattern: "/v1/recharges/status/{merchant}",
			Serve: p.serveStatus,
		},
		{Operation: "recharge", Method: http.MethodPost, Pattern: "/v1/recharges/{merchant}", Serve: p.serveRecharge},
	}
}

func envelopeAnswer(message, status string, data any) simulator.Answer {
	return simulator.JSON(http.StatusOK, envelope{message, data, status})
}

// Admit checks the key. How a bad one is answered is not documented; that HTTP is 200 and status "1" is.
func (p *provider) Admit(r *simulator.Request) *simulator.Answer {
	merchant := r.Vars["merchant"]
	if r.Header.Get("api-key") == p.key && (p.options.Merchant == "" || merchant == "" || merchant == p.options.Merchant) {
		return nil
	}
	a := envelopeAnswer("Invalid API Key", "1", nil)
	return &a
}

func (p *provider) Missing(*simulator.Request) simulator.Answer {
	return simulator.JSON(http.StatusNotFound,
		map[string]string{"Message": "No HTTP resource was found that matches the request URI."})
}

func (p *provider) Maintenance() simulator.Answer {
	return simulator.JSON(http.StatusServiceUnavailable, map[string]string{"Message": "Service Unavailable"})
}

func (p *provider) serveBalance(r *simulator.Request) simulator.Answer {
	return envelopeAnswer("Success", "0", struct {
		ID      string `json:"merchant_id"`
		Name    string `json:"merchant_name"`
		Balance string `json:"balance"`
	}{r.Vars["merchant"], "API Partner Demo", p.balance.Fixed(4)})
}

func (p *provider) serveOperators(*simulator.Request) simulator.Answer {
	return envelopeAnswer("Success", "0", operators)
}

func (p *provider) Fund(_, currency string, balance simulator.Money) error {
	if currency != "" && currency != "INR" {
		return fmt.Errorf("%w currency %q: paygrt has INR", simulator.ErrInvalid, currency)
	}
	p.balance = balance
	return nil
}

func (p *provider) Page(string) (simulator.PayerPage, bool) { return simulator.PayerPage{}, false }
