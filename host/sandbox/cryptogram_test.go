package sandbox_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/host/sandbox"
	"payrouter/host/sandbox/cryptogram"
)

func (w *world) cryptogram(method, path, body string) reply {
	w.t.Helper()
	return w.do(method, "/cryptogram/api/v1/commerce-payments"+path,
		jsonHeader("Authorization", "Bearer "+sandbox.DefaultCredentials().Cryptogram), body)
}

const checkout = `{
    "amount": 10,
    "currency": "USD",
    "wallets": ["bnb"],
    "title": "Vulputate ipsum penatibus.",
    "description": "Ullamcorper quia lorem penatibus?",
    "redirect": "https://shop.example/return/tok_123456",
    "expires_at": "2026-05-19T09:13:28",
    "message": "Magnam hic esse mollitia!"
}`

func TestCryptogramPaymentLives(t *testing.T) {
	t.Parallel()
	w := serve(t, sandbox.Options{})
	created := w.cryptogram("POST", "", checkout)
	require.Equal(t, 201, created.status)
	id := created.at(t, "id").(string)
	require.Equal(t, compact(t, `{
    "id": "`+id+`",
    "amount": 10,
    "currency": "USD",
    "title": "Vulputate ipsum penatibus.",
    "description": "Ullamcorper quia lorem penatibus?",
    "redirect": "https://shop.example/return/tok_123456",
    "message": "Magnam hic esse mollitia!",
    "expires_at": "2026-05-19T09:13:28.000000Z",
    "created_at": "2026-03-02T12:00:00.000000Z",
    "updated_at": "2026-03-02T12:00:00.000000Z",
    "wallets": [
        "bnb"
    ],
    "url": "`+w.url+`/cryptogram/payments/`+id+`",
    "transaction": null
}`), created.text, "the document's example, field by field")
	require.Equal(t, []string{"1000"}, created.header["X-Ratelimit-Limit"])
	require.Equal(t, []string{"999"}, created.header["X-Ratelimit-Remaining"])
	require.Equal(t, created.text, w.cryptogram("GET", "/"+id, "").text)

	require.NoError(t, w.Drive("cryptogram", "tok_123456", "pick", ""), "by the token of ours in the redirect")
	picked := w.cryptogram("GET", "/"+id, "")
	require.Equal(t, "pending", picked.at(t, "transaction", "status"))
	require.Contains(t, picked.text, `"received":0,"received_price":0`)

	w.clock.Set("2026-03-02T12:05:00Z")
	require.NoError(t, w.Drive("cryptogram", id, "pay", ""))
	paid := w.cryptogram("GET", "/"+id, "")
	require.Regexp(t,
		`"transaction":{"wallet":"bnb","currency":"USD","status":"completed","value":0.01499948,"price":10,`+
			`"received":0.01499948,"received_price":10,"address":"0x[0-9a-f]{40}",`+
			`"completed_at":"2026-03-02T12:05:00.000000Z","canceled_at":null,"created_at":"2026-03-02T12:00:00.000000Z",`+
			`"updated_at":"2026-03-02T12:05:00.000000Z"}}$`, paid.text)
	require.ErrorIs(t, w.Drive("cryptogram", id, "pay", ""), sandbox.ErrRefused)
	list := w.Ledger("cryptogram")
	require.Len(t, list, 1)
	require.True(t, list[0].MovedMoney)
	require.Equal(t, id, list[0].ProviderReference)
}

func TestCryptogramEnds(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		event, amount, status, received string
		moved                           bool
	}{
		"half is pending":              {"underpay", "", "pending", "0.00749974", true},
		"a named part is pending":      {"underpay", "0.00005", "pending", "5.0e-5", true},
		"more than all is completed":   {"overpay", "", "completed", "0.01649943", true},
		"canceled":                     {"cancel", "", "canceled", "0", false},
		"a named sum, above the value": {"pay", "0.02", "completed", "0.02", true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := serve(t, sandbox.Options{})
			id := w.cryptogram("POST", "", checkout).at(t, "id").(string)
			require.NoError(t, w.Drive("cryptogram", id, tt.event, tt.amount))
			got := w.cryptogram("GET", "/"+id, "")
			require.Equal(t, tt.status, got.at(t, "transaction", "status"))
			require.Contains(t, got.text, `"received":`+tt.received+",", "a float as PHP writes it")
			require.Equal(t, tt.status == "canceled", got.at(t, "transaction", "canceled_at") != nil)
			require.Equal(t, tt.status == "completed", got.at(t, "transaction", "completed_at") != nil)
			require.Equal(t, tt.moved, w.Ledger("")[0].MovedMoney)
		})
	}
}

func TestCryptogramExpiryIsOnlyADate(t *testing.T) {
	t.Parallel()
	w := serve(t, sandbox.Options{})
	id := w.cryptogram("POST", "", checkout).at(t, "id").(string)
	require.NoError(t, w.Drive("cryptogram", id, "expire", ""))
	got := w.cryptogram("GET", "/"+id, "")
	require.Equal(t, "2026-03-02T11:59:59.000000Z", got.at(t, "expires_at"))
	require.Nil(t, got.at(t, "transaction"))
	require.NoError(t, w.Drive("cryptogram", id, "pay", ""), "coins may come late")
}

