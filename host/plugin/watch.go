package plugin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"

	"payrouter/host/plugin/signature"
	"payrouter/host/wasm"
)

// WatchSettings of Watch. Zero fields take the defaults that they name.
type WatchSettings struct {
	// Every is how often the folder is read without a notification: a network file system sends none, and the system's
	// queue of them may overflow. 0 means 3 s.
	Every time.Duration
	// Settle is how long a file must have kept its size and its times before it is read. 0 means 100 ms.
	Settle time.Duration
	// Incomplete is how long a module that is not whole, or whose signature is invalid, may still be being written. 0
	// means 2 s.
	Incomplete time.Duration
	// Installed is called with what came of each module that was taken from the folder, or refused. Nil calls nothing.
	Installed func(ctx context.Context, report Report, err error)
}

func (w WatchSettings) withDefaults() WatchSettings {
	w.Every = cmp.Or(w.Every, 3*time.Second)
	w.Settle = cmp.Or(w.Settle, 100*time.Millisecond)
	w.Incomplete = cmp.Or(w.Incomplete, 2*time.Second)
	if w.Installed == nil {
		w.Installed = func(context.Context, Report, error) {}
	}
	return w
}

// Watch installs what is put into the folder that LoadDir read, until ctx ends: files that are renamed into place,
// written in place, or reached by a symbolic link that changes. A file that is removed changes nothing: its plugin
// stays active. The error is nil where ctx ended.
func (r *Registry) Watch(ctx context.Context, dir string, settings WatchSettings) (err error) {
	settings = settings.withDefaults()
	w := &watch{registry: r, dir: dir, settings: settings, files: map[string]*watched{}}
	notifier, err := fsnotify.NewWatcher()
	if err == nil {
		err = notifier.Add(dir)
		defer func() { err = errors.Join(err, notifier.Close()) }()
	}
	var changes chan fsnotify.Event
	var faults chan error
	if err == nil {
		changes, faults = notifier.Events, notifier.Errors
	} else {
		r.settings.Logger.WarnContext(ctx, "the plugin folder sends no notifications: it is read at intervals",
			slog.String("folder", dir), slog.Any("error", err))
	}
	w.noteLoaded()
	timer := time.NewTimer(0)
	defer timer.Stop()
	soon := true // the timer is set for a change already: a stream of changes must not postpone it for ever
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
		case fault := <-faults: // notifications were lost: the next scan finds the changes
			r.settings.Logger.WarnContext(ctx, "watch the plugin folder", slog.Any("error", fault))
		case <-timer.C:
			soon = false
			timer.Reset(w.scan(ctx))
		}
	}
}

// watch is the state of a watched folder. One goroutine uses it.
type watch struct {
	registry *Registry
	dir      string
	settings WatchSettings
	files    map[string]*watched
}

// watched is a module's file.
type watched struct {
	// stat is how it was found last, and since when.
	stat  fileStat
	since time.Time
	// done: its content was handled.
	done bool
	// code and signed are the digests of what was handled last.
	code, signed string
	// unproven is the plugin whose recorded flows the file waits for; empty where it waits for none.
	unproven string
	gone     bool
}

// fileStat shows that a file changed, without reading it.
type fileStat struct {
	target, signedTarget     string
	size, signedSize         int64
	modified, signedModified time.Time
}

// noteLoaded marks the files that LoadDir loaded as handled.
func (w *watch) noteLoaded() {
	w.registry.mutex.RLock()
	defer w.registry.mutex.RUnlock()
	for _, known := range w.registry.states {
		if known.file != "" && filepath.Dir(known.file) == filepath.Clean(w.dir) {
			w.files[known.file] = &watched{code: known.decision.Folder, signed: anySignature}
		}
	}
}

// anySignature is the signature of a file that was loaded at the start: whichever it was, it was handled.
const anySignature = "any"

// touched notes that a file, or its signature, was written: it is read again even where its stat is the same.
func (w *watch) touched(path string) {
	if file := w.files[strings.TrimSuffix(path, signatureSuffix)]; file != nil {
		file.done, file.stat = false, fileStat{}
	}
}

// scan handles the files that changed and are complete, and returns when to scan again.
func (w *watch) scan(ctx context.Context) time.Duration {
	again := w.settings.Every
	paths, err := modulesOf(w.dir)
	if err != nil {
		w.registry.settings.Logger.WarnContext(ctx, "read the plugin folder", slog.Any("error", err))
		return again
	}
	for path, file := range w.files {
		if !file.gone && !slices.Contains(paths, path) {
			file.gone, file.stat, file.done = true, fileStat{}, false
			w.removed(path)
		}
	}
	for _, path := range paths {
		again = min(again, w.file(ctx, path))
	}
	return again
}

// file handles one file, and returns when to scan it again.
func (w *watch) file(ctx context.Context, path string) time.Duration {
	now := w.registry.settings.Now()
	file := w.files[path]
	if file == nil {
		file = &watched{}
		w.files[path] = file
	}
	file.gone = false
	found, err := statOf(path)
	if err != nil {
		return w.settings.Settle // it is being replaced
	}
	if found != file.stat {
		file.stat, file.since, file.done = found, now, false
	}
	proven := file.unproven != "" && w.registry.hasEvidence(file.unproven)
	if file.done && !proven {
		return w.settings.Every
	}
	if still := now.Sub(file.since); still < w.settings.Settle {
		return w.settings.Settle - still
	}
	c, err := readFile(path)
	if err != nil {
		return w.settings.Settle
	}
	code, signed := digestOf(c.Code), digestOf(c.Signature)
	if !proven && code == file.code && (signed == file.signed || file.signed == anySignature) {
		file.done = true
		return w.settings.Every
	}
	if waited := now.Sub(file.since); waited < w.settings.Incomplete && w.incomplete(c, code) {
		return min(w.settings.Settle, w.settings.Incomplete-waited)
	}
	file.done, file.code, file.signed = true, code, signed
	file.unproven = ""
	report, err := w.registry.Install(ctx, c) // its events, and the log, have the result
	if errors.Is(err, ErrUnproven) {
		file.unproven = report.Name
	}
	w.settings.Installed(ctx, report, err)
	return w.settings.Every
}

// incomplete reports whether a module, or its signature, looks as if it is still being written.
func (w *watch) incomplete(c Candidate, digest string) bool {
	if !w.registry.isOpen(digest) {
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
	name := c.presumedName()
	w.registry.mutex.Lock()
	for of, known := range w.registry.states {
		if known.file == path {
			name, known.file = of, "" // another file may provide it now
		}
	}
	w.registry.mutex.Unlock()
	detail := "the file is gone, and its plugin was not active"
	if active, found := w.registry.Current(name); found {
		detail = fmt.Sprintf("the file is gone; generation %d stays active until the next start", active.number)
	}
	w.registry.trail(name, "folder "+path).done(StepRead, detail)
}

func statOf(path string) (fileStat, error) {
	var p fileStat
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
