package plugin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"

	"payrouter/host/plugin/signature"
	"payrouter/host/wasm"
)

// WatchSettings say how a folder is watched. Zero fields take the defaults that they name.
type WatchSettings struct {
	// Every is how often the folder is looked at without being told that it changed: a network's file system tells
	// nothing, and the system's queue of changes may run over. 0 means 3 s.
	Every time.Duration
	// Settle is how long a file must have kept its size and its times before it is read. 0 means 100 ms.
	Settle time.Duration
	// Patience is how long a module that is not whole, or whose signature does not fit, may be still on its way. 0
	// means 2 s.
	Patience time.Duration
}

func (w WatchSettings) withDefaults() WatchSettings {
	if w.Every == 0 {
		w.Every = 3 * time.Second
	}
	if w.Settle == 0 {
		w.Settle = 100 * time.Millisecond
	}
	if w.Patience == 0 {
		w.Patience = 2 * time.Second
	}
	return w
}

// Watch installs what is put into the folder that LoadDir read, until ctx ends: files that are renamed into place,
// written in place, or reached by a link that is turned. A file that is removed changes nothing: its plugin serves on.
// The error is nil where ctx ended.
func (s *Registry) Watch(ctx context.Context, dir string, settings WatchSettings) (err error) {
	settings = settings.withDefaults()
	w := &watch{registry: s, dir: dir, settings: settings, files: map[string]*watched{}}
	told, err := fsnotify.NewWatcher()
	if err == nil {
		err = told.Add(dir)
		defer func() { err = errors.Join(err, told.Close()) }()
	}
	var changes chan fsnotify.Event
	var faults chan error
	if err == nil {
		changes, faults = told.Events, told.Errors
	} else {
		s.settings.Logger.WarnContext(ctx, "the plugin folder's changes are seen at the next look only",
			slog.String("folder", dir), slog.Any("error", err))
	}
	w.known()
	timer := time.NewTimer(0)
	defer timer.Stop()
	soon := true // the timer is set for a change already: a stream of changes must not put the look off for ever
	for {
		select {
		case <-ctx.Done():
			return nil
		case event := <-changes:
			w.touched(event.Name)
			if !soon {
				soon = true
				timer.Reset(settings.Settle)
			}
		case fault := <-faults: // changes were lost: the next look finds them
			s.settings.Logger.WarnContext(ctx, "watch the plugin folder", slog.Any("error", fault))
		case <-timer.C:
			soon = false
			timer.Reset(w.look(ctx))
		}
	}
}

// watch is what is known of a folder. One goroutine has it.
type watch struct {
	registry *Registry
	dir      string
	settings WatchSettings
	files    map[string]*watched
}

// watched is a module's file.
type watched struct {
	// print is how it looked, and since when it has.
	print print
	since time.Time
	// done: what it holds was dealt with.
	done bool
	// code and signed are the digests of what was dealt with last.
	code, signed string
	gone         bool
}

// print tells a file from what it was, without reading it.
type print struct {
	target, signedTarget     string
	size, signedSize         int64
	modified, signedModified time.Time
}

// known takes what LoadDir dealt with as dealt with.
func (w *watch) known() {
	w.registry.mutex.RLock()
	defer w.registry.mutex.RUnlock()
	for _, entry := range w.registry.entries {
		if entry.file != "" && filepath.Dir(entry.file) == filepath.Clean(w.dir) {
			w.files[entry.file] = &watched{code: entry.record.Folder, signed: anySignature}
		}
	}
}

// anySignature stands for the signature of a file that was loaded at the start: whichever it was, it was dealt with.
const anySignature = "any"

// touched says that a file, or its signature, was changed: it is read again even where it looks the same.
func (w *watch) touched(path string) {
	if base, signed := cutSignature(path); signed {
		path = base
	}
	if one := w.files[path]; one != nil {
		one.done, one.print = false, print{}
	}
}

