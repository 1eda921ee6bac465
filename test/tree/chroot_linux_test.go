package tree

import (
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// requireRunsInAnEmptyRoot runs /router with the folder as its root. Only root may do so.
func requireRunsInAnEmptyRoot(t *testing.T, folder string) {
	t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	command := exec.CommandContext(t.Context(), "/router", "version")
	command.Dir, command.Env = "/", []string{}
	command.SysProcAttr = &syscall.SysProcAttr{Chroot: folder}
	output, err := command.CombinedOutput()
	require.NoError(t, err, "%s", output)
}
