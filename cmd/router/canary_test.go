package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/access"
	"payrouter/host/api"
)

// canary is a secret that is searched for everywhere. Its core has no character that any encoding escapes: it is found
// in whatever way the whole is written.
type canary struct {
	name string
	core string
	// allowed are the places where the secret has to be, and why; it may be nowhere else.
	allowed map[string]string
}

// traces are the ways in which the core may stand in a lower-cased text, and in one as it is.
func (c canary) traces() (folded, exact []string) {
	for _, core := range []string{c.core, strings.ToLower(c.core), strings.ToUpper(c.core)} {
		folded = append(folded, strings.ToLower(hex.EncodeToString([]byte(core))))
		for offset := range 3 {
			text := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("\x00", offset) + core))
			exact = append(exact, text[(offset*8+5)/6:(offset+len(core))*8/6])
		}
	}
	return append(folded, strings.ToLower(c.core)), exact
}

// foundIn is whether a text has a trace of the canary.
func (c canary) foundIn(text []byte) bool {
	lower := bytes.ToLower(text)
	folded, exact := c.traces()
	return slices.ContainsFunc(folded, func(s string) bool { return bytes.Contains(lower, []byte(s)) }) ||
		slices.ContainsFunc(exact, func(s string) bool { return bytes.Contains(text, []byte(s)) })
}

// surrounded is a value around a core with every character that some encoding escapes.
func surrounded(core string) string { return `q"<&>'/` + core + `\%+=~|? {}^` + "`" + `#z` }

// echoes writes a secret in the ways in which servers, proxies and debug pages repeat what they received.
func echoes(secret string) []string {
	quoted, _ := json.Marshal(secret)
	twice, _ := json.Marshal(string(quoted))
	strict := strings.ReplaceAll(url.QueryEscape(secret), "+", "%20")
	return []string{
		secret, strings.ToUpper(secret), strings.ToLower(secret), "Bearer " + secret, string(quoted), string(twice),
		strings.ReplaceAll(string(quoted), "/", `\/`), strconv.Quote(secret), url.PathEscape(secret),
		url.QueryEscape(secret), strict, strings.ToLower(strict), url.QueryEscape(strict), html.EscapeString(secret),
		html.EscapeString(html.EscapeString(secret)), hex.EncodeToString([]byte(secret)),
		strings.ToUpper(hex.EncodeToString([]byte(secret))), base64.StdEncoding.EncodeToString([]byte(secret)),
		base64.URLEncoding.EncodeToString([]byte("user:" + secret)),
		base64.StdEncoding.EncodeToString([]byte(`{"token":"` + secret + `"}`)),
		"https://api.example.com/pay/" + url.PathEscape(secret) + "/make?key=" + url.QueryEscape(secret),
		"'" + strings.ReplaceAll(secret, "'", `'\''`) + "'", // a shell's quotes, as in a logged curl line
	}
}

// gossip is a provider that repeats every secret of its requests, in all ways, in every part of its answers.
type gossip struct {
	mutex   sync.Mutex
	mode    string
	secrets []string
	seen    map[string]int
	release chan struct{}
}

func (g *gossip) set(mode string) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	g.mode = mode
}

func (g *gossip) count(mode string) int {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	return g.seen[mode]
}

func (g *gossip) page(r *http.Request) string {
	var all []string
	for _, secret := range g.secrets {
		all = append(all, echoes(secret)...)
	}
	all = append(all, r.RequestURI, fmt.Sprint(r.Header))
	return strings.Join(all, "\n")
}

func (g *gossip) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mutex.Lock()
	mode := g.mode
	g.seen[mode]++
	g.mutex.Unlock()
	page := g.page(r)
	line := strings.ReplaceAll(page, "\n", " ")
	w.Header().Set("X-Debug", line)
	raw := func(answer string) {
		connection, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_, _ = io.WriteString(connection, answer)
			_ = connection.Close()
		}
	}
	switch mode {
	case "page":
		_, _ = io.WriteString(w, page)
	case "panic", "log":
		w.Header().Set("X-"+mode, "1")
		_, _ = io.WriteString(w, page)
	case "unauthorized":
		w.Header().Set("Www-Authenticate", `Bearer realm="`+g.secrets[0]+`"`)
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, page)
	case "broken":
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, page)
	case "redirect":
		w.Header().Set("Location", "https://elsewhere.example/?"+line)
		w.WriteHeader(http.StatusFound)
	case "late":
		select {
		case <-r.Context().Done():
		case <-g.release:
		}
	case "no answer":
		raw("")
	case "half an answer":
		raw("HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\nX-Debug: " + line + "\r\n\r\n" + page)
	case "no HTTP":
		raw(line + "\r\n\r\n")
	case "a reason":
		raw("HTTP/1.1 500 " + line + "\r\nContent-Length: 0\r\n\r\n")
	case "a bad header":
		raw("HTTP/1.1 200 OK\r\n" + line + "\r\n\r\n")
	case "a bad length":
		raw("HTTP/1.1 200 OK\r\nContent-Length: " + line + "\r\n\r\n")
	case "a bad chunk":
		raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + line + "\r\n")
	case "unasked":
		raw("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}" + "HTTP/1.1 200 OK\r\n" + line)
	}
}

