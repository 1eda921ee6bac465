package routing

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cockroachdb/apd/v3"
)

// Standing is what is known of providers, and of how much rules have taken, at the time of a decision.
type Standing interface {
	// Unavailable is nil, or why a provider that could take the payment is not asked now (its breaker is open, no
	// plugin is loaded). It is called once for each provider.
	Unavailable(provider string) error
	// Record is the provider's recent results.
	Record(provider string) Record
	// Price is the provider's price for such a payment, a decimal in the payment's currency; not ok where it is not
	// known.
	Price(provider string, f Facts) (price string, ok bool)
	// Used is how much of its limits a rule has used.
	Used(rule string) Use
}

// Record is a provider's recent results.
type Record struct {
	// Tries within the window, and how many of them succeeded.
	Tries, Succeeded int
	// Median is how long a try took, if Tries is not 0.
	Median time.Duration
}

// percent is the share of tries that succeeded; not ok where they are too few to judge by.
func (r Record) percent() (percent int64, ok bool) {
	if r.Tries < enoughTries {
		return 0, false
	}
	return int64(r.Succeeded) * 100 / int64(r.Tries), true
}

// Strategy orders providers by their standing.
type Strategy string

// The strategies.
const (
	// Cheapest asks the one with the lowest price first.
	Cheapest Strategy = "cheapest"
	// Healthiest asks the one with the highest share of successful tries first.
	Healthiest Strategy = "healthiest"
	// Fastest asks the one with the shortest median first.
	Fastest Strategy = "fastest"
)

const (
	// enoughTries are needed to judge a provider: with fewer, one payer's failures would move all payments.
	enoughTries = 20
	// explore: one payment in so many asks a provider first of which too little is known. Without these, a provider
	// that failed once would never be asked again, and a new one never at all.
	explore = 20
	// exploring separates its draws from those of splits.
	exploring = 1 << 32
)

// measure is a strategy's value of a provider: lower is better.
type measure struct {
	value *apd.Decimal
	// figure is the same as text: "97 %", "340 ms", "1.20 EUR".
	figure string
}

// ranking is a strategy's measure. explores: a payment to a provider without a measure gives it one.
type ranking struct {
	name     Strategy
	explores bool
	judge    func(s Standing, provider string, f Facts) (measure, bool)
}

//nolint:gochecknoglobals // a table
var strategies = []ranking{
	{Cheapest, false, byPrice},
	{Healthiest, true, byHealth},
	{Fastest, true, bySpeed},
}

func strategyNames() []string {
	names := make([]string, 0, len(strategies))
	for _, s := range strategies {
		names = append(names, string(s.name))
	}
	return names
}

func byPrice(s Standing, provider string, f Facts) (m measure, ok bool) {
	text, ok := s.Price(provider, f)
	if !ok {
		return m, false
	}
	price, ok := parseAmount(strings.TrimPrefix(text, "-")) // a discount is a price below 0
	if !ok {
		return m, false
	}
	price.Negative = strings.HasPrefix(text, "-")
	return measure{value: price, figure: strings.TrimSpace(text + " " + f.Currency)}, true
}

// byHealth compares whole percents: a fraction of one is chance, and would move payments back and forth.
func byHealth(s Standing, provider string, _ Facts) (m measure, ok bool) {
	percent, ok := s.Record(provider).percent()
	if !ok {
		return m, false
	}
	return measure{value: apd.New(-percent, 0), figure: fmt.Sprintf("%d %%", percent)}, true
}

func bySpeed(s Standing, provider string, _ Facts) (m measure, ok bool) {
	record := s.Record(provider)
	if record.Tries < enoughTries {
		return m, false
	}
	ms := record.Median.Milliseconds()
	return measure{value: apd.New(ms, 0), figure: fmt.Sprintf("%d ms", ms)}, true
}

// judged is a provider with its measure.
type judged struct {
	Candidate
	measure
	able, known bool
}

// ranked are a target's providers as its strategy orders them: those with a measure, the best first and equals as
// written; then the others as written. Those that cannot take the payment are not measured.
func (r *Ruleset) ranked(t target, f Facts, s Standing, rule string, index uint64) []Candidate {
	strategy := strategies[slices.IndexFunc(strategies, func(known ranking) bool { return known.name == t.strategy })]
	all := make([]judged, 0, len(t.shares))
	for _, share := range t.shares {
		j := judged{Candidate: Candidate{Provider: share.Provider, Strategy: t.strategy}}
		j.able = r.providers[share.Provider].cannot(f) == ""
		if j.able {
			j.measure, j.known = strategy.judge(s, share.Provider, f)
			j.Figure = j.figure
		}
		all = append(all, j)
	}
	if strategy.explores && draw(f.PaymentID, rule, exploring+index, 0)%explore == 0 {
		exploreOne(all)
	}
	slices.SortStableFunc(all, func(a, b judged) int {
		if byKind := cmp.Or(trueFirst(a.Explored, b.Explored), trueFirst(a.known, b.known)); byKind != 0 || !a.known {
			return byKind
		}
		return a.value.Cmp(b.value)
	})
	candidates := make([]Candidate, 0, len(all))
	for _, j := range all {
		candidates = append(candidates, j.Candidate)
	}
	return candidates
}

// exploreOne marks the first provider without a measure. Where none has one, the written order explores.
func exploreOne(all []judged) {
	unknown := slices.IndexFunc(all, func(j judged) bool { return j.able && !j.known })
	if unknown >= 0 && slices.ContainsFunc(all, func(j judged) bool { return j.known }) {
		all[unknown].Explored = true
	}
}

func trueFirst(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}
