package pg

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/finding"
)

// TargetOptions say where an environment lives and how it is published.
type TargetOptions struct {
	// DSN reaches the environment's database, the one that clients use by its name. With Slots it reaches
	// either slot.
	DSN string
	// Maintenance is the database that locks are taken and renames are done in. Defaults to "postgres".
	Maintenance string
	// Environment is the environment's name; the adopted marker must carry the same.
	Environment string
	// Run is the run's id.
	Run string
	// Version is the version of the program, for the certificate.
	Version string
	// Tools are pg_dump and pg_restore of a fitting major. Only building needs them.
	Tools Tools
	// Jobs is how many indexes, constraints and counts are worked on at once. Defaults to 2.
	Jobs int
	// Memory is what the indexes that are built at once may sort in together, in bytes. Defaults to what the
	// server's own settings suggest.
	Memory int64
	// Sessions says what becomes of the sessions of the old database.
	Sessions Sessions
	// Keep says how long what was replaced is kept.
	Keep Keep
	// Resume goes on with a run whose rows have all landed: Begin finds what it built instead of making it.
	Resume bool
	// Found is called by Begin of a resumed run with what an earlier attempt recorded, before anything is done to
	// what it built. An error ends the run, and what was built stays as it was. It may be nil.
	Found func(Progress) error
	// KeepFailed keeps a build that failed, closed, until the next run.
	KeepFailed bool
	// Revive names what of the source's wiring may live on the copy.
	Revive []Revival
	// Tolerate names indexes and constraints, as schema.index or schema.table.constraint, that the source's own
	// rows violate: they are left out, and told.
	Tolerate []string
	// SearchPath are schemas that functions behind indexes, checks, generated columns and materialised views look
	// names up in while the database is built; none leaves them as they are.
	SearchPath []string
	// Slots are the two databases that take turns where we may not create any; nil otherwise.
	Slots *Slots
	// Dir is an existing private directory for temporary files. Required for building.
	Dir string
	// Steps says that more is done to a build after Verify: only Complete makes it one that may be published.
	Steps bool
	// Retain are rows of the environment's own, which Target.Retain carries over.
	Retain []Retain
	// Ready is called by Publish and Rollback when it is known which database will serve, before anything is
	// changed. An error ends the work, and nothing was changed. It may be nil.
	Ready func(ctx context.Context, database string) error
	// LockTimeout is how long a part waits for another that loads the same rows before it ends the
	// other's session. Defaults to 5 s: a part's last statement takes milliseconds.
	LockTimeout time.Duration
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
	// Event is told of progress, from several goroutines at once. It may be nil.
	Event func(Event)

	big int64 // bigTable; tests make small tables big
}

// SessionMode says how sessions of the old database are treated when the new one takes its name.
type SessionMode string

// The modes. Drain lets transactions end first, Terminate does not wait, Refuse does not publish while
// anybody is connected.
const (
	Drain     SessionMode = "drain"
	Terminate SessionMode = "terminate"
	Refuse    SessionMode = "refuse"
)

// Sessions says what becomes of the sessions of the old database.
type Sessions struct {
	// Mode defaults to Drain.
	Mode SessionMode
	// Drain is the longest wait for running transactions. Defaults to 30 s.
	Drain time.Duration
}

// Keep says which previous databases are kept: no more than Count, none longer than For. A zero For
// sets no limit of time.
type Keep struct {
	Count int
	For   time.Duration
}

// Event is one step of progress. It names objects, never values.
type Event struct {
	// Phase is what is being done, such as "schema", "indexes", "publish".
	Phase string
	// Object is what it is done to; may be empty.
	Object string
}

// Publication says what publishing did.
type Publication struct {
	// Database is the name that serves; Previous the name of what it replaced, "" when that was kept
	// under no other name (slots).
	Database string `json:"database"`
	Previous string `json:"previous,omitempty"`
	// Run is the run whose data serves now.
	Run string `json:"run"`
	// Outage is how long new connections failed or had to wait, as a client sees it.
	Outage time.Duration `json:"-"`
	// Unretained is how long before the change the environment's own rows were copied: what was written to
	// them meanwhile is lost. Zero when none were.
	Unretained time.Duration `json:"-"`
	// Ended is how many sessions were ended.
	Ended int `json:"ended_sessions"`
	// KeptUntil is when Previous may be dropped; zero when no limit of time is set.
	KeptUntil time.Time `json:"kept_until,omitzero"`
	// Notes are what could not be done beside it, such as a previous database that may not be dropped.
	Notes finding.List `json:"notes,omitempty"`
}

// RefusedError says that a guard or the server's state forbids the work. Nothing was touched.
type RefusedError struct{ Findings finding.List }

// Error names the first finding and how many there are.
func (e *RefusedError) Error() string {
	switch len(e.Findings) {
	case 0:
		return "refused"
	case 1:
		return "refused: " + e.Findings[0].String()
	}
	return fmt.Sprintf("refused for %d reasons, the first: %s", len(e.Findings), e.Findings[0])
}

