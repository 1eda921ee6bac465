package main

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/host/api"
	"payrouter/host/sandbox"
)

// forms are the other forms of answers that leave what they decide.
var forms = []string{sandbox.FaultMark, sandbox.FaultNulls, sandbox.FaultNames, sandbox.FaultLists}

// Every provider's create and look-up, answered in each other form: the payment is what it is with the usual answer.
func TestAnswersInOtherFormsMeanTheSame(t *testing.T) {
	t.Parallel()
	for _, form := range forms {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			w := build(t, plan{environ: patient})
			struck := 0
			for _, create := range creates {
				fault := fmt.Sprintf(`{"kind":%q,"operation":%q,"count":1}`, form, create.operation)
				w.control("POST", create.provider+"/faults", fault)
				a := w.ask("POST", w.router+"/v1/payments", create.order, "Idempotency-Key", w.key())
				require.Equal(t, 201, a.status, string(a.body))
				made := read[api.Payment](t, a)
				require.Equal(t, create.taken, made.Status, "%s %s: %+v", create.provider, create.operation, made.Failure)
				require.NotEmpty(t, made.ProviderReference)
				w.control("DELETE", create.provider+"/faults", "")

				w.control("POST", create.provider+"/faults", fmt.Sprintf(`{"kind":%q}`, form))
				looked := w.act(made, "refresh", "")
				require.Equal(t, create.taken, looked.Status, "%s %s: %+v", create.provider, create.operation,
					looked.Failure)
				attempts := w.attempts(made.ID)
				require.NotEqual(t, "unanswered", attempts[len(attempts)-1].Event, "%+v", attempts[len(attempts)-1])
				w.control("DELETE", create.provider+"/faults", "")
			}
			for _, strike := range w.sandbox.Strikes("") {
				if strike.Kind == form {
					struck += strike.Times
				}
			}
			require.Positive(t, struck)
			if slices.Contains([]string{sandbox.FaultMark, sandbox.FaultNulls}, form) {
				require.GreaterOrEqual(t, struck, len(creates), "there is such a form at every provider")
			}
		})
	}
}
