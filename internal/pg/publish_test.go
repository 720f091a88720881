package pg

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/pgtest"
	"github.com/lethedb/lethe/internal/work"
)

// generations is a source whose two tables name the same generation.
func generations() []string {
	return []string{
		`CREATE TABLE one (generation int)`, `CREATE TABLE two (generation int)`,
		`INSERT INTO one VALUES (1)`, `INSERT INTO two VALUES (1)`,
		`GRANT SELECT ON one, two TO PUBLIC`,
	}
}

// serves returns the generation that clients read.
func (s *scene) serves(t *testing.T) int64 {
	t.Helper()
	return s.target.QueryInt(t, `SELECT generation FROM one`)
}

// nextGeneration changes the source.
func (s *scene) nextGeneration(t *testing.T) {
	t.Helper()
	s.source.Exec(t, `UPDATE one SET generation = generation + 1`, `UPDATE two SET generation = generation + 1`)
}

// clients connect in a loop, read both tables in one transaction and go away, until stopped. They
// tolerate that connections fail, nothing else.
type clients struct {
	stop    chan struct{}
	running sync.WaitGroup
	mu      sync.Mutex
	seen    map[string]int
	longest time.Duration // without service, of any client
}

func startClients(t *testing.T, dsn string, n int) *clients {
	t.Helper()
	c := &clients{stop: make(chan struct{}), seen: map[string]int{}}
	for range n {
		c.running.Go(func() { c.run(dsn) })
	}
	return c
}

func (c *clients) run(dsn string) {
	last := time.Now()
	for {
		select {
		case <-c.stop:
			return
		default:
		}
		got, err := readGenerations(dsn)
		if err != nil {
			continue
		}
		now := time.Now()
		c.mu.Lock()
		c.seen[got]++
		c.longest = max(c.longest, now.Sub(last))
		c.mu.Unlock()
		last = now
	}
}

func (c *clients) end() {
	close(c.stop)
	c.running.Wait()
}

// awaitSeen waits until clients have read something n times more.
func (c *clients) awaitSeen(t *testing.T, what string, n int) {
	t.Helper()
	c.mu.Lock()
	goal := c.seen[what] + n
	c.mu.Unlock()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		c.mu.Lock()
		got := c.seen[what]
		c.mu.Unlock()
		if got >= goal {
			return
		}
		runtime.Gosched()
	}
	t.Fatalf("clients never read %s", what)
}

func readGenerations(dsn string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close(ctx) }()
	tx, err := conn.Begin(ctx)
	if err != nil {
		return "", err
	}
	var one, two int
	if err := tx.QueryRow(ctx, `SELECT generation FROM public.one`).Scan(&one); err != nil {
		return "", err
	}
	if err := tx.QueryRow(ctx, `SELECT generation FROM public.two`).Scan(&two); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d|%d", one, two), nil
}

func TestClientsReadTheOldOrTheNewAndNeverAMixture(t *testing.T) {
	s := newLoneScene(t, generations()...)
	app := pgtest.Role(t, s.target, "")
	s.refresh(t, "r1", course{}).lock.release()
	s.nextGeneration(t)

	opts := s.options(t, "r2")
	opts.Sessions = Sessions{Mode: Drain, Drain: time.Second}
	target := openTarget(t, opts)
	s.build(t, target, course{})
	c := startClients(t, app.DSN(s.target), 8)
	defer c.end()
	c.awaitSeen(t, "1|1", 8)
	if err := target.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	p := target.Result()
	c.awaitSeen(t, "2|2", 8)
	if err := target.Close(); err != nil {
		t.Fatal(err)
	}
	back, err := Rollback(t.Context(), s.options(t, "back"))
	if err != nil {
		t.Fatal(err)
	}
	c.awaitSeen(t, "1|1", 8)
	c.mu.Lock()
	defer c.mu.Unlock()
	for got := range c.seen {
		if got != "1|1" && got != "2|2" {
			t.Errorf("somebody read the mixture %s", got)
		}
	}
	t.Logf("outage %v and %v, longest wait of a client %v, ended %d and %d", p.Outage, back.Outage, c.longest, p.Ended, back.Ended)
	for what, took := range map[string]time.Duration{"publish": p.Outage, "rollback": back.Outage, "a client": c.longest} {
		if took > 2*time.Second {
			t.Errorf("%s: %v without service", what, took)
		}
	}
}

