// Package origin decides which web origins and Host names may reach the router.
//
// A web page can have its reader's browser send requests to an address that the page's author cannot reach: the
// loopback interface, a private network. Such a request is refused by the headers that the browser adds
// (Sec-Fetch-Site, Origin), or, where the page's own name was made to resolve to that address (DNS rebinding), by its
// Host.
package origin

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

var (
	// ErrCrossOrigin is the error of a request that a browser makes for a page of another origin.
	ErrCrossOrigin = errors.New("a web page of another origin made this request")
	// ErrHost is the error of a request for a name that anybody may have made resolve to this machine.
	ErrHost = errors.New("the Host is neither localhost nor an IP address")
)

// CheckSame refuses what a browser sends for a page of another origin, with any method: RFC 9110 calls GET safe, and
// still it asks providers. A program that is no browser passes.
func CheckSame(r *http.Request) error {
	asUnsafe := *r
	asUnsafe.Method = http.MethodPost // net/http lets safe methods pass
	if err := http.NewCrossOriginProtection().Check(&asUnsafe); err != nil {
		return fmt.Errorf("%w: send it from a server, or from a page of %s", ErrCrossOrigin, r.Host)
	}
	return nil
}

// CheckLocal refuses a request whose Host is neither "localhost" nor an IP address. Any other name may be one that its
// owner made resolve to this machine.
func CheckLocal(r *http.Request) error {
	host := hostname(r.Host)
	if strings.EqualFold(host, "localhost") {
		return nil
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return nil
	}
	return fmt.Errorf("%w: %q", ErrHost, r.Host)
}

// hostname is a Host without its port.
func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
}

// Follows reports whether a browser sends a request since its user opens an address in a tab: by a link, a redirect or
// a bookmark. The page that linked there cannot read the answer.
func Follows(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) &&
		r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"
}

// Settings of a guard.
type Settings struct {
	// Open reports whether the router takes requests without an API key now; it is asked for each request.
	Open func() bool
	// API is the prefix of paths that no page of another origin may as much as link to.
	API string
	// Callbacks is the prefix of paths that every origin may reach: whoever asks there has the secret of the address.
	// Of an open router they may be reached under PublicURL's name, too.
	Callbacks, PublicURL string
	// Refuse answers a request that an error stands against.
	Refuse func(http.ResponseWriter, *http.Request, error)
}

// Guard puts the security headers on every answer of next, and refuses what must not reach it.
func Guard(next http.Handler, settings Settings) http.Handler {
	public := ""
	if address, err := url.Parse(settings.PublicURL); err == nil {
		public = address.Hostname()
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		setHeaders(w.Header(), r, settings.API)
		callback := settings.Callbacks != "" && strings.HasPrefix(r.URL.Path, settings.Callbacks)
		published := callback && public != "" && strings.EqualFold(hostname(r.Host), public)
		if settings.Open() && !published {
			if err := CheckLocal(r); err != nil {
				settings.Refuse(w, r, err)
				return
			}
		}
		linked := Follows(r) && !strings.HasPrefix(r.URL.Path, settings.API)
		if !callback && !linked {
			if err := CheckSame(r); err != nil {
				settings.Refuse(w, r, err)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// setHeaders has browsers make as little of an answer as they can. There is no Access-Control header: no page of
// another origin reads an answer. A handler that serves a page replaces the Content-Security-Policy by its own.
func setHeaders(h http.Header, r *http.Request, api string) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("X-Frame-Options", "DENY") // for browsers that do not read frame-ancestors
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	if strings.HasPrefix(r.URL.Path, api) {
		h.Set("Cache-Control", "no-store")
	}
	if r.TLS != nil {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}
