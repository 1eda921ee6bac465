package api

import (
	"context"
	"encoding/base64"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"payrouter/host/api/pluginview"
	"payrouter/host/plugin"
)

const pluginsPath = "/v1/plugins"

func (a *api) registerPlugins(described huma.API) {
	registry := described.OpenAPI().Components.Schemas
	endpoint := func(id, method, path, summary, description string, refused ...int) huma.Operation {
		o := a.endpoint(id, method, pluginsPath+path, summary, description+"")
		refuses(&o, registry, append(refused, http.StatusForbidden)...)
		return o
	}
	huma.Register(described, endpoint("list-plugins", http.MethodGet, "", "List plugins", "With their generations."),
		a.listPlugins)
	huma.Register(described, endpoint("get-plugin", http.MethodGet, "/{name}", "Get a plugin",
		"With the steps of its last changes, and how its canary does.", http.StatusNotFound), a.getPlugin)
	put := endpoint("put-plugin", http.MethodPut, "/{name}", "Make a module serve",
		"Its signature, imports, manifest, how that differs from the active one, and what it would do to the last "+
			"payments are looked at first; any of them "+
			"may refuse it, and then what served "+
			"serves on. allow accepts what would refuse it. Payments that are under way end with what they began with.",
		http.StatusBadRequest, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity)
	put.MaxBodyBytes = plugin.MaxModule
	nameOf := func(in *putPluginInput) string { return in.Name }
	huma.Register(described, put, recorded(a, act[putPluginInput, installOutput]{
		"plugin.replace", nameOf, a.replacedState, a.putPlugin,
	}))
	a.registerPull(described, endpoint)
	huma.Register(described,
		endpoint("rollback-plugin", http.MethodPost, "/{name}/rollback", "Go back to a former generation",
			"To the last that is kept warm, or to the one with the digest.", http.StatusBadRequest, http.StatusNotFound,
			http.StatusConflict,
			http.StatusUnprocessableEntity), a.pluginAct("plugin.roll_back", a.rollbackPlugin))
	huma.Register(described, endpoint("drain-plugin", http.MethodPost, "/{name}/drain", "Let go of generations",
		"Of those that are kept warm, or of the one with the digest. The digest of what serves takes the plugin out "+
			"of service, where no account needs it.",
		http.StatusBadRequest, http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity),
		a.pluginAct("plugin.drain", a.drainPlugin))
	huma.Register(described, endpoint("release-plugin", http.MethodPost, "/{name}/release", "End a quarantine",
		"Of all modules of the plugin, or of the one with the digest. New payments use it again.",
		http.StatusBadRequest, http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity),
		a.pluginAct("plugin.release", a.releasePlugin))
	huma.Register(described,
		endpoint("change-canary", http.MethodPost, "/{name}/canary", "Change, promote or abort a canary",
			"Abort ends a live shadow, too.",
			http.StatusBadRequest, http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity),
		recorded(a, act[canaryInput, pluginOutput]{
			"plugin.change_canary", canaryName, pluginState[canaryInput, pluginOutput](a, canaryName), a.changeCanary,
		}))
}

func canaryName(in *canaryInput) string { return in.Name }

// pluginAct is an act on generations of a plugin.
func (a *api) pluginAct(name string, perform func(context.Context, *digestInput) (*pluginOutput, error)) func(
	context.Context, *digestInput) (*pluginOutput, error) {
	object := func(in *digestInput) string { return in.Name }
	return recorded(a, act[digestInput, pluginOutput]{
		name, object, pluginState[digestInput, pluginOutput](a, object), perform,
	})
}

type pluginsOutput struct {
	Body struct {
		Data []pluginview.Plugin `json:"data"`
	}
}

func (a *api) listPlugins(ctx context.Context, _ *struct{}) (*pluginsOutput, error) {
	out := &pluginsOutput{}
	out.Body.Data = []pluginview.Plugin{}
	for _, status := range a.settings.Plugins.Plugins() {
		out.Body.Data = append(out.Body.Data, pluginview.Of(status, false))
	}
	return out, nil
}

type pluginInput struct {
	Name string `path:"name" maxLength:"64" example:"paygram"`
}

type pluginOutput struct {
	Body pluginview.Plugin
}

func (a *api) getPlugin(ctx context.Context, in *pluginInput) (*pluginOutput, error) {
	return a.shownPlugin(in.Name, nil)
}

// shownPlugin is the end of what is done to a plugin.
func (a *api) shownPlugin(name string, err error) (*pluginOutput, error) {
	if err != nil {
		return nil, problemOf(err, "")
	}
	status, found := a.settings.Plugins.Plugin(name)
	if !found {
		return nil, problemOf(plugin.ErrUnknown, "")
	}
	return &pluginOutput{Body: pluginview.Of(status, true)}, nil
}

