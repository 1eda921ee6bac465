// Package sqlitetest gives tests empty journals, and hides that their schema is laid once for a process and copied from
// then on.
package sqlitetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/host/store/sqlite"
)

// Open opens an empty journal, which is closed when the test ends.
func Open(tb testing.TB, options ...sqlite.Option) *sqlite.DB {
	tb.Helper()
	dir := tb.TempDir()
	require.NoError(tb, Lay(dir))
	db, err := sqlite.Open(tb.Context(), dir, options...)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, db.Close()) })
	return db
}

// Lay puts an empty journal into a directory that has none, and is made where it is missing, for sqlite.Open to find
// there.
func Lay(dir string) error {
	files, err := empty()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("lay an empty journal: %w", err)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return fmt.Errorf("lay an empty journal: %w", err)
		}
	}
	return nil
}

// empty is a closed journal's files by their names.
//
//nolint:gochecknoglobals // made once for a process is what it is for
var empty = sync.OnceValues(func() (files map[string][]byte, err error) {
	dir, err := os.MkdirTemp("", "sqlitetest-*")
	if err != nil {
		return nil, fmt.Errorf("make an empty journal: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	db, err := sqlite.Open(context.Background(), dir)
	if err != nil {
		return nil, fmt.Errorf("make an empty journal: %w", err)
	}
	if err := db.Close(); err != nil {
		return nil, fmt.Errorf("make an empty journal: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read an empty journal: %w", err)
	}
	files = map[string][]byte{}
	for _, entry := range entries {
		//nolint:gosec // G304: a directory made above
		if files[entry.Name()], err = os.ReadFile(filepath.Join(dir, entry.Name())); err != nil {
			return nil, fmt.Errorf("read an empty journal: %w", err)
		}
	}
	return files, nil
})
