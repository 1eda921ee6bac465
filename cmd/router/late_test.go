package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/payment"
	"payrouter/host/sandbox"
)

// late is money that comes after a payment's end, in a provider's own words.
type late struct {
	what     string
	provider string
	order    string
	// ends is the provider's event that ends the payment, and status the end.
	ends, status string
	// pays are the events by which the money comes.
	pays []string
	// received is what the merchant is shown.
	received string
	// fetched is the provider's operation that takes the money in; empty where it has none.
	fetched string
}

var lates = []late{
	{
		"canceled, then paid and not redeemed", "paygram", byPayGram, "cancel", "canceled",
		[]string{"pay_late"},
		"49.90 EUR", "RedeemInvoice",
	},
	{
		"canceled, then accepted and not redeemed", "paygram", byPayGram, "cancel", "canceled",
		[]string{"pay_unredeemed"},
		"49.90 EUR", "RedeemInvoice",
	},
	{
		"denied, then paid and not redeemed", "paygram", byPayGram, "decline", "failed",
		[]string{"pay_late"},
		"49.90 EUR",
		"RedeemInvoice",
	},
	{
		"in error, then paid and not redeemed", "paygram", byPayGram, "error", "failed",
		[]string{"pay_late"},
		"49.90 EUR",
		"RedeemInvoice",
	},
	{
		"canceled, with what was received", "payplay", byPayPlay, "cancel", "canceled",
		[]string{"pay_late"},
		"51.799347 USDT", "CompleteCryptoOrder",
	},
	{
		"declined, with what was received", "payplay", byPayPlay, "decline", "failed",
		[]string{"pay_late"},
		"51.799347 USDT", "CompleteCryptoOrder",
	},
	{
		"canceled, then paid in part", "payplay", byPayPlay, "cancel", "canceled",
		[]string{"underpay"},
		"25.899673 USDT",
		"CompleteCryptoOrder",
	},
	{
		"canceled, with all of it received", "cryptogram", byCryptogram, "cancel", "canceled",
		[]string{"pay_late"},
		"49.9 EUR", "",
	},
	{"canceled, then completed", "cryptogram", byCryptogram, "cancel", "canceled", []string{"pay"}, "49.9 EUR", ""},
	{
		"expired, then pending with all of it received", "cryptogram", byCryptogram, "expire", "expired",
		[]string{"pick", "pay_late"},
		"49.9 EUR", "",
	},
	{
		"expired, then paid in part", "cryptogram", byCryptogram, "expire", "expired",
		[]string{"underpay"},
		"24.95 EUR",
		"",
	},
}

func TestMoneyThatComesAfterTheEndIsSeenAndWithinReach(t *testing.T) {
	t.Parallel()
	w := build(t, plan{})
	for _, late := range lates {
		t.Run(late.provider+"/"+late.what, func(t *testing.T) {
			t.Parallel()
			w := w.seenBy(t)
			p := w.create(late.order)
			w.drive(late.provider, p.ProviderReference, late.ends)
			p = w.act(p, "refresh", "")
			require.Equal(t, late.status, p.Status)
			require.False(t, p.MoneyConflict)
			require.Equal(t, 409, w.refused(p, "confirm", `{}`).Status, "there is nothing to take in")
			for _, event := range late.pays {
				w.drive(late.provider, p.ProviderReference, event)
			}

			p = w.act(p, "refresh", "")

			require.Equal(t, late.status, p.Status, "a terminal status never changes")
			require.True(t, p.MoneyConflict)
			require.NotEmpty(t, p.Alert)
			require.Equal(t, late.received, p.AmountReceived.Amount+" "+p.AmountReceived.Currency)
			require.Contains(t, string(w.ask("GET", w.router+"/v1/payments/"+p.ID+"/events", "").body),
				"payment.money_conflict")
			if late.fetched == "" {
				require.Equal(t, "not-supported", w.refused(p, "confirm", `{}`).Type)
				return
			}
			answer := w.ask("POST", w.router+"/v1/payments/"+p.ID+"/confirm", `{}`)
			require.NotEqual(t, 409, answer.status, "the provider is asked for the money")
			attempts := w.attempts(p.ID)
			require.Equal(t, late.fetched, attempts[len(attempts)-1].Operation)
			after := w.get(p.ID)
			if late.provider == "paygram" { // the simulated PayPlay completes what was paid in part, and no more
				require.Contains(t, after.Alert, "taken in after the payment had ended")
			}
			require.Equal(t, late.status, after.Status)
			require.True(t, after.MoneyConflict)
		})
	}
}

func TestAPaymentThatEndsWithMoneyInItStaysOpen(t *testing.T) {
	t.Parallel()
	w := build(t, plan{})
	for _, row := range []struct {
		provider, order string
		events          []string
		alert           string
	}{
		{"payplay", byPayPlay, []string{"underpay", "cancel"}, "reported as canceled, and 25.899673 USDT was received"},
		{"payplay", byPayPlay, []string{"underpay", "decline"}, "reported as failed, and 25.899673 USDT was received"},
		{
			"cryptogram", byCryptogram,
			[]string{"underpay", "cancel"},
			"reported as canceled, and 24.95 EUR was received",
		},
	} {
		p := w.create(row.order)
		for _, event := range row.events {
			w.drive(row.provider, p.ProviderReference, event)
		}
		p = w.act(p, "refresh", "")
		require.Equal(t, "processing", p.Status)
		require.True(t, p.MoneyConflict)
		require.Equal(t, row.alert, p.Alert)
	}
}

// Nobody asks: the provider's own callback is what shows the money.
func TestACallbackShowsLateMoney(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		account, site, ends, pays string
		tokens                    bool
	}{
		{"paygram-eu", sandbox.PayGram, "cancel", "pay_late", false},
		{"payplay", sandbox.PayPlay, "cancel", "pay_late", false},
		{"payplay", sandbox.PayPlay, "cancel", "pay_late", true},
		{"cryptogram", sandbox.Cryptogram, "cancel", "pay_late", false},
	} {
		s := newShop(t, row.tokens)
		made := s.create(t, row.account, collect("EUR"))
		settled := func(done func(payment.Payment) bool) payment.Payment {
			for {
				<-s.kept
				s.round(t, time.Minute)
				p, err := s.engine.Payment(t.Context(), "shop", made.ID)
				require.NoError(t, err)
				if done(p) {
					return p
				}
			}
		}
		require.NoError(t, s.providers.Drive(row.site, made.ProviderReference, row.ends, ""))
		require.False(t, settled(func(p payment.Payment) bool { return p.Status == payment.Canceled }).MoneyConflict)
		require.NoError(t, s.providers.Drive(row.site, made.ProviderReference, row.pays, ""))
		p := settled(func(p payment.Payment) bool { return p.MoneyConflict })
		require.Equal(t, payment.Canceled, p.Status)
		entries, err := s.engine.Timeline(t.Context(), "shop", made.ID)
		require.NoError(t, err)
		last := entries[len(entries)-1]
		require.Equal(t, payment.PaymentMoneyConflict, last.Type)
		require.Equal(t, payment.ByCallback, last.Cause)
	}
}
