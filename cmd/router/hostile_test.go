package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/api"
)

// hostileRouting has an account of a plugin that fails, and one of a plugin that does its part, at one provider.
const hostileRouting = `providers:
  hostile: {plugin: hostile, base_url: %[1]s, allow_private: true}
  honest: {plugin: honest, base_url: %[1]s, allow_private: true}
rules:
  - {name: hostile, when: {currency: USD}, to: [hostile]}
  - {name: both, when: {currency: GBP}, to: [hostile, honest]}
  - {name: honest, to: [honest]}
`

// hostileModule builds the plugin of the tests of host/plugin, once for a test.
func hostileModule(t *testing.T) func(words string) []byte {
	t.Helper()
	plugins(t) // the tests of one machine build one after the other
	out := filepath.Join(t.TempDir(), "hostile.wasm")
	guest := exec.Command("go", "build", "-buildmode=c-shared", "-trimpath", "-ldflags", "-s -w", "-o", out,
		"payrouter/host/plugin/testdata/hostile")
	guest.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	require.NoError(t, succeed(guest))
	code, err := os.ReadFile(out)
	require.NoError(t, err)
	return func(words string) []byte {
		at := bytes.Index(code, []byte("variant: ....."))
		require.Positive(t, at)
		written := bytes.Clone(code)
		copy(written[at+len("variant: "):], words+" ")
		return written
	}
}

func orderIn(currency string) string {
	return fmt.Sprintf(`{"kind": "collect", "amount": "49.90", "currency": %q, "country": "DE",
		"return_url": "https://shop.example/thanks"}`, currency)
}

// A plugin whose every call failed had each of its payments tried three times, kept the CPU for as long as payments
// came, and nothing ended it.
func TestAPluginThatAlwaysFailsIsOutOfTheWay(t *testing.T) {
	t.Parallel()
	variant := hostileModule(t)
	for shape, row := range map[string]struct {
		words string
		// body is how long the provider's answer is.
		body int
		// goesOn: no answer of the plugin is a fault by itself.
		goesOn bool
	}{
		"a loop over a long answer":    {"shape=loop", 200_000, false},
		"a trap":                       {"shape=trap", 0, false},
		"a trap after each slow start": {"shape=trap start=slow", 0, false},
		"memory without end":           {"shape=allocate", 0, false},
		"a panic":                      {"shape=panic", 0, false},
		"an exit":                      {"shape=exit", 0, false},
		"no answer":                    {"shape=garbage", 0, false},
		"an answer beyond its memory":  {"shape=beyond", 0, false},
		"a verdict that there is not":  {"shape=odd", 0, false},
		"a reject of what was sent":    {"shape=reject", 0, false},
		"a request after each answer":  {"shape=send", 0, true},
	} {
		t.Run(shape, func(t *testing.T) {
			var requests atomic.Int64
			provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				requests.Add(1)
				_, _ = io.WriteString(w, `{"a":"`+strings.Repeat("x", row.body)+`"}`)
			}))
			defer provider.Close()
			dir := t.TempDir()
			for name, words := range map[string]string{"hostile": row.words, "honest": "name=honest shape=fine"} {
				require.NoError(t, os.WriteFile(filepath.Join(dir, name+".wasm"), variant(words), 0o600))
			}
			command := serveCommand{Plugins: dir, Routing: writeFile(t, filepath.Join(t.TempDir(), "routing.yaml"),
				fmt.Sprintf(hostileRouting, provider.URL))}
			command.Budget.PluginCPU, command.Budget.AccountCPU = -1, -1 // two loops are more than an account's
			w := build(t, plan{bare: true, command: command})

			honest := func() {
				paid := w.create(orderIn("EUR"))
				require.Equal(t, "succeeded", paid.Status)
			}
			for n := range 3 {
				before := requests.Load()
				paid := w.create(orderIn("USD"))
				require.Equal(t, "unknown", paid.Status, "its request was sent, and its answer was not read")
				require.Equal(t, before+1, requests.Load(), "the provider is asked once")
				attempts := w.attempts(paid.ID)
				require.Len(t, attempts, 1)
				require.Equal(t, row.goesOn, attempts[0].Event == "accepted", attempts[0].Event)
				require.Equal(t, int64(n+1), w.faults("hostile"), "the plugin is called once for one answer")
				honest()
			}

			refused := w.post(w.key(), orderIn("USD"))
			require.Equal(t, 503, refused.status, string(refused.body))
			require.Equal(t, "urn:payrouter:problem:no-route-now", read[api.Problem](t, refused).Type)
			require.Equal(t, "honest", w.create(orderIn("GBP")).Provider, "a rule's next account takes what it would have")
			honest()
			out := w.provider("hostile")
			require.False(t, out.Available)
			require.Equal(t, "plugin hostile: in quarantine", out.Reason)
			require.NotContains(t, w.log.String(), "breaker changed", "its faults are none of the provider's")

			// What a person sees, and does.
			ready := w.ask("GET", w.router+"/readyz", "")
			require.Equal(t, 200, ready.status)
			require.Contains(t, string(ready.body), "plugins in quarantine: 1")
			quarantine := w.plugin("hostile").Generations[0].Quarantine
			require.NotNil(t, quarantine)
			require.True(t, quarantine.Sends)
			require.NotEmpty(t, quarantine.Reason)
			require.Eventually(t, func() bool {
				return strings.Contains(string(w.ask("GET", w.router+"/v1/audit", "").body), `"plugin.quarantine"`)
			}, time.Minute, 5*time.Millisecond)
			require.Contains(t, fmt.Sprint(w.plugin("hostile").Events), "no new payments")
			released := w.ask("POST", w.router+"/v1/plugins/hostile/release", "")
			require.Equal(t, 200, released.status, string(released.body))
			require.Nil(t, w.plugin("hostile").Generations[0].Quarantine)
			require.True(t, w.provider("hostile").Available)
			w.create(orderIn("USD"))
			again := w.ask("POST", w.router+"/v1/plugins/hostile/release", "")
			require.Equal(t, "urn:payrouter:problem:plugin-not-in-quarantine", read[api.Problem](t, again).Type)
		})
	}
}

