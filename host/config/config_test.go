package config

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
	"payrouter/host/routing"
)

const small = `
providers:
  paygram-eu:
    plugin: paygram
    base_url: https://api.example.com/
    settings: {client_unique: true, user_cli_id: 12345678901234567890, note: "1 < 2"}
    secrets: {token: env:TOKEN}
    timeout: 1500ms
    retry: {tries: 5}
    limits: {connections: 8, per_second: 12}
    failures:
      - {operation: Recharge, http_status: 200, code: No funds, meaning: declined_soft, as: insufficient_funds}
      - {code: 551, meaning: duplicate, as: duplicate}
  asia: {plugin: paygram}
rules:
  - {name: default, to: [paygram-eu, asia]}
`

func read(t *testing.T, text string, environ ...string) *Config {
	t.Helper()
	config, err := Read("routing.yaml", []byte(text), environ)
	require.NoError(t, err)
	return config
}

func problems(err error) []string {
	var texts []string
	for _, p := range routing.Problems(err) {
		texts = append(texts, p.Error())
	}
	return texts
}

func TestAccountsPinDigests(t *testing.T) {
	t.Parallel()
	const digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	config := read(t,
		strings.Replace(small, "asia: {plugin: paygram}", "asia: {plugin: paygram, digests: ["+digest+"]}", 1))
	require.Equal(t, []string{digest}, config.Providers[1].Digests)
	require.Empty(t, config.Providers[0].Digests)
}

// A plugin's own part holds for whichever account uses it.
func TestPluginsAreNamedByThemselves(t *testing.T) {
	t.Parallel()
	one, other := strings.Repeat("1", 64), strings.Repeat("2", 64)
	const pinned = "asia: {plugin: paygram, digests: [%s]}"
	text := strings.Replace(small, "asia: {plugin: paygram}", fmt.Sprintf(pinned, one), 1)
	config := read(t, text)
	require.Empty(t, config.Plugins)
	digests, some := config.Digests(config.Providers[1])
	require.Equal(t, []string{one}, digests)
	require.True(t, some)
	_, some = config.Digests(config.Providers[0])
	require.False(t, some)

	config = read(t, text+"plugins:\n  paygram: {digests: ["+other+"], allow: [unproven, nothing]}\n  payplay: {}\n")
	require.Equal(t, []string{other}, config.Plugins["paygram"].Digests)
	require.Equal(t, []string{"unproven", "nothing"}, config.Plugins["paygram"].Allow)
	require.Empty(t, config.Plugins["payplay"].Digests)
	digests, some = config.Digests(config.Providers[0])
	require.Equal(t, []string{other}, digests)
	require.True(t, some)
	digests, some = config.Digests(config.Providers[1])
	require.Empty(t, digests, "both have to allow a module")
	require.True(t, some)
	require.NotEqual(t, read(t, text).Version, config.Version)

	require.NoError(t, config.CheckAllowances([]string{"unproven", "nothing"}))
	require.Equal(t, []string{
		`routing.yaml:18:108: "nothing" is nothing that may be allowed: did you mean "nothings"?`,
	}, problems(config.CheckAllowances([]string{"unproven", "nothings"})))
}

func TestFileOverridesDefaults(t *testing.T) {
	t.Parallel()
	config := read(t, small)
	eu, ok := config.Provider("paygram-eu")
	require.True(t, ok)
	require.Equal(t, "https://api.example.com", eu.BaseURL)
	require.JSONEq(t, `{"client_unique": true, "user_cli_id": 12345678901234567890, "note": "1 < 2"}`,
		string(eu.Settings))
	require.Contains(t, string(eu.Settings), `12345678901234567890`, "no digit is lost")
	require.Equal(t, "env:TOKEN", eu.Secrets["token"].String())
	require.Equal(t, 1500*time.Millisecond, eu.Timeout)
	require.Equal(t,
		Retry{Tries: 5, BaseDelay: 200 * time.Millisecond, MaxDelay: 5 * time.Second, RetryAfterCap: 30 * time.Second},
		eu.Retry)
	require.Equal(t, Breaker{Failures: 5, Window: 30 * time.Second, OpenFor: 15 * time.Second, HalfOpen: 1}, eu.Breaker)
	require.Equal(t, Limits{Connections: 8, PerSecond: 12}, eu.Limits)
	require.Equal(t, routing.Position{File: "routing.yaml", Line: 3, Column: 3}, eu.At)
	require.Len(t, eu.Failures, 2)
	require.Equal(t, "Recharge", eu.Failures[0].GetOperation())
	require.Equal(t, uint32(200), eu.Failures[0].GetHttpStatus())
	require.Equal(t, "No funds", eu.Failures[0].GetProviderCode())
	require.Equal(t, abi.Meaning_MEANING_DECLINED_SOFT, eu.Failures[0].GetMeaning())
	require.Equal(t, "insufficient_funds", eu.Failures[0].GetCode())
	require.Equal(t, "routing.yaml:12:9", eu.Failures[0].GetSource())
	require.Equal(t, "551", eu.Failures[1].GetProviderCode())

	require.Equal(t, "asia", config.Providers[1].Name, "accounts keep the order of the file")
	require.Equal(t, 20*time.Second, config.Providers[1].Timeout)
	require.JSONEq(t, `{}`, string(config.Providers[1].Settings))
	require.False(t, config.Providers[1].AllowPrivate)

	_, ok = config.Provider("paygram")
	require.False(t, ok)
}

