package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
)

//go:embed migration/*.sql
var migrations embed.FS

// migrator knows the migrations of a database.
func migrator(db *sql.DB, observe func(version int64)) (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migration")
	if err != nil {
		return nil, fmt.Errorf("find the migrations: %w", err)
	}
	versions, err := database.NewStore(goose.DialectSQLite3, goose.DefaultTablename)
	if err != nil {
		return nil, fmt.Errorf("prepare the migrations: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectCustom, db, files, goose.WithDisableGlobalRegistry(true),
		goose.WithStore(watchedVersions{versions, observe}))
	if err != nil {
		return nil, fmt.Errorf("read the migrations: %w", err)
	}
	return provider, nil
}

// migrate brings a database to the schema of this binary. One that a later binary has migrated is left alone.
func migrate(ctx context.Context, db *sql.DB, observe func(version int64)) error {
	provider, err := migrator(db, observe)
	if err != nil {
		return err
	}
	current, target, err := provider.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read the version of the schema: %w", err)
	}
	if current > target {
		return fmt.Errorf("the database's schema is at version %d and this binary knows %d: run the later binary again",
			current, target)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate from version %d to %d: %w", current, target, err)
	}
	return nil
}

// watchedVersions calls observe for each version that is about to be committed: goose writes it last, in the
// migration's own transaction.
type watchedVersions struct {
	database.Store

	observe func(version int64)
}

// Insert writes a version, and calls observe. Version 0 is the empty table.
func (w watchedVersions) Insert(ctx context.Context, db database.DBTxConn, req database.InsertRequest) error {
	if err := w.Store.Insert(ctx, db, req); err != nil {
		return fmt.Errorf("note version %d: %w", req.Version, err)
	}
	if req.Version > 0 {
		w.observe(req.Version)
	}
	return nil
}