// refuse returns a RefusedError of one finding.
func refuse(code, object, message, fix string) error {
	return &RefusedError{Findings: finding.List{{Code: code, Object: object, Message: message, Fix: fix}}}
}

// Target builds an environment's database and publishes it. It holds the environment's lock from
// OpenTarget to Close. Write and Finish may be called from several goroutines at once, the other methods
// from one.
type Target struct {
	opts   TargetOptions
	base   string // the database that clients know
	marker Marker
	lock   *environmentLock

	mu     sync.Mutex
	build  *build // nil until Begin
	result Publication
}

// OpenTarget connects, reads the marker and takes the environment's lock. A database without marker or
// with another environment's is a RefusedError, one that somebody holds a HeldError, a lock a BusyError. The caller
// closes the Target.
func OpenTarget(ctx context.Context, opts TargetOptions) (*Target, error) {
	t, err := findTarget(ctx, opts)
	if err != nil {
		return nil, err
	}
	if err := t.free(ctx); err != nil {
		return nil, err
	}
	if t.lock, err = lockEnvironment(ctx, t.opts, t.marker); err != nil {
		return nil, err
	}
	return t, nil
}

// findTarget finds the environment's database and reads its marker, without taking a lock.
func findTarget(ctx context.Context, opts TargetOptions) (*Target, error) {
	opts = opts.withDefaults()
	database, err := DatabaseOf(opts.DSN)
	if err != nil {
		return nil, err
	}
	t := &Target{opts: opts, base: database}
	if opts.Slots != nil {
		if err := opts.Slots.validate(); err != nil {
			return nil, err
		}
		if t.base, err = t.servingSlot(ctx); err != nil {
			return nil, err
		}
	}
	t.marker, err = t.readMarker(ctx, t.base)
	return t, err
}

// DatabaseOf returns the name of the database that a connection string reaches.
func DatabaseOf(dsn string) (string, error) {
	config, err := parse(dsn)
	if err != nil {
		return "", err
	}
	return config.Database, nil
}

func (o TargetOptions) withDefaults() TargetOptions {
	o.Maintenance = cmp.Or(o.Maintenance, "postgres")
	o.Jobs = max(o.Jobs, 0)
	o.Jobs = cmp.Or(o.Jobs, 2)
	o.big = cmp.Or(o.big, bigTable)
	o.Sessions.Mode = cmp.Or(o.Sessions.Mode, Drain)
	o.Sessions.Drain = cmp.Or(o.Sessions.Drain, 30*time.Second)
	o.LockTimeout = cmp.Or(o.LockTimeout, 5*time.Second)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Event == nil {
		o.Event = func(Event) {}
	}
	return o
}

// Close gives the lock back and removes what Begin put into the directory. It does not touch databases:
// a build that was neither published nor aborted stays, closed, for Publish or for the next run.
func (t *Target) Close() error {
	var errs []error
	if b := t.current(); b != nil {
		errs = append(errs, b.close())
	}
	t.lock.release()
	return errors.Join(errs...)
}

// Marker returns what was agreed when the environment was adopted.
func (t *Target) Marker() Marker { return t.marker }

// Result returns what Commit did. It is zero before.
func (t *Target) Result() Publication { return t.result }

// applicationName is what every session of this run is called on the server.
func (o TargetOptions) applicationName() string { return applicationName("lethe/" + o.Run) }

// session returns how every session of this run is opened. What it is called is how a take-over knows
// whom it may end.
func (o TargetOptions) session(database string) session {
	return session{name: "lethe/" + o.Run, database: database}
}

// within calls f with a session in the database, closed afterwards.
func (o TargetOptions) within(ctx context.Context, database string, f func(conn *pgx.Conn) error) error {
	conn, err := connect(ctx, o.DSN, o.session(database))
	if err != nil {
		return err
	}
	defer closeNow(conn)
	return sanitize(f(conn))
}

// maintain calls f with a session in the maintenance database, closed afterwards.
func (o TargetOptions) maintain(ctx context.Context, f func(conn *pgx.Conn) error) error {
	return o.within(ctx, o.Maintenance, f)
}

// current returns the build, nil before Begin.
func (t *Target) current() *build {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.build
}

// errNotBegun is the misuse of a method that needs a build.
var errNotBegun = errors.New("nothing is being built: call Begin first")

// databaseExists reports whether the server has a database of that name.
func databaseExists(ctx context.Context, conn *pgx.Conn, name string) (bool, error) {
	var exists bool
	err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`, name).Scan(&exists)
	return exists, sanitize(err)
}

// quoted is short for a quoted identifier.
func quoted(name string) string { return catalog.QuoteIdentifier(name) }

// removeAll removes a directory of temporary files; it may be gone already.
func removeAll(dir string) error {
	if dir == "" {
		return nil
	}
	return os.RemoveAll(dir)
}