func TestEnvironmentOverridesFile(t *testing.T) {
	t.Parallel()
	config := read(
		t, small,
		"ROUTER_PROVIDERS__PAYGRAM_EU__BASE_URL=http://127.0.0.1:8080/paygram",
		"ROUTER_PROVIDERS__PAYGRAM_EU__ALLOW_PRIVATE=true",
		"ROUTER_PROVIDERS__Paygram-EU__TIMEOUT=3s",
		"ROUTER_PROVIDERS__PAYGRAM_EU__RETRY__TRIES=1",
		"ROUTER_PROVIDERS__PAYGRAM_EU__SETTINGS__CLIENT_UNIQUE=false",
		"ROUTER_PROVIDERS__PAYGRAM_EU__SETTINGS__NOTE=a = b",
		"ROUTER_PROVIDERS__PAYGRAM_EU__SECRETS__TOKEN=env:OTHER",
		"ROUTER_LISTEN=:8080", "PATH=/bin", "OTHER__THING=1", "nonsense",
	)
	eu, _ := config.Provider("paygram-eu")
	require.Equal(t, "http://127.0.0.1:8080/paygram", eu.BaseURL)
	require.True(t, eu.AllowPrivate)
	require.Equal(t, 3*time.Second, eu.Timeout)
	require.Equal(t, 1, eu.Retry.Tries)
	require.Equal(t, 5*time.Second, eu.Retry.MaxDelay, "the others stay")
	require.JSONEq(t, `{"client_unique": false, "user_cli_id": 12345678901234567890, "note": "a = b"}`,
		string(eu.Settings))
	require.Equal(t, "env:OTHER", eu.Secrets["token"].String())
	require.Equal(t, "asia", config.Providers[1].Name)
}

