package storm

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// router is the router's process. One goroutine starts and ends it.
type router struct {
	address string
	command *exec.Cmd
	log     *os.File
	ended   chan struct{}
}

// readyWithin is how long a start may take, on a machine that does much else.
const readyWithin = 2 * time.Minute

// startRouter starts a router and waits until it takes payments. Its log goes to dir.
func startRouter(ctx context.Context, binary, dir string, environment []string, arguments ...string) (*router, error) {
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, "router.log"))
	if err != nil {
		return nil, fmt.Errorf("open the router's log: %w", err)
	}
	r := &router{address: address, log: log, ended: make(chan struct{})}
	//nolint:noctx // it is stopped, not canceled
	r.command = exec.Command(binary,
		append([]string{"serve", "--listen", address, "--data", filepath.Join(dir, "data")}, arguments...)...)
	r.command.Env, r.command.Stderr = environment, log
	if err := r.command.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start the router: %w", err), log.Close())
	}
	go func() {
		defer close(r.ended)
		_ = r.command.Wait()
	}()
	if err := r.ready(ctx); err != nil {
		return nil, errors.Join(err, r.stop())
	}
	return r, nil
}

func freeAddress(ctx context.Context) (string, error) {
	free, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a port: %w", err)
	}
	address := free.Addr().String()
	if err := free.Close(); err != nil {
		return "", fmt.Errorf("find a port: %w", err)
	}
	return address, nil
}

func (r *router) url() string { return "http://" + r.address }

func (r *router) ready(ctx context.Context) error {
	within, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	for {
		request, err := http.NewRequestWithContext(within, http.MethodGet, r.url()+"/readyz", nil)
		if err != nil {
			return fmt.Errorf("ask whether the router is ready: %w", err)
		}
		answer, err := http.DefaultClient.Do(request)
		if err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-r.ended:
			return fmt.Errorf("the router ended at its start: see %s", r.log.Name())
		case <-within.Done():
			return fmt.Errorf("the router is not ready after %s: see %s", readyWithin, r.log.Name())
		case <-time.NewTimer(20 * time.Millisecond).C:
		}
	}
}

// stop asks the router to end, and waits for it. More calls change nothing.
func (r *router) stop() error {
	_ = r.command.Process.Signal(syscall.SIGTERM)
	<-r.ended
	if err := r.log.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return fmt.Errorf("close the router's log: %w", err)
	}
	return nil
}

// usage is what a process has used. Where the system does not tell, it is zero.
type usage struct {
	cpu time.Duration
	// resident is in bytes.
	resident int64
}

func (r *router) usage() usage {
	return usage{cpu: cpuOf(r.command.Process.Pid), resident: residentOf(r.command.Process.Pid)}
}

// cpuOf reads user and system time from /proc/PID/stat, in hundredths of a second: fields 14 and 15, counted behind the
// name, which may hold blanks.
func cpuOf(pid int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	const tick = 10 * time.Millisecond
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * tick
}

func residentOf(pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize())
}
