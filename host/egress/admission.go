package egress

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"
)

// Lane is what an exchange is for. Each lane has its own part of an account's rate.
type Lane int

// The lanes.
const (
	// LaneSend is for requests of new payments and runs, and for operations that may move money. Pauses and suspensions
	// hold it.
	LaneSend Lane = iota
	// LaneLookup is for requests about payments that were sent before, none of which moves money. Pauses slow it down.
	LaneLookup
	// LaneRead is for reads that belong to no payment: quotes, balances, statements. It has a breaker of its own, and
	// no answer to it pauses an account.
	LaneRead
)

// Signal is how the provider treats the account, by the answer to a try.
type Signal int

// The signals.
const (
	// SignalNone: no answer, or one that shows nothing.
	SignalNone Signal = iota
	// SignalServed: the provider itself answered, and did not refuse the credentials.
	SignalServed
	// SignalBarred: HTTP 401, 403 or 429 without proof that the provider itself answered.
	SignalBarred
	// SignalUnauthenticated: the provider itself refused the credentials.
	SignalUnauthenticated
	// SignalContradiction: a well-formed answer that does not fit the request.
	SignalContradiction
)

// AdmissionSettings of an Admission. Only Provider is needed.
type AdmissionSettings struct {
	// Provider is the account's name in errors and logs.
	Provider string
	// SlowStart is how many requests that may move money are under way at once until the provider itself has answered
	// one of them: at the start, and after each pause. 0 means 4.
	SlowStart int
	// Pause is the first pause; each further one without a good answer in between is twice as long, up to MaxPause. 0
	// means 15 s.
	Pause time.Duration
	// MaxPause bounds a pause, and what Retry-After may ask for. 0 means 10 min.
	MaxPause time.Duration
	// Refusals of the credentials in a row that suspend the account. 0 means 5. Some providers answer a caller's
	// mistake as they answer a wrong key: where these credentials were accepted before, refusals of one party's
	// requests count only once they have lasted RefusedFor.
	Refusals int
	// RefusedFor is how long refusals of one party's requests have to last. 0 means 3 min.
	RefusedFor time.Duration
	// Contradictions of requests of so many different parties within ContradictionWindow pause the account. 0 means 3.
	Contradictions int
	// ContradictionWindow is how long a contradiction counts. 0 means 10 min.
	ContradictionWindow time.Duration
	// Logger gets an error for each pause and suspension. Nil discards.
	Logger *slog.Logger
	// Now is the clock. Nil means time.Now.
	Now func() time.Time
	// Random gives numbers in [0, 1) for jitter. Nil means math/rand/v2.
	Random func() float64
}

func (s AdmissionSettings) withDefaults() AdmissionSettings {
	s.SlowStart = cmp.Or(s.SlowStart, 4)
	s.Pause = cmp.Or(s.Pause, 15*time.Second)
	s.MaxPause = cmp.Or(s.MaxPause, 10*time.Minute)
	s.Refusals = cmp.Or(s.Refusals, 5)
	s.RefusedFor = cmp.Or(s.RefusedFor, 3*time.Minute)
	s.Contradictions = cmp.Or(s.Contradictions, 3)
	s.ContradictionWindow = cmp.Or(s.ContradictionWindow, 10*time.Minute)
	s.Logger = cmp.Or(s.Logger, slog.New(slog.DiscardHandler))
	if s.Now == nil {
		s.Now = time.Now //nolint:forbidigo // the one place
	}
	if s.Random == nil {
		s.Random = rand.Float64 //nolint:forbidigo // the one place
	}
	return s
}

// Admission decides whether an account receives new payments, by its provider's answers. It belongs to an account and
// its credentials, and may outlive the Client that uses it. Safe for concurrent use.
//
// A bare 401, 403 or 429, or contradictions of several parties' requests, pause the account. After the pause one
// request at a time is admitted, until the provider itself answers one. Refusals of the credentials in a row suspend
// the account, until Resume.
type Admission struct {
	settings AdmissionSettings
	rate     rate

	mutex sync.Mutex
	// changed is closed, and replaced, whenever a waiting request may find another state.
	changed chan struct{}
	// era counts pauses, suspensions and resumptions: an answer to a request of an earlier era neither extends nor ends
	// a pause.
	era int
	// proved: since the era began, the provider itself answered a request that may move money.
	proved bool
	// withSideEffects is how many requests that may move money are under way.
	withSideEffects int

	// level is how many pauses there were since the provider last accepted a request; above 0 the account is paused, or
	// on trial after a pause.
	level int
	// until is when the pause ends; reason is why there is one; bySideEffects: a request that may move money caused it.
	until         time.Time
	reason        string
	bySideEffects bool
	// trying: the one request of an account on trial is under way.
	trying bool

	// refusals of the credentials in a row; refused is whose requests they answered, and refusedSince when the first of
	// them came.
	refusals     int
	refused      map[string]bool
	refusedSince time.Time
	// hasServed: these credentials were accepted before.
	hasServed bool
	// suspended is since when the account is suspended; the zero time where it is not.
	suspended time.Time

	// contradicted is when a request of each party was last contradicted.
	contradicted map[string]time.Time
}

