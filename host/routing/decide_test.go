package routing

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	abi "payrouter/abi/v1"
)

var update = flag.Bool("update", false, "rewrite the decisions in testdata")

// Each archive holds providers, rules, and pairs of a payment and the decision on it.
func TestDecisions(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(file)
			require.NoError(t, err)
			decideArchive(t, archive)
			if *update {
				require.NoError(t, os.WriteFile(file, txtar.Format(archive), 0o600))
			}
		})
	}
}

func decideArchive(t *testing.T, archive *txtar.Archive) {
	t.Helper()
	part := func(name string) *txtar.File {
		t.Helper()
		for i := range archive.Files {
			if archive.Files[i].Name == name {
				return &archive.Files[i]
			}
		}
		t.Fatalf("the archive has no %s", name)
		return nil
	}
	var groups *yaml.Node
	if slices.ContainsFunc(archive.Files, func(f txtar.File) bool { return f.Name == "groups.yaml" }) {
		groups = rulesNode(t, string(part("groups.yaml").Data))
	}
	doc, err := Parse("rules.yaml", rulesNode(t, string(part("rules.yaml").Data)), groups, nil)
	require.NoError(t, err)
	rules, err := Compile(doc, parseProviders(t, part("providers.yaml").Data), "v1")
	require.NoError(t, err)
	for _, f := range archive.Files {
		name, isPayment := strings.CutSuffix(f.Name, ".payment")
		if !isPayment {
			continue
		}
		var payment struct {
			Facts    `yaml:",inline"`
			standing `yaml:",inline"`
		}
		require.NoError(t, yaml.Unmarshal(f.Data, &payment), name)
		got := rules.Decide(payment.Facts, payment.standing).Explain()
		decision := part(name + ".decision")
		if *update {
			decision.Data = []byte(got)
		}
		require.Equal(t, string(decision.Data), got, name)
	}
}

// standing is what is known of providers and rules, as an archive writes it.
type standing struct {
	Down    map[string]string
	Records map[string]Record
	Prices  map[string]string
	Use     map[string]Use
}

func (s standing) Unavailable(provider string) error {
	if why, down := s.Down[provider]; down {
		return errors.New(why)
	}
	return nil
}

func (s standing) Record(provider string) Record { return s.Records[provider] }

func (s standing) Price(provider string, _ Facts) (string, bool) {
	price, ok := s.Prices[provider]
	return price, ok
}

func (s standing) Used(rule string) Use { return s.Use[rule] }

// unavailable is a standing of which only this is known.
type unavailable func(provider string) error

func (u unavailable) Unavailable(provider string) error { return u(provider) }
func (unavailable) Record(string) Record                { return Record{} }
func (unavailable) Price(string, Facts) (string, bool)  { return "", false }
func (unavailable) Used(string) Use                     { return Use{} }

func parseRules(t *testing.T, text string) Document {
	t.Helper()
	doc, err := Parse("rules.yaml", rulesNode(t, text), nil, nil)
	require.NoError(t, err)
	return doc
}

func rulesNode(t require.TestingT, text string) *yaml.Node {
	var node yaml.Node
	require.NoError(t, yaml.Unmarshal([]byte(text), &node))
	return node.Content[0]
}

func parseProviders(t *testing.T, text []byte) []Provider {
	t.Helper()
	var written []struct {
		Name  string
		Flows []struct {
			Kind                           string
			Currencies, Countries, Methods []string
			Bounds                         []struct{ Currency, Min, Max string }
		}
	}
	require.NoError(t, yaml.Unmarshal(text, &written))
	var providers []Provider
	for _, w := range written {
		p := Provider{Name: w.Name, Plugin: "plugin"}
		for _, f := range w.Flows {
			kind, err := abi.ValueOf[abi.Kind](f.Kind, "KIND_", abi.Kind_value)
			require.NoError(t, err)
			require.NotZero(t, kind, "a flow of %s without a kind", w.Name)
			flow := &abi.Flow{
				Kind: kind, Currencies: f.Currencies, Countries: f.Countries,
				Methods: f.Methods,
			}
			for _, b := range f.Bounds {
				flow.Bounds = append(flow.Bounds, &abi.Bound{Currency: b.Currency, Min: b.Min, Max: b.Max})
			}
			p.Flows = append(p.Flows, flow)
		}
		providers = append(providers, p)
	}
	return providers
}

