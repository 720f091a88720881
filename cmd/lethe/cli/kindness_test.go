package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/pgtest"
	"github.com/lethedb/lethe/internal/state"
)

// TestARunGivesWayAndTheOldServes holds that a run in the midst of its copy lets go when somebody waits to
// alter a table, soon enough for who waits behind: it says so, may be tried again, publishes nothing, and has
// its cost on record.
func TestARunGivesWayAndTheOldServes(t *testing.T) {
	t.Parallel()
	g := newGenerations(t)
	g.replace("lethe.yaml", "connections: 6}", "connections: 6, yield_after: 500ms}")
	g.adopted()
	g.ok("refresh", "staging")
	g.next()
	holder := connected(t, g.production.DSN())
	execute(t, holder, `SELECT pg_advisory_lock($1)`, gate)
	ended := make(chan result, 1)
	go func() { ended <- g.lethe("refresh", "staging", "--json") }()
	eventually(t, holder, waitsAtTheGate)

	ddl, reader := connected(t, g.production.DSN()), connected(t, g.production.DSN())
	var waiting sync.WaitGroup
	waiting.Go(func() { execute(t, ddl, `ALTER TABLE gate ADD COLUMN added int`) })
	waits := `SELECT (count(*) = $1)::int FROM pg_locks WHERE NOT granted AND relation = 'gate'::regclass`
	eventually(t, holder, waits, 1)
	began := time.Now()
	execute(t, reader, `SELECT FROM gate`)
	if waited := time.Since(began); waited > 1500*time.Millisecond {
		t.Errorf("a reader behind it waited %v", waited)
	}
	waiting.Wait()
	r := <-ended
	var doc struct {
		Error struct {
			Code      string `json:"code"`
			Message   string `json:"message"`
			Retryable bool   `json:"retryable"`
		} `json:"error"`
	}
	if err := json.Unmarshal([]byte(r.out), &doc); err != nil {
		t.Fatalf("%v: %s", err, r.out)
	}
	if r.status != statusFailed || doc.Error.Code != "yielded" || !doc.Error.Retryable || !strings.Contains(doc.Error.Message, "public.gate") {
		t.Errorf("status %d, %s", r.status, r.out)
	}
	if got := g.serves(); got != pair(g.at-1) {
		t.Errorf("generation %s serves, want %d", got, g.at-1)
	}
	closeSession(t, holder)
	runs := document[[]state.Run](g.stage, "runs")
	run := document[state.Run](g.stage, "runs", runs[0].ID)
	if run.Code != "yielded" || run.Cost.LongestWaitMS < 500 || run.Cost.LongestWaitMS > 1500 || run.Cost.Sessions == 0 {
		t.Errorf("on record: %+v", run.Result)
	}
	if text := g.ok("runs", run.ID); !strings.Contains(text, "somebody waited") {
		t.Errorf("the record does not say so:\n%s", text)
	}
}

// TestARunKeepsToItsConnections holds that a run never has more sessions on its source than it was given,
// seen from there, and that it says how many it had.
func TestARunKeepsToItsConnections(t *testing.T) {
	t.Parallel()
	const tables, most = 8, 4
	s := newStage(t, "version: 1\ndefaults: {}\ntables:\n"+strings.Join(each(tables, "  public.t%d: {columns: {id: {keep: \"a number\"}}}"), "\n")+"\n", func(s *stage) {
		s.production.Exec(t, each(tables, "CREATE TABLE t%d AS SELECT i AS id FROM generate_series(1, 3000) i")...)
		s.production.Exec(t, "GRANT CREATE ON SCHEMA public TO "+s.owner.Name)
		s.production.Exec(t, each(tables, "ALTER TABLE t%d OWNER TO "+s.owner.Name)...)
		pgtest.Exec(t, s.staging.MaintenanceDSN(), grantOwner(s)...)
	})
	s.replace("lethe.yaml", "connections: 6}", fmt.Sprintf("connections: %d}", most))
	s.adopted()
	watcher := connected(t, s.production.DSN())
	seen, stop := make(chan int, 1), make(chan struct{})
	go func() { seen <- mostSessions(t, watcher, stop) }()
	doc := document[refreshDocument](s, "refresh", "staging")
	close(stop)
	if got := <-seen; got > most || got < 3 {
		t.Errorf("%d sessions were seen, want at most %d", got, most)
	}
	if doc.Cost.Sessions > most || doc.Cost.Sessions < 3 || doc.Cost.Bytes == 0 || doc.Cost.SnapshotMS == 0 || doc.Cost.LongestWaitMS != 0 {
		t.Errorf("cost = %+v", doc.Cost)
	}
}

// each formats a pattern with the numbers from 1 to n.
func each(n int, pattern string) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf(pattern, i+1)
	}
	return all
}

// mostSessions counts lethe's sessions in a database until stop is closed, and returns the most at one time.
func mostSessions(t *testing.T, conn *pgx.Conn, stop <-chan struct{}) (most int) {
	t.Helper()
	const query = `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'lethe/%' AND backend_type = 'client backend'`
	for {
		select {
		case <-stop:
			return most
		default:
		}
		var n int
		if err := conn.QueryRow(context.WithoutCancel(t.Context()), query).Scan(&n); err != nil {
			t.Error(err)
			return most
		}
		most = max(most, n)
	}
}

// TestKilledItLeavesNobodyOnTheSource holds that pg_dump ends with a lethe that is killed, though what it waits
// for does not: it would go on to hold a lock on every table.
func TestKilledItLeavesNobodyOnTheSource(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux ends a child with its parent")
	}
	g := newGenerations(t)
	g.adopted()
	blocker := connected(t, g.production.DSN())
	execute(t, blocker, `BEGIN`)
	execute(t, blocker, `LOCK TABLE pg_catalog.pg_ts_parser`) // pg_dump reads it late
	p := g.start("refresh", "staging")
	eventually(t, blocker, `SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'pg_catalog.pg_ts_parser'::regclass AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`)
	p.kill()
	eventually(t, blocker, `SELECT (count(*) = 0)::int FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
		WHERE c.relname IN ('one', 'two', 'gate') AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())`)
}
