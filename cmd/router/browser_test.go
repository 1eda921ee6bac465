package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	browserlog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// browser is a tab of a real one, in which http://evil.example is this machine.
type browser struct {
	t   *testing.T
	ctx context.Context

	mutex    sync.Mutex
	problems []string
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	var path string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" && os.Getenv("CI") == "true" && os.Getenv("INSTALL") != "no" {
		t.Fatal("there is no Chromium: CI installs it")
	}
	if path == "" {
		t.Skip("there is no Chromium: install it to have the router tried in a real browser")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox,
		chromedp.Flag("host-resolver-rules", "MAP evil.example 127.0.0.1"),
		// Newer versions ask the user first. What is tried is what the router does without that.
		chromedp.Flag("disable-features", "LocalNetworkAccessChecks"), chromedp.WSURLReadTimeout(5*time.Minute))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, _ := chromedp.NewContext(allocator)
	b := &browser{t: t, ctx: ctx}
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx)
		stop()
	})
	b.run() // begins the browser
	require.NoError(t, chromedp.Listen(ctx, b.listen))
	return b
}

// listen keeps what a developer's console shows in red.
func (b *browser) listen(event any) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	switch e := event.(type) {
	case *browserlog.EventEntryAdded:
		if e.Entry.Level == browserlog.EntryLevelError || e.Entry.Source == browserlog.EntrySourceSecurity {
			b.problems = append(b.problems, e.Entry.Text+" "+e.Entry.URL)
		}
	case *runtime.EventExceptionThrown:
		b.problems = append(b.problems, e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError {
			b.problems = append(b.problems, fmt.Sprint(e.Args))
		}
	}
}

func (b *browser) run(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	require.NoError(b.t, chromedp.Do(b.ctx, actions...))
}

// attempt runs a script of the page that is shown, and returns what its promise comes to.
func (b *browser) attempt(script string) string {
	b.t.Helper()
	result, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](script, chromedp.EvalAwaitPromise))
	require.NoError(b.t, err)
	return result
}

// evil serves an empty page of another origin: its scripts are the attacks.
func evil(t *testing.T) (port string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<!doctype html><title>evil</title>"))
	}))
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	require.NoError(t, err)
	return port
}

// rebinding serves a page under the name evil.example, and then passes what comes for that name to a target: as if the
// name resolved there from then on.
func (b *browser) rebinding(target string) {
	b.t.Helper()
	to, err := url.Parse(target)
	require.NoError(b.t, err)
	onward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.Host = r.In.Host
	}}
	b.t.Cleanup(http.DefaultTransport.(*http.Transport).CloseIdleConnections)
	var rebound atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if rebound.Load() {
			onward.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<!doctype html><title>rebound</title>"))
	}))
	b.t.Cleanup(server.Close)
	b.run(chromedp.Navigate(strings.Replace(server.URL, "127.0.0.1", "evil.example", 1)))
	rebound.Store(true)
}

// send is a script that has a page send a request, whatever comes of it.
func send(target, options string) string {
	return fmt.Sprintf(`fetch(%q, %s).then(a => a.type + " " + a.status, e => "refused by the browser")`, target, options)
}

// submit is a script that posts a form as text to a frame, and waits for the answer there.
func submit(target, text string) string {
	return fmt.Sprintf(`new Promise(done => {
		const frame = document.createElement("iframe");
		frame.name = "answer" + document.querySelectorAll("iframe").length;
		document.body.append(frame);
		const form = document.createElement("form");
		Object.assign(form, {method: "post", enctype: "text/plain", action: %q, target: frame.name});
		const field = document.createElement("input");
		field.name = %q;
		form.append(field);
		document.body.append(form);
		frame.onload = () => done("loaded");
		form.submit();
	})`, target, text)
}

const evilOrder = `{"amount":"49.90","currency":"EUR","country":"DE","return_url":"https://evil.example/"}`

