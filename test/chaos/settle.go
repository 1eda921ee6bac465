package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"payrouter/host/sandbox"
	"payrouter/test/process"
)

// settle lets calm return, waits until everything that can settle has, and audits.
func (r *run) settle(ctx context.Context) (*Report, error) {
	calm := time.Now()
	if err := r.recover(ctx, calm.Add(r.settings.SettleTimeout)); err != nil {
		return nil, err
	}
	healed := time.Since(calm)
	r.clients.repeatAll(ctx)
	// Each wait has the whole time to itself: what ends late is announced late.
	if err := r.hear(ctx, time.Now().Add(r.settings.SettleTimeout)); err != nil {
		return nil, err
	}
	// Bookings first: each has been journalled before, so that what a router books that is still at work is not missing
	// in the journal.
	runs, err := r.settledRuns(ctx, time.Now().Add(r.settings.SettleTimeout))
	if err != nil {
		return nil, err
	}
	bookings := r.sandbox.Ledger("")
	// Webhooks before payments: one that ends in between is not announced as something that it was not.
	announced := r.hooks.announced()
	payments, err := r.journal(ctx, "")
	if err != nil {
		return nil, err
	}
	r.tries(ctx, payments)
	report := r.conclude(payments, runs, bookings, announced)
	r.trail(ctx, report)
	report.Seconds, report.HealSeconds = time.Since(r.began).Seconds(), healed.Seconds()
	return report, ctx.Err()
}

// recover waits until nothing is left that a look-up could settle, while the operator goes on.
func (r *run) recover(ctx context.Context, until time.Time) error {
	working, rest := context.WithCancel(ctx)
	var work sync.WaitGroup
	defer work.Wait()
	defer rest()
	work.Go(func() { r.operate(working) })
	if err := r.heal(ctx, until); err != nil {
		return err
	}
	return r.conflicts(ctx, time.Now().Add(r.settings.SettleTimeout))
}

// heal requests look-ups until nothing is left that one could settle.
func (r *run) heal(ctx context.Context, until time.Time) error {
	for ctx.Err() == nil {
		// Each time anew: what was on its way when calm came is booked only now.
		r.payers.finish()
		open, err := r.journal(ctx, "created,processing,requires_action,unknown")
		if err != nil {
			return err
		}
		// Only what is unknown is judged by its attempts; asking for more would keep the router from its work.
		unknown := slices.DeleteFunc(slices.Clone(open), func(p shownPayment) bool { return p.Status != "unknown" })
		r.tries(ctx, unknown)
		open = append(slices.DeleteFunc(open, func(p shownPayment) bool { return p.Status == "unknown" }), unknown...)
		if !waiting(r.ledgers(open, r.sandbox.Ledger(""), nil)) || time.Now().After(until) {
			return nil
		}
		if r.settings.Nudge {
			r.each(open, func(p *shownPayment) {
				r.clients.send(ctx, http.MethodPost, "/v1/payments/"+p.ID+"/refresh", "", "", 10*time.Second)
			})
		}
		process.Wait(ctx, time.Second)
	}
	return ctx.Err()
}

// conflicts waits until every report of a provider is processed, and money after an end is shown.
func (r *run) conflicts(ctx context.Context, until time.Time) error {
	var doubtful []shownPayment
	for _, id := range r.losses.doubtful() {
		doubtful = append(doubtful, shownPayment{Entry: Entry{ID: id}})
	}
	r.each(doubtful, func(p *shownPayment) {
		r.clients.send(ctx, http.MethodPost, "/v1/payments/"+p.ID+"/refresh", "", "", 10*time.Second)
	})
	for time.Now().Before(until) && ctx.Err() == nil {
		ended, err := r.journal(ctx, "failed,canceled,expired")
		if err != nil {
			return err
		}
		moved := map[string]bool{}
		for _, b := range r.sandbox.Ledger("") {
			moved[b.Provider+" "+b.ProviderReference] = b.MovedMoney
		}
		hidden := slices.ContainsFunc(ended, func(p shownPayment) bool {
			return !p.MoneyConflict && moved[SiteOf(p.Provider)+" "+p.ProviderReference]
		})
		if !hidden && r.post.underway() == 0 {
			return nil
		}
		process.Wait(ctx, 2*time.Second)
	}
	return ctx.Err()
}

// hear waits until every payment that has ended has a webhook.
func (r *run) hear(ctx context.Context, until time.Time) error {
	payments, err := r.journal(ctx, "succeeded,failed,canceled,expired")
	for err == nil && len(unannounced(payments, r.hooks.announced())) > 0 && time.Now().Before(until) &&
		process.Wait(ctx, 200*time.Millisecond) {
	}
	return err
}

// unannounced are the payments that ended without a webhook.
func unannounced(payments []shownPayment, announced map[string][]string) (ids []string) {
	for _, p := range payments {
		if terminal(p.Status) && len(announced[p.ID]) == 0 {
			ids = append(ids, p.ID)
		}
	}
	return ids
}

