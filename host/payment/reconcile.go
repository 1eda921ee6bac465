package payment

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"

	"payrouter/host/attempt"
)

// ReconcilerSettings of a Reconciler. Zero fields take the defaults that they name.
type ReconcilerSettings struct {
	// Every is the pause between two looks into the journal for what is due. 0 means 1 s.
	Every time.Duration
	// PerSecond is how many payments are looked up at one provider in a second, at most. 0 means 10.
	PerSecond int
	// AtOnce is how many of them are under way at one provider. 0 means 4.
	AtOnce int64
	// Overdue is how long a payment may be unknown before it is a person's matter. 0 means 1 h.
	Overdue time.Duration
	// KeyLifetime is how long after its payment became terminal an idempotency key is remembered, by the journal's own
	// clock. 0 means 7 days.
	KeyLifetime time.Duration
}

func (s ReconcilerSettings) withDefaults() ReconcilerSettings {
	if s.Every == 0 {
		s.Every = time.Second
	}
	if s.PerSecond == 0 {
		s.PerSecond = 10
	}
	if s.AtOnce == 0 {
		s.AtOnce = 4
	}
	if s.Overdue == 0 {
		s.Overdue = time.Hour
	}
	if s.KeyLifetime == 0 {
		s.KeyLifetime = 7 * 24 * time.Hour
	}
	return s
}

// Reconciler asks providers about payments that are on their way, until each has come to an end. It never ends one by
// itself: not for being old, and not for a provider's silence. It is safe for concurrent use.
type Reconciler struct {
	engine   *Engine
	settings ReconcilerSettings

	mutex     sync.Mutex
	providers map[string]*reconciled
}

// reconciled is what the reconciler knows of one provider.
type reconciled struct {
	// looks is how many look-ups it may get in a second.
	looks *rate.Limiter
	// busy: its last round is not over. It is the reconciler's mutex's.
	busy bool
}

// alertOverdue is the alert of a payment that has been unknown for too long.
const alertOverdue = "unknown for long: neither a look-up nor a callback has told what became of it; an operator can " +
	"resolve it"

// NewReconciler makes a reconciler of an engine's payments. It does nothing by itself: see Run and Round.
func NewReconciler(engine *Engine, settings ReconcilerSettings) *Reconciler {
	return &Reconciler{engine: engine, settings: settings.withDefaults(), providers: map[string]*reconciled{}}
}

// Run makes rounds until ctx ends, and returns when what it began is over. A provider that is slow holds up no other.
func (r *Reconciler) Run(ctx context.Context) {
	ticker := time.NewTicker(r.settings.Every)
	defer ticker.Stop()
	var rounds sync.WaitGroup
	defer rounds.Wait()
	for {
		r.begin(ctx, &rounds)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// Round looks once at everything that is due, as far as its providers' limits go, and forgets keys that have outlived
// their payments.
func (r *Reconciler) Round(ctx context.Context) {
	var rounds sync.WaitGroup
	r.begin(ctx, &rounds)
	rounds.Wait()
}

func (r *Reconciler) begin(ctx context.Context, rounds *sync.WaitGroup) {
	for _, name := range slices.Sorted(maps.Keys(r.engine.Fleet().Accounts)) {
		if one, free := r.enter(name); free {
			rounds.Go(func() {
				defer r.leave(one)
				r.report(ctx, "look at payments that are due at "+name, r.provider(ctx, name, one.looks))
			})
		}
	}
	// The router's own rounds have names that no account has.
	for name, round := range map[string]func(context.Context) error{
		"forget idempotency keys": r.purge, "expire payments that await approval": r.lapse,
	} {
		if one, free := r.enter(name); free {
			rounds.Go(func() {
				defer r.leave(one)
				r.report(ctx, name, round(ctx))
			})
		}
	}
}

// lapse looks at what is due at no provider: payments that await approval, and those of which it is not known which
// provider has them.
func (r *Reconciler) lapse(ctx context.Context) error {
	const batch, noProvider = 100, ""
	_, err := r.each(ctx, noProvider, batch, func(ctx context.Context, due Payment) error {
		_, err := r.engine.withLock(ctx, "", due.ID, ChangeCause{Cause: ByPoll},
			func(ctx context.Context, s *session, p Payment) (Payment, error) {
				switch {
				case !s.due(p):
					return p, nil
				case p.Status == AwaitingApproval:
					return s.lapse(ctx, p)
				}
				return s.remind(ctx, r.settings.Overdue)
			})
		return err
	})
	return err
}

// enter gives a provider's round to one goroutine at a time.
func (r *Reconciler) enter(name string) (one *reconciled, free bool) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	one, known := r.providers[name]
	if !known {
		one = &reconciled{looks: rate.NewLimiter(rate.Limit(r.settings.PerSecond), r.settings.PerSecond)}
		r.providers[name] = one
	}
	if one.busy {
		return nil, false
	}
	one.busy = true
	return one, true
}

func (r *Reconciler) leave(one *reconciled) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	one.busy = false
}

