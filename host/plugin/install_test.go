package plugin_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"aead.dev/minisign"
	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
	"payrouter/host/plugin"
	"payrouter/host/plugin/signature"
	"payrouter/host/wasm"
)

// buy runs the flow of a payment with a generation, and returns its outcome.
func buy(t *testing.T, generation *plugin.Generation, id string) *abi.Outcome {
	t.Helper()
	call := &abi.Call{Operation: "buy", Seed: make([]byte, 32), Payment: &abi.Payment{
		Id: id, Amount: "49.90", Currency: "EUR",
		Payer: &abi.Payer{Name: "Ada Lovelace", Email: "ada@lovelace.example"},
	}}
	flow := generation.Begin(call)
	step, _, err := flow.Prepare(t.Context())
	require.NoError(t, err)
	require.NotNil(t, step.GetSend())
	step, _, err = flow.Interpret(t.Context(), step.GetSend().GetState(),
		&abi.HttpResponse{Status: 200, Body: []byte("ord-" + id)})
	require.NoError(t, err)
	return step.GetDone()
}

// callBack has a generation read a callback.
func callBack(t *testing.T, generation *plugin.Generation) {
	t.Helper()
	_, _, err := generation.Receive(t.Context(), "", &abi.Callback{
		Method: "POST", Body: []byte("ada@lovelace.example paid"), NowMs: 1234,
	})
	require.NoError(t, err)
}

func pair(t *testing.T) (signature.Keys, minisign.PrivateKey) {
	t.Helper()
	public, private, err := minisign.GenerateKey(nil)
	require.NoError(t, err)
	keys, err := signature.ReadKeys([]string{public.String()})
	require.NoError(t, err)
	return keys, private
}

// boundKeys trust a key for one plugin.
func boundKeys(t *testing.T, name string, key minisign.PrivateKey) signature.Keys {
	t.Helper()
	public, _ := key.Public().(minisign.PublicKey)
	keys, err := signature.ReadKeys([]string{name + "=" + public.String()})
	require.NoError(t, err)
	return keys
}

func signed(key minisign.PrivateKey, version string, code []byte) []byte {
	return signature.Sign(key, code, signature.Of("hostile", version, code))
}