func TestMistakesInTheEnvironment(t *testing.T) {
	t.Parallel()
	for variable, problem := range map[string]string{
		"ROUTER_PROVIDERS__PAYGRAM_UE__BASE_URL=x": `it overrides nothing: there is no PAYGRAM_UE: did you ` +
			`mean "PAYGRAM_EU"?`,
		"ROUTER_PROVIDERS__ASIA__BASEURL=x": `it overrides nothing: there is no BASEURL: did you mean ` +
			`"BASE_URL"?`,
		"ROUTER_PROVIDER__ASIA__BASE_URL=x": `it overrides nothing: there is no PROVIDER: did you ` +
			`mean "PROVIDERS"?`,
		"ROUTER_PROVIDERS____BASE_URL=x": `it overrides nothing: there is no : write ASIA or ` +
			`PAYGRAM_EU`,
		"ROUTER_PROVIDERS__ASIA__SETTINGS__SLUG=x": `it overrides nothing: there is no SLUG: there is none`,
		"ROUTER_PROVIDERS__ASIA=x": `providers → asia cannot be overridden so: it is a ` +
			`mapping: append __ and one of its keys`,
		"ROUTER_PROVIDERS__ASIA__TIMEOUT__MS=5": `it goes deeper than the file: drop __MS`,
		"ROUTER_PROVIDERS__PAYGRAM_EU__FAILURES=x": `providers → paygram-eu → failures cannot be overridden ` +
			`so: it is a list: change it in the file`,
		"ROUTER_RULES__0__NAME=x": `rules is a list: change it in the file`,
		"ROUTER_PROVIDERS__ASIA__ALLOW_PRIVATE=yes": `providers → asia → allow_private cannot be overridden ` +
			`so: write true or false`,
		"ROUTER_PROVIDERS__ASIA__RETRY__TRIES=many": `providers → asia → retry → tries cannot be overridden ` +
			`so: write a number`,
		"ROUTER_PROVIDERS__ASIA__RETRY__TRIES= 3": `providers → asia → retry → tries cannot be overridden ` +
			`so: write a number`,
		"ROUTER_PROVIDERS__ASIA__RETRY__TRIES=99": `tries is out of range: write a whole number from 1 to 10`,
		"ROUTER_PROVIDERS__ASIA__TIMEOUT=20": `timeout is not such a duration: write a number with its ` +
			`unit, such as 200ms or 20s, from 1ms to 10m0s`,
		"ROUTER_PROVIDERS__ASIA__BASE_URL=http://a.com": `base_url does not serve: write https; plain HTTP is for ` +
			`a sandbox, and needs allow_private: true`,
		"ROUTER_PROVIDERS__PAYGRAM_EU__SECRETS__TOKEN=abc": `secret "token" is not a reference: put its value into ` +
			`an environment variable or a file, and write env:NAME, file:/path or credential:NAME`,
	} {
		_, err := Read("routing.yaml", []byte(small), []string{variable})
		name, _, _ := strings.Cut(variable, "=")
		require.Equal(t, []string{"environment variable " + name + ": " + problem}, problems(err), variable)
	}
}

