package egress_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/egress"
)

// pipe is a provider at the other end of an in-memory connection, for tests on a synthetic clock.
type pipe struct {
	answer atomic.Pointer[string]
	served atomic.Int32
}

func newPipe(answer string) *pipe {
	p := &pipe{}
	p.answer.Store(&answer)
	return p
}

func (p *pipe) dial(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	go p.serve(theirs)
	return ours, nil
}

func (p *pipe) serve(c net.Conn) {
	defer func() { _ = c.Close() }()
	reader := bufio.NewReader(c)
	for {
		request, err := http.ReadRequest(reader)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, request.Body)
		p.served.Add(1)
		if _, err := io.WriteString(c, *p.answer.Load()); err != nil {
			return
		}
	}
}

const downAnswer = "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"

func (p *pipe) client(t *testing.T, change func(s *egress.Settings)) *egress.Client {
	t.Helper()
	s := egress.Settings{
		Provider: "acme", BaseURL: "http://acme.example", AllowPrivate: true, Random: func() float64 { return 0 },
	}
	if change != nil {
		change(&s)
	}
	c, err := egress.NewWithDial(s, p.dial)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// faulty judges as the engine would: anything but a 2xx is a fault, and worth another try.
func faulty(tries *[]egress.Try) func(context.Context, egress.Try) egress.Judgement {
	return func(_ context.Context, try egress.Try) egress.Judgement {
		*tries = append(*tries, try)
		bad := try.Response.GetStatus() != 200
		return egress.Judgement{Retry: bad, Fault: bad && try.Sent}
	}
}

func ended(t *testing.T, err error) endedError {
	t.Helper()
	var e *endedError
	require.ErrorAs(t, err, &e)
	return *e
}

func waits(tries []egress.Try) []time.Duration {
	var all []time.Duration
	for i, try := range tries[1:] {
		all = append(all, try.Started.Sub(tries[i].Finished))
	}
	return all
}

func TestTriesAreSpacedAndCounted(t *testing.T) {
	t.Parallel()
	const second = time.Second
	for name, test := range map[string]struct {
		answer string
		retry  egress.RetrySettings
		random float64
		waits  []time.Duration
	}{
		"by default": {
			downAnswer,
			egress.RetrySettings{},
			0,
			[]time.Duration{100 * time.Millisecond, 200 * time.Millisecond},
		},
		"doubling, up to the most": {
			downAnswer,
			egress.RetrySettings{MaxTries: 5, BaseDelay: 2 * second, MaxDelay: 5 * second},
			0,
			[]time.Duration{second, 2 * second, 2500 * time.Millisecond, 2500 * time.Millisecond},
		},
		"half of it random": {
			downAnswer,
			egress.RetrySettings{MaxTries: 2, BaseDelay: 2 * second, MaxDelay: 5 * second},
			0.5,
			[]time.Duration{1500 * time.Millisecond},
		},
		"as the provider asks": {
			"HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n",
			egress.RetrySettings{MaxTries: 2},
			0,
			[]time.Duration{7 * second},
		},
		"as the provider asks, and a little more": {
			"HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n",
			egress.RetrySettings{MaxTries: 2, BaseDelay: 2 * second},
			0.5,
			[]time.Duration{7*second + 500*time.Millisecond},
		},
		"as the provider asks, up to the cap": {
			"HTTP/1.1 429 Slow\r\nRetry-After: 86400\r\nContent-Length: 0\r\n\r\n",
			egress.RetrySettings{MaxTries: 2, RetryAfterCap: 20 * second},
			0,
			[]time.Duration{20 * second},
		},
		"as the provider asks, by a date": { // synctest's clock starts there
			"HTTP/1.1 503 Slow\r\nRetry-After: Sat, 01 Jan 2000 00:00:09 GMT\r\nContent-Length: 0\r\n\r\n",
			egress.RetrySettings{MaxTries: 2},
			0,
			[]time.Duration{9 * second},
		},
		"one only": {downAnswer, egress.RetrySettings{MaxTries: 1}, 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newPipe(test.answer)
				c := p.client(t, func(s *egress.Settings) {
					s.Retry, s.Random = test.retry, func() float64 { return test.random }
				})
				var tries []egress.Try
				var numbers []int
				err := do(t.Context(), c, exchange{
					Request: post("{}"), After: faulty(&tries),
					Before: func(_ context.Context, try int) (time.Time, error) {
						numbers = append(numbers, try)
						return time.Now().Add(time.Minute), nil
					},
				})
				want := len(test.waits) + 1
				require.Equal(t, endedError{Reason: egress.EndTries, Tries: want}, ended(t, err))
				require.Equal(t, test.waits, waits(tries))
				require.Equal(t, int32(want), p.served.Load())
				for i, try := range tries {
					require.Equal(t, i+1, try.Number)
					require.Equal(t, i+1, numbers[i])
				}
			})
		})
	}
}

