package main

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/abi/decimal"
	"payrouter/abi/jsontext"
	"payrouter/host/api"
)

const (
	atPayGram = "/v1/providers/paygram-eu/operations/"
	tether    = "5" // PayGram's number of USDT
	withdraw  = `{"amount":"12.5","withdrawMethod":{"currencyCode":5,"network":2,` +
		`"cryptoAddress":"TShopWalletForTetherOnTron00001"}}`
	statement = `{"fromUtc":"2020-01-01T00:00:00Z","toExcludingUtc":"2100-01-01T00:00:00Z","startIdx":0,` +
		`"resultsPerPage":1,"goForward":true}`
)

// reading asks an account something that changes nothing.
func (w *harness) reading(operation, input string) api.Reading {
	w.t.Helper()
	a := w.ask("POST", w.router+atPayGram+operation, input)
	require.Equal(w.t, 200, a.status, string(a.body))
	return read[api.Reading](w.t, a)
}

// run has an account do something.
func (w *harness) run(operation, key, input string) api.Run {
	w.t.Helper()
	a := w.ask("POST", w.router+atPayGram+operation, input, "Idempotency-Key", key)
	require.Equal(w.t, 201, a.status, string(a.body))
	run := read[api.Run](w.t, a)
	require.Equal(w.t, "/v1/operations/"+run.ID, a.header.Get("Location"))
	return run
}

func parsed(t *testing.T, text json.RawMessage) jsontext.Value {
	t.Helper()
	value, err := jsontext.Parse(text)
	require.NoError(t, err)
	return value
}

func number(t *testing.T, text string) decimal.Decimal {
	t.Helper()
	value, err := decimal.Parse(text)
	require.NoError(t, err, text)
	return value
}

// tethers is what UserInfo shows of USDT.
func (w *harness) tethers() decimal.Decimal {
	w.t.Helper()
	info := w.reading("UserInfo", "")
	require.Equal(w.t, "{{masked}}", parsed(w.t, info.Output).Text("signSeed"),
		"it signs callbacks, and nobody is to see it")
	for _, one := range parsed(w.t, info.Output).Get("balances").Items() {
		if one.Text("currency") == tether {
			return number(w.t, one.Text("balance"))
		}
	}
	return number(w.t, "0")
}

// statementSum walks the statement, and adds up what it has of USDT.
func (w *harness) statementSum() (sum decimal.Decimal, entries int) {
	w.t.Helper()
	sum = number(w.t, "0")
	for path := "GetStatement"; ; {
		page := w.reading(path, statement)
		for _, entry := range parsed(w.t, page.Output).Get("statementEntries").Items() {
			entries++
			if entry.Text("currency") == tether {
				sum = sum.Add(number(w.t, entry.Text("amount"))) // its fees are part of it
			}
		}
		if page.NextCursor == "" {
			return sum, entries
		}
		path = "GetStatement?cursor=" + page.NextCursor
	}
}

// A withdrawal lowers the balance and is in the statement; it happens once, however often it is requested.
func TestAWithdrawalLowersTheBalanceOnce(t *testing.T) {
	t.Parallel()
	w := build(t, plan{})
	before := w.tethers()
	sumBefore, entriesBefore := w.statementSum()

	made := w.run("Withdraw", "w-1", withdraw)

	require.Equal(t, "succeeded", made.Status)
	require.Equal(t, "none", made.Idempotency)
	again := w.run("Withdraw", "w-1", withdraw)
	require.Equal(t, made, again)
	after := w.tethers()
	require.Equal(t, parsed(t, made.Output).Text("newBalance"), after.String())
	require.Negative(t, after.Cmp(before))
	sum, entries := w.statementSum()
	require.Greater(t, entries, entriesBefore)
	require.Zero(t, sum.Sub(sumBefore).Cmp(after.Sub(before)), "the statement says by how much: %s", sum.Sub(sumBefore))
	require.Equal(t, 1, w.requests("paygram", "Withdraw"))
	attempts := read[struct {
		Data []api.Attempt `json:"data"`
	}](t, w.ask("GET", w.router+"/v1/operations/"+made.ID+"/attempts", "")).Data
	require.Len(t, attempts, 1)
	require.Contains(t, string(attempts[0].Request), "{{secret:")
	dir, compiled := plugins(t)
	var replayed strings.Builder
	replay := replayCommand{Attempt: attempts[0].ID, Plugins: []string{dir}, Router: w.router, Compiled: compiled}
	require.NoError(t, replay.Run(&host{ctx: t.Context(), stdout: &replayed, log: slog.New(slog.DiscardHandler)}))
	require.Contains(t, replayed.String(), "identical to what the journal has",
		"an attempt of a run is replayed as any other")

	lacking := w.run("Withdraw", "w-2", strings.Replace(withdraw, "12.5", "99999999", 1))
	require.Equal(t, "failed", lacking.Status)
	require.Equal(t, "insufficient_funds", lacking.Failure.Code)
	require.Zero(t, after.Cmp(w.tethers()))
}

