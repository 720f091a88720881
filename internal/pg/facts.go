package pg

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/preflight"
)

// readEndpoint finds out what matters on either end. The connection string is used for a second
// connection, to see whether both reach the same server.
func readEndpoint(ctx context.Context, conn *pgx.Conn, dsn string, how session) (preflight.Endpoint, error) {
	var e preflight.Endpoint
	var pid uint32
	const query = `SELECT current_user::text, r.rolsuper, current_setting('server_version_num')::int4, pg_is_in_recovery(), pg_backend_pid()
		FROM pg_roles r WHERE r.rolname = current_user`
	if err := conn.QueryRow(ctx, query).Scan(&e.Role, &e.Superuser, &e.Version, &e.Standby, &pid); err != nil {
		return e, sanitize(fmt.Errorf("read role: %w", err))
	}
	// What gives out sessions of its own gives out process ids of its own.
	e.Pooled = pid != conn.PgConn().PID()
	if err := conn.QueryRow(ctx, freeConnections(e.Version/10000)).Scan(&e.Free); err != nil {
		return e, sanitize(fmt.Errorf("count connections: %w", err))
	}
	second, err := connect(ctx, dsn, how)
	if err != nil {
		return e, fmt.Errorf("open a second connection: %w", err)
	}
	defer closeNow(second)
	one, err := identify(ctx, conn)
	if err != nil {
		return e, err
	}
	other, err := identify(ctx, second)
	if err != nil {
		return e, err
	}
	e.Scattered = one != other
	return e, nil
}

// freeConnections is the query for how many more sessions our role can open: the least of what the server,
// the database and the role allow. Connections that are reserved are a superuser's. What kind of process
// another role's session is, the server shows to few; one of unknown kind counts.
func freeConnections(major int) string {
	reserved := `current_setting('superuser_reserved_connections')::int8`
	if major >= 16 {
		reserved += ` + CASE WHEN pg_has_role('pg_use_reserved_connections', 'USAGE') THEN 0
			ELSE current_setting('reserved_connections')::int8 END`
	}
	return `WITH clients AS (SELECT usesysid, datid FROM pg_stat_activity
			WHERE usesysid IS NOT NULL AND datid IS NOT NULL AND coalesce(backend_type, 'client backend') = 'client backend')
		SELECT least(
			current_setting('max_connections')::int8 - CASE WHEN r.rolsuper THEN 0 ELSE ` + reserved + ` END
				- (SELECT count(*) FROM clients),
			CASE WHEN r.rolconnlimit >= 0 AND NOT r.rolsuper THEN r.rolconnlimit
				- (SELECT count(*) FROM clients WHERE usesysid = r.oid) END,
			CASE WHEN d.datconnlimit >= 0 AND NOT r.rolsuper THEN d.datconnlimit
				- (SELECT count(*) FROM clients WHERE datid = d.oid) END)
		FROM pg_roles r, pg_database d WHERE r.rolname = current_user AND d.datname = current_database()`
}
