package router

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
	"payrouter/host/attempt"
	"payrouter/host/plugin"
	"payrouter/host/wasm"
)

func TestWhatAFlowCountsAs(t *testing.T) {
	t.Parallel()
	for claim, row := range map[string]struct {
		ending attempt.Ending
		result plugin.Result
	}{
		"taken":                {attempt.Ending{Event: attempt.Accepted, Outcome: &abi.Outcome{}}, plugin.Succeeded},
		"declined":             {attempt.Ending{Event: attempt.DeclinedSoft}, plugin.Declined},
		"declined for good":    {attempt.Ending{Event: attempt.DeclinedHard}, plugin.Declined},
		"refused":              {attempt.Ending{Event: attempt.Refused}, plugin.Declined},
		"not found":            {attempt.Ending{Event: attempt.NotFound}, plugin.Declined},
		"rejected by a plugin": {attempt.Ending{Event: attempt.Unable}, plugin.Declined},
		"no answer":            {attempt.Ending{Event: attempt.Unanswered}, plugin.Unknown},
		"no connection":        {attempt.Ending{Event: attempt.NotSent}, plugin.Nothing},
		"a trap":               {attempt.Ending{Event: attempt.Unanswered, PluginErr: errors.New("trap")}, plugin.Faulted},
		"no instance": {
			attempt.Ending{Event: attempt.Unable, PluginErr: fmt.Errorf("plugin: %w", wasm.ErrBusy)}, plugin.Busy,
		},
		"a router that is down": {attempt.Ending{Event: attempt.Unable, PluginErr: wasm.ErrClosed}, plugin.Nothing},
		"taken, and failed": {
			attempt.Ending{Event: attempt.Accepted, Outcome: &abi.Outcome{Status: abi.Status_STATUS_FAILED}}, plugin.Declined,
		},
	} {
		require.Equal(t, row.result, resultOf(row.ending), claim)
	}
}
