package pg

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/finding"
	"github.com/lethedb/lethe/internal/pgtest"
	"github.com/lethedb/lethe/internal/work"
)

// hardSchema has one of each thing that is easily lost.
func hardSchema() []string {
	return []string{
		`CREATE SCHEMA "Foo Bar"`,
		`CREATE TABLE "Foo Bar"."With a space" ("select" int PRIMARY KEY, "ünïcode" text, "a.b" text UNIQUE)`,
		`CREATE TABLE "Foo Bar"."` + strings.Repeat("n", 63) + `" (id bigserial PRIMARY KEY, other int REFERENCES "Foo Bar"."With a space" ("select"))`,
		`CREATE TABLE tree (id int PRIMARY KEY, parent int REFERENCES tree (id))`,
		`CREATE TABLE egg (id int PRIMARY KEY, hen int)`, `CREATE TABLE hen (id int PRIMARY KEY, egg int REFERENCES egg (id))`,
		`ALTER TABLE egg ADD FOREIGN KEY (hen) REFERENCES hen (id) DEFERRABLE INITIALLY DEFERRED`,
		`CREATE TABLE booked (room int, during int4range, EXCLUDE USING gist (during WITH &&))`,
		`CREATE FUNCTION positive(int) RETURNS boolean IMMUTABLE LANGUAGE sql AS 'SELECT $1 > 0'`,
		`CREATE TABLE checked (n int CHECK (public.positive(n)))`,
		`CREATE TABLE parent (a int, note text) PARTITION BY RANGE (a)`,
		`CREATE TABLE leaf1 (note text, a int)`, `ALTER TABLE parent ATTACH PARTITION leaf1 FOR VALUES FROM (0) TO (10)`,
		`CREATE TABLE sub PARTITION OF parent FOR VALUES FROM (10) TO (20) PARTITION BY LIST (a)`,
		`CREATE TABLE sub1 PARTITION OF sub DEFAULT`, `CREATE TABLE rest PARTITION OF parent DEFAULT`,
		`ALTER TABLE parent ADD PRIMARY KEY (a)`, `CREATE INDEX ON parent (note)`,
		`CREATE TABLE base (x int)`, `CREATE TABLE child (y int) INHERITS (base)`,
		`CREATE UNLOGGED TABLE quick (x int)`,
		`CREATE TYPE mood AS ENUM ('sad', 'ok')`, `CREATE DOMAIN short AS text CHECK (length(VALUE) < 5)`,
		`CREATE TABLE typed (m mood[], s short, j jsonb, b bytea, n numeric, i interval, t timestamptz)`,
		`CREATE STATISTICS two ON "select", "ünïcode" FROM "Foo Bar"."With a space"`,
		`CREATE RULE quiet AS ON DELETE TO quick DO INSTEAD NOTHING`,
		`CREATE TABLE late (n int)`, `ALTER TABLE late ADD CONSTRAINT unproven CHECK (n > 0) NOT VALID`,
		`CREATE VIEW grouped AS SELECT id, parent FROM tree GROUP BY id`, // needs the primary key, so it comes after the rows
		`CREATE MATERIALIZED VIEW z_first AS SELECT count(*) AS n FROM grouped`,
		`CREATE MATERIALIZED VIEW a_second AS SELECT n FROM z_first`,
		`INSERT INTO "Foo Bar"."With a space" SELECT i, 'x' || i, 'y' || i FROM generate_series(1, 5) i`,
		`INSERT INTO "Foo Bar"."` + strings.Repeat("n", 63) + `" (other) VALUES (1), (2)`,
		`INSERT INTO tree VALUES (1, NULL), (2, 1), (3, 3)`,
		`BEGIN; INSERT INTO egg VALUES (1, 1); INSERT INTO hen VALUES (1, 1); COMMIT`,
		`INSERT INTO booked VALUES (1, '[1,3)'), (1, '[3,5)')`, `INSERT INTO checked VALUES (1)`,
		`INSERT INTO parent SELECT i, 'p' || i FROM generate_series(1, 40) i`,
		`INSERT INTO base VALUES (1)`, `INSERT INTO child VALUES (2, 3)`, `INSERT INTO quick VALUES (1)`, `INSERT INTO late VALUES (1)`,
		`INSERT INTO typed VALUES ('{sad,NULL}', 'ab', '{"a": null}', '\x00ff', 'NaN', '1 year -2 days', '0044-03-15 00:00:00+00 BC'),
			(NULL, E'\\N', '"\\N"', '', 'Infinity', '0', 'infinity')`,
		`REFRESH MATERIALIZED VIEW z_first`, `REFRESH MATERIALIZED VIEW a_second`,
	}
}

