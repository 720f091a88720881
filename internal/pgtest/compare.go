package pgtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// canonicalSettings make the text of a value the same on every server and under every role.
const canonicalSettings = `SET client_encoding = 'UTF8'; SET datestyle = 'ISO, MDY'; SET intervalstyle = 'postgres';
	SET timezone = 'UTC'; SET extra_float_digits = 3; SET bytea_output = 'hex'; SET lc_monetary = 'C'; SET search_path = pg_catalog`

// userTables lists all that holds rows of its own and is the user's: partitioned parents hold none, the
// schema lethe is ours, an extension's tables are the extension's.
const userTables = `SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname)
	FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE (c.relkind = 'r' OR c.relkind = 'm' AND c.relispopulated) AND c.relpersistence <> 't'
	AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'lethe') AND n.nspname NOT LIKE 'pg_toast%'
	AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
	ORDER BY 1`

// SortedRows returns a digest of a table's rows as a multiset: equal digests mean the same data, whatever
// the order in the heap. The table is written as SQL would ("public.customer"); generated columns count.
func SortedRows(t testing.TB, dsn, table string) string {
	t.Helper()
	var digest string
	run(t, dsn, func(ctx context.Context, conn *pgx.Conn) error {
		if _, err := conn.PgConn().Exec(ctx, canonicalSettings).ReadAll(); err != nil {
			return err
		}
		var err error
		digest, err = sortedRows(ctx, conn, table)
		return err
	})
	return digest
}

// AllRows returns SortedRows of every user table of a database, by the table's name as SQL writes it.
// The schema lethe and the tables of extensions are left out.
func AllRows(t testing.TB, dsn string) map[string]string {
	t.Helper()
	digests := map[string]string{}
	run(t, dsn, func(ctx context.Context, conn *pgx.Conn) error {
		if _, err := conn.PgConn().Exec(ctx, canonicalSettings).ReadAll(); err != nil {
			return err
		}
		tables, err := column(ctx, conn, userTables)
		if err != nil {
			return err
		}
		for _, table := range tables {
			if digests[table], err = sortedRows(ctx, conn, table); err != nil {
				return err
			}
		}
		return nil
	})
	return digests
}

// Rows returns a table's rows as COPY text lines, sorted.
func Rows(t testing.TB, dsn, table string) []string {
	t.Helper()
	var rows []string
	run(t, dsn, func(ctx context.Context, conn *pgx.Conn) error {
		if _, err := conn.PgConn().Exec(ctx, canonicalSettings).ReadAll(); err != nil {
			return err
		}
		lines, err := copyLines(ctx, conn, table)
		for _, line := range lines {
			rows = append(rows, string(line))
		}
		return err
	})
	return rows
}

func sortedRows(ctx context.Context, conn *pgx.Conn, table string) (string, error) {
	return digestRows(ctx, conn, "SELECT * FROM "+table)
}

// digestRows digests the rows of a query as a multiset.
func digestRows(ctx context.Context, conn *pgx.Conn, query string) (string, error) {
	lines, err := queryLines(ctx, conn, query)
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	for _, line := range lines {
		_, _ = hash.Write(line)
		_, _ = hash.Write([]byte{'\n'})
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// copyLines returns a table's rows as COPY text, sorted. A COPY line never holds a bare newline.
func copyLines(ctx context.Context, conn *pgx.Conn, table string) ([][]byte, error) {
	return queryLines(ctx, conn, "SELECT * FROM "+table)
}

func queryLines(ctx context.Context, conn *pgx.Conn, query string) ([][]byte, error) {
	var text bytes.Buffer
	if _, err := conn.PgConn().CopyTo(ctx, &text, "COPY ("+query+") TO STDOUT"); err != nil {
		return nil, fmt.Errorf("read by %s: %w", firstLine(query), err)
	}
	if text.Len() == 0 {
		return nil, nil
	}
	lines := bytes.Split(bytes.TrimSuffix(text.Bytes(), []byte{'\n'}), []byte{'\n'})
	slices.SortFunc(lines, bytes.Compare)
	return lines, nil
}

// Hit is a place where SearchEverywhere found a needle.
type Hit struct {
	// Place is a table as SQL writes it, or the kind of a place outside rows, such as "comment".
	Place string
	// Needle is what was found, Count in how many rows.
	Needle string
	Count  int64
}

// SearchEverywhere looks for needles, as substrings and in any case, in every row of every table, the
// schema lethe included, in large objects and in the places outside rows that hold text: comments,
// defaults, function bodies, view definitions, constraints, partition bounds, enum labels, statistics,
// options of servers and user mappings. It returns every place that holds one.
func SearchEverywhere(t testing.TB, dsn string, needles []string) []Hit {
	t.Helper()
	lowered := make([]string, len(needles))
	for i, needle := range needles {
		if needle == "" {
			t.Fatal("search everywhere: an empty needle is found everywhere")
		}
		lowered[i] = strings.ToLower(needle)
	}
	var hits []Hit
	run(t, dsn, func(ctx context.Context, conn *pgx.Conn) error {
		if _, err := conn.PgConn().Exec(ctx, canonicalSettings).ReadAll(); err != nil {
			return err
		}
		tables, err := column(ctx, conn, searchedTables)
		if err != nil {
			return err
		}
		for _, table := range tables {
			found, err := search(ctx, conn, table, "SELECT x::text AS text FROM ONLY "+table+" x", lowered)
			if err != nil {
				return err
			}
			hits = append(hits, found...)
		}
		for _, place := range textPlaces() {
			found, err := search(ctx, conn, place.name, place.query, lowered)
			if err != nil {
				return err
			}
			hits = append(hits, found...)
		}
		return nil
	})
	return hits
}

// searchedTables is userTables with everything in it that a person could read.
const searchedTables = `SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname)
	FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE (c.relkind = 'r' OR c.relkind = 'm' AND c.relispopulated)
	AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg_toast%' ORDER BY 1`

func search(ctx context.Context, conn *pgx.Conn, place, query string, needles []string) ([]Hit, error) {
	rows, err := conn.Query(ctx, `SELECT needle, count(*) FROM (`+query+`) texts, unnest($1::text[]) needle
		WHERE strpos(lower(texts.text), needle) > 0 GROUP BY needle ORDER BY needle`, needles)
	if err != nil {
		return nil, fmt.Errorf("search %s: %w", place, err)
	}
	hits, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Hit, error) {
		hit := Hit{Place: place}
		return hit, row.Scan(&hit.Needle, &hit.Count)
	})
	if err != nil {
		return nil, fmt.Errorf("search %s: %w", place, err)
	}
	return hits, nil
}

