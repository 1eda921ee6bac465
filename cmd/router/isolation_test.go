package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/access"
	"payrouter/host/api"
	"payrouter/host/sandbox"
)

// mark is in every text of the other merchant's, and so is its number.
const (
	mark       = "zyxmark"
	markNumber = "424242"
)

// markedRules has marks in every member of the file that is the merchant a's.
const markedRules = `
  zyxmark-account:
    plugin: paygram
    base_url: "{site}/paygram"
    allow_private: true
    secrets: {token: env:PAYGRAM_EU_TOKEN}
    settings: {user_cli_id: zyxmark-user}
    limits: {per_second: 4242}
    failures:
      - {code: "zyxmark code", operation: IssueInvoice, meaning: declined_soft, as: insufficient_funds}
groups: {zyxmark-countries: [DE, FR]}
rules:
  - name: zyxmark-rule
    description: zyxmark words
    when:
      merchant: zyxmark
      currency: EUR
      country: zyxmark-countries
      amount: {max: "424242"}
      method: zyxmark-method
      metadata.zyxmark-key: zyxmark-value
      not: {metadata.zyxmark-not: [zyxmark-one, zyxmark-two]}
      any: [{metadata.zyxmark-any: zyxmark-three}, {time: {days: [mon-sun], from: "00:00", to: "23:59", zone: UTC}}]
    if: metadata["zyxmark-any"] != "zyxmark-four"
    limits: {per_day: 424242, amount_per_day: "424242"}
    to: [zyxmark-account]
  - name: zyxmark-rest
    when: {merchant: zyxmark}
    to: [zyxmark-account, {cheapest: [exchanger]}]
  - name: for-all
    when: {kind: collect, currency: [EUR, USD]}
    to: [payplay]
`

// A key of one merchant finds nothing of another's, in any answer, event or webhook: neither payments, nor the rules,
// limits and accounts that are the other's alone, nor names of its metadata.
func TestAMerchantSeesNothingOfAnothers(t *testing.T) {
	t.Parallel()
	shipped, err := os.ReadFile("../../routing.yaml")
	require.NoError(t, err)
	accounts, _, found := strings.Cut(string(shipped), "\nrules:\n")
	require.True(t, found)
	accounts, _, found = strings.Cut(accounts, "\n# The first rule")
	require.True(t, found)
	site := &harness{t: t, data: t.TempDir()}
	site.openSandbox(sandbox.Options{})
	file := filepath.Join(t.TempDir(), "routing.yaml")
	rules := strings.Replace(markedRules, "{site}", site.simulated, 1)
	require.NoError(t, os.WriteFile(file, []byte(accounts+rules), 0o600))
	everythingOfItsOwn := access.Together(access.Shop, []string{
		"payments:create:payout", "payments:create:recharge", "payments:create:transfer", "payments:act:resolve",
		"payments:approve", "pin", "operations:read", "operations:run", "keys",
	})
	data, tokens := keysIn(t, map[string][]access.Right{mark: access.Rights(), "other": everythingOfItsOwn})
	w := build(t, plan{data: data, command: serveCommand{Routing: file, WebhooksToPrivate: true}, beside: site})
	theirs, mine := bearer(tokens[mark]), bearer(tokens["other"])

	hook := make(chan string, 64)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		hook <- string(body)
	}))
	t.Cleanup(receiver.Close)
	require.Equal(t, 201, w.ask("POST", w.router+hooks, `{"url":"`+receiver.URL+`"}`, mine...).status)
	require.Equal(t, 201, w.ask("POST", w.router+hooks,
		`{"url":"https://zyxmark.example/hooks","description":"zyxmark"}`, theirs...).status)

	marked := w.post("zyxmark-key", `{"amount":"4242.42","currency":"EUR","country":"DE","method":"zyxmark-method",
		"reference":"zyxmark-order","description":"zyxmark lamp","return_url":"https://zyxmark.example/thanks",
		"payer":{"name":"Zyxmark","email":"zyxmark@shop.example","phone":"+424242424242","ip":"192.0.2.42"},
		"metadata":{"zyxmark-key":"zyxmark-value","zyxmark-any":"zyxmark-three"}}`, theirs...)
	require.Equal(t, 201, marked.status, string(marked.body))
	their := read[api.Payment](t, marked)
	require.Equal(t, "zyxmark-rule", their.Decision.Rule, "the marks are where they matter")
	run := read[api.Run](t, w.ask("POST", w.router+"/v1/providers/zyxmark-account/operations/IssueInvoice",
		`{"amount":"1","currencyCode":978}`, append(theirs, "Idempotency-Key", "zyxmark-run")...))

	// The same requests show their owner the marks: the search would find them.
	search := func(as []string) (marks []string) {
		mine := w.post(w.key(), `{"amount":"49.90","currency":"EUR","country":"DE"}`, as...)
		require.Equal(t, 201, mine.status, string(mine.body))
		p := read[api.Payment](t, mine)
		answers := map[string]answer{"create": mine}
		for _, of := range w.operations() {
			switch {
			case of.method == "GET":
				for _, id := range []string{p.ID, their.ID, run.ID, "payplay", "paygram", "exchanger"} {
					path := strings.Replace(of.path, "/none", "/"+id, 1)
					answers[of.id+" "+id] = w.ask("GET", w.router+path, "", as...)
				}
			case strings.HasPrefix(of.path, "/v1/payments/") || strings.HasPrefix(of.path, "/v1/operations/"):
				path := strings.Replace(of.path, "/none", "/"+their.ID, 1)
				answers[of.id] = w.ask(of.method, w.router+path, "{}", as...)
			}
		}
		for i, body := range []string{
			`{"amount":"49.90","currency":"EUR","country":"DE"}`, `{"amount":"49.90","currency":"CHF"}`,
			`{"amount":"49.90","currency":"EUR","provider":"paygram-eu"}`,
			`{"amount":"49.90","currency":"EUR","provider":"nobody"}`,
			`{"amount":"999999999","currency":"EUR","country":"DE"}`, `{"kind":"payout","amount":"1","currency":"USDT"}`,
		} {
			answers[fmt.Sprint("explain ", i)] = w.ask("POST", w.router+"/v1/routes/explain", body, as...)
			answers[fmt.Sprint("create ", i)] = w.post(w.key(), body, as...)
			answers[fmt.Sprint("quotes ", i)] = w.ask("POST", w.router+"/v1/quotes", body, as...)
		}
		answers["same key"] = w.post("zyxmark-key", `{"amount":"1","currency":"EUR"}`, as...)
		answers["document"] = w.ask("GET", w.router+"/openapi.json", "", as...)
		marks = []string{}
		wanted := regexp.MustCompile(`(?i)` + mark + `|` + markNumber + `|4242\.42|` + their.ID)
		for what, a := range answers {
			text := string(a.body) + fmt.Sprint(a.header)
			// What a request names is repeated in its own refusal.
			text = strings.ReplaceAll(text, "/"+their.ID, "")
			if a.status == http.StatusNotFound {
				text = strings.ReplaceAll(text, their.ID, "")
			}
			if found := wanted.FindString(text); found != "" {
				marks = append(marks, what+": "+found)
			}
		}
		return marks
	}
	require.Greater(t, len(search(theirs)), 10)
	require.Empty(t, search(mine))
	deadline := time.After(time.Minute)
	for range 3 {
		select {
		case body := <-hook:
			require.NotContains(t, strings.ToLower(body), mark)
		case <-deadline:
			t.Fatal("no webhook came")
		}
	}
}

