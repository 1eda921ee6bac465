// Command run measures the router beside what a user would run instead, plugin calls beside other ways to make them,
// and a large journal beside an empty one. It keeps the raw results, and writes the tables of docs/performance.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"payrouter/test/bench/calls"
	"payrouter/test/bench/journal"
	"payrouter/test/bench/payments"
	"payrouter/test/figures"
	"payrouter/test/report"
)

func main() {
	if len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-") {
		if err := serve(os.Args[1], os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	var s settings
	s.define()
	report.Main("bench", s.run)
}

// serve is the provider, or the forwarder to the URL of a provider, until it is ended.
func serve(name string, arguments []string) error {
	var handler http.Handler
	switch {
	case name == "provider" && len(arguments) == 0:
		handler = payments.Provider()
	case name == "forwarder" && len(arguments) == 1:
		handler = payments.Forwarder(arguments[0])
	default:
		return fmt.Errorf("there is no %s with %d arguments", name, len(arguments))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return payments.Listen(ctx, handler, func(address string) { fmt.Println(address) })
}

type settings struct {
	root, router, plugins, results, page, only string
	keep, rounds                               int
	phase                                      time.Duration
	hot, cold                                  int
	journal, creates, fetches, lists           int
}

func (s *settings) define() {
	flag.StringVar(&s.root, "root", "../..", "the repository")
	flag.StringVar(&s.router, "router", "../../build/router", "the router")
	flag.StringVar(&s.plugins, "plugins", "../../build/plugins", "folder of plugins' modules")
	flag.StringVar(&s.results, "results", "results", "folder of raw results")
	flag.StringVar(&s.page, "page", "../../docs/performance.md", "the page whose tables are written")
	flag.StringVar(&s.only, "only", "payments,calls,journal", "parts that are measured")
	flag.IntVar(&s.keep, "results-kept", 10, "raw results that are kept; those of a table always are")
	flag.IntVar(&s.rounds, "rounds", 5, "rounds of each part")
	flag.DurationVar(&s.phase, "phase", 4*time.Second, "how long the router and the forwarder are measured in a round")
	flag.IntVar(&s.hot, "hot", 2000, "exchanges in a row with a plugin, in a round")
	flag.IntVar(&s.cold, "cold", 100, "exchanges with a plugin after other work, in a round")
	flag.IntVar(&s.journal, "journal", 20_000, "payments in the large journal")
	flag.IntVar(&s.creates, "creates", 200, "payments created beside an empty and a large journal, in a round")
	flag.IntVar(&s.fetches, "fetches", 1000, "payments fetched from them, in a round")
	flag.IntVar(&s.lists, "lists", 100, "how often each list is asked for")
}

func (s *settings) parts() ([]string, error) {
	parts := strings.Split(s.only, ",")
	for _, part := range parts {
		if !slices.Contains([]string{"payments", "calls", "journal"}, part) {
			return nil, fmt.Errorf("-only: there is no part %q", part)
		}
	}
	return parts, nil
}

// run makes a run, keeps its results, and writes the page.
func (s *settings) run(ctx context.Context, dir string) (report.Result, error) {
	if s.rounds < 1 || s.hot < 1 || s.cold < 1 || s.journal < 1 || s.creates < 1 || s.fetches < 1 || s.lists < 1 ||
		s.phase <= 0 || s.keep < 1 {
		return nil, errors.New("every number and length has to be above 0")
	}
	parts, err := s.parts()
	if err != nil {
		return nil, err
	}
	for _, path := range []*string{&s.root, &s.router, &s.plugins} {
		if *path, err = filepath.Abs(*path); err == nil {
			_, err = os.Stat(*path)
		}
		if err != nil {
			return nil, fmt.Errorf("find what is measured: %w", err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this command: %w", err)
	}
	result := outcome{Run: figures.Run{At: time.Now().UTC().Truncate(time.Second), Machine: machine()}}
	if result.Version, err = version(ctx, s.root); err != nil {
		return nil, err
	}
	systems := payments.Systems{Router: s.router, Plugins: s.plugins, Self: self, Dir: dir}
	for _, part := range parts {
		if err := s.measure(ctx, part, systems, &result.Run); err != nil {
			return nil, fmt.Errorf("measure %s: %w", part, err)
		}
	}
	if result.path, err = result.Write(s.results); err != nil {
		return nil, err
	}
	return result, errors.Join(figures.Prune(s.results, s.keep), figures.UpdateFile(s.page, s.results))
}

func (s *settings) measure(ctx context.Context, part string, systems payments.Systems, run *figures.Run) (err error) {
	const longest = 5 * time.Second // for one list
	switch part {
	case "payments":
		run.Payments, err = payments.Run(ctx, payments.Settings{
			Systems: systems, Rounds: s.rounds, Callers: []int{64, 1}, Phase: s.phase, Progress: os.Stderr,
		})
	case "calls":
		run.Calls, err = calls.Run(ctx, calls.Settings{
			Root: s.root, Dir: systems.Dir, Plugins: s.plugins, Rounds: s.rounds, Hot: s.hot, Cold: s.cold,
			Progress: os.Stderr,
		})
	case "journal":
		run.Journal, err = journal.Run(ctx, journal.Settings{
			Systems: systems, Payments: s.journal, Rounds: s.rounds, Creates: s.creates, Fetches: s.fetches,
			Lists: s.lists, Longest: longest, Progress: os.Stderr,
		})
	}
	return err
}

// outcome is a run as report.Main prints it.
type outcome struct {
	figures.Run
	path string
}

// Print implements report.Result.
func (o outcome) Print(w io.Writer) error {
	for _, line := range append(o.Tables(), "raw results: "+o.path) {
		if _, err := fmt.Fprintln(w, line); err != nil {
			return fmt.Errorf("print the figures: %w", err)
		}
	}
	return nil
}

// Err implements report.Result: a goal that is not met is a figure, and no failure of the run.
func (outcome) Err() error { return nil }

func version(ctx context.Context, root string) (string, error) {
	text, err := exec.CommandContext(ctx, "git", "-C", root, "describe", "--tags", "--always", "--dirty").Output()
	if err != nil {
		return "", fmt.Errorf("find the version of the sources: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

// machine is this machine, as far as /proc describes it.
func machine() figures.Machine {
	m := figures.Machine{CPU: runtime.GOARCH, Cores: runtime.NumCPU(), Go: runtime.Version()}
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if name, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(name) == "model name" {
			m.CPU = strings.TrimSpace(value)
			break
		}
	}
	text, _ = os.ReadFile("/proc/loadavg")
	_, _ = fmt.Sscan(string(text), &m.Load)
	return m
}
