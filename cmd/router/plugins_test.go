package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aead.dev/minisign"
	"github.com/stretchr/testify/require"

	"payrouter/host/api"
	"payrouter/host/api/pluginview"
	"payrouter/host/plugin/signature"
)

// shipped is a module that ships.
func shipped(t *testing.T, name string) []byte {
	t.Helper()
	dir, _ := plugins(t)
	code, err := os.ReadFile(filepath.Join(dir, name+".wasm"))
	require.NoError(t, err)
	return code
}

// marked is the same module with another digest: a custom section more, which nothing looks at.
func marked(code []byte, mark string) []byte {
	section := append([]byte{byte(len(mark))}, mark...)
	return append(append(bytes.Clone(code), 0, byte(len(section))), section...)
}

// astray is PayPlay with another path in its requests.
func astray(t *testing.T) []byte {
	t.Helper()
	code := shipped(t, "payplay")
	require.Contains(t, string(code), "/private-api/crypto-orders/")
	return bytes.ReplaceAll(code, []byte("/private-api/crypto-orders/"), []byte("/private-api/crypto-ordres/"))
}

// loosened is PayPlay with settings that may be empty.
func loosened(t *testing.T) []byte {
	t.Helper()
	code := shipped(t, "payplay")
	require.Contains(t, string(code), `"slug": {"type": "string", "minLength": 1,`)
	return bytes.ReplaceAll(code, []byte(`"slug": {"type": "string", "minLength": 1,`),
		[]byte(`"slug": {"type": "string", "minLength": 0,`))
}

func (w *harness) plugin(name string) pluginview.Plugin {
	w.t.Helper()
	a := w.ask("GET", w.router+"/v1/plugins/"+name, "")
	require.Equal(w.t, 200, a.status, string(a.body))
	return read[pluginview.Plugin](w.t, a)
}

// serving is the digest that serves as stable.
func (w *harness) serving(name string) string {
	w.t.Helper()
	for _, g := range w.plugin(name).Generations {
		if g.State == "active" {
			return g.Digest
		}
	}
	return ""
}

func (w *harness) put(name, query string, code []byte, headers ...string) answer {
	w.t.Helper()
	return w.ask("PUT", w.router+"/v1/plugins/"+name+query, string(code),
		append([]string{"Content-Type", "application/wasm"}, headers...)...)
}

// A platform team swaps a plugin while payments run: a candidate that would do otherwise is named and refused, a good
// one serves, what began with the former ends with it, and one call goes back.
func TestPluginIsSwappedWhileTheRouterRuns(t *testing.T) {
	t.Parallel()
	w := build(t, plan{})
	first := w.create(byPayPlay)
	before := w.serving("payplay")
	require.Equal(t, before, w.attempts(first.ID)[0].Digest)

	other := w.put("payplay", "", astray(t))
	require.Equal(t, 409, other.status, string(other.body))
	refused := read[api.Problem](t, other)
	require.Equal(t, "urn:payrouter:problem:plugin-differs", refused.Type)
	require.Equal(t, "shadow", refused.Plugin.Steps[len(refused.Plugin.Steps)-1].Step)
	require.Positive(t, refused.Plugin.Shadow.Requests)
	example := refused.Plugin.Shadow.Examples[0]
	require.Equal(t, "requests", example.Kind)
	require.Equal(t, first.ID, example.PaymentID)
	require.Contains(t, strings.Join(example.Lines, "\n"), "+ request/path: /private-api/crypto-ordres/")
	require.Equal(t, before, w.serving("payplay"))

	good := w.put("payplay", "", marked(shipped(t, "payplay"), "a"))
	require.Equal(t, 200, good.status, string(good.body))
	made := read[pluginview.PluginInstall](t, good)
	require.Positive(t, made.Shadow.Flows)
	require.Zero(t, made.Shadow.Requests+made.Shadow.Outcomes+made.Shadow.Failures)
	require.Equal(t, made.Digest, w.serving("payplay"))
	second := w.create(byPayPlay)
	require.Equal(t, made.Digest, w.attempts(second.ID)[0].Digest)
	require.Equal(t, made.Generation, w.attempts(second.ID)[0].Generation)
	require.True(t, read[pluginview.PluginInstall](t, w.put("payplay", "", marked(shipped(t, "payplay"), "a"))).Unchanged)

	back := w.ask("POST", w.router+"/v1/plugins/payplay/rollback", "")
	require.Equal(t, 200, back.status, string(back.body))
	require.Equal(t, before, w.serving("payplay"))
	w.create(byPayPlay)

	events := fmt.Sprint(w.plugin("payplay").Events)
	for _, said := range []string{
		"upload by default", "rollback by default", "differs from the active generation",
		"drains",
	} {
		require.Contains(t, events, said)
	}
}

