package plugin_test

import (
	"bytes"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
	"payrouter/host/plugin"
)

// paidBy asks for the request of a payment, of a plugin that puts the former payment's payer into its path.
func paidBy(t *testing.T, generation *plugin.Generation, email string) string {
	t.Helper()
	step, _, err := generation.Begin(&abi.Call{
		Operation: "keep", Payment: &abi.Payment{Payer: &abi.Payer{Email: email}},
	}).Prepare(t.Context())
	require.NoError(t, err)
	path := step.GetSend().GetRequest().GetPath()
	require.Len(t, path, 1)
	return path[0].GetLiteral()
}

// What a plugin keeps of one payment gets into the next one's request where calls share an instance; a sample shows
// it, and its request is clean; and it never does where they are pristine.
func TestWhatIsKeptBetweenCalls(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		settings plugin.IsolationSettings
		second   string
		kept     int64
	}{
		"pristine, as no trusted key stands behind it": {plugin.IsolationSettings{}, "/keep/", 0},
		"shared, without a sample": {plugin.IsolationSettings{
			Of: map[string]plugin.Isolation{"hostile": plugin.Shared}, Sample: -1,
		}, "/keep/one@example.com", 0},
		"shared, every second call sampled": {plugin.IsolationSettings{
			Of: map[string]plugin.Isolation{"hostile": plugin.Shared}, Sample: 2,
		}, "/keep/", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var logged bytes.Buffer
			registry := newRegistry(t, plugin.Settings{
				Isolation: row.settings, Logger: slog.New(slog.NewTextHandler(&logged, nil)),
			})
			generation := install(t, registry, module(t, ""))
			require.Equal(t, "/keep/", paidBy(t, generation, "one@example.com"))
			require.Equal(t, row.second, paidBy(t, generation, "two@example.com"))
			status, found := registry.Plugin("hostile")
			require.True(t, found)
			require.Equal(t, row.kept, status.Generations[0].Kept)
			if row.kept > 0 {
				require.Contains(t, logged.String(), "prepare: the plugin kept state between calls")
				require.NotContains(t, logged.String(), "one@example.com")
				require.Equal(t, plugin.Pristine, status.Generations[0].Isolation, "it is not trusted any more")
				require.Equal(t, int64(1), status.Generations[0].Faults.Inputs)
				require.Equal(t, "/keep/", paidBy(t, generation, "three@example.com"))
				require.Equal(t, "/keep/", paidBy(t, generation, "four@example.com"))
			}
		})
	}
}

// A sample finds nothing in a plugin that keeps nothing.
func TestSampleFindsNothingInAnHonestPlugin(t *testing.T) {
	t.Parallel()
	registry := newRegistry(t, plugin.Settings{Isolation: plugin.IsolationSettings{
		Of: map[string]plugin.Isolation{"hostile": plugin.Shared}, Sample: 1,
	}})
	generation := install(t, registry, module(t, ""))
	for range 3 {
		for _, name := range []string{"serve", "clock", "random", "bad settings"} {
			_, _, _ = generation.Begin(&abi.Call{Operation: name, NowMs: 1, Seed: []byte{31: 1}}).Prepare(t.Context())
		}
	}
	status, _ := registry.Plugin("hostile")
	require.Zero(t, status.Generations[0].Kept)
}

func TestIsolationFollowsTheSignature(t *testing.T) {
	t.Parallel()
	code := module(t, "")
	keys, key := pair(t)
	for name, row := range map[string]struct {
		isSigned bool
		of       map[string]plugin.Isolation
		want     plugin.Isolation
	}{
		"not signed":            {false, nil, plugin.Pristine},
		"signed":                {true, nil, plugin.Shared},
		"signed, and set":       {true, map[string]plugin.Isolation{"hostile": plugin.Pristine}, plugin.Pristine},
		"not signed, and set":   {false, map[string]plugin.Isolation{"hostile": plugin.Shared}, plugin.Shared},
		"another plugin is set": {false, map[string]plugin.Isolation{"other": plugin.Shared}, plugin.Pristine},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			registry := newRegistry(t, plugin.Settings{
				Keys: keys, Isolation: plugin.IsolationSettings{Of: row.of},
			})
			c := plugin.Candidate{Code: code, Source: "test"}
			if row.isSigned {
				c.Signature = signed(key, "1.0.0", code)
			}
			_, err := registry.Install(t.Context(), c)
			require.NoError(t, err)
			status, _ := registry.Plugin("hostile")
			require.Equal(t, row.want, status.Generations[0].Isolation)
		})
	}
}

func TestUnknownIsolationIsRefused(t *testing.T) {
	t.Parallel()
	settings := plugin.IsolationSettings{Of: map[string]plugin.Isolation{"paygram": "fast"}}
	require.EqualError(t, settings.Validate(), `isolation of plugin paygram is "fast", not shared or pristine`)
}
