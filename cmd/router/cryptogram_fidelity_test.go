package main

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/payment"
	"payrouter/host/sandbox"
	"payrouter/host/sandbox/cryptogram"
)

// However Cryptogram shows that nothing has come, and however PHP writes its numbers, a payment waits for its payer and
// succeeds when it is paid.
func TestCryptogramsReadingsOfAPaymentThatIsNotPaidYet(t *testing.T) {
	t.Parallel()
	w := build(t, plan{})
	for _, options := range []string{
		`{"unpaid":"","tails":false,"no_canceled_at":false}`,
		`{"unpaid":"null","tails":false,"no_canceled_at":false}`,
		`{"unpaid":"missing","tails":false,"no_canceled_at":true}`,
		`{"unpaid":"","tails":true,"no_canceled_at":false}`,
		`{"unpaid":"null","tails":true,"no_canceled_at":true}`,
		`{"unpaid":"missing","tails":true,"no_canceled_at":false}`,
	} {
		require.NoError(t, w.sandbox.Configure(sandbox.Cryptogram, []byte(options)))
		p := w.create(byCryptogram)
		require.Equal(t, "requires_action", p.Status, options)
		page := p.NextAction.URL
		w.drive("cryptogram", p.ProviderReference, "pick")
		p = w.act(p, "refresh", "")
		require.Equal(t, "requires_action", p.Status, options)
		require.Empty(t, p.Alert, options)
		if p.NextAction.Type == "pay_to" {
			require.Equal(t, "0.00054307", p.NextAction.Amount.Amount, options)
		} else {
			require.Equal(t, page, p.NextAction.URL, options)
		}

		w.drive("cryptogram", p.ProviderReference, "underpay")
		p = w.act(p, "refresh", "")
		require.Equal(t, "processing", p.Status, options)
		require.Equal(t, "24.95 EUR", p.AmountReceived.Amount+" "+p.AmountReceived.Currency, options)

		w.drive("cryptogram", p.ProviderReference, "pay")
		p = w.act(p, "refresh", "")
		require.Equal(t, "succeeded", p.Status, options)
		require.Empty(t, p.Alert, options)
		w.requireSettled(p)
	}
}

func TestCryptogramsPayersActs(t *testing.T) {
	t.Parallel()
	w := build(t, plan{})
	for _, row := range []struct {
		event, amount, status, received string
		alert                           string
	}{
		{"pay", "", "succeeded", "49.9", ""},
		{"pay", "49.90", "succeeded", "49.9", ""},
		{"pay", "49.89", "processing", "49.89", ""},
		{"underpay", "", "processing", "24.95", ""},
		{"underpay", "12.34", "processing", "12.34", ""},
		{"overpay", "", "succeeded", "54.89", "more was received"},
		{"overpay", "100", "succeeded", "100", "more was received"},
		{"pay_late", "20", "processing", "20", ""}, // nothing has ended yet
		{"expire", "", "expired", "", ""},
		{"decline", "", "canceled", "0", ""},
	} {
		p := w.create(byCryptogram)
		require.NoError(t, w.sandbox.Drive(sandbox.Cryptogram, p.ProviderReference, row.event, row.amount))
		p = w.act(p, "refresh", "")
		require.Equal(t, row.status, p.Status, row)
		require.Contains(t, p.Alert, row.alert, row)
		require.Equal(t, row.alert == "", p.Alert == "", p.Alert)
		received := ""
		if p.AmountReceived != nil {
			require.Equal(t, "EUR", p.AmountReceived.Currency)
			received = p.AmountReceived.Amount
		}
		require.Equal(t, row.received, received, row)
		if row.status != "expired" && row.status != "canceled" {
			continue
		}
		require.NoError(t, w.sandbox.Drive(sandbox.Cryptogram, p.ProviderReference, "pay_late", "49.90"))
		late := w.act(p, "refresh", "")
		require.Equal(t, row.status, late.Status, row)
		require.True(t, late.MoneyConflict, row)
		require.Equal(t, "49.9", late.AmountReceived.Amount, row)
	}
}

