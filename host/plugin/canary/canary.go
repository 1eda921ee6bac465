// Package canary decides when a canary is worse than the generation beside it: by the results of the payments that were
// drawn between them, in sequential tests with stated error rates, and at once by faults of its own.
package canary

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"payrouter/host/plugin/sequential"
	"payrouter/host/wasm"
)

// Settings decide when a canary is aborted. Zero fields take the defaults that they name.
type Settings struct {
	// Alpha is the probability at most that a canary which is as good as the stable generation is aborted for its
	// results, however long it lasts. 0 means 0.05.
	Alpha float64
	// Beta is the probability at most that a canary which is as much worse as one of package sequential's alternatives
	// is called as good. 0 means 0.05.
	Beta float64
	// Faults of the canary itself (a trap, no fuel left, a request that may not leave), at so many payments or runs, that
	// abort it at once while the stable generation has none: what the plugin does then costs time and memory too. Where
	// both generations fault equally often, that aborts the canary with a probability of its share to the power of
	// Faults. 0 means 5.
	Faults int
}

func (c Settings) withDefaults() Settings {
	c.Alpha = cmp.Or(c.Alpha, 0.05)
	c.Beta = cmp.Or(c.Beta, 0.05)
	c.Faults = cmp.Or(c.Faults, 5)
	return c
}

// Result is what became of a payment or a run at a generation.
type Result int

// The results.
const (
	// Nothing shows nothing of the generation: its request did not leave.
	Nothing Result = iota
	// Succeeded: the provider took it, or answered a look-up.
	Succeeded
	// Declined: the provider, or the plugin, would not have it.
	Declined
	// Unknown: the provider did not answer, or failed.
	Unknown
	// Unreadable: the provider answered, and nothing was made of it.
	Unreadable
	// Faulted: the plugin failed.
	Faulted
	// Busy: no instance of the plugin was free.
	Busy
	resultCount
)

// ResultOf is what the error of a plugin's call comes to.
func ResultOf(err error) Result {
	if _, withheld := errors.AsType[withheld](err); withheld || errors.Is(err, wasm.ErrBusy) {
		return Busy
	}
	if errors.Is(err, wasm.ErrClosed) {
		return Nothing
	}
	return Faulted
}

// withheld is an error of a call that was not made, to spare the machine.
type withheld interface {
	error
	Withheld() string
}

// Sample is what became of one flow of a payment or a run.
type Sample struct {
	Plugin, Digest string
	// Canary: the plugin's canary served it.
	Canary bool
	// Share is the percentage by which it was drawn; 0 where it was not, and is not compared.
	Share int
	// Owner is the id of the payment or the run. First: the flow is the one that makes it, and no later one.
	Owner string
	First bool

	Result Result
	Took   time.Duration
	Fuel   int64
}

// Figures are the results of one side, each payment or run counted once for its making and once for what is asked about
// it later.
type Figures struct {
	Payments, Succeeded, Declined, Unknown, Unreadable, Faulted, Busy int
	// Median is the median time that a flow took, and Slowest what 95 of 100 took at most, of the last ones.
	Median, Slowest time.Duration
	// Fuel is the mean fuel of a flow.
	Fuel int64
}

// Comparison is one of a canary's tests.
type Comparison struct {
	// First: it compares how payments are made, and not what is asked later.
	First bool
	// Of is what it counts as bad: "faults", "unknown", "declines".
	Of string
	// Statistic and Bound are logarithms: see package sequential.
	Statistic, Bound float64
	Verdict          sequential.Verdict
}

// Status describes a canary.
type Status struct {
	Digest string
	Share  int
	Since  time.Time
	// Ended is when it was aborted or promoted; the zero time while it goes on.
	Ended time.Time
	// Stable and Canary are the results since then, of what was drawn between them.
	Stable, Canary Figures
	Comparisons    []Comparison
	// Verdict is Worse by the comparisons or for its faults, and AsGood by those of new payments alone.
	Verdict sequential.Verdict
	// Reason is why it is aborted; empty where its results gave none.
	Reason string
}

// kinds of bad results: each has a test of its own, so that what is rare at the stable generation is not hidden by what
// is frequent.
//
//nolint:gochecknoglobals // a table
var kinds = [...]struct {
	of   string
	does string
	bad  []Result
}{
	{"faults", "fails", []Result{Faulted, Unreadable, Busy}},
	{"unknown", "leaves payments unknown", []Result{Unknown}},
	{"declines", "is declined", []Result{Declined}},
}

const (
	// latest is of how many flows of a side the times are kept.
	latest = 256
	// maxOwners are the payments and runs that are known to have counted; with more, the oldest may count again.
	maxOwners = 20_000
)

// side are the results of one side.
type side struct {
	results [resultCount]int
	took    []time.Duration // the last ones, in a ring
	count   int
	fuel    int64
}

func (s *side) add(sample Sample) {
	s.results[sample.Result]++
	if len(s.took) < latest {
		s.took = append(s.took, sample.Took)
	} else {
		s.took[s.count%latest] = sample.Took
	}
	s.count++
	s.fuel += sample.Fuel
}

func (s *side) figures() Figures {
	f := Figures{
		Payments: s.count, Succeeded: s.results[Succeeded], Declined: s.results[Declined], Unknown: s.results[Unknown],
		Unreadable: s.results[Unreadable], Faulted: s.results[Faulted], Busy: s.results[Busy],
	}
	if s.count == 0 {
		return f
	}
	took := slices.Sorted(slices.Values(s.took))
	f.Median, f.Slowest, f.Fuel = took[len(took)/2], took[len(took)*95/100], s.fuel/int64(s.count)
	return f
}

