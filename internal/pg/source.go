package pg

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/preflight"
	"github.com/lethedb/lethe/internal/work"
)

// SourceOptions say where production is and how gently it is read.
type SourceOptions struct {
	// Name is the source's name in the configuration.
	Name string
	// DSN reaches the database, directly: a pooler cannot hold a snapshot.
	DSN string
	// Run is the run's id; sessions are called lethe/RUN.
	Run string
	// Connections is the most sessions that there are at once, all counted: the one that asks and keeps the
	// lookout, the one that holds the snapshot, those that hold locks, and those that read, pg_dump's among
	// them. Defaults to 8; 4 is the least.
	Connections int
	// Rate is how many bytes per second are read, by all sessions together; 0 for no limit.
	Rate int64
	// YieldAfter is how long others may wait for a session of the run before the run gives way. Defaults to 3 s.
	YieldAfter time.Duration
	// MaxSnapshotAge is how long a snapshot may be held. Defaults to 4 h.
	MaxSnapshotAge time.Duration
	// StopWhen is the load at which reading pauses.
	StopWhen StopWhen
	// LockTimeout is how long one attempt to lock a table waits, and how long others that queue behind it wait in
	// turn. Defaults to 2 s.
	LockTimeout time.Duration
	// LockRetries is how often taking the locks is tried again. Defaults to 10; negative means never.
	LockRetries int
	// Dir is an existing private directory for temporary files. Only DumpSchema needs it.
	Dir string
}

func (o SourceOptions) withDefaults() SourceOptions {
	if o.Connections <= 0 {
		o.Connections = 8
	}
	o.Connections = max(o.Connections, leastConnections)
	if o.YieldAfter <= 0 {
		o.YieldAfter = 3 * time.Second
	}
	if o.MaxSnapshotAge <= 0 {
		o.MaxSnapshotAge = 4 * time.Hour
	}
	if o.LockTimeout <= 0 {
		// Who queues behind an attempt of ours waits as long as for a lock of ours.
		o.LockTimeout = min(2*time.Second, o.YieldAfter)
	}
	if o.LockRetries == 0 {
		o.LockRetries = 10
	}
	return o
}

// leastConnections is one session that keeps the lookout, one that holds the snapshot, one that holds locks,
// one that reads; the first two are there however many there are.
const (
	leastConnections = 4
	keepers          = 2
)

// groups returns how many sessions may hold locks: a third of those that are not spoken for, so that most read.
func (o SourceOptions) groups() int { return max(1, min(mostGroups, (o.Connections-keepers)/3)) }

// Identity says which database a source is.
type Identity struct {
	// SystemIdentifier is the server's, as text; "" where the role may not ask for it. A server restored
	// from another's base backup has the same.
	SystemIdentifier string
	// Database is the database's name.
	Database string
	// Version is server_version_num, such as 150018.
	Version int
	// Standby reports whether the server is in recovery.
	Standby bool
	// started tells one running server from another that answers at the same address.
	started string
}

// Source reads one database and can do nothing else: its sessions are read-only, and it has no way to
// run a statement of a caller's. Its methods may be called from several goroutines at once.
type Source struct {
	opts     SourceOptions
	identity Identity
	pause    time.Duration // between two attempts to lock

	mu   sync.Mutex
	home *pgx.Conn // what the catalog is read on outside a snapshot
	// reading are the readers of the snapshot that is held, nil outside; the lookout then has what was home.
	reading *pool
	cost    work.Cost
}

// OpenSource connects and finds out what the server is. It refuses versions that are not supported. The
// caller closes the Source.
func OpenSource(ctx context.Context, opts SourceOptions) (*Source, error) {
	s := &Source{opts: opts.withDefaults(), pause: lockPause}
	conn, err := connect(ctx, s.opts.DSN, s.session())
	if err != nil {
		return nil, fmt.Errorf("open source %s: %w", s.opts.Name, err)
	}
	s.home = conn
	if s.identity, err = identify(ctx, conn); err != nil {
		closeNow(conn)
		return nil, fmt.Errorf("open source %s: %w", s.opts.Name, err)
	}
	if major := s.identity.Version / 10000; major < preflight.OldestMajor || major > preflight.NewestMajor {
		closeNow(conn)
		return nil, fmt.Errorf("open source %s: %w", s.opts.Name, &VersionError{Version: s.identity.Version})
	}
	return s, nil
}

// VersionError says that a server is of a version that is not supported.
type VersionError struct {
	// Version is server_version_num.
	Version int
}

// Error names the version and those that are supported.
func (e *VersionError) Error() string {
	return fmt.Sprintf("server version %d is not supported; use a server of version %d to %d", e.Version/10000, preflight.OldestMajor, preflight.NewestMajor)
}

