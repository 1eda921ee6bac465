package oci

import (
	"errors"
	"fmt"
	"strings"

	"oras.land/oras-go/v2/registry"
)

// Why a module is not pulled. PullError wraps them.
var (
	// ErrReference: the text names no manifest by its digest.
	ErrReference = errors.New("no reference by digest")
	// ErrNotConfigured: the configuration does not name the registry, or its credentials cannot be read.
	ErrNotConfigured = errors.New("registry not configured")
	// ErrUnavailable: the registry was not reached, or did not give what it was asked for.
	ErrUnavailable = errors.New("registry did not serve the module")
	// ErrArtifact: what the registry has there is no plugin's module, or not the bytes of the digest.
	ErrArtifact = errors.New("no module of a plugin")
)

// Reference names a manifest in a registry: "registry.example/team/paygram@sha256:…".
type Reference struct {
	// Registry is a host, with a port where there is one.
	Registry string
	// Repository is the path within it.
	Repository string
	// Digest is the SHA-256 of the manifest, in hexadecimal.
	Digest string
}

const sha256Prefix = "sha256:"

// maxReference is longer than any reference, in bytes.
const maxReference = 1 << 10

// ParseReference reads a reference. A tag beside the digest is left out. The error is a *PullError.
func ParseReference(text string) (Reference, error) {
	refuse := func(what, hint string) (Reference, error) {
		return Reference{}, &PullError{From: shown(text), Reason: ErrReference, What: what, Hint: hint}
	}
	const example = "write registry/repository@sha256:… "
	if len(text) > maxReference || strings.Contains(text, "://") {
		return refuse("it is no reference of a registry", example+"without a scheme")
	}
	parsed, err := registry.ParseReference(text)
	if err != nil {
		return refuse("it is no reference of a registry", example+"with the digest of the manifest in lower case")
	}
	digest, byDigest := strings.CutPrefix(parsed.Reference, sha256Prefix)
	switch {
	case parsed.Reference == "":
		return refuse("it names no digest", findDigest(parsed, "TAG"))
	case !byDigest && !strings.Contains(text, "@"):
		return refuse(fmt.Sprintf("%q is a tag, which may be moved to other bytes", parsed.Reference),
			findDigest(parsed, parsed.Reference))
	case !byDigest || len(digest) != 64:
		return refuse("its digest is not a SHA-256", example+"with the digest of the manifest")
	}
	return Reference{Registry: parsed.Registry, Repository: parsed.Repository, Digest: digest}, nil
}

// findDigest is how to find the digest behind a tag.
func findDigest(r registry.Reference, tag string) string {
	return fmt.Sprintf("\"oras resolve %s/%s:%s\" prints its digest: write %s/%s@sha256:…", r.Registry, r.Repository, tag,
		r.Registry, r.Repository)
}

// shown is a text of a caller as an error repeats it.
func shown(text string) string {
	const enough = 200
	if len(text) > enough {
		text = text[:enough] + "…"
	}
	return fmt.Sprintf("%q", text)
}

// String is the reference as a Module has it.
func (r Reference) String() string {
	return r.Registry + "/" + r.Repository + "@" + sha256Prefix + r.Digest
}

func (r Reference) repository() registry.Reference {
	return registry.Reference{Registry: r.Registry, Repository: r.Repository}
}

// host is where requests go: docker.io has its registry under another name.
func (r Reference) host() string { return r.repository().Host() }

func (r Reference) artifact(what, hint string) error {
	return &PullError{From: r.String(), Reason: ErrArtifact, What: what, Hint: hint}
}
