package pg

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// StopWhen is the load of a source at which reading pauses. Zero fields are no limit.
type StopWhen struct {
	// ReplicationLag is by how much the slowest standby may be behind, or the source itself where it is one.
	ReplicationLag time.Duration
	// ActiveSessions is how many sessions may be at work on the server, whoever's.
	ActiveSessions int
	// Lasts is how long reading pauses before the run ends.
	Lasts time.Duration
}

// enabled reports whether there is a limit.
func (s StopWhen) enabled() bool { return s.ReplicationLag > 0 || s.ActiveSessions > 0 }

// foreign names the limits that need the right to see what is not our own. A standby's own lag is anybody's
// to see.
func (s StopWhen) foreign(standby bool) []string {
	var names []string
	if s.ReplicationLag > 0 && !standby {
		names = append(names, "replication_lag")
	}
	if s.ActiveSessions > 0 {
		names = append(names, "active_sessions")
	}
	return names
}

// LoadError says that production was busier than a run may find it, for as long as it may.
type LoadError struct {
	// What is the measure, such as "replication lag of 41s"; Limit the one configured.
	What, Limit string
	Lasted      time.Duration
}

// Error names the measure, the limit and what to do.
func (e *LoadError) Error() string {
	return fmt.Sprintf("%s on the source, over stop_when's %s for %s; start the run again when production is quieter",
		e.What, e.Limit, e.Lasted.Round(time.Second))
}

// strain looks at how busy a source is, and remembers since when it is too busy.
type strain struct {
	limits  StopWhen
	standby bool
	now     func() time.Time

	looked time.Time
	since  time.Time // of being too busy; zero while it is not
	marks  []mark    // the oldest first
}

// mark is where the write-ahead log stood at a time, in bytes.
type mark struct {
	at  time.Time
	lsn int64
}

// look reports whether reading may go on, or why the run must end.
func (l *strain) look(ctx context.Context, conn *pgx.Conn) (open bool, err error) {
	now := l.now()
	if !l.limits.enabled() || !l.looked.IsZero() && now.Sub(l.looked) < loadEvery {
		return l.since.IsZero(), nil
	}
	l.looked = now
	busy, err := l.measure(ctx, conn)
	if err != nil {
		return false, &LostError{What: lostLookout, Err: sanitize(err)}
	}
	return l.judge(now, busy)
}

// judge takes what was measured at a time: nil when production is quiet enough.
func (l *strain) judge(now time.Time, busy *LoadError) (open bool, err error) {
	if busy == nil {
		l.since = time.Time{}
		return true, nil
	}
	if l.since.IsZero() {
		l.since = now
	}
	if busy.Lasted = now.Sub(l.since); busy.Lasted >= l.limits.Lasts {
		return false, busy
	}
	return false, nil
}

// measure returns which limit is passed, nil for none.
func (l *strain) measure(ctx context.Context, conn *pgx.Conn) (*LoadError, error) {
	if l.limits.ActiveSessions > 0 {
		var active int
		const query = `SELECT count(*)::int4 FROM pg_stat_activity WHERE state = 'active' AND backend_type = 'client backend' AND pid <> pg_backend_pid()`
		if err := conn.QueryRow(ctx, query).Scan(&active); err != nil {
			return nil, fmt.Errorf("count active sessions: %w", err)
		}
		if active > l.limits.ActiveSessions {
			return &LoadError{What: fmt.Sprintf("%d active sessions", active), Limit: fmt.Sprintf("active_sessions: %d", l.limits.ActiveSessions)}, nil
		}
	}
	if l.limits.ReplicationLag > 0 {
		lag, err := l.lag(ctx, conn)
		if err != nil {
			return nil, fmt.Errorf("measure replication lag: %w", err)
		}
		if lag > l.limits.ReplicationLag {
			return &LoadError{What: fmt.Sprintf("replication lag of %s", lag.Round(time.Second)), Limit: fmt.Sprintf("replication_lag: %s", l.limits.ReplicationLag)}, nil
		}
	}
	return nil, nil
}

// lag measures by how much the slowest standby is behind; a standby measures itself.
func (l *strain) lag(ctx context.Context, conn *pgx.Conn) (time.Duration, error) {
	var seconds float64
	if l.standby {
		const query = `SELECT CASE WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
			ELSE coalesce(extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()), 0) END::float8`
		err := conn.QueryRow(ctx, query).Scan(&seconds)
		return time.Duration(seconds * float64(time.Second)), err
	}
	var current, replayed int64
	var behind bool
	// What the standby says of itself stands still while it says nothing, so our own marks are asked too.
	const query = `SELECT (pg_current_wal_lsn() - '0/0')::int8, coalesce(min(replay_lsn) - '0/0', 0)::int8, count(*) > 0 AND min(replay_lsn) < pg_current_wal_lsn(),
			coalesce(extract(epoch FROM max(replay_lag)), 0)::float8
		FROM pg_stat_replication WHERE replay_lsn IS NOT NULL`
	if err := conn.QueryRow(ctx, query).Scan(&current, &replayed, &behind, &seconds); err != nil {
		return 0, err
	}
	own := l.remember(mark{l.now(), current}, replayed)
	if !behind {
		return 0, nil
	}
	return max(time.Duration(seconds*float64(time.Second)), own), nil
}

// mostMarks is an hour of them, at one for each look.
const mostMarks = int(time.Hour / loadEvery)

// remember adds a mark and returns how long ago the log stood where it is replayed to.
func (l *strain) remember(m mark, replayed int64) time.Duration {
	l.marks = append(l.marks, m)
	if len(l.marks) > mostMarks {
		l.marks = l.marks[1:]
	}
	for _, old := range l.marks {
		if old.lsn > replayed {
			return m.at.Sub(old.at)
		}
	}
	return 0
}