// Close ends the sessions outside snapshots. It must not be called before WithSnapshot has returned.
func (s *Source) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.home != nil {
		closeNow(s.home)
		s.home = nil
	}
}

// Identity returns which database this is.
func (s *Source) Identity() Identity { return s.identity }

// Name returns the source's name in the configuration.
func (s *Source) Name() string { return s.opts.Name }

// Catalog reads the catalog as it stands now. It waits no longer than LockTimeout for a table that
// somebody is altering.
func (s *Source) Catalog(ctx context.Context) (*catalog.Catalog, error) {
	var c *catalog.Catalog
	err := s.politely(ctx, func() error {
		return s.atHome(ctx, func(tx pgx.Tx) error {
			var err error
			c, err = readCatalog(ctx, tx)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("source %s: %w", s.opts.Name, err)
	}
	return c, nil
}

// Cost returns what the snapshots of this source that have ended cost it.
func (s *Source) Cost() work.Cost {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cost
}

// atHome runs f in a read-only transaction on the session that is kept for questions, which is opened
// anew when it was lost meanwhile. While a snapshot is held, a reader's session answers.
func (s *Source) atHome(ctx context.Context, f func(tx pgx.Tx) error) error {
	s.mu.Lock()
	if readers := s.reading; readers != nil {
		s.mu.Unlock()
		conn, err := readers.take(ctx)
		if err != nil {
			return err
		}
		defer func() { readers.give(conn) }()
		return readOnly(ctx, conn, f)
	}
	defer s.mu.Unlock()
	if err := s.comeHome(ctx); err != nil {
		return err
	}
	return readOnly(ctx, s.home, f)
}

// comeHome makes sure that the session for questions stands. s.mu is held.
func (s *Source) comeHome(ctx context.Context) error {
	if s.home != nil && !s.home.IsClosed() && s.home.Ping(ctx) == nil {
		return nil
	}
	if s.home != nil {
		closeNow(s.home)
		s.home = nil
	}
	conn, err := s.open(ctx, s.session())
	if err != nil {
		return err
	}
	s.home = conn
	return nil
}

// readOnly runs f in a read-only transaction of one snapshot and ends it.
func readOnly(ctx context.Context, conn *pgx.Conn, f func(tx pgx.Tx) error) error {
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return sanitize(fmt.Errorf("begin: %w", err))
	}
	err = f(tx)
	// There is nothing to commit; a session that cannot even roll back is not used again.
	if tx.Rollback(ctx) != nil {
		closeNow(conn)
	}
	return sanitize(err)
}

func (s *Source) sessionName() string { return "lethe/" + s.opts.Run }

// session returns how this source's sessions are opened.
func (s *Source) session() session {
	return session{name: s.sessionName(), readOnly: true, lockTimeout: s.opts.LockTimeout}
}

// open opens one more session and makes sure that it reaches the same running server as the first did:
// behind a load balancer, or with several hosts in the DSN, locks would be taken on one and rows read
// from another.
func (s *Source) open(ctx context.Context, how session) (*pgx.Conn, error) {
	conn, err := connect(ctx, s.opts.DSN, how)
	if err != nil {
		return nil, err
	}
	same, err := identify(ctx, conn)
	if err == nil && (same.started != s.identity.started || same.SystemIdentifier != s.identity.SystemIdentifier) {
		err = errors.New("connect: two connections reach different servers; use a connection string that names one server")
	}
	if err != nil {
		closeNow(conn)
		return nil, err
	}
	return conn, nil
}

// openReader opens a session that reads rows.
func (s *Source) openReader(ctx context.Context) (*pgx.Conn, error) { return s.open(ctx, s.session()) }

// identify asks a session which database it is in.
func identify(ctx context.Context, conn *pgx.Conn) (Identity, error) {
	var id Identity
	const query = `SELECT current_setting('server_version_num')::int4, current_database()::text, pg_is_in_recovery(),
		extract(epoch FROM pg_postmaster_start_time())::text,
		has_function_privilege('pg_control_system()', 'EXECUTE')`
	var may bool
	if err := conn.QueryRow(ctx, query).Scan(&id.Version, &id.Database, &id.Standby, &id.started, &may); err != nil {
		return id, sanitize(fmt.Errorf("identify server: %w", err))
	}
	if may {
		if err := conn.QueryRow(ctx, `SELECT system_identifier::text FROM pg_control_system()`).Scan(&id.SystemIdentifier); err != nil {
			return id, sanitize(fmt.Errorf("identify server: %w", err))
		}
	}
	return id, nil
}