// Nobody knows what became of a withdrawal whose answer was lost: it is not sent again, and a person settles it.
func TestAWithdrawalThatWentUnansweredIsNeverSentAgain(t *testing.T) {
	t.Parallel()
	w := build(t, plan{})
	w.control("POST", "paygram/faults", `{"operation":"Withdraw","kind":"reset_after","count":1}`)
	before := w.tethers()

	made := w.run("Withdraw", "w-1", withdraw)

	require.Equal(t, "unknown", made.Status)
	require.NotEmpty(t, made.Alert)
	require.Equal(t, 1, w.requests("paygram", "Withdraw"))
	require.Negative(t, w.tethers().Cmp(before), "it was done, and only a person can find out")
	a := w.ask("POST", w.router+"/v1/operations/"+made.ID+"/resolve",
		`{"status":"succeeded","reason":"the balance is lower by it"}`)
	require.Equal(t, 200, a.status, string(a.body))
	settled := read[api.Run](t, a)
	require.Equal(t, "succeeded", settled.Status)
	require.Equal(t, "default", settled.Resolved.Operator)
	require.Equal(t, 1, w.requests("paygram", "Withdraw"))
}

// Every operation of every account is one that its plugin knows, under the name that the document has.
func TestEveryOperationIsReachedByItsName(t *testing.T) {
	t.Parallel()
	w := build(t, plan{})
	for _, p := range read[struct {
		Data []api.Provider `json:"data"`
	}](t, w.ask("GET", w.router+"/v1/providers", "")).Data {
		at := w.router + "/v1/providers/" + p.Name + "/operations"
		for _, one := range read[struct {
			Data []api.Operation `json:"data"`
		}](t, w.ask("GET", at, "")).Data {
			a := w.ask("GET", at+"/"+strings.ReplaceAll(one.Name, "/", "%2F"), "")
			require.Equal(t, 200, a.status, one.Name)
			require.Equal(t, one, read[api.Operation](t, a))
		}
	}
	approved := w.run("Approve%2FUpdate", "a-1", `{"id":"none"}`)
	require.Equal(t, "Approve/Update", approved.Operation)
}

// What can be done to a payment is listed for each account, by kind.
func TestAccountsListTheirActs(t *testing.T) {
	t.Parallel()
	w := build(t, plan{})
	acts := map[string]map[string][]string{}
	for _, p := range read[struct {
		Data []api.Provider `json:"data"`
	}](t, w.ask("GET", w.router+"/v1/providers", "")).Data {
		acts[p.Plugin] = p.Acts
	}
	require.Equal(t, map[string]map[string][]string{
		"cryptogram": {"collect": {"update", "expire"}},
		"exchanger":  {"collect": {"cancel", "confirm"}, "payout": {}},
		"paygram":    {"collect": {"confirm"}, "payout": {}, "transfer": {}},
		"paygrt":     {"recharge": {}},
		"payplay":    {"collect": {"confirm"}, "payout": {}},
	}, acts)
}

