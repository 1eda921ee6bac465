package oci_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"

	"payrouter/host/plugin/oci"
)

const password = "a-made-up-password"

// hostile is a registry that answers as a test says.
type hostile struct {
	manifest []byte
	module   []byte
	// on replaces the answers of paths that contain the key.
	on map[string]http.HandlerFunc

	mutex sync.Mutex
	// seen are the requests: path and Authorization.
	seen []string
	// written counts bytes of endless bodies.
	written atomic.Int64
}

// newHostile has a good module.
func newHostile() *hostile {
	h := &hostile{module: []byte("a module's bytes"), on: map[string]http.HandlerFunc{}}
	h.manifest = textOf(manifestWith(describedAs("application/wasm", h.module)))
	return h
}

func (h *hostile) digest() digest.Digest { return digest.FromBytes(h.manifest) }

func (h *hostile) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mutex.Lock()
	h.seen = append(h.seen, r.URL.Path+" "+r.Header.Get("Authorization"))
	h.mutex.Unlock()
	for part, answer := range h.on {
		if strings.Contains(r.URL.Path, part) {
			answer(w, r)
			return
		}
	}
	switch {
	case strings.Contains(r.URL.Path, "/manifests/"+h.digest().String()):
		h.sendManifest(w, h.manifest)
	case strings.Contains(r.URL.Path, "/blobs/"):
		_, _ = w.Write(h.module)
	default:
		http.NotFound(w, r)
	}
}

func (h *hostile) sendManifest(w http.ResponseWriter, text []byte) {
	w.Header().Set("Content-Type", ocispec.MediaTypeImageManifest)
	w.Header().Set("Content-Length", fmt.Sprint(len(text)))
	_, _ = w.Write(text)
}

// endless sends bytes until the client is gone.
func (h *hostile) endless(w http.ResponseWriter, _ *http.Request) {
	piece := []byte(strings.Repeat("x", 64<<10))
	for h.written.Load() < 1<<30 {
		n, err := w.Write(piece)
		h.written.Add(int64(n))
		if err != nil {
			return
		}
	}
}

func silent(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// tooSlow sends a byte, and no more.
func tooSlow(w http.ResponseWriter, r *http.Request) {
	_, _ = w.Write([]byte("a"))
	_ = http.NewResponseController(w).Flush()
	<-r.Context().Done()
}

func redirect(to string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusTemporaryRedirect) }
}

func sends(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) }
}

