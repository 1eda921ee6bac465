package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/api"
	"payrouter/host/routing"
)

// ownRouting is the shipped routing file, with a rule that allows every pin, as a test's own to edit.
func ownRouting(t *testing.T) (file, text string) {
	t.Helper()
	shipped, err := os.ReadFile("../../routing.yaml")
	require.NoError(t, err)
	text = string(shipped) + anyPin
	file = filepath.Join(t.TempDir(), "routing.yaml")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file, text
}

// anyPin is a rule that lets a payment of any kind be pinned to any account.
const anyPin = "\n  - name: any-pin\n    to: [paygram-eu, payplay, paygram-asia, cryptogram, exchanger, paygrt]\n"

const (
	aboveDefault = "  - name: default\n"
	aRule        = "  - name: sampler\n    when: {kind: collect, currency: EUR, metadata.tier: sampler}\n    to: " +
		"[payplay]\n\n"
)

// The rules' owner edits the file while the router takes payments, makes a mistake, corrects it, and goes back, by the
// file and over the API: each payment names the version that routed it.
func TestRoutingIsEditedWhileTheRouterRuns(t *testing.T) {
	t.Parallel()
	file, text := ownRouting(t)
	w := build(t, plan{command: serveCommand{Routing: file, Watch: true}})
	status := func() api.ConfigStatus { return read[api.ConfigStatus](t, w.ask("GET", w.router+"/v1/config", "")) }
	const sampler = `{"amount":"49.90","currency":"EUR","country":"DE","reference":"order-1","description":"A lamp",` +
		`"return_url":"https://shop.example/thanks","metadata":{"tier":"sampler"}}`
	first := w.create(sampler)
	made := w.decision(first)
	require.Equal(t, status().Active.Version, made.ConfigVersion)

	edited := strings.Replace(text, "  - name: india-recharge\n", aRule+"  - name: india-recharge\n", 1)
	began := time.Now()
	require.NoError(t, os.WriteFile(file, []byte(edited), 0o600))
	require.Eventually(t, func() bool { return status().Active.Version != w.decision(first).ConfigVersion }, time.Minute,
		5*time.Millisecond)
	t.Logf("an edit was active %s after it was written", time.Since(began))
	second := w.create(sampler)
	require.Equal(t, "sampler", second.Decision.Rule)
	require.Equal(t, "payplay", second.Provider)
	require.Equal(t, made, w.decision(first), "what was decided by former rules stays as it was")

	require.NoError(t,
		os.WriteFile(file, []byte(strings.Replace(edited, "metadata.tier: sampler", "metdata.tier: sampler", 1)),
			0o600))
	require.Eventually(t, func() bool { return status().Pending != nil }, time.Minute, 5*time.Millisecond)
	mistake := status().Pending.Problems[0]
	require.Positive(t, mistake.Line, "%+v", mistake)
	require.Equal(t, file, mistake.File)
	require.Equal(t, "    when: {kind: collect, currency: EUR, ",
		strings.Split(edited, "\n")[mistake.Line-1][:mistake.Column-1])
	require.Contains(t, mistake.Message, "metdata.tier")
	require.Equal(t, w.decision(second).ConfigVersion, w.decision(w.create(sampler)).ConfigVersion)

	back := w.ask("POST", w.router+"/v1/config/rollback", `{"version":"`+w.decision(first).ConfigVersion+`"}`, "If-Match",
		status().Active.ETag)
	require.Equal(t, 200, back.status, string(back.body))
	require.Equal(t, w.decision(first).ConfigVersion, w.decision(w.create(sampler)).ConfigVersion)
	require.Nil(t, status().Pending)
	require.Len(t, status().History, 3)
	written, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, text, string(written))

	serves := w.ask("GET", w.router+"/v1/config/routing", "")
	require.Equal(t, text, string(serves.body))
	put := w.ask("PUT", w.router+"/v1/config/routing", edited, "If-Match", serves.header.Get("ETag"), "Content-Type",
		"application/yaml")
	require.Equal(t, 200, put.status, string(put.body))
	require.Equal(t, "sampler", w.create(sampler).Decision.Rule, "at once")
	stale := problem(t, w.ask("PUT", w.router+"/v1/config/routing", text, "If-Match", serves.header.Get("ETag")))
	require.Equal(t, "config-changed", stale.Type)
	require.Equal(t, 1, status().Fleets)
}