// A module whose manifest lets the router do more is refused with a table of what. The audit log has who allowed it.
func TestALooserManifestIsRefused(t *testing.T) {
	t.Parallel()
	w := build(t, plan{})
	w.create(byPayPlay)
	before := w.serving("payplay")
	other := w.put("payplay", "", loosened(t))
	require.Equal(t, 409, other.status, string(other.body))
	refused := read[api.Problem](t, other)
	require.Equal(t, "urn:payrouter:problem:plugin-loosened", refused.Type)
	const field = "settings_schema/properties/slug/minLength"
	expected := []pluginview.PluginChange{{
		Field: field, Before: "1", After: "0", Direction: "looser", Allow: "manifest",
		Why: "it accepts settings that satisfy the schema",
	}}
	require.Equal(t, expected, refused.Plugin.Manifest)
	require.Equal(t, before, w.serving("payplay"))

	allowed := w.put("payplay", "?allow=manifest", loosened(t))
	require.Equal(t, 200, allowed.status, string(allowed.body))
	require.Equal(t, expected, read[pluginview.PluginInstall](t, allowed).Manifest)
	acts := read[struct {
		Data []api.Act
		More bool
	}](t, w.ask("GET", w.router+"/v1/audit?act=plugin.replace", "")).Data
	require.Len(t, acts, 2)
	require.Equal(t, "refused", acts[0].Outcome)
	require.Contains(t, acts[0].Problem, field)
	require.Equal(t, "done", acts[1].Outcome)
	require.Contains(t, string(acts[1].Before), `"allow":["manifest"]`)
	require.Contains(t, string(acts[1].After), `"looser":[{"field":"`+field+`"`)
}

// After a start nothing is recorded. A swap says so, and a file in the folder becomes active once payments show that it
// may.
func TestASwapAfterAStartIsUnproven(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"paygram", "cryptogram", "payplay", "exchanger", "paygrt"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name+".wasm"), shipped(t, name), 0o600))
	}
	w := build(t, plan{command: serveCommand{Plugins: dir, Watch: true}})
	before := w.serving("payplay")
	other := w.put("payplay", "", marked(shipped(t, "payplay"), "a"))
	require.Equal(t, 409, other.status, string(other.body))
	refused := read[api.Problem](t, other)
	require.Equal(t, "urn:payrouter:problem:plugin-unproven", refused.Type)
	require.Zero(t, refused.Plugin.Shadow.Flows)
	require.Empty(t, refused.Plugin.Shadow.Covered)
	require.Contains(t, refused.Plugin.Shadow.NotCovered, "CreateCryptoOrder")
	require.Contains(t, refused.Plugin.Shadow.NotCovered, "callbacks")

	require.NoError(t, os.WriteFile(filepath.Join(dir, "payplay.wasm"), marked(shipped(t, "payplay"), "b"), 0o600))
	require.Eventually(t, func() bool {
		return strings.Count(fmt.Sprint(w.plugin("payplay").Events), "no evidence") == 2
	}, time.Minute, 5*time.Millisecond)
	require.Equal(t, before, w.serving("payplay"))
	w.create(byPayPlay)
	require.Eventually(t, func() bool { return w.serving("payplay") != before }, time.Minute, 5*time.Millisecond)

	w.create(byPayPlay)
	good := w.put("payplay", "", marked(shipped(t, "payplay"), "c"))
	require.Equal(t, 200, good.status, string(good.body))
	covered := read[pluginview.PluginInstall](t, good).Shadow.Covered
	require.Contains(t, covered, pluginview.PluginCoverage{
		Operation: "CreateCryptoOrder", Results: map[string]int{"requires_action": 2},
	})
}