// A module that is no good leaves what serves where it is, and says at which step it stopped, and why, each time in
// words of its own.
func TestCandidatesAreRefusedEachForItsOwnReason(t *testing.T) {
	t.Parallel()
	keys, key := pair(t)
	_, stranger := pair(t)
	other := variant(t, "version=1.1.0")
	configured := map[string]configuration{
		"digest not pinned": {
			pinned: func(_, digest string) bool { return digest == digestOf(module(t, "")) },
		},
		"not compatible with the configuration": {adopt: refuseSecond()},
	}
	for claim, row := range map[string]struct {
		candidate plugin.Candidate
		settings  plugin.Settings
		step      plugin.Step
		reason    error
		says      string
	}{
		"forged signature": {
			plugin.Candidate{Code: other, Signature: signed(key, "1.1.0", module(t, ""))},
			plugin.Settings{Keys: keys},
			plugin.StepSignature, signature.ErrSignatureInvalid, "signature: signature invalid: key ",
		},
		"unsigned": {
			plugin.Candidate{Code: other},
			plugin.Settings{Keys: keys, RequireSignature: true},
			plugin.StepSignature, signature.ErrUnsigned, "signature: not signed: this router takes signed plugins only",
		},
		"untrusted key": {
			plugin.Candidate{Code: other, Signature: signed(stranger, "1.1.0", other)},
			plugin.Settings{Keys: keys},
			plugin.StepSignature, signature.ErrUntrusted, "signature: signed with a key that is not trusted",
		},
		"signed as another version": {
			plugin.Candidate{Code: other, Signature: signed(key, "9.0.0", other)},
			plugin.Settings{Keys: keys},
			plugin.StepSignature, signature.ErrStatement,
			"signature: signed as something else: as hostile 9.0.0, and it is hostile 1.1.0",
		},
		"version older": {
			plugin.Candidate{
				Code:      variant(t, "version=0.9.0"),
				Signature: signed(key, "0.9.0", variant(t, "version=0.9.0")),
			},
			plugin.Settings{Keys: keys},
			plugin.StepCompare, plugin.ErrOlder, "compare: version older than one that was active: 0.9.0, after 1.0.0",
		},
		"version older, unsigned": {
			plugin.Candidate{Code: variant(t, "version=0.9.0")},
			plugin.Settings{},
			plugin.StepCompare, plugin.ErrOlder, "0.9.0, after 1.0.0 (roll back, or allow older)",
		},
		"new import": {
			plugin.Candidate{Code: module(t, "socket")},
			plugin.Settings{},
			plugin.StepCompile, wasm.ErrImport, "compile: wasm module refused: import refused: env.connect",
		},
		"wrong ABI version": {
			plugin.Candidate{Code: []byte(strings.Replace(string(other), "payrouter_abi_v1", "payrouter_abi_v2", 1))},
			plugin.Settings{},
			plugin.StepCompile, wasm.ErrVersion,
			"compile: wasm module refused: ABI version not known: ABI version 2, this router speaks 1",
		},
		"truncated": {
			plugin.Candidate{Code: other[:len(other)/2]},
			plugin.Settings{},
			plugin.StepCompile, wasm.ErrMalformed, "compile: wasm module refused: malformed module",
		},
		"manifest": {
			plugin.Candidate{Code: module(t, "nameless")},
			plugin.Settings{},
			plugin.StepDescribe, plugin.ErrManifest, `describe: manifest refused: name ""`,
		},
		"another plugin": {
			plugin.Candidate{Code: variant(t, "name=tame"), Name: "hostile"},
			plugin.Settings{},
			plugin.StepCompare, plugin.ErrName, `compare: another plugin: it is "tame", not "hostile"`,
		},
		"changed secret list": {
			plugin.Candidate{Code: variant(t, "secret=master_key")},
			plugin.Settings{},
			plugin.StepCompare, plugin.ErrSecrets,
			"compare: secret list changed: none before, master_key now (allow secrets, if that is intended)",
		},
		"changed secret list of a canary": {
			plugin.Candidate{Code: variant(t, "secret=master_key"), Canary: 10, Allow: plugin.Allowances()},
			plugin.Settings{},
			plugin.StepCompare, plugin.ErrSecrets, "it cannot be a canary",
		},
		"new host": {
			plugin.Candidate{Code: variant(t, "host=collect.example.net")},
			plugin.Settings{},
			plugin.StepCompare, plugin.ErrHosts,
			"compare: new hosts: collect.example.net (allow hosts, if that is intended)",
		},
		"new host of a canary": {
			plugin.Candidate{Code: variant(t, "host=collect.example.net"), Canary: 10, Allow: plugin.Allowances()},
			plugin.Settings{},
			plugin.StepCompare, plugin.ErrHosts, "it cannot be a canary",
		},
		"looser class": {
			plugin.Candidate{Code: variant(t, "loosen=class")},
			plugin.Settings{},
			plugin.StepCompare, plugin.ErrLoosened,
			"compare: manifest loosened: operations/serve/idempotency: none → safe (a request without an answer is " +
				"sent again, or elsewhere, by its class) (allow manifest, if that is intended)",
		},
		"looser class of a canary": {
			plugin.Candidate{Code: variant(t, "loosen=class"), Canary: 10},
			plugin.Settings{},
			plugin.StepCompare, plugin.ErrLoosened, "operations/serve/idempotency: none → safe",
		},
		"other final decline": {
			plugin.Candidate{Code: variant(t, "loosen=decline"), Allow: []plugin.Allowance{plugin.AllowHosts, "requests"}},
			plugin.Settings{},
			plugin.StepCompare, plugin.ErrLoosened,
			"compare: manifest loosened: operations/serve/decline_is_final: false → true",
		},
		"decline that was none": {
			plugin.Candidate{Code: variant(t, "loosen=failure")},
			plugin.Settings{},
			plugin.StepCompare, plugin.ErrLoosened,
			"failures/any operation, 402, any code/meaning: unspecified → declined_soft",
		},
		"digest not pinned": {
			plugin.Candidate{Code: other},
			plugin.Settings{},
			plugin.StepPin, plugin.ErrPinned, "pin: digest not pinned: ",
		},
		"another request": {
			plugin.Candidate{Code: variant(t, "place=/v2/buy")},
			plugin.Settings{},
			plugin.StepShadow, plugin.ErrShadow,
			"shadow: differs from the active generation: 3 recorded flows, 1 callbacks, 3 times requests differ",
		},
		"another outcome": {
			plugin.Candidate{Code: variant(t, "outcome=failed")},
			plugin.Settings{},
			plugin.StepShadow, plugin.ErrShadow, "requests differ: buy of pay_1, call 1;",
		},
		"callback that traps": {
			plugin.Candidate{Code: variant(t, "receive=trap")},
			plugin.Settings{},
			plugin.StepShadow, plugin.ErrShadow,
			"1 times failures differ, ",
		},
		"callback that is ignored": {
			plugin.Candidate{Code: variant(t, "receive=ignore")},
			plugin.Settings{},
			plugin.StepShadow, plugin.ErrShadow,
			"callbacks differ: a callback, call 1; - receipt/trust: look_up; + receipt/trust: ignore (allow callbacks",
		},
		"callback that is believed": {
			plugin.Candidate{Code: variant(t, "receive=believe")},
			plugin.Settings{},
			plugin.StepShadow, plugin.ErrShadow,
			"- receipt/trust: look_up; + receipt/trust: signed; + receipt/signature_value: (3 characters)",
		},
		"callback that is refused": {
			plugin.Candidate{Code: variant(t, "receive=500")},
			plugin.Settings{},
			plugin.StepShadow, plugin.ErrShadow, "- receipt/reply/status: 200; + receipt/reply/status: 500",
		},
		"not compatible with the configuration": {
			plugin.Candidate{Code: other},
			plugin.Settings{},
			plugin.StepAdopt, plugin.ErrIncompatible,
			"adopt: not compatible with the configuration: routing.yaml:12:3: no flow for payouts",
		},
		"canary of nothing": {
			plugin.Candidate{Code: variant(t, "name=tame"), Canary: 10},
			plugin.Settings{},
			plugin.StepCompare, plugin.ErrCanary, "no generation of this name is active beside it",
		},
	} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			registry := newBoundRegistry(t, row.settings, configured[claim])
			first := plugin.Candidate{Code: module(t, ""), Signature: signed(key, "1.0.0", module(t, ""))}
			_, err := registry.Install(t.Context(), first)
			require.NoError(t, err)
			active, _ := registry.Current("hostile")
			for i := range 3 {
				buy(t, active, fmt.Sprintf("pay_%d", i+1))
			}
			callBack(t, active)
			if row.reason == plugin.ErrShadow && claim == "another outcome" {
				row.says = "outcomes differ: buy of pay_1, call 2; - outcome/status: succeeded; + " +
					"outcome/status: failed"
			}

			report, err := registry.Install(t.Context(), row.candidate)
			refused, ok := errors.AsType[*plugin.RefusedError](err)
			require.True(t, ok, "%v", err)
			require.Equal(t, row.step, refused.Step)
			require.ErrorIs(t, err, row.reason)
			require.ErrorContains(t, err, row.says)
			require.NotContains(t, err.Error(), "lovelace")
			last := report.Steps[len(report.Steps)-1]
			require.Equal(t, row.step, last.Step)
			require.Contains(t, last.Error, row.says)

			still, _ := registry.Current("hostile")
			require.Same(t, active, still)
			buy(t, still, "pay_after")
			require.Eventually(t, func() bool { open, _ := registry.Open(); return open == 1 }, waiting, tick,
				"nothing of it stays")
		})
	}
}

