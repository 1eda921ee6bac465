package live_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/live"
	"payrouter/host/routing"
)

// An edit over the API is in the file and serves, or nothing has changed.
func TestPutWritesTheFileAndServes(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plan{})
	require.NoError(t, os.Chmod(h.file, 0o640))
	made, err := h.manager.Put(h.routing("second"), "ops", h.tag())
	require.NoError(t, err)
	require.Equal(t, "second", h.rule(), "at once")
	text, err := os.ReadFile(h.file)
	require.NoError(t, err)
	require.Equal(t, h.routing("second"), string(text))
	info, err := os.Stat(h.file)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o640), info.Mode(), "the file's mode is kept")
	status := h.manager.Status()
	require.Equal(t, made, status.Active)
	require.Equal(t, live.ByAPI, made.Source)
	require.Equal(t, "ops", made.By)
	require.Len(t, status.History, 2)
	left, err := os.ReadDir(h.dir)
	require.NoError(t, err)
	require.Len(t, left, 2, "the file and the history: nothing is left of writing")
}

func TestPutOfAMistakeChangesNothing(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plan{})
	before := h.manager.Status()
	_, err := h.manager.Put(strings.Replace(h.routing("second"), "settings:", "setings:", 1), "ops", h.tag())
	var invalid *live.InvalidError
	require.ErrorAs(t, err, &invalid)
	require.Equal(t, routing.Position{File: h.file, Line: 7, Column: 5}, invalid.Problems[0].At)
	after := h.manager.Status()
	require.Equal(t, before.Active, after.Active)
	require.Nil(t, after.Pending, "the file is in order")
	text, err := os.ReadFile(h.file)
	require.NoError(t, err)
	require.Equal(t, h.routing("first"), string(text))
}

// Nobody's edit is lost: not one over the API, not one of a comment, not one of the file that is not taken yet.
func TestPutOfWhatWasEditedMeanwhileIsRefused(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plan{unwatched: true})
	first := h.tag()
	_, err := h.manager.Put(h.routing("first")+"# a comment\n", "ann", first)
	require.NoError(t, err)
	_, err = h.manager.Put(h.routing("second"), "bob", first)
	require.ErrorIs(t, err, live.ErrChanged)
	require.Len(t, h.manager.Status().History, 2)
	require.Equal(t, h.manager.Status().History[0].Version, h.manager.Status().History[1].Version, "they mean the same")

	h.write(h.routing("third"))
	_, err = h.manager.Put(h.routing("second"), "bob", h.tag())
	require.ErrorIs(t, err, live.ErrChanged)
	text, err := os.ReadFile(h.file)
	require.NoError(t, err)
	require.Equal(t, h.routing("third"), string(text))
	_, err = h.manager.Put(h.routing("second"), "bob", live.Match{Any: true})
	require.NoError(t, err)
	require.Equal(t, "second", h.rule())
}

// A link stays a link, and its target is written; behind a ConfigMap's, nothing is.
func TestPutWritesThroughALink(t *testing.T) {
	t.Parallel()
	target := filepath.Join(t.TempDir(), "target.yaml")
	h := newHarness(t, plan{link: func(t *testing.T, dir, text string) string {
		t.Helper()
		require.NoError(t, os.WriteFile(target, []byte(text), 0o600))
		require.NoError(t, os.Symlink(target, filepath.Join(dir, "routing.yaml")))
		return filepath.Join(dir, "routing.yaml")
	}})
	_, err := h.manager.Put(h.routing("second"), "ops", h.tag())
	require.NoError(t, err)
	at, err := os.Readlink(h.file)
	require.NoError(t, err)
	require.Equal(t, target, at)
	text, err := os.ReadFile(target)
	require.NoError(t, err)
	require.Equal(t, h.routing("second"), string(text))

	mounted := newHarness(t, plan{link: func(t *testing.T, dir, text string) string {
		t.Helper()
		return configMap(t, dir, "1", text)
	}})
	_, err = mounted.manager.Put(mounted.routing("second"), "ops", mounted.tag())
	require.ErrorIs(t, err, live.ErrNotWritable)
	require.ErrorContains(t, err, "ConfigMap")
	require.Equal(t, "first", mounted.rule())
	require.Equal(t, 1, mounted.manager.Status().Fleets)
}

func TestPutIntoAFolderThatTakesNoFilesIsRefused(t *testing.T) {
	t.Parallel()
	if os.Geteuid() == 0 {
		t.Skip("root writes everywhere")
	}
	h := newHarness(t, plan{})
	require.NoError(t, os.Chmod(h.dir, 0o500))
	t.Cleanup(func() { _ = os.Chmod(h.dir, 0o700) })
	_, err := h.manager.Put(h.routing("second"), "ops", h.tag())
	require.ErrorIs(t, err, live.ErrNotWritable)
	require.Equal(t, "first", h.rule())
}

