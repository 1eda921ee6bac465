package faults

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// call is one call of a generation, as its tally counts it.
type call struct {
	merchant string
	// input that failed; empty for a call without a fault.
	input string
	after time.Duration
}

func inputOf(text string) (of Input) {
	copy(of[:], text)
	return of
}

func calls(n int, of func(i int) call) []call {
	made := make([]call, n)
	for i := range made {
		made[i] = of(i)
	}
	return made
}

func TestQuarantineNeedsFaultsOfDifferentInputsAndMerchants(t *testing.T) {
	t.Parallel()
	for claim, row := range map[string]struct {
		settings Settings
		calls    []call
		// at is the number of the call that puts it into quarantine; 0 is none.
		at int
	}{
		"the third input, where one merchant is all that there is": {
			calls: calls(5, func(i int) call { return call{"a", strconv.Itoa(i), 0} }), at: 3,
		},
		"the same input counts once, however often it comes": {
			calls: calls(100, func(i int) call { return call{"a", strconv.Itoa(i % 2), 0} }),
		},
		"one merchant's poison does not take a plugin from the others": {
			calls: calls(200, func(i int) call {
				return []call{{"a", strconv.Itoa(i), 0}, {"b", "", 0}}[i%2]
			}),
		},
		"a second merchant's fault does": {
			calls: append(calls(10, func(i int) call { return []call{{"b", "", 0}, {"a", strconv.Itoa(i), 0}}[i%2] }),
				call{"b", "b's", 0}),
			at: 11,
		},
		"a merchant that was served long ago is none of them": {
			calls: []call{{"b", "", 0}, {"a", "1", time.Hour}, {"a", "2", 0}, {"a", "3", 0}}, at: 4,
		},
		"calls that go well between the parts of one flow": {
			calls: calls(9, func(i int) call {
				return []call{{"a", "", 0}, {"a", strconv.Itoa(i), 0}}[i%2]
			}),
			at: 6,
		},
		"a fault now and then is made up for": {
			calls: calls(2000, func(i int) call {
				if i%25 == 0 {
					return call{"a", strconv.Itoa(i), 0}
				}
				return call{"a", "", 0}
			}),
		},
		"a thousand calls that went well excuse no plugin that fails from now on": {
			calls: append(calls(1000, func(int) call { return call{"a", "", 0} }),
				calls(3, func(i int) call { return call{"a", strconv.Itoa(i), 0} })...),
			at: 1003,
		},
		"calls of no merchant where there are none": {
			calls: calls(3, func(i int) call { return call{"", strconv.Itoa(i), 0} }), at: 3,
		},
		"no quotes' faults where merchants' calls go well": {
			calls: append([]call{{"a", "", 0}}, calls(10, func(i int) call { return call{"", strconv.Itoa(i), 0} })...),
		},
		"never, where that is set": {
			settings: Settings{Faults: -1},
			calls:    calls(50, func(i int) call { return call{"a", strconv.Itoa(i), 0} }),
		},
		"the first fault, where that is set": {
			settings: Settings{Faults: 1}, calls: []call{{"a", "1", 0}}, at: 1,
		},
	} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			tally, now := NewTally(row.settings), time.Unix(1_000_000, 0)
			at := 0
			for i, made := range row.calls {
				now = now.Add(made.after)
				if made.input == "" {
					tally.Well(made.merchant, now)
				} else if tally.Fault(inputOf(made.input), made.merchant, now) && at == 0 {
					at = i + 1
				}
			}
			require.Equal(t, row.at, at)
		})
	}
}

// What is kept does not grow with what fails.
func TestTallyIsBounded(t *testing.T) {
	t.Parallel()
	tally, now := NewTally(Settings{Faults: -1}), time.Unix(1_000_000, 0)
	for i := range 5_000 {
		tally.Fault(inputOf(strconv.Itoa(i)), "merchant "+strconv.Itoa(i), now)
	}
	require.LessOrEqual(t, len(tally.inputs)+len(tally.failing)+len(tally.merchants), 3_000)
}
