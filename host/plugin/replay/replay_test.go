package replay_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
	"payrouter/host/plugin/replay"
	"payrouter/host/wasm"
)

// guest is a connector as a function, answered in the contract's bytes.
type guest struct {
	name      string
	prepare   func(call *abi.Call) (*abi.Step, error)
	interpret func(call *abi.Call, state string, response *abi.HttpResponse) (*abi.Step, error)
	fuel      int64
}

func (g guest) Digest() string { return g.name }

func (g guest) Answer(_ context.Context, export wasm.Export, input []byte, _ wasm.Env) ([]byte, int64, error) {
	var step *abi.Step
	var err error
	if export == wasm.Prepare {
		call := new(abi.Call)
		if err := call.UnmarshalVTUnsafe(input); err != nil {
			return nil, 0, err
		}
		step, err = g.prepare(call)
	} else {
		in := new(abi.Interpretation)
		if err := in.UnmarshalVTUnsafe(input); err != nil {
			return nil, 0, err
		}
		step, err = g.interpret(in.GetCall(), string(in.GetState()), in.GetResponse())
	}
	if err != nil {
		return nil, 7, err
	}
	answer, err := (&abi.Answer{Result: &abi.Answer_Step{Step: step}}).MarshalVT()
	return answer, g.fuel, err
}

func sends(request *abi.HttpRequest, state string) *abi.Step {
	return &abi.Step{Next: &abi.Step_Send{Send: &abi.Send{Request: request, State: []byte(state)}}}
}

func done(outcome *abi.Outcome) *abi.Step { return &abi.Step{Next: &abi.Step_Done{Done: outcome}} }

func literal(text string) []*abi.Part {
	return []*abi.Part{{Part: &abi.Part_Literal{Literal: text}}}
}

// usual asks for a quote, then orders; its state says how far it is, in words of its own.
func usual(name, prefix string) guest {
	return guest{
		name: name, fuel: 100,
		prepare: func(call *abi.Call) (*abi.Step, error) {
			return sends(&abi.HttpRequest{
				Method: "POST", Path: append(literal("/quote/"), &abi.Part{Part: &abi.Part_Secret{Secret: "token"}}),
				Body: []byte(`{"amount":"` + call.GetPayment().GetAmount() + `","email":"` +
					call.GetPayment().GetPayer().GetEmail() + `"}`),
			}, prefix+"1"), nil
		},
		interpret: func(_ *abi.Call, state string, response *abi.HttpResponse) (*abi.Step, error) {
			switch state {
			case prefix + "1":
				return sends(&abi.HttpRequest{
					Method: "POST", Path: literal("/order"),
					Body: []byte("rate=" + string(response.GetBody())),
				}, prefix+"2"), nil
			case prefix + "2":
				return done(&abi.Outcome{
					Verdict: abi.Verdict_VERDICT_ACCEPTED, Status: abi.Status_STATUS_SUCCEEDED,
					ProviderReference: string(response.GetBody()),
				}), nil
			}
			return nil, errors.New("wasm guest: interpret: trapped: no such state")
		},
	}
}

// recorded is a flow with the usual guest: a quote, an order that a first try got no readable answer to, and
// its outcome.
func recorded(t *testing.T, g guest) replay.Recording {
	t.Helper()
	call := &abi.Call{
		Operation: "order", Settings: []byte("{}"), Seed: make([]byte, 32), NowMs: 1,
		Payment: &abi.Payment{
			Id: "pay_1", Amount: "49.90", Currency: "EUR",
			Payer: &abi.Payer{Name: "Ada Lovelace", Email: "ada@lovelace.example", Phone: "+44 20 7946 0958"},
		},
	}
	input, err := call.MarshalVT()
	require.NoError(t, err)
	recording := replay.Recording{
		Plugin: "p", Operation: "order", PaymentID: "pay_1",
		Steps: []replay.Step{{Input: input}},
	}
	for _, body := range []string{"1.25", "ord-77"} {
		input, err := (&abi.Interpretation{
			Call: call, State: []byte("whose?"),
			Response: &abi.HttpResponse{Status: 200, Body: []byte(body)},
		}).MarshalVT()
		require.NoError(t, err)
		recording.Steps = append(recording.Steps, replay.Step{Input: input})
	}
	run, err := replay.Run(t.Context(), g, recording)
	require.NoError(t, err)
	require.Len(t, run.Steps, 3)
	return run
}