// phase are the tests over the flows that make payments, or over the later ones.
type phase struct {
	tests [len(kinds)]*sequential.Test
	// counted are the owners that counted already, and order the same, the oldest at next where there is no more room.
	counted map[string]struct{}
	order   []string
	next    int
}

// takes reports whether an owner counts: a payment's coin is tossed once.
func (p *phase) takes(owner string) bool {
	if _, counted := p.counted[owner]; counted {
		return false
	}
	p.counted[owner] = struct{}{}
	if len(p.order) < maxOwners {
		p.order = append(p.order, owner)
		return true
	}
	delete(p.counted, p.order[p.next])
	p.order[p.next] = owner
	p.next = (p.next + 1) % maxOwners
	return true
}

// Tally counts the results of a canary and of the stable generation since the canary began, and compares them. It
// is safe for concurrent use.
type Tally struct {
	since        time.Time
	settings     Settings
	stableDigest string
	canaryDigest string

	mutex          sync.Mutex
	stable, canary side
	first, later   phase
	// faulted are the payments and runs at which the canary faulted, and stableFaulted: the stable generation did.
	faulted       map[string]struct{}
	stableFaulted bool
	reason        string // why it is aborted; empty while it goes on
}

// NewTally begins to count for a canary and the generation beside it, which their digests name.
func NewTally(stableDigest, canaryDigest string, settings Settings, now time.Time) *Tally {
	settings = settings.withDefaults()
	t := &Tally{
		since: now, settings: settings, stableDigest: stableDigest, canaryDigest: canaryDigest,
		faulted: map[string]struct{}{},
	}
	for _, p := range []*phase{&t.first, &t.later} {
		p.counted = map[string]struct{}{}
		for i := range p.tests {
			// The tests are wrong with alpha together at most.
			p.tests[i] = sequential.New(settings.Alpha/float64(2*len(kinds)), settings.Beta)
		}
	}
	return t
}

// Count adds a sample, and returns the reason to abort the canary, once.
func (t *Tally) Count(sample Sample) string {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	digest := t.stableDigest
	if sample.Canary {
		digest = t.canaryDigest
	}
	if sample.Digest != digest || sample.Result == Nothing || t.reason != "" {
		return ""
	}
	t.countFault(sample)
	if sample.Share > 0 {
		t.compare(sample)
	}
	return t.reason
}

func (t *Tally) countFault(sample Sample) {
	if sample.Result != Faulted {
		return
	}
	if !sample.Canary {
		t.stableFaulted = true
		return
	}
	if len(t.faulted) < t.settings.Faults {
		t.faulted[sample.Owner] = struct{}{}
	}
	if len(t.faulted) >= t.settings.Faults && !t.stableFaulted {
		t.reason = fmt.Sprintf("it failed by a fault of its own at %d payments, and the stable generation at none",
			len(t.faulted))
	}
}

func (t *Tally) compare(sample Sample) {
	of, what := &t.later, "what is asked about payments later"
	if sample.First {
		of, what = &t.first, "new payments"
	}
	if !of.takes(sample.Owner) {
		return
	}
	if sample.Canary {
		t.canary.add(sample)
	} else {
		t.stable.add(sample)
	}
	for i, kind := range kinds {
		test := of.tests[i]
		test.Add(sequential.Result{
			Canary: sample.Canary, Share: float64(sample.Share) / 100, Bad: slices.Contains(kind.bad, sample.Result),
		})
		if test.Verdict() == sequential.Worse && t.reason == "" {
			t.reason = fmt.Sprintf("it %s more often, of %s (statistic %.1f, bound %.1f)", kind.does, what,
				test.Statistic(), test.Bound())
		}
	}
}

// Figures are both sides' in a sentence.
func (t *Tally) Figures() string {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return "canary " + t.canary.figures().String() + "; stable " + t.stable.figures().String()
}

// String is for an event.
func (f Figures) String() string {
	said := []string{fmt.Sprintf("%d payments", f.Payments)}
	for _, part := range []struct {
		count int
		what  string
	}{
		{f.Succeeded, "well"},
		{f.Declined, "declined"},
		{f.Unknown, "unknown"},
		{f.Unreadable, "unreadable"},
		{f.Faulted, "faults"},
		{f.Busy, "busy"},
	} {
		if part.count > 0 {
			said = append(said, fmt.Sprintf("%d %s", part.count, part.what))
		}
	}
	return strings.Join(said, ", ")
}

// Status describes the canary as it stands, with the percentage of payments that it gets.
func (t *Tally) Status(share int) *Status {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	s := &Status{
		Share: share, Since: t.since, Stable: t.stable.figures(), Canary: t.canary.figures(), Reason: t.reason,
		Digest: t.canaryDigest, Verdict: sequential.AsGood,
	}
	for _, first := range []bool{true, false} {
		of := &t.later
		if first {
			of = &t.first
		}
		for i, test := range of.tests {
			s.Comparisons = append(s.Comparisons, Comparison{
				First: first, Of: kinds[i].of, Statistic: test.Statistic(), Bound: test.Bound(), Verdict: test.Verdict(),
			})
			if first && test.Verdict() == sequential.Undecided {
				s.Verdict = sequential.Undecided
			}
		}
	}
	if t.reason != "" {
		s.Verdict = sequential.Worse
	}
	return s
}
