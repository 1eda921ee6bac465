package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"payrouter/host/atomicfile"
	"payrouter/host/plugin/replay"
	"payrouter/host/regularfile"
	"payrouter/host/wasm"
)

// Extent is how much a candidate sees of the active generation's live flows and callbacks before it may serve. It ends
// with the first bound that is reached; the zero Extent is none.
type Extent struct {
	// Flows is how many flows are compared.
	Flows int
	// For is how long.
	For time.Duration
}

func (t Extent) any() bool { return t.Flows > 0 || t.For > 0 }

// String is the bound in words.
func (t Extent) String() string {
	if t.Flows > 0 {
		return strconv.Itoa(t.Flows) + " flows"
	}
	return t.For.String()
}

const (
	// waitingLive are the flows and callbacks that wait for the candidate; more are left out, and counted.
	waitingLive = 64
	// maxFuelFlows bounds the flows by which fuel is compared.
	maxFuelFlows = 1000
	// shadowFile is in a plugin's folder while a live shadow is there.
	shadowFile = "shadow.json"
)

// liveShadow compares a candidate with the active generation by what that does now. One goroutine asks the candidate,
// which never serves meanwhile, and never makes a payment wait. Its fields above the mutex do not change.
type liveShadow struct {
	registry         *Registry
	name             string
	candidate        Candidate
	generation       *Generation
	stable           *Generation
	since            time.Time
	waiting          chan replay.Recording
	stopped          context.Context //nolint:containedctx // it is the shadow's own life, and ends its goroutine
	stop             context.CancelCauseFunc
	mutex            sync.Mutex
	result           Shadow
	before, now      []replay.Recording // of fuel alone
	dropped, ignored int
}

// errRestart is why a live shadow ends with its router.
var errRestart = errors.New("the router stops")

