package cryptogram_test

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/sandbox"
	"payrouter/host/sandbox/cryptogram"
	"payrouter/host/sandbox/sandboxtest"
)

// "Only a completed transaction is documented: before payment received, received_price, address may be null or missing:
// that is nothing received."
func TestShowsInThreeWaysThatNothingHasCome(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	id := w.Cryptogram("POST", "", sandboxtest.CryptogramCheckout).At(t, "id").(string)
	require.NoError(t, w.Drive("cryptogram", id, "pick", ""))
	for unpaid, members := range map[string]string{
		"":        `"price":10,"received":0,"received_price":0,"address":"0x[0-9a-f]{40}","completed_at"`,
		"null":    `"price":10,"received":null,"received_price":null,"address":null,"completed_at"`,
		"missing": `"price":10,"completed_at"`,
	} {
		require.NoError(t, w.Configure("cryptogram", []byte(`{"unpaid":"`+unpaid+`"}`)))
		require.Regexp(t, members, w.Cryptogram("GET", "/"+id, "").Text, unpaid)
	}
	require.ErrorIs(t, w.Configure("cryptogram", []byte(`{"unpaid":"none"}`)), sandbox.ErrInvalid)
	require.NoError(t, w.Drive("cryptogram", id, "underpay", ""))
	require.Contains(t, w.Cryptogram("GET", "/"+id, "").Text, `"received":0.00749974,"received_price":5,"address":"0x`,
		"what has come is shown")
}

// "PHP's json_encode may write a double's tail (29.949999999999999 for 29.95)."
func TestWritesADoublesTail(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{Cryptogram: cryptogram.Options{Tails: true}})
	order := strings.Replace(sandboxtest.CryptogramCheckout, `"amount": 10`, `"amount": 29.95`, 1)
	created := w.Cryptogram("POST", "", order)
	require.Contains(t, created.Text, `"amount":29.949999999999999,`)
	id := created.At(t, "id").(string)
	require.NoError(t, w.Drive("cryptogram", id, "underpay", "0.01"))
	require.Contains(t, w.Cryptogram("GET", "/"+id, "").Text,
		`"value":0.044923449999999997,"price":29.949999999999999,"received":1.499e-5,"received_price":0.01,`)
	require.Contains(t, w.Cryptogram("POST", "", sandboxtest.CryptogramCheckout).Text, `"amount":10,`, "which has no tail")
}

// "transaction.currency is the payment's own fiat currency: another one is a contradiction."
func TestPricesTransactionsInTheirPaymentsCurrency(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	order := strings.Replace(sandboxtest.CryptogramCheckout, "USD", "EUR", 1)
	id := w.Cryptogram("POST", "", order).At(t, "id").(string)
	require.NoError(t, w.Drive("cryptogram", id, "pick", ""))
	require.Equal(t, "EUR", w.Cryptogram("GET", "/"+id, "").At(t, "transaction", "currency"))
	require.NoError(t, w.Configure("cryptogram", []byte(`{"transaction_currency":"JPY"}`)))
	require.Equal(t, "JPY", w.Cryptogram("GET", "/"+id, "").At(t, "transaction", "currency"))
	require.Equal(t, "EUR", w.Cryptogram("GET", "/"+id, "").At(t, "currency"))
}

// "canceled_at is in the sample but not the field list."
func TestShowsCanceledAtOrDoesNot(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	id := w.Cryptogram("POST", "", sandboxtest.CryptogramCheckout).At(t, "id").(string)
	require.NoError(t, w.Drive("cryptogram", id, "pick", ""))
	require.Contains(t, w.Cryptogram("GET", "/"+id, "").Text, `"canceled_at":null,`)
	require.NoError(t, w.Configure("cryptogram", []byte(`{"no_canceled_at":true}`)))
	require.NoError(t, w.Drive("cryptogram", id, "cancel", ""))
	require.NotContains(t, w.Cryptogram("GET", "/"+id, "").Text, "canceled_at")
}

