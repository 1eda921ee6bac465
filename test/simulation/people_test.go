package simulation

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"time"

	"payrouter/host/sandbox"
	"payrouter/test/chaos"
)

// people are the merchants' clients, the payers, and attackers. All of it belongs to the scheduler's goroutine.
type people struct {
	w      *world
	orders []*order
	// planned are the bookings whose payers know already what they will do, by site and reference.
	planned map[string]bool
	// ended are the bookings that were ended without money, and not by the router.
	ended map[string]bool
	// driven are those whose last event has come.
	driven     map[string]bool
	deliveries []*delivery
	requests   int
}

// order is one order of a client, with all answers about it.
type order struct {
	reference, key, body string
	view                 chaos.ClientView
	// id is the payment's, as soon as any answer has named it, be it a problem.
	id string
	// first is the answer that was no repetition.
	first []byte
	// answered: an answer has shown the payment.
	answered bool
	// judged: people are to decide on its approval.
	judged bool
	// busy counts requests without an answer.
	busy int
}

// The faults of clients, payers and strangers.
const (
	concurrent    = "concurrent requests with one key"
	repeated      = "request repeated after its answer"
	otherBody     = "same key, other body"
	hungUp        = "client hangs up"
	paidLate      = "paid after failed or expired"
	early         = "callback before response"
	twice         = "callback twice"
	contradicting = "contradicting callbacks"
	forged        = "forged callback"
	lostCallback  = "callback that nobody takes"
	clockForward  = "clock jumps forward"
	clockBack     = "clock jumps back"
	swapped       = "plugin swapped in the middle of a flow"
	insisting     = "callback 19 times more, byte for byte"
	daysForward   = "clock days ahead"
	daysBack      = "clock days behind"
	approved      = "approved"
	rejected      = "rejected while it may be approved"
	unapproved    = "nobody approves it"
)

func newPeople(w *world) *people {
	return &people{w: w, planned: map[string]bool{}, ended: map[string]bool{}, driven: map[string]bool{}}
}

// place plans what clients do.
func (p *people) place(count int, within time.Duration) {
	w := p.w
	for n := range count {
		reference := fmt.Sprintf("order-%d", n)
		o := &order{
			reference: reference, key: reference + "-try-1", body: p.body(reference),
			view: chaos.ClientView{Order: reference},
		}
		p.orders = append(p.orders, o)
		at := w.between(0, within)
		w.plan(at, reference+" is placed", func() { p.create(o) })
		if w.chance(40) {
			for copy := range 1 + w.dice.IntN(3) {
				w.plan(at+w.between(0, 500*time.Millisecond), fmt.Sprintf("%s is placed again (%d)", reference, copy),
					func() { p.create(o) })
			}
		}
		for look := range w.dice.IntN(5) {
			w.plan(at+w.between(time.Second, 70*time.Second), fmt.Sprintf("%s is asked for (%d)", reference, look),
				func() { p.ask(o) })
		}
		if w.chance(30) {
			w.plan(at+w.between(2*time.Second, 70*time.Second), reference+" is placed once more",
				func() { p.create(o) })
		}
		if w.chance(30) {
			w.plan(at+w.between(2*time.Second, 60*time.Second), reference+" is placed with another body",
				func() { p.cheat(o) })
		}
		if w.chance(15) {
			w.plan(at+w.between(5*time.Second, 60*time.Second), reference+" is to be canceled",
				func() { p.act(o, "cancel", "") })
		}
		if w.chance(25) {
			w.plan(at+w.between(3*time.Second, 40*time.Second), reference+" is paid from a balance", func() {
				p.act(o, "confirm", `{"operation":"PayInvoice","input":{"user_cli_id":"shop-eu"}}`)
			})
		}
	}
}

