package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/api"
	"payrouter/host/sandbox"
	"payrouter/host/store/sqlite/sqlitetest"
)

// rotating stands before the simulated providers. It accepts tokens of its own, several for one account at a time, as
// a provider does while a token is replaced, and refuses all others.
type rotating struct {
	url string
	// arrived, where it is set, gets every request before it is passed on, with the token in it.
	arrived func(token string)

	mutex    sync.Mutex
	accepted map[string]string
	seen     []string
}

func newRotating(t *testing.T, simulated string, accepted map[string]string) *rotating {
	t.Helper()
	target, err := url.Parse(simulated)
	require.NoError(t, err)
	r := &rotating{accepted: accepted, arrived: func(string) {}}
	transport := &http.Transport{}
	proxy := &httputil.ReverseProxy{Transport: transport, Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(target) }}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, inbound *http.Request) {
		token, ok := r.pass(inbound)
		r.arrived(token)
		if !ok {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		proxy.ServeHTTP(w, inbound)
	}))
	t.Cleanup(func() {
		server.Close()
		transport.CloseIdleConnections()
	})
	r.url = server.URL
	return r
}

// pass puts the simulated provider's own token into a request in place of the one that it has.
func (r *rotating) pass(inbound *http.Request) (token string, ok bool) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for token, real := range r.accepted {
		found := strings.Contains(inbound.URL.Path, token)
		inbound.URL.Path = strings.ReplaceAll(inbound.URL.Path, token, real)
		inbound.URL.RawPath = ""
		for name, values := range inbound.Header {
			found = found || strings.Contains(values[0], token)
			inbound.Header[name] = []string{strings.ReplaceAll(values[0], token, real)}
		}
		if found {
			r.seen = append(r.seen, token)
			return token, true
		}
	}
	return "", false
}

func (r *rotating) accept(token, real string) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.accepted[token] = real
}

func (r *rotating) revoke(token string) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	delete(r.accepted, token)
}

func (r *rotating) saw(token string) bool {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return slices.Contains(r.seen, token)
}

