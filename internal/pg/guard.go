package pg

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/finding"
)

// Relation says how near a source is to a target. It is found by acting on the one and looking from the
// other, never by comparing names: a source may be reached through any host name.
type Relation struct {
	// SameServer reports one running server, SameDatabase one database of it.
	SameServer   bool `json:"same_server"`
	SameDatabase bool `json:"same_database"`
	// Replica reports that the source is a standby that follows the target's server; Undecided that it may
	// be one and lags too far behind to tell.
	Replica   bool `json:"replica,omitempty"`
	Undecided bool `json:"undecided,omitempty"`
	// SameIdentifier reports equal system identifiers: one was made from the other's backup, or follows it.
	SameIdentifier bool `json:"same_identifier"`
	// UnknownIdentifier reports that one of them would not tell.
	UnknownIdentifier bool `json:"unknown_identifier,omitempty"`
}

// replicaWait is how long a standby may take to show what was just written on its primary before nobody
// can tell whether it follows it.
const replicaWait = 10 * time.Second

// Relate finds how near the source is to the database that the target's DSN reaches. It leaves nothing
// behind on either.
func Relate(ctx context.Context, sourceDSN, targetDSN string) (Relation, error) {
	config, err := parse(targetDSN)
	if err != nil {
		return Relation{}, err
	}
	return relate(ctx, sourceDSN, targetDSN, config.Database)
}

func relate(ctx context.Context, sourceDSN, targetDSN, database string) (Relation, error) {
	source, err := connect(ctx, sourceDSN, session{name: "lethe/guard", readOnly: true})
	if err != nil {
		return Relation{}, fmt.Errorf("source: %w", err)
	}
	defer closeNow(source)
	target, err := connect(ctx, targetDSN, session{name: "lethe/guard", database: database})
	if err != nil {
		return Relation{}, fmt.Errorf("target: %w", err)
	}
	defer closeNow(target)
	var r Relation
	if err := r.byLock(ctx, source, target); err != nil {
		return r, sanitize(fmt.Errorf("look for the target's lock on the source: %w", err))
	}
	if err := r.byIdentifier(ctx, source, target); err != nil {
		return r, sanitize(fmt.Errorf("compare system identifiers: %w", err))
	}
	if !r.SameServer && (r.SameIdentifier || r.UnknownIdentifier) {
		if err := r.byReplay(ctx, source, target); err != nil {
			return r, sanitize(fmt.Errorf("look for the target's setting on the standby: %w", err))
		}
	}
	return r, nil
}

// nonce returns a random number that nobody else uses as a lock.
func nonce() int64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // it never fails: the program ends when the system has no randomness
	return int64(binary.BigEndian.Uint64(b[:]))
}

// byLock takes a random advisory lock on the target and looks for it in the source's list of locks,
// which shows those of all databases to everybody.
func (r *Relation) byLock(ctx context.Context, source, target *pgx.Conn) error {
	key := nonce()
	// In a transaction, so that a transaction pooler on the way cannot move it to another session.
	tx, err := target.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(ctx) }()
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, key); err != nil {
		return err
	}
	const look = `SELECT count(*) > 0,
			coalesce(bool_or(l.database = (SELECT oid FROM pg_database WHERE datname = current_database())), false)
		FROM pg_locks l WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND (l.classid::bigint << 32 | l.objid::bigint) = $1`
	return source.QueryRow(ctx, look, key).Scan(&r.SameServer, &r.SameDatabase)
}

// byIdentifier compares the identifiers that initdb drew.
func (r *Relation) byIdentifier(ctx context.Context, source, target *pgx.Conn) error {
	var ids [2]string
	for i, conn := range []*pgx.Conn{source, target} {
		err := conn.QueryRow(ctx, `SELECT system_identifier::text FROM pg_control_system()`).Scan(&ids[i])
		if hasCode(err, "42501") {
			r.UnknownIdentifier = true
			return nil
		}
		if err != nil {
			return err
		}
	}
	r.SameIdentifier = ids[0] == ids[1]
	return nil
}

// byReplay tells a standby of the target's server from one of another server with the same history: a
// random setting is stored on the target, for our own role in that database only, and looked for on the
// standby once it has replayed that far.
func (r *Relation) byReplay(ctx context.Context, source, target *pgx.Conn) (err error) {
	var standby bool
	if err := source.QueryRow(ctx, `SELECT pg_is_in_recovery()`).Scan(&standby); err != nil || !standby {
		return err
	}
	var database string
	var before *string
	const own = `SELECT current_database(), (SELECT substr(c, length('application_name=') + 1)
		FROM pg_db_role_setting s, unnest(s.setconfig) c JOIN pg_database d ON d.datname = current_database()
		WHERE s.setdatabase = d.oid AND s.setrole = current_user::regrole AND c LIKE 'application\_name=%')`
	if err := target.QueryRow(ctx, own).Scan(&database, &before); err != nil {
		return err
	}
	token := make([]byte, 16)
	_, _ = rand.Read(token)
	mark := "lethe/" + hex.EncodeToString(token)
	alter := "ALTER ROLE CURRENT_USER IN DATABASE " + quoted(database)
	if _, err := target.Exec(ctx, alter+" SET application_name = "+quoteLiteral(mark)); err != nil {
		return err
	}
	defer func() {
		undo := alter + " RESET application_name"
		if before != nil {
			undo = alter + " SET application_name = " + quoteLiteral(*before)
		}
		if _, undoErr := target.Exec(context.WithoutCancel(ctx), undo); err == nil {
			err = undoErr
		}
	}()
	var lsn string
	if err := target.QueryRow(ctx, `SELECT pg_current_wal_insert_lsn()::text`).Scan(&lsn); err != nil {
		return err
	}
	return r.awaitReplay(ctx, source, mark, lsn)
}

