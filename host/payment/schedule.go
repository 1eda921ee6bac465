package payment

import (
	"slices"
	"time"
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
	// jitter is the share of an interval by which it varies, so that what failed together is not asked for together.
	jitter = 0.2
)

// schedules say how often a payment is looked at in a status, by how long it has been in it. A status without a schedule is not looked
// at: a created payment waits for the router, not for a provider, and a terminal one for nobody.
//
//nolint:gochecknoglobals // a lookup table
var schedules = map[Status][]interval{
	Unknown: {
		{time.Minute, 5 * time.Second}, {10 * time.Minute, 30 * time.Second}, {time.Hour, 2 * time.Minute}, {24 * time.Hour, 15 * time.Minute},
	},
	Processing: {
		{time.Minute, 10 * time.Second}, {10 * time.Minute, 30 * time.Second}, {time.Hour, 2 * time.Minute}, {24 * time.Hour, 10 * time.Minute},
	},
	RequiresAction: {
		{10 * time.Minute, 30 * time.Second}, {time.Hour, 2 * time.Minute}, {24 * time.Hour, 15 * time.Minute},
	},
}

// nextCheck is when to look at a payment next; zero where there is no need. draw is between 0 and 1. It is pure.
func nextCheck(p Payment, now time.Time, draw float64) time.Time {
	rows, looked := schedules[p.Status]
	if !looked {
		return time.Time{}
	}
	since := p.StatusAt
	if since.IsZero() {
		since = p.CreatedAt
	}
	age, every := now.Sub(since), rarely
	for _, row := range rows {
		if age < row.until {
			every = row.every
			break
		}
	}
	next := now.Add(time.Duration(float64(every) * (1 - jitter + 2*jitter*draw)))
	if expired := p.ExpiresAt.Add(afterExpiry); p.Status == RequiresAction && expired.After(now) && expired.Before(next) {
		return expired
	}
	return next
}

// schedule says when a payment that is about to be saved is looked at next.
func (t *turn) schedule(p Payment, attempts []Attempt) Payment {
	now := p.UpdatedAt
	switch {
	case p.Status != t.standing.Status:
		p.StatusAt, p.Checks = now, 0
	case p.NextCheck.After(now) || (p.NextCheck.IsZero() && p.Status.Terminal()):
		return p
	default:
		p.Checks++
	}
	p.NextCheck = nextCheck(p, now, t.draw(p))
	if p.Status == Unknown && p.Checks == 0 && slices.ContainsFunc(attempts, isDuplicate) {
		// The provider has just said that it holds the payment, so it can be asked at once.
		p.NextCheck = now
	}
	return p
}

func isDuplicate(a Attempt) bool { return a.Event == Duplicate }

// draw is where in its jitter a payment's next interval lies: a hash, so that a run can be had again.
func (t *turn) draw(p Payment) float64 {
	return float64(newStream("jitter", p.ID, p.UpdatedAt.String()).below(256)) / 256
}
