package live_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
	"payrouter/host/egress"
	"payrouter/host/live"
)

// An account that was suspended for its credentials stays so, whatever else is edited, until they change.
func TestASuspensionOutlivesEveryEditButItsSecrets(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(secret, []byte(token+"\n"), 0o600))
	router := time.Date(2031, 4, 5, 6, 7, 8, 0, time.UTC)
	h := newHarness(t, plan{unwatched: true, settings: live.Settings{Now: func() time.Time { return router }}})
	put := func(text string) {
		t.Helper()
		_, err := h.manager.Put(text, "ops", h.tag())
		require.NoError(t, err)
	}
	text := func(rule, extra string) string {
		withFile := strings.Replace(h.routing(rule), "env:TOKEN", "file:"+secret, 1)
		return strings.Replace(withFile, "    settings:", extra+"    settings:", 1)
	}
	available := func() error { return h.manager.Fleet().Accounts["paygram-eu"].Egress.Available() }
	put(text("first", ""))
	request := &abi.HttpRequest{Method: "GET", Path: []*abi.Part{{Part: &abi.Part_Literal{Literal: "/"}}}}
	for range 5 {
		require.NoError(t, available())
		client := h.manager.Fleet().Accounts["paygram-eu"].Egress
		rendered, err := client.Render(request)
		require.NoError(t, err)
		for try := range client.Tries(t.Context(), egress.Exchange{Request: rendered}) {
			try.Send(time.Unix(0, 0))
			try.Judge(egress.Judgement{Signal: egress.SignalUnauthenticated})
		}
	}
	require.ErrorContains(t, available(), "suspended since 2031-04-05", "an account has one clock")
	for _, edit := range []string{
		text("second", ""), text("second", "    timeout: 3s\n"),
		text("second", "    limits: {connections: 2, per_second: 9}\n"),
		text("second", "    breaker: {failures: 1}\n"),
		strings.Replace(text("second", ""), "user_cli_id: shop", "user_cli_id: other", 1),
	} {
		put(edit)
		require.ErrorContains(t, available(), "suspended since", edit)
	}
	require.NoError(t, os.WriteFile(secret, []byte("another-"+token+"\n"), 0o600))
	put(text("third", ""))
	require.NoError(t, available())
	require.NoError(t, os.WriteFile(secret, []byte(token+"\n"), 0o600))
	put(text("fourth", ""))
	require.ErrorContains(t, available(), "suspended since", "the provider has refused these")
	require.True(t, h.manager.Fleet().Accounts["paygram-eu"].Egress.Resume())
	require.NoError(t, available())
}