// awaitReplay waits until the standby shows the mark, or has replayed past it without.
func (r *Relation) awaitReplay(ctx context.Context, source *pgx.Conn, mark, lsn string) error {
	ctx, cancel := context.WithTimeout(ctx, replicaWait)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		var passed bool
		// In this order: what was replayed before the look is in the look.
		if err := source.QueryRow(ctx, `SELECT coalesce(pg_last_wal_replay_lsn() >= $1::pg_lsn, false)`, lsn).Scan(&passed); err != nil {
			return err
		}
		const look = `SELECT EXISTS (SELECT FROM pg_db_role_setting WHERE 'application_name=' || $1 = ANY (setconfig))`
		if err := source.QueryRow(ctx, look, mark).Scan(&r.Replica); err != nil {
			return err
		}
		if r.Replica || passed {
			return nil
		}
		select {
		case <-ctx.Done():
			r.Undecided = true
			return nil
		case <-tick.C:
		}
	}
}

// refusals returns why a source so near forbids the database as a target, given what was agreed.
func (r Relation) refusals(database string, sameServer, restored bool) finding.List {
	one := func(code, message, fix string) finding.List {
		return finding.List{{Code: code, Object: database, Message: message, Fix: fix}}
	}
	switch {
	case r.SameDatabase:
		return one("target-is-source", "a source reads this very database", "name another database as the environment's target")
	case r.Replica:
		return one("target-is-primary", "a source is a standby of this very server: the target is production",
			"name a database on another server as the environment's target")
	case r.SameServer && !sameServer:
		return one("same-server", "a source is on the same running server",
			"move the environment to a server of its own, or say why not by lethe env adopt --same-server REASON")
	case r.Undecided:
		return one("undecided-standby", "a source is a standby with this server's system identifier and lags too far behind to tell whether it follows it",
			"wait until the standby has caught up, or name its primary as the source")
	case !r.SameServer && r.UnknownIdentifier && !restored:
		return one("unknown-identifier", "the servers do not tell their system identifiers, so that one restored from production cannot be told",
			"grant EXECUTE on pg_control_system() on both, or adopt the environment with --restored-from-production")
	case !r.SameServer && r.SameIdentifier && !restored:
		return one("same-identifier", "the server has a source's system identifier: it was restored from production's backup",
			"adopt the environment with --restored-from-production if that is meant")
	}
	return nil
}

// Guard makes sure that the source is not the target nor nearer to it than was agreed at adoption: a
// RefusedError otherwise.
func (t *Target) Guard(ctx context.Context, sourceDSN string) error {
	databases := []string{t.base}
	if t.opts.Slots != nil {
		databases = t.opts.Slots.Databases[:]
	}
	for _, database := range databases {
		r, err := relate(ctx, sourceDSN, t.opts.DSN, database)
		if err != nil {
			return fmt.Errorf("compare source and target: %w", err)
		}
		if found := r.refusals(database, t.marker.SameServer != "", t.marker.Restored); len(found) > 0 {
			return &RefusedError{Findings: found}
		}
	}
	return nil
}

// Standing returns why the environment's database may not be replaced from this source, without taking a
// lock and without writing: it was not adopted, it is the source, or it is nearer to it than was agreed.
func Standing(ctx context.Context, opts TargetOptions, sourceDSN string) (finding.List, error) {
	t, err := findTarget(ctx, opts)
	if err == nil {
		err = t.Guard(ctx, sourceDSN)
	} else if _, ok := errors.AsType[*RefusedError](err); ok {
		// What no adoption could allow is told first: adopting is then no remedy.
		err = cmp.Or(never(ctx, opts, sourceDSN), err)
	}
	if no, ok := errors.AsType[*RefusedError](err); ok {
		return no.Findings, nil
	}
	return nil, err
}

// IsProduction reports whether found, which Standing returned, says that the target is the source or its
// primary, which nothing that is agreed or granted can allow.
func IsProduction(found finding.List) bool {
	return slices.ContainsFunc(found, func(f finding.Finding) bool { return f.Code == "target-is-source" || f.Code == "target-is-primary" })
}

// never returns a RefusedError when the target is the source, or its primary, whatever was agreed; nil when it
// is not, or when nobody can tell.
func never(ctx context.Context, opts TargetOptions, sourceDSN string) error {
	config, err := parse(opts.DSN)
	if err != nil {
		return nil //nolint:nilerr // told by who opens it
	}
	databases := []string{config.Database}
	if opts.Slots != nil {
		databases = opts.Slots.Databases[:]
	}
	for _, database := range databases {
		r, err := relate(ctx, sourceDSN, opts.DSN, database)
		if err != nil {
			continue
		}
		if found := r.refusals(database, true, true); r.SameDatabase || r.Replica {
			return &RefusedError{Findings: found}
		}
	}
	return nil
}