// The command line does what the API does: it prints what comes back, and fails where that is no success.
func TestCallCommand(t *testing.T) {
	t.Parallel()
	w := build(t, plan{})
	file := filepath.Join(t.TempDir(), "statement.json")
	require.NoError(t, os.WriteFile(file, []byte(statement), 0o600))
	var logged strings.Builder
	call := func(c callCommand) (string, error) {
		var out strings.Builder
		c.Provider, c.Router = "paygram-eu", w.router
		if c.Input == "" {
			c.Input = "{}"
		}
		err := c.Run(&host{ctx: t.Context(), stdout: &out, log: slog.New(slog.NewTextHandler(&logged, nil))})
		return out.String(), err
	}

	out, err := call(callCommand{Operation: "UserInfo"})
	require.NoError(t, err)
	require.Contains(t, out, `"signSeed": "{{masked}}"`)
	require.Empty(t, logged.String(), "what changes nothing needs no key")

	out, err = call(callCommand{Operation: "Withdraw", Input: withdraw})
	require.NoError(t, err)
	require.Contains(t, out, `"status": "succeeded"`)
	require.Contains(t, logged.String(), "key=call-")
	out, err = call(callCommand{Operation: "Withdraw", Input: withdraw, Key: `k"1`})
	require.NoError(t, err)
	again, err := call(callCommand{Operation: "Withdraw", Input: withdraw, Key: `k"1`})
	require.NoError(t, err)
	require.Equal(t, out, again)
	require.Equal(t, 2, w.requests("paygram", "Withdraw"))

	_, entries := w.statementSum()
	out, err = call(callCommand{Operation: "GetStatement", Input: "@" + file, All: true})
	require.NoError(t, err)
	require.Equal(t, entries, strings.Count(out, `"transactionId"`), "every page is printed")
	require.Greater(t, strings.Count(out, `"statementEntries"`), 1)
	out, err = call(callCommand{Operation: "GetStatement", Input: "@" + file, Cursor: "1"})
	require.NoError(t, err)
	require.Less(t, strings.Count(out, `"transactionId"`), entries)

	for _, row := range []struct {
		command callCommand
		says    string
	}{
		{callCommand{Operation: "Withdrawal"}, "no operation \"Withdrawal\""},
		{callCommand{Operation: "Withdraw"}, "/amount is required"},
		{
			callCommand{Operation: "Withdraw", Input: `{"amount":"1","withdrawMethod":{}}`},
			"/withdrawMethod/currencyCode is required",
		},
		{callCommand{Operation: "Withdraw", Input: withdraw, All: true}, "--all is for what changes nothing"},
		{callCommand{Operation: "InvoiceInfo", Input: `{"invoiceCode":"NONE"}`}, "not_found"},
		{
			callCommand{Operation: "Withdraw", Input: strings.Replace(withdraw, "12.5", "99999999", 1)},
			"failed: insufficient_funds",
		},
	} {
		_, err := call(row.command)
		require.ErrorContains(t, err, row.says)
	}
}

const recharged = `{"recharge_number":"9876543210","recharge_amount":"199","operator_code":"AT"}`

// reachOperations gets every documented status of accounts' operations.
func (w *harness) reachOperations(call func(operation, method, path, body string, headers ...string) answer,
	operator string,
) {
	w.t.Helper()
	const paygrt = "/v1/providers/paygrt/operations"
	as := []string{"Authorization", "Bearer " + operator}
	perform := func(path, body, key string, headers ...string) answer {
		return call("perform-operation", "POST", path, body, append(append(headers, "Idempotency-Key", key), as...)...)
	}
	run := func(operation, method, path, body string) {
		call(operation, method, "/v1/operations"+path, body, as...)
		call(operation, method, "/v1/operations"+path, body)
	}
	call("list-operations", "GET", paygrt, "")
	call("list-operations", "GET", "/v1/providers/nobody/operations", "")
	call("get-operation", "GET", paygrt+"/Balance", "")
	call("get-operation", "GET", paygrt+"/Credit", "")
	w.control("POST", "paygrt/faults", `{"operation":"recharge","kind":"reset_after","count":1}`)
	lost := read[api.Run](w.t, perform(paygrt+"/Recharge", recharged, "lost")).ID
	perform(paygrt+"/Recharge", recharged, "taken")
	w.control("POST", "paygrt/faults", `{"operation":"recharge","kind":"delay","delay":"1s","count":1}`)
	perform(paygrt+"/Recharge", recharged, "slow", "Prefer", "respond-async")
	perform(paygrt+"/Recharge", recharged, "slow")
	perform(paygrt+"/Recharge", `{`, "k")
	perform(paygrt+"/Recharge", `{}`, "k")
	perform(paygrt+"/Recharge", recharged, "k", "Content-Type", "text/html")
	perform(paygrt+"/Credit", recharged, "k")
	perform(paygrt+"/Balance", "", "")
	call("perform-operation", "POST", paygrt+"/Balance", "")
	w.control("POST", "paygrt/faults", `{"operation":"balance","kind":"reset_before","count":10}`)
	for range 3 { // until the breaker is open
		perform(paygrt+"/Balance", "", "")
	}

	run("list-runs", "GET", "", "")
	run("list-runs", "GET", "?limit=0", "")
	run("get-run", "GET", "/"+lost, "")
	run("get-run", "GET", "/op_1", "")
	run("list-run-attempts", "GET", "/"+lost+"/attempts", "")
	run("list-run-attempts", "GET", "/op_1/attempts", "")
	for _, body := range []string{`{`, `{}`, `{"status":"failed","reason":"their support says that it never came"}`} {
		run("resolve-run", "POST", "/"+lost+"/resolve", body)
		run("resolve-run", "POST", "/op_1/resolve", body)
	}
	run("resolve-run", "POST", "/"+lost+"/resolve", `{"status":"failed","reason":"again"}`)
}
