package webhook_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"payrouter/host/attempt"
	"payrouter/host/payment"
	"payrouter/host/webhook"
)

// verify checks a visit as a receiver does, but for its clock.
func verify(v visit, secret webhook.Secret) error {
	receiver, err := standardwebhooks.NewWebhook(string(secret))
	if err != nil {
		return err
	}
	return receiver.VerifyIgnoringTimestamp(v.body, v.header)
}

func TestEventsAreSentSignedToWhoeverWantsThem(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.event(t, "shop", payment.PaymentCreated)
	r := newReceiver(t, nil)
	all, some := h.endpoint(t, r.URL+"/all"), h.endpoint(t, r.URL+"/some", payment.PaymentSucceeded,
		payment.PaymentFailed)
	h.event(t, "other", payment.PaymentSucceeded)
	created, paid := h.event(t, "shop", payment.PaymentCreated), h.event(t, "shop", payment.PaymentSucceeded)
	h.round(t)

	got := map[webhook.Secret][]string{}
	for _, v := range r.seen() {
		for _, secret := range []webhook.Secret{all.Secret, some.Secret} {
			if verify(v, secret) == nil {
				got[secret] = append(got[secret], v.event())
			}
		}
		require.Equal(t, "application/json", v.header.Get("Content-Type"))
		require.Equal(t, fmt.Sprint(h.clock.now().Unix()), v.header.Get("webhook-timestamp"))
		if v.event() == paid.ID {
			require.JSONEq(t, `{"type":"payment.succeeded","timestamp":"2026-03-01T12:00:00Z",
				"data":{"sequence":4,"cause":"answer","payment":{"id":"`+paid.PaymentID+`","amount":"49.90"}}}`, string(v.body))
		}
	}
	require.ElementsMatch(t, []string{created.ID, paid.ID}, got[all.Secret],
		"what was before the endpoint, and others', is not sent")
	require.Equal(t, []string{paid.ID}, got[some.Secret])
	d := h.delivery(t, all, paid)
	require.Equal(t, webhook.Delivered, d.State)
	require.Equal(t, 204, d.Status)
	require.Equal(t, 1, d.Tries)
	require.Equal(t, h.clock.now(), h.standing(t, all).DeliveredAt)
	h.clock.advance(100 * time.Hour)
	h.round(t)
	require.Empty(t, r.seen(), "what was delivered is not sent again")
}

func TestFailedTriesFollowTheScheduleWithOneIDAndFreshSignatures(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	r := newReceiver(t, status(500))
	e := h.endpoint(t, r.URL)
	event := h.event(t, "shop", payment.PaymentSucceeded)
	var visits []visit
	for i, pause := range []time.Duration{
		0, 5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour,
		14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
	} {
		if pause > 0 {
			h.clock.advance(pause - time.Millisecond)
			h.round(t)
			require.Empty(t, r.seen(), "before its time")
			h.clock.advance(time.Millisecond)
		}
		h.round(t)
		seen := r.seen()
		require.Len(t, seen, 1, "try %d", i+1)
		require.NoError(t, verify(seen[0], e.Secret))
		require.Equal(t, fmt.Sprint(h.clock.now().Unix()), seen[0].header.Get("webhook-timestamp"))
		visits = append(visits, seen...)
	}
	signatures := map[string]bool{}
	for _, v := range visits {
		require.Equal(t, event.ID, v.event())
		require.Equal(t, visits[0].body, v.body)
		signatures[v.header.Get("webhook-signature")] = true
	}
	require.Len(t, signatures, len(visits))

	d := h.delivery(t, e, event)
	require.Equal(t, webhook.Failed, d.State)
	require.Contains(t, d.Error, "500")
	require.False(t, h.standing(t, e).Disabled(), "three days are not five")
	h.clock.advance(1000 * time.Hour)
	h.round(t)
	require.Empty(t, r.seen())
}

func TestRedirectsFailAndAreNotFollowed(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	elsewhere := newReceiver(t, nil)
	for _, code := range []int{301, 302, 303, 307, 308} {
		r := newReceiver(t,
			func(w http.ResponseWriter, r *http.Request, _ string) { http.Redirect(w, r, elsewhere.URL, code) })
		e := h.endpoint(t, r.URL)
		event := h.event(t, "shop", payment.PaymentSucceeded)
		h.round(t)
		d := h.delivery(t, e, event)
		require.Equal(t, webhook.Pending, d.State)
		require.Equal(t, code, d.Status)
		require.Contains(t, d.Error, "redirect")
		require.NoError(t, h.endpoints.Delete(t.Context(), "shop", e.ID))
	}
	require.Empty(t, elsewhere.seen())
}

