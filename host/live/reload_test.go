package live_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/config"
	"payrouter/host/live"
)

// However a file is edited, what it says serves within a second.
func TestAnEditServesWithinASecond(t *testing.T) {
	t.Parallel()
	replace := func(t *testing.T, file, text string) {
		t.Helper()
		require.NoError(t, os.WriteFile(file+".tmp", []byte(text), 0o600))
		require.NoError(t, os.Rename(file+".tmp", file))
	}
	overwrite := func(t *testing.T, file, text string) {
		t.Helper()
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	}
	elsewhere := t.TempDir()
	cases := map[string]struct {
		link func(t *testing.T, dir, text string) string
		edit func(t *testing.T, file, text string)
	}{
		"written in place":            {edit: overwrite},
		"renamed over, as editors do": {edit: replace},
		"moved away, and written anew": {edit: func(t *testing.T, file, text string) {
			t.Helper()
			require.NoError(t, os.Rename(file, file+"~"))
			overwrite(t, file, text)
		}},
		"deleted, and back after a while": {edit: func(t *testing.T, file, text string) {
			t.Helper()
			require.NoError(t, os.Remove(file))
			time.Sleep(300 * time.Millisecond)
			overwrite(t, file, text)
		}},
		"truncated, and then written": {edit: func(t *testing.T, file, text string) {
			t.Helper()
			overwrite(t, file, "")
			time.Sleep(20 * time.Millisecond)
			overwrite(t, file, text)
		}},
		"a link into another folder, whose target is written": {
			link: func(t *testing.T, dir, text string) string {
				t.Helper()
				target := filepath.Join(elsewhere, "target.yaml")
				overwrite(t, target, text)
				file := filepath.Join(dir, "routing.yaml")
				require.NoError(t, os.Symlink(target, file))
				return file
			},
			edit: overwrite,
		},
		"swapped as Kubernetes swaps a ConfigMap": {
			link: func(t *testing.T, dir, text string) string {
				t.Helper()
				return configMap(t, dir, "1", text)
			},
			edit: func(t *testing.T, file, text string) {
				t.Helper()
				configMap(t, filepath.Dir(file), "2", text)
			},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t, plan{link: c.link})
			for _, rule := range []string{"second", "third"} {
				if strings.Contains(name, "Kubernetes") && rule == "third" {
					configMap(t, filepath.Dir(h.file), "3", h.routing(rule))
				} else {
					c.edit(t, h.file, h.routing(rule))
				}
				require.Less(t, h.serves(rule), time.Second)
			}
			require.Nil(t, h.manager.Status().Pending)
		})
	}
}

// configMap publishes a text as kubelet does: a folder of its own, to which ..data is made to point by a rename.
func configMap(t *testing.T, dir, generation, text string) string {
	t.Helper()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "..gen"+generation), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "..gen"+generation, "routing.yaml"), []byte(text), 0o600))
	require.NoError(t, os.Symlink("..gen"+generation, filepath.Join(dir, "..data_tmp")))
	require.NoError(t, os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")))
	file := filepath.Join(dir, "routing.yaml")
	if _, err := os.Lstat(file); err != nil {
		require.NoError(t, os.Symlink(filepath.Join("..data", "routing.yaml"), file))
	}
	return file
}

// A mistake changes nothing, is shown whole, and is over when the file is in order again.
func TestAMistakeChangesNothing(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plan{})
	before := h.manager.Status().Active
	h.write(strings.NewReplacer("settings", "setings", "to: [paygram-eu]",
		"to: [paygram-us]").Replace(h.routing("broken")))
	h.pending("routing.yaml:7:5: unknown key \"setings\" in a provider: did you mean \"settings\"?")
	h.pending("routing.yaml:9:25: rule \"broken\" sends to an unknown provider \"paygram-us\": did you mean " +
		"\"paygram-eu\"?")
	status := h.manager.Status()
	require.Len(t, status.Pending.Problems, 2)
	require.Equal(t, "first", h.rule())
	require.Equal(t, before, status.Active)
	require.Equal(t, 1, status.Refused)

	h.write(strings.Replace(h.routing("broken"), "user_cli_id", "user_clid", 1))
	h.pending("routing.yaml:7:16: unknown key \"user_clid\" in settings")
	h.write("providers: [")
	h.pending("this is not YAML")
	require.NoError(t, os.Remove(h.file))
	h.pending("no such file")
	require.Equal(t, status.Pending.Since, h.manager.Status().Pending.Since,
		"the file has been out of order since its first mistake")

	h.write(h.routing("first"))
	require.Eventually(t, func() bool { return h.manager.Status().Pending == nil }, time.Minute, 5*time.Millisecond)
	require.Equal(t, before, h.manager.Status().Active)
	require.Equal(t, 1, h.manager.Status().Fleets)
	h.write(h.routing("second"))
	h.serves("second")
}

