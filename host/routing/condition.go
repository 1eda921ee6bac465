package routing

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cockroachdb/apd/v3"
)

// field is what a rule can match by its text.
type field struct {
	key string
	get func(Facts) string
	// check returns how to correct a value that no payment can have; "" for a valid one.
	check func(value string) string
}

// fields in the order in which messages list them.
//
//nolint:gochecknoglobals // a table
var fields = []field{
	{kindKey, func(f Facts) string { return f.kind() }, checkKind},
	{currencyKey, func(f Facts) string { return f.Currency }, checkCurrency},
	{countryKey, func(f Facts) string { return f.Country }, CheckCountry},
	{methodKey, func(f Facts) string { return f.Method }, checkAnything},
	{merchantKey, func(f Facts) string { return f.Merchant }, checkAnything},
}

const (
	kindKey        = "kind"
	amountKey      = "amount"
	timeKey        = "time"
	anyKey         = "any"
	notKey         = "not"
	currencyKey    = "currency"
	countryKey     = "country"
	merchantKey    = "merchant"
	metadataPrefix = "metadata."
)

func fieldByKey(key string) (field, bool) {
	if name, ok := strings.CutPrefix(key, metadataPrefix); ok && name != "" {
		return field{key, func(f Facts) string { return f.Metadata[name] }, checkAnything}, true
	}
	i := slices.IndexFunc(fields, func(f field) bool { return f.key == key })
	if i < 0 {
		return field{}, false
	}
	return fields[i], true
}

// conditionKeys are the keys of a when, for messages.
func conditionKeys() []string {
	keys := make([]string, 0, len(fields)+5)
	for _, f := range fields {
		keys = append(keys, f.key)
	}
	return append(keys, amountKey, metadataPrefix+"<key>", timeKey, anyKey, notKey)
}

// condition is one test of a payment's facts.
type condition interface {
	// whyNot is "" where the facts meet the condition, otherwise the reason: "currency EUR is not USD or BTC".
	whyNot(f Facts) string
	// String is the condition in words: "currency USD or BTC".
	String() string
}

func conditionsOf(when []Match) allOf {
	conditions := make(allOf, 0, len(when))
	for _, m := range when {
		conditions = append(conditions, m.condition())
	}
	return conditions
}

func (m Match) condition() condition {
	switch m.Key {
	case amountKey:
		return m.bounds
	case timeKey:
		return inWindow(m.Windows)
	case notKey:
		return not{conditionsOf(m.Not)}
	case anyKey:
		alternatives := make(anyOf, 0, len(m.Any))
		for _, alternative := range m.Any {
			alternatives = append(alternatives, conditionsOf(alternative))
		}
		return alternatives
	}
	field, _ := fieldByKey(m.Key)
	return valueIn{field: field, values: m.Values, texts: m.texts()}
}

// allOf is met where all conditions are.
type allOf []condition

func (a allOf) whyNot(f Facts) string {
	for _, c := range a {
		if why := c.whyNot(f); why != "" {
			return why
		}
	}
	return ""
}

func (a allOf) String() string { return joined(a, " and ") }

// anyOf is met where one alternative is.
type anyOf []allOf

func (a anyOf) whyNot(f Facts) string {
	reasons := make([]string, 0, len(a))
	for _, alternative := range a {
		why := alternative.whyNot(f)
		if why == "" {
			return ""
		}
		reasons = append(reasons, why)
	}
	return "none of any: " + strings.Join(reasons, "; ")
}

func (a anyOf) String() string { return "any of (" + joined(a, "; ") + ")" }

// not is met where the others are not all met.
type not struct{ allOf }

func (n not) whyNot(f Facts) string {
	if n.allOf.whyNot(f) != "" {
		return ""
	}
	return "excluded: " + n.allOf.String()
}

func (n not) String() string { return "not (" + n.allOf.String() + ")" }

func joined[C condition](conditions []C, separator string) string {
	texts := make([]string, 0, len(conditions))
	for _, c := range conditions {
		texts = append(texts, c.String())
	}
	return strings.Join(texts, separator)
}

