package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"payrouter/host/sandbox"
	"payrouter/test/process"
)

// clients are the merchants' services: they place orders, time out, hang up, repeat requests, and record every answer.
type clients struct {
	url      string
	payers   *payers
	settings Settings
	dice     *rand.Rand
	http     *http.Client

	talks   []*talk
	running sync.WaitGroup
	done    atomic.Int64
	begun   atomic.Int64

	mutex   sync.Mutex // guards what follows
	answers map[string]int
	// longest is how long a key was answered 409 on end.
	longest time.Duration
}

// talk is the exchange of requests and answers about one order.
type talk struct {
	key  string
	body string
	dice *rand.Rand

	mutex sync.Mutex // guards what follows
	view  ClientView
	// first is a hash of the answer that was no repetition; 0 while there is none.
	first uint64
	// version is the newest that an answer to a request of its own showed.
	version int64
	status  string
	// provider is the account that the newest answer named.
	provider string
	// rewound: a lost tail of the journal knew more of it; lost: the journal does not know it any more.
	rewound, lost bool
}

// atOnce bounds how many orders are talked about at the same time.
const atOnce = 400

func newClients(url string, payers *payers, settings Settings, dice *rand.Rand) *clients {
	c := &clients{
		url: url, payers: payers, settings: settings, dice: dice, answers: map[string]int{},
		http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Second}},
	}
	for n := range settings.Payments {
		dice := rand.New(rand.NewPCG(settings.Seed, 1<<32+uint64(n)))
		reference := fmt.Sprintf("order-%d", n)
		c.talks = append(c.talks,
			&talk{
				key: fmt.Sprintf("%q", reference+"-try-1"), body: orderBody(reference, dice), dice: dice,
				view: ClientView{Order: reference},
			})
	}
	return c
}

// orderBody draws an order. Every kind and every provider has its share.
func orderBody(reference string, dice *rand.Rand) string {
	amount := fmt.Sprintf("%d.%02d", 10+dice.IntN(400), dice.IntN(100))
	order := map[string]any{
		"amount": amount, "currency": "EUR", "country": "DE", "reference": reference, "description": "A thing",
		"return_url": "https://shop.example/thanks/" + reference + "/",
		"payer":      map[string]string{"email": "payer@shop.example", "name": "Pat Payer"},
	}
	switch drawn := dice.IntN(100); {
	case drawn < 50:
	case drawn < 62:
		order["currency"], order["country"] = "PHP", "PH"
	case drawn < 78:
		order["currency"] = "USDT"
	case drawn < 92:
		order["kind"], order["currency"], order["country"] = "recharge", "INR", "IN"
		order["destination"] = map[string]string{
			"operator": "AT",
			"number":   fmt.Sprintf("9%09d", dice.IntN(1_000_000_000)),
		}
	default:
		order["kind"], order["currency"] = "payout", "USDT"
		order["destination"] = map[string]string{"address": "TMadeUpAddressOfNobody0000000000001", "network": "TRC20"}
	}
	text, _ := json.Marshal(order) //nolint:errchkjson // strings alone
	return string(text)
}

// place begins every order, at the run's rate.
func (c *clients) place(ctx context.Context) {
	places := make(chan struct{}, atOnce)
	began := time.Now()
	for n, t := range c.talks {
		due := began.Add(time.Duration(float64(n) / c.settings.Rate * float64(time.Second)))
		if wait := time.Until(due); wait > 0 && !process.Wait(ctx, wait) {
			return
		}
		places <- struct{}{}
		c.begun.Add(1)
		c.running.Go(func() {
			defer func() { <-places }()
			c.talk(ctx, t)
		})
	}
}

func (c *clients) wait()         { c.running.Wait() }
func (c *clients) answered() int { return int(c.done.Load()) }
func (c *clients) underway() int { return int(c.begun.Load() - c.done.Load()) }

// talk is one order from its first request to its client's last question.
func (c *clients) talk(ctx context.Context, t *talk) {
	defer c.done.Add(1)
	if !c.order(ctx, t) {
		return
	}
	if t.dice.IntN(100) < 20 && process.Wait(ctx, time.Duration(t.dice.IntN(1500))*time.Millisecond) {
		c.order(ctx, t)
	}
	if t.dice.IntN(100) < 3 {
		c.cheat(ctx, t)
	}
	c.act(ctx, t)
	for range t.dice.IntN(4) {
		if !process.Wait(ctx, time.Duration(t.dice.IntN(1500))*time.Millisecond) {
			return
		}
		c.ask(ctx, t, t.dice.IntN(2) == 0)
	}
}

