package callback_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/callback"
)

func TestACallbackIsKeptAsItCameAndAnsweredToTheLetter(t *testing.T) {
	t.Parallel()
	h := newHarness(t, callback.Settings{})
	for _, row := range []struct{ method, query, body, kind string }{
		{http.MethodGet, "?about=known&x=%20", "", ""},
		{http.MethodPost, "", "about=known", "application/x-www-form-urlencoded"},
		{http.MethodPut, "?a=%zz", `{"about": 1}`, "application/json"},
		{"REPORT", "", "\xff\x00binary", "application/octet-stream"},
		{http.MethodPost, "", "", ""},
	} {
		for range 2 {
			got := h.ask(t, row.method, h.addresses.Account("a"), row.query, row.body,
				http.Header{"Content-Type": {row.kind}, "X-Odd": {"\xfe"}})

			require.Equal(t, answered{202, "text/x-heard", "*ok*"}, got, row.method)
			c := h.store.kept[len(h.store.kept)-1]
			require.Equal(t, row.method, c.Method)
			require.Equal(t, strings.TrimPrefix(row.query, "?"), c.Query)
			require.Equal(t, row.body, string(c.Body))
			require.Equal(t, row.kind, c.Header.Get("Content-Type"))
			require.Regexp(t, `^cb_[0-9a-z]{26}$`, c.ID)
			seen := h.plugin.seen[len(h.plugin.seen)-1]
			require.Equal(t, "/callbacks/a", seen.GetPath(), "the plugin does not see the token")
			require.JSONEq(t, `{"x":1}`, string(seen.GetSettings()))
		}
	}
	requireNoToken(t, h)
}

func requireNoToken(t *testing.T, h *harness) {
	t.Helper()
	_, token, _ := strings.Cut(h.addresses.Account("a"), "/callbacks/a/")
	require.NotEmpty(t, token)
	require.NotContains(t, h.log.String(), token)
	require.NotContains(t, h.log.String(), "about=")
}

func TestOnlyTheRoutersOwnAddressesAreFound(t *testing.T) {
	t.Parallel()
	h := newHarness(t, callback.Settings{})
	token := strings.TrimPrefix(h.addresses.Account("a"), "https://pay.example/callbacks/a/")
	own := strings.TrimPrefix(h.addresses.Payment("a", "pay_1"), "https://pay.example/callbacks/a/")
	require.Equal(t, 202, h.ask(t, http.MethodPost, "/callbacks/a/"+own, "", "about=known", nil).status)
	require.Equal(t, "pay_1", h.store.kept[0].AddressedTo)
	for _, path := range []string{
		"/callbacks/", "/callbacks/a", "/callbacks/a/", "/callbacks/a/x", "/callbacks/a/" + token + "x",
		"/callbacks/a/" + token[1:],
		"/callbacks/a/" + token + "/x", "/callbacks/b/" + token, "/callbacks/a/pay_1." + token, "/callbacks/a/" +
			strings.Replace(own, "pay_1", "pay_2", 1),
		"/callbacks/a/" + strings.TrimPrefix(own, "pay_1."),
		strings.TrimPrefix(h.addresses.Account("b"), "https://pay.example"),
	} {
		require.Equal(t, 404, h.ask(t, http.MethodPost, path, "", "about=known", nil).status, path)
	}
	require.Len(t, h.store.kept, 1)
	require.Len(t, h.plugin.seen, 1)
}

func TestWhatIsTooLargeIsNotKept(t *testing.T) {
	t.Parallel()
	h := newHarness(t, callback.Settings{MaxBody: 4096})
	large := strings.Repeat("x", 4097)
	require.Equal(t, 413, h.ask(t, http.MethodPost, h.addresses.Account("a"), "", large, nil).status)
	require.Empty(t, h.store.kept)
	require.Equal(t, 202, h.ask(t, http.MethodPost, h.addresses.Account("a"), "", large[1:], nil).status)
}

func TestACallbackThatIsNotKeptIsNotAnswered(t *testing.T) {
	t.Parallel()
	h := newHarness(t, callback.Settings{})
	h.store.fails = true
	require.Equal(t, 503, h.ask(t, http.MethodPost, h.addresses.Account("a"), "", "about=known", nil).status)
	h.store.fails = false
	h.later(t, time.Second)
	h.requireCounts(t, 0, 0)
	h.post(t, "about=known")
	h.later(t, time.Second)
	h.requireCounts(t, 0, 1)
}

func TestACallbackThatThePluginFailsOnIsKeptAndAskedForAgain(t *testing.T) {
	t.Parallel()
	h := newHarness(t, callback.Settings{})
	h.plugin.fails = true
	require.Equal(t, 503, h.ask(t, http.MethodPost, h.addresses.Account("a"), "", "about=known", nil).status)
	require.Equal(t, callback.Unread, h.store.kept[0].State)
	h.plugin.fails = false
	h.post(t, "about=known")
	h.later(t, time.Second)
	h.requireCounts(t, 0, 1)
}

// The limits count by the journal clock: a wall clock that is set back must not stop callbacks until it catches up.
func TestABucketSurvivesAClockThatGoesBack(t *testing.T) {
	t.Parallel()
	h := newHarness(t, callback.Settings{ArrivalsPerSecond: 1})
	status := func() int {
		return h.ask(t, http.MethodPost, h.addresses.Account("a"), "", "about=known", nil).status
	}
	for range 10 {
		require.Equal(t, 202, status())
	}
	h.clock.advance(-time.Hour)
	require.Equal(t, 429, status())
	h.clock.advance(time.Second)
	require.Equal(t, 202, status())
}

func TestAnAccountTakesSoManyCallbacksInASecond(t *testing.T) {
	t.Parallel()
	h := newHarness(t, callback.Settings{ArrivalsPerSecond: 2})
	statuses := map[int]int{}
	count := func(times int) {
		for range times {
			statuses[h.ask(t, http.MethodPost, h.addresses.Account("a"), "", "about=known", nil).status]++
		}
	}
	count(30)
	require.Equal(t, map[int]int{202: 20, 429: 10}, statuses)
	h.clock.advance(time.Second)
	count(3)
	require.Equal(t, map[int]int{202: 22, 429: 11}, statuses)
}
