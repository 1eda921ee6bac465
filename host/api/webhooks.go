package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"payrouter/host/payment"
	"payrouter/host/webhook"
)

const webhooksPath = "/v1/webhook-endpoints"

// WebhookEndpoint is a merchant's address for events, as the API shows it: its secret is shown when it is made, and
// never again.
type WebhookEndpoint struct {
	ID                  string    `json:"id" example:"we_01jd3x6v7q8r9s0t1v2w3x4y5z"`
	URL                 string    `json:"url" example:"https://shop.example/hooks/payments"`
	Types               []string  `json:"types" doc:"The events that are sent; none means all"`
	Description         string    `json:"description,omitempty"`
	Enabled             bool      `json:"enabled"`
	DisabledAt          time.Time `json:"disabled_at,omitzero"`
	DisabledReason      string    `json:"disabled_reason,omitempty"`
	FailingSince        time.Time `json:"failing_since,omitzero" doc:"The first failure after the last success"`
	HeldUntil           time.Time `json:"held_until,omitzero" doc:"No delivery before this time, as the endpoint asked"`
	DeliveredAt         time.Time `json:"delivered_at,omitzero" doc:"The last success"`
	PreviousSecretUntil time.Time `json:"previous_secret_until,omitzero" doc:"Until then the previous secret signs too"`
	CreatedAt           time.Time `json:"created_at"`

	Secret string `json:"secret,omitempty" doc:"Shown once" example:"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"`
}

func endpointOf(e webhook.Endpoint) WebhookEndpoint {
	shown := WebhookEndpoint{
		ID: e.ID, URL: e.URL, Types: make([]string, len(e.Types)), Description: e.Description, Enabled: !e.Disabled(),
		DisabledAt:     e.DisabledAt,
		DisabledReason: e.DisabledReason, FailingSince: e.FailingSince, HeldUntil: e.HeldUntil,
		DeliveredAt:         e.DeliveredAt,
		PreviousSecretUntil: e.PreviousUntil, CreatedAt: e.CreatedAt,
	}
	for i, one := range e.Types {
		shown.Types[i] = string(one)
	}
	return shown
}

func endpointWithSecret(e webhook.Endpoint) WebhookEndpoint {
	shown := endpointOf(e)
	shown.Secret = string(e.Secret)
	return shown
}

// WebhookDelivery is one event on its way to one endpoint, as the API shows it.
type WebhookDelivery struct {
	EventID  string    `json:"event_id" example:"evt_01jd3x6v7q8r9s0t1v2w3x4y5z"`
	Sequence int64     `json:"sequence"`
	Type     string    `json:"type"`
	State    string    `json:"state" enum:"pending,delivered,failed"`
	Tries    int       `json:"tries" doc:"Since the last redelivery by hand"`
	NextTry  time.Time `json:"next_try,omitzero" doc:"While it is pending"`
	TriedAt  time.Time `json:"tried_at,omitzero"`
	Status   int       `json:"status,omitempty" doc:"The last HTTP status"`
	Error    string    `json:"error,omitempty" doc:"Why the last try failed"`
}

func deliveryOf(d webhook.Delivery) WebhookDelivery {
	shown := WebhookDelivery{
		EventID: d.EventID, Sequence: d.Sequence, Type: string(d.Type), State: string(d.State), Tries: d.Tries,
		TriedAt: d.TriedAt, Status: d.Status,
		Error: d.Error,
	}
	if d.State == webhook.Pending {
		shown.NextTry = d.Due
	}
	return shown
}