// "expires_at goes in without zone, read as UTC."
func TestReadsADateWithoutZoneAsUTC(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{}) // it is noon, UTC
	for date, status := range map[string]int{"2026-03-02T12:00:01": 201, "2026-03-02T11:59:59": 422} {
		got := w.Cryptogram("POST", "", strings.Replace(sandboxtest.CryptogramCheckout, "2026-05-19T09:13:28", date, 1))
		require.Equal(t, status, got.Status, date)
	}
}

// The payer's acts, with amounts in the payment's currency.
func TestPayersActs(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	events, err := w.Events("cryptogram")
	require.NoError(t, err)
	require.Subset(t, events, []string{"pay", "underpay", "overpay", "pay_late", "expire", "decline"})
	for _, row := range []struct{ events, amount, status, price string }{
		{"pay", "", "completed", "10"},
		{"pay", "10.00", "completed", "10"},
		{"underpay", "", "pending", "5"},
		{"underpay", "0.01", "pending", "0.01"},
		{"overpay", "", "completed", "11"},
		{"overpay", "10.01", "completed", "10.01"},
		{"decline", "", "canceled", "0"},
		{"decline pay_late", "", "canceled", "10"},
		{"decline pay_late", "3.50", "canceled", "3.5"},
		{"expire pay_late", "", "pending", "10"},
	} {
		id := w.Cryptogram("POST", "", sandboxtest.CryptogramCheckout).At(t, "id").(string)
		for event := range strings.FieldsSeq(row.events) {
			require.NoError(t, w.Drive("cryptogram", id, event, row.amount), row)
		}
		got := w.Cryptogram("GET", "/"+id, "")
		require.Equal(t, row.status, got.At(t, "transaction", "status"), row)
		require.Equal(t, row.price, got.At(t, "transaction", "received_price"), row)
	}
}

// deaf refuses the first notifications, and keeps when each came and what it was.
type deaf struct {
	mu      sync.Mutex
	refuses int
	at      []time.Time
	bodies  []string
}

func (d *deaf) RoundTrip(r *http.Request) (*http.Response, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	d.at, d.bodies = append(d.at, time.Now()), append(d.bodies, string(body))
	status := http.StatusOK
	if d.refuses--; d.refuses >= 0 {
		status = http.StatusServiceUnavailable
	}
	return &http.Response{StatusCode: status, Body: http.NoBody, Request: r}, err
}

// "In the event of a failure, we will re-attempt the request for 19 more times over the period of several hours."
func TestRepeatsAFailedNotificationNineteenTimesOverHours(t *testing.T) {
	t.Parallel()
	for refuses, want := range map[int]int{0: 1, 1: 2, 7: 8, 19: 20, 100: 20} {
		synctest.Test(t, func(t *testing.T) {
			router := &deaf{refuses: refuses}
			s, err := sandbox.New(sandbox.Options{Seed: 7, Deliver: router})
			require.NoError(t, err)
			defer s.Close()
			require.NoError(t, s.Report("cryptogram", sandbox.Callback{URL: "http://router.example/hook"}))
			header := sandboxtest.JSONHeader("Authorization", "Bearer "+sandbox.DefaultCredentials().Cryptogram)
			order := strings.Replace(sandboxtest.CryptogramCheckout, "2026-05-19", "2036-05-19", 1)
			require.Equal(t, 201,
				sandboxtest.Call(s, "POST", "/cryptogram/api/v1/commerce-payments", header, order).Code)
			require.NoError(t, s.Drive("cryptogram", "tok_123456", "pay", ""))

			time.Sleep(48 * time.Hour)
			synctest.Wait()

			require.Len(t, router.bodies, want)
			for _, body := range router.bodies {
				require.Equal(t, router.bodies[0], body, "byte for byte the same")
			}
			took := router.at[want-1].Sub(router.at[0])
			if want == 20 {
				require.Greater(t, took, 2*time.Hour)
				require.Less(t, took, 12*time.Hour)
			}
		})
	}
}
