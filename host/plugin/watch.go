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
	// Installed is called with what came of each module that was taken from the folder, or refused, and its file. Nil
	// calls nothing.
	Installed func(ctx context.Context, file string, report Report, err error)
}

func (w WatchSettings) withDefaults() WatchSettings {
	w.Every = cmp.Or(w.Every, 3*time.Second)
	w.Settle = cmp.Or(w.Settle, 100*time.Millisecond)
	w.Incomplete = cmp.Or(w.Incomplete, 2*time.Second)
	if w.Installed == nil {
		w.Installed = func(context.Context, string, Report, error) {}
	}
	return w
}

// Watch installs what is put into the folder that LoadDir read, until ctx ends: files that are renamed into place,
// written in place, or reached by a symbolic link that changes. A file that is removed changes nothing: its plugin
// stays active. The error is nil where ctx ended.
func (r *Registry) Watch(ctx context.Context, dir string, settings WatchSettings) (err error) {
	settings = settings.withDefaults()
	w := newWatch(r, dir, settings)
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

// Admit takes what the folder has beyond the modules that LoadDir made active through every step of an install, once:
// what Watch does first, for a router that does not watch. A file that is not whole yet is refused.
func (r *Registry) Admit(ctx context.Context, dir string, settings WatchSettings) {
	settings = settings.withDefaults()
	settings.Settle, settings.Incomplete = 0, 0
	newWatch(r, dir, settings).scan(ctx)
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
	// problem is why it could not be read, as it was reported; empty where it could.
	problem string
	// code and signed are the digests of what was handled last.
	code, signed string
	// plugin is its plugin where it was refused, and policy what the configuration allowed of it then.
	plugin, policy string
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

// newWatch makes the state of a folder, in which the files are handled that the last decisions were made with.
func newWatch(r *Registry, dir string, settings WatchSettings) *watch {
	w := &watch{registry: r, dir: dir, settings: settings, files: map[string]*watched{}}
	paths, err := modulesOf(dir)
	if err != nil {
		return w // the scan reports it
	}
	for _, path := range paths {
		c, err := readFile(path)
		if err != nil {
			continue // the scan reports it
		}
		if code := digestOf(c.Code); r.settled(path, code) {
			w.files[path] = &watched{code: code, signed: digestOf(c.Signature)}
		}
	}
	return w
}

// touched notes that a file, or its signature, was written: it is read again even where its stat is the same.
func (w *watch) touched(path string) {
	if file := w.files[strings.TrimSuffix(path, signatureSuffix)]; file != nil {
		file.done, file.stat, file.since = false, fileStat{}, time.Time{}
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
			file.gone, file.stat, file.since, file.done = true, fileStat{}, time.Time{}, false
			file.problem = ""
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
	found, unfound := statOf(path)
	if found != file.stat || file.since.IsZero() {
		file.stat, file.since, file.done = found, now, false
	}
	reopened := file.unproven != "" && w.registry.hasEvidence(file.unproven) ||
		file.plugin != "" && w.registry.allowed(file.plugin, file.code) != file.policy
	if file.done && !reopened {
		return w.settings.Every
	}
	if still := now.Sub(file.since); still < w.settings.Settle {
		return w.settings.Settle - still
	}
	c, err := readFile(path)
	if err = cmp.Or(err, unfound); err != nil {
		return w.unreadable(ctx, path, file, err)
	}
	file.problem = ""
	w.registry.readable(path)
	code, signed := digestOf(c.Code), digestOf(c.Signature)
	if !reopened && code == file.code && signed == file.signed {
		file.done = true
		return w.settings.Every
	}
	if waited := now.Sub(file.since); waited < w.settings.Incomplete && w.incomplete(c, code) {
		return min(w.settings.Settle, w.settings.Incomplete-waited)
	}
	file.done, file.code, file.signed = true, code, signed
	file.unproven, file.plugin = "", ""
	report, err := w.registry.Install(ctx, c) // its events, and the log, have the result
	if errors.Is(err, ErrUnproven) {
		file.unproven = report.Name
	}
	if err != nil {
		file.plugin, file.policy = report.Name, w.registry.allowed(report.Name, code)
	}
	w.settings.Installed(ctx, path, report, err)
	return w.settings.Every
}

// unreadable handles a file that cannot be read: it is being replaced, or it is none.
func (w *watch) unreadable(ctx context.Context, path string, file *watched, err error) time.Duration {
	if waited := w.registry.settings.Now().Sub(file.since); waited < w.settings.Incomplete {
		return min(w.settings.Settle, w.settings.Incomplete-waited)
	}
	file.done, file.code, file.signed = true, "", ""
	if file.problem == err.Error() {
		return w.settings.Every
	}
	file.problem = err.Error()
	c := Candidate{file: path}
	w.settings.Installed(ctx, path, Report{Name: c.presumedName()}, w.registry.refuseFile(path, err))
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
		detail = fmt.Sprintf("the file is gone; generation %d stays active until it is drained", active.number)
	}
	w.registry.readable(path)
	w.registry.trail(name, folderSource(path)).done(StepRead, detail)
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