// A module brings its vectors: without any recorded payment they show whether it does what its provider documents.
func TestAModuleIsProvenByItsVectors(t *testing.T) {
	t.Parallel()
	w := build(t, plan{})
	path := filepath.Join(t.TempDir(), "paygrt.wasm")
	require.NoError(t, os.WriteFile(path, shipped(t, "paygrt"), 0o600))
	var stdout bytes.Buffer
	embed := &pluginEmbedCommand{File: path, Vectors: "../../plugins/paygrt/testdata"}
	require.NoError(t, embed.Run(&host{ctx: t.Context(), stdout: &stdout}))
	require.Contains(t, stdout.String(), "paygrt.wasm has 47 vectors, sha256 ")
	good, err := os.ReadFile(path)
	require.NoError(t, err)

	bad := w.put("paygrt", "", bytes.ReplaceAll(good, []byte(`"status": "failed"`), []byte(`"status": "fallen"`)))
	require.Equal(t, 422, bad.status, string(bad.body))
	refused := read[api.Problem](t, bad)
	require.Equal(t, "urn:payrouter:problem:plugin-check", refused.Type)
	require.Equal(t, "check", refused.Plugin.Steps[len(refused.Plugin.Steps)-1].Step)

	taken := w.put("paygrt", "", good)
	require.Equal(t, 200, taken.status, string(taken.body))
	require.Equal(t, sum(good), w.serving("paygrt"))
	require.Contains(t, stdout.String(), sum(good))
	require.Empty(t, w.plugin("paygrt").Admitted.Allowed)
}

// What was recorded before a restart is what a swap after it is compared with.
func TestASwapAfterARestartIsComparedWithWhatWasRecorded(t *testing.T) {
	t.Parallel()
	w := build(t, plan{})
	paid := w.create(byPayPlay)
	w.stop()
	require.NoError(t, w.end())

	again := build(t, plan{beside: w})
	require.Positive(t, again.plugin("payplay").Recorded)
	other := again.put("payplay", "", astray(t))
	require.Equal(t, 409, other.status, string(other.body))
	refused := read[api.Problem](t, other)
	require.Equal(t, "urn:payrouter:problem:plugin-differs", refused.Type)
	require.Equal(t, paid.ID, refused.Plugin.Shadow.Examples[0].PaymentID)
	require.Equal(t, 200, again.put("payplay", "", marked(shipped(t, "payplay"), "a")).status)
}

// Before a module is sent anywhere, the command shows the same table, and fails where something is looser.
func TestPluginDiff(t *testing.T) {
	t.Parallel()
	dir, compiled := plugins(t)
	diff := func(former, candidate string) (string, error) {
		var out bytes.Buffer
		err := (&pluginDiffCommand{Former: former, Candidate: candidate, Compiled: compiled}).Run(
			&host{ctx: t.Context(), stdout: &out, log: slog.New(slog.DiscardHandler)})
		return out.String(), err
	}
	active, looser := filepath.Join(dir, "payplay.wasm"), filepath.Join(t.TempDir(), "looser.wasm")
	require.NoError(t, os.WriteFile(looser, loosened(t), 0o600))
	shown, err := diff(active, looser)
	require.EqualError(t, err, "looser differences: 1")
	require.Equal(t, []string{
		"direction  field                                      before  now  allow     what the router does by it",
		"looser     settings_schema/properties/slug/minLength  1       0    manifest  " +
			"it accepts settings that satisfy the schema",
	}, strings.Split(strings.TrimSpace(shown), "\n"))
	shown, err = diff(looser, active)
	require.NoError(t, err)
	require.Contains(t, shown, "stricter   settings_schema/properties/slug/minLength  0       1\n")
	shown, err = diff(active, active)
	require.NoError(t, err)
	require.Equal(t, "the manifests are equal\n", shown)
	_, err = diff(active, filepath.Join(dir, "paygrt.wasm"))
	require.ErrorContains(t, err, `paygrt.wasm is "paygrt", and `)
}

