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
	shown, named, told := make(map[string]bool), make(map[string]bool), make(map[abi.Role]map[string]bool)
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
		requireAccount(t, manifest, v, moves, told)
	}
	for _, operation := range manifest.GetOperations() {
		require.True(t, shown[operation.GetName()], "no vector shows operation %s", operation.GetName())
	}
	for _, action := range manifest.GetActions() {
		require.True(t, told[action.GetRole()][action.GetOperation()],
			"no vector with a query shows what %s tells of %s %s", action.GetOperation(), roleName(action.GetRole()), action.GetTopic())
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

// requireAccount holds a call for a role of the account to what the host makes of it; told is which operations told something, by role.
func requireAccount(t *testing.T, manifest *abi.Manifest, v *vector, moves []move, told map[abi.Role]map[string]bool) {
	t.Helper()
	done := moves[len(moves)-1].answer.GetStep().GetDone()
	require.Empty(t, check.Told(done), v.name)
	if v.call.GetQuery() == nil {
		return
	}
	require.Empty(t, faultsOfQuestion(manifest, v.call, moves), v.name)
	for role, entries := range entriesOf(done) {
		if entries == 0 {
			continue
		}
		if told[role] == nil {
			told[role] = make(map[string]bool)
		}
		told[role][v.call.GetOperation()] = true
	}
}

// faultsOfQuestion lists what is wrong with how a question about the account was answered: it performs nothing that may change anything, and
// tells nothing that its operation is not asked for.
func faultsOfQuestion(manifest *abi.Manifest, call *abi.Call, moves []move) (faults []string) {
	roles := make(map[abi.Role]bool)
	for _, action := range manifest.GetActions() {
		if action.GetOperation() == call.GetOperation() {
			roles[action.GetRole()] = true
		}
	}
	if len(roles) == 0 {
		faults = append(faults, call.GetOperation()+" has no role of the account, and yet is asked with a query")
	}
	if call.GetPayment() != nil {
		faults = append(faults, "a query is of the account, not of a payment")
	}
	for _, m := range moves {
		send := m.answer.GetStep().GetSend()
		if name := cmp.Or(send.GetOperation(), call.GetOperation()); send != nil && classOf(manifest, name) != abi.Idempotency_IDEMPOTENCY_SAFE {
			faults = append(faults, "a question performs "+name+", which is not SAFE")
		}
	}
	for role, entries := range entriesOf(moves[len(moves)-1].answer.GetStep().GetDone()) {
		if entries > 0 && !roles[role] {
			faults = append(faults, "it tells of "+roleName(role)+", which it is not asked for")
		}
	}
	return faults
}

// entriesOf counts what an outcome tells of the account.
func entriesOf(outcome *abi.Outcome) map[abi.Role]int {
	return map[abi.Role]int{
		abi.Role_ROLE_BALANCES: len(outcome.GetBalances()), abi.Role_ROLE_RATES: len(outcome.GetRates()),
		abi.Role_ROLE_STATEMENT: len(outcome.GetTransactions()), abi.Role_ROLE_CATALOG: len(outcome.GetItems()),
	}
}

func roleName(role abi.Role) string { return enumName(role, "ROLE_") }

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