func TestCryptogramUpdatesFourTextsAndNothingElse(t *testing.T) {
	t.Parallel()
	w := serve(t, sandbox.Options{})
	id := w.cryptogram("POST", "", checkout).at(t, "id").(string)
	w.clock.Set("2026-03-02T12:01:00Z")
	got := w.cryptogram("PATCH", "/"+id, `{"title":"New","amount":1,"message":"Thanks"}`)
	require.Equal(t, 200, got.status)
	require.Equal(t, "New", got.at(t, "title"))
	require.Equal(t, "Thanks", got.at(t, "message"))
	require.Equal(t, "10", got.at(t, "amount"))
	require.Equal(t, "Ullamcorper quia lorem penatibus?", got.at(t, "description"))
	require.Equal(t, "2026-03-02T12:01:00.000000Z", got.at(t, "updated_at"))

	refused := w.cryptogram("PATCH", "/"+id, `{"title":"Newer","redirect":"nowhere"}`)
	require.Equal(t, 422, refused.status)
	require.Equal(t, "New", w.cryptogram("GET", "/"+id, "").at(t, "title"), "all or nothing")
}

func TestCryptogramRefusals(t *testing.T) {
	t.Parallel()
	w := serve(t, sandbox.Options{})
	none := w.cryptogram("POST", "", "{}")
	require.Equal(t, 422, none.status)
	require.Equal(t, "The amount field is required. (and 7 more errors)", none.at(t, "message"))
	for _, field := range []string{
		"amount", "currency", "wallets", "title", "description", "redirect", "message",
		"expires_at",
	} {
		require.Contains(t, none.at(t, "errors"), field)
	}
	tests := map[string]struct{ from, to, field, text string }{
		"a quoted amount":  {`"amount": 10`, `"amount": "10"`, "amount", "The amount field must be a number."},
		"nothing to pay":   {`"amount": 10`, `"amount": 0`, "amount", "The amount field must be greater than 0."},
		"an unknown coin":  {`["bnb"]`, `["doge"]`, "wallets.0", "The selected wallets.0 is invalid."},
		"no coin":          {`["bnb"]`, `[]`, "wallets", "The wallets field is required."},
		"an unknown money": {`"USD"`, `"XXX"`, "currency", "The selected currency is invalid."},
		"a date gone by": {
			"2026-05-19", "2025-05-19", "expires_at",
			"The expires at field must be a date after now.",
		},
		"no date": {
			"2026-05-19T09:13:28", "soon", "expires_at",
			"The expires at field must be a valid date.",
		},
		"a redirect nowhere": {"https://shop", "shop", "redirect", "The redirect field must be a valid URL."},
	}
	for name, tt := range tests {
		got := w.cryptogram("POST", "", strings.Replace(checkout, tt.from, tt.to, 1))
		require.Equal(t, 422, got.status, name)
		require.Equal(t, tt.text, got.at(t, "message"), name)
		require.Equal(t, tt.text, got.at(t, "errors", tt.field, 0), name)
	}
	for name, tt := range map[string]struct {
		got    reply
		status int
	}{
		"no token": {w.do("GET", "/cryptogram/api/v1/commerce-payments/x", nil, ""), 401},
		"a wrong token": {w.do("POST", "/cryptogram/api/v1/commerce-payments",
			http.Header{"Authorization": {"Bearer wrong"}}, checkout), 401},
		"no payment": {w.cryptogram("GET", "/6d8eefdb-7e06-47e9-bcc9-7aa320c3aa82", ""), 404},
		"no list":    {w.cryptogram("GET", "", ""), 405},
		"no cancel":  {w.cryptogram("DELETE", "/6d8eefdb", ""), 405},
	} {
		require.Equal(t, tt.status, tt.got.status, name)
		require.NotEmpty(t, tt.got.at(t, "message"), name)
	}
	require.Empty(t, w.Ledger("cryptogram"))
}

func TestCryptogramLimitsTheRate(t *testing.T) {
	t.Parallel()
	w := serve(t, sandbox.Options{Cryptogram: cryptogram.Options{Limit: 2}})
	require.Equal(t, 404, w.cryptogram("GET", "/x", "").status)
	require.Equal(t, 404, w.cryptogram("GET", "/x", "").status)
	got := w.cryptogram("POST", "", checkout)
	require.Equal(t, 429, got.status)
	require.Equal(t, "60", got.header.Get("Retry-After"))
	require.Empty(t, w.Ledger(""), "refused before it was processed")
	w.clock.Set("2026-03-02T12:01:00Z")
	require.Equal(t, 201, w.cryptogram("POST", "", checkout).status)
}

func TestCryptogramNotifiesWithNothingButAnID(t *testing.T) {
	t.Parallel()
	w := serve(t, sandbox.Options{})
	in := receive(t)
	require.NoError(t, w.Report("cryptogram", sandbox.Callback{URL: in.url}))
	id := w.cryptogram("POST", "", checkout).at(t, "id").(string)
	require.NoError(t, w.Drive("cryptogram", id, "pay", ""))
	r, body := in.next(t)
	require.Equal(t, "POST", r.Method)
	require.Equal(t, `{"resource":"CommercePayment","id":"`+id+`"}`, body)
}
