package egress_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/egress"
)

// On real connections, with a clock that stands still: what is over the rate does not leave, and says so without
// waiting longer than it may.
func TestARateIsKeptBeforeSending(t *testing.T) {
	t.Parallel()
	p := newProvider(t, answers(okAnswer))
	var later atomic.Int64
	start := time.Now()
	s := sandbox(p)
	s.PerSecond = 5
	s.Now = func() time.Time { return start.Add(time.Duration(later.Load())) }
	c := newClient(t, s)

	for range 5 {
		require.NoError(t, c.Available())
		require.True(t, pay(t, c, safe).Sent)
	}
	// A second's worth of payments waits.
	ctx, giveUp := context.WithCancel(t.Context())
	var waiting sync.WaitGroup
	for range 5 {
		waiting.Go(func() {
			_ = do(ctx, c, exchange{Request: post("{}"), Before: func(context.Context, int) (time.Time, error) {
				return time.Time{}, context.Canceled
			}})
		})
	}
	require.Eventually(t, func() bool { return c.Available() != nil }, time.Minute, time.Millisecond)
	require.Len(t, p.seen(), 5)
	refused := pay(t, c, safe)
	require.EqualError(t, refused.Err, "at its rate of 5 requests a second")
	require.False(t, refused.Sent)
	require.Equal(t, egress.HeldRate, held(t, c.Available()).Kind)
	require.Len(t, p.seen(), 5)
	giveUp()
	waiting.Wait()

	later.Store(int64(2 * time.Second))
	require.NoError(t, c.Available())
	require.True(t, pay(t, c, safe).Sent)
	require.Len(t, p.seen(), 6)
}

func TestInNoSecondMoreLeavesThanTheRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const rate = 7
		var mutex sync.Mutex
		sent := map[egress.Lane][]time.Time{}
		var all []time.Time
		c := newPipe(okAnswer).client(t, func(s *egress.Settings) {
			quietBreaker(s)
			s.PerSecond = rate
		})
		work := func(lane egress.Lane) {
			_ = do(t.Context(), c, exchange{
				Request: post("{}"), Lane: lane,
				Before: func(context.Context, int) (time.Time, error) {
					mutex.Lock()
					defer mutex.Unlock()
					sent[lane], all = append(sent[lane], time.Now()), append(all, time.Now())
					return time.Now().Add(time.Minute), nil
				},
				After: func(context.Context, egress.Try) egress.Judgement { return egress.Judgement{} },
			})
		}
		// Ten seconds in which each lane alone asks for far more than there is.
		var busy sync.WaitGroup
		for range 100 {
			for _, lane := range []egress.Lane{egress.LaneRead, egress.LaneLookup, egress.LaneSend} {
				for range 4 {
					busy.Go(func() { work(lane) })
				}
			}
			time.Sleep(100 * time.Millisecond)
		}
		busy.Wait()
		for i := rate; i < len(all); i++ {
			require.GreaterOrEqual(t, all[i].Sub(all[i-rate]), time.Second)
		}
		require.Greater(t, len(all), 9*rate, "the rate is used")
		require.GreaterOrEqual(t, len(sent[egress.LaneSend]), len(all)/4-1, "payments do not starve")
		require.NotEmpty(t, sent[egress.LaneLookup], "nor do look-ups")
		require.NotEmpty(t, sent[egress.LaneRead], "nor do reads")
	})
}

func TestLookupsAloneTakeHalfOfARate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newPipe(okAnswer).client(t, func(s *egress.Settings) { s.PerSecond = 10 })
		started := time.Now()
		for range 10 {
			require.True(t, pay(t, c, lookup).Sent)
		}
		require.Equal(t, 1800*time.Millisecond, time.Since(started))
	})
}

func TestLookupsAtAPausedAccountAreFew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newPipe(answer(403)).client(t, quietBreaker)
		pay(t, c, nil)
		started := time.Now()
		for range 4 {
			require.True(t, pay(t, c, lookup).Sent)
		}
		require.Equal(t, 3*time.Second, time.Since(started))
		var all sync.WaitGroup
		var refused atomic.Int32
		for range 20 {
			all.Go(func() {
				if pay(t, c, lookup).Err != nil {
					refused.Add(1)
				}
			})
		}
		synctest.Wait()
		require.Equal(t, egress.HeldRate, held(t, c.Askable()).Kind)
		require.EqualError(t, c.Askable(), "look-ups are few while the account is paused")
		all.Wait()
		require.Positive(t, refused.Load(), "none waits for longer than five seconds")
	})
}
