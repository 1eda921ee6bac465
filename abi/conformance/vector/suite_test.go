package vector

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/abi/guest"
	abi "payrouter/abi/v1"
)

// refusing takes every request for a refusal.
func refusing(*abi.Call, []byte, *abi.HttpResponse) (*abi.Step, error) {
	return guest.Rejected("7", "no"), nil
}

func TestGolden(t *testing.T) {
	t.Parallel()
	const played = oneCall + "-- request-1 --\nGET /\n-- response-1 --\n200\n\n{}\n-- outcome.json --\n" +
		`{"verdict": "rejected", "failure": {"provider_code": "7", "message": "no", "meaning": "unlisted"}}` + "\n"
	connector := native{fake{send, refusing}}
	require.Empty(t, parsed(t, played).Golden(t.Context(), connector, &abi.Manifest{}))
	for name, row := range map[string]struct{ vector, says string }{
		"another request": {strings.Replace(played, "GET /\n", "GET /1\n", 1), "-GET /1\n+GET /\n"},
		"another outcome": {strings.Replace(played, "no", "yes", 1), `+    "message": "no"`},
		"no outcome": {
			oneCall + "-- request-1 --\nGET /\n-- response-1 --\n200\n\n{}\n",
			"the vector has no outcome.json",
		},
		"another end":         {played + "-- reject.json --\n{}\n", "reject.json is not what the plugin answers"},
		"an outcome misspelt": {strings.Replace(played, "verdict", "verdikt", 1), "verdikt"},
		"a response too many": {played + "-- response-2 --\n200\n", "response-2 is never asked for"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wrong := strings.Join(parsed(t, row.vector).Golden(t.Context(), connector, &abi.Manifest{}), "\n")
			require.Contains(t, wrong, row.says)
		})
	}
}

// An answer that depends on more than the call is found out, and so is a guest that is not its model's twin.
func TestPureAndSame(t *testing.T) {
	t.Parallel()
	times := 0
	moody := func(*abi.Call, []byte, *abi.HttpResponse) (*abi.Step, error) {
		times++
		return guest.Unreadable(strings.Repeat("again ", times)), nil
	}
	v := parsed(t, oneResponse)
	require.Contains(t, strings.Join(v.Pure(t.Context(), native{fake{send, moody}}), "\n"), "two answers")
	require.Empty(t, v.Pure(t.Context(), native{fake{send, refusing}}))

	calm := func(*abi.Call, []byte, *abi.HttpResponse) (*abi.Step, error) { return guest.Unreadable("why"), nil }
	model, other := native{fake{send, calm}}, native{fake{send, moody}}
	require.Empty(t, v.Same(t.Context(), model, model))
	require.Contains(t, strings.Join(v.Same(t.Context(), model, other), "\n"), "interpret: one call, and two answers")
	require.Empty(t, NewAttacker(&abi.Manifest{}).SameUnderAttack(t.Context(), model, model, v))
	require.Contains(t, strings.Join(NewAttacker(&abi.Manifest{}).SameUnderAttack(t.Context(), model, other, v), "\n"),
		"response-1: empty: one call, and two answers")
}

