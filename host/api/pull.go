package api

import (
	"context"
	"encoding/base64"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"payrouter/host/plugin"
	"payrouter/host/plugin/oci"
)

// Modules pulls plugins' modules from registries, as *oci.Puller does.
type Modules interface {
	Pull(ctx context.Context, from oci.Request) (oci.Module, error)
}

// PluginPull names a module in a registry.
type PluginPull struct {
	From string `json:"from" maxLength:"1024" example:"registry.example/team/paygram@sha256:9f86…" doc:"By its digest"`

	Canary int      `json:"canary,omitempty" minimum:"0" maximum:"99" doc:"Percentage of new payments that use it; 0: all"`
	Allow  []string `json:"allow,omitempty" doc:"Differences that do not refuse it"`

	Signature string `json:"signature,omitempty" maxLength:"8192" doc:"Its minisign file in base64, if not there"`
}

// TransformSchema completes the schema of what may be allowed.
func (PluginPull) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	items := s.Properties["allow"].Items
	items.Enum = enumOf(plugin.Allowances())
	items.PrecomputeMessages()
	return s
}

type pullPluginInput struct {
	Name string `path:"name" maxLength:"64" example:"paygram"`
	Body PluginPull
}

func (a *api) registerPull(described huma.API, endpoint func(id, method, path, summary, description string,
	refused ...int) huma.Operation,
) {
	nameOf := func(in *pullPluginInput) string { return in.Name }
	state := func(_ context.Context, in *pullPluginInput, out *installOutput) any {
		return struct {
			From string `json:"from"`
			Of   any    `json:"of"`
		}{in.Body.From, a.replaced(in.Name, in.Body.Allow, out)}
	}
	huma.Register(described, endpoint("pull-plugin", http.MethodPost, "/{name}/pull", "Make a module of a registry serve",
		"From an OCI registry that the routing file names, by the digest of its manifest. Then it goes through the same "+
			"steps as an upload.",
		http.StatusBadRequest, http.StatusConflict, http.StatusUnprocessableEntity, http.StatusBadGateway),
		recorded(a, act[pullPluginInput, installOutput]{"plugin.pull", nameOf, state, a.pullPlugin}))
}

func (a *api) pullPlugin(ctx context.Context, in *pullPluginInput) (*installOutput, error) {
	by := callerOf(ctx).String()
	signed, err := base64.StdEncoding.DecodeString(in.Body.Signature)
	if err != nil {
		return nil, invalidRequest.problem("/signature is not base64",
			fieldError{Pointer: "/signature", Detail: "is not base64"})
	}
	if a.settings.Modules == nil {
		return nil, problemOf(oci.ErrNotConfigured, "")
	}
	module, err := a.settings.Modules.Pull(ctx, oci.Request{From: in.Body.From, Signature: signed})
	if err != nil {
		return nil, problemOf(err, "")
	}
	candidate := plugin.Candidate{
		Code: module.Code, Signature: module.Signature, Name: in.Name, Source: "oci " + module.From + " by " + by,
		Canary: in.Body.Canary,
	}
	for _, allowed := range in.Body.Allow {
		candidate.Allow = append(candidate.Allow, plugin.Allowance(allowed))
	}
	return a.install(ctx, candidate)
}
