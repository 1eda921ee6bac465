package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/api"
	"payrouter/host/api/pluginview"
)

const waywardRouting = `providers:
  wayward:
    plugin: wayward
    base_url: %s
    allow_private: true
    secrets: {}
rules:
  - {name: all, to: [wayward]}
`

// waywardModule is the plugin of testdata/wayward, right or wrong in one way.
func waywardModule(t *testing.T, code []byte, way string) []byte {
	t.Helper()
	const at, room = "the way of this module=", len("well      ")
	i := bytes.Index(code, []byte(at))
	require.Positive(t, i)
	written := bytes.Clone(code)
	copy(written[i+len(at):], fmt.Sprintf("%-*s", room, way))
	return written
}

// waywardProvider fails where the plugin asks in a wrong way, and takes everything else.
func waywardProvider(t *testing.T) string {
	t.Helper()
	var made atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch r.Header.Get("X-Way") {
		case "500":
			w.WriteHeader(http.StatusInternalServerError)
		case "unreadable":
			_, _ = w.Write([]byte(`{"odd":true}`))
		case "page":
			_, _ = w.Write([]byte(`<html>`))
		default:
			_, _ = fmt.Fprintf(w, `{"id":"obj-%d"}`, made.Add(1))
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// tried are payments of several merchants' at once, by the generation of their first attempt.
type tried struct {
	mutex sync.Mutex
	// bySide are the payments' ids by the digest of their first attempt, and statuses theirs.
	bySide   map[string][]string
	statuses map[string]string
	// refused are answers other than 201.
	refused []string
}

// pay makes payments until enough reports so, at most so many.
func (w *harness) pay(most int, enough func() bool) *tried {
	w.t.Helper()
	made := &tried{bySide: map[string][]string{}, statuses: map[string]string{}}
	var payers sync.WaitGroup
	var left atomic.Int64
	left.Store(int64(most))
	for range 4 {
		payers.Go(func() {
			for left.Add(-1) >= 0 && !enough() {
				w.payOnce(made)
			}
		})
	}
	payers.Wait()
	return made
}

func (w *harness) payOnce(made *tried) {
	const order = `{"kind":"collect","amount":"10.00","currency":"EUR"}`
	a, err := w.try(w.t.Context(), "POST", w.router+"/v1/payments", order, "Idempotency-Key", w.key())
	made.mutex.Lock()
	defer made.mutex.Unlock()
	if err != nil || a.status != http.StatusCreated {
		made.refused = append(made.refused, fmt.Sprint(err, a.status, string(a.body)))
		return
	}
	p := read[api.Payment](w.t, a)
	made.statuses[p.ID] = p.Status
}

// sides sorts the payments by who made their first attempt.
func (w *harness) sides(made *tried) {
	w.t.Helper()
	for id := range made.statuses {
		digest := w.attempts(id)[0].Digest
		made.bySide[digest] = append(made.bySide[digest], id)
	}
}

// A canary at half of the payments that fails each of them harms these few and no other: no payment is refused, the
// stable generation's are all taken, and the canary is gone after a number of payments that is known before.
func TestAFailingCanaryHarmsItsShareAlone(t *testing.T) {
	t.Parallel()
	_, _ = plugins(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "wayward.wasm")
	guest := exec.Command("go", "build", "-buildmode=c-shared", "-trimpath", "-ldflags", "-s -w", "-o", file,
		"./testdata/wayward")
	guest.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	require.NoError(t, succeed(guest))
	code, err := os.ReadFile(file)
	require.NoError(t, err)
	for way, row := range map[string]struct {
		// most is how many payments the canary may serve, and status what they come to.
		most   int
		status string
		why    string // empty where a quarantine ends it
	}{
		"500":        {20, "unknown", "it leaves payments unknown more often, of new payments"},
		"page":       {20, "unknown", "it fails more often, of new payments"},
		"unreadable": {25, "unknown", "it fails more often, of new payments"},
		"trap":       {25, "unknown", "it fail"},
		// Nothing was sent: the stable generation makes the payment at once.
		"prepare": {25, "processing", "it fail"},

		"trap, in quarantine":    {25, "unknown", ""},
		"prepare, in quarantine": {25, "processing", ""},
	} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			routing := writeFile(t, filepath.Join(t.TempDir(), "routing.yaml"),
				fmt.Sprintf(waywardRouting, waywardProvider(t)))
			command := serveCommand{Routing: routing, Plugins: dir}
			if row.why != "" {
				command.Budget.Faults = -1
			}
			w := build(t, plan{bare: true, command: command})
			w.payOnce(&tried{statuses: map[string]string{}})
			stable := w.serving("wayward")
			candidate := w.put("wayward", "?canary=50&allow=requests,outcomes,failures,fuel,unproven",
				waywardModule(t, code, strings.TrimSuffix(way, ", in quarantine")))
			require.Equal(t, 200, candidate.status, string(candidate.body))
			canary := read[pluginview.PluginInstall](t, candidate).Digest

			deadline := time.Now().Add(time.Minute)
			made := w.pay(20_000, func() bool {
				return w.plugin("wayward").Canary == nil || time.Now().After(deadline)
			})
			require.Empty(t, made.refused)
			w.sides(made)
			require.NotEmpty(t, made.bySide[stable])
			for _, id := range made.bySide[stable] {
				require.Equal(t, "processing", made.statuses[id])
			}
			if way != "prepare, in quarantine" { // the few that it fails may all be sent once it is in quarantine
				require.NotEmpty(t, made.bySide[canary])
			}
			require.LessOrEqual(t, len(made.bySide[canary]), row.most)
			for _, id := range made.bySide[canary] {
				require.Equal(t, row.status, made.statuses[id])
			}
			former := w.plugin("wayward").Former
			require.NotNil(t, former)
			t.Logf("%d at the canary, %d at the stable one: %s", len(made.bySide[canary]), len(made.bySide[stable]),
				former.Reason)
			require.Zero(t, former.Canary.Succeeded)
			require.Equal(t, former.Stable.Payments, former.Stable.Succeeded)
			if row.why != "" {
				require.Equal(t, "worse", former.Verdict)
				require.Contains(t, former.Reason, row.why)
				require.Contains(t, fmt.Sprint(w.plugin("wayward").Events), "aborted because "+former.Reason)
			}
			require.True(t, w.provider("wayward").Available)

			after := w.pay(40, func() bool { return false })
			require.Empty(t, after.refused)
			w.sides(after)
			require.Len(t, after.bySide[stable], 40)
		})
	}
}
