// Command run makes one storm of swaps and edits over a router under load, and prints what it came to.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"payrouter/storm"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "storm:", err)
		os.Exit(1)
	}
}

func run() error {
	var settings storm.Settings
	var seconds, quiet int
	var keep bool
	flag.StringVar(&settings.Binary, "binary", "build/router", "the router")
	flag.StringVar(&settings.Plugins, "plugins", "build/plugins", "folder of plugins' modules")
	flag.StringVar(&settings.Source, "source", ".", "the project's folder")
	flag.IntVar(&settings.Swaps, "swaps", 100, "how many times the plugin is swapped in the storm")
	flag.IntVar(&settings.Edits, "edits", 100,
		"how many times the rules are edited in the storm; each third edit is broken")
	flag.Float64Var(&settings.Rate, "rate", 1000, "payments begun in a second")
	flag.IntVar(&seconds, "seconds", 60, "how long the storm takes")
	flag.IntVar(&quiet, "quiet", 20, "how many seconds are measured before it")
	flag.BoolVar(&keep, "keep", false, "keep the journal and the router's log of a run that went well, too")
	flag.Parse()
	settings.Storm, settings.Quiet, settings.Warm = time.Duration(seconds)*time.Second, time.Duration(
		quiet)*time.Second, 5*time.Second

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir, err := os.MkdirTemp("", "storm-")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	fmt.Fprintln(os.Stderr, "journal and log:", dir)
	for _, path := range []*string{&settings.Binary, &settings.Plugins, &settings.Source} {
		if *path, err = filepath.Abs(*path); err != nil {
			return fmt.Errorf("find %s: %w", *path, err)
		}
	}
	settings.Dir, settings.Progress = dir, os.Stderr
	report, err := storm.Run(ctx, settings)
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
