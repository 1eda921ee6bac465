package config

import (
	"testing"

	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
	"payrouter/host/routing"
)

func TestMistakesThatManifestsShow(t *testing.T) {
	t.Parallel()
	account := func(members string) string {
		return "providers:\n  a: {" + members + "}\nrules: [{name: default, to: [a]}]"
	}
	for _, c := range []struct {
		claim, text string
		problems    []string
	}{
		{"an unknown plugin", account("plugin: paygrm"), []string{
			`routing.yaml:2:15: provider "a": there is no plugin "paygrm": did you mean "paygram"?`,
		}},
		{"no site", account("plugin: exchanger, secrets: {api_login: env:L, api_key: env:K}"), []string{
			`routing.yaml:2:3: provider "a": plugin "exchanger" needs a base URL: add base_url: each account has a ` +
				`site of its own`,
		}},
		{"secrets that are missing", account("plugin: paygram"), []string{
			`routing.yaml:2:3: provider "a" lacks secret "token" (the API token): add token: env:NAME under secrets`,
		}},
		{"a secret that nobody wants", account("plugin: paygram, secrets: {token: env:T, tokn: env:U}"), []string{
			`routing.yaml:2:48: plugin "paygram" has no secret "tokn": did you mean "token"?`,
		}},
		{
			"settings against the schema",
			account("plugin: cryptogram, secrets: {token: env:T}, settings: {titel: x, wallets: [btc, doge]}"),
			[]string{
				`routing.yaml:2:63: unknown key "titel" in settings: did you mean "title"?`,
				`routing.yaml:2:88: settings/wallets/1 does not fit the plugin's schema: value must be one of 'btc', ` +
					`'eth', 'bnb'`,
			},
		},
		{
			"a setting of another type",
			account("plugin: paygram, secrets: {token: env:T}, settings: {client_unique: 1}"),
			[]string{
				`routing.yaml:2:75: settings/client_unique does not fit the plugin's schema: got number, want boolean`,
			},
		},
		{"a setting that is missing", account("plugin: paygrt, secrets: {api_key: env:K}"), []string{
			`routing.yaml:2:6: settings/merchant_id does not fit the plugin's schema: is required`,
		}},
		{"settings where there are none", account("plugin: plain, settings: {x: 1}"), []string{
			`routing.yaml:2:22: plugin "plain" has no settings: remove them`,
		}},
		{
			"a failure of an unknown operation",
			account("plugin: paygram, secrets: {token: env:T}, failures: [{operation: Issue, code: x, meaning: " +
				"fault, as: x}]"),
			[]string{
				`routing.yaml:2:72: plugin "paygram" has no operation "Issue": there is none`,
			},
		},
		{
			"a rule that its providers cannot serve",
			"providers:\n  a: {plugin: paygram, secrets: {token: env:T}}\nrules: [{name: x, when: {kind: payout}, " +
				"to: a}]",
			[]string{
				`routing.yaml:3:32: no provider of rule "x" takes kind payout: correct it, remove it, or add a ` +
					`provider that does`,
				`routing.yaml:3:45: provider "a" takes no payment that rule "x" matches: it takes collect, currency ` +
					`one of BTC, ETH, EUR, USD, USDT, LTC, CNY, PHP, VND, GBP and 3 more`,
			},
		},
	} {
		t.Run(c.claim, func(t *testing.T) {
			t.Parallel()
			rules, err := read(t, c.text).Ruleset(manifests())
			require.Equal(t, c.problems, problems(err))
			require.Nil(t, rules)
		})
	}
}

func TestOverriddenSettingIsHeldAgainstTheSchema(t *testing.T) {
	t.Parallel()
	config := read(t,
		"providers: {a: {plugin: cryptogram, secrets: {token: env:T}, settings: {title: x}}}\nrules: [{name: d, "+
			"to: a}]",
		"ROUTER_PROVIDERS__A__SETTINGS__TITLE=y")
	schemas := manifests()
	schemas["cryptogram"].SettingsSchema = `{"properties": {"title": {"maxLength": 0}}}`
	require.Equal(t, []string{"environment variable ROUTER_PROVIDERS__A__SETTINGS__TITLE: " +
		"settings/title does not fit the plugin's schema: maxLength: got 1, want 0"}, problems(config.Check(schemas)))
}

