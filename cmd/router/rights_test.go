package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"

	"payrouter/host/access"
	"payrouter/host/api"
	"payrouter/host/sandbox"
)

// entitled are the rights that each operation of the document takes, as docs/access.md promises: each text is an
// alternative, and needs all the rights in it. The table is this test's own.
var entitled = map[string][]string{
	"create-payment": {
		"payments:create:collect", "payments:create:payout", "payments:create:recharge", "payments:create:transfer",
	},
	"list-payments": {"payments:read"}, "get-payment": {"payments:read"}, "list-attempts": {"payments:read"},
	"list-payment-events": {"payments:read"}, "list-events": {"payments:read"}, "explain-route": {"payments:read"},
	"get-decision":   {"payments:read decisions"},
	"update-payment": {"payments:act:update"}, "cancel-payment": {"payments:act:cancel"},
	"confirm-payment": {"payments:act:confirm"}, "refresh-payment": {"payments:act:refresh"},
	"resolve-payment": {"payments:act:resolve"}, "resolve-run": {"payments:act:resolve"},
	"approve-payment": {"payments:approve"}, "reject-payment": {"payments:approve"},
	"approve-run": {"payments:approve"}, "reject-run": {"payments:approve"},
	"list-providers": {"operations:read"}, "list-operations": {"operations:read"},
	"get-operation": {"operations:read"}, "list-runs": {"operations:read"}, "get-run": {"operations:read"},
	"list-run-attempts": {"operations:read"}, "list-rates": {"operations:read"},
	"list-balances":  {"operations:read all-merchants"},
	"list-statement": {"operations:read all-merchants"},
	"list-catalog":   {"payments:read", "operations:read"}, "create-quotes": {"payments:read", "operations:read"},
	"perform-operation": {"operations:read", "operations:run"}, "resume-provider": {"operations:run"},
	"create-webhook-endpoint": {"webhooks payments:read"}, "list-webhook-endpoints": {"webhooks"},
	"get-webhook-endpoint": {"webhooks"}, "update-webhook-endpoint": {"webhooks payments:read"},
	"delete-webhook-endpoint": {"webhooks"}, "rotate-webhook-secret": {"webhooks"},
	"list-webhook-deliveries": {"webhooks"}, "redeliver-webhook": {"webhooks"},
	"get-config": {"config"}, "get-routing": {"config"}, "check-config": {"config"}, "put-routing": {"config"},
	"rollback-config": {"config"}, "diff-routes": {"config"},
	"get-journal": {"journal"}, "release-journal": {"journal"},
	"list-plugins": {"plugins"}, "get-plugin": {"plugins"}, "put-plugin": {"plugins"}, "pull-plugin": {"plugins"},
	"rollback-plugin": {"plugins"}, "release-plugin": {"plugins"},
	"drain-plugin": {"plugins"}, "change-canary": {"plugins"},
	"get-recording": {"plugins payments:read all-merchants"},
	"get-own-key":   {""}, "list-keys": {"keys"}, "get-key": {"keys"}, "create-key": {"keys"}, "rotate-key": {"keys"},
	"revoke-key": {"keys"}, "list-acts": {"audit"}, "export-acts": {"audit"},
}

// endpoint is one operation of the OpenAPI document.
type endpoint struct {
	id, method, path string
}

// operations walks the document.
func (w *harness) operations() []endpoint {
	w.t.Helper()
	var document struct {
		Paths map[string]map[string]struct {
			OperationID string `json:"operationId"`
		} `json:"paths"`
	}
	require.NoError(w.t, json.Unmarshal(w.ask("GET", w.router+"/openapi.json", "").body, &document))
	var found []endpoint
	for path, methods := range document.Paths {
		for method, operation := range methods {
			for strings.Contains(path, "{") {
				before, rest, _ := strings.Cut(path, "{")
				_, after, _ := strings.Cut(rest, "}")
				path = before + "none" + after
			}
			path = strings.Replace(path, "/v1/catalog/none", "/v1/catalog/currencies", 1)
			found = append(found, endpoint{operation.OperationID, strings.ToUpper(method), path})
		}
	}
	require.NotEmpty(w.t, found)
	return found
}

