package storm

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"payrouter/test/process"
	"payrouter/test/report"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// built makes the router and the module that is not swapped.
func built(t *testing.T) (binary, plugins string) {
	t.Helper()
	dir := t.TempDir()
	binary, plugins = filepath.Join(dir, "router"), filepath.Join(dir, "plugins")
	require.NoError(t, process.BuildRouter(t.Context(), binary))
	require.NoError(t, process.BuildPlugins(t.Context(), plugins, "payplay"))
	return binary, plugins
}

// The full run is "make swapstorm"; this one shows that its parts work, and that a small storm breaks nothing. Nothing
// is timed.
func TestNoPaymentNoticesThatPluginsAndRulesChange(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds and loads a router")
	}
	binary, plugins := built(t)
	source, err := filepath.Abs("../..")
	require.NoError(t, err)
	report, err := Run(t.Context(), Settings{
		Binary: binary, Plugins: plugins, Source: source, Dir: t.TempDir(), Rate: 30, Warm: time.Second,
		Quiet: time.Second, Storm: 5 * time.Second,
		Swaps: 8, Edits: 9, Progress: t.Output(),
	})
	require.NoError(t, err)
	var text strings.Builder
	require.NoError(t, report.Print(&text))
	t.Log("\n" + text.String())
	require.NoError(t, report.Err())
	require.Equal(t, 240, report.Warm.Requests+report.Quiet.Requests+report.Storm.Requests+report.Again.Requests)
	require.Equal(t, rounds+8, report.Swaps)
	require.Equal(t, 6, report.Editions)
	require.Equal(t, 3, report.Refused)
	require.Equal(t, 2, report.After.Generations, "the one that serves, and a former one for a rollback")
	require.Equal(t, 1, report.After.Fleets)

	lines := strings.Split(strings.TrimSpace(text.String()), "\n")
	var last Report
	require.NoError(t, json.Unmarshal([]byte(lines[len(lines)-1]), &last))
	require.Equal(t, report.Swaps, last.Swaps)
}

func TestSettingsThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	_, err := Run(t.Context(),
		Settings{Swaps: -1, Binary: "/nowhere/router", Plugins: t.TempDir(), Source: t.TempDir()})
	for _, problem := range []string{"rate", "storm", "swaps", "/nowhere/router"} {
		require.ErrorContains(t, err, problem)
	}
}

func TestAReportFailsForEveryPromiseThatWasBrokenAndNotForWhatWasSlow(t *testing.T) {
	t.Parallel()
	for want, broken := range map[string]Report{
		"requests failed": {Storm: Phase{Failed: 1}}, "misrouted": {Misrouted: 1}, "mixed": {Mixed: 1},
		"went wrong": {Violations: []string{"x"}},
	} {
		require.ErrorContains(t, broken.Err(), want)
	}
	slow := Report{
		EditEffect: report.Percentiles{Max: 1001}, SwapEffect: report.Percentiles{Max: 3001},
		Cold: report.Percentiles{Max: 3001}, Slowdown: 2.1,
	}
	require.NoError(t, slow.Err())
	require.Len(t, slow.Findings(), 4)
}

func TestWhatIsLeftOpenIsAViolation(t *testing.T) {
	t.Parallel()
	r := &run{swaps: &swaps{took: make([]swap, 1)}, edits: &edits{}}
	level := Report{Before: Levels{Generations: 2, Fleets: 1}, After: Levels{Generations: 2, Fleets: 1}}
	level.conclude(r, nil, verdict{})
	require.NoError(t, level.Err())
	for _, after := range []Levels{{Generations: 3, Fleets: 1}, {Generations: 2, Fleets: 2}} {
		leaked := Report{Before: level.Before, After: after}
		leaked.conclude(r, nil, verdict{})
		require.ErrorContains(t, leaked.Err(), "went wrong")
	}
}

// The journal grows from one phase to the next: the storm is compared with the phases before and after it.
func TestTheStormIsHeldAgainstBothCalms(t *testing.T) {
	t.Parallel()
	of := func(name string, took time.Duration) *load {
		return &load{name: name, shots: slices.Repeat([]shot{{took: took}}, 100)}
	}
	require.InDelta(t, 1.5,
		slowdown([]*load{
			of(warm, time.Hour), of(quiet, time.Millisecond), of(storm, 6*time.Millisecond),
			of(again, 4*time.Millisecond),
		}), 1e-9)
	require.Zero(t, slowdown([]*load{of(storm, time.Second)}))
}
