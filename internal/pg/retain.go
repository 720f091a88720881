package pg

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/finding"
	"github.com/lethedb/lethe/internal/work"
)

// Retain names rows of the environment's own: a whole table, or those that meet a condition together with
// all rows that refer to them.
type Retain struct {
	Place finding.Place
	Table catalog.Name
	// Where is a condition as SQL, "" for the whole table.
	Where string
	// DropOrphans leaves out rows whose parents did not arrive; otherwise they fail the run.
	DropOrphans bool
	// Replace lets a whole table take the place of rows that came from the source.
	Replace bool
	// Lose are columns that only the old table has, and whose values may be lost.
	Lose []string
}

// Retained says what was carried over of one table.
type Retained struct {
	Table catalog.Name `json:"table"`
	Rows  int64        `json:"rows"`
	// Dropped is how many rows were left out, for their parents did not arrive.
	Dropped int64 `json:"dropped,omitempty"`
}

// RetainError says why rows of the environment's own cannot be carried over: keys that collide, parents
// that did not arrive. Nothing was published.
type RetainError struct{ Findings finding.List }

// Error names the first finding and how many there are.
func (e *RetainError) Error() string {
	if len(e.Findings) == 1 {
		return "carry over the environment's own rows: " + e.Findings[0].String()
	}
	return fmt.Sprintf("carry over the environment's own rows: %d findings, the first: %s", len(e.Findings), e.Findings[0])
}

// carried is one table of which rows are carried over.
type carried struct {
	name catalog.Name
	// columns are read from the old table and written to the new.
	columns []string
	// entry is the configuration's own entry, nil for a table that is reached from others.
	entry *Retain
	// whole tables are read without a list of rows.
	whole, dropOrphans bool
	// lost says why its rows cannot arrive, "" when they can: told only when there are any.
	lost, lostFix string
	// oldKind and newKind tell a partitioned table, which is read and written as a whole.
	oldKind, newKind catalog.Kind
}

// retention is what is to be carried over, and along which keys.
type retention struct {
	tables []carried
	edges  []edge // of the old database
}

// index returns the table's place in the list, -1 when nothing is carried of it.
func (r *retention) index(name catalog.Name) int {
	return slices.IndexFunc(r.tables, func(c carried) bool { return c.name == name })
}

// edge is a foreign key with the operators that compare its sides.
type edge struct {
	name                   string
	child, parent          catalog.Name
	childColumns, parents  []string
	operators              []string
	childPlain, parentOnly bool // ordinary tables, read without those that inherit from them
}

// readEdges reads the foreign keys of the session's database, those of partitions left to their roots.
func readEdges(ctx context.Context, conn *pgx.Conn) ([]edge, error) {
	const query = `SELECT c.conname, n.nspname, t.relname, t.relkind = 'r', pn.nspname, p.relname, p.relkind = 'r',
			(SELECT array_agg(a.attname::text ORDER BY k.i) FROM unnest(c.conkey) WITH ORDINALITY k (n, i) JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.n),
			(SELECT array_agg(a.attname::text ORDER BY k.i) FROM unnest(c.confkey) WITH ORDINALITY k (n, i) JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.n),
			(SELECT array_agg(format('OPERATOR(%I.%s)', o.nspname, q.oprname) ORDER BY k.i)
				FROM unnest(c.conpfeqop) WITH ORDINALITY k (n, i) JOIN pg_operator q ON q.oid = k.n JOIN pg_namespace o ON o.oid = q.oprnamespace)
		FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid JOIN pg_namespace n ON n.oid = t.relnamespace
			JOIN pg_class p ON p.oid = c.confrelid JOIN pg_namespace pn ON pn.oid = p.relnamespace
		WHERE c.contype = 'f' AND c.conparentid = 0 ORDER BY 2, 3, 1`
	result, err := conn.Query(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("read foreign keys: %w", err)
	}
	var all []edge
	var e edge
	_, err = pgx.ForEachRow(result, []any{&e.name, &e.child.Schema, &e.child.Name, &e.childPlain, &e.parent.Schema, &e.parent.Name, &e.parentOnly,
		&e.childColumns, &e.parents, &e.operators}, func() error {
		copied := e
		copied.childColumns, copied.parents, copied.operators = slices.Clone(e.childColumns), slices.Clone(e.parents), slices.Clone(e.operators)
		all = append(all, copied)
		return nil
	})
	return all, err
}

