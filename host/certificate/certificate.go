// Package certificate decides which TLS certificate a listener serves, and which clients it takes, while the files that
// hold them are replaced.
//
// What the files hold is used once it is whole and has not changed for a moment; until then, and where it cannot be
// used, the former certificate serves. A handshake sees one certificate or the other, and never fails for the change.
package certificate

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"payrouter/host/config"
)

// ErrClient is the error of a connection whose client certificate is not, or is no longer, one that is taken.
var ErrClient = errors.New("the client certificate is not accepted")

// Settings of a source. Zero fields take the defaults that they name.
type Settings struct {
	// Certificate and Key are PEM files: the certificate with its chain, its own first, and its private key. They have
	// no default.
	Certificate, Key string
	// ClientCA is a PEM file of the authorities whose client certificates are taken: then each client needs one. Empty
	// asks clients for none.
	ClientCA string
	// Every is how often the files are read without a notification. 0 means one second.
	Every time.Duration
	// Settle is how long they must not change before they are used: a certificate and its key are written one after
	// the other. 0 means 100 ms.
	Settle time.Duration
	// Now is the clock. It has no default.
	Now    func() time.Time
	Logger *slog.Logger
}

// Source is what a listener serves. It is safe for concurrent use.
type Source struct {
	settings Settings
	log      *slog.Logger
	active   atomic.Pointer[material]

	// mutex is held while the files are read and used.
	mutex sync.Mutex
	// seen is what the files held last, and problem why it is not in use; nil where it is.
	seen    content
	problem error
}

// Open reads the files. They have to be in order: there is nothing else to serve.
func Open(settings Settings) (*Source, error) {
	settings.Every = cmp.Or(settings.Every, time.Second)
	settings.Settle = cmp.Or(settings.Settle, 100*time.Millisecond)
	settings.Logger = cmp.Or(settings.Logger, slog.New(slog.DiscardHandler))
	s := &Source{settings: settings, log: settings.Logger}
	s.seen = settings.read()
	first, err := settings.parse(s.seen)
	if err != nil {
		return nil, err
	}
	s.active.Store(first)
	if err := first.expired(settings.Now()); err != nil {
		s.log.Error("clients refuse the TLS certificate", slog.Any("problem", err))
	}
	return s, nil
}

// Config is for a listener: each handshake uses what is active at its begin.
func (s *Source) Config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: protocols(),
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return s.active.Load().config, nil },
	}
}

// protocols are HTTP/1.1 alone: the limits on connections, headers and bodies are counted and tested on it, and HTTP/2
// would give one connection hundreds of requests at once.
func protocols() []string { return []string{"http/1.1"} }

// Run reads the files again whenever they may have changed, until ctx ends.
func (s *Source) Run(ctx context.Context) {
	config.Watch(ctx, s.settings.Certificate, s.settings.Every, func() { s.settle(ctx) })
}

// settle uses a change of the files once they have not changed for Settings.Settle.
func (s *Source) settle(ctx context.Context) {
	now := s.settings.read()
	for !s.known(now) {
		timer := time.NewTimer(s.settings.Settle)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		later := s.settings.read()
		if later == now {
			_ = s.use(now) // it is logged, and part of the status
			return
		}
		now = later
	}
}

func (s *Source) known(c content) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.seen == c
}

// Reload reads the files now. Its error is why what they hold is not used; the former certificate serves on.
func (s *Source) Reload() error { return s.use(s.settings.read()) }

// use makes what the files hold active, unless it was looked at before.
func (s *Source) use(c content) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.seen == c {
		return s.problem
	}
	s.seen = c
	former := s.active.Load()
	next, err := s.settings.parse(c)
	if now := s.settings.Now(); err == nil && former.expired(now) == nil {
		err = next.expired(now)
	}
	if s.problem = err; err != nil {
		s.log.Error("the TLS certificate's files cannot be used: the former certificate serves",
			slog.Any("problem", err), slog.Time("expires", former.leaf.NotAfter))
		return err
	}
	s.active.Store(next)
	s.log.Info("the TLS certificate was replaced", slog.String("file", s.settings.Certificate),
		slog.Time("expires", next.leaf.NotAfter))
	return nil
}

// Status is what a source serves.
type Status struct {
	// Expires is when the active certificate ends.
	Expires time.Time
	// Problem is nil, or why clients refuse the active certificate, or why what the files hold is not active.
	Problem error
}

// Status is how it stands now.
func (s *Source) Status() Status {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	active := s.active.Load()
	return Status{
		Expires: active.leaf.NotAfter, Problem: errors.Join(s.problem, active.expired(s.settings.Now())),
	}
}

// Admit checks the client certificate of a connection once more, with the authorities that are active now: a
// connection outlives the handshake by hours. Its error is ErrClient.
func (s *Source) Admit(state *tls.ConnectionState) error {
	authorities := s.active.Load().config.ClientCAs
	if authorities == nil {
		return nil
	}
	if state == nil || len(state.PeerCertificates) == 0 {
		return fmt.Errorf("%w: there is none", ErrClient)
	}
	chain := x509.NewCertPool()
	for _, c := range state.PeerCertificates[1:] {
		chain.AddCert(c)
	}
	_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{
		Roots: authorities, Intermediates: chain, CurrentTime: s.settings.Now(),
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrClient, err)
	}
	return nil
}
