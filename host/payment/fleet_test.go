package payment_test

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"payrouter/host/attempt"
	"payrouter/host/payment"
	"payrouter/host/payment/paymenttest"
)

var paid = says(`{"id":"t-*","status":"paid"}`)

// A payment that was begun before a switch ends with the generation that began it, and only then is the old fleet let
// go.
func TestAPaymentUnderWayKeepsItsFleet(t *testing.T) {
	t.Parallel()
	arrived, goOn := make(chan struct{}), make(chan struct{})
	slow := newProvider(t, func(w http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-goOn
		paid(w, r)
	})
	quick := newProvider(t, paid)
	h := newHarness(t, paymenttest.Settings{},
		probed{name: "a", connector: &probe{number: 1}, url: slow.url, timeout: time.Minute})
	before := h.engine.Fleet()
	retired := make(chan struct{})
	before.Retired = func() { close(retired) }

	first := make(chan attempt.Receipt[payment.Payment])
	go func() {
		receipt, err := h.engine.Create(t.Context(), author("shop"), attempt.Key{Value: "first", Fingerprint: "f"},
			orderOf("10.00"), time.Minute)
		assert.NoError(t, err)
		first <- receipt
	}()
	<-arrived
	h.engine.Serve(newFleet(t, probed{name: "a", connector: &probe{number: 2}, url: quick.url}))
	second := h.create(t, "second")
	require.Equal(t, int64(2), h.attempts(t, second.ID)[0].Generation, "what comes after the switch is the new fleet's")
	select {
	case <-retired:
		t.Fatal("the old fleet was let go with a payment under way")
	default:
	}
	close(goOn)
	one := (<-first).Value
	<-retired
	require.Equal(t, payment.Succeeded, one.Status)
	require.Equal(t, int64(1), h.attempts(t, one.ID)[0].Generation)
}

// Whoever holds a fleet keeps it, and giving it back twice counts once.
func TestAHeldFleetIsNotRetired(t *testing.T) {
	t.Parallel()
	at := newProvider(t, paid).url
	h := newHarness(t, paymenttest.Settings{}, probed{name: "a", connector: &probe{}, url: at})
	retired := 0
	held, release := h.engine.Hold()
	held.Retired = func() { retired++ }
	_, other := h.engine.Hold()
	h.engine.Serve(newFleet(t, probed{name: "a", connector: &probe{}, url: at}))
	release()
	release()
	require.Zero(t, retired)
	other()
	require.Equal(t, 1, retired)
	now, again := h.engine.Hold()
	defer again()
	require.NotSame(t, held, now)
}

// Fleets are switched while payments come in: none fails, none mixes generations, and every fleet but the last is let
// go.
func TestSwitchingFailsNoPayment(t *testing.T) {
	t.Parallel()
	at := newProvider(t, paid).url
	h := newHarness(t, paymenttest.Settings{}, probed{name: "a", connector: &probe{number: 1}, url: at})
	var retired atomic.Int64
	count := func(f *payment.Fleet) *payment.Fleet {
		f.Retired = func() { retired.Add(1) }
		return f
	}
	count(h.engine.Fleet())
	const clients, each, switches = 4, 20, 30
	var work sync.WaitGroup
	var mixed atomic.Int64
	for client := range clients {
		work.Go(func() {
			for i := range each {
				p := h.create(t, fmt.Sprint(client, "-", i))
				for _, a := range h.attempts(t, p.ID) {
					if p.Status != payment.Succeeded || a.Digest != fmt.Sprintf("%064x", a.Generation) {
						mixed.Add(1)
					}
				}
			}
		})
	}
	for i := range switches {
		h.engine.Serve(count(newFleet(t, probed{name: "a", connector: &probe{number: int64(i + 2)}, url: at})))
	}
	work.Wait()
	require.Zero(t, mixed.Load())
	require.Equal(t, int64(switches), retired.Load())
}

// It is asked for every order.
func TestTheTickersOfAFleetAreGatheredOnce(t *testing.T) {
	fleet := newFleet(t, probed{name: "a", connector: &probe{}, url: "http://127.0.0.1:1"})
	require.True(t, fleet.Tickers()["EUR"])
	require.Zero(t, testing.AllocsPerRun(100, func() { fleet.Tickers() }))
}