func TestGoneDisablesAndNothingIsLostUntilItIsEnabledAgain(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	var gone atomic.Bool
	gone.Store(true)
	r := newReceiver(t, func(w http.ResponseWriter, _ *http.Request, _ string) {
		if gone.Load() {
			w.WriteHeader(http.StatusGone)
		}
	})
	e := h.endpoint(t, r.URL)
	first := h.event(t, "shop", payment.PaymentSucceeded)
	h.round(t)
	require.Len(t, r.seen(), 1)
	standing := h.standing(t, e)
	require.True(t, standing.Disabled())
	require.Contains(t, standing.DisabledReason, "410")
	require.Equal(t, webhook.Failed, h.delivery(t, e, first).State)

	second := h.event(t, "shop", payment.PaymentSucceeded)
	h.clock.advance(24 * time.Hour)
	h.round(t)
	require.Empty(t, r.seen(), "a disabled endpoint gets nothing")
	_, err := h.endpoints.Redeliver(t.Context(), "shop", e.ID, first.ID)
	require.ErrorIs(t, err, webhook.ErrDisabled)

	gone.Store(false)
	enabled := true
	standing, err = h.endpoints.Change(t.Context(), "shop", e.ID, webhook.Edit{Enabled: &enabled})
	require.NoError(t, err)
	require.Empty(t, standing.DisabledReason)
	h.round(t)
	seen := r.seen()
	require.Len(t, seen, 1)
	require.Equal(t, second.ID, seen[0].event())
}

func TestMerchantsDisableTheirEndpoints(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	r := newReceiver(t, status(500))
	e := h.endpoint(t, r.URL)
	h.event(t, "shop", payment.PaymentSucceeded)
	h.round(t)
	require.Len(t, r.seen(), 1)
	enabled := false
	standing, err := h.endpoints.Change(t.Context(), "shop", e.ID, webhook.Edit{Enabled: &enabled})
	require.NoError(t, err)
	require.Equal(t, "by the merchant", standing.DisabledReason)
	h.event(t, "shop", payment.PaymentSucceeded)
	h.clock.advance(time.Hour)
	h.round(t)
	require.Empty(t, r.seen(), "neither what comes nor what was to be tried again")
}

func TestEndpointThatAsksForLessGetsLess(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		status int
		header string
		quiet  time.Duration
	}{
		{429, "600", 10 * time.Minute},
		{503, "600", 10 * time.Minute},
		{429, "Sun, 01 Mar 2026 12:20:00 GMT", 20 * time.Minute},
		{429, "", time.Minute},
		{502, "", time.Minute},
		{504, "", time.Minute},
	} {
		t.Run(fmt.Sprint(row.status, row.header), func(t *testing.T) {
			t.Parallel()
			h := newHarness(t)
			var calm atomic.Bool
			r := newReceiver(t, func(w http.ResponseWriter, _ *http.Request, _ string) {
				if calm.Load() {
					return
				}
				if row.header != "" {
					w.Header().Set("Retry-After", row.header)
				}
				w.WriteHeader(row.status)
			})
			e := h.endpoint(t, r.URL)
			h.event(t, "shop", payment.PaymentSucceeded)
			h.round(t)
			require.Len(t, r.seen(), 1)
			another := h.event(t, "shop", payment.PaymentSucceeded)
			h.clock.advance(row.quiet - time.Second)
			h.round(t)
			require.Empty(t, r.seen(), "another event does not go around it")
			calm.Store(true)
			h.clock.advance(time.Second)
			h.round(t)
			require.Len(t, r.seen(), 2)
			require.Equal(t, webhook.Delivered, h.delivery(t, e, another).State)
		})
	}
}

func TestOneStuckEventHoldsBackNoOther(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	stuck := ""
	r := newReceiver(t, func(w http.ResponseWriter, _ *http.Request, event string) {
		if event == stuck {
			w.WriteHeader(http.StatusBadRequest)
		}
	})
	e := h.endpoint(t, r.URL)
	first := h.event(t, "shop", payment.PaymentSucceeded)
	stuck = first.ID
	h.round(t)
	for range 5 {
		event := h.event(t, "shop", payment.PaymentSucceeded)
		h.round(t)
		require.Equal(t, webhook.Delivered, h.delivery(t, e, event).State)
		h.clock.advance(5 * time.Minute)
	}
	require.Equal(t, webhook.Pending, h.delivery(t, e, first).State)
}

