package attempt

import (
	"testing"

	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
)

func TestAReasonIsLoggedWithoutWhatTheCallerAndTheProviderWrote(t *testing.T) {
	t.Parallel()
	payment := &abi.Call{Payment: &abi.Payment{
		Reference: "order-1", Description: "A thing", ReturnUrl: "https://shop.example/back",
		Payer:       &abi.Payer{Name: "Jane Doe", Email: "jane@shop.example", Phone: "+49 30 1", Ip: "192.0.2.1"},
		Destination: &abi.Destination{Number: "9988998899", Account: "DE00", Address: "TAddress", Memo: "memo-7"},
		Options:     []byte(`{"note":"by hand"}`),
	}}
	native := &abi.Call{Input: []byte(`{"bank":{"holder":"Jane Doe"},"numbers":[9988998899,"x"],"ok":true}`)}
	for why, row := range map[string]struct {
		call   *abi.Call
		quoted string
		want   string
	}{
		"the order's value: no amount":            {payment, "", "the order's value: no amount"},
		"about Jane Doe (jane@shop.example)":      {payment, "", "about … (…)"},
		"+49 30 1, 192.0.2.1, 9988998899, memo-7": {payment, "", "…, …, …, …"},
		"DE00 TAddress order-1 by hand A thing":   {payment, "", "… … … … …"},
		"no proof: bob@shop.example is unknown":   {payment, "bob@shop.example is unknown", "no proof: …"},
		"Jane Doe has 9988998899, x":              {native, "", "… has …, x"},
	} {
		require.Equal(t, row.want, redacted(why, row.call, row.quoted))
	}
}
