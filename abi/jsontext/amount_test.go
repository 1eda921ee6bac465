package jsontext_test

import (
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"payrouter/abi/decimal"
	"payrouter/abi/jsontext"
)

func TestANumberIsTheAmountThatWasSentIfBothAreOneDouble(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ sent, answered, read string }{
		{"29.95", "29.95", "29.95"},
		{"29.95", "29.950", "29.950"},
		{"29.95", "2995e-2", "29.95"},
		{"29.95", "29.949999999999999", "29.95"},
		{"29.950", "29.949999999999999", "29.950"},
		{"67.20", "67.2000000000000028421709430404007434844970703125", "67.2"},
		{"19.99", "19.989999999999998", "19.99"},
		{"0.3", "0.30000000000000004", "0.30000000000000004"}, // the next double
		{"29.95", "29.94", "29.94"},
		{"29.95", "29.9499999999", "29.9499999999"},
		{"29.95", `"29.949999999999999"`, "29.949999999999999"},
		{"29.95", `"29.95"`, "29.95"},
		{"0.123456789012345678", "0.12345678901234568", "0.123456789012345678"},
		{"", "67.2000000000000028421709430404007434844970703125", "67.2"},
		{"1", "67.2000000000000028421709430404007434844970703125", "67.2"},
		{"1", "0", "0"},
	} {
		value, err := jsontext.Parse([]byte(row.answered))
		require.NoError(t, err)
		read, err := value.Amount(row.sent)
		require.NoError(t, err, row.answered)
		require.Equal(t, row.read, read.String(), "%s answered as %s", row.sent, row.answered)
	}
}

func TestWhatIsNoAmountIsNone(t *testing.T) {
	t.Parallel()
	for _, answered := range []string{
		`"x"`, `""`, `true`, `null`, `{}`, `[1]`, `1e400`, `-1e400`, `1e-400`,
		`0.1234567890123456789012345678901234567890`,
		`"67.2000000000000028421709430404007434844970703125"`, `1234567890123456789012345678901234567890`,
	} {
		value, err := jsontext.Parse([]byte(answered))
		require.NoError(t, err)
		_, err = value.Amount("29.95", "0", "x", "")
		require.Error(t, err, answered)
		_, ok := value.Decimal()
		require.False(t, ok, answered)
	}
}

func TestSpellReadsADoublesTail(t *testing.T) {
	t.Parallel()
	value, err := jsontext.Parse([]byte(`{"amount":67.2000000000000028421709430404007434844970703125,"id":1}`))
	require.NoError(t, err)
	text, wrong := value.Spell(func(name string) bool { return name == "amount" })
	require.Empty(t, wrong)
	require.JSONEq(t, `{"amount":"67.2","id":1}`, string(text))
}

func TestANumberWithADoublesTailIsNotTheShortest(t *testing.T) {
	t.Parallel()
	for text, shortest := range map[string]bool{
		`29.95`: true, `29.950`: true, `2995e-2`: true, `0`: true, `"29.949999999999999"`: true, `"x"`: true,
		`29.949999999999999`: false, `1.000000000000000001`: false,
		`67.2000000000000028421709430404007434844970703125`: false, `1e400`: false,
	} {
		value, err := jsontext.Parse([]byte(text))
		require.NoError(t, err)
		require.Equal(t, shortest, value.IsShortest(), text)
	}
}

// nearest is the double of a decimal text by math/big, which rounds without strconv.
func nearest(t require.TestingT, text string) float64 {
	exactly, ok := new(big.Rat).SetString(text)
	require.True(t, ok, text)
	double, _ := exactly.Float64()
	return double
}

// The model is math/big: a number counts as the amount that was sent if and only if both round to one double.
func TestNumbersAreComparedAsDoublesAndTextsToTheDigit(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		sent := rapid.StringMatching(`(0|[1-9][0-9]{0,11})(\.[0-9]{1,12})?`).Draw(t, "sent")
		double := nearest(t, sent)
		answered := rapid.OneOf(
			rapid.Just(sent),
			rapid.StringMatching(`(0|[1-9][0-9]{0,3})(\.[0-9]{1,20})?`),
			rapid.Map(rapid.IntRange(1, 30),
				func(places int) string { return new(big.Float).SetFloat64(double).Text('f', places) }),
			rapid.Map(rapid.IntRange(15, 19),
				func(digits int) string { return new(big.Float).SetFloat64(double).Text('g', digits) }),
			rapid.Just(strings.TrimRight(new(big.Float).SetFloat64(double).Text('f', 60), "0")+"0"),
		).Draw(t, "answered")
		if !json.Valid([]byte(answered)) {
			return
		}
		asNumber, err := jsontext.Parse([]byte(answered))
		require.NoError(t, err)
		asText, err := jsontext.Parse([]byte(`"` + answered + `"`))
		require.NoError(t, err)
		amount, err := decimal.Parse(sent)
		require.NoError(t, err)

		read, err := asNumber.Amount(sent)
		same := nearest(t, answered) == double && (double != 0 || amount.Sign() == 0)
		require.Equal(t, same, err == nil && read.Cmp(amount) == 0, "%s answered as %s", sent, answered)

		read, err = asText.Amount(sent)
		left, _ := new(big.Rat).SetString(sent)
		right, _ := new(big.Rat).SetString(answered)
		if err == nil {
			require.Equal(t, left.Cmp(right) == 0, read.Cmp(amount) == 0, "%s answered as %q", sent, answered)
		}
	})
}

// FuzzAmount holds whatever stands in a body to math/big: an amount is the number's own, or the one that was sent and
// is the same double.
func FuzzAmount(f *testing.F) {
	f.Add([]byte(`29.949999999999999`), "29.95")
	f.Add([]byte(`"29.949999999999999"`), "29.95")
	f.Add([]byte(`67.2000000000000028421709430404007434844970703125`), "67.20")
	f.Add([]byte(`1e-400`), "0")
	f.Add([]byte(`-0.0`), "-0")
	f.Fuzz(func(t *testing.T, text []byte, sent string) {
		value, err := jsontext.Parse(text)
		if err != nil {
			return
		}
		read, err := value.Amount(sent)
		if err != nil {
			return
		}
		reported, _ := new(big.Rat).SetString(read.String())
		stood, ok := new(big.Rat).SetString(value.Text())
		require.True(t, ok)
		if reported.Cmp(stood) == 0 {
			return
		}
		require.True(t, value.IsNumber())
		left, _ := reported.Float64()
		right, _ := stood.Float64()
		require.Equal(t, right, left) //nolint:testifylint // the same double is what is claimed
	})
}
