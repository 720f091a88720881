package pg

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/finding"
)

// Retain carries the environment's own rows from the database that serves into the new one, after Verify
// and before Complete. All of them arrive or none: keys that collide and parents that did not arrive are
// a *RetainError, found before the first row is written. No trigger fires, every constraint holds, and
// sequences are moved past them. From a database that no run of ours made nothing is carried over.
func (t *Target) Retain(ctx context.Context) ([]Retained, error) {
	b := t.current()
	if b == nil {
		return nil, errNotBegun
	}
	if len(t.opts.Retain) == 0 {
		return nil, nil
	}
	if b.resumed && len(b.cert.Retained) > 0 {
		// An earlier attempt wrote the same rows, and may not have come to what stands on them.
		return b.cert.Retained, b.afterRetaining(ctx, b.cert.Retained)
	}
	var all []Retained
	err := t.opts.within(ctx, t.base, func(old *pgx.Conn) error {
		certified, err := t.certified(ctx, old)
		if err != nil || !certified {
			return err
		}
		from, err := t.servingRun(ctx)
		if err != nil {
			return err
		}
		r, found, err := t.planRetention(ctx, old, b.order.Tables)
		if err != nil {
			return err
		}
		if found.HasErrors() {
			return &RetainError{found}
		}
		at := t.opts.Now().UTC()
		return t.gather(ctx, old, r, func(tx pgx.Tx) error {
			return t.opts.within(ctx, b.database, func(conn *pgx.Conn) error {
				l := &landing{retention: r, conn: conn, dropped: make([]int64, len(r.tables))}
				l.certify = func(all []Retained) error {
					b.mu.Lock()
					b.cert.Retained, b.cert.RetainedAt = all, at
					cert := b.cert
					b.mu.Unlock()
					if _, err := conn.Exec(ctx, noteSQL(retainedAs(from, t.opts.Retain))); err != nil {
						return fmt.Errorf("record what was retained: %w", err)
					}
					return storeCertificate(ctx, conn, cert)
				}
				all, err = l.land(ctx, tx.Conn())
				return err
			})
		})
	})
	if err != nil {
		return nil, fmt.Errorf("retain: %w", err)
	}
	if all == nil {
		return nil, nil
	}
	if err := b.afterRetaining(ctx, all); err != nil {
		return nil, fmt.Errorf("retain: %w", err)
	}
	return all, nil
}

// retainsAsBefore refuses to go on where an earlier attempt carried over other rows than are asked for now.
func (b *build) retainsAsBefore(ctx context.Context) error {
	if len(b.cert.Retained) == 0 {
		return nil
	}
	from, err := b.t.servingRun(ctx)
	if err != nil && !errors.Is(err, errNoCertificate) {
		return fmt.Errorf("look for the environment's own rows: %w", err)
	}
	if b.did(retainedAs(from, b.t.opts.Retain)) {
		return nil
	}
	return refuse("retain-changed", b.database, "before the run failed, rows were carried over from another database than serves now, or others than retain: names now",
		"put that back as it was, or start a new run: lethe refresh "+b.t.opts.Environment)
}

// servingRun is the run whose data serves: what is carried over is carried over from there.
func (t *Target) servingRun(ctx context.Context) (run string, err error) {
	err = t.opts.within(ctx, t.base, func(conn *pgx.Conn) error {
		c, err := loadCertificate(ctx, conn)
		run = c.Run
		return err
	})
	return run, err
}

// retainedAs names, in the list of what was done, which rows were asked for: by a digest, as conditions may
// spell values.
func retainedAs(from string, all []Retain) string {
	sum := sha256.New()
	fmt.Fprintf(sum, "%q\n", from)
	for _, r := range all {
		fmt.Fprintf(sum, "%q %q %t %t %q\n", r.Table.String(), r.Where, r.DropOrphans, r.Replace, r.Lose)
	}
	return "retain " + hex.EncodeToString(sum.Sum(nil))
}

// afterRetaining brings what stands on the rows up to date: sequences, statistics, materialised views.
func (b *build) afterRetaining(ctx context.Context, all []Retained) error {
	arrived := func(name catalog.Name) bool {
		return slices.ContainsFunc(all, func(r Retained) bool { return r.Table == name && r.Rows > 0 })
	}
	var feeding []catalog.Sequence
	for _, s := range b.feeding() {
		if arrived(s.Table) {
			feeding = append(feeding, s)
		}
	}
	if err := each(ctx, b, feeding, pastTheData); err != nil {
		return err
	}
	names := []catalog.Name{}
	above := aboveForeign(b.order.Catalog)
	for _, r := range all {
		if arrived(r.Table) && !above[r.Table] {
			names = append(names, r.Table)
		}
	}
	if len(names) == 0 {
		return nil
	}
	err := each(ctx, b, names, func(ctx context.Context, conn *pgx.Conn, name catalog.Name) error {
		_, err := conn.Exec(ctx, "ANALYZE "+name.SQL())
		return err
	})
	if err != nil {
		return err
	}
	return b.refreshViews(ctx)
}

