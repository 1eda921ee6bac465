// Command run makes one storm of swaps and edits over a router under load, and prints its report.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"payrouter/test/report"
	"payrouter/test/storm"
)

func main() {
	var settings storm.Settings
	var seconds, quiet int
	flag.StringVar(&settings.Binary, "binary", "build/router", "the router")
	flag.StringVar(&settings.Plugins, "plugins", "build/plugins", "folder of plugins' modules")
	flag.StringVar(&settings.Source, "source", ".", "the project's folder")
	flag.IntVar(&settings.Swaps, "swaps", 100, "how many times the plugin is swapped in the storm")
	flag.IntVar(&settings.Edits, "edits", 100,
		"how many times the rules are edited in the storm; each third edit is broken")
	flag.Float64Var(&settings.Rate, "rate", 1000, "payments begun in a second")
	flag.IntVar(&seconds, "seconds", 60, "how long the storm takes")
	flag.IntVar(&quiet, "quiet", 20, "how many seconds are measured before it")
	report.Main("storm", func(ctx context.Context, dir string) (report.Result, error) {
		settings.Warm, settings.Quiet = 5*time.Second, time.Duration(quiet)*time.Second
		settings.Storm = time.Duration(seconds) * time.Second
		for _, path := range []*string{&settings.Binary, &settings.Plugins, &settings.Source} {
			absolute, err := filepath.Abs(*path)
			if err != nil {
				return nil, fmt.Errorf("find %s: %w", *path, err)
			}
			*path = absolute
		}
		settings.Dir, settings.Progress = dir, os.Stderr
		return storm.Run(ctx, settings)
	})
}