func (r *Reconciler) report(ctx context.Context, what string, err error) {
	if err == nil || ctx.Err() != nil || errors.Is(err, attempt.ErrShuttingDown) || errors.Is(err, attempt.ErrHeld) {
		return
	}
	r.engine.log.ErrorContext(ctx, what, slog.Any("error", err))
}

// provider looks at what is due at one provider.
func (r *Reconciler) provider(ctx context.Context, name string, looks *rate.Limiter) error {
	account, known := r.engine.Fleet().Accounts[name]
	if !known {
		return nil
	}
	if account.Egress.Askable() != nil {
		// Nobody is asked now: what is due stays so, and is asked for as soon as the breaker, or the account's rate,
		// lets a look-up through.
		_, err := r.each(ctx, name, overdueBatch, r.remind)
		return err
	}
	now := r.engine.now()
	looks.AllowN(now, 0) // counts from now on where the wall clock was set back
	left := int(looks.TokensAt(now))
	if left <= 0 {
		return nil
	}
	used, err := r.each(ctx, name, left, r.look)
	looks.AllowN(now, used)
	return err
}

// overdueBatch is how many payments of a provider that cannot be asked are shown to people in one round.
const overdueBatch = 100

// each does something with payments that are due, several at a time, and returns how many there were.
func (r *Reconciler) each(ctx context.Context, provider string, limit int,
	do func(context.Context, Payment) error,
) (count int, err error) {
	due, err := r.engine.journal.Due(ctx, provider, r.engine.now(), limit)
	if err != nil {
		return 0, err
	}
	places := semaphore.NewWeighted(r.settings.AtOnce)
	errs := make([]error, len(due))
	var looks sync.WaitGroup
	for i, p := range due {
		if places.Acquire(ctx, 1) != nil {
			break
		}
		looks.Go(func() {
			defer places.Release(1)
			errs[i] = do(ctx, p)
		})
	}
	looks.Wait()
	return len(due), errors.Join(errs...)
}

// look asks about one payment, unless something else is happening to it.
func (r *Reconciler) look(ctx context.Context, due Payment) error {
	account, known := r.engine.Fleet().Accounts[due.Provider]
	if r.engine.driver.InFlight(attempt.OwnerID(due.ID)) || (known && account.Askable(due.ID) != nil) {
		return nil
	}
	_, err := r.engine.withLock(ctx, "", due.ID, ChangeCause{Cause: ByPoll},
		func(ctx context.Context, s *session, p Payment) (Payment, error) {
			switch {
			case !s.due(p):
				return p, nil
			case s.confirmLapsed(p):
				return s.lapseConfirm(ctx, p)
			case p.Status.Terminal() && p.Confirmation.Awaits():
				return s.save(ctx, p) // it is due for the confirm alone
			}
			return s.look(ctx, p, r.settings.Overdue)
		})
	return err
}

// remind shows a payment that has been unknown for too long, without asking its provider, and ends a confirm that has
// awaited approval for too long.
func (r *Reconciler) remind(ctx context.Context, due Payment) error {
	overdue := due.AlertCode == "" && r.engine.overdue(due, r.settings.Overdue)
	if !overdue && !r.engine.confirmLapsed(due) {
		return nil
	}
	_, err := r.engine.withLock(ctx, "", due.ID, ChangeCause{Cause: ByPoll},
		func(ctx context.Context, s *session, p Payment) (Payment, error) {
			if !s.due(p) {
				return p, nil
			}
			if s.confirmLapsed(p) {
				return s.lapseConfirm(ctx, p)
			}
			return s.remind(ctx, r.settings.Overdue)
		})
	return err
}

