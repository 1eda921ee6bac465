package routing

import (
	"encoding/json"
	"errors"
	"hash/crc32"
	"slices"
	"strconv"
	"strings"
)

// Stored is a decision as a payment stores it: what was decided, the rules that decided, by their id, and the answers
// that they got about providers and limits. Recall makes the whole decision of it again, since rules are pure. Its size
// does not depend on the number of rules.
type Stored struct {
	Outcome Outcome
	// Rule that matched; empty where none did.
	Rule          string
	ConfigVersion string
	// Ruleset is the id of the rules that decided; see Ruleset.ID.
	Ruleset string
	// Asked are the providers to ask, the first one first.
	Asked []string
	// Metadata is the payment's at the decision, where it was edited since; nil where it was not. Rules may have read
	// it.
	Metadata map[string]string

	// answers and reached are as Decision has them.
	answers, reached []string
	// checksum is of the whole decision.
	checksum string
	// whole is a decision of an earlier release, which stored all of it.
	whole *Decision
}

// ErrTrace means that a stored decision's trace cannot be made again.
var ErrTrace = errors.New("the trace of the decision cannot be shown")

// Order is the providers to ask, the first one first. It is empty unless Outcome is Routed.
func (s Stored) Order() []string { return s.Asked }

// Store is a decision of this ruleset as a payment stores it.
func (r *Ruleset) Store(d Decision) Stored {
	return Stored{
		Outcome: d.Outcome, Rule: d.Rule, ConfigVersion: d.ConfigVersion, Ruleset: r.ID(), Asked: d.Order(),
		answers: withoutEmptyEnd(d.answers), reached: d.reached, checksum: d.checksum(),
	}
}

func withoutEmptyEnd(answers []string) []string {
	for len(answers) > 0 && answers[len(answers)-1] == "" {
		answers = answers[:len(answers)-1]
	}
	if len(answers) == 0 {
		return nil
	}
	return slices.Clip(answers)
}

// Whole is a decision that was stored with its trace, by an earlier release.
func (s Stored) Whole() (Decision, bool) {
	if s.whole == nil {
		return Decision{}, false
	}
	return *s.whole, true
}

// Bare is what is known of the decision without its rules. why goes into Incomplete.
func (s Stored) Bare(why string) Decision {
	d := Decision{
		Outcome: s.Outcome, Rule: s.Rule, ConfigVersion: s.ConfigVersion, Incomplete: why, Tried: []Tried{},
		Candidates: []Candidate{},
	}
	for i, provider := range s.Asked {
		d.Candidates = append(d.Candidates, Candidate{Provider: provider, Rank: i + 1})
	}
	return d
}

// Recall makes the decision again that was stored by this ruleset, on the same facts. Where this release decides
// otherwise than the one that made the decision, the error is ErrTrace; where it only gives other reasons,
// Incomplete is set.
func (r *Ruleset) Recall(s Stored, f Facts) (Decision, error) {
	d := r.Decide(f, &replay{matched: s.Rule, answers: s.answers, reached: s.reached})
	d.ConfigVersion = s.ConfigVersion
	if d.Outcome != s.Outcome || d.Rule != s.Rule || !slices.Equal(d.Order(), s.Asked) {
		return Decision{}, ErrTrace
	}
	if d.checksum() != s.checksum {
		d.Incomplete = "this release gives other reasons than the one that made the decision; rule and order are the same"
	}
	return d, nil
}

// checksum covers the whole decision but the limits that are not kept.
func (d Decision) checksum() string {
	sum, buffer := uint32(0), []byte(nil)
	table := crc32.MakeTable(crc32.Castagnoli)
	add := func(parts ...string) {
		buffer = buffer[:0]
		for _, part := range parts {
			buffer = append(append(buffer, part...), 0)
		}
		sum = crc32.Update(sum, table, buffer)
	}
	add(string(d.Outcome), d.Rule, d.Pinned, d.ConfigVersion, d.Approval, d.Reason, strconv.Itoa(len(d.Tried)))
	reached := 0
	for _, t := range d.Tried {
		if t.Limit != "" {
			if reached++; reached > keptLimits {
				t.Limit, t.Why = "", limitForgotten
			}
		}
		add(t.Rule, strconv.FormatBool(t.Matched), t.Why, t.Limit, t.Group)
	}
	for _, c := range d.Candidates {
		add(c.Provider, strconv.Itoa(c.Rank), strconv.Itoa(c.Weight), strconv.Itoa(c.Total), c.Sticky, string(c.Strategy),
			c.Figure, strconv.FormatBool(c.Explored), strconv.FormatBool(c.Skipped), c.Reason)
	}
	return strconv.FormatUint(uint64(sum), 36)
}

// storedDoc is the JSON form of a Stored. What nearly all payments have in common is left out.
type storedDoc struct {
	// Outcome is nil for Routed.
	Outcome       *Outcome `json:"outcome,omitempty"`
	Rule          string   `json:"rule,omitempty"`
	ConfigVersion string   `json:"config_version"`
	// Ruleset is nil in decisions of earlier releases.
	Ruleset *string  `json:"ruleset"`
	Asked   []string `json:"order,omitempty"`
	Answers []string `json:"answers,omitempty"`
	// Reached are notes of uses, with spaces in between.
	Reached  string             `json:"limits,omitempty"`
	Checksum string             `json:"sum,omitempty"`
	Metadata *map[string]string `json:"metadata,omitempty"`
}

// MarshalJSON implements json.Marshaler. A decision that an earlier release stored keeps its form.
func (s Stored) MarshalJSON() ([]byte, error) {
	if s.whole != nil {
		return json.Marshal(wholeDoc{s.whole, optionalMap(s.Metadata)})
	}
	doc := storedDoc{
		Rule: s.Rule, ConfigVersion: s.ConfigVersion, Ruleset: &s.Ruleset, Asked: s.Asked,
		Answers: s.answers, Reached: strings.Join(s.reached, " "), Checksum: s.checksum, Metadata: optionalMap(s.Metadata),
	}
	if s.Outcome != Routed {
		doc.Outcome = &s.Outcome
	}
	return json.Marshal(doc)
}

// UnmarshalJSON implements json.Unmarshaler. It reads the form of earlier releases, too.
func (s *Stored) UnmarshalJSON(text []byte) error {
	var doc storedDoc
	if err := json.Unmarshal(text, &doc); err != nil {
		return err
	}
	*s = Stored{
		Outcome: Routed, Rule: doc.Rule, ConfigVersion: doc.ConfigVersion, Asked: doc.Asked, answers: doc.Answers,
		checksum: doc.Checksum,
	}
	if doc.Outcome != nil {
		s.Outcome = *doc.Outcome
	}
	if doc.Metadata != nil {
		s.Metadata = *doc.Metadata
	}
	if doc.Ruleset == nil {
		s.whole = &Decision{}
		if err := json.Unmarshal(text, s.whole); err != nil {
			return err
		}
		s.Asked = s.whole.Order()
		return nil
	}
	s.Ruleset = *doc.Ruleset
	if doc.Reached != "" {
		s.reached = strings.Split(doc.Reached, " ")
	}
	return nil
}

type wholeDoc struct {
	*Decision
	Metadata *map[string]string `json:"metadata,omitempty"`
}

func optionalMap(m map[string]string) *map[string]string {
	if m == nil {
		return nil
	}
	return &m
}
