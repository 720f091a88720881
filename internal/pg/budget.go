package pg

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// budget is what the pieces of work on a new database may use of its server's memory.
type budget struct {
	// each is what one of them may sort or hash in, in bytes.
	each int64
}

// sortMemory bounds what an index gets to sort in when nobody said: beyond it the server merges from disk
// about as fast.
const sortMemory = 1 << 30

// readBudget shares memory among the jobs. What nobody stated is a quarter of the server's buffer pool for
// all of them together, because the pool is the one number that says how large the machine is, and its
// owner meant as much again to stay free; never less for each than the server would give it anyway.
func readBudget(ctx context.Context, conn *pgx.Conn, jobs int, stated int64) (budget, error) {
	var pool, given int64
	const query = `SELECT (SELECT setting::bigint * 8192 FROM pg_settings WHERE name = 'shared_buffers'),
		(SELECT setting::bigint * 1024 FROM pg_settings WHERE name = 'maintenance_work_mem')`
	if err := conn.QueryRow(ctx, query).Scan(&pool, &given); err != nil {
		return budget{}, fmt.Errorf("read the server's memory settings: %w", err)
	}
	return newBudget(pool, given, jobs, stated), nil
}

func newBudget(pool, given int64, jobs int, stated int64) budget {
	if stated > 0 {
		return budget{each: max(stated/int64(jobs), 1<<20)} // the least that the server takes
	}
	return budget{each: max(min(pool/4/int64(jobs), sortMemory), given)}
}

// settings spells the budget for a session that builds indexes.
func (b budget) settings() []string {
	return []string{fmt.Sprintf("maintenance_work_mem=%dkB", b.each>>10)}
}

// mayReplicate reports whether our role may set session_replication_role: a superuser may, and from 15 on
// who was granted it.
func mayReplicate(ctx context.Context, conn *pgx.Conn) (bool, error) {
	_, err := conn.Exec(ctx, "SET session_replication_role = origin")
	if hasCode(err, "42501") {
		return false, nil
	}
	return err == nil, err
}

// openSession opens a session in the new database. Nothing that is built need reach the disk before the
// commit that publishes it; and rows whose foreign keys are there already are not looked up one by one:
// verification does not let pass what does not hold.
func (b *build) openSession(ctx context.Context) (*pgx.Conn, error) {
	conn, err := connect(ctx, b.t.opts.DSN, b.t.opts.session(b.database))
	if err != nil {
		return nil, err
	}
	settings := fmt.Sprintf("SET synchronous_commit = off; SET maintenance_work_mem = '%dkB'; SET work_mem = '%dkB'", b.memory.each>>10, b.memory.each>>11)
	if b.replica {
		settings += "; SET session_replication_role = replica"
	}
	if _, err := conn.PgConn().Exec(ctx, settings).ReadAll(); err != nil {
		closeNow(conn)
		return nil, sanitize(fmt.Errorf("pin session settings: %w", err))
	}
	return conn, nil
}
