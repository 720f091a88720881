package pg

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/finding"
)

// Marker is the agreement that a database may be replaced: one row of lethe.environment inside it. Every
// build gets one of its own, which names the database by its number on the server: a copy that somebody
// else makes, of which a new production may grow, carries the row and is not meant by it.
type Marker struct {
	// ID is a UUID made at adoption; the environment's lock is keyed by it.
	ID   string `json:"id"`
	Name string `json:"name"`
	// AdoptedBy is who asked for it, At when.
	AdoptedBy string    `json:"adopted_by"`
	AdoptedAt time.Time `json:"adopted_at"`
	// SameServer is the reason why a source may run on the environment's own server; "" forbids it.
	SameServer string `json:"same_server,omitempty"`
	// Restored allows a server with a source's system identifier: one restored from production.
	Restored bool `json:"restored_from_production,omitempty"`
}

// markerSchema makes our schema. Nobody else needs to see it; it holds no secret.
const markerSchema = `CREATE SCHEMA IF NOT EXISTS lethe;
	REVOKE ALL ON SCHEMA lethe FROM PUBLIC;
	CREATE TABLE IF NOT EXISTS lethe.environment (
		single boolean PRIMARY KEY DEFAULT true CHECK (single),
		id uuid NOT NULL, name text NOT NULL, adopted_by text NOT NULL, adopted_at timestamptz NOT NULL,
		same_server text NOT NULL DEFAULT '', restored boolean NOT NULL DEFAULT false);
	ALTER TABLE lethe.environment ADD COLUMN IF NOT EXISTS database oid NOT NULL DEFAULT 0;
	CREATE TABLE IF NOT EXISTS lethe.intent (
		database text PRIMARY KEY, run text NOT NULL, at timestamptz NOT NULL)`

// errNoMarker says that a database carries no marker.
var errNoMarker = errors.New("the database carries no marker")

// errCopiedMarker says that a database carries the marker of another: it was made from that as a template
// or out of its dump, and nobody has said that it may be replaced. It is an errNoMarker.
var errCopiedMarker = fmt.Errorf("%w of its own, but that of the database it was copied from", errNoMarker)

// readMarker reads and checks the marker of one of the environment's databases.
func (t *Target) readMarker(ctx context.Context, database string) (Marker, error) {
	var m Marker
	err := t.opts.within(ctx, database, func(conn *pgx.Conn) error {
		var err error
		m, err = loadMarker(ctx, conn)
		return err
	})
	switch {
	case errors.Is(err, errCopiedMarker):
		return m, refuse("not-adopted", database, "the database is a copy of one that was adopted, and was never adopted itself",
			fmt.Sprintf("if it may be replaced, run lethe env adopt %s", t.opts.Environment))
	case errors.Is(err, errNoMarker):
		return m, refuse("not-adopted", database, "the database was never adopted as an environment",
			fmt.Sprintf("run lethe env adopt %s", t.opts.Environment))
	case err != nil:
		return m, fmt.Errorf("read marker of %s: %w", database, err)
	case m.Name != t.opts.Environment:
		return m, refuse("other-environment", database, fmt.Sprintf("the database was adopted as environment %s", m.Name),
			"correct the environment's target in lethe.yaml")
	}
	return m, nil
}

// loadMarker reads the marker of the session's database, errNoMarker when there is none.
func loadMarker(ctx context.Context, conn *pgx.Conn) (Marker, error) {
	var m Marker
	there, err := hasTable(ctx, conn, "lethe.environment")
	if err != nil {
		return m, err
	}
	if !there {
		return m, errNoMarker
	}
	var own bool
	const read = `SELECT id::text, name, adopted_by, adopted_at, same_server, restored,
		database = (SELECT oid FROM pg_database WHERE datname = current_database()) FROM lethe.environment`
	err = conn.QueryRow(ctx, read).Scan(&m.ID, &m.Name, &m.AdoptedBy, &m.AdoptedAt, &m.SameServer, &m.Restored, &own)
	switch {
	case errors.Is(err, pgx.ErrNoRows), hasCode(err, "42703"): // nothing there, or nothing that says of which database it is
		return m, errNoMarker
	case err == nil && !own:
		return Marker{}, errCopiedMarker
	}
	m.AdoptedAt = m.AdoptedAt.UTC()
	return m, sanitize(err)
}

