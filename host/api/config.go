package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"payrouter/host/live"
	"payrouter/host/payment"
	"payrouter/host/routing"
)

const configPath = "/v1/config"

// ConfigProblem is a mistake in a routing file, and where it is.
type ConfigProblem struct {
	File    string `json:"file" example:"/etc/payrouter/routing.yaml"`
	Line    int    `json:"line,omitempty" doc:"From 1; none where it is about the file as a whole"`
	Column  int    `json:"column,omitempty"`
	Message string `json:"message" example:"unknown key \"contry\" in when"`
	Hint    string `json:"hint,omitempty" doc:"How to mend it" example:"did you mean \"country\"?"`
}

func configProblems(found []*routing.Problem) []ConfigProblem {
	shown := make([]ConfigProblem, len(found))
	for i, p := range found {
		shown[i] = ConfigProblem{File: p.At.File, Line: p.At.Line, Column: p.At.Column, Message: p.What, Hint: p.Mend}
	}
	return shown
}

// ConfigEdition is a configuration that served, or serves.
type ConfigEdition struct {
	Version string    `json:"version" doc:"Named in decisions; equal for equivalent texts" example:"bb60d4d071f4"`
	ETag    string    `json:"etag" doc:"For If-Match; differs for each text" example:"\"bb60d4d071f4-0d4c1f2a9b3e\""`
	Since   time.Time `json:"since"`
	Source  string    `json:"source" enum:"file,api,rollback"`
	By      string    `json:"by,omitempty" doc:"The operator who edited it over the API"`
}

func editionOf(e live.Edition) ConfigEdition {
	return ConfigEdition{Version: e.Version, ETag: etag(e), Since: e.At, Source: string(e.Source), By: e.By}
}

func etag(e live.Edition) string { return `"` + e.Tag() + `"` }

// ConfigPending is a routing file that is not active.
type ConfigPending struct {
	Since    time.Time       `json:"since"`
	Problems []ConfigProblem `json:"problems"`
}

// ConfigStatus is what serves, what waits, and what served.
type ConfigStatus struct {
	File    string          `json:"file"`
	Active  ConfigEdition   `json:"active"`
	Pending *ConfigPending  `json:"pending,omitempty" doc:"Set while the file is not in order: the active one goes on"`
	Out     []ConfigProblem `json:"out,omitempty" doc:"Problems by which accounts are out of service"`
	History []ConfigEdition `json:"history" doc:"The newest first"`
	Applied int             `json:"edits_applied" doc:"Since the router started"`
	Refused int             `json:"edits_refused" doc:"Since the router started"`
	Fleets  int             `json:"fleets" doc:"Configurations still used by payments in flight, the active one included"`
	Clients int             `json:"connections" doc:"Accounts' connections that those hold, each with its breaker"`
}

// ConfigCheck is what would come of a routing file.
type ConfigCheck struct {
	Valid     bool            `json:"valid"`
	Version   string          `json:"version,omitempty"`
	Providers int             `json:"providers,omitempty"`
	Rules     int             `json:"rules,omitempty"`
	Problems  []ConfigProblem `json:"problems" doc:"All of them"`
	// Difference is left out where there are problems.
	Difference *routing.Difference `json:"difference,omitempty" doc:"What it would change for the latest 1,000 payments"`
}

