package figures

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	rawResults = "../bench/results"
	page       = "../../docs/performance.md"
)

// What the page shows was measured: its tables are made of the newest raw results.
func TestThePageHasTheTablesOfTheNewestResults(t *testing.T) {
	t.Parallel()
	runs, err := Read(rawResults)
	require.NoError(t, err)
	shown := latest(runs)
	for part, run := range map[string]Run{"payments": shown.payments, "calls": shown.calls, "journal": shown.journal} {
		require.False(t, run.At.IsZero(), "no result has the part %q", part)
	}
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	updated, err := Update(string(text), runs)
	require.NoError(t, err)
	require.Equal(t, updated, string(text), "run make bench")
}

func payments(rates ...float64) *Payments {
	p := &Payments{Count: 10, Bytes: 25_000}
	for _, rate := range rates {
		p.Rounds = append(p.Rounds,
			PaymentRound{Callers: 64, Sync: 1, Forwarder: Load{Rate: 1000}, Router: Load{Rate: rate, CPU: 0.5}},
			PaymentRound{Callers: 1, Sync: 1, Forwarder: Load{P50: 1}, Router: Load{P50: 3.4, CPU: 1.6}})
	}
	return p
}

// A goal compares what was measured in one round, and the median of the rounds counts.
func TestGoalsOfPayments(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		rates []float64
		met   map[string]bool
	}{
		"one slow round of three": {[]float64{500, 100, 400}, map[string]bool{
			"payments a second, 64 callers": true, "CPU a payment, 64 callers": true,
			"p50 above the forwarder's, 1 caller: 2 syncs and 0.5 ms": true, "CPU a payment, 1 caller": false,
			"disk a payment": true,
		}},
		"two slow rounds of three": {[]float64{399, 100, 500}, map[string]bool{
			"payments a second, 64 callers": false, "CPU a payment, 64 callers": true,
			"p50 above the forwarder's, 1 caller: 2 syncs and 0.5 ms": true, "CPU a payment, 1 caller": false,
			"disk a payment": true,
		}},
	} {
		met := map[string]bool{}
		for _, g := range payments(row.rates...).goals() {
			met[g.What] = g.met()
		}
		require.Equal(t, row.met, met, name)
	}
}

func TestGoalsOfAJournal(t *testing.T) {
	t.Parallel()
	costs := func(p50, cpu, start float64) Costs {
		return Costs{Start: start, Create: Load{P50: p50, CPU: cpu}, Fetch: Load{P50: 1, CPU: 0}}
	}
	j := &Journal{
		Rounds: []JournalRound{{Empty: costs(2, 1, 100), Large: costs(2.6, 1.4, 1999)}},
		Lists:  []List{{P99: 10}, {P99: 101}},
	}
	met := map[string]bool{}
	for _, g := range j.goals() {
		met[g.What] = g.met()
	}
	require.Equal(t, map[string]bool{
		"create, p50": true, "create, CPU": false, "fetch, p50": true, "fetch, CPU": true, "start": true,
		"slowest list, p99": false,
	}, met)
}

func TestMetering(t *testing.T) {
	t.Parallel()
	subject := Subject{Engines: []Engine{
		{Name: "another", Hot: []float64{1, 1, 1}},
		{Name: Shared, Hot: []float64{118, 240, 330}},
		{Name: Unmetered, Hot: []float64{100, 200, 300}},
	}}
	require.Equal(t, "+18 %", subject.metering(func(e Engine) []float64 { return e.Hot }))
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	for value, text := range map[float64]string{
		0.004: "0.00 ms", 9.876: "9.88 ms", 98.76: "98.8 ms", 987.6: "988 ms", 9876.5: "9,877 ms", 1234567: "1,234,567 ms",
	} {
		require.Equal(t, text, number(value, "ms"))
	}
}

const places = "# Page\n<!-- make bench writes what follows: payments -->\nold\n" +
	"<!-- make bench wrote the above -->\nkept\n" +
	"<!-- make bench writes what follows: calls -->\n<!-- make bench wrote the above -->\n"

// Each table is of the newest run that measured it, and the rest of the page stays.
func TestUpdate(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	older := Run{At: at, Version: "one", Payments: payments(1), Calls: &Calls{}}
	newer := Run{At: at.Add(time.Hour), Version: "two", Payments: payments(1)}
	updated, err := Update(places, []Run{older, newer})
	require.NoError(t, err)
	require.Contains(t, updated, "Of 2026-01-02 04:04, version two")
	require.Contains(t, updated, "Of 2026-01-02 03:04, version one")
	require.Contains(t, updated, "wrote the above -->\nkept\n")
	require.NotContains(t, updated, "old")
	again, err := Update(updated, []Run{older, newer})
	require.NoError(t, err)
	require.Equal(t, updated, again)
	_, err = Update("# Page\n", []Run{newer})
	require.ErrorContains(t, err, `no place for the table "payments"`)
}

func TestPruneKeepsWhatATableIsOf(t *testing.T) {
	t.Parallel()
	folder, at := t.TempDir(), time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	write := func(hours int, run Run) string {
		run.At = at.Add(time.Duration(hours) * time.Hour)
		path, err := run.Write(folder)
		require.NoError(t, err)
		return path
	}
	shown := write(0, Run{Calls: &Calls{}})
	write(1, Run{Payments: payments(1)})
	newer, newest := write(2, Run{Payments: payments(1)}), write(3, Run{Payments: payments(1)})
	require.NoError(t, Prune(folder, 2))
	left, err := filepath.Glob(filepath.Join(folder, "*"))
	require.NoError(t, err)
	require.Equal(t, []string{shown, newer, newest}, left)
}
