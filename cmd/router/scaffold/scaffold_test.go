package scaffold

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func checkout(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("../../..")
	require.NoError(t, err)
	return root
}

// Where it cannot be done as it was asked, the error states why, and nothing is written.
func TestWhatCannotBeBegun(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		change func(p *Plugin)
		err    error
		says   string
	}{
		"a name with a blank":        {func(p *Plugin) { p.Name = "acme pay" }, ErrName, "lower-case letters"},
		"a name in capitals":         {func(p *Plugin) { p.Name = "Acme" }, ErrName, "lower-case letters"},
		"a name that ends in a dash": {func(p *Plugin) { p.Name = "acme-" }, ErrName, "lower-case letters"},
		"a name that is a path":      {func(p *Plugin) { p.Name = "../acme" }, ErrName, "lower-case letters"},
		"a name that begins with 1":  {func(p *Plugin) { p.Name = "1acme" }, ErrName, "a letter first"},
		"no name":                    {func(p *Plugin) { p.Name = "" }, ErrName, "lower-case letters"},
		"a name that is too long":    {func(p *Plugin) { p.Name = strings.Repeat("a", 33) }, ErrName, "at most 32"},
		"a name that Go passes over": {func(p *Plugin) { p.Name = "testdata" }, ErrName, "to Go"},
		"a name of the router's": {
			func(p *Plugin) {
				p.Name, p.Folder = "paygram",
					filepath.Join(checkout(t), "plugins", "another")
			}, ErrTaken,
			filepath.Join("plugins", "paygram"),
		},
		"a folder that is in use": {func(p *Plugin) { p.Folder = filepath.Dir(p.Folder) }, ErrFolder, "--dir"},
		"a folder of another plugin": {
			func(p *Plugin) { p.Folder = filepath.Join(checkout(t), "plugins", "paygrt") },
			ErrFolder, "--dir",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			above := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(above, "notes"), nil, 0o600))
			p := Plugin{Name: "acme", Folder: filepath.Join(above, "acme")}
			row.change(&p)
			_, err := p.Write()
			require.ErrorIs(t, err, row.err)
			require.ErrorContains(t, err, row.says)
			left, err := os.ReadDir(above)
			require.NoError(t, err)
			require.Len(t, left, 1)
		})
	}
}

// A folder of a module that requires the router's already is one of its packages, and needs none of its own.
func TestAPluginInAModuleThatHasTheSDK(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	require.NoError(t,
		os.WriteFile(filepath.Join(home, "go.mod"),
			[]byte("module example.com/ours\n\nrequire (\n\tpayrouter v0.0.0\n)\n"), 0o600))
	names, err := Plugin{Name: "acme", Folder: filepath.Join(home, "acme")}.Write()
	require.NoError(t, err)
	require.Contains(t, names, "main.go")
	require.NotContains(t, names, "go.mod")
}

// The copy is the plugin's own: nothing in it names what it was copied from.
func TestTheCopyHasItsOwnName(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "acme")
	names, err := Plugin{Name: "acme-pay", Folder: folder}.Write()
	require.NoError(t, err)
	require.Contains(t, names, "testdata/create.txtar")
	for _, name := range names {
		if strings.HasPrefix(name, "sdk/") {
			continue
		}
		content, err := os.ReadFile(filepath.Join(folder, filepath.FromSlash(name)))
		require.NoError(t, err)
		require.NotContains(t, strings.ToLower(string(content)), "newpay", name)
	}
	page, err := os.ReadFile(filepath.Join(folder, "README.md"))
	require.NoError(t, err)
	require.Contains(t, string(page), "# Acme Pay\n")
	require.Contains(t, string(page), "env:ACME_PAY_KEY")
}

// What a new plugin requires, the router requires in the same versions.
func TestTheSDKRequiresWhatTheRouterRequires(t *testing.T) {
	t.Parallel()
	ours, err := os.ReadFile(filepath.Join(checkout(t), "go.mod"))
	require.NoError(t, err)
	for line := range strings.Lines(requirements) {
		if module, version, found := strings.Cut(strings.TrimSpace(line), " "); found && module != "require" {
			version, _, _ = strings.Cut(version, " ")
			require.Contains(t, string(ours), "\t"+module+" "+version, "sdk.mod, and sdk.sum with it")
		}
	}
	sums, err := os.ReadFile(filepath.Join(checkout(t), "go.sum"))
	require.NoError(t, err)
	for line := range strings.Lines(string(checksums)) {
		require.Contains(t, string(sums), line, "sdk.sum")
	}
}