// hasTable reports whether a table of ours exists in the session's database.
func hasTable(ctx context.Context, conn *pgx.Conn, name string) (bool, error) {
	var there bool
	err := conn.QueryRow(ctx, `SELECT to_regclass($1) IS NOT NULL`, name).Scan(&there)
	return there, sanitize(err)
}

// storeMarker writes the marker into the session's database, our schema included.
func storeMarker(ctx context.Context, conn *pgx.Conn, m Marker) error {
	if _, err := conn.PgConn().Exec(ctx, markerSchema).ReadAll(); err != nil {
		return sanitize(fmt.Errorf("make schema lethe: %w", err))
	}
	const write = `INSERT INTO lethe.environment (id, name, adopted_by, adopted_at, same_server, restored, database)
		SELECT $1::uuid, $2, $3, $4, $5, $6, oid FROM pg_database WHERE datname = current_database()
		ON CONFLICT (single) DO UPDATE SET id = excluded.id, name = excluded.name, adopted_by = excluded.adopted_by,
			adopted_at = excluded.adopted_at, same_server = excluded.same_server, restored = excluded.restored, database = excluded.database`
	if _, err := conn.Exec(ctx, write, m.ID, m.Name, m.AdoptedBy, m.AdoptedAt, m.SameServer, m.Restored); err != nil {
		return sanitize(fmt.Errorf("write marker: %w", err))
	}
	return nil
}

// AdoptOptions say which database becomes an environment.
type AdoptOptions struct {
	// DSN reaches the database. With Slots it is adopted together with the others named in it.
	DSN   string
	Slots *Slots
	// Environment is the name the database is adopted as.
	Environment string
	// By is who asks, for the record.
	By string
	// Confirm must be the name of a database that holds tables already.
	Confirm string
	// SameServer is why a source may run on the same server; "" forbids it.
	SameServer string
	// Restored allows a server that was restored from production's backup.
	Restored bool
	// Sources are the connection strings of all sources there are.
	Sources []string
	// Maintenance is the database that the environment is locked in; it cannot be replaced. Defaults to postgres.
	Maintenance string
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
}

// NotEmptyError says that a database holds tables and was not confirmed by its name.
type NotEmptyError struct {
	Server   string
	Database string
	Tables   int64
	// Bytes is the size of the database.
	Bytes int64
	// Written is how many rows were written since Since, as the server's statistics have it. They survive
	// no crash and no restore, so that a zero proves nothing.
	Written int64
	Since   time.Time
	// LastWrite is when the server last had to tidy up after writes; zero when it does not know.
	LastWrite time.Time
}

// Error names the database, what it holds, and how to confirm.
func (e *NotEmptyError) Error() string {
	last := "unknown"
	if !e.LastWrite.IsZero() {
		last = "at or after " + e.LastWrite.UTC().Format(time.RFC3339)
	}
	return fmt.Sprintf("adopt %s on %s: it holds %d tables, %d bytes, last write %s; all of it will be replaced: confirm with --confirm %s",
		e.Database, e.Server, e.Tables, e.Bytes, last, e.Database)
}

// Adopt marks a database as an environment's, so that it may be replaced from then on. An empty one is
// adopted at once, one with tables only when Confirm is its name (NotEmptyError), one that a source
// reads never (RefusedError). Adopting again changes the two permissions and nothing else.
func Adopt(ctx context.Context, opts AdoptOptions) (Marker, error) {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	opts.Maintenance = cmp.Or(opts.Maintenance, "postgres")
	config, err := parse(opts.DSN)
	if err != nil {
		return Marker{}, err
	}
	databases := []string{config.Database}
	if opts.Slots != nil {
		if err := opts.Slots.validate(); err != nil {
			return Marker{}, err
		}
		databases = opts.Slots.Databases[:]
	}
	at := TargetOptions{DSN: opts.DSN, Run: "adopt"}
	var marker Marker
	for _, database := range databases {
		if err := opts.mayAdopt(ctx, at, database, &marker); err != nil {
			return Marker{}, err
		}
	}
	for _, database := range databases {
		err := at.within(ctx, database, func(conn *pgx.Conn) error {
			if marker.ID == "" {
				if err := conn.QueryRow(ctx, `SELECT gen_random_uuid()::text`).Scan(&marker.ID); err != nil {
					return err
				}
				marker.Name, marker.AdoptedBy, marker.AdoptedAt = opts.Environment, opts.By, opts.Now().UTC().Truncate(time.Microsecond) // as the server keeps it
			}
			marker.SameServer, marker.Restored = opts.SameServer, opts.Restored
			return storeMarker(ctx, conn, marker)
		})
		if err != nil {
			return Marker{}, fmt.Errorf("adopt %s: %w", database, err)
		}
	}
	return marker, nil
}