// landing is the transaction in the new database that the rows arrive by.
type landing struct {
	*retention
	conn    *pgx.Conn
	edges   []edge // of the new database
	dropped []int64
	// certify records what arrived, in the same transaction.
	certify func([]Retained) error
}

// stage names the temporary table that a table's rows wait in.
func stage(i int) string { return fmt.Sprintf("pg_temp.lethe_own_%d", i) }

// land copies the rows beside, looks whether they fit, and writes them by one statement.
func (l *landing) land(ctx context.Context, from *pgx.Conn) ([]Retained, error) {
	tx, err := l.conn.Begin(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	if l.edges, err = readEdges(ctx, l.conn); err != nil {
		return nil, err
	}
	for i, c := range l.tables {
		if c.lost != "" {
			continue // it has no rows that are carried over
		}
		room := fmt.Sprintf("CREATE TEMP TABLE lethe_own_%d ON COMMIT DROP AS SELECT %s FROM %s WITH NO DATA", i, columnList(c.columns), c.name.SQL())
		if _, err := tx.Exec(ctx, room); err != nil {
			return nil, fmt.Errorf("make room for rows of %s: %w", c.name, err)
		}
		if err := ferry(ctx, from, l.conn, l.selectOwn(i), stage(i)); err != nil {
			return nil, fmt.Errorf("copy rows of %s: %w", c.name, err)
		}
		if _, err := tx.Exec(ctx, "ANALYZE "+stage(i)); err != nil {
			return nil, err
		}
	}
	// Constraints that wait for the end would keep triggers from being enabled again.
	if _, err := tx.Exec(ctx, "SET CONSTRAINTS ALL IMMEDIATE"); err != nil {
		return nil, err
	}
	enable, err := l.quiet(ctx, tx)
	if err != nil {
		return nil, err
	}
	all, err := l.write(ctx, tx)
	if err != nil {
		return nil, err
	}
	for _, statement := range enable {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return nil, fmt.Errorf("enable triggers again: %w", err)
		}
	}
	if err := l.certify(all); err != nil {
		return nil, err
	}
	return all, tx.Commit(ctx)
}

// write empties the tables that are replaced, looks whether the rows fit, and writes them. No trigger fires.
func (l *landing) write(ctx context.Context, tx pgx.Tx) ([]Retained, error) {
	for _, c := range l.tables {
		if c.entry != nil && c.entry.Replace {
			if _, err := tx.Exec(ctx, "DELETE FROM "+relation(c.name, c.newKind == catalog.Ordinary)); err != nil {
				return nil, fmt.Errorf("empty %s: %w", c.name, err)
			}
		}
	}
	if err := l.fit(ctx, tx); err != nil {
		return nil, err
	}
	return l.insert(ctx, tx)
}

// fit leaves out orphans where that was asked for, and finds what else keeps the rows from arriving.
func (l *landing) fit(ctx context.Context, tx pgx.Tx) error {
	for {
		var gone int64
		for _, e := range l.edges {
			i, orphan := l.orphans(e)
			if i < 0 || !l.tables[i].dropOrphans {
				continue
			}
			tag, err := tx.Exec(ctx, fmt.Sprintf("DELETE FROM %s c WHERE %s", stage(i), orphan))
			if err != nil {
				return fmt.Errorf("look for parents by %s: %w", e.name, err)
			}
			l.dropped[i] += tag.RowsAffected()
			gone += tag.RowsAffected()
		}
		if gone == 0 {
			break
		}
	}
	var found finding.List
	for _, e := range l.edges {
		i, orphan := l.orphans(e)
		if i < 0 || l.tables[i].dropOrphans {
			continue
		}
		var n int64
		if err := tx.QueryRow(ctx, fmt.Sprintf("SELECT count(*) FROM %s c WHERE %s", stage(i), orphan)).Scan(&n); err != nil {
			return fmt.Errorf("look for parents by %s: %w", e.name, err)
		}
		if n > 0 {
			found = append(found, finding.Finding{Code: "retain-parent", Object: e.name,
				Message: fmt.Sprintf("%d retained rows of %s refer by it to rows of %s that did not arrive", n, e.child, e.parent),
				Fix:     "retain those too, or write on_missing: drop row"})
		}
	}
	for i, c := range l.tables {
		if c.lost != "" {
			continue
		}
		more, err := l.collisions(ctx, tx, i)
		if err != nil {
			return fmt.Errorf("compare keys of %s: %w", c.name, err)
		}
		found = append(found, more...)
	}
	if len(found) > 0 {
		return &RetainError{found}
	}
	return nil
}

