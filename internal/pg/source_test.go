package pg

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/pgtest"
	"github.com/lethedb/lethe/internal/work"
)

// openSource opens a source that gives up quickly.
func openSource(t *testing.T, dsn string) *Source {
	t.Helper()
	s, err := OpenSource(t.Context(), SourceOptions{
		Name: "production", DSN: dsn, Run: "test", Connections: 5, LockTimeout: 200 * time.Millisecond, LockRetries: -1, Dir: t.TempDir(),
	})
	if err != nil {
		t.Fatal(err)
	}
	s.pause = time.Millisecond
	t.Cleanup(s.Close)
	return s
}

func mustCatalog(t *testing.T, s *Source) *catalog.Catalog {
	t.Helper()
	c, err := s.Catalog(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// allTables names what a run would read of a catalog.
func allTables(c *catalog.Catalog) []catalog.Name {
	var names []catalog.Name
	for _, table := range c.Tables {
		if table.Kind == catalog.Ordinary || table.Kind == catalog.Partitioned {
			names = append(names, table.Name)
		}
	}
	return names
}

// within runs f inside a snapshot of all tables.
func within(t *testing.T, s *Source, f func(ctx context.Context, snap *Snapshot) error) error {
	t.Helper()
	c := mustCatalog(t, s)
	return s.WithSnapshot(t.Context(), c, allTables(c), f)
}

func public(name string) catalog.Name { return catalog.Name{Schema: "public", Name: name} }

func whole(table catalog.Name, columns ...string) Query {
	return Query{Table: table, Columns: columns, Range: work.Range{Kind: work.Whole}}
}

// copyAll returns the rows of one query as text.
func copyAll(ctx context.Context, t *testing.T, snap *Snapshot, q Query) string {
	t.Helper()
	var out bytes.Buffer
	rows, err := snap.CopyOut(ctx, q, &out)
	if err != nil {
		t.Errorf("copy %s: %v", q.Table, err)
	}
	if lines := int64(strings.Count(out.String(), "\n")); lines != rows {
		t.Errorf("copy %s says %d rows and wrote %d", q.Table, rows, lines)
	}
	return out.String()
}

// await polls the database until the query counts at least one row.
func await(t *testing.T, db *pgtest.DB, query string, args ...any) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		if db.QueryInt(t, query, args...) > 0 {
			return
		}
	}
	t.Fatalf("this never came true: %s", query)
}

