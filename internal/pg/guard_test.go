package pg

import (
	"errors"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/lethedb/lethe/internal/pgserver"
	"github.com/lethedb/lethe/internal/pgtest"
)

// throughAnotherName returns the same server's connection string under another host name.
func throughAnotherName(dsn string) string {
	return pgtest.Rewrite(dsn, func(u *url.URL) {
		u.Host = strings.Replace(u.Host, "127.0.0.1", "localhost", 1)
	})
}

func TestProductionIsNeverATarget(t *testing.T) {
	production, other := pgtest.New(t), pgtest.New(t)
	reader := pgtest.Role(t, production, "") // an ordinary role sees all that is needed
	as := reader.DSN
	for name, c := range map[string]struct {
		target string
		reason string
		want   string
	}{
		"the same database":                              {as(production), "", "target-is-source"},
		"the same database, same server allowed":         {as(production), "because", "target-is-source"},
		"the same database through another name":         {throughAnotherName(as(production)), "because", "target-is-source"},
		"another database of the server":                 {as(other), "", "same-server"},
		"another database of the server by another name": {throughAnotherName(as(other)), "", "same-server"},
		"another database, allowed":                      {as(other), "because", ""},
	} {
		relation, err := Relate(t.Context(), as(production), c.target)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		assertEqual(t, name, codes(relation.refusals("x", c.reason != "", false)), c.want)
	}
	assertEqual(t, "no lock stays", production.QueryInt(t, `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = $1)`, other.Name()), 0)

	_, err := Adopt(t.Context(), AdoptOptions{DSN: production.DSN(), Environment: "staging", SameServer: "x", Restored: true, Confirm: production.Name(), Sources: []string{as(other), as(production)}})
	assertEqual(t, "adopting production", code(err), "target-is-source")
	assertEqual(t, "nothing was written", production.QueryInt(t, `SELECT count(*) FROM pg_namespace WHERE nspname = 'lethe'`), 0)
}

func TestTheTargetGuardsItself(t *testing.T) {
	s := newScene(t)
	target := openTarget(t, s.options(t, "r1"))
	if err := target.Guard(t.Context(), s.source.DSN()); err != nil {
		t.Errorf("same server, allowed at adoption: %v", err)
	}
	assertEqual(t, "itself", code(target.Guard(t.Context(), s.target.DSN())), "target-is-source")
	target.marker.SameServer = ""
	assertEqual(t, "same server", code(target.Guard(t.Context(), s.source.DSN())), "same-server")
}

