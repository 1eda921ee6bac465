// Package pluginview is how plugins are shown over the API. Its types are components of the OpenAPI document.
package pluginview

import (
	"time"

	"payrouter/host/plugin"
	"payrouter/host/plugin/canary"
	"payrouter/host/plugin/manifest"
	"payrouter/host/plugin/replay"
)

// PluginGeneration is one version of a plugin that is open.
type PluginGeneration struct {
	Number    int64     `json:"number" doc:"Counts generations of all plugins since the router started; attempts name it"`
	Digest    string    `json:"digest" doc:"SHA-256 of the module"`
	Version   string    `json:"version" example:"1.2.0"`
	State     string    `json:"state" enum:"active,canary,shadow,warm,draining"`
	LoadedAt  time.Time `json:"loaded_at"`
	Loaded    bool      `json:"loaded" doc:"Whether it is compiled; one that no account names is not after a restart"`
	Source    string    `json:"source,omitempty" example:"upload by ops"`
	Signed    bool      `json:"signed" doc:"Whether a trusted key stands behind it"`
	Instances int       `json:"instances"`
	Idle      int       `json:"idle"`
	Calls     int64     `json:"calls"`
	Discarded int64     `json:"discarded" doc:"Instances that were closed, or restored, after a failed call"`
	Isolation string    `json:"isolation" enum:"shared,pristine" doc:"Whether calls find the plugin as after its start"`
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

// Of is a plugin as it stands, with its events where they are asked for.
func Of(s plugin.Status, events bool) Plugin {
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
			Loaded: g.Loaded, Source: g.Source, Signed: g.Signed,
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

// InstallOf is a report, as the answer to an upload has it.
func InstallOf(r plugin.Report) *PluginInstall {
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
