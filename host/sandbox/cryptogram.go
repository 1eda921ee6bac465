package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// cryptogram simulates cryptogram.vip: hosted crypto checkouts for a fiat amount. There is no reference of ours, no list
// and no cancel; the payer picks a wallet on the payment's page, and only then is there a transaction.
type cryptogram struct {
	*desk
	token    string
	limit    int
	window   time.Time // the minute that is being counted
	used     int
	payments []*checkout
	byID     map[string]*checkout
}

// checkout is a payment as the document shows it: the fields are in its order.
type checkout struct {
	ID          string       `json:"id"`
	Amount      phpNumber    `json:"amount"`
	Currency    string       `json:"currency"`
	Title       string       `json:"title"`
	Description string       `json:"description"`
	Redirect    string       `json:"redirect"`
	Message     string       `json:"message"`
	ExpiresAt   laravelTime  `json:"expires_at"`
	CreatedAt   laravelTime  `json:"created_at"`
	UpdatedAt   laravelTime  `json:"updated_at"`
	Wallets     []string     `json:"wallets"`
	URL         string       `json:"url"`
	Transaction *cryptoEntry `json:"transaction"`
}

// cryptoEntry is a payment's transaction: value and received in crypto, the prices in fiat.
type cryptoEntry struct {
	Wallet        string       `json:"wallet"`
	Currency      string       `json:"currency"`
	Status        string       `json:"status"`
	Value         phpNumber    `json:"value"`
	Price         phpNumber    `json:"price"`
	Received      phpNumber    `json:"received"`
	ReceivedPrice phpNumber    `json:"received_price"`
	Address       string       `json:"address"`
	CompletedAt   *laravelTime `json:"completed_at"`
	CanceledAt    *laravelTime `json:"canceled_at"`
	CreatedAt     laravelTime  `json:"created_at"`
	UpdatedAt     laravelTime  `json:"updated_at"`
}

// laravelTime is written in UTC with six decimals and a Z.
type laravelTime struct{ time.Time }

// MarshalJSON writes "2025-05-19T09:13:28.000000Z"; Laravel's columns hold whole seconds.
func (t laravelTime) MarshalJSON() ([]byte, error) {
	return []byte(strconv.Quote(t.UTC().Truncate(time.Second).Format("2006-01-02T15:04:05.000000Z"))), nil
}

// cryptogramPrices is what one coin costs in USD; cryptogramFiat what one unit of a currency is worth in USD.
//
//nolint:gochecknoglobals // tables
var (
	cryptogramPrices = map[string]money{"btc": amount("96250.5"), "eth": amount("2735.25"), "bnb": amount("666.68978")}
	cryptogramFiat   = map[string]money{
		"USD": amount("1"), "EUR": amount("1.0475"), "GBP": amount("1.2634"), "CHF": amount("1.1129"), "CAD": amount("0.7032"),
		"AUD": amount("0.6358"), "NGN": amount("0.000667"), "INR": amount("0.01155"), "AED": amount("0.27229"),
		"JPY": amount("0.0067"), "PLN": amount("0.2517"), "BRL": amount("0.1747"), "MXN": amount("0.0490"), "PHP": amount("0.01728"),
	}
)

// The transaction's statuses.
const (
	cryptogramPending   = "pending"
	cryptogramCompleted = "completed"
	cryptogramCanceled  = "canceled"
)

func newCryptogram(d *desk, o Options) *cryptogram {
	return &cryptogram{desk: d, token: o.Credentials.Cryptogram, limit: o.CryptogramLimit, byID: map[string]*checkout{}}
}