func TestOneInstantForAllTablesAndSchemas(t *testing.T) {
	db := pgtest.New(t)
	db.Exec(t, `CREATE TABLE a (id int)`, `CREATE SCHEMA other`, `CREATE TABLE other.b (id int)`, `CREATE SEQUENCE s START 7`,
		`INSERT INTO a VALUES (1), (2)`, `INSERT INTO other.b VALUES (1)`, `SELECT nextval('s'), nextval('s')`)
	other := catalog.Name{Schema: "other", Name: "b"}
	before := time.Now().Add(-time.Minute)
	err := within(t, openSource(t, db.DSN()), func(ctx context.Context, snap *Snapshot) error {
		db.Exec(t, `INSERT INTO a VALUES (3)`, `DELETE FROM other.b`, `UPDATE a SET id = id + 10`)
		for range 3 {
			if got := copyAll(ctx, t, snap, whole(public("a"), "id")); got != "1\n2\n" {
				t.Errorf("a = %q", got)
			}
			if got := copyAll(ctx, t, snap, whole(other, "id")); got != "1\n" {
				t.Errorf("b = %q", got)
			}
		}
		for table, want := range map[catalog.Name]int64{public("a"): 2, other: 1} {
			if got, err := snap.Count(ctx, table, ""); err != nil || got != want {
				t.Errorf("count %s = %d, %v; want %d", table, got, err, want)
			}
		}
		if got, err := snap.Count(ctx, public("a"), "id > 1 -- and not more"); err != nil || got != 1 {
			t.Errorf("count with a condition = %d, %v", got, err)
		}
		sequences, err := snap.Sequences(ctx)
		if err != nil || len(sequences) != 1 || sequences[0] != (work.SequenceValue{Name: public("s"), Last: 8, Called: true}) {
			t.Errorf("sequences = %v, %v", sequences, err)
		}
		at := snap.Source()
		if at.Name != "production" || at.Database != db.Name() || at.SystemIdentifier == "" || at.LSN != snap.LSN() || snap.LSN() == "" {
			t.Errorf("source = %+v", at)
		}
		if snap.Time().Before(before) || snap.Time().After(time.Now().Add(time.Minute)) || snap.Time().Location() != time.UTC {
			t.Errorf("time = %v", snap.Time())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestNobodyEmptiesOrAltersATableBeforeItIsRead(t *testing.T) {
	db := pgtest.New(t)
	db.Exec(t, `CREATE TABLE a (id int)`, `INSERT INTO a SELECT generate_series(1, 5)`,
		`CREATE TABLE p (id int) PARTITION BY RANGE (id)`, `CREATE TABLE p1 PARTITION OF p DEFAULT`, `INSERT INTO p VALUES (1)`)
	err := within(t, openSource(t, db.DSN()), func(ctx context.Context, snap *Snapshot) error {
		for _, statement := range []string{
			`TRUNCATE a`, `DROP TABLE a`, `ALTER TABLE a ADD COLUMN x int`, `ALTER TABLE a RENAME TO b`, `VACUUM FULL a`,
			`TRUNCATE p`, `DROP TABLE p1`, `ALTER TABLE p DETACH PARTITION p1`, `ALTER TABLE p ADD COLUMN x int`, `DROP SCHEMA public CASCADE`,
		} {
			conn := open(t, db.DSN(), session{lockTimeout: 20 * time.Millisecond})
			if _, err := conn.Exec(ctx, "SET search_path = public"); err != nil {
				t.Fatal(err)
			}
			if _, err := conn.Exec(ctx, statement); !hasCode(err, lockNotAvailable) {
				t.Errorf("%s while the run reads: %v; want it to wait", statement, err)
			}
			closeNow(conn)
		}
		if got, err := snap.Count(ctx, public("a"), ""); err != nil || got != 5 {
			t.Errorf("count a = %d, %v", got, err)
		}
		if got := copyAll(ctx, t, snap, whole(public("p1"), "id")); got != "1\n" {
			t.Errorf("p1 = %q", got)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestTheRunGivesWayToWhoWaitsToAlter(t *testing.T) {
	db := pgtest.New(t)
	db.Exec(t, `CREATE TABLE a (id int)`, `INSERT INTO a VALUES (1)`)
	truncated := make(chan error, 1)
	err := within(t, openSource(t, db.DSN()), func(ctx context.Context, snap *Snapshot) error {
		conn := open(t, db.DSN(), session{})
		go func() {
			_, err := conn.Exec(t.Context(), `TRUNCATE public.a`)
			truncated <- err
		}()
		await(t, db, `SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'public.a'::regclass`)
		var out bytes.Buffer
		_, err := snap.CopyOut(ctx, whole(public("a"), "id"), &out)
		if out.Len() > 0 {
			t.Error("rows came out of a table that was not locked")
		}
		return err
	})
	yield, ok := errors.AsType[*YieldError](err)
	if !ok || yield.Table != public("a") {
		t.Errorf("got %v, want a YieldError about public.a", err)
	}
	if err := <-truncated; err != nil {
		t.Errorf("truncate did not get through: %v", err)
	}
}

func TestLocksAreLetGoOnceTheirTablesAreRead(t *testing.T) {
	db := pgtest.New(t)
	db.Exec(t, `CREATE TABLE a (id int)`, `CREATE TABLE b (id int)`)
	err := within(t, openSource(t, db.DSN()), func(ctx context.Context, snap *Snapshot) error {
		snap.Done(public("a"))
		conn := open(t, db.DSN(), session{lockTimeout: 20 * time.Millisecond})
		if _, err := conn.Exec(ctx, `TRUNCATE public.b`); !hasCode(err, lockNotAvailable) {
			t.Errorf("b was unlocked before it was read: %v", err)
		}
		snap.Done(public("b"))
		snap.Done(public("b"))
		_, err := conn.Exec(ctx, `TRUNCATE public.a, public.b`)
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestAChangeAfterTheDecisionIsNamed(t *testing.T) {
	for _, c := range []struct{ name, change, want string }{
		{"column added", `ALTER TABLE a ADD COLUMN ssn text`, "table public.a"},
		{"column renamed", `ALTER TABLE a RENAME id TO di`, "table public.a"},
		{"table dropped", `DROP TABLE a`, "table public.a"},
		{"table swapped", `DROP TABLE a; CREATE TABLE a (id bigint)`, "table public.a"},
		{"table added", `CREATE TABLE new (id int)`, "table public.new"},
		{"partition added", `CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2)`, "table public.p2"},
		{"schema dropped", `DROP SCHEMA empty`, "schema empty"},
		{"sequence added", `CREATE SEQUENCE s`, "sequence public.s"},
		{"extension added", `CREATE EXTENSION lo`, "extension lo"},
		{"nothing but rows", `INSERT INTO a VALUES (1); ANALYZE a`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			db := pgtest.New(t)
			db.Exec(t, `CREATE TABLE a (id int)`, `CREATE TABLE p (id int) PARTITION BY LIST (id)`, `CREATE SCHEMA empty`)
			s := openSource(t, db.DSN())
			decided := mustCatalog(t, s)
			db.Exec(t, c.change)
			err := s.WithSnapshot(t.Context(), decided, allTables(decided), func(context.Context, *Snapshot) error { return nil })
			if c.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			changed, ok := errors.AsType[*ChangedError](err)
			if !ok || changed.Object != c.want {
				t.Errorf("got %v, want a change of %s", err, c.want)
			}
		})
	}
}

func TestLocksAreTakenPolitely(t *testing.T) {
	db := pgtest.New(t)
	db.Exec(t, `CREATE TABLE a (id int)`, `CREATE TABLE z (id int)`)
	s := openSource(t, db.DSN())
	s.opts.LockTimeout = 20 * time.Millisecond
	c := mustCatalog(t, s)
	ddl := open(t, db.DSN(), session{})
	if _, err := ddl.Exec(t.Context(), `BEGIN; LOCK TABLE public.z`); err != nil {
		t.Fatal(err)
	}
	called := false
	run := func() error {
		return s.WithSnapshot(t.Context(), c, allTables(c), func(context.Context, *Snapshot) error { called = true; return nil })
	}
	if err := run(); !hasCode(err, lockNotAvailable) || called {
		t.Fatalf("without retries: %v", err)
	}
	if got := db.QueryInt(t, `SELECT count(*) FROM pg_locks WHERE granted AND relation = 'public.a'::regclass`); got != 0 {
		t.Error("a lock is held after giving up")
	}
	s.opts.LockRetries = 1_000_000
	ended := make(chan error, 1)
	go func() { ended <- run() }()
	// At least one attempt has to fail before the way is free.
	await(t, db, `SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'public.z'::regclass`)
	await(t, db, `SELECT count(*) FROM (SELECT 1) x WHERE NOT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'public.z'::regclass)`)
	closeNow(ddl)
	if err := <-ended; err != nil || !called {
		t.Errorf("after the way was free: %v", err)
	}
}

func TestALostSessionFailsTheRun(t *testing.T) {
	for what, having := range map[string]string{"snapshot": "backend_xmin IS NOT NULL", "locks": "backend_xmin IS NULL"} {
		t.Run(what, func(t *testing.T) {
			db := pgtest.New(t)
			db.Exec(t, `CREATE TABLE a (id int)`)
			err := within(t, openSource(t, db.DSN()), func(ctx context.Context, _ *Snapshot) error {
				if db.QueryInt(t, `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = $1
					AND application_name = 'lethe/test' AND state = 'idle in transaction' AND `+having, db.Name()) != 1 {
					t.Error("found no such session")
				}
				<-ctx.Done()
				return nil // even a run that has noticed nothing fails
			})
			lost, ok := errors.AsType[*LostError](err)
			if !ok || lost.What != what || !hasCode(lost, "57P01") {
				t.Errorf("got %v, want lost %s", err, what)
			}
		})
	}
}

func TestReadersComeToTheServerThatWasAskedFirst(t *testing.T) {
	db := pgtest.New(t)
	s := openSource(t, db.DSN())
	s.identity.started = "another"
	if _, err := s.open(t.Context(), s.session()); err == nil || !strings.Contains(err.Error(), "different servers") {
		t.Errorf("got %v", err)
	}
}

func TestAPoolIsBoundedAndReplacesBrokenSessions(t *testing.T) {
	db := pgtest.New(t)
	s := openSource(t, db.DSN())
	p := newPool(2, s.openReader)
	defer p.close()
	first, err := p.take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	second, err := p.take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.take(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a third session: %v", err)
	}
	closeNow(first)
	p.give(first)
	third, err := p.take(t.Context())
	if err != nil || third == first {
		t.Errorf("a broken session came back: %v", err)
	}
	if _, err := second.Exec(t.Context(), "BEGIN"); err != nil {
		t.Fatal(err)
	}
	p.give(second)
	p.give(third)
	if !second.IsClosed() || third.IsClosed() {
		t.Error("a session inside a transaction was kept, or a good one was not")
	}
}

func TestOpenSourceRefusesWithoutShowingTheConnectionString(t *testing.T) {
	const canary = "s3cr3t-canary"
	for _, dsn := range []string{
		"postgres://u:" + canary + "@127.0.0.1:1/db",
		"postgres://u:" + canary + "@127.0.0.1:notaport/" + canary,
		"postgres://u:" + canary + "/x@127.0.0.1",
		"host=127.0.0.1 port=1 password=" + canary,
		"host=127.0.0.1 port=x password='" + canary,
		canary + " = ",
		"sslrootcert=/nowhere/at/all sslmode=verify-full password=" + canary,
	} {
		_, err := OpenSource(t.Context(), SourceOptions{Name: "production", DSN: dsn})
		if err == nil {
			t.Fatal("opened a source that is not there")
		}
		assertClean(t, err, canary)
	}
}
