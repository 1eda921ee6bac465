package cryptogram_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"payrouter/host/sandbox"
	"payrouter/host/sandbox/cryptogram"
	"payrouter/host/sandbox/sandboxtest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

func TestPaymentLives(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	created := w.Cryptogram("POST", "", sandboxtest.CryptogramCheckout)
	require.Equal(t, 201, created.Status)
	id := created.At(t, "id").(string)
	require.Equal(t, sandboxtest.Compact(t, `{
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
    "url": "`+w.URL+`/cryptogram/payments/`+id+`",
    "transaction": null
}`), created.Text, "the document's example, field by field")
	require.Equal(t, []string{"1000"}, created.Header["X-Ratelimit-Limit"])
	require.Equal(t, []string{"999"}, created.Header["X-Ratelimit-Remaining"])
	require.Equal(t, created.Text, w.Cryptogram("GET", "/"+id, "").Text)

	require.NoError(t, w.Drive("cryptogram", "tok_123456", "pick", ""), "by the token of ours in the redirect")
	picked := w.Cryptogram("GET", "/"+id, "")
	require.Equal(t, "pending", picked.At(t, "transaction", "status"))
	require.Contains(t, picked.Text, `"received":0,"received_price":0`)

	w.Clock.Set("2026-03-02T12:05:00Z")
	require.NoError(t, w.Drive("cryptogram", id, "pay", ""))
	paid := w.Cryptogram("GET", "/"+id, "")
	require.Regexp(t,
		`"transaction":{"wallet":"bnb","currency":"USD","status":"completed","value":0.01499948,"price":10,`+
			`"received":0.01499948,"received_price":10,"address":"0x[0-9a-f]{40}",`+
			`"completed_at":"2026-03-02T12:05:00.000000Z","canceled_at":null,"created_at":"2026-03-02T12:00:00.000000Z",`+
			`"updated_at":"2026-03-02T12:05:00.000000Z"}}$`, paid.Text)
	require.ErrorIs(t, w.Drive("cryptogram", id, "pay", ""), sandbox.ErrRefused)
	list := w.Ledger("cryptogram")
	require.Len(t, list, 1)
	require.True(t, list[0].MovedMoney)
	require.Equal(t, id, list[0].ProviderReference)
}

func TestEnds(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		event, amount, status, received string
		moved                           bool
	}{
		"half is pending":              {"underpay", "", "pending", "0.00749974", true},
		"a named part is pending":      {"underpay", "0.04", "pending", "5.999e-5", true},
		"more than all is completed":   {"overpay", "", "completed", "0.01649943", true},
		"canceled":                     {"cancel", "", "canceled", "0", false},
		"declined, which is canceled":  {"decline", "", "canceled", "0", false},
		"a named sum, above the price": {"pay", "20", "completed", "0.02999896", true},
		"a named sum, below the price": {"pay", "9.99", "pending", "0.01498448", true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := sandboxtest.Serve(t, sandbox.Options{})
			id := w.Cryptogram("POST", "", sandboxtest.CryptogramCheckout).At(t, "id").(string)
			require.NoError(t, w.Drive("cryptogram", id, tt.event, tt.amount))
			got := w.Cryptogram("GET", "/"+id, "")
			require.Equal(t, tt.status, got.At(t, "transaction", "status"))
			require.Contains(t, got.Text, `"received":`+tt.received+",", "a float as PHP writes it")
			require.Equal(t, tt.status == "canceled", got.At(t, "transaction", "canceled_at") != nil)
			require.Equal(t, tt.status == "completed", got.At(t, "transaction", "completed_at") != nil)
			require.Equal(t, tt.moved, w.Ledger("")[0].MovedMoney)
		})
	}
}

func TestExpiryIsOnlyADate(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	id := w.Cryptogram("POST", "", sandboxtest.CryptogramCheckout).At(t, "id").(string)
	require.NoError(t, w.Drive("cryptogram", id, "expire", ""))
	got := w.Cryptogram("GET", "/"+id, "")
	require.Equal(t, "2026-03-02T11:59:59.000000Z", got.At(t, "expires_at"))
	require.Nil(t, got.At(t, "transaction"))
	require.NoError(t, w.Drive("cryptogram", id, "pay", ""), "coins may come late")
}