// mayAdopt runs all guards for one database and fills known with the marker it carries already.
func (o AdoptOptions) mayAdopt(ctx context.Context, at TargetOptions, database string, known *Marker) error {
	var found finding.List
	for _, source := range o.Sources {
		relation, err := relate(ctx, source, o.DSN, database)
		if err != nil {
			return fmt.Errorf("compare %s with a source: %w", database, err)
		}
		found = append(found, relation.refusals(database, o.SameServer != "", o.Restored)...)
	}
	if len(found) > 0 {
		return &RefusedError{Findings: found}
	}
	return at.within(ctx, database, func(conn *pgx.Conn) error {
		if err := o.replaceable(ctx, conn, database); err != nil {
			return err
		}
		m, err := loadMarker(ctx, conn)
		switch {
		case err == nil && m.Name != o.Environment:
			return refuse("other-environment", database, fmt.Sprintf("the database was adopted as environment %s", m.Name),
				"choose another database, or drop schema lethe in it by hand")
		case err == nil && known.ID != "" && known.ID != m.ID:
			return refuse("other-environment", database, "the two slots were adopted apart", "drop schema lethe in one of them by hand")
		case err == nil:
			*known = m
			return nil
		case !errors.Is(err, errNoMarker):
			return err
		}
		return o.confirm(ctx, conn, database)
	})
}

// replaceable refuses the databases that the server itself lives by. A template's marker would be inherited
// by every database made of it.
func (o AdoptOptions) replaceable(ctx context.Context, conn *pgx.Conn, database string) error {
	var template bool
	if err := conn.QueryRow(ctx, `SELECT datistemplate FROM pg_database WHERE datname = current_database()`).Scan(&template); err != nil {
		return fmt.Errorf("look up database %s: %w", database, err)
	}
	const fix = "create a database for the environment, and name it in the target's dsn"
	switch {
	case template:
		return refuse("template", database, "the database is a template: whatever is made of it would seem adopted too", fix)
	case database == o.Maintenance || database == "postgres":
		return refuse("maintenance-database", database, "the database is where the server is administered from; it cannot be replaced", fix)
	}
	return nil
}

// confirm lets an empty database pass, and one with tables when it was named.
func (o AdoptOptions) confirm(ctx context.Context, conn *pgx.Conn, database string) error {
	e := NotEmptyError{Server: address(conn.Config()), Database: database}
	var since, last *time.Time
	const query = `SELECT
		(SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE c.relkind IN ('r', 'p', 'm', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'lethe') AND n.nspname !~ '^pg_toast'),
		pg_database_size(current_database()),
		d.tup_inserted + d.tup_updated + d.tup_deleted, d.stats_reset,
		(SELECT max(greatest(last_vacuum, last_autovacuum, last_analyze, last_autoanalyze)) FROM pg_stat_user_tables)
		FROM pg_stat_database d WHERE d.datname = current_database()`
	if err := conn.QueryRow(ctx, query).Scan(&e.Tables, &e.Bytes, &e.Written, &since, &last); err != nil {
		return fmt.Errorf("look into %s: %w", database, err)
	}
	if e.Tables == 0 || o.Confirm == database {
		return nil
	}
	if since != nil {
		e.Since = *since
	}
	if last != nil {
		e.LastWrite = *last
	}
	return &e
}
