package payment_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/attempt"
	"payrouter/host/money"
	"payrouter/host/payment"
	"payrouter/host/payment/paymenttest"
)

// A payment of 10 EUR is reported paid: with which amounts is that a proof?
func TestSuccessNeedsTheAmountInThePaymentsCurrency(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		what, report string
		status       payment.Status
		err          error
		alert        string
	}{
		{"a definite status, and no amount", `{"id":"a-1","status":"paid"}`, payment.Succeeded, nil, ""},
		{"the amount that was asked for", `{"id":"a-1","status":"paid","amount":10.00}`, payment.Succeeded, nil, ""},
		{"all of it received", `{"id":"a-1","status":"paid","amount":10,"received":10}`, payment.Succeeded, nil, ""},
		{"more received", `{"id":"a-1","status":"paid","received":10.01}`, payment.Succeeded, nil, ""},
		{
			"the coin that the payer used, beside the amount",
			`{"id":"a-1","status":"paid","amount":10,"received":0.0003,"received_currency":"BTC"}`, payment.Succeeded,
			nil, "",
		},
		{
			"the same number of another currency",
			`{"id":"a-1","status":"paid","received":10,"received_currency":"JPY"}`,
			payment.Processing, nil, "10 JPY received for a payment of 10.00 EUR",
		},
		{
			"less received", `{"id":"a-1","status":"paid","amount":10,"received":9.99}`, payment.Processing, nil,
			"9.99 of 10.00 EUR received",
		},
		{
			"an order of the same number in another currency",
			`{"id":"a-1","status":"paid","amount":10,"currency":"JPY"}`,
			payment.RequiresAction, attempt.ErrUnanswered, "10 JPY, not 10.00 EUR",
		},
		{
			"another currency in both",
			`{"id":"a-1","status":"paid","amount":10,"currency":"JPY","received":10,"received_currency":"JPY"}`,
			payment.RequiresAction, attempt.ErrUnanswered, "10 JPY, not 10.00 EUR",
		},
		{
			"another amount", `{"id":"a-1","status":"paid","amount":11}`, payment.RequiresAction, attempt.ErrUnanswered,
			"11 EUR, not 10.00 EUR",
		},
	} {
		t.Run(row.what, func(t *testing.T) {
			t.Parallel()
			first := newProvider(t, says(row.report), says(`{"id":"a-1","status":"open"}`))
			h := one(t, &probe{name: "first", idempotency: abandonable}, first, paymenttest.Settings{})
			made := h.create(t, "k")
			_, err := h.engine.Refresh(t.Context(), "shop", made.ID)
			require.ErrorIs(t, err, row.err)
			p := h.payment(t, made.ID)
			require.Equal(t, row.status, p.Status)
			require.Equal(t, row.alert == "", p.Alert == "", p.Alert)
			require.Contains(t, p.Alert, row.alert)
		})
	}
}

// Money goes by what was received, and not by the status's word.
func TestMoneyThatComesAfterTheEndIsAConflict(t *testing.T) {
	t.Parallel()
	for _, ended := range []payment.Status{payment.Failed, payment.Canceled, payment.Expired} {
		for _, row := range []struct {
			what, report string
			conflict     bool
		}{
			{"nothing came", `{"id":"a-1","status":"` + string(ended) + `"}`, false},
			{"nothing came, in numbers", `{"id":"a-1","status":"canceled","received":0}`, false},
			{"it came, and the status stays", `{"id":"a-1","status":"` + string(ended) + `","received":10}`, true},
			{"a part of it came", `{"id":"a-1","status":"canceled","received":0.01}`, true},
			{"coins came", `{"id":"a-1","status":"expired","received":0.0003,"received_currency":"BTC"}`, true},
			{"it came, and is not taken in yet", `{"id":"a-1","status":"working","received":10}`, true},
			{"the provider does not know what to call it", `{"id":"a-1","status":"unclear","received":10}`, true},
			{"paid after all", `{"id":"a-1","status":"paid"}`, true},
		} {
			t.Run(string(ended)+": "+row.what, func(t *testing.T) {
				t.Parallel()
				first := newProvider(t, says(row.report), says(`{"id":"a-1","status":"open"}`),
					says(`{"id":"a-1","status":"`+string(ended)+`"}`))
				h := one(t, &probe{name: "first", idempotency: abandonable}, first, paymenttest.Settings{})
				made := h.create(t, "k")
				p, err := h.engine.Refresh(t.Context(), "shop", made.ID)
				require.NoError(t, err)
				require.Equal(t, ended, p.Status)
				require.False(t, p.MoneyConflict)

				p, err = h.engine.Refresh(t.Context(), "shop", made.ID)

				require.NoError(t, err)
				require.Equal(t, ended, p.Status, "a terminal status never changes")
				require.Equal(t, row.conflict, p.MoneyConflict)
				if row.conflict {
					require.Equal(t, payment.PaymentMoneyConflict, h.last(t, made.ID).Type)
				}
				_, err = h.engine.Confirm(t.Context(), "shop", made.ID, author("shop"), "", nil)
				require.Equal(t, row.conflict, err == nil, "the money is within reach if there is any: %v", err)
			})
		}
	}
}

