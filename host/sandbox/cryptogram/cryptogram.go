// Package cryptogram simulates cryptogram.vip: hosted crypto checkouts for a fiat amount. There is no reference of
// ours, no list and no cancel; the payer picks a wallet on the payment's page, and only then is there a transaction.
package cryptogram

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"payrouter/host/sandbox/laravel"
	"payrouter/host/sandbox/simulator"
)

// provider is Cryptogram: one account, its payments, and its rate limit.
type provider struct {
	*simulator.Backend
	token    string
	options  Options
	window   time.Time // the minute that is being counted
	used     int
	payments []*checkout
	byID     map[string]*checkout
}

// Options are what Cryptogram does where its document leaves a choice.
type Options struct {
	// Limit is how many requests a minute are taken before one is answered 429; 0 means any number, while the headers
	// still speak of 1000.
	Limit int `json:"limit"`
	// Unpaid is how a transaction shows that nothing has been received: the document has a completed one alone.
	Unpaid Unpaid `json:"unpaid"`
	// Tails writes numbers with the 17 digits of their doubles, as PHP does with serialize_precision = 17.
	Tails bool `json:"tails"`
	// TransactionCurrency is what a transaction has for its currency; empty means its payment's own, as in the
	// document's sample. The field list does not have it.
	TransactionCurrency string `json:"transaction_currency"`
	// NoCanceledAt leaves out canceled_at, which the document's sample has and its field list has not.
	NoCanceledAt bool `json:"no_canceled_at"`
	// Resource is what a notification has beside the id; empty means "CommercePayment", as in the document's sample.
	Resource string `json:"resource"`
	// IDAlone leaves the resource out, as the document's prose has it: "the body will only contain the id".
	IDAlone bool `json:"id_alone"`
}

// Unpaid is what received, received_price and address are before anything has been received.
type Unpaid string

// The readings of Unpaid. The zero value is UnpaidZero.
const (
	// UnpaidZero is 0, with an address.
	UnpaidZero Unpaid = ""
	// UnpaidNull is null, the address too.
	UnpaidNull Unpaid = "null"
	// UnpaidMissing is nothing: none of the three is there.
	UnpaidMissing Unpaid = "missing"
)

// UnmarshalText takes the readings that there are.
func (u *Unpaid) UnmarshalText(text []byte) error {
	switch read := Unpaid(text); read {
	case UnpaidZero, UnpaidNull, UnpaidMissing:
		*u = read
		return nil
	default:
		return fmt.Errorf(`unpaid %q is not "", "null" or "missing"`, text)
	}
}

// New simulates Cryptogram with one account, which has the given token.
func New(b *simulator.Backend, token string, o Options) simulator.Provider {
	return &provider{Backend: b, token: token, options: o, byID: map[string]*checkout{}}
}

func (c *provider) Options() any { return &c.options }

func (c *provider) Open(string) map[string]string {
	return map[string]string{"token": c.token}
}

func (c *provider) Routes() []simulator.Route {
	return []simulator.Route{
		{
			Operation: "create", Method: http.MethodPost, Pattern: "/api/v1/commerce-payments",
			Serve: c.counted(c.serveCreate),
		},
		{
			Operation: "get", Method: http.MethodGet, Pattern: "/api/v1/commerce-payments/{id}",
			Serve: c.counted(c.serveGet),
		},
		{
			Operation: "update", Method: http.MethodPatch, Pattern: "/api/v1/commerce-payments/{id}",
			Serve: c.counted(c.serveUpdate),
		},
	}
}

func (c *provider) Admit(r *simulator.Request) *simulator.Answer {
	if r.Header.Get("Authorization") == "Bearer "+c.token {
		return nil
	}
	a := laravel.Message(http.StatusUnauthorized, "Unauthenticated.")
	return &a
}

func (c *provider) Missing(r *simulator.Request) simulator.Answer {
	path := strings.Join(r.Path, "/")
	if strings.HasPrefix(path, "api/v1/commerce-payments") && len(r.Path) <= 4 {
		return laravel.Message(http.StatusMethodNotAllowed,
			fmt.Sprintf("The %s method is not supported for route %s.", r.Method, path))
	}
	return laravel.Message(http.StatusNotFound, fmt.Sprintf("The route %s could not be found.", path))
}

func (c *provider) Maintenance() simulator.Answer {
	return laravel.Message(http.StatusServiceUnavailable, "Service Unavailable")
}

// counted adds the rate limit's headers, and holds callers to the limit if there is one.
func (c *provider) counted(serve func(*simulator.Request) simulator.Answer) func(*simulator.Request) simulator.Answer {
	return func(r *simulator.Request) simulator.Answer {
		if minute := r.Now.Truncate(time.Minute); !minute.Equal(c.window) {
			c.window, c.used = minute, 0
		}
		c.used++
		limit := c.options.Limit
		if limit == 0 {
			limit = 1000
		}
		var a simulator.Answer
		if c.options.Limit > 0 && c.used > c.options.Limit {
			a = laravel.Message(http.StatusTooManyRequests, "Too Many Attempts.")
			left := c.window.Add(time.Minute).Sub(r.Now)
			a.Header.Set("Retry-After", strconv.Itoa(int((left+time.Second-1)/time.Second)))
		} else {
			a = serve(r)
		}
		// As the provider spells them, which is not how Go would.
		a.Header["X-RateLimit-Limit"] = []string{strconv.Itoa(limit)}
		a.Header["X-RateLimit-Remaining"] = []string{strconv.Itoa(max(limit-c.used, 0))}
		a.Header.Set("Cache-Control", "no-cache, private")
		return a
	}
}

func (c *provider) Fund(string, string, simulator.Money) error {
	return fmt.Errorf("%w balance: cryptogram shows none", simulator.ErrUnknown)
}

func (c *provider) Page(path string) (simulator.PayerPage, bool) {
	id, ok := strings.CutPrefix(path, "/payments/")
	p := c.byID[id]
	if !ok || p == nil {
		return simulator.PayerPage{}, false
	}
	status := "waiting for a wallet"
	if p.paying != nil {
		status = p.paying.status
	}
	return simulator.PayerPage{Reference: p.ID, Amount: p.Amount.String(), Currency: p.Currency, Status: status}, true
}