// shadowLive begins a live shadow instead of serving a candidate. The caller holds r.changing.
func (r *Registry) shadowLive(t *trail, c Candidate, g, stable *Generation) error {
	active, _ := r.ActiveSet().Of(g.manifest.GetName())
	switch {
	case c.Canary > 0:
		return t.failed(StepShadow, &RefusedError{
			Step: StepShadow, Reason: ErrCanary, What: "a canary serves, and a live shadow does not",
		})
	case active.Canary != nil:
		return t.failed(StepShadow, &RefusedError{
			Step: StepShadow, Reason: ErrCanary, What: "there is one", Hint: "promote it or abort it first",
		})
	case r.settings.Record <= 0:
		return t.failed(StepShadow, &RefusedError{
			Step: StepShadow, Reason: ErrUnproven, What: "nothing is recorded on this router",
		})
	}
	stopped, stop := context.WithCancelCause(r.base)
	s := &liveShadow{
		registry: r, name: g.manifest.GetName(), candidate: c, generation: g, stable: stable,
		since: r.settings.Now().UTC(), waiting: make(chan replay.Recording, waitingLive), stopped: stopped, stop: stop,
		result: Shadow{Differences: map[replay.Kind]int{}},
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.closed {
		stop(nil)
		return t.failed(StepShadow, wasm.ErrClosed)
	}
	known := r.stateFor(s.name)
	if known.live != nil {
		known.live.stop(fmt.Errorf("%s takes its place", c.Source))
	}
	g.Hold()
	known.live = s
	known.recorder.live.Store(s)
	known.callbacks.live.Store(s)
	r.tasks.Go(s.run)
	return nil
}

// offer passes on what the active generation has just ended. It does not wait.
func (s *liveShadow) offer(ended replay.Recording) {
	if s == nil || ended.Digest != s.stable.Digest() {
		return
	}
	select {
	case s.waiting <- ended:
	default:
		s.mutex.Lock()
		s.dropped++
		s.mutex.Unlock()
	}
}

// run compares until it saw enough, and then has the candidate serve, or refuses it.
func (s *liveShadow) run() {
	defer s.generation.Release()
	t := s.registry.trail(s.name, s.candidate.Source)
	t.of(s.generation)
	t.note(StepShadow, "it sees live flows: "+s.candidate.Extent.String(), s.keepNote())
	if !s.compareAll() || !s.conclude(t) {
		result := s.status().Result
		t.done(StepShadow, "the live shadow ends, because of: "+context.Cause(s.stopped).Error()+"; "+result.String())
	}
	if s.registry.forget(s) && !errors.Is(context.Cause(s.stopped), errRestart) {
		_ = os.Remove(s.notePath()) // one that stays is an event at the next start, and no more
	}
	s.stop(nil)
}

// compareAll is true when it saw enough, and false when it was stopped.
func (s *liveShadow) compareAll() bool {
	var timeout <-chan time.Time
	if extent := s.candidate.Extent; extent.For > 0 {
		timer := time.NewTimer(extent.For)
		defer timer.Stop()
		timeout = timer.C
	}
	for {
		select {
		case <-s.stopped.Done():
			return false
		case <-timeout:
			return true
		case ended := <-s.waiting:
			s.compare(ended)
			if most := s.candidate.Extent.Flows; most > 0 && s.status().Result.Flows >= most {
				return s.stopped.Err() == nil
			}
		}
	}
}

// compare asks the candidate what the active generation was asked, outside the mutex, as long as it has CPU left.
func (s *liveShadow) compare(former replay.Recording) {
	if s.generation.guard.cpu.Spent(s.registry.settings.Now()) {
		s.mutex.Lock()
		defer s.mutex.Unlock()
		s.dropped++
		return
	}
	run, err := replay.Run(s.stopped, onBudget{s.generation}, former)
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if err != nil {
		s.ignored++
		return
	}
	s.result.cover(former)
	found := replay.Compare(former, run)
	s.result.add(found...)
	if len(found) == 0 && len(s.before) < maxFuelFlows {
		s.before, s.now = append(s.before, onlyFuel(former)), append(s.now, onlyFuel(run))
	}
	s.result.FuelBefore += former.Fuel()
	s.result.FuelNow += run.Fuel()
}

// onBudget is a generation that pays for its answers.
type onBudget struct{ *Generation }

// Answer implements replay.Guest.
func (g onBudget) Answer(ctx context.Context, export wasm.Export, input []byte,
	env wasm.Env,
) ([]byte, int64, error) {
	raw, usage, err := g.answer(ctx, export, input, env)
	g.guard.charge(usage, nil, g.registry.settings.Now())
	return raw, usage.Fuel, err
}

// onlyFuel is what fuel is compared by.
func onlyFuel(r replay.Recording) replay.Recording {
	return replay.Recording{Operation: r.Operation, Steps: []replay.Step{{Fuel: r.Fuel()}}}
}

// conclude has the candidate serve where no difference stops it, or refuses it. It is false where the shadow was
// stopped before.
func (s *liveShadow) conclude(t *trail) bool {
	r, c := s.registry, s.candidate
	r.changing.Lock()
	defer r.changing.Unlock()
	if s.stopped.Err() != nil || r.isClosed() {
		return false // a change of the plugin was faster
	}
	s.mutex.Lock()
	s.result.add(replay.Burned(s.before, s.now, r.settings.FuelPercent)...)
	s.result.NotCovered = s.result.uncovered(s.generation.manifest)
	words, err := s.result.String(), s.result.verdict(c)
	s.mutex.Unlock()
	if err == nil {
		err = r.pinned(s.name, s.generation.Digest())
	}
	if err == nil {
		t.done(StepShadow, "live: "+words)
		err = r.serve(s.stopped, t, change{
			name: s.name, active: Active{Stable: s.generation}, code: c.Code, digest: s.generation.Digest(),
			allowed: c.Allow, signature: c.Signature, file: c.file, concludes: s,
		})
	} else {
		err = t.failed(StepShadow, err)
	}
	if err != nil {
		r.refuse(t, c, err)
	}
	return true
}

// forget ends the state of a live shadow that is over. It is false where another has its place.
func (r *Registry) forget(s *liveShadow) bool {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	known := r.stateFor(s.name)
	if known.live != s {
		return false
	}
	known.live = nil
	known.recorder.live.Store(nil)
	known.callbacks.live.Store(nil)
	return true
}

// abortLive ends a plugin's live shadow, if there is one.
func (r *Registry) abortLive(name, source string) bool {
	r.mutex.RLock()
	defer r.mutex.RUnlock()
	known := r.states[name]
	if known == nil || known.live == nil || known.live.stopped.Err() != nil {
		return false
	}
	known.live.stop(errors.New(source))
	return true
}

// liveStatus describes a live shadow.
type liveStatus struct {
	Digest, Version string
	Generation      int64
	Source          string
	Since           time.Time
	Extent          Extent
	// Result is what was compared so far.
	Result Shadow
	// Dropped are flows and callbacks that found the candidate busy. Ignored are those that could not be replayed.
	Dropped, Ignored int
}

func (s *liveShadow) status() *liveStatus {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	result := s.result
	result.Covered = slices.Clone(result.Covered)
	for i, covered := range result.Covered {
		result.Covered[i].Results = maps.Clone(covered.Results)
	}
	result.Differences = maps.Clone(result.Differences)
	result.Examples = slices.Clone(result.Examples)
	result.NotCovered = result.uncovered(s.generation.manifest)
	return &liveStatus{
		Digest: s.generation.Digest(), Version: s.generation.manifest.GetVersion(), Generation: s.generation.number,
		Source: s.candidate.Source, Since: s.since, Extent: s.candidate.Extent, Result: result,
		Dropped: s.dropped, Ignored: s.ignored,
	}
}

// lostShadow is what a restart finds of a live shadow.
type lostShadow struct {
	Digest  string `json:"digest"`
	Version string `json:"version"`
	Source  string `json:"source"`
}

func (s *liveShadow) notePath() string {
	return filepath.Join(s.registry.settings.Dir, s.name, shadowFile)
}

// keepNote has a restart report that the live shadow was lost.
func (s *liveShadow) keepNote() error {
	if s.registry.settings.Dir == "" {
		return nil
	}
	text, err := json.Marshal(lostShadow{s.generation.Digest(), s.generation.manifest.GetVersion(), s.candidate.Source})
	if err == nil {
		err = atomicfile.Write(s.notePath(), text, 0o600)
	}
	if err != nil {
		return fmt.Errorf("a restart will not report it: %w", err)
	}
	return nil
}

// reportLostShadow notes a live shadow that the restart ended.
func (r *Registry) reportLostShadow(name string) {
	path := filepath.Join(r.settings.Dir, name, shadowFile)
	text, err := regularfile.Read(path, maxDecision)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	var lost lostShadow
	if err == nil {
		err = json.Unmarshal(text, &lost)
	}
	t := r.trail(name, lost.Source)
	t.about.Digest, t.about.Version = lost.Digest, lost.Version
	t.note(StepShadow, "the live shadow ended with the restart: install it again", errors.Join(err, os.Remove(path)))
}
