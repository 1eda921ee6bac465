package main

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/certificate/certificatetest"
)

// files writes a pair to files of its own.
func files(t *testing.T, pair certificatetest.Pair) (certificate, key string) {
	t.Helper()
	dir := t.TempDir()
	certificate, key = filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	pair.Write(t, certificate, key)
	return certificate, key
}

// trust has the harness's client believe an authority, and show what clients' certificates it has.
func (w *harness) trust(authority *certificatetest.Authority, own ...tls.Certificate) {
	transport := w.client.Transport.(*http.Transport)
	transport.CloseIdleConnections()
	transport.TLSClientConfig = &tls.Config{RootCAs: authority.Pool(), Certificates: own}
}

func TestTheSandboxWorksUnderTLSWhileTheCertificateIsRenewed(t *testing.T) {
	t.Parallel()
	authority := certificatetest.New(t)
	cert, key := files(t, authority.Issue(time.Hour))
	w := build(t, plan{command: serveCommand{Sandbox: true, tlsFlags: tlsFlags{TLSCert: cert, TLSKey: key}}})
	w.trust(authority)
	require.True(t, strings.HasPrefix(w.router, "https://"))
	health := w.ask("GET", w.router+"/healthz", "")
	require.Equal(t, "max-age=31536000", health.header.Get("Strict-Transport-Security"))

	// The simulated provider reports to an address of the router's that has TLS, too.
	p, base := w.takes("payplay", "EUR")
	w.simulated = base
	w.drive("payplay", p.ProviderReference, "pay")
	require.Eventually(t, func() bool { return w.get(p.ID).Status == "succeeded" }, time.Minute, 10*time.Millisecond)

	require.NoError(t, os.WriteFile(cert, []byte("nonsense"), 0o600))
	require.Eventually(t, func() bool {
		return strings.Contains(string(w.ask("GET", w.router+"/readyz", "").body), "is to be replaced")
	}, time.Minute, 10*time.Millisecond)
	ready := w.ask("GET", w.router+"/readyz", "")
	require.Equal(t, 200, ready.status, "the former certificate serves")
	require.NotContains(t, string(ready.body), "tls.crt", "files are the operator's matter")

	next := authority.Issue(time.Hour)
	next.Write(t, cert, key)
	require.Eventually(t, func() bool {
		connection, err := (&tls.Dialer{Config: &tls.Config{RootCAs: authority.Pool()}}).
			DialContext(t.Context(), "tcp", strings.TrimPrefix(w.router, "https://"))
		require.NoError(t, err)
		defer connection.Close()
		return connection.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber.Cmp(next.Leaf.SerialNumber) == 0
	}, time.Minute, 10*time.Millisecond)
	require.JSONEq(t, `{"status":"ok"}`, string(w.ask("GET", w.router+"/readyz", "").body))
}