func TestRollingBackAndForthIsTheSameSwap(t *testing.T) {
	s := newScene(t, generations()...)
	s.refresh(t, "r1", course{}).lock.release()
	s.nextGeneration(t)
	s.refresh(t, "r2", course{}).lock.release()
	for i, want := range []int64{1, 2, 1} {
		p, err := Rollback(t.Context(), s.options(t, "back"))
		if err != nil {
			t.Fatal(err)
		}
		assertEqual(t, "serves", s.serves(t), want)
		assertEqual(t, "run", p.Run, fmt.Sprintf("r%d", want))
		assertList(t, fmt.Sprintf("databases after %d", i), s.databases(t), "", fmt.Sprintf("__previous_r%d", 3-want))
	}
	status, err := Inspect(t.Context(), TargetOptions{DSN: s.dsn(), Environment: "staging"})
	if err != nil {
		t.Fatal(err)
	}
	assertEqual(t, "serving run", status.Certificate.Run, "r1")
	assertEqual(t, "previous run", status.Previous[0].Run, "r2")
}

func TestASessionThatWeMayNotEndKeepsTheBuildForLater(t *testing.T) {
	s := newScene(t, generations()...)
	s.refresh(t, "r1", course{}).lock.release()
	s.nextGeneration(t)
	admin, err := pgx.Connect(t.Context(), s.target.DSN())
	if err != nil {
		t.Fatal(err)
	}
	target := openTarget(t, s.options(t, "r2"))
	s.build(t, target, course{})
	err = target.Commit(t.Context())
	inTheWay, ok := errors.AsType[*SessionsError](err)
	if !ok {
		t.Fatalf("got %v", err)
	}
	assertEqual(t, "sessions", len(inTheWay.Sessions), 1)
	assertEqual(t, "pid", inTheWay.Sessions[0].PID, int(admin.PgConn().PID()))
	if text := err.Error(); !strings.Contains(text, fmt.Sprint(admin.PgConn().PID())) || !strings.Contains(text, admin.Config().User) {
		t.Errorf("the error names neither pid nor role: %s", text)
	}
	if err := target.Abort(t.Context()); err != nil {
		t.Fatal(err)
	}
	assertEqual(t, "serves", s.serves(t), 1)
	assertEqual(t, "the session lives", admin.Ping(t.Context()), nil)
	target.lock.release()
	status, err := Inspect(t.Context(), TargetOptions{DSN: s.dsn(), Environment: "staging"})
	if err != nil {
		t.Fatal(err)
	}
	if len(status.Builds) != 1 || status.Builds[0].Run != "r2" {
		t.Fatalf("builds: %+v", status.Builds)
	}

	if err := admin.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := Publish(t.Context(), s.options(t, "later"), "r3"); code(err) != "no-build" {
		t.Errorf("publish a run that never was: %v", err)
	}
	p, err := Publish(t.Context(), s.options(t, "later"), "") // the newest
	if err != nil {
		t.Fatal(err)
	}
	assertEqual(t, "run", p.Run, "r2")
	assertEqual(t, "serves", s.serves(t), 2)
	if _, err := Publish(t.Context(), s.options(t, "later"), ""); code(err) != "no-build" {
		t.Errorf("publish the newest where none waits: %v", err)
	}
	if _, err := Publish(t.Context(), s.options(t, "later"), "r2"); code(err) != "already-published" {
		t.Errorf("publish again: %v", err)
	}
}

