package api

import (
	"context"
	"encoding/base64"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"payrouter/host/plugin"
	"payrouter/host/plugin/canary"
	"payrouter/host/plugin/manifest"
	"payrouter/host/plugin/replay"
)

const pluginsPath = "/v1/plugins"

// PluginGeneration is one version of a plugin that is open.
type PluginGeneration struct {
	Number    int64     `json:"number" doc:"Counts generations of all plugins since the router started; attempts name it"`
	Digest    string    `json:"digest" doc:"SHA-256 of the module"`
	Version   string    `json:"version" example:"1.2.0"`
	State     string    `json:"state" enum:"active,canary,shadow,warm,draining"`
	LoadedAt  time.Time `json:"loaded_at"`
	Source    string    `json:"source,omitempty" example:"upload by ops"`
	Signed    bool      `json:"signed" doc:"Whether a trusted key stands behind it"`
	Instances int       `json:"instances"`
	Idle      int       `json:"idle"`
	Calls     int64     `json:"calls"`
	Discarded int64     `json:"discarded" doc:"Instances that were closed, or restored, after a call that the plugin failed"`
	Isolation string    `json:"isolation" enum:"shared,pristine" doc:"Whether each call finds the plugin as after its start"`
	Kept      int64     `json:"kept" doc:"Shared calls whose answer was other than a pristine one's, of those sampled"`

	Faults         PluginFaults `json:"faults" doc:"Of the calls of payments and runs that it failed"`
	CallbackFaults PluginFaults `json:"callback_faults" doc:"Of the callbacks that it failed"`

	OverBudget bool  `json:"over_budget" doc:"Whether its CPU is used up for now, so that new requests are refused"`
	Refused    int64 `json:"refused" doc:"Requests that its budget, or an account's, refused"`

	Quarantine *PluginQuarantine `json:"quarantine,omitempty"`
}

// PluginFaults count calls that a plugin failed: traps, calls out of fuel or memory, answers that are none.
type PluginFaults struct {
	Calls  int64 `json:"calls"`
	Inputs int64 `json:"inputs" doc:"What they were about; the same input counts once"`
}

// PluginQuarantine is why a module makes no new payments, or reads no callbacks. It outlasts a restart.
type PluginQuarantine struct {
	Sends     bool      `json:"sends" doc:"No new requests: payments, runs, quotes"`
	Callbacks bool      `json:"callbacks" doc:"No callback is read; providers are asked to repeat them"`
	Reason    string    `json:"reason" doc:"The last fault"`
	At        time.Time `json:"at"`
}

// PluginEvent is a step of a change that was taken, or failed.
type PluginEvent struct {
	At         time.Time `json:"at"`
	Step       string    `json:"step" example:"shadow"`
	Digest     string    `json:"digest,omitempty"`
	Version    string    `json:"version,omitempty"`
	Generation int64     `json:"generation,omitempty"`
	Source     string    `json:"source,omitempty"`
	Detail     string    `json:"detail,omitempty"`
	Error      string    `json:"error,omitempty" doc:"Why the step failed; what served before serves on"`
}

// PluginFigures are the results of one side of a canary: of what was drawn between the sides while both took payments.
type PluginFigures struct {
	Payments   int   `json:"payments" doc:"Payments and runs, each once for its making and once for what is asked later"`
	Succeeded  int   `json:"succeeded"`
	Declined   int   `json:"declined" doc:"By the provider or the plugin"`
	Unknown    int   `json:"unknown" doc:"The provider did not answer, or failed"`
	Unreadable int   `json:"unreadable" doc:"The provider answered, and nothing was made of it"`
	Faults     int   `json:"faults" doc:"The plugin failed"`
	Busy       int   `json:"busy" doc:"No instance of the plugin was free"`
	MedianMS   int64 `json:"median_ms" doc:"Of the last 256"`
	P95MS      int64 `json:"p95_ms" doc:"What 95 of 100 of them took at most"`
	Fuel       int64 `json:"fuel" doc:"On average"`
}

// PluginComparison is one of the tests by which a canary is compared with the stable generation.
type PluginComparison struct {
	Requests  string  `json:"requests" enum:"first,later" doc:"first makes payments and runs; later asks about them"`
	Of        string  `json:"of" enum:"faults,unknown,declines" doc:"What counts as bad; unreadable and busy are faults"`
	Statistic float64 `json:"statistic" doc:"Natural logarithm of the evidence that the canary is worse; 0 at first"`
	Bound     float64 `json:"bound" doc:"Where the statistic reaches it, the canary is aborted"`
	Verdict   string  `json:"verdict" enum:"undecided,worse,as_good"`
}