// Vectors and a manifest that do not fit are found out.
func TestCoverage(t *testing.T) {
	t.Parallel()
	const object = `{"type": "object", "additionalProperties": false}`
	whole := func() *abi.Manifest {
		return &abi.Manifest{
			SettingsSchema: object,
			Secrets:        []*abi.Secret{{Name: "key"}, {Name: "other", Optional: true}},
			Operations: []*abi.Operation{
				{
					Name: "Make", Idempotency: abi.Idempotency_IDEMPOTENCY_SAFE, InputSchema: object,
					OutputSchema: object,
				},
			},
		}
	}
	ask := func(*abi.Call) (*abi.Step, error) {
		return guest.NewRequest("GET", guest.Literal("/")).Bearer("key").Send(nil), nil
	}
	answer := func(outcome *abi.Outcome) func(*abi.Call, []byte, *abi.HttpResponse) (*abi.Step, error) {
		return func(*abi.Call, []byte, *abi.HttpResponse) (*abi.Step, error) { return guest.Done(outcome), nil }
	}
	accepted := &abi.Outcome{Verdict: abi.Verdict_VERDICT_ACCEPTED, Output: []byte(`{}`)}
	require.Empty(t,
		Coverage(t.Context(), native{fake{ask, answer(accepted)}}, whole(), []*Vector{parsed(t, oneResponse)}))

	const payment = "-- call.json --\n{\"operation\": \"Make\", \"payment\": {\"kind\": \"collect\"}}\n-- response-1 " +
		"--\n200\n\n{}\n"
	quoting := func(m *abi.Manifest) {
		m.Flows = []*abi.Flow{{
			Kind:    abi.Kind_KIND_COLLECT,
			Actions: []*abi.Action{{Role: abi.Role_ROLE_QUOTE, Operation: "Make"}},
		}}
	}
	for name, row := range map[string]struct {
		change  func(m *abi.Manifest)
		vector  string
		outcome *abi.Outcome
		says    string
	}{
		"an operation that nothing shows": {
			func(m *abi.Manifest) {
				m.Operations = append(m.Operations,
					&abi.Operation{Name: "Hidden"})
			}, oneResponse, accepted, "shows operation Hidden",
		},
		"a secret that nothing uses": {
			func(m *abi.Manifest) {
				m.Secrets[1].Optional = false
			}, oneResponse, accepted, `no vector uses secret "other"`,
		},
		"a secret that is not declared": {
			func(m *abi.Manifest) { m.Secrets = nil }, oneResponse, accepted,
			`secret "key" is not in the manifest`,
		},
		"a question that nothing answers": {
			func(m *abi.Manifest) {
				m.Actions = []*abi.Action{{
					Role:      abi.Role_ROLE_BALANCES,
					Operation: "Make",
				}}
			}, oneResponse, accepted,
			"no vector with a query shows what Make tells of balances",
		},
		"an input of another shape": {
			func(*abi.Manifest) {
			}, "-- call.json --\n{\"operation\": \"Make\", \"input\": {\"a\": 1}}\n-- response-1 --\n200\n\n{}\n",
			accepted, "input: ",
		},
		"settings of another shape": {
			func(*abi.Manifest) {
			}, "-- call.json --\n{\"operation\": \"Make\", \"settings\": {\"a\": 1}}\n-- response-1 " +
				"--\n200\n\n{}\n", accepted, "settings: ",
		},
		"an output of another shape": {
			func(*abi.Manifest) {}, oneResponse, &abi.Outcome{
				Verdict: abi.Verdict_VERDICT_ACCEPTED,
				Output:  []byte(`{"a":1}`),
			}, "output: ",
		},
		"an outcome that says nothing": {func(*abi.Manifest) {}, oneResponse, &abi.Outcome{}, "no verdict"},
		"a quote that quotes nothing":  {quoting, payment, accepted, "accepted, without a quote"},
		"a quote that may move money": {
			func(m *abi.Manifest) { quoting(m); m.Operations[0].Idempotency = 0 },
			payment, accepted, "a quote performs Make",
		},
		"a vector that does not play on": {func(*abi.Manifest) {}, twoResponses, accepted, "never asked for"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			manifest := whole()
			row.change(manifest)
			faults := Coverage(t.Context(), native{fake{ask, answer(row.outcome)}}, manifest,
				[]*Vector{parsed(t, row.vector)})
			require.Contains(t, strings.Join(faults, "\n"), row.says)
		})
	}
}

// More round trips than the manifest states are found out.
func TestCoverageOfRoundTrips(t *testing.T) {
	t.Parallel()
	on := func(*abi.Call, []byte, *abi.HttpResponse) (*abi.Step, error) { return send(nil) }
	faults := Coverage(t.Context(), native{fake{send, on}}, &abi.Manifest{}, []*Vector{parsed(t, oneResponse)})
	require.Contains(t, strings.Join(faults, "\n"), "2 round trips, and max_steps is 1")
}
