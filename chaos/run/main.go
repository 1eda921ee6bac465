// Command run makes one chaos run, and prints what it came to.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"payrouter/chaos"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
}

func run() error {
	var settings chaos.Settings
	var keep bool
	var without string
	flag.StringVar(&settings.Binary, "binary", "build/router", "the router")
	flag.StringVar(&settings.Plugins, "plugins", "build/plugins", "folder of plugins' modules")
	flag.IntVar(&settings.Payments, "payments", 20_000, "how many payments")
	flag.IntVar(&settings.Kills, "kills", 200, "how many times the router is killed")
	flag.Float64Var(&settings.Rate, "rate", 40, "payments begun in a second")
	flag.Uint64Var(&settings.Seed, "seed", 1, "fixes orders, payers, faults and kills")
	flag.DurationVar(&settings.SettleTimeout, "settle-timeout", 5*time.Minute,
		"how long payments may take to settle when every fault is over")
	flag.BoolVar(&settings.Nudge, "nudge", false,
		"have clients ask for what is not settled at the end, instead of leaving it to the router's own look-ups")
	flag.BoolVar(&keep, "keep", false, "keep the journal and the router's log of a run that went well, too")
	flag.StringVar(&without, "without", "",
		`faults to leave out, as in "clock,tail,late money,page,other_object,spelling"`)
	flag.Parse()
	if without != "" {
		settings.Without = strings.Split(without, ",")
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir, err := os.MkdirTemp("", "chaos-")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	fmt.Fprintln(os.Stderr, "journal and log:", dir)
	if settings.Binary, err = filepath.Abs(settings.Binary); err != nil {
		return fmt.Errorf("find the router: %w", err)
	}
	settings.Dir, settings.Progress = dir, os.Stderr
	report, err := chaos.Run(ctx, settings)
	if err != nil {
		return err
	}
	if err := errors.Join(report.Print(os.Stdout), report.Err()); err != nil {
		return err
	}
	if keep {
		return nil
	}
	return os.RemoveAll(dir)
}
