package egress_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/egress"
)

func rendered(t *testing.T, c *egress.Client) *egress.Request {
	t.Helper()
	request, err := c.Render(post("{}"))
	require.NoError(t, err)
	return request
}

func TestATryIsSentOnceAndOnlyByItsCaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPipe(okAnswer)
		c := p.client(t, nil)
		for try := range c.Tries(t.Context(), egress.Exchange{Request: rendered(t, c)}) {
			require.Zero(t, p.served.Load(), "nothing leaves before the caller is ready")
			try.Send(time.Now().Add(time.Minute))
			try.Send(time.Now().Add(time.Minute))
			require.Equal(t, uint32(200), try.Response.GetStatus())
			try.Judge(egress.Judgement{})
		}
		require.Equal(t, int32(1), p.served.Load())
	})
}

// Who leaves the loop, or forgets to judge, has said nothing of the provider, and no other try is made.
func TestATryThatIsNotJudgedCountsForNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPipe(okAnswer)
		c := p.client(t,
			func(s *egress.Settings) { s.Breaker = egress.BreakerSettings{Failures: 1, Cooldown: time.Second} })
		single(t, c, true)
		time.Sleep(time.Second + 1)
		for try := range c.Tries(t.Context(), egress.Exchange{Request: rendered(t, c)}) {
			require.NoError(t, try.Err)
			break // the claim on the one probe is given back
		}
		for try := range c.Tries(t.Context(), egress.Exchange{Request: rendered(t, c)}) {
			require.NoError(t, try.Err)
			try.Send(time.Now().Add(time.Minute))
		}
		single(t, c, true)
		require.ErrorIs(t, c.Available(), egress.ErrBreakerOpen, "it was still half open")
		require.Equal(t, int32(3), p.served.Load())
	})
}

// A judgement counts also where the caller leaves the loop after it.
func TestAJudgementBeforeALeaveCounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newPipe(okAnswer).client(t, func(s *egress.Settings) { s.Breaker.Failures = 1 })
		for try := range c.Tries(t.Context(), egress.Exchange{Request: rendered(t, c)}) {
			try.Send(time.Now().Add(time.Minute))
			try.Judge(egress.Judgement{Fault: true, Retry: true})
			break
		}
		require.ErrorIs(t, c.Available(), egress.ErrBreakerOpen)
	})
}

// A request holds one account's secrets: another account's client does not take it.
func TestARequestGoesOnlyWhereItWasRendered(t *testing.T) {
	t.Parallel()
	one, other := newPipe(okAnswer).client(t, nil), newPipe(okAnswer).client(t, nil)
	require.Panics(t, func() { one.Tries(t.Context(), egress.Exchange{Request: rendered(t, other)}) })
}
