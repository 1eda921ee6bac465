package exact_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/abi/conformance/exact"
	"payrouter/abi/decimal"
	abi "payrouter/abi/v1"
)

// judge notes that a demand was not met, and ends it.
type judge struct {
	testing.TB

	refused bool
}

type refusal struct{}

func (j *judge) Helper()               {}
func (j *judge) Errorf(string, ...any) { j.refused = true }
func (j *judge) FailNow()              { panic(refusal{}) }

// met reports whether a demand holds.
func met(t *testing.T, demand func(*judge)) bool {
	t.Helper()
	j := &judge{TB: t}
	func() {
		defer func() {
			if ended := recover(); ended != nil && ended != (refusal{}) {
				panic(ended)
			}
		}()
		demand(j)
	}()
	return !j.refused
}

func TestSpelt(t *testing.T) {
	t.Parallel()
	isAmount := func(member string) bool { return member == "amount" }
	for output, want := range map[string]bool{
		`{"id":7,"amount":"1.50","rest":[{"amount":"-0.00000001"},null]}`: true,
		`{"id":7,"amount":"1.5","rest":[{"amount":"-1E-8"},null]}`:        true,
		`{"id":7,"amount":1.50,"rest":[{"amount":"-1E-8"},null]}`:         false,
		`{"id":7,"amount":"-1.50","rest":[{"amount":"-1E-8"},null]}`:      false,
		`{"id":7,"amount":"1.50","rest":[{"amount":"0.00000001"},null]}`:  false,
		`{"id":7,"amount":"1.51","rest":[{"amount":"-1E-8"},null]}`:       false,
		`{"id":"7","amount":"1.50","rest":[{"amount":"-1E-8"},null]}`:     false,
		`{"amount":"1.50","id":7,"rest":[{"amount":"-1E-8"},null]}`:       false,
		`{"id":7,"amount":"1.50","rest":[{"amount":"-1E-8"}]}`:            false,
		`{"id":7,"amount":"1.50","rest":[{"amount":"-1E-8"},null],"a":1}`: false,
		`{"id":7,"amount":"1.50"}`:                                        false,
		`{"id":7,"amount":"1.50","rest":[{"amount":"-1E-8"},null]`:        false,
	} {
		sent := []byte(`{"id":7,"amount":1.50,"rest":[{"amount":-1e-8},null]}`)
		require.Equal(t, want, met(t, func(j *judge) { exact.Spelt(j, sent, []byte(output), isAmount) }), output)
	}
}

func TestFound(t *testing.T) {
	t.Parallel()
	for reported, want := range map[string]bool{
		"1.50": true, "1.5": true, "150e-2": true, "-3": true, "1.500000001": false,
		"-1.50": false, "3": false,
	} {
		body := []byte(`{"a":["1.50",{"b":-3.0}]}`)
		require.Equal(t, want, met(t, func(j *judge) { exact.Found(j, body, nil, &abi.Money{Amount: reported}) }),
			reported)
		amount, err := decimal.Parse(reported)
		require.NoError(t, err)
		require.Equal(t, want, exact.AmountsIn(body).Have(amount), reported)
	}
	require.True(t, met(t, func(j *judge) { exact.Found(j, nil, nil, nil) }))
	tails := []byte(`[29.949999999999999, "19.989999999999998", 67.2000000000000028421709430404007434844970703125]`)
	for _, row := range []struct {
		sent, reported string
		want           bool
	}{
		{"29.95", "29.95", true},  // the same double, and it was sent
		{"29.96", "29.95", false}, // it was not sent
		{"29.94", "29.94", false}, // another double
		{"19.99", "19.99", false}, // a text is compared to the digit
		{"", "67.2", true},        // longer than an amount: the double's shortest decimal
		{"", "67.21", false},
	} {
		got := met(t, func(j *judge) { exact.Found(j, tails, []string{row.sent}, &abi.Money{Amount: row.reported}) })
		require.Equal(t, row.want, got, "%+v", row)
	}
}