func TestMistakesInTheFile(t *testing.T) {
	t.Parallel()
	const rules = "\nrules: [{name: default, to: [a]}]"
	account := func(members string) string { return "providers:\n  a: {plugin: p, " + members + "}" + rules }
	for _, c := range []struct {
		claim, text string
		problems    []string
	}{
		{"an empty file", "", []string{`routing.yaml: the file is empty: write "providers:" and "rules:"`}},
		{"only a comment", "# nothing", []string{`routing.yaml: the file is empty: write "providers:" and "rules:"`}},
		{
			"no YAML", "providers:\n  a: [\n",
			[]string{`routing.yaml:2:1: this is not YAML: did not find expected node content`},
		},
		{
			"a tab", "providers:\n\ta: b",
			[]string{`routing.yaml:2:1: this is not YAML: found character that cannot start any token`},
		},
		{"two documents", "a: b\n---\nc: d", []string{
			`routing.yaml: the file holds more than one document: remove the line "---" and what follows it`,
		}},
		{
			"a list", "[a]",
			[]string{`routing.yaml:1:1: the file is not a mapping: write "providers:" and "rules:" at the left ` +
				`margin`},
		},
		{
			"a file too large", strings.Repeat("#", maxSize+1),
			[]string{`routing.yaml: the file is larger than 1048576 bytes`},
		},
		{"nothing in it", "{}", []string{
			`routing.yaml: there are no rules: add "rules:" with at least one rule under it: "- name: default" and ` +
				`"to: [<provider>]"`,
			`routing.yaml:1:1: there is no provider: add "providers:" with at least one account under it`,
		}},
		{"an unknown part", "provders: {}\n" + account("timeout: 1s"), []string{
			`routing.yaml:1:1: unknown key "provders" in the file: did you mean "providers"?`,
		}},
		{"an account that is a word", "providers: {a: paygram}" + rules, []string{
			`routing.yaml:1:16: a provider is not a mapping: write "key: value" lines`,
		}},
		{"an account without a plugin", "providers: {a: {}}" + rules, []string{
			`routing.yaml:1:13: provider "a" names no plugin: add "plugin: <name>"`,
		}},
		{"an account of a bad name", "providers: {A_b: {plugin: p}}\nrules: [{name: default, to: A_b}]", []string{
			`routing.yaml:1:13: "A_b" cannot be a provider's name: write lower-case words of letters and digits, ` +
				`single dashes between them`,
		}},
		{
			"an account whose name no variable can say",
			"providers: {a--b: {plugin: p}}\nrules: [{name: default, to: a--b}]",
			[]string{
				`routing.yaml:1:13: "a--b" cannot be a provider's name: write lower-case words of letters and ` +
					`digits, single dashes between them`,
			},
		},
		{
			"a key twice", account("timeout: 1s, timeout: 2s"),
			[]string{`routing.yaml:2:31: "timeout" is already on line 2: remove one`},
		},
		{"an account twice", "providers:\n  a: {plugin: p}\n  a: {plugin: q}" + rules, []string{
			`routing.yaml:3:3: "a" is already on line 2: remove one`,
		}},
		{
			"an unknown key", account("tiemout: 1s"),
			[]string{`routing.yaml:2:18: unknown key "tiemout" in a provider: did you mean "timeout"?`},
		},
		{"unknown keys deeper down", account("retry: {trys: 3}, breaker: {open: 3s}, limits: {conns: 1}"), []string{
			`routing.yaml:2:26: unknown key "trys" in retry: did you mean "tries"?`,
			`routing.yaml:2:46: unknown key "open" in breaker: write one of failures, window, open_for, half_open`,
			`routing.yaml:2:66: unknown key "conns" in limits: write connections or per_second`,
		}},
		{"no value", "providers:\n  a:\n    plugin: p\n    timeout:\n" + rules, []string{
			`routing.yaml:4:13: there is no value: write one, or remove the line`,
		}},
		{"a duration without a unit", account("timeout: 20"), []string{
			`routing.yaml:2:27: timeout is not such a duration: write a number with its unit, such as 200ms or 20s, ` +
				`from 1ms to 10m0s`,
		}},
		{
			"numbers out of range",
			account("retry: {tries: 0}, breaker: {failures: -1}, limits: {connections: 1.5, per_second: 0}"),
			[]string{
				`routing.yaml:2:33: tries is out of range: write a whole number from 1 to 10`,
				`routing.yaml:2:57: failures is out of range: write a whole number from 1 to 10000`,
				`routing.yaml:2:84: connections is out of range: write a whole number from 1 to 10000`,
				`routing.yaml:2:101: per_second is out of range: write a whole number from 1 to 10000`,
			},
		},
		{"delays the wrong way round", account("retry: {base_delay: 6s}"), []string{
			`routing.yaml:2:25: base_delay is longer than max_delay: shorten the one, or lengthen the other`,
		}},
		{
			"a word for a mapping", account("retry: often"),
			[]string{`routing.yaml:2:25: retry is not a mapping: write "key: value" lines`},
		},
		{"a mapping for a text", account("base_url: {https: x}"), []string{
			`routing.yaml:2:28: base_url is not a text: write one word, quoted if in doubt`,
		}},
		{
			"broken after the first document", "a: b\n---\n[",
			[]string{`routing.yaml:3:1: this is not YAML: did not find expected node content`},
		},
		{
			"a failure that is a word", account("failures: [x]"),
			[]string{`routing.yaml:2:29: a failure is not a mapping: write "key: value" lines`},
		},
		{"a text for a boolean", account(`allow_private: "true"`), []string{
			`routing.yaml:2:33: allow_private is neither true nor false: write one of them, without quotes`,
		}},
		{"a number that is none to JSON", account("settings: {merchant_id: 00123, big: 1_000, inf: .inf}"), []string{
			`routing.yaml:2:42: "00123" is not a plain number: write digits as in 1200 or 0.5, or quote it to keep ` +
				`it a text`,
			`routing.yaml:2:54: "1_000" is not a plain number: write digits as in 1200 or 0.5, or quote it to keep ` +
				`it a text`,
			`routing.yaml:2:66: ".inf" is not a plain number: write digits as in 1200 or 0.5, or quote it to keep it ` +
				`a text`,
		}},
		{"settings that are a list", account("settings: [a]"), []string{
			`routing.yaml:2:28: settings is not a mapping: write "key: value" lines`,
		}},
		{
			"an alias", account("settings: &s {x: 1}, secrets: *s"),
			[]string{`routing.yaml:2:48: aliases are not read: write the value out`},
		},
		{"a merge", account("<<: {timeout: 1s}"), []string{
			`routing.yaml:2:18: this is not a key: write "key: value" lines; merges (<<) and lists are not read ` +
				`as keys`,
		}},
		{
			"a tag", account("settings: {x: !!binary aGk=}"),
			[]string{`routing.yaml:2:32: tags (!name) are not read: remove the tag`},
		},
		{"a base URL without a scheme", account("base_url: api.example.com"), []string{
			`routing.yaml:2:28: base_url does not serve: write scheme and host, such as https://api.example.com`,
		}},
		{"a base URL over plain HTTP", account(`base_url: "http://api.example.com"`), []string{
			`routing.yaml:2:28: base_url does not serve: write https; plain HTTP is for a sandbox, and needs ` +
				`allow_private: true`,
		}},
		{"a base URL with a query", account(`base_url: "https://api.example.com?x=1"`), []string{
			`routing.yaml:2:28: base_url does not serve: end it before the query`,
		}},
		{"a base URL that its client refuses", account(`base_url: "https://api.example.com/a/../b"`), []string{
			`routing.yaml:2:28: base_url does not serve: it has a path that holds a dot segment`,
		}},
		{"a window that its breaker refuses", account(`breaker: {window: 500ms}`), []string{
			`routing.yaml:2:36: window is not such a duration: write a number with its unit, such as 200ms or 20s, ` +
				`from 1s to 10m0s`,
		}},
		{"a base URL that holds a password", account(`base_url: "https://me:sesame@api.example.com"`), []string{
			`routing.yaml:2:28: base_url does not serve: take the user and password out of it: they belong under ` +
				`secrets`,
		}},
		{"digests that are no list", account("digests: abc"), []string{
			`routing.yaml:2:27: digests is not a list: write "- <sha256>" lines under it`,
		}},
		{"a digest that is none", account("digests: [ABC]"), []string{
			`routing.yaml:2:28: this is no digest of a module: write the SHA-256 that "router plugin inspect" ` +
				`prints: 64 digits, in lower case`,
		}},
		{"an allowance of any module", "plugins: {p: {allow: [unproven]}}\n" + account("timeout: 1s"), []string{
			`routing.yaml:1:15: plugin "p" allows this of any module: add digests: what is allowed holds for those`,
		}},
		{"allowances that are no list", "plugins: {p: {allow: all}}\n" + account("timeout: 1s"), []string{
			`routing.yaml:1:22: allow is not a list: write it in brackets, or "- " lines under it`,
		}},
		{"a plugin with something else", "plugins: {p: {digest: []}}\n" + account("timeout: 1s"), []string{
			`routing.yaml:1:15: unknown key "digest" in a plugin: did you mean "digests"?`,
		}},
		{"a literal secret", account("secrets: {token: sesame}"), []string{
			`routing.yaml:2:35: secret "token" is not a reference: put its value into an environment variable or a ` +
				`file, and write env:NAME, file:/path or credential:NAME`,
		}},
		{"a literal secret with a colon", account(`secrets: {token: "sesame:open"}`), []string{
			`routing.yaml:2:35: secret "token" is not a reference: put its value into an environment variable or a ` +
				`file, and write env:NAME, file:/path or credential:NAME`,
		}},
		{"a secret in a file without its path", account("secrets: {token: file:token}"), []string{
			`routing.yaml:2:35: secret "token" names a file without its full path: write file:/path, from the root`,
		}},
		{"failures that are no list", account("failures: {code: x}"), []string{
			`routing.yaml:2:28: failures is not a list: write "- code: …" lines under it`,
		}},
		{"a failure that matches everything", account("failures: [{meaning: fault, as: x}]"), []string{
			`routing.yaml:2:29: this failure matches every answer: add code, http_status or both`,
		}},
		{"a failure without a meaning", account("failures: [{code: x}]"), []string{
			`routing.yaml:2:29: this failure is not given a meaning: add meaning (declined_soft, …) and as ` +
				`(insufficient_funds, …)`,
		}},
		{
			"a failure of unknown words",
			account("failures: [{kode: x, http_status: 20, meaning: soft, as: Insufficient Funds}]"),
			[]string{
				`routing.yaml:2:30: unknown key "kode" in a failure: did you mean "code"?`,
				`routing.yaml:2:52: http_status is out of range: write a whole number from 100 to 599`,
				`routing.yaml:2:65: "soft" is no meaning: write one of refused, declined_soft, declined_hard, ` +
					`duplicate, not_found, fault`,
				`routing.yaml:2:75: "Insufficient Funds" is not one of the router's failure codes: write one such as ` +
					`insufficient_funds`,
			},
		},
		{"a proof that is none", account("failures: [{code: x, meaning: fault, as: declined, proof: 1}]"), []string{
			`routing.yaml:2:76: proof is not a mapping: write "/success: false" lines under it: a JSON pointer, and ` +
				`what stands there`,
		}},
		{
			"a proof that is no pointer",
			account("failures: [{code: x, meaning: fault, as: declined, proof: {error: 1, /data: {a: 1}}}]"),
			[]string{
				`routing.yaml:2:77: "error" is no JSON pointer: write one such as "/error"`,
				`routing.yaml:2:94: this proof is a mapping: write the value that stands there, a list of values, or ` +
					`[] for any value`,
			},
		},
		{
			"rules that send to an unknown account",
			"providers: {cryptogram: {plugin: p}}\nrules: [{name: x, to: cryptogrm}]",
			[]string{
				`routing.yaml:2:23: rule "x" sends to an unknown provider "cryptogrm": did you mean "cryptogram"?`,
			},
		},
		{"a rule's key twice is told once", "providers: {a: {plugin: p}}\nrules: [{name: x, name: x, to: a}]", []string{
			`routing.yaml:2:19: "name" is already on line 2: remove one`,
		}},
		{
			"everything at once",
			"providers: {a: {plugin: p, timeout: 1}}\nrules: [{name: x, when: {kind: colect}, to: b}]\nrule: 1",
			[]string{
				`routing.yaml:1:37: timeout is not such a duration: write a number with its unit, such as 200ms or ` +
					`20s, from 1ms to 10m0s`,
				`routing.yaml:2:32: "colect" is not a kind: did you mean "collect"?`,
				`routing.yaml:2:45: rule "x" sends to an unknown provider "b": write a`,
				`routing.yaml:3:1: unknown key "rule" in the file: did you mean "rules"?`,
			},
		},
	} {
		t.Run(c.claim, func(t *testing.T) {
			t.Parallel()
			config, err := Read("routing.yaml", []byte(c.text), nil)
			require.Equal(t, c.problems, problems(err))
			require.Nil(t, config)
			require.Equal(t, strings.Join(c.problems, "\n"), err.Error(), "each is told once, in order")
			require.NotContains(t, err.Error(), "sesame", "what may be a secret is not repeated")
		})
	}
}