// refuseSecond takes the first active and no other.
func refuseSecond() func(context.Context, plugin.ActiveSet) error {
	asked := 0
	return func(context.Context, plugin.ActiveSet) error {
		if asked++; asked == 1 {
			return nil
		}
		return errors.New("routing.yaml:12:3: no flow for payouts")
	}
}

// What is meant is taken, where the operator says so.
func TestWhatIsAllowedIsTaken(t *testing.T) {
	t.Parallel()
	keys, key := pair(t)
	for words, allow := range map[string][]plugin.Allowance{
		"secret=master_key":               {plugin.AllowSecrets},
		"host=collect.example.net":        {plugin.AllowHosts},
		"version=0.9.0":                   {plugin.AllowOlder},
		"loosen=class":                    {plugin.AllowManifest},
		"loosen=decline":                  {plugin.AllowManifest},
		"loosen=failure":                  {plugin.AllowManifest},
		"place=/v2/buy":                   {"requests"},
		"outcome=failed":                  {"outcomes"},
		"outcome=trap":                    {"failures"},
		"receive=trap":                    {"failures"},
		"receive=ignore":                  {"callbacks"},
		"burn=" + strings.Repeat("x", 60): {"fuel"},
	} {
		t.Run(words, func(t *testing.T) {
			t.Parallel()
			registry := newRegistry(t, plugin.Settings{Keys: keys})
			_, err := registry.Install(t.Context(),
				plugin.Candidate{Code: module(t, ""), Signature: signed(key, "1.0.0", module(t, ""))})
			require.NoError(t, err)
			active, _ := registry.Current("hostile")
			for i := range 5 {
				buy(t, active, fmt.Sprintf("pay_%d", i))
			}
			callBack(t, active)
			version := "1.0.0"
			if strings.HasPrefix(words, "version=") {
				version = "0.9.0"
			}
			c := plugin.Candidate{Code: variant(t, words), Signature: signed(key, version, variant(t, words))}
			_, err = registry.Install(t.Context(), c)
			require.Error(t, err)
			c.Allow = allow
			report, err := registry.Install(t.Context(), c)
			require.NoError(t, err)
			require.NotNil(t, report.Shadow)
			require.Equal(t, 5, report.Shadow.Flows)
			now, _ := registry.Current("hostile")
			require.Equal(t, report.Digest, now.Digest())
		})
	}
}

