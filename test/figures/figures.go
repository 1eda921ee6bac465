// Package figures keeps the raw results of benchmark runs, one file a run, and decides what the tables of
// docs/performance.md say of them: medians of rounds, beside the goal where there is one.
package figures

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Run is the raw result of one run. A part that the run did not measure is nil.
type Run struct {
	At time.Time `json:"at"`
	// Version is of the sources, as git describes it.
	Version  string    `json:"version"`
	Machine  Machine   `json:"machine"`
	Payments *Payments `json:"payments,omitempty"`
	Calls    *Calls    `json:"calls,omitempty"`
	Journal  *Journal  `json:"journal,omitempty"`
}

// Machine is where a run took place.
type Machine struct {
	CPU   string `json:"cpu"`
	Cores int    `json:"cores"`
	Go    string `json:"go"`
	// Load is the number of processes that wanted to run before the run began, as a mean of a minute.
	Load float64 `json:"load"`
}

// Payments compares the router with a bare forwarder.
type Payments struct {
	// Rounds are in the order in which they were measured.
	Rounds []PaymentRound `json:"rounds"`
	// Count is how many payments the router took, and Bytes by how much they made its data folder grow.
	Count int   `json:"count"`
	Bytes int64 `json:"bytes"`
}

// PaymentRound is one round: each system with as many callers, right after the other.
type PaymentRound struct {
	Callers int `json:"callers"`
	// Sync is the median time that the disk took for a write of 4 KiB and an fsync, in milliseconds.
	Sync      float64 `json:"sync_ms"`
	Forwarder Load    `json:"forwarder"`
	// Router is as it is shipped: each call of a plugin finds its instance as after the start. Shared has its plugin's
	// calls share instances.
	Router Load `json:"router"`
	Shared Load `json:"shared"`
}

// Load is what some callers saw of a system, each of whom began the next request after the answer to the last.
type Load struct {
	Requests int `json:"requests"`
	// Rate is in requests a second; the times are in milliseconds, CPU is user and system time for a request.
	Rate float64 `json:"rate"`
	P50  float64 `json:"p50_ms"`
	P99  float64 `json:"p99_ms"`
	CPU  float64 `json:"cpu_ms"`
}

// Calls compares ways to call a plugin.
type Calls struct {
	Subjects []Subject `json:"subjects"`
}

// Subject is a plugin with one documented exchange, whose prepare and interpret are one measurement.
type Subject struct {
	Name    string   `json:"name"`
	Engines []Engine `json:"engines"`
}

// Engine is one way to call the plugin, with the median of each round in microseconds.
type Engine struct {
	Name string    `json:"name"`
	Hot  []float64 `json:"hot_us"`
	Cold []float64 `json:"cold_us"`
}

// The engines whose figures are compared in words.
const (
	Shared    = "the router's sandbox, shared instance"
	Unmetered = "the same without metering"
)

// Journal compares a router with an empty journal to one with many payments.
type Journal struct {
	// Payments are in the large journal, of Bytes on disk, and took Filled seconds to write.
	Payments int     `json:"payments"`
	Bytes    int64   `json:"bytes"`
	Filled   float64 `json:"filled_s"`
	// Rounds are in the order in which they were measured, and Lists what lists of the large journal took.
	Rounds []JournalRound `json:"rounds"`
	Lists  []List         `json:"lists"`
}

// JournalRound is one round: each router right after the other.
type JournalRound struct {
	Empty Costs `json:"empty"`
	Large Costs `json:"large"`
}

// Costs are a router's.
type Costs struct {
	// Start is until the router takes payments, in milliseconds.
	Start  float64 `json:"start_ms"`
	Create Load    `json:"create"`
	Fetch  Load    `json:"fetch"`
}

// List is one way to list payments, with its query, in milliseconds.
type List struct {
	Name  string  `json:"name"`
	Query string  `json:"query"`
	P50   float64 `json:"p50_ms"`
	P99   float64 `json:"p99_ms"`
}

// pattern matches the files of results. Their names sort by time.
const (
	layout  = "20060102T150405Z"
	pattern = "*Z.json"
)

// Write writes the run into a folder.
func (r Run) Write(folder string) (path string, err error) {
	text, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return "", fmt.Errorf("encode the results: %w", err)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", fmt.Errorf("make the folder of results: %w", err)
	}
	path = filepath.Join(folder, r.At.UTC().Format(layout)+".json")
	if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil {
		return "", fmt.Errorf("write the results: %w", err)
	}
	return path, nil
}

// Read reads all runs of a folder, the oldest first.
func Read(folder string) ([]Run, error) {
	paths, err := results(folder)
	if err != nil {
		return nil, err
	}
	runs := make([]Run, len(paths))
	for i, path := range paths {
		if runs[i], err = read(path); err != nil {
			return nil, err
		}
	}
	return runs, nil
}

func read(path string) (run Run, err error) {
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &run)
	}
	if err != nil {
		return Run{}, fmt.Errorf("read the results in %s: %w", path, err)
	}
	return run, nil
}

func results(folder string) ([]string, error) {
	paths, err := filepath.Glob(filepath.Join(folder, pattern))
	if err != nil {
		return nil, fmt.Errorf("list the results in %s: %w", folder, err)
	}
	slices.Sort(paths)
	return paths, nil
}

// Prune removes the oldest results but keeps as many as keep, and those that a table is of.
func Prune(folder string, keep int) error {
	paths, err := results(folder)
	if err != nil {
		return err
	}
	runs, err := Read(folder)
	if err != nil {
		return err
	}
	var problems []error
	shown := latest(runs)
	for i := range max(0, len(paths)-keep) {
		if at := runs[i].At; at.Equal(shown.payments.At) || at.Equal(shown.calls.At) || at.Equal(shown.journal.At) {
			continue
		}
		problems = append(problems, os.Remove(paths[i]))
	}
	return errors.Join(problems...)
}

// shown are the newest runs that have each part; a zero run has none.
type shown struct{ payments, calls, journal Run }

func latest(runs []Run) (s shown) {
	for _, run := range runs {
		if run.Payments != nil {
			s.payments = run
		}
		if run.Calls != nil {
			s.calls = run
		}
		if run.Journal != nil {
			s.journal = run
		}
	}
	return s
}

// Median is the middle value, the upper one of two; 0 of none.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// median is that of a figure of each round.
func median[R any](rounds []R, of func(R) float64) float64 {
	values := make([]float64, len(rounds))
	for i, round := range rounds {
		values[i] = of(round)
	}
	return Median(values)
}
