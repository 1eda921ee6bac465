// Package process runs a router as a process of its own, and starts, pauses and ends it.
package process

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
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

// Settings of a process.
type Settings struct {
	Binary      string
	Arguments   []string
	Environment []string
	// Log gets the standard error.
	Log *os.File
	// Line gets the standard output, line by line, in a goroutine of its own. Nil drops it.
	Line func(string)
	// Detached gives it a process group of its own, so that an interrupt from the terminal does not reach it.
	Detached bool
}

// Process is one life of a router. It is safe for concurrent use.
type Process struct {
	command *exec.Cmd
	log     string
	ended   chan struct{}
}

// Start starts a router. The caller ends it with Kill or Terminate: no context does.
func Start(s Settings) (*Process, error) {
	p := &Process{
		//nolint:noctx // it is killed, not canceled
		command: exec.Command(s.Binary, s.Arguments...),
		log:     s.Log.Name(), ended: make(chan struct{}),
	}
	p.command.Env, p.command.Stderr = s.Environment, s.Log
	p.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: s.Detached}
	var output io.ReadCloser
	if s.Line != nil {
		var err error
		if output, err = p.command.StdoutPipe(); err != nil {
			return nil, fmt.Errorf("start the router: %w", err)
		}
	}
	if err := p.command.Start(); err != nil {
		return nil, fmt.Errorf("start the router: %w", err)
	}
	go p.watch(output, s.Line)
	return p, nil
}

func (p *Process) watch(output io.Reader, line func(string)) {
	defer close(p.ended)
	if line != nil {
		for lines := bufio.NewScanner(output); lines.Scan(); {
			line(lines.Text())
		}
	}
	_ = p.command.Wait()
}

// Serve starts a router on a free loopback address, with its log in a folder, and waits until it takes payments.
// Arguments follow "serve" and its address.
func Serve(ctx context.Context, binary, dir string, environment []string, arguments ...string) (
	router *Process, address string, err error,
) {
	if address, err = FreeAddress(ctx); err != nil {
		return nil, "", err
	}
	log, err := os.Create(filepath.Join(dir, "router.log"))
	if err != nil {
		return nil, "", fmt.Errorf("open the router's log: %w", err)
	}
	defer log.Close() //nolint:errcheck // the process has a descriptor of its own
	router, err = Start(Settings{
		Binary: binary, Environment: environment, Log: log, Detached: true,
		Arguments: append([]string{"serve", "--listen", address}, arguments...),
	})
	if err != nil {
		return nil, "", err
	}
	if err := router.Ready(ctx, "http://"+address, nil); err != nil {
		router.Terminate()
		return nil, "", err
	}
	return router, address, nil
}

// Ended is closed once the process has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Kill ends the process between any two instructions, and waits for its end.
func (p *Process) Kill() { p.signal(syscall.SIGKILL) }

// Terminate has the router shut down, and waits for its end.
func (p *Process) Terminate() { p.signal(syscall.SIGTERM) }

func (p *Process) signal(signal os.Signal) {
	_ = p.command.Process.Signal(signal)
	<-p.ended
}

// Pause stops the process for a while or until ctx ends, as an overloaded or migrating machine does.
func (p *Process) Pause(ctx context.Context, d time.Duration) {
	_ = p.command.Process.Signal(syscall.SIGSTOP)
	Wait(ctx, d)
	_ = p.command.Process.Signal(syscall.SIGCONT)
}

// Wait waits for a while; it returns false if ctx ended before.
func Wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// ErrEnded is Ready's error for a process that has ended.
var ErrEnded = errors.New("the router has ended")

// readyWithin is how long a start may take, on a machine that does much else.
const readyWithin = 2 * time.Minute

// Ready waits until the router at the URL takes payments. check sees every answer until then, and ends the wait with an
// error; nil accepts every answer. A router that does not get ready is killed, with its goroutines in the log.
func (p *Process) Ready(ctx context.Context, url string, check func(body []byte) error) error {
	within, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	for {
		ready, err := readiness(within, url, check)
		if ready || err != nil {
			return err
		}
		select {
		case <-p.ended:
			return fmt.Errorf("%w: see %s", ErrEnded, p.log)
		case <-within.Done():
			p.signal(syscall.SIGQUIT)
			return fmt.Errorf("the router is not ready after %s: see %s", readyWithin, p.log)
		case <-time.NewTimer(10 * time.Millisecond).C:
		}
	}
}

func readiness(ctx context.Context, url string, check func(body []byte) error) (ready bool, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/readyz", nil)
	if err != nil {
		return false, fmt.Errorf("ask whether the router is ready: %w", err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return false, nil //nolint:nilerr // it does not listen yet
	}
	const longest = 4096
	text, _ := io.ReadAll(io.LimitReader(answer.Body, longest))
	_ = answer.Body.Close()
	if check != nil {
		if err := check(text); err != nil {
			return false, err
		}
	}
	return answer.StatusCode == http.StatusOK, nil
}

// FreeAddress returns a loopback address on which nothing listens.
func FreeAddress(ctx context.Context) (string, error) {
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

// Usage is what a process has used. It is zero on systems without /proc.
type Usage struct {
	CPU time.Duration
	// Resident is in bytes.
	Resident int64
	// Files is how many are open, sockets among them.
	Files int
}

// Usage reads what the process has used so far.
func (p *Process) Usage() Usage {
	pid := p.command.Process.Pid
	return Usage{CPU: cpuOf(pid), Resident: residentOf(pid), Files: filesOf(pid)}
}

func filesOf(pid int) int {
	files, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid)) // none without /proc
	return len(files)
}

// cpuOf reads user and system time from /proc/PID/stat, in hundredths of a second: fields 14 and 15, counted behind the
// name, which may contain blanks.
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
