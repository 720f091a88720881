package pg

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// pool is a bounded number of sessions, opened when they are first needed. A session that is given back
// broken or inside a transaction is replaced.
type pool struct {
	open func(context.Context) (*pgx.Conn, error)
	// slots holds one entry for each session that is not in use; nil for one that is not open.
	slots chan *pgx.Conn
}

func newPool(size int, open func(context.Context) (*pgx.Conn, error)) *pool {
	p := &pool{open: open, slots: make(chan *pgx.Conn, size)}
	for range size {
		p.slots <- nil
	}
	return p
}

// take waits for a session. Who takes one gives it back.
func (p *pool) take(ctx context.Context) (*pgx.Conn, error) {
	var conn *pgx.Conn
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case conn = <-p.slots:
	}
	if conn != nil {
		return conn, nil
	}
	conn, err := p.open(ctx)
	if err != nil {
		p.slots <- nil
		return nil, err
	}
	return conn, nil
}

// give takes a session back.
func (p *pool) give(conn *pgx.Conn) {
	if conn.IsClosed() || conn.PgConn().IsBusy() || conn.PgConn().TxStatus() != 'I' {
		closeNow(conn)
		conn = nil
	}
	p.slots <- conn
}

// close ends all sessions. It waits for those in use.
func (p *pool) close() {
	for range cap(p.slots) {
		if conn := <-p.slots; conn != nil {
			closeNow(conn)
		}
	}
}
