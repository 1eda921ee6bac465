package routing

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Of the payments a part, and no more, finds out how a provider does of which too little is known.
func TestUnknownProviderIsAskedFirstNowAndThen(t *testing.T) {
	t.Parallel()
	const payments = 20_000
	known, unknown := Record{Tries: 100, Succeeded: 100, Median: time.Second}, Record{Tries: 19}
	for _, c := range []struct {
		claim    string
		strategy Strategy
		records  map[string]Record
		prices   map[string]string
		share    int // of 20
	}{
		{"healthiest", Healthiest, map[string]Record{"a": known, "b": unknown}, nil, 1},
		{"fastest", Fastest, map[string]Record{"a": known, "b": unknown}, nil, 1},
		{"nothing is known of any: the first as written learns", Healthiest, nil, nil, 0},
		{"all are known", Healthiest, map[string]Record{"a": known, "b": {Tries: 20}}, nil, 0},
		{"a price is not found out by asking somebody dear", Cheapest, nil, map[string]string{"a": "1"}, 0},
	} {
		rules, err := Compile(parseRules(t, fmt.Sprintf(`[{name: x, to: [{%s: [a, b]}]}]`, c.strategy)),
			collecting("a", "b"), "v1")
		require.NoError(t, err, c.claim)
		first := 0
		for i := range payments {
			d := rules.Decide(Facts{PaymentID: fmt.Sprintf("pay_%d", i)},
				standing{Records: c.records, Prices: c.prices})
			if d.Order()[0] == "b" {
				require.True(t, d.Candidates[0].Explored, c.claim)
				first++
			}
		}
		require.InDelta(t, payments*c.share/explore, first, payments*0.005, c.claim)
	}
}

func TestExploringIsToldInTheDecision(t *testing.T) {
	t.Parallel()
	rules, err := Compile(parseRules(t, `[{name: x, to: [{healthiest: [a, b]}]}]`), collecting("a", "b"), "v1")
	require.NoError(t, err)
	s := standing{Records: map[string]Record{"a": {Tries: 40, Succeeded: 39}}}
	for i := range 1000 {
		d := rules.Decide(Facts{PaymentID: fmt.Sprintf("pay_%d", i)}, s)
		if d.Order()[0] != "b" {
			continue
		}
		require.Equal(t, `configuration v1
rule x matches
  1. b (healthiest: not known, asked first to find out)
  2. a (healthiest: 97 %)
ask b, then a
`, d.Explain())
		stored, err := json.Marshal(d.Candidates)
		require.NoError(t, err)
		require.JSONEq(t, `[{"provider": "b", "rank": 1, "strategy": "healthiest", "explored": true, "skipped": false},
			{"provider": "a", "rank": 2, "strategy": "healthiest", "figure": "97 %", "skipped": false}]`, string(stored))
		return
	}
	t.Fatal("b was never asked first")
}

// Whatever is known, a strategy asks each of its providers once, the known ones by their figures and equals as
// written.
func TestStrategiesOrder(t *testing.T) {
	t.Parallel()
	names := []string{"a", "b", "c", "d"}
	rules, err := Compile(parseRules(t, `
- {name: cheapest, when: {method: cheapest}, to: [{cheapest: [a, b, c, d]}]}
- {name: fastest, when: {method: fastest}, to: [{fastest: [a, b, c, d]}]}`), collecting(names...), "v1")
	require.NoError(t, err)
	rapid.Check(t, func(t *rapid.T) {
		s := standing{Records: map[string]Record{}, Prices: map[string]string{}}
		value := map[string]int{}
		for _, name := range names {
			v := rapid.IntRange(0, 4).Draw(t, name)
			if v == 0 {
				continue
			}
			value[name] = v
			s.Prices[name] = fmt.Sprintf("0.0%d", v)
			s.Records[name] = Record{Tries: enoughTries, Median: time.Duration(v) * time.Millisecond}
		}
		for _, strategy := range []string{"cheapest", "fastest"} {
			f := Facts{PaymentID: rapid.String().Draw(t, "id"), Method: strategy}
			d := rules.Decide(f, s)
			require.Equal(t, d, rules.Decide(f, s))
			order := d.Order()
			require.ElementsMatch(t, names, order)
			if d.Candidates[0].Explored {
				order = order[1:]
			}
			for i := range len(order) - 1 {
				one, next := order[i], order[i+1]
				switch {
				case value[next] == 0:
					require.True(t, value[one] > 0 || one < next, "%v", order)
				case value[one] == value[next]:
					require.Less(t, one, next)
				default:
					require.Positive(t, value[one], "%v", order)
					require.Less(t, value[one], value[next], "%v", order)
				}
			}
		}
	})
}

func TestStickySplitKeepsACustomerOnOneSide(t *testing.T) {
	t.Parallel()
	rules, err := Compile(parseRules(t, `
- {name: payer, when: {currency: EUR}, to: [{split: {a: 70, b: 30}, by: payer}]}
- {name: merchant, when: {currency: USD}, to: [{split: {a: 70, b: 30}, by: merchant}]}
- {name: metadata, when: {currency: GBP}, to: [{split: {a: 70, b: 30},
  by: metadata.customer}]}`), collecting("a", "b"), "v1")
	require.NoError(t, err)
	const customers = 10_000
	for _, currency := range []string{"EUR", "USD", "GBP"} {
		first := 0
		for i := range customers {
			who := fmt.Sprint("customer ", i)
			order := func(id string) string {
				d := rules.Decide(Facts{
					PaymentID: id, Currency: currency, Payer: who, Merchant: who,
					Metadata: map[string]string{"customer": who},
				}, nil)
				require.NotContains(t, d.Explain(), "customer "+fmt.Sprint(i))
				return d.Order()[0]
			}
			side := order("pay_1")
			require.Equal(t, side, order("pay_2"))
			if side == "a" {
				first++
			}
		}
		require.InDelta(t, customers*70/100, first, customers*0.02, currency)
	}
	sides := map[string]bool{}
	for i := range 50 {
		sides[rules.Decide(Facts{PaymentID: fmt.Sprint(i), Currency: "GBP"}, nil).Order()[0]] = true
	}
	require.Len(t, sides, 2, "without the key a split goes by the payment's id")
}

func TestStandingIsAskedOnlyWhereItMatters(t *testing.T) {
	t.Parallel()
	rules, err := Compile(parseRules(t, `
- {name: limited, when: {currency: EUR}, limits: {per_day: 1}, to: a}
- {name: fastest, when: {currency: USD}, to: [{fastest: [a, b]}]}
- {name: plain, to: [a, b]}`), collecting("a", "b"), "v1")
	require.NoError(t, err)
	for currency, want := range map[string][]string{
		"EUR": {"used limited", "unavailable a"},
		"USD": {"record a", "record b", "unavailable a", "unavailable b"},
		"GBP": {"unavailable a", "unavailable b"},
	} {
		var asked asked
		rules.Decide(Facts{Currency: currency, Amount: "1"}, &asked)
		require.Equal(t, want, []string(asked), currency)
	}
}

// asked notes the questions to a standing.
type asked []string

func (a *asked) Unavailable(provider string) error {
	*a = append(*a, "unavailable "+provider)
	return nil
}

func (a *asked) Record(provider string) Record {
	*a = append(*a, "record "+provider)
	return Record{}
}

func (a *asked) Price(provider string, _ Facts) (string, bool) {
	*a = append(*a, "price "+provider)
	return "", false
}

func (a *asked) Used(rule string) Use {
	*a = append(*a, "used "+rule)
	return Use{}
}
