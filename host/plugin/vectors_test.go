package plugin_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/abi/conformance/vector"
	"payrouter/host/plugin"
)

const exampleFolder = "../../examples/plugin-go"

// example is the plugin of the documentation, without its vectors in it.
func example(t *testing.T) []byte {
	t.Helper()
	path := filepath.Join(workDir, "example.wasm")
	if code, err := os.ReadFile(path); err == nil {
		return code
	}
	made := filepath.Join(t.TempDir(), "made.wasm")
	build := exec.CommandContext(t.Context(), "go", "build", "-buildmode=c-shared", "-o", made, exampleFolder)
	build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	output, err := build.CombinedOutput()
	require.NoError(t, err, "%s", output)
	code, err := os.ReadFile(made)
	require.NoError(t, err)
	require.NoError(t, os.Rename(made, path))
	return code
}

// withVectors is a module with the example's vectors in it, in each of which a text is replaced.
func withVectors(t *testing.T, code []byte, text, by string) []byte {
	t.Helper()
	vectors, err := vector.Load(filepath.Join(exampleFolder, "testdata"))
	require.NoError(t, err)
	made, err := vector.Embed(code, vectors)
	require.NoError(t, err)
	require.Len(t, by, len(text), "sections have lengths")
	made = append(made[:len(code):len(code)], bytes.ReplaceAll(made[len(code):], []byte(text), []byte(by))...)
	compiled(t, made)
	return made
}

// noted are the details of a report's steps of one kind.
func noted(report plugin.Report, step plugin.Step) (details []string) {
	for _, event := range report.Steps {
		if event.Step == step {
			details = append(details, event.Detail+event.Error)
		}
	}
	return details
}

// On a new machine there is no version to compare a module with: its own vectors are played, if it has some.
func TestVectorsArePlayedOnFirstAdmission(t *testing.T) {
	t.Parallel()
	registry := newRegistry(t, plugin.Settings{})
	wrong := withVectors(t, example(t), `"status": "succeeded"`, `"status": "suczeeded"`)
	report, err := registry.Install(t.Context(), plugin.Candidate{Code: wrong})
	require.ErrorIs(t, err, plugin.ErrCheck)
	require.ErrorContains(t, err, "check: check fails: 12 golden vectors: ")
	require.ErrorContains(t, err, `("router plugin check" shows all of it)`)
	require.Equal(t, plugin.StepCheck, report.Steps[len(report.Steps)-1].Step)
	require.Empty(t, registry.ActiveSet().Names())

	another, err := registry.Install(t.Context(), plugin.Candidate{Code: withVectors(t, module(t, ""), "a", "a")})
	require.ErrorIs(t, err, plugin.ErrCheck, "another plugin's")
	require.Len(t, noted(another, plugin.StepCheck), 1)

	report, err = registry.Install(t.Context(), plugin.Candidate{Code: withVectors(t, example(t), "a", "a")})
	require.NoError(t, err)
	require.Equal(t, []string{`12 vectors hold, as do the checks of "router plugin check"`},
		noted(report, plugin.StepCheck))
	report, err = registry.Install(t.Context(), plugin.Candidate{Code: module(t, "")})
	require.NoError(t, err, "it has none")
	require.Empty(t, noted(report, plugin.StepCheck))
}

// Where nothing is recorded, vectors are the evidence; what is recorded is better evidence.
func TestVectorsProveWhatRecordingsCannot(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	registry := newRegistry(t, plugin.Settings{Dir: dir})
	first, err := registry.Install(t.Context(), plugin.Candidate{Code: example(t)})
	require.NoError(t, err)
	_, err = registry.Install(t.Context(), plugin.Candidate{Code: withVectors(t, example(t), "succeeded", "suczeeded")})
	require.ErrorIs(t, err, plugin.ErrCheck)
	active, _ := registry.Current(first.Name)
	require.Equal(t, first.Digest, active.Digest())

	good := withVectors(t, example(t), "a", "a")
	_, err = registry.Install(t.Context(), plugin.Candidate{Code: good})
	require.NoError(t, err)
	status, _ := registry.Plugin(first.Name)
	require.Equal(t, digestOf(good), status.Admitted.Digest)
	require.Empty(t, status.Admitted.Allowed, "nothing was allowed")

	// Whoever allows unproven needs no vectors.
	report, err := registry.Install(t.Context(), plugin.Candidate{
		Code: withVectors(t, example(t), "succeeded", "suczeeded"), Allow: []plugin.Allowance{plugin.AllowUnproven},
	})
	require.NoError(t, err)
	require.Empty(t, noted(report, plugin.StepCheck))

	active, _ = registry.Current(first.Name)
	_, _, _ = active.Begin(operation("GetPayment")).Prepare(t.Context())
	report, err = registry.Install(t.Context(), plugin.Candidate{Code: good})
	require.NoError(t, err)
	require.Empty(t, noted(report, plugin.StepCheck))
	require.Equal(t, 1, report.Shadow.Flows)
}

// A router may require vectors of everything but what served before its start.
func TestCheckIsRequiredWhereThatIsAsked(t *testing.T) {
	t.Parallel()
	s := &site{T: t, dir: t.TempDir(), settings: plugin.Settings{Dir: t.TempDir()}}
	s.write("hostile.wasm", module(t, ""))
	s.start()
	s.pay(1)
	s.settings.RequireCheck = true
	s.restart()
	s.serves(module(t, ""))
	s.pay(1)
	_, err := s.registry.Install(t.Context(), plugin.Candidate{
		Code: variant(t, "version=1.1.0"), Allow: []plugin.Allowance{plugin.AllowUnproven},
	})
	require.ErrorIs(t, err, plugin.ErrCheck)
	require.ErrorContains(t, err, `the module has no vectors, and this router requires them (add them with "router plugin`)

	stateless := newRegistry(t, plugin.Settings{RequireCheck: true})
	require.Error(t, stateless.LoadDir(t.Context(), s.dir))
	require.Empty(t, stateless.ActiveSet().Names())
	s.write("example.wasm", withVectors(t, example(t), "a", "a"))
	another := newRegistry(t, plugin.Settings{RequireCheck: true})
	require.ErrorIs(t, another.LoadDir(t.Context(), s.dir), plugin.ErrCheck)
	require.Len(t, another.ActiveSet().Names(), 1)
}

// The check takes as long as a step may, whatever the vectors ask for.
func TestCheckIsBounded(t *testing.T) {
	t.Parallel()
	registry := newRegistry(t, plugin.Settings{Keep: 1})
	proving := withVectors(t, example(t), "a", "a")
	install(t, registry, proving)
	install(t, registry, example(t))
	registry.SetStepWithin(time.Nanosecond)
	_, err := registry.Install(t.Context(), plugin.Candidate{Code: proving}) // it is warm, and not compiled again
	require.ErrorIs(t, err, plugin.ErrSlow)
	require.ErrorContains(t, err, "check: took too long: longer than 1ns")
}

// A router that stops while it checks a module has not refused it.
func TestCheckThatIsInterruptedIsNoRefusal(t *testing.T) {
	t.Parallel()
	registry := newRegistry(t, plugin.Settings{Dir: t.TempDir()})
	ended, end := context.WithCancel(t.Context())
	end()
	code := withVectors(t, example(t), "a", "a")
	report, err := registry.Install(ended, plugin.Candidate{Code: code})
	require.ErrorIs(t, err, context.Canceled)
	status, _ := registry.Plugin(report.Name)
	require.Empty(t, status.Refusals)
}