// Recordings outlive the generation that made them: a second swap is held against them too.
func TestShadowComparesWithWhatServesNow(t *testing.T) {
	t.Parallel()
	registry := newRegistry(t, plugin.Settings{})
	buy(t, install(t, registry, module(t, "")), "pay_1")
	_, err := registry.Install(t.Context(),
		plugin.Candidate{Code: variant(t, "place=/v2/buy"), Allow: []plugin.Allowance{"requests"}})
	require.NoError(t, err)
	report, err := registry.Install(t.Context(), plugin.Candidate{Code: variant(t, "version=1.0.2 place=/v2/buy")})
	require.NoError(t, err, "it is like what serves, not like what recorded")
	require.Equal(t, 1, report.Shadow.Flows)
	_, err = registry.Install(t.Context(), plugin.Candidate{Code: variant(t, "version=1.0.3")})
	require.ErrorIs(t, err, plugin.ErrShadow)
	require.ErrorContains(t, err, "- request/path: /v2/buy; + request/path: /buy")
}

func TestKeyOfAnotherPluginIsNotTrusted(t *testing.T) {
	t.Parallel()
	_, key := pair(t)
	registry := newRegistry(t, plugin.Settings{Keys: boundKeys(t, "tame", key)})
	code := module(t, "")
	_, err := registry.Install(t.Context(), plugin.Candidate{Code: code, Signature: signed(key, "1.0.0", code)})
	refused, ok := errors.AsType[*plugin.RefusedError](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, plugin.StepSignature, refused.Step)
	require.ErrorIs(t, err, signature.ErrUntrusted)
	require.ErrorContains(t, err, " is trusted for tame only, and signed hostile")
}

// Once signed modules serve, a router that asks for signatures takes the next, and the record of the newest version
// outlives it.
func TestSignedModulesComeInOrder(t *testing.T) {
	t.Parallel()
	keys, key := pair(t)
	dir, kept := t.TempDir(), t.TempDir()
	old, fresh := variant(t, "version=1.9.0"), variant(t, "version=1.10.0")
	settings := plugin.Settings{Keys: keys, RequireSignature: true, Dir: kept}
	registry := newRegistry(t, settings)
	for version, code := range map[string][]byte{"1.9.0": old} {
		_, err := registry.Install(t.Context(), plugin.Candidate{Code: code, Signature: signed(key, version, code)})
		require.NoError(t, err)
	}
	_, err := registry.Install(t.Context(), plugin.Candidate{
		Code: fresh, Signature: signed(key, "1.10.0", fresh), Allow: []plugin.Allowance{plugin.AllowUnproven},
	})
	require.NoError(t, err)
	require.NoError(t, registry.Close(t.Context()))

	again := newRegistry(t, settings)
	require.NoError(t, again.LoadDir(t.Context(), dir))
	active, found := again.Current("hostile")
	require.True(t, found, "what was uploaded is there after a restart")
	require.Equal(t, digestOf(fresh), active.Digest())
	_, err = again.Install(t.Context(), plugin.Candidate{Code: old, Signature: signed(key, "1.9.0", old)})
	require.ErrorIs(t, err, plugin.ErrOlder)
	require.ErrorContains(t, err, "1.9.0, after 1.10.0")
}