func rerun(t *testing.T, g guest, recording replay.Recording) replay.Recording {
	t.Helper()
	run, err := replay.Run(t.Context(), g, recording)
	require.NoError(t, err)
	return run
}

func TestSameGuestAnswersTheSame(t *testing.T) {
	t.Parallel()
	former := recorded(t, usual("a", "s"))
	again := rerun(t, usual("a", "s"), former)
	require.True(t, replay.Identical(former, again))
	require.Equal(t, former, again)
	require.Empty(t, replay.Compare(former, again))
	require.Positive(t, former.Size())
}

// State is the plugin's own affair: another version may write it another way, and gets back what it wrote.
func TestStateOfItsOwnIsNoDifference(t *testing.T) {
	t.Parallel()
	former := recorded(t, usual("a", "s"))
	run := rerun(t, usual("b", "state-"), former)
	require.False(t, replay.Identical(former, run))
	require.Empty(t, replay.Compare(former, run))
	require.Equal(t, "b", run.Digest)
}

// A try without a readable answer is followed by another of the same request.
func TestSecondTryIsReadWithTheStateOfItsRequest(t *testing.T) {
	t.Parallel()
	former := recorded(t, usual("a", "s"))
	twice := former
	twice.Steps = append(append([]replay.Step{}, former.Steps...), former.Steps[2])
	run := rerun(t, usual("a", "s"), twice)
	require.Len(t, run.Steps, 4)
	require.Empty(t, run.Steps[3].Failure)
}

func TestDifferencesAreClassifiedAndNamed(t *testing.T) {
	t.Parallel()
	former := recorded(t, usual("a", "s"))
	for claim, row := range map[string]struct {
		change func(g *guest)
		kind   replay.Kind
		step   int
		lines  []string
	}{
		"another amount is sent": {func(g *guest) {
			before := g.prepare
			g.prepare = func(call *abi.Call) (*abi.Step, error) {
				step, err := before(call)
				step.GetSend().Request.Body = []byte(strings.Replace(string(step.GetSend().GetRequest().GetBody()),
					"49.90", "4990", 1))
				return step, err
			}
		}, replay.Requests, 1, []string{`- request/body/amount: "49.90"`, `+ request/body/amount: "4990"`}},
		"another place": {
			func(g *guest) {
				before := g.prepare
				g.prepare = func(call *abi.Call) (*abi.Step, error) {
					step, err := before(call)
					step.GetSend().Request.Path[0] = literal("/v2/quote/")[0]
					return step, err
				}
			}, replay.Requests, 1,
			[]string{`- request/path: /quote/{{secret:token}}`, `+ request/path: /v2/quote/{{secret:token}}`},
		},
		"nothing is sent": {func(g *guest) {
			g.prepare = func(*abi.Call) (*abi.Step, error) {
				return &abi.Step{Next: &abi.Step_Reject{Reject: &abi.Reject{
					Code:    "unsupported",
					Message: "not any more",
				}}}, nil
			}
		}, replay.Requests, 1, nil},
		"the same body, written otherwise": {func(g *guest) {
			before := g.prepare
			g.prepare = func(call *abi.Call) (*abi.Step, error) {
				step, err := before(call)
				step.GetSend().Request.Body = append(step.GetSend().GetRequest().GetBody(), '\n')
				return step, err
			}
		}, replay.Requests, 1, []string{"  the same members, in other bytes"}},
		"another outcome": {func(g *guest) {
			before := g.interpret
			g.interpret = func(call *abi.Call, state string, response *abi.HttpResponse) (*abi.Step, error) {
				step, err := before(call, state, response)
				if step.GetDone() != nil {
					step.GetDone().Status = abi.Status_STATUS_FAILED
				}
				return step, err
			}
		}, replay.Outcomes, 3, []string{"- outcome/status: succeeded", "+ outcome/status: failed"}},
		"a trap": {func(g *guest) {
			before := g.interpret
			g.interpret = func(call *abi.Call, state string, response *abi.HttpResponse) (*abi.Step, error) {
				if state == "s2" {
					return nil, errors.New("wasm guest: interpret: trapped: unreachable")
				}
				return before(call, state, response)
			}
		}, replay.Failures, 3, []string{"- ended: done", "+ ended: wasm guest: interpret: trapped: unreachable"}},
	} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			g := usual("b", "s")
			row.change(&g)
			found := replay.Compare(former, rerun(t, g, former))
			require.Len(t, found, 1, "%v", found)
			require.Equal(t, row.kind, found[0].Kind)
			require.Equal(t, row.step, found[0].Step)
			require.Equal(t, "pay_1", found[0].PaymentID)
			require.Equal(t, "order", found[0].Operation)
			if row.lines != nil {
				require.Equal(t, row.lines, found[0].Lines)
			}
		})
	}
}