// What served can be gone back to, after a restart too.
func TestRollbackOutlivesARestart(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plan{unwatched: true, settings: live.Settings{Remember: 3}})
	var versions []string
	for _, rule := range []string{"second", "third", "fourth"} {
		versions = append(versions, h.manager.Status().Active.Version)
		_, err := h.manager.Put(h.routing(rule), "ops", h.tag())
		require.NoError(t, err)
	}
	require.NoError(t, os.WriteFile(filepath.Join(h.dir, "history", "0000000003.json"), []byte("{spoilt"), 0o600))
	again := newHarness(t, plan{beside: h, settings: live.Settings{Remember: 3}})
	require.Equal(t, "fourth", again.rule())
	require.Equal(t, h.manager.Status().Active, again.manager.Status().Active, "a restart is no edit")

	_, err := again.manager.Rollback(versions[0], "ops", again.tag())
	require.ErrorIs(t, err, live.ErrUnknownVersion, "three are remembered")
	_, err = again.manager.Rollback(versions[2], "ops", again.tag())
	require.ErrorIs(t, err, live.ErrUnknownVersion, "its file cannot be read, and is passed over")
	_, err = again.manager.Rollback(versions[1], "ops", live.Match{Tags: []string{"of another"}})
	require.ErrorIs(t, err, live.ErrChanged)
	back, err := again.manager.Rollback(versions[1], "ops", again.tag())
	require.NoError(t, err)
	require.Equal(t, versions[1], back.Version)
	require.Equal(t, live.ByRollback, back.Source)
	require.Equal(t, "second", again.rule())
	text, err := os.ReadFile(h.file)
	require.NoError(t, err)
	require.Equal(t, h.routing("second"), string(text))
	kept, err := os.ReadDir(filepath.Join(h.dir, "history"))
	require.NoError(t, err)
	require.Len(t, kept, 3)
}

// A mistake that waits in the file must not keep a router from starting again that ran without it. One that never ran
// does not start.
func TestARestartGoesOnWithWhatServed(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plan{unwatched: true})
	h.write("rules: [")
	again := newHarness(t, plan{beside: h})
	require.Equal(t, "first", again.rule())
	again.pending("this is not YAML")
	again.write(h.routing("second"))
	again.serves("second")

	_, err := try(t, plan{text: "rules: ["})
	var invalid *live.InvalidError
	require.ErrorAs(t, err, &invalid)
}

func TestCheckSaysWhatWouldComeOfIt(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plan{})
	checked, err := h.manager.Check(h.routing("second"))
	require.NoError(t, err)
	require.Equal(t, 1, checked.Providers)
	require.Equal(t, 1, checked.Rules)
	require.NotEqual(t, h.manager.Status().Active.Version, checked.Version)
	require.Equal(t, "first", h.rule())
	_, err = h.manager.Check(h.routing("Second"))
	require.Error(t, err)
	require.Equal(t, 1, h.manager.Status().Fleets)
}

// A breaker, its connections and its budget belong to an account under its settings: an edit of anything else leaves
// them.
func TestConnectionsOutliveAnEditThatIsNotTheirs(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plan{unwatched: true})
	line := h.manager.Fleet().Accounts["paygram-eu"].Egress
	put := func(text string) {
		t.Helper()
		_, err := h.manager.Put(text, "ops", h.tag())
		require.NoError(t, err)
	}
	put(h.routing("second"))
	require.Same(t, line, h.manager.Fleet().Accounts["paygram-eu"].Egress, "an edit of the rules")
	put(strings.Replace(h.routing("second"), "user_cli_id: shop", "user_cli_id: other", 1))
	require.Same(t, line, h.manager.Fleet().Accounts["paygram-eu"].Egress, "an edit of settings that the plugin reads")
	require.NoError(t, h.manager.Adopt(t.Context(), registryOf(t, "paygram").ActiveSet()))
	require.Same(t, line, h.manager.Fleet().Accounts["paygram-eu"].Egress, "a swap of the plugin")
	for _, change := range []string{
		"    timeout: 3s\n", "    breaker: {failures: 1}\n", "    retry: {tries: 1}\n",
		"    limits: {connections: 2}\n",
	} {
		before := h.manager.Fleet().Accounts["paygram-eu"].Egress
		put(strings.Replace(h.routing("second"), "    settings:", change+"    settings:", 1))
		require.NotSame(t, before, h.manager.Fleet().Accounts["paygram-eu"].Egress, change)
		require.Equal(t, 1, h.manager.Status().Clients, "the one before is closed")
	}
}

// Plugins that the configuration does not fit are refused; those that an edit waits for bring it into effect.
func TestPluginsAndTheFileChangeTogether(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plan{})
	err := h.manager.Adopt(t.Context(), registryOf(t, "cryptogram").ActiveSet())
	require.ErrorContains(t, err, `there is no plugin "paygram"`)
	require.Equal(t, "first", h.rule())

	h.write(h.routing("second", `  cryptogram:
    plugin: cryptogram
    secrets: {token: env:TOKEN}
    settings: {wallets: [btc], title: Shop, redirect: "https://shop.example"}
`))
	h.pending(`there is no plugin "cryptogram"`)
	require.NoError(t, h.manager.Adopt(t.Context(), registryOf(t, "paygram", "cryptogram").ActiveSet()))
	require.Equal(t, "second", h.rule())
	require.Nil(t, h.manager.Status().Pending)
	require.Equal(t, 1, h.manager.Status().Fleets)
}

// 500 edits, a third of them mistakes, leave nothing behind.
func TestEditsLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plan{settings: live.Settings{Remember: 5}})
	before := runtime.NumGoroutine()
	for i := range 500 {
		text := strings.Replace(h.routing("rule-"+strconv.Itoa(i)), "    settings:",
			"    timeout: "+strconv.Itoa(i+1)+"s\n    settings:", 1)
		if i%3 == 0 {
			text = strings.Replace(text, "paygram-eu]", "paygram-us]", 1)
		}
		_, err := h.manager.Put(text, "ops", live.Match{Any: true})
		require.Equal(t, i%3 == 0, err != nil, "%v", err)
	}
	status := h.manager.Status()
	require.Equal(t, 1, status.Fleets)
	require.Equal(t, 1, status.Clients)
	require.Len(t, status.History, 5)
	generations, _ := h.registry.Open()
	require.Equal(t, 1, generations)
	require.Eventually(t, func() bool { return runtime.NumGoroutine() <= before+20 }, time.Minute, 10*time.Millisecond,
		"others' tests run beside")
}