func TestNoWebPageOfAnotherOriginActsInARealBrowser(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	w := build(t, plan{})
	// A rollback of this one would have an effect.
	put := w.ask("PUT", w.router+"/v1/plugins/paygrt?allow=unproven", string(marked(shipped(t, "paygrt"), "next")),
		"Content-Type", "application/wasm")
	require.Equal(t, 200, put.status, string(put.body))
	before := w.ask("GET", w.router+"/v1/plugins/paygrt", "")
	rollback, create := w.router+"/v1/plugins/paygrt/rollback", w.router+"/v1/payments"
	reached := strings.Count(w.log.String(), "msg=request method=POST")

	port := evil(t)
	for _, page := range []string{"http://127.0.0.1:" + port, "http://localhost:" + port, "http://evil.example:" + port} {
		b.run(chromedp.Navigate(page))
		b.attempt(send(rollback, `{method: "POST", mode: "no-cors"}`))
		b.attempt(send(rollback, `{method: "POST"}`))
		b.attempt(submit(rollback, ""))
		b.attempt(submit(create, evilOrder))
		b.attempt(send(create, `{method: "POST", mode: "no-cors", body: `+"`"+evilOrder+"`"+`}`))
		preflighted := `{method: "POST", headers: {"Idempotency-Key": "evil", "Content-Type": "application/json"}, ` +
			"body: `" + evilOrder + "`}"
		require.Equal(t, "refused by the browser", b.attempt(send(create, preflighted)))
		require.Equal(t, "refused by the browser", b.attempt(send(w.router+"/v1/payments", `{}`)), "no answer is read")
		b.attempt(submit(w.simulated+"/_sandbox/payplay/down", ""))
		b.attempt(send(w.simulated+"/_sandbox/payplay/down", `{method: "POST", mode: "no-cors"}`))
	}
	require.GreaterOrEqual(t, strings.Count(w.log.String(), "a web page of another origin"), 3*5, "the attacks arrived")

	// The name resolves to the router: to the browser, page and router are one origin.
	b.rebinding(w.router)
	ordered := `{method: "POST", headers: {"Idempotency-Key": "rebound", "Content-Type": "application/json"}, ` +
		"body: `" + evilOrder + "`}"
	require.Equal(t, "basic 421", b.attempt(send("/v1/payments", ordered)))
	require.Equal(t, "basic 421", b.attempt(send("/v1/plugins/paygrt/rollback", `{method: "POST"}`)))
	require.Equal(t, "basic 421", b.attempt(send("/v1/payments", `{}`)))
	b.rebinding(w.simulated)
	require.Equal(t, "basic 421", b.attempt(send("/_sandbox/payplay/down", `{method: "POST"}`)))

	require.Equal(t, reached, strings.Count(w.log.String(), "msg=request method=POST"), "none came to the API")
	require.JSONEq(t, string(before.body), string(w.ask("GET", w.router+"/v1/plugins/paygrt", "").body))
	require.Contains(t, string(w.ask("GET", w.router+"/v1/payments", "").body), `"data":[]`)
	require.Empty(t, w.bookings(""))
	w.create(`{"amount":"0.5","currency":"EUR","country":"DE","description":"A lamp","provider":"payplay",` +
		`"return_url":"https://shop.example/thanks"}`) // its provider is not down
}

// The router's own pages work under their Content-Security-Policy, and a payer's page of a simulated provider does when
// a shop sends its payer there.
func TestOwnPagesWorkInARealBrowser(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	w := build(t, plan{})
	b.run(chromedp.Navigate(w.router+"/docs/"), chromedp.WaitVisible(".opblock"))
	order := `{method: "POST", headers: {"Idempotency-Key": "own", "Content-Type": "application/json"}, ` +
		`body: '{"amount":"0.5","currency":"EUR","country":"DE","provider":"payplay","description":"A lamp",` +
		`"return_url":"https://shop.example/thanks"}'}`
	require.Equal(t, "basic 201", b.attempt(send("/v1/payments", order)))
	b.mutex.Lock()
	require.Empty(t, b.problems, "the console")
	b.mutex.Unlock()

	p := w.create(`{"amount":"0.5","currency":"EUR","country":"DE","description":"A lamp","provider":"payplay",` +
		`"return_url":"https://shop.example/thanks"}`)
	to, err := url.Parse(p.NextAction.URL)
	require.NoError(t, err)
	b.run(chromedp.Navigate("http://evil.example:"+evil(t)),
		chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`location.href = %q; 1`, to)),
		chromedp.WaitVisible(`form[action$="/pay"] button`), chromedp.Click(`form[action$="/pay"] button`),
		chromedp.WaitVisible("pre"))
	w.act(p, "refresh", "")
	require.Equal(t, "succeeded", w.get(p.ID).Status)
}
