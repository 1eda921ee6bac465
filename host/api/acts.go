package api

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"payrouter/host/access"
	"payrouter/host/api/pluginview"
	"payrouter/host/audit"
)

// act is an administrative act: a handler whose every call is in the audit log.
type act[In, Out any] struct {
	// name is "object.verb".
	name string
	// object is the id or name of what the act changes; nil where the act makes it, or changes the router as a whole.
	object func(in *In) string
	// state is what stands, as the log shows it: before the act, where out is nil, and after it. It has no secrets.
	state func(ctx context.Context, in *In, out *Out) any
	// perform is the handler.
	perform func(ctx context.Context, in *In) (*Out, error)
}

// recorded is the act's handler with the log around it. What cannot be recorded is not performed.
func recorded[In, Out any](a *api, of act[In, Out]) func(context.Context, *In) (*Out, error) {
	return func(ctx context.Context, in *In) (out *Out, err error) {
		if a.settings.Audit == nil {
			return of.perform(ctx, in)
		}
		object := ""
		if of.object != nil {
			object = of.object(in)
		}
		err = a.settings.Audit.Do(ctx, actorOf(ctx), of.name, object, of.state(ctx, in, nil), func() (any, error) {
			if out, err = of.perform(ctx, in); err != nil {
				return nil, err
			}
			return of.state(context.WithoutCancel(ctx), in, out), nil
		})
		if err != nil {
			return nil, classify(err)
		}
		return out, nil
	}
}

// editionState is which configuration serves.
func editionState[In, Out any](a *api) func(context.Context, *In, *Out) any {
	return func(context.Context, *In, *Out) any {
		active := a.settings.Live.Status().Active
		return struct {
			Version string `json:"version"`
			Text    string `json:"text"`
		}{active.Version, active.Text}
	}
}

// pluginState is how a plugin stands.
func pluginState[In, Out any](a *api, name func(*In) string) func(context.Context, *In, *Out) any {
	return func(_ context.Context, in *In, _ *Out) any {
		status, found := a.settings.Plugins.Plugin(name(in))
		if !found {
			return nil
		}
		return pluginview.Of(status, false)
	}
}

// replacedState is how a plugin stands that is replaced, with the differences that are allowed: they are in the log
// before the act begins. After it there are those of the manifest that needed it.
func (a *api) replacedState(_ context.Context, in *putPluginInput, out *installOutput) any {
	return a.replaced(in.Name, in.Allow, out)
}

func (a *api) replaced(name string, allow []string, out *installOutput) any {
	shown := struct {
		Plugin *pluginview.Plugin        `json:"plugin,omitempty"`
		Allow  []string                  `json:"allow,omitempty"`
		Looser []pluginview.PluginChange `json:"looser,omitempty"`
	}{Allow: allow}
	if status, found := a.settings.Plugins.Plugin(name); found {
		of := pluginview.Of(status, false)
		shown.Plugin = &of
	}
	if out != nil {
		shown.Looser = slices.DeleteFunc(slices.Clone(out.Body.Manifest),
			func(c pluginview.PluginChange) bool { return c.Allow == "" })
	}
	return shown
}

// endpointState is a webhook endpoint, without its secret.
func endpointState[In, Out any](a *api, id func(*In) string) func(context.Context, *In, *Out) any {
	return func(ctx context.Context, in *In, _ *Out) any {
		endpoint, err := a.settings.Webhooks.Get(ctx, callerOf(ctx).Merchant, id(in))
		if err != nil {
			return nil
		}
		return endpointOf(endpoint)
	}
}

// settledState is a payment's or a run's status, and in the end by what reason it was settled.
type settledState struct {
	Status string `json:"status"`
	// Confirm is the status of the approval of a payment's confirm, and Operation what that has the provider do.
	Confirm   string `json:"confirm,omitempty"`
	Operation string `json:"operation,omitempty"`
	Reason    string `json:"reason,omitempty"`
}

func settledPayment(p Payment, reason string) settledState {
	state := settledState{Status: p.Status, Reason: reason}
	if of := p.Approval; of != nil && of.Act != "" {
		state.Confirm, state.Operation = of.Status, of.Operation
	}
	return state
}

func paymentState[In any](a *api, of func(*In) (id, reason string)) func(context.Context, *In, *paymentOutput) any {
	return func(ctx context.Context, in *In, out *paymentOutput) any {
		id, reason := of(in)
		if out != nil {
			return settledPayment(out.Body, reason)
		}
		return a.statusOfPayment(ctx, id)
	}
}

func (a *api) statusOfPayment(ctx context.Context, id string) any {
	p, err := a.engine.Payment(ctx, scopeOf(ctx), id)
	if err != nil {
		return nil
	}
	return settledPayment(viewOf(p), "")
}

func runState[In any](a *api, of func(*In) (id, reason string)) func(context.Context, *In, *runOutput) any {
	return func(ctx context.Context, in *In, out *runOutput) any {
		id, reason := of(in)
		if out != nil {
			return settledState{Status: out.Body.Status, Reason: reason}
		}
		run, err := a.run(ctx, id)
		if err != nil {
			return nil
		}
		return settledState{Status: string(run.Status)}
	}
}