func TestRefuseEndsNobody(t *testing.T) {
	s := newScene(t, generations()...)
	app := pgtest.Role(t, s.target, "")
	conn, err := pgx.Connect(t.Context(), app.DSN(s.target))
	if err != nil {
		t.Fatal(err)
	}
	opts := s.options(t, "r1")
	opts.Sessions.Mode = Refuse
	target := openTarget(t, opts)
	s.build(t, target, course{})
	if _, ok := errors.AsType[*SessionsError](target.Commit(t.Context())); !ok {
		t.Fatal("published over somebody's session")
	}
	assertEqual(t, "the session lives", conn.Ping(t.Context()), nil)
	if err := conn.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	await(t, s.target, `SELECT (count(*) = 0)::int FROM pg_stat_activity WHERE usename = $1`, app.Name)
	if err := target.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	assertEqual(t, "serves", s.serves(t), 1)
}

func TestDrainLetsATransactionEnd(t *testing.T) {
	s := newScene(t, generations()...)
	s.refresh(t, "r1", course{}).lock.release()
	app := pgtest.Role(t, s.target, "")
	conn := open(t, app.DSN(s.target), session{name: "app"})
	if _, err := conn.Exec(t.Context(), `BEGIN`); err != nil {
		t.Fatal(err)
	}
	opts := s.options(t, "r2")
	opts.Sessions = Sessions{Mode: Drain, Drain: time.Minute}
	draining := make(chan struct{})
	var once sync.Once
	opts.Event = func(e Event) {
		if e.Phase == "drain" {
			once.Do(func() { close(draining) })
		}
	}
	target := openTarget(t, opts)
	s.build(t, target, course{})
	published := make(chan error, 1)
	go func() { published <- target.Commit(context.Background()) }()
	<-draining
	select {
	case err := <-published:
		t.Fatalf("published over a transaction: %v", err)
	default:
	}
	if _, err := conn.Exec(t.Context(), `COMMIT`); err != nil {
		t.Fatal("the transaction was cut: ", err)
	}
	if err := <-published; err != nil {
		t.Fatal(err)
	}
	assertEqual(t, "ended", target.Result().Ended, 1)
}

// awaitAt is await in another database.
func awaitAt(t *testing.T, dsn, query string, args ...any) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		if pgtest.QueryInt(t, dsn, query, args...) > 0 {
			return
		}
	}
	t.Fatalf("this never came true: %s", query)
}

