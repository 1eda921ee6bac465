package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// failpointVariable arms a failpoint, for tests of crashes: "journalled:7:kill" ends the process, as kill -9 does, when
// the seventh payment reaches that moment; ":pause" reports it on the standard output and waits there, to be stopped
// from outside.
const failpointVariable = "ROUTER_FAILPOINT"

// failpointPause is how long a pause leaves for stopping the process.
const failpointPause = 200 * time.Millisecond

// failpoint is an armed moment. A nil one never strikes.
type failpoint struct {
	name   string
	left   atomic.Int64
	strike func()
}

// armFailpoint reads the environment; nil where nothing is armed.
func armFailpoint(environ []string, stdout io.Writer) (*failpoint, error) {
	setting := variable(environ, failpointVariable)
	if setting == "" {
		return nil, nil //nolint:nilnil // none is a setting
	}
	parts := strings.Split(setting, ":")
	if len(parts) != 3 {
		return nil, fmt.Errorf("%s=%s: want name:count:kill or name:count:pause", failpointVariable, setting)
	}
	count, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil || count < 1 {
		return nil, fmt.Errorf("%s=%s: count is a number from 1", failpointVariable, setting)
	}
	f := &failpoint{name: parts[0]}
	f.left.Store(count)
	switch parts[2] {
	case "kill":
		f.strike = killSelf
	case "pause":
		f.strike = func() {
			_, _ = fmt.Fprintf(stdout, "failpoint %s\n", f.name)
			<-time.NewTimer(failpointPause).C
		}
	default:
		return nil, fmt.Errorf("%s=%s: a failpoint can kill or pause", failpointVariable, setting)
	}
	return f, nil
}

// reach is called at a moment.
func (f *failpoint) reach(name string) {
	if f != nil && f.name == name && f.left.Add(-1) == 0 {
		f.strike()
	}
}

// killSelf ends the process with nothing deferred, flushed or answered.
func killSelf() {
	if self, err := os.FindProcess(os.Getpid()); err == nil {
		_ = self.Kill()
	}
	select {}
}
