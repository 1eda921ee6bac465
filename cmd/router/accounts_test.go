package main

import (
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/abi/decimal"
	"payrouter/host/access"
	"payrouter/host/api"
	"payrouter/host/sandbox"
)

// across is the answer of several accounts.
type across[T any] struct {
	Data   []T                `json:"data"`
	Errors []api.AccountError `json:"errors"`
	Next   string             `json:"next_cursor"`
}

func listed[T any](w *harness, path string, headers ...string) across[T] {
	w.t.Helper()
	a := w.ask("GET", w.router+path, "", headers...)
	require.Equal(w.t, 200, a.status, string(a.body))
	return read[across[T]](w.t, a)
}

// available is what an account can spend of a currency.
func (w *harness) available(provider, currency string) string {
	w.t.Helper()
	found := listed[api.Balance](w, "/v1/balances?provider="+provider+"&currency="+currency)
	require.Empty(w.t, found.Errors)
	require.Len(w.t, found.Data, 1)
	require.Equal(w.t, currency, found.Data[0].Available.Currency)
	return found.Data[0].Available.Amount
}

func sub(t *testing.T, from, what string) string {
	t.Helper()
	a, err := decimal.Parse(from)
	require.NoError(t, err)
	b, err := decimal.Parse(what)
	require.NoError(t, err)
	return a.Sub(b).String()
}

