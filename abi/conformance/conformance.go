// Package conformance is the suite that every plugin passes, so that the router may rely on what the contract says.
//
// A plugin's test calls Test with its connector and the folder of its golden vectors. A vector is one txtar file:
//
//	Comment: the document and section that the example comes from, and what was mended.
//	-- call.json --
//	{"operation": "IssueInvoice", "payment": {"id": "pay_1", "kind": "collect", "amount": "100", "currency": "PHPT"},
//	 "settings": {}, "reference": "…", "now": "2023-10-04T08:34:00Z"}
//	-- request-1 --
//	POST /{{secret:token}}/IssueInvoice
//	Content-Type: application/json
//
//	{"requestId": 1}
//	-- response-1 --
//	200
//	Content-Type: application/json
//
//	{"success": true}
//	-- outcome.json --
//	{"verdict": "accepted", "status": "requires_action"}
//
// Further round trips are request-2, response-2 and so on. A call that ends otherwise has reject.json or error.json in the
// place of outcome.json; a callback has the sections callback (an HTTP request) and receipt.json, and takes settings and
// now from call.json. The expected sections are written by the suite itself when the test runs with -update: read the
// difference before you commit it. Enum values are the contract's in lower case, without their prefix.
package conformance

import (
	"flag"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/abi/conformance/check"
	"payrouter/abi/guest"
	abi "payrouter/abi/v1"
)

//nolint:gochecknoglobals // a test's flag has to be known before any test runs
var update = flag.Bool("update", false, "write what the plugin answers into its golden vectors")

// Test runs the whole suite on a connector, with the golden vectors in a folder. Call it from a test of the plugin's own
// package, which is built as a module and run in the sandbox too.
func Test(t *testing.T, connector guest.Connector, vectors string) {
	t.Helper()
	loaded, err := loadVectors(vectors)
	require.NoError(t, err)
	require.NotEmpty(t, loaded, "a plugin brings golden vectors")
	manifest := connector.Describe()

	t.Run("manifest", func(t *testing.T) {
		require.Empty(t, check.Manifest(manifest))
	})
	t.Run("golden", func(t *testing.T) {
		for _, v := range loaded {
			t.Run(v.name, func(t *testing.T) { testGolden(t, native{connector}, manifest, v) })
		}
	})
	t.Run("pure", func(t *testing.T) {
		for _, v := range loaded {
			testPure(t, native{connector}, v)
		}
	})
	t.Run("hostile", func(t *testing.T) {
		attacker := newAttacker(manifest)
		for _, v := range loaded {
			t.Run(v.name, func(t *testing.T) { testHostile(t, native{connector}, attacker, v) })
		}
	})
	t.Run("sandbox", func(t *testing.T) { testSandbox(t, native{connector}, manifest, loaded) })
	t.Run("coverage", func(t *testing.T) { testCoverage(t, native{connector}, manifest, loaded) })
}

// testPure asks everything twice: the same call has the same answer.
func testPure(t *testing.T, guest machine, v *vector) {
	t.Helper()
	first, err := play(t.Context(), guest, v)
	require.NoError(t, err, v.name)
	for _, m := range first {
		again, err := guest.call(t.Context(), m.input)
		require.NoError(t, err, v.name)
		before, err := encode(m.answer)
		require.NoError(t, err, v.name)
		require.Equal(t, before, again, "%s: %s answers otherwise the second time", v.name, m.input.export)
	}
}

// testHostile damages what the provider says, and looks at what the connector makes of it.
func testHostile(t *testing.T, guest machine, attacker *attacker, v *vector) {
	t.Helper()
	attacks, err := attacker.on(t.Context(), guest, v)
	require.NoError(t, err)
	for _, a := range attacks {
		_, wrong := mount(t.Context(), guest, a)
		require.Empty(t, wrong, a.name)
	}
}

// testGolden compares what a vector plays to with what it holds.
func testGolden(t *testing.T, guest machine, manifest *abi.Manifest, v *vector) {
	t.Helper()
	moves, err := play(t.Context(), guest, v)
	require.NoError(t, err)
	files, err := results(manifest, moves)
	require.NoError(t, err)
	if *update {
		require.NoError(t, v.rewrite(files))
	}
	seen := make(map[string]bool, len(files))
	for _, file := range files {
		seen[file.Name] = true
		held, stands := v.section(file.Name)
		require.True(t, stands, "the vector has no %s (run with -update to write it); it would be:\n%s", file.Name, file.Data)
		expected, err := canonical(file.Name, held)
		require.NoError(t, err, file.Name)
		require.Equal(t, expected, string(file.Data), file.Name)
	}
	for _, file := range v.archive.Files {
		require.True(t, seen[file.Name] || !isResult(file.Name), "%s is not what the plugin answers; it answers %v", file.Name, seen)
	}
}

// canonical lays an expected section out as the suite writes it.
func canonical(name string, held []byte) (string, error) {
	switch name {
	case "outcome.json":
		return restate[outcomeText](held)
	case "reject.json":
		return restate[rejectText](held)
	case "error.json":
		return restate[errorText](held)
	case "receipt.json":
		return restate[receiptText](held)
	}
	return string(held), nil
}
