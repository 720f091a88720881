package pg

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/lethedb/lethe/internal/pgtest"
	"github.com/lethedb/lethe/internal/work"
)

// linked has one foreign key of each sort, with rows.
func linked() []string {
	return []string{
		`CREATE TABLE zone (id int PRIMARY KEY)`, `INSERT INTO zone SELECT generate_series(1, 20)`,
		`CREATE TABLE person (id bigint PRIMARY KEY, zone int REFERENCES zone, code uuid UNIQUE, "a b" int, c text, UNIQUE (c, "a b"))`,
		`INSERT INTO person SELECT i, nullif(i % 21, 0), md5(i::text)::uuid, i % 7, 'c' || i FROM generate_series(1, 200) i`,
		`CREATE INDEX ON person (zone)`, `CREATE STATISTICS about ON zone, c FROM person`, `ALTER TABLE person CLUSTER ON person_pkey`,
		`CREATE TABLE visit (id serial PRIMARY KEY, person smallint REFERENCES person (id), code uuid REFERENCES person (code))`,
		`INSERT INTO visit (person, code) SELECT i, md5(i::text)::uuid FROM generate_series(1, 200) i`,
		`CREATE TABLE pair (x int, y text, CONSTRAINT whole FOREIGN KEY (y, x) REFERENCES person (c, "a b") MATCH FULL)`,
		`INSERT INTO pair SELECT i % 7, 'c' || i FROM generate_series(1, 50) i`, `INSERT INTO pair VALUES (NULL, NULL)`,
		`CREATE TABLE tree (id int PRIMARY KEY, parent int REFERENCES tree DEFERRABLE)`, `INSERT INTO tree VALUES (1, NULL), (2, 1), (3, 3)`,
		`CREATE TABLE egg (id int PRIMARY KEY, hen int)`, `CREATE TABLE hen (id int PRIMARY KEY, egg int REFERENCES egg)`,
		`ALTER TABLE egg ADD FOREIGN KEY (hen) REFERENCES hen DEFERRABLE INITIALLY DEFERRED`,
		`BEGIN; INSERT INTO egg VALUES (1, 1); INSERT INTO hen VALUES (1, 1); COMMIT`,
		`CREATE TABLE old (zone int)`, `INSERT INTO old VALUES (99)`,
		`ALTER TABLE old ADD CONSTRAINT unproven FOREIGN KEY (zone) REFERENCES zone ON DELETE CASCADE NOT VALID`,
		`CREATE TABLE event (id int, day int, zone int REFERENCES zone, PRIMARY KEY (id, day)) PARTITION BY RANGE (day)`,
		`CREATE TABLE event1 (zone int, day int NOT NULL, id int NOT NULL)`, `ALTER TABLE event ATTACH PARTITION event1 FOR VALUES FROM (0) TO (10)`,
		`CREATE TABLE event2 PARTITION OF event FOR VALUES FROM (10) TO (99) PARTITION BY LIST (day)`, `CREATE TABLE event2_rest PARTITION OF event2 DEFAULT`,
		`INSERT INTO event SELECT i, i % 30, 1 + i % 20 FROM generate_series(1, 90) i`,
		`CREATE TABLE ticket (event int, day int, FOREIGN KEY (event, day) REFERENCES event)`, `INSERT INTO ticket SELECT i, i % 30 FROM generate_series(1, 90) i`,
		`CREATE TABLE keyed (a int, b text, c int, "D d" date, PRIMARY KEY (a) INCLUDE (b) WITH (fillfactor = 70), CONSTRAINT "No twins" UNIQUE NULLS NOT DISTINCT (b, "D d"),
			UNIQUE (c) DEFERRABLE, EXCLUDE USING btree (c WITH =))`, `COMMENT ON CONSTRAINT keyed_pkey ON keyed IS 'the key'`, `COMMENT ON INDEX "No twins" IS 'and its index'`,
		`ALTER TABLE keyed REPLICA IDENTITY USING INDEX keyed_pkey`, `INSERT INTO keyed SELECT i, 'b' || i, i FROM generate_series(1, 50) i`,
		`CREATE TABLE plain (a int PRIMARY KEY WITH (fillfactor = 70), b text CONSTRAINT "No more" UNIQUE, c int NOT NULL, UNIQUE (c, a) INCLUDE (b))`,
		`CREATE INDEX ON plain (b DESC NULLS LAST)`, `COMMENT ON CONSTRAINT "No more" ON plain IS 'of b'`, `INSERT INTO plain SELECT i, 'b' || i, i FROM generate_series(1, 50) i`,
		`CREATE TABLE stub (a int)`, `CREATE TABLE detail (id int REFERENCES zone)`, `INSERT INTO detail SELECT generate_series(1, 20)`,
	}
}

