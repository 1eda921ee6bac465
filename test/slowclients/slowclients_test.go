package slowclients

import (
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/test/report"
)

func phases(p99 ...float64) (phases []report.Percentiles) {
	for _, one := range p99 {
		phases = append(phases, report.Percentiles{P99: one})
	}
	return phases
}

func TestWhatBreaksThePromise(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		report Report
		kept   bool
	}{
		"as fast":                {Report{Alone: phases(100, 90, 500), Beside: phases(120, 900, 80)}, true},
		"half as fast":           {Report{Alone: phases(100, 90, 500), Beside: phases(200, 900, 80), Ratio: 2}, false},
		"little in milliseconds": {Report{Alone: phases(5), Beside: phases(24), Ratio: 4.8}, true},
		"a payment failed":       {Report{Alone: phases(1), Beside: phases(1), Failed: 1}, false},
		"a connection was left":  {Report{Alone: phases(1), Beside: phases(1), Left: 1}, false},
	} {
		require.Equal(t, row.kept, row.report.Err() == nil, name)
	}
}