func TestRetryEndsWithSuccess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPipe(downAnswer)
		var tries []egress.Try
		judge := faulty(&tries)
		good := okAnswer
		err := do(t.Context(), p.client(t, nil), exchange{
			Request: post("{}"), Before: before,
			After: func(ctx context.Context, try egress.Try) egress.Judgement {
				p.answer.Store(&good)
				return judge(ctx, try)
			},
		})
		require.NoError(t, err)
		require.Len(t, tries, 2)
	})
}

func TestBeforeCanCallItOff(t *testing.T) {
	t.Parallel()
	errJournal := errors.New("disk full")
	synctest.Test(t, func(t *testing.T) {
		p := newPipe(downAnswer)
		var tries []egress.Try
		err := do(t.Context(), p.client(t, nil), exchange{
			Request: post("{}"), After: faulty(&tries),
			Before: func(_ context.Context, try int) (time.Time, error) {
				if try == 2 {
					return time.Time{}, errJournal
				}
				return time.Now().Add(time.Minute), nil
			},
		})
		require.Equal(t, errJournal, err, "as it is")
		require.Len(t, tries, 1)
		require.Equal(t, int32(1), p.served.Load())
	})
}

func TestRetriesStopWithTheCaller(t *testing.T) {
	t.Parallel()
	t.Run("its context is over before the first try", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			p := newPipe(okAnswer)
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			err := do(ctx, p.client(t, nil), exchange{
				Request: post("{}"),
				Before:  func(context.Context, int) (time.Time, error) { panic("nothing is about to leave") },
				After:   func(context.Context, egress.Try) egress.Judgement { panic("nothing was tried") },
			})
			require.Equal(t, endedError{Reason: "before the first"}, ended(t, err))
			require.Zero(t, p.served.Load())
		})
	})
	t.Run("its deadline comes before the next try: no waiting for nothing", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			p := newPipe("HTTP/1.1 429 Slow\r\nRetry-After: 9\r\nContent-Length: 0\r\n\r\n")
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			var tries []egress.Try
			start := time.Now()
			err := do(ctx, p.client(t, nil), exchange{Request: post("{}"), Before: before, After: faulty(&tries)})
			require.Equal(t, endedError{Reason: egress.EndDeadline, Tries: 1}, ended(t, err))
			require.Zero(t, time.Since(start))
		})
	})
	t.Run("it goes away while waiting", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			p := newPipe("HTTP/1.1 429 Slow\r\nRetry-After: 9\r\nContent-Length: 0\r\n\r\n")
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(5*time.Second, cancel)
			var tries []egress.Try
			start := time.Now()
			err := do(ctx, p.client(t, nil), exchange{Request: post("{}"), Before: before, After: faulty(&tries)})
			require.Equal(t, endedError{Reason: egress.EndCanceled, Tries: 1}, ended(t, err))
			require.Equal(t, 5*time.Second, time.Since(start))
		})
	})
	t.Run("it goes away during a try", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			p := newPipe("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{")
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(5*time.Second, cancel)
			var tries []egress.Try
			err := do(ctx, p.client(t, nil), exchange{Request: post("{}"), Before: before, After: faulty(&tries)})
			require.Equal(t, endedError{Reason: egress.EndCanceled, Tries: 1}, ended(t, err))
			require.ErrorIs(t, tries[0].Err, context.Canceled)
			require.True(t, tries[0].Sent)
		})
	})
}

// Retries cannot pile up: a provider that is down gets a fraction of its traffic once more, not all of it three times.
func TestRetryBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPipe(downAnswer)
		c := p.client(t, func(s *egress.Settings) {
			s.Retry = egress.RetrySettings{MaxTries: 2, BudgetMin: 3, BudgetRatio: 0.1}
			s.Breaker.Failures, s.Breaker.MinTries = 1000, 1000
		})
		reasons := map[egress.EndReason]int{}
		for range 33 {
			var tries []egress.Try
			err := do(t.Context(), c, exchange{Request: post("{}"), Before: before, After: faulty(&tries)})
			reasons[ended(t, err).Reason]++
		}
		require.Equal(t, map[egress.EndReason]int{egress.EndTries: 6, egress.EndBudget: 27}, reasons)
		require.Equal(t, int32(33+6), p.served.Load())
	})
}

func single(t *testing.T, c *egress.Client, fault bool) egress.Try {
	t.Helper()
	var last egress.Try
	err := do(t.Context(), c, exchange{
		Request: post("{}"), Before: before,
		After: func(_ context.Context, try egress.Try) egress.Judgement {
			last = try
			return egress.Judgement{Fault: fault && try.Sent}
		},
	})
	require.NoError(t, err)
	return last
}

