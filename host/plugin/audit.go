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
	// StepDescribe: the plugin is asked for its manifest, which is checked.
	StepDescribe Step = "describe"
	// StepCompare: name, version, secrets and hosts are held against what serves.
	StepCompare Step = "compare"
	StepPin     Step = "pin"
	// StepShadow: recorded conversations are run through the candidate.
	StepShadow Step = "shadow"
	StepKeep   Step = "keep"
	// StepAdopt: the configuration is asked whether it can work with it.
	StepAdopt Step = "adopt"
	StepServe Step = "serve"
	// StepCanary: a share of payments goes, or goes no longer, to a candidate.
	StepCanary   Step = "canary"
	StepRollback Step = "rollback"
	StepDrain    Step = "drain"
	StepClose    Step = "close"
)

// Event is one step that was taken, or failed.
type Event struct {
	At   time.Time
	Step Step
	// Digest, Version and Generation are of the module that it is about, as far as they were known.
	Digest     string
	Version    string
	Generation int64
	// Source is where the change came from: "folder plugins/paygram.wasm", "upload by desk", "canary".
	Source string
	// Detail says more; Error says why it failed. Either may be empty.
	Detail string
	Error  string
}

// mostEvents are kept of a plugin; older ones are in the log.
const mostEvents = 200

// trail gathers the events of one change.
type trail struct {
	registry *Registry
	name     string // of the plugin, or of its file until that is known
	source   string
	about    Event
	events   []Event
	// quiet: nothing serves yet, so that what goes well is no news.
	quiet bool
}

func (s *Registry) trail(name, source string) *trail {
	return &trail{registry: s, name: name, source: source}
}

// of says which generation the following events are about.
func (t *trail) of(g *Generation) {
	t.name = g.manifest.GetName()
	t.about.Digest, t.about.Version, t.about.Generation = g.Digest(), g.manifest.GetVersion(), g.number
}

// done notes a step that was taken.
func (t *trail) done(step Step, detail string) { t.note(step, detail, nil) }

// failed notes the step at which a change stopped, and gives its error back.
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
	say := t.registry.settings.Logger.Info
	if t.quiet {
		say = t.registry.settings.Logger.Debug
	}
	if err != nil {
		event.Error = err.Error()
		attributes, say = append(attributes, slog.Any("error", err)), t.registry.settings.Logger.Error
	}
	say("plugin", attributes...)
	t.events = append(t.events, event)
	t.registry.remember(t.name, event)
}

// mostStrangers are names of which nothing serves and events are kept all the same.
const mostStrangers = 50

func (s *Registry) remember(name string, event Event) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if _, known := s.entries[name]; !known && len(s.entries) >= len(s.active.plugins)+mostStrangers {
		return
	}
	entry := s.entry(name)
	entry.events = append(entry.events, event)
	if excess := len(entry.events) - mostEvents; excess > 0 {
		entry.events = append([]Event(nil), entry.events[excess:]...)
	}
}