func (a *api) registerConfig(described huma.API) {
	registry := described.OpenAPI().Components.Schemas
	endpoint := func(id, method, path, summary, description string, refused ...int) huma.Operation {
		o := a.endpoint(id, method, path, summary, description)
		refuses(&o, registry, append(refused, http.StatusForbidden)...)
		return o
	}
	huma.Register(described, endpoint("get-config", http.MethodGet, configPath, "Say which configuration serves",
		"With what keeps an edit of the file from serving, and what served before."), a.configStatus)
	huma.Register(described,
		endpoint("get-routing", http.MethodGet, configPath+"/routing", "Get the routing file that serves",
			""), a.routing)
	huma.Register(described,
		endpoint("check-config", http.MethodPost, configPath+"/validate", "Say what would come of a routing file",
			"Every mistake, or how many of the latest payments would go elsewhere. Changes nothing.",
			http.StatusRequestEntityTooLarge), a.checkConfig)
	huma.Register(described, endpoint("put-routing", http.MethodPut, configPath+"/routing", "Replace the routing file",
		"Takes effect at once, and is written to the file. A text with a mistake changes nothing.",
		http.StatusConflict, http.StatusPreconditionFailed, http.StatusPreconditionRequired,
		http.StatusRequestEntityTooLarge,
		http.StatusUnprocessableEntity), recorded(a, act[putRoutingInput, editionOutput]{
		"config.replace", nil, editionState[putRoutingInput, editionOutput](a), a.putRouting,
	}))
	huma.Register(described,
		endpoint("rollback-config", http.MethodPost, configPath+"/rollback", "Go back to a former configuration",
			"Its text is written to the file.",
			http.StatusBadRequest, http.StatusConflict, http.StatusNotFound, http.StatusPreconditionFailed,
			http.StatusPreconditionRequired,
			http.StatusUnprocessableEntity), recorded(a, act[rollbackInput, editionOutput]{
			"config.roll_back", nil, editionState[rollbackInput, editionOutput](a), a.rollbackConfig,
		}))
}

func (a *api) registerDiff(described huma.API) {
	diff := a.endpoint("diff-routes", http.MethodPost, "/v1/routes/diff",
		"Say which payments an edited routing file would send elsewhere",
		"Decides on the latest payments, whosever they are, by the rules that serve and by the file's, with all "+
			"providers well. Changes nothing.")
	refuses(&diff, described.OpenAPI().Components.Schemas, http.StatusForbidden, http.StatusRequestEntityTooLarge,
		http.StatusUnprocessableEntity)
	huma.Register(described, diff, a.diff)
}

type diffInput struct {
	Limit   int    `query:"limit" minimum:"1" maximum:"10000" default:"1000" doc:"How many payments"`
	RawBody []byte `contentType:"application/yaml"`
}

type diffOutput struct {
	Body struct {
		Difference routing.Difference `json:"difference"`
		Text       string             `json:"text" doc:"The same for people"`
	}
}

func (a *api) diff(ctx context.Context, in *diffInput) (*diffOutput, error) {
	checked, err := a.settings.Live.Check(string(in.RawBody))
	if err != nil {
		return nil, problemOf(err, "")
	}
	out := &diffOutput{}
	if out.Body.Difference, err = a.difference(ctx, checked, in.Limit); err != nil {
		return nil, problemOf(err, "")
	}
	out.Body.Text = out.Body.Difference.Text()
	return out, nil
}

// difference is what a configuration would change for the latest payments.
func (a *api) difference(ctx context.Context, checked live.Checked, limit int) (routing.Difference, error) {
	latest, _, err := a.engine.Payments(ctx, payment.Filter{Limit: limit})
	if err != nil {
		return routing.Difference{}, err
	}
	facts := make([]routing.Facts, len(latest))
	for i, p := range latest {
		facts[i] = p.Facts()
	}
	return routing.Diff(checked.Before, checked.After, facts), nil
}

type configOutput struct {
	Body ConfigStatus
}

func (a *api) configStatus(ctx context.Context, _ *struct{}) (*configOutput, error) {
	return &configOutput{Body: statusOf(a.settings.Live.Status())}, nil
}

func statusOf(s live.Status) ConfigStatus {
	shown := ConfigStatus{
		File: s.File, Active: editionOf(s.Active), History: make([]ConfigEdition, len(s.History)), Applied: s.Applied,
		Refused: s.Refused,
		Fleets:  s.Fleets, Clients: s.Clients,
	}
	for i, e := range s.History {
		shown.History[i] = editionOf(e)
	}
	if len(s.Out) > 0 {
		shown.Out = configProblems(s.Out)
	}
	if s.Pending != nil {
		shown.Pending = &ConfigPending{Since: s.Pending.Since, Problems: configProblems(s.Pending.Problems)}
	}
	return shown
}

