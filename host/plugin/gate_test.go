package plugin_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/plugin"
	"payrouter/host/plugin/signature"
)

// site is a router's folder of plugins and its data folder, over restarts.
type site struct {
	*testing.T
	dir      string
	settings plugin.Settings
	registry *plugin.Registry
}

// newSite has a folder with a module, and a registry that is started on it.
func newSite(t *testing.T, settings plugin.Settings, code []byte) *site {
	t.Helper()
	s := &site{T: t, dir: t.TempDir(), settings: settings}
	s.settings.Dir = t.TempDir()
	s.write("hostile.wasm", code)
	s.start()
	return s
}

func (s *site) path(name string) string { return filepath.Join(s.dir, name) }

func (s *site) write(name string, content []byte) {
	s.Helper()
	require.NoError(s, os.WriteFile(s.path(name), content, 0o600))
}

// start is what a router does at its start. Whatever the folder has, there is no error without a module to go on with.
func (s *site) start() {
	s.Helper()
	s.registry = newRegistry(s.T, s.settings)
	require.NotErrorIs(s, s.registry.LoadDir(s.Context(), s.dir), plugin.ErrNoModules)
	s.admit()
}

func (s *site) admit() { s.registry.Admit(s.Context(), s.dir, plugin.WatchSettings{}) }

func (s *site) restart() {
	s.Helper()
	require.NoError(s, s.registry.Close(s.Context()))
	s.start()
}

func (s *site) serves(code []byte) {
	s.Helper()
	active, found := s.registry.Current("hostile")
	require.True(s, found)
	require.Equal(s, digestOf(code), active.Digest())
}

// refusals are those under a plugin's name.
func (s *site) refusals(name string) []plugin.Refusal {
	s.Helper()
	status, _ := s.registry.Plugin(name)
	return status.Refusals
}

func (s *site) pay(n int) {
	s.Helper()
	active, _ := s.registry.Current("hostile")
	for range n {
		buy(s.T, active, "pay_1")
	}
}

// The module was refused while the router ran, and served after a restart: nothing was recorded to compare it with.
func TestRefusedModuleDoesNotServeAfterARestart(t *testing.T) {
	t.Parallel()
	for words, needs := range map[string]plugin.Allowance{
		"place=/v2/buy": "requests", "host=collect.example.net": plugin.AllowHosts, "secret=key": plugin.AllowSecrets,
	} {
		t.Run(words, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, plugin.Settings{}, module(t, ""))
			s.pay(2)
			refused := variant(t, words)
			s.write("hostile.wasm", refused)
			s.admit()
			s.serves(module(t, ""))

			for range 2 {
				s.restart()
				s.serves(module(t, ""))
				kept := s.refusals("hostile")
				require.Len(t, kept, 1)
				require.Equal(t, digestOf(refused), kept[0].Digest)
				require.Equal(t, []plugin.Allowance{needs}, kept[0].Needs)
				require.NotEmpty(t, kept[0].Reason)
				require.False(t, kept[0].At.IsZero())
			}
			// By another way in, too, also where nothing serves that it could be compared with.
			for range 2 {
				_, err := s.registry.Install(t.Context(), plugin.Candidate{Code: refused})
				require.ErrorIs(t, err, plugin.ErrRefused)
				_, err = s.registry.Install(t.Context(), plugin.Candidate{Code: refused, Allow: []plugin.Allowance{"fuel"}})
				require.ErrorIs(t, err, plugin.ErrRefused)
				if _, there := s.registry.Current("hostile"); there {
					require.NoError(t, s.registry.Drain(t.Context(), "hostile", digestOf(module(t, "")), "desk"))
				}
			}
			_, err := s.registry.Install(t.Context(), plugin.Candidate{
				Code: refused, Source: "upload by ops", Allow: []plugin.Allowance{needs},
			})
			require.NoError(t, err)
			s.restart()
			s.serves(refused)
			status, _ := s.registry.Plugin("hostile")
			require.Empty(t, status.Refusals)
			require.Equal(t, []plugin.Allowance{needs}, status.Admitted.Allowed)
			require.Equal(t, "upload by ops", status.Admitted.By)
			require.Equal(t, digestOf(refused), status.Admitted.Digest)
		})
	}
}

