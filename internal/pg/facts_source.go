package pg

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/pgserver"
	"github.com/lethedb/lethe/internal/preflight"
)

// Facts finds out what a run over the catalog c needs to know of this server beforehand: read are the
// tables whose rows are read, dropped those that do not arrive at all. It writes nothing.
func (s *Source) Facts(ctx context.Context, c *catalog.Catalog, read, dropped []catalog.Name) (preflight.Source, error) {
	f := preflight.Source{}
	conn, err := connect(ctx, s.opts.DSN, s.session())
	if err != nil {
		return f, fmt.Errorf("preflight source %s: %w", s.opts.Name, err)
	}
	defer closeNow(conn)
	if f.Endpoint, err = readEndpoint(ctx, conn, s.opts.DSN, s.session()); err != nil {
		return f, fmt.Errorf("preflight source %s: %w", s.opts.Name, err)
	}
	f.Name, f.Wanted = "source "+s.opts.Name, s.opts.Connections
	f.Watched = s.opts.StopWhen.foreign(f.Standby)
	err = readOnly(ctx, conn, func(tx pgx.Tx) error {
		g := gatherer{tx: tx, source: &f, catalog: c, read: read, dropped: dropped}
		for _, step := range []func(context.Context) error{g.rights, g.policies, g.outward, g.wires, g.engines, g.reserved, g.roles, g.places, g.untrusted, g.needs, g.limits} {
			if err := step(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return f, fmt.Errorf("preflight source %s: %w", s.opts.Name, err)
	}
	return f, nil
}

// gatherer fills a preflight.Source.
type gatherer struct {
	tx            pgx.Tx
	source        *preflight.Source
	catalog       *catalog.Catalog
	read, dropped []catalog.Name
}

// arriving returns the tables that pg_dump or a reader locks: the user's own that are not dropped.
func (g *gatherer) arriving() []*catalog.Table {
	var tables []*catalog.Table
	for i := range g.catalog.Tables {
		table := &g.catalog.Tables[i]
		if slices.Contains(g.read, table.Name) || table.Made() && !slices.Contains(g.dropped, table.Name) {
			tables = append(tables, table)
		}
	}
	return tables
}

// gone returns the numbers of the tables that do not arrive at all.
func (g *gatherer) gone() []uint32 { return numbersOf(g.catalog, g.dropped) }

// rights finds schemas, tables and sequences that our role may not read.
func (g *gatherer) rights(ctx context.Context) error {
	var schemas []string
	byOID := map[uint32]catalog.Name{}
	var oids []uint32
	for _, table := range g.arriving() {
		if !slices.Contains(schemas, table.Name.Schema) {
			schemas = append(schemas, table.Name.Schema)
		}
		if table.Kind == catalog.Ordinary || table.Kind == catalog.Partitioned {
			byOID[table.OID] = table.Name
			oids = append(oids, table.OID)
			g.source.LocksWanted++
		}
	}
	var sequences []string
	for _, sequence := range g.catalog.Sequences {
		if sequence.Extension == "" {
			sequences = append(sequences, sequence.Name.SQL())
			if !slices.Contains(schemas, sequence.Name.Schema) {
				schemas = append(schemas, sequence.Name.Schema)
			}
		}
	}
	var err error
	if g.source.NoUsage, err = textColumn(ctx, g.tx, `SELECT n.nspname::text FROM pg_namespace n WHERE n.nspname = ANY ($1::text[])
		AND NOT has_schema_privilege(n.oid, 'USAGE') ORDER BY 1`, schemas); err != nil {
		return fmt.Errorf("rights on schemas: %w", err)
	}
	found, err := g.tx.Query(ctx, `SELECT t.oid FROM unnest($1::oid[]) t (oid) WHERE NOT has_table_privilege(t.oid, 'SELECT')`, oids)
	if err != nil {
		return fmt.Errorf("rights on tables: %w", err)
	}
	unreadable, err := pgx.CollectRows(found, pgx.RowTo[uint32])
	if err != nil {
		return fmt.Errorf("rights on tables: %w", err)
	}
	for _, oid := range unreadable {
		g.source.NoSelect = append(g.source.NoSelect, byOID[oid])
	}
	slices.SortFunc(g.source.NoSelect, catalog.Name.Compare)
	// CASE, because AND may be evaluated in any order, and the function fails on what is no sequence.
	hidden, err := textColumn(ctx, g.tx, `SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname)
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE format('"%s"."%s"', replace(n.nspname, '"', '""'), replace(c.relname, '"', '""')) = ANY ($1::text[])
			AND CASE WHEN c.relkind = 'S' THEN NOT has_sequence_privilege(c.oid, 'SELECT') ELSE false END`, sequences)
	if err != nil {
		return fmt.Errorf("rights on sequences: %w", err)
	}
	for _, text := range hidden {
		parts, err := catalog.SplitName(text)
		if err != nil || len(parts) != 2 {
			return fmt.Errorf("rights on sequences: the server answered with no name")
		}
		g.source.NoSequence = append(g.source.NoSequence, catalog.Name{Schema: parts[0], Name: parts[1]})
	}
	slices.SortFunc(g.source.NoSequence, catalog.Name.Compare)
	return nil
}

// policies finds tables of which our role would see a part only.
func (g *gatherer) policies(ctx context.Context) error {
	for i := range g.catalog.Tables {
		table := &g.catalog.Tables[i]
		if !table.RowSecurity || !slices.Contains(g.read, table.Name) {
			continue
		}
		var active bool
		if err := g.tx.QueryRow(ctx, `SELECT row_security_active($1::oid)`, table.OID).Scan(&active); err != nil {
			return fmt.Errorf("row security of %s: %w", table.Name, err)
		}
		if active {
			g.source.Hidden = append(g.source.Hidden, table.Name)
		}
	}
	return nil
}

// outward finds materialised views that read foreign tables, or call functions that reach other servers,
// directly or through other views.
func (g *gatherer) outward(ctx context.Context) error {
	found, err := g.tx.Query(ctx, `WITH RECURSIVE `+reachingOut+`, reads (view, class, object) AS (
			SELECT c.oid, d.refclassid, d.refobjid FROM pg_class c JOIN pg_rewrite r ON r.ev_class = c.oid
				JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
				WHERE c.relkind = 'm'
			UNION
			SELECT reads.view, d.refclassid, d.refobjid FROM reads
				JOIN pg_class c ON reads.class = 'pg_class'::regclass AND c.oid = reads.object AND c.relkind IN ('v', 'm')
				JOIN pg_rewrite r ON r.ev_class = c.oid
				JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid)
		SELECT DISTINCT reads.view FROM reads
		WHERE reads.class = 'pg_class'::regclass AND EXISTS (SELECT FROM pg_class f WHERE f.oid = reads.object AND f.relkind = 'f')
			OR reads.class = 'pg_proc'::regclass AND reads.object IN (SELECT oid FROM reaching)`)
	if err != nil {
		return fmt.Errorf("materialised views: %w", err)
	}
	oids, err := pgx.CollectRows(found, pgx.RowTo[uint32])
	if err != nil {
		return fmt.Errorf("materialised views: %w", err)
	}
	for i := range g.catalog.Tables {
		if table := &g.catalog.Tables[i]; slices.Contains(oids, table.OID) && table.Populated && !slices.Contains(g.dropped, table.Name) {
			g.source.Outward = append(g.source.Outward, table.Name)
		}
	}
	return nil
}

// wires finds what reaches out by itself, and what would while rows are loaded.
func (g *gatherer) wires(ctx context.Context) (err error) {
	if g.source.Wiring, err = wiring(ctx, g.tx); err != nil {
		return err
	}
	if g.source.Calling, err = textColumn(ctx, g.tx, calledByLoading, g.gone()); err != nil {
		return fmt.Errorf("look for what loading rows calls: %w", err)
	}
	if g.source.Leading, err = textColumn(ctx, g.tx, calledByUse, g.gone()); err != nil {
		return fmt.Errorf("look for what leads to other servers: %w", err)
	}
	return nil
}

// engines finds the tables that TimescaleDB and Citus keep in ways of their own, those that are dropped aside.
func (g *gatherer) engines(ctx context.Context) error {
	for _, engine := range []struct{ extension, catalog, query string }{
		{"timescaledb", "_timescaledb_catalog.hypertable", `SELECT schema_name::text, table_name::text FROM _timescaledb_catalog.hypertable ORDER BY 1, 2`},
		{"citus", "pg_catalog.pg_dist_partition", `SELECT n.nspname::text, c.relname::text FROM pg_catalog.pg_dist_partition p
			JOIN pg_class c ON c.oid = p.logicalrelid JOIN pg_namespace n ON n.oid = c.relnamespace ORDER BY 1, 2`},
	} {
		var there bool
		const look = `SELECT coalesce(has_table_privilege(to_regclass($1), 'SELECT') AND has_schema_privilege(split_part($1, '.', 1)::regnamespace, 'USAGE'), false)`
		if err := g.tx.QueryRow(ctx, `SELECT to_regclass($1) IS NOT NULL`, engine.catalog).Scan(&there); err != nil {
			return fmt.Errorf("storage engines: %w", err)
		}
		if !there {
			continue
		}
		if err := g.tx.QueryRow(ctx, look, engine.catalog).Scan(&there); err != nil {
			return fmt.Errorf("storage engines: %w", err)
		}
		if !there {
			continue // the extension itself is refused
		}
		found, err := g.tx.Query(ctx, engine.query)
		if err != nil {
			return fmt.Errorf("storage engines: %w", err)
		}
		var name catalog.Name
		if _, err := pgx.ForEachRow(found, []any{&name.Schema, &name.Name}, func() error {
			if !slices.Contains(g.dropped, name) {
				g.source.Engines = append(g.source.Engines, preflight.Engine{Table: name, Extension: engine.extension})
			}
			return nil
		}); err != nil {
			return fmt.Errorf("storage engines: %w", err)
		}
	}
	return nil
}

// reserved finds what stands in our own schema and was not put there by us. A source that was an environment
// once carries our marker, which nobody misses.
func (g *gatherer) reserved(ctx context.Context) error {
	names, err := textColumn(ctx, g.tx, `SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'f', 'm', 'v', 'S') AND c.relname NOT IN ('environment', 'intent', 'certificate', 'part', 'turn')
		UNION ALL
		SELECT p.proname::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = $1 ORDER BY 1`, ownSchema)
	if err != nil {
		return fmt.Errorf("schema %s: %w", ownSchema, err)
	}
	for _, name := range names {
		g.source.Foreign = append(g.source.Foreign, catalog.Name{Schema: ownSchema, Name: name})
	}
	return nil
}

// roles finds who owns what arrives, and who is named in grants, default grants and policies. The server keeps no note
// of what its first superuser owns and may do; the objects themselves tell of that.
func (g *gatherer) roles(ctx context.Context) error {
	o, err := readOwnership(ctx, g.tx, g.gone())
	if err != nil {
		return err
	}
	// Whoever owns a database is a member of the server's own role for its owner; the others own nothing.
	users := func(names []string) []string {
		return slices.DeleteFunc(names, func(role string) bool { return strings.HasPrefix(role, "pg_") })
	}
	g.source.Owners, g.source.Grantors = users(owners(o)), users(grantors(o))
	const granted = `SELECT DISTINCT r.rolname::text FROM pg_shdepend s JOIN pg_roles r ON r.oid = s.refobjid
		WHERE s.refclassid = 'pg_authid'::regclass AND s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
			AND s.deptype IN ('a', 'r') AND s.objid < ` + firstUserOID + ` AND s.classid <> 'pg_largeobject'::regclass`
	grantees, err := textColumn(ctx, g.tx, granted)
	if err != nil {
		return fmt.Errorf("grants: %w", err)
	}
	for _, object := range o.Objects {
		for _, right := range object.Rights {
			if !object.Foreign && right.Grantee != "" {
				grantees = append(grantees, right.Grantee)
			}
		}
	}
	for _, d := range o.Defaults {
		for _, right := range d.Rights {
			if right.Grantee != "" {
				grantees = append(grantees, right.Grantee)
			}
		}
	}
	for _, policy := range o.Policies {
		grantees = append(grantees, policy.Roles...)
	}
	o.Mentions(func(role string) bool {
		g.source.Named = append(g.source.Named, role)
		return false
	})
	g.source.Named = roleSet(append(g.source.Named, grantees...))
	g.source.Grantees = users(roleSet(append(grantees, g.source.Grantors...)))
	return nil
}

// places finds the tablespaces in use.
func (g *gatherer) places(ctx context.Context) (err error) {
	g.source.Tablespaces, err = textColumn(ctx, g.tx, `SELECT DISTINCT t.spcname::text FROM pg_class c JOIN pg_tablespace t ON t.oid = c.reltablespace
		JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind IN ('r', 'i', 'm', 'p', 'I') AND c.relpersistence <> 't' AND `+userSchemas+` ORDER BY 1`)
	if err != nil {
		return fmt.Errorf("tablespaces: %w", err)
	}
	return nil
}

// untrusted finds what only a superuser can make again. Aggregates are of language internal, whatever
// their functions are, and anybody may make one; a range's constructors come with its type.
func (g *gatherer) untrusted(ctx context.Context) (err error) {
	g.source.Untrusted, err = textColumn(ctx, g.tx, `SELECT 'function ' || p.oid::regprocedure::text FROM pg_proc p
			JOIN pg_language l ON l.oid = p.prolang JOIN pg_namespace n ON n.oid = p.pronamespace
			WHERE NOT l.lanpltrusted AND l.lanname <> 'sql' AND p.prokind <> 'a' AND `+userSchemas+` AND `+extensionOf("pg_proc", "p.oid")+` = ''
				AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'i')
		UNION ALL
		SELECT 'foreign-data wrapper ' || quote_ident(f.fdwname) FROM pg_foreign_data_wrapper f WHERE `+
		extensionOf("pg_foreign_data_wrapper", "f.oid")+` = ''
		UNION ALL
		SELECT 'access method ' || quote_ident(a.amname) FROM pg_am a WHERE a.oid >= 16384 AND `+extensionOf("pg_am", "a.oid")+` = '' ORDER BY 1`)
	if err != nil {
		return fmt.Errorf("functions: %w", err)
	}
	return nil
}

// limits finds how large the lock table is and how patient a standby is.
func (g *gatherer) limits(ctx context.Context) error {
	var delay string
	const query = `SELECT (current_setting('max_locks_per_transaction')::int8
			* (current_setting('max_connections')::int8 + current_setting('max_prepared_transactions')::int8))::int4,
		(SELECT count(*) FROM pg_locks)::int4, current_setting('hot_standby_feedback')::bool,
		(SELECT setting FROM pg_settings WHERE name = 'max_standby_streaming_delay'), pg_has_role('pg_read_all_stats', 'USAGE'),
		EXISTS (SELECT FROM pg_attribute a, unnest(a.attoptions) o WHERE a.attoptions IS NOT NULL AND starts_with(o, $1 || '='))`
	if err := g.tx.QueryRow(ctx, query, pgserver.ColumnNumber).Scan(&g.source.LockSlots, &g.source.LocksHeld, &g.source.Feedback, &delay, &g.source.Statistics, &g.source.Numbered); err != nil {
		return fmt.Errorf("limits: %w", err)
	}
	milliseconds, err := time.ParseDuration(delay + "ms")
	g.source.StreamingDelay = milliseconds
	return err
}

// textColumn returns the single column of a query.
func textColumn(ctx context.Context, q querier, query string, args ...any) ([]string, error) {
	found, err := q.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(found, pgx.RowTo[string])
}