// suffices reports whether rights are enough for an operation by the table above.
func suffices(operation string, rights []access.Right) bool {
	return slices.ContainsFunc(entitled[operation], func(all string) bool {
		return !slices.ContainsFunc(strings.Fields(all), func(right string) bool {
			return !slices.Contains(rights, access.Right(right))
		})
	})
}

// Every operation of the document with every right alone, with every alternative, and with all but one right: what
// should not pass is 403, without a key 401, and what should is neither.
func TestEveryOperationTakesItsRights(t *testing.T) {
	t.Parallel()
	sets := map[string][]access.Right{"all": access.Rights()}
	for _, right := range access.Rights() {
		sets["only "+string(right)] = []access.Right{right}
		sets["all but "+string(right)] = slices.DeleteFunc(access.Rights(),
			func(r access.Right) bool { return r == right })
	}
	for operation, alternatives := range entitled {
		for i, all := range alternatives {
			rights := access.Together("", strings.Fields(all))
			if len(rights) > 1 {
				sets[fmt.Sprint(operation, i)] = rights
			}
		}
	}
	data, tokens := keysIn(t, sets)
	w := build(t, plan{data: data})
	operations := w.operations()
	var ids []string
	for _, of := range operations {
		ids = append(ids, of.id)
		require.Contains(t, entitled, of.id, "say here which right it takes")
		require.Equal(t, 401, w.ask(of.method, w.router+of.path, "").status, of.id)
		for set, rights := range sets {
			a := w.ask(of.method, w.router+of.path, "", bearer(tokens[set])...)
			require.NotEqual(t, 401, a.status, of.id)
			if suffices(of.id, rights) {
				require.NotEqual(t, 403, a.status, "%s with %s: %s", of.id, set, a.body)
				continue
			}
			require.Equal(t, 403, a.status, "%s with %s: %s", of.id, set, a.body)
			require.Equal(t, "forbidden", problem(t, a).Type)
		}
	}
	require.ElementsMatch(t, slices.Collect(maps.Keys(entitled)), ids, "the table has what the document has")
}

// A create takes the right of its kind, whatever other rights there are.
func TestAPaymentTakesTheRightOfItsKind(t *testing.T) {
	t.Parallel()
	kinds := map[string]string{
		"collect": byPayPlay, "payout": payout, "recharge": recharge,
		"transfer": `{"kind":"transfer","amount":"1","currency":"USDT","destination":{"account":"x"}}`,
	}
	sets := map[string][]access.Right{}
	for kind := range kinds {
		sets["only "+kind] = []access.Right{access.CreateRight(kind), access.Pin}
		sets["all but "+kind] = slices.DeleteFunc(access.Rights(),
			func(r access.Right) bool { return r == access.CreateRight(kind) })
	}
	data, tokens := keysIn(t, sets)
	w := build(t, plan{data: data})
	for kind, body := range kinds {
		for set, rights := range sets {
			a := w.post(w.key(), body, bearer(tokens[set])...)
			if slices.Contains(rights, access.CreateRight(kind)) {
				require.NotContains(t, string(a.body), "urn:payrouter:problem:forbidden", "%s with %s", kind, set)
				continue
			}
			require.Equal(t, 403, a.status, "%s with %s: %s", kind, set, a.body)
			require.Equal(t, "forbidden", problem(t, a).Type)
		}
	}
}

// asked counts what every provider was asked for.
func (w *harness) asked() (count int) {
	for _, provider := range []string{
		sandbox.PayGram, sandbox.Cryptogram, sandbox.PayPlay, sandbox.Exchanger, sandbox.Paygrt,
	} {
		for _, one := range w.sandbox.Requests(provider) {
			count += one.Received
		}
	}
	return count
}