// The folder is watched, and an upload outlives a restart.
func TestPluginsComeByTheFolderAndStayAfterARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"paygram", "cryptogram", "payplay", "exchanger", "paygrt"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name+".wasm"), shipped(t, name), 0o600))
	}
	w := build(t, plan{command: serveCommand{Plugins: dir, Watch: true}})
	first := w.create(byPayPlay)
	began := time.Now()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "new"), marked(shipped(t, "payplay"), "by file"), 0o600))
	require.NoError(t, os.Rename(filepath.Join(dir, "new"), filepath.Join(dir, "payplay.wasm")))
	before := w.attempts(first.ID)[0].Digest
	require.Eventually(t, func() bool { return w.serving("payplay") != before }, time.Minute, 5*time.Millisecond)
	t.Logf("a plugin of %d bytes served %s after it was written", len(shipped(t, "payplay")), time.Since(began))
	uploaded := read[pluginview.PluginInstall](t, w.put("payplay", "", marked(shipped(t, "payplay"), "by upload"))).Digest
	w.stop()
	require.NoError(t, w.end())

	again := build(t, plan{beside: w, command: serveCommand{Plugins: dir}})
	require.Equal(t, uploaded, again.serving("payplay"))
	require.Equal(t, uploaded, again.attempts(again.create(byPayPlay).ID)[0].Digest)
}

// A share of the payments goes to a candidate; when it turns out worse, it is given up by itself.
func TestWorseCanaryIsGivenUp(t *testing.T) {
	t.Parallel()
	w := build(t, plan{environ: []string{"ROUTER_PROVIDERS__PAYPLAY__BREAKER__FAILURES=10000"}})
	before := w.serving("payplay")
	tried := w.put("payplay", "?canary=50&allow=requests,outcomes,unproven", astray(t))
	require.Equal(t, 200, tried.status, string(tried.body))
	candidate := read[pluginview.PluginInstall](t, tried).Digest
	require.Equal(t, 50, w.plugin("payplay").Canary.Share)
	digests := map[string]int{}
	for range 400 {
		a := w.post(w.key(), byPayPlay)
		require.Equal(t, 201, a.status, string(a.body))
		for _, attempt := range w.attempts(read[api.Payment](t, a).ID) {
			digests[attempt.Digest]++
		}
		if w.plugin("payplay").Canary == nil {
			break
		}
	}
	require.Nil(t, w.plugin("payplay").Canary)
	require.Equal(t, before, w.serving("payplay"))
	require.Positive(t, digests[candidate])
	require.Positive(t, digests[before])
	require.Contains(t, fmt.Sprint(w.plugin("payplay").Events), "canary watch")
}

// A router that asks for signatures takes signed plugins only, over the API too.
func TestSignedPluginsOnly(t *testing.T) {
	t.Parallel()
	public, key, err := minisign.GenerateKey(nil)
	require.NoError(t, err)
	dir := t.TempDir()
	versions := map[string]string{
		"paygram": "1.4.0", "cryptogram": "1.2.0", "payplay": "1.3.0", "exchanger": "1.2.0",
		"paygrt": "1.2.0",
	}
	sign := func(name string, code []byte) []byte {
		return signature.Sign(key, code, signature.Of(name, versions[name], code))
	}
	for name := range versions {
		code := shipped(t, name)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name+".wasm"), code, 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name+".wasm.minisig"), sign(name, code), 0o600))
	}
	w := build(t,
		plan{command: serveCommand{Plugins: dir, PluginKey: []string{public.String()}, RequireSignature: true}})
	require.True(t, w.plugin("payplay").Generations[0].Signed)
	code := marked(shipped(t, "payplay"), "a")
	for claim, row := range map[string]struct {
		signature []byte
		problem   string
	}{
		"unsigned":    {nil, "plugin-unsigned"},
		"forged":      {sign("payplay", shipped(t, "payplay")), "plugin-signature-invalid"},
		"as another":  {sign("paygram", code), "plugin-signed-otherwise"},
		"good":        {sign("payplay", code), ""},
		"not base 64": {nil, "malformed-request"},
	} {
		header := base64.StdEncoding.EncodeToString(row.signature)
		if claim == "not base 64" {
			header = "?"
		}
		a := w.put("payplay", "?allow=unproven", code, "Plugin-Signature", header)
		if row.problem == "" {
			require.Equal(t, 200, a.status, string(a.body))
			continue
		}
		if a.status == 200 {
			continue // the good one came first: the same module is unchanged, however it is signed
		}
		require.Equal(t, "urn:payrouter:problem:"+row.problem, read[api.Problem](t, a).Type, claim)
	}
	require.ErrorContains(t,
		(&serveCommand{RequireSignature: true, Listen: "127.0.0.1:0", Data: t.TempDir()}).Run(&host{
			ctx: t.Context(), stdout: io.Discard, log: slog.New(slog.DiscardHandler),
		}), "--require-signature needs a --plugin-key")
}

