package oci

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote"

	"payrouter/host/plugin/signature"
)

const (
	manifestType       = ocispec.MediaTypeImageManifest
	indexType          = ocispec.MediaTypeImageIndex
	dockerManifestType = "application/vnd.docker.distribution.manifest.v2+json"
	dockerIndexType    = "application/vnd.docker.distribution.manifest.list.v2+json"

	// SignatureType is the media type of a layer that is a module's minisign file, and the artifact type of a referrer
	// that has it as its layer.
	SignatureType = "application/vnd.minisign.signature"

	// maxManifest bounds manifests and lists of referrers, in bytes.
	maxManifest = 256 << 10
	// maxPages bounds the pages of a list of referrers.
	maxPages = 3
)

// ModuleTypes are the media types of a layer that is a module, by who writes them: the Wasm OCI Artifact layout of
// CNCF's TAG Runtime (https://tag-runtime.cncf.io/wgs/wasm/deliverables/wasm-oci-artifact/), wasm-to-oci
// (https://github.com/engineerd/wasm-to-oci) with the tools after it, and a spelling that some of those write.
//
//nolint:gochecknoglobals // a table
var ModuleTypes = []string{
	"application/wasm",
	"application/vnd.wasm.content.layer.v1+wasm",
	"application/vnd.module.wasm.content.layer.v1+wasm",
}

// pull is one pull.
type pull struct {
	from       Reference
	repository *remote.Repository
	maxModule  int64
}

// held is a manifest whose digest was verified.
type held struct {
	described ocispec.Descriptor
	layers    []ocispec.Descriptor
}

// manifest gets the manifest that the reference names.
func (p *pull) manifest(ctx context.Context) (held, error) {
	return p.manifestOf(ctx, digest.NewDigestFromEncoded(digest.SHA256, p.from.Digest))
}

func (p *pull) manifestOf(ctx context.Context, of digest.Digest) (held, error) {
	described, body, err := p.repository.FetchReference(ctx, of.String())
	if err != nil {
		return held{}, p.from.unavailable(ctx, "get its manifest", err)
	}
	defer body.Close() //nolint:errcheck // only read from
	text, err := io.ReadAll(io.LimitReader(body, maxManifest+1))
	switch {
	case err != nil:
		return held{}, p.from.unavailable(ctx, "read its manifest", err)
	case len(text) > maxManifest:
		return held{}, p.from.artifact(fmt.Sprintf("the manifest is longer than %d bytes", maxManifest), "")
	}
	if digest.FromBytes(text) != of {
		return held{}, p.from.artifact("the registry sent another manifest than that of the digest", "")
	}
	return p.read(of, described.MediaType, text)
}

// read takes a manifest apart. Its media type is in a header, which nothing proves, and in the text where the text has
// one.
func (p *pull) read(of digest.Digest, mediaType string, text []byte) (held, error) {
	var manifest ocispec.Manifest
	if err := json.Unmarshal(text, &manifest); err != nil {
		return held{}, p.from.artifact("the manifest is not JSON as of an OCI manifest", "")
	}
	if manifest.MediaType != "" {
		mediaType = manifest.MediaType
	}
	switch mediaType {
	case manifestType, dockerManifestType:
	case indexType, dockerIndexType:
		return held{}, p.from.artifact("it is an index of several manifests",
			"name the digest of the one that has the module: \"oras manifest fetch\" prints them")
	default:
		return held{}, p.from.artifact(fmt.Sprintf("%s is no manifest's media type", shown(mediaType)), "")
	}
	return held{
		described: ocispec.Descriptor{
			MediaType: mediaType, Digest: of, Size: int64(len(text)),
		},
		layers: manifest.Layers,
	}, nil
}

// module gets the module of a manifest.
func (p *pull) module(ctx context.Context, of held) ([]byte, error) {
	layers := of.ofTypes(ModuleTypes...)
	if len(layers) != 1 {
		return nil, p.from.artifact(fmt.Sprintf("%d of its layers are modules", len(layers)),
			"push it with one layer of type "+ModuleTypes[0])
	}
	return p.blob(ctx, "module", layers[0], p.maxModule)
}

// isSHA256 reports whether a descriptor has a digest of the one kind that is verified here.
func isSHA256(d ocispec.Descriptor) bool {
	return d.Digest.Validate() == nil && d.Digest.Algorithm() == digest.SHA256
}

func (h held) ofTypes(types ...string) []ocispec.Descriptor {
	var found []ocispec.Descriptor
	for _, layer := range h.layers {
		if slices.Contains(types, layer.MediaType) {
			found = append(found, layer)
		}
	}
	return found
}

// signature gets the signature of a manifest's module: a layer beside it, or the layer of a manifest that refers to it.
// It is nil where there is none.
func (p *pull) signature(ctx context.Context, of held) ([]byte, error) {
	layers := of.ofTypes(SignatureType)
	if len(layers) == 0 {
		referrers, err := p.referrers(ctx, of)
		if err != nil || len(referrers) == 0 {
			return nil, err
		}
		if len(referrers) > 1 {
			return nil, p.manySignatures(len(referrers))
		}
		referrer, err := p.manifestOf(ctx, referrers[0].Digest)
		if err != nil {
			return nil, err
		}
		layers = referrer.ofTypes(SignatureType)
	}
	if len(layers) != 1 {
		return nil, p.manySignatures(len(layers))
	}
	return p.blob(ctx, "signature", layers[0], signature.MaxFile)
}

func (p *pull) manySignatures(count int) error {
	return p.from.artifact(fmt.Sprintf("it has %d signatures", count), "send the one that counts as signature")
}

// referrers are the manifests that refer to one as its signatures.
func (p *pull) referrers(ctx context.Context, of held) ([]ocispec.Descriptor, error) {
	var found []ocispec.Descriptor
	err := p.repository.Referrers(ctx, of.described, SignatureType, func(page []ocispec.Descriptor) error {
		found = append(found, page...)
		return nil
	})
	switch {
	case errors.Is(err, errdef.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, p.from.unavailable(ctx, "ask for its signatures", err)
	}
	for _, referrer := range found {
		if !isSHA256(referrer) {
			return nil, p.from.artifact("the digest of a signature's manifest is not a SHA-256", "")
		}
	}
	return found, nil
}

// blob gets a layer of a manifest, and verifies its size and digest.
func (p *pull) blob(ctx context.Context, what string, layer ocispec.Descriptor, most int64) ([]byte, error) {
	if layer.Size <= 0 || layer.Size > most {
		return nil, p.from.artifact(fmt.Sprintf("the %s's size is %d bytes, and may be from 1 to %d", what, layer.Size,
			most), "")
	}
	if !isSHA256(layer) {
		return nil, p.from.artifact("the digest of the "+what+" is not a SHA-256", "")
	}
	body, err := p.repository.Blobs().Fetch(ctx, layer)
	if err != nil {
		return nil, p.from.unavailable(ctx, "get the "+what, err)
	}
	defer body.Close() //nolint:errcheck // only read from
	read, err := content.ReadAll(body, layer)
	switch {
	case errors.Is(err, content.ErrMismatchedDigest), errors.Is(err, content.ErrTrailingData):
		return nil, p.from.artifact("the registry sent other bytes than those of the "+what+"'s digest", "")
	case err != nil:
		return nil, p.from.unavailable(ctx, "read the "+what, err)
	}
	return read, nil
}
