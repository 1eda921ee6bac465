package vector

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/abi/guest"
	abi "payrouter/abi/v1"
)

// fake is a connector made of functions.
type fake struct {
	prepare   func(*abi.Call) (*abi.Step, error)
	interpret func(*abi.Call, []byte, *abi.HttpResponse) (*abi.Step, error)
}

func (fake) Describe() *abi.Manifest { return &abi.Manifest{} }

func (f fake) Prepare(call *abi.Call) (*abi.Step, error) { return f.prepare(call) }

func (f fake) Interpret(call *abi.Call, state []byte, response *abi.HttpResponse) (*abi.Step, error) {
	return f.interpret(call, state, response)
}

func (fake) Receive(*abi.Callback) (*abi.Receipt, error) {
	return &abi.Receipt{Trust: abi.Receipt_TRUST_IGNORE}, nil
}

func send(*abi.Call) (*abi.Step, error) {
	return guest.NewRequest("GET", guest.Literal("/")).Send([]byte("state")), nil
}

func parsed(t *testing.T, text string) *Vector {
	t.Helper()
	v, err := parse("v.txtar", []byte(text))
	require.NoError(t, err)
	return v
}

const (
	oneCall      = "-- call.json --\n{\"operation\": \"Make\"}\n"
	oneResponse  = oneCall + "-- response-1 --\n200\n\n{}\n"
	twoResponses = oneResponse + "-- response-2 --\n200\n\n{}\n"
)

func TestPlay(t *testing.T) {
	t.Parallel()
	done := func(call *abi.Call, state []byte, response *abi.HttpResponse) (*abi.Step, error) {
		require.Equal(t, "Make", call.GetOperation())
		require.Equal(t, "state", string(state))
		require.Equal(t, "{}", string(response.GetBody()))
		return guest.Unreadable("why"), nil
	}
	moves, err := play(t.Context(), native{fake{send, done}}, parsed(t, oneResponse))
	require.NoError(t, err)
	require.Len(t, moves, 2)
	require.Equal(t, "Make", moves[1].operation)

	moves, err = play(t.Context(), native{fake{send, done}}, parsed(t, oneCall))
	require.NoError(t, err, "a vector may end with a request")
	require.Len(t, moves, 1)

	_, err = play(t.Context(), native{fake{send, done}}, parsed(t, twoResponses))
	require.ErrorContains(t, err, "response-2 is never asked for")
}

func TestPlayWithoutEnd(t *testing.T) {
	t.Parallel()
	again := func(*abi.Call, []byte, *abi.HttpResponse) (*abi.Step, error) { return send(nil) }
	v := parsed(t, oneResponse)
	for range most {
		v.responses = append(v.responses, v.responses[0])
	}
	_, err := play(t.Context(), native{fake{send, again}}, v)
	require.ErrorContains(t, err, "no end")
}

// A panic of the connector fails the vector, and not the whole run.
func TestNativePanic(t *testing.T) {
	t.Parallel()
	fall := func(*abi.Call, []byte, *abi.HttpResponse) (*abi.Step, error) { panic("oops") }
	_, err := play(t.Context(), native{fake{send, fall}}, parsed(t, oneResponse))
	require.ErrorContains(t, err, "oops")
}

// The native answer to a fault is the guest's, code included.
func TestNativeFault(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		err  error
		want *abi.Error
	}{
		"typed": {
			guest.UnknownOperation("X"),
			&abi.Error{Code: abi.Error_CODE_UNKNOWN_OPERATION, Message: `operation "X" is not in the manifest`},
		},
		"simple": {errors.New("no"), &abi.Error{Message: "no"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fail := func(*abi.Call) (*abi.Step, error) { return nil, row.err }
			moves, err := play(t.Context(), native{fake{prepare: fail}}, parsed(t, oneCall))
			require.NoError(t, err)
			require.Equal(t, row.want, moves[0].answer.GetError())
			files, err := results(&abi.Manifest{}, moves)
			require.NoError(t, err)
			require.Equal(t, "error.json", files[0].Name)
		})
	}
}

