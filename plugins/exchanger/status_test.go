package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
)

func TestStateOf(t *testing.T) {
	t.Parallel()
	const (
		old, young = 72 * hour, 72*hour - 1
		limit      = 72 * hour
	)
	for status, row := range map[string]struct {
		young, old abi.Status
		alerts     bool
	}{
		"new":         {abi.Status_STATUS_REQUIRES_ACTION, abi.Status_STATUS_REQUIRES_ACTION, false},
		"coldnew":     {abi.Status_STATUS_REQUIRES_ACTION, abi.Status_STATUS_REQUIRES_ACTION, false},
		"techpay":     {abi.Status_STATUS_REQUIRES_ACTION, abi.Status_STATUS_REQUIRES_ACTION, false},
		"payed":       {abi.Status_STATUS_PROCESSING, abi.Status_STATUS_PROCESSING, false},
		"merchwait":   {abi.Status_STATUS_PROCESSING, abi.Status_STATUS_PROCESSING, false},
		"coldpay":     {abi.Status_STATUS_PROCESSING, abi.Status_STATUS_PROCESSING, false},
		"partpay":     {abi.Status_STATUS_PROCESSING, abi.Status_STATUS_PROCESSING, false},
		"realpay":     {abi.Status_STATUS_PROCESSING, abi.Status_STATUS_PROCESSING, false},
		"verify":      {abi.Status_STATUS_PROCESSING, abi.Status_STATUS_PROCESSING, false},
		"amlwait":     {abi.Status_STATUS_PROCESSING, abi.Status_STATUS_PROCESSING, false},
		"coldsuccess": {abi.Status_STATUS_PROCESSING, abi.Status_STATUS_PROCESSING, false},
		"partpayout":  {abi.Status_STATUS_PROCESSING, abi.Status_STATUS_PROCESSING, false},
		"payouterror": {abi.Status_STATUS_PROCESSING, abi.Status_STATUS_PROCESSING, true},
		"scrpayerror": {abi.Status_STATUS_PROCESSING, abi.Status_STATUS_PROCESSING, true},
		"amlerror":    {abi.Status_STATUS_PROCESSING, abi.Status_STATUS_FAILED, true},
		"mercherror":  {abi.Status_STATUS_PROCESSING, abi.Status_STATUS_FAILED, true},
		"error":       {abi.Status_STATUS_PROCESSING, abi.Status_STATUS_FAILED, true},
		"success":     {abi.Status_STATUS_SUCCEEDED, abi.Status_STATUS_SUCCEEDED, false},
		"cancel":      {abi.Status_STATUS_CANCELED, abi.Status_STATUS_CANCELED, false},
		"delete":      {abi.Status_STATUS_CANCELED, abi.Status_STATUS_CANCELED, false},
		"my3":         {abi.Status_STATUS_UNKNOWN, abi.Status_STATUS_UNKNOWN, true},
		"Success":     {abi.Status_STATUS_SUCCEEDED, abi.Status_STATUS_SUCCEEDED, false}, // in any case
	} {
		t.Run(status, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, row.young, stateOf(status, young, limit).status)
			require.Equal(t, row.old, stateOf(status, old, limit).status)
			require.Equal(t, row.alerts, stateOf(status, young, limit).alert != "")
		})
	}
	require.Len(t, statuses, 20, "every status that the table knows has a row above")
}

func TestEveryFailedStatusHasARule(t *testing.T) {
	t.Parallel()
	for status := range statuses {
		if stateOf(status, 1, 0).status == abi.Status_STATUS_FAILED {
			require.Equal(t, abi.Meaning_MEANING_DECLINED_HARD, meaning(200, status), status)
		}
	}
}
