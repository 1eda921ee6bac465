package report_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/test/report"
)

func TestAReportEndsWithItsJSON(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	require.NoError(t, report.Print(&b, []report.Line{
		{Name: "kills", Value: 2},
		{Name: "statuses", Value: report.Counts(map[string]int{"failed": 1, "succeeded": 3})},
		{Name: "faults", Value: report.Counts(nil)},
	}, []string{"lost: pay_1"}, map[string]int{"kills": 2}))
	require.Equal(t, "kills            2\nstatuses         succeeded 3, failed 1\nfaults           none\n"+
		"! lost: pay_1\n{\"kills\":2}\n", b.String())
}

func TestPercentiles(t *testing.T) {
	t.Parallel()
	values := make([]float64, 100)
	for i := range values {
		values[i] = float64(100 - i)
	}
	require.Equal(t, report.Percentiles{P50: 51, P90: 91, P99: 100, Max: 100}, report.PercentilesOf(values))
	require.Zero(t, report.PercentilesOf(nil))
}
