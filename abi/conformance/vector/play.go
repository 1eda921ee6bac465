package vector

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/rogpeppe/go-internal/txtar"

	"payrouter/abi/conformance/check"
	abi "payrouter/abi/v1"
)

// most bounds the round trips of one vector, so that a connector which never ends fails instead of hanging.
const most = 16

// move is one call of the guest while a vector plays, and what came of it.
type move struct {
	input  input
	answer *abi.Answer
	// The interpretation behind the input; nil for prepare and receive.
	interpretation *abi.Interpretation
	// The operation whose request the response answers; of a callback the look-up's, which the call of its vector names.
	operation string
}

// play drives a vector through the machine: every response that it holds, in order, until the call ends, or asks for a
// response that the vector does not hold.
func play(ctx context.Context, guest Machine, v *Vector) ([]move, error) {
	if v.callback != nil {
		return playCallback(ctx, guest, v)
	}
	first, err := ask(ctx, guest, check.Prepare, v.call)
	if err != nil {
		return nil, err
	}
	moves := []move{first}
	for trip := range most {
		send := moves[trip].answer.GetStep().GetSend()
		if send == nil || trip == len(v.responses) {
			return moves, spare(v, trip)
		}
		interpretation := &abi.Interpretation{Call: v.call, State: send.GetState(), Response: v.responses[trip]}
		next, err := ask(ctx, guest, check.Interpret, interpretation)
		if err != nil {
			return nil, err
		}
		next.interpretation, next.operation = interpretation, send.GetOperation()
		if next.operation == "" {
			next.operation = v.call.GetOperation()
		}
		moves = append(moves, next)
	}
	return nil, fmt.Errorf("%d round trips, and no end", most)
}

func spare(v *Vector, trips int) error {
	if trips < len(v.responses) {
		return fmt.Errorf("the call ended after %d responses; response-%d is never asked for", trips, trips+1)
	}
	return nil
}

// received is the vector's callback as the host hands it over, with the account's settings and the time.
func (v *Vector) received() *abi.Callback {
	callback := *v.callback
	callback.Settings, callback.NowMs = v.call.GetSettings(), v.call.GetNowMs()
	return &callback
}

func playCallback(ctx context.Context, guest Machine, v *Vector) ([]move, error) {
	only, err := ask(ctx, guest, check.Receive, v.received())
	only.operation = v.call.GetOperation()
	return []move{only}, err
}

func ask(ctx context.Context, guest Machine, export check.Export, m message) (move, error) {
	encoded, err := encode(m)
	if err != nil {
		return move{}, err
	}
	asked := move{input: input{export: export, bytes: encoded}}
	answer, err := guest.call(ctx, asked.input)
	if err != nil {
		return move{}, fmt.Errorf("%s: %w", export, err)
	}
	asked.answer = new(abi.Answer)
	if err := asked.answer.UnmarshalVTUnsafe(answer); err != nil { // as the host does: the bytes are its own copy
		return move{}, fmt.Errorf("%s: decode Answer: %w", export, err)
	}
	return asked, nil
}

// results writes what a played vector came to, section by section.
func results(manifest *abi.Manifest, moves []move) ([]txtar.File, error) {
	var files []txtar.File
	for i, m := range moves {
		file, err := m.result(manifest, i+1)
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	return files, nil
}

func (m move) result(manifest *abi.Manifest, number int) (txtar.File, error) {
	status := m.interpretation.GetResponse().GetStatus()
	if m.answer.GetReceipt() != nil {
		status = 200 // the host judges a callback as a look-up that was answered so
	}
	rule := func(code string) *abi.FailureRule {
		return abi.FirstMatch(manifest.GetFailures(), m.operation, status, code)
	}
	switch result := m.answer.GetResult().(type) {
	case *abi.Answer_Error:
		return jsonFile("error.json", newErrorText(result.Error))
	case *abi.Answer_Receipt:
		return jsonFile("receipt.json", newReceiptText(result.Receipt, rule))
	case *abi.Answer_Step:
		switch next := result.Step.GetNext().(type) {
		case *abi.Step_Send:
			return txtar.File{Name: "request-" + strconv.Itoa(number), Data: []byte(requestText(next.Send))}, nil
		case *abi.Step_Done:
			return jsonFile("outcome.json", newOutcomeText(next.Done, rule))
		case *abi.Step_Reject:
			return jsonFile("reject.json", newRejectText(next.Reject))
		}
		return txtar.File{}, errors.New("the step says neither send, nor done, nor reject")
	}
	return txtar.File{}, errors.New("the answer is empty")
}

func jsonFile(name string, value any) (txtar.File, error) {
	text, err := jsonText(value)
	return txtar.File{Name: name, Data: []byte(text)}, err
}