func writeFile(t *testing.T, path, text string) string {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// Providers' tokens are replaced, each kept in another place, while payments are made without a pause. The provider
// takes both tokens until none of the payments that began with the old one is under way. No payment fails, and none
// takes a second attempt.
func TestSecretsAreRotatedUnderLoad(t *testing.T) {
	t.Parallel()
	behind := &harness{t: t, log: &transcript{}, data: t.TempDir()}
	behind.openSandbox(sandbox.Options{})
	real := sandbox.DefaultCredentials()
	door := newRotating(t, behind.simulated, map[string]string{
		"first-token-of-paygram": real.PayGramEU, "first-token-of-cryptogram": real.Cryptogram,
		"first-token-of-payplay": real.PayPlay,
	})
	dir := t.TempDir()
	accounts := []struct{ name, real, file, form string }{
		{"paygram", real.PayGramEU, filepath.Join(dir, "token"), "%s\n"},
		{"cryptogram", real.Cryptogram, filepath.Join(dir, "cryptogram.token"), "%s"},
		{"payplay", real.PayPlay, filepath.Join(dir, "variables"), "# the payment page's\nROTATED=%s\n"},
	}
	for _, a := range accounts {
		writeFile(t, a.file, strings.Replace(a.form, "%s", "first-token-of-"+a.name, 1))
	}
	front := *behind
	front.simulated = door.url
	w := build(t, plan{
		beside: &front, command: serveCommand{Watch: true, EnvFile: accounts[2].file},
		environ: []string{
			"CREDENTIALS_DIRECTORY=" + dir,
			"ROUTER_PROVIDERS__PAYGRAM_EU__SECRETS__TOKEN=file:" + accounts[0].file,
			"ROUTER_PROVIDERS__CRYPTOGRAM__SECRETS__TOKEN=credential:cryptogram.token",
			"ROUTER_PROVIDERS__PAYPLAY__SECRETS__API_KEY=env:ROTATED",
		},
	})
	stop := make(chan struct{})
	var made atomic.Int64
	var failed atomic.Pointer[answer]
	var clients sync.WaitGroup
	for _, order := range []string{byPayGram, byCryptogram, byPayPlay} {
		clients.Go(func() {
			for failed.Load() == nil {
				select {
				case <-stop:
					return
				default:
				}
				a, err := w.try(context.Background(), "POST", w.router+"/v1/payments", order, "Idempotency-Key", w.key())
				if err != nil || a.status != http.StatusCreated ||
					!strings.Contains(string(a.body), `"status":"requires_action"`) ||
					!strings.Contains(string(a.body), `"attempts":1,`) {
					failed.Store(&a)
				}
				made.Add(1)
			}
		})
	}
	until := func(what func() bool) {
		require.Eventually(t, func() bool { return failed.Load() != nil || what() }, time.Minute, time.Millisecond)
	}
	for _, a := range accounts {
		former, token := "first-token-of-"+a.name, "second-token-of-"+a.name
		door.accept(token, a.real)
		writeFile(t, a.file, strings.Replace(a.form, "%s", token, 1))
		until(func() bool { return door.saw(token) })
		until(func() bool {
			return read[api.ConfigStatus](t, w.ask("GET", w.router+"/v1/config", "")).Fleets == 1
		})
		door.revoke(former)
		already := made.Load()
		until(func() bool { return made.Load() > already+6 })
	}
	close(stop)
	clients.Wait()
	if a := failed.Load(); a != nil {
		t.Fatalf("a payment failed: %d %s", a.status, a.body)
	}
	t.Logf("%d payments during 3 rotations", made.Load())
	require.NotContains(t, w.log.String(), "token-of-", "no value is logged")
}

// What began with a secret ends with it: of a flow of several requests the later ones have the value of the first, and
// the next payment has the new one.
func TestAnAttemptEndsWithTheSecretThatItBeganWith(t *testing.T) {
	t.Parallel()
	behind := &harness{t: t, log: &transcript{}, data: t.TempDir()}
	behind.openSandbox(sandbox.Options{})
	real := sandbox.DefaultCredentials()
	door := newRotating(t, behind.simulated, map[string]string{
		"the-former-key": real.ExchangerKey, "the-latter-key": real.ExchangerKey,
	})
	var mutex sync.Mutex
	var tokens []string
	began, goOn := make(chan struct{}), make(chan struct{})
	door.arrived = func(token string) {
		mutex.Lock()
		tokens = append(tokens, token)
		first := len(tokens) == 1
		mutex.Unlock()
		if first {
			close(began)
			<-goOn
		}
	}
	file := writeFile(t, filepath.Join(t.TempDir(), "key"), "the-former-key")
	front := *behind
	front.simulated = door.url
	w := build(t, plan{
		beside: &front, command: serveCommand{Watch: true},
		environ: []string{"ROUTER_PROVIDERS__EXCHANGER__SECRETS__API_KEY=file:" + file},
	})
	done := make(chan answer, 1)
	go func() {
		a, _ := w.try(context.Background(), "POST", w.router+"/v1/payments", byExchanger, "Idempotency-Key", "the-first")
		done <- a
	}()
	<-began
	writeFile(t, file, "the-latter-key")
	require.Eventually(t, func() bool {
		return read[api.ConfigStatus](t, w.ask("GET", w.router+"/v1/config", "")).Fleets == 2
	}, time.Minute, time.Millisecond)
	close(goOn)
	require.Equal(t, http.StatusCreated, (<-done).status)
	mutex.Lock()
	of := slices.Clone(tokens)
	mutex.Unlock()
	require.Greater(t, len(of), 1, "the flow has several requests")
	require.Equal(t, []string{"the-former-key"}, slices.Compact(of))

	w.create(byExchanger)
	mutex.Lock()
	defer mutex.Unlock()
	require.Equal(t, []string{"the-latter-key"}, slices.Compact(tokens[len(of):]))
}

// SIGHUP does not end a router. It has one that does not watch its files read them again: the routing file, the
// secrets, and the file of variables; what has a problem is logged and stays as it was.
func TestAHangupReloads(t *testing.T) {
	t.Parallel()
	dir, compiled := plugins(t)
	w := &harness{t: t, client: &http.Client{Transport: &http.Transport{}}, data: t.TempDir(), log: &transcript{}}
	t.Cleanup(w.client.CloseIdleConnections)
	w.openSandbox(sandbox.Options{})
	require.NoError(t, sqlitetest.Lay(w.data))
	door := newRotating(t, w.simulated, map[string]string{
		"the-former-key": sandbox.DefaultCredentials().PayPlay, "the-latter-key": sandbox.DefaultCredentials().PayPlay,
	})
	routing, text := ownRouting(t)
	variables := writeFile(t, filepath.Join(t.TempDir(), "variables"), "PAYPLAY_API_KEY=the-former-key\n")

	process := exec.CommandContext(context.Background(), filepath.Join(built.dir, "router"), "serve", "--no-watch",
		"--listen", "127.0.0.1:0", "--routing", routing, "--plugins", dir, "--compiled", compiled, "--data", w.data,
		"--env-file", variables)
	process.Env = append(append(os.Environ(), sandbox.Environment(w.simulated)...),
		"ROUTER_PROVIDERS__PAYPLAY__BASE_URL="+door.url+"/payplay")
	process.Stderr = w.log
	out, err := process.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, process.Start())
	t.Cleanup(func() {
		_ = process.Process.Signal(syscall.SIGTERM)
		_, _ = io.Copy(io.Discard, out)
		require.NoError(t, process.Wait(), "it ends in order, and was not ended before")
	})
	for lines := bufio.NewScanner(out); w.router == "" && lines.Scan(); {
		if _, at, found := strings.Cut(lines.Text(), "The router listens on "); found {
			w.router, _, _ = strings.Cut(at, " ")
		}
	}
	require.NotEmpty(t, w.router, w.log.String())
	hangup := func(logged string) {
		before := strings.Count(w.log.String(), logged)
		require.NoError(t, process.Process.Signal(syscall.SIGHUP))
		require.Eventually(t, func() bool { return strings.Count(w.log.String(), logged) > before }, time.Minute,
			5*time.Millisecond, logged)
	}
	const active, refused = "reload by SIGHUP: the routing file and its secrets are active",
		"reload by SIGHUP: what has problems stays as it was"
	w.create(byPayPlay)
	require.True(t, door.saw("the-former-key"))

	writeFile(t, variables, "PAYPLAY_API_KEY=the-latter-key\n")
	writeFile(t, routing, strings.Replace(text, "  - name: india-recharge\n", aRule+"  - name: india-recharge\n", 1))
	hangup(active)
	w.create(byPayPlay)
	require.True(t, door.saw("the-latter-key"))
	require.Contains(t, string(w.ask("GET", w.router+"/v1/config/routing", "").body), "sampler")

	require.NoError(t, os.Remove(variables))
	hangup(refused)
	w.create(byPayPlay)
	require.Contains(t, string(w.ask("GET", w.router+"/v1/config", "").body), "the file of variables cannot be read")
	writeFile(t, variables, "PAYPLAY_API_KEY=the-latter-key\n")
	hangup(active)
	require.NotContains(t, w.log.String(), "the-latter-key")
}