func cutSignature(path string) (string, bool) {
	if len(path) > len(signatureSuffix) && path[len(path)-len(signatureSuffix):] == signatureSuffix {
		return path[:len(path)-len(signatureSuffix)], true
	}
	return path, false
}

// look deals with what has changed and stands still, and tells when to look again.
func (w *watch) look(ctx context.Context) time.Duration {
	again := w.settings.Every
	paths, err := modulesOf(w.dir)
	if err != nil {
		w.registry.settings.Logger.WarnContext(ctx, "look at the plugin folder", slog.Any("error", err))
		return again
	}
	for path, one := range w.files {
		if !one.gone && !slices.Contains(paths, path) {
			one.gone, one.print, one.done = true, print{}, false
			w.removed(path)
		}
	}
	for _, path := range paths {
		again = min(again, w.file(ctx, path))
	}
	return again
}

// file deals with one file, and tells when it wants to be looked at again.
func (w *watch) file(ctx context.Context, path string) time.Duration {
	now := w.registry.settings.Now()
	one := w.files[path]
	if one == nil {
		one = &watched{}
		w.files[path] = one
	}
	one.gone = false
	seen, err := printOf(path)
	if err != nil {
		return w.settings.Settle // between two steps of somebody's replacing it
	}
	if seen != one.print {
		one.print, one.since, one.done = seen, now, false
	}
	if one.done {
		return w.settings.Every
	}
	if still := now.Sub(one.since); still < w.settings.Settle {
		return w.settings.Settle - still
	}
	c, err := readFile(path)
	if err != nil {
		return w.settings.Settle
	}
	code, signed := digestOf(c.Code), digestOf(c.Signature)
	if code == one.code && (signed == one.signed || one.signed == anySignature) {
		one.done = true
		return w.settings.Every
	}
	if patient := now.Sub(one.since); patient < w.settings.Patience && w.unfinished(c, code) {
		return min(w.settings.Settle, w.settings.Patience-patient)
	}
	one.done, one.code, one.signed = true, code, signed
	_, _ = w.registry.Install(ctx, c) // its events, and the log, tell what became of it
	return w.settings.Every
}

// unfinished tells whether a module looks as if the rest of it, or its signature, were still to come.
func (w *watch) unfinished(c Candidate, digest string) bool {
	if !w.registry.opened(digest) {
		if _, err := wasm.Inspect(c.Code); errors.Is(err, wasm.ErrMalformed) {
			return true
		}
	}
	s := w.registry.settings
	if !s.Keys.Any() || len(c.Signature) == 0 && !s.RequireSignature {
		return false
	}
	_, err := s.Keys.Verify(c.Code, c.Signature)
	return errors.Is(err, signature.ErrUnsigned) || errors.Is(err, signature.ErrSignatureInvalid)
}

// removed notes that a file is gone.
func (w *watch) removed(path string) {
	c := Candidate{file: path}
	name := c.called()
	w.registry.mutex.Lock()
	for known, entry := range w.registry.entries {
		if entry.file == path {
			name, entry.file = known, "" // another file may provide it now
		}
	}
	w.registry.mutex.Unlock()
	detail := "the file is gone, and nothing of it served"
	if active, found := w.registry.Current(name); found {
		detail = fmt.Sprintf("the file is gone; generation %d serves on until the next start", active.number)
	}
	w.registry.trail(name, "folder "+path).done(StepRead, detail)
}

func printOf(path string) (print, error) {
	var p print
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return p, err
	}
	info, err := os.Stat(target)
	if err != nil {
		return p, err
	}
	p.target, p.size, p.modified = target, info.Size(), info.ModTime()
	if signedTarget, err := filepath.EvalSymlinks(path + signatureSuffix); err == nil {
		if info, err := os.Stat(signedTarget); err == nil {
			p.signedTarget, p.signedSize, p.signedModified = signedTarget, info.Size(), info.ModTime()
		}
	}
	return p, nil
}