// TestTheHardSchemaArrivesWhole holds for tables that come in parts and for those that one transaction empties and
// loads.
func TestTheHardSchemaArrivesWhole(t *testing.T) {
	for name, way := range map[string]course{"in parts": {parts: 2}, "at once": {order: loadedWhole}} {
		t.Run(name, func(t *testing.T) { hardSchemaArrives(t, way) })
	}
}

func hardSchemaArrives(t *testing.T, way course) {
	s := newScene(t, hardSchema()...)
	reader := pgtest.Role(t, s.target, "")
	pgtest.Exec(t, asRole(s.source.DSN(), s.owner), `GRANT SELECT ON tree TO `+reader.Name, `GRANT USAGE ON SCHEMA "Foo Bar" TO `+reader.Name,
		`ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO `+reader.Name)
	s.refresh(t, "r1", way).lock.release()

	want, got := pgtest.AllRows(t, s.source.DSN()), pgtest.AllRows(t, s.target.DSN())
	assertEqual(t, "tables", len(got), len(want))
	for table := range want {
		assertEqual(t, "rows of "+table, got[table], want[table])
	}
	for what, query := range map[string]string{
		"constraints": `SELECT conrelid::regclass, conname, convalidated, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace <> 'lethe'::regnamespace`,
		"indexes":     `SELECT indexrelid::regclass, indisvalid, indisready, pg_get_indexdef(indexrelid) FROM pg_index WHERE indexrelid > 16383 AND indrelid::regclass::text NOT LIKE 'lethe.%' AND indrelid::regclass::text NOT LIKE 'pg_toast%'`,
		"rights":      `SELECT oid::regclass, relacl, relowner::regrole FROM pg_class WHERE oid > 16383 AND relkind <> 't' AND relkind <> 'i' AND relnamespace <> 'lethe'::regnamespace AND relnamespace <> 'pg_toast'::regnamespace`,
		"schemas":     `SELECT nspname, nspacl, nspowner::regrole FROM pg_namespace WHERE nspname IN ('public', 'Foo Bar')`,
		"defaults":    `SELECT defaclrole::regrole, defaclobjtype, defaclacl FROM pg_default_acl`,
		"statistics":  `SELECT stxname, stxrelid::regclass FROM pg_statistic_ext`,
		"rules":       `SELECT * FROM pg_rules WHERE schemaname <> 'pg_catalog'`,
		"functions":   `SELECT proname, prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace`,
		"types":       `SELECT typname, typtype FROM pg_type WHERE typnamespace = 'public'::regnamespace`,
	} {
		wants := s.source.QueryStrings(t, `SELECT q::text FROM (`+strings.ReplaceAll(query, "'lethe'::regnamespace", "coalesce(to_regnamespace('lethe'), 0::oid)")+`) q ORDER BY 1`)
		gots := s.target.QueryStrings(t, `SELECT q::text FROM (`+query+`) q ORDER BY 1`)
		if len(wants) == 0 {
			t.Errorf("%s: nothing to compare", what)
		}
		assertList(t, what, gots, wants...)
	}
}

func TestPagilaArrivesWhole(t *testing.T) {
	s := newScene(t)
	pgtest.Load(t, s.source, "pagila", s.owner)
	s.source.Exec(t, `REFRESH MATERIALIZED VIEW rental_by_category`)
	s.refresh(t, "r1", course{order: func(o *work.Order) {
		// As with a masked partition key: every partition is loaded through the root.
		roots := rootsOf(o.Catalog)
		for i := range o.Tables {
			o.Tables[i].Into = roots[o.Tables[i].Table.Name]
		}
	}})
	want, got := pgtest.AllRows(t, s.source.DSN()), pgtest.AllRows(t, s.target.DSN())
	if len(want) < 20 {
		t.Fatalf("only %d tables", len(want))
	}
	for table := range want {
		assertEqual(t, "rows of "+table, got[table], want[table])
	}
}

