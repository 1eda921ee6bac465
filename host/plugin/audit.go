package plugin

import (
	"log/slog"
	"time"
)

// Step is one step of a change, in the order in which an install goes through them.
type Step string

// The steps.
const (
	StepRead      Step = "read"
	StepSignature Step = "signature"
	// StepCompile: the contract and the imports are checked, fuel is put in, machine code is made, and a first instance
	// brought up.
	StepCompile Step = "compile"
	// StepDescribe: the plugin returns its manifest, which is checked.
	StepDescribe Step = "describe"
	// StepAllow: the configuration allows differences of the module.
	StepAllow Step = "allow"
	// StepCheck: the module's own vectors are played, and damaged.
	StepCheck Step = "check"
	// StepCompare: name, version and manifest are compared with the active generation's.
	StepCompare Step = "compare"
	StepPin     Step = "pin"
	// StepShadow: recorded flows are run through the candidate.
	StepShadow Step = "shadow"
	StepKeep   Step = "keep"
	// StepAdopt: the configuration is checked with it.
	StepAdopt Step = "adopt"
	StepServe Step = "serve"
	// StepCanary: a candidate receives a share of the payments, or no longer does.
	StepCanary   Step = "canary"
	StepRollback Step = "rollback"
	// StepQuarantine: a generation failed too many calls. StepRelease: a person ended its quarantine.
	StepQuarantine Step = "quarantine"
	StepRelease    Step = "release"
	StepDrain      Step = "drain"
	StepClose      Step = "close"
)

// Event is one step that was taken, or failed.
type Event struct {
	At   time.Time
	Step Step
	// Digest, Version and Generation are of the module that it is about, as far as they were known.
	Digest     string
	Version    string
	Generation int64
	// Source is where the change came from: "folder plugins/paygram.wasm", "upload by ops", "canary".
	Source string
	// Detail describes what was done, Error why it failed. Either may be empty.
	Detail string
	Error  string
}

// maxEvents are kept of a plugin; older ones are in the log.
const maxEvents = 200

// trail collects the events of one change.
type trail struct {
	registry *Registry
	name     string // of the plugin, or of its file until that is known
	source   string
	about    Event
	events   []Event
	// quiet: the router is starting, so that a success is logged at debug level.
	quiet bool
}

func (r *Registry) trail(name, source string) *trail {
	return &trail{registry: r, name: name, source: source}
}

// of sets the generation of the following events.
func (t *trail) of(g *Generation) {
	t.name = g.manifest.GetName()
	t.about.Digest, t.about.Version, t.about.Generation = g.Digest(), g.manifest.GetVersion(), g.number
}

// done notes a step that succeeded.
func (t *trail) done(step Step, detail string) { t.note(step, detail, nil) }

// failed notes the step at which a change stopped, and returns its error.
func (t *trail) failed(step Step, err error) error {
	err = at(step, err)
	if refused, ok := err.(*RefusedError); ok { //nolint:errorlint // at gives one or it is not there
		step = refused.Step
	}
	t.note(step, "", err)
	return err
}

func (t *trail) note(step Step, detail string, err error) {
	event := t.about
	event.At, event.Step, event.Source, event.Detail = t.registry.settings.Now().UTC(), step, t.source, detail
	attributes := []any{
		slog.String("plugin", t.name), slog.String("step", string(step)), slog.String("digest", event.Digest),
		slog.String("version", event.Version),
		slog.String("source", t.source), slog.String("detail", detail),
	}
	log := t.registry.settings.Logger.Info
	if t.quiet {
		log = t.registry.settings.Logger.Debug
	}
	if err != nil {
		event.Error = err.Error()
		attributes, log = append(attributes, slog.Any("error", err)), t.registry.settings.Logger.Error
	}
	log("plugin", attributes...)
	t.events = append(t.events, event)
	t.registry.remember(t.name, event)
}

// maxInactive bounds the names without an active generation of which events are kept.
const maxInactive = 50

func (r *Registry) remember(name string, event Event) {
	if !r.expect(name) {
		return
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	known := r.stateFor(name)
	known.events = append(known.events, event)
	if excess := len(known.events) - maxEvents; excess > 0 {
		known.events = append([]Event(nil), known.events[excess:]...)
	}
}

// expect has a plugin's name shown, and is false where there are too many that are not active.
func (r *Registry) expect(name string) bool {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if _, known := r.states[name]; !known && len(r.states) >= len(r.active.plugins)+maxInactive {
		return false
	}
	r.stateFor(name)
	return true
}
