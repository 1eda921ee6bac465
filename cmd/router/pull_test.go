package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"aead.dev/minisign"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/stretchr/testify/require"

	"payrouter/host/api"
	"payrouter/host/api/pluginview"
	"payrouter/host/plugin/oci"
	"payrouter/host/plugin/signature"
)

const registryPassword = "a-made-up-password"

// modules is an OCI registry on this machine, which asks for a password.
type modules struct {
	t      *testing.T
	server *httptest.Server
}

func newModules(t *testing.T) *modules {
	t.Helper()
	serving := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "ci" || password != registryPassword {
			w.Header().Set("Www-Authenticate", `Basic realm="modules"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		serving.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return &modules{t: t, server: server}
}

func (m *modules) name() string { return strings.TrimPrefix(m.server.URL, "http://") }

// configured is the registry's part of a routing file.
func (m *modules) configured() string {
	return "\nregistries:\n  " + m.name() +
		":\n    {username: ci, password: env:REGISTRY_PASSWORD, allow_private: true, plain_http: true}\n"
}

func (m *modules) send(method, path, mediaType string, body []byte) {
	m.t.Helper()
	request, err := http.NewRequestWithContext(m.t.Context(), method, m.server.URL+path, bytes.NewReader(body))
	require.NoError(m.t, err)
	request.Header.Set("Content-Type", mediaType)
	request.SetBasicAuth("ci", registryPassword)
	response, err := m.server.Client().Do(request)
	require.NoError(m.t, err)
	require.NoError(m.t, response.Body.Close())
	require.Less(m.t, response.StatusCode, 300, path)
}

// push uploads a module, with its signature where there is one, and gives the reference by digest.
func (m *modules) push(code, signed []byte) string {
	m.t.Helper()
	const repository = "team/plugins"
	digest := func(content []byte) string {
		sum := sha256.Sum256(content)
		return "sha256:" + hex.EncodeToString(sum[:])
	}
	layer := func(mediaType string, content []byte) map[string]any {
		m.send("POST", "/v2/"+repository+"/blobs/uploads/?digest="+digest(content), "application/octet-stream", content)
		return map[string]any{"mediaType": mediaType, "digest": digest(content), "size": len(content)}
	}
	layers := []any{layer("application/wasm", code)}
	if signed != nil {
		layers = append(layers, layer(oci.SignatureType, signed))
	}
	const manifestType = "application/vnd.oci.image.manifest.v1+json"
	manifest, err := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": manifestType, "layers": layers,
		"config": layer("application/vnd.wasm.config.v0+json", []byte("{}")),
	})
	require.NoError(m.t, err)
	m.send("PUT", "/v2/"+repository+"/manifests/"+digest(manifest), manifestType, manifest)
	return m.name() + "/" + repository + "@" + digest(manifest)
}

func (w *harness) pull(name string, from api.PluginPull) answer {
	w.t.Helper()
	body, err := json.Marshal(from)
	require.NoError(w.t, err)
	return w.ask("POST", w.router+"/v1/plugins/"+name+"/pull", string(body))
}

// A module of a registry comes in by its digest, with its signature, through the gate that an upload goes through.
func TestPluginIsPulledFromARegistry(t *testing.T) {
	t.Parallel()
	public, key, err := minisign.GenerateKey(nil)
	require.NoError(t, err)
	_, stranger, err := minisign.GenerateKey(nil)
	require.NoError(t, err)
	held := newModules(t)
	file, text := ownRouting(t)
	require.NoError(t, os.WriteFile(file, []byte(text+held.configured()), 0o600))
	w := build(t, plan{
		command: serveCommand{Routing: file, PluginKey: []string{"payplay=" + public.String()}},
		environ: []string{"REGISTRY_PASSWORD=" + registryPassword},
	})
	w.create(byPayPlay)
	before := w.serving("payplay")
	active := w.plugin("payplay").Generations[0].Version
	sign := func(key minisign.PrivateKey, code []byte) []byte {
		return signature.Sign(key, code, signature.Of("payplay", active, code))
	}
	good, other := marked(shipped(t, "payplay"), "a"), marked(shipped(t, "payplay"), "b")
	signed := held.push(good, sign(key, good))
	for claim, row := range map[string]struct {
		from    api.PluginPull
		problem string
		status  int
		says    string
	}{
		"a tag": {
			api.PluginPull{From: held.name() + "/team/plugins:1.2.0"}, "plugin-reference", 422, `"1.2.0" is a tag`,
		},
		"a registry of no one's": {
			api.PluginPull{From: "other.example/x@sha256:" + strings.Repeat("ab", 32)},
			"registry-not-configured", 422,
			`"other.example" is not in the routing file, under registries`,
		},
		"nothing of that digest": {
			api.PluginPull{From: held.name() + "/team/plugins@sha256:" + strings.Repeat("ab", 32)},
			"registry-unavailable",
			502, "get its manifest: there is none of this digest",
		},
		"a stranger's signature": {
			api.PluginPull{From: held.push(other, sign(stranger, other))}, "plugin-untrusted-key", 422, "not trusted",
		},
		"a signature of other bytes": {
			api.PluginPull{From: held.push(other, sign(key, good))}, "plugin-signature-invalid", 422, "did not sign these bytes",
		},
		"other requests": {
			api.PluginPull{From: held.push(astray(t), sign(key, astray(t)))}, "plugin-differs", 409, "requests differ",
		},
		"a layer that is no module": {
			api.PluginPull{From: held.push([]byte("no module"), nil)}, "plugin-refused", 422, "malformed",
		},
		"a signature that is not base64": {
			api.PluginPull{From: signed, Signature: "?"}, "invalid-request", 422, "/signature is not base64",
		},
		"an allowance of no one's": {
			api.PluginPull{From: signed, Allow: []string{"everything"}}, "invalid-request", 422, "/allow/0",
		},
	} {
		a := w.pull("payplay", row.from)
		require.Equal(t, row.status, a.status, "%s: %s", claim, a.body)
		refused := read[api.Problem](t, a)
		require.Equal(t, "urn:payrouter:problem:"+row.problem, refused.Type, claim)
		require.Contains(t, refused.Detail, row.says, claim)
		require.Equal(t, before, w.serving("payplay"), claim)
	}
	asAnother := base64.StdEncoding.EncodeToString(signature.Sign(key, good, signature.Of("paygrt", active, good)))
	a := w.pull("paygrt", api.PluginPull{From: signed, Signature: asAnother})
	require.Equal(t, "urn:payrouter:problem:plugin-untrusted-key", read[api.Problem](t, a).Type, "the key is payplay's")
	a = w.pull("paygrt", api.PluginPull{From: signed})
	require.Equal(t, "urn:payrouter:problem:plugin-name", read[api.Problem](t, a).Type)

	a = w.pull("payplay", api.PluginPull{From: signed})
	require.Equal(t, 200, a.status, string(a.body))
	made := read[pluginview.PluginInstall](t, a)
	require.Equal(t, sum(good), made.Digest)
	serving := w.plugin("payplay").Generations[0]
	require.Equal(t, made.Digest, serving.Digest)
	require.True(t, serving.Signed)
	require.Equal(t, "oci "+signed+" by default", serving.Source)
	w.create(byPayPlay)

	acts := w.ask("GET", w.router+"/v1/audit?act=plugin.pull", "")
	require.Contains(t, string(acts.body), signed)
	require.NotContains(t, w.log.String()+string(acts.body), registryPassword)

	// Without the password, which is read each time, nothing is pulled; an account is none the worse.
	edited := text + strings.ReplaceAll(held.configured(), "REGISTRY_PASSWORD", "NO_PASSWORD")
	edit := w.ask("PUT", w.router+"/v1/config/routing", edited, "If-Match", "*", "Content-Type", "application/yaml")
	require.Equal(t, 200, edit.status, string(edit.body))
	require.Equal(t, 422, w.pull("payplay", api.PluginPull{From: signed}).status)
	require.Contains(t, read[api.Problem](t, w.pull("payplay", api.PluginPull{From: signed})).Detail,
		"password (env:NO_PASSWORD): the environment variable is not set")
	w.create(byPayPlay)
}

// reachRegistry gets every documented status of a pull, asked by an operator.
func (w *harness) reachRegistry(call func(operation, method, path, body string, headers ...string) answer,
	operator string, held *modules,
) {
	w.t.Helper()
	pull := func(body string, headers ...string) {
		call("pull-plugin", "POST", "/v1/plugins/payplay/pull", body, headers...)
	}
	by := []string{"Authorization", "Bearer " + operator}
	code := marked(shipped(w.t, "payplay"), "c")
	pull(`{}`)
	pull(`{`, by...)
	pull(`{"from":"`+held.name()+`/x:latest"}`, by...)
	pull(`{"from":"`+held.name()+`/x@sha256:`+strings.Repeat("ab", 32)+`"}`, by...)
	pull(`{"from":"`+held.push(astray(w.t), nil)+`"}`, by...)
	pull(`{"from":"`+held.push(code, nil)+`","allow":["unproven"]}`, by...)
}
