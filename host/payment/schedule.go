package payment

import (
	"slices"
	"time"

	"payrouter/host/approval"
	"payrouter/host/attempt"
	"payrouter/host/identity"
)

// interval is how long after a look at a payment the next is due.
type interval struct {
	// until is the age of the status, up to which the row holds.
	until time.Duration
	every time.Duration
}

const (
	// rarely is how often the oldest are looked at. Nothing is ever given up for being old.
	rarely = time.Hour
	// afterExpiry is how long after a payment's expiry a provider has had time to notice.
	afterExpiry = 5 * time.Second
	// afterLapse is how long after the end of its time a payment that awaits approval expires: both clocks are past it.
	afterLapse = time.Second
	// jitter is the share of an interval by which it varies, so that what failed together is not asked for together.
	jitter = 0.2
)

// FurthestCheck is more than the schedule of any payment lies ahead that has not ended, and FurthestLateCheck of one
// that has (see afterEnd). A NextCheck beyond it was planned by a wall clock that was ahead, and has come: otherwise
// the payment would wait for as long as that clock was wrong.
const (
	FurthestCheck     = 2 * rarely
	FurthestLateCheck = 48 * time.Hour
)

// ahead reports a payment whose next check is still to come.
func ahead(p Payment, now time.Time) bool {
	furthest := FurthestCheck
	if p.Status.Terminal() {
		furthest = FurthestLateCheck
	}
	return p.NextCheck.After(now) && !p.NextCheck.After(now.Add(furthest))
}

// schedules say how often a payment is looked at in a status, by how long it has been in it. A status without a
// schedule is not looked at: a created payment waits for the router, not for a provider. One that awaits approval is
// looked at for its expiry, by the router alone (see lapses). See afterEnd for terminal ones.
//
//nolint:gochecknoglobals // a lookup table
var schedules = map[Status][]interval{
	Unknown: {
		{time.Minute, 5 * time.Second},
		{10 * time.Minute, 30 * time.Second},
		{time.Hour, 2 * time.Minute},
		{24 * time.Hour, 15 * time.Minute},
	},
	Processing: {
		{time.Minute, 10 * time.Second},
		{10 * time.Minute, 30 * time.Second},
		{time.Hour, 2 * time.Minute},
		{24 * time.Hour, 10 * time.Minute},
	},
	RequiresAction: {
		{10 * time.Minute, 30 * time.Second}, {time.Hour, 2 * time.Minute}, {24 * time.Hour, 15 * time.Minute},
	},
}

// afterEnd is how often a payment is looked at that ended without success after its payer had been asked to pay: what
// the payer was shown may still be paid, and some providers report nothing then. It ends with its last row, or with a
// conflict that shows the money.
//
//nolint:gochecknoglobals // a lookup table
var afterEnd = []interval{
	{time.Hour, 30 * time.Minute},
	{24 * time.Hour, 6 * time.Hour},
	{7 * 24 * time.Hour, 24 * time.Hour},
}

// mayBePaidLate reports whether a payment that has ended is looked at for money that comes late.
func mayBePaidLate(p Payment) bool {
	return p.Status.ended() && p.Offered && !p.MoneyConflict && p.Kind == Collect && p.ProviderReference != ""
}

// nextCheck is when to look at a payment next that has been in its status for so long; zero where there is no need.
// draw is between 0 and 1. It is pure.
func nextCheck(p Payment, age time.Duration, now time.Time, draw float64) time.Time {
	rows, every := schedules[p.Status], rarely
	switch {
	case p.Status == AwaitingApproval:
		return lapses(p.Approval, now, draw)
	case mayBePaidLate(p):
		rows, every = afterEnd, 0
	case rows == nil:
		return time.Time{}
	}
	for _, row := range rows {
		if age < row.until {
			every = row.every
			break
		}
	}
	if every == 0 {
		return time.Time{}
	}
	next := jittered(now, every, draw)
	if expired := p.ExpiresAt.Add(afterExpiry); p.Status == RequiresAction && expired.After(now) &&
		expired.Before(next) {
		return expired
	}
	return next
}

func jittered(now time.Time, every time.Duration, draw float64) time.Time {
	return now.Add(time.Duration(float64(every) * (1 - jitter + 2*jitter*draw)))
}

// lapses is when to look whether a payment, or its confirm, has awaited approval for too long.
func lapses(waiting *approval.Record, now time.Time, draw float64) time.Time {
	next, over := jittered(now, rarely, draw), waiting.ExpiresAt.Add(afterLapse)
	if over.After(now) && over.Before(next) {
		return over
	}
	return next
}

// statusAge is how long a payment has been in its status.
func (e *Engine) statusAge(p Payment) time.Duration {
	since := p.StatusAt
	if since.IsZero() {
		since = p.CreatedAt
	}
	return e.driver.Age(since, p.StatusClock)
}

// schedule plans when a payment that is about to be saved is looked at next: by its status, and no later than a confirm
// that awaits approval may have waited for too long.
func (s *session) schedule(p Payment, attempts []attempt.Attempt) Payment {
	p = s.scheduleStatus(p, attempts)
	if !p.Confirmation.Awaits() {
		return p
	}
	lapse := lapses(&p.Confirmation.Approval, p.UpdatedAt, s.draw(p))
	if p.NextCheck.IsZero() || lapse.Before(p.NextCheck) {
		p.NextCheck = lapse
	}
	return p
}

func (s *session) scheduleStatus(p Payment, attempts []attempt.Attempt) Payment {
	now := p.UpdatedAt
	switch {
	case p.Status != s.standing.Status:
		p.StatusAt, p.StatusClock, p.Checks = now, s.driver.Settings.Clock(), 0
	case p.Status.ended() && !mayBePaidLate(p):
		p.NextCheck = time.Time{}
		return p
	case ahead(p, now) || (p.NextCheck.IsZero() && p.Status.Terminal()):
		return p
	default:
		p.Checks++
	}
	p.NextCheck = nextCheck(p, s.statusAge(p), now, s.draw(p))
	if p.Status == Unknown && p.Checks == 0 && slices.ContainsFunc(attempts, isDuplicate) {
		// The provider has just said that it holds the payment, so it can be asked at once.
		p.NextCheck = now
	}
	return p
}

func isDuplicate(a attempt.Attempt) bool { return a.Event == attempt.Duplicate }

// draw is where in its jitter a payment's next interval lies: a hash, so that a run can be had again.
func (s *session) draw(p Payment) float64 {
	return identity.Draw("jitter", p.ID, p.UpdatedAt.String())
}
