package plugin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"time"

	"payrouter/host/plugin/recordfile"
)

const (
	// recordingsFolder is a plugin's, beside its modules: what begins with a dot there, prune removes.
	recordingsFolder = "recordings"
	flowsFile        = "flows"
	callbacksFile    = "callbacks"
	// flushEvery is how much of the recordings a crash may lose.
	flushEvery = 2 * time.Second
	// fileShare is how large a file may be, as a multiple of what its recordings have in memory: as text it is a third
	// larger, and recordings that were dropped stay in it until it is written anew.
	fileShare = 4
)

// recordingFile is the file of a recorder. LoadDir uses it, and then KeepRecordings.
type recordingFile struct {
	recorder *recorder
	file     *recordfile.File
	// failed: the last write did, and was logged.
	failed bool
}

// recordingFiles are those of a plugin's recorders; none where they do not outlast a restart.
func (r *Registry) recordingFiles(name string, flows, callbacks *recorder) []*recordingFile {
	if r.settings.Dir == "" {
		return nil
	}
	made := func(recorder *recorder, file string, bytes int) *recordingFile {
		path := filepath.Join(r.settings.Dir, name, recordingsFolder, file)
		return &recordingFile{recorder: recorder, file: recordfile.New(path, fileShare*int64(bytes))}
	}
	return []*recordingFile{
		made(flows, flowsFile, r.settings.RecordBytes),
		made(callbacks, callbacksFile, r.settings.RecordBytes/callbackShare),
	}
}

// readRecordings reads those of before the start. What cannot be read is logged, and is no evidence.
func (r *Registry) readRecordings(name string) {
	r.mutex.Lock()
	files := r.stateFor(name).files
	r.mutex.Unlock()
	for _, f := range files {
		if f.recorder == nil { // nothing is to be recorded: neither is what was
			if err := f.file.Remove(); err != nil {
				r.settings.Logger.Error("recordings of a plugin", slog.String("plugin", name), slog.Any("error", err))
			}
			continue
		}
		recordings, damaged, err := f.file.Read()
		if damaged > 0 {
			err = errors.Join(err, fmt.Errorf("lines of recordings are damaged, and left out: %d", damaged))
		}
		if err != nil {
			r.settings.Logger.Warn("recordings of a plugin", slog.String("plugin", name), slog.Any("error", err))
		}
		f.recorder.restore(recordings)
		if kept, _ := f.recorder.count(); kept > 0 {
			continue // KeepRecordings writes them anew
		}
		if err := f.file.Remove(); err != nil {
			r.settings.Logger.Error("recordings of a plugin", slog.String("plugin", name), slog.Any("error", err))
		}
	}
}

// KeepRecordings has recordings outlast a restart: it writes them to Settings.Dir every two seconds until ctx ends, and
// then a last time. It drops those that are too old, too. One call at a time.
func (r *Registry) KeepRecordings(ctx context.Context) {
	ticker := time.NewTicker(flushEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			r.writeRecordings()
			return
		case <-ticker.C:
			r.writeRecordings()
		}
	}
}

func (r *Registry) writeRecordings() {
	r.mutex.RLock()
	states := maps.Clone(r.states)
	r.mutex.RUnlock()
	for name, known := range states {
		for _, f := range known.files {
			err := f.write(r.settings.Now().Add(-r.settings.RecordFor))
			if err != nil && !f.failed {
				r.settings.Logger.Error("recordings of a plugin do not outlast a restart", slog.String("plugin", name),
					slog.Any("error", err))
			}
			f.failed = err != nil
		}
	}
}

// write appends what is new to the file, or replaces the file where that cannot be, and where it has recordings from
// before a time.
func (f *recordingFile) write(before time.Time) error {
	if f.recorder == nil {
		return nil
	}
	parts := f.recorder.parts(false)
	expired := !f.file.Oldest().IsZero() && f.file.Oldest().Before(before)
	if len(parts) == 0 && !expired && !f.failed {
		return nil
	}
	if !expired {
		if appended, err := f.file.Append(parts); appended || err != nil {
			return err
		}
	}
	return f.file.Replace(f.recorder.parts(true))
}
