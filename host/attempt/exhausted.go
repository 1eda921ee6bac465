package attempt

import (
	"context"
	"time"
)

// How long work in flight waits for this machine to be able to connect again, and between two tries.
const (
	exhaustedTimeout = 30 * time.Second
	firstExhausted   = 100 * time.Millisecond
	longestExhausted = 5 * time.Second
)

// WhileExhausted runs a flow, and runs it again as long as all that kept it from its provider is that this machine
// could not connect. closed attempts go along. Where that does not pass, the error is ErrExhausted, and the ending has
// what is still to be written: what was begun is left for recovery, and has not failed.
func (d *Driver) WhileExhausted(ctx context.Context, run func(closed []Attempt) (Ending, error),
	closed []Attempt,
) (Ending, error) {
	end, err := run(closed)
	if err != nil || !end.Exhausted || end.Doubt {
		return end, err
	}
	waiting, cancel := context.WithTimeout(ctx, exhaustedTimeout)
	defer cancel()
	for gap := firstExhausted; d.able(waiting, gap); gap = min(2*gap, longestExhausted) {
		end, err = run(end.Closed)
		if err != nil || !end.Exhausted || end.Doubt {
			return end, err
		}
	}
	return end, ErrExhausted
}

// able waits until this machine can connect again, at least for a gap; it is false where ctx ends first.
func (d *Driver) able(ctx context.Context, gap time.Duration) bool {
	for {
		timer := time.NewTimer(gap)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return false
		}
		if d.Settings.Exhausted() == nil {
			return true
		}
	}
}
