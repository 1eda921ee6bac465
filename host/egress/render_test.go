package egress_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	abi "payrouter/abi/v1"
	"payrouter/host/egress"
)

const (
	tokenValue    = "tok/9f8e7d6c+5b"
	passwordValue = "hunter2hunter2"
)

func field(name string, value ...*abi.Part) *abi.Field { return &abi.Field{Name: name, Value: value} }

func lit(s string) *abi.Part { return &abi.Part{Part: &abi.Part_Literal{Literal: s}} }

// What a plugin asks for, what leaves, and what is shown of it.
func TestRequestLeavesFilledInAndIsShownWithout(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		request *abi.HttpRequest
		path    string
		header  map[string]string
		shown   string
		shownH  map[string]string
	}{
		"secret in the path, escaped": {
			request: &abi.HttpRequest{
				Method: "POST",
				Path:   []*abi.Part{lit("/"), secret("token"), lit("/IssueInvoice")},
			},
			path: "/tok%2F9f8e7d6c+5b/IssueInvoice", shown: "/{{secret:token}}/IssueInvoice",
		},
		"text is one segment, whatever it holds": {
			request: &abi.HttpRequest{
				Method: "GET",
				Path:   []*abi.Part{lit("/orders/"), text("a/../b?c#d e{{secret:token}}"), lit("/x")},
			},
			path:  "/orders/a%2F..%2Fb%3Fc%23d%20e%7B%7Bsecret:token%7D%7D/x",
			shown: "/orders/a%2F..%2Fb%3Fc%23d%20e%7B%7Bsecret:token%7D%7D/x",
		},
		"a literal's escapes stay": {
			request: &abi.HttpRequest{Method: "GET", Path: literal("/a%2Fb;v=1/$x@y:z/")},
			path:    "/a%2Fb;v=1/$x@y:z/", shown: "/a%2Fb;v=1/$x@y:z/",
		},
		"query": {
			request: &abi.HttpRequest{Method: "GET", Path: literal("/o"), Query: []*abi.Field{
				field("from", lit("2026-01-01+10:00")), field("a[b]", text("x&y=z +é")), field("key", secret("token")),
				field("none"),
			}},
			path:  "/o?from=2026-01-01+10:00&a%5Bb%5D=x%26y%3Dz+%2B%C3%A9&key=tok%2F9f8e7d6c%2B5b&none=",
			shown: "/o?from=2026-01-01+10:00&a%5Bb%5D=x%26y%3Dz+%2B%C3%A9&key={{secret:token}}&none=",
		},
		"headers": {
			request: &abi.HttpRequest{Method: "GET", Path: literal("/o"), Headers: []*abi.Field{
				field("authorization", lit("Bearer "), secret("token")), field("x-note", text("a; b")),
				field("x-empty"),
			}},
			path: "/o", shown: "/o",
			header: map[string]string{
				"Authorization": "Bearer " + tokenValue, "X-Note": "a; b", "X-Empty": "",
				"User-Agent": "payrouter/1",
			},
			shownH: map[string]string{"Authorization": "Bearer {{secret:token}}", "X-Note": "a; b"},
		},
		"a user agent of its own": {
			request: &abi.HttpRequest{
				Method: "GET", Path: literal("/o"),
				Headers: []*abi.Field{field("User-Agent", lit("shop/2"))},
			},
			path: "/o", shown: "/o", header: map[string]string{"User-Agent": "shop/2"},
		},
		"basic auth": {
			request: &abi.HttpRequest{
				Method: "GET", Path: literal("/o"),
				BasicAuth: &abi.BasicAuth{User: text("shop-1"), PasswordSecret: "password"},
			},
			path: "/o", shown: "/o",
			header: map[string]string{"Authorization": "Basic " +
				base64.StdEncoding.EncodeToString([]byte("shop-1:"+passwordValue))},
			shownH: map[string]string{"Authorization": "Basic {{base64:shop-1:{{secret:password}}}}"},
		},
		"a plugin that was handed the secret elsewhere": {
			request: &abi.HttpRequest{
				Method: "POST", Path: []*abi.Part{lit("/"), text(tokenValue)},
				Headers: []*abi.Field{field("X-Key", text(tokenValue))}, Body: []byte(tokenValue),
			},
			path: "/tok%2F9f8e7d6c+5b", header: map[string]string{"X-Key": tokenValue},
			shown: "/{{secret:token}}", shownH: map[string]string{"X-Key": "{{secret:token}}"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProvider(t, answers(okAnswer))
			s := sandbox(p)
			s.BaseURL += "/base/"
			c := newClient(t, s)
			shown, err := c.Render(test.request)
			require.NoError(t, err)
			require.Equal(t, test.request.GetMethod(), shown.Method)
			require.Equal(t, p.url()+"/base"+test.shown, shown.URL)
			require.NotContains(t, string(shown.Body), tokenValue)
			for name, want := range test.shownH {
				require.Equal(t, want, shown.Header.Get(name))
			}
			require.NoError(t, once(t, c, test.request).Err)
			got := p.seen()
			require.Len(t, got, 1)
			require.Equal(t, "/base"+test.path, got[0].path)
			require.Equal(t, string(test.request.GetBody()), got[0].body)
			for name, want := range test.header {
				require.Equal(t, []string{want}, got[0].header.Values(name), name)
			}
		})
	}
}