func TestBreaker(t *testing.T) {
	t.Parallel()
	breaker := func(s *egress.Settings) { s.Breaker = egress.BreakerSettings{Failures: 3, Cooldown: 10 * time.Second} }
	t.Run("opens, says until when, probes, and closes", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			p := newPipe(okAnswer)
			c := p.client(t, breaker)
			for range 3 {
				require.NoError(t, c.Available())
				single(t, c, true)
			}
			until := time.Now().Add(10 * time.Second)
			var open *egress.BreakerError
			require.ErrorAs(t, c.Available(), &open)
			require.True(t, until.Equal(open.Until))
			require.ErrorIs(t, c.Available(), egress.ErrBreakerOpen)

			var tries []egress.Try
			err := do(t.Context(), c, exchange{
				Request: post("{}"), After: collect(&tries),
				Before: func(context.Context, int) (time.Time, error) { panic("nothing is about to leave") },
			})
			require.NoError(t, err)
			require.Len(t, tries, 1)
			require.ErrorIs(t, tries[0].Err, egress.ErrBreakerOpen)
			require.False(t, tries[0].Sent)
			require.False(t, tries[0].Started.IsZero())
			require.Equal(t, int32(3), p.served.Load())

			time.Sleep(10*time.Second + 1)
			require.NoError(t, c.Available(), "somebody has to probe")
			single(t, c, true)
			require.ErrorIs(t, c.Available(), egress.ErrBreakerOpen, "the probe failed")

			time.Sleep(10*time.Second + 1)
			single(t, c, false)
			single(t, c, true)
			require.NoError(t, c.Available(), "closed: one fault is not enough")
		})
	})
	t.Run("declines are healthy answers", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			p := newPipe(strings.Replace(okAnswer, "200", "422", 1))
			c := p.client(t, breaker)
			for range 50 {
				single(t, c, false)
			}
			require.NoError(t, c.Available())
		})
	})
	t.Run("opens by ratio, a good answer among every two", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			c := newPipe(okAnswer).client(t, nil)
			for i := range 20 {
				require.NoError(t, c.Available())
				single(t, c, i%2 == 1)
			}
			require.ErrorIs(t, c.Available(), egress.ErrBreakerOpen)
		})
	})
	t.Run("forgets what is older than its window", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			c := newPipe(okAnswer).client(t, nil)
			for i := range 30 {
				time.Sleep(4 * time.Second)
				single(t, c, i%2 == 1)
			}
			require.NoError(t, c.Available())
		})
	})
	t.Run("one probe at a time, and an unsent probe proves nothing", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			p := newPipe(okAnswer)
			c := p.client(t, breaker)
			for range 3 {
				single(t, c, true)
			}
			time.Sleep(10*time.Second + 1)
			errJournal := errors.New("disk full")
			for range 3 { // a claim that was called off is given back
				err := do(t.Context(), c, exchange{
					Request: post("{}"),
					Before:  func(context.Context, int) (time.Time, error) { return time.Time{}, errJournal },
				})
				require.ErrorIs(t, err, errJournal)
			}
			err := do(t.Context(), c, exchange{
				Request: post("{}"),
				After:   func(context.Context, egress.Try) egress.Judgement { return egress.Judgement{} },
				Before: func(context.Context, int) (time.Time, error) {
					var probing *egress.BreakerError
					try := single(t, c, false)
					require.ErrorAs(t, try.Err, &probing)
					require.True(t, probing.Until.IsZero())
					require.Contains(t, probing.Error(), "probed")
					return time.Now().Add(-time.Second), nil // late: nothing was sent
				},
			})
			require.NoError(t, err)
			single(t, c, true)
			require.ErrorIs(t, c.Available(), egress.ErrBreakerOpen, "was still half open")
		})
	})
	t.Run("a panic of the caller does not keep the claim", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			c := newPipe(okAnswer).client(t, breaker)
			for range 3 {
				single(t, c, true)
			}
			time.Sleep(10*time.Second + 1)
			require.Panics(t, func() {
				_ = do(t.Context(), c, exchange{
					Request: post("{}"), Before: before,
					After: func(context.Context, egress.Try) egress.Judgement { panic("trap") },
				})
			})
			require.NoError(t, single(t, c, false).Err)
		})
	})
	t.Run("no waiting for a breaker that stays open", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			p := newPipe(downAnswer)
			c := p.client(t, func(s *egress.Settings) {
				breaker(s)
				s.Retry.MaxTries, s.Breaker.Failures = 5, 2
			})
			var tries []egress.Try
			err := do(t.Context(), c, exchange{Request: post("{}"), Before: before, After: faulty(&tries)})
			require.Equal(t, endedError{Reason: egress.EndBreaker, Tries: 2}, ended(t, err))
		})
	})
	t.Run("a report from before it opened is dropped", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			c := newPipe(okAnswer).client(t, breaker)
			err := do(t.Context(), c, exchange{
				Request: post("{}"), Before: before,
				After: func(context.Context, egress.Try) egress.Judgement {
					for range 3 {
						single(t, c, true)
					}
					time.Sleep(10*time.Second + 1)
					return egress.Judgement{Fault: true} // of an earlier age
				},
			})
			require.NoError(t, err)
			require.NoError(t, c.Available())
			require.NoError(t, single(t, c, false).Err, "half open, and free to probe")
		})
	})
}