type routingOutput struct {
	ContentType string `header:"Content-Type"`
	ETag        string `header:"ETag"`
	Body        []byte
}

func (a *api) routing(ctx context.Context, _ *struct{}) (*routingOutput, error) {
	active := a.settings.Live.Status().Active
	return &routingOutput{ContentType: "application/yaml", ETag: etag(active), Body: []byte(active.Text)}, nil
}

type checkConfigInput struct {
	RawBody []byte `contentType:"application/yaml"`
}

type checkConfigOutput struct {
	Body ConfigCheck
}

func (a *api) checkConfig(ctx context.Context, in *checkConfigInput) (*checkConfigOutput, error) {
	checked, err := a.settings.Live.Check(string(in.RawBody))
	if err != nil {
		return &checkConfigOutput{Body: ConfigCheck{Problems: classify(err).Problems}}, nil
	}
	const latest = 1000
	difference, err := a.difference(ctx, checked, latest)
	if err != nil {
		return nil, problemOf(err, "")
	}
	return &checkConfigOutput{Body: ConfigCheck{
		Valid: true, Version: checked.Version, Providers: checked.Providers, Rules: checked.Rules,
		Problems: []ConfigProblem{}, Difference: &difference,
	}}, nil
}

type putRoutingInput struct {
	IfMatch string `header:"If-Match" doc:"ETag of the edited text, or * for any" example:"\"bb60d4d071f4-0d4c1f2a9b3e\""`
	RawBody []byte `contentType:"application/yaml"`
}

type editionOutput struct {
	ETag string `header:"ETag"`
	Body ConfigEdition
}

func (a *api) putRouting(ctx context.Context, in *putRoutingInput) (*editionOutput, error) {
	by, match, err := a.editor(ctx, in.IfMatch)
	if err != nil {
		return nil, err
	}
	return edited(a.settings.Live.Put(string(in.RawBody), by, match))
}

type rollbackInput struct {
	IfMatch string `header:"If-Match" doc:"ETag of the active configuration, or *" example:"\"bb60d4d071f4-0d4c1f2a9b3e\""`
	Body    struct {
		Version string `json:"version" minLength:"1" maxLength:"64" example:"3f0a6f0f7a55"`
	}
}

func (a *api) rollbackConfig(ctx context.Context, in *rollbackInput) (*editionOutput, error) {
	by, match, err := a.editor(ctx, in.IfMatch)
	if err != nil {
		return nil, err
	}
	return edited(a.settings.Live.Rollback(in.Body.Version, by, match))
}

func edited(e live.Edition, err error) (*editionOutput, error) {
	if err != nil {
		return nil, problemOf(err, "")
	}
	return &editionOutput{ETag: etag(e), Body: editionOf(e)}, nil
}

// editor is who edits, and what the edit was made of.
func (a *api) editor(ctx context.Context, ifMatch string) (string, live.Match, error) {
	by := callerOf(ctx).String()
	if strings.TrimSpace(ifMatch) == "" {
		return "", live.Match{},
			unconditional.problem(
				"send the ETag of what you edited as If-Match, so that no other edit is lost; * replaces "+
					"whatever there is",
				fieldError{Parameter: "header If-Match", Detail: "is missing"})
	}
	return by, matchOf(ifMatch), nil
}

// matchOf reads If-Match (RFC 9110): tags in quotes, or "*". A weak tag never matches.
func matchOf(header string) live.Match {
	var match live.Match
	for tag := range strings.SplitSeq(header, ",") {
		tag = strings.TrimSpace(tag)
		match.Any = match.Any || tag == "*"
		if plain, quoted := strings.CutPrefix(tag, `"`); quoted && strings.HasSuffix(plain, `"`) {
			match.Tags = append(match.Tags, strings.TrimSuffix(plain, `"`))
		}
	}
	return match
}
