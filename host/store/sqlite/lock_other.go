//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package sqlite

import (
	"errors"
	"fmt"
	"os"
	"runtime"
)

// tryLock refuses: two routers on one journal could send a payment twice.
func tryLock(*os.File) error {
	return fmt.Errorf("no lock on files on %s: %w", runtime.GOOS, errors.ErrUnsupported)
}

// unlock has nothing to let go of: there is no lock here.
func unlock(*os.File) error { return nil }
