package router

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"payrouter/host/api"
	"payrouter/host/callback"
	"payrouter/host/certificate"
	"payrouter/host/inbound"
	"payrouter/host/origin"
)

// Listener is an address to listen on, and what it serves TLS with. The zero value is none.
type Listener struct {
	// Address is "host:port"; empty does not listen.
	Address string
	// Certificate, Key and ClientCA are certificate.Settings'. Without a certificate there is no TLS.
	Certificate, Key, ClientCA string
}

// port is a listener that is open. Its server is nil until it is built.
type port struct {
	net.Listener
	// limits are its own: who fills the public port leaves room for administration.
	limits *inbound.Limits
	server *http.Server
	// certificate is nil without TLS.
	certificate *certificate.Source
}

// beyondWait is how long a request may take at least, beyond the wait of a create and the time of its body.
const beyondWait = 90 * time.Second

// openPort listens, and serves nothing. Nil is the port of no listener.
func (r *Router) openPort(ctx context.Context, l Listener) (*port, error) {
	if l.Address == "" {
		return nil, nil //nolint:nilnil // no listener is a setting
	}
	clients := r.settings.Clients
	clients.Whole = cmp.Or(r.settings.CreateTimeout, api.WaitTimeout) + beyondWait + clients.Body
	clients.Logger = r.log
	opened := &port{limits: inbound.New(clients)}
	var err error
	if l.Certificate != "" {
		opened.certificate, err = certificate.Open(certificate.Settings{
			Certificate: l.Certificate, Key: l.Key, ClientCA: l.ClientCA, Now: r.settings.Now, Logger: r.log,
		})
		if err != nil {
			return nil, err
		}
	}
	if opened.Listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", l.Address); err != nil {
		return nil, err
	}
	opened.Listener = opened.limits.Listener(opened.Listener)
	r.onClose(func() error {
		if err := opened.Close(); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	})
	r.ports = append(r.ports, opened)
	return opened, nil
}

// onLoopback refuses an address that other machines may reach; an empty one is none.
func onLoopback(address string) error {
	if address == "" {
		return nil
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("listen on %q: %w", address, err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("listen on %s: without an API key the router is open to all, and listens on loopback only: "+
			"make one with router key make", address)
	}
	return nil
}

// serve serves until the server is shut down. TLS is outermost: net/http looks for it on the connection that it gets.
func (p *port) serve() error {
	listener := p.Listener
	if p.certificate != nil {
		listener = tls.NewListener(listener, p.certificate.Config())
	}
	return p.server.Serve(listener)
}

// shutDown has every server finish what it serves.
func (r *Router) shutDown(ctx context.Context) error {
	problems := make([]error, len(r.ports))
	var all sync.WaitGroup
	for i, p := range r.ports {
		all.Go(func() { problems[i] = p.server.Shutdown(ctx) })
	}
	all.Wait()
	return errors.Join(problems...)
}

// base is the URL of a port.
func (p *port) base() string {
	if p.certificate != nil {
		return "https://" + p.Addr().String()
	}
	return "http://" + p.Addr().String()
}

// reloadCertificates reads the files of TLS certificates now, and not when the next change of them is noticed.
func (r *Router) reloadCertificates() error {
	var problems []error
	for _, p := range r.ports {
		if p.certificate != nil {
			problems = append(problems, p.certificate.Reload())
		}
	}
	return errors.Join(problems...)
}

// warnings are what an operator should look at although the router serves. Who asks needs no key, so they name no file
// and no account.
func (r *Router) warnings() []string {
	var warnings []string
	for _, p := range r.ports {
		if p.certificate == nil {
			continue
		}
		if status := p.certificate.Status(); status.Problem != nil {
			warnings = append(warnings, fmt.Sprintf(
				"the TLS certificate that serves until %s is to be replaced: the log has why",
				status.Expires.Format(time.RFC3339)))
		}
	}
	if out := len(r.fleets.Active().Out); out > 0 {
		warnings = append(warnings, fmt.Sprintf("accounts that are out of service: %d: GET /v1/providers has why", out))
	}
	if confined := r.registry.Quarantined(); confined > 0 {
		warnings = append(warnings, fmt.Sprintf("plugins in quarantine: %d: GET /v1/plugins has why", confined))
	}
	return warnings
}

// administration are the paths that the public listener does not have where there is one for administration. What is
// under them, too.
//
//nolint:gochecknoglobals // a lookup table
var administration = []string{"/metrics", "/v1/audit", "/v1/config", "/v1/journal", "/v1/keys", "/v1/plugins"}

func administrative(path string) bool {
	for _, prefix := range administration {
		if rest, under := strings.CutPrefix(path, prefix); under && (rest == "" || rest[0] == '/') {
			return true
		}
	}
	return false
}

// withoutAdministration answers administrative paths as paths that do not exist.
func withoutAdministration(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if administrative(r.URL.Path) {
			api.Missing(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// handlers puts what decides about requests before they reach the API in front of each port's.
func (r *Router) handlers(whole http.Handler) {
	for _, p := range r.ports {
		handler := whole
		if r.admin != nil && p != r.admin {
			handler = withoutAdministration(handler)
		}
		p.server = p.limits.Server(origin.Guard(r.admitted(p, handler), origin.Settings{
			Open: r.open, API: "/v1/", Callbacks: callback.Prefix, PublicURL: r.settings.PublicURL, Refuse: r.refuse,
		}))
	}
}

// open reports whether requests need no API key.
func (r *Router) open() bool { return !r.keys.Any() }

// admitted checks the client certificate with each request: the authorities may have changed since the handshake.
func (r *Router) admitted(p *port, next http.Handler) http.Handler {
	if p.certificate == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if err := p.certificate.Admit(request.TLS); err != nil {
			w.Header().Set("Connection", "close")
			r.refuse(w, request, err)
			return
		}
		next.ServeHTTP(w, request)
	})
}

func (r *Router) refuse(w http.ResponseWriter, request *http.Request, err error) {
	r.log.InfoContext(request.Context(), "a request was refused", slog.String("method", request.Method),
		slog.String("path", request.URL.Path), slog.Any("reason", err))
	api.Refuse(w, request, err)
}