// A rule of the operation that a request performed holds, not of the one that was called.
func TestResultsUseThePerformedOperation(t *testing.T) {
	t.Parallel()
	sendAs := func(*abi.Call) (*abi.Step, error) {
		return guest.NewRequest("GET", guest.Literal("/")).SendAs("Other", nil), nil
	}
	refuse := func(*abi.Call, []byte, *abi.HttpResponse) (*abi.Step, error) { return guest.Rejected("7", "no"), nil }
	moves, err := play(t.Context(), native{fake{sendAs, refuse}}, parsed(t, oneResponse))
	require.NoError(t, err)
	for operation, meaning := range map[string]string{"Other": "declined_soft", "Make": "unlisted"} {
		manifest := &abi.Manifest{Failures: []*abi.FailureRule{{
			Operation: operation, HttpStatus: 200, ProviderCode: "7", Meaning: abi.Meaning_MEANING_DECLINED_SOFT,
			Code: "declined",
		}}}
		files, err := results(manifest, moves)
		require.NoError(t, err)
		require.Contains(t, string(files[1].Data), `"meaning": "`+meaning+`"`)
	}
}

// The costly attacks and those that no response changes are made once for each place; the others for each vector.
func TestAttacks(t *testing.T) {
	t.Parallel()
	done := func(*abi.Call, []byte, *abi.HttpResponse) (*abi.Step, error) { return guest.Unreadable("why"), nil }
	connector := native{fake{send, done}}
	attacker := NewAttacker(&abi.Manifest{})
	v := parsed(t, oneCall+"-- response-1 --\n200\n\n{\"a\": 1}\n")
	first, err := attacker.on(t.Context(), connector, v)
	require.NoError(t, err)
	second, err := attacker.on(t.Context(), connector, v)
	require.NoError(t, err)
	require.Greater(t, len(first), len(second))
	require.NotEmpty(t, second)
	for _, a := range second {
		_, wrong := mount(t.Context(), connector, a)
		require.Empty(t, wrong, a.name)
	}
	credulous := func(*abi.Call, []byte, *abi.HttpResponse) (*abi.Step, error) {
		return guest.Done(guest.Accepted(abi.Status_STATUS_SUCCEEDED, "1")), nil
	}
	caught := 0
	for _, a := range first {
		if _, wrong := mount(t.Context(), native{fake{send, credulous}}, a); len(wrong) > 0 {
			caught++
		}
	}
	require.Greater(t, caught, 20, "a connector that believes everything is found out")
}

// A reader that takes a byte order mark for a part of the answer would leave every payment at a site that sends one
// unknown.
func TestAMarkBeforeTheAnswerChangesNothing(t *testing.T) {
	t.Parallel()
	strict := func(_ *abi.Call, _ []byte, response *abi.HttpResponse) (*abi.Step, error) {
		if !json.Valid(response.GetBody()) {
			return guest.Unreadable("not JSON"), nil
		}
		return guest.Rejected("7", "no"), nil
	}
	v := parsed(t, oneCall+"-- response-1 --\n200\n\n{\"a\": 1}\n")
	const caught = "response-1: after a byte order mark: the answer is another"
	require.Contains(t,
		strings.Join(NewAttacker(&abi.Manifest{}).Attack(t.Context(), native{fake{send, strict}}, v), "\n"), caught)
	require.NotContains(t,
		strings.Join(NewAttacker(&abi.Manifest{}).Attack(t.Context(), native{fake{send, refusing}}, v), "\n"), caught)
}

// decliner reports a failure in every callback.
type decliner struct{ fake }

func (decliner) Receive(*abi.Callback) (*abi.Receipt, error) {
	return &abi.Receipt{
		Trust:   abi.Receipt_TRUST_SIGNED,
		Outcome: &abi.Outcome{Failure: &abi.Failure{ProviderCode: "no"}},
	}, nil
}

// A failure in a callback has the meaning that the host gives it: of the look-up's operation, answered with HTTP 200.
func TestAFailureOfACallback(t *testing.T) {
	t.Parallel()
	manifest := &abi.Manifest{Failures: []*abi.FailureRule{
		{Operation: "Make", HttpStatus: 200, ProviderCode: "no", Meaning: abi.Meaning_MEANING_REFUSED, Code: "declined"},
		{
			Operation: "Read", HttpStatus: 200, ProviderCode: "no", Meaning: abi.Meaning_MEANING_DECLINED_HARD,
			Code: "declined",
		},
	}}
	v := parsed(t, "-- call.json --\n{\"operation\": \"Read\"}\n-- callback --\nPOST /\n")
	moves, err := play(t.Context(), native{decliner{}}, v)
	require.NoError(t, err)
	files, err := results(manifest, moves)
	require.NoError(t, err)
	require.Len(t, files, 1)
	require.Contains(t, string(files[0].Data), `"meaning": "declined_hard"`)
}
