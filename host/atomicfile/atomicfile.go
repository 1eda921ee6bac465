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
	return write(path, content, mode, os.Rename)
}

// Create is Write for a file that must not exist yet. If it does, also because another process was faster, the error is
// fs.ErrExist and the file is as it was. With another error there is no file, or it has the whole content.
func Create(path string, content []byte, mode fs.FileMode) error {
	return write(path, content, mode, func(draft, path string) error {
		return errors.Join(os.Link(draft, path), os.Remove(draft))
	})
}

// write fills a draft beside the file, and has place move it there.
func write(path string, content []byte, mode fs.FileMode, place func(draft, path string) error) (err error) {
	draft, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = draft.Close()
			_ = os.Remove(draft.Name())
		}
	}()
	if _, err := draft.Write(content); err != nil {
		return err
	}
	if err := errors.Join(draft.Chmod(mode), draft.Sync(), draft.Close()); err != nil {
		return err
	}
	if err := place(draft.Name(), path); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
