package main

import (
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/api"
	"payrouter/host/payment"
	"payrouter/host/sandbox"
	"payrouter/host/sandbox/paygrt"
)

// ahead is a clock that is ahead of the machine's.
type ahead struct{ by atomic.Int64 }

func (c *ahead) now() time.Time { return time.Now().Add(time.Duration(c.by.Load())) }

func (c *ahead) pass(by time.Duration) { c.by.Add(int64(by)) }

// until lets time pass until a time of day in UTC.
func (c *ahead) until(t *testing.T, timeOfDay string) {
	t.Helper()
	now := c.now().UTC()
	at, err := time.Parse(time.DateOnly+" "+time.TimeOnly, now.Format(time.DateOnly)+" "+timeOfDay)
	require.NoError(t, err)
	if !at.After(now) {
		at = at.AddDate(0, 0, 1)
	}
	c.pass(at.Sub(now))
}

// byOperator is a recharge of another operator's number.
func byOperator(code string) string { return strings.Replace(recharge, `"AT"`, `"`+code+`"`, 1) }

// A recharge may be carried out at once, or be pending until a status check or a callback says more.
func TestPaygrtsRechargesAtOnceAndPending(t *testing.T) {
	t.Parallel()
	w := build(t, plan{})
	pending := w.create(recharge)
	require.Equal(t, "processing", pending.Status)
	require.Equal(t, "processing", w.act(pending, "refresh", "").Status)
	w.drive("paygrt", pending.ProviderReference, "pay")
	require.Equal(t, "succeeded", w.act(pending, "refresh", "").Status)

	require.NoError(t, w.sandbox.Configure(sandbox.Paygrt, []byte(`{"immediate":true}`)))
	require.Equal(t, "succeeded", w.create(recharge).Status)
	require.Len(t, w.bookings(sandbox.Paygrt), 2)
}

// In the test environment Airtel's recharges succeed and all others fail; elsewhere each has its own end. A failure is
// one with data and without.
func TestPaygrtsFailuresWithDataAndWithout(t *testing.T) {
	t.Parallel()
	w := build(t, plan{})
	for _, options := range []string{`{"no_data":false}`, `{"no_data":true}`} {
		require.NoError(t, w.sandbox.Configure(sandbox.Paygrt, []byte(options)))
		for _, code := range []string{"RJ", "VF", "ZZ"} {
			p := w.create(byOperator(code))
			require.Equal(t, "failed", p.Status, options)
			require.Equal(t, "declined", p.Failure.Code, options)
			require.Equal(t, "soft", string(p.Failure.Class), options)
		}
		w.control("POST", "paygrt/balance", `{"currency":"INR","amount":"10"}`)
		poor := w.create(recharge)
		require.Equal(t, "failed", poor.Status, options)
		require.Equal(t, "insufficient_funds", poor.Failure.Code, options)
		w.control("POST", "paygrt/balance", `{"currency":"INR","amount":"1000"}`)
	}
	require.Empty(t, w.bookings(sandbox.Paygrt))
	require.NoError(t, w.sandbox.Configure(sandbox.Paygrt, []byte(`{"any_operator":true}`)))
	require.Equal(t, "processing", w.create(byOperator("RJ")).Status)
}

// "status=0 should be treated as successful else fail": a wrong key is a refusal whose data is null, of a recharge and
// of what the account is asked.
func TestPaygrtRefusesAWrongKey(t *testing.T) {
	t.Parallel()
	w := build(t, plan{environ: []string{"PAYGRT_API_KEY=another-key-made-up"}})
	p := w.create(recharge)
	require.Equal(t, "failed", p.Status)
	require.Equal(t, "authentication_failed", p.Failure.Code)
	require.Equal(t, "Invalid API Key", p.Failure.Message)
	require.Empty(t, w.bookings(sandbox.Paygrt))
	balances := listed[api.Balance](w, "/v1/balances?provider=paygrt")
	require.Empty(t, balances.Data)
	require.Len(t, balances.Errors, 1)
}

// A status check that failed says nothing about the recharge, and one about another recharge neither.
func TestAFailedStatusCheckOfPaygrtsChangesNothing(t *testing.T) {
	t.Parallel()
	for _, options := range []string{`{"no_data":false}`, `{"no_data":true}`} {
		clock := &ahead{}
		clock.until(t, "06:00:00")
		w := build(t, plan{environ: patient, now: clock.now, sandbox: sandbox.Options{Now: clock.now}})
		require.NoError(t, w.sandbox.Configure(sandbox.Paygrt, []byte(options)))
		// The recharge never arrives.
		w.control("POST", "paygrt/faults", `{"operation":"recharge","kind":"reset_before","count":1}`)
		lost := w.create(recharge)
		require.Equal(t, "unknown", lost.Status, options)
		clock.pass(time.Hour)
		w.ask("POST", w.router+"/v1/payments/"+lost.ID+"/refresh", "")
		require.Equal(t, "unknown", w.get(lost.ID).Status, "not found is not failed")
		require.Empty(t, w.bookings(sandbox.Paygrt))

		p := w.create(recharge)
		w.drive("paygrt", p.ProviderReference, "pay")
		require.NoError(t, w.sandbox.Configure(sandbox.Paygrt, []byte(`{"echo":"12345"}`)))
		w.ask("POST", w.router+"/v1/payments/"+p.ID+"/refresh", "")
		require.Equal(t, "processing", w.get(p.ID).Status, "the answer is about another api_ref_id")
		require.NoError(t, w.sandbox.Configure(sandbox.Paygrt, []byte(`{"echo":""}`)))
		require.Equal(t, "succeeded", w.act(p, "refresh", "").Status)
	}
}

