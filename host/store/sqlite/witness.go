package sqlite

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"payrouter/host/atomicfile"
	"payrouter/host/store"
)

// witnessEvery is how far apart two writes of the witness are, at least.
const witnessEvery = time.Second

// testimony is what a witness file holds: the last commit of a journal that was durable when the file was written.
type testimony struct {
	Journal string    `json:"journal"`
	Session string    `json:"session"`
	Commit  int64     `json:"commit"`
	At      time.Time `json:"at"`
}

// readTestimony gives nil where there is no file. A file that holds something else is errTestimony.
func readTestimony(path string) (*testimony, error) {
	file, err := os.Open(path) //nolint:gosec // G304: the operator's own file
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil //nolint:nilnil // none is an answer
	}
	if err != nil {
		return nil, fmt.Errorf("read the witness: %w", err)
	}
	defer file.Close() //nolint:errcheck // only read from
	const longest = 4096
	text, err := io.ReadAll(io.LimitReader(file, longest))
	if err != nil {
		return nil, fmt.Errorf("read the witness %s: %w", path, err)
	}
	var t testimony
	if err := json.Unmarshal(text, &t); err != nil || t.Journal == "" || t.Session == "" || t.Commit < 1 {
		return nil, fmt.Errorf("%w: %s", errTestimony, path)
	}
	return &t, nil
}

var errTestimony = errors.New("the witness file is damaged")

// session is one start with a journal: began is its first commit's number.
type session struct {
	token string
	began int64
}

// missing is what a journal lacks of what its witness saw; empty where it lacks nothing. sessions are all of the
// journal's, the oldest first, and commits is its last commit.
func (t testimony) missing(identity string, sessions []session, commits int64) string {
	if t.Journal != identity {
		return fmt.Sprintf(
			"the journal is %s, and its witness is of journal %s, which came to commit %d at %s: another journal was "+
				"put in its place",
			identity, t.Journal, t.Commit, t.At.UTC().Format(time.RFC3339))
	}
	for i, s := range sessions {
		if s.token != t.Session {
			continue
		}
		end := commits
		if i+1 < len(sessions) {
			end = sessions[i+1].began - 1
		}
		if t.Commit <= end {
			return ""
		}
		return fmt.Sprintf(
			"the journal has that start to commit %d, and its witness saw commit %d at %s: an older copy was put "+
				"back, or the disk lost writes",
			end, t.Commit, t.At.UTC().Format(time.RFC3339))
	}
	return fmt.Sprintf(
		"the journal ends at commit %d, and its witness saw a later start that came to commit %d at %s: an older "+
			"copy was put back",
		commits, t.Commit, t.At.UTC().Format(time.RFC3339))
}

// witness keeps a file up to the last commit: after it, never ahead of it, and at most once in a while. Commits do not
// wait for it. It is safe for concurrent use.
type witness struct {
	path  string
	every time.Duration
	log   *slog.Logger

	// writing is one at a time, so that no older commit replaces a later one.
	writing sync.Mutex

	mutex sync.Mutex
	// latest is what the file is to hold, and written what it holds.
	latest, written testimony
	// silent: the file belongs to a later journal, until a person decides otherwise.
	silent  bool
	problem error

	news  chan struct{}
	stop  chan struct{}
	ended sync.WaitGroup
}

func newWitness(path string, every time.Duration, log *slog.Logger) *witness {
	return &witness{path: path, every: every, log: log, news: make(chan struct{}, 1), stop: make(chan struct{})}
}

// saw notes a commit that is durable.
func (w *witness) saw(t testimony) {
	w.mutex.Lock()
	w.latest = t
	w.mutex.Unlock()
	select {
	case w.news <- struct{}{}:
	default:
	}
}

// write writes the latest commit now.
func (w *witness) write() error {
	w.writing.Lock()
	defer w.writing.Unlock()
	w.mutex.Lock()
	latest := w.latest
	current := w.silent || latest == w.written
	w.mutex.Unlock()
	if current {
		return nil
	}
	text, err := json.Marshal(latest)
	if err == nil {
		err = atomicfile.Write(w.path, append(text, '\n'), 0o600)
	}
	w.mutex.Lock()
	defer w.mutex.Unlock()
	failedBefore := w.problem != nil
	w.problem = err
	switch {
	case err != nil && !failedBefore:
		w.log.Error("write the witness: until it can be written, an older journal may be taken for this one",
			slog.Any("error", err))
	case err == nil && failedBefore:
		w.log.Info("the witness is written again")
	}
	if err != nil {
		return fmt.Errorf("write the witness %s: %w", w.path, err)
	}
	w.written = latest
	return nil
}

// speak lets the file be written from here on, or not.
func (w *witness) speak(may bool) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.silent = !may
}

func (w *witness) start() { w.ended.Go(w.run) }

func (w *witness) run() {
	pause := time.NewTimer(w.every)
	defer pause.Stop()
	for {
		select {
		case <-w.stop:
			return
		case <-w.news:
		}
		if w.write() != nil {
			w.again()
		}
		pause.Reset(w.every)
		select {
		case <-w.stop:
			return
		case <-pause.C:
		}
	}
}

// again has a write that failed made once more, though no commit follows.
func (w *witness) again() {
	select {
	case w.news <- struct{}{}:
	default:
	}
}

// close writes what is left to write.
func (w *witness) close() error {
	close(w.stop)
	w.ended.Wait()
	return w.write()
}

// seen is the number of the last commit.
func (w *witness) seen() int64 {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.latest.Commit
}

func (w *witness) standing() store.Witness {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	shown := store.Witness{Path: w.path, Commit: w.written.Commit, At: w.written.At}
	if w.problem != nil {
		shown.Problem = w.problem.Error()
	}
	return shown
}
