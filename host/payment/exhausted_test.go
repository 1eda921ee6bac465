package payment_test

import (
	"context"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/attempt"
	"payrouter/host/egress"
	"payrouter/host/operation"
	"payrouter/host/payment"
	"payrouter/host/payment/paymenttest"
	"payrouter/host/store/sqlite/sqlitetest"
)

func TestAnExhaustedMachineTakesNothingNew(t *testing.T) {
	t.Parallel()
	var short atomic.Bool
	first := newProvider(t, says(`{"id":"a-1","status":"open"}`))
	h := runsHarness(t, paymenttest.Settings{Exhausted: func() error {
		if short.Load() {
			return egress.ErrExhausted
		}
		return nil
	}}, probed{name: "a", connector: &probe{name: "first", idempotency: none}, url: first.url})
	made := h.create(t, "k")
	short.Store(true)

	_, err := h.engine.Create(t.Context(), author("shop"), attempt.Key{Value: "new", Fingerprint: "f"}, orderOf("10.00"),
		time.Minute)
	require.ErrorIs(t, err, attempt.ErrExhausted)
	_, err = h.engine.Perform(t.Context(), author("shop"), attempt.Key{Value: "run", Fingerprint: "f"},
		operation.Request{Provider: "a", Operation: "confirm"}, time.Minute)
	require.ErrorIs(t, err, attempt.ErrExhausted)
	payments, _, err := h.engine.Payments(t.Context(), payment.Filter{})
	require.NoError(t, err)
	require.Len(t, payments, 1, "nothing is journalled")

	again, err := h.engine.Create(t.Context(), author("shop"), attempt.Key{Value: "k", Fingerprint: "f"}, orderOf("10.00"),
		time.Minute)
	require.NoError(t, err)
	require.Equal(t, made.OwnerID(), again.Earlier.Owner, "a repetition is answered")
	short.Store(false)
	h.create(t, "new")
}

// exhaust makes account a's connections fail for want of files, until it is got that there are some again.
func exhaust(t *testing.T, fleet *payment.Fleet, url string, machine *egress.Machine, short *atomic.Bool) {
	t.Helper()
	client, err := egress.New(egress.Settings{
		Provider: "a", BaseURL: url, Secrets: map[string]string{"token": secretToken}, AllowPrivate: true,
		Machine: machine,
		Retry:   egress.RetrySettings{MaxTries: 1}, Breaker: egress.BreakerSettings{Failures: 1},
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			if short.Load() {
				return nil, &net.OpError{Op: "dial", Net: network, Err: os.NewSyscallError("socket", syscall.EMFILE)}
			}
			return (&net.Dialer{}).DialContext(ctx, network, address)
		},
	})
	require.NoError(t, err)
	t.Cleanup(client.Close)
	fleet.Accounts["a"].Egress = client
}

// A payment that was journalled before the machine ran out waits for it, and goes nowhere else.
func TestAPaymentOnItsWayOutlivesAnExhaustedMachine(t *testing.T) {
	t.Parallel()
	first, second := newProvider(t, says(`{"id":"a-1","status":"open"}`)), newProvider(t,
		says(`{"id":"b-1","status":"open"}`))
	accounts := []probed{
		{name: "a", connector: &probe{name: "first", idempotency: none}, url: first.url},
		{name: "b", connector: &probe{name: "second", idempotency: none}, url: second.url},
	}
	var short atomic.Bool
	short.Store(true)
	machine, journal := &egress.Machine{}, sqlitetest.Open(t)
	fleet := newFleet(t, accounts...)
	exhaust(t, fleet, first.url, machine, &short)
	met := make(chan struct{}, 100)
	engine := paymenttest.New(journal, fleet, paymenttest.Settings{
		Exhausted: func() error {
			if short.Load() {
				return nil // found out too late
			}
			return machine.Check(time.Now())
		},
		Observe: func(attempt.Attempt) { met <- struct{}{} },
	})
	receipts := make(chan attempt.Receipt[payment.Payment], 1)
	go func() {
		receipt, err := engine.Create(context.Background(), author("shop"), attempt.Key{Value: "k", Fingerprint: "f"},
			orderOf("10.00"), time.Minute)
		if err == nil {
			receipts <- receipt
		}
	}()
	<-met
	<-met
	short.Store(false)

	receipt := <-receipts
	require.Equal(t, payment.RequiresAction, receipt.Value.Status)
	require.Equal(t, "a", receipt.Value.Provider)
	require.Len(t, first.requests(), 1)
	require.Empty(t, second.requests())
	require.NoError(t, fleet.Accounts["a"].Egress.Askable(), "no fault of the provider's")
	require.NoError(t, engine.Shutdown(t.Context()))
}

func TestAPaymentThatAnExhaustedMachineCannotSendIsLeftForRecovery(t *testing.T) {
	t.Parallel()
	first := newProvider(t, says(`{"id":"a-1","status":"open"}`))
	only := probed{name: "a", connector: &probe{name: "first", idempotency: none}, url: first.url}
	var short atomic.Bool
	short.Store(true)
	journal, fleet := sqlitetest.Open(t), newFleet(t, only)
	exhaust(t, fleet, first.url, &egress.Machine{}, &short)
	var asked atomic.Int32
	engine := paymenttest.New(journal, fleet, paymenttest.Settings{Exhausted: func() error {
		if asked.Add(1) == 1 {
			return nil // found out too late
		}
		return egress.ErrExhausted
	}})
	receipt, err := engine.Create(t.Context(), author("shop"),
		attempt.Key{Value: "k", Fingerprint: "f"}, orderOf("10.00"), 0)
	require.NoError(t, err)
	require.True(t, receipt.Waiting)
	require.Eventually(t, func() bool {
		attempts, err := journal.Attempts(t.Context(), receipt.Value.ID)
		return err == nil && len(attempts) == 1 && attempts[0].Event == attempt.NotSent
	}, time.Minute, time.Millisecond)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, engine.Shutdown(gone), context.Canceled)
	left, err := journal.Payment(t.Context(), receipt.Value.ID)
	require.NoError(t, err)
	require.Equal(t, payment.Processing, left.Status, "it has not failed")

	h := furnish(t, journal, paymenttest.Settings{}, only)
	require.NoError(t, h.engine.Recover(t.Context()))
	found, err := h.engine.Payment(t.Context(), "shop", left.ID)
	require.NoError(t, err)
	require.Equal(t, payment.RequiresAction, found.Status)
	require.Len(t, first.requests(), 1)
}
