package guest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
)

// echo answers with what it was given.
type echo struct {
	err error
}

func (echo) Describe() *abi.Manifest { return &abi.Manifest{Name: "echo"} }

func (e echo) Prepare(call *abi.Call) (*abi.Step, error) {
	return Rejected("prepared", call.GetOperation()), e.err
}

func (e echo) Interpret(call *abi.Call, state []byte, response *abi.HttpResponse) (*abi.Step, error) {
	return Rejected("interpreted", fmt.Sprint(call.GetOperation(), " ", string(state), " ", response.GetStatus())),
		e.err
}

func (e echo) Receive(callback *abi.Callback) (*abi.Receipt, error) {
	return &abi.Receipt{ProviderReference: callback.GetMethod()}, e.err
}

// message is what a call takes, as the host sends it.
type message interface{ MarshalVT() ([]byte, error) }

func encoded(t *testing.T, from message) []byte {
	t.Helper()
	text, err := from.MarshalVT()
	require.NoError(t, err)
	return text
}

// answer is what a call answers, as the host reads it.
func answer(t *testing.T, connector Connector, call export, input []byte) *abi.Answer {
	t.Helper()
	room := make([]byte, 1024)
	made, size := serve(connector, call, input, room)
	if size < 0 {
		return made
	}
	read := new(abi.Answer)
	require.NoError(t, read.UnmarshalVTUnsafe(room[len(room)-size:]))
	return read
}

func TestCallsReachTheConnector(t *testing.T) {
	t.Parallel()
	call := &abi.Call{Operation: "pay"}
	require.Equal(t, "echo", answer(t, echo{}, describe, nil).GetManifest().GetName())

	prepared := answer(t, echo{}, prepare, encoded(t, call)).GetStep().GetDone().GetFailure()
	require.Equal(t, []string{"prepared", "pay"}, []string{prepared.GetProviderCode(), prepared.GetMessage()})

	response := &abi.Interpretation{Call: call, State: []byte("s"), Response: &abi.HttpResponse{Status: 200}}
	interpreted := answer(t, echo{}, interpret, encoded(t, response)).GetStep().GetDone().GetFailure()
	require.Equal(t, []string{"interpreted", "pay s 200"},
		[]string{interpreted.GetProviderCode(), interpreted.GetMessage()})

	received := answer(t, echo{}, receive, encoded(t, &abi.Callback{Method: "POST"})).GetReceipt()
	require.Equal(t, "POST", received.GetProviderReference())
}

func TestFaultsBecomeErrors(t *testing.T) {
	t.Parallel()
	garbage := []byte{0xff}
	noCall := encoded(t, &abi.Interpretation{Response: &abi.HttpResponse{Status: 200}})
	noResponse := encoded(t, &abi.Interpretation{Call: &abi.Call{Operation: "pay"}})
	panics := func(Connector, []byte) (*abi.Answer, error) { panic("index out of range") }
	for claim, row := range map[string]struct {
		connector Connector
		call      export
		input     []byte
		code      abi.Error_Code
		message   string
	}{
		"a call that does not decode": {echo{}, prepare, garbage, abi.Error_CODE_BAD_INPUT, "decode Call"},
		"a response that does not decode": {
			echo{},
			interpret, garbage, abi.Error_CODE_BAD_INPUT,
			"decode Interpretation",
		},
		"an interpretation without a call": {
			echo{},
			interpret, noCall, abi.Error_CODE_BAD_INPUT,
			"it needs a call and a response",
		},
		"an interpretation without a response": {
			echo{},
			interpret, noResponse, abi.Error_CODE_BAD_INPUT,
			"it needs a call and a response",
		},
		"an interpretation without anything": {
			echo{},
			interpret, nil, abi.Error_CODE_BAD_INPUT,
			"it needs a call and a response",
		},
		"a callback that does not decode": {
			echo{},
			receive, garbage, abi.Error_CODE_BAD_INPUT,
			"decode Callback",
		},
		"an error with a code": {
			echo{UnknownOperation("pay")},
			prepare, nil,
			abi.Error_CODE_UNKNOWN_OPERATION, `operation "pay" is not in the manifest`,
		},
		"an error with a code, wrapped": {
			echo{fmt.Errorf("read: %w", BadSettings("no %s", "id"))},
			receive,
			nil, abi.Error_CODE_BAD_SETTINGS, "read: no id",
		},
		"an error without a code": {
			echo{errors.New("why")},
			prepare, nil, abi.Error_CODE_UNSPECIFIED,
			"why",
		},
		"a panic":                               {echo{}, panics, nil, abi.Error_CODE_PANIC, "index out of range"},
		"a module that registered no connector": {nil, describe, nil, abi.Error_CODE_PANIC, "guest.Register"},
	} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			fault := answer(t, row.connector, row.call, row.input).GetError()
			require.Equal(t, row.code, fault.GetCode())
			require.Contains(t, fault.GetMessage(), row.message)
		})
	}
}

func TestRegisteredConnectorIsTheModules(t *testing.T) {
	t.Cleanup(func() { Register(nil) })
	Register(echo{})
	require.Equal(t, "echo", answer(t, registered, describe, nil).GetManifest().GetName())
}

func TestAnswerThatDoesNotFitIsKept(t *testing.T) {
	t.Parallel()
	input := encoded(t, &abi.Call{Operation: "pay"})
	whole, size := serve(echo{}, prepare, input, make([]byte, 1024))
	require.Equal(t, whole.SizeVT(), size)
	for room := range size {
		kept, none := serve(echo{}, prepare, input, make([]byte, room))
		require.Negative(t, none, "%d bytes", room)
		require.Equal(t, kept, whole, "%d bytes", room)
	}
}
