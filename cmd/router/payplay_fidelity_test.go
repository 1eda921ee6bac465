package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/abi/jsontext"
	"payrouter/host/api"
	"payrouter/host/payment"
	"payrouter/host/sandbox"
)

const payoutByPayPlay = `{"kind":"payout","amount":"100","currency":"USDT","provider":"payplay",` +
	`"destination":{"address":"TBeneficiaryMadeUp0000000000000001","network":"TRC20"}}`

// Whatever PayPlay answers in members that decide nothing, and however it writes numbers and currencies, payments end
// as they do otherwise, and the account shows what it has.
func TestPayPlaysAnswersInEveryForm(t *testing.T) {
	t.Parallel()
	for name, options := range map[string]string{
		"as documented":             `{}`,
		"numbers":                   `{"numbers":true}`,
		"nulls":                     `{"shown":"null"}`,
		"missing members":           `{"shown":"missing"}`,
		"members of other types":    `{"shown":"other"}`,
		"numbers and nulls":         `{"numbers":true,"shown":"null"}`,
		"currencies as texts":       `{"currencies":"text"}`,
		"currencies as objects":     `{"currencies":"object"}`,
		"networks told":             `{"networks":true}`,
		"currencies only when paid": `{"late_currencies":true}`,
		"unique references":         `{"unique_references":true}`,
		"top-ups among the orders":  `{"lists_topups":true,"ignores_reference_filter":true}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := build(t, plan{})
			w.configure("payplay", options)
			require.Equal(t, 201, w.ask("POST", w.router+"/v1/providers/payplay/operations/CreateCryptoTopup", `{}`,
				"Idempotency-Key", "topup").status)

			paid := w.create(byPayPlay)
			require.Equal(t, "requires_action", paid.Status)
			require.NotEmpty(t, paid.NextAction.URL)
			w.drive("payplay", paid.ProviderReference, "pay")
			paid = w.act(paid, "refresh", "")
			require.Equal(t, "succeeded", paid.Status)
			require.Equal(t, "51.799347", paid.AmountReceived.Amount)
			require.Empty(t, paid.Alert)

			for event, status := range map[string]string{
				"decline": "failed", "cancel": "canceled", "expire": "failed", "underpay": "processing",
			} {
				p := w.create(byPayPlay)
				w.drive("payplay", p.ProviderReference, event)
				require.Equal(t, status, w.act(p, "refresh", "").Status, event)
			}

			for event, status := range map[string]string{
				"pay": "succeeded", "decline": "failed", "cancel": "canceled",
			} {
				out := w.create(payoutByPayPlay)
				require.Equal(t, "processing", out.Status)
				w.drive("payplay", out.ProviderReference, event)
				out = w.act(out, "refresh", "")
				require.Equal(t, status, out.Status, event)
				require.Empty(t, out.Alert)
			}

			for _, path := range []string{"balances", "rates", "statements", "catalog/currencies"} {
				a := w.ask("GET", w.router+"/v1/"+path+"?provider=payplay", "")
				require.Equal(t, 200, a.status, string(a.body))
				require.NotContains(t, string(a.body), `"code"`+":\"provider", path)
				errors := read[struct {
					Data   []any `json:"data"`
					Errors []any `json:"errors"`
				}](t, a)
				require.Empty(t, errors.Errors, path)
				require.NotEmpty(t, errors.Data, path)
			}
			for operation, input := range map[string]string{
				"AccountBalance": ``, "ShowOrdersList": `{}`, "ShowTransactionsList": `{}`, "OrderStatusesList": ``,
				"Rates": ``, "ExchangeRates": `{"ticker":"NGN"}`, "ShowWithdrawalFees": ``,
				"ShowOrderDetails":       `{"id":"` + paid.ProviderReference + `"}`,
				"ShowCryptoOrderDetails": `{"id":"` + paid.ProviderReference + `"}`,
			} {
				a := w.ask("POST", w.router+"/v1/providers/payplay/operations/"+operation, input)
				require.Equal(t, 200, a.status, "%s: %s", operation, a.body)
			}
		})
	}
}

// A JSON number may have zeros at its end, an exponent or a double's tail: it is the amount that was sent.
func TestPayPlaysNumbersInEverySpelling(t *testing.T) {
	t.Parallel()
	w := build(t, plan{})
	w.configure("payplay", `{"numbers":true}`)
	for _, spelling := range sandbox.Spellings() {
		w.control("POST", "payplay/faults", `{"kind":"spelling","spelling":"`+spelling+`"}`)
		paid := w.create(byPayPlay)
		require.Equal(t, "requires_action", paid.Status, spelling)
		w.drive("payplay", paid.ProviderReference, "pay")
		require.Equal(t, "succeeded", w.act(paid, "refresh", "").Status, spelling)
		out := w.create(strings.Replace(payoutByPayPlay, `"100"`, `"49.90"`, 1))
		require.Equal(t, "processing", out.Status, spelling)
		w.drive("payplay", out.ProviderReference, "pay")
		out = w.act(out, "refresh", "")
		require.Equal(t, []string{"succeeded", ""}, []string{out.Status, out.Alert}, spelling)
		w.control("DELETE", "payplay/faults", "")
	}
}

// An order of which nothing came back is found again by our reference, whether PayPlay filters by it or not, and is
// never made twice for the payer.
func TestPayPlaysOrderIsFoundByReference(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ options, status string }{
		"filtered":     {`{}`, "requires_action"},
		"not filtered": {`{"ignores_reference_filter":true,"lists_topups":true}`, "requires_action"},
		// The second order is refused for its reference: the first is looked up.
		"unique":              {`{"unique_references":true}`, "unknown"},
		"unique, by the text": {`{"unique_references":true,"fieldless":true}`, "unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := build(t, plan{})
			w.configure("payplay", row.options)
			require.Equal(t, 201, w.ask("POST", w.router+"/v1/providers/payplay/operations/CreateCryptoTopup", `{}`,
				"Idempotency-Key", "topup").status)
			w.control("POST", "payplay/faults", `{"operation":"create_order","kind":"garbage","status":200,"count":1}`)
			p := w.create(byPayPlay)
			require.Equal(t, row.status, p.Status)
			p = w.act(p, "refresh", "")
			require.Equal(t, "requires_action", p.Status)
			w.drive("payplay", p.ProviderReference, "pay")
			require.Equal(t, "succeeded", w.act(p, "refresh", "").Status)
		})
	}
}

// An amount with more digits than its currency's precision: PayPlay may keep it, round it or refuse it. An order is
// for the very amount or is none, and a withdrawal of another amount is no success.
func TestPayPlaysPrecision(t *testing.T) {
	t.Parallel()
	order := `{"amount":"49.12345","currency":"USDT","provider":"payplay"}`
	out := `{"kind":"payout","amount":"49.12345","currency":"USDT","provider":"payplay",` +
		`"destination":{"address":"TBeneficiaryMadeUp0000000000000001","network":"TRC20"}}`
	for finer, row := range map[string]struct{ order, payout, code string }{
		"":                {"requires_action", "succeeded", ""},
		"rounded":         {"failed", "processing", "provider_unavailable"},
		"refused":         {"failed", "failed", "limit_exceeded"},
		"refused, unsaid": {"failed", "unknown", "limit_exceeded"},
	} {
		t.Run(finer, func(t *testing.T) {
			t.Parallel()
			w := build(t, plan{})
			w.configure("payplay", map[string]string{
				"": `{}`, "rounded": `{"finer":"rounded"}`, "refused": `{"finer":"refused"}`,
				"refused, unsaid": `{"finer":"refused","fieldless":true}`,
			}[finer])
			p := w.create(order)
			require.Equal(t, row.order, p.Status)
			if row.code != "" {
				require.Equal(t, row.code, p.Failure.Code)
			}
			sent := w.create(out)
			if sent.Status == "processing" {
				w.drive("payplay", sent.ProviderReference, "pay")
				sent = w.act(sent, "refresh", "")
			}
			require.Equal(t, row.payout, sent.Status)
			require.Equal(t, finer == "rounded", sent.Alert != "", sent.Alert)
			if finer == "refused" || finer == "refused, unsaid" {
				require.Empty(t, w.bookings(sandbox.PayPlay))
			}
		})
	}
}

// A wrong key, and a payment page that is not there, are told apart from an order that is not there.
func TestPayPlaysPageNotFound(t *testing.T) {
	t.Parallel()
	w := build(t, plan{})
	p := w.create(byPayPlay)
	w.configure("payplay", `{"slug":"other"}`)
	w.refused(p, "refresh", "")
	require.Equal(t, "requires_action", w.get(p.ID).Status, "nothing was said about the order")
	failed := w.create(byPayPlay)
	require.Equal(t, []string{"failed", "authentication_failed"}, []string{failed.Status, failed.Failure.Code})
	listed := problem(t, w.ask("POST", w.router+"/v1/providers/payplay/operations/ShowOrdersList", `{}`))
	require.Equal(t, 502, listed.Status)

	wrong := build(t, plan{environ: []string{"PAYPLAY_API_KEY=a-wrong-key-made-up"}})
	for _, options := range []string{`{"wrong_key_not_found":false}`, `{"wrong_key_not_found":true}`} {
		wrong.configure("payplay", options)
		failed := wrong.create(byPayPlay)
		require.Equal(t, []string{"failed", "authentication_failed"}, []string{failed.Status, failed.Failure.Code})
		// A wrong key has the account wait for a person.
		wrong.ask("POST", wrong.router+"/v1/providers/payplay/resume", `{"reason":"once more"}`)
		require.Equal(t, "unknown", wrong.create(payoutByPayPlay).Status, "a message alone proves nothing about money")
		wrong.ask("POST", wrong.router+"/v1/providers/payplay/resume", `{"reason":"once more"}`)
	}
}

// The payer's acts, with amounts in the payment's own currency.
func TestPayPlaysPayer(t *testing.T) {
	t.Parallel()
	w := build(t, plan{})
	for _, row := range []struct{ currency, event, amount, status, received string }{
		{"EUR", "underpay", "20", "processing", "20.761262 USDT"},
		{"EUR", "overpay", "", "succeeded", "56.979282 USDT"},
		{"USDT", "overpay", "60", "succeeded", "59.4 USDT"},
		{"USDT", "overpay", "50", "succeeded", ""},
	} {
		p := w.create(`{"amount":"49.90","currency":"` + row.currency + `","provider":"payplay"}`)
		w.control("POST", "payplay/payments/"+p.ProviderReference+"/"+row.event, `{"amount":"`+row.amount+`"}`)
		p = w.act(p, "refresh", "")
		require.Equal(t, row.status, p.Status, row)
		received := ""
		if p.AmountReceived != (api.Payment{}).AmountReceived {
			received = p.AmountReceived.Amount + " " + p.AmountReceived.Currency
		}
		require.Equal(t, row.received, received, row)
	}
	w.configure("payplay", `{"expires_canceled":true}`)
	expired := w.create(byPayPlay)
	w.drive("payplay", expired.ProviderReference, "expire")
	require.Equal(t, "canceled", w.act(expired, "refresh", "").Status)
}

// Where a withdrawal's value is what arrives, a look-up that does not tell the fee does not prove that all of the
// amount was sent: the payout waits for a person, with an alert.
func TestPayPlaysFeeInsideOfTheAmount(t *testing.T) {
	t.Parallel()
	w := build(t, plan{})
	w.configure("payplay", `{"fee_inside":true}`)
	p := w.create(payoutByPayPlay)
	require.Equal(t, []string{"processing", ""}, []string{p.Status, p.Alert}, "the fee is told where it is made")
	w.drive("payplay", p.ProviderReference, "pay")
	p = w.act(p, "refresh", "")
	require.Equal(t, []string{"processing", "the transaction's value is 99"}, []string{p.Status, p.Alert})
	require.Len(t, w.bookings(sandbox.PayPlay), 1)
}

// Balances by id, target currencies and convert-withdrawals are operations of their own; what may move money is a run,
// and is sent once.
func TestPayPlaysFurtherOperations(t *testing.T) {
	t.Parallel()
	for name, options := range map[string]string{
		"as assumed":   `{}`,
		"as otherwise": `{"single_balance":true,"numbers":true,"shown":"missing","currencies":"text"}`,
		"of any type":  `{"shown":"other","networks":true,"currencies":"object"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := build(t, plan{environ: patient})
			call := func(operation, input string) jsontext.Value {
				a := w.ask("POST", w.router+"/v1/providers/payplay/operations/"+operation, input)
				require.Equal(t, 200, a.status, "%s: %s", operation, a.body)
				return parsed(t, read[api.Reading](t, a).Output)
			}
			run := func(operation, input string) api.Run {
				a := w.ask("POST", w.router+"/v1/providers/payplay/operations/"+operation, input, "Idempotency-Key",
					w.key())
				require.Equal(t, 201, a.status, "%s: %s", operation, a.body)
				return read[api.Run](t, a)
			}
			id := call("AccountBalance", ``).Text("balances", "0", "id")
			w.configure("payplay", options)
			require.NotEmpty(t, call("CryptoOrderTargetCurrencies", ``).Items("currencies"))
			require.NotEmpty(t, call("CryptoTopupTargetCurrencies", ``).Items("currencies"))
			require.NotEmpty(t, call("ConvertWithdrawalCurrencies", `{"currency":"USDC"}`).Items("currencies"))
			require.True(t, call("ShowBalance", `{"id":"`+id+`"}`).IsObject())
			require.Equal(t, "succeeded", run("PostBalance", `{"id":"`+id+`"}`).Status)

			const conversion = `{"currency":"USDC","amount":"50","target_currency":"USDT","address":"EQ","network":"TON"}`
			made := run("CreateConvertWithdrawal", conversion)
			require.Equal(t, "succeeded", made.Status)
			require.Equal(t, "50000", w.available("payplay", "USDC"))
			run("RefreshConvertWithdrawal", `{"id":"`+made.ProviderReference+`"}`)
			run("ConfirmConvertWithdrawal", `{"id":"`+made.ProviderReference+`"}`)
			require.Equal(t, "49950", w.available("payplay", "USDC"))
			refused := run("ConfirmConvertWithdrawal", `{"id":"`+made.ProviderReference+`"}`)
			require.Equal(t, "failed", refused.Status)

			w.control("POST", "payplay/faults",
				`{"operation":"instant_convert_withdrawal","kind":"reset_after","count":1}`)
			require.Equal(t, "unknown", run("InstantConvertWithdrawal", conversion).Status)
			require.Equal(t, "49900", w.available("payplay", "USDC"), "it is not sent again")
			statement := listed[api.Transaction](w, "/v1/statements?provider=payplay")
			require.Empty(t, statement.Errors)
			require.Equal(t, "-50", statement.Data[0].Amount.Amount)
		})
	}
}

