package pg

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/finding"
	"github.com/lethedb/lethe/internal/work"
)

// maxName is the longest name of a database: NAMEDATALEN less the terminator.
const maxName = 63

// buildName returns the name of the database that a run builds beside base.
func buildName(base, run string) string { return derivedName(base, "__"+run) }

// previousName returns the name that base's database takes when it is replaced. It is named by its own
// run, so that rolling back and forth never makes a name twice.
func previousName(base, run string) string {
	if run == "" {
		run = "adopted"
	}
	return derivedName(base, "__previous_"+run)
}

// derivedName returns base with a tail, cut to what a name may be. What is cut off is replaced by a
// digest, so that two long names stay two.
func derivedName(base, tail string) string {
	if len(base)+len(tail) <= maxName {
		return base + tail
	}
	sum := sha256.Sum256([]byte(base + tail))
	digest := hex.EncodeToString(sum[:5])
	// Half of what is left goes to the base at most, so that a person still sees which run it is.
	room := maxName - len(digest) - 2
	if len(tail) > room/2 {
		tail = cut(tail, max(room/2, room-len(base)))
	}
	return cut(base, room-len(tail)) + tail + "__" + digest
}

// cut returns the longest prefix of s of at most n bytes that breaks no character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// build is a database under construction.
type build struct {
	t        *Target
	order    *work.Order
	database string
	dir      string // holds our copy of the schema's archive
	archive  *archive
	sessions *loaders
	tables   map[catalog.Name]work.Table
	schedule *schedule
	memory   budget
	replica  bool         // sessions that load may switch off what foreign keys do for each row
	skipped  finding.List // what was left out on purpose
	resumed  bool         // an earlier attempt loaded the rows
	// largeObjects is what was found out about them before their table's parts were forgotten.
	largeObjects largeObjectsArrived
	// ownership is who shall own what, nil when the order does not say, and heir who owns the environment's
	// database; policies are made by us; misowned is what giveOwnership could not bring about.
	ownership *work.Ownership
	heir      string
	policies  []work.Policy
	misowned  finding.List

	mu        sync.Mutex
	cert      Certificate
	done      map[string]bool // what was recorded as done, by this attempt or one before
	landed    bool            // every row arrived: what was built can be gone on with
	refuted   bool            // verification found that it is not the source's data
	complete  bool            // everything but publishing is done
	verified  bool
	attempted bool // Commit was called: what was built stays
	published bool
}

// Begin makes the new database, closed to everybody but its owner, with the empty tables of the order.
// What can be told beforehand is a RefusedError, and then nothing was touched: sessions' and server's
// state that forbid a swap, owners that do not exist, a locale that cannot be had.
func (t *Target) Begin(ctx context.Context, order *work.Order) error {
	if t.current() != nil {
		return errors.New("begin: this target has begun already")
	}
	if order.Run != t.opts.Run || order.Environment != t.opts.Environment {
		return fmt.Errorf("begin: the order is for run %s of %s", order.Run, order.Environment)
	}
	if err := t.lock.check(ctx); err != nil {
		return err
	}
	t.opts.Event(Event{Phase: "prepare"})
	if err := t.cleanUp(ctx, false); err != nil {
		return fmt.Errorf("remove what earlier runs left: %w", err)
	}
	if t.opts.Slots == nil {
		if found, err := t.obstacles(ctx, t.base); err != nil {
			return err
		} else if found.HasErrors() {
			return &RefusedError{Findings: found}
		}
	}
	b := &build{t: t, order: order, tables: make(map[catalog.Name]work.Table, len(order.Tables)), done: make(map[string]bool)}
	for _, table := range order.Tables {
		if table.Table.Name == catalog.LargeObjectPages() {
			table.Into = pagesView() // nobody but a superuser may write into the table itself
		}
		b.tables[table.Table.Name] = table
	}
	if err := b.openArchive(ctx); err != nil {
		return errors.Join(err, removeAll(b.dir))
	}
	find, begin := b.create, b.begin
	if t.opts.Resume {
		find, begin = b.findLanded, b.goOn
	}
	if err := find(ctx); err != nil {
		return errors.Join(err, removeAll(b.dir))
	}
	b.sessions = &loaders{open: b.openSession}
	t.mu.Lock()
	t.build = b
	t.mu.Unlock()
	return begin(ctx)
}

