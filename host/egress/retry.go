package egress

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// maxRetryAfter bounds what RetryAfter returns: who asks for more is down, not busy.
const maxRetryAfter = 24 * time.Hour

// RetryAfter reads a Retry-After header: seconds or an HTTP date. It is from 0, also where the header is missing or
// malformed, to 24 h.
func RetryAfter(header string, now time.Time) time.Duration {
	header = strings.TrimSpace(header)
	if seconds, err := strconv.ParseUint(header, 10, 64); err == nil || errors.Is(err, strconv.ErrRange) {
		return time.Duration(min(seconds, uint64(maxRetryAfter/time.Second))) * time.Second
	}
	at, err := http.ParseTime(header)
	if err != nil {
		return 0
	}
	return min(max(0, at.Sub(now)), maxRetryAfter)
}

// delay is how long to wait after the given try (from 1): exponential, half of it random, never less than the provider
// asked for up to the cap. The random part comes on top of what was asked, so that not everybody returns at one
// moment.
func (s RetrySettings) delay(try int, asked time.Duration, random float64) time.Duration {
	step := doubled(s.BaseDelay, try-1, s.MaxDelay)
	jitter := time.Duration(random * float64(step/2))
	if asked > 0 {
		return min(asked, s.RetryAfterCap) + jitter
	}
	return step - step/2 + jitter
}

// doubled is base doubled so many times, at most limit.
func doubled(base time.Duration, times int, limit time.Duration) time.Duration {
	if times >= 32 || base<<times>>times != base {
		return limit
	}
	return min(limit, base<<times)
}

// budget keeps retries a fraction of all traffic: every exchange pays a part of a retry in, every retry takes a whole
// one out. Safe for concurrent use.
type budget struct {
	ratio, most float64

	mu    sync.Mutex
	saved float64
}

func newBudget(s RetrySettings) *budget {
	return &budget{ratio: s.BudgetRatio, most: float64(s.BudgetMin), saved: float64(s.BudgetMin)}
}

func (b *budget) deposit() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.saved = min(b.most, b.saved+b.ratio)
}

func (b *budget) withdraw() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	// A hair under one whole: ten deposits of 0.1 are less than 1 in binary.
	if b.saved < 1-1e-9 {
		return false
	}
	b.saved--
	return true
}
