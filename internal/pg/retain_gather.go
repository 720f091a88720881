package pg

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/finding"
)

// gather finds the rows in the session's database, at one instant, and calls read while they are known.
// The transaction is rolled back. Rows that cannot arrive are a *RetainError.
func (t *Target) gather(ctx context.Context, conn *pgx.Conn, r *retention, read func(tx pgx.Tx) error) error {
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	// Rows are known by where they lie, which no other transaction changes for this one.
	if _, err := tx.Exec(ctx, `CREATE TEMP TABLE lethe_own (tab integer, rel oid, tid tid, PRIMARY KEY (tab, rel, tid)) ON COMMIT DROP`); err != nil {
		return fmt.Errorf("note which rows are the environment's own: %w", err)
	}
	for i, c := range r.tables {
		if c.whole || c.entry == nil {
			continue
		}
		// The line break ends a comment in the condition. One statement only: the text may be anything.
		query := fmt.Sprintf("INSERT INTO pg_temp.lethe_own SELECT %d, tableoid, ctid FROM %s WHERE (%s\n)", i, relation(c.name, c.oldKind == catalog.Ordinary), c.entry.Where)
		if err := tx.Conn().PgConn().ExecParams(ctx, query, nil, nil, nil, nil).Read().Err; err != nil {
			err = sanitize(err)
			if ctx.Err() != nil {
				return err
			}
			return &RetainError{finding.List{{Code: "bad-condition", Place: c.entry.Place, Object: c.name.String(),
				Message: "the condition on the rows cannot be read: " + err.Error(), Fix: "correct where:"}}}
		}
	}
	if err := r.follow(ctx, tx); err != nil {
		return err
	}
	var lost finding.List
	for i, c := range r.tables {
		if c.lost == "" {
			continue
		}
		var n int64
		if err := tx.QueryRow(ctx, `SELECT count(*) FROM pg_temp.lethe_own WHERE tab = $1`, i).Scan(&n); err != nil {
			return err
		}
		if n > 0 {
			lost = append(lost, finding.Finding{Code: "retain-dependants", Object: c.name.String(),
				Message: fmt.Sprintf("%d rows refer to retained rows and cannot arrive: %s", n, c.lost), Fix: c.lostFix})
		}
	}
	if len(lost) > 0 {
		return &RetainError{lost}
	}
	return read(tx)
}

// follow adds the rows that refer to those that are known, until there are no more.
func (r *retention) follow(ctx context.Context, tx pgx.Tx) error {
	for {
		var added int64
		for _, e := range r.edges {
			parent, child := r.index(e.parent), r.index(e.child)
			if parent < 0 || child < 0 || r.tables[parent].whole || r.tables[child].whole {
				continue
			}
			query := fmt.Sprintf(`INSERT INTO pg_temp.lethe_own SELECT %d, c.tableoid, c.ctid FROM %s c WHERE EXISTS (
				SELECT FROM %s p JOIN pg_temp.lethe_own k ON k.tab = %d AND k.rel = p.tableoid AND k.tid = p.ctid WHERE %s) ON CONFLICT DO NOTHING`,
				child, relation(e.child, e.childPlain), relation(e.parent, e.parentOnly), parent, e.matches("p", "c"))
			tag, err := tx.Exec(ctx, query)
			if err != nil {
				return fmt.Errorf("follow %s of %s: %w", e.name, e.child, err)
			}
			added += tag.RowsAffected()
		}
		if added == 0 {
			return nil
		}
	}
}

// selectOwn spells the rows of a table that are carried over.
func (r *retention) selectOwn(i int) string {
	c := r.tables[i]
	query := "SELECT " + columnList(c.columns) + " FROM " + relation(c.name, c.oldKind == catalog.Ordinary)
	if !c.whole {
		query += fmt.Sprintf(" WHERE (tableoid, ctid) IN (SELECT rel, tid FROM pg_temp.lethe_own WHERE tab = %d)", i)
	}
	return query
}

// columnList spells columns, separated by commas.
func columnList(names []string) string {
	all := make([]string, len(names))
	for i, name := range names {
		all[i] = quoted(name)
	}
	return strings.Join(all, ", ")
}

// ferry copies what a query yields from one session into a table of another.
func ferry(ctx context.Context, from, to *pgx.Conn, query, into string) error {
	group, ctx := errgroup.WithContext(ctx)
	reader, writer := io.Pipe()
	group.Go(func() error {
		_, err := from.PgConn().CopyTo(ctx, writer, "COPY ("+query+") TO STDOUT")
		_ = writer.CloseWithError(err) // it never errs
		return err
	})
	group.Go(func() error {
		_, err := to.PgConn().CopyFrom(ctx, reader, "COPY "+into+" FROM STDIN")
		_ = reader.CloseWithError(errors.New("the other side ended")) // it never errs
		return err
	})
	return sanitize(group.Wait())
}
