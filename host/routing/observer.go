package routing

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// observer answers a decision's questions as another standing does, and notes the answers: with them the decision can
// be made again. A nil standing knows of nothing, and has every provider available.
type observer struct {
	of Standing
	// answers are those about providers, in the order of the questions.
	answers []string
	uses    map[string]Use
}

const (
	// notKnown is the answer about a price, or about results that are too few to judge by.
	notKnown = "-"
	// named marks a reason in which %, the mark itself, stands for the provider's name; asIs marks any other.
	named, asIs = "%", "="
)

// Unavailable implements Standing. The note of an available provider is empty.
func (o *observer) Unavailable(provider string) error {
	var err error
	if o.of != nil {
		err = o.of.Unavailable(provider)
	}
	if err != nil && !utf8.ValidString(err.Error()) { // a stored text is valid, and has to be the same
		err = errors.New(strings.ToValidUTF8(err.Error(), "\uFFFD"))
	}
	o.note(noteReason(provider, err))
	return err
}

func (o *observer) note(answer string) { o.answers = append(o.answers, answer) }

func noteReason(provider string, err error) string {
	switch {
	case err == nil:
		return ""
	case provider == "" || strings.Contains(err.Error(), named):
		return asIs + err.Error()
	}
	return named + strings.ReplaceAll(err.Error(), provider, named)
}

// Record implements Standing. The note has what strategies compare, and nothing more.
func (o *observer) Record(provider string) Record {
	var record Record
	if o.of != nil {
		record = o.of.Record(provider)
	}
	percent, known := record.percent()
	if !known {
		o.note(notKnown)
		return record
	}
	o.note(fmt.Sprintf("%d/%d", percent, record.Median.Milliseconds()))
	return record
}

// Price implements Standing.
func (o *observer) Price(provider string, f Facts) (price string, ok bool) {
	if o.of != nil {
		price, ok = o.of.Price(provider, f)
	}
	if ok {
		o.note(price)
	} else {
		o.note(notKnown)
	}
	return price, ok
}

// Used implements Standing.
func (o *observer) Used(rule string) Use {
	if o.of == nil {
		return Use{}
	}
	if o.uses == nil {
		o.uses = map[string]Use{}
	}
	o.uses[rule] = o.of.Used(rule)
	return o.uses[rule]
}

// reached is how much was used of the limits that were reached, in the order of the rules.
func (o *observer) reached(tried []Tried) []string {
	var reached []string
	for _, t := range tried {
		if t.Limit != "" && len(reached) < keptLimits {
			reached = append(reached, o.uses[t.Rule].note(t.Limit))
		}
	}
	return reached
}

// replay answers the questions of a decision that is made again as they were answered when it was made.
type replay struct {
	// matched is the rule that matched: none of its limits was reached.
	matched string
	answers []string
	reached []string
}

func (r *replay) next() string {
	if len(r.answers) == 0 {
		return "" // an observer's empty answers at the end are not stored
	}
	answer := r.answers[0]
	r.answers = r.answers[1:]
	return answer
}

// Unavailable implements Standing.
func (r *replay) Unavailable(provider string) error {
	answer := r.next()
	if reason, ok := strings.CutPrefix(answer, named); ok {
		return errors.New(strings.ReplaceAll(reason, named, provider))
	}
	if answer == "" {
		return nil
	}
	return errors.New(strings.TrimPrefix(answer, asIs))
}

// Record implements Standing.
func (r *replay) Record(string) Record {
	percent, ms, known := strings.Cut(r.next(), "/")
	if !known {
		return Record{}
	}
	succeeded, _ := strconv.Atoi(percent)
	median, _ := strconv.ParseInt(ms, 10, 64)
	return Record{Tries: 100, Succeeded: succeeded, Median: time.Duration(median) * time.Millisecond}
}

// Price implements Standing.
func (r *replay) Price(string, Facts) (price string, ok bool) {
	price = r.next()
	return price, price != notKnown
}

// Used implements Standing.
func (r *replay) Used(rule string) Use {
	if rule == r.matched {
		return Use{}
	}
	if len(r.reached) == 0 {
		return Use{forgotten: true}
	}
	use := readUse(r.reached[0])
	r.reached = r.reached[1:]
	return use
}