// Whether a convert-withdrawal takes the money when it is made or when it is confirmed, it takes it once.
func TestPayPlaysConversionTakesTheMoneyOnce(t *testing.T) {
	t.Parallel()
	w := build(t, plan{})
	run := func(operation, input string) api.Run {
		return read[api.Run](t, w.ask("POST", w.router+"/v1/providers/payplay/operations/"+operation, input,
			"Idempotency-Key", w.key()))
	}
	for options, after := range map[string]string{
		`{"converts_at_once":false}`: "50000", `{"converts_at_once":true}`: "49950",
	} {
		w.control("POST", "payplay/balance", `{"currency":"USDC","amount":"50000"}`)
		w.configure("payplay", options)
		made := run("CreateConvertWithdrawal",
			`{"currency":"USDC","amount":"50","target_currency":"USDT","address":"EQ","network":"TON"}`)
		require.Equal(t, "succeeded", made.Status)
		require.Equal(t, after, w.available("payplay", "USDC"))
		confirmed := run("ConfirmConvertWithdrawal", `{"id":"`+made.ProviderReference+`"}`)
		require.Equal(t, after == "50000", confirmed.Status == "succeeded")
		require.Equal(t, "49950", w.available("payplay", "USDC"))
	}
}

// Webhooks of either spelling, by either token, and in every form settle a payment.
func TestPayPlaysWebhooks(t *testing.T) {
	t.Parallel()
	for name, options := range map[string]string{
		"short names":     `{"short_events":true}`,
		"numbers":         `{"numbers":true,"shown":"null"}`,
		"objects":         `{"currencies":"object","shown":"other"}`,
		"another's token": `{"general_token":true}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, true)
			require.NoError(t, s.providers.Configure(sandbox.PayPlay, []byte(options)))
			made := s.create(t, "payplay", collect("EUR"))
			require.NoError(t, s.providers.Drive(sandbox.PayPlay, made.ProviderReference, "pay", ""))
			c := <-s.kept
			// The page's token is the account's setting: a webhook that another one signed is a hint.
			require.Equal(t, name != "another's token", c.Vouched)
			before := s.requests(sandbox.PayPlay)
			s.round(t, time.Second)
			p, err := s.engine.Payment(t.Context(), "shop", made.ID)
			require.NoError(t, err)
			require.Equal(t, payment.Succeeded, p.Status)
			require.Equal(t, c.Vouched, s.requests(sandbox.PayPlay) == before, "a hint is looked up")
		})
	}
}

// Dates state no zone: the account's setting does.
func TestPayPlaysZone(t *testing.T) {
	t.Parallel()
	file, text := ownRouting(t)
	const setting = "      company_slug:"
	require.Contains(t, text, setting)
	require.NoError(t, os.WriteFile(file,
		[]byte(strings.Replace(text, setting, "      time_zone: \"+02:00\"\n"+setting, 1)), 0o600))
	w := build(t, plan{command: serveCommand{Routing: file}})
	w.configure("payplay", `{"minutes_ahead":120}`)
	p := w.create(byPayPlay)
	w.drive("payplay", p.ProviderReference, "pay")
	from := time.Now().Add(-time.Minute).UTC().Format(time.RFC3339)
	statement := listed[api.Transaction](w, "/v1/statements?provider=payplay&from="+from)
	require.Empty(t, statement.Errors)
	require.Len(t, statement.Data, 1)
	require.WithinDuration(t, time.Now(), statement.Data[0].At, time.Minute)
}