// orphans returns the table that the key is of and the condition on its waiting rows, aliased c, that
// refer to no row; -1 when none wait or the key's columns are not carried over.
func (l *landing) orphans(e edge) (table int, condition string) {
	i := l.index(e.child)
	if i < 0 || l.tables[i].lost != "" {
		return -1, ""
	}
	var filled []string
	for _, column := range e.childColumns {
		if !slices.Contains(l.tables[i].columns, column) {
			return -1, ""
		}
		filled = append(filled, "c."+quoted(column)+" IS NOT NULL")
	}
	condition = strings.Join(filled, " AND ") + fmt.Sprintf(" AND NOT EXISTS (SELECT FROM %s p WHERE %s)", e.parent.SQL(), e.matches("p", "c"))
	j := l.index(e.parent)
	if j < 0 || l.tables[j].lost != "" {
		return i, condition
	}
	for _, column := range e.parents {
		if !slices.Contains(l.tables[j].columns, column) {
			return i, condition
		}
	}
	return i, condition + fmt.Sprintf(" AND NOT EXISTS (SELECT FROM %s p WHERE %s)", stage(j), e.matches("p", "c"))
}

// uniqueParts lists the unique indexes of a table: each with its keys as expressions, the operators that
// compare them, its condition, and whether it takes NULLs as equal.
const uniqueParts = `SELECT ic.relname,
		(SELECT array_agg(pg_get_indexdef(i.indexrelid, k.n, false) ORDER BY k.n) FROM generate_series(1, i.indnkeyatts) k (n)),
		(SELECT array_agg(format('OPERATOR(%I.%s)', n.nspname, o.oprname) ORDER BY k.i)
			FROM unnest(i.indclass) WITH ORDINALITY k (c, i) JOIN pg_opclass c ON c.oid = k.c
			JOIN pg_amop a ON a.amopfamily = c.opcfamily AND a.amoplefttype = c.opcintype AND a.amoprighttype = c.opcintype AND a.amopstrategy = 3
			JOIN pg_operator o ON o.oid = a.amopopr JOIN pg_namespace n ON n.oid = o.oprnamespace),
		coalesce(pg_get_expr(i.indpred, i.indrelid), 'true'),
		coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false)
	FROM pg_index i JOIN pg_class ic ON ic.oid = i.indexrelid JOIN pg_am am ON am.oid = ic.relam
	WHERE i.indrelid = $1::regclass AND i.indisunique AND am.amname = 'btree' ORDER BY 1`

// collisions counts, for each unique key, the waiting rows of which the new data has the key already.
func (l *landing) collisions(ctx context.Context, tx pgx.Tx, i int) (finding.List, error) {
	type key struct {
		name             string
		parts, operators []string
		condition        string
		nulls            bool
	}
	name := l.tables[i].name
	result, err := tx.Query(ctx, uniqueParts, name.SQL())
	if err != nil {
		return nil, err
	}
	keys, err := pgx.CollectRows(result, func(row pgx.CollectableRow) (k key, err error) {
		return k, row.Scan(&k.name, &k.parts, &k.operators, &k.condition, &k.nulls)
	})
	if err != nil {
		return nil, err
	}
	var found finding.List
	for _, k := range keys {
		if len(k.operators) != len(k.parts) {
			continue // an operator class of its own making: the server compares when the rows are written
		}
		var parts, same []string
		for j, part := range k.parts {
			parts = append(parts, fmt.Sprintf("(%s) AS k%d", part, j))
			equal := fmt.Sprintf("a.k%d %s b.k%[1]d", j, k.operators[j])
			if k.nulls {
				equal = fmt.Sprintf("(%s OR a.k%d IS NULL AND b.k%[2]d IS NULL)", equal, j)
			}
			same = append(same, equal)
		}
		of := func(table string) string {
			return fmt.Sprintf("(SELECT %s FROM %s WHERE %s)", strings.Join(parts, ", "), table, k.condition)
		}
		var n int64
		query := fmt.Sprintf("SELECT count(*) FROM %s a WHERE EXISTS (SELECT FROM %s b WHERE %s)", of(stage(i)), of(name.SQL()), strings.Join(same, " AND "))
		err := tx.QueryRow(ctx, query).Scan(&n)
		if hasCode(err, "42703") {
			// The key is over a column that is not carried over, and so takes its default.
			return found, fmt.Errorf("the key %s is over a column that only the new table has", k.name)
		}
		if err != nil {
			return nil, err
		}
		if n > 0 {
			found = append(found, finding.Finding{Code: "retain-collision", Object: k.name,
				Message: fmt.Sprintf("%d retained rows of %s have a key that rows from the source have too", n, name),
				Fix:     "give the environment's own rows keys of a range of their own"})
		}
	}
	return found, nil
}

