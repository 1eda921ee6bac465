package payment

import (
	"context"
	"errors"
	"time"
)

// ErrExhausted tells that this machine has nothing left to make connections of: no new work is taken, and nothing was
// journalled.
var ErrExhausted = errors.New("this machine is out of files, sockets or memory")

// How long work waits on its way for this machine to be able to connect again, and between two tries.
const (
	exhaustedPatience = 30 * time.Second
	firstExhausted    = 100 * time.Millisecond
	longestExhausted  = 5 * time.Second
)

// whileExhausted holds a conversation, and holds it again as long as all that kept it from its provider is this
// machine's own want. closed attempts go along. Where that does not pass, the error is ErrExhausted, and the ending has
// what is still to be written: what was begun is left for recovery, and has not failed.
func (e *Engine) whileExhausted(ctx context.Context, converse func(closed []Attempt) (ending, error),
	closed []Attempt,
) (ending, error) {
	end, err := converse(closed)
	if err != nil || !end.exhausted || end.doubt {
		return end, err
	}
	patience, cancel := context.WithTimeout(ctx, exhaustedPatience)
	defer cancel()
	for gap := firstExhausted; e.able(patience, gap); gap = min(2*gap, longestExhausted) {
		end, err = converse(end.closed)
		if err != nil || !end.exhausted || end.doubt {
			return end, err
		}
	}
	return end, ErrExhausted
}

// able waits until this machine can connect again, at least for a gap; it is false where ctx ends first.
func (e *Engine) able(ctx context.Context, gap time.Duration) bool {
	for {
		timer := time.NewTimer(gap)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return false
		}
		if e.settings.Exhausted() == nil {
			return true
		}
	}
}
