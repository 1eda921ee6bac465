package main

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"payrouter/host/access"
	"payrouter/host/api"
)

type batch struct {
	Data []api.Payment `json:"data"`
	Next string        `json:"next_cursor"`
}

func (w *harness) list(query string, headers ...string) batch {
	w.t.Helper()
	a := w.ask("GET", w.router+"/v1/payments?"+query, "", headers...)
	require.Equal(w.t, 200, a.status, string(a.body))
	return read[batch](w.t, a)
}

func ids(of []api.Payment) []string {
	list := []string{}
	for _, p := range of {
		list = append(list, p.ID)
	}
	return list
}

func TestLists(t *testing.T) {
	t.Parallel()
	w := build(t, plan{})
	require.Empty(t, w.list("").Data)
	invoice := w.create(byPayGram)
	order := w.create(byPayPlay)
	out := w.create(payout)
	phone := w.create(recharge)
	declined := w.create(strings.Replace(recharge, `"AT"`, `"RJ"`, 1))

	newestFirst := []string{declined.ID, phone.ID, out.ID, order.ID, invoice.ID}
	require.Equal(t, newestFirst, ids(w.list("").Data))
	require.Empty(t, w.list("").Next)
	later := invoice.CreatedAt.Add(time.Hour).UTC().Format(time.RFC3339)
	for query, want := range map[string][]string{
		"status=failed":                      {declined.ID},
		"status=failed,requires_action":      {declined.ID, order.ID, invoice.ID},
		"provider=payplay":                   {out.ID, order.ID},
		"provider=payplay&kind=payout":       {out.ID},
		"currency=INR":                       {declined.ID, phone.ID},
		"reference=order-1001":               {order.ID, invoice.ID},
		"reference=order-1001&status=failed": {},
		"created_from=" + later:              {},
		"created_until=" + later:             newestFirst,
		"created_from=" + url.QueryEscape(out.CreatedAt.Format(time.RFC3339Nano)):  {declined.ID, phone.ID, out.ID},
		"created_until=" + url.QueryEscape(out.CreatedAt.Format(time.RFC3339Nano)): {order.ID, invoice.ID},
	} {
		require.Equal(t, want, ids(w.list(query).Data), query)
	}

	first := w.list("limit=2")
	require.Equal(t, newestFirst[:2], ids(first.Data))
	second := w.list("limit=2&cursor=" + first.Next)
	require.Equal(t, newestFirst[2:4], ids(second.Data))
	newer := w.create(byPayGram)
	third := w.list("limit=2&cursor=" + second.Next)
	require.Equal(t, newestFirst[4:], ids(third.Data), "what came meanwhile does not shift a page")
	require.Empty(t, third.Next)
	require.Equal(t, newer.ID, w.list("limit=1").Data[0].ID)
}

