// Package pg is the only package that speaks to PostgreSQL: Source reads production and can do nothing
// else; Target builds an environment's database beside the old one and publishes it.
package pg

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
)

// cancelGrace is how long a cancelled statement may take to end on the server before the connection is
// cut: long enough for a COPY to notice, short enough that Ctrl-C feels answered.
const cancelGrace = 3 * time.Second

// session says how one connection is opened.
type session struct {
	// name is the application_name, "lethe/RUN". The server cuts it at 63 bytes, so do we.
	name string
	// database replaces the DSN's database when set.
	database string
	// readOnly opens every transaction read-only; set on every connection to a source.
	readOnly bool
	// encoding is the client_encoding; "" means UTF8, or SQL_ASCII in a database of that encoding, whose
	// bytes the server cannot convert and are read and written as they are.
	encoding string
	// lockTimeout bounds the wait for a lock; 0 waits for ever.
	lockTimeout time.Duration
	// waits says that the session sits in a transaction and is watched, not queried: there is no statement
	// to cancel on the server when its context ends.
	waits bool
}

// setting is one setting that a session pins.
type setting struct{ name, value string }

// settings returns what every session pins, so that neither a role's nor a database's defaults change
// the text of a value or of a definition, hide rows, or end a long run. Settings that only newer servers
// know are not here.
func (s session) settings() []setting {
	encoding := s.encoding
	if encoding == "" {
		encoding = "UTF8"
	}
	readOnly := "off"
	if s.readOnly {
		readOnly = "on"
	}
	return []setting{
		{"application_name", applicationName(s.name)},
		{"bytea_output", "hex"},
		{"client_connection_check_interval", "10s"},
		{"client_encoding", encoding},
		{"datestyle", "ISO, MDY"},
		{"default_transaction_read_only", readOnly},
		{"extra_float_digits", "3"},
		{"idle_in_transaction_session_timeout", "0"},
		{"idle_session_timeout", "0"},
		{"intervalstyle", "postgres"},
		// Questions to the catalog look dear to the planner; compiling them takes half a second, running them none.
		{"jit", "off"},
		{"lc_monetary", "C"},
		{"lock_timeout", fmt.Sprintf("%dms", s.lockTimeout.Milliseconds())},
		{"quote_all_identifiers", "off"},
		{"row_security", "off"},
		{"search_path", "pg_catalog"},
		{"standard_conforming_strings", "on"},
		{"statement_timeout", "0"},
		{"synchronize_seqscans", "off"},
		{"timezone", "UTC"},
		{"transform_null_equals", "off"},
		{"xmloption", "content"},
	}
}

// applicationName returns name as the server will keep it: at most 63 bytes, printable ASCII only.
func applicationName(name string) string {
	safe := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, name)
	return safe[:min(len(safe), 63)]
}

// parse reads a DSN. Its error never holds any part of the DSN.
func parse(dsn string) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, &DSNError{redactParse(err)}
	}
	return config, nil
}

// connect opens a connection, pins its settings with SET, and reads them back: a pooler may swallow
// startup parameters, and a setting that did not take is a refusal, not a surprise. Of the DSN's own
// settings only options is sent: some hosts route by it, and what it sets otherwise is pinned over.
func connect(ctx context.Context, dsn string, s session) (*pgx.Conn, error) {
	config, err := parse(dsn)
	if err != nil {
		return nil, err
	}
	if s.database != "" {
		config.Database = s.database
	}
	options, routed := config.RuntimeParams["options"]
	config.RuntimeParams = map[string]string{"application_name": applicationName(s.name)}
	if routed {
		config.RuntimeParams["options"] = options
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	config.BuildContextWatcherHandler = func(c *pgconn.PgConn) ctxwatch.Handler {
		if s.waits {
			return &pgconn.DeadlineContextWatcherHandler{Conn: c.Conn()}
		}
		return &pgconn.CancelRequestContextWatcherHandler{Conn: c, DeadlineDelay: cancelGrace}
	}
	config.DialFunc = (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext
	tapped := &taps{of: map[io.Writer]*copyTap{}}
	config.BuildFrontend = tapped.frontend
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, connectError(address(config), err)
	}
	tapped.attach(conn)
	if s.encoding == "" && conn.PgConn().ParameterStatus("server_encoding") == "SQL_ASCII" {
		s.encoding = "SQL_ASCII"
	}
	if err := pin(ctx, conn, s); err != nil {
		closeNow(conn)
		return nil, err
	}
	return conn, nil
}

// pin sets the session's settings and then, in a statement of its own, reads them back. Times are
// compared by the server, which spells them in units of its own.
func pin(ctx context.Context, conn *pgx.Conn, s session) error {
	var sets strings.Builder
	var names, values []string
	for _, set := range s.settings() {
		fmt.Fprintf(&sets, "SELECT pg_catalog.set_config(%s, %s, false);", quoteLiteral(set.name), quoteLiteral(set.value))
		names, values = append(names, set.name), append(values, set.value)
	}
	// transaction_timeout came with 17: a role may set it, so it is cleared where it exists.
	sets.WriteString(`SELECT pg_catalog.set_config(name, '0', false) FROM pg_catalog.pg_settings WHERE name = 'transaction_timeout'`)
	if _, err := conn.PgConn().Exec(ctx, sets.String()).ReadAll(); err != nil {
		return sanitize(fmt.Errorf("pin session settings: %w", err))
	}
	const query = `SELECT w.name FROM unnest($1::text[], $2::text[]) AS w (name, value)
		LEFT JOIN pg_settings s ON lower(s.name) = w.name
		WHERE NOT coalesce(CASE WHEN s.unit = 'ms' THEN s.setting::bigint * interval '1 ms' = w.value::interval
			ELSE current_setting(w.name) = w.value END, false)
		ORDER BY 1 LIMIT 1`
	var other string
	switch err := conn.QueryRow(ctx, query, names, values).Scan(&other); {
	case errors.Is(err, pgx.ErrNoRows):
		return nil
	case err != nil:
		return sanitize(fmt.Errorf("read session settings: %w", err))
	}
	return fmt.Errorf("pin setting %s: the server kept another value; connect directly, not through a pooler", other)
}

// quoteLiteral returns s as a string constant. Backslashes are written so that they mean themselves
// whatever standard_conforming_strings says.
func quoteLiteral(s string) string {
	quoted := "'" + strings.ReplaceAll(s, "'", "''") + "'"
	if strings.Contains(s, `\`) {
		return " E" + strings.ReplaceAll(quoted, `\`, `\\`)
	}
	return quoted
}

// address names the server for messages: never a password or another option of the DSN.
func address(c *pgx.ConnConfig) string {
	if strings.HasPrefix(c.Host, "/") {
		return fmt.Sprintf("%s (database %s)", c.Host, c.Database)
	}
	return fmt.Sprintf("%s (database %s)", net.JoinHostPort(c.Host, fmt.Sprint(c.Port)), c.Database)
}

// closeNow ends a connection without waiting for the server for longer than a moment. It is teardown and
// so outlives the context that failed.
func closeNow(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second) //nolint:forbidigo // teardown, see above
	defer cancel()
	_ = conn.Close(ctx)
	// A connection that broke in the middle of a COPY is closed behind our back, once the server was told.
	select {
	case <-conn.PgConn().CleanupDone():
	case <-ctx.Done():
	}
}
