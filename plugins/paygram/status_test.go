package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
)

func TestStatus(t *testing.T) {
	t.Parallel()
	const (
		unknown    = abi.Status_STATUS_UNKNOWN
		processing = abi.Status_STATUS_PROCESSING
		action     = abi.Status_STATUS_REQUIRES_ACTION
		succeeded  = abi.Status_STATUS_SUCCEEDED
		failed     = abi.Status_STATUS_FAILED
		canceled   = abi.Status_STATUS_CANCELED
	)
	for name, row := range map[string]struct {
		state                      string
		unpaid, paid, settled, odd abi.Status
	}{
		"requested":               {"1", processing, processing, succeeded, unknown},
		"completed":               {"2", unknown, processing, succeeded, unknown},
		"cancelled":               {"3", canceled, canceled, canceled, unknown},
		"ongoing":                 {"4", action, processing, succeeded, unknown},
		"error":                   {"5", failed, failed, failed, unknown},
		"denied":                  {"7", failed, failed, failed, unknown},
		"accepted":                {"8", processing, processing, succeeded, unknown},
		"accepted, the other one": {"100", processing, processing, succeeded, unknown},
		"not known":               {"6", unknown, unknown, unknown, unknown},
		"zero":                    {"0", unknown, unknown, unknown, unknown},
		"not a number":            {"", unknown, unknown, unknown, unknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, flags := range []struct {
				paid, redeemed bool
				want           abi.Status
			}{{false, false, row.unpaid}, {true, false, row.paid}, {true, true, row.settled}, {false, true, row.odd}} {
				status, alert := statusOf(row.state, flags.paid, flags.redeemed)
				require.Equal(t, flags.want, status, "paid %v, redeemed %v", flags.paid, flags.redeemed)
				require.Equal(t, status == unknown, alert != "",
					"a person hears of it exactly where the status is not known")
			}
		})
	}
}