// lockDatabase holds a lock on a database that a rename waits for, until the function is called.
func lockDatabase(t *testing.T, s *scene, name string) (release func()) {
	t.Helper()
	conn := open(t, s.target.MaintenanceDSN(), session{name: "blocker"})
	for _, statement := range []string{"BEGIN", "COMMENT ON DATABASE " + quoted(name) + " IS 'held'"} {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	return func() {
		if _, err := conn.Exec(context.Background(), "ROLLBACK"); err != nil {
			t.Error(err)
		}
	}
}

// TestAKillInsideTheSwapLeavesTheOldServing kills the session that swaps, once before the first rename
// and once between the two.
func TestAKillInsideTheSwapLeavesTheOldServing(t *testing.T) {
	s := newScene(t, generations()...)
	s.refresh(t, "r1", course{}).lock.release()
	s.nextGeneration(t)
	target := openTarget(t, s.options(t, "r2"))
	s.build(t, target, course{})
	built := target.build.database
	for _, blocked := range []string{s.target.Name(), built} {
		release := lockDatabase(t, s, blocked)
		done := make(chan error, 1)
		go func() { done <- target.Commit(context.Background()) }()
		pid := int64(target.lock.conn.PgConn().PID())
		// Asked in another database: connections to this one wait behind the rename.
		awaitAt(t, s.target.MaintenanceDSN(), `SELECT count(*) FROM pg_stat_activity WHERE pid = $1 AND wait_event_type = 'Lock'`, pid)
		pgtest.QueryInt(t, s.target.MaintenanceDSN(), `SELECT pg_terminate_backend($1)::int`, pid)
		if err := <-done; err == nil {
			t.Fatal("published without its session")
		}
		release()
		assertEqual(t, "serves", s.serves(t), 1)
		if err := target.Abort(t.Context()); err != nil {
			t.Fatal(err)
		}
		assertList(t, "databases", s.databases(t), "", "__previous_adopted", "__r2")
		// What is left is what the next run finds: the lock is free and the build can be published.
		target = openTarget(t, s.options(t, "r2"))
		target.build = &build{t: target, order: &work.Order{Run: "r2"}, database: built, verified: true}
	}
	target.lock.release()
	if _, err := Publish(t.Context(), s.options(t, "later"), "r2"); err != nil {
		t.Fatal(err)
	}
	assertEqual(t, "serves", s.serves(t), 2)
}

func TestASwapWhoseCommitWentUnansweredIsKnownToHaveHappened(t *testing.T) {
	s := newScene(t, generations()...)
	opts := s.options(t, "r1")
	p, dsn := newProxy(t, opts.DSN, "RENAME", "COMMIT\x00")
	opts.DSN = dsn
	target := openTarget(t, opts)
	s.build(t, target, course{})
	p.armed.Store(true)
	if err := target.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-p.cut
	assertEqual(t, "published", target.Result().Database, s.target.Name())
	assertEqual(t, "serves", s.serves(t), 1)
	assertList(t, "databases", s.databases(t), "", "__previous_adopted")
}

func TestWhatClientsExpectOfTheDatabaseComesAlong(t *testing.T) {
	s := newScene(t, generations()...)
	app, other := pgtest.Role(t, s.target, ""), pgtest.Role(t, s.target, "")
	name := s.target.Name()
	s.target.Exec(t,
		"REVOKE ALL ON DATABASE "+name+" FROM PUBLIC", "GRANT CONNECT ON DATABASE "+name+" TO "+app.Name,
		"GRANT TEMPORARY ON DATABASE "+name+" TO "+app.Name+" WITH GRANT OPTION",
		"COMMENT ON DATABASE "+name+" IS 'it''s ours'", "ALTER DATABASE "+name+" CONNECTION LIMIT 17",
		"ALTER DATABASE "+name+` SET search_path TO "$user", public, "Odd, one"`,
		"ALTER DATABASE "+name+" SET work_mem TO '7MB'", "ALTER DATABASE "+name+` SET my.own TO 'a, b'`,
	)
	state := func() []string {
		return s.target.QueryStrings(t, `SELECT datconnlimit || '|' || shobj_description(oid, 'pg_database') || '|' || datacl::text || '|' || pg_get_userbyid(datdba) || '|' ||
			(SELECT array_agg(c ORDER BY c)::text FROM pg_db_role_setting, unnest(setconfig) c WHERE setdatabase = d.oid)
			FROM pg_database d WHERE datname = $1`, name)
	}
	before := state()
	if strings.Contains(strings.Join(before, ""), "my.own") { // only a superuser gives such a setting
		pgtest.Exec(t, s.target.MaintenanceDSN(), "ALTER DATABASE "+name+" RESET my.own")
		before = state()
	}
	target := openTarget(t, s.options(t, "r1"))
	s.build(t, target, course{})
	built := target.build.database
	for _, who := range []pgtest.Login{app, other} {
		if _, err := pgx.Connect(t.Context(), asRole(s.target.Database(built), who)); err == nil {
			t.Error("somebody got into the half-built database")
		}
	}
	if err := target.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	assertList(t, "state", state(), before...)
	open(t, app.DSN(s.target), session{})
	if _, err := pgx.Connect(t.Context(), other.DSN(s.target)); err == nil {
		t.Error("the new database is open to whom the old one was closed")
	}
	if _, err := pgx.Connect(t.Context(), asRole(s.target.Database(name+"__previous_adopted"), app)); err == nil {
		t.Error("the previous database is open")
	}
}

func TestADatabaseOpenToAllStaysOpenToAll(t *testing.T) {
	s := newScene(t, generations()...)
	app := pgtest.Role(t, s.target, "")
	s.refresh(t, "r1", course{}).lock.release()
	open(t, app.DSN(s.target), session{})
}
