// Package report prints the results of long test runs, for people and as JSON.
package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Line is one named figure.
type Line struct {
	Name  string
	Value any
}

// Print writes the lines and the notes, and as the last line the result as JSON.
func Print(w io.Writer, lines []Line, notes []string, result any) error {
	for _, line := range lines {
		if _, err := fmt.Fprintf(w, "%-16s %v\n", line.Name, line.Value); err != nil {
			return fmt.Errorf("print the report: %w", err)
		}
	}
	for _, note := range notes {
		if _, err := fmt.Fprintf(w, "! %s\n", note); err != nil {
			return fmt.Errorf("print the report: %w", err)
		}
	}
	text, err := json.Marshal(result)
	if err == nil {
		_, err = fmt.Fprintf(w, "%s\n", text)
	}
	if err != nil {
		return fmt.Errorf("print the report: %w", err)
	}
	return nil
}

// Percentiles of some figure.
type Percentiles struct {
	P50 float64 `json:"p50"`
	P90 float64 `json:"p90"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// PercentilesOf sorts the values. Those of no values are zero.
func PercentilesOf(values []float64) Percentiles {
	if len(values) == 0 {
		return Percentiles{}
	}
	slices.Sort(values)
	at := func(share float64) float64 {
		return values[min(int(share*float64(len(values))), len(values)-1)]
	}
	return Percentiles{P50: at(0.5), P90: at(0.9), P99: at(0.99), Max: at(1)}
}

// Counts lists counts by name, the largest first.
func Counts(counts map[string]int) string {
	names := slices.SortedFunc(maps.Keys(counts),
		func(a, b string) int { return cmp.Or(counts[b]-counts[a], cmp.Compare(a, b)) })
	var parts []string
	for _, name := range names {
		parts = append(parts, fmt.Sprintf("%s %d", name, counts[name]))
	}
	return cmp.Or(strings.Join(parts, ", "), "none")
}