// constraintsOf lists every constraint and whether it is validated.
const constraintsOf = `SELECT q::text FROM (SELECT conrelid::regclass, conname, convalidated, condeferrable, pg_get_constraintdef(oid) FROM pg_constraint
	WHERE conrelid <> 0 AND connamespace = 'public'::regnamespace) q ORDER BY 1`

// TestForeignKeysArriveValidatedWhicheverWayTheyWent holds for every way that a key may go, with the right to
// load beside it and without.
func TestForeignKeysArriveValidatedWhicheverWayTheyWent(t *testing.T) {
	const first = "detail_id_fkey first keys, egg_hen_fkey validated server, event_zone_fkey first keys, hen_egg_fkey validated server, " +
		"person_zone_fkey first keys, ticket_event_day_fkey first query, tree_parent_fkey validated server, unproven last not valid at the source, " +
		"visit_code_fkey first query, visit_person_fkey first keys, whole first query"
	const after = "detail_id_fkey validated server, egg_hen_fkey validated server, event_zone_fkey last server, hen_egg_fkey validated server, " +
		"person_zone_fkey validated server, ticket_event_day_fkey last server, tree_parent_fkey validated server, unproven last not valid at the source, " +
		"visit_code_fkey validated server, visit_person_fkey validated server, whole validated server"
	for _, c := range []struct {
		name    string
		granted bool
		course  course
		want    string
	}{
		{"in parts, with the right", true, course{parts: 3}, first},
		{"in parts, without the right", false, course{parts: 3}, after},
		{"whole, with the right", true, course{order: loadedWhole}, first},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t, linked()...)
			if c.granted {
				s.mayReplicate(t)
			}
			opts := s.options(t, "r1")
			opts.big = 1
			target := openTarget(t, opts)
			s.build(t, target, c.course)
			var got []string
			for _, k := range target.ForeignKeys() {
				got = append(got, k.Constraint+" "+string(k.Way)+" "+string(k.Proof))
				if (k.Why == "") != (k.Way == KeyFirst) {
					t.Errorf("%s went %s because %q", k.Constraint, k.Way, k.Why)
				}
			}
			assertSorted(t, "ways", got, strings.Split(c.want, ", "))
			if err := target.Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, differs := range pgtest.Same(t, s.source.DSN(), s.target.DSN()) {
				t.Errorf("%s is not the same", differs)
			}
			assertList(t, "constraints", s.target.QueryStrings(t, constraintsOf), s.source.QueryStrings(t, constraintsOf)...)
			// The triggers behind a key are there and fire.
			conn, err := connect(t.Context(), s.target.DSN(), session{})
			if err != nil {
				t.Fatal(err)
			}
			defer closeNow(conn)
			if _, err := conn.Exec(t.Context(), `INSERT INTO public.detail VALUES (4711)`); !hasCode(err, "23503") {
				t.Errorf("a row that dangles was taken: %v", err)
			}
			const statistics = `SELECT count(DISTINCT tablename)::text FROM pg_stats WHERE schemaname = 'public'`
			assertList(t, "tables with statistics", s.target.QueryStrings(t, statistics), "16")
		})
	}
}

// TestARowThatRefersToNoneIsNamed holds for every way, when production's triggers were off as it was written.
func TestARowThatRefersToNoneIsNamed(t *testing.T) {
	s := newScene(t, linked()...)
	s.mayReplicate(t)
	s.source.Exec(t, `BEGIN; SET LOCAL session_replication_role = replica; INSERT INTO visit (person) VALUES (777); INSERT INTO visit (code) VALUES (md5('none')::uuid);
		INSERT INTO pair VALUES (1, NULL); INSERT INTO tree VALUES (9, 8); INSERT INTO event VALUES (999, 28, 777); INSERT INTO ticket VALUES (999, 1); COMMIT`)
	opts := s.options(t, "r1")
	opts.big = 1
	target := openTarget(t, opts)
	want, err := s.run(t, target, course{parts: 2})
	if err != nil {
		t.Fatal(explain(err))
	}
	found, err := target.Verify(t.Context(), want)
	if err != nil {
		t.Fatal(err)
	}
	var named []string
	for _, f := range found {
		if f.Code == "dangling" {
			named = append(named, f.Object)
		}
	}
	assertSorted(t, "named", named, []string{
		"public.event.event_zone_fkey", "public.pair.whole", "public.ticket.ticket_event_day_fkey", "public.tree.tree_parent_fkey",
		"public.visit.visit_code_fkey", "public.visit.visit_person_fkey",
	})
	if err := target.Commit(t.Context()); err == nil {
		t.Error("published")
	}
}

