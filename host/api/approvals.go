package api

import (
	"context"
	"net/http"
	"strings"
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

// author is who asks for a payment or a run.
func (a *api) author(ctx context.Context) approval.Author {
	return approval.Author{Merchant: merchantOf(ctx), Key: a.line(ctx)}
}

// line is the line of the key that asks; empty without keys.
func (a *api) line(ctx context.Context) string {
	if len(a.merchants) == 0 {
		return ""
	}
	return merchantOf(ctx)
}

// approver is who decides on what awaits approval, and the merchant whose payments that may be: empty is any. The error
// is forbidden.
func (a *api) approver(ctx context.Context) (by approval.Approver, merchant string, err error) {
	name, err := a.operator(ctx)
	return approval.Approver{Name: name, Key: a.line(ctx)}, "", err
}

func (a *api) registerApprovals(described huma.API) {
	const held = " Needs the right to approve, and another key than the one that asked for it, or issued by that one. " +
		"A repetition by the same key changes nothing."
	registry := described.OpenAPI().Components.Schemas
	endpoint := func(id, path, summary, description string) huma.Operation {
		o := a.endpoint(id, http.MethodPost, path, summary, strings.TrimSpace(description+held))
		refuses(&o, registry, http.StatusForbidden, http.StatusNotFound, http.StatusConflict,
			http.StatusUnprocessableEntity, http.StatusServiceUnavailable)
		return o
	}
	huma.Register(described, endpoint("approve-payment", paymentsPath+"/{id}/approve", "Approve a payment",
		"Routes and sends a payment that awaits approval, and waits for its first settled step. If no provider can take it "+
			"now, it goes on waiting."), a.approve)
	huma.Register(described, endpoint("reject-payment", paymentsPath+"/{id}/reject", "Reject a payment",
		"Ends a payment that awaits approval: it fails with the code rejected, and nothing is sent."), a.reject)
	huma.Register(described, endpoint("approve-run", runsPath+"/{id}/approve", "Approve a run",
		"Performs a run that awaits approval, and waits for its end."), a.approveRun)
	huma.Register(described, endpoint("reject-run", runsPath+"/{id}/reject", "Reject a run",
		"Ends a run that awaits approval: it fails with the code rejected, and nothing is sent."), a.rejectRun)
}

func (a *api) approve(ctx context.Context, in *idInput) (*paymentOutput, error) {
	by, merchant, err := a.approver(ctx)
	if err != nil {
		return nil, err
	}
	p, err := a.engine.Approve(ctx, merchant, in.ID, by)
	return shown(p, in.ID, err)
}

type rejectInput struct {
	ID   string `path:"id" maxLength:"64"`
	Body struct {
		Reason string `json:"reason" minLength:"1" maxLength:"1024" doc:"Shown with the approval" example:"Not our payee"`
	}
}

func (a *api) reject(ctx context.Context, in *rejectInput) (*paymentOutput, error) {
	by, merchant, err := a.approver(ctx)
	if err != nil {
		return nil, err
	}
	p, err := a.engine.Reject(ctx, merchant, in.ID, by, in.Body.Reason)
	return shown(p, in.ID, err)
}

func (a *api) approveRun(ctx context.Context, in *runInput) (*runOutput, error) {
	by, _, err := a.approver(ctx)
	if err != nil {
		return nil, err
	}
	run, err := a.settings.Operations.Approve(ctx, in.ID, by)
	return shownRun(run, in.ID, err)
}

func (a *api) rejectRun(ctx context.Context, in *rejectInput) (*runOutput, error) {
	by, _, err := a.approver(ctx)
	if err != nil {
		return nil, err
	}
	run, err := a.settings.Operations.Reject(ctx, in.ID, by, in.Body.Reason)
	return shownRun(run, in.ID, err)
}