// The day of submission is India's or UTC's: the document does not say. Near midnight both are asked for.
func TestPaygrtFindsARechargeAroundMidnight(t *testing.T) {
	t.Parallel()
	for _, options := range []string{`{"utc":false}`, `{"utc":true}`} {
		clock := &ahead{}
		w := build(t, plan{environ: patient, now: clock.now, sandbox: sandbox.Options{Now: clock.now}})
		require.NoError(t, w.sandbox.Configure(sandbox.Paygrt, []byte(options)))
		for _, sent := range []string{
			"12:00:00", // 17:30 in India
			"18:29:30", // half a minute before midnight in India
			"18:30:30", // half a minute after it
			"23:59:30", // half a minute before midnight in UTC, 5:29:30 in India
			"00:00:30",
		} {
			clock.until(t, sent)
			// The answer is lost, so that nothing but the reference and the day is known.
			w.control("POST", "paygrt/faults", `{"operation":"recharge","kind":"reset_after","count":1}`)
			p := w.create(recharge)
			require.Equal(t, "unknown", p.Status, sent)
			clock.pass(20 * time.Minute)
			p = w.act(p, "refresh", "")
			require.Equal(t, "processing", p.Status, options+sent)
			w.drive("paygrt", p.ProviderReference, "pay")
			require.Equal(t, "succeeded", w.act(p, "refresh", "").Status, options+sent)
		}
		require.Len(t, w.bookings(sandbox.Paygrt), 5, "none was sent twice")
	}
}

// A callback comes by GET or by POST, its members in the query or in a form.
func TestPaygrtsCallbacksByGetAndByPost(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ callback, method string }{
		{"", http.MethodGet}, {"post", http.MethodPost}, {"form", http.MethodPost},
	} {
		s := newShop(t, false, sandbox.Options{Paygrt: paygrt.Options{Callback: paygrt.Callback(row.callback)}})
		made := s.create(t, "paygrt", payment.Order{
			Kind: payment.Recharge, Amount: "199", Currency: "INR", Country: "IN",
			Destination: payment.Destination{Operator: "AT", Number: "9876543210"},
		})
		// An unsigned report is no more than a reason to ask.
		query := url.Values{"api_ref_id": {s.providers.Ledger(sandbox.Paygrt)[0].Reference}, "txn_id": {"1"}}
		query.Set("recharge_status", "Success")
		require.Equal(t, http.StatusOK, post(t, s.addresses.Account("paygrt")+"?"+query.Encode(), "", ""))
		<-s.kept
		s.round(t, time.Minute)
		require.Equal(t, payment.Processing, s.payment(t, made.ID).Status)

		require.NoError(t, s.providers.Drive(sandbox.Paygrt, made.ProviderReference, "pay", ""))
		require.Equal(t, row.method, (<-s.kept).Method)
		for range 3 { // the look-up that the first report caused is a while ago only then
			s.round(t, time.Minute)
		}
		require.Equal(t, payment.Succeeded, s.payment(t, made.ID).Status)
	}
}

func TestPaygrtsPayersActs(t *testing.T) {
	t.Parallel()
	w := build(t, plan{})
	for _, row := range []struct{ event, amount, status string }{
		{"pay", "", "succeeded"},
		{"pay", "199.00", "succeeded"},
		{"underpay", "", "failed"}, // nobody pays a recharge in parts
		{"underpay", "198.99", "failed"},
		{"overpay", "", "succeeded"},
		{"overpay", "200", "succeeded"},
		{"expire", "", "failed"},
		{"decline", "", "failed"},
		{"pay_late", "", "succeeded"}, // reported as failed first, which nobody asked about
	} {
		p := w.create(recharge)
		require.NoError(t, w.sandbox.Drive(sandbox.Paygrt, p.ProviderReference, row.event, row.amount))
		p = w.act(p, "refresh", "")
		require.Equal(t, row.status, p.Status, row)
		if row.status != "failed" {
			continue
		}
		require.Equal(t, "declined", p.Failure.Code)
		require.NoError(t, w.sandbox.Drive(sandbox.Paygrt, p.ProviderReference, "pay_late", ""))
		late := w.act(p, "refresh", "")
		require.Equal(t, "failed", late.Status)
		require.True(t, late.MoneyConflict, "the recharge was carried out after all")
	}
}

// A native recharge under a reference that Paygrt has already taken: one reading refuses it, which proves nothing about
// the first, and the other carries it out.
func TestPaygrtsReferenceThatComesAgain(t *testing.T) {
	t.Parallel()
	w := build(t, plan{sandbox: sandbox.Options{Paygrt: paygrt.Options{Unique: true}}})
	const again = `{"api_ref_id":"777111","recharge_number":"9876543210","recharge_amount":"10","operator_code":"AT"}`
	run := func() api.Run {
		a := w.ask("POST", w.router+"/v1/providers/paygrt/operations/Recharge", again, "Idempotency-Key", w.key())
		require.Contains(t, []int{201, 202}, a.status, string(a.body))
		return read[api.Run](t, a)
	}
	require.Equal(t, "succeeded", run().Status)
	require.Equal(t, "unknown", run().Status, "the first may have gone through, or not")
	require.Len(t, w.bookings(sandbox.Paygrt), 1)
	require.NoError(t, w.sandbox.Configure(sandbox.Paygrt, []byte(`{"unique":false}`)))
	require.Equal(t, "succeeded", run().Status)
	require.Len(t, w.bookings(sandbox.Paygrt), 2)
}
