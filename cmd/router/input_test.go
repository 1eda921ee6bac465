package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A bad request gets a precise problem, and leaves nothing behind: no payment, no key, no request to a provider.
func TestBadInput(t *testing.T) {
	t.Parallel()
	order := func(member string) string { return `{"amount":"49.90","currency":"EUR",` + member + `}` }
	const (
		missing   = "idempotency-key-missing"
		malformed = "malformed-request"
		invalid   = "invalid-request"
	)
	rows := []struct {
		what   string
		method string
		path   string
		body   string
		// headers are names and values in turn; "-" takes the Idempotency-Key away.
		headers []string
		status  int
		kind    string
		// at is the pointer or the parameter of the first error; empty where the body as a whole is at fault, or none
		// is named.
		at string
		// says is a part of the detail.
		says string
	}{
		{
			what: "unknown currency", body: `{"amount":"1","currency":"ABC"}`, status: 422, kind: invalid,
			at:   "/currency",
			says: `"ABC" is neither`,
		},
		{
			what: "currency in lower case", body: `{"amount":"1","currency":"eur"}`, status: 422, kind: invalid,
			at: "/currency", says: "upper-case",
		},
		{what: "no currency", body: `{"amount":"1"}`, status: 422, kind: invalid, at: "/currency", says: "required"},
		{what: "no amount", body: `{"currency":"EUR"}`, status: 422, kind: invalid, at: "/amount", says: "required"},
		{
			what: "negative", body: `{"amount":"-1","currency":"EUR"}`, status: 422, kind: invalid, at: "/amount",
			says: "above zero",
		},
		{
			what: "zero", body: `{"amount":"0.00","currency":"EUR"}`, status: 422, kind: invalid, at: "/amount",
			says: "above zero",
		},
		{
			what: "40 digits", body: `{"amount":"` + strings.Repeat("9", 40) + `","currency":"BTC"}`, status: 422,
			kind: invalid, at: "/amount", says: "at most 39 digits",
		},
		{
			what: "100 digits", body: `{"amount":"` + strings.Repeat("9", 100) + `","currency":"BTC"}`, status: 422,
			kind: invalid, at: "/amount", says: "80",
		},
		{
			what: "an exponent", body: `{"amount":"1e3","currency":"EUR"}`, status: 422, kind: invalid, at: "/amount",
			says: "exponent",
		},
		{
			what: "a decimal comma", body: `{"amount":"1,50","currency":"EUR"}`, status: 422, kind: invalid,
			at:   "/amount",
			says: "decimal text",
		},
		{
			what: "finer than a cent", body: `{"amount":"1.505","currency":"EUR"}`, status: 422, kind: invalid,
			at: "/amount", says: "must have at most 2 decimals in EUR",
		},
		{
			what: "half a yen", body: `{"amount":"1.5","currency":"JPY"}`, status: 422, kind: invalid, at: "/amount",
			says: "must have at most 0 decimals in JPY",
		},
		{
			what: "a number for the amount", body: `{"amount":49.90,"currency":"EUR"}`, status: 422, kind: invalid,
			at: "/amount", says: "expected string",
		},
		{
			what: "null for the amount", body: `{"amount":null,"currency":"EUR"}`, status: 422, kind: invalid,
			at: "/amount", says: "expected string",
		},
		{
			what: "an unknown member", body: order(`"currencey":"EUR"`), status: 422, kind: invalid, at: "/currencey",
			says: "unexpected",
		},
		{
			what: "a member in other letters", body: `{"Amount":"1","currency":"EUR"}`, status: 422, kind: invalid,
			at: "/amount", says: "required",
		},
		{
			what: "a member twice, in other letters", body: order(`"Amount":"1000"`), status: 422, kind: invalid,
			at: "/Amount", says: "unexpected",
		},
		{
			what: "an unknown member inside", body: order(`"payer":{"emial":"a@b.c"}`), status: 422, kind: invalid,
			at: "/payer/emial", says: "unexpected",
		},
		{
			what: "an unknown kind", body: order(`"kind":"gift"`), status: 422, kind: invalid, at: "/kind",
			says: "collect",
		},
		{
			what: "an unknown country", body: order(`"country":"XX"`), status: 422, kind: invalid, at: "/country",
			says: "ISO 3166-1",
		},
		{
			what: "a country's name", body: order(`"country":"Germany"`), status: 422, kind: invalid, at: "/country",
			says: "2",
		},
		{
			what: "metadata that is not text", body: order(`"metadata":{"lamps":2}`), status: 422, kind: invalid,
			at: "/metadata/lamps", says: "expected string",
		},
		{
			what: "a return URL that is none", body: order(`"return_url":"javascript:alert(1)"`), status: 422,
			kind: invalid, at: "/return_url", says: "http",
		},
		{
			what: "expired before it begins", body: order(`"expires_at":"2020-01-01T00:00:00Z"`), status: 422,
			kind: invalid, at: "/expires_at", says: "future",
		},
		{
			what: "a date that is none", body: order(`"expires_at":"tomorrow"`), status: 422, kind: invalid,
			at: "/expires_at", says: "RFC 3339",
		},
		{
			what: "an address that is none", body: order(`"payer":{"ip":"300.1.1.1"}`), status: 422, kind: invalid,
			at: "/payer/ip", says: "IPv4",
		},
		{
			what: "control characters", body: order(`"reference":"a\u0000b"`), status: 422, kind: invalid,
			at: "/reference", says: "control",
		},
		{
			what: "a long reference", body: order(`"reference":"` + strings.Repeat("x", 256) + `"`), status: 422,
			kind: invalid, at: "/reference", says: "255",
		},
		{
			what: "options that are no object", body: order(`"provider_options":{"paygram":[1]}`), status: 422,
			kind: invalid, at: "/provider_options/paygram", says: "object",
		},
		{
			what: "an unknown provider", body: order(`"provider":"paypal"`), status: 422, kind: invalid,
			at:   "/provider",
			says: "paypal",
		},
		{
			what: "a provider that cannot", body: `{"amount":"1","currency":"BTC","provider":"cryptogram"}`,
			status: 422,
			kind:   "no-route", says: "no candidate",
		},
		{
			what: "a recharge of nobody", body: `{"kind":"recharge","amount":"10","currency":"INR","country":"IN"}`,
			status: 422, kind: invalid, at: "/destination/operator", says: "missing",
		},

		{
			what: "a member twice", body: `{"amount":"1","amount":"1000","currency":"EUR"}`, status: 400,
			kind: malformed,
			at:   "/amount", says: "twice",
		},
		{
			what: "a member twice inside", body: order(`"payer":{"name":"a","name":"b"}`), status: 400, kind: malformed,
			at: "/payer/name", says: "twice",
		},
		{
			what: "bytes that are no UTF-8", body: order("\"description\":\"\xff\xfe\""), status: 400, kind: malformed,
			says: "not valid UTF-8",
		},
		{
			what: "more than one value", body: order(`"method":"crypto"`) + `{}`, status: 400, kind: malformed,
			says: "more than one",
		},
		{
			what: "something behind it", body: order(`"method":"crypto"`) + `]`, status: 400, kind: malformed,
			says: "more than one",
		},
		{what: "half of it", body: `{"amount":"1"`, status: 400, kind: malformed, says: "ends too early"},
		{what: "not JSON", body: `amount=1`, status: 400, kind: malformed, says: "not JSON"},
		{what: "nothing", body: ``, status: 400, kind: malformed, says: "required"},
		{what: "a list", body: `[]`, status: 422, kind: invalid, says: "object"},
		{
			what: "deep nesting",
			body: order(`"provider_options":{"paygram":` + strings.Repeat(`{"a":`, 40) + `1` + strings.Repeat(`}`, 40) +
				`}`), status: 400, kind: malformed, at: "/provider_options/paygram" + strings.Repeat("/a", 31),
			says: "32 levels",
		},
		{
			what: "very deep nesting", body: strings.Repeat("[", 100_000), status: 400, kind: malformed,
			at: strings.Repeat("/0", 33), says: "32 levels",
		},
		{
			what: "2 MB", body: order(`"description":"` + strings.Repeat("x", 2<<20) + `"`), status: 413,
			kind: "body-too-large", says: "this takes 1048576",
		},
		{
			what: "a form", body: `amount=1`, headers: []string{"Content-Type", "application/x-www-form-urlencoded"},
			status: 415, kind: "unsupported-media-type", at: "header Content-Type", says: "must be application/json",
		},
		{
			what: "JSON called text", body: order(`"method":"crypto"`), headers: []string{"Content-Type", "text/plain"},
			status: 415, kind: "unsupported-media-type", at: "header Content-Type", says: "must be application/json",
		},
		{
			what: "JSON in another charset", body: order(`"method":"crypto"`),
			headers: []string{"Content-Type", "application/json; charset=UTF-16"},
			status:  415, kind: "unsupported-media-type", at: "header Content-Type", says: "send UTF-8",
		},
		{
			what: "half a character", body: order(`"description":"\ud83d"`), status: 400, kind: malformed,
			at: "/description", says: "surrogate",
		},
		{
			what: "half a character in a name", body: order(`"metadata":{"\udc00":"x"}`), status: 400, kind: malformed,
			at: "/metadata", says: "surrogate",
		},
		{
			what: "a method that nothing knows", body: order(`"method":"crpyto"`), status: 422, kind: invalid,
			at: "/method", says: "crypto",
		},
		{
			what: "options for a plugin that is not there", body: order(`"provider_options":{"paypal":{}}`), status: 422,
			kind: invalid, at: "/provider_options/paypal", says: "paygram",
		},
		{
			what: "options for a plugin that is not asked",
			body: order(`"provider":"payplay","provider_options":{"exchanger":{}}`), status: 422,
			kind: invalid, at: "/provider_options/exchanger", says: "payplay",
		},
		{
			what: "a destination of a collect", body: order(`"destination":{"account":"a"}`), status: 422,
			kind: invalid, at: "/destination/account", says: "no destination",
		},
		{
			what: "a country by its other code", body: order(`"country":"UK"`), status: 422, kind: invalid,
			at: "/country", says: "write GB",
		},
		{
			what: "a blank in a URL", body: order(`"return_url":"https://shop.example/thank you"`), status: 422,
			kind: invalid, at: "/return_url", says: "percent-encoded",
		},
		{
			what: "zeros before an amount", body: `{"amount":"00.10","currency":"EUR"}`, status: 422, kind: invalid,
			at: "/amount", says: "without zeros before it",
		},

		{
			what: "no key", body: order(`"method":"crypto"`), headers: []string{"Idempotency-Key", "-"}, status: 400,
			kind: missing, at: "header Idempotency-Key", says: "missing",
		},
		{
			what: "an empty key", body: order(`"method":"crypto"`), headers: []string{"Idempotency-Key", `""`},
			status: 400, kind: missing, at: "header Idempotency-Key", says: "missing",
		},
		{
			what: "a blank key", body: order(`"method":"crypto"`), headers: []string{"Idempotency-Key", `"  "`},
			status: 400, kind: missing, at: "header Idempotency-Key", says: "missing",
		},
		{
			what: "a long key", body: order(`"method":"crypto"`),
			headers: []string{"Idempotency-Key", strings.Repeat("k", 256)}, status: 400, kind: missing,
			at: "header Idempotency-Key", says: "at most 255",
		},
		{
			what: "a key that is not ASCII", body: order(`"method":"crypto"`),
			headers: []string{"Idempotency-Key", "schlüssel"}, status: 400, kind: missing, at: "header Idempotency-Key",
			says: "ASCII",
		},

		{
			what: "a query", path: "/v1/payments?dry_run=true", body: order(`"method":"crypto"`), status: 422,
			kind: invalid, at: "query dry_run", says: "takes no query parameters",
		},
		{
			what: "a method that is not there", method: "DELETE", path: "/v1/payments", status: 405,
			kind: "wrong-method",
			says: "GET, POST",
		},
		{
			what: "a path that is not there", method: "GET", path: "/v1/refunds", status: 404, kind: "unknown-path",
			says: "/v1/refunds",
		},
		{what: "the root", method: "GET", path: "/", status: 404, kind: "unknown-path"},
		{
			what: "a payment that is not there", method: "GET", path: "/v1/payments/pay_00000000000000000000000000",
			status: 404, kind: "not-found",
		},
		{
			what: "an id with a path in it", method: "GET", path: "/v1/payments/..%2f..%2fetc", status: 404,
			kind: "not-found",
		},
		{
			what: "a very long id", method: "GET", path: "/v1/payments/" + strings.Repeat("p", 65), status: 422,
			kind: invalid, at: "path id",
		},
		{
			what: "attempts of nothing", method: "GET", path: "/v1/payments/pay_00000000000000000000000000/attempts",
			status: 404, kind: "not-found",
		},
		{
			what: "cancelling nothing", method: "POST", path: "/v1/payments/pay_00000000000000000000000000/cancel",
			status: 404, kind: "not-found",
		},
		{
			what: "confirming nothing", method: "POST", path: "/v1/payments/pay_00000000000000000000000000/confirm",
			status: 404, kind: "not-found",
		},
		{
			what: "refreshing nothing", method: "POST", path: "/v1/payments/pay_00000000000000000000000000/refresh",
			status: 404, kind: "not-found",
		},
		{
			what: "editing nothing", method: "PATCH", path: "/v1/payments/pay_00000000000000000000000000",
			body: `{"reference":"a"}`, status: 404, kind: "not-found",
		},
		{
			what: "editing what cannot be edited", method: "PATCH", path: "/v1/payments/pay_00000000000000000000000000",
			body: `{"amount":"1"}`, status: 422, kind: invalid, at: "/amount", says: "unexpected",
		},
		{
			what: "editing with a member twice", method: "PATCH", path: "/v1/payments/pay_00000000000000000000000000",
			body: `{"reference":"a","reference":"b"}`, status: 400, kind: malformed, at: "/reference", says: "twice",
		},

		{
			what: "a bad cursor", method: "GET", path: "/v1/payments?cursor=last", status: 422, kind: invalid,
			at: "query cursor",
		},
		{
			what: "a limit of none", method: "GET", path: "/v1/payments?limit=0", status: 422, kind: invalid,
			at: "query limit",
		},
		{
			what: "a limit without limit", method: "GET", path: "/v1/payments?limit=501", status: 422, kind: invalid,
			at: "query limit",
		},
		{
			what: "a limit that is no number", method: "GET", path: "/v1/payments?limit=ten", status: 422,
			kind: invalid,
			at:   "query limit",
		},
		{
			what: "a status that is none", method: "GET", path: "/v1/payments?status=paid", status: 422, kind: invalid,
			at: "query status", says: `got "paid"`,
		},
		{
			what: "a kind that is none", method: "GET", path: "/v1/payments?kind=gift", status: 422, kind: invalid,
			at: "query kind",
		},
		{
			what: "a time that is none", method: "GET", path: "/v1/payments?created_from=yesterday", status: 422,
			kind: invalid, at: "query created_from",
		},
		{
			what: "a filter that is none", method: "GET", path: "/v1/payments?shop=other", status: 422,
			kind: invalid,
			at:   "query shop",
		},
		{
			what: "explaining a bad order", method: "POST", path: "/v1/routes/explain",
			body: `{"amount":"-1","currency":"EUR"}`, status: 422, kind: invalid, at: "/amount",
		},
	}
	w := build(t, plan{})
	t.Run("rows", func(t *testing.T) {
		for _, row := range rows {
			t.Run(row.what, func(t *testing.T) {
				t.Parallel()
				method, path, headers := row.method, row.path, row.headers
				if path == "" {
					method, path = "POST", "/v1/payments"
				}
				if method == "" {
					method = "POST"
				}
				key := w.key()
				if len(headers) > 0 && headers[0] == "Idempotency-Key" {
					key, headers = strings.TrimPrefix(headers[1], "-"), nil
				}
				a := w.seenBy(t).ask(method, w.router+path, row.body,
					append([]string{"Idempotency-Key", key}, headers...)...)

				require.Equal(t, row.status, a.status, string(a.body))
				p := problem(t, a)
				require.Equal(t, row.kind, p.Type)
				require.Contains(t, p.Detail, row.says)
				require.Empty(t, p.PaymentID)
				if row.at != "" {
					require.NotEmpty(t, p.Errors, string(a.body))
					require.Equal(t, row.at, p.Errors[0].Pointer+p.Errors[0].Parameter)
				} else if len(p.Errors) > 0 {
					require.Empty(t, p.Errors[0].Pointer)
				}
				if row.status == 405 {
					require.Equal(t, "GET, POST", a.header.Get("Allow"))
				}
				require.NotContains(t, string(a.body), "huma")
				require.NotContains(t, string(a.body), "goroutine")
			})
		}
	})
	var list struct{ Data []json.RawMessage }
	require.NoError(t, json.Unmarshal(w.ask("GET", w.router+"/v1/payments", "").body, &list))
	require.Empty(t, list.Data, "nothing was made")
	require.Empty(t, w.sandbox.Requests(""), "nobody was asked")
}

// All mistakes of an order are reported at once.
func TestEveryMistakeIsTold(t *testing.T) {
	t.Parallel()
	w := build(t, plan{})
	p := problem(t,
		w.ask("POST", w.router+"/v1/payments", `{"amount":"-1","currency":"EUR","country":"XX","payer":{"ip":"x"}}`,
			"Idempotency-Key", w.key()))
	var at []string
	for _, one := range p.Errors {
		at = append(at, one.Pointer)
	}
	require.Equal(t, []string{"/amount", "/country", "/payer/ip"}, at)
}
