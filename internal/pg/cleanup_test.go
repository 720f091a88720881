package pg

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/pgtest"
	"github.com/lethedb/lethe/internal/work"
)

func TestAFailedBuildIsKeptClosedOnRequestUntilTheNextRun(t *testing.T) {
	s := newScene(t, generations()...)
	opts := s.options(t, "r1")
	opts.KeepFailed = true
	target := openTarget(t, opts)
	if _, err := s.run(t, target, course{rows: map[catalog.Name]string{public("one"): ""}}); err != nil {
		t.Fatal(err)
	}
	if err := target.Abort(t.Context()); err != nil {
		t.Fatal(err)
	}
	target.lock.release()
	assertList(t, "databases", s.databases(t), "", "__r1")
	app := pgtest.Role(t, s.target, "")
	if _, err := pgx.Connect(t.Context(), asRole(s.target.Database(s.target.Name()+"__r1"), app)); err == nil {
		t.Error("it is open")
	}
	if _, err := Publish(t.Context(), s.options(t, "p"), "r1"); code(err) != "no-build" {
		t.Errorf("a failed build was published: %v", err)
	}
	s.refresh(t, "r2", course{})
	assertList(t, "databases after the next run", s.databases(t), "", "__previous_adopted")
}

// TestARunThatDiesAnywhereLeavesTheOldServingAndTheNextCleansUp lets a run end without a word after
// every step: as a kill does, its sessions are gone and its databases are there.
func TestARunThatDiesAnywhereLeavesTheOldServingAndTheNextCleansUp(t *testing.T) {
	s := newScene(t, generations()...)
	s.refresh(t, "r0", course{}).lock.release()
	for i, step := range []string{"announce", "create", "mark", "load", "built"} {
		run := "d" + itoa(int64(i))
		target, err := OpenTarget(t.Context(), s.options(t, run))
		if err != nil {
			t.Fatal(err)
		}
		name := buildName(target.base, run)
		ctx := t.Context()
		switch step {
		case "announce":
			err = target.announce(ctx, name, run)
		case "create":
			if err = target.announce(ctx, name, run); err == nil {
				s.target.Exec(t, "CREATE DATABASE "+quoted(name)+" OWNER "+s.owner.Name+" CONNECTION LIMIT 0")
			}
		case "mark":
			if err = target.announce(ctx, name, run); err == nil {
				c := &catalog.Catalog{Server: serverOf(t, s)}
				err = target.maintain(ctx, func(conn *pgx.Conn) error {
					return target.createDatabase(ctx, conn, name, &work.Order{Run: run, Catalog: c})
				})
			}
		case "load":
			_, err = s.run(t, target, course{order: func(o *work.Order) { o.Tables[0].Columns = []string{"nonsense"} }})
			if err == nil {
				t.Fatal("loaded nonsense")
			}
			err = nil
		case "built":
			_, err = s.run(t, target, course{})
		}
		if err != nil {
			t.Fatalf("%s: %v", step, explain(err))
		}
		if err := target.Close(); err != nil {
			t.Fatal(err)
		}
		assertEqual(t, step+": serves", s.serves(t), 1)
		s.refresh(t, "n"+itoa(int64(i)), course{}).lock.release()
		previous := "__previous_r0"
		if i > 0 {
			previous = "__previous_n" + itoa(int64(i-1))
		}
		assertList(t, "databases after "+step, s.databases(t), "", previous)
	}
}

// TestADropThatBrokeOffIsDoneByTheNextRun leaves a previous database as a server does that dies while it drops
// one: nobody may enter or alter it.
func TestADropThatBrokeOffIsDoneByTheNextRun(t *testing.T) {
	s := newScene(t, generations()...)
	s.refresh(t, "r1", course{}).lock.release()
	s.refresh(t, "r2", course{}).lock.release()
	assertList(t, "databases before", s.databases(t), "", "__previous_r1")
	// What the server notes of a database before it removes the first of its files (15.4).
	s.target.Exec(t, `UPDATE pg_database SET datconnlimit = -2 WHERE datname = '`+s.target.Name()+`__previous_r1'`)
	s.refresh(t, "r3", course{}).lock.release()
	assertList(t, "databases after the next run", s.databases(t), "", "__previous_r2")
}

func serverOf(t *testing.T, s *scene) catalog.Server {
	t.Helper()
	return mustCatalog(t, openSource(t, s.source.DSN())).Server
}

func TestDatabasesOfOthersAreNeverDropped(t *testing.T) {
	s := newScene(t, generations()...)
	s.refresh(t, "r1", course{}).lock.release()
	name := s.target.Name()
	foreign := []string{"__mine", "__previous_x", "__r2x", "__copy"}
	for _, tail := range foreign[:3] {
		s.target.Exec(t, "CREATE DATABASE "+name+tail+" OWNER "+s.owner.Name)
	}
	// A copy carries our marker and certificate; it is somebody's all the same.
	s.target.Exec(t, "CREATE DATABASE "+name+"__copy TEMPLATE "+name+"__previous_adopted OWNER "+s.owner.Name)
	s.target.Exec(t, "COMMENT ON DATABASE "+name+"__mine IS 'lethe {\"environment\": \"someone\"}'")
	opts := s.options(t, "r2")
	opts.Keep = Keep{Count: -1}
	target := openTarget(t, opts)
	s.build(t, target, course{})
	if err := target.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	assertList(t, "databases", s.databases(t), "", "__copy", "__mine", "__previous_x", "__r2x")
}