func (a *api) registerWebhooks(described huma.API) {
	registry := described.OpenAPI().Components.Schemas
	endpoint := func(id, method, path, summary, description string, status int, refused ...int) huma.Operation {
		o := a.endpoint(id, method, webhooksPath+path, summary, description)
		o.DefaultStatus = status
		refuses(&o, registry, refused...)
		return o
	}
	huma.Register(described, endpoint("create-webhook-endpoint", http.MethodPost, "", "Add a webhook endpoint",
		"It gets the events from now on, signed as in Standard Webhooks. The secret is in this answer only.",
		http.StatusCreated, http.StatusBadRequest, http.StatusConflict, http.StatusUnprocessableEntity),
		recorded(a, act[createEndpointInput, secretOutput]{"webhook.create", nil, madeEndpoint, a.createEndpoint}))
	huma.Register(described,
		endpoint("list-webhook-endpoints", http.MethodGet, "", "List webhook endpoints", "", http.StatusOK),
		a.listEndpoints)
	huma.Register(described, endpoint("get-webhook-endpoint", http.MethodGet, "/{id}", "Get a webhook endpoint", "",
		http.StatusOK, http.StatusNotFound), a.getEndpoint)
	huma.Register(described, endpoint("update-webhook-endpoint", http.MethodPatch, "/{id}", "Edit a webhook endpoint",
		"Enabling one that was disabled sends what came meanwhile.",
		http.StatusOK, http.StatusBadRequest, http.StatusNotFound, http.StatusUnprocessableEntity),
		recorded(a, act[updateEndpointInput, endpointOutput]{
			"webhook.update", updatedID, endpointState[updateEndpointInput, endpointOutput](a, updatedID), a.updateEndpoint,
		}))
	huma.Register(described,
		endpoint("delete-webhook-endpoint", http.MethodDelete, "/{id}", "Delete a webhook endpoint", "",
			http.StatusNoContent, http.StatusNotFound),
		recorded(a, act[endpointInput, struct{}]{
			"webhook.delete", endpointID, endpointState[endpointInput, struct{}](a, endpointID), a.deleteEndpoint,
		}))
	huma.Register(described,
		endpoint("rotate-webhook-secret", http.MethodPost, "/{id}/rotate-secret",
			"Give a webhook endpoint a new secret",
			"The new secret is in this answer only. Until the old one ends, each message is signed with both.",
			http.StatusOK, http.StatusBadRequest, http.StatusNotFound, http.StatusUnprocessableEntity),
		recorded(a, act[rotateInput, secretOutput]{
			"webhook.rotate_secret", rotatedID, endpointState[rotateInput, secretOutput](a, rotatedID), a.rotateSecret,
		}))
	huma.Register(described,
		endpoint("list-webhook-deliveries", http.MethodGet, "/{id}/deliveries",
			"List what was and will be sent to an endpoint",
			"The newest event first.", http.StatusOK, http.StatusNotFound, http.StatusUnprocessableEntity),
		a.deliveries)
	huma.Register(described,
		endpoint("redeliver-webhook", http.MethodPost, "/{id}/deliveries/{event}/redeliver",
			"Send an event to an endpoint again",
			"At once, and then by the whole schedule; also one that the endpoint has not been sent before.",
			http.StatusAccepted, http.StatusNotFound, http.StatusConflict),
		recorded(a, act[redeliverInput, deliveryOutput]{"webhook.redeliver", redeliveredID, redelivered, a.redeliver}))
}

func updatedID(in *updateEndpointInput) string { return in.ID }

func endpointID(in *endpointInput) string { return in.ID }

func rotatedID(in *rotateInput) string { return in.ID }

func redeliveredID(in *redeliverInput) string { return in.ID }

// madeEndpoint is an endpoint that was made, without its secret.
func madeEndpoint(_ context.Context, _ *createEndpointInput, out *secretOutput) any {
	if out == nil {
		return nil
	}
	shown := out.Body
	shown.Secret = ""
	return shown
}

func redelivered(_ context.Context, _ *redeliverInput, out *deliveryOutput) any {
	if out == nil {
		return nil
	}
	return out.Body
}

type endpointOutput struct {
	Body WebhookEndpoint
}

// endpointShown is the end of most operations on one endpoint.
func endpointShown(e webhook.Endpoint, err error) (*endpointOutput, error) {
	if err != nil {
		return nil, problemOf(err, "")
	}
	return &endpointOutput{Body: endpointOf(e)}, nil
}

// secretOutput must not be cached on the way.
type secretOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         WebhookEndpoint
}

func secretShown(e webhook.Endpoint, err error) (*secretOutput, error) {
	if err != nil {
		return nil, problemOf(err, "")
	}
	return &secretOutput{CacheControl: "no-store", Body: endpointWithSecret(e)}, nil
}

type createEndpointInput struct {
	Body struct {
		URL         string   `json:"url" maxLength:"2048" doc:"A public https address" example:"https://shop.example/hooks"`
		Types       []string `json:"types,omitempty" maxItems:"32" doc:"Event types to send" example:"payment.succeeded"`
		Description string   `json:"description,omitempty" maxLength:"255"`
	}
}

func (a *api) createEndpoint(ctx context.Context, in *createEndpointInput) (*secretOutput, error) {
	types := entryTypes(in.Body.Types)
	return secretShown(a.settings.Webhooks.Create(ctx, callerOf(ctx).Merchant,
		webhook.Edit{URL: &in.Body.URL, Types: &types, Description: &in.Body.Description}))
}

func entryTypes(names []string) []payment.EntryType {
	types := make([]payment.EntryType, len(names))
	for i, name := range names {
		types[i] = payment.EntryType(name)
	}
	return types
}

type endpointsOutput struct {
	Body struct {
		Data []WebhookEndpoint `json:"data"`
	}
}

