// Package atomicfile hides how a file's content is written so that a reader, and a crash of the machine, finds either
// the old content or the new, and never a part.
package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Write replaces a file's content. When it returns without an error, the new content survives a crash of the machine.
// With an error the file has the old content or the new, never a part. The file's folder must exist.
func Write(path string, content []byte, mode fs.FileMode) error {
	draft, err := NewDraft(path, content, mode)
	if err != nil {
		return err
	}
	return draft.Commit()
}

// Draft is content that is on the disk beside the file that it is to replace. One of Commit and Discard ends it.
type Draft struct{ path, draft string }

// NewDraft writes the content of a Write without replacing the file: a full disk fails here, and not in Commit.
func NewDraft(path string, content []byte, mode fs.FileMode) (*Draft, error) {
	draft, err := fill(path, content, mode)
	if err != nil {
		return nil, err
	}
	return &Draft{path: path, draft: draft}, nil
}

// Commit replaces the file's content. Its guarantees are Write's.
func (d *Draft) Commit() error { return place(d.draft, d.path, os.Rename) }

// Discard leaves the file as it is.
func (d *Draft) Discard() error { return os.Remove(d.draft) }

// Create is Write for a file that must not exist yet. If it does, also because another process was faster, the error is
// fs.ErrExist and the file is as it was. With another error there is no file, or it has the whole content.
func Create(path string, content []byte, mode fs.FileMode) error {
	draft, err := fill(path, content, mode)
	if err != nil {
		return err
	}
	return place(draft, path, func(draft, path string) error {
		return errors.Join(os.Link(draft, path), os.Remove(draft))
	})
}

// fill writes a draft beside a file, and returns its path.
func fill(path string, content []byte, mode fs.FileMode) (_ string, err error) {
	draft, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return "", err
	}
	_, err = draft.Write(content)
	if err == nil {
		err = errors.Join(draft.Chmod(mode), draft.Sync())
	}
	if err = errors.Join(err, draft.Close()); err != nil {
		return "", errors.Join(err, os.Remove(draft.Name()))
	}
	return draft.Name(), nil
}

// place moves a draft to its path, and has the folder's entry survive a crash.
func place(draft, path string, move func(draft, path string) error) error {
	if err := move(draft, path); err != nil {
		_ = os.Remove(draft)
		return err
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