// What payers said of themselves, links, addresses and free text are told apart in a difference, and not shown.
func TestDifferencesShowNobodysData(t *testing.T) {
	t.Parallel()
	leaky := func(version string) guest {
		g := usual(version, "s")
		g.prepare = func(call *abi.Call) (*abi.Step, error) {
			payer := call.GetPayment().GetPayer()
			return sends(&abi.HttpRequest{
				Method: "POST", Path: []*abi.Part{{Part: &abi.Part_Text{Text: payer.GetName() + version}}},
				Headers: []*abi.Field{{
					Name:  "X-Phone",
					Value: []*abi.Part{{Part: &abi.Part_Literal{Literal: "442079460958" + version}}},
				}},
				Body: []byte(`{"mail":"` + payer.GetEmail() + version + `","first":"Ada` + version +
					`","n":442079460958` + map[string]string{"a": "1", "b": "2"}[version] + `,"mode":"` + version +
					`"}`),
			}, "s1"), nil
		}
		g.interpret = func(call *abi.Call, _ string, _ *abi.HttpResponse) (*abi.Step, error) {
			return done(&abi.Outcome{
				Verdict: abi.Verdict_VERDICT_REJECTED,
				Failure: &abi.Failure{ProviderCode: "E" + version, Message: "Dear " +
					call.GetPayment().GetPayer().GetName() + ", no " + version},
				NextAction: &abi.NextAction{
					Action: &abi.NextAction_Redirect{Redirect: &abi.Redirect{Url: "https://pay.example/x/secret-link-" +
						version}},
				},
			}), nil
		}
		return g
	}
	base := recorded(t, usual("x", "s"))
	base.Steps = base.Steps[:2]
	former, run := rerun(t, leaky("a"), base), rerun(t, leaky("b"), base)
	found := replay.Compare(former, run)
	require.Len(t, found, 2)
	shown := strings.ToLower(found[0].String() + found[1].String())
	for _, private := range []string{"lovelace", "ada", "442079460958", "secret-link", "dear"} {
		require.NotContains(t, shown, private)
	}
	require.Contains(t, shown, `- request/body/mode: "a"`)
	require.Contains(t, shown, "+ outcome/failure/provider_code: eb")
	require.Contains(t, shown, "https://pay.example/…")
	require.Contains(t, shown, "request/body/mail")
}