// order sends the order until an answer shows the payment. Sometimes it sends several requests at once.
func (c *clients) order(ctx context.Context, t *talk) bool {
	var refusedSince time.Time
	for ctx.Err() == nil && !t.isLost() {
		copies := 1
		if t.dice.IntN(100) < 12 {
			copies += 1 + t.dice.IntN(3)
		}
		answers := make(chan said, copies)
		for range copies {
			timeout := 6 * time.Second
			if t.dice.IntN(10) == 0 {
				timeout = time.Duration(1+t.dice.IntN(60)) * time.Millisecond
			}
			go func() { answers <- c.create(ctx, t, timeout) }()
		}
		last := said{}
		for range copies {
			if one := <-answers; one.rank() > last.rank() {
				last = one
			}
		}
		switch {
		case last.payment != nil:
			c.inFlight(refusedSince)
			return true
		case last.status == http.StatusConflict:
			if refusedSince.IsZero() {
				refusedSince = time.Now()
			}
		case last.status == http.StatusUnprocessableEntity || last.status == http.StatusBadRequest:
			t.complain("an order that is in order was answered %d: %.200s", last.status, last.body)
			return false
		}
		if !process.Wait(ctx, time.Duration(30+t.dice.IntN(200))*time.Millisecond) {
			return false
		}
	}
	return false
}

func (c *clients) inFlight(since time.Time) {
	if since.IsZero() {
		return
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.longest = max(c.longest, time.Since(since))
}

// said is an answer; status 0 means none.
type said struct {
	// err is why there is none.
	err      error
	status   int
	body     []byte
	payment  *shownPayment
	replayed bool
}

func (s said) rank() int {
	switch {
	case s.payment != nil:
		return 3
	case s.status == http.StatusConflict:
		return 2
	case s.status != 0:
		return 1
	}
	return 0
}

// shownPayment is a payment as answers show it.
type shownPayment struct {
	Entry

	Version    int64     `json:"version"`
	UpdatedAt  time.Time `json:"updated_at"`
	NextAction *struct {
		Type string `json:"type"`
	} `json:"next_action"`
}

// create sends the order once.
func (c *clients) create(ctx context.Context, t *talk, timeout time.Duration) said {
	t.mutex.Lock()
	first := t.first
	t.mutex.Unlock()
	answer := c.send(ctx, http.MethodPost, "/v1/payments", t.key, t.body, timeout)
	if answer.status != http.StatusCreated && answer.status != http.StatusAccepted {
		return answer
	}
	answer.payment = t.hear(answer.body)
	if answer.payment == nil {
		return answer
	}
	c.offer(t, answer.payment)
	if answer.status == http.StatusCreated {
		t.compare(first, answer)
	}
	return answer
}

// compare checks that a repetition's answer equals the first. first is the hash of the first answer as it was known
// when the request left; 0 if there was none.
func (t *talk) compare(first uint64, answer said) {
	sum := hashOf(answer.body)
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if t.rewound {
		return // the key may be answered anew
	}
	switch {
	case !answer.replayed && t.first != 0 && t.first != sum:
		t.view.Complaints = append(t.view.Complaints, "two answers to one key are both marked as the first")
	case !answer.replayed:
		t.first = sum
	case first != 0 && first != sum:
		t.view.Complaints = append(t.view.Complaints, "a repetition was answered otherwise than the first request")
	}
}

func hashOf(body []byte) uint64 {
	sum := fnv.New64a()
	_, _ = sum.Write(body)
	return sum.Sum64()
}

// cheat sends another order under the same key: it must be refused.
func (c *clients) cheat(ctx context.Context, t *talk) {
	if t.isLost() {
		return
	}
	other := strings.Replace(t.body, `"A thing"`, `"Another thing"`, 1)
	if answer := c.send(ctx, http.MethodPost, "/v1/payments", t.key, other,
		6*time.Second); answer.status == http.StatusCreated || answer.status == http.StatusAccepted {
		t.complain("another order under the same key was answered %d", answer.status)
	}
}

// actShares are how many payments of a hundred are canceled, or paid from the shop's own balance, by their provider.
// Not every provider can.
//
//nolint:gochecknoglobals // a table
var actShares = map[string]struct{ cancel, confirm int }{
	sandbox.PayGram: {0, 40}, sandbox.Exchanger: {40, 0}, sandbox.Cryptogram: {4, 0}, sandbox.PayPlay: {4, 0},
}

// act has some payments canceled, or paid from the shop's own balance.
func (c *clients) act(ctx context.Context, t *talk) {
	t.mutex.Lock()
	id, shares, lost := t.view.IDs[0], actShares[SiteOf(t.provider)], t.lost
	t.mutex.Unlock()
	if lost {
		return
	}
	what, body := "cancel", ""
	switch drawn := t.dice.IntN(100); {
	case drawn < shares.cancel:
	case drawn < shares.cancel+shares.confirm:
		what, body = "confirm", `{"operation":"PayInvoice","input":{"user_cli_id":"shop-eu"}}`
	default:
		return
	}
	for range actTries {
		answer := c.send(ctx, http.MethodPost, "/v1/payments/"+id+"/"+what, "", body, 6*time.Second)
		if answer.status == http.StatusOK {
			if shown := t.hear(answer.body); shown != nil {
				c.offer(t, shown)
			}
			return
		}
		if t.isLost() || !process.Wait(ctx, time.Duration(50+t.dice.IntN(400))*time.Millisecond) {
			return
		}
	}
}

// actTries is how often a client tries an act that is not answered, or cannot be done now.
const actTries = 5

// ask reads the payment, or has its provider asked.
func (c *clients) ask(ctx context.Context, t *talk, refresh bool) {
	t.mutex.Lock()
	id, over, version, lost := t.view.IDs[0], terminal(t.status), t.version, t.lost
	t.mutex.Unlock()
	if lost {
		return
	}
	method, path := http.MethodGet, "/v1/payments/"+id
	if refresh && !over {
		method, path = http.MethodPost, path+"/refresh"
	}
	answer := c.send(ctx, method, path, "", "", 6*time.Second)
	if answer.status == http.StatusNotFound && !t.isLost() {
		t.complain("the payment %s was answered 404", id)
	}
	if answer.status != http.StatusOK {
		return
	}
	shown := t.hear(answer.body)
	if shown == nil {
		return
	}
	if shown.Version < version && !t.isRewound() {
		t.complain("version %d was shown after version %d", shown.Version, version)
	}
	c.offer(t, shown)
}

// hear records an answer that shows the payment.
func (t *talk) hear(body []byte) *shownPayment {
	var shown shownPayment
	if err := json.Unmarshal(body, &shown); err != nil || shown.ID == "" {
		t.complain("an answer cannot be read: %.200s", body)
		return nil
	}
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if !slices.Contains(t.view.IDs, shown.ID) {
		t.view.IDs = append(t.view.IDs, shown.ID)
	}
	if terminal(shown.Status) && !slices.Contains(t.view.Final, shown.Status) {
		t.view.Final = append(t.view.Final, shown.Status)
	}
	if shown.Version > t.version {
		t.version, t.status, t.provider = shown.Version, shown.Status, shown.Provider
	}
	return &shown
}

// offer shows the payer what is to be paid.
func (c *clients) offer(t *talk, shown *shownPayment) {
	if shown.NextAction == nil || shown.ProviderReference == "" {
		return
	}
	site := SiteOf(shown.Provider)
	offer := site + " " + shown.ProviderReference
	t.mutex.Lock()
	if !slices.Contains(t.view.Offers, offer) {
		t.view.Offers = append(t.view.Offers, offer)
	}
	t.mutex.Unlock()
	c.payers.offered(site, shown.ProviderReference)
}

func (t *talk) isRewound() bool {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return t.rewound
}

func (t *talk) complain(format string, args ...any) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.view.Complaints = append(t.view.Complaints, fmt.Sprintf(format, args...))
}