// PluginCanary is how a canary does, or did.
type PluginCanary struct {
	Digest      string             `json:"digest"`
	Share       int                `json:"share" doc:"Percentage of new payments"`
	Since       time.Time          `json:"since"`
	EndedAt     time.Time          `json:"ended_at,omitzero" doc:"When it was aborted or promoted"`
	Stable      PluginFigures      `json:"stable"`
	Canary      PluginFigures      `json:"canary"`
	Comparisons []PluginComparison `json:"comparisons"`
	Verdict     string             `json:"verdict" enum:"undecided,worse,as_good" doc:"as_good is by the first requests"`
	Reason      string             `json:"reason,omitempty" doc:"Why its results ended it"`
}

// Plugin is the state of a plugin.
type Plugin struct {
	Name        string             `json:"name" example:"paygram"`
	Title       string             `json:"title,omitempty" example:"PayGram"`
	Generations []PluginGeneration `json:"generations" doc:"Those that are open, the latest first"`
	Canary      *PluginCanary      `json:"canary,omitempty"`
	Former      *PluginCanary      `json:"former_canary,omitempty" doc:"The last that ended since the router started"`
	Shadow      *PluginLiveShadow  `json:"shadow,omitempty"`
	Recorded    int                `json:"recorded" doc:"Recorded flows that a candidate is compared with"`
	// Admitted is left out where no module of the plugin is active.
	Admitted *PluginAdmitted `json:"admitted,omitempty" doc:"The act that made the active module so; outlasts a restart"`
	Refused  []PluginRefusal `json:"refused,omitempty" doc:"Modules and files that were refused, the latest first"`
	Events   []PluginEvent   `json:"events,omitempty" doc:"The last steps, the oldest first"`
}

// PluginAdmitted is the act by which a module became active.
type PluginAdmitted struct {
	Digest  string    `json:"digest"`
	Version string    `json:"version"`
	By      string    `json:"by,omitempty" example:"upload by ops"`
	At      time.Time `json:"at,omitzero"`
	Allowed []string  `json:"allowed" doc:"Differences that the act accepted"`
}

// PluginRefusal is a module that was refused, or a file of the folder that is none.
type PluginRefusal struct {
	Digest  string    `json:"digest,omitempty" doc:"Left out for a file that could not be read"`
	Version string    `json:"version,omitempty"`
	Step    string    `json:"step" example:"shadow"`
	Reason  string    `json:"reason"`
	At      time.Time `json:"at"`
	Source  string    `json:"source" example:"folder plugins/paygram.wasm"`
	Needs   []string  `json:"needs" doc:"What an upload has to allow; without it the digest is refused again"`
}

func refusalsOf(refusals []plugin.Refusal) []PluginRefusal {
	shown := make([]PluginRefusal, len(refusals))
	for i, r := range refusals {
		shown[i] = PluginRefusal{
			Digest: r.Digest, Version: r.Version, Step: string(r.Step), Reason: r.Reason, At: r.At, Source: r.Source,
			Needs: allowancesOf(r.Needs),
		}
	}
	return shown
}

func allowancesOf(allowances []plugin.Allowance) []string {
	shown := make([]string, len(allowances))
	for i, allowance := range allowances {
		shown[i] = string(allowance)
	}
	return shown
}

// PluginDifference is one difference between a candidate and the active generation. It has no payer data.
type PluginDifference struct {
	Kind      string   `json:"kind" enum:"requests,outcomes,callbacks,failures,fuel"`
	Operation string   `json:"operation" doc:"Empty for a callback"`
	PaymentID string   `json:"payment_id,omitempty"`
	Call      int      `json:"call,omitempty" doc:"Number of the plugin call within the flow; 1 is prepare"`
	Lines     []string `json:"lines" example:"- request/body/amount: \"49.90\""`
}

