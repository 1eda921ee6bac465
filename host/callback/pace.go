package callback

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// limiter bounds how often something is done. It counts by the journal clock, which is never set back. It is safe for
// concurrent use.
type limiter struct{ rate *rate.Limiter }

// newLimiter allows so much a second, and a burst of so much after a pause. It starts with the whole burst.
func newLimiter(perSecond, burst int) limiter {
	return limiter{rate.NewLimiter(rate.Limit(perSecond), burst)}
}

// allow takes one, and reports whether there was one. now is the time by the journal clock.
func (l limiter) allow(now time.Duration) bool { return l.rate.AllowN(time.Unix(0, 0).Add(now), 1) }

// gaps are the minimum distances between look-ups of one payment that callbacks cause: the first is at once, and each
// that follows soon waits longer.
//
//nolint:gochecknoglobals // a table
var gaps = []time.Duration{time.Second, 5 * time.Second, 15 * time.Second, time.Minute}

// quietPeriod is how long after a payment's last look-up the gaps start over.
const quietPeriod = 10 * time.Minute

// look is the state of one payment's look-ups. Its times are by the journal clock: the wall clock may be set between
// two of them.
type look struct {
	started time.Duration
	// answered has the start of the last answered look-up by the provider's reference that it named; empty is the
	// payment's own. A look-up of an abandoned object does not answer one of its successor.
	answered map[string]time.Duration
	count    int
}

// covers reports whether a look-up of the same object was answered that began after a hint came. The journal keeps a
// hint's time in whole milliseconds, so a look-up that began in the same one does not cover it.
func (l look) covers(object string, came time.Duration) bool {
	answered, known := l.answered[object]
	return known && answered.Truncate(time.Millisecond) > came
}

// looks spaces out the look-ups of each payment. It is safe for concurrent use; the zero value is ready.
type looks struct {
	mutex    sync.Mutex
	payments map[string]look
}

// verdict is the decision whether a hint's payment is looked up.
type verdict int

const (
	// goAhead: now. The caller calls done once it is answered.
	goAhead verdict = iota
	// wait: later.
	wait
	// covered: no, it was looked up after the hint came.
	covered
	// exhausted: the account has no look-ups left at the moment.
	exhausted
)

// ask decides on a hint about an object of a payment. came and now are times of the journal clock. It calls grant
// before a look-up, which takes place only if grant returns true.
func (l *looks) ask(paymentID, object string, came, now time.Duration,
	grant func() bool,
) (v verdict, left time.Duration) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	last, known := l.payments[paymentID]
	switch {
	case known && last.covers(object, came):
		return covered, 0
	case known && now-last.started >= quietPeriod:
		last.count = 0
	case known:
		gap := gaps[min(last.count, len(gaps))-1]
		if left := last.started + gap - now; left > 0 {
			return wait, left
		}
	}
	if !grant() {
		return exhausted, 0
	}
	last.started = now
	last.count++
	if l.payments == nil {
		l.payments = map[string]look{}
	}
	l.payments[paymentID] = last
	return goAhead, 0
}

// done records that the look-up of an object that started at a time was answered.
func (l *looks) done(paymentID, object string, started time.Duration) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	last := l.payments[paymentID]
	if last.answered == nil {
		last.answered = map[string]time.Duration{}
	}
	last.answered[object] = started
	l.payments[paymentID] = last
}

// forget drops what no longer delays anything.
func (l *looks) forget(now time.Duration) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for id, last := range l.payments {
		if now-last.started >= quietPeriod {
			delete(l.payments, id)
		}
	}
}

// unknownPaymentBackoff is the schedule for callbacks that name no known payment: a callback may arrive before the
// answer to the create. A try only searches the journal.
//
//nolint:gochecknoglobals // a table
var unknownPaymentBackoff = []time.Duration{
	time.Second, 2 * time.Second, 5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 30 * time.Minute,
	time.Hour,
}

// unansweredBackoff is the schedule after look-ups without an answer. The payment's own schedule is independent of it.
//
//nolint:gochecknoglobals // a table
var unansweredBackoff = []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, time.Hour}

// recheckBackoff is the schedule of further look-ups after a callback for a payment that, by the first look-up, ended
// without money: providers answer from replicas that lag behind.
//
//nolint:gochecknoglobals // a table
var recheckBackoff = []time.Duration{time.Minute, 30 * time.Minute}

// after returns the time of the next try after so many tries; false if the schedule is over.
func after(schedule []time.Duration, tries int, now time.Time) (time.Time, bool) {
	if tries >= len(schedule) {
		return time.Time{}, false
	}
	return now.Add(schedule[tries]), true
}
