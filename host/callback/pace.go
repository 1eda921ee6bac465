package callback

import (
	"sync"
	"time"
)

// bucket grants so many in a second, and saves up to most of them. It is safe for concurrent use; a new one is full.
type bucket struct {
	perSecond, most int

	mutex sync.Mutex
	at    time.Time
	left  float64
}

// take tells whether one is granted now.
func (b *bucket) take(now time.Time) bool {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if b.at.IsZero() {
		b.left = float64(b.most)
	}
	// A clock set back saves nothing, and takes nothing away.
	if elapsed := now.Sub(b.at); elapsed > 0 && !b.at.IsZero() {
		b.left = min(float64(b.most), b.left+elapsed.Seconds()*float64(b.perSecond))
	}
	b.at = now
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}

// gaps are how far apart the look-ups of one payment are that callbacks cause: the first is at once, and each that follows soon waits
// longer.
//
//nolint:gochecknoglobals // a table
var gaps = []time.Duration{time.Second, 5 * time.Second, 15 * time.Second, time.Minute}

// calm is how long after a payment's last look-up the next is its first again.
const calm = 10 * time.Minute

// look is what is known of one payment's look-ups.
type look struct {
	started time.Time
	// answered is when the last one that was answered started, by the provider's reference that was asked about: empty for the payment's own.
	// What was left behind for a payment says nothing of what took its place.
	answered map[string]time.Time
	count    int
}

// covers tells a look-up of the same object that was answered and began after a hint came. By the wall clock alone, one that was set back would make hints older
// than they are; so the look-up has to be younger than the hint by its monotonic reading too, where it has one.
func (l look) covers(object string, came, now time.Time) bool {
	answered := l.answered[object]
	age := now.Sub(answered)
	return answered.Round(0).After(came) && age >= 0 && age < now.Round(0).Sub(came)
}

// looks space the look-ups of each payment out. They are safe for concurrent use; the zero value is ready.
type looks struct {
	mutex    sync.Mutex
	payments map[string]look
}

// verdict says whether a hint's payment is looked up.
type verdict int

const (
	// goAhead: now. The caller tells the end by done.
	goAhead verdict = iota
	// wait: not before a time.
	wait
	// covered: it was, after the hint came.
	covered
	// exhausted: the account has had its look-ups for now.
	exhausted
)

// ask decides on a hint about an object of a payment that came at a time. A look-up is one of limit's.
func (l *looks) ask(paymentID, object string, came, now time.Time, limit *bucket) (v verdict, until time.Time) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	last, known := l.payments[paymentID]
	switch {
	case known && last.covers(object, came, now):
		return covered, time.Time{}
	case known && now.Sub(last.started) >= calm:
		last.count = 0
	case known:
		gap := gaps[min(last.count, len(gaps))-1]
		// Counted from now: the wall clock may have been ahead by days when the last one started.
		if left := min(gap, last.started.Add(gap).Sub(now)); left > 0 {
			return wait, now.Add(left)
		}
	}
	if !limit.take(now) {
		return exhausted, time.Time{}
	}
	last.started = now
	last.count++
	if l.payments == nil {
		l.payments = map[string]look{}
	}
	l.payments[paymentID] = last
	return goAhead, time.Time{}
}

// done tells that the look-up of an object that started at a time was answered.
func (l *looks) done(paymentID, object string, started time.Time) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	last := l.payments[paymentID]
	if last.answered == nil {
		last.answered = map[string]time.Time{}
	}
	last.answered[object] = started
	l.payments[paymentID] = last
}

// forget drops what no longer delays anything.
func (l *looks) forget(now time.Time) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for id, last := range l.payments {
		if now.Sub(last.started) >= calm {
			delete(l.payments, id)
		}
	}
}

// strange is when a callback is tried again whose payment nobody knows: it may have overtaken the answer to the create. Only the journal
// is asked.
//
//nolint:gochecknoglobals // a table
var strange = []time.Duration{
	time.Second, 2 * time.Second, 5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 30 * time.Minute, time.Hour,
}

// failed is when a look-up is tried again that was not answered. The payment's own schedule goes on beside it.
//
//nolint:gochecknoglobals // a table
var failed = []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, time.Hour}

// doubted is when a payment is looked up again that a look-up found to have ended without money, for which its provider had no need to call:
// providers answer from copies that lag behind.
//
//nolint:gochecknoglobals // a table
var doubted = []time.Duration{time.Minute, 30 * time.Minute}

// after is when something is tried again that was tried so often before; false where it is given up.
func after(schedule []time.Duration, tries int, now time.Time) (time.Time, bool) {
	if tries >= len(schedule) {
		return time.Time{}, false
	}
	return now.Add(schedule[tries]), true
}
