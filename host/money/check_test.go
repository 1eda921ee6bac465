package money_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/host/money"
)

func TestAnAmountHasOneSpelling(t *testing.T) {
	t.Parallel()
	for amount, reason := range map[string]string{
		"01": "without zeros before it", "00.10": "without zeros before it", "-01": "without zeros before it",
		"+1": "without a plus sign", "1.": "on both sides of its point", ".5": "on both sides of its point",
		"1e3": "without an exponent", "1E3": "without an exponent", " 1": "without blanks", "1 000": "without blanks",
		"1\u00a0000": "without blanks", "": "decimal text", "1,5": "decimal text", "0x10": "decimal text",
		"-0.50": "above zero", "0": "above zero",
	} {
		require.Contains(t, money.CheckAmount(amount, "EUR"), reason, "%q", amount)
	}
	for _, amount := range []string{"1", "0.10", "10.00", "49.9"} {
		require.Empty(t, money.CheckAmount(amount, "EUR"), amount)
	}
}