// faults counts the calls that the newest generation of a plugin failed.
func (w *harness) faults(name string) int64 {
	w.t.Helper()
	return w.plugin(name).Generations[0].Faults.Calls
}

// Where a plugin's CPU is used up, a payment goes to the next account, and says why.
func TestAPluginOverItsBudgetIsNotCalled(t *testing.T) {
	t.Parallel()
	variant := hostileModule(t)
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{}`)
	}))
	defer provider.Close()
	dir := t.TempDir()
	for name, words := range map[string]string{"hostile": "shape=loop", "honest": "name=honest shape=fine"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name+".wasm"), variant(words), 0o600))
	}
	command := serveCommand{Plugins: dir, Routing: writeFile(t, filepath.Join(t.TempDir(), "routing.yaml"),
		fmt.Sprintf(hostileRouting, provider.URL))}
	command.Budget.Faults, command.Budget.PluginCPU = -1, 0.001
	w := build(t, plan{bare: true, command: command})
	require.Equal(t, "unknown", w.create(orderIn("USD")).Status) // 30 times what comes in a second
	passed := w.create(orderIn("GBP"))
	require.Equal(t, "honest", passed.Provider)
	require.Equal(t, "succeeded", passed.Status)
	attempts := w.attempts(passed.ID)
	require.Len(t, attempts, 2)
	require.Equal(t, "unable", attempts[0].Event)
	require.False(t, attempts[0].Sent)
	require.Equal(t, "the plugin is over its budget", attempts[0].Failure.Message)
	shown := w.plugin("hostile").Generations[0]
	require.True(t, shown.OverBudget)
	require.Positive(t, shown.Refused)
	require.True(t, w.provider("hostile").Available)
}

// confined puts a module into quarantine before the router starts.
func confined(t *testing.T, data, name, digest string) {
	t.Helper()
	dir := filepath.Join(data, "plugins", ".quarantine")
	require.NoError(t, os.MkdirAll(dir, 0o700))
	writeFile(t, filepath.Join(dir, digest+".json"),
		fmt.Sprintf(`{"name":%q,"digest":%q,"sends":true,"reason":"trapped"}`, name, digest))
}
