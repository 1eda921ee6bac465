package sqlite

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Names inside the data directory. SQLite puts its write-ahead log and its shared memory beside the database.
const (
	databaseName = "payrouter.db"
	lockName     = "payrouter.lock"
	witnessName  = "payrouter.witness"
)

// errHeld is what tryLock gives where another holds the lock.
var errHeld = errors.New("lock is held")

// A DirectoryError is a data directory that cannot be used as it is.
type DirectoryError struct {
	// Dir is the directory.
	Dir string
	// What is wrong with it, and Mend what a person does about it.
	What, Mend string
	// Err is the cause, where the system named one.
	Err error
}

func (e *DirectoryError) Error() string {
	text := fmt.Sprintf("data directory %s: %s", e.Dir, e.What)
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text + ": " + e.Mend
}

// Unwrap is the cause.
func (e *DirectoryError) Unwrap() error { return e.Err }

// directory is a data directory that this process alone uses, until it is closed.
type directory struct {
	path string
	lock *os.File
}

// openDirectory makes the directory where it is missing, for its owner alone, and locks it.
func openDirectory(path string) (*directory, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("find the data directory: %w", err)
	}
	if err := makeDirectory(path); err != nil {
		return nil, err
	}
	lock, err := lockDirectory(path)
	if err != nil {
		return nil, err
	}
	d := &directory{path: path, lock: lock}
	if err := d.makeDatabase(); err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

func makeDirectory(path string) error {
	if err := os.MkdirAll(path, 0o700); err != nil { //nolint:gosec // G703: the operator's own directory
		return &DirectoryError{Dir: path, What: "cannot be made", Mend: "name one that this user may make", Err: err}
	}
	found, err := os.Stat(path) //nolint:gosec // G703: the operator's own directory
	if err != nil {
		return &DirectoryError{Dir: path, What: "cannot be looked at", Mend: "give this user access to it", Err: err}
	}
	if found.Mode().Perm()&0o002 != 0 {
		return &DirectoryError{
			Dir: path, What: "everybody may write to it",
			Mend: "name a directory inside it (it is made for this user alone), or run chmod 0700 on it",
		}
	}
	// A directory that was made a moment ago has to outlive a power cut too.
	return syncDirectory(filepath.Dir(path))
}

func syncDirectory(path string) error {
	dir, err := os.Open(path) //nolint:gosec // G304: the operator's own directory
	if errors.Is(err, os.ErrPermission) {
		return nil // a parent that is not ours to read is not ours to have made
	}
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// lockDirectory writes the holder's process id into the file, to be shown to whoever finds the directory locked. The
// lock is the operating system's: it ends with the process.
func lockDirectory(path string) (*os.File, error) {
	//nolint:gosec // G304: the operator's own directory
	file, err := os.OpenFile(filepath.Join(path, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, &DirectoryError{Dir: path, What: "cannot be written", Mend: "give this user access to it", Err: err}
	}
	if err := tryLock(file); err != nil {
		defer file.Close() //nolint:errcheck // nothing was written, and the error is returned already
		if !errors.Is(err, errHeld) {
			return nil, &DirectoryError{Dir: path, What: "cannot be locked", Mend: "put it on a local disk", Err: err}
		}
		return nil, &DirectoryError{
			Dir: path, What: "is in use by " + holder(file),
			Mend: "stop that one first, or give this one a directory of its own", Err: err,
		}
	}
	if err := errors.Join(file.Truncate(0), writeHolder(file)); err != nil {
		return nil, errors.Join(fmt.Errorf("write %s: %w", file.Name(), err), file.Close())
	}
	return file, nil
}

func writeHolder(file *os.File) error {
	_, err := fmt.Fprintf(file, "%d\n", os.Getpid())
	return err
}

func holder(file *os.File) string {
	text, err := io.ReadAll(io.LimitReader(file, 20))
	pid := strings.TrimSpace(string(text))
	if err != nil || pid == "" {
		return "another process"
	}
	return "process " + pid
}

// makeDatabase makes the file before SQLite would, which makes it readable for everybody. The files that SQLite puts
// beside it take its mode.
func (d *directory) makeDatabase() error {
	file, err := os.OpenFile(d.database(), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return &DirectoryError{
			Dir: d.path, What: "the database cannot be opened", Mend: "give this user access to it",
			Err: err,
		}
	}
	if err := errors.Join(file.Chmod(0o600), file.Close()); err != nil {
		return fmt.Errorf("keep %s to this user: %w", d.database(), err)
	}
	return nil
}

func (d *directory) database() string { return filepath.Join(d.path, databaseName) }

func (d *directory) witness() string { return filepath.Join(d.path, witnessName) }

// close gives the directory up. The lock file stays: removing it would let two processes lock two files of one name.
func (d *directory) close() error { return errors.Join(unlock(d.lock), d.lock.Close()) }
