package payment_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
	abi "payrouter/abi/v1"
	"payrouter/host/account"
	"payrouter/host/attempt"
	"payrouter/host/egress"
	"payrouter/host/invalid"
	"payrouter/host/operation"
	"payrouter/host/payment/paymenttest"
)

// clerk is a probe with operations that no payment goes through: "balance" asks, and "pay" pays. Its provider answers
// {"output","cursor"}, or what every probe's provider may say.
type clerk struct {
	*probe

	// setting makes "pay" KEYED. object is what kind of object it makes.
	setting, object string
}

func (c clerk) Manifest() *abi.Manifest {
	m := c.probe.Manifest()
	form := &abi.ReferenceForm{Alphabet: "abcdefghijklmnopqrstuvwxyz0123456789", Length: 24}
	m.Operations = append(m.Operations,
		&abi.Operation{
			Name: "balance", Summary: "Asks.", Idempotency: abi.Idempotency_IDEMPOTENCY_SAFE, DeclineIsFinal: true,
			Paged:        true,
			InputSchema:  `{"type":"object","properties":{"of":{"type":"string"}},"additionalProperties":false}`,
			OutputSchema: `{"type":"object","properties":{"seed":{"type":"string","writeOnly":true}}}`,
		},
		&abi.Operation{
			Name: "pay", Summary: "Pays.", Idempotency: c.idempotency, DeclineIsFinal: !c.revocable, Reference: form,
			KeyedBySetting: c.setting, Object: c.object,
			InputSchema: `{"type":"object","properties":{"amount":{"type":"string"},"reference":{"type":"string"}},` +
				`"required":["amount"]}`,
			OutputSchema: `{"type":"object","properties":{"seed":{"type":"string","writeOnly":true}}}`,
		})
	return m
}

func (c clerk) Prepare(ctx context.Context, call *abi.Call) (*abi.Step, int64, error) {
	if call.GetPayment() != nil || c.prepare != nil {
		return c.probe.Prepare(ctx, call)
	}
	body := jsontext.NewObject().String("reference", call.GetReference()).String("of",
		call.GetCursor()).String("description", string(call.GetInput())).JSON()
	return guest.NewRequest(http.MethodPost, guest.Literal("/"),
		guest.Literal(call.GetOperation())).Bearer("token").JSON(body).Send(nil), 7, nil
}

func (c clerk) Interpret(ctx context.Context, in *abi.Interpretation) (*abi.Step, int64, error) {
	answer, err := jsontext.Parse(in.GetResponse().GetBody())
	if err != nil || !answer.Get("output").Exists() {
		return c.probe.Interpret(ctx, in)
	}
	outcome := guest.Accepted(abi.Status_STATUS_UNSPECIFIED, "")
	outcome.Output, outcome.Cursor, outcome.EchoedReference = answer.Get("output").JSON(), answer.Text(
		"cursor"), answer.Text("reference")
	return guest.Done(outcome), 3, nil
}

func clerks(t *testing.T, settings paymenttest.Settings, c clerk, at *provider) *harness {
	t.Helper()
	c.name = "clerk"
	return newHarness(t, settings, probed{name: "a", connector: c, url: at.url, tries: 3, timeout: 10 * time.Second})
}

func TestAReadIsAnsweredAndLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	first := newProvider(t, says(`{"output":{"balance":1.10,"seed":"never to be seen"},"cursor":"2"}`))
	h := clerks(t, paymenttest.Settings{}, clerk{probe: &probe{}}, first)

	outcome, fuel, err := h.engine.Read(t.Context(), "a",
		account.Operation{Operation: "balance", Input: []byte(`{"of":"EUR"}`), Cursor: "1"})

	require.NoError(t, err)
	require.Equal(t, []string{`{"balance":1.10,"seed":"{{masked}}"}`, "2"},
		[]string{string(outcome.GetOutput()), outcome.GetCursor()}, "numbers keep their text")
	require.EqualValues(t, 10, fuel)
	require.Len(t, first.requests(), 1)
	require.Equal(t, asked{"balance", "", "1", `{"of":"EUR"}`, "Bearer " + secretToken}, first.requests()[0])
	attempts, err := h.journal.OpenAttempts(t.Context(), "", 0)
	require.NoError(t, err)
	require.Empty(t, attempts)
	one, err := operation.Find(&h.engine.Fleet().Fleet, "a", "balance")
	require.NoError(t, err)
	most, called := one.MaxFuel()
	require.True(t, called)
	require.EqualValues(t, 10, most)
}

func TestAReadIsTriedAgainWhereNoAnswerCame(t *testing.T) {
	t.Parallel()
	first := newProvider(t, says(`{"output":{}}`), fails(500, ""), hangsUp)
	h := clerks(t, paymenttest.Settings{}, clerk{probe: &probe{}}, first)

	_, fuel, err := h.engine.Read(t.Context(), "a", account.Operation{Operation: "balance"})

	require.NoError(t, err)
	require.Len(t, first.requests(), 3)
	require.Equal(t, "{}", first.requests()[2].description, "no input is an object without members")
	require.EqualValues(t, 13, fuel, "the plugin read two answers")
}

