package hostile

import (
	"encoding/json"
	"path/filepath"
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

// The full run is "make hostile"; this one shows that its parts work, and that honest payments survive. Nothing is
// timed.
func TestHonestPaymentsSurviveHostileOnes(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds and loads a router")
	}
	dir := t.TempDir()
	binary, plugins := filepath.Join(dir, "router"), filepath.Join(dir, "plugins")
	require.NoError(t, process.BuildRouter(t.Context(), binary))
	require.NoError(t, process.BuildPlugins(t.Context(), plugins, "paygram"))
	settings := Settings{
		Binary: binary, Plugins: plugins, Dir: t.TempDir(), Rate: 20, Hostile: 10, Rounds: 1, Phase: 2 * time.Second,
		Only: []string{"none", "loop-in-interpret", "loop-in-receive"}, Progress: t.Output(),
	}
	found, err := Run(t.Context(), settings)
	require.NoError(t, err)
	require.Len(t, found.Findings, 3)
	for _, finding := range found.Findings {
		require.Zero(t, finding.Rounds[0].Failed, finding)
		require.Positive(t, finding.Rounds[0].Before, finding)
	}
	require.Positive(t, found.Findings[0].outcomes()["succeeded"], found.Findings[0])
	require.Zero(t, found.Findings[0].outcomes()["unknown"], found.Findings[0])
	looping := found.Findings[1]
	require.Zero(t, looping.outcomes()["succeeded"], looping)
	require.Positive(t, looping.outcomes()["unknown"], looping)
	require.NotEmpty(t, looping.Rounds[0].Reason, "it was put into quarantine: %s", looping)
	require.NotContains(t, found.Findings[2].outcomes(), "answered 404", found.Findings[2])

	var printed strings.Builder
	require.NoError(t, found.Print(&printed))
	last := printed.String()[strings.LastIndex(strings.TrimSpace(printed.String()), "\n")+1:]
	require.True(t, json.Valid([]byte(last)), last)
}

func TestSettingsAreValidated(t *testing.T) {
	t.Parallel()
	_, err := Run(t.Context(), Settings{Binary: "nowhere", Plugins: t.TempDir(), Only: []string{"polite"}})
	for _, problem := range []string{"at least 1", `no shape is called "polite"`, "nowhere"} {
		require.ErrorContains(t, err, problem)
	}
}

func TestWhatBreaksThePromise(t *testing.T) {
	t.Parallel()
	at := func(p99 float64) report.Percentiles { return report.Percentiles{P99: p99} }
	for name, row := range map[string]struct {
		round  Round
		fails  bool
		broken string
		least  float64
	}{
		"as fast":                {Round{Alone: at(100), Beside: at(199)}, false, "", 0},
		"little in milliseconds": {Round{Alone: at(5), Beside: at(24)}, false, "", 0},
		"slower":                 {Round{Alone: at(100), Beside: at(201)}, false, "2.0 times", 0},
		"as slow as the load":    {Round{Alone: at(100), Beside: at(201)}, false, "", 110},
		"a payment failed":       {Round{Payments: 7, Failed: 1}, false, "1 of 7", 0},
		"memory":                 {Round{Before: 1 << 20, Most: 202 << 20}, false, "201 MiB", 0},
		"never in quarantine":    {Round{}, true, "never", 0},
		"late in quarantine":     {Round{Quarantined: 3 * time.Second}, true, "3s", 0},
		"soon in quarantine":     {Round{Quarantined: time.Second}, true, "", 0},
	} {
		err := Finding{Shape: "shape", fails: row.fails, Rounds: []Round{row.round}}.Err(row.least)
		if row.broken == "" {
			require.NoError(t, err, name)
			continue
		}
		require.ErrorContains(t, err, row.broken, name)
	}
}

func TestEachShapeHasItsModule(t *testing.T) {
	t.Parallel()
	blank := building{[]byte("some shape: ........................ bytes")}
	for _, shape := range shapes {
		module, err := blank.of(shape)
		require.NoError(t, err, shape.name)
		require.Contains(t, string(module), "shape: "+shape.name+" .")
		require.Len(t, module, len(blank.code))
	}
	_, err := building{[]byte("none")}.of(shapes[0])
	require.ErrorContains(t, err, "0 places")
}