// body draws an order. Every kind and every provider has its share.
func (p *people) body(reference string) string {
	dice := p.w.dice
	o := map[string]any{
		"amount": fmt.Sprintf("%d.%02d", 10+dice.IntN(400), dice.IntN(100)), "currency": "EUR", "country": "DE",
		"reference":   reference,
		"description": "A thing", "return_url": "https://shop.example/thanks/" + reference + "/",
		"payer": map[string]string{"email": "payer@shop.example", "name": "Pat Payer"},
	}
	switch drawn := dice.IntN(100); {
	case drawn < 17:
		o["country"] = "FR"
	case drawn < 35:
	case drawn < 50:
		o["currency"], o["country"] = "PHP", "PH"
	case drawn < 70:
		o["currency"] = "USDT"
	case drawn < 88:
		o["kind"], o["currency"], o["country"] = "recharge", "INR", "IN"
		o["destination"] = map[string]string{"operator": "AT", "number": fmt.Sprintf("9%09d", dice.IntN(1_000_000_000))}
	default:
		o["kind"], o["currency"] = "payout", "USDT"
		o["destination"] = map[string]string{"address": "TMadeUpAddressOfNobody0000000000001", "network": "TRC20"}
	}
	text, _ := json.Marshal(o)
	return string(text)
}

// answer is what a request came to; the zero answer is none.
type answer struct {
	status   int
	replayed bool
	body     []byte
}

// request sends one to the router. then gets the answer, unless the client has hung up.
func (p *people) request(o *order, method, path, body string, timeout time.Duration, then func(answer)) {
	w := p.w
	l := w.life
	if l == nil {
		then(answer{})
		return
	}
	p.requests++
	name := fmt.Sprintf("request %d of %s (%s %s)", p.requests, o.reference, method, path)
	ctx, cancel := context.WithCancel(context.Background())
	request := httptest.NewRequestWithContext(ctx, method, path, strings.NewReader(body))
	request.Header.Set("Content-Type", "application/json")
	if path == "/v1/payments" {
		request.Header.Set("Idempotency-Key", o.key)
	}
	o.busy++
	gone, over := false, false
	w.running.Go(func() {
		recorder := httptest.NewRecorder()
		l.handler.ServeHTTP(recorder, request)
		said := fmt.Sprintf("%d %s", recorder.Code, recorder.Body.String())
		if l.dead.Load() {
			said = "none" // what a dead router still says depends on what of it notices first, and nobody hears it
		}
		w.announce(&event{
			name:  fmt.Sprintf("answer to %s: %s", name, said),
			enter: func(e *event) { e.at = time.Now().Add(w.between(0, 20*time.Millisecond)) },
			happen: func() {
				cancel()
				o.busy--
				over = true
				switch {
				case gone:
				case l.dead.Load():
					then(answer{})
				default:
					then(answer{
						recorder.Code, recorder.Header().Get("Idempotency-Replayed") == "true",
						recorder.Body.Bytes(),
					})
				}
			},
		})
	})
	if timeout > 0 {
		w.plan(timeout, name+" is given up", func() {
			if !over {
				w.fire(hungUp)
				gone = true
				cancel()
			}
		})
	}
}

// create sends an order until an answer shows the payment.
func (p *people) create(o *order) {
	w := p.w
	switch {
	case o.busy > 0 && !o.answered:
		w.fire(concurrent)
	case o.answered:
		w.fire(repeated)
	}
	timeout := time.Duration(0)
	if w.chance(20) {
		timeout = w.between(time.Millisecond, 8*time.Second)
	}
	p.request(o, http.MethodPost, "/v1/payments", o.body, timeout, func(a answer) {
		switch a.status {
		case http.StatusCreated, http.StatusAccepted:
			p.received(o, a)
			return
		case http.StatusConflict, http.StatusServiceUnavailable, 0, http.StatusInternalServerError:
			p.named(o, a)
		default:
			w.violated("%s: an order that is in order was answered %d: %s", o.reference, a.status, a.body)
		}
		p.again(o)
	})
	if timeout > 0 {
		w.plan(timeout+w.between(time.Second, 10*time.Second), o.reference+" is placed after it was given up", func() {
			if !o.answered {
				p.create(o)
			}
		})
	}
}

