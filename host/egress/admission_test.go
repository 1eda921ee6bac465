package egress_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/egress"
)

// hears is a judgement that goes by the answer's status: 200 is the provider's own words, 422 contradicts, 498 refuses
// the credentials in its own words, and 401, 403 and 429 are bare.
func hears(party string, tries *[]egress.Try) func(context.Context, egress.Try) egress.Judgement {
	return func(_ context.Context, try egress.Try) egress.Judgement {
		*tries = append(*tries, try)
		signals := map[uint32]egress.Signal{
			200: egress.SignalServed, 401: egress.SignalBarred, 403: egress.SignalBarred, 429: egress.SignalBarred,
			422: egress.SignalContradiction, 498: egress.SignalUnauthenticated,
		}
		return egress.Judgement{Signal: signals[try.Response.GetStatus()], Party: party}
	}
}

// pay makes one exchange that may move money, and gives its try.
func pay(t *testing.T, c *egress.Client, change func(x *exchange)) egress.Try {
	t.Helper()
	var tries []egress.Try
	x := exchange{Request: post("{}"), Alone: true, Before: before, After: hears("shop", &tries)}
	if change != nil {
		change(&x)
	}
	require.NoError(t, do(t.Context(), c, x))
	require.Len(t, tries, 1)
	return tries[0]
}

func lookup(x *exchange) { x.Lane, x.Alone = egress.LaneLookup, false }

func safe(x *exchange) { x.Alone = false }

func answer(status int, headers ...string) string {
	return fmt.Sprintf("HTTP/1.1 %d X\r\n%sContent-Length: 0\r\n\r\n", status, strings.Join(headers, ""))
}

func (p *pipe) says(status int, headers ...string) {
	text := answer(status, headers...)
	p.answer.Store(&text)
}

// quietBreaker keeps the breaker out of the way.
func quietBreaker(s *egress.Settings) {
	s.Breaker = egress.BreakerSettings{Failures: 1000, MinTries: 1000}
}

func held(t *testing.T, err error) *egress.HeldError {
	t.Helper()
	var h *egress.HeldError
	require.ErrorAs(t, err, &h)
	require.ErrorIs(t, err, egress.ErrHeld)
	return h
}

func TestABareRefusalPausesNewPayments(t *testing.T) {
	t.Parallel()
	for _, status := range []int{401, 403, 429} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var log strings.Builder
				p := newPipe(answer(status))
				c := p.client(t, func(s *egress.Settings) {
					quietBreaker(s)
					s.Logger = slog.New(slog.NewTextHandler(&log, nil))
				})
				pay(t, c, nil)

				until := time.Now().Add(15 * time.Second)
				why := fmt.Sprintf("paused until %s after HTTP %d without the provider's own words",
					until.UTC().Format(time.RFC3339), status)
				require.EqualError(t, c.Available(), why)
				require.Equal(t, egress.HeldPaused, held(t, c.Available()).Kind)
				require.Contains(t, log.String(), "level=ERROR msg=\"account is paused")
				require.Contains(t, log.String(), "provider=acme")

				for _, kind := range []func(*exchange){nil, safe} {
					refused := pay(t, c, kind)
					require.EqualError(t, refused.Err, why)
					require.False(t, refused.Sent)
				}
				require.Equal(t, int32(1), p.served.Load())
				require.NoError(t, c.Askable())
				require.True(t, pay(t, c, lookup).Sent, "look-ups are how payments that are unknown are settled")
				require.True(t, pay(t, c, func(x *exchange) { x.Begun = true }).Sent,
					"what was begun is brought to its end")
			})
		})
	}
}

func TestPausesGrowAndEndByOneRequestAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPipe(answer(429))
		c := p.client(t, quietBreaker)
		for _, seconds := range []int64{15, 30, 60, 120, 240, 480, 600, 600} {
			length := time.Duration(seconds * int64(time.Second))
			require.NoError(t, c.Available(), "somebody has to try")
			require.True(t, pay(t, c, nil).Sent)
			require.Equal(t, length, time.Until(held(t, c.Available()).Until))
			time.Sleep(length - time.Nanosecond)
			require.Equal(t, egress.HeldPaused, held(t, c.Available()).Kind)
			time.Sleep(time.Nanosecond)
		}
		p.says(200)
		var tries []egress.Try
		require.NoError(t, do(t.Context(), c, exchange{
			Request: post("{}"), Alone: true, After: hears("shop", &tries),
			Before: func(context.Context, int) (time.Time, error) {
				require.Equal(t, egress.HeldOnTrial, held(t, c.Available()).Kind)
				require.Equal(t, egress.HeldOnTrial, held(t, pay(t, c, nil).Err).Kind, "one at a time")
				return time.Now().Add(time.Minute), nil
			},
		}))
		require.NoError(t, c.Available())
		p.says(403)
		pay(t, c, nil)
		require.Equal(t, 15*time.Second, time.Until(held(t, c.Available()).Until), "a good answer ends the growth")
	})
}

func TestATrialThatShowsNothingIsFollowedByAnother(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPipe(answer(403))
		c := p.client(t, quietBreaker)
		pay(t, c, nil)
		time.Sleep(15 * time.Second)
		p.says(503)
		pay(t, c, nil)
		require.NoError(t, c.Available())
		p.says(200)
		pay(t, c, safe)
		require.Equal(t, egress.HeldPaused, func() egress.HeldKind {
			p.says(403)
			pay(t, c, nil)
			return held(t, c.Available()).Kind
		}())
		require.Equal(t, 30*time.Second, time.Until(held(t, c.Available()).Until),
			"an answer to what cannot move money does not end a pause that a payment brought")
	})
}

func TestAPauseIsAsLongAsTheProviderAsksUpToACap(t *testing.T) {
	t.Parallel()
	for asked, want := range map[string]time.Duration{
		"Retry-After: 1\r\n": 15 * time.Second, "Retry-After: 90\r\n": 90 * time.Second,
		"Retry-After: 86400\r\n": 10 * time.Minute,
	} {
		synctest.Test(t, func(t *testing.T) {
			c := newPipe(answer(429, asked)).client(t, quietBreaker)
			pay(t, c, nil)
			require.Equal(t, want, time.Until(held(t, c.Available()).Until), asked)
		})
	}
	synctest.Test(t, func(t *testing.T) {
		c := newPipe(answer(429)).client(t, func(s *egress.Settings) {
			quietBreaker(s)
			s.Random = func() float64 { return 0.5 }
		})
		pay(t, c, nil)
		require.Equal(t, 15*time.Second+15*time.Second/8, time.Until(held(t, c.Available()).Until),
			"jitter comes on top")
	})
}

// A retry of what may have moved money, with the same key, is no new payment. Anything else goes to the next account
// rather than wait.
func TestAPauseHoldsRetriesOfWhatMovesNoMoney(t *testing.T) {
	t.Parallel()
	for hasSideEffects, want := range map[bool]endedError{
		false: {Reason: egress.EndHeld, Tries: 1}, true: {Reason: egress.EndTries, Tries: 3},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := newPipe(answer(403))
			c := p.client(t, quietBreaker)
			err := do(t.Context(), c, exchange{
				Request: post("{}"), Alone: hasSideEffects, Before: before,
				After: func(context.Context, egress.Try) egress.Judgement {
					return egress.Judgement{Retry: true, Signal: egress.SignalBarred}
				},
			})
			require.Equal(t, want, ended(t, err))
			require.Equal(t, int32(want.Tries), p.served.Load())
			require.Equal(t, 15*time.Second, time.Until(held(t, c.Available()).Until).Round(time.Second),
				"it does not grow by them")
		})
	}
}

func TestLookupsPauseNothingButAtARate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPipe(answer(403))
		c := p.client(t, quietBreaker)
		read := func(x *exchange) { x.Lane, x.Alone = egress.LaneRead, false }
		pay(t, c, lookup)
		require.NoError(t, c.Available(), "what a look-up may do says nothing of what a payment may")
		p.says(429)
		pay(t, c, read)
		require.NoError(t, c.Available(), "an operator's read pauses nothing")
		pay(t, c, lookup)
		require.Equal(t, egress.HeldPaused, held(t, c.Available()).Kind)
	})
}