// A breaker's setting takes effect without a restart, too.
func TestABreakerIsSetWhileTheRouterRuns(t *testing.T) {
	t.Parallel()
	file, text := ownRouting(t)
	w := build(t, plan{command: serveCommand{Routing: file, Watch: true}})
	w.control("POST", "paygram/down", "")
	require.NoError(t,
		os.WriteFile(file,
			[]byte(strings.Replace(text, "breaker: {failures: 5, window: 30s", "breaker: {failures: 1, window: 30s",
				1)), 0o600))
	require.Eventually(t, func() bool {
		return len(read[api.ConfigStatus](t, w.ask("GET", w.router+"/v1/config", "")).History) == 2
	}, time.Minute, 5*time.Millisecond)
	w.post(w.key(), byPayGram)
	require.Contains(t, string(w.ask("GET", w.router+"/v1/providers", "").body), `"name":"paygram-eu"`)
	for _, p := range read[struct {
		Data []api.Provider `json:"data"`
	}](t, w.ask("GET", w.router+"/v1/providers", "")).Data {
		require.Equal(t, p.Name != "paygram-eu", p.Available, "%s: %s", p.Name, p.Reason)
	}
}

// What a rule has taken of its limits, and how providers did, is known across an edit.
func TestLimitsAndHealthOutliveAnEdit(t *testing.T) {
	t.Parallel()
	file, text := ownRouting(t)
	const first = "  - name: india-recharge\n"
	limited := strings.Replace(text, first,
		"  - name: sampler\n    when: {currency: EUR}\n    limits: {per_day: 1}\n    to: [payplay]\n"+
			"  - name: quick\n    when: {currency: EUR}\n    to: [{fastest: [cryptogram, paygram-eu, payplay]}]\n"+first, 1)
	require.NoError(t, os.WriteFile(file, []byte(limited), 0o600))
	w := build(t, plan{command: serveCommand{Routing: file}})
	const of = `{"amount":"49.90","currency":"EUR","reference":"order-1","return_url":"https://shop.example/thanks"}`
	require.Equal(t, "sampler", w.create(of).Decision.Rule)
	const enough = 25 // tries, before a rule goes by them
	for range enough {
		require.Equal(t, "quick", w.create(of).Decision.Rule)
	}
	put := w.ask("PUT", w.router+"/v1/config/routing", limited+"  # edited\n", "If-Match", "*")
	require.Equal(t, 200, put.status, string(put.body))
	after := w.create(of)
	require.Equal(t, "quick", after.Decision.Rule)
	require.True(t,
		slices.ContainsFunc(w.decision(after).Candidates,
			func(c routing.Candidate) bool { return strings.HasSuffix(c.Figure, " ms") }),
		"it is known how fast one is: %+v", w.decision(after).Candidates)
}

