package plugin

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"payrouter/host/atomicfile"
	"payrouter/host/regularfile"
)

// documents are one for each digest, each a file in a folder, so that it outlasts a restart. Those without a folder
// are not kept.
type documents[T interface{ digest() string }] struct {
	dir string // empty without one
	// what a document is, for errors: "refusal".
	what string
}

const (
	documentSuffix = ".json"
	maxDocument    = 1 << 20
)

// documentsOf is a folder in Settings.Dir, whose name is no plugin's: those begin with a letter.
func documentsOf[T interface{ digest() string }](r *Registry, folder, what string) documents[T] {
	if r.settings.Dir == "" {
		return documents[T]{what: what}
	}
	return documents[T]{dir: filepath.Join(r.settings.Dir, folder), what: what}
}

func (s documents[T]) path(digest string) string { return filepath.Join(s.dir, digest+documentSuffix) }

func (s documents[T]) keep(document T) error {
	if s.dir == "" {
		return nil
	}
	text, err := json.Marshal(document)
	if err == nil {
		err = os.MkdirAll(s.dir, 0o700)
	}
	if err == nil {
		err = atomicfile.Write(s.path(document.digest()), text, 0o600)
	}
	if err != nil {
		return fmt.Errorf("keep the %s of %s: %w", s.what, document.digest(), err)
	}
	return nil
}

// remove removes a document, if there is one.
func (s documents[T]) remove(digest string) error {
	if s.dir == "" {
		return nil
	}
	if err := os.Remove(s.path(digest)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("end the %s of %s: %w", s.what, digest, err)
	}
	return nil
}

// read reads all documents, by digest. One that cannot be read has an error in its place.
func (s documents[T]) read() (found map[string]T, unreadable map[string]error, err error) {
	if s.dir == "" {
		return nil, nil, nil
	}
	files, err := os.ReadDir(s.dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%w: read the folder of each %s: %w", ErrNoModules, s.what, err)
	}
	found, unreadable = map[string]T{}, map[string]error{}
	for _, entry := range files {
		digest, is := strings.CutSuffix(entry.Name(), documentSuffix)
		if !is || strings.HasPrefix(digest, unfinished) {
			continue
		}
		if document, err := s.readOne(digest); err != nil {
			unreadable[digest] = fmt.Errorf("read the %s of %s: %w", s.what, digest, err)
		} else {
			found[digest] = document
		}
	}
	return found, unreadable, nil
}

func (s documents[T]) readOne(digest string) (document T, err error) {
	text, err := regularfile.Read(s.path(digest), maxDocument)
	if err == nil {
		err = json.Unmarshal(text, &document)
	}
	if err == nil && document.digest() != digest {
		err = errors.New("it is another digest's")
	}
	return document, err
}