func (a *api) listEndpoints(ctx context.Context, _ *struct{}) (*endpointsOutput, error) {
	found, err := a.settings.Webhooks.List(ctx, callerOf(ctx).Merchant)
	if err != nil {
		return nil, problemOf(err, "")
	}
	out := &endpointsOutput{}
	out.Body.Data = make([]WebhookEndpoint, len(found))
	for i, e := range found {
		out.Body.Data[i] = endpointOf(e)
	}
	return out, nil
}

type endpointInput struct {
	ID string `path:"id" maxLength:"64" example:"we_01jd3x6v7q8r9s0t1v2w3x4y5z"`
}

func (a *api) getEndpoint(ctx context.Context, in *endpointInput) (*endpointOutput, error) {
	return endpointShown(a.settings.Webhooks.Get(ctx, callerOf(ctx).Merchant, in.ID))
}

type updateEndpointInput struct {
	ID   string `path:"id" maxLength:"64"`
	Body struct {
		URL         *string   `json:"url,omitempty" maxLength:"2048"`
		Types       *[]string `json:"types,omitempty" maxItems:"32" doc:"Replaces the types; an empty list is all of them"`
		Description *string   `json:"description,omitempty" maxLength:"255"`
		Enabled     *bool     `json:"enabled,omitempty"`
	}
}

func (a *api) updateEndpoint(ctx context.Context, in *updateEndpointInput) (*endpointOutput, error) {
	edit := webhook.Edit{URL: in.Body.URL, Description: in.Body.Description, Enabled: in.Body.Enabled}
	if in.Body.Types != nil {
		types := entryTypes(*in.Body.Types)
		edit.Types = &types
	}
	return endpointShown(a.settings.Webhooks.Change(ctx, callerOf(ctx).Merchant, in.ID, edit))
}

func (a *api) deleteEndpoint(ctx context.Context, in *endpointInput) (*struct{}, error) {
	if err := a.settings.Webhooks.Delete(ctx, callerOf(ctx).Merchant, in.ID); err != nil {
		return nil, problemOf(err, "")
	}
	return &struct{}{}, nil
}

type rotateInput struct {
	ID   string `path:"id" maxLength:"64"`
	Body *struct {
		// A pointer, since 0 is an answer of its own: a secret that leaked ends now.
		Overlap *int `json:"overlap_seconds,omitempty" minimum:"0" maximum:"2592000" doc:"How long the old secret signs too"`
	}
}

// usualOverlap is a day: time to bring a new secret to every receiver.
const usualOverlap = 24 * time.Hour

func (a *api) rotateSecret(ctx context.Context, in *rotateInput) (*secretOutput, error) {
	overlap := usualOverlap
	if in.Body != nil && in.Body.Overlap != nil {
		overlap = time.Duration(*in.Body.Overlap) * time.Second
	}
	return secretShown(a.settings.Webhooks.Rotate(ctx, callerOf(ctx).Merchant, in.ID, overlap))
}

type deliveriesInput struct {
	ID     string `path:"id" maxLength:"64"`
	State  string `query:"state" enum:"pending,delivered,failed"`
	Before int64  `query:"before" minimum:"1" doc:"The last sequence seen; those before it follow"`
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"100"`
}

type deliveriesOutput struct {
	Body struct {
		Data []WebhookDelivery `json:"data"`
		More bool              `json:"more" doc:"Whether older ones follow"`
	}
}

func (a *api) deliveries(ctx context.Context, in *deliveriesInput) (*deliveriesOutput, error) {
	filter := webhook.Filter{State: webhook.State(in.State), Before: in.Before, Limit: in.Limit + 1}
	found, err := a.settings.Webhooks.Deliveries(ctx, callerOf(ctx).Merchant, in.ID, filter)
	if err != nil {
		return nil, problemOf(err, "")
	}
	out := &deliveriesOutput{}
	if out.Body.More = len(found) > in.Limit; out.Body.More {
		found = found[:in.Limit]
	}
	out.Body.Data = make([]WebhookDelivery, len(found))
	for i, d := range found {
		out.Body.Data[i] = deliveryOf(d)
	}
	return out, nil
}

type redeliverInput struct {
	ID    string `path:"id" maxLength:"64"`
	Event string `path:"event" maxLength:"64" example:"evt_01jd3x6v7q8r9s0t1v2w3x4y5z"`
}

type deliveryOutput struct {
	Body WebhookDelivery
}

func (a *api) redeliver(ctx context.Context, in *redeliverInput) (*deliveryOutput, error) {
	d, err := a.settings.Webhooks.Redeliver(ctx, callerOf(ctx).Merchant, in.ID, in.Event)
	if err != nil {
		return nil, problemOf(err, "")
	}
	return &deliveryOutput{Body: deliveryOf(d)}, nil
}
