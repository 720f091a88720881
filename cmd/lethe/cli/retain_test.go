package cli

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lethedb/lethe/internal/pgtest"
)

// A team of production's, with a circle of references, and a table that is the environment's own.
const teams = `CREATE TABLE orgs (id integer PRIMARY KEY, name text);
	CREATE TABLE users (id serial PRIMARY KEY, org integer NOT NULL REFERENCES orgs, email text NOT NULL UNIQUE, boss integer REFERENCES users, pinned integer);
	CREATE TABLE notes (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, author integer NOT NULL REFERENCES users DEFERRABLE INITIALLY DEFERRED,
		body text, size integer GENERATED ALWAYS AS (length(body)) STORED);
	ALTER TABLE users ADD FOREIGN KEY (pinned) REFERENCES notes;
	CREATE TABLE flags (name text PRIMARY KEY, value boolean);
	CREATE UNIQUE INDEX one_long_note ON notes (lower(body)) WHERE length(body) > 20;
	CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.body := 'stamped'; RETURN NEW; END $$;
	CREATE TRIGGER stamp BEFORE INSERT ON notes FOR EACH ROW EXECUTE FUNCTION stamp();
	ALTER TABLE notes ENABLE ALWAYS TRIGGER stamp;
	CREATE TABLE themes (name text PRIMARY KEY);
	CREATE TABLE log (what text);
	CREATE FUNCTION log() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.log VALUES (TG_OP); RETURN NULL; END $$;
	CREATE TRIGGER log AFTER INSERT OR DELETE ON themes FOR EACH ROW EXECUTE FUNCTION log();
	ALTER TABLE themes DISABLE TRIGGER log; INSERT INTO themes VALUES ('production'); ALTER TABLE themes ENABLE TRIGGER log;
	CREATE TABLE old_themes () INHERITS (themes); INSERT INTO old_themes VALUES ('heir');
	INSERT INTO orgs SELECT i, 'org' FROM generate_series(1, 3) i;
	INSERT INTO users (org, email) SELECT 1 + i % 3, 'canary' || i || '@leak.test' FROM generate_series(1, 50) i;
	INSERT INTO notes (author, body) SELECT id, 'n' FROM users;
	INSERT INTO flags VALUES ('production', true);
	CREATE MATERIALIZED VIEW counted AS SELECT count(*) AS users FROM users`

const teamRules = `version: 1
tables:
  public.orgs: {columns: {id: {keep: "k"}, name: {keep: "k"}}}
  public.users: {columns: {id: {keep: "k"}, org: {keep: "k"}, email: email, boss: {keep: "k"}, pinned: {keep: "k"}}}
  public.notes: {columns: {id: {keep: "k"}, author: {keep: "k"}, body: {keep: "k"}}}
  public.flags: {rows: none}
  public.themes: {columns: {name: {keep: "k"}}}
  public.old_themes: {columns: {name: {keep: "k"}}}
  public.log: {columns: {what: {keep: "k"}}}
`

// ownRows are what the environment's people made themselves.
const ownRows = `CREATE TABLE drafts (author integer REFERENCES users); -- production has none, and nothing is in it
	INSERT INTO flags VALUES ('beta', true), ('dark', false);
	SET CONSTRAINTS ALL IMMEDIATE;
	INSERT INTO users (id, org, email) VALUES (1001, 1, 'one@qa.example'), (1002, 2, 'two@qa.example');
	UPDATE users SET boss = 1001 WHERE id IN (1001, 1002);
	ALTER TABLE notes DISABLE TRIGGER stamp;
	INSERT INTO notes (id, author, body) OVERRIDING SYSTEM VALUE VALUES (2001, 1001, 'mine'), (2002, 1002, E'tab\t\\N "x"'), (2003, 1002, NULL);
	ALTER TABLE notes ENABLE ALWAYS TRIGGER stamp;
	UPDATE users SET pinned = 2002 WHERE id = 1001;
	INSERT INTO users (id, org, email, boss) VALUES (1003, 3, 'dependant@elsewhere.example', 1002)`

