package callback

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"payrouter/host/attempt"
	"payrouter/host/payment"
)

// Run acts on callbacks as they come, and on those that a crash left, until ctx ends; it returns when what it began is
// over. An account whose provider is slow holds up no other.
func (i *Inbox) Run(ctx context.Context) {
	ticker := time.NewTicker(i.settings.Every)
	defer ticker.Stop()
	var rounds sync.WaitGroup
	defer rounds.Wait()
	for {
		i.begin(ctx, &rounds)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-i.news:
		}
	}
}

// Round acts once on what is due, as far as the limits go, and forgets callbacks that are long done with.
func (i *Inbox) Round(ctx context.Context) {
	var rounds sync.WaitGroup
	i.begin(ctx, &rounds)
	rounds.Wait()
}

func (i *Inbox) begin(ctx context.Context, rounds *sync.WaitGroup) {
	accounts, release := i.settings.Accounts()
	release() // their names are what is asked for
	for _, name := range slices.Sorted(maps.Keys(accounts)) {
		if one, free := i.enter(name); free {
			rounds.Go(func() {
				more, err := i.account(ctx, name, one)
				i.leave(one)
				if more {
					i.wake()
				}
				i.report(ctx, "act on callbacks for "+name, err)
			})
		}
	}
	const purge = ""
	if one, free := i.enter(purge); free {
		rounds.Go(func() {
			defer i.leave(one)
			i.report(ctx, "forget callbacks", i.purge(ctx))
		})
	}
}

// enter gives an account's round to one goroutine at a time.
func (i *Inbox) enter(name string) (one *work, free bool) {
	one = i.work(name)
	i.mutex.Lock()
	defer i.mutex.Unlock()
	if one.busy {
		return nil, false
	}
	one.busy = true
	return one, true
}

func (i *Inbox) leave(one *work) {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	one.busy = false
}

func (i *Inbox) report(ctx context.Context, what string, err error) {
	if err == nil || ctx.Err() != nil || errors.Is(err, attempt.ErrShuttingDown) {
		return
	}
	i.log.ErrorContext(ctx, what, slog.Any("error", err))
}

func (i *Inbox) purge(ctx context.Context) error {
	const batch = 500
	for {
		purged, err := i.store.PurgeCallbacks(ctx, i.settings.KeepFor, batch)
		if err != nil || purged < batch {
			return err
		}
	}
}

// batch is how many callbacks are read at once.
const batch = 100

// account acts on what is due at one account: on signed callbacks first, since they cost no request. more reports
// whether there may be more to act on at once.
func (i *Inbox) account(ctx context.Context, name string, one *work) (more bool, err error) {
	one.looks.forget(i.store.Clock())
	words, err := i.each(ctx, name, true, func(ctx context.Context, c Callback) (bool, error) {
		return true, i.believe(ctx, c)
	})
	if err != nil {
		return false, err
	}
	hints, err := i.each(ctx, name, false, func(ctx context.Context, c Callback) (bool, error) {
		return i.follow(ctx, one, c)
	})
	return err == nil && (words == batch || hints == batch), err
}

// each acts on callbacks that are due, several at a time, and returns how many it acted on. act reports whether to go
// on.
func (i *Inbox) each(ctx context.Context, account string, vouched bool,
	act func(context.Context, Callback) (bool, error),
) (count int, err error) {
	due, err := i.store.DueCallbacks(ctx, account, vouched, i.settings.Now(), batch)
	if err != nil {
		return 0, err
	}
	places := semaphore.NewWeighted(i.settings.AtOnce)
	errs := make([]error, len(due))
	goOn := make([]bool, len(due))
	var acts sync.WaitGroup
	for n, c := range due {
		if places.Acquire(ctx, 1) != nil {
			break
		}
		acts.Go(func() {
			defer places.Release(1)
			goOn[n], errs[n] = act(ctx, c)
		})
	}
	acts.Wait()
	for _, ok := range goOn {
		if ok {
			count++
		}
	}
	return count, errors.Join(errs...)
}

// believe settles a callback whose word is the provider's.
func (i *Inbox) believe(ctx context.Context, c Callback) error {
	report := about(c)
	report.Outcome = c.Receipt.GetOutcome()
	if report.ProviderReference == "" {
		report.ProviderReference = report.Outcome.GetProviderReference()
	}
	p, err := i.engine.Report(ctx, c.Account, report)
	return i.conclude(ctx, c, p, err)
}

