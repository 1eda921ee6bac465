// Package peer is the main function of a command into which one plugin is linked: it measures all ways to call that
// plugin, in turns, and hides how each is called.
package peer

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"payrouter/abi/conformance/check"
	"payrouter/abi/conformance/vector"
	"payrouter/abi/guest"
	"payrouter/host/wasm"
	"payrouter/test/figures"
)

// Main runs the command, and ends it with 1 after an error. It prints what it measured as JSON, a
// list of figures.Engine.
func Main(connector guest.Connector) {
	if len(os.Args) == 2 && os.Args[1] == serveArgument {
		serveRemote(connector)
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, connector)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

type settings struct {
	// module is the plugin as the router takes it, extism as Extism does.
	module, extism []byte
	vector         *vector.Vector
	neighbours     []neighbour
	// Each round plays the vector hot times in a row, and cold times after other work, for each engine.
	rounds, hot, cold int
}

// neighbour is another plugin's module with a vector of its own.
type neighbour struct {
	module []byte
	vector *vector.Vector
}

func read() (s settings, err error) {
	module := flag.String("module", "", "the plugin's module")
	extism := flag.String("extism", "", "its module for Extism")
	path := flag.String("vector", "", "the golden vector that is played")
	others := flag.String("neighbours", "", "other modules with a vector each: MODULE=VECTOR, separated by commas")
	flag.IntVar(&s.rounds, "rounds", 5, "rounds")
	flag.IntVar(&s.hot, "hot", 2000, "exchanges in a row, in each round")
	flag.IntVar(&s.cold, "cold", 100, "exchanges after other work, in each round")
	flag.Parse()
	var problems [3]error
	s.module, problems[0] = os.ReadFile(*module)
	s.extism, problems[1] = os.ReadFile(*extism)
	s.vector, problems[2] = vector.Read(*path)
	if err := errors.Join(problems[:]...); err != nil {
		return s, err
	}
	for pair := range strings.SplitSeq(*others, ",") {
		module, path, _ := strings.Cut(pair, "=")
		code, err := os.ReadFile(module)
		if err != nil {
			return s, err
		}
		v, err := vector.Read(path)
		if err != nil {
			return s, err
		}
		s.neighbours = append(s.neighbours, neighbour{code, v})
	}
	return s, nil
}

func run(ctx context.Context, connector guest.Connector) (err error) {
	s, err := read()
	if err != nil {
		return fmt.Errorf("read what is measured: %w", err)
	}
	var e engines
	defer func() { err = errors.Join(err, e.close()) }()
	if err := e.open(ctx, connector, s); err != nil {
		return err
	}
	evict, err := e.evictor(ctx, s.neighbours)
	if err != nil {
		return err
	}
	measured, err := measure(ctx, connector, e.all, s, evict)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(measured); err != nil {
		return fmt.Errorf("print the figures: %w", err)
	}
	return nil
}

// walked is the memory that is read between cold calls: more than a core's own caches hold.
const walked = 8 << 20

// evictor returns what pushes an engine's code and data out of a core's caches: other plugins' calls, and a walk over
// memory.
func (e *engines) evictor(ctx context.Context, neighbours []neighbour) (evict func() error, err error) {
	var plays []func() error
	for _, n := range neighbours {
		opened, err := e.sandbox(ctx, n.module, wasm.Options{}, check.Guest.Call)
		if err != nil {
			return nil, fmt.Errorf("a neighbour: %w", err)
		}
		e.closers = append(e.closers, opened.close)
		play, err := n.vector.Again(ctx, vector.NewSandboxed(opened))
		if err != nil {
			return nil, fmt.Errorf("a neighbour: %w", err)
		}
		plays = append(plays, play)
	}
	memory := make([]byte, walked)
	return func() error {
		for _, play := range plays {
			if err := play(); err != nil {
				return err
			}
		}
		const line = 64
		for i := 0; i < len(memory); i += line {
			memory[i]++
		}
		return nil
	}, nil
}

func measure(ctx context.Context, connector guest.Connector, all []engine, s settings, evict func() error) (
	[]figures.Engine, error,
) {
	plays, measured := make([]func() error, len(all)), make([]figures.Engine, len(all))
	for i, one := range all {
		measured[i].Name = one.name
		if wrong := s.vector.Golden(ctx, one.machine, connector.Describe()); len(wrong) > 0 {
			return nil, fmt.Errorf("%s: %s", one.name, strings.Join(wrong, "; "))
		}
		var err error
		if plays[i], err = s.vector.Again(ctx, one.machine); err != nil {
			return nil, fmt.Errorf("%s: %w", one.name, err)
		}
	}
	for range s.rounds {
		for i, play := range plays {
			median, err := hot(ctx, play, s.hot)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", all[i].name, err)
			}
			measured[i].Hot = append(measured[i].Hot, median)
		}
		medians, err := cold(ctx, plays, s.cold, evict)
		if err != nil {
			return nil, err
		}
		for i, median := range medians {
			measured[i].Cold = append(measured[i].Cold, median)
		}
	}
	return measured, nil
}

// hot is the median of exchanges in a row, in microseconds. Those that warm up do not count.
func hot(ctx context.Context, play func() error, times int) (float64, error) {
	took := make([]float64, 0, times)
	for i := range times + times/10 {
		one, err := timed(ctx, play)
		if err != nil {
			return 0, err
		}
		if i >= times/10 {
			took = append(took, one)
		}
	}
	return figures.Median(took), nil
}

// cold are the medians of exchanges each of which follows other work, in microseconds. The engines take turns, and
// each turn begins with another.
func cold(ctx context.Context, plays []func() error, times int, evict func() error) ([]float64, error) {
	took := make([][]float64, len(plays))
	for n := range times {
		for turn := range plays {
			i := (turn + n) % len(plays)
			if err := evict(); err != nil {
				return nil, err
			}
			one, err := timed(ctx, plays[i])
			if err != nil {
				return nil, err
			}
			took[i] = append(took[i], one)
		}
	}
	medians := make([]float64, 0, len(plays))
	for values := range slices.Values(took) {
		medians = append(medians, figures.Median(values))
	}
	return medians, nil
}

func timed(ctx context.Context, play func() error) (microseconds float64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	began := time.Now()
	err = play()
	return float64(time.Since(began)) / float64(time.Microsecond), err
}
