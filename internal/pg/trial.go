package pg

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/masked"
)

// TrialError says that a row does not fit the new database. It never holds a value.
type TrialError struct {
	Table catalog.Name
	// Columns are those concerned, as far as the server tells; Object the constraint or index that the row
	// violates, "" where it is a column's type.
	Columns []string
	Object  string
	// Row counts the rows that were tried from 1; 0 where the server tells none.
	Row int64
	Err *ServerError
}

// Error names the place.
func (e *TrialError) Error() string {
	var b strings.Builder
	b.WriteString(e.Table.String())
	if len(e.Columns) > 0 {
		b.WriteString(" (" + strings.Join(e.Columns, ", ") + ")")
	}
	if e.Object != "" {
		b.WriteString(", " + e.Object)
	}
	if e.Row > 0 {
		fmt.Fprintf(&b, ", row %d of those that were tried", e.Row)
	}
	return fmt.Sprintf("rows do not fit the new database: %s: %v", b.String(), e.Err)
}

// Unwrap returns what the server said.
func (e *TrialError) Unwrap() error { return e.Err }

// Try puts rows where they will go, builds over them what rows can violate (unique and exclusion constraints,
// indexes over expressions or of a part of the table), and takes everything back. A row that does not fit is a
// TrialError. No trigger fires and no foreign key judges: neither is there before the rows. It may be called between Begin and the first
// Write, from several goroutines.
func (t *Target) Try(ctx context.Context, name catalog.Name, rows *masked.Rows) error {
	b := t.current()
	if b == nil {
		return errNotBegun
	}
	table, ok := b.tables[name]
	if !ok || table.Empty {
		return errors.New("the table was not ordered")
	}
	if table.Table.Extension != "" {
		return nil // its rows come upon those that making the extension left
	}
	want := masked.Header{Table: name, Columns: table.Columns, Format: formatOf(table), Plan: b.order.Digests.Plan}
	if err := rows.Header().Check(want); err != nil {
		return err
	}
	conn, err := b.sessions.take(ctx)
	if err != nil {
		return err
	}
	tried := &trial{build: b, conn: conn, table: table.Table}
	own := table.Into.IsZero() || table.Into == name
	err = tried.begin(ctx, own)
	if err == nil {
		if _, err = copyIn(ctx, conn, table, false, rows, nil); err != nil {
			err = tried.judge(err, nil)
		} else if own {
			err = tried.indexes(ctx)
		}
	}
	if _, back := conn.Exec(ctx, "ROLLBACK"); back != nil {
		closeNow(conn)
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		return sanitize(errors.Join(err, back))
	}
	b.sessions.give(conn)
	return sanitize(err)
}

// trial is one table's.
type trial struct {
	build *build
	conn  *pgx.Conn
	table *catalog.Table
}

// begin opens the transaction. A table that is emptied in it, though it is empty, gets a file of its own, which
// goes when the transaction does: nothing of the trial is left in the table's own.
func (t *trial) begin(ctx context.Context, own bool) error {
	begin := "BEGIN"
	if own {
		begin += "; TRUNCATE ONLY " + t.table.Name.SQL()
	}
	_, err := t.conn.PgConn().Exec(ctx, begin).ReadAll()
	return err
}

// indexes builds what rows can violate. What is there already has judged them.
func (t *trial) indexes(ctx context.Context) error {
	var there []string
	err := t.conn.QueryRow(ctx, `SELECT coalesce(array_agg(c.relname::text), '{}') FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
		WHERE i.indrelid = $1::regclass`, t.table.Name.SQL()).Scan(&there)
	if err != nil {
		return err
	}
	known := make(map[string]bool, len(there))
	for _, name := range there {
		known[name] = true
	}
	for i := range t.table.Indexes {
		index := &t.table.Indexes[i]
		if known[index.Name] || !index.Valid || !canFail(index) || t.build.tolerates(t.table.Name, index.Name) {
			continue
		}
		statement := index.Definition
		if index.Exclusion {
			if index.Excludes == "" {
				continue
			}
			statement = "ALTER TABLE ONLY " + t.table.Name.SQL() + " ADD CONSTRAINT " + quoted(index.Name) + " " + index.Excludes
		}
		if _, err := t.conn.PgConn().Exec(ctx, statement).ReadAll(); err != nil {
			return t.judge(err, index)
		}
	}
	return nil
}

// canFail reports whether rows can violate an index: it is unique, excludes, or computes something of a row.
func canFail(index *catalog.Index) bool {
	if index.Unique || index.Exclusion || index.Predicate != "" {
		return true
	}
	for _, part := range index.Columns {
		if part.Expression != "" {
			return true
		}
	}
	return false
}

// judge tells a row that does not fit from trouble with the connection or the server.
func (t *trial) judge(err error, index *catalog.Index) error {
	err = sanitize(err)
	server, ok := errors.AsType[*ServerError](err)
	if !ok || len(server.Code) != 5 {
		return err
	}
	switch server.Code[:2] {
	case "08", "25", "40", "53", "55", "57", "58", "XX":
		return err
	}
	failed := &TrialError{Table: t.table.Name, Row: server.Line, Err: server}
	switch {
	case index != nil:
		failed.Object = "index " + index.Name
		for _, part := range index.Columns {
			if part.Column != "" {
				failed.Columns = append(failed.Columns, part.Column)
			}
			failed.Columns = append(failed.Columns, part.Reads...)
		}
	case server.Column != "":
		failed.Columns = []string{server.Column}
	case server.Constraint != "":
		failed.Object = "constraint " + server.Constraint
		for _, check := range t.table.Checks {
			if check.Name == server.Constraint {
				failed.Columns = check.Columns
			}
		}
	}
	return failed
}