func TestAPIKeys(t *testing.T) {
	t.Parallel()
	data, tokens := keysIn(t, map[string][]access.Right{
		"shop": access.Rights(), "stall": access.Together(access.Shop, []string{"pin"}),
	})
	shop, stall := tokens["shop"], tokens["stall"]
	w := build(t, plan{data: data})

	for what, header := range map[string][]string{
		"none": nil, "wrong": {"Authorization", "Bearer " + shop[:len(shop)-1] + "x"},
		"empty":         {"Authorization", "Bearer "},
		"as a password": {"Authorization", "Basic " + shop}, "without a scheme": {"Authorization", shop},
	} {
		for _, call := range [][2]string{
			{"GET", "/v1/payments"},
			{"GET", "/v1/payments/pay_1"},
			{"PATCH", "/v1/payments/pay_1"},
			{"POST", "/v1/payments"},
			{"GET", "/v1/providers"},
			{"POST", "/v1/routes/explain"},
			{"POST", "/v1/payments/pay_1/cancel"},
			{"GET", "/v1/payments/pay_1/attempts"},
			{"GET", "/v1/payments/pay_1/events"},
			{"GET", "/v1/events"},
			{"POST", "/v1/payments/pay_1/resolve"},
			{"POST", "/v1/webhook-endpoints"},
			{"DELETE", "/v1/webhook-endpoints/we_1"},
		} {
			a := w.ask(call[0], w.router+call[1], "{}", header...)
			require.Equal(t, "unauthorized", problem(t, a).Type, what)
			require.Equal(t, 401, a.status)
			require.Equal(t, `Bearer realm="payrouter"`, a.header.Get("WWW-Authenticate"))
		}
	}
	for _, open := range []string{"/healthz", "/readyz", "/openapi.json", "/docs/"} {
		require.Equal(t, 200, w.ask("GET", w.router+open, "").status, open)
	}

	as := func(key string) []string { return []string{"Authorization", "Bearer " + key} }
	mine := w.post("k", order, as(shop)...)
	theirs := w.post("k", order, as(stall)...)
	require.Equal(t, 201, mine.status)
	require.Equal(t, 201, theirs.status, "a key belongs to its merchant")
	one, other := read[api.Payment](t, mine), read[api.Payment](t, theirs)
	require.NotEqual(t, one.ID, other.ID)
	require.Equal(t, []string{other.ID, one.ID}, ids(w.list("", as(shop)...).Data), "it may see all merchants'")
	require.Equal(t, []string{one.ID}, ids(w.list("merchant=shop", as(shop)...).Data))
	require.Equal(t, []string{other.ID}, ids(w.list("", as(stall)...).Data))
	for _, call := range [][2]string{
		{"GET", ""},
		{"GET", "/attempts"},
		{"GET", "/events"},
		{"POST", "/cancel"},
		{"POST", "/confirm"},
		{"POST", "/refresh"},
	} {
		a := w.ask(call[0], w.router+"/v1/payments/"+one.ID+call[1], "", as(stall)...)
		require.Equal(t, "not-found", problem(t, a).Type, "another's payment is not there")
	}
	require.NotContains(t, w.log.String(), shop)
}