// matches spells the comparison of the two sides, each by its alias.
func (e edge) matches(parent, child string) string {
	var parts []string
	for i := range e.parents {
		parts = append(parts, parent+"."+quoted(e.parents[i])+" "+e.operators[i]+" "+child+"."+quoted(e.childColumns[i]))
	}
	return strings.Join(parts, " AND ")
}

// relation spells a table in FROM.
func relation(name catalog.Name, plain bool) string {
	if plain {
		return "ONLY " + name.SQL()
	}
	return name.SQL()
}

// CheckRetain tells whether the rows that Retain of the options names can be carried from the database
// that serves into one made of the source's catalog by these tables. It reads the serving database only.
// A database that no run of ours made has nothing that certifies its rows: nothing is carried over then,
// which is a warning.
func CheckRetain(ctx context.Context, opts TargetOptions, tables []work.Table) (finding.List, error) {
	if len(opts.Retain) == 0 {
		return nil, nil
	}
	t, err := findTarget(ctx, opts)
	if err != nil {
		return nil, err
	}
	var found finding.List
	err = t.opts.within(ctx, t.base, func(conn *pgx.Conn) error {
		certified, err := t.certified(ctx, conn)
		if err != nil {
			return err
		}
		if !certified {
			found = finding.List{{Code: "retain-nothing", Severity: finding.Warning, Object: t.base, Place: opts.Retain[0].Place,
				Message: "no run of lethe made the database that serves, so that nothing certifies its rows: none are carried over this time",
				Fix:     "take them from the previous database afterwards, which is kept"}}
			return nil
		}
		r, more, err := t.planRetention(ctx, conn, tables)
		found = more
		if err != nil || found.HasErrors() {
			return err
		}
		// What it gathers is rolled back.
		return t.gather(ctx, conn, r, func(pgx.Tx) error { return nil })
	})
	if failed, ok := errors.AsType[*RetainError](err); ok {
		return append(found, failed.Findings...), nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for the environment's own rows: %w", err)
	}
	return found, nil
}

// certified reports whether the session's database carries this environment's certificate.
func (t *Target) certified(ctx context.Context, conn *pgx.Conn) (bool, error) {
	c, err := loadCertificate(ctx, conn)
	if errors.Is(err, errNoCertificate) {
		return false, nil
	}
	return err == nil && c.Environment == t.marker.ID, err
}

// planRetention compares the tables on both sides and finds what can be told without looking at rows.
func (t *Target) planRetention(ctx context.Context, conn *pgx.Conn, tables []work.Table) (*retention, finding.List, error) {
	old, err := readCatalog(ctx, conn)
	if err != nil {
		return nil, nil, err
	}
	edges, err := readEdges(ctx, conn)
	if err != nil {
		return nil, nil, err
	}
	olds, news := map[catalog.Name]*catalog.Table{}, map[catalog.Name]*work.Table{}
	for i := range old.Tables {
		olds[old.Tables[i].Name] = &old.Tables[i]
	}
	for i := range tables {
		news[tables[i].Table.Name] = &tables[i]
	}
	r := &retention{edges: edges}
	var found finding.List
	for i := range t.opts.Retain {
		entry := &t.opts.Retain[i]
		c, problems := compareRetained(entry.Table, olds, news, entry.Lose)
		c.entry, c.whole, c.dropOrphans = entry, entry.Where == "", entry.DropOrphans
		problems = append(problems, wholeTable(*entry, news, tables)...)
		for j := range problems {
			problems[j].Place, problems[j].Severity = entry.Place, finding.Error
		}
		found = append(found, problems...)
		r.tables = append(r.tables, c)
	}
	r.reach(olds, news)
	return r, found, nil
}

// reach adds the tables that refer to those of which some rows are carried over, and so on.
func (r *retention) reach(olds map[catalog.Name]*catalog.Table, news map[catalog.Name]*work.Table) {
	for i := 0; i < len(r.tables); i++ {
		from := r.tables[i]
		if from.whole {
			continue // it has no dependants: who names it says which rows come
		}
		for _, e := range r.edges {
			if e.parent != from.name {
				continue
			}
			if r.index(e.child) >= 0 {
				continue
			}
			c, problems := compareRetained(e.child, olds, news, nil)
			c.dropOrphans = true
			if len(problems) > 0 {
				c.lost, c.lostFix = problems[0].Message, "name the table under retain: with lose:, or take the rows out"
			}
			r.tables = append(r.tables, c)
		}
	}
	// A row may be left out only where all say so through which it may have come.
	for changed := true; changed; {
		changed = false
		for _, e := range r.edges {
			parent, child := r.index(e.parent), r.index(e.child)
			if parent < 0 || child < 0 || r.tables[parent].whole || r.tables[parent].dropOrphans || r.tables[child].entry != nil || !r.tables[child].dropOrphans {
				continue
			}
			r.tables[child].dropOrphans, changed = false, true
		}
	}
}