const owned = `
rules:
  - {name: shop-collect, when: {kind: collect, merchant: shop, currency: EUR}, to: [paygram-eu]}
  - {name: stall-all, when: {kind: payout, merchant: stall, currency: USDT}, to: [payplay]}
  - {name: shared, when: {kind: collect, currency: [USDT, USD]}, to: [exchanger, cryptogram]}
  - {name: own, when: {kind: recharge, merchant: shop, currency: INR}, to: [paygrt]}
  - {name: shop-payout, when: {kind: payout, merchant: shop, currency: EUR}, to: [paygram-eu]}
`

// ownedRouting is the shipped accounts with rules by merchant.
func ownedRouting(t *testing.T) string {
	t.Helper()
	shipped, err := os.ReadFile("../../routing.yaml")
	require.NoError(t, err)
	accounts, _, found := strings.Cut(string(shipped), "\nrules:\n")
	require.True(t, found)
	file := filepath.Join(t.TempDir(), "routing.yaml")
	require.NoError(t, os.WriteFile(file, []byte(accounts+owned), 0o600))
	return file
}

// Each road to a provider's operation that moves money asks for the right, the rules and their merchants. What is
// refused has sent nothing.
func TestEveryRoadToMoneyAsksForItsRight(t *testing.T) {
	t.Parallel()
	but := func(without ...access.Right) []access.Right {
		return slices.DeleteFunc(access.Rights(), func(r access.Right) bool { return slices.Contains(without, r) })
	}
	keys := map[string][]access.Right{
		"no payouts":  but(access.CreatePayout),
		"no pin":      but(access.Pin),
		"no run":      but(access.RunOperations),
		"own account": but(access.AllMerchants),
		"no resolve":  but(access.ActResolve), "no confirm": but(access.ActConfirm),
		"no recharge": but(access.CreateRecharge, access.AllMerchants),
		"all":         access.Rights(),
	}
	data, tokens := merchantsKeysIn(t, "shop", keys)
	w := build(t, plan{data: data, command: serveCommand{Routing: ownedRouting(t)}})
	p := read[api.Payment](t, w.post(w.key(), euros+`"provider":"paygram-eu"}`, bearer(tokens["all"])...))
	confirm := "/v1/payments/" + p.ID + "/confirm"
	before := w.asked()
	for what, row := range map[string]struct {
		key, path, body, problem string
		status                   int
	}{
		"a payout":                     {"no payouts", "/v1/payments", payout, "forbidden", 403},
		"a payout that is pinned":      {"no payouts", "/v1/payments", paidOut, "forbidden", 403},
		"a pin":                        {"no pin", "/v1/payments", byPayGram, "forbidden", 403},
		"a payout that no rule allows": {"all", "/v1/payments", payout, "no-route", 422},
		"a pin that no rule allows":    {"all", "/v1/payments", paidOut, "not-allowed", 403},
		"a pin to another merchant's": {
			"all", "/v1/payments", strings.Replace(payout, "{",
				`{"provider":"payplay",`, 1), "invalid-request", 422,
		},
		"a confirm":                 {"no confirm", confirm, "", "forbidden", 403},
		"a confirm by an operation": {"no run", confirm, `{"operation":"PayInvoice"}`, "forbidden", 403},
		"a confirm with an input": {
			"no run", confirm,
			`{"input":{"user_cli_id":"another"}}`, "forbidden", 403,
		},
		"a native run": {
			"no run", "/v1/providers/paygrt/operations/Recharge",
			`{}`, "forbidden", 403,
		},
		"a native run at a shared account": {
			"own account", "/v1/providers/cryptogram/operations/CreatePayment",
			`{}`, "forbidden", 403,
		},
		"a read at a shared account": {
			"own account", "/v1/providers/exchanger/operations/get_direction_currencies",
			`{}`, "forbidden", 403,
		},
		"a native run at another merchant's": {
			"own account", "/v1/providers/payplay/operations/CreateWithdrawal",
			`{}`, "operation-unknown", 404,
		},
		"a native run that tops up": {
			"no recharge", "/v1/providers/paygrt/operations/Recharge",
			`{}`, "forbidden", 403,
		},
		"a native run that pays out": {
			"no payouts", "/v1/providers/paygram-eu/operations/Withdraw",
			`{}`, "forbidden", 403,
		},
		"settling by hand": {
			"no resolve", "/v1/payments/" + p.ID + "/resolve",
			`{"status":"succeeded","reason":"x"}`, "forbidden", 403,
		},
		"resuming an account": {
			"no run", "/v1/providers/paygrt/resume",
			`{"reason":"x"}`, "forbidden", 403,
		},
		"resuming a shared account": {
			"own account", "/v1/providers/cryptogram/resume",
			`{"reason":"x"}`, "forbidden", 403,
		},
		"resuming another merchant's account": {
			"own account", "/v1/providers/payplay/resume",
			`{"reason":"x"}`, "provider-unknown", 404,
		},
	} {
		a := w.ask("POST", w.router+row.path, row.body, append(bearer(tokens[row.key]), "Idempotency-Key", w.key())...)
		require.Equal(t, row.status, a.status, "%s: %s", what, a.body)
		require.Equal(t, row.problem, problem(t, a).Type, what)
	}
	require.Equal(t, before, w.asked(), "nothing was sent")
	require.Equal(t, "requires_action", read[api.Payment](t,
		w.ask("GET", w.router+"/v1/payments/"+p.ID, "", bearer(tokens["all"])...)).Status)

	// With the right each is sent.
	for what, row := range map[string][3]string{
		"a confirm by an operation": {"own account", confirm, `{"operation":"PayInvoice"}`},
		"a native run": {
			"own account", "/v1/providers/paygrt/operations/Recharge",
			`{"recharge_number":"9876543210",` +
				`"operator_code":"AT","recharge_amount":"199"}`,
		},
	} {
		before := w.asked()
		w.ask("POST", w.router+row[1], row[2], append(bearer(tokens[row[0]]), "Idempotency-Key", w.key())...)
		require.Greater(t, w.asked(), before, what)
	}
}

