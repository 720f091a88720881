package pg

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/catalog"
)

// querier is what reading needs of a connection or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// ownSchema is the schema that Lethe keeps its marker and certificate in; it is nobody's data.
const ownSchema = "lethe"

// userSchemas is the condition on pg_namespace n that leaves out the system's schemas, temporary ones
// and our own. Users cannot make schemas whose names begin with pg_.
const userSchemas = `n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', '` + ownSchema + `')`

// readCatalog reads the catalog of the database that q is connected to. For a consistent answer q is a
// transaction of REPEATABLE READ; some definitions are spelled by the server from its newest state all
// the same, which is why a run reads the catalog again once it holds its locks. It keeps no lock, but
// waits, as lock_timeout allows, for whoever is altering a table.
func readCatalog(ctx context.Context, q querier) (*catalog.Catalog, error) {
	r := &reader{q: q, catalog: &catalog.Catalog{}}
	for _, step := range []func(context.Context) error{
		r.server, r.schemas, r.tables, r.inheritance, r.types, r.columns, r.partitionKeys, r.indexes, r.constraints,
		r.statistics, r.sequences, r.extensions, r.largeObjects,
	} {
		if err := step(ctx); err != nil {
			return nil, sanitize(fmt.Errorf("read catalog: %w", err))
		}
	}
	r.finish()
	return r.catalog, nil
}

// reader is one reading of a catalog: the steps fill the tables, found by their object ids.
type reader struct {
	q       querier
	catalog *catalog.Catalog
	major   int
	// tablesByOID are the tables read; the catalog's slice is made of them at the end.
	tablesByOID map[uint32]*catalog.Table
	// columnsOf are a table's column names by attribute number.
	columnsOf map[uint32]map[int]string
	typesOf   map[uint32]typeRow
}

// rows runs a query and collects its rows into structs by position.
func rows[T any](ctx context.Context, r *reader, what, sql string) ([]T, error) {
	result, err := r.q.Query(ctx, sql)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	collected, err := pgx.CollectRows(result, pgx.RowToStructByPos[T])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return collected, nil
}

// since returns yes on servers of at least the major version, no on older ones.
func (r *reader) since(major int, yes, no string) string {
	if r.major >= major {
		return yes
	}
	return no
}

// server reads what the database runs on; it comes first, because the other queries depend on the version.
func (r *reader) server(ctx context.Context) error {
	type versionRow struct{ Number int }
	version, err := rows[versionRow](ctx, r, "server version", `SELECT current_setting('server_version_num')::int4`)
	if err != nil {
		return err
	}
	r.major = version[0].Number / 10000
	type row struct {
		Database, Encoding, Provider, Collate, Ctype, Locale, Rules string
		Standby                                                     bool
	}
	found, err := rows[row](ctx, r, "server", `SELECT d.datname::text, pg_encoding_to_char(d.encoding)::text,
			`+r.since(15, `CASE d.datlocprovider WHEN 'c' THEN 'libc' WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin'
				ELSE d.datlocprovider::text END`, `'libc'`)+`,
			d.datcollate::text, d.datctype::text,
			`+r.since(17, `coalesce(d.datlocale, '')::text`, r.since(15, `coalesce(d.daticulocale, '')::text`, `''`))+`,
			`+r.since(16, `coalesce(d.daticurules, '')::text`, `''`)+`,
			pg_is_in_recovery()
		FROM pg_database d WHERE d.datname = current_database()`)
	if err != nil {
		return err
	}
	if len(found) != 1 {
		return fmt.Errorf("server: the database was renamed while it was read")
	}
	f := found[0]
	r.catalog.Database = f.Database
	r.catalog.Server = catalog.Server{
		Version: version[0].Number, Standby: f.Standby, Encoding: f.Encoding, Provider: f.Provider,
		Collate: f.Collate, Ctype: f.Ctype, Locale: f.Locale, Rules: f.Rules,
	}
	return nil
}

// extensionOf is the SQL of the extension that owns an object of a system catalog, ” when none does.
func extensionOf(classid, oid string) string {
	return `coalesce((SELECT e.extname::text FROM pg_depend x JOIN pg_extension e ON e.oid = x.refobjid
		WHERE x.classid = '` + classid + `'::regclass AND x.objid = ` + oid + ` AND x.objsubid = 0
		AND x.refclassid = 'pg_extension'::regclass AND x.deptype = 'e' LIMIT 1), '')`
}

