package routing

import (
	"fmt"
	"slices"
	"strings"

	"payrouter/abi/decimal"
	abi "payrouter/abi/v1"
)

// limit is a flow's limit on one field of a payment.
type limit struct {
	key string
	// values that the flow takes; empty for any.
	values []string
	get    func(Facts) string
	// mayBeAbsent: a payment without the field passes whatever the values. A method is a preference; a payer without a
	// country is not known to be in an allowed one.
	mayBeAbsent bool
}

func flowLimits(flow *abi.Flow) []limit {
	return []limit{
		{"kind", []string{kindName(flow.GetKind())}, Facts.kind, false},
		{"currency", flow.GetCurrencies(), func(f Facts) string { return f.Currency }, false},
		{"country", flow.GetCountries(), func(f Facts) string { return f.Country }, false},
		{methodKey, flow.GetMethods(), func(f Facts) string { return f.Method }, true},
	}
}

// isCapability reports whether manifests limit the field.
func isCapability(key string) bool {
	return slices.ContainsFunc(flowLimits(nil), func(l limit) bool { return l.key == key })
}

func (l limit) allows(value string) bool {
	return len(l.values) == 0 || slices.Contains(l.values, value)
}

func (l limit) whyNot(f Facts) string {
	value := l.get(f)
	switch {
	case l.allows(value) || value == "" && l.mayBeAbsent:
		return ""
	case value == "":
		return fmt.Sprintf("%s is not given, and it takes only %s", l.key, oneOf(l.values))
	}
	return fmt.Sprintf("%s %s is not %s", l.key, value, oneOf(l.values))
}

// cannot is "" where the provider can take such a payment, otherwise the reason.
func (p Provider) cannot(f Facts) string {
	if p.Unknown {
		return ""
	}
	reason := "it takes no payments of kind " + f.kind()
	for _, flow := range p.Flows {
		if kindName(flow.GetKind()) != f.kind() {
			continue
		}
		if reason = flowCannot(flow, f); reason == "" {
			return ""
		}
	}
	return reason
}

func flowCannot(flow *abi.Flow, f Facts) string {
	for _, l := range flowLimits(flow) {
		if why := l.whyNot(f); why != "" {
			return why
		}
	}
	if why := tooFine(flow, f); why != "" {
		return why
	}
	return boundOf(flow, f.Currency).whyNot(f)
}

// tooFine is why an amount has more decimals than the flow takes; empty where it has not. Trailing zeros do not count.
func tooFine(flow *abi.Flow, f Facts) string {
	decimals, limited := abi.DecimalsOf(flow, f.Currency)
	amount, err := decimal.Parse(f.Amount)
	if !limited || err != nil || amount.Scale() <= decimals {
		return ""
	}
	return fmt.Sprintf("amount %s has %d decimals, and it takes %d of %s", f.Amount, amount.Scale(), decimals,
		f.Currency)
}

// boundOf is the flow's range of amounts in a currency; open where it names none.
func boundOf(flow *abi.Flow, currency string) span {
	for _, b := range flow.GetBounds() {
		if b.GetCurrency() == currency {
			return amountRange(b.GetMin(), b.GetMax())
		}
	}
	return span{}
}

// describeFlows describes what a provider takes, for the author of a rule.
func describeFlows(flows []*abi.Flow) string {
	if len(flows) == 0 {
		return "no payments"
	}
	parts := make([]string, 0, len(flows))
	for _, flow := range flows {
		limits := []string{kindName(flow.GetKind())}
		for _, l := range flowLimits(flow)[1:] {
			if len(l.values) > 0 {
				limits = append(limits, l.key+" "+oneOf(l.values))
			}
		}
		parts = append(parts, strings.Join(limits, ", "))
	}
	return strings.Join(parts, "; ")
}