func TestATableThatInheritedLaterArrivesWithItsRowsInTheRightColumns(t *testing.T) {
	s := newScene(t, `CREATE TABLE base (id int, email text)`, `CREATE TABLE child (extra text, email text, id int)`,
		`ALTER TABLE child INHERIT base`, `INSERT INTO child VALUES ('more', 'mail', 7)`)
	s.refresh(t, "r1", course{})
	assertList(t, "rows", s.target.QueryStrings(t, `SELECT concat_ws(',', id, email, extra) FROM child`), "7,mail,more")
}

func TestOwnersWithRightsInSchemasOfOthersAreKept(t *testing.T) {
	s := newScene(t)
	tenant := pgtest.Role(t, s.target, "")
	s.target.Exec(t, "GRANT "+tenant.Name+" TO "+s.lethe.Name)
	pgtest.Exec(t, asRole(s.source.DSN(), s.owner), `CREATE SCHEMA app`, `GRANT CREATE, USAGE ON SCHEMA app, public TO `+tenant.Name)
	pgtest.Exec(t, asRole(s.source.DSN(), tenant), `CREATE TABLE app.theirs (id serial PRIMARY KEY)`, `CREATE TABLE public.theirs (id int)`)
	s.refresh(t, "r1", course{})
	assertEqual(t, "owned", s.target.QueryInt(t, `SELECT count(*) FROM pg_class WHERE relname = 'theirs' AND relowner = $1::text::regrole`, tenant.Name), 2)
	// What was announced is forgotten once it carries its certificate.
	assertEqual(t, "intents", pgtest.QueryInt(t, s.target.Database(s.target.Name()+"__previous_adopted"), `SELECT count(*) FROM lethe.intent`), 0)
}

func TestOtherMajorsSpellingIsNoDifference(t *testing.T) {
	old := catalog.Table{
		Name: public("a"), PartitionBound: "FOR VALUES IN ('x')",
		Columns:     []catalog.Column{{Name: "c", Default: "'x'::text", Type: catalog.Type{DomainChecks: []string{"VALUE > 0"}}}},
		Indexes:     []catalog.Index{{Name: "i", Definition: "x", Predicate: "(c > 0)", Columns: []catalog.IndexPart{{Expression: "lower(c)"}}}},
		ForeignKeys: []catalog.ForeignKey{{Name: "f", Definition: "x"}}, Checks: []catalog.Check{{Name: "k", Definition: "x"}},
	}
	same := catalog.Table{
		Name: public("a"), PartitionBound: "FOR VALUES IN (x)",
		Columns:     []catalog.Column{{Name: "c", Default: "'x'", Type: catalog.Type{DomainChecks: []string{"(VALUE > 0)"}}}},
		Indexes:     []catalog.Index{{Name: "i", Definition: "y", Predicate: "c > 0", Columns: []catalog.IndexPart{{Expression: "lower((c))"}}}},
		ForeignKeys: []catalog.ForeignKey{{Name: "f", Definition: "y"}}, Checks: []catalog.Check{{Name: "k", Definition: "y"}},
	}
	name := func(t catalog.Table) string { return t.Name.String() }
	compare := func(a, b catalog.Table) string {
		want, got := []catalog.Table{a}, []catalog.Table{b}
		respell(want, got)
		return codes(differences("table", want, got, name))
	}
	assertEqual(t, "spelling", compare(old, same), "")
	assertEqual(t, "the originals are kept", old.Columns[0].Default, "'x'::text")
	for what, spoil := range map[string]func(*catalog.Table){
		"a default":     func(t *catalog.Table) { t.Columns[0].Default = "" },
		"a predicate":   func(t *catalog.Table) { t.Indexes[0].Predicate = "" },
		"a check":       func(t *catalog.Table) { t.Checks = nil },
		"a foreign key": func(t *catalog.Table) { t.ForeignKeys = nil },
		"an owner":      func(t *catalog.Table) { t.Owner = "x" },
	} {
		lost := unspelled(same)
		spoil(&lost)
		assertEqual(t, what, compare(old, lost), "changed")
	}
	schemas := ownedByTheServer([]catalog.Schema{{Name: "public", Owner: "postgres"}, {Name: "x", Owner: "a"}}, []catalog.Schema{{Name: "public", Owner: "pg_database_owner"}})
	assertEqual(t, "public", schemas[0].Owner, "pg_database_owner")
	assertEqual(t, "others", schemas[1].Owner, "a")
	_, found := otherVersions([]catalog.Extension{{Name: "citext", Version: "1.5"}, {Name: "x", Version: "1"}}, []catalog.Extension{{Name: "citext", Version: "1.6"}})
	if len(found) != 1 || found.HasErrors() || found[0].Object != "citext" {
		t.Errorf("other versions: %v", found)
	}
}

