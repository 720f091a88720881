package pg

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"
)

// lendPath gives the user's functions that have no search_path of their own the one that is configured, until
// returnPath. A function behind an index, a check, a generated column or a materialised view that names a table
// or a function without its schema finds it in production, where sessions have a search_path, and in no build:
// pg_restore sets an empty one, and since 17 the server does itself for indexes and views. Setting it on the
// function serves them all.
func (b *build) lendPath(ctx context.Context) error {
	if len(b.t.opts.SearchPath) == 0 {
		return nil
	}
	schemas := make([]string, len(b.t.opts.SearchPath))
	for i, schema := range b.t.opts.SearchPath {
		schemas[i] = quoted(schema)
	}
	const lend = `CREATE TABLE lethe.lent AS SELECT p.oid::regprocedure::text AS function FROM pg_proc p
		JOIN pg_language l ON l.oid = p.prolang JOIN pg_namespace n ON n.oid = p.pronamespace
		WHERE p.prokind = 'f' AND l.lanname NOT IN ('c', 'internal') AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
			AND NOT EXISTS (SELECT FROM unnest(p.proconfig) AS c (setting) WHERE c.setting LIKE 'search\_path=%') AND ` + userSchemas
	err := b.t.opts.within(ctx, b.database, func(conn *pgx.Conn) error {
		if _, err := conn.Exec(ctx, lend+" AND "+extensionOf("pg_proc", "p.oid")+" = ''"); err != nil {
			return err
		}
		return eachLent(ctx, conn, "SET search_path = "+strings.Join(schemas, ", "))
	})
	if err != nil {
		return fmt.Errorf("lend functions a search_path: %w", err)
	}
	return nil
}

// returnPath takes back what lendPath gave: the functions are as they are in production.
func (b *build) returnPath(ctx context.Context) error {
	err := b.t.opts.within(ctx, b.database, func(conn *pgx.Conn) error {
		lent, err := hasTable(ctx, conn, "lethe.lent")
		if err != nil || !lent {
			return err
		}
		if err := eachLent(ctx, conn, "RESET search_path"); err != nil {
			return err
		}
		_, err = conn.Exec(ctx, `DROP TABLE lethe.lent`)
		return err
	})
	if err != nil {
		return fmt.Errorf("take back the search_path of functions: %w", err)
	}
	return nil
}

// eachLent alters every function on the list, in one message.
func eachLent(ctx context.Context, conn *pgx.Conn, change string) error {
	functions, err := textColumn(ctx, conn, `SELECT function FROM lethe.lent ORDER BY 1`)
	if err != nil || len(functions) == 0 {
		return err
	}
	_, err = conn.PgConn().Exec(ctx, "ALTER FUNCTION "+strings.Join(functions, " "+change+"; ALTER FUNCTION ")+" "+change).ReadAll()
	return err
}

// MissingName reports whether a failure, of a statement or of a program, is that of a name which was not found:
// a function that expects a search_path.
func MissingName(err error) bool {
	if tool, ok := errors.AsType[*ToolError](err); ok {
		return regexp.MustCompile(`(?m)ERROR: +(function|relation|type|operator|schema|column) .* does not exist`).MatchString(tool.Output())
	}
	return hasCode(err, "42883", "42P01", "42704", "3F000", "42703")
}