func TestAPaymentDoesNotEndWithoutSuccessWhileMoneyIsInIt(t *testing.T) {
	t.Parallel()
	for _, status := range []string{"failed", "canceled", "expired"} {
		first := newProvider(t, says(`{"id":"a-1","status":"paid","received":10}`),
			says(`{"id":"a-1","status":"open"}`), says(`{"id":"a-1","status":"`+status+`","received":4}`))
		h := one(t, &probe{name: "first", idempotency: abandonable}, first, paymenttest.Settings{})
		made := h.create(t, "k")
		p, err := h.engine.Refresh(t.Context(), "shop", made.ID)
		require.NoError(t, err)
		require.Equal(t, payment.Processing, p.Status)
		require.True(t, p.MoneyConflict)
		require.Equal(t, "reported as "+status+", and 4 EUR was received", p.Alert)
		require.Equal(t, money.Money{Amount: "4", Currency: "EUR"}, p.Received)
		require.Equal(t, payment.PaymentMoneyConflict, h.last(t, made.ID).Type)
		p, err = h.engine.Confirm(t.Context(), "shop", made.ID, author("shop"), "", nil)
		require.NoError(t, err)
		require.Equal(t, payment.Succeeded, p.Status)
	}
}

func TestTheMoneyOfAPaymentThatEndedIsTakenInOnce(t *testing.T) {
	t.Parallel()
	late := `{"id":"a-1","status":"canceled","received":10}`
	first := newProvider(t, says(`{"id":"a-1","status":"paid","received":10}`),
		says(`{"id":"a-1","status":"open"}`), says(`{"id":"a-1","status":"canceled"}`), says(late), hangsUp, says(late))
	h := one(t, &probe{name: "first", idempotency: abandonable}, first, paymenttest.Settings{})
	made := h.create(t, "k")
	confirm := func() (payment.Payment, error) {
		return h.engine.Confirm(t.Context(), "shop", made.ID, author("shop"), "", nil)
	}
	refresh := func() {
		_, err := h.engine.Refresh(t.Context(), "shop", made.ID)
		require.NoError(t, err)
	}
	refresh()
	_, err := confirm()
	require.ErrorIs(t, err, payment.ErrState, "there is nothing to take in")
	refresh()

	p, err := confirm()
	require.NoError(t, err)
	require.Equal(t, payment.Canceled, p.Status)
	require.Contains(t, p.Alert, "nobody knows whether it was taken in")
	_, err = confirm()
	require.ErrorIs(t, err, payment.ErrState, "the one before may have taken it in")
	require.Len(t, first.requests(), 4)

	refresh()
	p, err = confirm()
	require.NoError(t, err)
	require.Equal(t, payment.Canceled, p.Status)
	require.True(t, p.MoneyConflict, "a person decides what becomes of the money")
	require.Contains(t, p.Alert, "was taken in after the payment had ended")
}

func TestLateMoneyIsFoundByLookingAgain(t *testing.T) {
	t.Parallel()
	clock := &clock{now: time.Now()}
	first := newProvider(t, func(http.ResponseWriter, *http.Request) { t.Error("asked once too often") },
		says(`{"id":"a-1","status":"open"}`), says(`{"id":"a-1","status":"expired"}`),
		says(`{"id":"a-1","status":"expired"}`),
		says(`{"id":"a-1","status":"expired","received":10}`))
	h := newHarness(t, paymenttest.Settings{Now: clock.read},
		probed{name: "a", connector: &probe{name: "first", idempotency: abandonable}, url: first.url})
	r := payment.NewReconciler(h.engine.Engine, payment.ReconcilerSettings{})
	made := h.create(t, "k")
	for _, row := range []struct {
		by       time.Duration
		conflict bool
	}{{time.Minute, false}, {40 * time.Minute, false}, {24 * time.Hour, true}, {24 * time.Hour, true}} {
		h.later(t, r, clock, row.by)
		p := h.payment(t, made.ID)
		require.Equal(t, payment.Expired, p.Status)
		require.Equal(t, row.conflict, p.MoneyConflict)
		require.Equal(t, row.conflict, p.NextCheck.IsZero(), "what is known is not looked for")
	}
}