// insert writes all rows by one statement, so that keys are checked when all are there, whatever refers
// to what.
func (l *landing) insert(ctx context.Context, tx pgx.Tx) ([]Retained, error) {
	var inserts, counts []string
	var waiting []int
	for i, c := range l.tables {
		if c.lost != "" {
			continue
		}
		columns := columnList(c.columns)
		inserts = append(inserts, fmt.Sprintf("r%d AS (INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM %s RETURNING 1)", i, c.name.SQL(), columns, columns, stage(i)))
		counts = append(counts, fmt.Sprintf("(SELECT count(*) FROM r%d)", i), fmt.Sprintf("(SELECT count(*) FROM %s)", stage(i)))
		waiting = append(waiting, i)
	}
	var got []int64
	query := "WITH " + strings.Join(inserts, ", ") + " SELECT ARRAY[" + strings.Join(counts, ", ") + "]::bigint[]"
	if err := tx.QueryRow(ctx, query).Scan(&got); err != nil {
		if safe := sanitize(err); hasCode(err, "23505", "23503", "23P01", "23514", "23502") {
			return nil, &RetainError{finding.List{{Code: "retain-constraint", Message: "retained rows break a constraint: " + safe.Error(), Fix: "change the rows, or retain others"}}}
		}
		return nil, err
	}
	var all []Retained
	for n, i := range waiting {
		if got[2*n] != got[2*n+1] {
			return nil, fmt.Errorf("write rows of %s: %d arrived of %d", l.tables[i].name, got[2*n], got[2*n+1])
		}
		all = append(all, Retained{Table: l.tables[i].name, Rows: got[2*n], Dropped: l.dropped[i]})
	}
	return all, nil
}

// quiet disables the triggers of the tables, and returns the statements that enable them again. A rule
// that would act on the rows is refused: it cannot be told what it does.
func (l *landing) quiet(ctx context.Context, tx pgx.Tx) (enable []string, err error) {
	var names, emptied []string
	for _, c := range l.tables {
		if c.lost != "" {
			continue // nothing is written into it, and it may not even be there
		}
		names = append(names, c.name.SQL())
		if c.entry != nil && c.entry.Replace {
			emptied = append(emptied, c.name.SQL())
		}
	}
	const rules = `SELECT format('%s of %s', r.rulename, r.ev_class::regclass) FROM pg_rewrite r
		WHERE (r.ev_class = ANY ($1::regclass[]) AND r.ev_type = '3' OR r.ev_class = ANY ($2::regclass[]) AND r.ev_type = '4') AND r.ev_enabled IN ('O', 'A') ORDER BY 1`
	acting, err := column(ctx, l.conn, rules, names, emptied)
	if err != nil {
		return nil, err
	}
	if len(acting) > 0 {
		return nil, &RetainError{finding.List{{Code: "retain-rule", Object: acting[0], Message: "a rule would act on the retained rows", Fix: "make a trigger of it"}}}
	}
	const triggers = `SELECT format('ALTER TABLE %s DISABLE TRIGGER %I', g.tgrelid::regclass, g.tgname),
			format('ALTER TABLE %s ENABLE %s TRIGGER %I', g.tgrelid::regclass, CASE g.tgenabled WHEN 'A' THEN 'ALWAYS' ELSE '' END, g.tgname)
		FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid
		WHERE NOT g.tgisinternal AND g.tgenabled IN ('O', 'A') AND (g.tgrelid = ANY ($1::regclass[])
			OR g.tgrelid IN (SELECT p.relid FROM unnest($1::regclass[]) r (oid), pg_partition_tree(r.oid) p))
		ORDER BY c.relkind, 1`
	result, err := tx.Query(ctx, triggers, names)
	if err != nil {
		return nil, err
	}
	var disable, back string
	var all []string
	_, err = pgx.ForEachRow(result, []any{&disable, &back}, func() error {
		all, enable = append(all, disable), append(enable, back)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, statement := range all {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return nil, fmt.Errorf("disable triggers: %w", err)
		}
	}
	return enable, nil
}