func (p *people) again(o *order) {
	if o.answered {
		return
	}
	p.w.plan(p.w.between(200*time.Millisecond, 4*time.Second), o.reference+" is tried again", func() {
		if !o.answered && o.busy == 0 {
			p.create(o)
		}
	})
}

// cheat sends another order under a key that is taken.
func (p *people) cheat(o *order) {
	if !o.answered {
		return
	}
	body := strings.Replace(o.body, `"amount":"`, `"amount":"9`, 1)
	p.request(o, http.MethodPost, "/v1/payments", body, 0, func(a answer) {
		switch a.status {
		case http.StatusUnprocessableEntity:
			p.w.fire(otherBody)
		case 0, http.StatusServiceUnavailable, http.StatusInternalServerError:
		default:
			p.w.violated("%s: another body under its key was answered %d: %s", o.reference, a.status, a.body)
		}
	})
}

// named takes in which payment a problem is about.
func (p *people) named(o *order, a answer) {
	var problem struct {
		PaymentID string `json:"payment_id"`
	}
	if json.Unmarshal(a.body, &problem) == nil && problem.PaymentID != "" {
		o.id = problem.PaymentID
	}
}

// worry has clients ask for their orders at once, as they do when a router has just come back.
func (p *people) worry() {
	for _, o := range p.orders {
		if o.id != "" && p.w.chance(60) {
			p.w.plan(p.w.between(0, 2*time.Second), o.reference+" is asked for, in worry", func() { p.refresh(o) })
		}
	}
}

func (p *people) refresh(o *order) {
	p.request(o, http.MethodPost, "/v1/payments/"+o.id+"/refresh", "", 0, func(a answer) {
		if a.status == http.StatusOK {
			p.received(o, a)
		}
	})
}

// ask reads a payment, or has its provider asked.
func (p *people) ask(o *order) {
	if o.id == "" {
		return
	}
	if p.w.dice.IntN(2) == 0 {
		p.refresh(o)
		return
	}
	p.request(o, http.MethodGet, "/v1/payments/"+o.id, "", 0, func(a answer) {
		if a.status == http.StatusOK {
			p.received(o, a)
		}
	})
}

func (p *people) act(o *order, what, body string) {
	if o.id == "" {
		return
	}
	p.request(o, http.MethodPost, "/v1/payments/"+o.id+"/"+what, body, 0, func(a answer) {
		if a.status == http.StatusOK {
			p.received(o, a)
		}
	})
}

// shown is a payment as the API shows it.
type shown struct {
	ID                string          `json:"id"`
	Status            string          `json:"status"`
	Provider          string          `json:"provider"`
	ProviderReference string          `json:"provider_reference"`
	NextAction        json.RawMessage `json:"next_action"`
	Version           int64           `json:"version"`
}

// received records an answer about a payment.
func (p *people) received(o *order, a answer) {
	w := p.w
	var s shown
	if err := json.Unmarshal(a.body, &s); err != nil || s.ID == "" {
		w.violated("%s: an answer cannot be read: %s", o.reference, a.body)
		return
	}
	if a.status == http.StatusCreated {
		if o.first == nil {
			o.first = a.body
		}
		if !bytes.Equal(o.first, a.body) {
			w.violated("%s: one key has two answers: %s and %s", o.reference, o.first, a.body)
		}
	}
	o.answered, o.id = true, s.ID
	if s.Status == "awaiting_approval" && !o.judged {
		o.judged = true
		p.judge(o)
	}
	if !slices.Contains(o.view.IDs, s.ID) {
		o.view.IDs = append(o.view.IDs, s.ID)
	}
	w.ledger.heard(o, s)
	switch s.Status {
	case "succeeded", "failed", "canceled", "expired":
		if !slices.Contains(o.view.Final, s.Status) {
			o.view.Final = append(o.view.Final, s.Status)
		}
	}
	if len(s.NextAction) == 0 || string(s.NextAction) == "null" || s.ProviderReference == "" {
		return
	}
	site := chaos.SiteOf(s.Provider)
	if offer := site + " " + s.ProviderReference; !slices.Contains(o.view.Offers, offer) {
		o.view.Offers = append(o.view.Offers, offer)
		w.ledger.touch()
	}
	p.decide(site, s.ProviderReference, callOf[site])
}

