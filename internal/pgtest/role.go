package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/catalog"
)

// Login is a role with a password.
type Login struct {
	Name, Password string
}

// Role makes a login role on db's server with further options of CREATE ROLE, such as "CREATEDB", and
// drops it when the test ends: its sessions, the databases it owns and what it owns in others included.
// The role's name is unique and needs no quoting. Ask for db first, so that the role goes before it.
func Role(t testing.TB, db *DB, options string) Login {
	t.Helper()
	login := Login{Name: uniqueName("role"), Password: "test-password-" + uniqueName("pw")}
	login.Make(t, db, options)
	return login
}

// Make makes the role on db's server, as Role does: on a second server, the same role.
func (l Login) Make(t testing.TB, db *DB, options string) {
	t.Helper()
	login := l
	execute(t, db.admin, fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD '%s' %s", login.Name, login.Password, options))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), cleanupTimeout)
		defer cancel()
		conn, err := pgx.Connect(ctx, db.admin)
		if err != nil {
			if process.dsn == db.admin {
				t.Errorf("drop role %s: %v", login.Name, err)
			}
			return
		}
		defer func() { _ = conn.Close(ctx) }()
		if err := dropRole(ctx, conn, login.Name); err != nil {
			t.Errorf("drop role %s: %v", login.Name, err)
		}
	})
}

// DSN returns the role's connection string to db.
func (l Login) DSN(db *DB) string { return db.As(l.Name, l.Password) }

func dropRole(ctx context.Context, conn *pgx.Conn, role string) error {
	if _, err := conn.Exec(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1`, role); err != nil {
		return err
	}
	owned, err := column(ctx, conn, `SELECT datname FROM pg_database WHERE datdba = $1::text::regrole`, role)
	if err != nil {
		return err
	}
	for _, name := range owned {
		if err := dropDatabase(ctx, conn, name); err != nil {
			return err
		}
	}
	// What it owns or was granted elsewhere is only to be dropped from inside each database.
	concerned, err := column(ctx, conn, `SELECT DISTINCT d.datname FROM pg_shdepend s JOIN pg_database d ON d.oid = s.dbid
		WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = $1::text::regrole AND d.datallowconn`, role)
	if err != nil {
		return err
	}
	drop := "DROP OWNED BY " + catalog.QuoteIdentifier(role) + " CASCADE"
	for _, name := range concerned {
		inside := Rewrite(conn.Config().ConnString(), func(u *url.URL) { u.Path = "/" + name })
		if err := within(ctx, inside, func(own *pgx.Conn) error { _, err := own.Exec(ctx, drop); return err }); err != nil {
			return fmt.Errorf("in %s: %w", name, err)
		}
	}
	// Grants on databases and tablespaces are shared objects: any database will do.
	_, ownedErr := conn.Exec(ctx, drop)
	_, dropErr := conn.Exec(ctx, "DROP ROLE "+catalog.QuoteIdentifier(role))
	return errors.Join(ownedErr, dropErr)
}