const readOwn = `SELECT 'u' || u::text FROM users u WHERE id > 1000 UNION ALL SELECT 'n' || n::text FROM notes n WHERE id > 2000
	UNION ALL SELECT 'f' || f::text FROM flags f ORDER BY 1`

// retaining is a stage whose staging holds rows of its own, published once.
func retaining(t *testing.T, retain string) *stage {
	t.Helper()
	s := newStage(t, teamRules, fill(teams)).adopted()
	s.write("lethe.yaml", strings.Replace(s.read("lethe.yaml"), "    publish:", "    retain: "+retain+"\n    publish:", 1))
	r := s.lethe("refresh", "staging")
	if r.status != 0 || !strings.Contains(r.err, "nothing certifies its rows") {
		t.Fatalf("the first refresh: %d\n%s", r.status, r.err)
	}
	pgtest.Exec(t, withUser(t, s.staging.DSN(), s.builder), "SET ROLE "+s.owner.Name+"; "+ownRows)
	return s
}

// TestTheEnvironmentsOwnRowsArriveWhole holds that retained rows and all that refer to them arrive as they
// were, refresh after refresh, that every reference holds, that no trigger touches them, that sequences
// go on past them, and that views count them.
func TestTheEnvironmentsOwnRowsArriveWhole(t *testing.T) {
	t.Parallel()
	s := retaining(t, `[public.flags, {table: public.themes, replace: true}, {table: public.users, where: "email like '%@qa.example' -- theirs"}]`)
	want := s.staging.QueryStrings(t, readOwn)
	if len(want) != 8 {
		t.Fatalf("the stage holds %v", want)
	}
	for range 2 {
		doc := document[refreshDocument](s, "refresh", "staging")
		if got := s.staging.QueryStrings(t, readOwn); !equal(got, want) {
			t.Fatalf("got  %v\nwant %v", got, want)
		}
		got := map[string]int64{}
		for _, r := range doc.Retained {
			got[r.Table.Name] = r.Rows
		}
		if fmt.Sprint(got) != "map[flags:2 notes:3 themes:1 users:3]" || doc.Publication.Unretained <= 0 {
			t.Errorf("the report says %v, unretained %s", got, doc.Publication.Unretained)
		}
	}
	status := document[environmentDocument](s, "env", "show", "staging").Status
	if c := status.Certificate; len(c.Retained) != 4 || c.RetainedAt.IsZero() {
		t.Errorf("the certificate says %v", c.Retained)
	}
	checks := []string{
		`SELECT count(*) = 53 FROM users`, `SELECT users = 53 FROM counted`, `SELECT count(*) = 53 FROM notes`,
		`SELECT nextval('users_id_seq') > 1003`, `SELECT nextval('notes_id_seq') > 2003`,
		`SELECT count(*) = 1 FROM old_themes`, `SELECT count(*) = 0 FROM log`, `SELECT tgenabled = 'O' FROM pg_trigger WHERE tgname = 'log'`,
		`SELECT tgenabled = 'A' FROM pg_trigger WHERE tgname = 'stamp'`, `SELECT count(*) = 0 FROM users WHERE email LIKE '%leak.test'`,
		`SELECT bool_and(convalidated) FROM pg_constraint WHERE contype = 'f'`,
	}
	for _, check := range checks {
		if s.staging.QueryStrings(t, "SELECT ("+check+")::text")[0] != "true" {
			t.Errorf("does not hold: %s", check)
		}
	}
	// A rollback is no loss: those rows have served before.
	if swapped := document[swapDocument](s, "rollback", "staging"); swapped.Publication.Unretained != 0 {
		t.Errorf("a rollback lost %s", swapped.Publication.Unretained)
	}
}