// Two generations of an account's plugin have a breaker each: one's faults close the account to that one alone. Pauses
// are the account's.
func TestABreakerBesideAnother(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPipe(okAnswer)
		c := p.client(t, func(s *egress.Settings) {
			s.Breaker = egress.BreakerSettings{Failures: 3, Cooldown: 10 * time.Second}
		})
		beside := c.Beside("canary", time.Second)
		for range 3 {
			require.Equal(t, egress.BreakerClosed, beside.Breaker())
			single(t, beside, true)
		}
		require.Equal(t, egress.BreakerOpen, beside.Breaker())
		require.ErrorIs(t, beside.Available(), egress.ErrBreakerOpen)
		require.NoError(t, c.Available())
		require.Equal(t, egress.BreakerClosed, c.Breaker())

		time.Sleep(time.Second + 1)
		require.Equal(t, egress.BreakerHalfOpen, beside.Breaker(), "its cooldown is its own")
		err := do(t.Context(), beside, exchange{
			Request: post("{}"), Before: before, After: func(context.Context, egress.Try) egress.Judgement {
				require.Equal(t, egress.BreakerProbing, beside.Breaker())
				return egress.Judgement{}
			},
		})
		require.NoError(t, err)
		require.Equal(t, egress.BreakerClosed, beside.Breaker())
		for range 3 {
			single(t, c, true)
		}
		require.ErrorIs(t, c.Available(), egress.ErrBreakerOpen)
		require.NoError(t, beside.Available())

		barred := egress.Judgement{Signal: egress.SignalBarred, Party: "shop"}
		require.NoError(t, do(t.Context(), beside, exchange{
			Request: post("{}"), Before: before,
			After: func(context.Context, egress.Try) egress.Judgement { return barred },
		}))
		require.ErrorIs(t, c.Available(), egress.ErrHeld)
	})
}

// A final failure of one exchange must not close the connections of the others: retryablehttp does, if it is let.
func TestFailureKeepsOtherConnections(t *testing.T) {
	t.Parallel()
	var dials atomic.Int32
	p := newProvider(t, answers(downAnswer))
	s := sandbox(p)
	s.Retry.BaseDelay = 1
	c, err := egress.NewWithDial(s, func(ctx context.Context, network, address string) (net.Conn, error) {
		dials.Add(1)
		return (&net.Dialer{}).DialContext(ctx, network, address)
	})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	for range 3 {
		err := do(t.Context(), c, exchange{
			Request: post("{}"), Before: before,
			After: func(context.Context, egress.Try) egress.Judgement { return egress.Judgement{Retry: true} },
		})
		require.Equal(t, egress.EndTries, ended(t, err).Reason)
	}
	require.Equal(t, int32(1), dials.Load())
}

func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{
		"", "0", "7", "-7", "4294967296", "99999999999999999999",
		"Sat, 01 Jan 2000 00:00:09 GMT", "soon", " 5 ", "1.5",
	} {
		f.Add(s)
	}
	now := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, header string) {
		got := egress.RetryAfter(header, now)
		require.GreaterOrEqual(t, got, time.Duration(0))
		require.LessOrEqual(t, got, 24*time.Hour)
	})
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"": 0, "0": 0, "7": 7 * time.Second, " 7 ": 7 * time.Second, "-7": 0, "1.5": 0, "soon": 0,
		"4000000000":                    24 * time.Hour,
		"99999999999999999999":          24 * time.Hour,
		"Sat, 01 Jan 2000 00:00:09 GMT": 9 * time.Second, "Fri, 31 Dec 1999 23:59:59 GMT": 0,
		"Saturday, 01-Jan-00 00:00:09 GMT": 9 * time.Second, "Mon, 01 Jan 2035 00:00:00 GMT": 24 * time.Hour,
	} {
		require.Equal(t, want, egress.RetryAfter(header, now), header)
	}
}
