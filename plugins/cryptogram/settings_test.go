package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSettingsThatDoNotServeAreRefused(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{
		`[]`, `{`, `{"wallets": []}`, `{"wallets": ["btc", "btc"]}`, `{"wallets": "btc"}`, `{"expire_hours": "soon"}`,
		`{"expire_hours": -1}`,
		`{"expiry_grace_minutes": 1.5}`, `{"expire_hours": 99999999}`,
	} {
		_, err := readSettings([]byte(bad))
		require.Error(t, err, bad)
	}
}