// What is wrong with an answer is in the caller's error, the attempt and the log.
func TestAnUnreadableAnswerSaysWhy(t *testing.T) {
	t.Parallel()
	const why = "not a JSON object"
	first := newProvider(t, says("<html>"), says(`{"id":"a-1","status":"open"}`))
	h := newHarness(t, paymenttest.Settings{},
		probed{name: "a", connector: &probe{name: "first", idempotency: none}, url: first.url})
	made := h.create(t, "k")
	_, err := h.engine.Refresh(t.Context(), "shop", made.ID)
	require.ErrorIs(t, err, attempt.ErrUnanswered)
	require.ErrorContains(t, err, why)
	attempts := h.attempts(t, made.ID)
	require.Equal(t, why, attempts[len(attempts)-1].Error)
	require.Contains(t, h.log.String(), `why="`+why+`"`)
	require.Contains(t, h.log.String(), made.ID)

	_, _, err = h.engine.Read(t.Context(), "a", account.Operation{Operation: "lookup"})
	require.ErrorContains(t, err, why)
}

func TestAReadForARoleHasAQuery(t *testing.T) {
	t.Parallel()
	first := newProvider(t, says(`{"output":{}}`))
	var called *abi.Call
	h := clerks(t, paymenttest.Settings{}, clerk{probe: &probe{prepare: func(call *abi.Call) (*abi.Step, error) {
		called = call
		return guest.NewRequest(http.MethodGet, guest.Literal("/balance")).Send(nil), nil
	}}}, first)

	_, _, err := h.engine.Read(t.Context(), "a",
		account.Operation{Operation: "balance", Query: &abi.Query{Currency: "EUR", Limit: 3}})

	require.NoError(t, err)
	require.Equal(t, &abi.Query{Currency: "EUR", Limit: 3}, called.GetQuery())
	require.NotEmpty(t, called.GetSeed())
}

func TestWhatBringsNoAnswerToARead(t *testing.T) {
	t.Parallel()
	pays := func(*abi.Call) (*abi.Step, error) {
		return guest.NewRequest(http.MethodPost, guest.Literal("/pay")).SendAs("pay", nil), nil
	}
	cannot := func(*abi.Call) (*abi.Step, error) {
		return guest.Reject("invalid_request", "/of", "no such currency"), nil
	}
	for name, row := range map[string]struct {
		provider string
		ask      account.Operation
		answer   http.HandlerFunc
		prepare  func(*abi.Call) (*abi.Step, error)
		want     error
		asked    int
	}{
		"no such account": {
			"b",
			account.Operation{Operation: "balance"},
			nil, nil, attempt.ErrNoOperation,
			0,
		},
		"no such operation": {
			"a",
			account.Operation{Operation: "balances"},
			nil, nil, attempt.ErrNoOperation,
			0,
		},
		"one that may change something": {
			"a",
			account.Operation{Operation: "pay", Input: []byte(`{"amount":"1"}`)},
			nil,
			nil, attempt.ErrUnsupported, 0,
		},
		"a step that may change anything": {
			"a",
			account.Operation{Operation: "balance"},
			nil, pays, attempt.ErrUnavailable,
			0,
		},
		"an input that is not one": {
			"a",
			account.Operation{Operation: "balance", Input: []byte(`{"of":1}`)},
			nil, nil,
			&invalid.Error{}, 0,
		},
		"the plugin cannot": {
			"a",
			account.Operation{Operation: "balance"},
			nil, cannot,
			&attempt.DeclinedError{}, 0,
		},
		"declined": {
			"a",
			account.Operation{Operation: "balance"},
			says(`{"error":"limit"}`), nil,
			&attempt.DeclinedError{}, 1,
		},
		"not there": {
			"a",
			account.Operation{Operation: "balance"},
			says(`{"error":"absent"}`), nil,
			&attempt.DeclinedError{}, 1,
		},
		"no answer at all": {
			"a",
			account.Operation{Operation: "balance"},
			hangsUp, nil, attempt.ErrUnanswered,
			3,
		},
		"round and round": {
			"a",
			account.Operation{Operation: "balance"},
			says(`{"next":"lookup"}`), nil,
			attempt.ErrUnanswered, 3,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first := newProvider(t, row.answer)
			h := clerks(t, paymenttest.Settings{}, clerk{probe: &probe{idempotency: none, prepare: row.prepare}}, first)

			_, _, err := h.engine.Read(t.Context(), row.provider, row.ask)

			switch want := row.want.(type) {
			case *invalid.Error:
				require.ErrorAs(t, err, &want)
				require.Equal(t, "/of", want.Field)
			case *attempt.DeclinedError:
				require.ErrorAs(t, err, &want)
			default:
				require.ErrorIs(t, err, want)
			}
			require.Len(t, first.requests(), row.asked)
		})
	}
}

func TestWhoGivesUpAReadSaysNothingOfTheProvider(t *testing.T) {
	t.Parallel()
	first := newProvider(t, silence)
	c := clerk{probe: &probe{name: "clerk"}}
	h := newHarness(t, paymenttest.Settings{},
		probed{
			name: "a", connector: c, url: first.url, tries: 3, timeout: time.Minute,
			breaker: egress.BreakerSettings{Failures: 1},
		})
	ctx, giveUp := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer giveUp()

	_, _, err := h.engine.Read(ctx, "a", account.Operation{Operation: "balance"})

	require.ErrorIs(t, err, attempt.ErrUnanswered)
	require.Len(t, first.requests(), 1)
	require.NoError(t, readable(h))
}
