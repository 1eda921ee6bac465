package conformance

import (
	"cmp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/abi/conformance/check"
	abi "payrouter/abi/v1"
)

// testCoverage holds vectors and manifest against each other: each operation is shown, each secret is used and no other,
// steps stay within max_steps, and what goes in and comes out has the shape that the schemas promise.
func testCoverage(t *testing.T, guest machine, manifest *abi.Manifest, vectors []*vector) {
	t.Helper()
	shown, named := make(map[string]bool), make(map[string]bool)
	for _, v := range vectors {
		moves, err := play(t.Context(), guest, v)
		require.NoError(t, err, v.name)
		shown[v.call.GetOperation()] = true
		requireSteps(t, manifest, v, moves)
		for _, m := range moves {
			require.Empty(t, check.Answer(manifest, m.answer), v.name)
			for _, secret := range check.Secrets(m.answer) {
				named[secret] = true
			}
		}
		requireShapes(t, manifest, v, moves)
		requireQuote(t, manifest, v, moves)
	}
	for _, operation := range manifest.GetOperations() {
		require.True(t, shown[operation.GetName()], "no vector shows operation %s", operation.GetName())
	}
	for _, secret := range manifest.GetSecrets() {
		require.True(t, named[secret.GetName()] || secret.GetOptional(), "no vector uses secret %q: does the plugin need it?", secret.GetName())
	}
}

func requireSteps(t *testing.T, manifest *abi.Manifest, v *vector, moves []move) {
	t.Helper()
	sent := 0
	for _, m := range moves {
		if m.answer.GetStep().GetSend() != nil {
			sent++
		}
	}
	require.LessOrEqual(t, sent, int(max(manifest.GetMaxSteps(), 1)), "%s takes more round trips than max_steps", v.name)
}

// requireQuote demands that an accepted quote says what it quotes, and that every request on its way is one that changes nothing.
func requireQuote(t *testing.T, manifest *abi.Manifest, v *vector, moves []move) {
	t.Helper()
	payment := v.call.GetPayment()
	if payment == nil || !quotes(manifest, payment.GetKind(), v.call.GetOperation()) {
		return
	}
	for _, m := range moves {
		step := m.answer.GetStep()
		if send := step.GetSend(); send != nil {
			name := cmp.Or(send.GetOperation(), v.call.GetOperation())
			require.Equal(t, abi.Idempotency_IDEMPOTENCY_SAFE, classOf(manifest, name), "%s: a quote performs %s", v.name, name)
		}
		if done := step.GetDone(); done.GetVerdict() == abi.Verdict_VERDICT_ACCEPTED {
			require.NotNil(t, done.GetQuote(), "%s: accepted, without a quote", v.name)
		}
	}
}

func quotes(manifest *abi.Manifest, kind abi.Kind, operation string) bool {
	return slices.ContainsFunc(manifest.GetFlows(), func(flow *abi.Flow) bool {
		return flow.GetKind() == kind && slices.ContainsFunc(flow.GetActions(), func(action *abi.Action) bool {
			return action.GetRole() == abi.Role_ROLE_QUOTE && action.GetOperation() == operation
		})
	})
}

func classOf(manifest *abi.Manifest, name string) abi.Idempotency {
	for _, operation := range manifest.GetOperations() {
		if operation.GetName() == name {
			return operation.GetIdempotency()
		}
	}
	return abi.Idempotency_IDEMPOTENCY_UNSPECIFIED
}

// requireShapes holds the input of native calls and the output of accepted ones to the operation's schemas.
func requireShapes(t *testing.T, manifest *abi.Manifest, v *vector, moves []move) {
	t.Helper()
	at := slices.IndexFunc(manifest.GetOperations(), func(o *abi.Operation) bool { return o.GetName() == v.call.GetOperation() })
	if at < 0 {
		return
	}
	operation := manifest.GetOperations()[at]
	last := moves[len(moves)-1].answer.GetStep()
	refused := last == nil || last.GetReject() != nil
	if len(v.call.GetInput()) > 0 && !refused {
		schema, err := check.Schema(operation.GetInputSchema())
		require.NoError(t, err)
		require.NoError(t, check.Satisfies(schema, v.call.GetInput()), "%s: input", v.name)
	}
	if output := last.GetDone().GetOutput(); len(output) > 0 && last.GetDone().GetVerdict() == abi.Verdict_VERDICT_ACCEPTED {
		schema, err := check.Schema(operation.GetOutputSchema())
		require.NoError(t, err)
		require.NoError(t, check.Satisfies(schema, output), "%s: output", v.name)
	}
	if settings := v.call.GetSettings(); len(settings) > 0 && !refused {
		schema, err := check.Schema(manifest.GetSettingsSchema())
		require.NoError(t, err)
		require.NoError(t, check.Satisfies(schema, settings), "%s: settings", v.name)
	}
}