// PluginShadow is what recorded flows came to when a candidate repeated them.
type PluginShadow struct {
	Flows      int                `json:"flows"`
	Requests   int                `json:"requests" doc:"How many differ in what would be sent"`
	Outcomes   int                `json:"outcomes"`
	Callbacks  int                `json:"callbacks" doc:"How many callbacks would be read or answered differently"`
	Failures   int                `json:"failures"`
	Fuel       int                `json:"fuel" doc:"Operations that burn too much more"`
	FuelBefore int64              `json:"fuel_before"`
	FuelNow    int64              `json:"fuel_now"`
	Examples   []PluginDifference `json:"examples,omitempty" doc:"The first few of each kind"`
	Covered    []PluginCoverage   `json:"covered" doc:"What was repeated"`
	NotCovered []string           `json:"not_covered,omitempty" doc:"Operations of which nothing is recorded; callbacks"`
}

// PluginLiveShadow is a candidate that sees live flows before it may serve.
type PluginLiveShadow struct {
	Digest  string       `json:"digest"`
	Version string       `json:"version"`
	Source  string       `json:"source,omitempty" example:"upload by ops"`
	Since   time.Time    `json:"since"`
	Extent  string       `json:"extent" doc:"How many flows it sees, or for how long" example:"200 flows"`
	Result  PluginShadow `json:"result" doc:"What was compared so far"`
	Dropped int          `json:"dropped" doc:"Flows and callbacks that found it busy, and were left out"`
	Ignored int          `json:"ignored" doc:"Flows and callbacks that could not be repeated"`
}

// PluginCoverage is how much is recorded of an operation.
type PluginCoverage struct {
	Operation string         `json:"operation" doc:"Empty for callbacks"`
	Results   map[string]int `json:"results" doc:"Recordings by what came of them: a status, verdict or trust"`
}

// PluginChange is one difference between a candidate's manifest and the active generation's.
type PluginChange struct {
	Field     string `json:"field" example:"operations/CreateOrder/idempotency"`
	Before    string `json:"before" example:"none"`
	After     string `json:"after" example:"safe"`
	Direction string `json:"direction" enum:"looser,stricter,neutral" doc:"What it does to what the router may do"`
	Why       string `json:"why,omitempty" doc:"What the router does by the field, where it is looser"`
	Allow     string `json:"allow,omitempty" enum:"manifest,hosts,secrets" doc:"What accepts it, where it is looser"`
}

// PluginInstall is how far a module came.
type PluginInstall struct {
	Name       string        `json:"name,omitempty"`
	Version    string        `json:"version,omitempty"`
	Digest     string        `json:"digest"`
	Generation int64         `json:"generation,omitempty"`
	Unchanged  bool          `json:"unchanged,omitempty" doc:"It serves already"`
	Steps      []PluginEvent `json:"steps"`

	Manifest []PluginChange `json:"manifest,omitempty" doc:"How its manifest differs from the active one, looser first"`
	Omitted  int            `json:"manifest_omitted,omitempty" doc:"How many more differences there are"`

	Shadow *PluginShadow `json:"shadow,omitempty"`
}

func pluginOf(s plugin.Status, events bool) Plugin {
	shown := Plugin{
		Name: s.Name, Title: s.Title, Generations: make([]PluginGeneration, len(s.Generations)),
		Recorded: s.Recorded, Refused: refusalsOf(s.Refusals), Canary: canaryOf(s.Canary), Former: canaryOf(s.FormerCanary),
	}
	if a := s.Admitted; a.Digest != "" {
		shown.Admitted = &PluginAdmitted{a.Digest, a.Version, a.By, a.At, allowancesOf(a.Allowed)}
	}
	for i, g := range s.Generations {
		shown.Generations[i] = PluginGeneration{
			Number: g.Number, Digest: g.Digest, Version: g.Version, State: string(g.State), LoadedAt: g.LoadedAt,
			Source: g.Source, Signed: g.Signed,
			Instances: g.Stats.Instances, Idle: g.Stats.Idle, Calls: g.Stats.Calls, Discarded: g.Stats.Discarded,
			Faults: PluginFaults(g.Faults), CallbackFaults: PluginFaults(g.CallbackFaults), OverBudget: g.OverBudget,
			Refused: g.Refused, Isolation: string(g.Isolation), Kept: g.Kept,
		}
		if q := g.Quarantine; q != nil {
			shown.Generations[i].Quarantine = &PluginQuarantine{q.Sends, q.Callbacks, q.Reason, q.At}
		}
	}
	if l := s.Live; l != nil {
		shown.Shadow = &PluginLiveShadow{
			Digest: l.Digest, Version: l.Version, Source: l.Source, Since: l.Since, Extent: l.Extent.String(),
			Result: *shadowOf(&l.Result), Dropped: l.Dropped, Ignored: l.Ignored,
		}
	}
	if events {
		shown.Events = pluginEvents(s.Events)
	}
	return shown
}