// A plugin is not trusted: its schema must neither stop the router nor make it read files or the network.
func TestBadSchemasOfAPlugin(t *testing.T) {
	t.Parallel()
	config := read(t, "providers: {a: {plugin: p}}\nrules: [{name: d, to: a}]")
	for _, schema := range []string{
		`{`, `7`, `{"type": 7}`, `{"$ref": "file:///etc/passwd"}`, `{"$ref": "https://example.com/schema.json"}`,
		`{"$ref": "other.json"}`,
	} {
		err := config.Check(map[string]*abi.Manifest{"p": {BaseUrl: "https://a.example", SettingsSchema: schema}})
		require.Len(t, problems(err), 1, schema)
		require.ErrorContains(t, err, `the manifest of plugin "p" holds a settings schema that does not compile`,
			schema)
	}
}

func TestRulesetDecidesUnderTheVersion(t *testing.T) {
	t.Parallel()
	config := read(t, "providers: {a: {plugin: paygram, secrets: {token: env:T}}}\nrules: [{name: d, to: a}]")
	rules, err := config.Ruleset(manifests())
	require.NoError(t, err)
	require.Equal(t, config.Version, rules.Version())
	require.Equal(t, config.Version, rules.Decide(routing.Facts{Amount: "5", Currency: "EUR"}, nil).ConfigVersion)
}

// A bare status, or a lone message, never decides what becomes of money: an account's row needs a proof, as a
// manifest's does.
func TestAFailureThatMayMoveMoneyOnNeedsAProof(t *testing.T) {
	t.Parallel()
	manifest := func() map[string]*abi.Manifest {
		return map[string]*abi.Manifest{"p": {
			BaseUrl: "https://a.example",
			Flows:   []*abi.Flow{{Kind: abi.Kind_KIND_COLLECT}}, Operations: []*abi.Operation{
				{Name: "Pay", Idempotency: abi.Idempotency_IDEMPOTENCY_NONE},
				{Name: "Read", Idempotency: abi.Idempotency_IDEMPOTENCY_SAFE},
			},
		}}
	}
	row := func(members string) string {
		return "providers: {a: {plugin: p, failures: [{http_status: 403, as: declined, " + members +
			"}]}}\nrules: [{name: d, to: a}]"
	}
	for claim, text := range map[string]string{
		"a bare status":               row("meaning: declined_soft"),
		"of the operation by name":    row("meaning: declined_hard, operation: Pay"),
		"a message alone":             row("meaning: refused, operation: Pay, proof: {/message: Forbidden}"),
		"a message alone, any value":  row("meaning: duplicate, operation: Pay, proof: {/message: []}"),
		"not found, for all requests": row("meaning: not_found"),
	} {
		require.ErrorContains(t, read(t, text).Check(manifest()),
			"routing.yaml:1:39: this failure decides what becomes of a request", claim)
	}
	for claim, text := range map[string]string{
		"a fault decides nothing": row("meaning: fault"),
		"a read":                  row("meaning: declined_soft, operation: Read"),
		"two members": row(
			`meaning: declined_soft, operation: Pay, proof: {/status: "1", /reason: [suspended, closed]}, final: true`),
		"a nested member": row("meaning: declined_soft, operation: Pay, proof: {/errors/wallet: []}"),
	} {
		require.NoError(t, read(t, text).Check(manifest()), claim)
	}
	enveloped := manifest()
	enveloped["p"].Envelope = []*abi.Proof{{Pointer: "/error"}, {Pointer: "/data"}}
	require.NoError(t, read(t, row("meaning: declined_soft")).Check(enveloped),
		"the manifest's envelope stands for a proof of its own")
}

func TestProofsOfAFailure(t *testing.T) {
	t.Parallel()
	text := "providers: {a: {plugin: p, failures: [{code: x, meaning: fault, as: declined, " +
		`proof: {/error: 1, /text: [a, "2"], /data: [], /ok: false}}]}}` + "\nrules: [{name: d, to: a}]"
	rule := read(t, text).Providers[0].Failures[0]
	require.Equal(t, []*abi.Proof{
		{Pointer: "/data"},
		{Pointer: "/error", Values: []string{"1"}},
		{Pointer: "/ok", Values: []string{"false"}},
		{Pointer: "/text", Values: []string{"a", "2"}},
	}, rule.GetProofs())
	require.False(t, rule.GetFinal())
}
