package pg

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/preflight"
	"github.com/lethedb/lethe/internal/work"
)

// targetExtra is what building opens on a target beside one session for each job and each part in flight:
// the one that holds the environment's lock, one that ends sessions, one that probes, pg_restore's.
const targetExtra = 4

// TargetSessions returns the most sessions that building and publishing have on a target at once.
func TargetSessions(opts TargetOptions) int { return 2*opts.withDefaults().Jobs + targetExtra }

// TargetFacts finds out what a build of the catalog c, named by source's roles and tablespaces, needs to
// know of the target's server beforehand; roles go by the names they arrive under. It asks in the maintenance database, and leaves nothing behind:
// what it tries, it tries in a transaction that is rolled back.
func TargetFacts(ctx context.Context, opts TargetOptions, c *catalog.Catalog, source preflight.Source, named work.Roles) (preflight.Target, error) {
	opts = opts.withDefaults()
	f := preflight.Target{Slots: opts.Slots != nil}
	config, err := parse(opts.DSN)
	if err != nil {
		return f, err
	}
	f.Database = config.Database
	err = opts.maintain(ctx, func(conn *pgx.Conn) error {
		if f.Endpoint, err = readEndpoint(ctx, conn, opts.DSN, opts.session(opts.Maintenance)); err != nil {
			return err
		}
		f.Name, f.Wanted = "target "+opts.Environment, TargetSessions(opts)
		t := prober{conn: conn, target: &f}
		if err := t.database(ctx); err != nil {
			return err
		}
		if err := t.sessions(ctx); err != nil {
			return err
		}
		if err := t.offers(ctx, c, source, named); err != nil {
			return err
		}
		if err := t.lacks(ctx, c, source); err != nil {
			return err
		}
		if f.Room, f.RoomKnown, err = freeSpace(ctx, conn, opts.DSN); err != nil {
			return err
		}
		f.Locale, err = t.locale(ctx, c.Server)
		return err
	})
	if err != nil {
		return f, fmt.Errorf("preflight target %s: %w", cmp.Or(opts.Environment, f.Database), err)
	}
	return f, nil
}

// prober fills a preflight.Target.
type prober struct {
	conn   *pgx.Conn
	target *preflight.Target
}

// database finds out what the environment's database is to us, and what forbids renaming it.
func (p *prober) database(ctx context.Context) error {
	f := p.target
	const query = `SELECT d.datistemplate, pg_has_role(d.datdba, 'USAGE'), pg_get_userbyid(d.datdba)::text, r.rolcreatedb OR r.rolsuper,
			s.spcname = 'pg_default' OR has_tablespace_privilege(s.oid, 'CREATE'),
			pg_has_role('pg_signal_backend', 'USAGE') OR r.rolsuper,
			(SELECT count(*) FROM pg_prepared_xacts x WHERE x.database = d.datname)::int4
		FROM pg_roles r, pg_database d JOIN pg_tablespace s ON s.oid = d.dattablespace
		WHERE r.rolname = current_user AND d.datname = $1`
	err := p.conn.QueryRow(ctx, query, f.Database).Scan(&f.Template, &f.Owner, &f.OwnerName, &f.CreateDB, &f.Placed, &f.Signal, &f.Prepared)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look up database: %w", err)
	}
	f.Exists = true
	if f.LogicalSlots, err = textColumn(ctx, p.conn, `SELECT slot_name::text FROM pg_replication_slots WHERE database = $1 ORDER BY 1`, f.Database); err != nil {
		return fmt.Errorf("replication slots: %w", err)
	}
	if f.Subscriptions, err = textColumn(ctx, p.conn, `SELECT s.subname::text FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid
		WHERE d.datname = $1 ORDER BY 1`, f.Database); err != nil {
		return fmt.Errorf("subscriptions: %w", err)
	}
	return nil
}

// sessions finds those in the environment's database that we may not end, as the server decides it when
// asked to: a superuser's by a superuser only, others by their own role's members or pg_signal_backend's.
func (p *prober) sessions(ctx context.Context) error {
	found, err := p.conn.Query(ctx, `SELECT a.pid, r.rolname::text, r.rolsuper FROM pg_stat_activity a JOIN pg_roles r ON r.oid = a.usesysid
		WHERE a.datname = $1 AND NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
			AND (r.rolsuper OR NOT pg_has_role(r.oid, 'USAGE') AND NOT pg_has_role('pg_signal_backend', 'USAGE'))
			AND coalesce(a.backend_type, '') NOT IN ('autovacuum worker', 'parallel worker')
		ORDER BY a.pid`, p.target.Database)
	if err != nil {
		return fmt.Errorf("list sessions: %w", err)
	}
	if p.target.Stuck, err = pgx.CollectRows(found, pgx.RowToStructByPos[preflight.Session]); err != nil {
		return fmt.Errorf("list sessions: %w", err)
	}
	return nil
}

