package egress_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"log/slog"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	abi "payrouter/abi/v1"
	"payrouter/host/egress"
)

// echoes lists the forms in which a provider, or a proxy before it, repeats what it was sent.
func echoes(secret string) map[string]string {
	goes, err := json.Marshal(secret)
	if err != nil {
		panic(err)
	}
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	return map[string]string{
		"as it is": secret, "in small letters": strings.ToLower(secret), "in capitals": strings.ToUpper(secret),
		"in a path": url.PathEscape(secret), "in a query": url.QueryEscape(secret),
		"in a query, small escapes": smallEscapes(url.QueryEscape(secret)),
		"in JSON":                   string(goes), "in PHP's JSON": strings.ReplaceAll(string(goes), "/", `\/`),
		"in HTML": html.EscapeString(secret), "in hex": hex.EncodeToString([]byte(secret)),
		"in hex, capitals": strings.ToUpper(hex.EncodeToString([]byte(secret))),
		"in base64":        b64(secret), "in base64 for URLs": base64.RawURLEncoding.EncodeToString([]byte(secret)),
		"in base64 behind one": b64("x" + secret + "yz"), "in base64 behind two": b64("xy" + secret + "z"),
		"in base64 behind three": b64("xyz" + secret + "rest"),
		"in PHP's JSON, base64":  strings.ReplaceAll(b64(secret), "/", `\/`),
	}
}

func smallEscapes(s string) string {
	return regexp.MustCompile(`%[0-9A-F]{2}`).ReplaceAllStringFunc(s, strings.ToLower)
}

func TestEchoedSecretsAreMasked(t *testing.T) {
	t.Parallel()
	for name, echo := range echoes(tokenValue) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProvider(t,
				answers(fmt.Sprintf("HTTP/1.1 200 OK\r\nX-Echo: <%s>\r\nContent-Length: %d\r\n\r\n<%s>%d",
					echo, len(echo)+3, echo, 1)))
			try := once(t, newClient(t, sandbox(p)), get())
			require.NoError(t, try.Err)
			for _, got := range []string{headerOf(try.Response, "X-Echo"), string(try.Response.GetBody())} {
				require.NotContains(t, got, echo)
				require.Contains(t, got, "{{secret:token}}")
				require.True(t, strings.HasPrefix(got, "<"), "what is around it stays")
			}
			require.True(t, strings.HasSuffix(string(try.Response.GetBody()), ">1"))
		})
	}
}

// A compressed echo is masked too, and the guest is not told that it was compressed.
func TestCompressedEchoIsMasked(t *testing.T) {
	t.Parallel()
	body := gzipped(t, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "key %s is wrong", tokenValue)
		return err
	})
	p := newProvider(t,
		answers(fmt.Sprintf("HTTP/1.1 401 No\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s", len(body),
			body)))
	try := once(t, newClient(t, sandbox(p)), get())
	require.NoError(t, try.Err)
	require.Equal(t, "key {{secret:token}} is wrong", string(try.Response.GetBody()))
	require.Empty(t, headerOf(try.Response, "Content-Encoding"))
}

func TestBasicAuthEchoIsMasked(t *testing.T) {
	t.Parallel()
	p := newProvider(t, func(v *visit) {
		for v.book() {
			books := v.provider.seen()
			v.say("HTTP/1.1 401 No\r\nX-Echo: " + books[len(books)-1].header.Get("Authorization") +
				"\r\nContent-Length: 0\r\n\r\n")
		}
	})
	request := get()
	request.BasicAuth = &abi.BasicAuth{User: text("shop-1"), PasswordSecret: "password"}
	try := once(t, newClient(t, sandbox(p)), request)
	require.Equal(t, "Basic {{base64:shop-1:{{secret:password}}}}", headerOf(try.Response, "X-Echo"))
}

// Whatever the secret and wherever its echo stands, neither survives; nothing else is touched.
func TestMaskingHoldsForAnySecret(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.StringMatching(`[!-~][ -~]{6,40}[!-~]`).Draw(t, "secret")
		mask := egress.Mask(map[string]string{"k": value})
		for name, echo := range echoes(value) {
			masked := mask("¡" + echo + "¡")
			if strings.Contains(masked, echo) || !strings.HasPrefix(masked, "¡") || !strings.HasSuffix(masked, "¡") {
				t.Fatalf("%s: %q became %q", name, echo, masked)
			}
		}
		other := rapid.StringMatching(`[àâäéèêëîïôöùûü]{0,40}`).Draw(t, "other")
		if masked := mask(other); masked != other {
			t.Fatalf("%q became %q", other, masked)
		}
	})
}

