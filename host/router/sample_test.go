package router

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
	"payrouter/host/attempt"
	"payrouter/host/plugin/canary"
	"payrouter/host/wasm"
)

func TestWhatAFlowCountsAs(t *testing.T) {
	t.Parallel()
	for claim, row := range map[string]struct {
		ending attempt.Ending
		result canary.Result
	}{
		"taken":                {attempt.Ending{Event: attempt.Accepted, Outcome: &abi.Outcome{}}, canary.Succeeded},
		"declined":             {attempt.Ending{Event: attempt.DeclinedSoft}, canary.Declined},
		"declined for good":    {attempt.Ending{Event: attempt.DeclinedHard}, canary.Declined},
		"refused":              {attempt.Ending{Event: attempt.Refused}, canary.Declined},
		"not found":            {attempt.Ending{Event: attempt.NotFound}, canary.Declined},
		"rejected by a plugin": {attempt.Ending{Event: attempt.Unable}, canary.Declined},
		"no answer":            {attempt.Ending{Event: attempt.Unanswered}, canary.Unknown},
		"no connection":        {attempt.Ending{Event: attempt.NotSent}, canary.Nothing},
		"a trap":               {attempt.Ending{Event: attempt.Unanswered, PluginErr: errors.New("trap")}, canary.Faulted},
		"no instance": {
			attempt.Ending{Event: attempt.Unable, PluginErr: fmt.Errorf("plugin: %w", wasm.ErrBusy)}, canary.Busy,
		},
		"a router that is down": {attempt.Ending{Event: attempt.Unable, PluginErr: wasm.ErrClosed}, canary.Nothing},
		"taken, and failed": {
			attempt.Ending{Event: attempt.Accepted, Outcome: &abi.Outcome{Status: abi.Status_STATUS_FAILED}}, canary.Declined,
		},
	} {
		require.Equal(t, row.result, resultOf(row.ending), claim)
	}
}
