package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/approval"
	"payrouter/host/attempt"
	"payrouter/host/callback"
	"payrouter/host/live"
	"payrouter/host/payment"
	"payrouter/host/payment/paymenttest"
	"payrouter/host/plugin"
	"payrouter/host/router"
	"payrouter/host/sandbox"
	"payrouter/host/store/sqlite"
	"payrouter/host/store/sqlite/sqlitetest"
)

const (
	pageToken    = "page-webhook-token-made-up"
	generalToken = "general-webhook-token-made-up"
)

// arrivals signals that a callback has been stored.
type arrivals struct {
	callback.Store
	kept chan callback.Callback
}

func (a arrivals) KeepCallback(ctx context.Context, c callback.Callback) error {
	err := a.Store.KeepCallback(ctx, c)
	a.kept <- c
	return err
}

// shop is a router's inside beside simulated providers.
type shop struct {
	engine    *paymenttest.Stack
	inbox     *callback.Inbox
	addresses callback.Addresses
	providers *sandbox.Server
	kept      chan callback.Callback
	// ahead is by how much the wall clock and the journal clock are ahead of the machine's.
	ahead atomic.Int64
}

// newShop reports callbacks of every provider to it. With tokens, PayPlay's signatures can be verified.
func newShop(t *testing.T, tokens bool, options ...sandbox.Options) *shop {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	dir, compiled := plugins(t)
	registry, unload, err := router.LoadPlugins(t.Context(), dir, compiled, plugin.Settings{}, log)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, unload(context.Background())) })
	providers, err := sandbox.New(append(options, sandbox.Options{})[0])
	require.NoError(t, err)
	site := httptest.NewServer(providers.Handler())
	t.Cleanup(func() { providers.Close(); site.Close() })

	text, err := os.ReadFile("../../routing.yaml")
	require.NoError(t, err)
	text = append(text, anyPin...)
	// The simulated site has bitcoin in its direction 2.
	text = bytes.ReplaceAll(text, []byte(`BTC: {direction_id: "1", account2: DE00000000000000000000}`),
		[]byte(`BTC: {direction_id: "2", account2: TMadeUpWalletOfNobody000000000001}`))
	environ := sandbox.Environment(site.URL)
	if tokens {
		text = bytes.ReplaceAll(text, []byte("# webhook_token:"), []byte("webhook_token:"))
		text = bytes.ReplaceAll(text, []byte("# page_webhook_token:"), []byte("page_webhook_token:"))
		environ = append(environ, "PAYPLAY_WEBHOOK_TOKEN="+generalToken, "PAYPLAY_PAGE_WEBHOOK_TOKEN="+pageToken)
	}
	file := filepath.Join(t.TempDir(), "routing.yaml")
	require.NoError(t, os.WriteFile(file, text, 0o600))
	s := &shop{providers: providers, kept: make(chan callback.Callback, 1<<14)}
	db := sqlitetest.Open(t, sqlite.Now(s.now))
	manager, err := live.Open(live.Settings{File: file, Environ: environ}, registry.ActiveSet())
	require.NoError(t, err)
	t.Cleanup(manager.Close)
	fleet := manager.Fleet()

	door := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		router.WithCallbacks(s.inbox, http.NotFoundHandler()).ServeHTTP(w, r)
	}))
	t.Cleanup(door.Close)
	s.addresses, err = router.Addresses(door.URL, t.TempDir(), nil)
	require.NoError(t, err)
	s.engine = paymenttest.New(db, fleet, paymenttest.Settings{CallbackURL: s.addresses.Payment})
	t.Cleanup(func() { require.NoError(t, s.engine.Shutdown(context.Background())) })
	s.inbox = callback.NewInbox(arrivals{db, s.kept}, s.engine, callback.Settings{
		Addresses:         s.addresses,
		Accounts:          func() (map[string]callback.Account, func()) { return router.Receivers(s.engine.Fleets) },
		ArrivalsPerSecond: 1 << 20, Now: s.now,
	})
	require.NoError(t, new(reports).reportTo(providers, fleet, s.addresses))
	require.NoError(t,
		providers.Report(sandbox.PayPlay,
			sandbox.Callback{URL: s.addresses.Account("payplay"), Secret: generalToken, PageSecret: pageToken}))
	return s
}