// A router without a key is open to all, and listens on loopback only.
func TestOpenRouterListensOnLoopbackOnly(t *testing.T) {
	t.Parallel()
	dir, compiled := plugins(t)
	for _, listen := range []string{"0.0.0.0:0", ":0", "192.0.2.1:80", "example.com:80", "admin 0.0.0.0:0"} {
		command := serveCommand{
			Listen: listen, Routing: "../../routing.yaml", Plugins: dir, Compiled: compiled, Data: t.TempDir(),
		}
		if admin, is := strings.CutPrefix(listen, "admin "); is {
			command.Listen, command.AdminListen = "127.0.0.1:0", admin
		}
		err := command.Run(&host{
			ctx: t.Context(), stdout: io.Discard, now: time.Now, log: slog.New(slog.DiscardHandler),
		})
		require.ErrorContains(t, err, "loopback only", listen)
		require.ErrorContains(t, err, "router key make", listen)
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	w := build(t, plan{})
	for _, path := range []string{"/healthz", "/readyz"} {
		a := w.ask("GET", w.router+path, "")
		require.Equal(t, 200, a.status)
		require.JSONEq(t, `{"status":"ok"}`, string(a.body))
		require.Equal(t, "no-store", a.header.Get("Cache-Control"))
	}
}

// The document describes the router: its references resolve, and answers satisfy its schemas.
func TestOpenAPI(t *testing.T) {
	t.Parallel()
	w := build(t, plan{})
	a := w.ask("GET", w.router+"/openapi.json", "")
	require.Equal(t, 200, a.status)
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(a.body))
	require.NoError(t, err)
	root := document.(map[string]any)
	require.Regexp(t, `^3\.1\.`, root["openapi"])
	refs := 0
	walk(document, func(node map[string]any) {
		if ref, ok := node["$ref"].(string); ok {
			refs++
			require.NotNil(t, resolve(root, ref), ref)
		}
	})
	require.Positive(t, refs)

	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	require.NoError(t, compiler.AddResource("openapi.json", document))
	conform := func(schema string, a answer) {
		compiled, err := compiler.Compile("openapi.json#/components/schemas/" + schema)
		require.NoError(t, err)
		instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(a.body))
		require.NoError(t, err)
		require.NoError(t, compiled.Validate(instance), string(a.body))
	}
	for name := range root["components"].(map[string]any)["schemas"].(map[string]any) {
		_, err := compiler.Compile("openapi.json#/components/schemas/" + name)
		require.NoError(t, err)
	}
	for _, body := range []string{
		byPayGram, byCryptogram, byPayPlay, byExchanger, recharge, payout,
		strings.Replace(recharge, `"AT"`, `"RJ"`, 1),
	} {
		made := w.post(w.key(), body)
		require.Equal(t, 201, made.status)
		conform("Payment", made)
		id := read[api.Payment](t, made).ID
		conform("Payment", w.ask("GET", w.router+"/v1/payments/"+id, ""))
		conform("AttemptsOutputBody", w.ask("GET", w.router+"/v1/payments/"+id+"/attempts", ""))
		conform("TimelineOutputBody", w.ask("GET", w.router+"/v1/payments/"+id+"/events", ""))
		conform("ExplainOutputBody", w.ask("POST", w.router+"/v1/routes/explain", body))
	}
	conform("ListOutputBody", w.ask("GET", w.router+"/v1/payments?limit=2", ""))
	conform("EventsOutputBody", w.ask("GET", w.router+"/v1/events?limit=3", ""))
	hook := w.ask("POST", w.router+hooks, `{"url":"https://shop.example/hooks"}`)
	conform("WebhookEndpoint", hook)
	conform("EndpointsOutputBody", w.ask("GET", w.router+hooks, ""))
	at := hooks + "/" + read[api.WebhookEndpoint](t, hook).ID + "/deliveries"
	first := read[struct {
		Data []api.Event `json:"data"`
		More bool        `json:"more"`
	}](t, w.ask("GET", w.router+"/v1/events?limit=1", "")).Data[0]
	conform("WebhookDelivery", w.ask("POST", w.router+at+"/"+first.ID+"/redeliver", ""))
	conform("DeliveriesOutputBody", w.ask("GET", w.router+at, ""))
	conform("PluginsOutputBody", w.ask("GET", w.router+"/v1/plugins", ""))
	conform("Plugin", w.ask("GET", w.router+"/v1/plugins/payplay", ""))
	conform("PluginInstall", w.put("payplay", "", marked(shipped(t, "payplay"), "a")))
	conform("Problem", w.put("payplay", "", astray(t)))
	conform("Recording",
		w.ask("GET", w.router+"/v1/attempts/"+w.attempts(w.create(byPayPlay).ID)[0].ID+"/recording", ""))
	conform("ConfigStatus", w.ask("GET", w.router+"/v1/config", ""))
	conform("JournalStanding", w.ask("GET", w.router+"/v1/journal", ""))
	conform("ConfigCheck", w.ask("POST", w.router+"/v1/config/validate", "providers: ["))
	conform("ConfigCheck", w.ask("POST", w.router+"/v1/config/validate", readPage(t, "../../routing.yaml").text))
	conform("DiffOutputBody", w.ask("POST", w.router+"/v1/routes/diff", readPage(t, "../../routing.yaml").text))
	conform("Problem", w.ask("PUT", w.router+"/v1/config/routing", "providers: [", "If-Match", "*"))
	conform("ProvidersOutputBody", w.ask("GET", w.router+"/v1/providers", ""))
	conform("OperationsOutputBody", w.ask("GET", w.router+"/v1/providers/paygram-eu/operations", ""))
	conform("Reading", w.ask("POST", w.router+atPayGram+"UserInfo", ""))
	conform("Run", w.ask("POST", w.router+atPayGram+"Withdraw", withdraw, "Idempotency-Key", "w-1"))
	conform("ListRunsOutputBody", w.ask("GET", w.router+"/v1/operations", ""))
	conform("Problem",
		w.ask("POST", w.router+"/v1/payments", `{"amount":"1","currency":"BTC","provider":"cryptogram"}`,
			"Idempotency-Key", "k"))
	conform("Problem", w.ask("GET", w.router+"/v1/payments/pay_1", ""))

	var printed strings.Builder
	dir, compiled := plugins(t)
	command := openAPICommand{Config: "../../routing.yaml", Plugins: dir, Compiled: compiled}
	require.NoError(t, command.Run(&host{ctx: t.Context(), stdout: &printed, log: slog.New(slog.DiscardHandler)}))
	require.JSONEq(t, printed.String(), string(a.body), "the command prints what the router serves")
}