func TestFuelIsHeldAgainstAShare(t *testing.T) {
	t.Parallel()
	former := recorded(t, usual("a", "s"))
	hungry := usual("b", "s")
	hungry.fuel = 160
	run := rerun(t, hungry, former)
	times := func(n int, r replay.Recording) []replay.Recording { return slices.Repeat([]replay.Recording{r}, n) }
	require.Empty(t, replay.Burned(times(5, former), times(5, run), 60))
	found := replay.Burned(times(5, former), times(5, run), 59)
	require.Equal(t, []replay.Difference{{
		Kind: replay.Fuel, Operation: "order",
		Lines: []string{"300 before, 480 now: 60 % more, at most 59 % are taken"},
	}}, found)
	require.Empty(t, replay.Burned(times(5, run), times(5, former), 0), "less is fine")
	require.Empty(t, replay.Burned(times(4, former), times(4, run), 0), "too few to say")
	require.Empty(t, replay.Burned(times(6, former), append(times(5, former), run), 0), "one that collected garbage")
}

func TestRecordingThatDoesNotReadIsAnError(t *testing.T) {
	t.Parallel()
	_, err := replay.Run(t.Context(), usual("a", "s"), replay.Recording{Steps: []replay.Step{{Input: []byte{0xff}}}})
	require.ErrorContains(t, err, "read a recorded call")
	good := recorded(t, usual("a", "s"))
	good.Steps[1].Input = []byte{0xff}
	_, err = replay.Run(t.Context(), usual("a", "s"), good)
	require.ErrorContains(t, err, "read a recorded response")
	empty, err := replay.Run(t.Context(), usual("a", "s"), replay.Recording{})
	require.NoError(t, err)
	require.Empty(t, empty.Steps)
}

// Whatever a guest once answered, comparing it reads it without a panic.
func FuzzCompare(f *testing.F) {
	step := done(&abi.Outcome{Output: []byte(`{"a":[1,"x"]}`)})
	answer, err := (&abi.Answer{Result: &abi.Answer_Step{Step: step}}).MarshalVT()
	require.NoError(f, err)
	f.Add(answer, []byte{0xff})
	f.Fuzz(func(_ *testing.T, a, b []byte) {
		former := replay.Recording{Steps: []replay.Step{{Answer: a}}}
		for _, found := range replay.Compare(former, replay.Recording{Steps: []replay.Step{{Answer: b}}}) {
			_ = found.String()
		}
	})
}

// reader reads callbacks as a function.
type reader func(callback *abi.Callback) (*abi.Receipt, error)

func (reader) Digest() string { return "reader" }

func (r reader) Answer(_ context.Context, export wasm.Export, input []byte, env wasm.Env) ([]byte, int64, error) {
	if export != wasm.Receive {
		return nil, 0, errors.New("it reads callbacks only")
	}
	callback := new(abi.Callback)
	if err := callback.UnmarshalVTUnsafe(input); err != nil {
		return nil, 0, err
	}
	if env.Now.UnixMilli() != callback.GetNowMs() {
		return nil, 0, errors.New("the clock is not the callback's")
	}
	receipt, err := r(callback)
	if err != nil {
		return nil, 1, err
	}
	answer, err := (&abi.Answer{Result: &abi.Answer_Receipt{Receipt: receipt}}).MarshalVT()
	return answer, 1, err
}

