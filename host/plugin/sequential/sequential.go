// Package sequential decides from results as they come whether a canary is worse than the stable generation.
//
// Each payment is drawn to the canary with a known probability, its share, whatever becomes of it. If both sides are
// equally good, the result of a payment shows nothing of its side: given all results, in whatever order they came and
// however the provider did meanwhile, the sides are independent draws with that probability. If the canary is worse,
// bad results are on its side more often than that, and good ones less often. So the likelihood ratio of a payment is
// that of its side, given its result:
//
//	bad:  canary c/m, stable r/m         with m = share·c + (1−share)·r
//	good: canary (1−c)/n, stable (1−r)/n with n = share·(1−c) + (1−share)·(1−r)
//
// where the alternative is that a payment is bad with probability c at the canary and r at the stable one. The products
// of these ratios are Wald's sequential probability ratio test, on draws that stay independent through an outage, which
// strikes both sides.
//
// How much worse the canary is, and since when, is not known. The statistic is therefore a mixture: over the
// alternatives of a table, and over the payment from which on the canary is worse, which is one with a bad result (the
// k-th with weight 1/(k(k+1))). A mixture of likelihood ratios is a martingale with mean 1 where both sides are equal,
// so that it ever reaches 1/alpha with a probability of alpha at most, over a run of any length (Ville's inequality).
// There is no number of payments to wait for, and no correction for looking after each.
package sequential

import "math"

// Result is what became of one payment. A payment counts once.
type Result struct {
	// Canary: it was drawn to the canary, with probability Share, above 0 and below 1.
	Canary bool
	Share  float64
	Bad    bool
}

// Verdict is what the results show by now.
type Verdict string

// The verdicts.
const (
	// Undecided: both of the others are possible.
	Undecided Verdict = "undecided"
	// Worse: the canary is worse than the stable one. A canary as good gets it with probability alpha at most. It is for
	// good.
	Worse Verdict = "worse"
	// AsGood: no alternative of the table explains the results since the beginning. A canary that is as much worse as one
	// of them ever gets it with probability beta at most. It can still turn out worse later.
	AsGood Verdict = "as_good"
)

// alternative is how often payments are bad.
type alternative struct {
	canary, stable float64
	// weight is its part of the mixture.
	weight float64
}

// alternatives: the first is a canary at which nothing works, and has the half of the mixture, so that it is found by a
// handful of payments. The others are found by a number of payments that the tests have.
//
//nolint:gochecknoglobals // a table
var alternatives = [...]alternative{
	{0.98, 0.01, 0.5},
	{0.50, 0.02, 0.5 / 7},
	{0.20, 0.02, 0.5 / 7},
	{0.10, 0.02, 0.5 / 7},
	{0.05, 0.005, 0.5 / 7},
	{0.70, 0.40, 0.5 / 7},
	{0.45, 0.30, 0.5 / 7},
	{0.30, 0.20, 0.5 / 7},
}

// Test compares a canary with a stable by one kind of bad result. It is not safe for concurrent use.
type Test struct {
	alpha, beta float64
	// bad counts bad results.
	bad int
	// sums are the mixture's parts that began, by alternative, and ratios the logarithms of the likelihood ratios since
	// the beginning.
	sums, ratios [len(alternatives)]float64
	worse        bool
}

// New makes a test with these error rates, each above 0 and below 1.
func New(alpha, beta float64) *Test { return &Test{alpha: alpha, beta: beta} }

// Add counts a result. Those after the verdict Worse change nothing.
func (t *Test) Add(r Result) {
	if t.worse {
		return
	}
	begin := 0.0
	if r.Bad {
		t.bad++
		begin = 1 / (float64(t.bad) * float64(t.bad+1))
	}
	for i, a := range alternatives {
		ratio := a.ratio(r)
		t.sums[i] = (t.sums[i] + a.weight*begin) * ratio
		t.ratios[i] += math.Log(ratio)
	}
	t.worse = t.mixture() >= 1/t.alpha
}

func (a alternative) ratio(r Result) float64 {
	canary, stable := a.canary, a.stable
	if !r.Bad {
		canary, stable = 1-canary, 1-stable
	}
	mean := r.Share*canary + (1-r.Share)*stable
	if r.Canary {
		return canary / mean
	}
	return stable / mean
}

// mixture is the statistic: what began, and the weight of what did not.
func (t *Test) mixture() float64 {
	sum := 1 / float64(t.bad+1)
	for _, part := range t.sums {
		sum += part
	}
	return sum
}

// Statistic is the natural logarithm of the mixture: 0 at first.
func (t *Test) Statistic() float64 { return math.Log(t.mixture()) }

// Bound is what the statistic reaches where the canary is worse.
func (t *Test) Bound() float64 { return -math.Log(t.alpha) }

// Verdict is what the results show by now.
func (t *Test) Verdict() Verdict {
	if t.worse {
		return Worse
	}
	for _, ratio := range t.ratios {
		if ratio > math.Log(t.beta) {
			return Undecided
		}
	}
	return AsGood
}