// valueIn is met where a field has one of the values.
type valueIn struct {
	field  field
	values []Value
	// texts are what the values stand for.
	texts []string
}

func (v valueIn) wanted() string {
	written := make([]string, 0, len(v.values))
	for _, value := range v.values {
		written = append(written, value.Text)
	}
	return oneOf(written)
}

// whyNot names the payment's value and the rule's, unless they are metadata: those may be personal data, and decisions
// are stored.
func (v valueIn) whyNot(f Facts) string {
	value := v.field.get(f)
	switch {
	case v.personal() && value == "":
		return v.field.key + " is not given"
	case value == "":
		return fmt.Sprintf("%s is not given; the rule wants %s", v.field.key, v.wanted())
	case slices.Contains(v.texts, value):
		return ""
	case v.personal():
		return v.field.key + " is not what the rule wants"
	}
	return fmt.Sprintf("%s %s is not %s", v.field.key, value, v.wanted())
}

func (v valueIn) personal() bool { return strings.HasPrefix(v.field.key, metadataPrefix) }

func (v valueIn) String() string {
	if v.personal() {
		return v.field.key + " as the rule wants it"
	}
	return v.field.key + " " + v.wanted()
}

// groupOf is the country group by which the conditions are met; empty where there is none.
func groupOf(conditions allOf, f Facts) string {
	for _, c := range conditions {
		switch c := c.(type) {
		case valueIn:
			i := slices.IndexFunc(c.values, func(v Value) bool { return slices.Contains(v.texts(), f.Country) })
			if c.field.key == countryKey && i >= 0 && c.values[i].Group != nil {
				return c.values[i].Text
			}
		case anyOf:
			for _, alternative := range c {
				if alternative.whyNot(f) != "" {
					continue
				}
				if group := groupOf(alternative, f); group != "" {
					return group
				}
			}
		}
	}
	return ""
}

// inWindow is met within one of the windows.
type inWindow []Window

func (w inWindow) whyNot(f Facts) string {
	if f.At.IsZero() {
		return "time is not given"
	}
	if slices.ContainsFunc(w, func(window Window) bool { return window.contains(f.At) }) {
		return ""
	}
	local := f.At.In(w[0].Zone)
	return fmt.Sprintf("it is %s %s, which is not within %s", strings.ToLower(local.Format("Mon 15:04")),
		local.Location(), oneOf(w.texts()))
}

func (w inWindow) texts() []string {
	texts := make([]string, 0, len(w))
	for _, window := range w {
		texts = append(texts, window.String())
	}
	return texts
}

func (w inWindow) String() string { return "time " + oneOf(w.texts()) }

// span is a range of amounts; a nil end is open.
type span struct{ min, max *apd.Decimal }

func amountRange(low, high string) span {
	var s span
	if d, ok := parseAmount(low); ok {
		s.min = d
	}
	if d, ok := parseAmount(high); ok {
		s.max = d
	}
	return s
}

func (s span) isEmpty() bool {
	return s.min != nil && s.max != nil && s.min.Cmp(s.max) > 0
}

func (s span) whyNot(f Facts) string {
	if s.min == nil && s.max == nil {
		return ""
	}
	amount, ok := parseAmount(f.Amount)
	switch {
	case f.Amount == "":
		return "amount is not given"
	case !ok:
		return "amount is not a decimal number"
	case s.min != nil && amount.Cmp(s.min) < 0:
		return fmt.Sprintf("amount %s %s is below %s", f.Amount, f.Currency, s.min.Text('f'))
	case s.max != nil && amount.Cmp(s.max) > 0:
		return fmt.Sprintf("amount %s %s is above %s", f.Amount, f.Currency, s.max.Text('f'))
	}
	return ""
}

func (s span) String() string {
	switch {
	case s.min == nil && s.max == nil:
		return "any amount"
	case s.min == nil:
		return "amount up to " + s.max.Text('f')
	case s.max == nil:
		return "amount from " + s.min.Text('f')
	}
	return "amount from " + s.min.Text('f') + " to " + s.max.Text('f')
}