// openArchive copies the schema's archive into a directory of our own: the source may let go of it
// before the last index is built.
func (b *build) openArchive(ctx context.Context) error {
	dir, err := os.MkdirTemp(b.t.opts.Dir, "build-")
	if err != nil {
		return fmt.Errorf("make a directory for the schema: %w", err)
	}
	b.dir = dir
	if b.archive, err = openArchive(ctx, b.t.opts, b.t.lock.conn.PgConn().Conn().RemoteAddr(), b.order.Schema, dir); err != nil {
		return err
	}
	b.skipped = b.archive.leaveOut(b.order, b.t.opts.Revive, b.t.opts.Tolerate)
	b.archive.flat = b.order.Flat
	if len(b.archive.refused) > 0 {
		return &RefusedError{Findings: b.archive.refused}
	}
	if err := b.inherit(ctx); err != nil {
		return err
	}
	return b.ownersExist(ctx)
}

// create makes the database, or empties the idle slot.
func (b *build) create(ctx context.Context) error {
	t := b.t
	if t.opts.Slots != nil {
		b.database = t.opts.Slots.other(t.base)
		t.opts.Event(Event{Phase: "create", Object: b.database})
		return t.emptySlot(ctx, b.database, b.order)
	}
	b.database = buildName(t.base, b.order.Run)
	t.opts.Event(Event{Phase: "create", Object: b.database})
	if err := t.announce(ctx, b.database, b.order.Run); err != nil {
		return err
	}
	err := t.maintain(ctx, func(conn *pgx.Conn) error { return t.createDatabase(ctx, conn, b.database, b.order) })
	switch {
	case hasCode(err, "42P04"):
		return errors.Join(err, t.forget(context.WithoutCancel(ctx), b.database))
	case err != nil:
		// It may have been made although the answer did not arrive: forgotten, nobody would ever know it as ours.
		return errors.Join(err, t.dropDatabase(context.WithoutCancel(ctx), b.database))
	}
	return nil
}

// maintain calls f with a session in the maintenance database.
func (t *Target) maintain(ctx context.Context, f func(conn *pgx.Conn) error) error {
	return t.opts.maintain(ctx, f)
}

// announce records in the serving database which database is about to be made, so that one that was
// made and not yet marked when we were killed is known as ours.
func (t *Target) announce(ctx context.Context, database, run string) error {
	return t.opts.within(ctx, t.base, func(conn *pgx.Conn) error {
		// Only a name that is free: what exists already was made by somebody else.
		exists, err := databaseExists(ctx, conn, database)
		if err != nil {
			return err
		}
		if exists {
			return refuse("name-taken", database, "a database of the name that is to be built exists", "drop or rename it")
		}
		const write = `INSERT INTO lethe.intent (database, run, at) VALUES ($1, $2, $3) ON CONFLICT (database) DO NOTHING`
		_, err = conn.Exec(ctx, write, database, run, t.opts.Now().UTC())
		return err
	})
}

// createDatabase makes the database with the source's encoding and locale and the serving database's
// owner and tablespace. Until it is closed nobody but a superuser gets in: its connection limit is 0.
func (t *Target) createDatabase(ctx context.Context, conn *pgx.Conn, name string, order *work.Order) error {
	var owner, tablespace string
	const serving = `SELECT pg_get_userbyid(d.datdba), s.spcname FROM pg_database d JOIN pg_tablespace s ON s.oid = d.dattablespace
		WHERE d.datname = $1`
	if err := conn.QueryRow(ctx, serving, t.base).Scan(&owner, &tablespace); err != nil {
		return fmt.Errorf("look up database %s: %w", t.base, err)
	}
	create := "CREATE DATABASE " + quoted(name) + " TEMPLATE template0 OWNER " + quoted(owner) + localeOf(order.Catalog.Server) +
		" CONNECTION LIMIT 0"
	if tablespace != "pg_default" { // naming it would need a right that nobody has
		create += " TABLESPACE " + quoted(tablespace)
	}
	if _, err := conn.Exec(ctx, create); err != nil {
		return createError(name, order.Catalog.Server, err)
	}
	note, err := json.Marshal(note{Environment: t.marker.ID, Run: order.Run})
	if err != nil {
		return err
	}
	closing := "BEGIN; REVOKE ALL ON DATABASE " + quoted(name) + " FROM PUBLIC; COMMENT ON DATABASE " + quoted(name) + " IS " +
		quoteLiteral(notePrefix+string(note)) + "; ALTER DATABASE " + quoted(name) + " CONNECTION LIMIT -1; COMMIT"
	if _, err := conn.PgConn().Exec(ctx, closing).ReadAll(); err != nil {
		return errors.Join(fmt.Errorf("close database %s: %w", name, err), t.dropDatabase(context.WithoutCancel(ctx), name))
	}
	return nil
}

