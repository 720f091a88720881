// Package state keeps what this machine remembers of its runs, in one SQLite file that any number of
// processes share.
//
// Truth about a published database lives inside that database; losing the file loses the history of
// runs and the ages of keys, and nothing that serves.
package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	_ "modernc.org/sqlite" // the driver registers itself; there is no other way to it
)

// busy is how many milliseconds a process waits for another one's transaction: they take a few, but a
// slow disk may take seconds to sync.
const busy = 20_000

// Errors that tell which; compare with errors.Is.
var (
	// ErrUnknownRun says that no run has the id.
	ErrUnknownRun = errors.New("no run has this id; list them with: lethe runs")
	// ErrEnded says that the run was ended before.
	ErrEnded = errors.New("the run has already ended")
)

// NewerError says that a newer build wrote the file. Nothing was changed.
type NewerError struct {
	Path string
	// Version is the file's, Known the newest that this build knows.
	Version, Known int
}

// Error names both versions and the remedy.
func (e *NewerError) Error() string {
	return fmt.Sprintf("state file %s has version %d, this build knows %d; use the newer lethe that wrote it", e.Path, e.Version, e.Known)
}

// Store is an open state file. It is safe for concurrent use, also by several processes.
type Store struct {
	db   *sql.DB
	path string
	// host and process tell this process's runs from others; gone says whether another one has ended.
	host    string
	process Process
	gone    func(Process) bool
}

// Open opens the file at path, makes it when there is none (mode 0600), and brings it to the newest
// schema. It refuses a file that others than its owner may use, one that is no state file, and, with a
// *NewerError, one of a newer schema. The caller closes the Store.
func Open(ctx context.Context, path string) (*Store, error) {
	return open(ctx, path, migrations())
}

func open(ctx context.Context, path string, steps []string) (*Store, error) {
	if err := prepare(path); err != nil {
		return nil, fmt.Errorf("open state: %w", err)
	}
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("open state: %w", err)
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open state: %w", err)
	}
	db, err := sql.Open("sqlite", dsn(absolute))
	if err != nil {
		return nil, fmt.Errorf("open state %s: %w", path, err)
	}
	// SQLite has one writer; more connections would only wait for each other.
	db.SetMaxOpenConns(1)
	if err := migrate(ctx, db, path, steps); err != nil {
		_ = db.Close() // the first error is the one to tell
		var newer *NewerError
		if errors.As(err, &newer) {
			return nil, err
		}
		return nil, fmt.Errorf("open state %s: %w", path, err)
	}
	return &Store{db: db, path: path, host: host, process: thisProcess(), gone: Process.gone}, nil
}

// prepare makes the file with the mode that SQLite then gives to what it makes beside it.
func prepare(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		var p *fs.PathError
		if errors.As(err, &p) && errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w; make the directory %s", err, filepath.Dir(path))
		}
		return err
	}
	info, err := f.Stat()
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Errorf("%s may be used by others than its owner (mode %04o); run: chmod 600 %s", path, mode, path)
	}
	return nil
}

// dsn names the file and what every connection is set to: immediate transactions, because two that both
// read before they write would refuse each other, and full syncing, because the record is what is left
// after a crash.
func dsn(absolute string) string {
	q := url.Values{"_txlock": {"immediate"}, "_pragma": {
		fmt.Sprintf("busy_timeout(%d)", busy), "journal_mode(wal)", "synchronous(full)", "foreign_keys(1)",
	}}
	return (&url.URL{Scheme: "file", Path: absolute, RawQuery: q.Encode()}).String()
}

// Path returns the path the store was opened at.
func (s *Store) Path() string { return s.path }

// Close releases the file. The Store must not be used afterwards.
func (s *Store) Close() error {
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close state %s: %w", s.path, err)
	}
	return nil
}
