package plugin_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"payrouter/host/plugin"
)

func TestLongCallsCostMoreThanTheyUse(t *testing.T) {
	t.Parallel()
	for used, cost := range map[time.Duration]time.Duration{
		0:                      0,
		300 * time.Microsecond: 300 * time.Microsecond,
		5 * time.Millisecond:   5 * time.Millisecond,
		10 * time.Millisecond:  20 * time.Millisecond,
		35 * time.Millisecond:  245 * time.Millisecond,
		40 * time.Millisecond:  320 * time.Millisecond,
		time.Second:            8 * time.Second,
		time.Hour:              8 * time.Hour,
	} {
		require.Equal(t, cost, plugin.CostOf(used), used.String())
	}
}

// One long call costs no less than the brief ones that it could be cut into.
func TestCuttingACallMakesItNoDearer(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		first := time.Duration(rapid.Int64Range(0, int64(time.Minute)).Draw(t, "first"))
		second := time.Duration(rapid.Int64Range(0, int64(time.Minute)).Draw(t, "second"))
		rounding := time.Duration(2)
		require.LessOrEqual(t, plugin.CostOf(first)+plugin.CostOf(second), plugin.CostOf(first+second)+rounding)
	})
}