// NewAdmission makes the admission of a new account.
func NewAdmission(s AdmissionSettings) *Admission {
	return &Admission{settings: s.withDefaults(), changed: make(chan struct{}), contradicted: map[string]time.Time{}}
}

// pass is a request that was admitted. It is reported once.
type pass struct {
	admission      *Admission
	lane           Lane
	hasSideEffects bool
	begun          bool
	// probing: it is the only request of an account on trial.
	probing bool
	era     int
}

// enter admits a request, or returns a *HeldError. It waits at most maxWait for the answers to requests of a slow
// start; where ctx ends first, it returns the context's error.
func (a *Admission) enter(ctx context.Context, x *Exchange, maxWait time.Duration) (*pass, error) {
	var timeout <-chan time.Time
	for {
		granted, changed, held := a.admit(x)
		if granted != nil || changed == nil {
			return granted, errorOf(held)
		}
		if timeout == nil {
			timer := time.NewTimer(maxWait)
			defer timer.Stop()
			timeout = timer.C
		}
		select {
		case <-changed:
		case <-timeout:
			return nil, errorOf(held)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func errorOf(held *HeldError) error {
	if held == nil {
		return nil
	}
	return held
}

// admit returns a pass; or why there is none, and, where waiting may help, a channel that is closed when the state
// changes.
func (a *Admission) admit(x *Exchange) (*pass, <-chan struct{}, *HeldError) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	granted := &pass{admission: a, lane: x.Lane, begun: x.Begun, era: a.era}
	if x.Lane != LaneSend {
		return granted, nil, nil
	}
	onTrial := a.level > 0 && !x.Begun && (x.Alone || !a.bySideEffects)
	if held := a.heldLocked(onTrial); held != nil && !x.Begun {
		return nil, nil, held
	}
	if x.Alone && !a.proved && a.withSideEffects >= a.settings.SlowStart {
		return nil, a.changed,
			&HeldError{Provider: a.settings.Provider, Kind: HeldStarting, Limit: a.settings.SlowStart}
	}
	if x.Alone {
		granted.hasSideEffects = true
		a.withSideEffects++
	}
	if onTrial {
		granted.probing, a.trying = true, true
	}
	return granted, nil, nil
}

// held is why a new payment is not sent now; nil where it is.
func (a *Admission) held() *HeldError {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	return a.heldLocked(true)
}

// heldLocked is held; onTrial: the request would be the only one that an account on trial receives. After a pause that
// a request caused which may move money, only such a request can be that one.
func (a *Admission) heldLocked(onTrial bool) *HeldError {
	held := &HeldError{Provider: a.settings.Provider, Reason: a.reason}
	switch {
	case !a.suspended.IsZero():
		held.Kind, held.Since = HeldSuspended, a.suspended
	case a.settings.Now().Before(a.until):
		held.Kind, held.Until = HeldPaused, a.until
	case a.trying && onTrial:
		held.Kind = HeldOnTrial
	default:
		return nil
	}
	return held
}

// slow reports that look-ups are spaced.
func (a *Admission) slow() bool {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	return a.level > 0 || !a.suspended.IsZero()
}

// report ends a pass with the caller's judgement of the try.
func (p *pass) report(j Judgement, t *Try) {
	a := p.admission
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if p.hasSideEffects {
		a.withSideEffects--
	}
	current := p.era == a.era
	if p.probing && current {
		a.trying = false
	}
	if !a.suspended.IsZero() {
		j.Signal = SignalNone // a person decides when it ends
	}
	switch j.Signal {
	case SignalServed:
		a.served(p, current)
	case SignalBarred:
		a.barred(p, current, t, j.Party)
	case SignalUnauthenticated:
		a.unauthenticated(p, j.Party)
	case SignalContradiction:
		a.contradiction(p, current, j.Party)
	case SignalNone:
	}
	close(a.changed)
	a.changed = make(chan struct{})
}

func (a *Admission) served(p *pass, current bool) {
	if p.lane != LaneSend {
		return
	}
	a.refusals, a.hasServed = 0, true
	if !current {
		return
	}
	a.proved = a.proved || p.hasSideEffects
	if a.level > 0 && (p.hasSideEffects || !a.bySideEffects) {
		a.level, a.until, a.reason = 0, time.Time{}, ""
		clear(a.contradicted)
		a.settings.Logger.Info("account takes new payments again", slog.String("provider", a.settings.Provider))
	}
}

func (a *Admission) barred(p *pass, current bool, t *Try, party string) {
	status := t.Response.GetStatus()
	busy := status == tooManyRequests
	// A look-up's permissions are not a payment's; a rate limit is the whole account's.
	if !current || p.lane == LaneRead || (p.lane == LaneLookup && !busy) {
		return
	}
	if p.begun && a.level > 0 {
		return // requests that a pause does not hold do not extend it
	}
	a.pause(fmt.Sprintf("HTTP %d without the provider's own words", status), t.RetryAfter, p.hasSideEffects)
	if !busy {
		a.refuse(party)
	}
}

const tooManyRequests = 429

func (a *Admission) unauthenticated(p *pass, party string) {
	if p.lane == LaneSend {
		a.refuse(party)
	}
}

// refuse counts a refusal of the credentials. Bare ones count once per pause: many requests that were under way at
// once count as one.
func (a *Admission) refuse(party string) {
	now := a.settings.Now()
	if a.refusals == 0 {
		a.refused, a.refusedSince = map[string]bool{}, now
	}
	a.refusals++
	if len(a.refused) < 2 {
		a.refused[party] = true
	}
	oneParty := a.hasServed && len(a.refused) == 1 && now.Sub(a.refusedSince) < a.settings.RefusedFor
	if a.refusals < a.settings.Refusals || oneParty {
		return
	}
	a.begin()
	a.suspended = a.settings.Now()
	a.reason = fmt.Sprintf("%d refusals of its credentials in a row", a.refusals)
	a.settings.Logger.Error("account is suspended: it takes no new payments until its secrets change or it is resumed",
		slog.String("provider", a.settings.Provider), slog.String("after", a.reason))
}

func (a *Admission) contradiction(p *pass, current bool, party string) {
	if p.lane == LaneRead {
		return
	}
	now := a.settings.Now()
	a.contradicted[party] = now
	for other, at := range a.contradicted {
		if now.Sub(at) > a.settings.ContradictionWindow {
			delete(a.contradicted, other)
		}
	}
	if len(a.contradicted) < a.settings.Contradictions || !current {
		return
	}
	reason := fmt.Sprintf("answers that contradict the requests of %d merchants", len(a.contradicted))
	clear(a.contradicted)
	a.pause(reason, 0, p.hasSideEffects)
}

// pause holds new payments: twice as long as the last time, or as long as the provider requests.
func (a *Admission) pause(reason string, asked time.Duration, hasSideEffects bool) {
	length := max(doubled(a.settings.Pause, a.level, a.settings.MaxPause), min(asked, a.settings.MaxPause))
	length += time.Duration(a.settings.Random() * float64(length/4))
	a.begin()
	a.level++
	a.bySideEffects = a.bySideEffects || hasSideEffects
	a.until, a.reason = a.settings.Now().Add(length), reason
	a.settings.Logger.Error("account is paused: it takes no new payments",
		slog.String("provider", a.settings.Provider), slog.Time("until", a.until), slog.String("after", reason))
}

// begin starts another era: requests under way no longer affect the account.
func (a *Admission) begin() {
	a.era++
	a.proved, a.trying = false, false
	if a.level == 0 {
		a.bySideEffects = false
	}
}

// Resume ends a pause or a suspension, and reports whether there was one. A slow start follows.
func (a *Admission) Resume() bool {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	held := a.level > 0 || !a.suspended.IsZero()
	a.level, a.refusals = 0, 0
	a.begin()
	a.until, a.suspended, a.reason = time.Time{}, time.Time{}, ""
	clear(a.contradicted)
	close(a.changed)
	a.changed = make(chan struct{})
	return held
}