// send makes one request. What has no answer has status 0.
func (c *clients) send(ctx context.Context, method, path, key, body string, timeout time.Duration) said {
	within, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(within, method, c.url+path, strings.NewReader(body))
	if err != nil {
		return said{err: err}
	}
	if key != "" {
		request.Header.Set("Idempotency-Key", key)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := c.http.Do(request)
	if err != nil {
		c.count("no answer")
		return said{err: err}
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		c.count("half an answer")
		return said{err: err}
	}
	c.count(strconv.Itoa(response.StatusCode))
	return said{
		status: response.StatusCode, body: text,
		replayed: response.Header.Get("Idempotency-Replayed") == "true",
	}
}

func (c *clients) count(answer string) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.answers[answer]++
}

// ledger returns all views.
func (c *clients) ledger() []ClientView {
	var all []ClientView
	for _, t := range c.talks {
		t.mutex.Lock()
		all = append(all, t.view)
		t.mutex.Unlock()
	}
	return all
}

func terminal(status string) bool {
	return slices.Contains([]string{"succeeded", "failed", "canceled", "expired"}, status)
}

// SiteOf is the provider of an account in routing.yaml.
func SiteOf(account string) string {
	if account == "paygram-eu" {
		return sandbox.PayGram
	}
	return account
}
