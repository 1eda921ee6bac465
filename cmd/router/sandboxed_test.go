package main

import (
	"context"
	"io"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/api"
	"payrouter/host/sandbox"
)

// real are two accounts as they would take real payments: under names of their owner's choice, with real addresses.
const real = `
providers:
  paygram-uk:
    plugin: paygram
    base_url: https://api.pay-gram.org
    secrets: {token: env:PAYGRAM_UK_TOKEN}
    settings: {user_cli_id: shop-uk}
  till:
    plugin: payplay
    base_url: https://api.payplay.io
    secrets: {api_key: env:TILL_KEY, webhook_token: env:TILL_TOKEN, page_webhook_token: "file:/run/secrets/nowhere"}
    settings: {slug: shop}
rules:
  - {name: default, when: {currency: [EUR, USD]}, to: [paygram-uk, till]}
`

// anyNew lets payments be pinned to accounts that are added.
const anyNew = "  - {name: any-pin, to: [paygram-uk, till, exchange, paygram-fr]}\n"

const another = `
  exchange:
    plugin: exchanger
    base_url: https://exchanger.example
    secrets: {api_login: env:EXCHANGE_LOGIN, api_key: env:EXCHANGE_KEY}
    settings:
      directions:
        BTC: {direction_id: "2", account2: TShopWalletForTetherOnTron00001}
  paygram-fr:
    plugin: paygram
    secrets: {token: env:PAYGRAM_FR_TOKEN}
    settings: {user_cli_id: shop-fr}
rules:
`

const unsimulated = `
  stranger: {plugin: stripe, base_url: https://api.stripe.example}
rules:
`

// realEnvironment has real secrets, and an address, that the sandbox must not use.
var realEnvironment = []string{
	"PAYGRAM_UK_TOKEN=0b5a0000-dead-4000-8000-00000000beef", "TILL_KEY=a-real-payplay-key",
	"ROUTER_PROVIDERS__TILL__BASE_URL=https://api.payplay.example",
}

func sandboxed(t *testing.T) (w *harness, file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "routing.yaml")
	require.NoError(t, os.WriteFile(file, []byte(real), 0o600))
	return build(t,
		plan{
			environ: realEnvironment,
			command: serveCommand{Sandbox: true, Routing: file, Watch: true, ReconcileEvery: time.Hour},
		}), file
}

// takes has an account take a payment, which has to be at the simulated provider; base is that one's address.
func (w *harness) takes(account, currency string) (p api.Payment, base string) {
	w.t.Helper()
	p = w.create(`{"amount":"0.5","currency":"` + currency +
		`","country":"DE","description":"A lamp","return_url":"https://shop.example/thanks",` +
		`"payer":{"email":"jo@shop.example"},"provider":"` + account + `"}`)
	require.Equal(w.t, "requires_action", p.Status, "%+v", p.Failure)
	to, err := url.Parse(p.NextAction.URL)
	require.NoError(w.t, err)
	require.Equal(w.t, "127.0.0.1", to.Hostname())
	return p, to.Scheme + "://" + to.Host
}

// Whoever starts a router with --sandbox must be safe to press any button: no account may reach its real provider,
// whatever it is called, and no secret of it may be read.
func TestASandboxedRouterReachesNoRealProvider(t *testing.T) {
	t.Parallel()
	w, file := sandboxed(t)
	first, base := w.takes("paygram-uk", "EUR")
	w.simulated = base
	second, _ := w.takes("till", "EUR")
	ledger := func() string { return string(w.ask("GET", base+"/_sandbox/ledger", "").body) }
	require.Contains(t, ledger(), `"account":"paygram-uk"`)

	// An account that is added while it runs obeys, too.
	status := func() api.ConfigStatus { return read[api.ConfigStatus](t, w.ask("GET", w.router+"/v1/config", "")) }
	require.NoError(t,
		os.WriteFile(file, []byte(strings.Replace(real+anyNew, "rules:\n", strings.TrimPrefix(another, "\n"), 1)), 0o600))
	require.Eventually(t, func() bool { return len(status().History) == 2 }, time.Minute, 5*time.Millisecond, "%+v",
		status().Pending)
	third, _ := w.takes("exchange", "BTC")
	fourth, _ := w.takes("paygram-fr", "EUR")
	require.Contains(t, ledger(), `"account":"paygram-fr"`)

	// They get callbacks: the router makes no look-ups here.
	for _, row := range []struct {
		provider string
		p        api.Payment
	}{{sandbox.PayGram, first}, {sandbox.PayPlay, second}, {sandbox.Exchanger, third}, {sandbox.PayGram, fourth}} {
		w.drive(row.provider, row.p.ProviderReference, "pay")
		require.Eventually(t, func() bool { return w.get(row.p.ID).Status == "succeeded" }, time.Minute,
			10*time.Millisecond, row.provider)
	}

	// One that has no simulation is refused, by the file and over the API, and what served goes on.
	serving := status().Active.Version
	text := strings.Replace(real, "rules:\n", strings.TrimPrefix(unsimulated, "\n"), 1)
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	require.Eventually(t, func() bool { return status().Pending != nil }, time.Minute, 5*time.Millisecond)
	require.Contains(t, status().Pending.Problems[0].Message, `plugin "stripe" has no simulated provider`)
	require.Contains(t, status().Pending.Problems[0].Hint, "without --sandbox")
	put := w.ask("PUT", w.router+"/v1/config/routing", text, "If-Match", "*", "Content-Type", "application/yaml")
	require.Equal(t, 422, put.status, string(put.body))
	require.Contains(t, string(put.body), "has no simulated provider")
	require.Equal(t, serving, status().Active.Version)
	w.takes("till", "EUR")
	require.NotContains(t, w.log.String(), "a-real-payplay-key")
}

func TestASandboxedRouterDoesNotStartWithAnAccountThatHasNoSimulation(t *testing.T) {
	t.Parallel()
	dir, compiled := plugins(t)
	file := filepath.Join(t.TempDir(), "routing.yaml")
	require.NoError(t,
		os.WriteFile(file, []byte(strings.Replace(real, "rules:\n", strings.TrimPrefix(unsimulated, "\n"), 1)), 0o600))
	command := serveCommand{
		Listen: "127.0.0.1:0", SandboxListen: "127.0.0.1:0", Sandbox: true, Routing: file, Plugins: dir,
		Compiled: compiled, Data: t.TempDir(), Grace: time.Second,
	}
	ctx, stop := context.WithTimeout(t.Context(), 5*time.Minute)
	defer stop()
	err := command.Run(&host{
		ctx: ctx, stdout: io.Discard, environ: realEnvironment, now: time.Now,
		log: slog.New(slog.DiscardHandler),
	})
	require.ErrorContains(t, err, `provider "stranger": plugin "stripe" has no simulated provider`)
}