// mayReplicate grants what a key that comes first needs. Before 15 only a superuser has it.
func (s *scene) mayReplicate(t *testing.T) {
	t.Helper()
	if s.target.QueryInt(t, `SELECT current_setting('server_version_num')::int`) < 150000 {
		s.target.Exec(t, "ALTER ROLE "+s.lethe.Name+" SUPERUSER")
		return
	}
	s.target.Exec(t, "GRANT SET ON PARAMETER session_replication_role TO "+s.lethe.Name)
	t.Cleanup(func() { s.target.Exec(t, "REVOKE SET ON PARAMETER session_replication_role FROM "+s.lethe.Name) })
}

// loadedWhole has every table loaded whole, small as it is.
func loadedWhole(o *work.Order) {
	for i := range o.Tables {
		o.Tables[i].Whole = !o.Tables[i].Empty
	}
}

// TestRowsOfATableThatIsLoadedWholeAreFrozen holds where our role may empty tables, and that rows arrive where it
// may not.
func TestRowsOfATableThatIsLoadedWholeAreFrozen(t *testing.T) {
	const frozen = `SELECT relallvisible FROM pg_class WHERE oid = 'public.many'::regclass`
	s := newScene(t, `CREATE TABLE many (id int PRIMARY KEY)`, `INSERT INTO many SELECT generate_series(1, 1000)`)
	opts := s.options(t, "r1")
	opts.big = 1
	for i, c := range []struct {
		course course
		want   int64
	}{{course{parts: 2}, 0}, {course{order: loadedWhole}, 5}} {
		opts.Run = fmt.Sprintf("r%d", i)
		target := openTarget(t, opts)
		s.build(t, target, c.course)
		assertEqual(t, "frozen pages", pgtest.QueryInt(t, s.source.Database(target.build.database), frozen), c.want)
		if err := target.Abort(t.Context()); err != nil {
			t.Fatal(err)
		}
		target.lock.release()
	}
}

// TestNothingElseOfAParentIsDoneBeforeTheKeyThatRowsWaitFor holds that the rows which refer to a table wait for its
// key alone: adding a foreign key would wait for every index of it that is being built.
func TestNothingElseOfAParentIsDoneBeforeTheKeyThatRowsWaitFor(t *testing.T) {
	s := newScene(t, `CREATE TABLE parent (id int PRIMARY KEY, a int UNIQUE, b int)`, `CREATE INDEX ON parent (b)`, `CREATE TABLE child (parent int REFERENCES parent)`,
		`INSERT INTO parent VALUES (1, 1, 1)`, `INSERT INTO child VALUES (1)`)
	opts := s.options(t, "r1")
	opts.big = 1
	target := openTarget(t, opts)
	s.build(t, target, course{})
	plan := newSchedule(target.build.archive, target.build.order, true, 1)
	load := plan.loads[public("parent")]
	plan.agenda.takeThis(load)
	plan.agenda.done(load)
	var did []string
	for {
		var together []*task // as with more jobs than there is work
		for tasks := plan.agenda.takeWork(1); len(tasks) > 0; tasks = plan.agenda.takeWork(1) {
			together = append(together, tasks...)
		}
		if len(together) == 0 {
			break
		}
		for _, done := range together {
			for _, e := range done.entries {
				did = append(did, strings.Fields(e.name)[2])
			}
			plan.agenda.done(done)
		}
	}
	if want := []string{"parent_pkey", "child_parent_fkey"}; len(did) != 4 || !slices.Equal(did[:2], want) {
		t.Errorf("in the order of %v, want first %v", did, want)
	}
}

// TestNoIndexWaitsForAnotherTablesRows holds for any tables without foreign keys: with one table's rows
// there, all that stands on them alone can be done.
func TestNoIndexWaitsForAnotherTablesRows(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	s := newScene(t, hardSchema()...)
	opts := s.options(t, "r1")
	opts.big = 1
	target := openTarget(t, opts)
	s.build(t, target, course{})
	archive, order := target.build.archive, target.build.order
	for range 50 {
		plan := newSchedule(archive, order, false, int64(random.IntN(2))<<40)
		for _, i := range random.Perm(len(order.Tables)) {
			name := order.Tables[i].Table.Name
			owner := plan.owners[name]
			if owner == nil || owner.tree {
				continue
			}
			load := plan.loads[name]
			plan.agenda.takeThis(load)
			plan.agenda.done(load)
			for {
				tasks := plan.agenda.takeWork(1)
				if len(tasks) == 0 {
					break
				}
				for _, done := range tasks {
					if done.run == nil && done.entries[0].kind != "FK CONSTRAINT" && done.table != name {
						t.Fatalf("%s became ready with %s", done.table, name)
					}
					plan.agenda.done(done)
				}
			}
			for _, own := range owner.tasks {
				if own.waits > 0 {
					t.Fatalf("an index of %s waits for more than its rows", name)
				}
			}
		}
	}
}

func assertSorted(t *testing.T, what string, got, want []string) {
	t.Helper()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %s\nwant %s", what, strings.Join(got, ", "), strings.Join(want, ", "))
	}
}