// localeOf spells the source's encoding and locale as options of CREATE DATABASE. The provider is named
// only where it is not what servers before 15 know.
func localeOf(s catalog.Server) string {
	options := " ENCODING " + quoteLiteral(s.Encoding) + " LC_COLLATE " + quoteLiteral(s.Collate) + " LC_CTYPE " + quoteLiteral(s.Ctype)
	switch s.Provider {
	case "icu":
		options += " LOCALE_PROVIDER icu ICU_LOCALE " + quoteLiteral(s.Locale)
		if s.Rules != "" {
			options += " ICU_RULES " + quoteLiteral(s.Rules)
		}
	case "builtin":
		options += " LOCALE_PROVIDER builtin BUILTIN_LOCALE " + quoteLiteral(s.Locale)
	}
	return options
}

// createError tells a locale that the server does not have and a missing right from other failures.
func createError(name string, s catalog.Server, err error) error {
	switch {
	case hasCode(err, "42501"):
		return refuse("no-createdb", name, "our role may not create the database: it needs CREATEDB, membership in the serving database's owner, and CREATE on its tablespace",
			"grant them, or configure slots")
	case hasCode(err, "22023", "42704", "0A000", "42601", "42809", "42602"):
		return refuse("locale", name, fmt.Sprintf("the server cannot make a database with the source's encoding %s, provider %s, collation %s",
			s.Encoding, s.Provider, s.Collate), "install the locale on the target's server")
	}
	return fmt.Errorf("create database %s: %w", name, err)
}