func collecting(names ...string) []Provider {
	var providers []Provider
	for _, name := range names {
		providers = append(providers,
			Provider{Name: name, Plugin: "plugin", Flows: []*abi.Flow{{Kind: abi.Kind_KIND_COLLECT}}})
	}
	return providers
}

func TestOutcomes(t *testing.T) {
	t.Parallel()
	doc := parseRules(t, `[{name: euro, when: {currency: EUR}, to: [a, b]}]`)
	rules, err := Compile(doc, collecting("a", "b"), "v1")
	require.NoError(t, err)
	down := func(names ...string) Standing {
		return unavailable(func(p string) error {
			if strings.Contains(strings.Join(names, " "), p) {
				return errors.New("breaker open")
			}
			return nil
		})
	}
	for _, c := range []struct {
		claim   string
		facts   Facts
		health  Standing
		outcome Outcome
		order   []string
	}{
		{"a rule matches", Facts{Currency: "EUR"}, nil, Routed, []string{"a", "b"}},
		{"one is down", Facts{Currency: "EUR"}, down("a"), Routed, []string{"b"}},
		{"all are down", Facts{Currency: "EUR"}, down("a", "b"), Unavailable, nil},
		{"no rule matches", Facts{Currency: "USD"}, nil, NoRule, nil},
		{"nobody can", Facts{Currency: "EUR", Kind: "payout"}, nil, Unsupported, nil},
		{"nobody ever can, whoever is down", Facts{Currency: "EUR", Kind: "payout"}, down("a", "b"), Unsupported, nil},
		{"pinned to one that the rule names", Facts{Currency: "EUR", Provider: "b"}, nil, Routed, []string{"b"}},
		{"pinned past the rules", Facts{Currency: "USD", Provider: "b"}, nil, NotAllowed, nil},
		{"pinned to one that cannot", Facts{Kind: "payout", Provider: "b"}, nil, Unsupported, nil},
		{"pinned to one that is down", Facts{Currency: "EUR", Provider: "b"}, down("b"), Unavailable, nil},
		{"pinned to nobody", Facts{Provider: "c"}, nil, UnknownProvider, nil},
	} {
		d := rules.Decide(c.facts, c.health)
		require.Equal(t, c.outcome, d.Outcome, c.claim)
		require.Equal(t, c.order, d.Order(), c.claim)
		require.Equal(t, c.outcome == Routed, d.Reason == "", c.claim)
	}
}

func TestDecisionIsStoredInSnakeCase(t *testing.T) {
	t.Parallel()
	doc := parseRules(t, `
- {name: dollar, when: {currency: USD}, to: a}
- {name: euro, to: [{split: {a: 70, b: 30}}]}`)
	rules, err := Compile(doc, collecting("a", "b"), "3f2a")
	require.NoError(t, err)
	stored, err := json.Marshal(rules.Decide(Facts{PaymentID: "pay_1", Currency: "EUR"},
		unavailable(func(p string) error {
			if p == "a" {
				return errors.New("breaker open")
			}
			return nil
		})))
	require.NoError(t, err)
	require.JSONEq(t, `{
		"outcome": "routed", "rule": "euro", "config_version": "3f2a",
		"tried": [
			{"rule": "dollar", "matched": false, "why": "currency EUR is not USD"},
			{"rule": "euro", "matched": true}],
		"candidates": [
			{"provider": "a", "rank": 1, "weight": 70, "total": 100, "skipped": true, "reason": "breaker open"},
			{"provider": "b", "rank": 2, "weight": 30, "total": 100, "skipped": false}]}`, string(stored))

	empty, err := json.Marshal(rules.Decide(Facts{Provider: "nobody"}, nil))
	require.NoError(t, err)
	require.JSONEq(t, `{"outcome": "unknown_provider", "pinned": "nobody", "config_version": "3f2a",
		"reason": "no rule sends the merchant's payments to a provider \"nobody\"", "tried": [], "candidates": []}`,
		string(empty))
}

func TestHealthIsAskedOnceAndOnlyOfThoseWhoCould(t *testing.T) {
	t.Parallel()
	providers := append(collecting("a", "b"), Provider{Name: "c", Flows: []*abi.Flow{{Kind: abi.Kind_KIND_PAYOUT}}})
	rules, err := Compile(parseRules(t, `[{name: all, to: [a, c, b]}]`), providers, "v1")
	require.NoError(t, err)
	var asked []string
	rules.Decide(Facts{}, unavailable(func(p string) error {
		asked = append(asked, p)
		return nil
	}))
	require.Equal(t, []string{"a", "b"}, asked)
}