// A rotation with an overlap refuses no request, and a key that is revoked is refused on every connection at once.
func TestKeysAreRotatedUnderLoad(t *testing.T) {
	t.Parallel()
	data, tokens := keysIn(t, map[string][]access.Right{"shop": access.Shop.Rights(), "desk": access.Rights()})
	w := build(t, plan{data: data})
	id := "key_" + strings.Split(tokens["shop"], "_")[1]
	var token atomic.Value
	token.Store(tokens["shop"])
	var refused, asked atomic.Int64
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-stop:
				return
			default:
			}
			a, err := w.try(t.Context(), "GET", w.router+"/v1/payments?limit=1", "", bearer(token.Load().(string))...)
			if err != nil || a.status != http.StatusOK {
				refused.Add(1)
			}
			asked.Add(1)
		}
	}()
	for range 20 {
		rotated := w.ask("POST", w.router+"/v1/keys/"+id+"/rotate", `{"overlap_seconds":3600}`,
			bearer(tokens["desk"])...)
		require.Equal(t, 201, rotated.status, string(rotated.body))
		made := read[api.Key](t, rotated)
		seen := asked.Load()
		require.Eventually(t, func() bool { return asked.Load() > seen+3 }, time.Minute, time.Millisecond)
		token.Store(made.Token)
		id = made.ID
	}
	seen := asked.Load()
	require.Eventually(t, func() bool { return asked.Load() > seen+3 }, time.Minute, time.Millisecond)
	close(stop)
	<-ended
	require.Zero(t, refused.Load())

	// The connections that the key was used on stay open.
	require.Equal(t, 200, w.ask("POST", w.router+"/v1/keys/"+id+"/revoke", "", bearer(tokens["desk"])...).status)
	require.Equal(t, 401, w.ask("GET", w.router+"/v1/payments", "", bearer(token.Load().(string))...).status)
}

