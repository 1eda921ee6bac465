package live

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"payrouter/host/atomicfile"
)

// history are the configurations that were active: in memory, the oldest first, and each in a file of its own,
// NNNNNNNNNN.json. Texts contain no secrets, only references to them; the folder is private all the same.
type history struct {
	dir      string
	limit    int
	editions []numbered
}

type numbered struct {
	number int
	Edition
}

// openHistory reads a folder, and makes it where it is missing. A file that cannot be read is logged and skipped.
func openHistory(dir string, limit int, log *slog.Logger) (*history, error) {
	h := &history{dir: dir, limit: limit}
	if dir == "" {
		return h, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of former configurations: %w", err)
	}
	found, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read the former configurations: %w", err)
	}
	for _, file := range found { // sorted by name
		var number int
		if _, err := fmt.Sscanf(file.Name(), "%d.json", &number); err != nil || file.Name() != name(number) {
			continue
		}
		e, err := readEdition(filepath.Join(dir, file.Name()))
		if err != nil {
			log.Warn("a former configuration cannot be read", slog.Any("error", err))
		}
		h.editions = append(h.editions, numbered{number, e})
	}
	return h, nil
}

func name(number int) string { return fmt.Sprintf("%010d.json", number) }

func readEdition(path string) (Edition, error) {
	text, err := os.ReadFile(path) //nolint:gosec // G304: in the router's own folder
	if err != nil {
		return Edition{}, err
	}
	var e Edition
	if err := json.Unmarshal(text, &e); err != nil {
		return Edition{}, fmt.Errorf("%s: %w", path, err)
	}
	return e, nil
}

// add appends an edition, durably, and removes the oldest beyond the limit. After an error it is kept in memory.
func (h *history) add(e Edition) error {
	number := 1
	if len(h.editions) > 0 {
		number = h.editions[len(h.editions)-1].number + 1
	}
	h.editions = append(h.editions, numbered{number, e})
	forgotten := max(len(h.editions)-h.limit, 0)
	old := h.editions[:forgotten]
	h.editions = slices.Clone(h.editions[forgotten:])
	if h.dir == "" {
		return nil
	}
	text, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return fmt.Errorf("encode configuration %s: %w", e.Version, err)
	}
	problems := []error{atomicfile.Write(filepath.Join(h.dir, name(number)), append(text, '\n'), 0o600)}
	for _, former := range old {
		if err := os.Remove(filepath.Join(h.dir, name(former.number))); err != nil && !errors.Is(err, fs.ErrNotExist) {
			problems = append(problems, err)
		}
	}
	return errors.Join(problems...)
}

// last is the newest edition that could be read.
func (h *history) last() (Edition, bool) {
	for _, e := range slices.Backward(h.editions) {
		if e.Version != "" {
			return e.Edition, true
		}
	}
	return Edition{}, false
}

// newest lists the editions, the newest first.
func (h *history) newest() []Edition {
	editions := make([]Edition, 0, len(h.editions))
	for _, e := range slices.Backward(h.editions) {
		if e.Version != "" {
			editions = append(editions, e.Edition)
		}
	}
	return editions
}

// write replaces the routing file's text atomically and durably. A symbolic link stays one: its target is replaced.
func write(path, text string) error {
	target, mode := path, fs.FileMode(0o644)
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		if resolved != path && throughDotDotData(path) {
			return errors.New("it is mounted from a ConfigMap: edit that")
		}
		target = resolved
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if info, err := os.Stat(target); err == nil {
		mode = info.Mode().Perm()
	}
	return atomicfile.Write(target, []byte(text), mode)
}

// throughDotDotData reports a link as Kubernetes makes them: the next update of the ConfigMap would undo what is
// written behind it.
func throughDotDotData(path string) bool {
	to, err := os.Readlink(path)
	return err == nil && slices.Contains(strings.Split(filepath.ToSlash(to), "/"), "..data")
}