// modes are the ways to answer; each ends another way through the router.
var modes = []string{
	"page", "panic", "log", "unauthorized", "broken", "redirect", "late", "no answer", "half an answer", "no HTTP",
	"a reason", "a bad header", "a bad length", "a bad chunk", "unasked",
}

const gossipRouting = `providers:
  canary:
    plugin: canary
    base_url: %s
    allow_private: true
    secrets: {token: env:TOKEN, key: file:%s, password: credential:password}
    timeout: 1s
    retry: {tries: 1}
    breaker: {failures: 10000, window: 1s}
  nowhere:
    plugin: canary
    base_url: %s
    allow_private: true
    secrets: {token: env:TOKEN, key: file:%[2]s, password: credential:password}
    retry: {tries: 1}
  other-protocol:
    plugin: canary
    base_url: %s
    allow_private: true
    secrets: {token: env:TOKEN, key: file:%[2]s, password: credential:password}
    retry: {tries: 1}
rules:
  - {name: all, when: {not: {currency: JPY}}, to: [canary]}
  - {name: any-pin, to: [canary, nowhere, other-protocol]}
`

// eyrie is a router's process with canaries in all of its secrets.
type eyrie struct {
	*harness
	provider *gossip
	process  *exec.Cmd
	stdout   *bufio.Scanner
	canaries []canary
	// keys are API keys, of a merchant and of an operator.
	keys [2]string
	// answers are all answers but those that show a secret once.
	answers bytes.Buffer
}

func newEyrie(t *testing.T) *eyrie {
	t.Helper()
	shipped, compiled := plugins(t)
	code, err := os.ReadFile(filepath.Join(shipped, "payplay.wasm"))
	require.NoError(t, err)
	dir, folder := t.TempDir(), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "payplay.wasm"), code, 0o600))
	guest := exec.Command("go", "build", "-buildmode=c-shared", "-trimpath", "-ldflags", "-s -w", "-o",
		filepath.Join(dir, "canary.wasm"), "./testdata/canary")
	guest.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	require.NoError(t, succeed(guest))

	data, tokens := keysIn(t, map[string][]access.Right{
		"shop": access.Together(access.Shop, []string{"pin"}), "desk": access.Rights(),
	})
	e := &eyrie{harness: &harness{t: t, log: &transcript{}, data: data}}
	e.client = &http.Client{Transport: &http.Transport{}}
	t.Cleanup(e.client.CloseIdleConnections)
	token, key, password := surrounded("Tk7CanaryTokenVwX3"), surrounded("Ky8CanaryKeyYzA4"),
		surrounded("Pw9CanaryPasswordBcD5")
	e.keys = [2]string{tokens["shop"], tokens["desk"]}
	secretOf := func(token string) string { return token[strings.LastIndex(token, "_")+1:][:64] }
	e.canaries = []canary{
		{name: "token", core: "Tk7CanaryTokenVwX3"},
		{name: "key", core: "Ky8CanaryKeyYzA4"},
		{name: "password", core: "Pw9CanaryPasswordBcD5"},
		{name: "merchant's API key", core: secretOf(e.keys[0])},
		{name: "operator's API key", core: secretOf(e.keys[1])},
		{name: "wrong API key", core: "Ak3CanaryWrongKeyKlM8"},
	}
	e.provider = &gossip{secrets: []string{token, key, password}, seen: map[string]int{}, release: make(chan struct{})}
	server := httptest.NewServer(e.provider)
	t.Cleanup(func() { close(e.provider.release); server.Close() })
	closed, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, closed.Close())

	writeFile(t, filepath.Join(folder, "password"), password)
	routing := writeFile(t, filepath.Join(folder, "routing.yaml"), fmt.Sprintf(gossipRouting, server.URL,
		writeFile(t, filepath.Join(folder, "key"), key), "http://"+closed.Addr().String(),
		"https://"+strings.TrimPrefix(server.URL, "http://")))
	e.process = exec.CommandContext(context.Background(), filepath.Join(built.dir, "router"), "serve",
		"--listen", "127.0.0.1:0", "--routing", routing, "--plugins", dir, "--compiled", compiled, "--data", e.data,
		"--webhooks-to-private", "--reconcile-every", "50ms", "--quarantine-faults=-1",
		"--env-file", writeFile(t, filepath.Join(folder, "variables"), "TOKEN="+token+"\n"))
	e.process.Env = append(os.Environ(), "CREDENTIALS_DIRECTORY="+folder, "GOTRACEBACK=all")
	e.process.Stderr = e.log
	out, err := e.process.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, e.process.Start())
	t.Cleanup(func() { _ = e.process.Process.Kill() })
	for e.stdout = bufio.NewScanner(out); e.router == "" && e.stdout.Scan(); {
		if _, at, found := strings.Cut(e.stdout.Text(), "The router listens on "); found {
			e.router, _, _ = strings.Cut(at, " ")
		}
	}
	require.NotEmpty(t, e.router, e.log.String())
	made, err := os.ReadFile(filepath.Join(e.data, "callback.secret"))
	require.NoError(t, err)
	e.canaries = append(e.canaries, canary{
		name: "callbacks' secret", core: strings.TrimSpace(string(made)),
		allowed: map[string]string{"callback.secret": "the addresses at providers outlive the router"},
	})
	return e
}

