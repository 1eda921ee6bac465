package live_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

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
