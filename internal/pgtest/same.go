package pgtest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Difference is something in which two databases are not the same. It holds no value of a row.
type Difference struct {
	// Object names what differs by its kind and name, such as "TABLE public.customer" or "rows public.customer".
	Object string
	// What is "lost", "extra" or "changed".
	What string
	// Source and Target are what each side says of it: statements, states, digests. One that lacks it says nothing.
	Source, Target string
}

// String names the object and shows the first line that differs.
func (d Difference) String() string {
	s, t := strings.Split(d.Source, "\n"), strings.Split(d.Target, "\n")
	for i := range min(len(s), len(t)) {
		if s[i] != t[i] {
			return fmt.Sprintf("%s %s: source %q, target %q", d.Object, d.What, s[i], t[i])
		}
	}
	return d.Object + " " + d.What
}

// Same compares two databases by all that a copy must carry, and returns what differs, sorted, by name and
// never by value: every table's rows as a multiset, also those of materialised views and of extensions'
// tables; large objects; what pg_dump says of the schema, statement by statement and in its order; and what
// it does not say, such as states of indexes, constraints, sequences and materialised views. The schema
// lethe is left out on both sides. Both are read by superusers' connection strings and by one pg_dump, the
// newest of this machine. Columns that are masked, each as SQL writes it with its table and schema, count
// neither there nor in the partitions and children of their table.
func Same(t testing.TB, source, target string, masked ...string) []Difference {
	t.Helper()
	var found []Difference
	some := between(majorOf(t, source), majorOf(t, target))
	add := func(kind string, source, target map[string]string) {
		found = append(found, compare(kind, respelt(some, kind, source), respelt(some, kind, target))...)
	}
	add("rows", allRows(t, source, masked), allRows(t, target, masked))
	here, there := statements(DumpSchema(t, source)), statements(DumpSchema(t, target))
	add("schema", byObject(here), byObject(there))
	if len(some) == 0 {
		found = append(found, otherOrder(here, there)...)
	}
	for _, fact := range facts() {
		add(fact.kind, states(t, source, fact), states(t, target, fact))
	}
	slices.SortFunc(found, func(a, b Difference) int { return cmp.Compare(a.Object, b.Object) })
	return found
}

// compare returns what differs between two sets of objects.
func compare(kind string, source, target map[string]string) []Difference {
	var found []Difference
	for name, want := range source {
		got, arrived := target[name]
		switch {
		case !arrived:
			found = append(found, Difference{Object: kind + " " + name, What: "lost", Source: want})
		case got != want:
			found = append(found, Difference{Object: kind + " " + name, What: "changed", Source: want, Target: got})
		}
	}
	for name, got := range target {
		if _, known := source[name]; !known {
			found = append(found, Difference{Object: kind + " " + name, What: "extra", Target: got})
		}
	}
	return found
}

// readTables lists what holds rows of its own, with its columns by name: a child that was made to inherit
// later has its columns in another order after a dump, and rows are told apart by names.
const readTables = `WITH RECURSIVE masked (rel, name) AS (
		SELECT c.oid, a.attname FROM unnest($1::text[]) m (name) JOIN pg_attribute a ON NOT a.attisdropped JOIN pg_class c ON c.oid = a.attrelid
			JOIN pg_namespace n ON n.oid = c.relnamespace WHERE format('%I.%I.%I', n.nspname, c.relname, a.attname) = m.name
		UNION SELECT i.inhrelid, masked.name FROM masked JOIN pg_inherits i ON i.inhparent = masked.rel)
	SELECT format('%I.%I', n.nspname, c.relname), coalesce((SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attname)
		FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
			AND NOT EXISTS (SELECT FROM masked m WHERE m.rel = c.oid AND m.name = a.attname)), ''), c.relkind::text
	FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE (c.relkind = 'r' OR c.relkind = 'm' AND c.relispopulated) AND c.relpersistence <> 't'
		AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'lethe') AND n.nspname NOT LIKE 'pg_toast%'
	ORDER BY 1`

// allRows digests the rows of every table, those that lie in it itself.
func allRows(t testing.TB, dsn string, masked []string) map[string]string {
	t.Helper()
	digests := map[string]string{}
	run(t, dsn, func(ctx context.Context, conn *pgx.Conn) error {
		if err := canonical(ctx, conn); err != nil {
			return err
		}
		type table struct{ Name, Columns, Kind string }
		result, err := conn.Query(ctx, readTables, masked)
		if err != nil {
			return err
		}
		tables, err := pgx.CollectRows(result, pgx.RowToStructByPos[table])
		if err != nil {
			return err
		}
		for _, table := range tables {
			only := "ONLY "
			if table.Kind == "m" {
				only = ""
			}
			if digests[table.Name], err = digestRows(ctx, conn, "SELECT "+table.Columns+" FROM "+only+table.Name); err != nil {
				return err
			}
		}
		return nil
	})
	return digests
}