// An Idempotency-Key is the merchant's: a repeat with another key of it is the same payment.
func TestIdempotencyOutlivesARotation(t *testing.T) {
	t.Parallel()
	data, tokens := keysIn(t, map[string][]access.Right{"shop": access.Shop.Rights(), "desk": access.Rights()})
	w := build(t, plan{data: data})
	const order = `{"amount":"49.90","currency":"EUR","country":"DE"}`
	first := w.post("k", order, bearer(tokens["shop"])...)
	require.Equal(t, 201, first.status, string(first.body))
	id := "key_" + strings.Split(tokens["shop"], "_")[1]
	rotated := read[api.Key](t, w.ask("POST", w.router+"/v1/keys/"+id+"/rotate", `{"overlap_seconds":0}`,
		bearer(tokens["desk"])...))
	require.Equal(t, 401, w.post("k", order, bearer(tokens["shop"])...).status, "without an overlap the old one ends")
	again := w.post("k", order, bearer(rotated.Token)...)
	require.Equal(t, "true", again.header.Get("Idempotency-Replayed"))
	require.Equal(t, string(first.body), string(again.body))
}

// Every administrative act is in the audit log, with who, from where, and what stood before and after.
func TestAdministrativeActsAreRecorded(t *testing.T) {
	t.Parallel()
	data, tokens := keysIn(t, map[string][]access.Right{"desk": access.Rights()})
	file, text := ownRouting(t)
	w := build(t, plan{data: data, command: serveCommand{Routing: file, Watch: true}})
	as := bearer(tokens["desk"])
	ask := func(status int, method, path, body string, headers ...string) answer {
		t.Helper()
		a := w.ask(method, w.router+path, body, append(append([]string{}, headers...), as...)...)
		require.Equal(t, status, a.status, "%s: %s", path, a.body)
		return a
	}
	list := func() []api.Act {
		return read[struct {
			Data []api.Act `json:"data"`
			More bool      `json:"more"`
		}](t, ask(200, "GET", "/v1/audit?limit=500", "")).Data
	}

	key := read[api.Key](t, ask(201, "POST", "/v1/keys", `{"name":"spare","preset":"read-only"}`))
	next := read[api.Key](t, ask(201, "POST", "/v1/keys/"+key.ID+"/rotate", ""))
	ask(200, "POST", "/v1/keys/"+next.ID+"/revoke", "")
	ask(404, "POST", "/v1/keys/key_none/revoke", "")
	hook := read[api.WebhookEndpoint](t, ask(201, "POST", hooks, `{"url":"https://shop.example/hooks"}`))
	ask(200, "PATCH", hooks+"/"+hook.ID, `{"description":"mine"}`)
	ask(200, "POST", hooks+"/"+hook.ID+"/rotate-secret", "")
	w.control("POST", "payplay/faults", `{"operation":"withdraw","kind":"reset_after","count":1}`)
	lost := read[api.Payment](t, w.post(w.key(), payout, as...))
	event := read[struct{ Data []api.Event }](t, ask(200, "GET", "/v1/payments/"+lost.ID+"/events", "")).Data[0]
	ask(202, "POST", hooks+"/"+hook.ID+"/deliveries/"+event.ID+"/redeliver", "")
	ask(204, "DELETE", hooks+"/"+hook.ID, "")
	ask(200, "POST", "/v1/payments/"+lost.ID+"/resolve", `{"status":"failed","reason":"ticket 4711"}`)
	ask(409, "POST", "/v1/providers/payplay/resume", `{"reason":"mended"}`)
	ask(200, "PUT", "/v1/config/routing", text+"# edited\n", "If-Match", "*", "Content-Type", "application/yaml")
	require.NoError(t, os.WriteFile(file, []byte(text+"# edited by hand\n"), 0o600))
	noted := func() bool {
		return slices.ContainsFunc(list(), func(a api.Act) bool { return a.Act == "config.edit_file" })
	}
	require.Eventually(t, noted, time.Minute, 5*time.Millisecond)
	ask(404, "POST", "/v1/config/rollback", `{"version":"none"}`, "If-Match", "*")
	ask(404, "POST", "/v1/plugins/none/rollback", "")
	ask(404, "POST", "/v1/plugins/none/drain", "")
	ask(404, "POST", "/v1/plugins/none/release", "")
	ask(404, "POST", "/v1/plugins/none/canary", `{"action":"abort"}`)
	ask(409, "POST", "/v1/journal/release", `{"reason":"compared"}`)

	var acts []string
	for _, a := range list() {
		acts = append(acts, a.Act+" "+a.Outcome)
		if a.Act == "config.edit_file" {
			require.Equal(t, "router", a.Name)
			require.Contains(t, string(a.After), "edited by hand")
		} else {
			require.Equal(t, []string{"desk", "desk", "127.0.0.1"}, []string{a.Name, a.Merchant, a.Address}, a.Act)
			require.NotEmpty(t, a.Key)
		}
		require.Equal(t, a.Outcome == "refused", a.Problem != "", a.Act)
		for _, secret := range []string{key.Token, next.Token, hook.Secret, tokens["desk"]} {
			require.NotContains(t, string(a.Before)+string(a.After)+a.Problem, secret, a.Act)
		}
	}
	require.Equal(t, []string{
		"key.make done", "key.rotate done", "key.revoke done", "key.revoke refused", "webhook.create done",
		"webhook.update done", "webhook.rotate_secret done", "webhook.redeliver done", "webhook.delete done",
		"payment.resolve done", "provider.resume refused", "config.replace done", "config.edit_file done",
		"config.roll_back refused", "plugin.roll_back refused", "plugin.drain refused", "plugin.release refused",
		"plugin.change_canary refused",
		"journal.release refused",
	}, acts)
	byAct := func(name string) api.Act {
		all := list()
		return all[slices.IndexFunc(all, func(a api.Act) bool { return a.Act == name && a.Outcome == "done" })]
	}
	resolved := byAct("payment.resolve")
	require.Equal(t, lost.ID, resolved.Object)
	require.JSONEq(t, `{"status":"unknown"}`, string(resolved.Before))
	require.JSONEq(t, `{"status":"failed","reason":"ticket 4711"}`, string(resolved.After))
	require.Contains(t, string(byAct("config.replace").After), "# edited")
	require.NotContains(t, string(byAct("config.replace").Before), "# edited")
	require.Contains(t, string(byAct("key.revoke").After), "revoked_at")

	exported := strings.Split(strings.TrimSpace(string(ask(200, "GET", "/v1/audit/export", "").body)), "\n")
	require.Len(t, exported, len(acts))
	page := read[struct {
		Data []api.Act `json:"data"`
		More bool      `json:"more"`
	}](t, ask(200, "GET", fmt.Sprintf("/v1/audit?after=%d&limit=2", resolved.Sequence), ""))
	require.True(t, page.More)
	require.Equal(t, resolved.Sequence+1, page.Data[0].Sequence)
	require.Len(t, page.Data, 2)
}