func TestSignatures(t *testing.T) {
	t.Parallel()
	mac := func(h func() hash.Hash, key, message string) []byte {
		m := hmac.New(h, []byte(key))
		m.Write([]byte(message))
		return m.Sum(nil)
	}
	sum := func(h hash.Hash, message string) []byte {
		h.Write([]byte(message))
		return h.Sum(nil)
	}
	whole := []*abi.SignedPart{
		{Part: &abi.SignedPart_Method{Method: true}},
		{Part: &abi.SignedPart_Literal{Literal: "\n"}},
		{Part: &abi.SignedPart_Path{Path: true}},
		{Part: &abi.SignedPart_Header{Header: "x-time"}},
		{Part: &abi.SignedPart_Secret{Secret: "token"}},
		{Part: &abi.SignedPart_Body{Body: true}},
	}
	message := "POST\n/v1/pay/a%20b" + "1700" + tokenValue + `{"amount":"1"}`
	for name, test := range map[string]struct {
		signature *abi.Signature
		want      string
	}{
		"HMAC-SHA256, hex": {
			&abi.Signature{
				Algorithm: abi.Signature_ALGORITHM_HMAC_SHA256, Secret: "password",
				Encoding: abi.Signature_ENCODING_HEX,
			},
			hex.EncodeToString(mac(sha256.New, passwordValue, message)),
		},
		"HMAC-SHA512, base64, prefix": {
			&abi.Signature{
				Algorithm: abi.Signature_ALGORITHM_HMAC_SHA512, Secret: "password",
				Encoding: abi.Signature_ENCODING_BASE64, Prefix: "v1=",
			},
			"v1=" + base64.StdEncoding.EncodeToString(mac(sha512.New, passwordValue, message)),
		},
		"SHA-256": {
			&abi.Signature{Algorithm: abi.Signature_ALGORITHM_SHA256, Encoding: abi.Signature_ENCODING_HEX},
			hex.EncodeToString(sum(sha256.New(), message)),
		},
		"SHA-512": {
			&abi.Signature{Algorithm: abi.Signature_ALGORITHM_SHA512, Encoding: abi.Signature_ENCODING_HEX},
			hex.EncodeToString(sum(sha512.New(), message)),
		},
		"MD5": {
			&abi.Signature{Algorithm: abi.Signature_ALGORITHM_MD5, Encoding: abi.Signature_ENCODING_HEX},
			hex.EncodeToString(sum(md5.New(), message)),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProvider(t, func(v *visit) { // echoes the signature, as a debugging provider would
				for v.book() {
					books := v.provider.seen()
					echo := books[len(books)-1].header.Get("X-Sign")
					v.say("HTTP/1.1 200 OK\r\nX-Got: " + echo + "\r\nContent-Length: 0\r\n\r\n")
				}
			})
			test.signature.Header, test.signature.Parts = "x-sign", whole
			request := &abi.HttpRequest{
				Method: "POST", Path: []*abi.Part{lit("/v1/pay/"), text("a b")}, Body: []byte(`{"amount":"1"}`),
				Query: []*abi.Field{field("q", lit("1"))}, Headers: []*abi.Field{field("X-Time", lit("1700"))},
				Signatures: []*abi.Signature{test.signature},
			}
			c := newClient(t, sandbox(p))
			try := once(t, c, request)
			require.NoError(t, try.Err)
			require.Equal(t, test.want, p.seen()[0].header.Get("X-Sign"))
			shown, err := c.Render(request)
			require.NoError(t, err)
			require.Equal(t, test.signature.GetPrefix()+"{{signature}}", shown.Header.Get("X-Sign"))
			require.Equal(t, test.signature.GetPrefix()+"{{signature}}", headerOf(try.Response, "X-Got"))
		})
	}
	t.Run("one over another", func(t *testing.T) {
		t.Parallel()
		p := newProvider(t, answers(okAnswer))
		request := get()
		request.Signatures = []*abi.Signature{
			{
				Algorithm: abi.Signature_ALGORITHM_SHA256, Encoding: abi.Signature_ENCODING_HEX, Header: "X-One",
				Parts: whole[:1],
			},
			{
				Algorithm: abi.Signature_ALGORITHM_SHA256, Encoding: abi.Signature_ENCODING_HEX, Header: "X-Two",
				Parts: []*abi.SignedPart{{Part: &abi.SignedPart_Header{Header: "X-One"}}},
			},
		}
		require.NoError(t, once(t, newClient(t, sandbox(p)), request).Err)
		one := hex.EncodeToString(sum(sha256.New(), "GET"))
		require.Equal(t, hex.EncodeToString(sum(sha256.New(), one)), p.seen()[0].header.Get("X-Two"))
	})
}