// A module that no account's digests have does not serve, and an edit may not pin what does not serve.
func TestPinnedPluginsStay(t *testing.T) {
	t.Parallel()
	file, text := ownRouting(t)
	pin := func(digest string) string {
		return strings.Replace(text, "    plugin: payplay\n", "    plugin: payplay\n    digests: [\""+digest+"\"]\n", 1)
	}
	require.NotEqual(t, text, pin("x"))
	require.NoError(t, os.WriteFile(file, []byte(pin(sum(shipped(t, "payplay")))), 0o600))
	w := build(t, plan{command: serveCommand{Routing: file}})
	a := w.put("payplay", "", marked(shipped(t, "payplay"), "a"))
	require.Equal(t, 409, a.status)
	require.Equal(t, "urn:payrouter:problem:plugin-not-pinned", read[api.Problem](t, a).Type)
	edit := w.ask("PUT", w.router+"/v1/config/routing", pin(strings.Repeat("0", 64)), "If-Match", "*", "Content-Type",
		"application/yaml")
	require.Equal(t, 422, edit.status, string(edit.body))
	require.Contains(t, read[api.Problem](t, edit).Problems[0].Message, `provider "payplay" pins other modules than `)
	w.create(byPayPlay)
}

// A candidate sees live payments before it may serve: one that would do otherwise never does, and the payments are as
// they would have been.
func TestACandidateSeesLivePaymentsFirst(t *testing.T) {
	t.Parallel()
	w := build(t, plan{})
	before := w.serving("payplay")
	begun := w.put("payplay", "?shadow=2", astray(t))
	require.Equal(t, 200, begun.status, string(begun.body))
	shown := w.plugin("payplay").Shadow
	require.Equal(t, sum(astray(t)), shown.Digest)
	require.Equal(t, "2 flows", shown.Extent)
	w.create(byPayPlay)
	w.create(byPayPlay)
	require.Eventually(t, func() bool { return w.plugin("payplay").Shadow == nil }, time.Minute, 5*time.Millisecond)
	require.Equal(t, before, w.serving("payplay"))
	refused := w.plugin("payplay").Refused
	require.Len(t, refused, 1)
	require.Equal(t, []string{"requests"}, refused[0].Needs)
	require.Contains(t, refused[0].Reason, "+ request/path: /private-api/crypto-ordres/")

	good := marked(shipped(t, "payplay"), "a")
	require.Equal(t, 200, w.put("payplay", "?shadow=1h", good).status)
	require.Equal(t, "1h0m0s", w.plugin("payplay").Shadow.Extent)
	abort := w.ask("POST", w.router+"/v1/plugins/payplay/canary", `{"action":"abort"}`)
	require.Equal(t, 200, abort.status, string(abort.body))
	require.Equal(t, 200, w.put("payplay", "?shadow=1", good).status)
	require.Equal(t, before, w.serving("payplay"))
	w.create(byPayPlay)
	require.Eventually(t, func() bool { return w.serving("payplay") == sum(good) }, time.Minute, 5*time.Millisecond)
	require.Equal(t, 422, w.put("payplay", "?shadow=0", good).status)
	require.Equal(t, 422, w.put("payplay", "?shadow=forever", good).status)
}

