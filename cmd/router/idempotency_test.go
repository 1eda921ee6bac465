package main

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/api"
	"payrouter/host/sandbox"
)

const order = `{"amount":"49.90","currency":"EUR","country":"DE","provider":"paygram-eu"}`

// post creates under a key.
func (w *harness) post(key, body string, headers ...string) answer {
	w.t.Helper()
	return w.ask("POST", w.router+"/v1/payments", body, append([]string{"Idempotency-Key", key}, headers...)...)
}

func TestARepetitionGetsTheSameAnswer(t *testing.T) {
	t.Parallel()
	w := build(t, plan{})
	first := w.post("order-1001-try-1", order)
	require.Equal(t, 201, first.status)
	require.Empty(t, first.header.Get("Idempotency-Replayed"))
	made := read[api.Payment](t, first)
	w.drive(sandbox.PayGram, made.ProviderReference, "pay")
	require.Equal(t, "succeeded", w.act(made, "refresh", "").Status)

	for what, again := range map[string]answer{
		"bare":   w.post("order-1001-try-1", order),
		"quoted": w.post(`"order-1001-try-1"`, order),
		"in another order": w.post("order-1001-try-1",
			`{"provider":"paygram-eu","country":"DE", "currency":"EUR","amount":"49.90"}`),
		"asynchronously":    w.post("order-1001-try-1", order, "Prefer", "respond-async"),
		"with blanks":       w.post("  order-1001-try-1 ", "\n"+order+"\n"),
		"with another name": w.post("order-1001-try-1", strings.Replace(order, "amount", `\u0061mount`, 1)),
	} {
		require.Equal(t, 201, again.status, what)
		require.Equal(t, first.body, again.body, what)
		require.Equal(t, "true", again.header.Get("Idempotency-Replayed"), what)
		require.Equal(t, first.header.Get("Location"), again.header.Get("Location"), what)
	}

	other := problem(t, w.post("order-1001-try-1", strings.Replace(order, "49.90", "49.91", 1)))
	require.Equal(t, 422, other.Status)
	require.Equal(t, "idempotency-key-reused", other.Type)
	require.Equal(t, made.ID, other.PaymentID)
	require.Len(t, w.bookings(sandbox.PayGram), 1)
	require.Equal(t, 201, w.post("order-1001-try-2", order).status)
	require.Len(t, w.bookings(sandbox.PayGram), 2)

	w.stop()
	require.NoError(t, w.end())
	restarted := build(t, plan{beside: w})
	again := restarted.post("order-1001-try-1", order)
	require.Equal(t, first.body, again.body, "also after a restart")
	require.Equal(t, "succeeded", restarted.get(made.ID).Status)
}

// What was refused before there was a payment may be mended under the same key.
func TestARefusedRequestDoesNotUseItsKeyUp(t *testing.T) {
	t.Parallel()
	w := build(t, plan{})
	require.Equal(t, 422, w.post("k", `{"amount":"-1","currency":"EUR"}`).status)
	require.Equal(t, 422, w.post("k", `{"amount":"1","currency":"BTC","provider":"cryptogram"}`).status)
	require.Equal(t, 201, w.post("k", order).status)
}

func TestARepetitionWhileTheFirstIsUnderWay(t *testing.T) {
	t.Parallel()
	w := build(t, plan{})
	w.control("POST", "paygram/faults", `{"operation":"IssueInvoice","kind":"delay","delay":"1500ms","count":1}`)

	first := w.post("k", order, "Prefer", "wait=5, respond-async")
	require.Equal(t, 202, first.status)
	made := read[api.Payment](t, first)
	require.Contains(t, []string{"created", "processing"}, made.Status)
	require.Equal(t, "/v1/payments/"+made.ID, first.header.Get("Location"))
	require.Equal(t, made.ID, w.get(made.ID).ID)

	again := w.post("k", order)
	busy := problem(t, again)
	require.Equal(t, 409, busy.Status)
	require.Equal(t, "in-flight", busy.Type)
	require.Equal(t, made.ID, busy.PaymentID)
	require.Equal(t, "1", again.header.Get("Retry-After"))
	require.Equal(t, 422, w.post("k", strings.Replace(order, "49.90", "5", 1)).status)

	w.eventually(made.ID, "requires_action")
	var settled answer
	require.Eventually(t, func() bool { // the key's answer is there a moment after the payment's status
		settled = w.post("k", order)
		return settled.status != 409
	}, time.Minute, 10*time.Millisecond)
	require.Equal(t, 201, settled.status)
	require.Equal(t, "true", settled.header.Get("Idempotency-Replayed"))
	require.Equal(t, "requires_action", read[api.Payment](t, settled).Status)
	require.Len(t, w.bookings(sandbox.PayGram), 1)
}

