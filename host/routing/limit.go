package routing

import (
	"cmp"
	"fmt"
	"math"
	"strconv"

	"github.com/cockroachdb/apd/v3"
	"go.yaml.in/yaml/v3"
)

// Limits are how much one rule takes; zero values set no limit. The windows slide: the last 60 seconds, 60 minutes, 24
// hours.
type Limits struct {
	PerMinute, PerHour, PerDay int
	// AmountPerDay bounds the sum of the amounts, a decimal in the one currency that the rule matches.
	AmountPerDay string
	At           Position
}

// Use is how much of its limits a rule has used.
type Use struct {
	// Minute, Hour and Day count the payments of the windows.
	Minute, Hour, Day int
	// Amount is the sum of the day's amounts, a decimal; empty is 0, and Infinity is a sum that cannot be computed.
	Amount string

	// forgotten: one of the limits was reached, and which one is not known any more.
	forgotten bool
}

// Any reports whether there is a limit.
func (l Limits) Any() bool {
	return l.PerMinute > 0 || l.PerHour > 0 || l.PerDay > 0 || l.AmountPerDay != ""
}

// Reached is the limit that one more payment of this amount would exceed, by its key in the file, and why; empty where
// there is none.
func (l Limits) Reached(use Use, amount string) (key, why string) {
	if use.forgotten {
		return "", limitForgotten
	}
	for _, c := range []struct {
		key         string
		limit, used int
		of          string
	}{
		{perMinute, l.PerMinute, use.Minute, "the last minute"},
		{perHour, l.PerHour, use.Hour, "the last hour"},
		{perDay, l.PerDay, use.Day, "the last day"},
	} {
		if c.limit > 0 && c.used >= c.limit {
			return c.key, fmt.Sprintf("limit %s is reached: %d of %d in %s", c.key, c.used, c.limit, c.of)
		}
	}
	if l.AmountPerDay == "" {
		return "", ""
	}
	limit, _ := parseAmount(l.AmountPerDay)
	one, ok := parseAmount(amount)
	if !ok {
		return amountPerDay, "amount is not given, and " + amountPerDay + " counts it"
	}
	// A sum may have more digits than an amount.
	used, _, err := apd.NewFromString(cmp.Or(use.Amount, "0"))
	var sum apd.Decimal
	if err == nil {
		_, err = apd.BaseContext.Add(&sum, used, one) // without rounding
	}
	if err != nil || sum.Cmp(limit) > 0 {
		return amountPerDay,
			fmt.Sprintf("limit %s would be passed: %s of %s in the last day", amountPerDay, cmp.Or(use.Amount, "0"),
				l.AmountPerDay)
	}
	return "", ""
}

// The keys of limits in the file.
const (
	perMinute    = "per_minute"
	perHour      = "per_hour"
	perDay       = "per_day"
	amountPerDay = "amount_per_day"
)

const (
	// keptLimits is how many of the limits that were reached a stored decision keeps.
	keptLimits     = 8
	limitForgotten = "a limit is reached; which one, and how much of it was used, is not kept"
)

// note is what is kept of a use, by the key of the limit that was reached: "d3" is 3 payments in the last day.
func (u Use) note(key string) string {
	switch key {
	case perMinute:
		return "m" + strconv.Itoa(u.Minute)
	case perHour:
		return "h" + strconv.Itoa(u.Hour)
	case perDay:
		return "d" + strconv.Itoa(u.Day)
	}
	return "a" + u.Amount
}

// readUse reads a note: the other windows are empty, so that no limit on them is reached.
func readUse(note string) Use {
	if note == "" {
		return Use{forgotten: true}
	}
	figure := note[1:]
	count, _ := strconv.Atoi(figure)
	switch note[0] {
	case 'm':
		return Use{Minute: count}
	case 'h':
		return Use{Hour: count}
	case 'd':
		return Use{Day: count}
	}
	return Use{Amount: figure}
}

func (r *reader) limits(node *yaml.Node) Limits {
	limits := Limits{At: r.at(node)}
	keys := []string{perMinute, perHour, perDay, amountPerDay}
	if node.Kind == yaml.MappingNode && len(node.Content) == 0 {
		r.report(node, "limits holds no limit",
			"leave it out, or write one of per_minute, per_hour, per_day, amount_per_day")
	}
	r.members(node, "limits", keys, func(key string, value *yaml.Node) {
		text, ok := r.text(value, key)
		if !ok {
			return
		}
		switch key {
		case perMinute:
			limits.PerMinute = r.count(value, text)
		case perHour:
			limits.PerHour = r.count(value, text)
		case perDay:
			limits.PerDay = r.count(value, text)
		case amountPerDay:
			if amount, ok := parseAmount(text); !ok || amount.IsZero() {
				r.report(value, fmt.Sprintf("%q is not an amount to be limited to", text),
					"write a decimal number above 0, such as 10000, without sign or exponent")
				return
			}
			limits.AmountPerDay = text
			limits.At = r.at(value)
		}
	})
	return limits
}

func (r *reader) count(node *yaml.Node, text string) int {
	count, err := strconv.Atoi(text)
	if err != nil || count < 1 || count > math.MaxInt32 {
		r.report(node, fmt.Sprintf("%q is not a number of payments", text), "write a whole number from 1")
		return 0
	}
	return count
}
