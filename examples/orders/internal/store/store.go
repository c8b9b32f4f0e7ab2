// Package store opens the services' SQLite databases.
//
// Each service has a database of its own, with its own tables beside the same
// outbox and inbox. The API and orders-worker are one service in two programs,
// and share theirs.
package store

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"net/url"

	_ "modernc.org/sqlite" // the driver "sqlite", without cgo
)

//go:embed schema.sql
var schema string

// Open opens or creates the database file and its tables.
func Open(ctx context.Context, file string) (*sql.DB, error) {
	options := url.Values{"_pragma": {"busy_timeout(5000)", "journal_mode(WAL)", "foreign_keys(1)"}, "_txlock": {"immediate"}}
	db, err := sql.Open("sqlite", "file:"+file+"?"+options.Encode())
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", file, err)
	}
	// SQLite has one writer. Waiting for it here, in database/sql, honours
	// contexts; waiting inside SQLite (busy_timeout) does not, and is left to
	// the case that another program holds the file.
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(ctx, schema); err != nil {
		return nil, errors.Join(fmt.Errorf("create tables in %s: %w", file, err), db.Close())
	}
	return db, nil
}

// InTx runs work in a transaction: committed when it returns nil, else rolled back.
func InTx(ctx context.Context, db *sql.DB, work func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin transaction: %w", err)
	}
	if err := work(tx); err != nil {
		if rollback := tx.Rollback(); rollback != nil && !errors.Is(rollback, sql.ErrTxDone) {
			return errors.Join(err, fmt.Errorf("roll back: %w", rollback))
		}
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}
