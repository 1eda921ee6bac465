package abiv1

// DecimalsOf is how many digits after the point a flow takes of amounts of a currency; limited is false where the flow
// does not limit them.
func DecimalsOf(flow *Flow, currency string) (decimals int, limited bool) {
	for _, precision := range flow.GetPrecisions() {
		if precision.GetCurrency() == currency {
			return int(precision.GetDecimals()), true
		}
	}
	return 0, false
}
