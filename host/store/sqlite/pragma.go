package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"modernc.org/sqlite"
)

// oldestSQLite is the first release without a bug that can corrupt a database in WAL mode.
const oldestSQLite = "3.51.3"

// pragma is a setting of a connection: the value to set, and the value that it then reads back.
type pragma struct {
	name, value, reads string
}

// pragmas are what both the writer's connection and the readers' have.
//
//nolint:gochecknoglobals // a lookup table
var pragmas = []pragma{
	{"busy_timeout", "5000", "5000"}, // ms
	{"journal_mode", "WAL", "wal"},
	// The log is synced at every commit: what was answered outlives a power cut.
	{"synchronous", "FULL", "2"},
	// On macOS a plain fsync leaves the data in the drive's cache. Elsewhere these two change nothing.
	{"fullfsync", "1", "1"},
	{"checkpoint_fullfsync", "1", "1"},
	{"foreign_keys", "1", "1"},
	// Payers' data does not go to files outside the data directory.
	{"temp_store", "MEMORY", "2"},
	{"trusted_schema", "0", "0"},
	// The log is cut back to this after it was larger, in bytes.
	{"journal_size_limit", "67108864", "67108864"},
	// No commit moves the log to the database: see checkpointer.
	{"wal_autocheckpoint", "0", "0"},
	// In KiB where negative. The indexes by merchants' and providers' references are written all over.
	{"cache_size", "-32768", "-32768"},
}

//nolint:gochecknoglobals // a lookup table
var queryOnly = pragma{"query_only", "1", "1"}

// openPool opens connections to a database and refuses those that are not set as they must be.
func openPool(ctx context.Context, file string, size int, settings ...pragma) (*sql.DB, error) {
	connector, err := sqlite.NewConnector(dsn(file, settings))
	if err != nil {
		return nil, fmt.Errorf("name the database %s: %w", file, err)
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	if err := checkPool(ctx, db, settings); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("open the database %s: %w", file, err)
	}
	return db, nil
}

func dsn(file string, settings []pragma) string {
	query := url.Values{
		"_txlock":    {"immediate"},
		"_defensive": {"1"},
		"_dqs":       {"0"},
	}
	for _, p := range settings {
		query.Add("_pragma", p.name+"("+p.value+")")
	}
	return (&url.URL{Scheme: "file", Path: file, RawQuery: query.Encode()}).String()
}

func checkPool(ctx context.Context, db *sql.DB, settings []pragma) error {
	var version string
	if err := db.QueryRowContext(ctx, "SELECT sqlite_version()").Scan(&version); err != nil {
		return fmt.Errorf("ask SQLite for its version: %w", err)
	}
	if err := checkVersion(version); err != nil {
		return err
	}
	for _, p := range settings {
		var reads string
		if err := db.QueryRowContext(ctx, "PRAGMA "+p.name).Scan(&reads); err != nil {
			return fmt.Errorf("read back %s: %w", p.name, err)
		}
		if reads != p.reads {
			return fmt.Errorf(
				"%s was set to %s and is %s: the file system may not support it, put the data directory on a "+
					"local disk",
				p.name, p.value, reads)
		}
	}
	return nil
}

func checkVersion(version string) error {
	if !atLeast(version, oldestSQLite) {
		return fmt.Errorf("SQLite %q can corrupt a database in WAL mode: build with %s or later", version, oldestSQLite)
	}
	return nil
}

// atLeast compares versions of numbers with dots between. What is no number is older than any.
func atLeast(version, oldest string) bool {
	have, want := strings.Split(version, "."), strings.Split(oldest, ".")
	for i := range want {
		if i == len(have) {
			return false
		}
		h, err := strconv.Atoi(have[i])
		if err != nil {
			return false
		}
		w, err := strconv.Atoi(want[i])
		if err != nil {
			return false
		}
		if h != w {
			return h > w
		}
	}
	return true
}