// Whoever writes in place writes in pieces. The first piece of this file is a file in order, and would send payments
// elsewhere.
func TestAPieceOfAFileDoesNotServe(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plan{settings: live.Settings{Settle: 2 * time.Second}})
	whole := h.routing("second") + "  - {name: third, to: [paygram-eu]}\n"
	whole = strings.Replace(whole, "second, to", "second, when: {currency: USD}, to", 1)
	piece, rest := whole[:strings.Index(whole, "  - {name: third")], whole[strings.Index(whole, "  - {name: third"):]
	h.write(piece)
	time.Sleep(200 * time.Millisecond)
	file, err := os.OpenFile(h.file, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = file.WriteString(rest)
	require.NoError(t, err)
	require.NoError(t, file.Close())
	h.serves("third")
	for _, e := range h.manager.Status().History {
		require.NotEqual(t, piece, e.Text)
	}
}

// Secrets in files are taken up when they change, with the connections of the accounts that have them; one that is
// missing is a mistake.
func TestASecretThatChangesIsTakenUp(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(secret, []byte(token+"\n"), 0o600))
	h := newHarness(t, plan{})
	h.write(strings.Replace(h.routing("second"), "env:TOKEN", "file:"+secret, 1))
	h.serves("second")
	before := h.manager.Fleet()

	require.NoError(t, os.WriteFile(secret, []byte("another-"+token+"\n"), 0o600))
	require.Eventually(t, func() bool { return h.manager.Fleet() != before }, time.Minute, 5*time.Millisecond)
	require.NotSame(t, before.Accounts["paygram-eu"].Egress, h.manager.Fleet().Accounts["paygram-eu"].Egress)
	require.Equal(t, 1, h.manager.Status().Clients)

	rotated := h.manager.Fleet()
	require.NoError(t, os.Remove(secret))
	h.pending("the file cannot be read")
	require.Same(t, rotated, h.manager.Fleet())
	require.NoError(t, os.WriteFile(secret, []byte("a-third-"+token+"\n"), 0o600))
	require.Eventually(t, func() bool { return h.manager.Status().Pending == nil }, time.Minute, 5*time.Millisecond)
	require.NotContains(t, h.manager.Status().Active.Text, "a-third")
}

// An edit that names a secret which is not there yet serves as soon as it is.
func TestAnEditWaitsForItsSecret(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(t.TempDir(), "token")
	h := newHarness(t, plan{})
	h.write(strings.Replace(h.routing("second"), "env:TOKEN", "file:"+secret, 1))
	h.pending("the file cannot be read")
	require.NoError(t, os.WriteFile(secret, []byte(token), 0o600))
	h.serves("second")
}

// heard are the reloads of secrets that a manager reported.
type heard struct {
	mutex sync.Mutex
	all   []live.SecretsReload
}

func (h *heard) add(one live.SecretsReload) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.all = append(h.all, one)
}

func (h *heard) reloads() []live.SecretsReload {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	return slices.Clone(h.all)
}

// A secret that cannot be read any more is shown, and changes nothing else: its account keeps the former value, and
// plugins, edits of the file and edits over the API are taken meanwhile.
func TestABrokenSecretKeepsItsFormerValue(t *testing.T) {
	t.Parallel()
	for name, broken := range map[string]string{
		"missing": "", "empty": "\n", "half written": "half", "with a line break": "a-first-line\nanother",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			secret, reported := filepath.Join(t.TempDir(), "token"), &heard{}
			require.NoError(t, os.WriteFile(secret, []byte(token), 0o600))
			h := newHarness(t, plan{settings: live.Settings{SecretsReloaded: reported.add}})
			filed := func(rule string) string {
				return strings.Replace(h.routing(rule), "env:TOKEN", "file:"+secret, 1)
			}
			h.write(filed("second"))
			h.serves("second")
			before := h.manager.Fleet()

			if broken == "" {
				require.NoError(t, os.Remove(secret))
			} else {
				require.NoError(t, os.WriteFile(secret, []byte(broken), 0o600))
			}
			h.pending(`provider "paygram-eu": secret "token" (file:` + secret + `): `)
			require.Same(t, before, h.manager.Fleet())

			require.NoError(t, h.manager.Adopt(t.Context(), registryOf(t, "paygram").ActiveSet()))
			h.write(filed("third"))
			h.serves("third")
			_, err := h.manager.Put(filed("fourth"), "ops", live.Match{Any: true})
			require.NoError(t, err)
			h.serves("fourth")
			require.Same(t, before.Accounts["paygram-eu"].Egress, h.manager.Fleet().Accounts["paygram-eu"].Egress)
			h.pending(`secret "token"`)

			require.NoError(t, os.WriteFile(secret, []byte("a-new-"+token), 0o600))
			require.Eventually(t, func() bool { return h.manager.Status().Pending == nil }, time.Minute,
				5*time.Millisecond)
			require.NotSame(t, before.Accounts["paygram-eu"].Egress, h.manager.Fleet().Accounts["paygram-eu"].Egress)
			all := reported.reloads()
			require.NotEmpty(t, all[1].Kept)
			require.Equal(t, []config.ChangedSecret{{
				Provider: "paygram-eu", Name: "token", Reference: "file:" + secret,
			}}, all[len(all)-1].Changed)
			require.NotContains(t, fmt.Sprint(all), "new-"+token)
		})
	}
}

