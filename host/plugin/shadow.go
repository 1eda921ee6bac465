package plugin

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"payrouter/host/plugin/replay"
)

// Shadow is what the recorded conversations of a plugin came to when a candidate had them.
type Shadow struct {
	// Conversations that were run.
	Conversations int
	// Differences are how many there were of each kind.
	Differences map[replay.Kind]int
	// Examples are the first few of each kind.
	Examples []replay.Difference
	// Fuel that what serves burned, and that the candidate did.
	FuelBefore, FuelNow int64
}

const mostExamples = 5

// String gives the figures.
func (s *Shadow) String() string {
	words := []string{fmt.Sprintf("%d recorded conversations", s.Conversations)}
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
	for _, one := range found {
		s.Differences[one.Kind]++
		if s.Differences[one.Kind] <= mostExamples {
			s.Examples = append(s.Examples, one)
		}
	}
}

// shadow runs what is recorded of a plugin through a candidate. Differences that are not allowed are the error. What
// another generation than the one that serves answered is first run through that one, so that the two are compared on
// the same ground.
func (s *Registry) shadow(ctx context.Context, active, candidate *Generation, c Candidate) (*Shadow, error) {
	shadow := &Shadow{Differences: map[replay.Kind]int{}}
	var alikeBefore, alikeNow []replay.Recording
	for _, recording := range active.recorder.recordings() {
		former, run, err := sideBySide(ctx, active, candidate, recording)
		if err != nil {
			return shadow, err
		}
		shadow.Conversations++
		found := replay.Compare(former, run)
		shadow.add(found...)
		if len(found) == 0 {
			alikeBefore, alikeNow = append(alikeBefore, former), append(alikeNow, run)
		}
		shadow.FuelBefore += former.Fuel()
		shadow.FuelNow += run.Fuel()
	}
	shadow.add(replay.Burned(alikeBefore, alikeNow, s.settings.FuelPercent)...)
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

// verdict is why the differences stop a candidate, or nil.
func (s *Shadow) verdict(c Candidate) error {
	var refused []string
	for kind, n := range s.Differences {
		if n > 0 && !c.allows(Allowance(kind)) {
			refused = append(refused, string(kind))
		}
	}
	if len(refused) == 0 {
		return nil
	}
	slices.Sort(refused)
	i := slices.IndexFunc(s.Examples, func(d replay.Difference) bool { return !c.allows(Allowance(d.Kind)) })
	what := s.String() + "; " + strings.ReplaceAll(s.Examples[i].String(), "\n ", ";")
	return &RefusedError{
		Step: StepShadow, Reason: ErrShadow, What: what, Hint: "allow " + strings.Join(refused, ", ") +
			", if that is meant",
	}
}

// Recordings are the last conversations of a plugin that were recorded, by operation, the oldest first. They hold what
// payers said.
func (s *Registry) Recordings(name string) []replay.Recording {
	s.mutex.RLock()
	entry := s.entries[name]
	s.mutex.RUnlock()
	if entry == nil {
		return nil
	}
	return entry.recorder.recordings()
}