// Each limit ends its pull, with a reason of its own, and nothing of what the registry wrote is repeated.
func TestHostileRegistriesEndByALimit(t *testing.T) {
	t.Parallel()
	quick := func(_ *oci.Registry, s *oci.Settings) {
		s.AnswerTimeout, s.Timeout = 50*time.Millisecond, 300*time.Millisecond
	}
	withCredentials := func(r *oci.Registry, _ *oci.Settings) { r.Username, r.Password = "ci", password }
	for claim, row := range map[string]struct {
		make   func(h *hostile)
		change func(*oci.Registry, *oci.Settings)
		reason error
		says   string
		// most requests that reach it; 0 is not counted.
		most int
	}{
		"no answer": {
			make: func(h *hostile) { h.on["/manifests/"] = silent }, change: quick,
			reason: oci.ErrUnavailable, says: "get its manifest: it took too long", most: 1,
		},
		"a manifest byte by byte": {
			make: func(h *hostile) {
				h.on["/manifests/"] = func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Content-Type", ocispec.MediaTypeImageManifest)
					w.Header().Set("Content-Length", "500")
					tooSlow(w, r)
				}
			},
			change: quick, reason: oci.ErrUnavailable, says: "it took too long",
		},
		"a module byte by byte": {
			make: func(h *hostile) { h.on["/blobs/"] = tooSlow }, change: quick,
			reason: oci.ErrUnavailable, says: "read the module: it took too long",
		},
		"a manifest without an end": {
			make: func(h *hostile) {
				h.on["/manifests/"] = func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Content-Type", ocispec.MediaTypeImageManifest)
					w.Header().Set("Docker-Content-Digest", h.digest().String())
					if r.Method == http.MethodHead {
						w.Header().Set("Content-Length", "500")
						return
					}
					h.endless(w, r)
				}
			},
			reason: oci.ErrArtifact, says: "the manifest is longer than 262144 bytes",
		},
		"another manifest": {
			make: func(h *hostile) {
				digest, other := h.digest(), textOf(manifestWith(describedAs("application/wasm", []byte("other"))))
				h.on["/manifests/"] = func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Docker-Content-Digest", digest.String())
					h.sendManifest(w, other)
				}
			},
			reason: oci.ErrArtifact, says: "the registry sent another manifest than that of the digest", most: 1,
		},
		"a manifest that is none": {
			make:   func(h *hostile) { h.manifest = []byte("<html>") },
			reason: oci.ErrArtifact, says: "not JSON", most: 1,
		},
		"an index": {
			make: func(h *hostile) {
				h.manifest = textOf(ocispec.Index{MediaType: ocispec.MediaTypeImageIndex})
			},
			reason: oci.ErrArtifact, says: "it is an index of several manifests", most: 1,
		},
		"a manifest of another kind": {
			make: func(h *hostile) {
				h.manifest = textOf(ocispec.Manifest{MediaType: "application/x-made-up"})
			},
			reason: oci.ErrArtifact, says: `"application/x-made-up" is no manifest's media type`, most: 1,
		},
		"no module": {
			make: func(h *hostile) {
				h.manifest = textOf(manifestWith(describedAs("application/vnd.oci.image.layer.v1.tar+gzip", h.module)))
			},
			reason: oci.ErrArtifact, most: 1,
			says: "0 of its layers are modules (push it with one layer of type application/wasm)",
		},
		"two modules": {
			make: func(h *hostile) {
				layer := describedAs("application/wasm", h.module)
				h.manifest = textOf(manifestWith(layer, layer))
			},
			reason: oci.ErrArtifact, says: "2 of its layers are modules", most: 1,
		},
		"a module that says that it is too large": {
			make: func(h *hostile) {
				layer := describedAs("application/wasm", h.module)
				layer.Size = maxModule + 1
				h.manifest = textOf(manifestWith(layer))
			},
			reason: oci.ErrArtifact, says: "the module's size is 65537 bytes, and may be from 1 to 65536", most: 1,
		},
		"a module of no size": {
			make: func(h *hostile) {
				layer := describedAs("application/wasm", h.module)
				layer.Size = -1
				h.manifest = textOf(manifestWith(layer))
			},
			reason: oci.ErrArtifact, says: "the module's size is -1 bytes", most: 1,
		},
		"a module of a path for a digest": {
			make: func(h *hostile) {
				layer := describedAs("application/wasm", h.module)
				layer.Digest = "../../../token"
				h.manifest = textOf(manifestWith(layer))
			},
			reason: oci.ErrArtifact, says: "the digest of the module is not a SHA-256", most: 1,
		},
		"a module that is longer than it says": {
			make:   func(h *hostile) { h.on["/blobs/"] = h.endless },
			reason: oci.ErrArtifact, says: "the registry sent other bytes than those of the module's digest",
		},
		"a module that is shorter": {
			make: func(h *hostile) {
				h.on["/blobs/"] = func(w http.ResponseWriter, _ *http.Request) { _ = http.NewResponseController(w).Flush() }
			},
			reason: oci.ErrUnavailable, says: "read the module: it ended too early",
		},
		"another module": {
			make:   func(h *hostile) { h.on["/blobs/"] = sends("a module's BYTES") },
			reason: oci.ErrArtifact, says: "the registry sent other bytes than those of the module's digest",
		},
		"a signature that is too large": {
			make: func(h *hostile) {
				layer := describedAs(oci.SignatureType, h.module)
				layer.Size = 1 << 20
				h.manifest = textOf(manifestWith(describedAs("application/wasm", h.module), layer))
			},
			reason: oci.ErrArtifact, says: "the signature's size is 1048576 bytes, and may be from 1 to 4096",
		},
		"signatures without an end": {
			make: func(h *hostile) {
				h.on["/referrers/"] = func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Content-Type", ocispec.MediaTypeImageIndex)
					w.Header().Set("Link", "<"+r.URL.Path+">; rel=\"next\"")
					_, _ = w.Write([]byte(`{"manifests": []}`))
				}
			},
			reason: oci.ErrUnavailable, says: "ask for its signatures: a list of more than 3 pages", most: 5,
		},
		"a list of signatures without an end": {
			make: func(h *hostile) {
				h.on["/referrers/"] = func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Content-Type", ocispec.MediaTypeImageIndex)
					_, _ = w.Write([]byte(`{"manifests": [{"mediaType": "`))
					h.endless(w, r)
				}
			},
			reason: oci.ErrUnavailable, says: "ask for its signatures: ",
		},
		"redirected to the cloud's credentials": {
			make:   func(h *hostile) { h.on["/blobs/"] = redirect("https://169.254.169.254/latest/meta-data") },
			reason: oci.ErrUnavailable, says: "get the module: it is, or redirects to, an address that is not public",
		},
		"redirected to plain HTTP": {
			make:   func(h *hostile) { h.on["/blobs/"] = redirect("http://storage.example/blob") },
			reason: oci.ErrUnavailable, says: "get the module: it redirects to plain HTTP",
		},
		"redirected without an end": {
			make:   func(h *hostile) { h.on["/blobs/"] = redirect("/v2/blobs/again") },
			reason: oci.ErrUnavailable, says: "get the module: more than 3 redirects", most: 5,
		},
		"401 without an end": {
			make: func(h *hostile) {
				h.on["/"] = func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Www-Authenticate", `Basic realm="x"`)
					w.WriteHeader(http.StatusUnauthorized)
					_, _ = fmt.Fprintf(w, `{"errors": [{"code": "UNAUTHORIZED", "message": %q}]}`, password)
				}
			},
			change: withCredentials, reason: oci.ErrUnavailable, most: 2,
			says: "answered 401 (give its credentials in the routing file, under registries)",
		},
		"redirects and tokens by the dozen": {
			make: func(h *hostile) {
				h.on["/"] = func(w http.ResponseWriter, r *http.Request) {
					hops := len(r.URL.Query()["hop"])
					switch {
					case hops < 3:
						query := r.URL.Query()
						query.Add("hop", "x")
						http.Redirect(w, r, r.URL.Path+"?"+query.Encode(), http.StatusTemporaryRedirect)
					case strings.HasPrefix(r.URL.Path, "/token"):
						_, _ = w.Write([]byte(`{"token": "made-up"}`))
					case r.Header.Get("Authorization") == "":
						w.Header().Set("Www-Authenticate", `Bearer realm="https://`+r.Host+`/token",scope="`+r.URL.Path+`"`)
						w.WriteHeader(http.StatusUnauthorized)
					case strings.Contains(r.URL.Path, "/manifests/"):
						h.sendManifest(w, h.manifest)
					default:
						_, _ = w.Write(h.module)
					}
				}
			},
			change: withCredentials, reason: oci.ErrUnavailable, says: "more than 24 requests", most: 24,
		},
		"asks for credentials and has none": {
			make: func(h *hostile) {
				h.on["/"] = func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Www-Authenticate", `Basic realm="x"`)
					w.WriteHeader(http.StatusUnauthorized)
				}
			},
			reason: oci.ErrUnavailable, says: "it asks for credentials (give its credentials", most: 1,
		},
		"sends the password back": {
			make: func(h *hostile) {
				h.on["/"] = func(w http.ResponseWriter, r *http.Request) {
					w.WriteHeader(http.StatusForbidden)
					_, _ = fmt.Fprintf(w, `{"errors": [{"code": %q, "message": %q, "detail": %q}]}`, password, password, password)
				}
			},
			change: withCredentials, reason: oci.ErrUnavailable, says: "answered 403", most: 1,
		},
		"a private address": {
			change: func(r *oci.Registry, _ *oci.Settings) { r.AllowPrivate = false },
			reason: oci.ErrUnavailable, says: "an address that is not public (allow_private",
		},
		"a certificate of no one": {
			change: func(_ *oci.Registry, s *oci.Settings) { s.RootCAs = nil },
			reason: oci.ErrUnavailable, says: "its certificate is not valid",
		},
	} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			h := newHostile()
			if row.make != nil {
				row.make(h)
			}
			r := serving(t, h)
			_, err := r.puller(row.change).Pull(t.Context(), oci.Request{From: r.reference(h.digest())})
			require.ErrorIs(t, err, row.reason)
			require.ErrorContains(t, err, row.says)
			require.NotContains(t, err.Error(), password)
			require.NotContains(t, err.Error(), base64.StdEncoding.EncodeToString([]byte("ci:"+password)))
			require.Less(t, h.written.Load(), int64(16<<20), "what is read is bounded")
			h.mutex.Lock()
			defer h.mutex.Unlock()
			if row.most > 0 {
				require.LessOrEqual(t, len(h.seen), row.most, "%s", h.seen)
			}
		})
	}
}