func (c *cryptogram) routes() []route {
	return []route{
		{operation: "create", method: http.MethodPost, pattern: "/api/v1/commerce-payments", serve: c.counted(c.serveCreate)},
		{operation: "get", method: http.MethodGet, pattern: "/api/v1/commerce-payments/{id}", serve: c.counted(c.serveGet)},
		{operation: "update", method: http.MethodPatch, pattern: "/api/v1/commerce-payments/{id}", serve: c.counted(c.serveUpdate)},
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
		return laravelMessage(http.StatusMethodNotAllowed, fmt.Sprintf("The %s method is not supported for route %s.", r.method, path))
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

func (c *cryptogram) serveCreate(r *request) answer {
	made, errs := c.read(r)
	if refusal := errs.answer(); refusal != nil {
		return *refusal
	}
	made.ID = c.ids.uuid()
	made.URL = r.base + "/payments/" + made.ID
	made.CreatedAt, made.UpdatedAt = laravelTime{r.now}, laravelTime{r.now}
	c.payments = append(c.payments, made)
	c.byID[made.ID] = made
	c.book(Booking{
		Operation: "create", Reference: made.Redirect, ProviderReference: made.ID,
		Amount: made.Amount.String(), Currency: made.Currency, Status: "created",
	})
	return jsonAnswer(http.StatusCreated, made)
}

// read checks a create's fields, all of which are required.
func (c *cryptogram) read(r *request) (*checkout, *fieldErrors) {
	var in map[string]json.RawMessage
	_ = json.Unmarshal(r.body, &in) // what is no JSON object has no fields
	errs := &fieldErrors{}
	made := &checkout{
		Amount:      phpNumber{laravelNumber(in, "amount", errs)},
		Currency:    laravelString(in, "currency", errs),
		Wallets:     cryptogramWallets(in, errs),
		Title:       laravelString(in, "title", errs),
		Description: laravelString(in, "description", errs),
		Redirect:    laravelString(in, "redirect", errs),
		Message:     laravelString(in, "message", errs),
	}
	checkURL(made.Redirect, "redirect", errs)
	if _, ok := cryptogramFiat[made.Currency]; made.Currency != "" && !ok {
		errs.add("currency", "The selected currency is invalid.")
	}
	if text := laravelString(in, "expires_at", errs); text != "" {
		expires, ok := laravelDate(text)
		switch {
		case !ok:
			errs.add("expires_at", "The expires at field must be a valid date.")
		case !expires.After(r.now):
			errs.add("expires_at", "The expires at field must be a date after now.")
		}
		made.ExpiresAt = laravelTime{expires}
	}
	return made, errs
}

func checkURL(text, field string, errs *fieldErrors) {
	if text != "" && !strings.HasPrefix(text, "https://") && !strings.HasPrefix(text, "http://") {
		errs.add(field, fmt.Sprintf("The %s field must be a valid URL.", field))
	}
}

func laravelString(in map[string]json.RawMessage, field string, errs *fieldErrors) string {
	label := strings.ReplaceAll(field, "_", " ")
	raw, ok := in[field]
	if !ok || string(raw) == "null" || string(raw) == `""` {
		errs.add(field, fmt.Sprintf("The %s field is required.", label))
		return ""
	}
	var text string
	if json.Unmarshal(raw, &text) != nil {
		errs.add(field, fmt.Sprintf("The %s field must be a string.", label))
	}
	return text
}

func laravelNumber(in map[string]json.RawMessage, field string, errs *fieldErrors) money {
	raw, ok := in[field]
	if !ok || string(raw) == "null" {
		errs.add(field, fmt.Sprintf("The %s field is required.", field))
		return money{}
	}
	var m money
	if json.Unmarshal(raw, &m) != nil {
		errs.add(field, fmt.Sprintf("The %s field must be a number.", field))
		return money{}
	}
	if m.sign() <= 0 {
		errs.add(field, fmt.Sprintf("The %s field must be greater than 0.", field))
	}
	return m
}

// laravelDate reads the forms in which a date comes in; one without a zone is UTC.
func laravelDate(text string) (time.Time, bool) {
	for _, layout := range []string{"2006-01-02T15:04:05", time.DateTime, time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

func cryptogramWallets(in map[string]json.RawMessage, errs *fieldErrors) []string {
	raw, ok := in["wallets"]
	var wallets []string
	switch {
	case !ok || string(raw) == "null" || string(raw) == "[]":
		errs.add("wallets", "The wallets field is required.")
	case json.Unmarshal(raw, &wallets) != nil:
		errs.add("wallets", "The wallets field must be an array.")
	}
	for i, wallet := range wallets {
		if _, known := cryptogramPrices[wallet]; !known {
			errs.add(fmt.Sprintf("wallets.%d", i), fmt.Sprintf("The selected wallets.%d is invalid.", i))
		}
	}
	return wallets
}

func (c *cryptogram) serveGet(r *request) answer {
	if found := c.byID[r.vars["id"]]; found != nil {
		return jsonAnswer(http.StatusOK, found)
	}
	return c.notFound(r)
}

func (c *cryptogram) notFound(r *request) answer {
	return laravelMessage(http.StatusNotFound, fmt.Sprintf(`No query results for model [App\Models\CommercePayment] %s`, r.vars["id"]))
}

// serveUpdate changes the four texts that the document lets one change, and nothing else.
func (c *cryptogram) serveUpdate(r *request) answer {
	found := c.byID[r.vars["id"]]
	if found == nil {
		return c.notFound(r)
	}
	var in map[string]json.RawMessage
	_ = json.Unmarshal(r.body, &in)
	errs := &fieldErrors{}
	texts := map[string]*string{
		"title": &found.Title, "description": &found.Description, "redirect": &found.Redirect, "message": &found.Message,
	}
	given := map[string]string{}
	for _, field := range []string{"title", "description", "redirect", "message"} {
		if _, ok := in[field]; ok {
			given[field] = laravelString(in, field, errs)
		}
	}
	checkURL(given["redirect"], "redirect", errs)
	if refusal := errs.answer(); refusal != nil {
		return *refusal
	}
	for field, text := range given {
		*texts[field] = text
	}
	found.UpdatedAt = laravelTime{r.now}
	return jsonAnswer(http.StatusOK, found)
}

func (c *cryptogram) events() []string {
	return []string{"pick", "pay", "underpay", "overpay", "cancel", "expire"}
}

func (c *cryptogram) drive(ref, event, sum string) error {
	found := c.find(ref)
	if found == nil {
		return fmt.Errorf("%w payment", ErrUnknown)
	}
	now := laravelTime{c.now()}
	if event == "expire" {
		found.ExpiresAt = laravelTime{now.Add(-time.Second)}
		return nil // nobody is told: the payment's own date says it
	}
	if found.Transaction != nil && found.Transaction.Status == cryptogramCompleted {
		return fmt.Errorf("%w: it is paid already", ErrRefused)
	}
	t := found.Transaction
	if t == nil {
		t = c.transaction(found, found.Wallets[0], now)
	}
	if err := c.receive(t, event, sum); err != nil {
		return err
	}
	t.UpdatedAt = now
	found.Transaction = t
	c.settle(found.ID, found.Transaction.Status, found.Transaction.Received.sign() > 0)
	c.report(found)
	return nil
}

// find takes the payment's id, or a token of ours in its redirect URL.
func (c *cryptogram) find(ref string) *checkout {
	if found := c.byID[ref]; found != nil {
		return found
	}
	for _, p := range slices.Backward(c.payments) {
		if len(ref) > 5 && strings.Contains(p.Redirect, ref) {
			return p
		}
	}
	return nil
}

func (c *cryptogram) transaction(p *checkout, wallet string, now laravelTime) *cryptoEntry {
	usd := p.Amount.mul(cryptogramFiat[p.Currency])
	return &cryptoEntry{
		Wallet:    wallet,
		Currency:  p.Currency,
		Status:    cryptogramPending,
		Value:     phpNumber{usd.div(cryptogramPrices[wallet]).roundUp(8)},
		Price:     p.Amount,
		Address:   cryptoAddress(wallet, c.ids),
		CreatedAt: now,
	}
}

// cryptoAddress has the form of an address, and belongs to nobody.
func cryptoAddress(wallet string, draw *ids) string {
	if wallet == "btc" {
		return "bc1q" + draw.hex(19)
	}
	return "0x" + draw.hex(20)
}

// receive lets coins arrive: all, part, more than all, or, without sum, half or a tenth more.
func (c *cryptogram) receive(t *cryptoEntry, event, sum string) error {
	received := t.Value.money
	switch event {
	case "pick":
		return nil
	case "cancel":
		t.Status = cryptogramCanceled
		t.CanceledAt = &laravelTime{c.now()}
		return nil
	case "underpay":
		received = received.mul(amount("0.5")).roundDown(8)
	case "overpay":
		received = received.mul(amount("1.1")).roundUp(8)
	}
	received, err := controlAmount(sum, received)
	if err != nil {
		return err
	}
	t.Received = phpNumber{received}
	t.ReceivedPrice = phpNumber{received.div(t.Value.money).mul(t.Price.money).round(2)}
	t.Status, t.CompletedAt, t.CanceledAt = cryptogramPending, nil, nil
	if received.cmp(t.Value.money) >= 0 {
		t.Status = cryptogramCompleted
		t.CompletedAt = &laravelTime{c.now()}
	}
	return nil
}

// report sends the notification that names the payment and says nothing else.
func (c *cryptogram) report(p *checkout) {
	body, err := marshal(struct {
		Resource string `json:"resource"`
		ID       string `json:"id"`
	}{"CommercePayment", p.ID})
	if err != nil {
		return
	}
	c.courier.post(delivery{
		provider: Cryptogram, method: http.MethodPost, url: c.callback.URL, body: string(body), tries: 2,
		header: http.Header{"Content-Type": {"application/json"}},
	})
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