func headerOf(r *abi.HttpResponse, name string) string {
	for _, h := range r.GetHeaders() {
		if h.GetName() == name {
			return h.GetValue()
		}
	}
	return ""
}

func TestRequestsThatAreDenied(t *testing.T) {
	t.Parallel()
	sign := func(change func(s *abi.Signature)) *abi.HttpRequest {
		s := &abi.Signature{
			Algorithm: abi.Signature_ALGORITHM_HMAC_SHA256, Secret: "token", Encoding: abi.Signature_ENCODING_HEX,
			Header: "X-Sign",
			Parts:  []*abi.SignedPart{{Part: &abi.SignedPart_Body{Body: true}}},
		}
		change(s)
		return &abi.HttpRequest{Method: "GET", Path: literal("/"), Signatures: []*abi.Signature{s}}
	}
	path := func(parts ...*abi.Part) *abi.HttpRequest { return &abi.HttpRequest{Method: "GET", Path: parts} }
	origin := func(s string) *abi.HttpRequest { return &abi.HttpRequest{Method: "GET", Path: literal("/"), Origin: s} }
	query := func(f *abi.Field) *abi.HttpRequest {
		return &abi.HttpRequest{Method: "GET", Path: literal("/"), Query: []*abi.Field{f}}
	}
	header := func(f ...*abi.Field) *abi.HttpRequest {
		return &abi.HttpRequest{Method: "GET", Path: literal("/"), Headers: f}
	}
	tests := map[string]*abi.HttpRequest{
		"no request":                        nil,
		"no method":                         {Path: literal("/")},
		"a method that opens a tunnel":      {Method: "CONNECT", Path: literal("/")},
		"a method with a line break":        {Method: "GET\r\nX", Path: literal("/")},
		"a method in lower case":            {Method: "get", Path: literal("/")},
		"no path":                           path(),
		"a path without a slash":            path(lit("orders")),
		"a path that names a host":          path(lit("//evil.example/x")),
		"a path that becomes a port":        path(lit(":81/x")),
		"a path that becomes a user":        path(lit("@evil.example/x")),
		"a path with a query":               path(lit("/a?b=c")),
		"a path with a fragment":            path(lit("/a#b")),
		"a path with a space":               path(lit("/a b")),
		"a path with a line break":          path(lit("/a\r\nX-Evil: 1")),
		"a path with a backslash":           path(lit(`/a\..\b`)),
		"a path with a bare percent":        path(lit("/a%2")),
		"a path with a wrong escape":        path(lit("/a%zz")),
		"a path outside ASCII":              path(lit("/ä")),
		"dot segments":                      path(lit("/a/../b")),
		"escaped dot segments":              path(lit("/a/%2e%2E/b")),
		"one dot at the end":                path(lit("/a/.")),
		"a text of two dots":                path(lit("/orders/"), text("..")),
		"two texts of a dot each":           path(lit("/orders/"), text("."), text(".")),
		"an empty text":                     path(lit("/orders/"), text(""), lit("/cancel")),
		"a secret that is not set":          path(lit("/"), secret("other")),
		"a part that is nothing":            path(lit("/"), &abi.Part{}),
		"a part that is nil":                path(lit("/"), nil),
		"another host":                      origin("https://evil.example"),
		"a host that starts alike":          origin("https://files.example.com.evil.example"),
		"another port of a host":            origin("https://files.example.com:8443"),
		"a listed host without TLS":         origin("http://files.example.com"),
		"a listed host with a path":         origin("https://files.example.com/x"),
		"a listed host with a user":         origin("https://a:b@files.example.com"),
		"a listed host as a user":           origin("https://files.example.com@evil.example"),
		"a listed host with a query":        origin("https://files.example.com?x"),
		"a listed host with a fragment":     origin("https://files.example.com#"),
		"an origin without a host":          origin("https://"),
		"an origin that is none":            origin("files.example.com"),
		"another scheme":                    origin("file://files.example.com"),
		"a query without a name":            query(field("", lit("x"))),
		"a query that adds a parameter":     query(field("a", lit("b&c=d"))),
		"a query that ends":                 query(field("a", lit("b#c"))),
		"a query with a line break":         query(field("a", lit("b\nc"))),
		"a header with a line break":        header(field("X-A", lit("b\r\nX-Evil: 1"))),
		"a text with a line break":          header(field("X-A", text("b\nX-Evil: 1"))),
		"a text with a zero":                header(field("X-A", text("b\x00"))),
		"a text with a tab":                 header(field("X-A", text("b\tc"))),
		"a text outside ASCII":              header(field("X-A", text("Jörg"))),
		"a header that starts with a space": header(field("X-A", lit(" b"))),
		"a header without a name":           header(field("", lit("b"))),
		"a header's name with a colon":      header(field("X-A: b\r\nX-B", lit("c"))),
		"a header twice":                    header(field("X-A", lit("b")), field("x-a", lit("c"))),
		"Authorization twice": {
			Method: "GET", Path: literal("/"), Headers: []*abi.Field{field("Authorization", secret("token"))},
			BasicAuth: &abi.BasicAuth{User: text("u"), PasswordSecret: "password"},
		},
		"basic auth with a colon in the user": {
			Method: "GET", Path: literal("/"), BasicAuth: &abi.BasicAuth{User: text("a:b"), PasswordSecret: "password"},
		},
		"basic auth with an unknown secret": {
			Method: "GET", Path: literal("/"), BasicAuth: &abi.BasicAuth{User: text("a"), PasswordSecret: "other"},
		},
		"basic auth without a user": {
			Method: "GET", Path: literal("/"),
			BasicAuth: &abi.BasicAuth{PasswordSecret: "password"},
		},
		"a signature of no algorithm":    sign(func(s *abi.Signature) { s.Algorithm = 0 }),
		"a signature of no encoding":     sign(func(s *abi.Signature) { s.Encoding = 0 }),
		"a signature over nothing":       sign(func(s *abi.Signature) { s.Parts = nil }),
		"a signature with no header":     sign(func(s *abi.Signature) { s.Header = "" }),
		"a signature with unknown key":   sign(func(s *abi.Signature) { s.Secret = "other" }),
		"an HMAC without a key":          sign(func(s *abi.Signature) { s.Secret = "" }),
		"a plain hash with a key":        sign(func(s *abi.Signature) { s.Algorithm = abi.Signature_ALGORITHM_MD5 }),
		"a signature in a host's header": sign(func(s *abi.Signature) { s.Header = "Host" }),
		"a prefix with a line break":     sign(func(s *abi.Signature) { s.Prefix = "a\r\nb" }),
		"a signature over no header": sign(func(s *abi.Signature) {
			s.Parts = []*abi.SignedPart{{Part: &abi.SignedPart_Header{Header: "X-Not-Set"}}}
		}),
		"a signature over an unknown secret": sign(func(s *abi.Signature) {
			s.Parts = []*abi.SignedPart{{Part: &abi.SignedPart_Secret{Secret: "other"}}}
		}),
		"a signature over what is off": sign(func(s *abi.Signature) {
			s.Parts = []*abi.SignedPart{{Part: &abi.SignedPart_Body{Body: false}}}
		}),
		"a signature over an empty part": sign(func(s *abi.Signature) { s.Parts = []*abi.SignedPart{{}} }),
	}
	for _, name := range []string{
		"Host", "content-length", "Transfer-Encoding", "Connection", "Keep-Alive", "Proxy-Authorization",
		"Proxy-Authenticate",
		"Proxy-Connection", "TE", "Trailer", "Upgrade", "Expect", "Accept-Encoding", "Range",
	} {
		tests["the host's header "+name] = header(field(name, lit("x")))
	}
	s := egress.Settings{
		Provider: "acme", BaseURL: "https://api.example.com", Hosts: []string{"files.example.com"},
		Secrets: map[string]string{"token": tokenValue, "password": passwordValue},
	}
	c := newClient(t, s)
	s.AllowPrivate = true
	relaxed := newClient(t, s)
	for name, request := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, c := range []*egress.Client{c, relaxed} {
				var denied *egress.DeniedError
				_, err := c.Render(request)
				require.ErrorAs(t, err, &denied)
				require.NotContains(t, err.Error(), tokenValue)
				err = do(t.Context(), c, exchange{
					Request: request,
					Before:  func(context.Context, int) (time.Time, error) { panic("nothing is about to leave") },
					After:   func(context.Context, egress.Try) egress.Judgement { panic("nothing was tried") },
				})
				require.ErrorAs(t, err, &denied)
			}
		})
	}
}