func walk(node any, visit func(map[string]any)) {
	switch node := node.(type) {
	case map[string]any:
		visit(node)
		for _, child := range node {
			walk(child, visit)
		}
	case []any:
		for _, child := range node {
			walk(child, visit)
		}
	}
}

func resolve(root map[string]any, ref string) any {
	var node any = root
	for step := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
		members, _ := node.(map[string]any)
		node = members[step]
	}
	return node
}

// The documentation's page loads from the router only.
func TestDocsWorkOffline(t *testing.T) {
	t.Parallel()
	w := build(t, plan{})
	require.Equal(t, "/docs/", w.ask("GET", w.router+"/docs", "").header.Get("Location"))
	page := w.ask("GET", w.router+"/docs/", "")
	require.Equal(t, 200, page.status)
	require.Contains(t, string(page.body), "/openapi.json")
	assets := regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(string(page.body), -1)
	require.NotEmpty(t, assets)
	base, err := url.Parse(w.router + "/docs/")
	require.NoError(t, err)
	for _, asset := range assets {
		at, err := base.Parse(asset[1])
		require.NoError(t, err)
		require.Equal(t, base.Host, at.Host, "the page refers to %s", asset[1])
		require.Equal(t, 200, w.ask("GET", at.String(), "").status, asset[1])
	}
	loaded := regexp.MustCompile(`(?:import|importScripts|@import|url)\s*\(?["'](https?:)?//`)
	require.Empty(t, loaded.FindAllString(string(page.body), -1))
}

const hooks = "/v1/webhook-endpoints"

// reachWebhooks gets every documented status of the operations on webhook endpoints; p has happened before there was
// one.
func (w *harness) reachWebhooks(call func(operation, method, path, body string, headers ...string) answer,
	p api.Payment,
) {
	w.t.Helper()
	add := func(body string) answer { return call("create-webhook-endpoint", "POST", hooks, body) }
	at := func(id string) string { return hooks + "/" + id }
	made := read[api.WebhookEndpoint](w.t, add(`{"url":"https://shop.example/hooks"}`))
	add(`{`)
	add(`{"url":"ftp://shop.example"}`)
	for range 16 {
		add(`{"url":"https://shop.example/hooks"}`)
	}
	events := read[struct {
		Data []api.Event `json:"data"`
	}](w.t, call("list-payment-events", "GET", "/v1/payments/"+p.ID+"/events", "")).Data
	for _, id := range []string{made.ID, "we_none"} {
		call("get-webhook-endpoint", "GET", at(id), "")
		call("rotate-webhook-secret", "POST", at(id)+"/rotate-secret", `{"overlap_seconds":0}`)
		call("list-webhook-deliveries", "GET", at(id)+"/deliveries", "")
		call("redeliver-webhook", "POST", at(id)+"/deliveries/"+events[0].ID+"/redeliver", "")
		call("update-webhook-endpoint", "PATCH", at(id), `{"enabled":false}`)
	}
	call("redeliver-webhook", "POST", at(made.ID)+"/deliveries/"+events[0].ID+"/redeliver", "")
	call("rotate-webhook-secret", "POST", at(made.ID)+"/rotate-secret", `{`)
	call("rotate-webhook-secret", "POST", at(made.ID)+"/rotate-secret", `{"overlap_seconds":-1}`)
	call("list-webhook-deliveries", "GET", at(made.ID)+"/deliveries?state=lost", "")
	call("update-webhook-endpoint", "PATCH", at(made.ID), `{`)
	call("update-webhook-endpoint", "PATCH", at(made.ID), `{"types":["payment.lost"]}`)
	call("list-webhook-endpoints", "GET", hooks, "")
	call("delete-webhook-endpoint", "DELETE", at(made.ID), "")
	call("delete-webhook-endpoint", "DELETE", at(made.ID), "")
}

