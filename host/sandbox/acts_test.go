package sandbox_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/host/sandbox"
	"payrouter/host/sandbox/sandboxtest"
	"payrouter/host/sandbox/simulator"
)

// payersActs are what a payer does, by one name at every provider.
var payersActs = []string{"pay", "underpay", "overpay", simulator.PayLate, "expire", "decline"}

// Who drives a payment need not know at which provider it is.
func TestPayersDoTheSameAtEveryProvider(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	var index struct {
		Providers map[string]struct {
			Events []string `json:"events"`
		} `json:"providers"`
	}
	require.NoError(t, json.Unmarshal([]byte(w.Do("GET", "/_sandbox/", nil, "").Text), &index))
	require.Len(t, index.Providers, 5)
	for provider, has := range index.Providers {
		require.Subset(t, has.Events, payersActs, provider)
	}
}
