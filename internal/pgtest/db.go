package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/catalog"
)

// cleanupTimeout bounds the dropping of what a test made.
const cleanupTimeout = 30 * time.Second

// DB is a database that one test has for itself. Its methods open a connection each and close it, so
// that no session of theirs is in the way of what the test looks at.
type DB struct {
	admin string // a superuser's DSN of the maintenance database
	name  string
}

// New makes an empty database and drops it when the test ends, with every database named after it
// ("NAME__…", as builds and previous copies are).
func New(t testing.TB) *DB {
	t.Helper()
	return NewOn(t, AdminDSN(t))
}

// NewOn is New on another server, such as a Private one, by a superuser's connection string.
func NewOn(t testing.TB, adminDSN string) *DB {
	t.Helper()
	db := &DB{admin: adminDSN, name: uniqueName("db")}
	run(t, adminDSN, func(ctx context.Context, conn *pgx.Conn) error {
		create := "CREATE DATABASE " + catalog.QuoteIdentifier(db.name) + " TEMPLATE template0"
		if major, _ := strconv.Atoi(strings.SplitN(conn.PgConn().ParameterStatus("server_version"), ".", 2)[0]); major >= 15 {
			create += " STRATEGY file_copy" // half the work of writing it into the log, as older servers do it
		}
		_, err := conn.Exec(ctx, create)
		return err
	})
	t.Cleanup(func() { db.Drop(t) })
	return db
}

// uniqueName returns a name that no other test process on the same server uses.
func uniqueName(kind string) string {
	return fmt.Sprintf("lethe_test_%s_%d_%d_%d", kind, os.Getpid(), time.Now().UnixNano()%1_000_000_000, process.serial.Add(1))
}

// Name returns the database's name, free of anything that would need quoting.
func (db *DB) Name() string { return db.name }

// DSN returns a superuser's connection string to the database.
func (db *DB) DSN() string { return Rewrite(db.admin, func(u *url.URL) { u.Path = "/" + db.name }) }

// MaintenanceDSN returns a superuser's connection string to the server's maintenance database.
func (db *DB) MaintenanceDSN() string { return db.admin }

// As returns a connection string to the database for another role.
func (db *DB) As(role, password string) string {
	return Rewrite(db.DSN(), func(u *url.URL) { u.User = url.UserPassword(role, password) })
}

// Database returns a superuser's connection string to another database of the same server.
func (db *DB) Database(name string) string {
	return Rewrite(db.admin, func(u *url.URL) { u.Path = "/" + name })
}

// Exec runs statements as the superuser, each of which may hold several, and fails the test on an error.
func (db *DB) Exec(t testing.TB, statements ...string) {
	t.Helper()
	execute(t, db.DSN(), statements...)
}

// QueryStrings returns the rows of a query, columns joined by "|", NULL as "NULL".
func (db *DB) QueryStrings(t testing.TB, query string, args ...any) []string {
	t.Helper()
	return QueryStrings(t, db.DSN(), query, args...)
}

// QueryInt returns the single number that a query yields.
func (db *DB) QueryInt(t testing.TB, query string, args ...any) int64 {
	t.Helper()
	return QueryInt(t, db.DSN(), query, args...)
}

// Drop removes the database and those named after it, whoever is connected and whatever locks them: before
// the test ends only where rights in it keep roles from being dropped.
func (db *DB) Drop(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), cleanupTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, db.admin)
	if err != nil {
		// A private server may be stopped or killed by the test itself; its data goes with it.
		if process.dsn == db.admin {
			t.Errorf("drop database %s: %v", db.name, err)
		}
		return
	}
	defer func() { _ = conn.Close(ctx) }()
	names, err := column(ctx, conn, `SELECT datname FROM pg_database WHERE datname = $1 OR starts_with(datname, $1 || '__')`, db.name)
	if err != nil {
		t.Errorf("drop database %s: %v", db.name, err)
		return
	}
	for _, name := range names {
		if err := dropDatabase(ctx, conn, name); err != nil {
			t.Errorf("drop database %s: %v", name, err)
		}
	}
}

// dropDatabase drops a database with all that may forbid it: the template flag, prepared transactions,
// replication slots.
func dropDatabase(ctx context.Context, conn *pgx.Conn, name string) error {
	quoted := catalog.QuoteIdentifier(name)
	drop := func() error {
		_, err := conn.Exec(ctx, "DROP DATABASE IF EXISTS "+quoted+" WITH (FORCE)")
		return err
	}
	// A DROP that a crash broke off leaves a database that takes nothing but another one.
	var invalid bool
	if err := conn.QueryRow(ctx, "SELECT datconnlimit = -2 FROM pg_database WHERE datname = $1", name).Scan(&invalid); err != nil {
		return err
	}
	if invalid {
		return drop()
	}
	slots := `SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = $1 AND NOT active`
	if _, err := conn.Exec(ctx, slots, name); err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, "ALTER DATABASE "+quoted+" IS_TEMPLATE false"); err != nil {
		return err
	}
	if err := rollbackPrepared(ctx, conn, name); err != nil {
		return err
	}
	if err := dropSubscriptions(ctx, conn, name); err != nil {
		return err
	}
	return drop()
}

