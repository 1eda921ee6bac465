package api

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"payrouter/host/approval"
	"payrouter/host/payment"
)

// Approval is what a payment or a run shows of the approval that it, or a confirm of the payment, needs.
type Approval struct {
	Status     string    `json:"status" enum:"awaiting,approved,rejected,lapsed" doc:"Lapsed: it ended undecided"`
	RequiredBy string    `json:"required_by" doc:"The entry of the configuration that requires it"`
	ExpiresAt  time.Time `json:"expires_at" doc:"Until when it can be approved"`
	DecidedBy  string    `json:"decided_by,omitempty" doc:"The name of the approver's API key"`
	DecidedAt  time.Time `json:"decided_at,omitzero"`
	Reason     string    `json:"reason,omitempty"`
	// Destination does not change: what is approved is what is sent.
	Destination *destinationBody `json:"destination,omitempty" doc:"Of a payment: where its money is to go"`

	Act       string          `json:"act,omitempty" enum:"confirm" doc:"What of the payment it is for; else the payment"`
	Confirm   string          `json:"confirm,omitempty" doc:"Of a confirm: its id, to name it in a decision"`
	Operation string          `json:"operation,omitempty" doc:"Of a confirm: what the provider is to do"`
	Input     json.RawMessage `json:"input,omitempty" doc:"Of a confirm, while it awaits: what the operation takes"`
	AskedBy   string          `json:"asked_by,omitempty" doc:"Of a confirm: the name of the API key that asked for it"`
	AskedAt   time.Time       `json:"asked_at,omitzero"`
}

// The statuses of an approval that nobody has decided on; those of others are verdicts.
const (
	awaitingApproval = "awaiting"
	lapsedApproval   = "lapsed"
)

// approvalOf is nil where none was needed.
func approvalOf(r *approval.Record, awaits bool) *Approval {
	if r == nil {
		return nil
	}
	status := lapsedApproval
	if awaits {
		status = awaitingApproval
	}
	return &Approval{
		Status: cmp.Or(string(r.Verdict), status), RequiredBy: r.RequiredBy, ExpiresAt: r.ExpiresAt,
		DecidedBy: r.DecidedBy, DecidedAt: r.DecidedAt, Reason: r.Reason,
	}
}

// paymentApproval is of a payment's last confirm that needed one, or else of the payment.
func paymentApproval(p payment.Payment) *Approval {
	if c := p.Confirmation; c != nil {
		shown := approvalOf(&c.Approval, c.Awaits())
		shown.Act, shown.Confirm, shown.Operation, shown.Input = "confirm", c.ID, c.Operation, asJSON(c.Input)
		shown.AskedBy, shown.AskedAt = c.AskedBy, c.AskedAt
		return shown
	}
	shown := approvalOf(p.Approval, p.Status == payment.AwaitingApproval)
	if shown != nil {
		destination := destinationBody(p.Destination)
		shown.Destination = &destination
	}
	return shown
}

// authorOf is who asks for a payment, a run or a confirm.
func authorOf(ctx context.Context) approval.Author {
	key := callerOf(ctx)
	return approval.Author{Merchant: key.Merchant, Name: key.String(), Key: key.Line}
}

// approverOf is who decides on what awaits approval.
func (a *api) approverOf(ctx context.Context) approval.Approver {
	key := callerOf(ctx)
	by := approval.Approver{Name: key.String(), Key: key.Line, IssuedBy: key.IssuedBy}
	if a.settings.Keys != nil {
		by.Issued = a.settings.Keys.Issued(key)
	}
	return by
}

