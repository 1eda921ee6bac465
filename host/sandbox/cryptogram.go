package sandbox

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// cryptogram simulates cryptogram.vip: hosted crypto checkouts for a fiat amount. There is no reference of ours, no
// list and no cancel; the payer picks a wallet on the payment's page, and only then is there a transaction.
type cryptogram struct {
	*desk
	token    string
	limit    int
	window   time.Time // the minute that is being counted
	used     int
	payments []*checkout
	byID     map[string]*checkout
}

func newCryptogram(d *desk, o Options) *cryptogram {
	return &cryptogram{desk: d, token: o.Credentials.Cryptogram, limit: o.CryptogramLimit, byID: map[string]*checkout{}}
}

func (c *cryptogram) open(string) map[string]string {
	return map[string]string{"token": c.token}
}

func (c *cryptogram) routes() []route {
	return []route{
		{
			operation: "create", method: http.MethodPost, pattern: "/api/v1/commerce-payments",
			serve: c.counted(c.serveCreate),
		},
		{
			operation: "get", method: http.MethodGet, pattern: "/api/v1/commerce-payments/{id}",
			serve: c.counted(c.serveGet),
		},
		{
			operation: "update", method: http.MethodPatch, pattern: "/api/v1/commerce-payments/{id}",
			serve: c.counted(c.serveUpdate),
		},
	}
}

func (c *cryptogram) admit(r *request) *answer {
	if r.header.Get("Authorization") == "Bearer "+c.token {
		return nil
	}
	a := laravelMessage(http.StatusUnauthorized, "Unauthenticated.")
	return &a
}

func (c *cryptogram) missing(r *request) answer {
	path := strings.Join(r.path, "/")
	if strings.HasPrefix(path, "api/v1/commerce-payments") && len(r.path) <= 4 {
		return laravelMessage(http.StatusMethodNotAllowed,
			fmt.Sprintf("The %s method is not supported for route %s.", r.method, path))
	}
	return laravelMessage(http.StatusNotFound, fmt.Sprintf("The route %s could not be found.", path))
}

func (c *cryptogram) maintenance() answer {
	return laravelMessage(http.StatusServiceUnavailable, "Service Unavailable")
}

// counted adds the rate limit's headers, and holds callers to the limit if there is one.
func (c *cryptogram) counted(serve func(*request) answer) func(*request) answer {
	return func(r *request) answer {
		if minute := r.now.Truncate(time.Minute); !minute.Equal(c.window) {
			c.window, c.used = minute, 0
		}
		c.used++
		limit := c.limit
		if limit == 0 {
			limit = 1000
		}
		var a answer
		if c.limit > 0 && c.used > c.limit {
			a = laravelMessage(http.StatusTooManyRequests, "Too Many Attempts.")
			left := c.window.Add(time.Minute).Sub(r.now)
			a.header.Set("Retry-After", strconv.Itoa(int((left+time.Second-1)/time.Second)))
		} else {
			a = serve(r)
		}
		// As the provider spells them, which is not how Go would.
		a.header["X-RateLimit-Limit"] = []string{strconv.Itoa(limit)}
		a.header["X-RateLimit-Remaining"] = []string{strconv.Itoa(max(limit-c.used, 0))}
		a.header.Set("Cache-Control", "no-cache, private")
		return a
	}
}

func (c *cryptogram) fund(string, string, money) error {
	return fmt.Errorf("%w balance: cryptogram shows none", ErrUnknown)
}

func (c *cryptogram) page(path string) (payerPage, bool) {
	id, ok := strings.CutPrefix(path, "/payments/")
	p := c.byID[id]
	if !ok || p == nil {
		return payerPage{}, false
	}
	status := "waiting for a wallet"
	if p.Transaction != nil {
		status = p.Transaction.Status
	}
	return payerPage{Reference: p.ID, Amount: p.Amount.String(), Currency: p.Currency, Status: status}, true
}