// A deployment admits modules by its routing file, without a call of the API and without a data folder of before.
func TestTheRoutingFileAdmitsModules(t *testing.T) {
	t.Parallel()
	file, text := ownRouting(t)
	name := func(allow string, modules ...[]byte) {
		digests := make([]string, len(modules))
		for i, code := range modules {
			digests[i] = sum(code)
		}
		named := fmt.Sprintf("%s\nplugins:\n  payplay: {digests: [%s], allow: [%s]}\n", text,
			strings.Join(digests, ", "), allow)
		require.NoError(t, os.WriteFile(file, []byte(named), 0o600))
	}
	name("", shipped(t, "paygrt"))
	dir := folderOfPlugins(t, nil)
	w := build(t, plan{command: serveCommand{Routing: file, Plugins: dir, Watch: true}})
	require.Empty(t, w.serving("payplay"))
	require.Contains(t, fmt.Sprint(w.plugin("payplay").Events), "digest not pinned")

	name("manifest, unproven", shipped(t, "payplay"), loosened(t))
	require.Eventually(t, func() bool { return w.serving("payplay") == sum(shipped(t, "payplay")) }, time.Minute,
		5*time.Millisecond)
	w.create(byPayPlay)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "payplay.wasm"), loosened(t), 0o600))
	require.Eventually(t, func() bool { return w.serving("payplay") == sum(loosened(t)) }, time.Minute,
		5*time.Millisecond)
	require.Equal(t, []string{"manifest", "unproven"}, w.plugin("payplay").Admitted.Allowed)
	require.Contains(t, string(w.ask("GET", w.router+"/v1/audit?act=plugin.replace_file", "").body),
		`"allowed":["manifest","unproven"]`)
	a := w.put("payplay", "", marked(shipped(t, "payplay"), "a"))
	require.Equal(t, "urn:payrouter:problem:plugin-not-pinned", read[api.Problem](t, a).Type)

	name("nothing", loosened(t))
	require.Eventually(t, func() bool {
		return strings.Contains(string(w.ask("GET", w.router+"/v1/config", "").body), "is nothing that may be allowed")
	}, time.Minute, 5*time.Millisecond)
}

// What made an attempt answers it again as the journal has it; what would answer otherwise is shown.
func TestAttemptsAreReplayed(t *testing.T) {
	t.Parallel()
	w := build(t, plan{})
	dir, compiled := plugins(t)
	other := filepath.Join(t.TempDir(), "astray.wasm")
	require.NoError(t, os.WriteFile(other, astray(t), 0o600))
	replayed := func(attempt, module string) (string, error) {
		var out bytes.Buffer
		command := &replayCommand{
			Attempt: attempt, Module: module, Plugins: []string{dir}, Router: w.router,
			Compiled: compiled,
		}
		err := command.Run(&host{ctx: t.Context(), stdout: &out, log: slog.New(slog.DiscardHandler)})
		return out.String(), err
	}
	for _, order := range []string{byPayGram, byCryptogram, byPayPlay, byExchanger, recharge, payout} {
		for _, attempt := range w.attempts(w.create(order).ID) {
			shown, err := replayed(attempt.ID, "")
			require.NoError(t, err, shown)
			require.Contains(t, shown, "identical to what the journal has")
		}
	}
	one := w.attempts(w.create(byPayPlay).ID)[0]
	shown, err := replayed(one.ID, other)
	require.ErrorContains(t, err, "answers otherwise in 1 of ")
	require.Contains(t, shown, "requests differ: ")
	require.Contains(t, shown, "+ request/path: /private-api/crypto-ordres/")
	_, err = replayed("att_none", "")
	require.ErrorContains(t, err, "the router answered 404 Not Found: the API key reaches nothing of this id")
	dir = t.TempDir()
	_, err = replayed(one.ID, "")
	require.ErrorContains(t, err, "name its folder with --plugins")
}

