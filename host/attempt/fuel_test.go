package attempt

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// Generations come and go as long as the router runs.
func TestWhatFormerGenerationsBurnedIsForgotten(t *testing.T) {
	t.Parallel()
	var f fuels
	for n := range mostBurners {
		f.note(burner{1, strconv.Itoa(n)}, 7)
	}
	f.note(burner{2, "pay"}, 9)
	require.Len(t, f.most, 1)
	fuel, known := f.of(2, "pay")
	require.True(t, known)
	require.EqualValues(t, 9, fuel)
	f.note(burner{2, "pay"}, 8)
	fuel, _ = f.of(2, "pay")
	require.EqualValues(t, 9, fuel, "the most")
}