func TestSlowEndpointTakesItsOwnPlacesOnly(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	const each = 2
	release := make(chan struct{})
	var under, most atomic.Int32
	slow := newReceiver(t, func(_ http.ResponseWriter, r *http.Request, _ string) {
		now := under.Add(1)
		for seen := most.Load(); now > seen && !most.CompareAndSwap(seen, now); seen = most.Load() {
		}
		defer under.Add(-1)
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	quickly := make(chan string, 100)
	quick := newReceiver(t, func(_ http.ResponseWriter, _ *http.Request, event string) { quickly <- event })
	slowly := h.endpoint(t, slow.URL)
	h.endpoint(t, quick.URL)
	for range 10 {
		h.event(t, "shop", payment.PaymentSucceeded)
	}
	sender := h.newSender(webhook.Settings{Every: time.Millisecond, Workers: 2 * each, PerEndpoint: each})
	ctx, cancel := context.WithCancel(t.Context())
	var run sync.WaitGroup
	run.Go(func() { sender.Run(ctx) })
	events := map[string]bool{}
	for range 10 {
		events[<-quickly] = true
	}
	require.Len(t, events, 10)
	close(release)
	require.Eventually(t, func() bool {
		done, err := h.endpoints.Deliveries(t.Context(), "shop", slowly.ID, webhook.Filter{State: webhook.Delivered})
		return err == nil && len(done) == 10
	}, 10*time.Second, 5*time.Millisecond)
	cancel()
	run.Wait()
	require.EqualValues(t, each, most.Load())
}

func TestEndpointIsDisabledAfterFiveDaysWithoutASuccess(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	r := newReceiver(t, status(500))
	e := h.endpoint(t, r.URL)
	for range 6 {
		require.False(t, h.standing(t, e).Disabled())
		h.event(t, "shop", payment.PaymentSucceeded)
		h.round(t)
		for range 12 {
			h.clock.advance(2 * time.Hour)
			h.round(t)
		}
	}
	for range 36 {
		h.clock.advance(2 * time.Hour)
		h.round(t)
	}
	standing := h.standing(t, e)
	require.True(t, standing.Disabled())
	require.Contains(t, standing.DisabledReason, "since 2026-03-01T12:00:00Z")
	require.Contains(t, standing.DisabledReason, "500")
	require.GreaterOrEqual(t, standing.DisabledAt.Sub(standing.FailingSince), 5*24*time.Hour)
}

func TestEventsAreSentAgainByHand(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	old := h.event(t, "shop", payment.PaymentCreated)
	r := newReceiver(t, nil)
	e := h.endpoint(t, r.URL, payment.PaymentSucceeded)
	event := h.event(t, "shop", payment.PaymentSucceeded)
	h.round(t)
	first := r.seen()
	require.Len(t, first, 1)
	h.clock.advance(time.Hour)

	d, err := h.endpoints.Redeliver(t.Context(), "shop", e.ID, event.ID)
	require.NoError(t, err)
	require.Equal(t, webhook.Pending, d.State)
	h.round(t)
	again := r.seen()
	require.Len(t, again, 1)
	require.Equal(t, first[0].body, again[0].body)
	require.Equal(t, event.ID, again[0].event())

	_, err = h.endpoints.Redeliver(t.Context(), "shop", e.ID, old.ID)
	require.NoError(t, err, "also what was before the endpoint")
	h.round(t)
	require.Len(t, r.seen(), 1)
	_, err = h.endpoints.Redeliver(t.Context(), "shop", e.ID, "evt_made_up")
	require.ErrorIs(t, err, webhook.ErrNotFound)
}

// A try that was under way when a person asked for another must not end that.
func TestRedeliveryOutlivesATryUnderWay(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	var once sync.Once
	var e webhook.Endpoint
	r := newReceiver(t, func(_ http.ResponseWriter, _ *http.Request, event string) {
		once.Do(func() {
			_, err := h.endpoints.Redeliver(context.Background(), "shop", e.ID, event)
			if err != nil {
				panic(err)
			}
		})
	})
	e = h.endpoint(t, r.URL)
	h.event(t, "shop", payment.PaymentSucceeded)
	h.round(t)
	require.Len(t, r.seen(), 2)
}

func TestPrivateAddressesGetNothing(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	r := newReceiver(t, nil)
	direct, named := h.endpoint(t, r.URL), h.endpoint(t, strings.Replace(r.URL, "127.0.0.1", "localhost", 1))
	event := h.event(t, "shop", payment.PaymentSucceeded)
	guarded := webhook.NewSender(h.db.Webhooks(), webhook.Settings{Now: h.clock.now})
	require.NoError(t, guarded.Round(t.Context()))
	require.Empty(t, r.seen())
	for _, e := range []webhook.Endpoint{direct, named} {
		d := h.delivery(t, e, event)
		require.Equal(t, webhook.Pending, d.State)
		require.Equal(t, "the name does not lead to a public address", d.Error, "and nothing of what it leads to")
	}
}

func TestFailuresToConnectAreTold(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	closed := newReceiver(t, nil)
	closed.Close()
	e := h.endpoint(t, closed.URL)
	cut := h.endpoint(t,
		newReceiver(t, func(http.ResponseWriter, *http.Request, string) { panic(http.ErrAbortHandler) }).URL)
	event := h.event(t, "shop", payment.PaymentSucceeded)
	h.round(t)
	require.Equal(t, "no connection", h.delivery(t, e, event).Error)
	require.Contains(t, h.delivery(t, cut, event).Error, "broke")
}

func TestRotationSignsWithBothSecretsUntilTheOldOneEnds(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	r := newReceiver(t, nil)
	e := h.endpoint(t, r.URL)
	rotated, err := h.endpoints.Rotate(t.Context(), "shop", e.ID, time.Hour)
	require.NoError(t, err)
	require.NotEqual(t, e.Secret, rotated.Secret)

	for _, row := range []struct {
		after    time.Duration
		oldWorks bool
	}{{0, true}, {time.Hour - time.Second, true}, {time.Second, false}} {
		h.clock.advance(row.after)
		h.event(t, "shop", payment.PaymentSucceeded)
		h.round(t)
		seen := r.seen()
		require.Len(t, seen, 1)
		require.NoError(t, verify(seen[0], rotated.Secret))
		require.Equal(t, row.oldWorks, verify(seen[0], e.Secret) == nil)
	}
	_, err = h.endpoints.Rotate(t.Context(), "shop", e.ID, 0)
	require.NoError(t, err)
	h.event(t, "shop", payment.PaymentSucceeded)
	h.round(t)
	require.Error(t, verify(r.seen()[0], rotated.Secret), "no overlap, no old secret")
}

func TestClaimOfADeadRouterIsTakenOverAfterItsLease(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	r := newReceiver(t, nil)
	e := h.endpoint(t, r.URL)
	event := h.event(t, "shop", payment.PaymentSucceeded)
	queue, now := h.db.Webhooks(), h.clock.now()
	_, err := queue.Spread(t.Context(), now)
	require.NoError(t, err)
	dead, err := queue.Claim(t.Context(), webhook.Wish{Now: now, Until: now.Add(time.Minute), Limit: 9, PerEndpoint: 9})
	require.NoError(t, err)
	require.Len(t, dead, 1)

	h.clock.advance(time.Minute - time.Second)
	h.round(t)
	require.Empty(t, r.seen())
	h.clock.advance(time.Second)
	h.round(t)
	require.Len(t, r.seen(), 1)
	late := dead[0].Delivery
	late.State = webhook.Pending
	require.ErrorIs(t, queue.Finish(t.Context(), late, func(*webhook.Endpoint) {}), webhook.ErrLost,
		"one that wakes again has no say")
	require.Equal(t, webhook.Delivered, h.delivery(t, e, event).State)
}

func TestShutdownIsNoFailedTry(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	arrived := make(chan struct{}, 1)
	var patient atomic.Bool
	r := newReceiver(t, func(_ http.ResponseWriter, r *http.Request, _ string) {
		if patient.Load() {
			return
		}
		arrived <- struct{}{}
		<-r.Context().Done()
	})
	e := h.endpoint(t, r.URL)
	event := h.event(t, "shop", payment.PaymentSucceeded)
	ctx, cancel := context.WithCancel(t.Context())
	var run sync.WaitGroup
	run.Go(func() { h.newSender(webhook.Settings{}).Run(ctx) })
	<-arrived
	cancel()
	run.Wait()
	d := h.delivery(t, e, event)
	require.Equal(t, webhook.Pending, d.State)
	require.Zero(t, d.Tries)
	require.Zero(t, h.standing(t, e).FailingSince)
	patient.Store(true)
	h.round(t)
	require.Equal(t, webhook.Delivered, h.delivery(t, e, event).State)
}

func TestEndlessAnswersAreCutShort(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	var sent atomic.Int64
	r := newReceiver(t, func(w http.ResponseWriter, _ *http.Request, _ string) {
		for chunk := make([]byte, 32<<10); ; {
			n, err := w.Write(chunk)
			if sent.Add(int64(n)); err != nil {
				return
			}
		}
	})
	e := h.endpoint(t, r.URL)
	event := h.event(t, "shop", payment.PaymentSucceeded)
	h.round(t)
	require.Equal(t, webhook.Delivered, h.delivery(t, e, event).State)
	require.Less(t, sent.Load(), int64(64<<20))
}

func TestEveryEventOfMoreThanABatchIsSentOnce(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	r := newReceiver(t, nil)
	e := h.endpoint(t, r.URL)
	types := slices.Repeat([]payment.EntryType{payment.PaymentUpdated}, 1203)
	written := h.eventsOf(t, "shop", types...)
	h.round(t)
	got := map[string]int{}
	for _, v := range r.seen() {
		got[v.event()]++
	}
	require.Len(t, got, len(written))
	for _, event := range written {
		require.Equal(t, 1, got[event.ID])
	}
	page, err := h.endpoints.Deliveries(t.Context(), "shop", e.ID, webhook.Filter{Limit: 3})
	require.NoError(t, err)
	require.Len(t, page, 3)
	require.Equal(t, written[1202].ID, page[0].EventID)
	page, err = h.endpoints.Deliveries(t.Context(), "shop", e.ID,
		webhook.Filter{Limit: 3, State: webhook.Delivered, Before: page[2].Sequence})
	require.NoError(t, err)
	require.Equal(t, written[1199].ID, page[0].EventID)
	page, err = h.endpoints.Deliveries(t.Context(), "shop", e.ID, webhook.Filter{State: webhook.Failed})
	require.NoError(t, err)
	require.Empty(t, page)
}

// Events must outlive a crash with how far each endpoint is: both are in the journal.
func TestNothingIsSentWhileTheJournalCannotBeWritten(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	r := newReceiver(t, nil)
	h.endpoint(t, r.URL)
	h.event(t, "shop", payment.PaymentSucceeded)
	sender := webhook.NewSender(unwritable{h.db.Webhooks()}, webhook.Settings{AllowPrivate: true, Now: h.clock.now})
	require.ErrorIs(t, sender.Round(t.Context()), attempt.ErrJournal)
	require.Empty(t, r.seen())
	h.round(t)
	require.Len(t, r.seen(), 1)
}

type unwritable struct{ webhook.Queue }

func (unwritable) Claim(context.Context, webhook.Wish) ([]webhook.Job, error) {
	return nil, attempt.ErrJournal
}

// What a router sent and could not write down is sent again, with the same id.
func TestRouterThatDiesAfterSendingSendsAgain(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	r := newReceiver(t, nil)
	e := h.endpoint(t, r.URL)
	event := h.event(t, "shop", payment.PaymentSucceeded)
	ctx, die := context.WithCancel(t.Context())
	dying := webhook.NewSender(deaf{h.db.Webhooks()},
		webhook.Settings{AllowPrivate: true, Now: h.clock.now, Answered: die})
	_ = dying.Round(ctx)
	require.Error(t, ctx.Err())
	h.clock.advance(time.Minute)
	h.round(t)
	seen := r.seen()
	require.Len(t, seen, 2)
	require.Equal(t, seen[0].body, seen[1].body)
	require.Equal(t, event.ID, seen[1].event())
	require.Equal(t, webhook.Delivered, h.delivery(t, e, event).State)
}

// deaf takes no word of what became of a try.
type deaf struct{ webhook.Queue }

func (deaf) Finish(context.Context, webhook.Delivery, func(*webhook.Endpoint)) error {
	return attempt.ErrJournal
}

func TestPlacesThatBecomeFreeAreTakenWithoutWaitingForTheClock(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	arrived := make(chan string, 10)
	h.endpoint(t, newReceiver(t, func(_ http.ResponseWriter, _ *http.Request, event string) { arrived <- event }).URL)
	for range 10 {
		h.event(t, "shop", payment.PaymentSucceeded)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var run sync.WaitGroup
	run.Go(func() { h.newSender(webhook.Settings{Every: time.Hour, PerEndpoint: 1}).Run(ctx) })
	for range 10 {
		<-arrived
	}
	cancel()
	run.Wait()
}
