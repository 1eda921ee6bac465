// Command run makes one chaos run, and prints its report.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"payrouter/test/chaos"
	"payrouter/test/report"
)

func main() {
	var settings chaos.Settings
	var without string
	flag.StringVar(&settings.Binary, "binary", "build/router", "the router")
	flag.StringVar(&settings.Plugins, "plugins", "build/plugins", "folder of plugins' modules")
	flag.IntVar(&settings.Payments, "payments", 20_000, "how many payments")
	flag.IntVar(&settings.Kills, "kills", 200, "how many times the router is killed")
	flag.Float64Var(&settings.Rate, "rate", 40, "payments begun in a second")
	flag.Uint64Var(&settings.Seed, "seed", 1, "fixes orders, payers, faults and kills")
	// Longer than the longest pause between two look-ups of a payment that a clock ahead has made an hour older.
	flag.DurationVar(&settings.SettleTimeout, "settle-timeout", 20*time.Minute,
		"how long payments may take to settle when every fault is over")
	flag.BoolVar(&settings.Nudge, "nudge", false,
		"have clients ask for what is not settled at the end, instead of leaving it to the router's own look-ups")
	flag.StringVar(&without, "without", "",
		`faults to leave out, as in "clock,tail,late money,page,other_object,spelling"`)
	report.Main("chaos", func(ctx context.Context, dir string) (report.Result, error) {
		if without != "" {
			settings.Without = strings.Split(without, ",")
		}
		var err error
		if settings.Binary, err = filepath.Abs(settings.Binary); err != nil {
			return nil, fmt.Errorf("find the router: %w", err)
		}
		settings.Dir, settings.Progress = dir, os.Stderr
		return chaos.Run(ctx, settings)
	})
}
