package money

import "strings"

// The currencies of ISO 4217 whose minor unit is not a hundredth (list one), by its number of decimals. CLDR, which
// x/text has, counts what is in use instead, and has no decimals where ISO 4217 and providers have two.
const (
	withoutDecimals = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
	threeDecimals   = "BHD IQD JOD KWD LYD OMR TND"
	fourDecimals    = "CLF UYW"
	// withoutUnit are metals, units of account and codes for tests: ISO 4217 gives them no minor unit.
	withoutUnit = "XAG XAU XBA XBB XBC XBD XDR XPD XPT XSU XTS XUA XXX"
)

// MinorUnits is how many decimals ISO 4217 gives a currency of its list; limited is false where it gives none.
func MinorUnits(code string) (decimals int, limited bool) {
	const hundredth, three, four = 2, 3, 4
	switch {
	case len(code) != 3 || strings.Contains(withoutUnit, code):
		return 0, false
	case strings.Contains(withoutDecimals, code):
		return 0, true
	case strings.Contains(threeDecimals, code):
		return three, true
	case strings.Contains(fourDecimals, code):
		return four, true
	}
	return hundredth, true
}
