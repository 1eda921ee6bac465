package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"payrouter/host/payment"
)

// Event is one line of a payment's timeline, as the API and its webhooks show it.
type Event struct {
	Sequence   int64     `json:"sequence" doc:"Rises over all payments: pass the last one seen as after"`
	ID         string    `json:"id" example:"evt_01jd3x6v7q8r9s0t1v2w3x4y5z"`
	Type       string    `json:"type"`
	PaymentID  string    `json:"payment_id"`
	At         time.Time `json:"at"`
	Cause      string    `json:"cause" enum:"request,answer,callback,poll,recovery,operator" doc:"What caused the change"`
	AttemptID  string    `json:"attempt_id,omitempty"`
	CallbackID string    `json:"callback_id,omitempty"`
	Operator   string    `json:"operator,omitempty"`
	Reason     string    `json:"reason,omitempty"`
	// Payment is as it was then.
	Payment json.RawMessage `json:"payment" doc:"The whole payment as it stood after the change"`
}

// EventOf is an entry as the API shows it.
func EventOf(e payment.Entry) Event {
	return Event{
		Sequence: e.Sequence, ID: e.ID, Type: string(e.Type), PaymentID: e.PaymentID, At: e.At, Cause: string(e.Cause),
		AttemptID:  string(e.AttemptID),
		CallbackID: e.CallbackID, Operator: e.Operator, Reason: e.Reason, Payment: e.Snapshot,
	}
}

// Snapshot is a payment as the API shows it, as JSON: what an event keeps.
func Snapshot(p payment.Payment) json.RawMessage {
	text, _ := json.Marshal(viewOf(p)) //nolint:errchkjson // strings, numbers and times
	return text
}

func (a *api) registerEvents(described huma.API) {
	registry := described.OpenAPI().Components.Schemas
	timeline := a.endpoint("list-payment-events", http.MethodGet, paymentsPath+"/{id}/events",
		"Show a payment's timeline",
		"Every change with its cause, oldest first.")
	refuses(&timeline, registry, http.StatusNotFound)
	huma.Register(described, timeline, a.timeline)

	events := a.endpoint("list-events", http.MethodGet, "/v1/events", "Catch up with events",
		"In the order in which they happened, over all of the merchant's payments. Ask again with the last "+
			"sequence seen.")
	refuses(&events, registry, http.StatusUnprocessableEntity)
	huma.Register(described, events, a.events)
}

func (a *api) registerResolve(described huma.API) {
	registry := described.OpenAPI().Components.Schemas
	resolve := a.endpoint("resolve-payment", http.MethodPost, paymentsPath+"/{id}/resolve", "Settle a payment by hand",
		"If neither a look-up nor a callback can settle "+
			"it. The reason stays on the payment's timeline. "+
			"A later report to the contrary sets money_conflict.")
	refuses(&resolve, registry, http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound, http.StatusConflict,
		http.StatusUnprocessableEntity)
	huma.Register(described, resolve, recorded(a, act[resolveInput, paymentOutput]{
		"payment.resolve", func(in *resolveInput) string { return in.ID },
		paymentState(a, func(in *resolveInput) (id, reason string) { return in.ID, in.Body.Reason }), a.resolve,
	}))
}

type resolveInput struct {
	ID   string `path:"id" maxLength:"64"`
	Body struct {
		Status string `json:"status" enum:"succeeded,failed,canceled,expired"`

		Reason string `json:"reason" minLength:"1" maxLength:"1024" doc:"How it is known" example:"Support ticket 4711"`

		ProviderReference string `json:"provider_reference,omitempty" maxLength:"255" doc:"Where you found it out"`
	}
}

func (a *api) resolve(ctx context.Context, in *resolveInput) (*paymentOutput, error) {
	operator := callerOf(ctx).String()
	if _, err := a.engine.Payment(ctx, scopeOf(ctx), in.ID); err != nil {
		return nil, problemOf(err, "")
	}
	p, err := a.engine.Resolve(ctx, in.ID, payment.ManualResolution{
		Operator: operator, Reason: in.Body.Reason, Status: payment.Status(in.Body.Status),
		ProviderReference: in.Body.ProviderReference,
	})
	return shown(p, in.ID, err)
}

type timelineOutput struct {
	Body struct {
		Data []Event `json:"data"`
	}
}

func (a *api) timeline(ctx context.Context, in *idInput) (*timelineOutput, error) {
	found, err := a.engine.Timeline(ctx, scopeOf(ctx), in.ID)
	if err != nil {
		return nil, problemOf(err, "")
	}
	out := &timelineOutput{}
	out.Body.Data = eventsOf(found)
	return out, nil
}

type eventsInput struct {
	After int64 `query:"after" minimum:"0" doc:"The last sequence seen; those after it follow"`
	Limit int   `query:"limit" minimum:"1" maximum:"500" default:"100"`
}

type eventsOutput struct {
	Body struct {
		Data []Event `json:"data"`
		More bool    `json:"more" doc:"Whether further events are there already"`
	}
}

func (a *api) events(ctx context.Context, in *eventsInput) (*eventsOutput, error) {
	found, err := a.engine.Entries(ctx, scopeOf(ctx), in.After, in.Limit+1)
	if err != nil {
		return nil, problemOf(err, "")
	}
	out := &eventsOutput{}
	if out.Body.More = len(found) > in.Limit; out.Body.More {
		found = found[:in.Limit]
	}
	out.Body.Data = eventsOf(found)
	return out, nil
}

func eventsOf(entries []payment.Entry) []Event {
	events := make([]Event, len(entries))
	for i, e := range entries {
		events[i] = EventOf(e)
	}
	return events
}