func TestAKeyThatDoesNotHoldIsNamedAndNothingIsPublished(t *testing.T) {
	for name, c := range map[string]struct {
		table string
		rows  string
		named string
	}{
		"primary key": {"b", "1\t1\tx\n1\t1\ty\n", "b_pkey"},
		"unique":      {"b", "1\t1\tx\n2\t1\tx\n", "b_note_key"},
		"foreign key": {"b", "1\t7\tx\n", "b_a_fkey"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, `CREATE TABLE a (id int PRIMARY KEY)`, `INSERT INTO a VALUES (1)`,
				`CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a, note text UNIQUE)`, `INSERT INTO b VALUES (1, 1, 'secret')`)
			target := openTarget(t, s.options(t, "r1"))
			_, err := s.run(t, target, course{rows: map[catalog.Name]string{public(c.table): strings.ReplaceAll(c.rows, "x", "secret")}})
			entry, _ := errors.AsType[*EntryError](err)
			dangling, _ := errors.AsType[*DanglingError](err)
			named := entry != nil && strings.Contains(entry.Object, c.named) || dangling != nil && dangling.Constraint == c.named
			if !named || (dangling != nil) != (c.named == "b_a_fkey") {
				t.Fatalf("got %v, want an error that names %s", err, c.named)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("a value is in the error: %v", err)
			}
			if err := target.Commit(t.Context()); err == nil {
				t.Error("published")
			}
			if err := target.Abort(t.Context()); err != nil {
				t.Fatal(err)
			}
			assertList(t, "databases", s.databases(t), "")
			assertEqual(t, "the old one is as it was", s.target.QueryInt(t, `SELECT count(*) FROM pg_class WHERE relname = 'b'`), 0)
		})
	}
}

func TestVerifyFindsWhatIsLost(t *testing.T) {
	s := newScene(t, shop()...)
	target := openTarget(t, s.options(t, "r1"))
	want, err := s.run(t, target, course{rows: map[catalog.Name]string{public("customer"): "1\tc1@example.com\tx\n"}, order: func(o *work.Order) {
		// The orders' customers are lost with all but one of them.
		for i := range o.Tables {
			o.Tables[i].Empty = o.Tables[i].Empty || o.Tables[i].Table.Name == public("Order")
		}
	}})
	if err != nil {
		t.Fatal(explain(err))
	}
	known := map[string]bool{}
	for _, c := range []struct{ what, spoil, finding string }{
		{"rows", ``, "count public.customer"},
		{"a row too many", `INSERT INTO public.nothing DEFAULT VALUES`, "count public.nothing"},
		{"a check", `ALTER TABLE public."Order" DROP CONSTRAINT "Order_total_check"`, "changed public.Order"},
		{"an index", `DROP INDEX public.big_customer_idx`, "changed public.big"},
		{"a default", `ALTER TABLE public.customer ALTER note DROP DEFAULT`, "changed public.customer"},
		{"a view's data", `REFRESH MATERIALIZED VIEW public.a_bigger WITH NO DATA`, "changed public.a_bigger"},
		{"a table more", `CREATE TABLE public.more ()`, "extra public.more"},
		{"a sequence", `DROP SEQUENCE public.free`, "lost public.free"},
		{"a sequence's place", `INSERT INTO public."Order" ("order id", customer) VALUES (5000, 1)`, "sequence public.Order_order id_seq"},
		{"a table", `DROP TABLE public.nothing`, "lost public.nothing"},
		{"a schema more", `CREATE SCHEMA other`, "extra other"},
	} {
		if c.spoil != "" {
			pgtest.Exec(t, s.target.Database(target.build.database), c.spoil)
		}
		found, err := target.Verify(t.Context(), want)
		if err != nil {
			t.Fatalf("%s: %v", c.what, err)
		}
		now := map[string]bool{}
		for _, f := range found {
			now[f.Code+" "+f.Object] = true
		}
		if known[c.finding] || !now[c.finding] {
			t.Errorf("%s: found before %v, then %v", c.what, known, now)
		}
		known = now
		if err := target.Commit(t.Context()); err == nil {
			t.Fatal("published")
		}
	}
	if err := target.Abort(t.Context()); err != nil {
		t.Fatal(err)
	}
	assertList(t, "databases", s.databases(t), "")
}

