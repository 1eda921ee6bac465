package chaos

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"payrouter/test/process"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// built makes the router and the modules that the rules here need.
func built(t *testing.T) (binary, plugins string) {
	t.Helper()
	dir := t.TempDir()
	binary, plugins = filepath.Join(dir, "router"), filepath.Join(dir, "plugins")
	require.NoError(t, process.BuildRouter(t.Context(), binary))
	require.NoError(t, process.BuildPlugins(t.Context(), plugins,
		"paygram", "cryptogram", "payplay", "exchanger", "paygrt"))
	return binary, plugins
}

// The full run is "make chaos"; this one shows that its parts work, and that a small storm breaks nothing.
func TestPromisesHoldInASmallStorm(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds and kills a router")
	}
	binary, plugins := built(t)
	dir := t.TempDir()
	report, err := Run(t.Context(), Settings{
		Binary: binary, Plugins: plugins, Dir: dir, Payments: 80, Kills: 6, Rate: 25, Seed: 1,
		SettleTimeout: time.Minute, Nudge: true, Progress: t.Output(),
	})
	require.NoError(t, err)
	var text strings.Builder
	require.NoError(t, report.Print(&text))
	t.Log("\n" + text.String())
	require.NoError(t, report.Err())
	require.Equal(t, 80, report.Payments)
	require.GreaterOrEqual(t, report.Kills, 6)
	require.Positive(t, report.KillsAt["migrating"])
	require.Positive(t, report.Statuses["succeeded"])
	require.Positive(t, report.Callbacks.Genuine)
	require.Positive(t, report.Callbacks.Replayed)
	require.NotEmpty(t, report.Runs, "accounts did things natively")
	require.Positive(t, report.Faults["page after booking"])
	require.Positive(t, report.Callbacks.Forged)
	require.Positive(t, report.Abandoned, "providers booked what their answers did not tell of")

	lines := strings.Split(strings.TrimSpace(text.String()), "\n")
	var last Report
	require.NoError(t, json.Unmarshal([]byte(lines[len(lines)-1]), &last))
	require.Equal(t, report.Payments, last.Payments)
}

func TestSettingsThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	_, err := Run(t.Context(), Settings{Kills: -1, Binary: "/nowhere/router", Plugins: t.TempDir()})
	require.ErrorContains(t, err, "payments")
	require.ErrorContains(t, err, "kills")
	require.ErrorContains(t, err, "rate")
	require.ErrorContains(t, err, "/nowhere/router")
}

func TestAReportFailsForEveryKindOfViolationAndForFaultsThatNeverStruck(t *testing.T) {
	t.Parallel()
	require.NoError(t, (&Report{Faults: map[string]int{"hang": 1}}).Err())
	for want, report := range map[string]Report{
		"double charges": {Doubles: 1}, "lost payments": {Lost: 1}, "lies": {Lies: 1}, "unsettled": {Unsettled: 1},
		"without a webhook": {Unannounced: 1},
		"hang never struck": {Faults: map[string]int{"hang": 0}},
	} {
		require.ErrorContains(t, report.Err(), want)
	}
}

// A payment whose latest changes a tail took with it is not one that only the tail knew.
func TestRewoundPaymentIsNotLostWithATail(t *testing.T) {
	t.Parallel()
	var l losses
	l.add(Entry{ID: "pay_rewound"}, false)
	l.add(Entry{ID: "pay_gone"}, true)
	l.add(Entry{ID: "pay_gone"}, false)
	require.Equal(t, map[string]bool{"pay_gone": true}, l.gone)
}
