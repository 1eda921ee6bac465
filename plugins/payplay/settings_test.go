package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSettingsThatDoNotServeAreRefused(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{
		``, `[]`, `{`, `{}`, `{"slug": ""}`, `{"slug": "shop", "order_webhook_token": "both"}`,
		`{"slug": "shop", "time_zone": "Europe/Kyiv"}`, `{"slug": "shop", "time_zone": 2}`,
		`{"slug": "shop", "transaction_types": {"REFUND": "away"}}`, `{"slug": "shop", "external_currencies": ["ngn"]}`,
		`{"slug": "shop", "external_currencies": ["NGN", "EUR", "GBP", "PLN", "UAH", "TRY", "INR"]}`,
	} {
		_, err := readSettings([]byte(bad))
		require.Error(t, err, bad)
	}
}

func TestOnlyIDsStandInPaths(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"9d05ffbb-0f89-488a-ad58-2a9bc207d3ab", "1", "ord_9"} {
		require.True(t, isID(good), good)
	}
	for _, bad := range []string{"", "..", "-", "a/b", "a b", "a?b", "ä", string(make([]byte, 65))} {
		require.False(t, isID(bad), bad)
	}
}
