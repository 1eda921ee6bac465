package capability_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/abi/capability"
	abi "payrouter/abi/v1"
)

func TestTheSettingsOfAnAccountNameItsCurrencies(t *testing.T) {
	t.Parallel()
	manifest := &abi.Manifest{Flows: []*abi.Flow{
		{Kind: abi.Kind_KIND_COLLECT, CurrenciesSetting: "coins"},
		{Kind: abi.Kind_KIND_TRANSFER, Currencies: []string{"EUR"}},
		{Kind: abi.Kind_KIND_RECHARGE},
	}}
	for name, test := range map[string]struct {
		settings string
		want     []string
	}{
		"members of an object": {`{"coins": {"USDT": {}, "BTC": {"account": "1"}}}`, []string{"BTC", "USDT"}},
		"a list":               {`{"coins": ["PMUSD", "BTC", "BTC"]}`, []string{"BTC", "PMUSD"}},
		"one text":             {`{"coins": "USD"}`, []string{"USD"}},
		"an empty object":      {`{"coins": {}}`, nil},
		"no such setting":      {`{"other": 1}`, nil},
		"no settings":          {``, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			flows := capability.Flows(manifest, []byte(test.settings))
			others := flows
			if test.want != nil {
				require.Equal(t, abi.Kind_KIND_COLLECT, flows[0].GetKind())
				require.Equal(t, test.want, flows[0].GetCurrencies())
				others = flows[1:]
			}
			require.Len(t, others, 2, "flows without the setting stay as they are")
			require.Equal(t, []string{"EUR"}, others[0].GetCurrencies())
			require.Empty(t, others[1].GetCurrencies())
		})
	}
	require.Empty(t, manifest.GetFlows()[0].GetCurrencies(), "the manifest is not changed")
}