// cloned makes second's cluster a copy of first's, as a snapshot of the disk is, and starts both. The
// string returned reaches second.
func cloned(t *testing.T, first, second *pgserver.Server, change func(data string)) string {
	t.Helper()
	pgtest.Exec(t, first.DSN("postgres"), "CHECKPOINT")
	first.Kill()
	second.Kill()
	if err := os.RemoveAll(second.DataDir()); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cp", "-a", first.DataDir(), second.DataDir()).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, stale := range []string{"postmaster.pid", "postmaster.opts"} {
		if err := os.Remove(filepath.Join(second.DataDir(), stale)); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
	if err := first.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	change(second.DataDir())
	if err := second.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	there, err := url.Parse(second.DSN("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	return pgtest.Rewrite(first.DSN("postgres"), func(u *url.URL) { u.Host = there.Host })
}

func TestARestoredCopyOfProductionIsToldFromProduction(t *testing.T) {
	t.Parallel()
	production, staging := pgtest.Private(t, nil), pgtest.Private(t, nil)
	pgtest.Exec(t, production.DSN("postgres"), "CREATE DATABASE app")
	stagingDSN := cloned(t, production, staging, func(string) {})
	app := func(dsn string) string { return pgtest.Rewrite(dsn, func(u *url.URL) { u.Path = "/app" }) }

	relation, err := Relate(t.Context(), production.DSN("app"), app(stagingDSN))
	if err != nil {
		t.Fatal(err)
	}
	assertEqual(t, "relation", relation, Relation{SameIdentifier: true})
	_, err = Adopt(t.Context(), AdoptOptions{DSN: app(stagingDSN), Environment: "staging", Sources: []string{production.DSN("app")}})
	assertEqual(t, "not said to be restored", code(err), "same-identifier")
	m, err := Adopt(t.Context(), AdoptOptions{DSN: app(stagingDSN), Environment: "staging", Restored: true, Sources: []string{production.DSN("app")}})
	if err != nil || !m.Restored {
		t.Errorf("said to be restored: %+v, %v", m, err)
	}
}

func TestAStandbyOfTheTargetsServerIsKnownAsProduction(t *testing.T) {
	t.Parallel()
	primary, standby := pgtest.Private(t, nil), pgtest.Private(t, nil)
	pgtest.Exec(t, primary.DSN("postgres"), "CREATE DATABASE app")
	standbyDSN := cloned(t, primary, standby, func(data string) {
		// conninfo of the primary; the passwords are the same, the clusters being one.
		u, err := url.Parse(primary.DSN("postgres"))
		if err != nil {
			t.Fatal(err)
		}
		password, _ := u.User.Password()
		conf := "primary_conninfo = 'host=127.0.0.1 port=" + u.Port() + " user=postgres password=" + password + " sslmode=disable'\n"
		for name, text := range map[string]string{"postgresql.auto.conf": conf, "standby.signal": ""} {
			path := filepath.Join(data, name)
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			ownAs(t, path, data)
		}
	})
	pgtest.Exec(t, primary.DSN("app"), "CREATE TABLE t ()")
	awaitAt(t, standbyDSN, `SELECT (pg_last_wal_replay_lsn() IS NOT NULL)::int WHERE pg_is_in_recovery()`)
	app := pgtest.Rewrite(standbyDSN, func(u *url.URL) { u.Path = "/app" })
	relation, err := Relate(t.Context(), app, primary.DSN("app"))
	if err != nil {
		t.Fatal(err)
	}
	assertEqual(t, "relation", relation, Relation{SameIdentifier: true, Replica: true})
	for _, restored := range []bool{false, true} {
		assertEqual(t, "refused whatever was said", codes(relation.refusals("app", true, restored)), "target-is-primary")
	}
	assertEqual(t, "no setting stays", pgtest.QueryInt(t, primary.DSN("app"), `SELECT count(*) FROM pg_db_role_setting WHERE setdatabase <> 0`), 0)
}

// ownAs gives a file to the owner of another.
func ownAs(t *testing.T, path, like string) {
	t.Helper()
	info, err := os.Stat(like)
	if err != nil {
		t.Fatal(err)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		t.Fatal("no owner")
	}
	if err := os.Chown(path, int(stat.Uid), int(stat.Gid)); err != nil {
		t.Fatal(err)
	}
}

func TestOnlyAnEmptyOrNamedDatabaseIsAdopted(t *testing.T) {
	db := pgtest.New(t)
	db.Exec(t, `CREATE TABLE precious (id int)`, `INSERT INTO precious VALUES (1)`)
	for _, confirm := range []string{"", "yes", strings.ToUpper(db.Name())} {
		_, err := Adopt(t.Context(), AdoptOptions{DSN: db.DSN(), Environment: "staging", Confirm: confirm})
		e, ok := errors.AsType[*NotEmptyError](err)
		if !ok {
			t.Fatalf("confirmed by %q: %v", confirm, err)
		}
		assertEqual(t, "database", e.Database, db.Name())
		assertEqual(t, "tables", e.Tables, 1)
		if e.Bytes == 0 || e.Server == "" || !strings.Contains(err.Error(), "--confirm "+db.Name()) {
			t.Errorf("%+v: %v", e, err)
		}
	}
	first, err := Adopt(t.Context(), AdoptOptions{DSN: db.DSN(), Environment: "staging", By: "me", Confirm: db.Name()})
	if err != nil {
		t.Fatal(err)
	}
	again, err := Adopt(t.Context(), AdoptOptions{DSN: db.DSN(), Environment: "staging", By: "you", SameServer: "we are small"})
	if err != nil {
		t.Fatal(err)
	}
	first.SameServer = "we are small"
	assertEqual(t, "again", again, first)
	_, err = Adopt(t.Context(), AdoptOptions{DSN: db.DSN(), Environment: "dev", Confirm: db.Name()})
	assertEqual(t, "as another", code(err), "other-environment")
}

func TestAMarkerMeansTheDatabaseItWasMadeInAndNoCopyOfIt(t *testing.T) {
	db := pgtest.New(t)
	if _, err := Adopt(t.Context(), AdoptOptions{DSN: db.DSN(), Environment: "staging"}); err != nil {
		t.Fatal(err)
	}
	name := db.Name() + "_copy"
	pgtest.Exec(t, db.Database("postgres"), `CREATE DATABASE "`+name+`" TEMPLATE "`+db.Name()+`"`)
	t.Cleanup(func() { pgtest.Exec(t, db.Database("postgres"), `DROP DATABASE "`+name+`"`) })
	copied := db.Database(name)
	pgtest.Exec(t, copied, `CREATE TABLE precious (id int)`)
	_, err := OpenTarget(t.Context(), TargetOptions{DSN: copied, Environment: "staging", Run: "r1"})
	assertEqual(t, "replacing it", code(err), "not-adopted")
	if _, err := Adopt(t.Context(), AdoptOptions{DSN: copied, Environment: "staging"}); err == nil || !strings.Contains(err.Error(), "--confirm "+name) {
		t.Errorf("adopted without its name: %v", err)
	}
	m, err := Adopt(t.Context(), AdoptOptions{DSN: copied, Environment: "staging", Confirm: name})
	if err != nil {
		t.Fatal(err)
	}
	stands := pgtest.QueryInt(t, copied, `SELECT count(*) FROM lethe.environment WHERE id = $1::text::uuid`, m.ID)
	assertEqual(t, "its own marker", stands, 1)
}

func TestDatabasesThatTheServerLivesByAreNotAdopted(t *testing.T) {
	db := pgtest.New(t)
	_, err := Adopt(t.Context(), AdoptOptions{DSN: db.Database("postgres"), Environment: "staging", Confirm: "postgres"})
	assertEqual(t, "postgres", code(err), "maintenance-database")
	_, err = Adopt(t.Context(), AdoptOptions{DSN: db.DSN(), Environment: "staging", Maintenance: db.Name()})
	assertEqual(t, "another that the lock is kept in", code(err), "maintenance-database")
	_, err = Adopt(t.Context(), AdoptOptions{DSN: db.Database("template1"), Environment: "staging", Confirm: "template1"})
	assertEqual(t, "template1", code(err), "template")
}

func TestATargetMustBeAdoptedAsThisEnvironment(t *testing.T) {
	db := pgtest.New(t)
	_, err := OpenTarget(t.Context(), TargetOptions{DSN: db.DSN(), Environment: "staging", Run: "r1"})
	assertEqual(t, "not adopted", code(err), "not-adopted")
	if _, err := Adopt(t.Context(), AdoptOptions{DSN: db.DSN(), Environment: "dev"}); err != nil {
		t.Fatal(err)
	}
	_, err = OpenTarget(t.Context(), TargetOptions{DSN: db.DSN(), Environment: "staging", Run: "r1"})
	assertEqual(t, "another's", code(err), "other-environment")
	_, err = Inspect(t.Context(), TargetOptions{DSN: db.DSN(), Environment: "staging"})
	assertEqual(t, "inspected", code(err), "other-environment")
}

func TestAKilledServerServesOldOrNewAndTheNextRunSucceeds(t *testing.T) {
	t.Parallel()
	server := pgtest.Private(t, nil)
	source, target := pgtest.NewOn(t, server.DSN("postgres")), pgtest.NewOn(t, server.DSN("postgres"))
	source.Exec(t, generations()...)
	s := &scene{source: source, target: target}
	if _, err := Adopt(t.Context(), AdoptOptions{DSN: target.DSN(), Environment: "staging", SameServer: "test"}); err != nil {
		t.Fatal(err)
	}
	options := func(run string) TargetOptions {
		return TargetOptions{DSN: target.DSN(), Environment: "staging", Run: run, Tools: tools(t, source), Dir: t.TempDir(),
			Sessions: Sessions{Mode: Terminate}, Keep: Keep{Count: 1}}
	}
	first := openTarget(t, options("r1"))
	s.build(t, first, course{})
	if err := first.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	server.Kill() // what was said to be published is published
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	assertEqual(t, "serves", s.serves(t), 1)
	s.nextGeneration(t)
	second := openTarget(t, options("r2"))
	s.build(t, second, course{})
	server.Kill() // built, not published
	if err := second.Commit(t.Context()); err == nil {
		t.Fatal("published on a server that is gone")
	}
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	assertEqual(t, "serves", s.serves(t), 1)
	third := openTarget(t, options("r3"))
	s.build(t, third, course{})
	if err := third.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	assertEqual(t, "serves", s.serves(t), 2)
	assertList(t, "databases", s.databases(t), "", "__previous_r1")
}

// TestASourceIsNamedAsThatThoughNobodyAdoptedIt holds that what no adoption could allow is told before the
// want of one.
func TestASourceIsNamedAsThatThoughNobodyAdoptedIt(t *testing.T) {
	production, staging := pgtest.New(t), pgtest.New(t)
	for target, want := range map[string]string{production.DSN(): "target-is-source", staging.DSN(): "not-adopted"} {
		found, err := Standing(t.Context(), TargetOptions{DSN: target, Environment: "staging", Run: "r", Maintenance: "postgres"}, production.DSN())
		if err != nil || len(found) != 1 || found[0].Code != want {
			t.Errorf("got %v, %v; want %s", found, err, want)
		}
	}
}
