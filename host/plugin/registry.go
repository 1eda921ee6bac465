package plugin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	abi "payrouter/abi/v1"
	"payrouter/host/plugin/budget"
	"payrouter/host/plugin/canary"
	"payrouter/host/plugin/faults"
	"payrouter/host/plugin/signature"
	"payrouter/host/usage"
	"payrouter/host/wasm"
)

// Settings of a registry. Zero fields have the meaning that they name.
type Settings struct {
	// Policies are by the plugin's name, for the start: from Bind on the configuration has them.
	Policies map[string]Policy
	// Limits bound the plugins' guests.
	Limits wasm.Limits
	// Isolation decides how the plugins' calls are kept apart.
	Isolation IsolationSettings
	// Keys are the keys whose signatures are trusted.
	Keys signature.Keys
	// RequireSignature refuses modules that are not signed with one of the Keys.
	RequireSignature bool
	// RequireCheck refuses candidates that have no vectors in them; those that were active before the start serve.
	RequireCheck bool
	// StepWithin bounds each of the steps in which a candidate takes what time it likes: its compilation, its check, the
	// shadow check. Other changes, and a start, wait for them. 0 means two minutes; an honest module takes seconds.
	StepWithin time.Duration
	// Keep is how many former generations of a plugin stay warm for a rollback. 0 and less mean none.
	Keep int
	// Dir is the folder for what survives a restart: the modules that are active, which they are and by whom, what was
	// refused, and recordings. Empty means that nothing does.
	Dir string
	// Record is how many flows of each operation of a plugin are recorded, and how many callbacks of each result. 0 and
	// less mean none.
	Record int
	// RecordFor is how long a recording is kept: it has payers' data. 0 means 30 days.
	RecordFor time.Duration
	// RecordBytes bounds the recorded flows of one plugin; its callbacks take a quarter as much more. 0 means 4 MiB.
	RecordBytes int
	// FuelPercent is how much more fuel than before a candidate may use on recorded flows. 0 means 50.
	FuelPercent int
	// CPU is how many CPUs the calls of one generation may use in sum, and AccountCPU those of one account. New requests
	// are refused once it is spent; answers are read all the same. 0 means 1 and 0.5 for each guest that runs at once;
	// below 0 there is no limit.
	CPU, AccountCPU float64
	// Quarantine decides when a generation goes into quarantine.
	Quarantine faults.Settings
	// Quarantined is called with each quarantine that begins, on a goroutine of its own. It may read the registry. Nil
	// calls nothing.
	Quarantined func(Quarantine)
	// Canary decides when a canary is aborted.
	Canary canary.Settings
	// Now is the clock. Nil means the system's.
	Now func() time.Time
	// Logger receives every step of a change. Nil discards.
	Logger *slog.Logger
}

// withDefaults fills the fields that are zero, where so many guests run at once.
func (s Settings) withDefaults(guests int) Settings {
	s.StepWithin = cmp.Or(s.StepWithin, 2*time.Minute)
	s.RecordBytes = cmp.Or(s.RecordBytes, 4<<20)
	s.RecordFor = cmp.Or(s.RecordFor, 30*24*time.Hour)
	s.FuelPercent = cmp.Or(s.FuelPercent, 50)
	s.CPU = cmp.Or(s.CPU, float64(guests))
	s.AccountCPU = cmp.Or(s.AccountCPU, float64(guests)/2)
	s.Quarantine = s.Quarantine.WithDefaults()
	if s.Quarantined == nil {
		s.Quarantined = func(Quarantine) {}
	}
	s.Isolation = s.Isolation.withDefaults()
	if s.Now == nil {
		s.Now = time.Now //nolint:forbidigo // the clock's one place
	}
	s.Logger = cmp.Or(s.Logger, slog.New(slog.DiscardHandler))
	return s
}

// configuration is what accounts need of plugins, as live.Manager has it.
type configuration interface {
	// Adopt is called before an active set takes effect, one set at a time. Its error, say that a manifest does not fit
	// the configuration, cancels the change. It must not change the registry.
	Adopt(ctx context.Context, active ActiveSet) error
	// Pinned reports whether the configuration's accounts allow a module of a plugin.
	Pinned(name, digest string) bool
	// Policy is what the configuration names of a plugin itself.
	Policy(name string) Policy
}