// What another merchant has is refused as what does not exist is, to the byte: nobody finds out that it is there.
func TestAnothersIsAnsweredAsWhatIsNotThere(t *testing.T) {
	t.Parallel()
	everything := slices.DeleteFunc(access.Rights(), func(r access.Right) bool { return r == access.AllMerchants })
	data, tokens := keysIn(t, map[string][]access.Right{"shop": access.Rights(), "other": everything})
	w := build(t, plan{data: data, command: serveCommand{Routing: ownedRouting(t)}})
	theirs, mine := bearer(tokens["shop"]), bearer(tokens["other"])
	p := read[api.Payment](t, w.post("k", byPayGram, theirs...))
	run := read[api.Run](t, w.ask("POST", w.router+"/v1/providers/paygram-eu/operations/IssueInvoice",
		`{"amount":"1","currencyCode":978}`, append(theirs, "Idempotency-Key", "r")...))
	hook := read[api.WebhookEndpoint](t, w.ask("POST", w.router+hooks, `{"url":"https://shop.example"}`, theirs...))
	key := read[api.Key](t, w.ask("GET", w.router+"/v1/key", "", theirs...))
	bodies := map[string]string{
		"resolve-payment": `{"status":"failed","reason":"x"}`, "resolve-run": `{"status":"failed","reason":"x"}`,
		"reject-payment": `{"reason":"x"}`, "reject-run": `{"reason":"x"}`, "resume-provider": `{"reason":"x"}`,
		"update-payment": `{"reference":"x"}`, "update-webhook-endpoint": `{"description":"x"}`,
		"confirm-payment": `{"operation":"PayInvoice"}`,
	}
	walked := 0
	for _, of := range w.operations() {
		for root, id := range map[string]string{
			"/v1/payments/": p.ID, "/v1/operations/": run.ID, hooks + "/": hook.ID, "/v1/keys/": key.ID,
			"/v1/providers/": "paygram-eu",
		} {
			if !strings.HasPrefix(of.path, root+"none") {
				continue
			}
			walked++
			absent := id[:len(id)-4] + "0000"
			asked := func(id string) string {
				path := strings.Replace(of.path, root+"none", root+id, 1)
				path = strings.Replace(path, "/operations/none", "/operations/Withdraw", 1)
				a := w.ask(of.method, w.router+path, bodies[of.id], append(mine, "Idempotency-Key", w.key())...)
				require.Equal(t, 404, a.status, "%s: %s", of.id, a.body)
				return strings.ReplaceAll(string(a.body), id, "{id}")
			}
			require.Equal(t, asked(absent), asked(id), of.id)
		}
	}
	require.Greater(t, walked, 25)
}
