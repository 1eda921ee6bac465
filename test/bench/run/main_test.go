package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/test/figures"
	"payrouter/test/process"
)

// places are where a page has its tables.
const places = `<!-- make bench writes what follows: payments -->
<!-- make bench wrote the above -->
<!-- make bench writes what follows: calls -->
<!-- make bench wrote the above -->
<!-- make bench writes what follows: journal -->
<!-- make bench wrote the above -->
`

// Each part measures with small numbers: that every figure is there, and never how large it is.
func TestEachPartMeasures(t *testing.T) {
	dir, root := t.TempDir(), repository(t)
	t.Chdir(root)
	router, plugins := filepath.Join(dir, "router"), filepath.Join(dir, "plugins")
	require.NoError(t, process.BuildRouter(t.Context(), router))
	require.NoError(t, process.BuildPlugins(t.Context(), plugins, "cryptogram", "payplay"))
	command := filepath.Join(dir, "bench")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", command, "./run")
	build.Dir = filepath.Join(root, "test", "bench")
	output, err := build.CombinedOutput()
	require.NoError(t, err, "%s", output)

	for part, check := range map[string]func(t *testing.T, run figures.Run){
		"payments": requirePayments, "calls": requireCalls, "journal": requireJournal,
	} {
		t.Run(part, func(t *testing.T) {
			folder := t.TempDir()
			page := filepath.Join(folder, "page.md")
			require.NoError(t, os.WriteFile(page, []byte(places), 0o600))
			run := exec.CommandContext(t.Context(), command, "-root", root, "-router", router, "-plugins", plugins,
				"-results", filepath.Join(folder, "results"), "-page", page, "-only", part, "-rounds", "2",
				"-phase", "200ms", "-hot", "20", "-cold", "2", "-journal", "300", "-creates", "10", "-fetches", "10",
				"-lists", "2")
			output, err := run.CombinedOutput()
			require.NoError(t, err, "%s", output)
			runs, err := figures.Read(filepath.Join(folder, "results"))
			require.NoError(t, err)
			require.Len(t, runs, 1)
			require.NotEmpty(t, runs[0].Version)
			require.NotZero(t, runs[0].Machine.Cores)
			check(t, runs[0])
			written, err := os.ReadFile(page)
			require.NoError(t, err)
			require.Greater(t, len(written), len(places), "the page has no table")
		})
	}
}

func repository(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("../../..")
	require.NoError(t, err)
	require.FileExists(t, filepath.Join(root, "routing.yaml"))
	return root
}

func requirePayments(t *testing.T, run figures.Run) {
	t.Helper()
	require.Nil(t, run.Calls)
	require.Nil(t, run.Journal)
	require.Positive(t, run.Payments.Count)
	require.Positive(t, run.Payments.Bytes)
	require.Len(t, run.Payments.Rounds, 4)
	for _, round := range run.Payments.Rounds {
		require.Contains(t, []int{1, 64}, round.Callers)
		require.Positive(t, round.Sync)
		for _, load := range []figures.Load{round.Forwarder, round.Router, round.Shared} {
			requireLoad(t, load)
		}
	}
}

// requireLoad leaves CPU out: it is counted in hundredths of a second.
func requireLoad(t *testing.T, load figures.Load) {
	t.Helper()
	require.Positive(t, load.Requests)
	require.Positive(t, load.Rate)
	require.Positive(t, load.P50)
	require.GreaterOrEqual(t, load.P99, load.P50)
}

func requireCalls(t *testing.T, run figures.Run) {
	t.Helper()
	require.Len(t, run.Calls.Subjects, 2)
	for _, subject := range run.Calls.Subjects {
		names := map[string]bool{}
		for _, engine := range subject.Engines {
			names[engine.Name] = true
			require.Len(t, engine.Hot, 2, engine.Name)
			require.Len(t, engine.Cold, 2, engine.Name)
			for _, median := range append(engine.Hot, engine.Cold...) {
				require.Positive(t, median, engine.Name)
			}
		}
		require.Len(t, names, 8)
		require.True(t, names[figures.Shared] && names[figures.Unmetered])
	}
}

func requireJournal(t *testing.T, run figures.Run) {
	t.Helper()
	require.Equal(t, 300, run.Journal.Payments)
	require.Positive(t, run.Journal.Bytes)
	require.Positive(t, run.Journal.Filled)
	require.Len(t, run.Journal.Rounds, 2)
	for _, round := range run.Journal.Rounds {
		for _, costs := range []figures.Costs{round.Empty, round.Large} {
			require.Positive(t, costs.Start)
			requireLoad(t, costs.Create)
			requireLoad(t, costs.Fetch)
		}
	}
	require.NotEmpty(t, run.Journal.Lists)
	for _, list := range run.Journal.Lists {
		require.Positive(t, list.P50, list.Name)
	}
}

func TestWhatIsNotMeasured(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]settings{
		"a part that there is not": {only: "payments,wasm", rounds: 1},
		"no rounds":                {only: "calls"},
	} {
		s.hot, s.cold, s.journal, s.creates, s.fetches, s.lists, s.phase, s.keep = 1, 1, 1, 1, 1, 1, 1, 1
		_, err := s.run(t.Context(), t.TempDir())
		require.Error(t, err, name)
	}
	require.ErrorContains(t, serve("provider", []string{"x"}), "there is no provider with 1 arguments")
}