// What changes without a request is in the log as well: secrets that are read again, modules that are put into the
// folder. An upload that is refused is there, too.
func TestWhatChangesWithoutARequestIsRecorded(t *testing.T) {
	t.Parallel()
	shipped, _ := plugins(t)
	folder := t.TempDir()
	require.NoError(t, os.CopyFS(folder, os.DirFS(shipped)))
	file, text := ownRouting(t)
	const canary = "a-token-that-no-entry-has"
	secret := writeFile(t, filepath.Join(t.TempDir(), "token"), sandbox.DefaultCredentials().PayGramEU)
	require.Contains(t, text, "env:PAYGRAM_EU_TOKEN")
	writeFile(t, file, strings.Replace(text, "env:PAYGRAM_EU_TOKEN", "file:"+secret, 1))
	w := build(t, plan{command: serveCommand{Routing: file, Watch: true, Plugins: folder}})
	recorded := func(act, outcome, contains string) {
		t.Helper()
		require.Eventually(t, func() bool {
			a := w.ask("GET", w.router+"/v1/audit?act="+act, "")
			return slices.ContainsFunc(read[struct {
				Data []api.Act `json:"data"`
				More bool      `json:"more"`
			}](t, a).Data, func(a api.Act) bool {
				return a.Outcome == outcome && strings.Contains(string(a.After)+a.Problem+a.Object, contains)
			})
		}, time.Minute, 10*time.Millisecond, act)
	}
	writeFile(t, secret, canary)
	recorded("secrets.reload", "done", "paygram-eu")
	require.NoError(t, os.Remove(secret))
	recorded("secrets.reload", "refused", "paygram-eu")
	writeFile(t, filepath.Join(folder, "payplay.wasm"), "no module")
	recorded("plugin.replace_file", "refused", "payplay")
	require.Equal(t, 422, w.ask("PUT", w.router+"/v1/plugins/payplay", "no module", "Content-Type",
		"application/wasm").status)
	recorded("plugin.replace", "refused", "payplay")
	require.NotContains(t, string(w.ask("GET", w.router+"/v1/audit/export", "").body), canary)
}

