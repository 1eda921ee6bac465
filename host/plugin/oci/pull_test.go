package oci_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"

	"payrouter/host/plugin/oci"
)

func TestModuleIsPulledWithItsSignature(t *testing.T) {
	t.Parallel()
	code, file := []byte("\x00asm, a module's bytes"), []byte("untrusted comment: a signature file\n")
	for claim, row := range map[string]struct {
		options []registry.Option
		// push makes the manifest of the module's layer.
		push      func(r *real, module ocispec.Descriptor) ocispec.Manifest
		referrers [][]byte
		signature []byte
	}{
		"unsigned": {
			push: func(_ *real, module ocispec.Descriptor) ocispec.Manifest { return manifestWith(module) },
		},
		"unsigned, where referrers can be asked for": {
			options: []registry.Option{registry.WithReferrersSupport(true)},
			push:    func(_ *real, module ocispec.Descriptor) ocispec.Manifest { return manifestWith(module) },
		},
		"signed by a layer, among others": {
			push: func(r *real, module ocispec.Descriptor) ocispec.Manifest {
				return manifestWith(r.layer("text/markdown", []byte("# read me")), r.layer(oci.SignatureType, file), module)
			},
			signature: file,
		},
		"signed by a referrer": {
			options:   []registry.Option{registry.WithReferrersSupport(true)},
			push:      func(_ *real, module ocispec.Descriptor) ocispec.Manifest { return manifestWith(module) },
			referrers: [][]byte{file}, signature: file,
		},
	} {
		for _, mediaType := range oci.ModuleTypes {
			t.Run(claim+" as "+mediaType, func(t *testing.T) {
				t.Parallel()
				r := newReal(t, row.options...)
				digest := r.push(row.push(r, r.layer(mediaType, code)))
				for _, file := range row.referrers {
					r.sign(digest, file)
				}
				from := r.reference(digest)
				tagged := strings.Replace(from, "@", ":1.2.0@", 1)
				for _, text := range []string{from, tagged} {
					module, err := r.puller(nil).Pull(t.Context(), oci.Request{From: text})
					require.NoError(t, err)
					require.Equal(t, oci.Module{From: from, Code: code, Signature: row.signature}, module)
				}
			})
		}
	}
}

// Whoever sends the signature along is not asked which of a registry's counts.
func TestSignatureOfTheCallerComesFirst(t *testing.T) {
	t.Parallel()
	r := newReal(t, registry.WithReferrersSupport(true))
	digest := r.push(manifestWith(r.layer("application/wasm", []byte("code"))))
	r.sign(digest, []byte("first"))
	r.sign(digest, []byte("second"))
	_, err := r.puller(nil).Pull(t.Context(), oci.Request{From: r.reference(digest)})
	require.ErrorIs(t, err, oci.ErrArtifact)
	require.ErrorContains(t, err, "it has 2 signatures (send the one that counts as signature)")
	module, err := r.puller(nil).Pull(t.Context(), oci.Request{From: r.reference(digest), Signature: []byte("mine")})
	require.NoError(t, err)
	require.Equal(t, []byte("mine"), module.Signature)
}

func TestReferenceIsByDigest(t *testing.T) {
	t.Parallel()
	digest := strings.Repeat("ab", 32)
	for text, says := range map[string]string{
		"registry.example/team/paygram:1.2.0": `"1.2.0" is a tag, which may be moved to other bytes ("oras resolve ` +
			`registry.example/team/paygram:1.2.0" prints its digest: write registry.example/team/paygram@sha256:…)`,
		"registry.example/team/paygram":                             `("oras resolve registry.example/team/paygram:TAG"`,
		"registry.example/team/paygram@sha256:abc":                  "with the digest of the manifest in lower case",
		"registry.example/team/paygram@sha512:" + digest + digest:   "its digest is not a SHA-256",
		"registry.example/team/paygram@sha256:" + "AB" + digest[2:]: "no reference of a registry",
		"https://registry.example/team/paygram@sha256:" + digest:    "without a scheme",
		"paygram@sha256:" + digest:                                  "no reference of a registry",
		"registry.example/../v2/x@sha256:" + digest:                 "no reference of a registry",
		"user:secret@registry.example/x@sha256:" + digest:           "no reference of a registry",
		"":                         "no reference of a registry",
		strings.Repeat("x", 1<<20): "no reference of a registry",
	} {
		_, err := oci.ParseReference(text)
		require.ErrorIs(t, err, oci.ErrReference, "%.80s", text)
		require.ErrorContains(t, err, says)
		require.Less(t, len(err.Error()), 600)
	}
	from, err := oci.ParseReference("registry.example:5000/team/paygram:1.2.0@sha256:" + digest)
	require.NoError(t, err)
	require.Equal(t, oci.Reference{Registry: "registry.example:5000", Repository: "team/paygram", Digest: digest}, from)
}

func TestOnlyConfiguredRegistriesAreAsked(t *testing.T) {
	t.Parallel()
	r := newReal(t)
	_, err := r.puller(nil).Pull(t.Context(), oci.Request{
		From: "other.example/team/paygram@sha256:" + strings.Repeat("ab", 32),
	})
	require.ErrorIs(t, err, oci.ErrNotConfigured)
	require.ErrorContains(t, err, `"other.example" is not under registries`)
}

func TestRegistryShowsNoPassword(t *testing.T) {
	t.Parallel()
	r := oci.Registry{Username: "ci", Password: "a-made-up-password"}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", slog.Any("registry", r), slog.Any("pointer", &r))
	require.NotContains(t, fmt.Sprintf("%v %+v %#v %s", r, &r, r, r)+log.String(), "made-up")
}
