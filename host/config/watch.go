package config

import (
	"context"
	"path/filepath"
	"time"

	"github.com/knadh/koanf/providers/file"
)

// Watch calls check, one call at a time, whenever the file may have changed, and at least once in every. It returns
// when ctx has ended and check is not running any more. check finds out whether anything changed.
//
// koanf's watcher, over fsnotify, notifies quickly: of a write, of a file renamed over this one, of a symbolic link
// beside it that changes (as Kubernetes swaps ..data). The interval is for what it misses: it watches one directory,
// and so not the target of a link into another; it drops an event that equals the one 5 ms before, even the last half
// of a write; it stops for good when the file is missing for a moment. It is started again then.
func Watch(ctx context.Context, path string, every time.Duration, check func()) {
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
			watching = nil // until the next tick: a missing file would end it at once again
		}
		check()
	}
}

// begin returns nil where the file cannot be watched now. A koanf provider whose Watch failed stays locked, hence a
// new one each time.
func begin(path string, hints, ended chan<- struct{}) *file.File {
	path, err := filepath.Abs(path) // of a bare name it would watch the directory ""
	if err != nil {
		return nil
	}
	watching := file.Provider(path)
	err = watching.Watch(func(_ any, err error) {
		if err != nil {
			nudge(ended) // it stops after any error
			return
		}
		nudge(hints)
	})
	if err != nil {
		return nil
	}
	return watching
}

// nudge does not wait: one pending hint is enough.
func nudge(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
