// Command run measures what slow connections cost those beside them, and prints its report.
package main

import (
	"context"
	"flag"
	"os"
	"time"

	"payrouter/test/report"
	"payrouter/test/slowclients"
)

func main() {
	var settings slowclients.Settings
	flag.StringVar(&settings.Binary, "binary", "build/router", "the router")
	flag.StringVar(&settings.Plugins, "plugins", "build/plugins", "folder of plugins' modules")
	flag.StringVar(&settings.Routing, "routing", "routing.yaml", "provider accounts and rules")
	flag.IntVar(&settings.Rate, "rate", 200, "payments begun in a second")
	flag.IntVar(&settings.Slow, "slow", 1000, "slow connections: a third each with header, body, reading")
	flag.IntVar(&settings.Rounds, "rounds", 5, "phases alone and beside the slow connections, in turn")
	flag.DurationVar(&settings.Phase, "phase", 20*time.Second, "length of a phase")
	flag.DurationVar(&settings.Limit, "limit", 5*time.Second, "the router's limit of each part of a request")
	report.Main("slowclients", func(ctx context.Context, dir string) (report.Result, error) {
		settings.Dir, settings.Progress = dir, os.Stderr
		return slowclients.Run(ctx, settings)
	})
}