// Escapes may be nested, as where a gateway logs JSON inside JSON inside a form: the core of the secret, which none of
// them changes, is masked whatever surrounds it.
func TestNestedEscapesAreMasked(t *testing.T) {
	t.Parallel()
	escapes := map[string]func(string) string{
		"JSON": strconv.Quote, "URL": url.QueryEscape, "path": url.PathEscape, "HTML": html.EscapeString,
		"shell":       func(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" },
		"hexadecimal": func(s string) string { return hex.EncodeToString([]byte(s)) },
		"base64":      func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	}
	inner := []string{"JSON", "URL", "path", "HTML", "shell"}
	rapid.Check(t, func(t *rapid.T) {
		const core = "Core0fTheSecret"
		special := rapid.StringMatching(`["<>&'/\\%+=|:]{1,6}`)
		echo := special.Draw(t, "before") + core + special.Draw(t, "behind")
		mask := egress.Mask(map[string]string{"k": echo})
		for range rapid.IntRange(1, 4).Draw(t, "escapes") {
			echo = escapes[rapid.SampledFrom(inner).Draw(t, "escape")](echo)
		}
		if outer := rapid.SampledFrom([]string{"", "hexadecimal", "base64"}).Draw(t, "encoding"); outer != "" {
			echo = escapes[outer](echo)
		}
		masked := mask("{" + echo + "}")
		if !strings.Contains(masked, "{{secret:k}}") || strings.Contains(masked, core) {
			t.Fatalf("%q became %q", echo, masked)
		}
	})
}

// A secret that holds another goes first, or its rest would stay.
func TestSecretInsideASecret(t *testing.T) {
	t.Parallel()
	mask := egress.Mask(map[string]string{"a": "abcdefgh", "b": "abcdefgh-and-more", "c": "front-abcdefgh"})
	require.Equal(t, "{{secret:b}} {{secret:a}} {{secret:c}}", mask("abcdefgh-and-more abcdefgh front-abcdefgh"))
}

func TestErrorsHoldNoSecret(t *testing.T) {
	t.Parallel()
	garbage := strings.Repeat(tokenValue, 30) + strings.Repeat("x", 4000)
	for name, test := range map[string]struct {
		serve func(v *visit)
		kind  error
	}{
		"garbage for a status line": {func(v *visit) { v.book(); v.say(garbage + "\r\n\r\n") }, egress.ErrBroken},
		"garbage for a header": {
			func(v *visit) { v.book(); v.say("HTTP/1.1 200 OK\r\n" + garbage + "\r\n\r\n") },
			egress.ErrBroken,
		},
		"garbage for a length": {
			func(v *visit) {
				v.book()
				v.say("HTTP/1.1 200 OK\r\nContent-Length: " + tokenValue +
					"\r\n\r\n")
			}, egress.ErrBroken,
		},
		"hangs up": {func(v *visit) { v.book() }, egress.ErrBroken},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProvider(t, test.serve)
			request := &abi.HttpRequest{
				Method: "GET", Path: []*abi.Part{lit("/"), secret("token")},
				Query: []*abi.Field{field("k", secret("password"))},
			}
			var logged bytes.Buffer
			s := sandbox(p)
			s.Logger = slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
			s.Breaker.Failures = 1
			s.Retry = egress.RetrySettings{MaxTries: 2, BaseDelay: 1, MaxDelay: 1}
			var tries []egress.Try
			err := do(t.Context(), newClient(t, s), exchange{
				Request: request, Before: before,
				After: func(_ context.Context, try egress.Try) egress.Judgement {
					tries = append(tries, try)
					return egress.Judgement{Retry: true, Fault: true}
				},
			})
			require.Error(t, err)
			require.ErrorIs(t, tries[0].Err, test.kind)
			require.LessOrEqual(t, len(tries[0].Err.Error()), 300)
			require.Contains(t, logged.String(), "breaker changed")
			all := fmt.Sprintf("%v %+v %q %s", err, tries, tries[0].Err, logged.String())
			for name, echo := range echoes(tokenValue) {
				require.NotContains(t, all, echo, name)
			}
			require.NotContains(t, all, passwordValue)
		})
	}
	t.Run("no connection", func(t *testing.T) {
		t.Parallel()
		p := newProvider(t, (*visit).hold)
		c, err := egress.NewWithDial(sandbox(p), func(context.Context, string, string) (net.Conn, error) {
			return nil, fmt.Errorf("dialled with %s", tokenValue)
		})
		require.NoError(t, err)
		t.Cleanup(c.Close)
		try := once(t, c, get())
		require.EqualError(t, try.Err, "no connection: dialled with {{secret:token}}")
		require.NotContains(t, fmt.Sprint(c), tokenValue)
	})
}

func TestAnswerIsHandedOverInOrderAndAsText(t *testing.T) {
	t.Parallel()
	p := newProvider(t,
		answers("HTTP/1.1 200 OK\r\nx-b: 2\r\nX-A: 1\r\nx-b: \xff3\r\nContent-Length: 2\r\n\r\n\xff\x00"))
	try := once(t, newClient(t, sandbox(p)), get())
	require.NoError(t, try.Err)
	var got []string
	for _, h := range try.Response.GetHeaders() {
		got = append(got, h.GetName()+"="+h.GetValue())
	}
	require.Equal(t, []string{"Content-Length=2", "X-A=1", "X-B=2", "X-B=\uFFFD3"}, got)
	require.Equal(t, "\xff\x00", string(try.Response.GetBody()), "a body is bytes")
}