func TestAnAdoptedDatabaseWithTablesIsNotDroppedUnasked(t *testing.T) {
	s := newScene(t, generations()...)
	s.target.Exec(t, `CREATE TABLE precious (id int)`)
	opts := s.options(t, "r1")
	opts.Keep = Keep{Count: -1}
	target := openTarget(t, opts)
	s.build(t, target, course{})
	if err := target.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	assertList(t, "databases", s.databases(t), "", "__previous_adopted")
}

func TestPreviousDatabasesGoByNumberAndByAge(t *testing.T) {
	s := newScene(t, generations()...)
	s.refresh(t, "r1", course{}).lock.release()
	now := time.Now()
	opts := s.options(t, "r2")
	opts.Now = func() time.Time { return now }
	opts.Keep = Keep{Count: 2, For: time.Hour}
	target := openTarget(t, opts)
	s.build(t, target, course{})
	if err := target.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	target.lock.release()
	assertList(t, "two are kept", s.databases(t), "", "__previous_adopted", "__previous_r1")
	now = now.Add(59*time.Minute + time.Second)
	opts.Run = "r3"
	opts.Keep.Count = 5
	target = openTarget(t, opts)
	if err := target.cleanUp(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	assertList(t, "not old yet", s.databases(t), "", "__previous_adopted", "__previous_r1")
	now = now.Add(time.Minute)
	if err := target.cleanUp(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	assertList(t, "too old", s.databases(t), "")
}

func TestTwoRunsOnOneEnvironmentAreRefusedByName(t *testing.T) {
	s := newScene(t)
	openTarget(t, s.options(t, "first"))
	_, err := OpenTarget(t.Context(), s.options(t, "second"))
	busy, ok := errors.AsType[*BusyError](err)
	if !ok {
		t.Fatalf("got %v", err)
	}
	assertEqual(t, "holder", busy.Holder.Application, "lethe/first")
	assertEqual(t, "role", busy.Holder.Role, s.lethe.Name)
	if busy.Holder.PID == 0 || busy.Holder.Since.IsZero() || !strings.Contains(err.Error(), "lethe/first") {
		t.Errorf("holder %+v, %v", busy.Holder, err)
	}
}

func TestALostLockCannotPublish(t *testing.T) {
	s := newScene(t, generations()...)
	target := openTarget(t, s.options(t, "r1"))
	s.build(t, target, course{})
	pgtest.QueryInt(t, s.target.MaintenanceDSN(), `SELECT pg_terminate_backend($1)::int`, int64(target.lock.conn.PgConn().PID()))
	openTarget(t, s.options(t, "thief"))
	err := target.Commit(t.Context())
	if lost, ok := errors.AsType[*LostError](err); !ok || lost.What != lostLock {
		t.Errorf("got %v", err)
	}
	assertList(t, "databases", s.databases(t), "", "__r1")
}

func TestWhatForbidsASwapIsKnownBeforeAnythingIsBuilt(t *testing.T) {
	s := newScene(t)
	name := s.target.Name()
	s.target.Exec(t, `ALTER DATABASE `+name+` IS_TEMPLATE true`,
		`CREATE SUBSCRIPTION inward CONNECTION 'dbname=nowhere' PUBLICATION p WITH (connect = false, enabled = false, create_slot = false, slot_name = NONE)`,
		`ALTER DATABASE `+name+` SET log_statement TO 'none'`, `ALTER ROLE `+s.owner.Name+` IN DATABASE `+name+` SET work_mem TO '5MB'`)
	defer s.target.Exec(t, `DROP SUBSCRIPTION inward`)
	_, err := s.run(t, openTarget(t, s.options(t, "r1")), course{})
	if got := code(err); got != "setting,subscription,template" {
		t.Errorf("refusals: %s", got)
	}
	assertList(t, "databases", s.databases(t), "")
}

func TestPreparedTransactionsAndLogicalSlotsForbidASwap(t *testing.T) {
	server := pgtest.Private(t, map[string]string{"wal_level": "logical", "max_prepared_transactions": "3"})
	db := pgtest.NewOn(t, server.DSN("postgres"))
	if _, err := Adopt(t.Context(), AdoptOptions{DSN: db.DSN(), Environment: "staging"}); err != nil {
		t.Fatal(err)
	}
	db.Exec(t, `SELECT pg_create_logical_replication_slot('reads_it', 'pgoutput')`, `BEGIN; CREATE TABLE t (); PREPARE TRANSACTION 'secret name'`)
	target := openTarget(t, TargetOptions{DSN: db.DSN(), Environment: "staging", Run: "r1"})
	found, err := target.Obstacles(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	assertEqual(t, "codes", codes(found), "logical-slot,prepared-transaction")
	for _, f := range found {
		if strings.Contains(f.String(), "secret") {
			t.Errorf("an application's own words are passed on: %s", f)
		}
	}
	db.Exec(t, `ROLLBACK PREPARED 'secret name'`)
}

func TestAPreviousDatabaseWithALogicalSlotIsNeverDroppedSilently(t *testing.T) {
	target := &Target{opts: TargetOptions{Environment: "staging", Keep: Keep{Count: -1}, Event: func(Event) {}, Now: time.Now}}
	all := []related{{name: "x", replaced: time.Now(), cert: &Certificate{}, slots: []string{"reads_it"}}}
	if gone := target.expendable(all, true); len(gone) != 1 {
		t.Fatalf("expendable: %v", gone)
	}
}
