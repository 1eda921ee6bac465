package oci

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/errcode"

	"payrouter/host/egress"
)

const (
	// maxRequests of one pull: a manifest, a module, its signature and a list of referrers, each with a token and with
	// redirects, are fewer.
	maxRequests = 24
	// maxRedirects of one request.
	maxRedirects = 3

	dialTimeout       = 5 * time.Second
	handshakeTimeout  = 10 * time.Second
	maxResponseHeader = 64 << 10
)

// Why a request is not sent.
var (
	errTooMany   = fmt.Errorf("more than %d requests", maxRequests)
	errRedirects = fmt.Errorf("more than %d redirects", maxRedirects)
	errPlain     = errors.New("it redirects to plain HTTP")
)

// credentialsError is a host that is not given the credentials.
type credentialsError struct{ host string }

func (e *credentialsError) Error() string { return "credentials for " + e.host }

//nolint:gochecknoglobals // none, which is not the zero value's meaning there
var emptyPrefixes = []netip.Prefix{}

// transport connects to a registry, and to where it redirects. It knows no proxy.
func (p *Puller) transport(found Registry) *http.Transport {
	dialer := &egress.Dialer{AllowPrivate: found.AllowPrivate, Timeout: dialTimeout, Resolver: p.settings.Resolver}
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	return &http.Transport{
		Proxy: nil, DialContext: dialer.DialContext, Protocols: &protocols,
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: p.settings.RootCAs},
		TLSHandshakeTimeout: handshakeTimeout, ResponseHeaderTimeout: p.settings.AnswerTimeout,
		MaxResponseHeaderBytes: maxResponseHeader,
		// What is compressed is longer than it says.
		DisableCompression: true,
	}
}

// guard judges every request of a pull, those after redirects and those for tokens too.
type guard struct {
	next     http.RoundTripper
	registry Registry
	// name is the registry's host.
	name string
	sent atomic.Int32
}

// RoundTrip sends a request, or refuses to.
func (g *guard) RoundTrip(r *http.Request) (*http.Response, error) {
	switch {
	case g.sent.Add(1) > maxRequests:
		return nil, errTooMany
	case r.URL.Scheme != "https" && !g.registry.PlainHTTP:
		return nil, errPlain
	case r.Header.Get("Authorization") != "" && !g.trusts(r.URL):
		return nil, &credentialsError{host: r.URL.Host}
	}
	return g.next.RoundTrip(r)
}

// trusts reports whether a URL's host may get the credentials, and the tokens that they are exchanged for.
func (g *guard) trusts(u *url.URL) bool {
	host := withoutDefault(u.Host)
	return host == withoutDefault(g.name) || host == withoutDefault(g.registry.TokenHost)
}

func withoutDefault(host string) string { return strings.ToLower(strings.TrimSuffix(host, ":443")) }

func fewRedirects(_ *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return errRedirects
	}
	return nil
}

// unavailable is what went wrong with a registry, in words of this package: an error from below may have a URL with a
// signature in its query, or what the registry wrote.
func (r Reference) unavailable(ctx context.Context, doing string, err error) error {
	if ended := ctx.Err(); ended != nil { // what broke then broke by that
		err = errors.Join(ended, err)
	}
	what, hint := inWords(err)
	return &PullError{From: r.String(), Reason: ErrUnavailable, What: doing + ": " + what, Hint: hint, Err: err}
}

//nolint:gosec // G101: it is about credentials, and has none
const giveCredentials = "give its credentials in the routing file, under registries"

func inWords(err error) (what, hint string) {
	if answer, ok := errors.AsType[*errcode.ErrorResponse](err); ok {
		what = fmt.Sprintf("%s answered %d", answer.URL.Host, answer.StatusCode)
		if answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusForbidden {
			hint = giveCredentials
		}
		return what, hint
	}
	if refused, ok := errors.AsType[*credentialsError](err); ok {
		return "it asks for its credentials to be sent to " + refused.host,
			"name the host as its token_host in the routing file, if that is intended"
	}
	if name, ok := errors.AsType[*net.DNSError](err); ok {
		return "the name " + name.Name + " cannot be resolved", ""
	}
	for _, row := range []struct {
		is         error
		what, hint string
	}{
		{context.DeadlineExceeded, "it took too long", ""},
		{context.Canceled, "the pull was cancelled", ""},
		{errdef.ErrNotFound, "there is none of this digest", ""},
		{
			egress.ErrAddressRefused, "it is, or redirects to, an address that is not public",
			"allow_private in the routing file permits private ones",
		},
		{auth.ErrBasicCredentialNotFound, "it asks for credentials", giveCredentials},
		{io.ErrUnexpectedEOF, "it ended too early", ""},
		{errdef.ErrTooManyPages, fmt.Sprintf("a list of more than %d pages", maxPages), ""},
		{errTooMany, errTooMany.Error(), ""},
		{errRedirects, errRedirects.Error(), ""},
		{errPlain, errPlain.Error(), ""},
	} {
		if errors.Is(err, row.is) {
			return row.what, row.hint
		}
	}
	if timed, ok := errors.AsType[net.Error](err); ok && timed.Timeout() {
		return "it took too long", ""
	}
	if broken, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "its certificate is not valid: " + broken.Err.Error(), ""
	}
	if sent, ok := errors.AsType[*url.Error](err); ok {
		if failed, ok := errors.AsType[*net.OpError](sent); ok && failed.Op == "dial" {
			return "no connection to " + failed.Addr.String(), ""
		}
		return "no answer: the connection broke, or its handshake failed", ""
	}
	return "its answer is not as the distribution specification has it", ""
}