// begin writes marker and certificate into the new database and makes the tables.
func (b *build) begin(ctx context.Context) error {
	b.cert = Certificate{
		Environment: b.t.marker.ID, Run: b.order.Run, State: Building, Source: b.order.Source, Digests: b.order.Digests,
		Version: b.t.opts.Version, Tables: len(b.order.Tables),
	}
	err := b.t.opts.within(ctx, b.database, func(conn *pgx.Conn) error {
		if err := storeMarker(ctx, conn, b.t.marker); err != nil {
			return err
		}
		if _, err := conn.PgConn().Exec(ctx, certificateSchema).ReadAll(); err != nil {
			return fmt.Errorf("make the certificate: %w", err)
		}
		if err := b.readMeans(ctx, conn); err != nil {
			return err
		}
		return storeCertificate(ctx, conn, b.cert)
	})
	if err != nil {
		return fmt.Errorf("mark %s: %w", b.database, err)
	}
	// From here on it is known by its certificate.
	if err := b.t.forget(ctx, b.database); err != nil {
		return err
	}
	b.t.opts.Event(Event{Phase: "schema"})
	b.schedule = newSchedule(b.archive, b.order, b.replica, b.t.opts.big)
	for _, entries := range schemasFirst(b.schedule.before) {
		if err := b.archive.restore(ctx, b.database, entries, restoring{}); err != nil {
			return fmt.Errorf("make the schema: %w", err)
		}
	}
	if err := b.makeLargeObjects(ctx); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{b.viewsStayInside, b.nothingReaches, b.dropTolerated, b.lendPath, b.tryRecompute} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// readMeans asks the server how much the build may use of it, and whether it may load without triggers.
func (b *build) readMeans(ctx context.Context, conn *pgx.Conn) (err error) {
	if b.memory, err = readBudget(ctx, conn, b.t.opts.Jobs, b.t.opts.Memory); err != nil {
		return err
	}
	b.replica, err = mayReplicate(ctx, conn)
	return err
}

// Abort removes what was built. A build that passed verification and only could not be published stays,
// as does one that failed when KeepFailed is set or after all of its rows had landed: all closed. It does nothing before Begin and after
// Commit.
func (t *Target) Abort(ctx context.Context) error {
	b := t.current()
	if b == nil || b.published {
		return nil
	}
	err := b.close()
	if b.attempted && b.verified {
		return err
	}
	if t.opts.KeepFailed || t.opts.Slots != nil || t.Resumable() {
		return errors.Join(err, t.opts.within(ctx, b.database, func(conn *pgx.Conn) error {
			return setState(ctx, conn, Failed, time.Time{})
		}))
	}
	return errors.Join(err, t.dropDatabase(ctx, b.database))
}

// close ends the sessions of the build and removes its files. It may be called twice.
func (b *build) close() error {
	if b.sessions != nil {
		b.sessions.close()
	}
	dir := b.dir
	b.dir = ""
	return removeAll(dir)
}

// ownersExist refuses an archive that names an owner the target's server lacks or that we may not act
// for, each by name.
func (b *build) ownersExist(ctx context.Context) error {
	owners := b.archive.owners(b.order.Catalog)
	if b.ownership != nil {
		owners = actors(b.ownership)
	}
	var found finding.List
	err := b.t.maintain(ctx, func(conn *pgx.Conn) error {
		const query = `SELECT w.name, r.oid IS NOT NULL, coalesce(pg_has_role(current_user, r.oid, 'MEMBER'), false)
				OR r.rolname = 'pg_database_owner' -- in the new database that is us
			FROM unnest($1::text[]) AS w (name) LEFT JOIN pg_roles r ON r.rolname = w.name ORDER BY 1`
		result, err := conn.Query(ctx, query, owners)
		if err != nil {
			return err
		}
		var name string
		var exists, member bool
		_, err = pgx.ForEachRow(result, []any{&name, &exists, &member}, func() error {
			switch {
			case !exists:
				found = append(found, finding.Finding{Code: "owner-missing", Object: name,
					Message: "the role owns objects of the source and does not exist on the target", Fix: "create the role on the target's server"})
			case !member:
				found = append(found, finding.Finding{Code: "owner-not-ours", Object: name,
					Message: "the role owns objects of the source and our role is no member of it", Fix: "grant the role to ours on the target's server"})
			}
			return nil
		})
		return err
	})
	if err != nil {
		return fmt.Errorf("look up owners: %w", err)
	}
	if len(found) > 0 {
		return &RefusedError{Findings: found}
	}
	return nil
}

// Certify records what the caller's own checks said and the catalog it accepted, both as JSON without
// values. It may be called after the last Finish and before Commit.
func (t *Target) Certify(ctx context.Context, verdicts, accepted json.RawMessage) error {
	b := t.current()
	if b == nil {
		return errNotBegun
	}
	b.cert.Verdicts, b.cert.Accepted = verdicts, accepted
	return b.t.opts.within(ctx, b.database, func(conn *pgx.Conn) error { return storeCertificate(ctx, conn, b.cert) })
}

// notePrefix begins the comment on every database that we make or keep.
const notePrefix = "lethe "

// note is the comment on a database that serves nobody: shared by the whole server, so that it can be
// read without connecting. What stands inside the database decides; the note only finds and dates it.
type note struct {
	Environment string     `json:"environment"`
	Run         string     `json:"run,omitempty"`
	Replaced    *time.Time `json:"replaced,omitempty"`
	ReplacedBy  string     `json:"replaced_by,omitempty"`
	KeptUntil   *time.Time `json:"kept_until,omitempty"`
}

// readNote reads a comment; the zero note when it is not ours.
func readNote(comment string) note {
	var n note
	text, ours := strings.CutPrefix(comment, notePrefix)
	if !ours || json.Unmarshal([]byte(text), &n) != nil {
		return note{}
	}
	return n
}

// comment spells a note.
func (n note) comment() (string, error) {
	text, err := json.Marshal(n)
	return notePrefix + string(text), err
}
