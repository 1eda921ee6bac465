package plugin

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"payrouter/host/plugin/replay"
)

// Shadow is the result of replaying a plugin's recorded flows with a candidate.
type Shadow struct {
	// Flows is how many were replayed.
	Flows int
	// Differences counts those of each kind.
	Differences map[replay.Kind]int
	// Examples are the first few of each kind.
	Examples []replay.Difference
	// Fuel that the active generation used, and that the candidate did.
	FuelBefore, FuelNow int64
}

const maxExamples = 5

// String is the figures in words.
func (s *Shadow) String() string {
	words := []string{fmt.Sprintf("%d recorded flows", s.Flows)}
	for _, kind := range []replay.Kind{replay.Requests, replay.Outcomes, replay.Failures, replay.Fuel} {
		if n := s.Differences[kind]; n > 0 {
			words = append(words, fmt.Sprintf("%d times %s differ", n, kind))
		}
	}
	if s.FuelBefore > 0 {
		words = append(words, fmt.Sprintf("fuel %d → %d", s.FuelBefore, s.FuelNow))
	}
	return strings.Join(words, ", ")
}

func (s *Shadow) add(found ...replay.Difference) {
	for _, difference := range found {
		s.Differences[difference.Kind]++
		if s.Differences[difference.Kind] <= maxExamples {
			s.Examples = append(s.Examples, difference)
		}
	}
}

// shadow replays a plugin's recordings with a candidate. Differences that are not allowed are the error. A recording
// of another generation is replayed with the active one first, so that both sides answer the same inputs.
func (r *Registry) shadow(ctx context.Context, active, candidate *Generation, c Candidate) (*Shadow, error) {
	shadow := &Shadow{Differences: map[replay.Kind]int{}}
	var alikeBefore, alikeNow []replay.Recording
	for _, recording := range active.recorder.recordings() {
		former, run, err := sideBySide(ctx, active, candidate, recording)
		if err != nil {
			return shadow, err
		}
		shadow.Flows++
		found := replay.Compare(former, run)
		shadow.add(found...)
		if len(found) == 0 {
			alikeBefore, alikeNow = append(alikeBefore, former), append(alikeNow, run)
		}
		shadow.FuelBefore += former.Fuel()
		shadow.FuelNow += run.Fuel()
	}
	shadow.add(replay.Burned(alikeBefore, alikeNow, r.settings.FuelPercent)...)
	return shadow, shadow.verdict(c)
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

// verdict is an error where differences stop a candidate.
func (s *Shadow) verdict(c Candidate) error {
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