// What a digest needs adds up, whichever step found it.
func TestRefusalsOfADigestAddUp(t *testing.T) {
	t.Parallel()
	s := newSite(t, plugin.Settings{}, module(t, ""))
	s.pay(1)
	code := variant(t, "host=collect.example.net place=/v2/buy")
	_, err := s.registry.Install(t.Context(), plugin.Candidate{Code: code})
	require.ErrorIs(t, err, plugin.ErrHosts)
	_, err = s.registry.Install(t.Context(), plugin.Candidate{Code: code, Allow: []plugin.Allowance{plugin.AllowHosts}})
	require.ErrorIs(t, err, plugin.ErrShadow)
	s.restart()
	for _, allow := range [][]plugin.Allowance{{plugin.AllowHosts}, {"requests"}} {
		_, err = s.registry.Install(t.Context(), plugin.Candidate{Code: code, Allow: allow})
		require.ErrorIs(t, err, plugin.ErrRefused)
	}
	s.pay(1)
	_, err = s.registry.Install(t.Context(),
		plugin.Candidate{Code: code, Allow: []plugin.Allowance{"requests", plugin.AllowHosts}})
	require.NoError(t, err)
}

// A refusal that cannot be read still refuses.
func TestDamagedRefusalsRefuseAllTheSame(t *testing.T) {
	t.Parallel()
	s := newSite(t, plugin.Settings{}, module(t, ""))
	refused := variant(t, "host=collect.example.net")
	s.write("hostile.wasm", refused)
	s.admit()
	kept := filepath.Join(s.settings.Dir, ".refused", digestOf(refused)+".json")
	require.NoError(t, os.WriteFile(kept, []byte("{"), 0o600))
	s.restart()
	s.serves(module(t, ""))
	_, err := s.registry.Install(t.Context(),
		plugin.Candidate{Code: refused, Allow: []plugin.Allowance{plugin.AllowHosts}})
	require.ErrorIs(t, err, plugin.ErrRefused)
	_, err = s.registry.Install(t.Context(), plugin.Candidate{Code: refused, Allow: plugin.Allowances()})
	require.NoError(t, err)
}