// Every status that the document has for an operation appears, and every answer is as documented.
func TestEveryDocumentedStatusAppears(t *testing.T) {
	t.Parallel()
	data, tokens := keysIn(t, map[string][]access.Right{
		"shop": access.Together(access.Shop, []string{
			"payments:create:payout", "payments:create:recharge", "pin", "operations:read",
		}),
		"clerk": access.Rights(), "chief": access.Rights(), "auditor": {access.Audit}, "none": {access.Pin},
	})
	key, clerk := tokens["shop"], tokens["clerk"]
	file, text := ownRouting(t)
	confined(t, data, "payplay", strings.Repeat("0", 64))
	held := newModules(t)
	require.NoError(t, os.WriteFile(file, []byte(text+coinApprovals+held.configured()), 0o600))
	w := build(t,
		plan{command: serveCommand{
			Routing: file, Witness: strangersWitness(t),
		}, data: data, environ: []string{
			"REGISTRY_PASSWORD=" + registryPassword,
			"ROUTER_PROVIDERS__PAYGRAM_EU__BREAKER__FAILURES=1", "ROUTER_PROVIDERS__PAYGRAM_EU__BREAKER__OPEN_FOR=10m",
			"ROUTER_PROVIDERS__CRYPTOGRAM__BREAKER__FAILURES=3", "ROUTER_PROVIDERS__EXCHANGER__BREAKER__FAILURES=3",
		}})
	seen := map[string]bool{}
	call := func(operation, method, path, body string, headers ...string) answer {
		a := w.ask(method, w.router+path, body, append([]string{"Authorization", "Bearer " + key}, headers...)...)
		seen[operation+" "+strconv.Itoa(a.status)] = true
		return a
	}
	create := func(idempotency, body string, headers ...string) api.Payment {
		a := call("create-payment", "POST", "/v1/payments", body,
			append([]string{"Idempotency-Key", idempotency}, headers...)...)
		var p api.Payment
		_ = json.Unmarshal(a.body, &p)
		return p
	}
	act := func(p api.Payment, act, body string) {
		call(act+"-payment", "POST", "/v1/payments/"+p.ID+"/"+act, body)
	}
	w.reachJournal(call, clerk)
	edit := func(p api.Payment, body string) { call("update-payment", "PATCH", "/v1/payments/"+p.ID, body) }
	nothing := api.Payment{ID: "pay_00000000000000000000000000"}

	for operation, at := range map[string][2]string{
		"create-payment": {"POST", "/v1/payments"}, "list-payments": {"GET", "/v1/payments"},
		"get-payment":    {"GET", "/v1/payments/x"},
		"update-payment": {"PATCH", "/v1/payments/x"}, "cancel-payment": {"POST", "/v1/payments/x/cancel"},
		"confirm-payment": {"POST", "/v1/payments/x/confirm"}, "refresh-payment": {"POST", "/v1/payments/x/refresh"},
		"list-attempts": {"GET", "/v1/payments/x/attempts"}, "explain-route": {"POST", "/v1/routes/explain"},
		"list-providers":      {"GET", "/v1/providers"},
		"list-payment-events": {"GET", "/v1/payments/x/events"}, "list-events": {"GET", "/v1/events"},
		"resolve-payment":         {"POST", "/v1/payments/x/resolve"},
		"create-webhook-endpoint": {"POST", hooks}, "list-webhook-endpoints": {"GET", hooks},
		"get-webhook-endpoint":    {"GET", hooks + "/x"},
		"update-webhook-endpoint": {"PATCH", hooks + "/x"}, "delete-webhook-endpoint": {"DELETE", hooks + "/x"},
		"rotate-webhook-secret":   {"POST", hooks + "/x/rotate-secret"},
		"list-webhook-deliveries": {"GET", hooks + "/x/deliveries"},
		"redeliver-webhook":       {"POST", hooks + "/x/deliveries/y/redeliver"},
		"get-config":              {"GET", "/v1/config"}, "get-routing": {"GET", "/v1/config/routing"},
		"put-routing":  {"PUT", "/v1/config/routing"},
		"check-config": {"POST", "/v1/config/validate"}, "diff-routes": {"POST", "/v1/routes/diff"},
		"rollback-config": {"POST", "/v1/config/rollback"},
		"list-plugins":    {"GET", "/v1/plugins"}, "get-plugin": {"GET", "/v1/plugins/x"},
		"put-plugin": {"PUT", "/v1/plugins/x"}, "pull-plugin": {"POST", "/v1/plugins/x/pull"},
		"rollback-plugin": {"POST", "/v1/plugins/x/rollback"}, "drain-plugin": {"POST", "/v1/plugins/x/drain"},
		"release-plugin": {"POST", "/v1/plugins/x/release"},
		"change-canary":  {"POST", "/v1/plugins/x/canary"}, "list-operations": {"GET", "/v1/providers/x/operations"},
		"get-operation":     {"GET", "/v1/providers/x/operations/y"},
		"perform-operation": {"POST", "/v1/providers/x/operations/y"},
		"list-runs":         {"GET", "/v1/operations"}, "get-run": {"GET", "/v1/operations/x"},
		"list-run-attempts": {"GET", "/v1/operations/x/attempts"},
		"resume-provider":   {"POST", "/v1/providers/x/resume"},
		"resolve-run":       {"POST", "/v1/operations/x/resolve"}, "get-recording": {"GET", "/v1/attempts/x/recording"},
		"get-decision": {"GET", "/v1/payments/x/decision"}, "get-own-key": {"GET", "/v1/key"},
		"list-keys": {"GET", "/v1/keys"}, "create-key": {"POST", "/v1/keys"}, "get-key": {"GET", "/v1/keys/x"},
		"rotate-key": {"POST", "/v1/keys/x/rotate"}, "revoke-key": {"POST", "/v1/keys/x/revoke"},
		"list-acts": {"GET", "/v1/audit"}, "export-acts": {"GET", "/v1/audit/export"},
		"list-balances": {"GET", "/v1/balances"}, "list-rates": {"GET", "/v1/rates"},
		"list-statement": {"GET", "/v1/statements"}, "list-catalog": {"GET", "/v1/catalog/currencies"},
		"approve-payment": {"POST", "/v1/payments/x/approve"}, "reject-payment": {"POST", "/v1/payments/x/reject"},
		"approve-run": {"POST", "/v1/operations/x/approve"}, "reject-run": {"POST", "/v1/operations/x/reject"},
		"create-quotes": {"POST", "/v1/quotes"}, "get-journal": {"GET", "/v1/journal"},
		"release-journal": {"POST", "/v1/journal/release"},
	} {
		call(operation, at[0], at[1], "", "Authorization", "")
		call(operation, at[0], at[1], "", bearer(tokens["none"])...)
	}
	invoice := create("k1", byPayGram)
	page := create("k2", byCryptogram)
	bid := create("k3", byExchanger)
	kept := create("k4", byExchangerE)
	create("k5", `{`)
	create("k5", `{"amount":"-1","currency":"EUR"}`)
	create("k5", byPayPlay, "Content-Type", "text/html")
	create("k5", `{"amount":"`+strings.Repeat("1", 1<<20)+`"}`)
	w.control("POST", "payplay/faults", `{"kind":"delay","delay":"1s","count":1}`)
	create("k6", byPayPlay, "Prefer", "respond-async")
	create("k6", byPayPlay)
	call("list-payments", "GET", "/v1/payments", "")
	call("list-payments", "GET", "/v1/payments?limit=0", "")
	call("get-payment", "GET", "/v1/payments/"+invoice.ID, "")
	call("get-payment", "GET", "/v1/payments/"+nothing.ID, "")
	call("list-attempts", "GET", "/v1/payments/"+invoice.ID+"/attempts", "")
	call("list-attempts", "GET", "/v1/payments/"+nothing.ID+"/attempts", "")
	call("explain-route", "POST", "/v1/routes/explain", byPayGram)
	call("explain-route", "POST", "/v1/routes/explain", `{`)
	call("explain-route", "POST", "/v1/routes/explain", `{}`)
	call("list-providers", "GET", "/v1/providers", "")
	edit(page, `{"description":"Lamps"}`)
	edit(page, `{`)
	edit(page, `{"return_url":"none"}`)
	edit(nothing, `{"reference":"a"}`)
	edit(invoice, `{"description":"Lamps"}`)
	act(nothing, "cancel", "")
	act(invoice, "cancel", "")
	act(kept, "cancel", "")
	act(nothing, "confirm", "")
	act(page, "confirm", "")
	act(bid, "confirm", `{`)
	call("confirm-payment", "POST", "/v1/payments/"+invoice.ID+"/confirm", `{"operation":"PayInvoice"}`,
		bearer(clerk)...)
	act(invoice, "refresh", "")
	act(nothing, "refresh", "")
	lost := func() api.Payment {
		w.control("POST", "payplay/faults", `{"operation":"withdraw","kind":"reset_after","count":1}`)
		return create("k7", payout)
	}()
	act(lost, "refresh", "")
	settle := func(p api.Payment, body string) {
		call("resolve-payment", "POST", "/v1/payments/"+p.ID+"/resolve", body, "Authorization", "Bearer "+clerk)
	}
	failed := `{"status":"failed","reason":"their support says that it never came"}`
	act(lost, "resolve", failed)
	settle(nothing, failed)
	settle(lost, `{`)
	settle(lost, `{"status":"unknown"}`)
	call("list-payment-events", "GET", "/v1/payments/"+lost.ID+"/events", "")
	call("list-payment-events", "GET", "/v1/payments/"+nothing.ID+"/events", "")
	call("list-events", "GET", "/v1/events", "")
	call("list-events", "GET", "/v1/events?after=x", "")
	w.reachApprovals(call, create, clerk, tokens["chief"])
	w.reachWebhooks(call, lost)
	w.reachConfig(call, file, clerk)
	w.reachPlugins(call, clerk, invoice)
	w.reachRegistry(call, clerk, held)
	w.reachOperations(call, clerk)
	w.reachAccounts(call, clerk)
	w.reachResume(call, create, clerk)
	w.reachKeys(call, clerk, invoice)
	settle(lost, failed)
	settle(lost, failed)
	act(bid, "confirm", "")
	act(create("k8", byExchanger), "cancel", "")
	// The first is refused, and opens the breaker.
	w.control("POST", "cryptogram/down", "")
	edit(page, `{"description":"Lamps"}`)
	edit(page, `{"description":"Lamps"}`)
	w.control("POST", "exchanger/down", "")
	act(kept, "cancel", "")
	act(kept, "cancel", "")
	w.control("POST", "paygram/down", "")
	act(invoice, "refresh", "")
	act(invoice, "refresh", "")
	act(invoice, "confirm", "")
	create("k9", byPayGram)

	var document struct {
		Paths map[string]map[string]struct {
			OperationID string                     `json:"operationId"`
			Responses   map[string]json.RawMessage `json:"responses"`
		} `json:"paths"`
	}
	require.NoError(t, json.Unmarshal(w.ask("GET", w.router+"/openapi.json", "").body, &document))
	documented := map[string]bool{}
	for _, methods := range document.Paths {
		for _, operation := range methods {
			for status := range operation.Responses {
				if status != "default" {
					documented[operation.OperationID+" "+status] = true
				}
			}
		}
	}
	require.Equal(t, slices.Sorted(maps.Keys(documented)), slices.Sorted(maps.Keys(seen)))
}