func TestMissingFile(t *testing.T) {
	t.Parallel()
	_, err := Load(filepath.Join(t.TempDir(), "none.yaml"), nil)
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestVersionIsOfTheMeaning(t *testing.T) {
	t.Parallel()
	base := read(t, small).Version
	require.Len(t, base, 12)
	same := map[string]string{
		"a comment":            "# a comment\n" + small,
		"another quotation":    strings.Replace(small, "plugin: paygram\n", "plugin: 'paygram'\n", 1),
		"a default spelt out":  strings.Replace(small, "{plugin: paygram}", "{plugin: paygram, timeout: 20s}", 1),
		"another order inside": strings.Replace(small, "{plugin: paygram}", "{timeout: 20s, plugin: paygram}", 1),
	}
	for claim, text := range same {
		require.Equal(t, base, read(t, text).Version, claim)
	}
	different := map[string]string{
		"a setting":            strings.Replace(small, "client_unique: true", "client_unique: false", 1),
		"a secret's place":     strings.Replace(small, "env:TOKEN", "env:OTHER", 1),
		"the order of rules":   strings.Replace(small, "[paygram-eu, asia]", "[asia, paygram-eu]", 1),
		"a group of countries": small + "\ngroups: {eu: [DE, FR]}\n",
		"an approval":          small + "\napproval: [{name: out}]\n",
		"an account's plugin":  strings.Replace(small, "{plugin: paygram}", "{plugin: other}", 1),
	}
	for claim, text := range different {
		require.NotEqual(t, base, read(t, text).Version, claim)
	}
	require.NotEqual(t, base, read(t, small, "ROUTER_PROVIDERS__ASIA__TIMEOUT=3s").Version, "an override")
}

// What the journal keeps of a configuration is its rules: backups and their readers learn nothing of accounts.
func TestWrittenRulesHaveNoSettingsAndNoSecrets(t *testing.T) {
	t.Parallel()
	text := strings.Replace(small, "rules:\n", "rules:\n  # a comment with token-made-up-77\n", 1)
	text = strings.Replace(text, "env:TOKEN", "env:TOKEN_OF_EU", 1) +
		"registries: {registry.example: {username: reader, password: env:REGISTRY_PASSWORD}}\n" +
		"groups: {eu: [DE, FR]}\napproval: [{name: out, kind: payout}]\n"
	config := read(t, text, "ROUTER_PROVIDERS__ASIA__TIMEOUT=3s", "TOKEN_OF_EU=token-made-up-78")
	rules, err := config.Compile(nil)
	require.NoError(t, err)
	unpacked, err := zlib.NewReader(bytes.NewReader(rules.Written()))
	require.NoError(t, err)
	written, err := io.ReadAll(unpacked)
	require.NoError(t, err)
	require.JSONEq(t, `{
		"rules": [{"of": ["name", "default", "to", ["paygram-eu", "asia"]]}],
		"groups": {"of": ["eu", ["DE", "FR"]]},
		"approval": [{"of": ["name", "out", "kind", "payout"]}],
		"accounts": [{"name": "paygram-eu", "unknown": true}, {"name": "asia", "unknown": true}]}`, string(written))
	other := read(t, strings.Replace(text, "timeout: 1500ms", "timeout: 2s", 1))
	same, err := other.Compile(nil)
	require.NoError(t, err)
	require.NotEqual(t, config.Version, other.Version)
	require.Equal(t, rules.ID(), same.ID(), "an edit of an account makes no other rules")
}

func TestRulesKnowTheGroupsOfTheFile(t *testing.T) {
	t.Parallel()
	const file = "groups: {eu: [DE, FR], europe: [eu, CH]}\nproviders: {a: {plugin: plain}}\nrules: [{name: x, when: " +
		"{country: %s}, to: a}]\n"
	rules, err := read(t, fmt.Sprintf(file, "europe")).Ruleset(manifests())
	require.NoError(t, err)
	require.Equal(t, "europe", rules.Decide(routing.Facts{Country: "FR"}, nil).Tried[0].Group)
	for text, problem := range map[string]string{
		fmt.Sprintf(file,
			"europa"): `routing.yaml:3:35: "europa" is not a country: did you mean "europe"?`,
		"groups: [DE]\n" +
			small: `routing.yaml:1:9: groups is not a mapping: write "key: value" lines`,
		small + "\ngroups:\n  eu: [DE]\n  eu: FR": `"eu" is already on line`,
	} {
		_, err := Read("routing.yaml", []byte(text), nil)
		require.ErrorContains(t, err, problem)
	}
	_, err = Read("routing.yaml", []byte(fmt.Sprintf(file, "eu")), []string{"ROUTER_GROUPS__EU=DE"})
	require.ErrorContains(t, err, "ROUTER_GROUPS__EU", "groups are lists, and changed in the file")
	_, err = Read("routing.yaml", []byte(small+"\napproval: [{name: out, knid: payout}]\n"), nil)
	require.ErrorContains(t, err, `unknown key "knid" in an entry of approval: did you mean "kind"?`)
	_, err = Read("routing.yaml", []byte(small), []string{"ROUTER_APPROVAL__NAME=out"})
	require.ErrorContains(t, err, "ROUTER_APPROVAL__NAME", "a variable cannot lift an approval")
}

// Whatever the bytes, reading ends in a configuration or in problems.
func FuzzRead(f *testing.F) {
	text, err := os.ReadFile(shipped)
	require.NoError(f, err)
	f.Add(string(text), "ROUTER_PROVIDERS__PAYGRAM_EU__TIMEOUT=3s")
	f.Add(small, "ROUTER_PROVIDERS__ASIA=x")
	f.Add("providers: {a: &a {plugin: *a}}\nrules: &r [*r]", "ROUTER_RULES__0=")
	f.Add("? [a]\n: b\n<<: {}\n\"\\0\": 1", "ROUTER___=")
	f.Fuzz(func(t *testing.T, text, variable string) {
		config, err := Read("routing.yaml", []byte(text), []string{variable})
		require.Equal(t, config == nil, err != nil)
		if err != nil {
			require.NotEmpty(t, routing.Problems(err), err)
			return
		}
		names := make([]routing.Provider, 0, len(config.Providers))
		for _, p := range config.Providers {
			names = append(names, routing.Provider{Name: p.Name, Flows: []*abi.Flow{{Kind: abi.Kind_KIND_COLLECT}}})
		}
		if rules, err := routing.Compile(config.Rules, names, config.Version); err == nil {
			rules.Decide(routing.Facts{PaymentID: "pay_1", Amount: "5", Currency: "EUR"}, nil)
		}
	})
}