// Without a trusted key, too: a version below the highest that was active is a person's decision, whichever way it
// comes in. A rollback is one.
func TestOlderVersionNeedsAPerson(t *testing.T) {
	t.Parallel()
	old, fresh := module(t, ""), variant(t, "version=1.1.0")
	s := newSite(t, plugin.Settings{Keep: 1}, old)
	s.pay(1)
	s.write("hostile.wasm", fresh)
	s.admit()
	s.serves(fresh)
	s.pay(1)

	for restarts := range 2 {
		s.write("hostile.wasm", old)
		s.admit()
		s.serves(fresh)
		refused := s.refusals("hostile")
		require.Len(t, refused, 1)
		require.Contains(t, refused[0].Reason, "1.0.0, after 1.1.0")
		require.Equal(t, []plugin.Allowance{plugin.AllowOlder}, refused[0].Needs)
		_, err := s.registry.Install(t.Context(), plugin.Candidate{Code: old, Allow: []plugin.Allowance{"unproven"}})
		require.ErrorIs(t, err, plugin.ErrOlder)
		if restarts == 0 { // what is kept warm does not outlast one
			require.NoError(t, s.registry.Rollback(t.Context(), "hostile", "", "ops"))
			s.serves(old)
			require.NoError(t, s.registry.Rollback(t.Context(), "hostile", "", "ops"))
		}
		s.restart()
	}
	_, err := s.registry.Install(t.Context(),
		plugin.Candidate{Code: old, Allow: []plugin.Allowance{plugin.AllowOlder, plugin.AllowUnproven}})
	require.NoError(t, err)
	s.serves(old)
}

// A plugin that is built again keeps its version, and comes in; the report says so.
func TestSameVersionInOtherBytesIsTaken(t *testing.T) {
	t.Parallel()
	registry := newRegistry(t, plugin.Settings{})
	install(t, registry, module(t, ""))
	report, err := registry.Install(t.Context(), plugin.Candidate{
		Code: variant(t, "build=again"), Allow: []plugin.Allowance{plugin.AllowUnproven},
	})
	require.NoError(t, err)
	compared := slices.IndexFunc(report.Steps, func(e plugin.Event) bool { return e.Step == plugin.StepCompare })
	require.Contains(t, report.Steps[compared].Detail, "other bytes in the same version")
}

// What was decided last stands over a restart: an upload or a rollback, until the file in the folder changes.
func TestRestartServesWhatWasDecidedLast(t *testing.T) {
	t.Parallel()
	dir, kept := t.TempDir(), t.TempDir()
	file := filepath.Join(dir, "hostile.wasm")
	place := func(code []byte) { require.NoError(t, os.WriteFile(file, code, 0o600)) }
	serves := func(claim string, code []byte, during func(*plugin.Registry)) {
		t.Helper()
		registry := newRegistry(t, plugin.Settings{Dir: kept})
		require.NoError(t, registry.LoadDir(t.Context(), dir))
		active, found := registry.Current("hostile")
		require.True(t, found)
		buy(t, active, "pay_1")
		registry.Admit(t.Context(), dir, plugin.WatchSettings{})
		active, _ = registry.Current("hostile")
		require.Equal(t, digestOf(code), active.Digest(), claim)
		during(registry)
		require.NoError(t, registry.Close(t.Context()))
	}
	nothing := func(*plugin.Registry) {}
	first, second, third := module(t, ""), variant(t, "version=2.0.0"), variant(t, "version=3.0.0")
	fourth := variant(t, "version=4.0.0")
	place(first)
	serves("the file", first, nothing)
	serves("the file", first, func(s *plugin.Registry) { install(t, s, second) })
	serves("the upload", second, func(s *plugin.Registry) { install(t, s, third) })
	serves("the last upload", third, func(s *plugin.Registry) {
		install(t, s, second)
		require.NoError(t, s.Rollback(t.Context(), "hostile", "", "desk"))
	})
	serves("the rollback", third, nothing)
	place(fourth)
	serves("the file that changed", fourth, nothing)
	serves("the file that changed", fourth, func(s *plugin.Registry) {
		install(t, s, first)
		require.NoError(t, s.Rollback(t.Context(), "hostile", "", "desk"))
	})
	serves("the file, rolled back to", fourth, nothing)
	left, err := filepath.Glob(filepath.Join(kept, "hostile", "*.wasm"))
	require.NoError(t, err)
	require.Len(t, left, 1, "what nobody can go back to is removed")

	require.NoError(t, os.Remove(file))
	serves("what was active, without its file", fourth, func(s *plugin.Registry) {
		require.NoError(t, s.Drain(t.Context(), "hostile", digestOf(fourth), "desk"))
	})
	place(fourth)
	drained := newRegistry(t, plugin.Settings{Dir: kept})
	require.NoError(t, drained.LoadDir(t.Context(), dir))
	drained.Admit(t.Context(), dir, plugin.WatchSettings{})
	require.Empty(t, drained.ActiveSet().Names(), "what was taken out of service stays out, though its file is there")
}

