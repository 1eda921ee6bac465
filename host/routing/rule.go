// Package routing decides which providers may take a payment, in which order, and says why.
//
// It hides the language of rules: how they are written (rule.go, window.go, limit.go, parse.go, parse_when.go,
// parse_to.go, group.go), checked (compile.go, reach.go with box.go), decided on (condition.go, expression.go,
// decide.go, capability.go, split.go, strategy.go), explained (explain.go) and compared (diff.go). It is pure: a
// decision is a function of the rules, the payment's facts, the time among them, and the standing of providers and
// rules as it is handed in.
package routing

import (
	"slices"
	"strings"

	"github.com/cockroachdb/apd/v3"

	abi "payrouter/abi/v1"
)

// Document is the rules as they are written, in their order, as Parse reads them. Check says what is wrong with it,
// Compile makes it decide.
type Document struct {
	Rules []Rule
	// At is where the list of rules begins.
	At Position
}

// Rule sends the payments that it matches to providers. The first rule that matches a payment holds.
type Rule struct {
	Name        string
	Description string
	// When is every condition that a payment must meet, as written. A rule without one matches every payment.
	When []Match
	// If is what must be true of a payment as well; nil for nothing.
	If *Expression
	// Limits are how much the rule takes; a rule that has taken it matches no more.
	Limits Limits
	// To is the providers in the order of failover.
	To []Entry
	At Position

	// malformed: part of the rule could not be read, so that what it covers is not known.
	malformed bool
}

// Match is one condition. Which of its fields are set follows from Key.
type Match struct {
	// Key is "kind", "currency", "country", "method", "merchant", "amount", "metadata.<key>", "time", "any" or "not".
	Key string
	// Values are the texts of which the payment's must be one.
	Values []Value
	// Min and Max bound "amount", both ends included, as decimal texts; an empty end is open.
	Min, Max string
	// Windows are when "time" holds: in one of them.
	Windows []Window
	// Any are the alternatives of "any": all conditions of one of them must be met.
	Any [][]Match
	// Not are the conditions of "not": one of them must not be met.
	Not []Match
	At  Position

	// bounds are Min and Max as numbers.
	bounds span
}

// Value is a text in the file.
type Value struct {
	Text string
	// Group is the countries that Text, a group's name, stands for; nil for a text that stands for itself.
	Group []string
	At    Position
}

// texts are what the value stands for.
func (v Value) texts() []string {
	if v.Group != nil {
		return v.Group
	}
	return []string{v.Text}
}

// Entry is a place in the order of failover: a provider, or several that share or compete for the payments that come
// there.
type Entry struct {
	Provider string
	// Split is set instead of Provider.
	Split []Share
	// By is what a split goes by instead of the payment's id: "payer", "merchant" or "metadata.<key>".
	By string
	// Strategy orders Among, which is set instead of Provider.
	Strategy Strategy
	Among    []Share
	At       Position
}

// Share is a provider's part in a split: Weight of the sum of all weights there.
type Share struct {
	Provider string
	Weight   int
	At       Position
}

// shares are an entry's providers; a plain entry is a split that has one.
func (e Entry) shares() []Share {
	switch {
	case e.Split != nil:
		return e.Split
	case e.Among != nil:
		return e.Among
	}
	return []Share{{Provider: e.Provider, Weight: 1, At: e.At}}
}

// field is what a rule can match by its text.
type field struct {
	key string
	get func(Facts) string
	// check says how to mend a value that no payment can have; "" for a good one.
	check func(value string) string
}

// fields in the order in which they are offered to a reader.
//
//nolint:gochecknoglobals // a table
var fields = []field{
	{kindKey, func(f Facts) string { return f.kind() }, checkKind},
	{currencyKey, func(f Facts) string { return f.Currency }, checkCurrency},
	{countryKey, func(f Facts) string { return f.Country }, checkCountry},
	{"method", func(f Facts) string { return f.Method }, checkAnything},
	{"merchant", func(f Facts) string { return f.Merchant }, checkAnything},
}

const (
	kindKey        = "kind"
	amountKey      = "amount"
	timeKey        = "time"
	anyKey         = "any"
	notKey         = "not"
	currencyKey    = "currency"
	countryKey     = "country"
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

// conditionKeys are the keys of a when, for a reader.
func conditionKeys() []string {
	keys := make([]string, 0, len(fields)+5)
	for _, f := range fields {
		keys = append(keys, f.key)
	}
	return append(keys, amountKey, metadataPrefix+"<key>", timeKey, anyKey, notKey)
}

// kinds are a payment's kinds by the names that the file and the API use.
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

// checkCurrency knows the form only: crypto tickers have no closed list. Compile finds a currency that no provider
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

func checkCountry(value string) string {
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

// parseAmount reads a decimal text that is not negative: "49.90". Exponents are refused: nobody writes money so, and a
// huge one would make a comparison expensive.
func parseAmount(text string) (*apd.Decimal, bool) {
	const longest = 64
	whole, fraction, dotted := strings.Cut(text, ".")
	if len(text) > longest || whole == "" || dotted && fraction == "" || !onlyOf(whole+fraction, "0123456789") {
		return nil, false
	}
	amount, _, err := apd.NewFromString(text)
	return amount, err == nil
}

func onlyOf(s, alphabet string) bool {
	return strings.Trim(s, alphabet) == ""
}
