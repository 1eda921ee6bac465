package clocktest_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/clocktest"
)

func TestAClockThatIsSetKeepsItsMonotonicReading(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &clocktest.Clock{}
		before := c.Now()
		c.Jump(-time.Hour)
		time.Sleep(time.Second)
		after := c.Now()
		require.Equal(t, time.Second, after.Sub(before))
		require.Equal(t, time.Second-time.Hour, after.Round(0).Sub(before.Round(0)))
		require.Equal(t, time.Now().Add(-time.Hour).UTC(), c.Wall().UTC())
	})
}

func TestItsMonotonicReadingIsTheProcesses(t *testing.T) {
	t.Parallel()
	c := &clocktest.Clock{}
	c.Jump(1000 * time.Hour)
	before, at, after := time.Now(), c.Now(), time.Now()
	require.False(t, at.Before(before))
	require.False(t, at.After(after))
	require.InDelta(t, 1000*time.Hour, at.Round(0).Sub(before.Round(0)), float64(time.Minute))
	require.Equal(t, 1000*time.Hour, c.Ahead())
}
