package storm

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
	"payrouter/host/attempt"
	"payrouter/host/config"
	"payrouter/host/routing"
)

// second is a moment of a made-up run.
func second(n float64) time.Time {
	return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).Add(time.Duration(n * float64(time.Second)))
}

// judged is a run with two editions of the rules, the second of which was written at second 10 and showed at second 11.
func judged(t *testing.T) (*run, map[string]*routing.Ruleset) {
	t.Helper()
	r := &run{
		rules: "routing.yaml", environment: environmentOf("http://127.0.0.1:1"),
		edits: &edits{file: "routing.yaml"},
	}
	r.edits.environ = r.environment
	flows := []*abi.Flow{{Kind: abi.Kind_KIND_COLLECT}}
	rulesets := map[string]*routing.Ruleset{}
	for n, e := range []edition{{}, {written: second(10), shown: second(11)}} {
		e.text = rulesOf(n)
		read, err := config.Read(r.rules, e.text, r.environment)
		require.NoError(t, err)
		e.version = read.Version
		var providers []routing.Provider
		for _, p := range read.Providers {
			providers = append(providers, routing.Provider{Name: p.Name, Plugin: p.Plugin, Flows: flows})
		}
		rulesets[e.version], err = routing.Compile(read.Rules, providers, read.Version)
		require.NoError(t, err)
		r.edits.editions = append(r.edits.editions, e)
	}
	return r, rulesets
}

func TestAPaymentWentWhereItsEditionOfTheRulesSays(t *testing.T) {
	t.Parallel()
	r, rulesets := judged(t)
	one := &shot{order: order{"80.00", "GBP", "GB"}}
	first, next := r.edits.editions[0].version, r.edits.editions[1].version
	right := func(version string) answered {
		decision := rulesets[version].Decide(routing.Facts{
			PaymentID: "pay_1", Amount: "80.00", Currency: "GBP", Country: "GB", Merchant: "default",
			Metadata: map[string]string{"shop": "storm"},
		}, nil)
		return answered{ID: "pay_1", Provider: decision.Order()[0], Decision: rulesets[version].Store(decision)}
	}
	require.NotEqual(t, right(first).Provider, right(next).Provider)
	for name, test := range map[string]struct {
		p            answered
		began, ended float64
		want         string
	}{
		"by the first rules":                    {right(first), 1, 2, ""},
		"by the first rules while they changed": {right(first), 10.5, 12, ""},
		"by the next rules while they changed":  {right(next), 9, 10.5, ""},
		"by the next rules":                     {right(next), 20, 21, ""},
		"by rules that were over":               {right(first), 11.5, 12, "whose successor served"},
		"by rules that had not come":            {right(next), 1, 2, "had not been written"},
		"by rules that nobody wrote": {
			answered{Decision: routing.Stored{ConfigVersion: "x"}},
			1, 2,
			"never served",
		},
		"to another provider": {func() answered {
			p := right(first)
			p.Provider = right(next).Provider
			return p
		}(), 1, 2, "it went to"},
		"by another decision": {func() answered {
			p := right(next)
			p.Decision.ConfigVersion = first
			return p
		}(), 1, 2, "its decision is"},
	} {
		got := r.routedWrong(one, test.p, rulesets, second(test.began), second(test.ended))
		if test.want == "" {
			require.Empty(t, got, name)
			continue
		}
		require.Contains(t, got, test.want, name)
	}
}

func TestAnAttemptIsOfOneBuildThatServedThen(t *testing.T) {
	t.Parallel()
	p := answered{Provider: "paygram-a"}
	made := func(change func(*attempt.Attempt)) []attempt.Attempt {
		a := attempt.Attempt{
			Role: "create", Provider: "paygram-a", Plugin: swapped, Digest: "one", Generation: 1,
			State: []byte("1.0.1"),
		}
		change(&a)
		return []attempt.Attempt{a}
	}
	next := func(a *attempt.Attempt) { a.Digest, a.Generation, a.State = "two", 2, []byte("1.0.2 and more") }
	for name, test := range map[string]struct {
		attempts     []attempt.Attempt
		began, ended float64
		want         string
	}{
		"the first":                      {made(func(*attempt.Attempt) {}), 1, 2, ""},
		"the next":                       {made(next), 20, 21, ""},
		"the first while it was swapped": {made(func(*attempt.Attempt) {}), 10.5, 12, ""},
		"the first when it was over":     {made(func(*attempt.Attempt) {}), 11.5, 12, "did not serve then"},
		"the next before it had come":    {made(next), 1, 2, "did not serve then"},
		"a request in the name of another": {
			made(func(a *attempt.Attempt) { a.State = []byte("1.0.2") }), 1, 2,
			"in the name of",
		},
		"a build that nobody gave": {
			made(func(a *attempt.Attempt) { a.Digest = "three" }), 1, 2,
			"never given",
		},
		"a generation that is another build": {made(func(a *attempt.Attempt) { a.Generation = 7 }), 1, 2, "is both"},
		"two attempts":                       {append(made(next), made(next)...), 20, 21, "2 attempts"},
		"none":                               {nil, 20, 21, "0 attempts"},
		"at another provider": {
			made(func(a *attempt.Attempt) { a.Provider = "payplay" }), 1, 2,
			"was asked",
		},
		"with a look-up": {append(made(next), attempt.Attempt{Role: "lookup"}), 20, 21, ""},
	} {
		builds := buildsSeen{
			of: map[int64]string{7: "two"}, known: map[string]string{"one": "1.0.1", "two": "1.0.2"},
			swaps: []swap{{digest: "one"}, {digest: "two", written: second(10), shown: second(11)}},
		}
		got := builds.mixed(p, test.attempts, second(test.began), second(test.ended))
		if test.want == "" {
			require.Empty(t, got, name)
			continue
		}
		require.Contains(t, got, test.want, name)
	}
}

func TestEveryEditionOfTheRulesMeansSomethingElseAndEveryBrokenOneIsRefused(t *testing.T) {
	t.Parallel()
	e := edits{file: "routing.yaml", environ: environmentOf("http://127.0.0.1:1")}
	versions := map[string]int{}
	for n := range 200 {
		version, err := e.versionOf(rulesOf(n))
		require.NoError(t, err)
		former, twice := versions[version]
		require.False(t, twice, "%d means what %d does", n, former)
		versions[version] = n
		require.False(t, bytes.Equal(rulesOf(n), broken(n)), n)
	}
}