func (a *api) registerApprovals(described huma.API) {
	const held = " Takes another key than the one that asked for it, that neither comes from that one nor " +
		"made or rotated it. A repetition by the same key changes nothing."
	registry := described.OpenAPI().Components.Schemas
	endpoint := func(id, path, summary, description string, refused ...int) huma.Operation {
		o := a.endpoint(id, http.MethodPost, path, summary, description+held)
		refuses(&o, registry, append(refused, http.StatusForbidden, http.StatusNotFound, http.StatusConflict)...)
		return o
	}
	huma.Register(described, endpoint("approve-payment", paymentsPath+"/{id}/approve", "Approve a payment",
		"Routes and sends a payment that awaits approval, and waits for its first settled step; or performs the confirm "+
			"of one that does. What cannot be sent now goes on waiting.",
		http.StatusBadRequest, http.StatusUnprocessableEntity),
		recorded(a, act[approveInput, paymentOutput]{
			"payment.approve", func(in *approveInput) string { return in.ID },
			paymentState(a, func(in *approveInput) (id, reason string) { return in.ID, "" }), a.approve,
		}))
	huma.Register(described, endpoint("reject-payment", paymentsPath+"/{id}/reject", "Reject a payment",
		"Ends a payment that awaits approval: it fails with the code rejected, and nothing is sent. Of one whose confirm "+
			"does, it ends the confirm.",
		http.StatusBadRequest, http.StatusUnprocessableEntity), recorded(a, act[rejectPaymentInput, paymentOutput]{
		"payment.reject", func(in *rejectPaymentInput) string { return in.ID },
		paymentState(a, func(in *rejectPaymentInput) (id, reason string) { return in.ID, in.Body.Reason }), a.reject,
	}))
	huma.Register(described, endpoint("approve-run", runsPath+"/{id}/approve", "Approve a run",
		"Performs a run that awaits approval, and waits for its end."), recorded(a, act[runInput, runOutput]{
		"operation.approve", func(in *runInput) string { return in.ID },
		runState(a, func(in *runInput) (id, reason string) { return in.ID, "" }), a.approveRun,
	}))
	huma.Register(described, endpoint("reject-run", runsPath+"/{id}/reject", "Reject a run",
		"Ends a run that awaits approval: it fails with the code rejected, and nothing is sent.",
		http.StatusBadRequest, http.StatusUnprocessableEntity), recorded(a, act[rejectInput, runOutput]{
		"operation.reject", func(in *rejectInput) string { return in.ID },
		runState(a, rejection), a.rejectRun,
	}))
}

type approveInput struct {
	ID   string `path:"id" maxLength:"64"`
	Body *struct {
		Confirm string `json:"confirm,omitempty" maxLength:"64" doc:"The confirm that is meant; another is 409"`
	}
}

func (a *api) approve(ctx context.Context, in *approveInput) (*paymentOutput, error) {
	confirm := ""
	if in.Body != nil {
		confirm = in.Body.Confirm
	}
	p, err := a.engine.Approve(ctx, scopeOf(ctx), in.ID, confirm, a.approverOf(ctx))
	return shown(p, in.ID, err)
}

type rejectInput struct {
	ID   string `path:"id" maxLength:"64"`
	Body struct {
		Reason string `json:"reason" minLength:"1" maxLength:"1024" doc:"Shown with the approval" example:"Not our payee"`
	}
}

// rejection is what the audit log shows of a rejection.
func rejection(in *rejectInput) (id, reason string) { return in.ID, in.Body.Reason }

type rejectPaymentInput struct {
	ID   string `path:"id" maxLength:"64"`
	Body struct {
		Reason  string `json:"reason" minLength:"1" maxLength:"1024" doc:"Shown with the approval" example:"Not our payee"`
		Confirm string `json:"confirm,omitempty" maxLength:"64" doc:"The confirm that is meant; another is 409"`
	}
}

func (a *api) reject(ctx context.Context, in *rejectPaymentInput) (*paymentOutput, error) {
	p, err := a.engine.Reject(ctx, scopeOf(ctx), in.ID, in.Body.Confirm, a.approverOf(ctx), in.Body.Reason)
	return shown(p, in.ID, err)
}

func (a *api) approveRun(ctx context.Context, in *runInput) (*runOutput, error) {
	if _, err := a.run(ctx, in.ID); err != nil {
		return nil, problemOf(err, "")
	}
	run, err := a.settings.Operations.Approve(ctx, in.ID, a.approverOf(ctx))
	return shownRun(run, in.ID, err)
}

func (a *api) rejectRun(ctx context.Context, in *rejectInput) (*runOutput, error) {
	if _, err := a.run(ctx, in.ID); err != nil {
		return nil, problemOf(err, "")
	}
	run, err := a.settings.Operations.Reject(ctx, in.ID, a.approverOf(ctx), in.Body.Reason)
	return shownRun(run, in.ID, err)
}