// What the public listener has not is what the document's path says, so that a new path is on one side by a decision.
func TestAdministrationHasAListenerOfItsOwn(t *testing.T) {
	t.Parallel()
	authority, clients := certificatetest.New(t), certificatetest.New(t)
	cert, key := files(t, authority.Issue(time.Hour))
	ca := filepath.Join(t.TempDir(), "clients.pem")
	require.NoError(t, os.WriteFile(ca, []byte(clients.PEM()), 0o600))
	w := build(t, plan{command: serveCommand{tlsFlags: tlsFlags{
		AdminListen: "127.0.0.1:0", AdminTLSCert: cert, AdminTLSKey: key, AdminClientCA: ca,
	}}})
	w.trust(authority)
	_, err := w.try(t.Context(), "GET", w.admin+"/healthz", "")
	require.Error(t, err, "without a client certificate")
	w.trust(authority, authority.Issue(time.Hour).TLS(t))
	_, err = w.try(t.Context(), "GET", w.admin+"/healthz", "")
	require.Error(t, err, "with one of another authority")
	w.trust(authority, clients.Issue(time.Hour).TLS(t))

	// Every path of the document is on one side of the table.
	var document struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	require.NoError(t, json.Unmarshal(w.ask("GET", w.router+"/openapi.json", "").body, &document))
	administrative := map[string]bool{}
	for path, methods := range document.Paths {
		for method := range methods {
			// An empty body that claims to be no JSON does nothing anywhere.
			target := strings.NewReplacer("{", "", "}", "").Replace(path)
			a := w.ask(strings.ToUpper(method), w.router+target, "", "Content-Type", "text/x")
			hidden := strings.Contains(string(a.body), "problem:unknown-path")
			if hidden {
				require.Equal(t, 404, a.status)
				administrative[path] = true
			}
			b := w.ask(strings.ToUpper(method), w.admin+target, "", "Content-Type", "text/x")
			require.NotContains(t, string(b.body), "problem:unknown-path", "%s %s of administration", method, path)
		}
	}
	for path := range document.Paths {
		part := strings.Split(path, "/")[2]
		want := map[string]bool{"plugins": true, "config": true, "journal": true, "keys": true, "audit": true}[part]
		require.Equal(t, want, administrative[path], path)
	}
	for _, path := range []string{"/metrics", "/v1/%70lugins", "/v1/plugins/", "/v1/keys", "/v1/audit/x"} {
		a := w.ask("GET", w.router+path, "")
		require.Equal(t, 404, a.status, path)
		require.Equal(t, "unknown-path", problem(t, a).Type, path)
	}
	require.Equal(t, 200, w.ask("GET", w.admin+"/v1/plugins", "").status)
	require.Equal(t, 200, w.ask("GET", w.admin+"/v1/payments", "").status, "administration has the whole API")

	// Commands come in with a client certificate as well.
	own, ownKey := files(t, clients.Issue(time.Hour))
	trusted := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(trusted, []byte(authority.PEM()), 0o600))
	release := journalReleaseCommand{Router: w.admin, Reason: "none", askerFlags: askerFlags{CA: trusted}}
	shell := &host{ctx: t.Context(), stdout: io.Discard}
	require.ErrorContains(t, release.Run(shell), "certificate required")
	release.ClientCert = own
	require.ErrorContains(t, release.Run(shell), "--client-cert and --client-key go together")
	release.ClientKey = ownKey
	require.ErrorContains(t, release.Run(shell), "the journal is not held")

	// Other authorities hold on a connection that is open: it is the one that the client kept.
	require.NoError(t, os.WriteFile(ca, []byte(authority.PEM()), 0o600))
	require.Eventually(t, func() bool {
		a, err := w.try(t.Context(), "GET", w.admin+"/v1/plugins", "")
		if err != nil { // the router closes a connection that it refuses, and takes no new one
			return true
		}
		return a.status == 403 && problem(t, a).Type == "client-certificate-refused"
	}, time.Minute, 10*time.Millisecond)
}

func TestFlagsOfTLSThatAreHalfGivenAreRefused(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		flags tlsFlags
		wants []string
	}{
		"nothing":        {tlsFlags{}, nil},
		"both":           {tlsFlags{TLSCert: "c", TLSKey: "k"}, nil},
		"no key":         {tlsFlags{TLSCert: "c"}, []string{"--tls-cert needs --tls-key"}},
		"no certificate": {tlsFlags{TLSKey: "k"}, []string{"--tls-key needs --tls-cert"}},
		"no key of administration": {
			tlsFlags{AdminListen: "a", AdminTLSCert: "c"}, []string{"--admin-tls-cert needs --admin-tls-key"},
		},
		"no listener": {
			tlsFlags{AdminTLSCert: "c", AdminTLSKey: "k"}, []string{"--admin-tls-cert needs --admin-listen"},
		},
		"clients' certificates without TLS": {
			tlsFlags{AdminListen: "a", AdminClientCA: "ca"}, []string{"--admin-client-ca needs --admin-tls-cert"},
		},
		"several": {
			tlsFlags{TLSKey: "k", AdminClientCA: "ca"},
			[]string{"--tls-key needs --tls-cert", "--admin-client-ca needs --admin-tls-cert"},
		},
	} {
		err := row.flags.validate()
		if len(row.wants) == 0 {
			require.NoError(t, err, name)
		}
		for _, want := range row.wants {
			require.ErrorContains(t, err, want, name)
		}
	}
	require.ErrorContains(t, (&serveCommand{tlsFlags: tlsFlags{TLSKey: "k"}}).Run(nil), "--tls-key needs --tls-cert")
}
