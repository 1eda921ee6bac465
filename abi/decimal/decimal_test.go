package decimal_test

import (
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"payrouter/abi/decimal"
)

func TestParseKeepsTheTextOfANumber(t *testing.T) {
	t.Parallel()
	for text, plain := range map[string]string{
		"49.90":                      "49.90",
		"0":                          "0",
		"-1.5":                       "-1.5",
		"007.50":                     "7.50",
		"1.5e-7":                     "0.00000015",
		"12E2":                       "1200",
		"0.00973417":                 "0.00973417",
		"55534228.52065455":          "55534228.52065455",
		"123456789012345678901.0000": "123456789012345678901.0000",
	} {
		d, err := decimal.Parse(text)
		require.NoError(t, err, text)
		require.Equal(t, plain, d.String(), text)
	}
}

func TestParseRefusesWhatIsNotADecimal(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "-", ".", "1.", ".5", "+1", " 1", "1 ", "1,5", "1_000", "0x10", "NaN", "Infinity", "inf", "1e", "1e+",
		"--1", "1.2.3",
		"1e1000000000", "1e-1000000000", "1e99", "１", "1234567890123456789012345678901234567890",
	} {
		_, err := decimal.Parse(text)
		require.ErrorIs(t, err, decimal.ErrSyntax, "%q", text)
	}
}

func TestScaleCountsTheDigitsThatMatter(t *testing.T) {
	t.Parallel()
	for text, scale := range map[string]int{"10": 0, "10.00": 0, "10.10": 1, "0.001": 3, "1e2": 0, "0": 0} {
		d, err := decimal.Parse(text)
		require.NoError(t, err)
		require.Equal(t, scale, d.Scale(), text)
	}
}

func TestArithmeticKeepsTheFinerScale(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ a, b, sum, difference string }{
		{"0", "0", "0", "0"},
		{"1", "1", "2", "0"},
		{"0.00", "0", "0.00", "0.00"},
		{"9.99", "0.01", "10.00", "9.98"},
		{"1", "0.001", "1.001", "0.999"},
		{"100", "99.5", "199.5", "0.5"},
		{"-1", "1", "0", "-2"},
		{"-0.5", "0.25", "-0.25", "-0.75"},
		{"0.25", "-0.5", "-0.25", "0.75"},
		{"-999", "-1", "-1000", "-998"},
		{"99999999999999999999", "0.1", "99999999999999999999.1", "99999999999999999998.9"},
	} {
		a, err := decimal.Parse(row.a)
		require.NoError(t, err)
		b, err := decimal.Parse(row.b)
		require.NoError(t, err)
		require.Equal(t, row.sum, a.Add(b).String(), "%s + %s", row.a, row.b)
		require.Equal(t, row.difference, a.Sub(b).String(), "%s - %s", row.a, row.b)
	}
	require.Equal(t, "1", decimal.Decimal{}.Add(one(t)).String())
	require.Equal(t, -1, decimal.Decimal{}.Cmp(one(t)))
}

func one(t *testing.T) decimal.Decimal {
	t.Helper()
	d, err := decimal.Parse("1")
	require.NoError(t, err)
	return d
}

// The model is math/big. Most numbers are of few digits, zeros and nines among them: they cancel, carry and borrow.
func TestArithmeticIsExact(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		number := rapid.OneOf(
			rapid.StringMatching(`-?[0-9]{1,15}(\.[0-9]{1,18})?`),
			rapid.StringMatching(`-?[09]{1,20}(\.[019]{1,19})?`),
			rapid.StringMatching(`-?[0-9]{39}`),
			rapid.StringMatching(`-?0\.[0-9]{38}`),
			rapid.StringMatching(`-?[0-9]{1,9}(\.[0-9]{1,9})?[eE][-+]?[0-9]`),
		)
		left, right := number.Draw(t, "left"), number.Draw(t, "right")
		a, err := decimal.Parse(left)
		require.NoError(t, err)
		b, err := decimal.Parse(right)
		require.NoError(t, err)
		requireExact(t, left, right, a, b)
	})
}

func FuzzArithmetic(f *testing.F) {
	for _, seed := range [][2]string{
		{"9.99", "0.01"},
		{"-1", "1.000"},
		{"0.1e-3", "-0"},
		{"-1000", "0.0001"},
		{"1e20", "99999999999999999999"},
		{strings.Repeat("9", decimal.MaxDigits), "0." + strings.Repeat("9", decimal.MaxDigits-1)},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, left, right string) {
		a, err := decimal.Parse(left)
		if err != nil {
			return
		}
		b, err := decimal.Parse(right)
		if err != nil {
			return
		}
		requireExact(t, left, right, a, b)
	})
}

// requireExact compares what the package makes of two texts, and of what they come to, with what math/big does: the
// values, and of sums the text to the last zero.
func requireExact(t require.TestingT, left, right string, a, b decimal.Decimal) {
	x, y := exact(t, left), exact(t, right)
	require.Zero(t, x.Cmp(exact(t, a.String())), "%q is read as %s", left, a)
	require.Zero(t, y.Cmp(exact(t, b.String())), "%q is read as %s", right, b)
	require.Equal(t, x.Sign(), a.Sign(), "the sign of %s", a)
	require.Equal(t, x.Cmp(y), a.Cmp(b), "%s and %s", a, b)
	require.Equal(t, y.Cmp(x), b.Cmp(a), "%s and %s", b, a)
	places := max(places(a), places(b))
	sum, difference := new(big.Rat).Add(x, y), new(big.Rat).Sub(x, y)
	require.Equal(t, sum.FloatString(places), a.Add(b).String(), "%s + %s", a, b)
	require.Equal(t, difference.FloatString(places), a.Sub(b).String(), "%s - %s", a, b)
	require.Zero(t, difference.Cmp(exact(t, a.Sub(b).String())), "%s - %s", a, b)
	require.Zero(t, a.Cmp(a.Add(b).Sub(b)), "%s + %s - %s", a, b, b) // of a sum that may have more digits than Parse takes
}

// exact is what math/big reads.
func exact(t require.TestingT, text string) *big.Rat {
	r, ok := new(big.Rat).SetString(text)
	require.True(t, ok, text)
	return r
}

func places(d decimal.Decimal) int {
	_, fraction, _ := strings.Cut(d.String(), ".")
	return len(fraction)
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"49.90", "1e-7", "-0", "1e999", "0.1.2", "９"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := decimal.Parse(text)
		if err != nil {
			return
		}
		again, err := decimal.Parse(d.String())
		require.NoError(t, err)
		require.Zero(t, again.Cmp(d))
	})
}