// Registries redirect to where their blobs are. What the registry was given does not go there, also not to another port
// of the same host.
func TestRedirectsGetNoCredentials(t *testing.T) {
	t.Parallel()
	h, storage := newHostile(), newHostile()
	stored := serving(t, storage)
	h.on["/blobs/"] = redirect(stored.server.URL + "/blobs/elsewhere?signature=made-up")
	h.on["/manifests/sha256:"] = func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" {
			w.Header().Set("Www-Authenticate", `Basic realm="x"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		h.sendManifest(w, h.manifest)
	}
	r := serving(t, h)
	r.pool.AddCert(stored.server.Certificate())
	module, err := r.puller(func(r *oci.Registry, _ *oci.Settings) { r.Username, r.Password = "ci", password }).
		Pull(t.Context(), oci.Request{From: r.reference(h.digest())})
	require.NoError(t, err)
	require.Equal(t, h.module, module.Code)
	require.Equal(t, []string{"/blobs/elsewhere "}, storage.seen)
}

// A registry may name any host as its token service. The credentials go to those that the configuration names.
func TestCredentialsGoToTheTokenServiceThatIsNamed(t *testing.T) {
	t.Parallel()
	tokens := newHostile()
	tokens.on["/token"] = sends(`{"token": "a-made-up-token"}`)
	service := serving(t, tokens)
	h := newHostile()
	h.on["/v2/"] = func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") != "Bearer a-made-up-token":
			w.Header().Set("Www-Authenticate", `Bearer realm="`+service.server.URL+`/token",service="x"`)
			w.WriteHeader(http.StatusUnauthorized)
		case strings.Contains(r.URL.Path, "/manifests/"+h.digest().String()):
			h.sendManifest(w, h.manifest)
		case strings.Contains(r.URL.Path, "/blobs/"):
			_, _ = w.Write(h.module)
		default:
			http.NotFound(w, r)
		}
	}
	r := serving(t, h)
	r.pool.AddCert(service.server.Certificate())
	pull := func(user, tokenHost string) error {
		_, err := r.puller(func(r *oci.Registry, _ *oci.Settings) {
			r.Username, r.TokenHost = user, tokenHost
			if user != "" {
				r.Password = password
			}
		}).Pull(t.Context(), oci.Request{From: r.reference(h.digest())})
		return err
	}
	err := pull("ci", "")
	require.ErrorIs(t, err, oci.ErrUnavailable)
	require.ErrorContains(t, err, "it asks for its credentials to be sent to "+service.name()+
		" (name the host as its token_host")
	require.Empty(t, tokens.seen)
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("ci:"+password))
	require.NoError(t, pull("ci", service.name()))
	require.Contains(t, tokens.seen, "/token "+basic)
	tokens.seen = nil
	require.NoError(t, pull("", ""), "without credentials there is nothing to protect")
	require.NotContains(t, strings.Join(tokens.seen, "\n"), "Basic")

	// Nor does the named service pass them on.
	third := newHostile()
	third.on["/"] = sends(`{"token": "a-made-up-token"}`)
	other := serving(t, third)
	r.pool.AddCert(other.server.Certificate())
	tokens.on["/token"] = redirect(other.server.URL + "/third")
	require.NoError(t, pull("ci", service.name()))
	require.NotContains(t, strings.Join(third.seen, "\n"), "Basic")
}

// Two pulls at a time; the next waits for one of them, no longer than its own time.
func TestPullsWaitForEachOther(t *testing.T) {
	t.Parallel()
	h := newHostile()
	began := make(chan struct{}, 8)
	h.on["/manifests/"] = func(w http.ResponseWriter, r *http.Request) {
		began <- struct{}{}
		silent(w, r)
	}
	r := serving(t, h)
	puller := r.puller(func(_ *oci.Registry, s *oci.Settings) { s.Timeout = 2 * time.Second })
	var pulls sync.WaitGroup
	for range 2 {
		pulls.Go(func() { _, _ = puller.Pull(t.Context(), oci.Request{From: r.reference(h.digest())}) })
		<-began
	}
	_, err := puller.Pull(t.Context(), oci.Request{From: r.reference(h.digest())})
	require.ErrorIs(t, err, oci.ErrUnavailable)
	pulls.Wait()
}