// A slow start: however many payments come at once, four are sent until one is answered in the provider's own words.
func TestASlowStart(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		status int
		sent   int32
	}{
		"refused without a word": {403, 4}, "served": {200, 50},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newPipe(answer(row.status))
				var most, now atomic.Int32
				arrive := make(chan struct{})
				s := egress.Settings{
					Provider: "acme", BaseURL: "http://acme.example", AllowPrivate: true,
					Random: func() float64 { return 0 },
				}
				quietBreaker(&s)
				c, err := egress.NewWithDial(s, func(ctx context.Context, _, _ string) (net.Conn, error) {
					most.Store(max(most.Load(), now.Add(1)))
					<-arrive
					now.Add(-1)
					return p.dial(ctx, "", "")
				})
				require.NoError(t, err)
				t.Cleanup(c.Close)
				var all sync.WaitGroup
				for range 50 {
					all.Go(func() { pay(t, c, nil) })
				}
				synctest.Wait()
				require.Equal(t, int32(4), most.Load(), "the others wait")
				close(arrive)
				all.Wait()
				require.Equal(t, row.sent, p.served.Load())
			})
		})
	}
}

func TestASlowStartIsWaitedForAsLongAsATryMayTake(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, err := egress.NewWithDial(egress.Settings{
			Provider: "acme", BaseURL: "http://acme.example", AllowPrivate: true, Timeout: 3 * time.Second,
			DialTimeout: time.Hour,
			Admission:   egress.NewAdmission(egress.AdmissionSettings{Provider: "acme", SlowStart: 1}),
		}, func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		require.NoError(t, err)
		t.Cleanup(c.Close)
		started := time.Now()
		first := make(chan error, 1)
		go func() {
			first <- do(t.Context(), c, exchange{
				Request: post("{}"), Alone: true,
				Before: func(context.Context, int) (time.Time, error) {
					time.Sleep(10 * time.Second)
					return time.Time{}, context.Canceled
				},
			})
		}()
		synctest.Wait()
		refused := pay(t, c, nil)
		require.Equal(t, 3*time.Second, time.Since(started))
		require.EqualError(t, refused.Err, "starting with 1 payments at once until one is answered")

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err = do(ctx, c, exchange{Request: post("{}"), Alone: true, Before: before})
		require.Equal(t, endedError{Reason: "before the first"}, ended(t, err))
		require.ErrorIs(t, <-first, context.Canceled)
	})
}

// by makes an exchange a party's.
func by(party string) func(*exchange) {
	return func(x *exchange) {
		after := x.After
		x.After = func(ctx context.Context, try egress.Try) egress.Judgement {
			judgement := after(ctx, try)
			judgement.Party = party
			return judgement
		}
	}
}

func TestRefusedCredentialsSuspend(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		p := newPipe(answer(498))
		c := p.client(t, func(s *egress.Settings) {
			quietBreaker(s)
			s.Logger = slog.New(slog.NewTextHandler(&log, nil))
		})
		for range 5 {
			require.NoError(t, c.Available())
			pay(t, c, nil)
		}
		since := time.Now()
		require.EqualError(t, c.Available(), fmt.Sprintf(
			"suspended since %s after 5 refusals of its credentials in a row: change its secrets, or resume it",
			since.UTC().Format(time.RFC3339)))
		require.Contains(t, log.String(), "level=ERROR msg=\"account is suspended")
		time.Sleep(24 * time.Hour)
		p.says(200)
		require.Equal(t, egress.HeldSuspended, held(t, pay(t, c, nil).Err).Kind, "it does not end by itself")
		pay(t, c, lookup)
		pay(t, c, func(x *exchange) { x.Begun = true })
		require.Equal(t, egress.HeldSuspended, held(t, c.Available()).Kind, "nor by an answer to something else")

		require.True(t, c.Resume())
		require.NoError(t, c.Available())
		require.False(t, c.Resume(), "there is nothing to resume")
		p.says(498)
		for range 4 {
			pay(t, c, nil)
		}
		require.NoError(t, c.Available(), "counted from the start")
		p.says(200)
		pay(t, c, nil)
		p.says(498)
		for range 4 {
			pay(t, c, nil)
		}
		require.NoError(t, c.Available(), "a good answer in between")
	})
}

