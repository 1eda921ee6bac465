package plugin

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	abi "payrouter/abi/v1"
	"payrouter/host/plugin/replay"
)

// Shadow is the result of replaying a plugin's recorded flows and callbacks with a candidate.
type Shadow struct {
	// Flows and Callbacks are how many were replayed.
	Flows, Callbacks int
	// Covered is what was replayed, by operation, callbacks last.
	Covered []Coverage
	// NotCovered are the candidate's operations of which no flow is recorded, and "callbacks" where it supports them and
	// none is.
	NotCovered []string
	// Differences counts those of each kind.
	Differences map[replay.Kind]int
	// Examples are the first few of each kind.
	Examples []replay.Difference
	// Fuel that the active generation used, and that the candidate did.
	FuelBefore, FuelNow int64
}

// Coverage is how much is recorded of an operation.
type Coverage struct {
	// Operation is empty for callbacks.
	Operation string
	// Results counts recordings by what came of them: see replay.Recording.
	Results map[string]int
}

const maxExamples = 5

// String is the figures in words.
func (s *Shadow) String() string {
	words := []string{fmt.Sprintf("%d recorded flows", s.Flows)}
	if s.Callbacks > 0 {
		words = append(words, fmt.Sprintf("%d callbacks", s.Callbacks))
	}
	for _, kind := range []replay.Kind{
		replay.Requests, replay.Outcomes, replay.Callbacks, replay.Failures, replay.Fuel,
	} {
		if n := s.Differences[kind]; n > 0 {
			words = append(words, fmt.Sprintf("%d times %s differ", n, kind))
		}
	}
	if s.FuelBefore > 0 {
		words = append(words, fmt.Sprintf("fuel %d → %d", s.FuelBefore, s.FuelNow))
	}
	if len(s.NotCovered) > 0 {
		words = append(words, fmt.Sprintf("nothing recorded of %d operations", len(s.NotCovered)))
	}
	return strings.Join(words, ", ")
}

// cover counts a recording that was replayed.
func (s *Shadow) cover(recording replay.Recording) {
	if recording.Operation == "" {
		s.Callbacks++
	} else {
		s.Flows++
	}
	i := slices.IndexFunc(s.Covered, func(c Coverage) bool { return c.Operation == recording.Operation })
	if i < 0 {
		i = len(s.Covered)
		s.Covered = append(s.Covered, Coverage{Operation: recording.Operation, Results: map[string]int{}})
	}
	s.Covered[i].Results[recording.Result()]++
}

// uncovered names what a manifest has and nothing was replayed of.
func (s *Shadow) uncovered(m *abi.Manifest) []string {
	var names []string
	for _, operation := range m.GetOperations() {
		if !slices.ContainsFunc(s.Covered, func(c Coverage) bool { return c.Operation == operation.GetName() }) {
			names = append(names, operation.GetName())
		}
	}
	if m.GetCallback().GetSupported() && s.Callbacks == 0 {
		names = append(names, "callbacks")
	}
	return names
}

func (s *Shadow) add(found ...replay.Difference) {
	for _, difference := range found {
		s.Differences[difference.Kind]++
		if s.Differences[difference.Kind] <= maxExamples {
			s.Examples = append(s.Examples, difference)
		}
	}
}

// shadow replays a plugin's recordings with a candidate, of those alike the last. Differences that are not allowed are
// the error, and so is a lack of recordings. A recording of another generation is replayed with the active one first,
// so that both sides answer the same inputs.
func (r *Registry) shadow(ctx context.Context, active, candidate *Generation, c Candidate) (*Shadow, error) {
	shadow := &Shadow{Differences: map[replay.Kind]int{}}
	within, cancel := context.WithTimeout(ctx, r.settings.StepWithin)
	defer cancel()
	var alikeBefore, alikeNow []replay.Recording
	recordings := append(active.recorder.recordings(), active.callbacks.recordings()...)
	for _, recording := range replay.LastAlike(recordings) {
		former, run, err := sideBySide(within, active, candidate, recording)
		if err = cmp.Or(err, within.Err()); err != nil {
			return shadow, r.inTime(ctx, within, StepShadow, err)
		}
		shadow.cover(former)
		found := replay.Compare(former, run)
		shadow.add(found...)
		if len(found) == 0 {
			alikeBefore, alikeNow = append(alikeBefore, former), append(alikeNow, run)
		}
		shadow.FuelBefore += former.Fuel()
		shadow.FuelNow += run.Fuel()
	}
	shadow.add(replay.Burned(alikeBefore, alikeNow, r.settings.FuelPercent)...)
	shadow.NotCovered = shadow.uncovered(candidate.manifest)
	if c.Extent.any() && shadow.Flows == 0 {
		c.Allow = union(c.Allow, []Allowance{AllowUnproven}) // what it sees is the evidence
	}
	return shadow, shadow.verdict(c)
}

// hasEvidence reports whether there are flows that a candidate could be compared by.
func (r *Registry) hasEvidence(name string) bool {
	r.mutex.RLock()
	defer r.mutex.RUnlock()
	known := r.states[name]
	if known == nil {
		return false
	}
	recorded, _ := known.recorder.count()
	return recorded > 0
}

func sideBySide(ctx context.Context, active, candidate *Generation,
	recording replay.Recording,
) (former, run replay.Recording, err error) {
	former = recording
	if recording.Digest != active.Digest() {
		if former, err = replay.Run(ctx, active, recording); err != nil {
			return former, run, err
		}
	}
	run, err = replay.Run(ctx, candidate, recording)
	return former, run, err
}

// verdict is an error where differences stop a candidate, or where nothing could show any.
func (s *Shadow) verdict(c Candidate) error {
	if s.Flows == 0 && !c.checked && !c.allows(AllowUnproven) {
		return &RefusedError{
			Step: StepShadow, Reason: ErrUnproven, What: s.String(),
			Hint: "install it after some payments, embed its vectors, or allow unproven", Needs: []Allowance{AllowUnproven},
		}
	}
	var refused []Allowance
	for kind, n := range s.Differences {
		if n > 0 && !c.allows(Allowance(kind)) {
			refused = append(refused, Allowance(kind))
		}
	}
	if len(refused) == 0 {
		return nil
	}
	slices.Sort(refused)
	i := slices.IndexFunc(s.Examples, func(d replay.Difference) bool { return !c.allows(Allowance(d.Kind)) })
	what := s.String() + "; " + strings.ReplaceAll(s.Examples[i].String(), "\n ", ";")
	return &RefusedError{
		Step: StepShadow, Reason: ErrShadow, What: what, Needs: refused,
		Hint: "allow " + allowances(refused) + ", if that is intended",
	}
}

// Recordings are the last recorded flows of a plugin, by operation, the oldest first. They contain payers'
// data.
func (r *Registry) Recordings(name string) []replay.Recording {
	r.mutex.RLock()
	known := r.states[name]
	r.mutex.RUnlock()
	if known == nil {
		return nil
	}
	return known.recorder.recordings()
}