// Registry has the generations of each plugin: those that are active, and those that are kept for a while. It is safe
// for concurrent use. Changes are made one at a time.
type Registry struct {
	compiler *wasm.Compiler
	settings Settings
	// base is for what outlives the call that starts it: closing a generation, aborting a canary.
	base context.Context

	// configuration is nil until Bind: what LoadDir makes active at the start becomes so without it.
	configuration atomic.Pointer[configuration]

	// installing is held while a module is examined, and changing, taken after it, while the active set changes, Adopt
	// included: so a rollback does not wait for a compilation. mutex is the innermost, and never held during a wait.
	installing, changing sync.Mutex

	// users counts the users of each generation: the active set, the warm ones, callers of Hold.
	users usage.Pool[int64, *Generation]

	mutex  sync.RWMutex
	active ActiveSet
	states map[string]*pluginState
	// refusals are by digest, and by fileKey where there is none.
	refusals map[string]Refusal
	// quarantines are by digest.
	quarantines map[string]Quarantine
	// open are the generations whose module is not closed yet.
	open   map[*Generation]struct{}
	last   int64 // the number of the latest generation
	closed bool
	tasks  sync.WaitGroup // closing generations, aborting canaries, live shadows, and what follows from a quarantine
	broken []error        // errors of closing generations

	// budgets guards accounts, whose budgets outlive their fleets. There is one for each name that an account ever had.
	budgets  sync.Mutex
	accounts map[string]*budget.Budget
}

// pluginState is what the registry has of a plugin beside its active generations.
type pluginState struct {
	// warm are former generations, the last one first. The registry holds each.
	warm     []*Generation
	recorder *recorder
	// callbacks are recorded apart, within a share of the bytes: anyone may send them.
	callbacks *recorder
	// probation is of the last swap.
	probation probation
	// canary counts the results since there is one; nil without. formerCanary is the last that ended.
	canary       *canary.Tally
	formerCanary *canary.Status
	events       []Event
	decision     decision
	// files have both outlast a restart.
	files []*recordingFile
	// live is the live shadow; nil without.
	live *liveShadow
	// undecided is why the decision of before the start is not known; nil where it is, or where there was none.
	undecided error
	// allowed are the differences that were accepted of generations that are active or warm, by digest.
	allowed map[string][]Allowance
	// file is the path in the folder that provides the plugin; empty where none does.
	file string
}

// Bind names the configuration that every later change of the active set has to fit.
func (r *Registry) Bind(c configuration) { r.configuration.Store(&c) }

func (r *Registry) adopt(ctx context.Context, next ActiveSet) error {
	c := r.configuration.Load()
	if c == nil {
		return nil
	}
	return (*c).Adopt(ctx, next)
}

// NewRegistry makes an empty registry. Close closes what was loaded; the compiler stays the caller's.
func NewRegistry(compiler *wasm.Compiler, settings Settings) *Registry {
	return &Registry{
		base: context.Background(), compiler: compiler, settings: settings.withDefaults(compiler.Running()),
		states: map[string]*pluginState{}, refusals: map[string]Refusal{}, open: map[*Generation]struct{}{},
		quarantines: map[string]Quarantine{}, accounts: map[string]*budget.Budget{},
	}
}

// callbackShare is the part of Settings.RecordBytes that the recordings of callbacks take beside those of flows.
const callbackShare = 4

// stateFor returns a plugin's state, a new one where there is none. The caller holds the mutex.
func (r *Registry) stateFor(name string) *pluginState {
	known := r.states[name]
	if known == nil {
		s := r.settings
		flows, callbacks := newRecorder(s, s.RecordBytes), newRecorder(s, s.RecordBytes/callbackShare)
		known = &pluginState{
			recorder: flows, callbacks: callbacks, files: r.recordingFiles(name, flows, callbacks),
			allowed: map[string][]Allowance{},
		}
		r.states[name] = known
	}
	return known
}