func (s *shop) create(t *testing.T, provider string, order payment.Order) payment.Payment {
	t.Helper()
	order.Pinned = provider
	receipt, err := s.engine.Create(t.Context(), approval.Author{Merchant: "shop"},
		attempt.Key{Value: provider}, order, time.Minute)
	require.NoError(t, err)
	require.NotEmpty(t, receipt.Value.ProviderReference, "%+v", receipt.Value.Failure)
	require.False(t, receipt.Value.Status.Terminal())
	return receipt.Value
}

func (s *shop) now() time.Time { return time.Now().Add(time.Duration(s.ahead.Load())) }

// round acts on what has come, after a while.
func (s *shop) round(t *testing.T, by time.Duration) {
	t.Helper()
	s.ahead.Add(int64(by))
	s.inbox.Round(t.Context())
}

func (s *shop) requests(provider string) (count int) {
	for _, r := range s.providers.Requests(provider) {
		count += r.Received
	}
	return count
}

func collect(currency string) payment.Order {
	return payment.Order{
		Kind: payment.Collect, Amount: "49.90", Currency: currency, Country: "DE", Description: "Order 1001",
		ReturnURL: "https://shop.example/thanks",
		Payer:     payment.Payer{Name: "Jo Bloggs", Email: "jo@example.org"},
	}
}

// Each provider's own callback, in its own form, settles the payment: there are no look-ups here.
func TestEveryProvidersCallbackSettlesItsPayment(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		account, site string
		order         payment.Order
		events        []string
		method        string
		tokens        bool
		asks          bool
	}{
		{"paygram-eu", sandbox.PayGram, collect("EUR"), []string{"pay"}, http.MethodPost, false, true},
		{"paygram-asia", sandbox.PayGram, collect("PHP"), []string{"pay"}, http.MethodPost, false, true},
		{"cryptogram", sandbox.Cryptogram, collect("EUR"), []string{"pick", "pay"}, http.MethodPost, false, true},
		{"payplay", sandbox.PayPlay, collect("EUR"), []string{"pay"}, http.MethodPost, false, true},
		{"payplay", sandbox.PayPlay, collect("EUR"), []string{"pay"}, http.MethodPost, true, false},
		{
			"exchanger", sandbox.Exchanger,
			payment.Order{
				Kind: payment.Collect, Amount: "0.5", Currency: "BTC", Country: "DE",
				Payer: payment.Payer{Email: "jo@example.org"},
			},
			[]string{"pay"},
			http.MethodPost, false, true,
		},
		{
			"paygrt", sandbox.Paygrt,
			payment.Order{
				Kind: payment.Recharge, Amount: "199", Currency: "INR", Country: "IN",
				Destination: payment.Destination{Operator: "AT", Number: "9876543210"},
			},
			[]string{"pay"},
			http.MethodGet, false, true,
		},
	} {
		t.Run(fmt.Sprintf("%s, verified %t", row.account, row.tokens), func(t *testing.T) {
			t.Parallel()
			s := newShop(t, row.tokens)
			made := s.create(t, row.account, row.order)
			for _, event := range row.events {
				require.NoError(t, s.providers.Drive(row.site, made.ProviderReference, event, ""))
			}
			c := <-s.kept
			before := s.requests(row.site)

			s.round(t, time.Second)

			p, err := s.engine.Payment(t.Context(), "shop", made.ID)
			require.NoError(t, err)
			for p.Status != payment.Succeeded { // an earlier event's callback came first
				c = <-s.kept
				s.round(t, time.Minute)
				p, err = s.engine.Payment(t.Context(), "shop", made.ID)
				require.NoError(t, err)
			}
			require.Equal(t, row.method, c.Method)
			require.Equal(t, row.tokens, c.Vouched)
			require.Equal(t, row.asks, s.requests(row.site) > before)
			require.Equal(t, row.account == "exchanger", c.AddressedTo == made.ID,
				"a payment's own address goes with requests that take one")
			entries, err := s.engine.Timeline(t.Context(), "shop", made.ID)
			require.NoError(t, err)
			last := entries[len(entries)-1]
			require.Equal(t, payment.PaymentSucceeded, last.Type)
			require.Equal(t, payment.ByCallback, last.Cause)
			require.Regexp(t, "^cb_", last.CallbackID)
		})
	}
}

