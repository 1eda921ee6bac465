package guest_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/abi/guest"
)

func TestIsWebAddress(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"https://pay.example/1": true, "http://pay.example/1": true,
		"": false, "pay.example/1": false, "javascript:alert(1)": false, "ftp://pay.example/": false,
		" https://pay.example/1": false,
	} {
		require.Equal(t, want, guest.IsWebAddress(text), "%q", text)
	}
}

func TestFiatCurrenciesAreCodesEachOnce(t *testing.T) {
	t.Parallel()
	codes := guest.FiatCurrencies()
	require.True(t, slices.IsSorted(codes))
	require.Equal(t, slices.Compact(slices.Clone(codes)), codes)
	for _, code := range codes {
		require.Regexp(t, `^[A-Z]{3}$`, code)
	}
	require.Contains(t, codes, "EUR")
	require.NotContains(t, codes, "XAU")
}