func TestOriginsThatAreAllowed(t *testing.T) {
	t.Parallel()
	c := newClient(t, egress.Settings{
		Provider: "acme", BaseURL: "https://API.example.com/v1",
		Hosts: []string{"files.example.com", "up.example.com:8443", "[2606:4700::1]"},
	})
	for origin, want := range map[string]string{
		"":                              "https://API.example.com/v1/x",
		"https://api.example.com":       "https://api.example.com/x",
		"https://api.example.com:443":   "https://api.example.com:443/x",
		"https://FILES.example.com":     "https://FILES.example.com/x",
		"https://files.example.com:443": "https://files.example.com:443/x",
		"https://up.example.com:8443":   "https://up.example.com:8443/x",
		"https://[2606:4700::1]":        "https://[2606:4700::1]/x",
	} {
		shown, err := c.Render(&abi.HttpRequest{Method: "GET", Origin: origin, Path: literal("/x")})
		require.NoError(t, err, origin)
		require.Equal(t, want, shown.URL)
	}
}

// Whatever a plugin makes of a request, either it is denied, or exactly one request arrives, at the provider's host,
// with the path the plugin's text cannot leave.
func TestTextNeverLeavesItsPlace(t *testing.T) {
	t.Parallel()
	p := newProvider(t, answers(okAnswer))
	c := newClient(t, sandbox(p))
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.String().Draw(t, "text")
		request := &abi.HttpRequest{
			Method: "POST", Path: []*abi.Part{lit("/orders/"), text(value), lit("/pay")},
			Query: []*abi.Field{field("q", text(value))}, Body: []byte(value),
			Headers: []*abi.Field{field("X-Note", lit("<"), text(value), lit(">"))},
		}
		if _, err := c.Render(request); err != nil {
			return
		}
		sent := len(p.seen())
		try := quietly(c, request)
		got := p.seen()[sent:]
		if try.Err != nil || len(got) != 1 {
			t.Fatalf("%d requests, %v", len(got), try.Err)
		}
		if strings.Count(got[0].path, "/") != 3 || !strings.HasPrefix(got[0].path, "/orders/") ||
			len(strings.Split(got[0].path, "?")) != 2 ||
			strings.ContainsAny(strings.Split(got[0].path, "?")[1], "&#") ||
			got[0].body != value || got[0].header.Get("X-Note") != "<"+value+">" {
			t.Fatalf("%q became %+v", value, got[0])
		}
	})
}

