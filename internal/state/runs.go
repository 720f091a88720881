package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lethedb/lethe/internal/work"
)

// Begin records that run has started: its Outcome is Running whatever it says, its Process this one, and
// its Host this host when it names none. An id that is on record already is an error.
func (s *Store) Begin(ctx context.Context, run Run) error {
	if run.Host == "" {
		run.Host = s.host
	}
	p := s.process
	_, err := s.db.ExecContext(ctx, `INSERT INTO run
		(id, environment, source, kind, started, host, user, version, pid, boot, space, process_start, outcome, rules, plan, catalog, key_id, resumes)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		run.ID, run.Environment, run.Source, run.Kind, run.Started.UnixMicro(), run.Host, run.User, run.Version,
		p.PID, p.Boot, p.Space, p.Start, Running,
		run.Digests.Rules, run.Digests.Plan, run.Digests.Catalog, run.Digests.KeyID, run.Resumes)
	if err != nil {
		return fmt.Errorf("record start of run %s: %w", run.ID, err)
	}
	return nil
}

// Finish records how the run ended, all of it or nothing. Digests that are "" leave those of Begin. It
// returns ErrUnknownRun or ErrEnded when there is no such run to end: the first end of a run stands. An
// outcome of Running is an error.
func (s *Store) Finish(ctx context.Context, id string, result Result) error {
	if result.Outcome == Running || result.Outcome == "" {
		return fmt.Errorf("record end of run %s: the outcome is missing", id)
	}
	err := within(ctx, s.db, func(tx *sql.Tx) error { return finish(ctx, tx, id, result) })
	if err != nil {
		return fmt.Errorf("record end of run %s: %w", id, err)
	}
	return nil
}

func finish(ctx context.Context, tx *sql.Tx, id string, r Result) error {
	done, err := tx.ExecContext(ctx, `UPDATE run SET ended = ?, outcome = ?, exit = ?, code = ?,
		rules = coalesce(nullif(?, ''), rules), plan = coalesce(nullif(?, ''), plan),
		catalog = coalesce(nullif(?, ''), catalog), key_id = coalesce(nullif(?, ''), key_id)
		WHERE id = ? AND outcome = ?`,
		sql.NullInt64{Int64: r.Ended.UnixMicro(), Valid: !r.Ended.IsZero()}, r.Outcome, r.Exit, r.Code,
		r.Digests.Rules, r.Digests.Plan, r.Digests.Catalog, r.Digests.KeyID, id, Running)
	if err != nil {
		return err
	}
	if n, err := done.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, whyNotRunning(ctx, tx, id))
	}
	if p := r.Publication; p != nil {
		if _, err := tx.ExecContext(ctx, "INSERT INTO publication (run, database, previous, outage_ms, sessions) VALUES (?, ?, ?, ?, ?)",
			id, p.Database, p.Previous, p.OutageMS, p.Sessions); err != nil {
			return err
		}
	}
	if c := r.Cost; c != (work.Cost{}) {
		if _, err := tx.ExecContext(ctx, "INSERT INTO run_cost (run, bytes, ms, sessions, snapshot_ms, longest_wait_ms, paused_ms) VALUES (?, ?, ?, ?, ?, ?, ?)",
			id, c.Bytes, c.Milliseconds, c.Sessions, c.SnapshotMS, c.LongestWaitMS, c.PausedMS); err != nil {
			return err
		}
	}
	for no, t := range r.Tables {
		if _, err := tx.ExecContext(ctx, "INSERT INTO run_table (run, no, schema, name, rows, bytes, ms) VALUES (?, ?, ?, ?, ?, ?, ?)",
			id, no, t.Schema, t.Name, t.Rows, t.Bytes, t.Milliseconds); err != nil {
			return err
		}
	}
	for no, p := range r.Phases {
		if _, err := tx.ExecContext(ctx, "INSERT INTO run_phase (run, no, name, ms) VALUES (?, ?, ?, ?)",
			id, no, p.Name, p.Milliseconds); err != nil {
			return err
		}
	}
	return nil
}

func whyNotRunning(ctx context.Context, tx *sql.Tx, id string) error {
	var outcome Outcome
	err := tx.QueryRowContext(ctx, "SELECT outcome FROM run WHERE id = ?", id).Scan(&outcome)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return ErrUnknownRun
	case err != nil:
		return err
	}
	return ErrEnded
}

const runColumns = `SELECT id, environment, source, kind, started, host, user, version, pid, boot, space, process_start,
	ended, outcome, exit, code, rules, plan, catalog, key_id, database, previous, outage_ms, sessions, resumes,
	coalesce((SELECT group_concat(id, ' ') FROM (SELECT later.id FROM run later WHERE later.resumes = run.id AND later.resumes <> '' AND later.outcome <> 'refused' ORDER BY later.started, later.id)), '')
	FROM run LEFT JOIN publication ON publication.run = run.id `

// Runs returns the runs that filter picks, the newest first, without their Tables, Phases and Cost.
func (s *Store) Runs(ctx context.Context, filter Filter) ([]Run, error) {
	rows, err := s.db.QueryContext(ctx, runColumns+`WHERE (?1 = '' OR environment = ?1) AND (?2 = '' OR kind = ?2) AND started >= ?3
		ORDER BY started DESC, id DESC`, filter.Environment, filter.Kind, earliest(filter.Since))
	if err != nil {
		return nil, fmt.Errorf("list runs: %w", err)
	}
	defer func() { _ = rows.Close() }() // rows.Err tells
	var runs []Run
	for (filter.Limit == 0 || len(runs) < filter.Limit) && rows.Next() {
		run, err := s.scan(rows)
		if err != nil {
			return nil, fmt.Errorf("list runs: %w", err)
		}
		// Interrupted is seen here, not stored, so the database cannot pick by it.
		if filter.Outcome == "" || filter.Outcome == run.Outcome {
			runs = append(runs, run)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list runs: %w", err)
	}
	return runs, nil
}

func earliest(since time.Time) int64 {
	if since.IsZero() {
		return 0
	}
	return since.UnixMicro()
}

// Run returns one run with all that is known of it, or ErrUnknownRun.
func (s *Store) Run(ctx context.Context, id string) (Run, error) {
	run, err := s.scan(s.db.QueryRowContext(ctx, runColumns+"WHERE id = ?", id))
	if errors.Is(err, sql.ErrNoRows) {
		return Run{}, fmt.Errorf("read run: %w", ErrUnknownRun)
	}
	if err != nil {
		return Run{}, fmt.Errorf("read run %s: %w", id, err)
	}
	run.Tables, err = collect(ctx, s.db, "SELECT schema, name, rows, bytes, ms FROM run_table WHERE run = ? ORDER BY no", id,
		func(t *Table) []any { return []any{&t.Schema, &t.Name, &t.Rows, &t.Bytes, &t.Milliseconds} })
	if err != nil {
		return Run{}, fmt.Errorf("read tables of run %s: %w", id, err)
	}
	run.Phases, err = collect(ctx, s.db, "SELECT name, ms FROM run_phase WHERE run = ? ORDER BY no", id,
		func(p *Phase) []any { return []any{&p.Name, &p.Milliseconds} })
	if err != nil {
		return Run{}, fmt.Errorf("read phases of run %s: %w", id, err)
	}
	costs, err := collect(ctx, s.db, "SELECT bytes, ms, sessions, snapshot_ms, longest_wait_ms, paused_ms FROM run_cost WHERE run = ?", id,
		func(c *work.Cost) []any {
			return []any{&c.Bytes, &c.Milliseconds, &c.Sessions, &c.SnapshotMS, &c.LongestWaitMS, &c.PausedMS}
		})
	if err != nil {
		return Run{}, fmt.Errorf("read cost of run %s: %w", id, err)
	}
	if len(costs) == 1 {
		run.Cost = costs[0]
	}
	return run, nil
}

// collect reads every row of a query into a T through the pointers that into gives.
func collect[T any](ctx context.Context, db *sql.DB, query, argument string, into func(*T) []any) ([]T, error) {
	rows, err := db.QueryContext(ctx, query, argument)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // rows.Err tells
	var out []T
	for rows.Next() {
		var item T
		if err := rows.Scan(into(&item)...); err != nil {
			return nil, err
		}
		out = append(out, item)
	}
	return out, rows.Err()
}

// scan reads one row of runColumns.
func (s *Store) scan(row interface{ Scan(...any) error }) (Run, error) {
	var (
		r                  Run
		started            int64
		ended              sql.NullInt64
		database, previous sql.NullString
		outage, sessions   sql.NullInt64
		resumedBy          string
		d                  = &r.Digests
		p                  = &r.Process
	)
	err := row.Scan(&r.ID, &r.Environment, &r.Source, &r.Kind, &started, &r.Host, &r.User, &r.Version,
		&p.PID, &p.Boot, &p.Space, &p.Start, &ended, &r.Outcome, &r.Exit, &r.Code,
		&d.Rules, &d.Plan, &d.Catalog, &d.KeyID, &database, &previous, &outage, &sessions, &r.Resumes, &resumedBy)
	if err != nil {
		return Run{}, err
	}
	if resumedBy != "" {
		r.ResumedBy = strings.Fields(resumedBy)
	}
	r.Started = time.UnixMicro(started).UTC()
	if ended.Valid {
		r.Ended = time.UnixMicro(ended.Int64).UTC()
	}
	if database.Valid {
		r.Publication = &Publication{
			Database: database.String, Previous: previous.String, OutageMS: outage.Int64, Sessions: int(sessions.Int64),
		}
	}
	if r.Outcome == Running && r.Host == s.host && s.gone(r.Process) {
		r.Outcome = Interrupted
	}
	return r, nil
}