// as asks with an API key, and keeps the answer.
func (e *eyrie) as(key, method, path, body string, headers ...string) answer {
	e.t.Helper()
	a := e.ask(method, e.router+path, body, append([]string{"Authorization", "Bearer " + key}, headers...)...)
	e.answers.WriteString(stringOf(a.header))
	e.answers.Write(a.body)
	return a
}

// endpoint makes a webhook endpoint; its secrets are canaries that the journal has.
func (e *eyrie) endpoint() string {
	e.t.Helper()
	hook := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	e.t.Cleanup(hook.Close)
	ask := func(path, body string) api.WebhookEndpoint {
		a := e.ask("POST", e.router+path, body, "Authorization", "Bearer "+e.keys[0])
		require.Less(e.t, a.status, 300, string(a.body))
		made := read[api.WebhookEndpoint](e.t, a)
		secret := strings.TrimPrefix(made.Secret, "whsec_")
		decoded, err := base64.StdEncoding.DecodeString(secret)
		require.NoError(e.t, err)
		allowed := map[string]string{
			"payrouter.db": "deliveries are signed after a restart, too", "payrouter.db-wal": "the journal's last writes",
		}
		e.canaries = append(e.canaries, canary{name: "webhook's secret", core: secret, allowed: allowed},
			canary{name: "webhook's key", core: string(decoded), allowed: allowed})
		return made
	}
	made := ask("/v1/webhook-endpoints", `{"url":"`+hook.URL+`"}`)
	ask("/v1/webhook-endpoints/"+made.ID+"/rotate-secret", `{}`)
	return made.ID
}

// everything reads every GET of the API's document, for a payment, its attempts and the rest that there is.
func (e *eyrie) everything(ids map[string][]string) {
	e.t.Helper()
	text, err := os.ReadFile("../../docs/openapi.json")
	require.NoError(e.t, err)
	var document struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	require.NoError(e.t, json.Unmarshal(text, &document))
	for path, methods := range document.Paths {
		if methods["get"] == nil {
			continue
		}
		prefix, rest, placed := strings.Cut(path, "{")
		paths := []string{path}
		if placed {
			_, rest, _ = strings.Cut(rest, "}")
			rest = strings.ReplaceAll(rest, "{operation}", "make")
			require.NotEmpty(e.t, ids[prefix], "there is nothing to read at %s", path)
			paths = nil
			for _, id := range ids[prefix] {
				paths = append(paths, prefix+id+rest)
			}
		}
		for _, path := range paths {
			for _, key := range e.keys {
				e.as(key, "GET", path, "")
			}
		}
	}
}

