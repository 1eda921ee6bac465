// Package regularfile hides how a file is read that another program puts there: whatever the path names, reading it
// does not wait, and takes no more memory than the caller allows.
package regularfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// Why a file is not read, beside the system's reasons.
var (
	// ErrNotRegular: the path names a directory, a pipe, a socket or a device.
	ErrNotRegular = errors.New("it is not a regular file")
	// ErrTooLarge: the file has more bytes than the caller takes.
	ErrTooLarge = errors.New("it is too large")
)

// Read returns the content of a regular file that has no more bytes than most. Symbolic links are followed. The size
// that the system reports may refuse a file and never admits one: content is read up to the limit.
func Read(path string, most int64) (content []byte, err error) {
	info, err := os.Stat(path) // before it is opened: opening a device may already do something
	if err == nil {
		err = admit(path, info, most)
	}
	if err != nil {
		return nil, err
	}
	// A pipe may stand there by now. Without O_NONBLOCK, opening it waits for a writer.
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) //nolint:gosec // G304: the caller's own choice
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // only read from
	if info, err = file.Stat(); err == nil {
		err = admit(path, info, most)
	}
	if err != nil {
		return nil, err
	}
	// Room for what the file seems to have, so that a large one is not copied as the buffer grows.
	read := bytes.NewBuffer(make([]byte, 0, info.Size()+bytes.MinRead))
	if _, err = read.ReadFrom(io.LimitReader(file, most+1)); err == nil && int64(read.Len()) > most {
		err = tooLarge(path, most)
	}
	if err != nil {
		return nil, err
	}
	return read.Bytes(), nil
}

func admit(path string, info fs.FileInfo, most int64) error {
	switch {
	case !info.Mode().IsRegular():
		return fmt.Errorf("read %s: %w", path, ErrNotRegular)
	case info.Size() > most:
		return tooLarge(path, most)
	}
	return nil
}

func tooLarge(path string, most int64) error {
	return fmt.Errorf("read %s: %w: at most %d bytes are read", path, ErrTooLarge, most)
}