// reachPlugins gets every documented status of the operations on plugins, asked by an operator.
func (w *harness) reachPlugins(call func(operation, method, path, body string, headers ...string) answer,
	operator string, p api.Payment,
) {
	w.t.Helper()
	by := []string{"Authorization", "Bearer " + operator}
	const at = "/v1/plugins"
	for _, who := range [][]string{nil, by} {
		call("list-plugins", "GET", at, "", who...)
		call("get-plugin", "GET", at+"/payplay", "", who...)
		call("put-plugin", "PUT", at+"/payplay", string(marked(shipped(w.t, "payplay"), "a")),
			append(who, "Content-Type", "application/wasm")...)
		call("rollback-plugin", "POST", at+"/payplay/rollback", "", who...)
		call("drain-plugin", "POST", at+"/payplay/drain", "", who...)
		call("release-plugin", "POST", at+"/payplay/release", "", who...)
		call("change-canary", "POST", at+"/payplay/canary", `{"action":"abort"}`, who...)
	}
	call("get-plugin", "GET", at+"/nobody", "", by...)
	put := func(query, body string, headers ...string) {
		call("put-plugin", "PUT", at+"/payplay"+query, body,
			append(headers, "Authorization", "Bearer "+operator, "Content-Type", "application/wasm")...)
	}
	put("", "no module")
	put("", "no module", "Plugin-Signature", "?")
	put("", strings.Repeat("0", 32<<20+1))
	put("", string(astray(w.t)))
	put("?canary=10", string(marked(shipped(w.t, "payplay"), "b")))
	call("change-canary", "POST", at+"/payplay/canary", `{"action":"share","share":20}`, by...)
	for _, operation := range []string{"rollback", "drain", "release", "canary"} {
		id := map[string]string{
			"rollback": "rollback-plugin", "drain": "drain-plugin", "release": "release-plugin",
			"canary": "change-canary",
		}[operation]
		call(id, "POST", at+"/nobody/"+operation, map[string]string{"canary": `{"action":"abort"}`}[operation], by...)
		call(id, "POST", at+"/payplay/"+operation, `{`, by...)
		call(id, "POST", at+"/payplay/"+operation, `{"digest":"none","action":"none"}`, by...)
		call(id, "POST", at+"/payplay/"+operation, map[string]string{"canary": `{"action":"abort"}`}[operation], by...)
	}
	call("drain-plugin", "POST", at+"/payplay/drain", "", by...)
	attempt := w.ask("GET", w.router+"/v1/payments/"+p.ID+"/attempts", "", by...)
	id := read[struct {
		Data []api.Attempt `json:"data"`
	}](w.t, attempt).Data[0].ID
	call("get-recording", "GET", "/v1/attempts/"+id+"/recording", "")
	call("get-recording", "GET", "/v1/attempts/"+id+"/recording", "", by...)
	call("get-recording", "GET", "/v1/attempts/att_none/recording", "", by...)
}

// folderOfPlugins is a folder of the modules that ship, some of them replaced; one without content is left out.
func folderOfPlugins(t *testing.T, replaced map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"paygram", "cryptogram", "payplay", "exchanger", "paygrt"} {
		code, other := replaced[name]
		if !other {
			code = shipped(t, name)
		}
		if code != nil {
			require.NoError(t, os.WriteFile(filepath.Join(dir, name+".wasm"), code, 0o600))
		}
	}
	return dir
}