// A transaction is priced in its payment's currency. Whatever was received in another is not this payment's amount.
func TestATransactionOfCryptogramsInAnotherCurrencyIsNoSuccess(t *testing.T) {
	t.Parallel()
	w := build(t, plan{sandbox: sandbox.Options{Cryptogram: cryptogram.Options{TransactionCurrency: "JPY"}}})
	p := w.create(byCryptogram)
	w.drive("cryptogram", p.ProviderReference, "pay")
	p = w.act(p, "refresh", "")
	require.Equal(t, "processing", p.Status)
	require.Equal(t, "Cryptogram reports the transaction in JPY, and the payment is in EUR", p.Alert)

	require.NoError(t, w.sandbox.Configure(sandbox.Cryptogram, []byte(`{"transaction_currency":"eur"}`)))
	require.Equal(t, "succeeded", w.act(p, "refresh", "").Status, "the same in small letters")
}

// A date goes in without a zone, and is UTC whatever the merchant's zone.
func TestCryptogramGetsTheExpiryInUTC(t *testing.T) {
	t.Parallel()
	w := build(t, plan{})
	expires := time.Now().Add(2 * time.Hour).Truncate(time.Second)
	india := expires.In(time.FixedZone("", 5*3600+1800)).Format(time.RFC3339)
	p := w.create(euros + `"provider":"cryptogram","expires_at":"` + india + `"}`)
	require.True(t, expires.Equal(p.ExpiresAt), p.ExpiresAt)
	held := w.ask("GET", w.simulated+"/cryptogram/api/v1/commerce-payments/"+p.ProviderReference, "",
		"Authorization", "Bearer "+sandbox.DefaultCredentials().Cryptogram)
	require.Contains(t, string(held.body), `"expires_at":"`+expires.UTC().Format("2006-01-02T15:04:05.000000Z")+`"`)
	require.Equal(t, "requires_action", w.act(p, "refresh", "").Status)
}

// Cryptogram repeats a notification 19 times over hours, and all of a payment's are the same bytes: each may be the one
// that announces the money, and none of them changes what has ended.
func TestCryptogramsNoticesAreRepeatedOverHours(t *testing.T) {
	t.Parallel()
	for name, form := range map[string]string{
		"as in the sample":    `{"resource":"CommercePayment","id":"%s"}`,
		"as in the prose":     `{"id":"%s"}`,
		"another resource":    `{"resource":"Payment","id":"%s"}`,
		"no resource":         `{"resource":null,"id":"%s"}`,
		"an object, and more": `{"id":"%s","resource":{"type":"CommercePayment"},"attempt":3}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, false)
			require.NoError(t, s.providers.Report(sandbox.Cryptogram, sandbox.Callback{})) // they come by hand
			made := s.create(t, "cryptogram", collect("EUR"))
			notice := fmt.Sprintf(form, made.ProviderReference)
			require.NoError(t, s.providers.Drive(sandbox.Cryptogram, made.ProviderReference, "pick", ""))
			const tries, paid = 1 + 19, 12
			for n := range tries {
				want := payment.RequiresAction
				if n == paid {
					require.NoError(t, s.providers.Drive(sandbox.Cryptogram, made.ProviderReference, "pay", ""))
				}
				if n >= paid {
					want = payment.Succeeded
				}
				require.Equal(t, http.StatusOK, post(t, s.addresses.Account("cryptogram"), notice, ""))
				<-s.kept
				s.round(t, 15*time.Minute)
				require.Equal(t, want, s.payment(t, made.ID).Status, n)
			}
			entries, err := s.engine.Timeline(t.Context(), "shop", made.ID)
			require.NoError(t, err)
			succeeded := 0
			for _, entry := range entries {
				if entry.Type == payment.PaymentSucceeded {
					succeeded++
				}
			}
			require.Equal(t, 1, succeeded)
			require.False(t, s.payment(t, made.ID).MoneyConflict)
			require.LessOrEqual(t, s.requests(sandbox.Cryptogram), 1+2*tries)
		})
	}
}

// A wrong token is a refusal in Laravel's words; the same status without them is no answer.
func TestCryptogramRefusesAWrongToken(t *testing.T) {
	t.Parallel()
	w := build(t, plan{environ: []string{"CRYPTOGRAM_TOKEN=wrong-made-up-token"}})
	p := w.create(byCryptogram)
	require.Equal(t, "failed", p.Status)
	require.Equal(t, "authentication_failed", p.Failure.Code)
	require.Equal(t, "Unauthenticated.", p.Failure.Message)
	require.Empty(t, w.bookings(sandbox.Cryptogram))
	require.Len(t, w.attempts(p.ID), 1)
}
