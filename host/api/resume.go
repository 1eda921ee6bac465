package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"payrouter/host/egress"
	"payrouter/host/payment"
)

// HeldAccount is the reason why an account receives no new payments.
type HeldAccount struct {
	Kind   string     `json:"kind" enum:"paused,on_trial,suspended,rate"`
	Until  *time.Time `json:"until,omitempty" doc:"When a pause ends"`
	Since  *time.Time `json:"since,omitempty" doc:"When a suspension began"`
	Reason string     `json:"reason,omitempty" doc:"What brought it" example:"HTTP 403 without the provider's own words"`
}

// heldOf is nil where something else makes the account unavailable.
func heldOf(err error) *HeldAccount {
	held, is := errors.AsType[*egress.HeldError](err)
	if !is {
		return nil
	}
	return &HeldAccount{
		Kind: string(held.Kind), Until: timeOf(held.Until), Since: timeOf(held.Since),
		Reason: held.Reason,
	}
}

// timeOf is nil for the zero time.
func timeOf(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	at = at.UTC()
	return &at
}

func (a *api) registerResume(described huma.API) {
	resume := a.endpoint("resume-provider", http.MethodPost, "/v1/providers/{name}/resume",
		"Send a paused or suspended provider new payments again",
		"Once the reason is gone: the account starts with a few payments at once. The log keeps who "+
			"resumed it, and why.")
	refuses(&resume, described.OpenAPI().Components.Schemas,
		http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound, http.StatusConflict,
		http.StatusUnprocessableEntity)
	huma.Register(described, resume, recorded(a, act[resumeInput, providerOutput]{
		"provider.resume", func(in *resumeInput) string { return in.Name }, a.heldState, a.resume,
	}))
}

type resumeInput struct {
	Name string `path:"name" maxLength:"64"`
	Body struct {
		Reason string `json:"reason" minLength:"1" maxLength:"1024" doc:"What has changed" example:"Block lifted, case 4711"`
	}
}

type providerOutput struct {
	Body Provider
}

func (a *api) resume(ctx context.Context, in *resumeInput) (*providerOutput, error) {
	operator := callerOf(ctx).String()
	if err := a.requireOwn(ctx, in.Name, payment.ErrNoAccount); err != nil {
		return nil, err
	}
	if err := a.engine.Resume(ctx,
		payment.Resumption{Provider: in.Name, Operator: operator, Reason: in.Body.Reason}); err != nil {
		return nil, problemOf(err, "")
	}
	account, known := a.engine.Fleet().Accounts[in.Name]
	if !known {
		return nil, problemOf(payment.ErrNoAccount, "")
	}
	return &providerOutput{Body: providerOf(account)}, nil
}
