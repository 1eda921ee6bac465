package checked_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/abi/conformance/check"
	"payrouter/host/wasm/wasmtest"
)

// build makes the example plugin, with a defect linked in.
func build(t *testing.T, defect string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "example.wasm")
	command := exec.CommandContext(t.Context(), "go", "build", "-buildmode=c-shared", "-ldflags",
		"-X main.defect="+defect, "-o", path, "../../../examples/plugin-go")
	command.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	output, err := command.CombinedOutput()
	require.NoError(t, err, "%s", output)
	code, err := os.ReadFile(path)
	require.NoError(t, err)
	return code
}

func TestModule(t *testing.T) {
	t.Parallel()
	sandbox := wasmtest.Sandbox(t)
	report, err := check.Module(t.Context(), sandbox, build(t, ""))
	require.NoError(t, err)
	require.True(t, report.OK(), "%v", report.Results)
	require.Equal(t, "example", report.Manifest.GetName())
	require.Len(t, report.Digest, 64)
	require.Positive(t, report.Fuel)
	var names []string
	for _, result := range report.Results {
		names = append(names, result.Name)
	}
	require.Equal(t, []string{
		"contract", "describe", "manifest", "operation CreatePayment", "operation GetPayment", "operation QuotePayment",
		"operation that is not there", "callbacks", "payments kept apart",
		"input that is not the contract's", "fuel",
	}, names)
}

func TestModuleWithDefects(t *testing.T) {
	t.Parallel()
	sandbox := wasmtest.Sandbox(t)
	for defect, row := range map[string]struct{ check, says string }{
		"no-summary": {"manifest", "no summary"},
		"lenient":    {"operation that is not there", "not refused"},
		"credulous":  {"operation GetPayment", "out of garbage"},
		"trap":       {"operation GetPayment", "panic"},
		"spin":       {"operation GetPayment", "out of fuel"},
		"keep":       {"payments kept apart", "the plugin keeps something from one call to the next"},
	} {
		t.Run(defect, func(t *testing.T) {
			t.Parallel()
			report, err := check.Module(t.Context(), sandbox, build(t, defect))
			require.NoError(t, err)
			require.False(t, report.OK())
			for _, result := range report.Results {
				if result.Name == row.check {
					require.Contains(t, strings.Join(result.Problems, "\n"), row.says)
					return
				}
			}
			require.Fail(t, "the check was never made", row.check)
		})
	}
}

func TestModuleRefused(t *testing.T) {
	t.Parallel()
	sandbox := wasmtest.Sandbox(t)
	for name, code := range map[string][]byte{
		"nothing":       {},
		"not a module":  []byte("#!/bin/sh"),
		"an empty one":  []byte("\x00asm\x01\x00\x00\x00"),
		"half a module": []byte("\x00asm\x01\x00\x00\x00\x01\x7f"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			report, err := check.Module(t.Context(), sandbox, code)
			require.NoError(t, err)
			require.False(t, report.OK())
			require.Len(t, report.Results, 1)
			require.Nil(t, report.Manifest)
		})
	}
}