// Some providers answer one caller's mistake as they answer a wrong key: where the key has been good, that closes
// nothing to the others.
func TestOnePartysRefusalsSuspendOnlyWhenTheyLast(t *testing.T) {
	t.Parallel()
	good := func(t *testing.T) (*pipe, *egress.Client) {
		t.Helper()
		p := newPipe(answer(200))
		c := p.client(t, quietBreaker)
		pay(t, c, nil)
		p.says(498)
		for range 100 {
			pay(t, c, by("odd"))
		}
		require.NoError(t, c.Available())
		return p, c
	}
	synctest.Test(t, func(t *testing.T) {
		_, c := good(t)
		pay(t, c, by("another"))
		require.Equal(t, egress.HeldSuspended, held(t, c.Available()).Kind)
	})
	synctest.Test(t, func(t *testing.T) {
		_, c := good(t)
		time.Sleep(3*time.Minute - time.Nanosecond)
		pay(t, c, by("odd"))
		require.NoError(t, c.Available())
		time.Sleep(time.Nanosecond)
		pay(t, c, by("odd"))
		require.Equal(t, egress.HeldSuspended, held(t, c.Available()).Kind)
	})
}

// Bare refusals of many requests that were under way at once are one finding: a proxy's moment suspends nobody. Five
// pauses on end do.
func TestBareRefusalsCountOnceAPause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPipe(okAnswer)
		c := p.client(t, quietBreaker)
		pay(t, c, nil)
		p.says(403)
		gate := make(chan struct{})
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				pay(t, c, func(x *exchange) {
					x.Before = func(context.Context, int) (time.Time, error) {
						<-gate
						return time.Now().Add(time.Minute), nil
					}
				})
			})
		}
		synctest.Wait()
		close(gate)
		all.Wait()
		require.Equal(t, int32(21), p.served.Load())
		require.Equal(t, 15*time.Second, time.Until(held(t, c.Available()).Until))
		for range 4 {
			require.Equal(t, egress.HeldPaused, held(t, c.Available()).Kind)
			time.Sleep(10 * time.Minute)
			pay(t, c, nil)
		}
		require.Equal(t, egress.HeldSuspended, held(t, c.Available()).Kind)
	})
}

func TestContradictionsOfThreePartiesPause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPipe(answer(422))
		c := p.client(t, quietBreaker)
		for range 1000 {
			pay(t, c, by("one"))
		}
		pay(t, c, by("two"))
		require.NoError(t, c.Available(), "two merchants' odd payments are theirs")
		time.Sleep(10*time.Minute + 1)
		pay(t, c, by("three"))
		require.NoError(t, c.Available(), "the others are long ago")
		pay(t, c, by("one"))
		pay(t, c, by("two"))
		require.ErrorContains(t, c.Available(), "after answers that contradict the requests of 3 merchants")
		time.Sleep(15 * time.Second)
		p.says(200)
		pay(t, c, nil)
		require.NoError(t, c.Available())
	})
}

func TestReadsHaveABreakerOfTheirOwn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newPipe(downAnswer).client(t, func(s *egress.Settings) { s.Breaker.Failures = 2 })
		through := func(lane egress.Lane) {
			require.NoError(t, do(t.Context(), c, exchange{
				Request: get(), Lane: lane, Resendable: true, Before: before,
				After: func(context.Context, egress.Try) egress.Judgement { return egress.Judgement{Fault: true} },
			}))
		}
		through(egress.LaneRead)
		through(egress.LaneRead)
		require.ErrorIs(t, c.Readable(), egress.ErrBreakerOpen)
		require.NoError(t, c.Available())
		require.NoError(t, c.Askable())
		through(egress.LaneLookup)
		through(egress.LaneSend)
		require.ErrorIs(t, c.Available(), egress.ErrBreakerOpen)
		time.Sleep(time.Minute)
		require.NoError(t, c.Readable())
	})
}