type putPluginInput struct {
	Name string `path:"name" maxLength:"64" example:"paygram"`

	Canary int `query:"canary" minimum:"0" maximum:"99" doc:"Percentage of new payments that use it; 0 means all"`

	Shadow string `query:"shadow" pattern:"^[1-9][0-9]{0,5}([smh])?$" doc:"Flows to see, or time, before it may serve"`

	Allow []string `query:"allow" enum:"requests,outcomes,callbacks,failures,fuel,secrets,hosts,older,manifest,unproven"`

	Signature string `header:"Plugin-Signature" maxLength:"8192" doc:"Its minisign file in base64, where it is signed"`
	RawBody   []byte `contentType:"application/wasm"`
}

// extent is a number of flows, or a duration.
func (in *putPluginInput) extent() (extent plugin.Extent) {
	if flows, err := strconv.Atoi(in.Shadow); err == nil {
		extent.Flows = flows
	} else if lasting, err := time.ParseDuration(in.Shadow); err == nil {
		extent.For = lasting
	}
	return extent
}

type installOutput struct {
	Body *pluginview.PluginInstall
}

func (a *api) putPlugin(ctx context.Context, in *putPluginInput) (*installOutput, error) {
	by := callerOf(ctx).String()
	signed, err := base64.StdEncoding.DecodeString(in.Signature)
	if err != nil {
		return nil, malformed.problem("the signature is not base64",
			fieldError{Parameter: "header Plugin-Signature", Detail: "is not base64"})
	}
	candidate := plugin.Candidate{
		Code: in.RawBody, Signature: signed, Name: in.Name, Source: "upload by " + by,
		Canary: in.Canary, Extent: in.extent(),
	}
	for _, allowed := range in.Allow {
		candidate.Allow = append(candidate.Allow, plugin.Allowance(allowed))
	}
	return a.install(ctx, candidate)
}

// install makes a candidate serve. It is completed even if its caller hangs up: half a change would help no one.
func (a *api) install(ctx context.Context, candidate plugin.Candidate) (*installOutput, error) {
	report, err := a.settings.Plugins.Install(context.WithoutCancel(ctx), candidate)
	if err != nil {
		p := problemOf(err, "")
		p.Plugin = pluginview.InstallOf(report)
		return nil, p
	}
	return &installOutput{Body: pluginview.InstallOf(report)}, nil
}

type digestInput struct {
	Name string `path:"name" maxLength:"64" example:"paygram"`
	Body *struct {
		Digest string `json:"digest,omitempty" pattern:"^[0-9a-f]{64}$" doc:"SHA-256 of a generation's module"`
	}
}

func (in *digestInput) digest() string {
	if in.Body == nil {
		return ""
	}
	return in.Body.Digest
}

func (a *api) rollbackPlugin(ctx context.Context, in *digestInput) (*pluginOutput, error) {
	by := callerOf(ctx).String()
	return a.shownPlugin(in.Name, a.settings.Plugins.Rollback(context.WithoutCancel(ctx), in.Name, in.digest(), by))
}

func (a *api) drainPlugin(ctx context.Context, in *digestInput) (*pluginOutput, error) {
	by := callerOf(ctx).String()
	return a.shownPlugin(in.Name, a.settings.Plugins.Drain(context.WithoutCancel(ctx), in.Name, in.digest(), by))
}

func (a *api) releasePlugin(ctx context.Context, in *digestInput) (*pluginOutput, error) {
	by := callerOf(ctx).String()
	return a.shownPlugin(in.Name,
		a.settings.Plugins.EndQuarantine(context.WithoutCancel(ctx), in.Name, in.digest(), by))
}

type canaryInput struct {
	Name string `path:"name" maxLength:"64" example:"paygram"`
	Body struct {
		Action string `json:"action" enum:"share,promote,abort"`
		Share  int    `json:"share,omitempty" minimum:"1" maximum:"99" doc:"Percentage of new payments, for share"`
	}
}

func (a *api) changeCanary(ctx context.Context, in *canaryInput) (*pluginOutput, error) {
	by := callerOf(ctx).String()
	detached, registry := context.WithoutCancel(ctx), a.settings.Plugins
	var err error
	switch in.Body.Action {
	case "promote":
		err = registry.Promote(detached, in.Name, by)
	case "abort":
		err = registry.Abort(detached, in.Name, by)
	default:
		if in.Body.Share == 0 {
			return nil, invalidRequest.problem("/share is required",
				fieldError{Pointer: "/share", Detail: "is required"})
		}
		err = registry.Share(detached, in.Name, in.Body.Share, by)
	}
	return a.shownPlugin(in.Name, err)
}
