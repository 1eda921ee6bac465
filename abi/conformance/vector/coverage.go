package vector

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"payrouter/abi/conformance/check"
	abi "payrouter/abi/v1"
)

// Coverage compares vectors and manifest, and returns what does not fit: each operation is shown, each secret is used
// and no other, steps stay within max_steps, and what goes in and comes out has the shape that the schemas promise.
func Coverage(ctx context.Context, guest Machine, manifest *abi.Manifest, vectors []*Vector) []string {
	shown := &showing{
		operations: make(map[string]bool), secrets: make(map[string]bool),
		reported: make(map[abi.Role]map[string]bool),
	}
	var faults []string
	for _, v := range vectors {
		moves, err := play(ctx, guest, v)
		if err != nil {
			return append(faults, v.Name+": "+err.Error())
		}
		shown.take(v, moves)
		for _, fault := range slices.Concat(faultsOfAnswers(manifest, moves), faultsOfShapes(manifest, v.call, moves),
			faultsOfRoles(manifest, v.call, moves)) {
			faults = append(faults, v.Name+": "+fault)
		}
	}
	return append(faults, shown.missing(manifest)...)
}

// showing is what vectors show: operations, uses of secrets, and which operations reported entries, by role of the
// account.
type showing struct {
	operations, secrets map[string]bool
	reported            map[abi.Role]map[string]bool
}

func (s *showing) take(v *Vector, moves []move) {
	s.operations[v.call.GetOperation()] = true
	for _, m := range moves {
		for _, secret := range check.Secrets(m.answer) {
			s.secrets[secret] = true
		}
	}
	if v.call.GetQuery() == nil {
		return
	}
	for role, entries := range entriesOf(lastOf(moves).GetDone()) {
		if entries > 0 && s.reported[role] == nil {
			s.reported[role] = make(map[string]bool)
		}
		if entries > 0 {
			s.reported[role][v.call.GetOperation()] = true
		}
	}
}

// missing lists what no vector shows.
func (s *showing) missing(manifest *abi.Manifest) (faults []string) {
	for _, operation := range manifest.GetOperations() {
		if !s.operations[operation.GetName()] {
			faults = append(faults, "no vector shows operation "+operation.GetName())
		}
	}
	for _, action := range manifest.GetActions() {
		if !s.reported[action.GetRole()][action.GetOperation()] {
			faults = append(faults, fmt.Sprintf("no vector with a query shows what %s tells of %s %s",
				action.GetOperation(), roleName(action.GetRole()), action.GetTopic()))
		}
	}
	for _, secret := range manifest.GetSecrets() {
		if !s.secrets[secret.GetName()] && !secret.GetOptional() {
			faults = append(faults, fmt.Sprintf("no vector uses secret %q: does the plugin need it?", secret.GetName()))
		}
	}
	return faults
}

func lastOf(moves []move) *abi.Step { return moves[len(moves)-1].answer.GetStep() }

func faultsOfAnswers(manifest *abi.Manifest, moves []move) (faults []string) {
	sent := 0
	for _, m := range moves {
		faults = append(faults, check.Answer(manifest, m.answer)...)
		if m.answer.GetStep().GetSend() != nil {
			sent++
		}
	}
	if most := int(max(manifest.GetMaxSteps(), 1)); sent > most {
		faults = append(faults, fmt.Sprintf("%d round trips, and max_steps is %d", sent, most))
	}
	return faults
}

// faultsOfRoles holds what is done for a role to what the host makes of it.
func faultsOfRoles(manifest *abi.Manifest, call *abi.Call, moves []move) []string {
	faults := slices.Concat(check.Entries(lastOf(moves).GetDone()), faultsOfQuote(manifest, call, moves))
	if call.GetQuery() != nil {
		faults = append(faults, faultsOfQuestion(manifest, call, moves)...)
	}
	return faults
}

// faultsOfQuote demands that an accepted quote states what it quotes, and that every request on its way is one that
// changes nothing.
func faultsOfQuote(manifest *abi.Manifest, call *abi.Call, moves []move) (faults []string) {
	payment := call.GetPayment()
	if payment == nil || !quotes(manifest, payment.GetKind(), call.GetOperation()) {
		return nil
	}
	for _, m := range moves {
		step := m.answer.GetStep()
		name := cmp.Or(step.GetSend().GetOperation(), call.GetOperation())
		if step.GetSend() != nil && classOf(manifest, name) != abi.Idempotency_IDEMPOTENCY_SAFE {
			faults = append(faults, "a quote performs "+name+", which is not SAFE")
		}
		if done := step.GetDone(); done.GetVerdict() == abi.Verdict_VERDICT_ACCEPTED && done.GetQuote() == nil {
			faults = append(faults, "a quote is accepted, without a quote")
		}
	}
	return faults
}

// faultsOfQuestion lists what is wrong with how a question about the account was answered: it performs nothing that may
// change anything, and reports nothing that its operation is not asked for.
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
		if name := cmp.Or(send.GetOperation(), call.GetOperation()); send != nil &&
			classOf(manifest, name) != abi.Idempotency_IDEMPOTENCY_SAFE {
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

// entriesOf counts an outcome's entries about the account.
func entriesOf(outcome *abi.Outcome) map[abi.Role]int {
	return map[abi.Role]int{
		abi.Role_ROLE_BALANCES: len(outcome.GetBalances()), abi.Role_ROLE_RATES: len(outcome.GetRates()),
		abi.Role_ROLE_STATEMENT: len(outcome.GetTransactions()), abi.Role_ROLE_CATALOG: len(outcome.GetItems()),
	}
}

func roleName(role abi.Role) string { return abi.NameOf(role, "ROLE_") }

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

// faultsOfShapes holds the input of native calls and the output of accepted ones to the operation's schemas.
func faultsOfShapes(manifest *abi.Manifest, call *abi.Call, moves []move) (faults []string) {
	at := slices.IndexFunc(manifest.GetOperations(),
		func(o *abi.Operation) bool { return o.GetName() == call.GetOperation() })
	if at < 0 {
		return nil
	}
	hold := func(what, schema string, text []byte) {
		compiled, err := check.Schema(schema)
		if err == nil {
			err = check.Satisfies(compiled, text)
		}
		if err != nil {
			faults = append(faults, what+": "+err.Error())
		}
	}
	operation, last := manifest.GetOperations()[at], lastOf(moves)
	refused := last == nil || last.GetReject() != nil
	if input := call.GetInput(); len(input) > 0 && !refused {
		hold("input", operation.GetInputSchema(), input)
	}
	if output := last.GetDone().GetOutput(); len(output) > 0 &&
		last.GetDone().GetVerdict() == abi.Verdict_VERDICT_ACCEPTED {
		hold("output", operation.GetOutputSchema(), output)
	}
	if settings := call.GetSettings(); len(settings) > 0 && !refused {
		hold("settings", manifest.GetSettingsSchema(), settings)
	}
	return faults
}
