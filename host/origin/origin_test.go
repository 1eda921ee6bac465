package origin_test

import (
	"bufio"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/host/origin"
)

// fixture is a guarded handler on a real socket.
type fixture struct {
	address string
	open    atomic.Bool
	reached atomic.Int64
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{}
	f.open.Store(true)
	inner := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { f.reached.Add(1) })
	server := httptest.NewServer(origin.Guard(inner, origin.Settings{
		Open: f.open.Load, API: "/v1/", Callbacks: "/callbacks/", PublicURL: "https://pay.example.com:8443",
		Refuse: func(w http.ResponseWriter, _ *http.Request, err error) {
			http.Error(w, err.Error(), http.StatusTeapot)
		},
	}))
	t.Cleanup(server.Close)
	f.address = server.Listener.Addr().String()
	return f
}

// send writes a request as it stands; PORT is the server's.
func (f *fixture) send(t *testing.T, lines ...string) *http.Response {
	t.Helper()
	connection, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", f.address)
	require.NoError(t, err)
	defer connection.Close()
	_, port, err := net.SplitHostPort(f.address)
	require.NoError(t, err)
	text := strings.ReplaceAll(strings.Join(lines, "\r\n"), "PORT", port)
	_, err = connection.Write([]byte(text + "\r\nConnection: close\r\n\r\n"))
	require.NoError(t, err)
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response
}

func TestWhoMayReachTheRouter(t *testing.T) {
	t.Parallel()
	const local = "Host: 127.0.0.1:PORT"
	crossSite, navigation := "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document"
	for name, row := range map[string]struct {
		request []string
		// open and keyed are whether a router without API keys, and one with some, takes it.
		open, keyed bool
	}{
		"a program":               {[]string{"POST /v1/x HTTP/1.1", local}, true, true},
		"localhost":               {[]string{"GET /v1/x HTTP/1.1", "Host: LOCALHOST:PORT"}, true, true},
		"localhost, no port":      {[]string{"GET /v1/x HTTP/1.1", "Host: localhost"}, true, true},
		"IPv6":                    {[]string{"GET /v1/x HTTP/1.1", "Host: [::1]:PORT"}, true, true},
		"IPv6, no port":           {[]string{"GET /v1/x HTTP/1.1", "Host: [::1]"}, true, true},
		"another name":            {[]string{"GET /v1/x HTTP/1.1", "Host: evil.example"}, false, true},
		"another name of health":  {[]string{"GET /healthz HTTP/1.1", "Host: evil.example:PORT"}, false, true},
		"a name that begins well": {[]string{"GET /v1/x HTTP/1.1", "Host: localhost.evil.example"}, false, true},
		"an address that begins a name": {
			[]string{"GET /v1/x HTTP/1.1", "Host: 127.0.0.1.evil.example"}, false, true,
		},
		"no Host":                {[]string{"GET /v1/x HTTP/1.0"}, false, true},
		"an absolute target":     {[]string{"GET http://evil.example/v1/x HTTP/1.1", local}, false, true},
		"the public name":        {[]string{"GET /v1/x HTTP/1.1", "Host: pay.example.com"}, false, true},
		"a callback":             {[]string{"POST /callbacks/x HTTP/1.1", "Host: pay.example.com"}, true, true},
		"a callback, no name":    {[]string{"POST /callbacks/x HTTP/1.1", "Host: evil.example"}, false, true},
		"a callback by a page":   {[]string{"POST /callbacks/x HTTP/1.1", local, crossSite}, true, true},
		"another path by a page": {[]string{"POST /callbacksx HTTP/1.1", local, crossSite}, false, false},
		"a page of another site": {[]string{"POST /v1/x HTTP/1.1", local, crossSite}, false, false},
		"a page of another port": {[]string{"POST /v1/x HTTP/1.1", local, "Sec-Fetch-Site: same-site"}, false, false},
		"a page's read":          {[]string{"GET /v1/x HTTP/1.1", local, crossSite}, false, false},
		"a page's preflight": {
			[]string{"OPTIONS /v1/x HTTP/1.1", local, "Origin: https://evil.example", crossSite}, false, false,
		},
		"an old browser's page": {[]string{"POST /v1/x HTTP/1.1", local, "Origin: https://evil.example"}, false, false},
		"a page in a sandbox":   {[]string{"POST /v1/x HTTP/1.1", local, "Origin: null"}, false, false},
		"a page of its own":     {[]string{"POST /v1/x HTTP/1.1", local, "Sec-Fetch-Site: same-origin"}, true, true},
		"an old browser's own":  {[]string{"POST /v1/x HTTP/1.1", local, "Origin: http://127.0.0.1:PORT"}, true, true},
		"a rebound name": {
			[]string{"POST /v1/x HTTP/1.1", "Host: evil.example:PORT", "Origin: http://evil.example:PORT"}, false, true,
		},
		"a bookmark":        {[]string{"GET /v1/x HTTP/1.1", local, "Sec-Fetch-Site: none", navigation}, true, true},
		"a link":            {[]string{"GET /docs/ HTTP/1.1", local, crossSite, navigation}, true, true},
		"a link to the API": {[]string{"GET /v1/x HTTP/1.1", local, crossSite, navigation}, false, false},
		"a form": {
			[]string{"POST /docs/ HTTP/1.1", local, crossSite, navigation}, false, false,
		},
		"a frame": {
			[]string{"GET /docs/ HTTP/1.1", local, crossSite, "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: iframe"},
			false, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			for _, router := range []struct{ open, passes bool }{{true, row.open}, {false, row.keyed}, {true, row.open}} {
				f.open.Store(router.open) // keys are made while the router runs
				f.reached.Store(0)
				response := f.send(t, row.request...)
				require.Equal(t, router.passes, response.StatusCode == http.StatusOK, "without keys: %v", router.open)
				require.Equal(t, router.passes, f.reached.Load() == 1)
				for header := range response.Header {
					require.NotContains(t, header, "Access-Control")
				}
				require.Equal(t, "nosniff", response.Header.Get("X-Content-Type-Options"), "also of what is refused")
			}
		})
	}
}

func TestEveryAnswerHasSecurityHeaders(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for path, cache := range map[string]string{"/v1/x": "no-store", "/healthz": "", "/docs/": ""} {
		header := f.send(t, "GET "+path+" HTTP/1.1", "Host: localhost").Header
		for name, value := range map[string]string{
			"X-Content-Type-Options":       "nosniff",
			"Referrer-Policy":              "no-referrer",
			"Content-Security-Policy":      "default-src 'none'; frame-ancestors 'none'",
			"X-Frame-Options":              "DENY",
			"Cross-Origin-Resource-Policy": "same-origin",
			"Cache-Control":                cache,
			"Strict-Transport-Security":    "", // browsers ignore it without TLS
		} {
			require.Equal(t, value, header.Get(name), "%s of %s", name, path)
		}
	}
}

func TestTLSIsAskedForAYear(t *testing.T) {
	t.Parallel()
	guarded := origin.Guard(http.NotFoundHandler(), origin.Settings{Open: func() bool { return true }, API: "/v1/"})
	server := httptest.NewTLSServer(guarded)
	t.Cleanup(server.Close)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/x", nil)
	require.NoError(t, err)
	response, err := server.Client().Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, "max-age=31536000", response.Header.Get("Strict-Transport-Security"))
}