// schemas reads the schemas.
func (r *reader) schemas(ctx context.Context) error {
	found, err := rows[catalog.Schema](ctx, r, "schemas", `SELECT n.nspname::text, pg_get_userbyid(n.nspowner)::text,
			`+extensionOf("pg_namespace", "n.oid")+`
		FROM pg_namespace n WHERE `+userSchemas)
	r.catalog.Schemas = found
	return err
}

// sequences reads the sequences and which columns they feed.
func (r *reader) sequences(ctx context.Context) error {
	type row struct {
		Schema, Name, Owner, Extension string
		Table                          uint32
		Column                         int
	}
	found, err := rows[row](ctx, r, "sequences", `SELECT n.nspname::text, c.relname::text, pg_get_userbyid(c.relowner)::text,
			`+extensionOf("pg_class", "c.oid")+`,
			coalesce(d.refobjid, 0)::oid, coalesce(d.refobjsubid, 0)::int4
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.objsubid = 0
			AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
		WHERE c.relkind = 'S' AND c.relpersistence <> 't' AND `+userSchemas)
	if err != nil {
		return err
	}
	for _, f := range found {
		sequence := catalog.Sequence{
			Name: catalog.Name{Schema: f.Schema, Name: f.Name}, Owner: f.Owner, Extension: f.Extension,
		}
		if table := r.tablesByOID[f.Table]; table != nil {
			sequence.Table, sequence.Column = table.Name, r.columnsOf[f.Table][f.Column]
		}
		r.catalog.Sequences = append(r.catalog.Sequences, sequence)
	}
	return nil
}

// extensions reads the installed extensions.
func (r *reader) extensions(ctx context.Context) error {
	found, err := rows[catalog.Extension](ctx, r, "extensions", `SELECT e.extname::text, e.extversion::text, n.nspname::text
		FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace`)
	r.catalog.Extensions = found
	return err
}

// largeObjects counts the large objects, and where there are any adds the table that holds their pages. The
// table is the server's; its columns and its key are the same on every server.
func (r *reader) largeObjects(ctx context.Context) error {
	type row struct {
		Count, Blocks, Bytes, IndexBytes int64
		OID                              uint32
		Rows                             float64
	}
	found, err := rows[row](ctx, r, "large objects", `SELECT (SELECT count(*) FROM pg_largeobject_metadata),
			pg_relation_size(c.oid) / current_setting('block_size')::int8, pg_table_size(c.oid), pg_indexes_size(c.oid), c.oid, c.reltuples::float8
		FROM pg_class c WHERE c.oid = 'pg_catalog.pg_largeobject'::regclass`)
	if err != nil || len(found) != 1 || found[0].Count == 0 {
		return err
	}
	f := found[0]
	r.catalog.LargeObjects = f.Count
	r.tablesByOID[f.OID] = &catalog.Table{
		OID: f.OID, Name: catalog.LargeObjectPages(), Kind: catalog.Ordinary, Persistence: catalog.Permanent, AccessMethod: "heap", Populated: true,
		Columns: []catalog.Column{
			{Name: "loid", Number: 1, Type: catalog.Type{Name: "oid", Base: "oid"}, NotNull: true},
			{Name: "pageno", Number: 2, Type: catalog.Type{Name: "integer", Base: "int4"}, NotNull: true},
			{Name: "data", Number: 3, Type: catalog.Type{Name: "bytea", Base: "bytea"}, NotNull: true},
		},
		Size: catalog.Size{Rows: f.Rows, Blocks: f.Blocks, Bytes: f.Bytes, IndexBytes: f.IndexBytes},
	}
	return nil
}

// finish puts the tables into the catalog and everything into its order. Sorting is ours: the server's
// depends on its collation.
func (r *reader) finish() {
	c := r.catalog
	for _, table := range r.tablesByOID {
		slices.SortFunc(table.Indexes, func(a, b catalog.Index) int { return cmp.Compare(a.Name, b.Name) })
		slices.SortFunc(table.ForeignKeys, func(a, b catalog.ForeignKey) int { return cmp.Compare(a.Name, b.Name) })
		slices.SortFunc(table.Checks, func(a, b catalog.Check) int { return cmp.Compare(a.Name, b.Name) })
		c.Tables = append(c.Tables, *table)
	}
	slices.SortFunc(c.Tables, func(a, b catalog.Table) int { return a.Name.Compare(b.Name) })
	slices.SortFunc(c.Schemas, func(a, b catalog.Schema) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(c.Sequences, func(a, b catalog.Sequence) int { return a.Name.Compare(b.Name) })
	slices.SortFunc(c.Extensions, func(a, b catalog.Extension) int { return cmp.Compare(a.Name, b.Name) })
}