// judge plans who decides on an order's approval: several at once, with different verdicts, or nobody.
func (p *people) judge(o *order) {
	w := p.w
	deciders := max(0, w.dice.IntN(5)-1)
	if deciders == 0 {
		w.fire(unapproved)
	}
	at := w.between(0, 40*time.Second)
	for n := range deciders {
		what, body := "approve", ""
		if w.chance(20) {
			what, body = "reject", `{"reason":"not our payee"}`
			w.fire(rejected)
		} else {
			w.fire(approved)
		}
		w.plan(at+w.between(0, 200*time.Millisecond), fmt.Sprintf("%s: %s (%d)", o.reference, what, n),
			func() { p.act(o, what, body) })
	}
	if w.chance(50) {
		w.plan(at+w.between(time.Second, 30*time.Second), o.reference+" is approved once more",
			func() { p.act(o, "approve", "") })
	}
}

// callOf is the call whose booking a payer is offered.
var callOf = map[string]string{
	sandbox.PayGram: "IssueInvoice", sandbox.Cryptogram: "create", sandbox.PayPlay: "create_order",
	sandbox.Exchanger: "create_bid", sandbox.Paygrt: "recharge",
}

// habits are what happens to a booking by its call, in hundredths; what is left over is forgotten until the end. over
// is what happens then.
var habits = map[string]struct {
	hasSideEffects bool
	over           string
	events         []habit
}{
	sandbox.PayGram + " IssueInvoice": {false, "cancel", []habit{{"pay", 50}, {"cancel", 15}, {"decline", 10}}},
	sandbox.Cryptogram + " create":    {false, "expire", []habit{{"pay", 50}, {"expire", 20}, {"cancel", 15}}},
	sandbox.PayPlay +
		" create_order": {false, "expire", []habit{{"pay", 50}, {"cancel", 15}, {"decline", 10}, {"expire", 10}}},
	sandbox.PayPlay + " withdraw":     {true, "pay", []habit{{"pay", 70}, {"decline", 20}, {"cancel", 10}}},
	sandbox.Exchanger + " create_bid": {true, "expire", []habit{{"pay", 60}, {"cancel", 15}, {"expire", 10}}},
	sandbox.Paygrt + " recharge":      {true, "pay", []habit{{"pay", 70}, {"decline", 30}}},
}

type habit struct {
	event string
	share int
}

// booked has what has side effects move on without the router.
func (p *people) booked() {
	for _, b := range p.w.providers.Ledger("") {
		if habits[b.Provider+" "+b.Operation].hasSideEffects {
			p.decide(b.Provider, b.ProviderReference, b.Operation)
		}
	}
}

// decide draws what will happen to a booking, once.
func (p *people) decide(site, reference, call string) {
	w := p.w
	key := site + " " + reference
	if p.planned[key] {
		return
	}
	p.planned[key] = true
	drawn := w.dice.IntN(100)
	for _, h := range habits[site+" "+call].events {
		if drawn >= h.share {
			drawn -= h.share
			continue
		}
		wait := w.between(50*time.Millisecond, 30*time.Second)
		late := h.event != "pay" && w.chance(50)
		w.plan(wait, fmt.Sprintf("%s %s: %s", site, reference, h.event), func() {
			if p.drive(site, reference, h.event) && late {
				p.payLate(site, reference, lateWords(site, call, h.event))
			}
		})
		return
	}
}

