package oci_test

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"payrouter/host/plugin/oci"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const repository = "team/paygram"

// maxModule is small, so that a test passes it soon.
const maxModule = 64 << 10

// real is a registry that people run, on a socket with TLS.
type real struct {
	*testing.T
	server *httptest.Server
	pool   *x509.CertPool
}

func newReal(t *testing.T, options ...registry.Option) *real {
	t.Helper()
	options = append(options, registry.Logger(log.New(io.Discard, "", 0)))
	return serving(t, registry.New(options...))
}

// serving has a handler as a registry.
func serving(t *testing.T, handler http.Handler) *real {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate())
	return &real{T: t, server: server, pool: pool}
}

// name is the registry's, as a reference has it.
func (r *real) name() string { return strings.TrimPrefix(r.server.URL, "https://") }

// reference is one of a manifest in the test's repository.
func (r *real) reference(digest digest.Digest) string {
	return r.name() + "/" + repository + "@" + digest.String()
}

func (r *real) send(method, path, mediaType string, body []byte) *http.Response {
	r.Helper()
	request, err := http.NewRequestWithContext(r.Context(), method, r.server.URL+path, bytes.NewReader(body))
	require.NoError(r, err)
	request.Header.Set("Content-Type", mediaType)
	response, err := r.server.Client().Do(request)
	require.NoError(r, err)
	_ = response.Body.Close()
	require.Less(r, response.StatusCode, 300, "%s %s", method, path)
	return response
}

// layer uploads a blob.
func (r *real) layer(mediaType string, content []byte) ocispec.Descriptor {
	r.Helper()
	described := describedAs(mediaType, content)
	r.send(http.MethodPost, "/v2/"+repository+"/blobs/uploads/?digest="+described.Digest.String(),
		"application/octet-stream", content)
	return described
}

// push uploads a manifest, and gives its digest.
func (r *real) push(manifest ocispec.Manifest) digest.Digest {
	r.Helper()
	text := textOf(manifest)
	described := describedAs(ocispec.MediaTypeImageManifest, text)
	r.send(http.MethodPut, "/v2/"+repository+"/manifests/"+described.Digest.String(), described.MediaType, text)
	return described.Digest
}

// sign uploads a signature that refers to a manifest.
func (r *real) sign(subject digest.Digest, file []byte) {
	r.Helper()
	manifest := manifestWith(r.layer(oci.SignatureType, file))
	manifest.ArtifactType = oci.SignatureType
	manifest.Config = r.layer(oci.SignatureType, []byte("{}")) // this registry takes the artifact's type from here
	manifest.Subject = &ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: subject, Size: 1}
	r.push(manifest)
}

func describedAs(mediaType string, content []byte) ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(content), Size: int64(len(content))}
}

func manifestWith(layers ...ocispec.Descriptor) ocispec.Manifest {
	return ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		Config: ocispec.Descriptor{
			MediaType: "application/vnd.wasm.config.v0+json", Digest: digest.FromString("{}"), Size: 2,
		},
		Layers: layers,
	}
}

func textOf(manifest any) []byte {
	text, err := json.Marshal(manifest)
	if err != nil {
		panic(err)
	}
	return text
}

// puller asks one registry. change may change its configuration, and the settings.
func (r *real) puller(change func(*oci.Registry, *oci.Settings)) *oci.Puller {
	r.Helper()
	found := oci.Registry{AllowPrivate: true}
	settings := oci.Settings{MaxModule: maxModule, RootCAs: r.pool}
	if change != nil {
		change(&found, &settings)
	}
	settings.Find = func(name string) (oci.Registry, error) {
		if name != r.name() {
			return oci.Registry{}, fmt.Errorf("%q is not under registries", name)
		}
		return found, nil
	}
	return oci.New(settings)
}