// One account's secret, setting or module kept the whole router from starting.
func TestOneAccountsFaultTakesThatAccountOut(t *testing.T) {
	t.Parallel()
	half := shipped(t, "payplay")[:len(shipped(t, "payplay"))/2]
	for claim, row := range map[string]struct {
		environ         []string
		modules         map[string][]byte
		reason, problem string
	}{
		"a secret without a value": {
			environ: []string{"PAYPLAY_API_KEY="}, reason: "its secrets are not complete",
			problem: "the environment variable is not set",
		},
		"a setting that is of the wrong type": {
			environ: []string{"ROUTER_PROVIDERS__PAYPLAY__SETTINGS__SLUG="},
			reason:  "its part of the routing file does not fit its plugin", problem: "settings/slug",
		},
		"half a module": {
			modules: map[string][]byte{"payplay": half}, reason: `its plugin "payplay" is not active`,
			problem: `there is no plugin "payplay"`,
		},
		"no module": {
			modules: map[string][]byte{"payplay": nil}, reason: `its plugin "payplay" is not active`,
			problem: `there is no plugin "payplay"`,
		},
	} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			w := build(t, plan{environ: row.environ, command: serveCommand{Plugins: folderOfPlugins(t, row.modules)}})
			out := w.provider("payplay")
			require.False(t, out.Available)
			require.Equal(t, row.reason, out.Reason)
			require.True(t, w.provider("cryptogram").Available)
			require.True(t, w.provider("paygram-eu").Available)

			ready := w.ask("GET", w.router+"/readyz", "")
			require.Equal(t, 200, ready.status)
			require.Contains(t, string(ready.body), "accounts that are out of service: 1")
			require.NotContains(t, string(ready.body), "payplay", "whoever asks needs no key")
			problems := read[api.ConfigStatus](t, w.ask("GET", w.router+"/v1/config", "")).Out
			require.NotEmpty(t, problems)
			require.Contains(t, problems[0].Message, row.problem)
			require.Contains(t, w.log.String(), "an account is out of service: the others go on")

			// A rule with another account skips it; a rule with no other one refuses for now.
			passed := read[api.Payment](t, w.post(w.key(), `{"kind": "collect", "amount": "5000.00", "currency": "USDT",
				"country": "DE", "return_url": "https://shop.example/thanks"}`))
			require.NotEqual(t, "payplay", passed.Provider)
			require.NotEmpty(t, passed.Provider)
			decided := w.ask("GET", w.router+"/v1/payments/"+passed.ID+"/decision", "")
			require.Contains(t, string(decided.body), strings.ReplaceAll(row.reason, `"`, `\"`))
			pinned := w.post(w.key(), byPayPlay)
			require.Equal(t, 503, pinned.status, string(pinned.body))
			require.Equal(t, "urn:payrouter:problem:no-route-now", read[api.Problem](t, pinned).Type)

			if row.modules == nil {
				return
			}
			a := w.put("payplay", "", shipped(t, "payplay"))
			require.Equal(t, 200, a.status, string(a.body))
			require.True(t, w.provider("payplay").Available, "it comes back with its module")
			w.create(byPayPlay)
		})
	}
}

// What was refused while the router ran served after a restart, when nothing was recorded to compare it with.
func TestRefusedModuleStaysRefusedAfterARestart(t *testing.T) {
	t.Parallel()
	dir := folderOfPlugins(t, nil)
	w := build(t, plan{command: serveCommand{Plugins: dir, Watch: true}})
	w.create(byPayPlay)
	before := w.serving("payplay")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "new"), astray(t), 0o600))
	require.NoError(t, os.Rename(filepath.Join(dir, "new"), filepath.Join(dir, "payplay.wasm")))
	require.Eventually(t, func() bool { return len(w.plugin("payplay").Refused) > 0 }, time.Minute, 5*time.Millisecond)
	w.stop()
	require.NoError(t, w.end())

	again := build(t, plan{beside: w, command: serveCommand{Plugins: dir}})
	entries := func() int { return strings.Count(fmt.Sprint(again.plugin("payplay").Events), "refused before") }
	require.Eventually(t, func() bool { return entries() > 0 }, time.Minute, 5*time.Millisecond)
	require.Equal(t, before, again.serving("payplay"))
	shown := again.plugin("payplay")
	require.Equal(t, sum(astray(t)), shown.Refused[0].Digest)
	require.Equal(t, []string{"requests"}, shown.Refused[0].Needs)
	require.Equal(t, before, shown.Admitted.Digest)
	require.Eventually(t, func() bool { // the act is noted after the step
		return strings.Contains(string(again.ask("GET", again.router+"/v1/audit", "").body), "refused before")
	}, time.Minute, 5*time.Millisecond)

	a := again.put("payplay", "", astray(t))
	require.Equal(t, "urn:payrouter:problem:plugin-refused-before", read[api.Problem](t, a).Type)
	a = again.put("payplay", "?allow=requests,unproven", astray(t))
	require.Equal(t, 200, a.status, string(a.body))
	require.Equal(t, []string{"requests", "unproven"}, again.plugin("payplay").Admitted.Allowed)
	require.Empty(t, again.plugin("payplay").Refused)
}