// alertUnconfigured is the alert of a payment whose provider is out of service, or not in the routing file any more.
func (f *Fleet) alertUnconfigured(provider string) string {
	why := "is not configured"
	if _, out := f.Out[provider]; out {
		why = "is out of service"
	}
	return "provider " + provider + " " + why + ": nobody can be asked about this payment"
}

func (e *Engine) configured(provider string) bool {
	_, known := e.Fleet().Accounts[provider]
	return known
}

// showUnconfigured shows payments on their way whose provider cannot be asked, each once. They are due as soon as the
// provider is there again.
func (e *Engine) showUnconfigured(ctx context.Context) error {
	providers, err := e.journal.Waiting(ctx)
	if err != nil {
		return err
	}
	for _, name := range providers {
		if e.configured(name) {
			continue
		}
		filter := Filter{Provider: name, Status: slices.Sorted(maps.Keys(schedules))}
		for {
			payments, next, err := e.journal.Payments(ctx, filter)
			if err != nil {
				return err
			}
			for _, p := range payments {
				if err := e.showUnconfiguredOne(ctx, p); err != nil {
					return err
				}
			}
			if next == "" {
				break
			}
			filter.Before = next
		}
	}
	return nil
}

func (e *Engine) showUnconfiguredOne(ctx context.Context, waiting Payment) error {
	shown := func(p Payment) bool {
		return e.configured(p.Provider) || p.Status.Terminal() || (p.AlertCode != "" && p.AlertCode != codeOverdue)
	}
	if shown(waiting) {
		return nil
	}
	_, err := e.withLock(ctx, "", waiting.ID, ChangeCause{Cause: ByRecovery},
		func(ctx context.Context, s *session, p Payment) (Payment, error) {
			if shown(p) {
				return p, nil
			}
			p = p.alerted(codeUnconfigured, s.fleet.alertUnconfigured(p.Provider))
			s.log.WarnContext(ctx, "a payment's provider is not configured", slog.String("payment", p.ID),
				slog.String("provider", p.Provider))
			return s.save(ctx, p)
		})
	return err
}

func (r *Reconciler) purge(ctx context.Context) error {
	const batch = 500
	for {
		purged, err := r.engine.journal.PurgeKeys(ctx, r.settings.KeyLifetime, batch)
		if err != nil || purged < batch {
			return err
		}
	}
}

// due reports whether a payment is still to be looked at, now that its lock is held.
func (s *session) due(p Payment) bool {
	_, looked := schedules[p.Status]
	looked = looked || p.Status == AwaitingApproval
	return (looked || p.Status.ended() && !p.NextCheck.IsZero()) && !ahead(p, s.now())
}

// look asks a payment's provider where it stands, and sees to it that it is looked at again. What a crash interrupted
// is closed first. A provider's refusal to tell, or its silence, is no error here.
func (s *session) look(ctx context.Context, p Payment, overdue time.Duration) (Payment, error) {
	attempts, err := s.journal.Attempts(ctx, p.ID)
	if err != nil {
		return p, err
	}
	if past := historyOf(p, attempts, s.now()); past.unfinished(p) {
		s.cause.Cause = ByRecovery
		return s.resume(ctx, p, past)
	}
	_, err = s.lookUp(ctx, p, "")
	if errors.Is(err, attempt.ErrJournal) {
		return s.standing, err
	}
	return s.remind(ctx, overdue)
}

// remind shows a payment that has been unknown for too long, and plans the next look where nothing has yet.
func (s *session) remind(ctx context.Context, overdue time.Duration) (Payment, error) {
	p := s.standing
	if p.AlertCode == "" && s.overdue(p, overdue) {
		p = p.alerted(codeOverdue, alertOverdue)
		s.log.WarnContext(ctx, "a payment has been unknown for long", slog.String("payment", p.ID),
			slog.String("provider", p.Provider),
			slog.Time("since", p.StatusAt))
		return s.save(ctx, p)
	}
	if s.due(p) {
		return s.save(ctx, p)
	}
	return p, nil
}

func (e *Engine) overdue(p Payment, limit time.Duration) bool {
	return p.Status == Unknown && e.statusAge(p) >= limit
}