// payLate has a payer pay what has just ended, in one of the provider's words for that.
func (p *people) payLate(site, reference string, words []string) {
	w := p.w
	w.plan(w.between(time.Second, 30*time.Second), fmt.Sprintf("%s %s: pay, late", site, reference), func() {
		word := words[w.dice.IntN(len(words))]
		if leftOut(lateMoney(site, word)) {
			return
		}
		if p.drive(site, reference, word) {
			w.fire(lateMoney(site, word))
		}
	})
}

// lateWords are how a provider reports money that came after the end: as if it had not ended, or in the words of that
// end.
func lateWords(site, call, end string) []string {
	switch site + " " + call {
	case sandbox.Cryptogram + " create":
		if end == "expire" {
			break // nothing there has an end to keep to
		}
		return []string{"pay_late"} // few are canceled there
	case sandbox.PayGram + " IssueInvoice", sandbox.PayPlay + " create_order":
		return []string{"pay", "pay_late"}
	}
	return []string{"pay"}
}

// lateMoney is what a late word counts as.
func lateMoney(site, event string) string { return paidLate + ": " + site + " " + event }

func (p *people) drive(site, reference, event string) bool {
	if err := p.w.providers.Drive(site, reference, event, ""); err != nil {
		return false
	}
	key := site + " " + reference
	p.driven[key] = true
	if event != "pay" && event != "pay_late" {
		p.ended[key] = true
	}
	p.w.ledger.observe()
	return true
}

// finish ends every booking that is still open.
func (p *people) finish() {
	for _, b := range p.w.providers.Ledger("") {
		if over := habits[b.Provider+" "+b.Operation].over; over != "" &&
			!p.driven[b.Provider+" "+b.ProviderReference] {
			p.drive(b.Provider, b.ProviderReference, over)
		}
	}
}

// delivery is a provider's callback on its way.
type delivery struct {
	number      int
	method, url string
	header      http.Header
	body        []byte
	arrived     bool
	about       string // site and reference of the booking
	forged      bool
	tries       int
}

// RoundTrip accepts a provider's callback: the provider gets a success, and the network does the rest.
func (p *people) RoundTrip(r *http.Request) (*http.Response, error) {
	body := []byte{}
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
	}
	d := &delivery{method: r.Method, url: r.URL.String(), header: r.Header, body: body}
	sum := sha256.Sum256(append([]byte(d.url), body...))
	p.w.announce(&event{name: fmt.Sprintf("callback %x is on its way", sum[:6]), happen: func() { p.post(d) }})
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: r}, nil
}

// insistence is how often Cryptogram repeats what it thinks was not taken.
const insistence = 19

// post sends a callback on its way, now and then twice.
func (p *people) post(d *delivery) {
	w := p.w
	d.number = len(p.deliveries)
	p.deliveries = append(p.deliveries, d)
	for _, b := range w.providers.Ledger("") {
		if strings.Contains(string(d.body)+d.url, b.ProviderReference) {
			d.about = b.Provider + " " + b.ProviderReference
		}
	}
	copies := 1
	switch {
	case w.chance(20):
		copies += 1 + w.dice.IntN(2)
	case w.chance(4):
		w.fire(insisting)
		copies += insistence
	}
	for copy := range copies {
		wait := w.between(0, 2*time.Second)
		if w.chance(30) {
			wait = w.between(0, 40*time.Second)
		}
		w.plan(wait, fmt.Sprintf("callback %d about %s arrives (%d)", d.number, d.about, copy), func() { p.deliver(d) })
	}
}

