package pg

import (
	"context"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
)

// pool is a bounded number of sessions, opened when they are first needed. A session that is given back
// broken or inside a transaction is replaced.
type pool struct {
	open func(context.Context) (*pgx.Conn, error)
	// slots holds one entry for each session that is not in use; nil for one that is not open.
	slots chan *pgx.Conn
	// opened is how many there are, most how many there were at once.
	opened, most atomic.Int64
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
	p.count()
	return conn, nil
}

// count counts a session in.
func (p *pool) count() {
	now := p.opened.Add(1)
	for most := p.most.Load(); now > most && !p.most.CompareAndSwap(most, now); most = p.most.Load() {
	}
}

// lend keeps a session's place for a program that opens one of its own, until the function returned is called.
func (p *pool) lend(ctx context.Context) (back func(), err error) {
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case conn := <-p.slots:
		if conn != nil {
			closeNow(conn)
			p.opened.Add(-1)
		}
		p.count()
		return func() {
			p.opened.Add(-1)
			p.slots <- nil
		}, nil
	}
}

// give takes a session back.
func (p *pool) give(conn *pgx.Conn) {
	if conn.IsClosed() || conn.PgConn().IsBusy() || conn.PgConn().TxStatus() != 'I' {
		closeNow(conn)
		conn = nil
		p.opened.Add(-1)
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