// follow has the payment of a hint looked up, unless that was done since the hint came or cannot be done yet. It
// reports whether the account may have more look-ups.
func (i *Inbox) follow(ctx context.Context, one *work, c Callback) (goOn bool, err error) {
	p, err := i.engine.Find(ctx, c.Account, about(c))
	if err != nil {
		return true, i.conclude(ctx, c, p, err)
	}
	object := c.Receipt.GetProviderReference()
	if object == p.ProviderReference {
		object = ""
	}
	clock, came := i.store.Clock(), c.LastClock
	if c.Tries > 0 {
		came = clock // what was found out before the last try is no answer to this one
	}
	grant := func() bool { return one.lookups.allow(clock) }
	switch v, left := one.looks.ask(p.ID, object, came, clock, grant); v {
	case covered:
		return true, i.answered(ctx, c, p)
	case wait:
		c.Due = i.settings.Now().Add(left)
		return true, i.store.SettleCallback(ctx, c, c.Due)
	case exhausted:
		return false, nil
	case goAhead:
	}
	p, err = i.engine.Report(ctx, c.Account, about(c))
	if err != nil {
		return true, i.conclude(ctx, c, p, err)
	}
	one.looks.done(p.ID, object, clock)
	return true, i.answered(ctx, c, p)
}

// answered writes what a look-up that began after a hint came to: the hint is settled, or the provider is asked again.
func (i *Inbox) answered(ctx context.Context, c Callback, p payment.Payment) error {
	// Read now: the wall clock may have been set while the provider was asked, and a time by one that was ahead would
	// not come for days.
	now := i.settings.Now()
	due, left := after(recheckBackoff, c.Tries, now)
	if !left || !endedWithoutMoney(p) {
		return i.conclude(ctx, c, p, nil)
	}
	c.Tries, c.Due, c.PaymentID, c.Note = c.Tries+1, due, p.ID, "no money was there yet: the provider is asked again"
	return i.store.SettleCallback(ctx, c, now)
}

// endedWithoutMoney reports whether a hint may mean more than the look-up found: an answer may be older than the hint,
// and reconciliation does not look up payments that have ended.
func endedWithoutMoney(p payment.Payment) bool {
	return p.Status.Terminal() && p.Status != payment.Succeeded && !p.MoneyConflict
}

func about(c Callback) payment.Report {
	return payment.Report{
		PaymentID: c.AddressedTo, Reference: c.Receipt.GetReference(),
		ProviderReference: c.Receipt.GetProviderReference(), CallbackID: c.ID,
	}
}

// conclude writes what a report came to. Where the router itself could not go on, the callback stays as it is.
func (i *Inbox) conclude(ctx context.Context, c Callback, p payment.Payment, reported error) error {
	now := i.settings.Now()
	switch {
	case errors.Is(reported, attempt.ErrJournal), errors.Is(reported, attempt.ErrHeld),
		errors.Is(reported, attempt.ErrShuttingDown), ctx.Err() != nil:
		return reported
	case reported == nil:
		c.State, c.PaymentID, c.Due, c.Note = Settled, p.ID, time.Time{}, ""
	case errors.Is(reported, payment.ErrNotFound):
		c = again(c, unknownPaymentBackoff, now, "no payment is known by these references")
	case errors.Is(reported, payment.ErrContradiction):
		c = dismissed(c, "it contradicts the payment that it names")
	case errors.Is(reported, payment.ErrAmbiguous):
		c = dismissed(c, "its reference names several payments")
	case errors.Is(reported, attempt.ErrUnsupported):
		c = dismissed(c, "its payment cannot be looked up")
	default:
		c.PaymentID = p.ID
		c = again(c, unansweredBackoff, now, "the provider did not answer")
		if err := i.show(ctx, c); err != nil {
			return err
		}
	}
	if c.State == Dismissed {
		i.log.WarnContext(ctx, "nothing comes of a callback", slog.String("account", c.Account),
			slog.String("callback", c.ID),
			slog.String("why", c.Note), slog.Any("error", reported))
	}
	return i.store.SettleCallback(ctx, c, now)
}

// show raises an alert on the payment of a callback that is given up: the provider reported something, and no look-up
// confirmed it.
func (i *Inbox) show(ctx context.Context, c Callback) error {
	if c.State != Dismissed || c.PaymentID == "" {
		return nil
	}
	return i.engine.Alert(ctx, c.PaymentID, c.ID,
		"a callback of "+c.Account+" could not be confirmed: the provider did not answer the look-up")
}

// again tries a callback once more, or gives it up.
func again(c Callback, schedule []time.Duration, now time.Time, why string) Callback {
	due, left := after(schedule, c.Tries, now)
	if !left {
		return dismissed(c, why)
	}
	c.Tries++
	c.Due, c.Note = due, why
	return c
}

func dismissed(c Callback, why string) Callback {
	c.State, c.Due, c.Note = Dismissed, time.Time{}, why
	return c
}