func TestMetadataIsNotRepeatedInDecisions(t *testing.T) {
	t.Parallel()
	rules, err := Compile(parseRules(t, `[{name: gold, when: {metadata.tier: gold}, to: a}]`), collecting("a"), "v1")
	require.NoError(t, err)
	d := rules.Decide(Facts{Metadata: map[string]string{"tier": "Jane Doe"}}, nil)
	require.Equal(t, NoRule, d.Outcome)
	require.Equal(t, "metadata.tier is not what the rule wants", d.Tried[0].Why)
}

func TestRulesMetadataIsNotInDecisions(t *testing.T) {
	t.Parallel()
	const wanted = "jane.doe@example.com"
	for _, when := range []string{
		`{metadata.customer: "` + wanted + `"}`, `{not: {metadata.customer: "` + wanted + `"}}`,
		`{any: [{metadata.customer: "` + wanted + `"}, {not: {metadata.customer: ["` + wanted + `", x]}}]}`,
		`{not: {any: [{metadata.customer: "` + wanted + `"}, {currency: JPY}]}}`,
	} {
		rules, err := Compile(parseRules(t, `[{name: one, when: `+when+`, to: a}]`), collecting("a"), "v1")
		require.NoError(t, err)
		for _, metadata := range []map[string]string{nil, {"customer": ""}, {"customer": "x"}, {"customer": wanted}} {
			stored, err := json.Marshal(rules.Decide(Facts{Metadata: metadata}, nil))
			require.NoError(t, err)
			require.NotContains(t, string(stored), wanted, when)
		}
	}
}

// A pin chooses among what the rules allow: conditions, merchants and limits hold for it too.
func TestPinObeysTheRules(t *testing.T) {
	t.Parallel()
	rules, err := Compile(parseRules(t, `
- {name: euro, when: {currency: EUR, merchant: shop}, to: a}
- {name: few, when: {currency: CHF}, limits: {per_minute: 1}, to: b}
- {name: dollar, when: {currency: USD}, to: [{split: {a: 1, b: 1}}, {healthiest: [c]}]}
- {name: pound, when: {currency: GBP, merchant: stall}, to: d}`),
		collecting("a", "b", "c", "d"), "v1")
	require.NoError(t, err)
	used := standing{Use: map[string]Use{"few": {Minute: 1}}}
	for _, c := range []struct {
		claim   string
		facts   Facts
		outcome Outcome
		rule    string
	}{
		{"a rule of the merchant", Facts{Currency: "EUR", Merchant: "shop", Provider: "a"}, Routed, "euro"},
		{"a rule of another merchant", Facts{Currency: "EUR", Merchant: "stall", Provider: "a"}, NotAllowed, ""},
		{"in a split", Facts{Currency: "USD", Provider: "b"}, Routed, "dollar"},
		{"among those of a strategy", Facts{Currency: "USD", Provider: "c"}, Routed, "dollar"},
		{"another provider's rule", Facts{Currency: "EUR", Merchant: "shop", Provider: "b"}, NotAllowed, ""},
		{"no rule", Facts{Currency: "JPY", Provider: "a"}, NotAllowed, ""},
		{"an account of another merchant's", Facts{Currency: "USD", Provider: "d", Merchant: "shop"}, UnknownProvider, ""},
		{"no account", Facts{Currency: "USD", Provider: "e", Merchant: "shop"}, UnknownProvider, ""},
		{"an account of its own", Facts{Currency: "GBP", Provider: "d", Merchant: "stall"}, Routed, "pound"},
		{"a limit that is reached", Facts{Currency: "CHF", Provider: "b"}, Unavailable, ""},
	} {
		d := rules.Decide(c.facts, used)
		require.Equal(t, c.outcome, d.Outcome, c.claim)
		require.Equal(t, c.rule, d.Rule, c.claim)
		require.Equal(t, c.outcome == Routed, len(d.Order()) == 1, c.claim)
	}
	merchants, anybody := rules.Merchants("a")
	require.Equal(t, []string{"shop"}, merchants)
	require.True(t, anybody)
	merchants, anybody = rules.Merchants("c")
	require.Empty(t, merchants)
	require.True(t, anybody)
}
