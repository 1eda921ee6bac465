package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"payrouter/host/approval"
)

// Approval is what a payment or a run shows of the approval that it needs.
type Approval struct {
	RequiredBy string    `json:"required_by" doc:"The entry of the configuration that requires it"`
	ExpiresAt  time.Time `json:"expires_at" doc:"Until when it can be approved"`
	Verdict    string    `json:"verdict,omitempty" enum:"approved,rejected" doc:"Absent until a person has decided"`
	DecidedBy  string    `json:"decided_by,omitempty" doc:"The name of the approver's API key"`
	DecidedAt  time.Time `json:"decided_at,omitzero"`
	Reason     string    `json:"reason,omitempty"`
	// Destination does not change: what is approved is what is sent.
	Destination *destinationBody `json:"destination,omitempty" doc:"Of a payment: where its money is to go"`
}

func approvalOf(r *approval.Record) *Approval {
	if r == nil {
		return nil
	}
	return &Approval{
		RequiredBy: r.RequiredBy, ExpiresAt: r.ExpiresAt, Verdict: string(r.Verdict), DecidedBy: r.DecidedBy,
		DecidedAt: r.DecidedAt, Reason: r.Reason,
	}
}

// authorOf is who asks for a payment or a run.
func authorOf(ctx context.Context) approval.Author {
	key := callerOf(ctx)
	return approval.Author{Merchant: key.Merchant, Key: key.Line}
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
		"Routes and sends a payment that awaits approval, and waits for its first settled step. If no provider can take it "+
			"now, it goes on waiting."), recorded(a, act[idInput, paymentOutput]{
		"payment.approve", func(in *idInput) string { return in.ID },
		paymentState(a, func(in *idInput) (id, reason string) { return in.ID, "" }), a.approve,
	}))
	huma.Register(described, endpoint("reject-payment", paymentsPath+"/{id}/reject", "Reject a payment",
		"Ends a payment that awaits approval: it fails with the code rejected, and nothing is sent.",
		http.StatusBadRequest, http.StatusUnprocessableEntity), recorded(a, act[rejectInput, paymentOutput]{
		"payment.reject", func(in *rejectInput) string { return in.ID },
		paymentState(a, rejection), a.reject,
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

func (a *api) approve(ctx context.Context, in *idInput) (*paymentOutput, error) {
	p, err := a.engine.Approve(ctx, scopeOf(ctx), in.ID, a.approverOf(ctx))
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

func (a *api) reject(ctx context.Context, in *rejectInput) (*paymentOutput, error) {
	p, err := a.engine.Reject(ctx, scopeOf(ctx), in.ID, a.approverOf(ctx), in.Body.Reason)
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
