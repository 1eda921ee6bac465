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

// gaps are how far apart the look-ups of one payment are that callbacks cause: the first is at once, and each that
// follows soon waits longer.
//
//nolint:gochecknoglobals // a table
var gaps = []time.Duration{time.Second, 5 * time.Second, 15 * time.Second, time.Minute}

// calm is how long after a payment's last look-up the next is its first again.
const calm = 10 * time.Minute

// look is what is known of one payment's look-ups. Its times are by the journal's own clock: the wall clock may be set
// between two of them.
type look struct {
	started time.Duration
	// answered is when the last one that was answered started, by the provider's reference that was asked about: empty
	// for the payment's own. What was left behind for a payment says nothing of what took its place.
	answered map[string]time.Duration
	count    int
}

// covers tells a look-up of the same object that was answered and began after a hint came. The journal keeps a hint's
// time in whole milliseconds, so a look-up that began in the same one does not cover it.
func (l look) covers(object string, came time.Duration) bool {
	answered, known := l.answered[object]
	return known && answered.Truncate(time.Millisecond) > came
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
	// wait: not before a while has passed.
	wait
	// covered: it was, after the hint came.
	covered
	// exhausted: the account has had its look-ups for now.
	exhausted
)

// ask decides on a hint about an object of a payment that came at a time, by the journal's clock as now is. A look-up
// is one that grant grants.
func (l *looks) ask(paymentID, object string, came, now time.Duration,
	grant func() bool,
) (v verdict, left time.Duration) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	last, known := l.payments[paymentID]
	switch {
	case known && last.covers(object, came):
		return covered, 0
	case known && now-last.started >= calm:
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

// done tells that the look-up of an object that started at a time was answered.
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
		if now-last.started >= calm {
			delete(l.payments, id)
		}
	}
}

// strange is when a callback is tried again whose payment nobody knows: it may have overtaken the answer to the create.
// Only the journal is asked.
//
//nolint:gochecknoglobals // a table
var strange = []time.Duration{
	time.Second, 2 * time.Second, 5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 30 * time.Minute,
	time.Hour,
}

// failed is when a look-up is tried again that was not answered. The payment's own schedule goes on beside it.
//
//nolint:gochecknoglobals // a table
var failed = []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, time.Hour}

// doubted is when a payment is looked up again that a look-up found to have ended without money, for which its provider
// had no need to call: providers answer from copies that lag behind.
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
