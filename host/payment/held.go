package payment

import (
	"context"
	"encoding/json"

	abi "payrouter/abi/v1"
	"payrouter/host/attempt"
	"payrouter/host/attempt/recorded"
)

// heldPayment is a payment whose lock is held, as the owner of a flow's attempts.
type heldPayment struct {
	session *session
	payment Payment
	// unproven: only an answer that repeats our reference is about this payment.
	unproven bool
	// create is as a flow's.
	create abi.Idempotency
	// prepared is the flow's first step where that is made already.
	prepared *attempt.Prepared
}

// ending is what a flow about a payment came to, with the payment as it stands then.
type ending struct {
	attempt.Ending
	payment Payment
}

// run runs one flow about a payment. closed attempts are written along with its own.
func (h *heldPayment) run(ctx context.Context, at attempt.Plan, call *abi.Call,
	closed []attempt.Attempt,
) (ending, error) {
	end, err := h.flow(at, call, closed).Run(ctx)
	return ending{Ending: end, payment: h.payment}, err
}

func (h *heldPayment) flow(at attempt.Plan, call *abi.Call, closed []attempt.Attempt) *attempt.Flow {
	flow := &attempt.Flow{
		Driver: h.session.driver, Plan: at, Call: call, Owner: h, Create: h.create, Closed: closed,
		Matches: func(outcome *abi.Outcome) string { return h.contradiction(at, call, outcome) },
	}
	flow.Use(h.prepared)
	return flow
}

// The methods of attempt.Owner.

func (h *heldPayment) ID() attempt.OwnerID { return h.payment.OwnerID() }

func (h *heldPayment) Merchant() string { return h.payment.Merchant }

func (h *heldPayment) Count() int {
	h.payment.Attempts++
	return h.payment.Attempts
}

func (h *heldPayment) Warn(alert string) { h.payment = h.payment.alerted(codeWrittenTwice, alert) }

func (h *heldPayment) Recorded(response *abi.HttpResponse, _ *abi.Outcome) json.RawMessage {
	return recorded.Response(response)
}

func (h *heldPayment) Write(ctx context.Context, attempts []attempt.Attempt) error {
	saved, err := h.session.save(ctx, h.payment, attempts...)
	if err == nil {
		h.payment = saved
	}
	return err
}

func (h *heldPayment) contradiction(at attempt.Plan, call *abi.Call, outcome *abi.Outcome) string {
	// The reference of ours that an answer would repeat: the operation's own, or the create's for operations on what it
	// made.
	expected := call.GetCreateReference()
	if at.Role == abi.Role_ROLE_CREATE {
		expected = call.GetReference()
	}
	if h.unproven && (outcome.GetEchoedReference() == "" || outcome.GetEchoedReference() != expected) {
		return "nothing in the answer shows that it is about this payment"
	}
	subject := h.payment
	subject.ProviderReference = call.GetProviderReference()
	why := contradiction(subject, expected, outcome)
	if why != "" {
		h.payment = h.payment.alerted(codeContradiction, alertOtherAnswer(at.Account.Name, why))
		return why
	}
	if at.Account.Name == h.payment.Provider {
		h.payment, why = h.session.claimed(h.payment, outcome)
	}
	return why
}
