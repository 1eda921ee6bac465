package payment

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"payrouter/host/invalid"
	"payrouter/host/routing"
)

// Check reports every problem of an order, joined; each is an *invalid.Error. Beside what Validate finds, those are
// members that nothing in this fleet knows: they would change nothing, and their sender means something.
func (f *Fleet) Check(o Order, now time.Time) error {
	problems := []error{o.Validate(f.Tickers(), now)}
	if mend := f.Rules.CheckMethod(o.Method); mend != "" {
		problems = append(problems, &invalid.Error{
			Field: "/method", Reason: fmt.Sprintf("%q is unknown: %s", invalid.Clip(o.Method), mend),
		})
	}
	plugins := f.plugins()
	for _, name := range slices.Sorted(maps.Keys(o.Options)) {
		if !slices.Contains(plugins, name) {
			problems = append(problems, &invalid.Error{
				Field:  "/provider_options/" + pointer(name),
				Reason: "is for a plugin that no account here has: there are " + strings.Join(plugins, ", "),
			})
		}
	}
	return errors.Join(problems...)
}

// plugins are the names of the accounts' plugins.
func (f *Fleet) plugins() []string {
	known := map[string]bool{}
	for _, account := range f.Accounts {
		known[account.Plugin("").Manifest().GetName()] = true
	}
	return slices.Sorted(maps.Keys(known))
}

// checkOptions is an *invalid.Error for each of an order's options, where none of them is for a candidate of its
// decision; nil where one is. Options beside those are for the plugins to which other orders go.
func (f *Fleet) checkOptions(decision routing.Decision, o Order) error {
	var used []string
	for _, candidate := range decision.Candidates {
		if account, known := f.Accounts[candidate.Provider]; known {
			used = append(used, account.Plugin("").Manifest().GetName())
		}
	}
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(o.Options)) {
		if slices.Contains(used, name) {
			return nil
		}
		problems = append(problems, &invalid.Error{
			Field: "/provider_options/" + pointer(name),
			Reason: "is for a plugin that such a payment does not go to: it goes to " +
				strings.Join(slices.Compact(slices.Sorted(slices.Values(used))), ", "),
		})
	}
	return errors.Join(problems...)
}

// checkDestination finds what a payment of a kind has no use for. A payer pays a collect: it goes to the merchant.
func checkDestination(o Order, refuse func(field, format string, args ...any)) {
	var takes []string
	switch o.Kind {
	case Payout:
		takes = []string{"account", "address", "network", "memo"}
	case Recharge:
		takes = []string{"operator", "number"}
	case Transfer:
		takes = []string{"account", "memo"}
	case Collect:
	default:
		return
	}
	for _, member := range []struct{ name, value string }{
		{"operator", o.Destination.Operator},
		{"number", o.Destination.Number},
		{"account", o.Destination.Account},
		{"address", o.Destination.Address},
		{"network", o.Destination.Network},
		{"memo", o.Destination.Memo},
	} {
		switch {
		case member.value == "" || slices.Contains(takes, member.name):
		case len(takes) == 0:
			refuse("/destination/"+member.name, "is of no use: a %s has no destination", o.Kind)
		default:
			refuse("/destination/"+member.name, "is of no use: the destination of a %s is %s", o.Kind,
				strings.Join(takes, ", "))
		}
	}
}