// However a secret is replaced, its new value is taken up.
func TestASecretIsTakenUpHoweverItIsReplaced(t *testing.T) {
	t.Parallel()
	folder, reported := t.TempDir(), &heard{}
	publish := func(generation, value string) {
		name := filepath.Join(folder, "..gen"+generation)
		require.NoError(t, os.Mkdir(name, 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(name, "token"), []byte(value), 0o600))
		require.NoError(t, os.Symlink("..gen"+generation, filepath.Join(folder, "..data_tmp")))
		require.NoError(t, os.Rename(filepath.Join(folder, "..data_tmp"), filepath.Join(folder, "..data")))
	}
	publish("1", token)
	require.NoError(t, os.Symlink(filepath.Join("..data", "token"), filepath.Join(folder, "token")))
	variables := filepath.Join(t.TempDir(), "variables")
	require.NoError(t, os.WriteFile(variables, []byte("FROM_FILE="+token), 0o600))
	h := newHarness(t, plan{settings: live.Settings{
		SecretsReloaded: reported.add, EnvFile: variables, Environ: []string{"CREDENTIALS_DIRECTORY=" + folder},
	}})
	for rule, reference := range map[string]string{
		"kubernetes": "file:" + folder + "/token", "systemd": "credential:token", "variables": "env:FROM_FILE",
	} {
		h.write(strings.Replace(h.routing(rule), "env:TOKEN", reference, 1))
		h.serves(rule)
		known := len(reported.reloads())
		if rule == "variables" {
			require.NoError(t, os.WriteFile(variables, []byte("FROM_FILE="+rule+token), 0o600))
		} else {
			publish(rule, rule+token)
		}
		require.Eventually(t, func() bool { return len(reported.reloads()) > known }, time.Minute, time.Millisecond)
		require.Equal(t, reference, reported.reloads()[known].Changed[0].Reference)
	}
}

// A manager that does not watch its files reads them when it is asked to.
func TestFilesAreReloadedWhenAsked(t *testing.T) {
	t.Parallel()
	variables := filepath.Join(t.TempDir(), "variables")
	require.NoError(t, os.WriteFile(variables, []byte("TOKEN="+token), 0o600))
	h := newHarness(t, plan{unwatched: true, settings: live.Settings{EnvFile: variables}})
	before := h.manager.Fleet()
	require.NoError(t, h.manager.Reload(t.Context()))
	require.Same(t, before, h.manager.Fleet(), "nothing has changed")

	require.NoError(t, os.WriteFile(variables, []byte("TOKEN=a-new-"+token), 0o600))
	require.NoError(t, h.manager.Reload(t.Context()))
	require.NotSame(t, before.Accounts["paygram-eu"].Egress, h.manager.Fleet().Accounts["paygram-eu"].Egress)
	h.write(h.routing("second"))
	require.NoError(t, h.manager.Reload(t.Context()))
	require.Equal(t, "second", h.rule())

	h.write("providers: [")
	require.NoError(t, os.Remove(variables))
	var invalid *live.InvalidError
	require.ErrorAs(t, h.manager.Reload(t.Context()), &invalid)
	require.Equal(t, "second", h.rule())
	h.write(h.routing("third"))
	require.ErrorContains(t, h.manager.Reload(t.Context()), "the file of variables cannot be read",
		"the edit is active, and the secrets keep their values")
	require.Equal(t, "third", h.rule())
}