// Before an edit serves, it is asked which payments it would have moved.
func TestAnEditIsTriedOnThePaymentsThatWere(t *testing.T) {
	t.Parallel()
	file, text := ownRouting(t)
	w := build(t, plan{command: serveCommand{Routing: file}})
	large := w.create(
		`{"amount":"1500","currency":"EUR","reference":"order-1","return_url":"https://shop.example/thanks"}`)
	require.Equal(t, "fiat-large", large.Decision.Rule)
	w.create(byPayGram)
	edited := filepath.Join(t.TempDir(), "new.yaml")
	diff := func(text string) (string, error) {
		require.NoError(t, os.WriteFile(edited, []byte(text), 0o600))
		var out strings.Builder
		err := (&routeDiffCommand{File: edited, Router: w.router, Payments: 1000}).Run(&host{
			ctx:    t.Context(),
			stdout: &out,
		})
		return out.String(), err
	}
	const order = "    to: [paygram-eu, payplay]\n\n  - name: tether-large"
	require.Contains(t, text, order)
	shown, err := diff(strings.Replace(text, order, "    to: [payplay, paygram-eu]\n\n  - name: tether-large", 1))
	require.NoError(t, err)
	require.Contains(t, shown, "of 2 payments, 1 move, ")
	require.Contains(t, shown,
		"1: paygram-eu, then payplay by rule fiat-large\n"+
			"  → payplay, then paygram-eu by rule fiat-large\n  such as "+large.ID+"\n")
	shown, err = diff(text)
	require.NoError(t, err)
	require.Contains(t, shown, "of 2 payments, 0 move")
	_, err = diff(strings.Replace(text, "    plugin:", "    plugn:", 1))
	line := 1 + strings.Count(text[:strings.Index(text, "    plugin:")], "\n")
	require.ErrorContains(t, err,
		fmt.Sprintf("%s:%d:5: unknown key \"plugn\" in a provider: did you mean \"plugin\"?", edited, line))
	w.stop()
	require.NoError(t, w.end())
	_, err = diff(text)
	require.ErrorContains(t, err, "ask the router")
}

// reachConfig gets every documented status of the operations on the configuration in file, asked by an operator.
func (w *harness) reachConfig(call func(operation, method, path, body string, headers ...string) answer, file,
	operator string,
) {
	w.t.Helper()
	const config = "/v1/config"
	by := func(headers ...string) []string { return append(headers, "Authorization", "Bearer "+operator) }
	text := string(call("get-routing", "GET", config+"/routing", "", by()...).body)
	broken := strings.Replace(text, "plugin:", "plugn:", 1)
	large := strings.Repeat("#", 1<<20+1)
	call("get-config", "GET", config, "")
	call("get-config", "GET", config, "", by()...)
	call("get-routing", "GET", config+"/routing", "")
	check := func(body string, headers ...string) {
		call("check-config", "POST", config+"/validate", body, headers...)
	}
	put := func(body string, headers ...string) { call("put-routing", "PUT", config+"/routing", body, headers...) }
	back := func(body string, headers ...string) {
		call("rollback-config", "POST", config+"/rollback", body, headers...)
	}
	check(text)
	check(text, by()...)
	check(broken, by()...)
	check(large, by()...)
	diff := func(body string, headers ...string) { call("diff-routes", "POST", "/v1/routes/diff", body, headers...) }
	diff(text)
	diff(text, by()...)
	diff(broken, by()...)
	diff(large, by()...)
	put(text)
	put(text, by()...)
	put(large, by("If-Match", "*")...)
	put(text, by("If-Match", `"another"`)...)
	put(broken, by("If-Match", "*")...)
	put(text+"# seen\n", by("If-Match", "*")...)
	version := read[api.ConfigStatus](w.t, call("get-config", "GET", config, "", by()...)).Active.Version
	to := `{"version":"` + version + `"}`
	back(to)
	back(to, by()...)
	back(`{`, by("If-Match", "*")...)
	back(`{}`, by("If-Match", "*")...)
	back(`{"version":"none"}`, by("If-Match", "*")...)
	back(to, by("If-Match", `"another"`)...)
	back(to, by("If-Match", "*")...)
	// As in a ConfigMap, which only Kubernetes writes.
	data := filepath.Join(filepath.Dir(file), "..data")
	require.NoError(w.t, os.Mkdir(data, 0o700))
	require.NoError(w.t, os.Rename(file, filepath.Join(data, "routing.yaml")))
	require.NoError(w.t, os.Symlink(filepath.Join("..data", "routing.yaml"), file))
	put(text, by("If-Match", "*")...)
	back(to, by("If-Match", "*")...)
}