// textPlace is a query with one column, text.
type textPlace struct{ name, query string }

func textPlaces() []textPlace {
	const user = `NOT IN (SELECT oid FROM pg_namespace WHERE nspname IN ('pg_catalog', 'information_schema'))`
	return []textPlace{
		{"large object", `SELECT encode(data, 'escape') AS text FROM pg_largeobject`},
		{"comment", `SELECT description AS text FROM pg_description WHERE objoid >= 16384`},
		{"shared comment", `SELECT description AS text FROM pg_shdescription WHERE objoid = (SELECT oid FROM pg_database WHERE datname = current_database())`},
		{"default", `SELECT pg_get_expr(adbin, adrelid) AS text FROM pg_attrdef`},
		{"function", `SELECT concat(prosrc, ' ', pg_get_expr(proargdefaults, 0)) AS text FROM pg_proc WHERE pronamespace ` + user},
		{"view", `SELECT pg_get_viewdef(oid) AS text FROM pg_class WHERE relkind IN ('v', 'm') AND relnamespace ` + user},
		{"constraint", `SELECT pg_get_constraintdef(oid) AS text FROM pg_constraint WHERE connamespace ` + user},
		{"index", `SELECT pg_get_indexdef(indexrelid) AS text FROM pg_index WHERE indrelid >= 16384`},
		{"trigger", `SELECT pg_get_triggerdef(oid) AS text FROM pg_trigger WHERE NOT tgisinternal`},
		{"policy", `SELECT concat(pg_get_expr(polqual, polrelid), ' ', pg_get_expr(polwithcheck, polrelid)) AS text FROM pg_policy`},
		{"partition bound", `SELECT pg_get_expr(relpartbound, oid) AS text FROM pg_class WHERE relispartition`},
		{"relation name", `SELECT relname::text AS text FROM pg_class WHERE relnamespace ` + user},
		{"enum label", `SELECT enumlabel::text AS text FROM pg_enum`},
		{"planner statistics", `SELECT concat(most_common_vals, ' ', histogram_bounds, ' ', most_common_elems) AS text
			FROM pg_stats WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`},
		{"server option", `SELECT srvoptions::text AS text FROM pg_foreign_server`},
		{"user mapping option", `SELECT umoptions::text AS text FROM pg_user_mappings`},
		{"foreign-data wrapper option", `SELECT fdwoptions::text AS text FROM pg_foreign_data_wrapper`},
		{"foreign column option", `SELECT attfdwoptions::text AS text FROM pg_attribute WHERE attfdwoptions IS NOT NULL`},
		{"foreign table option", `SELECT ftoptions::text AS text FROM pg_foreign_table`},
		{"security label", `SELECT label AS text FROM pg_seclabels`},
		{"subscription", `SELECT subconninfo AS text FROM pg_subscription WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())`},
		{"setting", `SELECT setconfig::text AS text FROM pg_db_role_setting WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())`},
	}
}