// TestOwnRowsThatDoNotFitAreRefusedByName holds for keys, parents, columns, types and conditions: the
// constraint and a count are told, never a value, and the old database serves on with all its rows.
func TestOwnRowsThatDoNotFitAreRefusedByName(t *testing.T) {
	t.Parallel()
	entry := `{table: public.users, where: "email like '%@qa.example'"}`
	s := retaining(t, "["+entry+"]")
	owner := func(sql string) {
		pgtest.Exec(t, withUser(t, s.staging.DSN(), s.builder), "SET ROLE "+s.owner.Name+"; "+sql)
	}
	production := func(sql string) { pgtest.Exec(t, s.production.As(s.owner.Name, s.owner.Password), sql) }
	was := contents(t, s.staging.DSN())
	run := document[environmentDocument](s, "env", "show", "staging").Status.Certificate.Run
	refuse := func(status int, words ...string) {
		t.Helper()
		r := s.refused(status, []string{"refresh", "staging"}, words...)
		if strings.Contains(r.err, "qa.example") && !strings.Contains(r.err, "lethe.yaml") || strings.Contains(r.err, "'mine'") {
			t.Errorf("a value was told: %s", r.err)
		}
		if now := document[environmentDocument](s, "env", "show", "staging").Status.Certificate.Run; now != run {
			t.Errorf("run %s serves", now)
		}
	}
	// Keys that production took meanwhile.
	production(`INSERT INTO users (id, org, email) VALUES (1002, 1, 'x@leak.test')`)
	refuse(statusVerification, "users_pkey", "1 retained rows")
	production(`DELETE FROM users WHERE id = 1002; DELETE FROM orgs WHERE id = 7; INSERT INTO orgs VALUES (7, 'x')`)
	// Parents that are gone: refused, or left out with all that refer to them.
	owner(`INSERT INTO orgs VALUES (9, 'mine'); UPDATE users SET org = 9 WHERE id = 1002`)
	refuse(statusVerification, "users_org_fkey", "1 retained rows of public.users", "public.orgs")
	good := s.read("lethe.yaml")
	s.write("lethe.yaml", strings.Replace(good, `'"}]`, `'", on_missing: drop row}]`, 1))
	s.ok("refresh", "staging", "--no-publish")
	build := document[environmentDocument](s, "env", "show", "staging").Status.Builds[0]
	got := pgtest.QueryStrings(t, s.staging.Database(build.Database), readOwn)
	// Its pinned note is of the one who is left out, and so nothing of either stays.
	if len(got) != 0 && len(got) != 2 {
		t.Errorf("left %v", got)
	}
	var dropped int64
	for _, r := range build.Certificate.Retained {
		dropped += r.Dropped
	}
	if dropped+int64(len(got)) != 6 {
		t.Errorf("of 6 rows %d were left out and %d are there", dropped, len(got))
	}
	owner(`UPDATE users SET org = 2 WHERE id = 1002; DELETE FROM orgs WHERE id = 9`)
	s.write("lethe.yaml", good)
	// What the catalogs tell, before anything is touched.
	for _, c := range []struct{ retain, word string }{
		{`[public.users]`, "retain-rows"},
		{`[{table: public.users, replace: true}]`, "retain-replace"},
		{`[public.nowhere]`, "retain-table"},
		{`[{table: public.users, where: "mail = 'x'"}]`, "bad-condition"},
		{`[{table: public.users, where: "true); DROP TABLE users; --"}]`, "bad-condition"},
	} {
		s.write("lethe.yaml", strings.Replace(good, "["+entry+"]", c.retain, 1))
		s.refused(statusRefused, []string{"check", "staging"}, c.word, "lethe.yaml:9:")
	}
	s.write("lethe.yaml", good)
	owner(`ALTER TABLE users ADD COLUMN theme text; CREATE TABLE likes (u integer REFERENCES users); INSERT INTO likes VALUES (1003)`)
	s.refused(statusRefused, []string{"check", "staging"}, "column theme of the serving table does not arrive")
	s.write("lethe.yaml", strings.Replace(good, `'"}]`, `'", lose: [theme]}]`, 1))
	s.refused(statusRefused, []string{"check", "staging"}, "public.likes", "1 rows refer to retained rows")
	owner(`DROP TABLE likes; ALTER TABLE users DROP COLUMN theme`)
	if now := contents(t, s.staging.DSN()); fmt.Sprint(now) != fmt.Sprint(was) {
		t.Error("the serving database is not as it was")
	}
}
