package chaos

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"payrouter/host/atomicfile"
	"payrouter/test/process"
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
	// witness: the router keeps one; without, it cannot notice that its journal is older than it was.
	witness bool
	// rewound: an older journal was put back, and is to be held. A start by the crasher's own goroutine reads it.
	rewound bool

	mutex sync.Mutex // guards now
	now   *life
}

// life is one process of the router.
type life struct {
	*process.Process
	// armed is the moment at which it may end.
	armed string
	// paused gets a failpoint's name when the router waits there.
	paused chan string
}

func newRouter(ctx context.Context, settings Settings, rules string, environment []string) (*router, error) {
	listen, err := process.FreeAddress(ctx)
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(settings.Dir, "router.log"))
	if err != nil {
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
	if err := atomicfile.Write(r.clockFile(), []byte(by.String()), 0o600); err != nil {
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

// startArmed is start, and reports whether the router died.
func (r *router) startArmed(ctx context.Context, at, failpoint string) (died bool, err error) {
	arguments := []string{
		"serve", "--listen", r.listen, "--routing", r.rules, "--plugins", r.settings.Plugins, "--data", r.data(),
		"--wait-timeout", "3s", "--recover-every", "1s", "--grace", "5s", "--send-within", sendWithin.String(),
		"--public-url", r.public, "--webhooks-to-private", "--reconcile-every", "200ms", "--lookups-per-second", "200",
		"--callback-lookups-per-second", "200",
	}
	if r.witness {
		arguments = append(arguments, "--witness", filepath.Join(r.settings.Dir, "witness"))
	}
	environment := slices.Clone(r.environment)
	if failpoint != "" {
		environment = append(environment, "ROUTER_FAILPOINT="+failpoint)
	}
	paused := make(chan string, 1)
	started, err := process.Start(process.Settings{
		Binary: r.settings.Binary, Arguments: arguments, Environment: environment, Log: r.log,
		// An interrupt from the terminal ends the harness. It must not drain the router meanwhile: an audit of a router
		// that is gone proves nothing.
		Detached: true,
		Line: func(line string) {
			if name, found := strings.CutPrefix(line, "failpoint "); found {
				select {
				case paused <- name:
				default:
				}
			}
		},
	})
	if err != nil {
		return false, err
	}
	r.mutex.Lock()
	r.now = &life{Process: started, armed: at, paused: paused}
	r.mutex.Unlock()
	err = started.Ready(ctx, r.url(), func(body []byte) error {
		if !r.rewound && bytes.Contains(body, []byte(`"status":"held"`)) {
			return fmt.Errorf("a kill has led to a held journal: %s", body)
		}
		return nil
	})
	if errors.Is(err, process.ErrEnded) {
		return true, nil
	}
	return false, err
}

// life is the process that runs now.
func (r *router) life() *life {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.now
}

// kill ends the router between any two instructions, and waits for its end.
func (r *router) kill() {
	if life := r.life(); life != nil {
		life.Kill()
	}
}