// FuzzRender holds what leaves to what was asked for, for any literal, text and name.
func FuzzRender(f *testing.F) {
	f.Add("GET", "/a", "b", "X-A", "c", "https://files.example.com")
	f.Add("POST", "/a/%2e%2e", "..", "Host", "c\r\n", "http://[::1]:80")
	f.Add("PUT", "//", "\\", ":", "é", "https://files.example.com@x")
	c, err := egress.New(egress.Settings{
		Provider: "acme", BaseURL: "https://api.example.com", Hosts: []string{"files.example.com"},
		Secrets: map[string]string{"token": tokenValue},
	})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, method, path, value, name, header, origin string) {
		in := &abi.HttpRequest{
			Method: method, Origin: origin, Path: []*abi.Part{lit(path), text(value), secret("token")},
			Query:   []*abi.Field{field(name, lit(header), text(value), secret("token"))},
			Headers: []*abi.Field{field(name, lit(header), text(value), secret("token"))},
			Body:    []byte(value),
		}
		shown, err := c.Render(in)
		if err != nil {
			return
		}
		wire, err := egress.Wire(c, in)
		require.NoError(t, err)
		request, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(wire)))
		require.NoError(t, err)
		require.Equal(t, method, request.Method)
		require.Contains(t,
			[]string{"api.example.com", "files.example.com", "api.example.com:443", "files.example.com:443"},
			strings.ToLower(request.Host))
		require.NotContains(t, request.URL.Path, "/../")
		require.Len(t, request.URL.Query(), 1)
		require.NotContains(t, shown.URL, tokenValue)
	})
}
