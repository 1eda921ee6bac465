package chaos

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// router is the router's process, started again and again on one journal. Only one goroutine may start and end it; url
// may be called by all.
type router struct {
	settings Settings
	listen   string
	// public is where the world reaches it.
	public      string
	rules       string
	environment []string
	log         *os.File
	// witness says that the router keeps one; without, it cannot notice that its journal is older than it was.
	witness bool
	// rewound: an older journal was put back, and is to be held. A start by the crasher's own goroutine reads it.
	rewound bool

	mutex   sync.Mutex // guards process
	process *process
}

// process is one life of the router.
type process struct {
	command *exec.Cmd
	ended   chan struct{}
	// armed is the moment at which it may end.
	armed string
	// paused gets a failpoint's name when the router waits there.
	paused chan string
}

// readyWithin is how long a start may take, on a machine that does much else.
const readyWithin = 2 * time.Minute

func newRouter(ctx context.Context, settings Settings, rules string, environment []string) (*router, error) {
	free, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("find a port: %w", err)
	}
	listen := free.Addr().String()
	log, err := os.Create(filepath.Join(settings.Dir, "router.log"))
	if err = errors.Join(err, free.Close()); err != nil {
		return nil, fmt.Errorf("open the router's log: %w", err)
	}
	r := &router{settings: settings, listen: listen, rules: rules, environment: environment, log: log}
	if help, err := exec.CommandContext(ctx, settings.Binary, "serve", "--help").Output(); err == nil {
		r.witness = strings.Contains(string(help), "--witness")
	}
	r.environment = append(r.environment, "ROUTER_CLOCK_OFFSET_FILE="+r.clockFile())
	return r, r.setClock(0)
}

func (r *router) data() string { return filepath.Join(r.settings.Dir, "data") }

func (r *router) clockFile() string { return filepath.Join(r.settings.Dir, "clock") }

// setClock has the router's wall clock be wrong by so much, from now on. The file is replaced whole: the router reads
// it at any moment.
func (r *router) setClock(by time.Duration) error {
	next := r.clockFile() + ".next"
	err := os.WriteFile(next, []byte(by.String()), 0o600)
	if err == nil {
		err = os.Rename(next, r.clockFile())
	}
	if err != nil {
		return fmt.Errorf("set the router's clock: %w", err)
	}
	return nil
}

func (r *router) url() string { return "http://" + r.listen }

// start starts the router, and waits until it is ready, or has died at the failpoint that it was given. The failpoint
// may be empty; at is the moment that it is for.
func (r *router) start(ctx context.Context, at, failpoint string) error {
	died, err := r.startArmed(ctx, at, failpoint)
	if err == nil && died && failpoint == "" {
		return fmt.Errorf("the router ended at its start: see %s", r.log.Name())
	}
	return err
}

// startArmed is start that tells whether the router died.
func (r *router) startArmed(ctx context.Context, at, failpoint string) (died bool, err error) {
	//nolint:noctx // it is killed, not canceled
	command := exec.Command(r.settings.Binary, "serve", "--listen", r.listen, "--routing", r.rules, "--plugins",
		r.settings.Plugins,
		"--data", r.data(), "--wait-timeout", "3s", "--recover-every", "1s", "--grace", "5s", "--send-within",
		sendWithin.String(),
		"--public-url", r.public, "--webhooks-to-private", "--reconcile-every", "200ms", "--lookups-per-second", "200",
		"--callback-lookups-per-second", "200")
	if r.witness {
		command.Args = append(command.Args, "--witness", filepath.Join(r.settings.Dir, "witness"))
	}
	// What ends the harness from the terminal is not to drain the router under its hands: an audit of a router that is
	// gone says nothing.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Env = slices.Clone(r.environment)
	if failpoint != "" {
		command.Env = append(command.Env, "ROUTER_FAILPOINT="+failpoint)
	}
	command.Stderr = r.log
	out, err := command.StdoutPipe()
	if err != nil {
		return false, fmt.Errorf("start the router: %w", err)
	}
	if err := command.Start(); err != nil {
		return false, fmt.Errorf("start the router: %w", err)
	}
	life := &process{command: command, ended: make(chan struct{}), armed: at, paused: make(chan string, 1)}
	go life.watch(out)
	r.mutex.Lock()
	r.process = life
	r.mutex.Unlock()
	return r.ready(ctx, life)
}

// watch reads what a life says, to its end.
func (p *process) watch(out io.Reader) {
	defer close(p.ended)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if name, found := strings.CutPrefix(lines.Text(), "failpoint "); found {
			select {
			case p.paused <- name:
			default:
			}
		}
	}
	_ = p.command.Wait()
}

// ready waits until the router answers, or has ended.
func (r *router) ready(ctx context.Context, life *process) (died bool, err error) {
	within, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	for {
		request, err := http.NewRequestWithContext(within, http.MethodGet, r.url()+"/readyz", nil)
		if err != nil {
			return false, fmt.Errorf("ask whether the router is ready: %w", err)
		}
		answer, err := http.DefaultClient.Do(request)
		if err == nil {
			const longest = 4096
			text, _ := io.ReadAll(io.LimitReader(answer.Body, longest))
			_ = answer.Body.Close()
			if !r.rewound && bytes.Contains(text, []byte(`"status":"held"`)) {
				return false, fmt.Errorf("a kill has led to a held journal: %s", text)
			}
			if answer.StatusCode == http.StatusOK {
				return false, nil
			}
		}
		select {
		case <-life.ended:
			return true, nil
		case <-within.Done():
			_ = life.command.Process.Signal(syscall.SIGQUIT) // its goroutines go to the log
			<-life.ended
			return false, fmt.Errorf("the router is not ready after %s: see %s", readyWithin, r.log.Name())
		case <-time.NewTimer(10 * time.Millisecond).C:
		}
	}
}

// life is the one that runs now.
func (r *router) life() *process {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.process
}

// kill ends the router at whatever instruction it is, and waits for its end.
func (r *router) kill() {
	if life := r.life(); life != nil {
		_ = life.command.Process.Kill()
		<-life.ended
	}
}

// terminate asks the router to end, and waits for it.
func (r *router) terminate() {
	life := r.life()
	_ = life.command.Process.Signal(syscall.SIGTERM)
	<-life.ended
}

// hold stops the router for a while, as an overloaded or migrating machine does.
func (r *router) hold(ctx context.Context, d time.Duration) {
	life := r.life()
	_ = life.command.Process.Signal(syscall.SIGSTOP)
	pause(ctx, d)
	_ = life.command.Process.Signal(syscall.SIGCONT)
}
