package routing

import (
	"strings"

	"github.com/cockroachdb/apd/v3"

	abi "payrouter/abi/v1"
)

// kinds are a payment's kinds by their names in the file and the API.
//
//nolint:gochecknoglobals // a table
var kinds = []kindNamed{
	{"collect", abi.Kind_KIND_COLLECT},
	{"payout", abi.Kind_KIND_PAYOUT},
	{"recharge", abi.Kind_KIND_RECHARGE},
	{"transfer", abi.Kind_KIND_TRANSFER},
}

type kindNamed struct {
	name string
	kind abi.Kind
}

func kindName(kind abi.Kind) string {
	for _, k := range kinds {
		if k.kind == kind {
			return k.name
		}
	}
	return "unspecified"
}

func checkKind(value string) string {
	names := make([]string, 0, len(kinds))
	for _, k := range kinds {
		if k.name == value {
			return ""
		}
		names = append(names, k.name)
	}
	return DidYouMean(value, names)
}

// checkCurrency checks the form only: crypto tickers have no closed list. Compile finds a currency that no provider
// takes.
func checkCurrency(value string) string {
	if upper := strings.ToUpper(value); upper != value && isCurrency(upper) {
		return "write " + upper
	}
	if !isCurrency(value) {
		return "write an ISO 4217 code or a crypto ticker, such as EUR or USDT"
	}
	return ""
}

func isCurrency(s string) bool {
	return len(s) >= 2 && len(s) <= 12 && onlyOf(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
}

// CheckCountry is how to correct what is no country's code, as rules and payments write one; empty for one that is.
func CheckCountry(value string) string {
	switch upper := strings.ToUpper(value); {
	case isCountry(value):
		return ""
	case upper == "UK":
		return "write GB"
	case isCountry(upper):
		return "write " + upper
	}
	return "write an ISO 3166-1 alpha-2 code, such as DE"
}

func isCountry(s string) bool {
	return len(s) == 2 && strings.Contains(countries, s+" ")
}

// countries are the codes of ISO 3166-1 alpha-2, and XK (Kosovo), which banks and providers use.
const countries = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS " +
	"BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET " +
	"FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO " +
	"IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH " +
	"MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM " +
	"PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG " +
	"TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW "

func checkAnything(value string) string {
	if value == "" {
		return "write the text to match"
	}
	return ""
}

// parseAmount reads a decimal text that is not negative, as a payment's amount is written: "49.90", with no zeros
// before it. Exponents are refused: amounts are not written so, and a huge one would make a comparison expensive.
func parseAmount(text string) (*apd.Decimal, bool) {
	const longest = 64
	whole, fraction, dotted := strings.Cut(text, ".")
	if len(text) > longest || whole == "" || len(whole) > 1 && whole[0] == '0' ||
		dotted && fraction == "" || !onlyOf(whole+fraction, "0123456789") {
		return nil, false
	}
	amount, _, err := apd.NewFromString(text)
	return amount, err == nil
}

func onlyOf(s, alphabet string) bool {
	return strings.Trim(s, alphabet) == ""
}