func TestUpdatesFourTextsAndNothingElse(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	id := w.Cryptogram("POST", "", sandboxtest.CryptogramCheckout).At(t, "id").(string)
	w.Clock.Set("2026-03-02T12:01:00Z")
	got := w.Cryptogram("PATCH", "/"+id, `{"title":"New","amount":1,"message":"Thanks"}`)
	require.Equal(t, 200, got.Status)
	require.Equal(t, "New", got.At(t, "title"))
	require.Equal(t, "Thanks", got.At(t, "message"))
	require.Equal(t, "10", got.At(t, "amount"))
	require.Equal(t, "Ullamcorper quia lorem penatibus?", got.At(t, "description"))
	require.Equal(t, "2026-03-02T12:01:00.000000Z", got.At(t, "updated_at"))

	refused := w.Cryptogram("PATCH", "/"+id, `{"title":"Newer","redirect":"nowhere"}`)
	require.Equal(t, 422, refused.Status)
	require.Equal(t, "New", w.Cryptogram("GET", "/"+id, "").At(t, "title"), "all or nothing")
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	none := w.Cryptogram("POST", "", "{}")
	require.Equal(t, 422, none.Status)
	require.Equal(t, "The amount field is required. (and 7 more errors)", none.At(t, "message"))
	for _, field := range []string{
		"amount", "currency", "wallets", "title", "description", "redirect", "message",
		"expires_at",
	} {
		require.Contains(t, none.At(t, "errors"), field)
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
		got := w.Cryptogram("POST", "", strings.Replace(sandboxtest.CryptogramCheckout, tt.from, tt.to, 1))
		require.Equal(t, 422, got.Status, name)
		require.Equal(t, tt.text, got.At(t, "message"), name)
		require.Equal(t, tt.text, got.At(t, "errors", tt.field, 0), name)
	}
	for name, tt := range map[string]struct {
		got    sandboxtest.Reply
		status int
	}{
		"no token": {w.Do("GET", "/cryptogram/api/v1/commerce-payments/x", nil, ""), 401},
		"a wrong token": {w.Do("POST", "/cryptogram/api/v1/commerce-payments",
			http.Header{"Authorization": {"Bearer wrong"}}, sandboxtest.CryptogramCheckout), 401},
		"no payment": {w.Cryptogram("GET", "/6d8eefdb-7e06-47e9-bcc9-7aa320c3aa82", ""), 404},
		"no list":    {w.Cryptogram("GET", "", ""), 405},
		"no cancel":  {w.Cryptogram("DELETE", "/6d8eefdb", ""), 405},
	} {
		require.Equal(t, tt.status, tt.got.Status, name)
		require.NotEmpty(t, tt.got.At(t, "message"), name)
	}
	require.Empty(t, w.Ledger("cryptogram"))
}

func TestLimitsTheRate(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{Cryptogram: cryptogram.Options{Limit: 2}})
	require.Equal(t, 404, w.Cryptogram("GET", "/x", "").Status)
	require.Equal(t, 404, w.Cryptogram("GET", "/x", "").Status)
	got := w.Cryptogram("POST", "", sandboxtest.CryptogramCheckout)
	require.Equal(t, 429, got.Status)
	require.Equal(t, "60", got.Header.Get("Retry-After"))
	require.Empty(t, w.Ledger(""), "refused before it was processed")
	w.Clock.Set("2026-03-02T12:01:00Z")
	require.Equal(t, 201, w.Cryptogram("POST", "", sandboxtest.CryptogramCheckout).Status)
}

func TestNotifiesWithNothingButAnID(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	in := sandboxtest.Receive(t)
	require.NoError(t, w.Report("cryptogram", sandbox.Callback{URL: in.URL}))
	id := w.Cryptogram("POST", "", sandboxtest.CryptogramCheckout).At(t, "id").(string)
	for _, row := range []struct{ options, body string }{
		{`{}`, `{"resource":"CommercePayment","id":"` + id + `"}`}, // the sample
		{`{"resource":"Payment"}`, `{"resource":"Payment","id":"` + id + `"}`},
		{`{"id_alone":true}`, `{"id":"` + id + `"}`}, // the prose
	} {
		require.NoError(t, w.Configure("cryptogram", []byte(row.options)))
		require.NoError(t, w.Drive("cryptogram", id, "underpay", ""))
		r, body := in.Next(t)
		require.Equal(t, "POST", r.Method)
		require.Equal(t, row.body, body)
	}
}
