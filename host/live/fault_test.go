package live_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/live"
	"payrouter/host/plugin"
)

// second is an account beside the first one, with what it adds.
func (h *harness) second(plugin, token, more string) string {
	return "  second:\n    plugin: " + plugin + "\n    base_url: " + h.provider + "\n    allow_private: true\n" +
		"    secrets: {token: " + token + "}\n" + more
}

const someSettings = "    settings: {user_cli_id: shop}\n"

// started is a harness on a text that a harness before it wrote, which never served.
func started(t *testing.T, text func(h *harness) string) *harness {
	t.Helper()
	first := newHarness(t, plan{unwatched: true})
	require.NoError(t, os.RemoveAll(filepath.Join(first.dir, "history")))
	first.write(text(first))
	return newHarness(t, plan{beside: first, text: "there is one"})
}

func (h *harness) out() string {
	return (&live.InvalidError{Problems: h.manager.Status().Out}).Error()
}

func TestAnAccountWithAFaultIsOutFromTheStart(t *testing.T) {
	t.Parallel()
	for claim, row := range map[string]struct{ plugin, token, settings, reason, problem string }{
		"its plugin is not there": {
			"cryptogram", "env:TOKEN", "", `its plugin "cryptogram" is not active`, `there is no plugin "cryptogram"`,
		},
		"its secret has no value": {
			"paygram", "env:NONE", someSettings, "its secrets are not complete", "the environment variable is not set",
		},
		"its settings do not fit": {
			"paygram", "env:TOKEN", "    settings: {user_cli: shop}\n",
			"its part of the routing file does not fit its plugin", `unknown key "user_cli" in settings`,
		},
		"it pins another module": {
			"paygram", "env:TOKEN", someSettings + `    digests: ["` + strings.Repeat("0", 64) + `"]` + "\n",
			`it pins other modules of its plugin "paygram" than the active one`, "pins other modules than",
		},
	} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			h := started(t, func(h *harness) string {
				return strings.Replace(h.routing("first", h.second(row.plugin, row.token, row.settings)),
					"to: [paygram-eu]", "to: [second, paygram-eu]", 1)
			})
			fleet := h.manager.Fleet()
			require.Equal(t, row.reason, fleet.Out["second"].Reason)
			require.Equal(t, row.plugin, fleet.Out["second"].Plugin)
			require.NotContains(t, fleet.Accounts, "second")
			require.Contains(t, fleet.Accounts, "paygram-eu")
			require.Contains(t, h.out(), row.problem)
			require.Nil(t, h.manager.Status().Pending, "the text is active")

			decision := h.engine.Explain("shop", "pay_1", order())
			require.Equal(t, "first", decision.Rule)
			require.True(t, decision.Candidates[0].Skipped)
			require.Equal(t, row.reason, decision.Candidates[0].Reason)
			require.False(t, decision.Candidates[1].Skipped)

			// An edit beside it is taken; one that takes another account out is refused, as ever.
			h.write(strings.Replace(h.routing("edited", h.second(row.plugin, row.token, row.settings)),
				"to: [paygram-eu]", "to: [second, paygram-eu]", 1))
			h.serves("edited")
			require.Equal(t, row.reason, h.manager.Fleet().Out["second"].Reason)
			h.write(strings.Replace(h.routing("worse", h.second(row.plugin, row.token, row.settings)),
				"{token: env:TOKEN}", "{token: env:MISSING}", 1))
			h.pending("env:MISSING")
			require.Equal(t, "edited", h.rule())
			// So is one that gives it another fault.
			h.write(h.routing("other", h.second("paygrt", "env:TOKEN", "")))
			h.pending(`there is no plugin "paygrt"`)
			// Corrected, it is in service.
			h.write(h.routing("mended", h.second("paygram", "env:TOKEN", someSettings)))
			h.serves("mended")
			require.Empty(t, h.manager.Fleet().Out)
			require.Contains(t, h.manager.Fleet().Accounts, "second")
			require.Empty(t, h.manager.Status().Out)
		})
	}
}

// A secret's file that comes later brings its account back, without an edit.
func TestASecretThatComesBringsItsAccountBack(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "token")
	h := started(t, func(h *harness) string { return h.routing("first", h.second("paygram", "file:"+file, someSettings)) })
	require.Equal(t, "its secrets are not complete", h.manager.Fleet().Out["second"].Reason)
	require.NoError(t, os.WriteFile(file, []byte("made-up-token"), 0o600))
	require.Eventually(t, func() bool { return len(h.manager.Fleet().Out) == 0 }, time.Minute, 5*time.Millisecond)
}

// The plugin comes while the router runs, and its accounts with it, but for those with a fault of their own.
func TestAPluginThatComesBringsItsAccountsBack(t *testing.T) {
	t.Parallel()
	const third = "  third:\n    plugin: cryptogram\n    secrets: {token: env:NONE}\n" +
		"    settings: {wallets: [btc], title: Order, redirect: https://shop.example/thanks}\n"
	good := strings.Replace(strings.Replace(third, "third", "second", 1), "env:NONE", "env:TOKEN", 1)
	h := started(t, func(h *harness) string { return h.routing("first", good, third) })
	require.Len(t, h.manager.Fleet().Out, 2)
	h.registry.Bind(h.manager)
	_, err := h.registry.Install(t.Context(), plugin.Candidate{Code: module(t, "cryptogram")})
	require.NoError(t, err)
	require.Contains(t, h.manager.Fleet().Accounts, "second")
	require.Equal(t, "its secrets are not complete", h.manager.Fleet().Out["third"].Reason)
	active, _ := h.registry.Current("cryptogram")
	require.ErrorIs(t, h.registry.Drain(t.Context(), "cryptogram", active.Digest(), "desk"), plugin.ErrIncompatible,
		"what is in service stays")
}

// A file that was edited into a fault while the router was down does not take out an account that was in service.
func TestAFaultOfAnEditIsPendingAfterARestart(t *testing.T) {
	t.Parallel()
	first := newHarness(t, plan{unwatched: true})
	first.write(strings.Replace(first.routing("edited"), "env:TOKEN", "env:NONE", 1))
	again := newHarness(t, plan{beside: first, text: "there is one"})
	require.Equal(t, "first", again.rule())
	require.Empty(t, again.manager.Fleet().Out)
	again.pending("env:NONE")
}
