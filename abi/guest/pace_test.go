package guest

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// An instance collects early once it has served many calls. Those about nothing, by which the host prepares an instance
// that others begin as, are none of them, however many there are.
func TestAnInstanceCollectsEarlyAfterManyCalls(t *testing.T) {
	t.Parallel()
	var p pace
	for range 1000 {
		_, early := p.after(0, 5<<10)
		require.False(t, early)
	}
	for range many - 1 {
		_, early := p.after(1<<20, 100)
		require.False(t, early)
	}
	_, early := p.after(1, 0)
	require.True(t, early)
	for range 1000 {
		_, early = p.after(1, 0)
		require.False(t, early, "it is set once")
	}
}

// The collector has its turn after 64 small calls, or a large one.
func TestTheCollectorHasItsTurn(t *testing.T) {
	t.Parallel()
	var p pace
	turns := 0
	for range 130 {
		if turn, _ := p.after(0, 0); turn {
			turns++
		}
	}
	require.Equal(t, 2, turns)
	turn, _ := p.after(often, 0)
	require.True(t, turn)
	turn, _ = p.after(0, often)
	require.True(t, turn)
}
