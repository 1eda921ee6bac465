package main

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/approval"
	"payrouter/host/attempt"
	"payrouter/host/payment"
	"payrouter/host/sandbox"
	"payrouter/host/sandbox/paygram"
)

func (s *shop) payment(t *testing.T, id string) payment.Payment {
	t.Helper()
	p, err := s.engine.Payment(t.Context(), "shop", id)
	require.NoError(t, err)
	return p
}

// PayGram cannot find a withdrawal by our reference. One whose answer was lost is found by its notice, which names it.
func TestALostWithdrawalIsFoundByItsNotice(t *testing.T) {
	t.Parallel()
	s := newShop(t, false, sandbox.Options{PayGram: paygram.Options{UnlistedWithdrawals: true}})
	require.NoError(t,
		s.providers.Order(sandbox.PayGram,
			sandbox.Fault{Operation: "Withdraw", Kind: sandbox.FaultResetAfter, Count: 1}))
	order := payment.Order{
		Kind: payment.Payout, Amount: "100", Currency: "USDT", Pinned: "paygram-eu",
		Destination: payment.Destination{Address: "TMadeUpAddressOfNobody00000000001", Network: "TRC20"},
	}
	receipt, err := s.engine.Create(t.Context(), approval.Author{Merchant: "shop"},
		attempt.Key{Value: "k"}, order, time.Minute)
	require.NoError(t, err)
	made := receipt.Value
	require.Equal(t, payment.Unknown, made.Status, "%+v", made.Failure)
	booked := s.providers.Ledger(sandbox.PayGram)
	require.Len(t, booked, 1)
	p, err := s.engine.Refresh(t.Context(), "shop", made.ID)
	require.NoError(t, err)
	require.Equal(t, payment.Unknown, p.Status, "our reference finds nothing")

	require.NoError(t, s.providers.Drive(sandbox.PayGram, booked[0].ProviderReference, "pay", ""))
	<-s.kept
	s.round(t, time.Second)

	p = s.payment(t, made.ID)
	require.Equal(t, payment.Succeeded, p.Status)
	require.Equal(t, booked[0].ProviderReference, p.ProviderReference)
}

// Cryptogram's notices are the same bytes whatever they report. The one about late money must not wait in the back-off
// of the one before.
func TestANoticeOfLateMoneyDoesNotWaitForTheOneBefore(t *testing.T) {
	t.Parallel()
	s := newShop(t, false)
	made := s.create(t, "cryptogram", collect("EUR"))
	drive := func(event string) {
		require.NoError(t, s.providers.Drive(sandbox.Cryptogram, made.ProviderReference, event, ""))
		<-s.kept
	}
	drive("pick")
	s.round(t, time.Second)
	drive("cancel")
	for range 3 { // it is asked again after a minute, and then waits for half an hour
		s.round(t, time.Minute)
	}
	p := s.payment(t, made.ID)
	require.Equal(t, payment.Canceled, p.Status)
	require.False(t, p.MoneyConflict)

	drive("pay")
	s.round(t, time.Minute)

	require.True(t, s.payment(t, made.ID).MoneyConflict)
}

// A notice whose signature holds, and whose references name two things, is about neither of them.
func TestASignedNoticeThatContradictsItsPaymentIsNotBelieved(t *testing.T) {
	t.Parallel()
	s := newShop(t, true)
	made := s.create(t, "payplay", collect("EUR"))
	body := fmt.Sprintf(
		`{"event_type":"order::completed","order":{"id":%q,"status":"COMPLETE","value":"49.90","currency":"EUR",`+
			`"external_order_id":"somebody-elses"}}`,
		made.ProviderReference)
	require.Equal(t, http.StatusOK, post(t, s.addresses.Account("payplay"), body, sign(pageToken, body)))
	require.True(t, (<-s.kept).Vouched)

	for range 3 {
		s.round(t, time.Minute)
	}

	p := s.payment(t, made.ID)
	require.Equal(t, made.Status, p.Status)
	require.Contains(t, p.Alert, "contradicts the payment")
}