func TestDamagedModulesAreNotServed(t *testing.T) {
	t.Parallel()
	kept := t.TempDir()
	registry := newRegistry(t, plugin.Settings{Dir: kept})
	active := install(t, registry, module(t, ""))
	require.NoError(t, registry.Close(t.Context()))
	path := filepath.Join(kept, "hostile", active.Digest()+".wasm")
	code, err := os.ReadFile(path)
	require.NoError(t, err)
	code[len(code)/2] ^= 1
	require.NoError(t, os.WriteFile(path, code, 0o600))
	again := newRegistry(t, plugin.Settings{Dir: kept})
	err = again.LoadDir(t.Context(), t.TempDir())
	require.ErrorContains(t, err, path+" is damaged")
	require.NotErrorIs(t, err, plugin.ErrNoModules, "the router starts, without this plugin")

	// The folder has the same bytes: they serve, and replace what is damaged.
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "hostile.wasm"), module(t, ""), 0o600))
	mended := newRegistry(t, plugin.Settings{Dir: kept})
	require.NoError(t, mended.LoadDir(t.Context(), dir))
	now, _ := mended.Current("hostile")
	require.Equal(t, active.Digest(), now.Digest())
	require.NoError(t, mended.Close(t.Context()))
	require.NoError(t, newRegistry(t, plugin.Settings{Dir: kept}).LoadDir(t.Context(), t.TempDir()))
}

// Where it is not known what was active, and which version was the highest, a file of the folder decides nothing.
func TestUnreadableDecisionNeedsAPerson(t *testing.T) {
	t.Parallel()
	dir, kept := t.TempDir(), t.TempDir()
	install(t, newRegistry(t, plugin.Settings{Dir: kept}), module(t, ""))
	require.NoError(t, os.WriteFile(filepath.Join(kept, "hostile", "record.json"), []byte("{"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "hostile.wasm"), module(t, ""), 0o600))
	registry := newRegistry(t, plugin.Settings{Dir: kept})
	err := registry.LoadDir(t.Context(), dir)
	require.ErrorContains(t, err, "read the decision on the plugin: ")
	require.NotErrorIs(t, err, plugin.ErrNoModules)
	registry.Admit(t.Context(), dir, plugin.WatchSettings{})
	require.Empty(t, registry.ActiveSet().Names())
	_, err = registry.Install(t.Context(), plugin.Candidate{Code: variant(t, "version=2.0.0")})
	require.ErrorIs(t, err, plugin.ErrDecision)
	_, err = registry.Install(t.Context(),
		plugin.Candidate{Code: variant(t, "version=2.0.0"), Allow: []plugin.Allowance{plugin.AllowOlder}})
	require.NoError(t, err)
	require.NoError(t, registry.Close(t.Context()))
	require.NoError(t, newRegistry(t, plugin.Settings{Dir: kept}).LoadDir(t.Context(), dir))
}

// A comparison with nothing says so, whether or not callbacks came: they show nothing of what is sent.
func TestSwapWithoutRecordedFlowsIsUnproven(t *testing.T) {
	t.Parallel()
	registry := newRegistry(t, plugin.Settings{})
	callBack(t, install(t, registry, module(t, "")))
	c := plugin.Candidate{Code: variant(t, "version=1.1.0")}
	report, err := registry.Install(t.Context(), c)
	require.ErrorIs(t, err, plugin.ErrUnproven)
	require.ErrorContains(t, err, "shadow: no evidence: 0 recorded flows, 1 callbacks, fuel ")
	require.ErrorContains(t, err, ", nothing recorded of 2 operations "+
		"(install it after some payments, embed its vectors, or allow unproven)")
	require.Equal(t, []string{"serve", "look"}, report.Shadow.NotCovered)
	c.Allow = []plugin.Allowance{plugin.AllowUnproven}
	_, err = registry.Install(t.Context(), c)
	require.NoError(t, err)
}