// deliver brings a callback to the router. What the router does not take is brought again.
func (p *people) deliver(d *delivery) {
	w := p.w
	l := w.life
	if l == nil {
		p.redeliver(d)
		return
	}
	p.kinds(d)
	d.arrived = true
	request := httptest.NewRequestWithContext(context.Background(), d.method, strings.TrimPrefix(d.url, public),
		bytes.NewReader(d.body))
	request.Header = d.header.Clone()
	w.running.Go(func() {
		recorder := httptest.NewRecorder()
		l.inbox.ServeHTTP(recorder, request)
		w.announce(&event{name: fmt.Sprintf("callback %d is answered %d", d.number, recorder.Code), happen: func() {
			if l.dead.Load() || recorder.Code >= 300 {
				p.redeliver(d)
			}
		}})
	})
}

// kinds counts what is strange about a callback that arrives.
func (p *people) kinds(d *delivery) {
	w := p.w
	if d.forged {
		w.fire(forged)
		return
	}
	if d.arrived {
		w.fire(twice)
	}
	if d.about != "" && w.ledger.awaited(d.about) {
		w.fire(early)
	}
	for _, later := range p.deliveries[d.number:] {
		if later.arrived && !later.forged && d.about != "" && later.about == d.about &&
			!bytes.Equal(later.body, d.body) {
			w.fire(contradicting)
			return
		}
	}
}

func (p *people) redeliver(d *delivery) {
	if d.forged {
		return
	}
	d.tries++
	p.w.fire(lostCallback)
	p.w.plan(p.w.between(time.Second, 10*time.Second), fmt.Sprintf("callback %d arrives again (%d)", d.number, d.tries),
		func() { p.deliver(d) })
}

// forge sends a callback that no provider has sent: to a leaked address, with a false report.
func (p *people) forge() {
	w := p.w
	ledger := w.providers.Ledger("")
	if len(ledger) == 0 {
		return
	}
	b := ledger[w.dice.IntN(len(ledger))]
	account := b.Provider
	if account == sandbox.PayGram {
		account = "paygram-eu"
	}
	d := &delivery{
		number: len(p.deliveries), method: http.MethodPost, url: addresses().Account(account),
		header: http.Header{}, forged: true,
	}
	status, event := "COMPLETE", "completed"
	if w.dice.IntN(2) == 0 {
		status, event = "DECLINED", "declined"
	}
	switch b.Provider {
	case sandbox.PayGram:
		d.body = fmt.Appendf(nil,
			`{"Id":"f","InvoiceInfo":{"InvoiceCode":%q,"Status":2,"IsPaid":true,"IsRedeemed":true,"CallbackData":%q},`+
				`"CallbackType":2}`, b.ProviderReference, b.Reference)
	case sandbox.Cryptogram:
		d.body = fmt.Appendf(nil, `{"resource":"CommercePayment","id":%q}`, b.ProviderReference)
	case sandbox.Exchanger:
		d.body = []byte(url.Values{"bid_id": {b.ProviderReference}, "status": {"success"}}.Encode())
	case sandbox.Paygrt:
		d.method = http.MethodGet
		d.url += "?" +
			url.Values{
				"api_ref_id": {b.Reference}, "txn_id": {b.ProviderReference},
				"recharge_status": {"Success"},
			}.Encode()
	case sandbox.PayPlay:
		d.body = fmt.Appendf(nil,
			`{"event_type":"order::%s","order":{"id":%q,"status":%q,"external_order_id":%q,"currency":%q,"value":%q}}`,
			event, b.ProviderReference, status, b.Reference, b.Currency, b.Amount)
		if b.Operation == "withdraw" {
			d.body = fmt.Appendf(nil,
				`{"event_type":"withdrawal::%s","external_id":%q,"transaction":{"id":%q,"status":%q,"external_id":%q,`+
					`"currency":%q,"value":%q}}`,
				event, b.Reference, b.ProviderReference, status, b.Reference, b.Currency, b.Amount)
		}
		mac := hmac.New(sha256.New, []byte("a token that the stranger has made up"))
		mac.Write(d.body)
		d.header.Set("Signature", hex.EncodeToString(mac.Sum(nil)))
	}
	p.deliveries = append(p.deliveries, d)
	p.deliver(d)
}