// each does something for every payment, a few at a time.
func (r *run) each(payments []shownPayment, do func(*shownPayment)) {
	const hands = 8
	var work sync.WaitGroup
	for hand := range hands {
		work.Go(func() {
			for i := hand; i < len(payments); i += hands {
				do(&payments[i])
			}
		})
	}
	work.Wait()
}

// journal lists every payment that the router knows, or those in some statuses.
func (r *run) journal(ctx context.Context, statuses string) ([]shownPayment, error) {
	var all []shownPayment
	for cursor := ""; ; {
		path := "/v1/payments?limit=500"
		if statuses != "" {
			path += "&status=" + statuses
		}
		if cursor != "" {
			path += "&cursor=" + cursor
		}
		var page struct {
			Data       []shownPayment `json:"data"`
			NextCursor string         `json:"next_cursor"`
		}
		if err := r.read(ctx, path, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Data...)
		if cursor = page.NextCursor; cursor == "" {
			return all, nil
		}
	}
}

// read is a request that has to succeed, with a few tries.
func (r *run) read(ctx context.Context, path string, into any) error {
	var answer said
	for until := time.Now().Add(readWithin); ; {
		answer = r.clients.send(ctx, http.MethodGet, path, "", "", 30*time.Second)
		if answer.status == http.StatusOK {
			if err := json.Unmarshal(answer.body, into); err != nil {
				return fmt.Errorf("read %s: %w", path, err)
			}
			return nil
		}
		if !process.Wait(ctx, 200*time.Millisecond) {
			return fmt.Errorf("read %s: the run was interrupted: %w", path, ctx.Err())
		}
		if answer.status != 0 || time.Now().After(until) {
			break
		}
	}
	select {
	case <-r.router.life().Ended():
		return fmt.Errorf("read %s: the router has ended by itself: see %s", path, r.router.log.Name())
	default:
		return fmt.Errorf("read %s: answered %d: %.200s: %w", path, answer.status, answer.body, answer.err)
	}
}

// readWithin is how long the router may leave a question without any answer, on a machine that does much else.
const readWithin = time.Minute

// tries reads the attempts of payments.
func (r *run) tries(ctx context.Context, payments []shownPayment) {
	r.each(payments, func(p *shownPayment) {
		var list struct {
			Data []Tried `json:"data"`
		}
		if r.read(ctx, "/v1/payments/"+p.ID+"/attempts", &list) == nil {
			p.Tries = list.Data
		}
	})
}

// repeatAll sends every order once more: each key must answer, with its own payment.
func (c *clients) repeatAll(ctx context.Context) {
	var work sync.WaitGroup
	const hands = 8
	for hand := range hands {
		work.Go(func() {
			for i := hand; i < len(c.talks); i += hands {
				t := c.talks[i]
				if t.isLost() {
					continue
				}
				answer := c.create(ctx, t, 30*time.Second)
				for tries := 0; answer.status == http.StatusConflict && tries < 10; tries++ {
					process.Wait(ctx, 500*time.Millisecond) // a look at the payment may be under way; it does not last
					answer = c.create(ctx, t, 30*time.Second)
				}
				if answer.payment == nil {
					t.complain("after everything, the key was answered %d: %.200s", answer.status, answer.body)
				}
			}
		})
	}
	work.Wait()
}

// ledgers are the journal, the bookings and, if given, the clients' views of some payments.
func (r *run) ledgers(payments []shownPayment, bookings []sandbox.Booking, clients []ClientView) Ledgers {
	bookings = slices.DeleteFunc(slices.Clone(bookings), ofRun)
	l := Ledgers{
		Clients: clients, Bookings: bookings, SiteOf: SiteOf, OrderOf: OrderOf,
		Announced: r.hooks.announced(), Began: r.began,
	}
	for _, p := range payments {
		l.Journal = append(l.Journal, p.Entry)
	}
	l.Rewound, l.Gone = r.losses.lists()
	return l
}

// OrderOf reads the order out of the payer's way back, which is all of ours that Cryptogram keeps.
func OrderOf(b sandbox.Booking) string {
	if b.Provider != sandbox.Cryptogram {
		return ""
	}
	_, rest, _ := strings.Cut(b.Reference, "/thanks/")
	order, _, _ := strings.Cut(rest, "/")
	return order
}

// trail adds to each violation what its payment went through.
func (r *run) trail(ctx context.Context, report *Report) {
	for i := range report.Violations {
		v := &report.Violations[i]
		var attempts, events struct {
			Data []json.RawMessage `json:"data"`
		}
		if v.Payment == "" || r.read(ctx, "/v1/payments/"+v.Payment+"/attempts", &attempts) != nil ||
			r.read(ctx, "/v1/payments/"+v.Payment+"/events", &events) != nil {
			continue
		}
		for _, row := range append(attempts.Data, events.Data...) {
			v.Trail = append(v.Trail, string(row))
		}
		for _, view := range r.clients.ledger() {
			if view.Order == v.Order {
				v.Trail = append(v.Trail, fmt.Sprintf("client: %+v", view))
			}
		}
	}
}