func providersOf[T any](all []T, name func(T) string) []string {
	var names []string
	for _, one := range all {
		names = append(names, name(one))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func absent(errors []api.AccountError) []string {
	return providersOf(errors, func(e api.AccountError) string { return e.Provider })
}

// Money that leaves an account is gone from its balance, and stands in its statement under the provider's reference.
func TestBalancesAndStatementsAddUp(t *testing.T) {
	t.Parallel()
	w := build(t, plan{})
	w.control("POST", "paygram/balance", `{"account":"paygram-eu/customer-7","currency":"USDT","amount":"0"}`)
	before := w.available("paygram-eu", "USDT")
	out := w.create(paidOut)
	require.Equal(t, "processing", out.Status)
	sent := w.create(transferred)
	require.Equal(t, "succeeded", sent.Status)

	require.Zero(t, compare(t, sub(t, before, "104.5"), w.available("paygram-eu", "USDT")))
	statement := listed[api.Transaction](w, "/v1/statements?provider=paygram-eu")
	require.Empty(t, statement.Errors)
	require.Len(t, statement.Data, 2)
	latest, first := statement.Data[0], statement.Data[1]
	require.Zero(t, compare(t, "-4.5", latest.Amount.Amount))
	require.Zero(t, compare(t, "-100", first.Amount.Amount))
	require.Equal(t, []string{out.ProviderReference, sent.ProviderReference},
		[]string{first.ProviderReference, latest.ProviderReference})
	for _, entry := range []api.Transaction{first, latest} {
		require.Empty(t, entry.Reference, "PayGram's statement repeats no reference of ours")
		require.Equal(t, "USDT", entry.Amount.Currency)
		require.WithinDuration(t, time.Now(), entry.At, time.Hour)
	}
	require.Zero(t, compare(t, "1", first.Fee.Amount))
	require.True(t, first.FeeIncluded)

	// What was denied comes back.
	w.drive("paygram", out.ProviderReference, "decline")
	require.Equal(t, "failed", w.act(out, "refresh", "").Status)
	require.Zero(t, compare(t, sub(t, before, "4.5"), w.available("paygram-eu", "USDT")))
	require.Len(t, listed[api.Transaction](w, "/v1/statements?provider=paygram-eu&currency=USDT").Data, 3)
	require.Empty(t, listed[api.Transaction](w, "/v1/statements?provider=paygram-eu&currency=EUR").Data)
}

func compare(t *testing.T, a, b string) int {
	t.Helper()
	x, err := decimal.Parse(a)
	require.NoError(t, err)
	y, err := decimal.Parse(b)
	require.NoError(t, err)
	return x.Cmp(y)
}

// A statement of several accounts is walked by one cursor: everything once, the newest first.
func TestAStatementOfSeveralAccounts(t *testing.T) {
	t.Parallel()
	w := build(t, plan{})
	var want []string
	for i := range 7 {
		order := paidOut
		if i%3 == 0 {
			order = strings.Replace(order, "paygram-eu", "paygram-asia", 1)
		}
		want = append([]string{w.create(order).ProviderReference}, want...)
	}
	const accounts = "/v1/statements?provider=paygram-eu,paygram-asia&limit=2"
	var got []string
	var page across[api.Transaction]
	require.Eventually(t, func() bool { // a statement ends before the millisecond in which it is asked for
		page = listed[api.Transaction](w, accounts)
		return len(page.Data) > 0 && page.Data[0].ProviderReference == want[0]
	}, time.Minute, time.Millisecond)
	for range 10 {
		require.Empty(t, page.Errors)
		require.LessOrEqual(t, len(page.Data), 2)
		for _, entry := range page.Data {
			got = append(got, entry.ProviderReference)
		}
		if page.Next == "" {
			break
		}
		w.create(paidOut) // what happens meanwhile shifts no page
		page = listed[api.Transaction](w, accounts+"&cursor="+url.QueryEscape(page.Next))
	}
	require.Empty(t, page.Next)
	require.Equal(t, want, got)

	early := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
	require.Empty(t, listed[api.Transaction](w, "/v1/statements?provider=paygram-eu&until="+early).Data)
	for query, parameter := range map[string]string{
		"cursor=made-up": "query cursor", "until=" + early + "&from=" + early: "query from", "limit=501": "query limit",
		"currency=eur":    "query currency",
		"provider=nobody": "query provider",
	} {
		p := problem(t, w.ask("GET", w.router+"/v1/statements?"+query, ""))
		require.Equal(t, 422, p.Status, query)
		require.Equal(t, parameter, p.Errors[0].Parameter, query)
	}
}

// An answer has all accounts that support the query, each under its name; the others only give an error if they are
// named.
func TestAccountsTell(t *testing.T) {
	t.Parallel()
	w := build(t, plan{})
	balances := listed[api.Balance](w, "/v1/balances")
	// The exchange reports its one wallet only if the account is configured with its currency.
	require.Subset(t, []string{"exchanger"}, absent(balances.Errors))
	require.Subset(t, providersOf(balances.Data, func(b api.Balance) string { return b.Provider }),
		[]string{"paygram-asia", "paygram-eu", "paygrt", "payplay"})

	rates := listed[api.Rate](w, "/v1/rates?from=BTC&to=USDT")
	require.Empty(t, rates.Errors)
	require.Equal(t, []string{"exchanger", "paygram-asia", "paygram-eu"},
		providersOf(rates.Data, func(r api.Rate) string { return r.Provider }))
	for _, rate := range rates.Data {
		require.Equal(t, []string{"BTC", "USDT"}, []string{rate.From.Currency, rate.To.Currency}, rate.Provider)
	}
	only := listed[api.Rate](w, "/v1/rates?provider=paygram-eu&from=BTC&to=USDT").Data
	require.Len(t, only, 1)
	require.Equal(t, "1", only[0].From.Amount)
	require.Zero(t, compare(t, "96250.5", only[0].To.Amount))

	for topic, who := range map[string][]string{
		"operators": {"paygrt"}, "directions": {"exchanger"}, "wallets": {"cryptogram", "paygram-asia", "paygram-eu"},
		"currencies": {"exchanger", "paygram-asia", "paygram-eu", "payplay"},
	} {
		items := listed[api.Item](w, "/v1/catalog/"+topic)
		require.Empty(t, items.Errors, topic)
		require.Equal(t, who, providersOf(items.Data, func(i api.Item) string { return i.Provider }), topic)
	}
	for topic, code := range map[string]string{"currencies": "PHPT", "wallets": "USDT"} {
		items := listed[api.Item](w, "/v1/catalog/"+topic)
		require.Empty(t, items.Errors, topic)
		require.Contains(t, items.Data,
			api.Item{
				Provider: "paygram-eu", Code: code, Currency: code,
				Category: map[string]string{"wallets": "wallet"}[topic],
			})
		require.Empty(t, listed[api.Item](w, "/v1/catalog/"+topic+"?provider=paygram-eu&currency=XYZ").Data)
	}
	for path, is := range map[string]string{
		"/v1/rates?provider=paygrt": "unsupported", "/v1/catalog/operators?provider=paygram-eu": "unsupported",
		"/v1/balances?provider=paygram-eu,nobody": "invalid-request", "/v1/catalog/moods": "invalid-request",
		"/v1/catalog/wallets?country=Germany": "invalid-request",
		"/v1/balances?provder=paygram-eu":     "invalid-request",
	} {
		p := problem(t, w.ask("GET", w.router+path, ""))
		require.Equal(t, is, p.Type, path)
		require.Equal(t, 422, p.Status, path)
	}
}

// A provider that is down is reported, and hides nothing of the others.
func TestAProviderThatIsDownHidesNoOther(t *testing.T) {
	t.Parallel()
	w := build(t, plan{environ: patient})
	listed[api.Balance](w, "/v1/balances")
	w.control("POST", "paygram/faults", `{"operation":"UserInfo","kind":"garbage"}`)
	balances := listed[api.Balance](w, "/v1/balances")
	require.Subset(t, absent(balances.Errors), []string{"paygram-asia", "paygram-eu"})
	for _, e := range balances.Errors {
		require.NotEmpty(t, e.Detail)
		require.True(t, e.Code == "provider-unanswered" || !strings.HasPrefix(e.Provider, "paygram-"), "%+v", e)
	}
	require.NotContains(t, providersOf(balances.Data, func(b api.Balance) string { return b.Provider }), "paygram-eu")
	require.NotEmpty(t, listed[api.Rate](w, "/v1/rates?provider=paygram-eu").Data, "another question is answered")

	w.control("POST", "paygram/down", "")
	page := listed[api.Transaction](w, "/v1/statements?provider=paygram-eu")
	require.Len(t, page.Errors, 1)
	require.NotEmpty(t, page.Errors[0].Cursor)
	w.control("POST", "paygram/up", "")
	require.Empty(t, listed[api.Transaction](w, "/v1/statements?cursor="+url.QueryEscape(page.Errors[0].Cursor)).Errors)
}

// What an account holds concerns everybody who shares it; every merchant sees its catalog and quotes.
func TestWhoMayAskAccounts(t *testing.T) {
	t.Parallel()
	data, tokens := keysIn(t, map[string][]access.Right{
		"shop": access.Shop.Rights(), "desk": access.Operator.Rights(),
	})
	w := build(t, plan{data: data})
	as := func(who string) []string { return bearer(tokens[who]) }
	for _, path := range []string{"/v1/balances", "/v1/rates", "/v1/statements"} {
		require.Equal(t, "unauthorized", problem(t, w.ask("GET", w.router+path, "")).Type)
		require.Equal(t, "forbidden", problem(t, w.ask("GET", w.router+path, "", as("shop")...)).Type)
		require.Equal(t, 200, w.ask("GET", w.router+path, "", as("desk")...).status)
	}
	require.Equal(t, 200, w.ask("GET", w.router+"/v1/catalog/currencies", "", as("shop")...).status)
	require.Equal(t, 200,
		w.ask("POST", w.router+"/v1/quotes", `{"amount":"100","currency":"USDT"}`, as("shop")...).status)
	require.Equal(t, "unauthorized",
		problem(t, w.ask("POST", w.router+"/v1/quotes", `{"amount":"100","currency":"USDT"}`)).Type)
}

func (w *harness) quotes(body string) across[api.Quote] {
	w.t.Helper()
	a := w.ask("POST", w.router+"/v1/quotes", body)
	require.Equal(w.t, 200, a.status, string(a.body))
	return read[across[api.Quote]](w.t, a)
}

// Offers come the cheapest first, priced as the strategy prices them; providers without one give a reason.
func TestQuotes(t *testing.T) {
	t.Parallel()
	site := &harness{t: t, data: t.TempDir()}
	site.openSandbox(sandbox.Options{})
	file, text := ownRouting(t)
	text = strings.Replace(text, "  paygrt:\n", strings.ReplaceAll(exchangers, "{site}", site.simulated), 1)
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	w := build(t, plan{command: serveCommand{Routing: file}, beside: site})

	found := w.quotes(`{"amount":"100","currency":"EUR","country":"DE"}`)
	require.Equal(t, []string{"to-usdt 1.5", "to-btc 2"}, figures(found.Data))
	require.Empty(t, found.Errors, "the account without a direction for euros is not asked")
	cheapest := found.Data[0]
	require.Equal(t, "EUR", cheapest.Price.Currency)
	require.Equal(t, []string{"EUR", "USDT"}, []string{cheapest.Pays.Currency, cheapest.Gets.Currency})
	require.NotNil(t, cheapest.Rate)
	require.NotNil(t, cheapest.Fees)
	require.Empty(t, w.bookings("exchanger"), "a quote makes no order")

	found = w.quotes(`{"amount":"100","currency":"EUR","country":"DE","to":"BTC"}`)
	require.Equal(t, []string{"to-btc 2"}, figures(found.Data))
	require.Equal(t, []string{"to-usdt"}, absent(found.Errors))
	found = w.quotes(`{"amount":"100","currency":"EUR","country":"DE","providers":["to-btc"]}`)
	require.Equal(t, []string{"to-btc 2"}, figures(found.Data))
	require.Empty(t, found.Errors)

	found = w.quotes(`{"amount":"0.01","currency":"EUR","country":"DE","providers":["to-btc"]}`)
	require.Empty(t, found.Data)
	require.Equal(t, "provider-declined", found.Errors[0].Code)
	require.Equal(t, "limit_exceeded", found.Errors[0].Failure.Code)

	for body, pointer := range map[string]string{
		`{"amount":"1,5","currency":"EUR"}`: "/amount", `{"amount":"1","currency":"eur"}`: "/currency",
		`{"amount":"1","currency":"EUR","to":"btc"}`:              "/to",
		`{"amount":"1","currency":"EUR","providers":["payplay"]}`: "/providers/0",
		`{"amount":"1","currency":"EUR","payer":{}}`:              "/payer",
	} {
		p := problem(t, w.ask("POST", w.router+"/v1/quotes", body))
		require.Equal(t, 422, p.Status, body)
		require.Equal(t, pointer, p.Errors[0].Pointer, body)
	}

	w.control("POST", "exchanger/down", "")
	found = w.quotes(`{"amount":"101","currency":"EUR","country":"DE"}`)
	require.Empty(t, found.Data)
	for _, e := range found.Errors {
		require.NotEmpty(t, e.Detail)
	}
}

func figures(quotes []api.Quote) []string {
	var shown []string
	for _, q := range quotes {
		shown = append(shown, q.Provider+" "+q.Price.Amount)
	}
	return shown
}

// transferred is credit for another user of PayGram.
const transferred = `{"kind":"transfer","amount":"4.5","currency":"USDT","destination":{"account":"customer-7"},` +
	`"provider":"paygram-eu"}`

// A transfer whose answer is lost is sent once, and found by its voucher.
func TestATransferThatGoesWrong(t *testing.T) {
	t.Parallel()
	w := build(t, plan{environ: patient})
	w.control("POST", "paygram/balance", `{"account":"paygram-eu/customer-7","currency":"USDT","amount":"0"}`)
	for _, trouble := range slices.Concat(troubles, rates) {
		if trouble.event != "unanswered" {
			continue
		}
		t.Run(trouble.what, func(t *testing.T) {
			w := w.seenBy(t)
			one := create{provider: "paygram", operation: "TransferCredit"}
			booked := len(w.booked(one))
			w.control("POST", "paygram/faults",
				fmt.Sprintf(`{"operation":"TransferCredit","count":1,%s}`, trouble.fault))
			p := w.create(transferred)
			require.Equal(t, "unknown", p.Status)
			require.Len(t, w.attempts(p.ID), 1)
			own := w.booked(one)[booked:]
			require.Len(t, own, oneIf(trouble.made))
			p = w.act(p, "refresh", "")
			if !trouble.made {
				require.Equal(t, "unknown", p.Status, "not to find it proves nothing")
				return
			}
			require.Equal(t, "succeeded", p.Status)
			require.Equal(t, own[0].ProviderReference, p.ProviderReference)
		})
	}
}

// What PayGram declines before it takes anything is final: the payment failed, and the balance is as it was.
func TestPayoutsThatPayGramDeclines(t *testing.T) {
	t.Parallel()
	w := build(t, plan{})
	before := w.available("paygram-eu", "USDT")
	for order, code := range map[string]string{
		strings.Replace(paidOut, `"100"`, `"100000000"`, 1):     "insufficient_funds",
		strings.Replace(transferred, `"4.5"`, `"100000000"`, 1): "insufficient_funds",
		strings.Replace(transferred, `customer-7`, `nobody`, 1): "invalid_destination",
	} {
		p := w.create(order)
		require.Equal(t, "failed", p.Status, order)
		require.Equal(t, code, p.Failure.Code, order)
	}
	for order, at := range map[string]string{
		strings.Replace(paidOut, `"tron"`, `"solana"`, 1):                "/destination/network",
		strings.Replace(paidOut, `"network":"tron"`, `"memo":"7"`, 1):    "/destination/memo",
		strings.Replace(paidOut, `,"network":"tron"`, ``, 1):             "/destination/network",
		strings.Replace(paidOut, `"network":"tron"`, `"account":"1"`, 1): "/destination",
		strings.Replace(transferred, `"account":"customer-7"`, ``, 1):    "/destination/account",
	} {
		a := w.post(w.key(), order)
		require.Equal(t, 422, a.status, "%s: %s", order, a.body)
		require.Equal(t, at, problem(t, a).Errors[0].Pointer, order)
	}
	require.Equal(t, before, w.available("paygram-eu", "USDT"))
	require.Empty(t, w.bookings("paygram"))
}

// reachAccounts asks accounts in every way that the document has an answer for.
func (w *harness) reachAccounts(call func(operation, method, path, body string, headers ...string) answer,
	operator string,
) {
	w.t.Helper()
	for operation, path := range map[string]string{
		"list-balances": "/v1/balances", "list-rates": "/v1/rates", "list-statement": "/v1/statements",
		"list-catalog": "/v1/catalog/currencies",
	} {
		call(operation, "GET", path, "", "Authorization", "")
		call(operation, "GET", path, "")
		call(operation, "GET", path, "", "Authorization", "Bearer "+operator)
		call(operation, "GET", path+"?provider=nobody", "", "Authorization", "Bearer "+operator)
	}
	const order = `{"amount":"100","currency":"USDT"}`
	call("create-quotes", "POST", "/v1/quotes", order, "Authorization", "")
	for _, body := range []string{order, `{`, `{}`} {
		call("create-quotes", "POST", "/v1/quotes", body)
	}
}
