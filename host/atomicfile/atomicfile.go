// Package atomicfile replaces a file's content so that a reader, and a crash of the machine, finds either the old
// content or the new, and never a part.
package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Write replaces a file's content. When it returns without an error, the new content survives a crash of the machine.
// After an error the file is unchanged. The file's folder must exist.
func Write(path string, content []byte, mode fs.FileMode) (err error) {
	beside, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = beside.Close()
			_ = os.Remove(beside.Name())
		}
	}()
	if _, err := beside.Write(content); err != nil {
		return err
	}
	if err := errors.Join(beside.Chmod(mode), beside.Sync(), beside.Close()); err != nil {
		return err
	}
	if err := os.Rename(beside.Name(), path); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