// compareRetained finds the columns that a table has on both sides and what keeps its rows from arriving.
func compareRetained(name catalog.Name, olds map[catalog.Name]*catalog.Table, news map[catalog.Name]*work.Table, lose []string) (carried, finding.List) {
	c := carried{name: name}
	var found finding.List
	problem := func(code, fix, format string, args ...any) {
		found = append(found, finding.Finding{Code: code, Object: name.String(), Message: fmt.Sprintf(format, args...), Fix: fix})
	}
	before, after := olds[name], news[name]
	switch {
	case before == nil:
		problem("retain-table", "correct the name, or leave it out", "the table that rows are retained of is not in the serving database")
	case after == nil:
		problem("retain-table", "leave it out, or make it again under after:", "the table that rows are retained of is not among those that arrive")
	case !holdsRows(before.Kind) || !holdsRows(after.Table.Kind):
		problem("retain-table", "name ordinary or partitioned tables", "rows are retained of tables alone")
	case before.Extension != "" || after.Table.Extension != "":
		problem("retain-table", "leave it out", "the table belongs to an extension")
	}
	if len(found) > 0 {
		return c, found
	}
	c.oldKind, c.newKind = before.Kind, after.Table.Kind
	has := map[string]catalog.Column{}
	for _, column := range before.Columns {
		has[column.Name] = column
	}
	for _, column := range after.Table.Columns {
		was, there := has[column.Name]
		delete(has, column.Name)
		switch {
		case column.Generated != "":
		case !there && column.NotNull && column.Default == "" && column.Identity == "":
			problem("retain-column", "give it a default in production, or take it from production only", "column %s is new, may not be NULL and has no default", column.Name)
		case !there:
		case was.Type.Name != column.Type.Name:
			problem("retain-type", "change the serving table's column first", "column %s has another type than the serving table's", column.Name)
		default:
			c.columns = append(c.columns, column.Name)
		}
	}
	for _, column := range before.Columns {
		if _, left := has[column.Name]; left && column.Generated == "" && !slices.Contains(lose, column.Name) {
			problem("retain-column", "write lose: ["+column.Name+"] where its values may be lost", "column %s of the serving table does not arrive", column.Name)
		}
	}
	return c, found
}

func holdsRows(kind catalog.Kind) bool {
	return kind == catalog.Ordinary || kind == catalog.Partitioned
}

// wholeTable finds why a whole table cannot take the place of what came from the source.
func wholeTable(entry Retain, news map[catalog.Name]*work.Table, tables []work.Table) finding.List {
	arriving := news[entry.Table]
	if entry.Where != "" || arriving == nil || arriving.Empty {
		return nil
	}
	if !entry.Replace {
		return finding.List{{Code: "retain-rows", Object: entry.Table.String(), Message: "the whole table is retained, and rows of it come from the source too",
			Fix: "write rows: none in the rules, or replace: true here"}}
	}
	for _, t := range tables {
		for _, key := range t.Table.ForeignKeys {
			if !t.Empty && (isPartOf(entry.Table, key.References, news) || isPartOf(key.References, entry.Table, news)) {
				return finding.List{{Code: "retain-replace", Object: entry.Table.String(),
					Message: fmt.Sprintf("the table cannot be replaced: rows of %s refer to it by %s", t.Table.Name, key.Name),
					Fix:     "retain rows of it by where:"}}
			}
		}
	}
	return nil
}

// isPartOf reports whether a table is another or a partition of it, at any depth: rows that leave the one leave the
// other, and what refers to either is held by them.
func isPartOf(part, whole catalog.Name, tables map[catalog.Name]*work.Table) bool {
	for range len(tables) {
		if part == whole {
			return true
		}
		t := tables[part]
		if t == nil || !t.Table.IsPartition || len(t.Table.Parents) != 1 {
			return false
		}
		part = t.Table.Parents[0]
	}
	return false
}