// The report names what was compared, and what came of it.
func TestReportNamesWhatWasCovered(t *testing.T) {
	t.Parallel()
	registry := newRegistry(t, plugin.Settings{})
	active := install(t, registry, module(t, ""))
	buy(t, active, "pay_1")
	buy(t, active, "pay_2")
	reference(t, active, operation("serve"))
	callBack(t, active)
	report, err := registry.Install(t.Context(), plugin.Candidate{Code: variant(t, "version=1.1.0")})
	require.NoError(t, err)
	require.Equal(t, []plugin.Coverage{
		{Operation: "buy", Results: map[string]int{"succeeded": 2}},
		{Operation: "serve", Results: map[string]int{"accepted": 1}},
		{Operation: "", Results: map[string]int{"look_up": 1}},
	}, report.Shadow.Covered)
	require.Equal(t, []string{"look"}, report.Shadow.NotCovered)
	require.Equal(t, 3, report.Shadow.Flows)
	require.Equal(t, 1, report.Shadow.Callbacks)
}

// A swap does not wait for many flows of one shape, and a rare one among them is replayed whenever it was.
func TestOfFlowsAlikeTheLastAreReplayed(t *testing.T) {
	t.Parallel()
	registry := newRegistry(t, plugin.Settings{})
	active := install(t, registry, module(t, ""))
	rare := operation("buy")
	rare.Payment = &abi.Payment{Id: "pay_rare", Currency: "KZT"}
	reference(t, active, rare)
	for i := range 10 {
		buy(t, active, fmt.Sprintf("pay_%d", i))
	}
	report, err := registry.Install(t.Context(), plugin.Candidate{Code: variant(t, "version=1.1.0")})
	require.NoError(t, err)
	require.Equal(t, 6, report.Shadow.Flows)
}

// Anyone may send callbacks: many of one result do not displace those of another, nor a payment's flows.
func TestManyCallbacksDisplaceNoOtherRecordings(t *testing.T) {
	t.Parallel()
	registry := newRegistry(t, plugin.Settings{Record: 2, RecordBytes: 4096})
	active := install(t, registry, module(t, ""))
	buy(t, active, "pay_1")
	callBack(t, active)
	for range 50 {
		_, _, err := active.Receive(t.Context(), "", &abi.Callback{Method: "GET", Body: make([]byte, 400)})
		require.Error(t, err, "what is no receipt")
	}
	report, err := registry.Install(t.Context(), plugin.Candidate{Code: variant(t, "receive=ignore")})
	require.ErrorIs(t, err, plugin.ErrShadow)
	require.Equal(t, []plugin.Coverage{
		{Operation: "buy", Results: map[string]int{"succeeded": 1}},
		{Operation: "", Results: map[string]int{"accepted": 2, "look_up": 1}},
	}, report.Shadow.Covered)
}

// A module that takes its time keeps nobody waiting, neither with its compilation nor with the comparison.
func TestStepsOfAnInstallAreBounded(t *testing.T) {
	t.Parallel()
	registry := newRegistry(t, plugin.Settings{Keep: 1})
	former := module(t, "")
	install(t, registry, former)
	buy(t, install(t, registry, variant(t, "version=1.1.0")), "pay_1")
	registry.SetStepWithin(time.Nanosecond)
	older := plugin.Candidate{Code: former, Allow: []plugin.Allowance{plugin.AllowOlder}}
	for step, candidate := range map[plugin.Step]plugin.Candidate{
		plugin.StepCompile: {Code: variant(t, "version=1.2.0 name=hostile")},
		plugin.StepShadow:  older, // what is warm is not compiled again
	} {
		_, err := registry.Install(t.Context(), candidate)
		require.ErrorIs(t, err, plugin.ErrSlow, step)
		refused, is := errors.AsType[*plugin.RefusedError](err)
		require.True(t, is)
		require.Equal(t, step, refused.Step)
	}
	status, _ := registry.Plugin("hostile")
	require.Empty(t, status.Refusals, "a slow machine is no verdict on a module")
}