func canaryOf(c *canary.Status) *PluginCanary {
	if c == nil {
		return nil
	}
	shown := &PluginCanary{
		Digest: c.Digest, Share: c.Share, Since: c.Since, EndedAt: c.Ended, Stable: figuresOf(c.Stable),
		Canary: figuresOf(c.Canary), Verdict: string(c.Verdict), Reason: c.Reason,
		Comparisons: make([]PluginComparison, len(c.Comparisons)),
	}
	for i, compared := range c.Comparisons {
		requests := "later"
		if compared.First {
			requests = "first"
		}
		shown.Comparisons[i] = PluginComparison{
			Requests: requests, Of: compared.Of, Statistic: compared.Statistic, Bound: compared.Bound,
			Verdict: string(compared.Verdict),
		}
	}
	return shown
}

func figuresOf(f canary.Figures) PluginFigures {
	return PluginFigures{
		Payments: f.Payments, Succeeded: f.Succeeded, Declined: f.Declined, Unknown: f.Unknown, Unreadable: f.Unreadable,
		Faults: f.Faulted, Busy: f.Busy, MedianMS: f.Median.Milliseconds(), P95MS: f.Slowest.Milliseconds(), Fuel: f.Fuel,
	}
}

func pluginEvents(events []plugin.Event) []PluginEvent {
	shown := make([]PluginEvent, len(events))
	for i, e := range events {
		shown[i] = PluginEvent{
			At: e.At, Step: string(e.Step), Digest: e.Digest, Version: e.Version, Generation: e.Generation,
			Source: e.Source, Detail: e.Detail, Error: e.Error,
		}
	}
	return shown
}

func pluginChanges(changes []manifest.Change) []PluginChange {
	shown := make([]PluginChange, len(changes))
	for i, c := range changes {
		shown[i] = PluginChange{
			Field: c.Field, Before: c.Before, After: c.After, Direction: string(c.Direction), Why: c.Why,
			Allow: string(c.Allow),
		}
	}
	return shown
}

func installOf(r plugin.Report) *PluginInstall {
	shown := &PluginInstall{
		Name: r.Name, Version: r.Version, Digest: r.Digest, Generation: r.Generation, Unchanged: r.Unchanged,
		Steps: pluginEvents(r.Steps), Manifest: pluginChanges(r.Changes), Omitted: r.Omitted,
	}
	if r.Shadow != nil {
		shown.Shadow = shadowOf(r.Shadow)
	}
	return shown
}

func shadowOf(s *plugin.Shadow) *PluginShadow {
	shadow := &PluginShadow{
		Flows: s.Flows, Requests: s.Differences[replay.Requests],
		Outcomes: s.Differences[replay.Outcomes], Callbacks: s.Differences[replay.Callbacks],
		Failures: s.Differences[replay.Failures], Fuel: s.Differences[replay.Fuel],
		FuelBefore: s.FuelBefore, FuelNow: s.FuelNow,
		Covered: make([]PluginCoverage, len(s.Covered)), NotCovered: s.NotCovered,
	}
	for i, covered := range s.Covered {
		shadow.Covered[i] = PluginCoverage(covered)
	}
	for _, d := range s.Examples {
		shadow.Examples = append(shadow.Examples, PluginDifference{
			Kind: string(d.Kind), Operation: d.Operation, PaymentID: d.PaymentID, Call: d.Step, Lines: d.Lines,
		})
	}
	return shadow
}

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
		Data []Plugin `json:"data"`
	}
}

func (a *api) listPlugins(ctx context.Context, _ *struct{}) (*pluginsOutput, error) {
	out := &pluginsOutput{}
	out.Body.Data = []Plugin{}
	for _, status := range a.settings.Plugins.Plugins() {
		out.Body.Data = append(out.Body.Data, pluginOf(status, false))
	}
	return out, nil
}

type pluginInput struct {
	Name string `path:"name" maxLength:"64" example:"paygram"`
}

type pluginOutput struct {
	Body Plugin
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
	return &pluginOutput{Body: pluginOf(status, true)}, nil
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
	Body *PluginInstall
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
		p.Plugin = installOf(report)
		return nil, p
	}
	return &installOutput{Body: installOf(report)}, nil
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