// canonical gives a session the settings under which equal values have equal texts. The bytes of a database
// without an encoding are nobody's to convert.
func canonical(ctx context.Context, conn *pgx.Conn) error {
	settings := canonicalSettings
	if conn.PgConn().ParameterStatus("server_encoding") == "SQL_ASCII" {
		settings = strings.Replace(settings, "'UTF8'", "'SQL_ASCII'", 1)
	}
	_, err := conn.PgConn().Exec(ctx, settings).ReadAll()
	return err
}

// fact is something that pg_dump does not say: a query of names and states.
type fact struct{ kind, query string }

// ours leaves out the system's schemas, temporary ones and our own.
const ours = `n.nspname NOT IN ('pg_catalog', 'information_schema', 'lethe') AND n.nspname !~ '^pg_'`

func facts() []fact {
	return []fact{
		{"database", `SELECT 'encoding', concat_ws(' ', pg_encoding_to_char(encoding), datcollate, datctype)
			FROM pg_database WHERE datname = current_database()`},
		{"relation", `SELECT format('%I.%I', n.nspname, c.relname), concat_ws(' ', c.relkind, c.relpersistence, 'populated', c.relispopulated,
				'security', c.relrowsecurity, c.relforcerowsecurity, 'identity', c.relreplident, 'partition', c.relispartition)
			FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind <> 'c' AND ` + ours},
		{"index", `SELECT format('%I.%I', n.nspname, c.relname), concat_ws(' ', i.indisvalid, i.indisready, i.indislive, i.indisunique, i.indimmediate,
				i.indisclustered, i.indisreplident, (SELECT p.inhparent::regclass FROM pg_inherits p WHERE p.inhrelid = c.oid))
			FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE ` + ours},
		{"constraint", `SELECT concat_ws(' ', k.conname, 'on', nullif(k.conrelid, 0)::regclass, nullif(k.contypid, 0)::regtype),
				concat_ws(' ', k.contype, k.convalidated, k.condeferrable, k.condeferred, k.conislocal, k.coninhcount, k.connoinherit)
			FROM pg_constraint k JOIN pg_namespace n ON n.oid = k.connamespace WHERE ` + ours + ` AND k.conparentid = 0`},
		{"column", `SELECT format('%I.%I.%I', n.nspname, c.relname, a.attname), concat_ws(' ', format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
				a.attgenerated, a.attislocal, a.attinhcount, a.attstorage, nullif(a.attcompression, ''), nullif(a.attstattarget, -1), (SELECT string_agg(o, ',') FROM unnest(a.attoptions) o WHERE o !~ '^pg_attver='), a.attcollation::regcollation)
			FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'm', 'v', 'f', 'c') AND ` + ours},
		{"trigger", `SELECT concat_ws(' ', t.tgname, 'on', t.tgrelid::regclass), t.tgenabled::text
			FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE NOT t.tgisinternal AND ` + ours},
		{"extension", `SELECT e.extname::text, concat_ws(' ', e.extversion, e.extnamespace::regnamespace, e.extrelocatable) FROM pg_extension e`},
		{"large object", `SELECT m.oid::text, concat_ws(' ', pg_get_userbyid(m.lomowner), (SELECT string_agg(a::text, ',' ORDER BY a::text) FROM unnest(m.lomacl) a),
				md5(lo_get(m.oid)), obj_description(m.oid, 'pg_largeobject')) FROM pg_largeobject_metadata m`},
	}
}

// states returns what a fact says of a database, with the sequences' states when it is about relations.
func states(t testing.TB, dsn string, f fact) map[string]string {
	t.Helper()
	said := map[string]string{}
	run(t, dsn, func(ctx context.Context, conn *pgx.Conn) error {
		if err := canonical(ctx, conn); err != nil {
			return err
		}
		if err := collect(ctx, conn, f.query, said); err != nil || f.kind != "relation" {
			return err
		}
		for name, state := range said {
			if !strings.HasPrefix(state, "S ") {
				continue
			}
			var at string
			if err := conn.QueryRow(ctx, "SELECT concat_ws(' ', last_value, is_called) FROM "+name).Scan(&at); err != nil {
				return fmt.Errorf("read sequence %s: %w", name, err)
			}
			said[name] = state + " at " + at
		}
		return nil
	})
	return said
}

// collect adds a query's names and states.
func collect(ctx context.Context, conn *pgx.Conn, query string, said map[string]string) error {
	result, err := conn.Query(ctx, query)
	if err != nil {
		return err
	}
	var name, state string
	_, err = pgx.ForEachRow(result, []any{&name, &state}, func() error {
		said[name] += state // two of one name are told together
		return nil
	})
	return err
}