// A callback is anyone's text: what differs in a receipt is shown without any of it.
func TestCallbacksAreComparedAndNotShown(t *testing.T) {
	t.Parallel()
	input, err := (&abi.Callback{Method: "POST", Body: []byte("ada 4711 paid"), NowMs: 1234}).MarshalVT()
	require.NoError(t, err)
	recorded := replay.Recording{Steps: []replay.Step{{Input: input}}}
	receipt := func(change func(r *abi.Receipt)) reader {
		return func(callback *abi.Callback) (*abi.Receipt, error) {
			r := &abi.Receipt{
				Trust: abi.Receipt_TRUST_SIGNED, Reference: "4711", ProviderReference: "ada", SignatureValue: "ada",
				Signature: &abi.Signature{
					Algorithm: abi.Signature_ALGORITHM_HMAC_SHA256, Secret: "key", Encoding: abi.Signature_ENCODING_HEX,
					Parts: []*abi.SignedPart{{Part: &abi.SignedPart_Literal{Literal: string(callback.GetBody())}}},
				},
				Outcome: &abi.Outcome{
					Verdict: abi.Verdict_VERDICT_ACCEPTED, Status: abi.Status_STATUS_SUCCEEDED, ProviderReference: "ada",
				},
				DedupeKey: "ada", Reply: &abi.CallbackReply{Status: 200, Body: []byte("ok ada")},
			}
			change(r)
			return r, nil
		}
	}
	former, err := replay.Run(t.Context(), receipt(func(*abi.Receipt) {}), recorded)
	require.NoError(t, err)
	require.Equal(t, "signed", former.Result())
	for claim, row := range map[string]struct {
		change func(r *abi.Receipt)
		lines  []string
	}{
		"the same": {func(*abi.Receipt) {}, nil},
		"another secret": {
			func(r *abi.Receipt) { r.Signature.Secret = "public" },
			[]string{
				"- receipt/signature: hmac_sha256 hex into  prefix \"\" by {{secret:key}} (13 characters)",
				"+ receipt/signature: hmac_sha256 hex into  prefix \"\" by {{secret:public}} (13 characters)",
			},
		},
		"another part": {
			func(r *abi.Receipt) { r.Signature.Parts[0].Part = &abi.SignedPart_Literal{Literal: "ada 4711 owes"} },
			[]string{
				"- receipt/signature: hmac_sha256 hex into  prefix \"\" by {{secret:key}} (13 characters)",
				"+ receipt/signature: hmac_sha256 hex into  prefix \"\" by {{secret:key}} (13 characters), others",
			},
		},
		"another reference": {
			func(r *abi.Receipt) { r.Reference = "47110" },
			[]string{"- receipt/reference: (4 characters)", "+ receipt/reference: (5 characters)"},
		},
		"another outcome": {
			func(r *abi.Receipt) { r.Outcome.Status = abi.Status_STATUS_FAILED },
			[]string{"- outcome/status: succeeded", "+ outcome/status: failed"},
		},
		"another payment": {
			func(r *abi.Receipt) { r.Outcome.ProviderReference = "eve" },
			[]string{"- outcome/provider_reference: (3 characters)", "+ outcome/provider_reference: (3 characters), others"},
		},
		"another key": {
			func(r *abi.Receipt) { r.DedupeKey = "ada4711" },
			[]string{"- receipt/dedupe_key: (3 characters)", "+ receipt/dedupe_key: (7 characters)"},
		},
		"another reply": {
			func(r *abi.Receipt) { r.Reply = &abi.CallbackReply{Status: 500} },
			[]string{
				"- receipt/reply/status: 200", "+ receipt/reply/status: 500", "- receipt/reply/body: (6 characters)",
			},
		},
	} {
		run, err := replay.Run(t.Context(), receipt(row.change), recorded)
		require.NoError(t, err)
		found := replay.Compare(former, run)
		if row.lines == nil {
			require.Empty(t, found, claim)
			continue
		}
		require.Len(t, found, 1, claim)
		require.Equal(t, replay.Callbacks, found[0].Kind, claim)
		require.Equal(t, row.lines, found[0].Lines, claim)
	}
	failing := reader(func(*abi.Callback) (*abi.Receipt, error) { return nil, errors.New("no idea of ada 4711") })
	run, err := replay.Run(t.Context(), failing, recorded)
	require.NoError(t, err)
	require.Equal(t, "fault", run.Result())
	found := replay.Compare(former, run)
	require.Len(t, found, 1)
	require.Equal(t, replay.Failures, found[0].Kind)
	require.Equal(t, []string{"- ended: a receipt", "+ ended: (19 characters)"}, found[0].Lines)
}