func TestATableThatWasNotCountedIsAFinding(t *testing.T) {
	s := newScene(t, `CREATE TABLE a (id int)`)
	target := openTarget(t, s.options(t, "r1"))
	if _, err := s.run(t, target, course{}); err != nil {
		t.Fatal(err)
	}
	found, err := target.Verify(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	assertEqual(t, "codes", codes(found), "count")
}

func TestSequencesGoOnPastMaskedKeys(t *testing.T) {
	s := newScene(t, `CREATE TABLE up (id int GENERATED BY DEFAULT AS IDENTITY)`, `INSERT INTO up DEFAULT VALUES`,
		`CREATE SEQUENCE falling INCREMENT -1`, `CREATE TABLE down (id int DEFAULT nextval('falling'))`, `ALTER SEQUENCE falling OWNED BY down.id`,
		`INSERT INTO down DEFAULT VALUES`, `CREATE TABLE never (id serial)`)
	target := s.refresh(t, "r1", course{rows: map[catalog.Name]string{public("up"): "1000\n", public("down"): "-1000\n"}})
	for query, want := range map[string]int64{
		`SELECT nextval('up_id_seq')`: 1001, `SELECT nextval('falling')`: -1001, `SELECT nextval('never_id_seq')`: 1,
	} {
		assertEqual(t, query, s.target.QueryInt(t, query), want)
	}
	assertEqual(t, "published", target.Result().Run, "r1")
}

func TestAnEmptyDatabaseIsPublishedToo(t *testing.T) {
	s := newScene(t)
	s.refresh(t, "r1", course{})
	assertList(t, "databases", s.databases(t), "", "__previous_adopted")
}

func TestWhatReachesOutOfTheCopyIsLeftOutAndTold(t *testing.T) {
	s := newScene(t, `CREATE TABLE a (id int PRIMARY KEY)`, `CREATE TABLE dropped (id int PRIMARY KEY, a int REFERENCES a)`,
		`CREATE VIEW gone AS SELECT * FROM dropped`, `CREATE INDEX ON dropped (a)`, `CREATE TABLE kept (id serial)`)
	s.source.Exec(t, `CREATE PUBLICATION outward FOR TABLE a`, `CREATE EXTENSION postgres_fdw`,
		`CREATE FUNCTION watch() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'`, `ALTER FUNCTION watch() OWNER TO `+s.owner.Name,
		`CREATE EVENT TRIGGER watching ON ddl_command_end EXECUTE FUNCTION watch()`,
		`CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'production')`,
		`CREATE USER MAPPING FOR PUBLIC SERVER elsewhere OPTIONS (user 'app', password 'canary-password')`)
	opts := s.options(t, "r1")
	opts.DSN = s.target.DSN() // foreign servers are a superuser's
	target := openTarget(t, opts)
	want, err := s.run(t, target, course{order: func(o *work.Order) {
		o.Tables = append(o.Tables[:0:0], o.Tables...)
		for i, table := range o.Tables {
			if table.Table.Name == public("dropped") {
				o.Tables = append(o.Tables[:i], o.Tables[i+1:]...)
				break
			}
		}
	}})
	if err != nil {
		t.Fatal(explain(err))
	}
	found, err := target.Verify(t.Context(), want)
	if err != nil {
		t.Fatal(err)
	}
	told := ""
	for _, f := range found {
		assertEqual(t, "severity of "+f.Object, f.Severity, finding.Warning)
		told += f.Object + "\n"
	}
	for _, object := range []string{"publication", "user mapping", "event trigger", "view public gone"} {
		if !strings.Contains(told, object) {
			t.Errorf("nobody is told of the %s: %s", object, told)
		}
	}
	in := s.target.Database(target.build.database)
	for _, query := range []string{
		`SELECT count(*) FROM pg_publication`, `SELECT count(*) FROM pg_user_mapping`, `SELECT count(*) FROM pg_event_trigger`,
		`SELECT count(*) FROM pg_class WHERE relname IN ('dropped', 'gone')`,
	} {
		assertEqual(t, query, pgtest.QueryInt(t, in, query), 0)
	}
}

func TestAViewThatReadsAnotherServerIsRefusedByName(t *testing.T) {
	s := newScene(t)
	s.source.Exec(t, `CREATE EXTENSION postgres_fdw`, `CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw`,
		`CREATE FOREIGN TABLE far (id int) SERVER elsewhere`, `CREATE VIEW between AS SELECT * FROM far`,
		`CREATE MATERIALIZED VIEW near AS SELECT * FROM between WITH NO DATA`,
		`CREATE EXTENSION dblink`, `CREATE FUNCTION fetched() RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN public.dblink_open(''a'', ''b''); END'`,
		`CREATE MATERIALIZED VIEW hidden AS SELECT fetched() WITH NO DATA`)
	opts := s.options(t, "r1")
	opts.DSN = s.target.DSN() // foreign servers are a superuser's
	target := openTarget(t, opts)
	servers, err := readServers(t.Context(), open(t, s.source.DSN(), session{name: "wires"}))
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.run(t, target, course{order: func(o *work.Order) {
		o.Wiring = servers
		for i := range o.Catalog.Tables {
			o.Catalog.Tables[i].Populated = true
		}
	}})
	assertEqual(t, "refusal", code(err), "view-reaches-out")
	if no, ok := errors.AsType[*RefusedError](err); ok {
		var named []string
		for _, f := range no.Findings {
			named = append(named, f.Object)
		}
		assertList(t, "views", named, "public.hidden", "public.near")
	}
}

func TestAnOwnerThatWeMayNotActForIsRefusedByName(t *testing.T) {
	s := newScene(t, `CREATE TABLE a (id int)`)
	stranger := pgtest.Role(t, s.target, "")
	s.source.Exec(t, `ALTER TABLE a OWNER TO `+stranger.Name)
	_, err := s.run(t, openTarget(t, s.options(t, "r1")), course{})
	assertEqual(t, "refusal", code(err), "owner-not-ours")
	if err != nil && !strings.Contains(err.Error(), stranger.Name) {
		t.Errorf("the role is not named: %v", err)
	}
	assertList(t, "databases", s.databases(t), "")
}

func TestALocaleThatTheServerLacksIsRefused(t *testing.T) {
	s := newScene(t)
	_, err := s.run(t, openTarget(t, s.options(t, "r1")), course{order: func(o *work.Order) { o.Catalog.Server.Collate = "xx_XX" }})
	assertEqual(t, "refusal", code(err), "locale")
	assertList(t, "databases", s.databases(t), "")
}

func TestTheSourcesLocaleIsTaken(t *testing.T) {
	s := newScene(t)
	s.refresh(t, "r1", course{order: func(o *work.Order) {
		o.Catalog.Server.Collate, o.Catalog.Server.Ctype = "C", "C"
	}})
	assertEqual(t, "collation", s.target.QueryInt(t, `SELECT count(*) FROM pg_database WHERE datname = current_database() AND datcollate = 'C'`), 1)
}

func TestDerivedNamesFitAndStayApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(rapid.RuneFrom([]rune("aß_漢")), 1, 40, 63)
		base, run, other := text.Draw(t, "base"), text.Draw(t, "run"), text.Draw(t, "other")
		for _, derive := range []func(string, string) string{buildName, previousName} {
			name := derive(base, run)
			if len(name) > maxName || !utf8.ValidString(name) {
				t.Fatalf("%q is %d bytes", name, len(name))
			}
			if len(base+run) < 40 && !strings.HasPrefix(name, base+"__") {
				t.Fatalf("%q does not begin with %q", name, base)
			}
			if run != other && derive(base, other) == name {
				t.Fatalf("%q and %q are one name", run, other)
			}
			if run != other && derive(run, base) == derive(other, base) {
				t.Fatalf("bases %q and %q are one name", run, other)
			}
		}
	})
}

func TestListSettingsAreSpelledAsLists(t *testing.T) {
	for _, c := range []struct{ name, stored, want string }{
		{"work_mem", "7MB", "'7MB'"},
		{"search_path", `"$user", public`, `'$user', 'public'`},
		{"search_path", `"Odd, one", "a""b"`, `'Odd, one', 'a"b'`},
		{"search_path", ``, `''`},
		{"search_path", `""`, `''`},
		{"application_name", `a, 'b'`, `'a, ''b'''`},
	} {
		assertEqual(t, c.name+" = "+c.stored, settingValue(c.name, c.stored), c.want)
	}
}
