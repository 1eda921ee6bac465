package config

import (
	"context"
	"path/filepath"
	"time"

	"github.com/knadh/koanf/providers/file"
)

// Watch calls look, one call at a time, whenever the file may have changed, and at least once in every. It returns when
// ctx has ended and look is not running any more. look finds out by itself whether there is anything new.
//
// koanf's watcher, over fsnotify, gives the quick word: on a write, on a file renamed over this one, on a symbolic link
// beside it that points elsewhere (as Kubernetes swaps ..data). It misses what the interval is for: it watches one
// directory, and so not the target of a link into another; it drops an event that looks like the one 5 ms before, be it
// the last half of a write; it gives up for good when the file is away for a moment. Where it gave up it is begun anew.
func Watch(ctx context.Context, path string, every time.Duration, look func()) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	hints := make(chan struct{}, 1)
	ended := make(chan struct{}, 1)
	watching := begin(path, hints, ended)
	defer func() {
		if watching != nil {
			_ = watching.Unwatch()
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if watching == nil {
				watching = begin(path, hints, ended)
			}
		case <-hints:
		case <-ended:
			watching = nil // until the next tick: a file that is away would end it at once again
		}
		look()
	}
}

// begin gives nil where the file cannot be watched now. A koanf provider whose Watch failed stays locked, hence a new
// one each time.
func begin(path string, hints, ended chan<- struct{}) *file.File {
	path, err := filepath.Abs(path) // of a bare name it would watch the directory ""
	if err != nil {
		return nil
	}
	watching := file.Provider(path)
	err = watching.Watch(func(_ any, err error) {
		if err != nil {
			nudge(ended) // every error is its last word
			return
		}
		nudge(hints)
	})
	if err != nil {
		return nil
	}
	return watching
}

// nudge never waits: a hint that nobody has taken yet says it all.
func nudge(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
