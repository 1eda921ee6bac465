package check

import (
	"bytes"
	"context"
	"fmt"

	abi "payrouter/abi/v1"
)

// apart makes two payments of each kind in turns, as instances that calls share see them, and compares every answer
// with what the payment gets alone: a plugin computes, and keeps nothing of one payment that another could show.
func (c *checker) apart(ctx context.Context, m *abi.Manifest) []string {
	var problems []string
	for _, operation := range m.GetOperations() {
		for _, call := range leastCalls(m, operation) {
			wrong := c.interleave(ctx, numbered(call, 1), numbered(call, 2))
			for _, problem := range wrong {
				problems = append(problems, "operation "+operation.GetName()+": "+problem)
			}
		}
	}
	return compact(problems)
}

// numbered is a call of a payment that is like no other in what it says of its payer.
func numbered(call *abi.Call, n byte) *abi.Call {
	made := copyOf(call)
	made.Seed = bytes.Repeat([]byte{n}, 32)
	if call.GetPayment() == nil {
		return made
	}
	payment, err := call.GetPayment().MarshalVT()
	made.Payment = new(abi.Payment)
	if err != nil || made.Payment.UnmarshalVTUnsafe(payment) != nil {
		return call // which is encoded as badly in every other check
	}
	made.Payment.Payer = &abi.Payer{
		Name: fmt.Sprintf("Payer %d", n), Email: fmt.Sprintf("payer%d@example.com", n),
		Phone: fmt.Sprintf("+4930123456%d", n), Ip: fmt.Sprintf("192.0.2.%d", n),
	}
	return made
}

// turn is one payment's way through the check.
type turn struct {
	call  *abi.Call
	state []byte // of the request that its prepare asked for
	sends bool
}

// interleave compares two payments' answers, taken in turns, with those that each gets alone.
func (c *checker) interleave(ctx context.Context, first, second *abi.Call) []string {
	turns := []*turn{{call: first}, {call: second}}
	var problems []string
	compare := func(export Export, input func(*turn) message) {
		alone := make([][]byte, len(turns))
		for i, t := range turns {
			if in := input(t); in != nil {
				alone[i] = c.answerOf(ctx, c.guest.CallAlone, export, in)
			}
		}
		for i, t := range turns {
			in := input(t)
			if in == nil || alone[i] == nil {
				continue // without an answer there is nothing to compare, and other checks have the reason
			}
			answer := c.answerOf(ctx, c.guest.Call, export, in)
			if answer != nil && !bytes.Equal(answer, alone[i]) {
				problems = append(problems, fmt.Sprintf("%s: beside another payment the answer is not the one that it is"+
					" alone: the plugin keeps something from one call to the next", export))
			}
		}
		for i, t := range turns {
			answer := new(abi.Answer)
			if export == Prepare && alone[i] != nil && answer.UnmarshalVTUnsafe(alone[i]) == nil {
				t.state, t.sends = answer.GetStep().GetSend().GetState(), answer.GetStep().GetSend() != nil
			}
		}
	}
	compare(Prepare, func(t *turn) message { return t.call })
	compare(Prepare, func(t *turn) message { return t.call }) // the first may have kept something of the second
	compare(Interpret, func(t *turn) message {
		if !t.sends {
			return nil
		}
		return &abi.Interpretation{Call: t.call, State: t.state, Response: response(200, `{}`)}
	})
	return compact(problems)
}

// answerOf is the encoded answer of a call; nil where it has none.
func (c *checker) answerOf(ctx context.Context, call func(context.Context, Export, []byte) ([]byte, Usage, error),
	export Export, in message,
) []byte {
	encoded, err := in.MarshalVT()
	if err != nil {
		return nil
	}
	answer, used, err := call(ctx, export, encoded)
	c.report.Memory = max(c.report.Memory, used.Memory)
	if err != nil {
		return nil
	}
	return answer
}
