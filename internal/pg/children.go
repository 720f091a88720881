package pg

import (
	"context"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5"
)

// ClientEnvironment returns what a program needs in its environment to reach a database of the
// environment's server as this run does: libpq's variables, LETHE_DSN and LETHE_DATABASE. database ""
// means the one that serves. The password stands in LETHE_DSN and in a passfile in Dir, mode 0600; remove
// deletes it once the program has ended.
func ClientEnvironment(ctx context.Context, opts TargetOptions, database string) (env []string, remove func(), err error) {
	if database == "" {
		if database, err = servingDatabase(ctx, opts); err != nil {
			return nil, nil, err
		}
	}
	all, remove, err := toolEnvironment(ctx, opts.DSN, opts.withDefaults().session(database), nil, opts.Dir)
	if err != nil {
		return nil, nil, err
	}
	for _, variable := range all {
		if strings.HasPrefix(variable, "PG") {
			env = append(env, variable)
		}
	}
	return append(env, "LETHE_DATABASE="+database, "LETHE_DSN="+dsnOf(opts.DSN, database)), remove, nil
}

// servingDatabase names the database that serves, asked for only where two take turns.
func servingDatabase(ctx context.Context, opts TargetOptions) (string, error) {
	if opts.Slots == nil {
		return DatabaseOf(opts.DSN)
	}
	t := &Target{opts: opts.withDefaults()}
	return t.servingSlot(ctx)
}

// dsnOf returns the connection string with another database in it. It is called after the string was
// found to be well-formed.
func dsnOf(dsn, database string) string {
	u, err := url.Parse(dsn)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		// Of a keyword given twice the last one counts.
		return strings.TrimSpace(dsn + " " + conninfo(database))
	}
	query := u.Query()
	if query.Has("dbname") || query.Has("database") {
		query.Del("dbname")
		query.Del("database")
		u.RawQuery = query.Encode()
	}
	u.Path, u.RawPath = "/"+database, "/"+url.PathEscape(database)
	return u.String()
}

// Channel is where the sessions of a serving database are told what is about to happen to it.
const Channel = "lethe"

// Announce sends a payload to whoever listens on Channel in the database that serves.
func Announce(ctx context.Context, opts TargetOptions, payload string) error {
	database, err := servingDatabase(ctx, opts)
	if err != nil {
		return err
	}
	return opts.withDefaults().within(ctx, database, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `SELECT pg_notify($1, $2)`, Channel, payload)
		return err
	})
}

// Built names the database under construction, "" before Begin.
func (t *Target) Built() string {
	if b := t.current(); b != nil {
		return b.database
	}
	return ""
}

// Complete makes a verified build one that may be published, by this run or a later one. Only a Target
// whose options say Steps needs it.
func (t *Target) Complete(ctx context.Context) error {
	b := t.current()
	if b == nil {
		return errNotBegun
	}
	return b.markBuilt(ctx, Built)
}