// A first start makes a key with every right, and a second one has the same.
func TestTheFirstKeyIsMadeOnce(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	h := &host{ctx: t.Context(), stdout: io.Discard, now: time.Now, log: slog.New(slog.DiscardHandler)}
	token, err := firstKey(h, data)
	require.NoError(t, err)
	again, err := firstKey(h, data)
	require.NoError(t, err)
	require.Equal(t, token, again)
	file := filepath.Join(data, "first-key")
	found, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), found.Mode().Perm())

	revoked := t.TempDir()
	other, err := firstKey(h, revoked)
	require.NoError(t, err)
	revoke := keyRevokeCommand{keyPlace: keyPlace{Data: revoked}, ID: "key_" + strings.Split(other, "_")[1]}
	require.NoError(t, revoke.Run(h))
	other, err = firstKey(h, revoked)
	require.NoError(t, err)
	require.Empty(t, other, "a key that was revoked is not printed, and no other takes its place")

	w := build(t, plan{data: data, command: serveCommand{MakeKey: true}})
	key := read[api.Key](t, w.ask("GET", w.router+"/v1/key", "", bearer(token)...))
	require.Len(t, key.Rights, len(access.Rights()))
	require.Equal(t, 401, w.ask("GET", w.router+"/v1/key", "").status)
}

// The API and the command line take every preset that there is, and no other.
func TestEveryPresetIsTaken(t *testing.T) {
	t.Parallel()
	data, tokens := keysIn(t, map[string][]access.Right{"desk": access.Rights()})
	w := build(t, plan{data: data})
	presets := append(access.Presets(), "none")
	for _, preset := range presets {
		a := w.ask("POST", w.router+"/v1/keys", `{"name":"n","preset":"`+string(preset)+`"}`, bearer(tokens["desk"])...)
		var commands cli
		parser, err := kong.New(&commands, kong.Exit(func(int) {}))
		require.NoError(t, err)
		_, err = parser.Parse([]string{"key", "make", "--merchant", "m", "--name", "n", "--preset", string(preset)})
		require.Equal(t, preset == "none", err != nil, preset)
		if preset == "none" {
			require.Equal(t, 422, a.status)
			continue
		}
		require.Equal(t, 201, a.status, string(a.body))
		require.Len(t, read[api.Key](t, a).Rights, len(preset.Rights()), preset)
	}
}