// heldState is why an account gets no new payments, and in the end why it gets them again.
func (a *api) heldState(_ context.Context, in *resumeInput, out *providerOutput) any {
	account, known := a.engine.Fleet().Accounts[in.Name]
	if !known {
		return nil
	}
	shown := struct {
		Held   *HeldAccount `json:"held"`
		Reason string       `json:"reason,omitempty"`
	}{Held: providerOf(account).Held}
	if out != nil {
		shown.Reason = in.Body.Reason
	}
	return shown
}

func (a *api) holdState(_ context.Context, in *releaseInput, out *journalOutput) any {
	shown := struct {
		Held   string `json:"held,omitempty"`
		Reason string `json:"reason,omitempty"`
	}{}
	if held := a.hold(); held != nil {
		shown.Held = held.Error()
	}
	if out != nil {
		shown.Reason = in.Body.Reason
	}
	return shown
}

// Act is an entry of the audit log.
type Act struct {
	Sequence int64           `json:"sequence" doc:"Rises with every entry: pass the last one seen as after"`
	At       time.Time       `json:"at"`
	Act      string          `json:"act" example:"key.revoke"`
	Object   string          `json:"object,omitempty" doc:"What it changes: an id or a name"`
	Key      string          `json:"key,omitempty" doc:"The API key's id; none for the router itself"`
	Name     string          `json:"name" doc:"The API key's name"`
	Merchant string          `json:"merchant,omitempty"`
	Address  string          `json:"address,omitempty" doc:"From where"`
	Before   json.RawMessage `json:"before,omitempty"`
	After    json.RawMessage `json:"after,omitempty"`
	Outcome  string          `json:"outcome" enum:"begun,done,refused" doc:"Begun is under way, or interrupted"`
	Problem  string          `json:"problem,omitempty" doc:"Why it was refused"`
}

func actOf(e audit.Entry) Act {
	return Act{
		Sequence: e.Sequence, At: e.At, Act: e.Act, Object: e.Object, Key: e.Key, Name: e.Name, Merchant: e.Merchant,
		Address: e.Address, Before: e.Before, After: e.After, Outcome: string(e.Outcome), Problem: e.Problem,
	}
}

func (a *api) registerActs(described huma.API) {
	registry := described.OpenAPI().Components.Schemas
	list := a.endpoint("list-acts", http.MethodGet, "/v1/audit", "List administrative acts",
		"Who changed what of the router, from where, and what stood before and after; the oldest first.")
	refuses(&list, registry, http.StatusUnprocessableEntity)
	huma.Register(described, list, a.listActs)

	export := a.endpoint("export-acts", http.MethodGet, "/v1/audit/export", "Export all administrative acts",
		"One JSON object a line, the oldest first.")
	refuses(&export, registry, http.StatusUnprocessableEntity)
	answers(&export, registry, Act{}, "application/x-ndjson", http.StatusOK)
	huma.Register(described, export, a.exportActs)
}

type actsInput struct {
	After int64  `query:"after" minimum:"0" doc:"The last sequence seen; those after it follow"`
	Act   string `query:"act" maxLength:"64" example:"key.revoke"`
	Key   string `query:"key" maxLength:"64" doc:"The id of the key that acted"`
	Limit int    `query:"limit" minimum:"1" maximum:"500" default:"100"`
}

type actsOutput struct {
	Body struct {
		Data []Act `json:"data"`
		More bool  `json:"more" doc:"Whether further entries are there already"`
	}
}

func (a *api) listActs(ctx context.Context, in *actsInput) (*actsOutput, error) {
	found, err := a.settings.Audit.List(ctx,
		audit.Filter{After: in.After, Act: in.Act, Key: in.Key, Limit: in.Limit + 1})
	if err != nil {
		return nil, problemOf(err, "")
	}
	out := &actsOutput{}
	if out.Body.More = len(found) > in.Limit; out.Body.More {
		found = found[:in.Limit]
	}
	out.Body.Data = make([]Act, len(found))
	for i, entry := range found {
		out.Body.Data[i] = actOf(entry)
	}
	return out, nil
}

type exportInput struct {
	After int64 `query:"after" minimum:"0" doc:"Only entries after this sequence"`
}

// exportActs writes page after page, so that a long log is never in memory as a whole.
func (a *api) exportActs(ctx context.Context, in *exportInput) (*huma.StreamResponse, error) {
	const page = 500
	first, err := a.settings.Audit.List(ctx, audit.Filter{After: in.After, Limit: page})
	if err != nil {
		return nil, problemOf(err, "")
	}
	//nolint:contextcheck // the stream has the request's context
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		ctx.SetHeader("Content-Type", "application/x-ndjson")
		ctx.SetHeader("Content-Disposition", `attachment; filename="audit.ndjson"`)
		encoder := json.NewEncoder(ctx.BodyWriter())
		for entries := first; len(entries) > 0 && err == nil; {
			for _, entry := range entries {
				if err = encoder.Encode(actOf(entry)); err != nil {
					return // the caller is gone
				}
			}
			if !a.stands(ctx.Context()) {
				err = access.ErrCaller
				break
			}
			after := entries[len(entries)-1].Sequence
			entries, err = a.settings.Audit.List(ctx.Context(), audit.Filter{After: after, Limit: page})
		}
		if err != nil {
			// A cut connection shows the caller that the export is not whole.
			panic(http.ErrAbortHandler)
		}
	}}, nil
}