// rollbackPrepared ends the prepared transactions of a database, which only a session in it can.
func rollbackPrepared(ctx context.Context, conn *pgx.Conn, database string) error {
	gids, err := column(ctx, conn, `SELECT gid FROM pg_prepared_xacts WHERE database = $1`, database)
	if err != nil || len(gids) == 0 {
		return err
	}
	inside := Rewrite(conn.Config().ConnString(), func(u *url.URL) { u.Path = "/" + database })
	return within(ctx, inside, func(own *pgx.Conn) error {
		for _, gid := range gids {
			if _, err := own.Exec(ctx, "ROLLBACK PREPARED '"+strings.ReplaceAll(gid, "'", "''")+"'"); err != nil {
				return err
			}
		}
		return nil
	})
}

// dropSubscriptions drops those of a database, whose slots elsewhere are nobody's concern here.
func dropSubscriptions(ctx context.Context, conn *pgx.Conn, database string) error {
	names, err := column(ctx, conn, `SELECT quote_ident(subname) FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid WHERE d.datname = $1`, database)
	if err != nil || len(names) == 0 {
		return err
	}
	inside := Rewrite(conn.Config().ConnString(), func(u *url.URL) { u.Path = "/" + database })
	return within(ctx, inside, func(own *pgx.Conn) error {
		for _, name := range names {
			drop := fmt.Sprintf("ALTER SUBSCRIPTION %[1]s DISABLE; ALTER SUBSCRIPTION %[1]s SET (slot_name = NONE); DROP SUBSCRIPTION %[1]s", name)
			if _, err := own.PgConn().Exec(ctx, drop).ReadAll(); err != nil {
				return err
			}
		}
		return nil
	})
}

// Rewrite returns a connection URL changed by edit. It panics on a connection string of another form,
// which left as it is would lead to the wrong database.
func Rewrite(dsn string, edit func(*url.URL)) string {
	u, err := url.Parse(dsn)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		panic("pgtest: want a connection string of the form postgres://user:password@host:port/database")
	}
	edit(u)
	return u.String()
}

// Exec runs statements on a connection of its own, each of which may hold several.
func Exec(t testing.TB, dsn string, statements ...string) {
	t.Helper()
	execute(t, dsn, statements...)
}

// QueryStrings returns the rows of a query, columns joined by "|", NULL as "NULL".
func QueryStrings(t testing.TB, dsn, query string, args ...any) []string {
	t.Helper()
	var rows []string
	run(t, dsn, func(ctx context.Context, conn *pgx.Conn) error {
		var err error
		rows, err = column(ctx, conn, query, args...)
		return err
	})
	return rows
}

// QueryInt returns the single number that a query yields.
func QueryInt(t testing.TB, dsn, query string, args ...any) int64 {
	t.Helper()
	var n int64
	run(t, dsn, func(ctx context.Context, conn *pgx.Conn) error { return conn.QueryRow(ctx, query, args...).Scan(&n) })
	return n
}

func execute(t testing.TB, dsn string, statements ...string) {
	t.Helper()
	run(t, dsn, func(ctx context.Context, conn *pgx.Conn) error {
		for _, statement := range statements {
			if _, err := conn.PgConn().Exec(ctx, statement).ReadAll(); err != nil {
				return fmt.Errorf("%s: %w", firstLine(statement), err)
			}
		}
		return nil
	})
}

// run calls f with a connection and fails the test when either fails.
func run(t testing.TB, dsn string, f func(ctx context.Context, conn *pgx.Conn) error) {
	t.Helper()
	// A cleanup runs after the test's context has ended.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 2*time.Minute)
	defer cancel()
	if err := within(ctx, dsn, func(conn *pgx.Conn) error { return f(ctx, conn) }); err != nil {
		t.Fatal(err)
	}
}

// within calls f with a connection that is closed afterwards.
func within(ctx context.Context, dsn string, f func(conn *pgx.Conn) error) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	return errors.Join(f(conn), conn.Close(ctx))
}

// column returns a query's rows as text, columns joined by "|".
func column(ctx context.Context, conn *pgx.Conn, query string, args ...any) ([]string, error) {
	rows, err := conn.Query(ctx, query, append([]any{pgx.QueryResultFormats{pgx.TextFormatCode}}, args...)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var fields []string
		for _, value := range rows.RawValues() {
			if value == nil {
				fields = append(fields, "NULL")
				continue
			}
			fields = append(fields, string(value))
		}
		out = append(out, strings.Join(fields, "|"))
	}
	return out, rows.Err()
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	if len(line) > 120 {
		line = line[:120]
	}
	return line
}

// Other returns another database of the same server, that its maker drops: one named after db, "NAME__…", goes
// with it.
func (db *DB) Other(name string) *DB { return &DB{admin: db.admin, name: name} }
