package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/pg"
	"github.com/lethedb/lethe/internal/pgtest"
)

// poolerClients is how many clients read through the pooler at once.
const poolerClients = 30

// pooled are clients that keep a connection through a pooler, read both tables in one transaction again and
// again, and connect anew when that fails, as an application's pool does.
type pooled struct {
	stop    chan struct{}
	running sync.WaitGroup

	mu      sync.Mutex
	seen    map[string]int // what was read, how often
	gaps    []time.Duration
	failed  int
	reached map[string]int // how often a client came to read a pair, having read another before
}

func startPooled(dsn string) *pooled {
	p := &pooled{stop: make(chan struct{}), seen: map[string]int{}, gaps: make([]time.Duration, poolerClients), reached: map[string]int{}}
	for n := range poolerClients {
		p.running.Go(func() { p.run(dsn, n) })
	}
	return p
}

func (p *pooled) end() {
	close(p.stop)
	p.running.Wait()
}

// run is one client, until stopped. The time since it was served last counts to the end.
func (p *pooled) run(dsn string, n int) {
	var conn *pgx.Conn
	last := time.Now()
	var before string
	pause := time.NewTicker(20 * time.Millisecond) // what a request does besides; thirty clients without any would measure the machine
	defer pause.Stop()
	for {
		select {
		case <-p.stop:
			p.book(n, time.Since(last))
			p.drop(conn)
			return
		case <-pause.C:
		}
		got, err := read(&conn, dsn)
		if err != nil {
			p.drop(conn)
			conn = nil
			p.mu.Lock()
			p.failed++
			p.mu.Unlock()
			continue
		}
		p.book(n, time.Since(last))
		last = time.Now()
		p.mu.Lock()
		p.seen[got]++
		if got != before {
			p.reached[got]++
			before = got
		}
		p.mu.Unlock()
	}
}

func (p *pooled) book(n int, gap time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gaps[n] = max(p.gaps[n], gap)
}

func (p *pooled) drop(conn *pgx.Conn) {
	if conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = conn.Close(ctx)
}

// read reads both tables in one transaction of two statements, connecting first where need be.
func read(conn **pgx.Conn, dsn string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if *conn == nil {
		fresh, err := pgx.Connect(ctx, dsn)
		if err != nil {
			return "", err
		}
		*conn = fresh
	}
	tx, err := (*conn).Begin(ctx)
	if err != nil {
		return "", err
	}
	var one, two int
	err = tx.QueryRow(ctx, `SELECT generation FROM public.one LIMIT 1`).Scan(&one)
	if err == nil {
		err = tx.QueryRow(ctx, `SELECT generation FROM public.two LIMIT 1`).Scan(&two)
	}
	return fmt.Sprintf("%d|%d", one, two), errors.Join(err, tx.Commit(ctx))
}

// await waits until every client has read a pair, n times altogether.
func (p *pooled) await(t *testing.T, pair string, n int) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-tick.C {
		p.mu.Lock()
		reached := p.reached[pair]
		p.mu.Unlock()
		if reached >= n {
			return
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	t.Fatalf("%d times of %d a client came to read %s; read were %v, %d attempts failed", p.reached[pair], n, pair, p.seen, p.failed)
}

// longest forgets the gaps until now and returns the longest of them.
func (p *pooled) longest() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	var longest time.Duration
	for n, gap := range p.gaps {
		longest = max(longest, gap)
		p.gaps[n] = 0
	}
	return longest
}

// TestClientsOfAPoolerGoOnByThemselves lets clients read through PgBouncer while a refresh publishes and a
// rollback publishes: nobody reads a mixture, and nobody is without service for two seconds.
func TestClientsOfAPoolerGoOnByThemselves(t *testing.T) {
	for _, way := range []struct {
		pooling  pgtest.Pooling
		sessions string
		long     bool // in the long suite only
	}{
		{pgtest.SessionPooling, "drain 5s", false}, {pgtest.TransactionPooling, "terminate", false},
		{pgtest.SessionPooling, "terminate", true}, {pgtest.TransactionPooling, "drain 5s", true},
	} {
		if way.long && os.Getenv(seedsVariable) == "" {
			continue
		}
		t.Run(fmt.Sprintf("%s pooling, %s", way.pooling, way.sessions), func(t *testing.T) {
			g := newGenerations(t)
			g.replace("lethe.yaml", "sessions: terminate", "sessions: "+way.sessions)
			g.adopted()
			g.ok("refresh", "staging")
			pooler := pgtest.PgBouncer(t, g.staging, way.pooling, poolerSettings(), g.app)
			clients := startPooled(pooler.DSN(g.app, g.staging.Name()))
			defer clients.end()
			clients.await(t, pair(1), poolerClients)
			clients.longest()

			g.next()
			refreshed := document[refreshDocument](g.stage, "refresh", "staging").Publication
			clients.await(t, pair(2), poolerClients)
			clients.served(t, "refresh", refreshed)
			back := document[swapDocument](g.stage, "rollback", "staging").Publication
			clients.await(t, pair(1), 2*poolerClients)
			clients.served(t, "rollback", back)
			clients.mu.Lock()
			defer clients.mu.Unlock()
			for got := range clients.seen {
				if got != pair(1) && got != pair(2) {
					t.Errorf("somebody read the mixture %s", got)
				}
			}
		})
	}
}

// served holds that a publication kept no client waiting, and begins to measure anew.
func (p *pooled) served(t *testing.T, what string, published *pg.Publication) {
	t.Helper()
	longest := p.longest()
	t.Logf("%s: longest without service %v; new connections %v; %d sessions ended", what, longest, published.Outage, published.Ended)
	if longest >= withoutService || published.Outage >= withoutService {
		t.Errorf("%s: a client was without service for %v, new connections for %v", what, longest, published.Outage)
	}
	if published.Ended == 0 {
		t.Errorf("%s: no session was ended, so that nothing was proven", what)
	}
}

// poolerSettings are what README.md asks of PgBouncer.
func poolerSettings() map[string]string { return map[string]string{"server_login_retry": "0.25"} }
