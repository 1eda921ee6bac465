// Command run measures what hostile plugins cost those beside them, and prints its report.
package main

import (
	"context"
	"flag"
	"os"
	"strings"
	"time"

	"payrouter/test/hostile"
	"payrouter/test/report"
)

func main() {
	var settings hostile.Settings
	var only string
	flag.StringVar(&settings.Binary, "binary", "build/router", "the router")
	flag.StringVar(&settings.Plugins, "plugins", "build/plugins", "folder of plugins' modules")
	flag.IntVar(&settings.Rate, "rate", 100, "honest payments begun in a second")
	flag.IntVar(&settings.Hostile, "hostile", 20, "payments, or callbacks, at the hostile plugin begun in a second")
	flag.IntVar(&settings.Rounds, "rounds", 3, "how often each shape is measured, alone and beside")
	flag.DurationVar(&settings.Phase, "phase", 10*time.Second, "length of a phase")
	flag.StringVar(&only, "only", "", "names of shapes, separated by commas; empty for all")
	report.Main("hostile", func(ctx context.Context, dir string) (report.Result, error) {
		settings.Dir, settings.Progress = dir, os.Stderr
		if only != "" {
			settings.Only = strings.Split(only, ",")
		}
		return hostile.Run(ctx, settings)
	})
}
