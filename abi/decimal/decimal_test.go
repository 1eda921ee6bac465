package decimal_test

import (
	"math/big"
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

// The model is math/big's exact rationals.
func TestArithmeticIsExact(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		number := rapid.StringMatching(`-?[0-9]{1,15}(\.[0-9]{1,18})?`)
		left, right := number.Draw(t, "left"), number.Draw(t, "right")
		a, err := decimal.Parse(left)
		require.NoError(t, err)
		b, err := decimal.Parse(right)
		require.NoError(t, err)
		x, _ := new(big.Rat).SetString(left)
		y, _ := new(big.Rat).SetString(right)

		require.Equal(t, x.Cmp(y), a.Cmp(b))
		require.Zero(t, new(big.Rat).Add(x, y).Cmp(rational(t, a.Add(b))))
		require.Zero(t, new(big.Rat).Sub(x, y).Cmp(rational(t, a.Sub(b))))
		again, err := decimal.Parse(a.String())
		require.NoError(t, err)
		require.Zero(t, again.Cmp(a))
	})
}

func rational(t *rapid.T, d decimal.Decimal) *big.Rat {
	r, ok := new(big.Rat).SetString(d.String())
	require.True(t, ok, d.String())
	return r
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