// offers finds which of the roles, extensions and tablespaces that the source uses are there for us.
func (p *prober) offers(ctx context.Context, c *catalog.Catalog, source preflight.Source, named work.Roles) error {
	f := p.target
	var roles []string
	for _, role := range slices.Concat(source.Owners, source.Grantors, source.Grantees) {
		if to, arrives := named.Of(role); arrives {
			roles = append(roles, to)
		}
	}
	for _, wire := range source.Wiring {
		if to, arrives := named.Of(wire.Owner); wire.Kind == catalog.WireMapping && arrives {
			roles = append(roles, to)
		}
	}
	var err error
	if f.Roles, err = textColumn(ctx, p.conn, `SELECT rolname::text FROM pg_roles WHERE rolname = ANY ($1::text[]) ORDER BY 1`, roles); err != nil {
		return fmt.Errorf("look up roles: %w", err)
	}
	right := "MEMBER"
	if f.Major() >= 16 {
		right = "SET" // membership alone gives nothing away any more
	}
	if f.Member, err = textColumn(ctx, p.conn, `SELECT rolname::text FROM pg_roles WHERE rolname = ANY ($1::text[])
		AND pg_has_role(oid, $2) ORDER BY 1`, roles, right); err != nil {
		return fmt.Errorf("look up roles: %w", err)
	}
	var names []string
	for _, extension := range c.Extensions {
		names = append(names, extension.Name)
	}
	found, err := p.conn.Query(ctx, `SELECT e.name::text, e.default_version, v.trusted OR NOT v.superuser
		FROM pg_available_extensions e JOIN pg_available_extension_versions v ON v.name = e.name AND v.version = e.default_version
		WHERE e.name = ANY ($1::text[]) ORDER BY 1`, names)
	if err != nil {
		return fmt.Errorf("look up extensions: %w", err)
	}
	if f.Extensions, err = pgx.CollectRows(found, pgx.RowToStructByPos[preflight.Extension]); err != nil {
		return fmt.Errorf("look up extensions: %w", err)
	}
	if f.Tablespaces, err = textColumn(ctx, p.conn, `SELECT spcname::text FROM pg_tablespace WHERE spcname = ANY ($1::text[])
		AND has_tablespace_privilege(oid, 'CREATE') ORDER BY 1`, source.Tablespaces); err != nil {
		return fmt.Errorf("look up tablespaces: %w", err)
	}
	return nil
}

// locale reports whether a database can be made with the encoding and locale of another server's. A
// database that has them proves it; else a collation is made of them, in a transaction that is rolled
// back: nothing but the operating system knows which locales there are.
func (p *prober) locale(ctx context.Context, want catalog.Server) (bool, error) {
	if p.target.Standby {
		return true, nil // refused for that already
	}
	if want.Provider == "libc" || p.target.Major() < 15 {
		if want.Provider != "libc" {
			return false, nil
		}
		collate, err := p.libc(ctx, want.Collate, want.Encoding)
		if err != nil || !collate {
			return false, err
		}
		return p.libc(ctx, want.Ctype, want.Encoding)
	}
	if want.Provider == "builtin" && p.target.Major() < 17 || want.Rules != "" && p.target.Major() < 16 {
		return false, nil
	}
	definition := "provider = " + want.Provider + ", locale = " + quoteLiteral(want.Locale)
	if want.Rules != "" {
		definition += ", rules = " + quoteLiteral(want.Rules)
	}
	return p.tryCollation(ctx, definition)
}

// libc reports whether the operating system knows a locale.
func (p *prober) libc(ctx context.Context, name, encoding string) (bool, error) {
	if name == "C" || name == "POSIX" {
		return true, nil
	}
	var proven bool
	const query = `SELECT EXISTS (SELECT FROM pg_database d WHERE d.datcollate = $1 AND d.datctype = $1 AND pg_encoding_to_char(d.encoding) = $2)`
	if err := p.conn.QueryRow(ctx, query, name, encoding).Scan(&proven); err != nil || proven {
		return proven, err
	}
	known, err := textColumn(ctx, p.conn, `SELECT DISTINCT collcollate::text FROM pg_collation WHERE collprovider = 'c'`)
	if err != nil {
		return false, err
	}
	if slices.ContainsFunc(known, func(other string) bool { return plainLocale(other) == plainLocale(name) }) {
		return true, nil
	}
	return p.tryCollation(ctx, "provider = libc, locale = "+quoteLiteral(name))
}

// plainLocale spells a locale as systems agree on it: "de_DE.UTF-8" and "de_DE.utf8" are one.
func plainLocale(name string) string {
	return strings.ReplaceAll(strings.ToLower(name), "-", "")
}

// tryCollation reports whether the server accepts the definition of a collation.
func (p *prober) tryCollation(ctx context.Context, definition string) (bool, error) {
	tx, err := p.conn.Begin(ctx)
	if err != nil {
		return false, err
	}
	_, tried := tx.Exec(ctx, "CREATE COLLATION pg_temp.lethe_probe ("+definition+")")
	if err := tx.Rollback(ctx); err != nil {
		return false, err
	}
	switch {
	case tried == nil:
		return true, nil
	case hasCode(tried, "22023", "42704", "0A000", "22P02", "42P17", "42601"):
		return false, nil
	case hasCode(tried, "42501"):
		return true, nil // we may not look; building will tell, before it touches anything
	}
	return false, fmt.Errorf("try locale: %w", tried)
}
