package cli

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/pgtest"
)

// ended reports whether a session is gone.
func ended(t *testing.T, conn *pgx.Conn) bool {
	t.Helper()
	_, err := conn.Exec(t.Context(), `SELECT 1`)
	return err != nil
}

// held says of an environment that the old generation serves and one build waits.
func (g *generations) held(what string) {
	g.t.Helper()
	if got := g.serves(); got != pair(g.at-1) {
		g.t.Errorf("%s: generation %s serves, want %d", what, got, g.at-1)
	}
	if s := document[environmentDocument](g.stage, "env", "show", "staging").Status; len(s.Builds) != 1 {
		g.t.Errorf("%s: builds that wait: %+v, want one", what, s.Builds)
	}
}

// published says that the newest generation serves and nothing waits.
func (g *generations) published(what string) {
	g.t.Helper()
	if got := g.serves(); got != pair(g.at) {
		g.t.Errorf("%s: generation %s serves, want %d", what, got, g.at)
	}
	if s := document[environmentDocument](g.stage, "env", "show", "staging").Status; len(s.Builds)+len(s.Leftovers) > 0 || len(s.Previous) != 1 {
		g.t.Errorf("%s: builds %+v, left over %+v, previous %+v", what, s.Builds, s.Leftovers, s.Previous)
	}
}

// TestASessionInTheWayKeepsTheBuildForLater holds that nobody is ended who may not be, that the refusal
// says who it is, and that publish finishes what refresh began.
func TestASessionInTheWayKeepsTheBuildForLater(t *testing.T) {
	t.Parallel()
	g := newGenerations(t)
	g.adopted()
	g.ok("refresh", "staging")
	g.next()
	g.ok("refresh", "staging", "--no-publish")
	g.held("not to be published")
	g.ok("publish", "staging")
	g.published("published afterwards")
	g.refused(statusRefused, []string{"publish", "staging"}, "no build")

	admin := pgtest.Role(t, g.staging, "SUPERUSER")
	for _, way := range []struct {
		before, sessions string
		who              pgtest.Login
	}{{"terminate", "drain 100ms", admin}, {"drain 100ms", "refuse", g.app}} {
		g.replace("lethe.yaml", way.before, way.sessions)
		session := connected(t, way.who.DSN(g.staging))
		pid := fmt.Sprintf("pid %d of role %s", session.PgConn().PID(), way.who.Name)
		g.next()
		g.refused(statusFailed, []string{"refresh", "staging"}, pid, "lethe publish")
		g.held(way.sessions)
		g.refused(statusFailed, []string{"publish", "staging"}, pid)
		g.held(way.sessions)
		if ended(t, session) {
			t.Errorf("%s: the session of %s was ended", way.sessions, way.who.Name)
		}
		closeSession(t, session)
		watcher := connected(t, g.staging.MaintenanceDSN())
		eventually(t, watcher, `SELECT (count(*) = 0)::int FROM pg_stat_activity WHERE usename = $1`, way.who.Name)
		g.ok("publish", "staging")
		g.published(way.sessions)
	}
}

// looks tells when, in microseconds, a run last listed who is connected, if that was after a moment.
const looks = `WITH at AS (SELECT (extract(epoch FROM query_start) * 1000000)::bigint AS us FROM pg_stat_activity
	WHERE application_name = $1 AND query LIKE '%virtualxid%') SELECT coalesce(max(us) FILTER (WHERE us > $2), 0) FROM at`

// TestDrainLetsTransactionsEndInTimeAndNoLonger holds both halves: a transaction that ends in time is not
// cut, one that does not end is.
func TestDrainLetsTransactionsEndInTimeAndNoLonger(t *testing.T) {
	t.Parallel()
	g := newGenerations(t)
	g.replace("lethe.yaml", "terminate", "drain 25s")
	g.adopted()
	g.ok("refresh", "staging")
	g.next()
	session, idle := connected(t, g.app.DSN(g.staging)), connected(t, g.app.DSN(g.staging))
	execute(t, session, `BEGIN`)
	execute(t, session, `SELECT count(*) FROM public.one`)
	began := time.Now()
	p := g.start("refresh", "staging")
	if !p.says("publishing") {
		t.Fatal(p.said())
	}
	watcher := connected(t, g.staging.MaintenanceDSN())
	run := document[environmentDocument](g.stage, "env", "show", "staging").Status.Holder.Application
	// It looks again and again who is in a transaction, and cuts nobody.
	first := eventually(t, watcher, looks, run, 0)
	eventually(t, watcher, looks, run, first+int(200*time.Millisecond/time.Microsecond))
	execute(t, session, `SELECT count(*) FROM public.two`)
	execute(t, session, `COMMIT`)
	if status := p.status(); status != 0 {
		t.Fatalf("status %d\n%s", status, p.said())
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it waited %v for a session that was idle", took)
	}
	g.published("drained")
	if !ended(t, session) || !ended(t, idle) {
		t.Error("a session goes on in the database that was replaced")
	}

	g.replace("lethe.yaml", "drain 25s", "drain 200ms")
	g.next()
	session = connected(t, g.app.DSN(g.staging))
	execute(t, session, `BEGIN`)
	g.ok("refresh", "staging")
	g.published("over time")
	if !ended(t, session) {
		t.Error("a transaction that did not end in time goes on")
	}
}
