package chaos

import (
	"context"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"payrouter/host/sandbox"
	"payrouter/test/process"
)

// payers are the people at the other end: they pay, decline or forget what they were asked to pay, and providers finish
// what they took.
type payers struct {
	sandbox  *sandbox.Server
	settings Settings

	mutex  sync.Mutex // guards what follows
	dice   *rand.Rand
	due    []deed
	seen   map[string]bool
	driven map[string]time.Time
	// after counts what happened to bookings that had ended, by provider and event.
	after map[string]int
}

// deed is something that will happen at a provider.
type deed struct {
	site, reference, event string
	at                     time.Time
	// after: it follows an end.
	after bool
}

func newPayers(s *sandbox.Server, dice *rand.Rand, settings Settings) *payers {
	return &payers{
		sandbox: s, settings: settings, dice: dice, seen: map[string]bool{}, driven: map[string]time.Time{},
		after: map[string]int{},
	}
}

// late is money after the end, in the words of a provider that keeps to that end.
const late = "pay_late"

// habits are what happens to a booking by its call, in hundredths. What is left over is forgotten, until everything
// expires at the end.
//
//nolint:gochecknoglobals // a table
var habits = map[string][]habit{
	sandbox.PayGram +
		" IssueInvoice": {
		{"pay", 60, ""},
		{"cancel", 8, ""},
		{"decline", 5, ""},
		{"cancel", 9, "pay"},
		{"cancel", 7, late},
		{"decline", 3, late},
	},
	sandbox.Cryptogram +
		" create": {
		{"pay", 50, ""},
		{"pick", 15, "pay"},
		{"expire", 10, ""},
		{"expire", 7, "pay"},
		{"cancel", 8, late},
	},
	sandbox.PayPlay +
		" create_order": {
		{"pay", 60, ""},
		{"cancel", 5, ""},
		{"decline", 5, ""},
		{"expire", 5, ""},
		{"expire", 5, "pay"},
		{"cancel", 5, late},
		{"expire", 5, late},
	},
	sandbox.PayPlay + " withdraw":     {{"pay", 85, ""}, {"decline", 10, ""}, {"cancel", 5, ""}},
	sandbox.Exchanger + " create_bid": {{"pay", 70, ""}, {"cancel", 10, ""}, {"expire", 5, ""}, {"cancel", 5, "pay"}},
	sandbox.Paygrt + " recharge":      {{"pay", 80, ""}, {"decline", 20, ""}},
}

// habit is an event with its share in hundredths, and what follows a few seconds later: money may come after the end.
type habit struct {
	event string
	share int
	then  string
}

// overs are what ends a booking that everybody has forgotten.
//
//nolint:gochecknoglobals // a table
var overs = map[string]string{
	sandbox.PayGram + " IssueInvoice": "cancel", sandbox.Cryptogram + " create": "expire", sandbox.PayPlay +
		" create_order": "expire",
	sandbox.PayPlay + " withdraw": "pay", sandbox.Exchanger + " create_bid": "expire", sandbox.Paygrt +
		" recharge": "pay",
}

// offered gives payers something to pay. No one else pays what only a payer can.
func (p *payers) offered(site, reference string) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.plan(site, reference, offersOf[site])
}

// offersOf is the call whose booking a payer is offered.
//
//nolint:gochecknoglobals // a table
var offersOf = map[string]string{
	sandbox.PayGram: "IssueInvoice", sandbox.Cryptogram: "create", sandbox.PayPlay: "create_order",
	sandbox.Exchanger: "create_bid", sandbox.Paygrt: "recharge",
}

// plan draws what will happen to a booking, once. The draw hangs on the booking alone.
func (p *payers) plan(site, reference, call string) {
	key := site + " " + reference
	if p.seen[key] {
		return
	}
	p.seen[key] = true
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(key))
	drawn := int(sum.Sum32() % 100)
	for _, habit := range habits[site+" "+call] {
		if drawn < habit.share {
			at := time.Now().Add(time.Duration(50+p.dice.IntN(3000)) * time.Millisecond)
			p.due = append(p.due, deed{site, reference, habit.event, at, false})
			if habit.then != "" && (habit.event == "pick" || p.settings.with("late money")) {
				p.due = append(p.due,
					deed{
						site, reference, habit.then, at.Add(time.Duration(2000+p.dice.IntN(6000)) * time.Millisecond),
						habit.event != "pick",
					})
			}
			return
		}
		drawn -= habit.share
	}
}

// work lets things happen until ctx ends. What has side effects happens whether or not the router knows of it.
func (p *payers) work(ctx context.Context) {
	for i := 0; process.Wait(ctx, 100*time.Millisecond); i++ {
		if i%5 == 0 {
			p.observe()
		}
		p.act(time.Now())
	}
}

func (p *payers) observe() {
	bookings := p.sandbox.Ledger("")
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for _, b := range bookings {
		if _, hasEffects := sideEffects[b.Provider+" "+b.Operation]; hasEffects {
			p.plan(b.Provider, b.ProviderReference, b.Operation)
		}
	}
}

func (p *payers) act(now time.Time) {
	p.mutex.Lock()
	var ripe, rest []deed
	for _, d := range p.due {
		if d.at.After(now) {
			rest = append(rest, d)
		} else {
			ripe = append(ripe, d)
		}
	}
	p.due = rest
	p.mutex.Unlock()
	for _, d := range ripe {
		p.drive(d)
	}
}

func (p *payers) drive(d deed) {
	if p.sandbox.Drive(d.site, d.reference, d.event, "") != nil || d.event == "pick" {
		return
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.driven[d.site+" "+d.reference] = time.Now()
	if d.after {
		p.after[lateMoney(d.site, d.event)]++
	}
}

// lateMoney is what money after the end counts as.
func lateMoney(site, event string) string { return "late money: " + site + " " + event }

// struck is how often money came after an end, in each provider's words. Those that must come are there with 0 where
// they did not.
func (p *payers) struck(long bool) map[string]int {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	struck := maps.Clone(p.after)
	for call, habits := range habits {
		site, _, _ := strings.Cut(call, " ")
		for _, habit := range habits {
			if long && habit.then != "" && habit.event != "pick" && p.settings.with("late money") {
				struck[lateMoney(site, habit.then)] += 0
			}
		}
	}
	return struck
}

// finish lets everything happen that is still due, and then lets the rest expire.
func (p *payers) finish() {
	p.observe()
	p.act(time.Now().Add(time.Hour))
	for _, b := range p.sandbox.Ledger("") {
		key := b.Provider + " " + b.ProviderReference
		p.mutex.Lock()
		_, done := p.driven[key]
		p.mutex.Unlock()
		if over := overs[b.Provider+" "+b.Operation]; !done && over != "" {
			p.drive(deed{site: b.Provider, reference: b.ProviderReference, event: over})
		}
	}
}

// drivenAt is when a booking's end came; zero where it had none.
func (p *payers) drivenAt(site, reference string) time.Time {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.driven[site+" "+reference]
}