func (e *eyrie) requireClean(place string, text []byte) {
	e.t.Helper()
	for _, c := range e.canaries {
		if _, allowed := c.allowed[place]; allowed {
			continue
		}
		if !c.foundIn(text) {
			continue
		}
		at := bytes.Index(bytes.ToLower(text), bytes.ToLower([]byte(c.core)))
		e.t.Errorf("%s holds the %s: …%q…", place, c.name, text[max(at-200, 0):min(max(at, 0)+100, len(text))])
	}
}

// folder searches every file of the data folder.
func (e *eyrie) folder() {
	e.t.Helper()
	masked := 0
	require.NoError(e.t, filepath.WalkDir(e.data, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		require.NoError(e.t, err)
		masked += bytes.Count(text, []byte("{{secret:token}}"))
		e.requireClean(filepath.Base(path), text)
		return nil
	}))
	require.Positive(e.t, masked, "the files that were searched have the answers that repeated the secrets")
}

// A secret of any kind is found nowhere but where this test's table says: not in the log, the journal, recordings,
// answers, standard error or the stacks of a crash, whatever the provider repeats, and in whatever way the request
// fails.
func TestCanariesAreFoundNowhere(t *testing.T) {
	t.Parallel()
	e := newEyrie(t)
	ids := map[string][]string{
		"/v1/webhook-endpoints/": {e.endpoint()}, "/v1/plugins/": {"canary"}, "/v1/providers/": {"canary"},
		"/v1/catalog/": {"currencies"}, "/v1/keys/": {"key_" + strings.Split(e.keys[0], "_")[1]},
	}
	const order = `{"amount":"1.00","currency":"EUR","reference":"order-1","provider":"%s"}`
	pay := func(provider string) {
		a := e.as(e.keys[0], "POST", "/v1/payments", fmt.Sprintf(order, provider), "Idempotency-Key", e.key())
		if id := read[api.Payment](t, a).ID; a.status == http.StatusCreated {
			ids["/v1/payments/"] = append(ids["/v1/payments/"], id)
		}
		require.Equal(t, http.StatusCreated, a.status, string(a.body))
	}
	for _, mode := range modes {
		e.provider.set(mode)
		pay("canary")
		require.Positive(t, e.provider.count(mode), mode)
		run := e.as(e.keys[1], "POST", "/v1/providers/canary/operations/look", `{}`, "Idempotency-Key", e.key())
		if made, _, found := strings.Cut(run.header.Get("Location")+" ", " "); found {
			ids["/v1/operations/"] = append(ids["/v1/operations/"], filepath.Base(made))
		}
		e.as(e.keys[1], "POST", "/v1/providers/canary/resume", `{"reason":"the fault was made"}`)
	}
	e.provider.set("page")
	for _, provider := range []string{"nowhere", "other-protocol"} {
		pay(provider)
	}
	e.ask("GET", e.router+"/v1/payments", "", "Authorization", "Bearer Ak3CanaryWrongKeyKlM8")
	require.NoError(t, e.process.Process.Signal(syscall.SIGHUP))
	for _, id := range ids["/v1/payments/"] {
		e.as(e.keys[0], "POST", "/v1/payments/"+id+"/refresh", "")
		for _, a := range read[struct{ Data []api.Attempt }](t, e.as(e.keys[0], "GET", "/v1/payments/"+id+"/attempts",
			"")).Data {
			ids["/v1/attempts/"] = append(ids["/v1/attempts/"], a.ID)
		}
	}
	e.everything(ids)
	require.Contains(t, e.answers.String(), "{{secret:token}}", "what was searched repeats what was masked")
	require.Contains(t, e.answers.String(), "X-Debug")
	e.requireClean("answers", e.answers.Bytes())
	e.folder()

	// A crash while a request waits for its answer, with every goroutine's stack.
	e.provider.set("late")
	before := e.provider.count("late")
	crashed := make(chan struct{})
	go func() {
		defer close(crashed)
		_, _ = e.try(context.Background(), "POST", e.router+"/v1/payments", fmt.Sprintf(order, "canary"),
			"Authorization", "Bearer "+e.keys[0], "Idempotency-Key", "the-last")
	}()
	require.Eventually(t, func() bool { return e.provider.count("late") > before }, time.Minute, time.Millisecond)
	require.NoError(t, e.process.Process.Signal(syscall.SIGQUIT))
	for e.stdout.Scan() {
	}
	require.Error(t, e.process.Wait())
	<-crashed
	require.Contains(t, e.log.String(), "SIGQUIT: quit")
	require.Contains(t, e.log.String(), "goroutine ")
	e.requireClean("log", []byte(e.log.String()))
	e.folder()
}
