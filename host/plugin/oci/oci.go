// Package oci pulls plugins' modules from OCI registries and decides what a registry is believed.
//
// That is nothing but what a digest proves: an operator names the manifest's, and the manifest names those of the
// module and of its signature. Where a registry is, what it may cost and who gets its password follow from the
// configuration, never from its answers.
//
// In reading order: reference.go; oci.go, the Puller; artifact.go, what is read of a manifest; guard.go, each request.
package oci

import (
	"cmp"
	"context"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
)

// Registry is what the configuration has of a registry. The zero value is asked without credentials, by https, at a
// public address. Printing and logging do not show the password.
type Registry struct {
	// Username and Password are the credentials; both are empty where there are none.
	Username, Password string
	// TokenHost is a host, with a port where it is not 443, that may get the credentials beside the registry itself: its
	// token service. Empty is none.
	TokenHost string
	// AllowPrivate permits loopback, private and carrier-grade NAT addresses: the registry's, its token service's, and
	// those that it redirects to.
	AllowPrivate bool
	// PlainHTTP asks without TLS. The configuration permits it with AllowPrivate only.
	PlainHTTP bool
}

const masked = "[registry]"

// String shows no credentials.
func (Registry) String() string { return masked }

// GoString shows no credentials.
func (Registry) GoString() string { return masked }

// LogValue shows no credentials.
func (Registry) LogValue() slog.Value { return slog.StringValue(masked) }

// Settings of a Puller. Find and MaxModule are required.
type Settings struct {
	// Find is the configuration of a registry by its name, such as "registry.example" or "registry.example:5000". It is
	// called for each pull; its error, which must contain no secret, ends the pull.
	Find func(name string) (Registry, error)
	// MaxModule bounds a module, in bytes.
	MaxModule int64
	// Timeout bounds a whole pull, the wait for another one included. 0 means two minutes.
	Timeout time.Duration
	// AnswerTimeout bounds the wait for an answer's header. 0 means 15 seconds.
	AnswerTimeout time.Duration
	// RootCAs verify registries' certificates. Nil means the system's.
	RootCAs *x509.CertPool
	// Resolver looks registries' names up. Nil means the system's.
	Resolver *net.Resolver
}

// Request names a module.
type Request struct {
	// From is the reference of the module's manifest by its digest.
	From string
	// Signature is its minisign file, where the caller has it: then the registry is not asked for one.
	Signature []byte
}

// Module is what was pulled. Its bytes are those of the digest; nothing else is proven.
type Module struct {
	// From is the reference without a tag.
	From string
	Code []byte
	// Signature is empty where there is none.
	Signature []byte
}

// pulls run at a time: a module is held in memory as a whole.
const pulls = 2

// Puller pulls modules. It is safe for concurrent use, and keeps no connection between two pulls.
type Puller struct {
	settings Settings
	slots    chan struct{}
}

// New makes a Puller; it connects nowhere yet.
func New(s Settings) *Puller {
	s.Timeout = cmp.Or(s.Timeout, 2*time.Minute)
	s.AnswerTimeout = cmp.Or(s.AnswerTimeout, 15*time.Second)
	return &Puller{settings: s, slots: make(chan struct{}, pulls)}
}

// Pull gets a module and its signature. Its error is a *PullError.
func (p *Puller) Pull(ctx context.Context, r Request) (Module, error) {
	from, err := ParseReference(r.From)
	if err != nil {
		return Module{}, err
	}
	found, err := p.settings.Find(from.Registry)
	if err != nil {
		return Module{}, &PullError{From: from.String(), Reason: ErrNotConfigured, What: err.Error()}
	}
	ctx, cancel := context.WithTimeout(ctx, p.settings.Timeout)
	defer cancel()
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	case <-ctx.Done():
		return Module{}, from.unavailable(ctx, "wait for another pull", ctx.Err())
	}
	transport := p.transport(found)
	defer transport.CloseIdleConnections()
	pull := &pull{from: from, repository: p.repository(from, found, transport), maxModule: p.settings.MaxModule}
	module := Module{From: from.String(), Signature: r.Signature}
	held, err := pull.manifest(ctx)
	if err != nil {
		return Module{}, err
	}
	if module.Code, err = pull.module(ctx, held); err != nil {
		return Module{}, err
	}
	if len(module.Signature) == 0 {
		if module.Signature, err = pull.signature(ctx, held); err != nil {
			return Module{}, err
		}
	}
	return module, nil
}

// repository talks to a registry with the limits of one pull.
func (p *Puller) repository(from Reference, found Registry, transport *http.Transport) *remote.Repository {
	guard := &guard{next: transport, registry: found, name: from.host()}
	client := &auth.Client{
		Client: &http.Client{Transport: guard, CheckRedirect: fewRedirects},
		Header: http.Header{"User-Agent": {"payrouter-plugins/1"}},
		Credential: auth.StaticCredential(from.host(), auth.Credential{
			Username: found.Username, Password: found.Password,
		}),
		// The dialer judges the address that is dialled; a list of ours beside it would be a second opinion.
		BlockedRealmPrefixes: emptyPrefixes,
		Cache:                auth.NewCache(),
	}
	return &remote.Repository{
		Client: client, Reference: from.repository(), PlainHTTP: found.PlainHTTP,
		ManifestMediaTypes:   []string{manifestType, indexType, dockerManifestType, dockerIndexType},
		ReferrerListMaxPages: maxPages, MaxMetadataBytes: maxManifest, SkipReferrersGC: true,
	}
}

// PullError is a module that was not pulled.
type PullError struct {
	// From is the reference, as far as it was read.
	From string
	// Reason is one of the package's sentinels.
	Reason error
	// What is wrong in particular. It has no credential, and no text that a registry wrote.
	What string
	// Hint is how to correct it; may be empty.
	Hint string
	// Err is the cause from below, for errors.Is; may be nil. Its text may repeat what a registry sent.
	Err error
}

// Error has reason, details and hint.
func (e *PullError) Error() string {
	text := fmt.Sprintf("pull %s: %s: %s", e.From, e.Reason, e.What)
	if e.Hint != "" {
		text += " (" + e.Hint + ")"
	}
	return text
}

// Unwrap returns the reason and the cause.
func (e *PullError) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Reason}
	}
	return []error{e.Reason, e.Err}
}