// A thousand repetitions of a provider's report, shuffled among contradictory and forged ones: one transition, and none
// by an unsigned report.
func TestAStormOfCallbacksIsOneTransition(t *testing.T) {
	t.Parallel()
	s := newShop(t, true)
	made := s.create(t, "payplay", collect("EUR"))
	address := s.addresses.Account("payplay")
	before := s.requests(sandbox.PayPlay)

	require.NoError(t, s.providers.Drive(sandbox.PayPlay, made.ProviderReference, "pay", ""))
	genuine := <-s.kept
	word := string(genuine.Body)
	declined := strings.NewReplacer("order::completed", "order::declined", `"COMPLETE"`, `"DECLINED"`).Replace(word)
	require.NotEqual(t, word, declined)
	type shot struct{ body, signature string }
	var shots []shot
	for n := range 1000 {
		shots = append(shots, shot{word, genuine.Header.Get("Signature")})
		if n%5 == 0 {
			shots = append(shots,
				shot{declined, ""}, shot{declined, genuine.Header.Get("Signature")},
				shot{declined, sign("guessed", declined)}, shot{declined, sign(generalToken, declined)},
				shot{
					strings.ReplaceAll(word, made.ProviderReference, fmt.Sprintf("forged-%d", n)),
					genuine.Header.Get("Signature"),
				})
		}
	}
	rand.New(rand.NewPCG(11, 2)).Shuffle(len(shots), func(i, j int) { shots[i], shots[j] = shots[j], shots[i] })
	for n, one := range shots {
		require.Equal(t, http.StatusOK, post(t, address, one.body, one.signature))
		if n%250 == 0 {
			s.round(t, 0)
		}
	}
	for range 5 {
		s.round(t, time.Second)
	}

	p, err := s.engine.Payment(t.Context(), "shop", made.ID)
	require.NoError(t, err)
	require.Equal(t, payment.Succeeded, p.Status)
	require.False(t, p.MoneyConflict)
	entries, err := s.engine.Timeline(t.Context(), "shop", made.ID)
	require.NoError(t, err)
	transitions := 0
	for _, e := range entries {
		require.NotEqual(t, payment.PaymentFailed, e.Type)
		if e.Cause == payment.ByCallback {
			transitions++
		}
	}
	require.Equal(t, 1, transitions)
	require.LessOrEqual(t, s.requests(sandbox.PayPlay)-before, 4,
		"two thousand callbacks cost the provider next to nothing")
}

// The provider reports "not yet": no forged report changes that.
func TestNoUnverifiedWordChangesAPayment(t *testing.T) {
	t.Parallel()
	s := newShop(t, true)
	made := s.create(t, "payplay", collect("EUR"))
	body := fmt.Sprintf(
		`{"event_type":"order::completed","order":{"id":%q,"status":"COMPLETE","value":"49.90","currency":"EUR"}}`,
		made.ProviderReference)
	for _, signature := range []string{"", sign("guessed", body), strings.Repeat("0", 64)} {
		require.Equal(t, http.StatusOK, post(t, s.addresses.Account("payplay"), body, signature))
		s.round(t, time.Minute)
		p, err := s.engine.Payment(t.Context(), "shop", made.ID)
		require.NoError(t, err)
		require.Equal(t, made.Status, p.Status)
	}
}

func post(t *testing.T, address, body, signature string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(body))
	require.NoError(t, err)
	if signature != "" {
		r.Header.Set("Signature", signature)
	}
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	_, _ = io.Copy(io.Discard, answer.Body)
	require.NoError(t, answer.Body.Close())
	return answer.StatusCode
}

func sign(token, body string) string {
	mac := hmac.New(sha256.New, []byte(token))
	mac.Write([]byte(body))
	return hex.EncodeToString(mac.Sum(nil))
}

func TestCallbackURLsArePrinted(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	command := callbackURLsCommand{PublicURL: "https://pay.example", Routing: "../../routing.yaml", Data: t.TempDir()}
	require.NoError(t, command.Run(&host{ctx: t.Context(), stdout: &out}))
	addresses, err := router.Addresses("https://pay.example", command.Data, nil)
	require.NoError(t, err)
	require.Contains(t, out.String(), "paygram-eu\t"+addresses.Account("paygram-eu")+"\n")
	require.Len(t, strings.Split(strings.TrimSpace(out.String()), "\n"), 6)

	elsewhere, err := router.Addresses("https://pay.example", command.Data,
		[]string{router.SecretVariable + "=" + strings.Repeat("k", 32)})
	require.NoError(t, err)
	require.NotEqual(t, addresses.Account("paygrt"), elsewhere.Account("paygrt"))
	_, err = router.Addresses("", command.Data, []string{router.SecretVariable + "=short"})
	require.Error(t, err)
}
