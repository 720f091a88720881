package state

import (
	"context"
	"database/sql"
	"fmt"
)

// migrations lead from each version of the schema to the next; the version of a file is how many of them
// it has seen. One that was released is never changed.
func migrations() []string {
	return []string{`
CREATE TABLE run (
	id TEXT PRIMARY KEY,
	environment TEXT NOT NULL,
	source TEXT NOT NULL,
	kind TEXT NOT NULL,
	started INTEGER NOT NULL, -- microseconds since 1970, like every time here
	host TEXT NOT NULL,
	user TEXT NOT NULL,
	version TEXT NOT NULL,
	pid INTEGER NOT NULL,
	boot TEXT NOT NULL,
	space TEXT NOT NULL,
	process_start TEXT NOT NULL,
	ended INTEGER,
	outcome TEXT NOT NULL,
	exit INTEGER NOT NULL DEFAULT 0,
	code TEXT NOT NULL DEFAULT '',
	rules TEXT NOT NULL DEFAULT '',
	plan TEXT NOT NULL DEFAULT '',
	catalog TEXT NOT NULL DEFAULT '',
	key_id TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX run_started ON run (environment, started);
CREATE TABLE publication (
	run TEXT PRIMARY KEY REFERENCES run,
	database TEXT NOT NULL,
	previous TEXT NOT NULL,
	outage_ms INTEGER NOT NULL,
	sessions INTEGER NOT NULL
) STRICT;
CREATE TABLE run_table (
	run TEXT NOT NULL REFERENCES run,
	no INTEGER NOT NULL,
	schema TEXT NOT NULL,
	name TEXT NOT NULL,
	rows INTEGER NOT NULL,
	bytes INTEGER NOT NULL,
	ms INTEGER NOT NULL,
	PRIMARY KEY (run, no)
) STRICT, WITHOUT ROWID;
CREATE TABLE run_phase (
	run TEXT NOT NULL REFERENCES run,
	no INTEGER NOT NULL,
	name TEXT NOT NULL,
	ms INTEGER NOT NULL,
	PRIMARY KEY (run, no)
) STRICT, WITHOUT ROWID;
CREATE TABLE masking_key (
	id TEXT PRIMARY KEY,
	first_seen INTEGER NOT NULL,
	last_seen INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE ledger_head (
	one INTEGER PRIMARY KEY CHECK (one = 1),
	seq INTEGER NOT NULL,
	hash TEXT NOT NULL
) STRICT;
`, `
CREATE TABLE run_cost (
	run TEXT PRIMARY KEY REFERENCES run,
	bytes INTEGER NOT NULL,
	ms INTEGER NOT NULL,
	sessions INTEGER NOT NULL,
	snapshot_ms INTEGER NOT NULL,
	longest_wait_ms INTEGER NOT NULL,
	paused_ms INTEGER NOT NULL
) STRICT;
`, `
ALTER TABLE run ADD COLUMN resumes TEXT NOT NULL DEFAULT ''; -- another machine's, or one that is not on record, too
CREATE INDEX run_resumes ON run (resumes) WHERE resumes <> '';
`}
}

// migrate brings the file to the newest schema. Of several processes one does it and the others wait.
func migrate(ctx context.Context, db *sql.DB, path string, steps []string) error {
	return within(ctx, db, func(tx *sql.Tx) error {
		var version int
		if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
			return fmt.Errorf("read its version: %w", err)
		}
		if version > len(steps) {
			return &NewerError{Path: path, Version: version, Known: len(steps)}
		}
		for ; version < len(steps); version++ {
			if _, err := tx.ExecContext(ctx, steps[version]); err != nil {
				return fmt.Errorf("bring it to version %d: %w", version+1, err)
			}
			// A pragma takes no parameter; the number is ours.
			if _, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", version+1)); err != nil {
				return fmt.Errorf("bring it to version %d: %w", version+1, err)
			}
		}
		return nil
	})
}

// within runs f in a transaction that holds the write lock from its start, so that what f read is still
// true when it writes.
func within(ctx context.Context, db *sql.DB, f func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	if err := f(tx); err != nil {
		_ = tx.Rollback() // the first error is the one to tell
		return err
	}
	return tx.Commit()
}