// Each of them kept the router from starting, though the good module was in its data folder, or the watch of the
// folder from going on.
func TestJunkInTheFolderKeepsNothingFromServing(t *testing.T) {
	t.Parallel()
	keys, key := pair(t)
	for claim, row := range map[string]struct {
		place  func(t *testing.T, path string)
		reason string
	}{
		"one byte": {content([]byte{0}), "malformed module"},
		"nothing":  {content(nil), "malformed module"},
		"half":     {content(module(t, "")[:len(module(t, ""))/2]), "malformed module"},
		"a dangling link": {func(t *testing.T, path string) {
			t.Helper()
			require.NoError(t, os.Symlink(path+"-gone", path))
		}, "no such file"},
		"a directory": {func(t *testing.T, path string) {
			t.Helper()
			require.NoError(t, os.Mkdir(path, 0o700))
		}, "not a regular file"},
		"a pipe": {func(t *testing.T, path string) {
			t.Helper()
			require.NoError(t, syscall.Mkfifo(path, 0o600))
		}, "not a regular file"},
		"a link to a device": {func(t *testing.T, path string) {
			t.Helper()
			require.NoError(t, os.Symlink("/dev/zero", path))
		}, "not a regular file"},
		"a sparse file": {func(t *testing.T, path string) {
			t.Helper()
			content(nil)(t, path)
			require.NoError(t, os.Truncate(path, 3<<29))
		}, "too large"},
		"a signature that is a pipe": {func(t *testing.T, path string) {
			t.Helper()
			content(variant(t, "version=1.1.0"))(t, path)
			require.NoError(t, syscall.Mkfifo(path+".minisig", 0o600))
		}, "not a regular file"},
		"another file of the plugin": {content(variant(t, "version=1.1.0")), "hostile.wasm provides \"hostile\" already"},
		"the same file again":        {content(module(t, "")), ".wasm provides \"hostile\" already"},
		"an older one that is signed": {func(t *testing.T, path string) {
			t.Helper()
			old := variant(t, "version=0.9.0")
			require.NoError(t, os.Remove(filepath.Join(filepath.Dir(path), "hostile.wasm")))
			content(old)(t, path)
			content(signed(key, "0.9.0", old))(t, path+".minisig")
		}, "0.9.0, after 1.0.0"},
	} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, plugin.Settings{Keys: keys}, module(t, ""))
			row.place(t, s.path("a.wasm")) // before the plugin's own file
			for range 2 {
				s.restart()
				s.serves(module(t, ""))
				s.pay(1)
				shown := append(s.refusals("a"), s.refusals("hostile")...)
				require.NotEmpty(t, shown)
				require.Contains(t, shown[0].Reason, row.reason)
			}
			require.NoError(t, os.RemoveAll(s.path("a.wasm")))
			require.NoError(t, os.RemoveAll(s.path("a.wasm.minisig")))
			s.write("hostile.wasm", variant(t, "version=2.0.0"))
			s.admit()
			s.serves(variant(t, "version=2.0.0"))
		})
	}
}

func content(of []byte) func(t *testing.T, path string) {
	return func(t *testing.T, path string) {
		t.Helper()
		require.NoError(t, os.WriteFile(path, of, 0o600))
	}
}

// A new machine: the folder has what it has, and the rest serves.
func TestFirstStartTakesWhatPasses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "a.wasm"), 0o600))
	content([]byte("no module"))(t, filepath.Join(dir, "b.wasm"))
	content(module(t, ""))(t, filepath.Join(dir, "hostile.wasm"))
	registry := newRegistry(t, plugin.Settings{Dir: t.TempDir()})
	err := registry.LoadDir(t.Context(), dir)
	require.ErrorContains(t, err, "not a regular file")
	require.ErrorContains(t, err, "malformed module")
	require.NotErrorIs(t, err, plugin.ErrNoModules)
	require.Equal(t, []string{"hostile"}, registry.ActiveSet().Names())
	status, _ := registry.Plugin("hostile")
	require.Equal(t, "folder "+filepath.Join(dir, "hostile.wasm"), status.Admitted.By)
	require.Equal(t, "1.0.0", status.Admitted.Version)

	unsigned := newRegistry(t, plugin.Settings{Dir: t.TempDir(), RequireSignature: true})
	require.ErrorIs(t, unsigned.LoadDir(t.Context(), dir), signature.ErrUnsigned, "the steps are those of any install")
	require.Empty(t, unsigned.ActiveSet().Names())
}

// The watch waited for ever for who would write to the pipe.
func TestWatchGoesOnBesideAPipe(t *testing.T) {
	t.Parallel()
	how := hasty()
	how.Incomplete = 20 * time.Millisecond
	f := watching(t, plugin.Settings{}, how, func(dir string) {
		content(module(t, ""))(t, filepath.Join(dir, "hostile.wasm"))
	})
	require.NoError(t, syscall.Mkfifo(f.path("a.wasm"), 0o600))
	f.says("a.wasm: it is not a regular file")
	f.write("hostile.wasm", variant(t, "version=1.1.0"))
	f.serves(variant(t, "version=1.1.0"))
	require.NoError(t, os.Remove(f.path("a.wasm")))
	require.Eventually(t, func() bool { status, _ := f.registry.Plugin("a"); return len(status.Refusals) == 0 },
		waiting, tick, "what is gone is no longer shown as refused")
}
