package pg

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// BusyError says that somebody else works on the environment.
type BusyError struct {
	Environment string
	Holder      Holder
}

// Holder is the session that holds an environment's lock. Fields that the server does not show to us
// are zero.
type Holder struct {
	PID         int       `json:"pid"`
	Application string    `json:"application,omitempty"`
	Client      string    `json:"client,omitempty"`
	Role        string    `json:"role,omitempty"`
	Since       time.Time `json:"since,omitzero"`
}

// Error names the environment and the holder.
func (e *BusyError) Error() string {
	text := fmt.Sprintf("environment %s is busy: held by %s, pid %d", e.Environment, orUnknown(e.Holder.Application), e.Holder.PID)
	if e.Holder.Client != "" {
		text += ", from " + e.Holder.Client
	}
	if !e.Holder.Since.IsZero() {
		text += ", since " + e.Holder.Since.UTC().Format(time.RFC3339)
	}
	return text + "; wait for it to end"
}

func orUnknown(s string) string {
	if s == "" {
		return "an unnamed session"
	}
	return s
}

// errLockLost is the loss of the session that holds the environment's lock.
func errLockLost() error { return &LostError{What: lostLock} }

// lostLock is what a LostError names when the environment's lock is gone.
const lostLock = "environment's lock"

// environmentLock is the session that holds an environment's lock. Publishing runs on it, so that who
// lost the lock cannot publish. Only check may be called from several goroutines at once.
type environmentLock struct {
	conn *pgx.Conn
	key  int64
	// checking keeps two parts that lost their sessions from asking at once.
	checking sync.Mutex
}

// lockPatience is how long a run waits for the environment's lock before it is refused: a session that has
// just ended, or was killed, holds its locks for a moment longer.
const lockPatience = time.Second

// lockKey derives the key of an environment's advisory lock from its id.
func lockKey(id string) int64 {
	sum := sha256.Sum256([]byte("lethe/environment/" + id))
	return int64(binary.BigEndian.Uint64(sum[:8]))
}

// lockEnvironment takes the environment's lock in the maintenance database, or tells who holds it.
func lockEnvironment(ctx context.Context, opts TargetOptions, marker Marker) (*environmentLock, error) {
	conn, err := connect(ctx, opts.DSN, opts.session(opts.Maintenance))
	if err != nil {
		return nil, err
	}
	l := &environmentLock{conn: conn, key: lockKey(marker.ID)}
	if err := l.take(ctx, marker.Name); err != nil {
		l.release()
		return nil, sanitize(err)
	}
	return l, nil
}

func (l *environmentLock) take(ctx context.Context, environment string) error {
	// The session idles for as long as the load takes. A machine that vanished must not hold the lock for
	// the two hours that TCP takes to notice by default: a minute is long enough for a lost packet.
	const alive = `SELECT set_config('tcp_keepalives_idle', '30', false), set_config('tcp_keepalives_interval', '10', false),
		set_config('tcp_keepalives_count', '3', false)`
	if _, err := l.conn.Exec(ctx, alive); err != nil {
		return fmt.Errorf("keep the lock's session alive: %w", err)
	}
	if _, err := l.conn.Exec(ctx, fmt.Sprintf(`SET lock_timeout = %d`, lockPatience.Milliseconds())); err != nil {
		return fmt.Errorf("bound the wait for environment %s: %w", environment, err)
	}
	_, err := l.conn.Exec(ctx, `SELECT pg_advisory_lock($1)`, l.key)
	if err == nil {
		_, err = l.conn.Exec(ctx, `SET lock_timeout = 0`)
	}
	if err == nil {
		return nil
	}
	if !hasCode(err, "55P03") {
		return fmt.Errorf("lock environment %s: %w", environment, err)
	}
	holder, err := l.holder(ctx)
	if err != nil {
		return fmt.Errorf("find who holds environment %s: %w", environment, err)
	}
	return &BusyError{Environment: environment, Holder: holder}
}

// holder tells whose session holds the lock; the zero Holder when it was given back meanwhile.
func (l *environmentLock) holder(ctx context.Context) (Holder, error) {
	return lockHolder(ctx, l.conn, l.key)
}

// lockHolder tells whose session holds an advisory lock of the current database.
func lockHolder(ctx context.Context, conn *pgx.Conn, key int64) (Holder, error) {
	var h Holder
	var since *time.Time
	const query = `SELECT l.pid, coalesce(a.application_name, ''), coalesce(host(a.client_addr), ''), coalesce(a.usename::text, ''), a.backend_start
		FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
		WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
			AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
			AND (l.classid::bigint << 32 | l.objid::bigint) = $1`
	err := conn.QueryRow(ctx, query, key).Scan(&h.PID, &h.Application, &h.Client, &h.Role, &since)
	if errors.Is(err, pgx.ErrNoRows) {
		return Holder{}, nil
	}
	if since != nil {
		h.Since = *since
	}
	return h, err
}

// check makes sure that the session still stands and still holds the lock.
func (l *environmentLock) check(ctx context.Context) error {
	l.checking.Lock()
	defer l.checking.Unlock()
	var own int
	if err := l.conn.QueryRow(ctx, `SELECT pg_backend_pid()`).Scan(&own); err != nil {
		if ctx.Err() != nil {
			return sanitize(err)
		}
		return errLockLost()
	}
	h, err := l.holder(ctx)
	if err != nil {
		return sanitize(err)
	}
	if h.PID != own {
		return errLockLost()
	}
	return nil
}

// release gives the lock back by ending its session.
func (l *environmentLock) release() {
	if l != nil && l.conn != nil {
		closeNow(l.conn)
	}
}