// newGeneration makes a generation of a module, which is nil until it is loaded, with the caller as its user.
func (r *Registry) newGeneration(module *wasm.Module, d description, source string, signed bool) *Generation {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.last++
	manifest := d.manifest
	known := r.stateFor(manifest.GetName())
	generation := &Generation{
		digest: d.digest, code: newMachineCode(module), manifest: manifest, said: d.said, number: r.last, registry: r,
		source: source, signed: signed,
		recorder: known.recorder, callbacks: known.callbacks, loadedAt: r.settings.Now().UTC(),
		operations: operationsOf(manifest), guard: r.newGuard(manifest.GetName()),
		isolation: r.settings.Isolation.of(manifest.GetName(), signed),
	}
	r.open[generation] = struct{}{}
	if q, found := r.quarantines[generation.Digest()]; found {
		// One that could not be read has no name.
		q.Name, q.Version = manifest.GetName(), manifest.GetVersion()
		r.setQuarantine(q.Digest, &q)
	}
	_, _ = r.users.LoadOrNew(generation.number, func() (*Generation, error) { return generation, nil })
	return generation
}

// setActive replaces the active set, and releases the former one.
func (r *Registry) setActive(active ActiveSet) {
	active.Hold()
	r.mutex.Lock()
	former := r.active
	r.active = active
	r.mutex.Unlock()
	former.Release()
}

// ActiveSet is the current one. It stays open while it is current, or held.
func (r *Registry) ActiveSet() ActiveSet {
	r.mutex.RLock()
	defer r.mutex.RUnlock()
	return r.active
}

// Current is the stable generation of a plugin.
func (r *Registry) Current(name string) (*Generation, bool) {
	active, found := r.ActiveSet().Of(name)
	return active.Stable, found
}

// Manifests are those of the stable generations, by name.
func (r *Registry) Manifests() map[string]*abi.Manifest { return r.ActiveSet().Manifests() }

// Open counts the generations that are open, and their instances.
func (r *Registry) Open() (generations, instances int) {
	r.mutex.RLock()
	defer r.mutex.RUnlock()
	for generation := range r.open {
		instances += generation.Stats().Instances
	}
	return len(r.open), instances
}

// isOpen reports whether a generation of a module is open.
func (r *Registry) isOpen(digest string) bool {
	r.mutex.RLock()
	defer r.mutex.RUnlock()
	for generation := range r.open {
		if generation.Digest() == digest {
			return true
		}
	}
	return false
}

// isClosed reports whether Close was called. Who changes the registry calls it under changing, so that it stays true.
func (r *Registry) isClosed() bool {
	r.mutex.RLock()
	defer r.mutex.RUnlock()
	return r.closed
}

func (r *Registry) hold(g *Generation) {
	if !r.users.Acquire(g.number) && !r.isClosed() {
		panic("plugin: a generation is held that is not in use")
	}
}

func (r *Registry) release(g *Generation) {
	if _, last := r.users.Release(g.number); !last {
		return
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.closed {
		return
	}
	// No flow uses it any more: at most a callback is still being read.
	r.tasks.Go(func() { r.closeGeneration(g) })
}

// closeGeneration closes a generation without users.
func (r *Registry) closeGeneration(g *Generation) {
	err := g.code.close(r.base)
	r.mutex.Lock()
	delete(r.open, g)
	if err != nil {
		r.broken = append(r.broken, fmt.Errorf("close %s: %w", g.manifest.GetName(), err))
	}
	r.mutex.Unlock()
	t := r.trail(g.manifest.GetName(), g.source)
	t.of(g)
	t.note(StepClose, "it is no longer in use", err)
}

// Close closes every generation, held or not, and waits for calls under way until ctx ends.
func (r *Registry) Close(ctx context.Context) error {
	r.mutex.Lock()
	r.closed = true
	for _, known := range r.states {
		if known.live != nil {
			known.live.stop(errRestart)
		}
	}
	r.mutex.Unlock()
	r.tasks.Wait()
	r.installing.Lock()
	defer r.installing.Unlock()
	r.changing.Lock()
	defer r.changing.Unlock()
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.active, r.states = ActiveSet{}, map[string]*pluginState{}
	problems := r.broken
	for generation := range r.open {
		if err := generation.code.close(ctx); err != nil {
			problems = append(problems, fmt.Errorf("close %s: %w", generation.manifest.GetName(), err))
			continue
		}
		delete(r.open, generation)
	}
	return errors.Join(problems...)
}