func (w *harness) eventually(id, status string) {
	w.t.Helper()
	require.Eventually(w.t, func() bool { return w.get(id).Status == status }, time.Minute, 10*time.Millisecond)
}

func TestManyAtOnceMakeOnePayment(t *testing.T) {
	t.Parallel()
	w := build(t, plan{})
	var mutex sync.Mutex
	seen := map[int]int{}
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			a, err := w.try(context.Background(), "POST", w.router+"/v1/payments", order, "Idempotency-Key", "k")
			mutex.Lock()
			defer mutex.Unlock()
			if err == nil {
				seen[a.status]++
			}
		})
	}
	group.Wait()
	require.Equal(t, 50, seen[201]+seen[409], "%v", seen)
	require.Positive(t, seen[201])
	require.Len(t, w.bookings(sandbox.PayGram), 1)
}

func TestAClientThatGoesAway(t *testing.T) {
	t.Parallel()
	w := build(t, plan{})
	w.control("POST", "paygram/faults", `{"operation":"IssueInvoice","kind":"delay","delay":"500ms","count":1}`)
	ctx, leave := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() {
		_, err := w.try(ctx, "POST", w.router+"/v1/payments", order, "Idempotency-Key", "k")
		gone <- err
	}()
	require.Eventually(t, func() bool { return w.requests(sandbox.PayGram, "IssueInvoice") == 1 }, time.Minute,
		time.Millisecond)
	leave()
	require.ErrorIs(t, <-gone, context.Canceled)

	require.Eventually(t, func() bool { return w.post("k", order).status == http.StatusCreated }, time.Minute,
		10*time.Millisecond)
	again := w.post("k", order)
	require.Equal(t, "true", again.header.Get("Idempotency-Replayed"))
	require.Equal(t, "requires_action", read[api.Payment](t, again).Status)
	require.Len(t, w.bookings(sandbox.PayGram), 1)
}

// A create waits no longer than its wait timeout, and then answers with the payment as it is.
func TestPatience(t *testing.T) {
	t.Parallel()
	w := build(t, plan{command: serveCommand{WaitTimeout: 50 * time.Millisecond}})
	w.control("POST", "paygram/faults", `{"operation":"IssueInvoice","kind":"delay","delay":"700ms","count":1}`)
	a := w.post("k", order)
	require.Equal(t, 202, a.status)
	w.eventually(read[api.Payment](t, a).ID, "requires_action")
}

// A stop finishes what is under way, with its answer, and takes nothing new.
func TestAStopFinishesWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	w := build(t, plan{})
	w.control("POST", "paygram/faults", `{"operation":"IssueInvoice","kind":"delay","delay":"700ms"}`)
	async := read[api.Payment](t, w.post("async", order, "Prefer", "respond-async"))
	answered := make(chan answer, 1)
	go func() {
		a, _ := w.try(context.Background(), "POST", w.router+"/v1/payments", order, "Idempotency-Key", "sync")
		answered <- a
	}()
	require.Eventually(t, func() bool { return w.requests(sandbox.PayGram, "IssueInvoice") == 2 }, time.Minute,
		time.Millisecond)

	w.stop()

	a := <-answered
	require.Equal(t, 201, a.status)
	require.Equal(t, "requires_action", read[api.Payment](t, a).Status)
	require.NoError(t, w.end())
	_, err := w.try(t.Context(), "GET", w.router+"/readyz", "")
	require.Error(t, err, "nobody listens any more")
	again := build(t, plan{beside: w})
	require.Equal(t, "requires_action", again.get(async.ID).Status, "what nobody waited for was finished too")
	require.Equal(t, "requires_action", again.get(read[api.Payment](t, a).ID).Status)
}
