package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
)

func TestReceive(t *testing.T) {
	t.Parallel()
	const query = "api_ref_id=12345&txn_id=5001234&operator_id=PG12345XYZ&recharge_status=Success"
	for name, row := range map[string]struct {
		callback abi.Callback
		trust    abi.Receipt_Trust
		key      string
	}{
		"a GET with a query": {
			abi.Callback{Method: "GET", Query: query},
			abi.Receipt_TRUST_LOOK_UP,
			"12345/5001234/Success",
		},
		"a POST with a query": {
			abi.Callback{Method: "POST", Query: query},
			abi.Receipt_TRUST_LOOK_UP,
			"12345/5001234/Success",
		},
		"a POST with a form": {
			abi.Callback{Method: "POST", Body: []byte(query)},
			abi.Receipt_TRUST_LOOK_UP,
			"12345/5001234/Success",
		},
		"another state is another one": {
			abi.Callback{
				Method: "GET",
				Query:  "api_ref_id=12345&txn_id=5001234&recharge_status=Pending",
			},
			abi.Receipt_TRUST_LOOK_UP,
			"12345/5001234/Pending",
		},
		"the reference alone is enough": {
			abi.Callback{Method: "GET", Query: "api_ref_id=12345"},
			abi.Receipt_TRUST_LOOK_UP, "12345//",
		},
		"a GET's body does not count": {
			abi.Callback{Method: "GET", Body: []byte(query)},
			abi.Receipt_TRUST_IGNORE,
			"",
		},
		"no reference": {
			abi.Callback{Method: "GET", Query: "txn_id=5001234&recharge_status=Success"},
			abi.Receipt_TRUST_IGNORE, "",
		},
		"a reference not of our making": {
			abi.Callback{Method: "GET", Query: "api_ref_id=1%27+OR+1"},
			abi.Receipt_TRUST_IGNORE, "",
		},
		"a reference too long": {
			abi.Callback{Method: "GET", Query: "api_ref_id=1234567890123456789"},
			abi.Receipt_TRUST_IGNORE, "",
		},
		"one broken field": {
			abi.Callback{Method: "GET", Query: "operator_id=%zz&api_ref_id=12345"},
			abi.Receipt_TRUST_LOOK_UP, "12345//",
		},
		"nothing": {abi.Callback{Method: "POST"}, abi.Receipt_TRUST_IGNORE, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			receipt, err := connector{}.Receive(&row.callback)
			require.NoError(t, err)
			require.Equal(t, row.trust, receipt.GetTrust())
			require.Equal(t, row.key, receipt.GetDedupeKey())
			require.EqualValues(t, 200, receipt.GetReply().GetStatus())
			require.Nil(t, receipt.GetOutcome(), "a callback is a hint, never an outcome")
		})
	}
}

func FuzzReceive(f *testing.F) {
	f.Add("GET", "api_ref_id=12345&txn_id=%ff&recharge_status=Success", []byte("api_ref_id=1"))
	f.Add("POST", "", []byte("api_ref_id=1;txn_id=2"))
	f.Fuzz(func(t *testing.T, method, query string, body []byte) {
		receipt, err := connector{}.Receive(&abi.Callback{Method: method, Query: query, Body: body})
		require.NoError(t, err)
		_, err = receipt.MarshalVT()
		require.NoError(t, err)
		require.Equal(t, receipt.GetTrust() == abi.Receipt_TRUST_LOOK_UP, receipt.GetReference() != "")
	})
}
