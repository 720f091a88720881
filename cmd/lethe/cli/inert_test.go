package cli

import (
	"slices"
	"strings"
	"testing"

	"github.com/lethedb/lethe/internal/finding"
	"github.com/lethedb/lethe/internal/pgtest"
)

// inertRules keep what the wired production holds; no row is read of what is elsewhere.
func inertRules(s *stage) string {
	return keepAll(s, nil) + `  public.far: {rows: none}
  public.kid: {rows: none}
  public.ran: {rows: none}
  public.filed: {rows: none}
  public.voided: {rows: none}
`
}

// wiredProduction reaches out in every way that PostgreSQL's own packages know, with a canary wherever a
// password may stand.
func wiredProduction(s *stage) {
	owner := s.owner.Name
	s.production.Exec(s.t, `CREATE EXTENSION postgres_fdw`, `CREATE EXTENSION dblink`, `CREATE EXTENSION file_fdw`,
		`GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw, dblink_fdw TO `+owner, `GRANT ALL ON SCHEMA public TO `+owner)
	pgtest.Exec(s.t, s.production.As(owner, s.owner.Password),
		`CREATE TABLE item (id int PRIMARY KEY, name text)`, `INSERT INTO item SELECT i, 'item ' || i FROM generate_series(1, 20) i`,
		`CREATE SERVER warehouse TYPE 'pg' FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'canary-host.example', dbname 'canary_db')`,
		`COMMENT ON SERVER warehouse IS 'where the stock is'`, `GRANT USAGE ON FOREIGN SERVER warehouse TO `+s.reader.Name,
		`CREATE USER MAPPING FOR `+owner+` SERVER warehouse OPTIONS (user 'canary_user', password 'canary-mapping')`,
		`CREATE USER MAPPING FOR public SERVER warehouse OPTIONS (user 'canary_user', password 'canary-public')`,
		`CREATE FOREIGN TABLE far (id int, name text) SERVER warehouse OPTIONS (table_name 'canary_table')`,
		`CREATE FOREIGN TABLE kid (extra text OPTIONS (column_name 'canary_it''s') COLLATE "C" DEFAULT 'OPTIONS (' NOT NULL CHECK (extra <> '')) INHERITS (item) SERVER warehouse`,
		`CREATE VIEW near AS SELECT id FROM far`,
		`CREATE FUNCTION obtain(int, OUT name text, OUT n int) RETURNS SETOF record STABLE LANGUAGE sql AS $$ SELECT * FROM public.dblink('password=canary-body', 'SELECT 1') AS t (name text, n int) $$`,
		`COMMENT ON FUNCTION obtain(int) IS 'looks afar'`,
		`CREATE FUNCTION caller(item) RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT count(*) FROM public.obtain(1)); END $$`,
		`CREATE FUNCTION quiet(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT $1 || '' obtain dblink'''`,
		`CREATE VIEW calls AS SELECT public.caller(item) FROM ONLY item`,
		`CREATE PROCEDURE push(INOUT n int DEFAULT 7) LANGUAGE plpgsql AS $$ BEGIN PERFORM dblink_exec('canary-body', 'x'); END $$`,
		`CREATE FUNCTION hook() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM dblink_send_query('c', 'canary-body'); RETURN NEW; END $$`,
		`CREATE TRIGGER tell AFTER INSERT OR UPDATE OF name ON item FOR EACH ROW WHEN (NEW.id > 0) EXECUTE FUNCTION hook('https://canary-argument', 'it''s')`,
		`COMMENT ON TRIGGER tell ON item IS 'tells'`,
		`CREATE FUNCTION plain() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$`,
		`CREATE TRIGGER stays BEFORE UPDATE ON item FOR EACH ROW EXECUTE FUNCTION plain()`)
	s.production.Exec(s.t, `CREATE PUBLICATION prices FOR TABLE ONLY item`, `COMMENT ON PUBLICATION prices IS 'p'`,
		`CREATE SUBSCRIPTION feed CONNECTION 'host=canary-host password=canary-subscription' PUBLICATION x WITH (connect = false)`,
		`CREATE FUNCTION watch() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$`,
		`CREATE EVENT TRIGGER watching ON ddl_command_start WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION watch()`,
		`COMMENT ON EVENT TRIGGER watching IS 'e'`)
	if version := partman(s); version != "" {
		kind := "range"
		if version < "5" {
			kind = "native"
		}
		s.production.Exec(s.t, `CREATE SCHEMA partman`, `CREATE EXTENSION pg_partman SCHEMA partman`,
			`CREATE TABLE log (at timestamptz NOT NULL) PARTITION BY RANGE (at)`, `CREATE TABLE trail (at timestamptz NOT NULL) PARTITION BY RANGE (at)`,
			`SELECT partman.create_parent(t, 'at', p_interval => '1 month', p_premake => 1, p_type => '`+kind+`') FROM unnest('{public.log,public.trail}'::text[]) t`)
	}
	s.production.Exec(s.t, `CREATE SERVER files FOREIGN DATA WRAPPER file_fdw`,
		`CREATE FOREIGN TABLE ran (line text) SERVER files OPTIONS (program 'echo x >> `+canaryFile(s)+`; echo ran')`, `ALTER FOREIGN TABLE ran OWNER TO `+owner,
		`CREATE FOREIGN TABLE filed (line text) SERVER files OPTIONS (filename 'canary', format 'csv', null 'canary')`,
		`CREATE FOREIGN DATA WRAPPER bespoke OPTIONS (tap 'canary-wrapper')`, `CREATE SERVER void FOREIGN DATA WRAPPER bespoke OPTIONS (host 'canary')`,
		`CREATE FOREIGN TABLE voided (a int OPTIONS (key 'canary'), b int OPTIONS (key 'canary')) SERVER void OPTIONS (address 'canary', password E'canary\\')`,
		`SELECT * FROM ran`) // once: it does what it says
	s.t.Cleanup(func() {
		s.production.Exec(s.t, `COPY (SELECT) TO PROGRAM 'cat >/dev/null; rm `+canaryFile(s)+`'`)
		s.production.Exec(s.t, `ALTER SUBSCRIPTION feed SET (slot_name = NONE)`, `DROP SUBSCRIPTION feed`)
	})
	s.staging.Exec(s.t, "GRANT "+owner+" TO "+s.builder.Name)
}

// partman returns the version of pg_partman that the server has, "" for none.
func partman(s *stage) string {
	return strings.Join(s.production.QueryStrings(s.t, `SELECT default_version FROM pg_available_extensions WHERE name = 'pg_partman'`), "")
}

// canaryFile is where the program behind a foreign table writes a line each time, in the server's directory.
func canaryFile(s *stage) string { return "lethe_canary_" + s.production.Name() }

func TestNothingOfTheCopyIsWiredToProduction(t *testing.T) {
	t.Parallel()
	s := newStage(t, "version: 1\n", wiredProduction).adopted()
	s.write("rules.yaml", inertRules(s))
	s.staging.Exec(t, "ALTER ROLE "+s.builder.Name+" SUPERUSER") // nobody else can install postgres_fdw
	wires := []string{
		"event_trigger:watching", "foreign_data_wrapper:bespoke", "function:public.caller(public.item)", "function:public.hook()", "function:public.obtain(integer)", "function:public.push(integer)",
		"publication:prices", "server:files", "server:void", "server:warehouse", "subscription:feed", "trigger:public.item.tell", "user_mapping:" + s.owner.Name + "@warehouse", "user_mapping:public@warehouse",
	}
	jobs := partman(s) != ""
	if jobs {
		wires = append(wires, "job:pg_partman:public.log", "job:pg_partman:public.trail")
		slices.Sort(wires)
	} else {
		pgtest.LeaveOut(t, "the server has no pg_partman")
	}
	inert := func(found []string) {
		t.Helper()
		slices.Sort(found)
		if !slices.Equal(found, wires) {
			t.Errorf("inert are:\n%s\nwant:\n%s", strings.Join(found, "\n"), strings.Join(wires, "\n"))
		}
	}
	check, plan := document[checkDocument](s, "check", "staging"), document[planDocument](s, "plan", "staging")
	inert(objectsOf(check.Findings, "inert"))
	inert(objectsOf(plan.Findings, "inert"))
	doc := document[refreshDocument](s, "refresh", "staging")
	inert(objectsOf(doc.Findings, "inert"))

	for _, hit := range pgtest.SearchEverywhere(t, s.staging.DSN(), []string{"canary"}) {
		t.Errorf("a canary is in %+v", hit)
	}
	if written := s.written(); strings.Contains(written, "canary") {
		t.Error("a canary is in what was written on disk")
	}
	for query, want := range map[string]string{
		`SELECT count(*) FROM ONLY item`:      "20",
		`SELECT count(*) FROM pg_publication`: "0", `SELECT count(*) FROM pg_subscription WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())`: "0",
		`SELECT count(*) FROM pg_user_mappings`: "0",
		`SELECT srvname, srvtype, srvoptions, srvowner::regrole::text = '` + s.owner.Name + `', obj_description(oid) FROM pg_foreign_server WHERE srvname = 'warehouse'`: "warehouse|pg|{host=inert.invalid}|t|where the stock is",
		`SELECT tgname, tgenabled, tgnargs, obj_description(oid) FROM pg_trigger WHERE tgname = 'tell'`:                                                                  "tell|D|0|tells",
		`SELECT tgenabled FROM pg_trigger WHERE tgname = 'stays'`:                                                                                                        "O",
		`SELECT evtenabled FROM pg_event_trigger`:                                                                                                                        "D",
		`SELECT quiet('a')`: "a obtain dblink",
		`SELECT proowner::regrole::text = '` + s.owner.Name + `', provolatile, obj_description(oid) FROM pg_proc WHERE proname = 'obtain'`: "t|s|looks afar",
		`SELECT count(*) FROM pg_class WHERE relname IN ('far', 'near', 'calls')`:                                                          "3",
		`SELECT ftrelid::regclass, ftoptions FROM pg_foreign_table WHERE ftoptions IS NOT NULL ORDER BY 1::text`:                           "filed|{filename=/inert.invalid/no-file},ran|{filename=/inert.invalid/no-file}",
		`SELECT count(*) FROM pg_attribute WHERE attfdwoptions IS NOT NULL`:                                                                "0",
		`SELECT fdwoptions FROM pg_foreign_data_wrapper WHERE fdwname = 'bespoke'`:                                                         "NULL",
		`SELECT relowner::regrole::text = '` + s.owner.Name + `' FROM pg_class WHERE relname IN ('ran', 'kid')`:                            "t,t",
	} {
		if got := strings.Join(s.staging.QueryStrings(t, query), ","); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	s.staging.Exec(t, `INSERT INTO item VALUES (21, 'tells nobody')`)
	for _, query := range []string{`SELECT * FROM obtain(1)`, `CALL push(1)`, `SELECT * FROM calls`, `SELECT * FROM far`, `SELECT * FROM ran`, `SELECT * FROM filed`, `SELECT * FROM voided`} {
		s.staging.Exec(t, `DO $do$ BEGIN EXECUTE '`+query+`'; RAISE 'it went through'; EXCEPTION
			WHEN feature_not_supported OR undefined_object OR undefined_file OR object_not_in_prerequisite_state THEN NULL; END $do$`)
	}
	if ran := s.production.QueryStrings(t, `SELECT pg_read_file('`+canaryFile(s)+`')`); !slices.Equal(ran, []string{"x\n"}) {
		t.Errorf("the program behind a foreign table ran for the copy: %q", ran)
	}
	maintained := func(want ...string) {
		t.Helper()
		if !jobs {
			return
		}
		if got := s.staging.QueryStrings(t, `SELECT parent_table, automatic_maintenance FROM partman.part_config ORDER BY 1`); !slices.Equal(got, want) {
			t.Errorf("pg_partman's maintenance is %q, want %q", got, want)
		}
	}
	maintained("public.log|off", "public.trail|off")
	livesByName(s, jobs)
	maintained("public.log|off", "public.trail|on")
}

// objectsOf lists the objects of the findings of a code.
func objectsOf(found finding.List, code string) []string {
	var objects []string
	for _, f := range found {
		if f.Code == code {
			objects = append(objects, f.Object)
		}
	}
	return objects
}

// livesByName holds, on the same stage, that what is revived by name lives and nothing else, where the owner of
// all of it has another name.
func livesByName(s *stage, jobs bool) {
	t := s.t
	t.Helper()
	heir := pgtest.Role(t, s.staging, "").Name
	s.env["FAR_PASSWORD"] = "secret-of-the-copy"
	s.write("lethe.yaml", s.read("lethe.yaml")+`    roles: {map: {`+s.owner.Name+`: `+heir+`}}
    revive:
      - publication:prices
      - foreign_data_wrapper:bespoke
      - event_trigger:watching
      - {name: "server:warehouse", options: {host: stock.staging.internal, dbname: stock}}
      - {name: "user_mapping:public@warehouse", options: {user: tester}, secrets: {password: {env: FAR_PASSWORD}}}
      - {name: "user_mapping:`+s.owner.Name+`@warehouse", options: {user: another}}
      - function:public.hook()
      - trigger:public.item.tell
`)
	if jobs {
		s.write("lethe.yaml", s.read("lethe.yaml")+"      - job:pg_partman:public.trail\n")
	}
	r := s.lethe("refresh", "staging")
	if r.status != 0 {
		t.Fatalf("status %d\n%s%s", r.status, r.out, r.err)
	}
	if strings.Contains(r.out+r.err+s.written(), "secret-of-the-copy") {
		t.Error("the password of the copy is told or written")
	}
	for query, want := range map[string]string{
		`SELECT pubname FROM pg_publication`: "prices", `SELECT tablename FROM pg_publication_tables`: "item", `SELECT evtenabled FROM pg_event_trigger`: "O",
		`SELECT srvoptions FROM pg_foreign_server WHERE srvname = 'warehouse'`:                                          "{dbname=stock,host=stock.staging.internal}",
		`SELECT usename, umoptions FROM pg_user_mappings ORDER BY usename = 'public'`:                                   heir + "|{user=another},public|{password=secret-of-the-copy,user=tester}",
		`SELECT DISTINCT proowner::regrole FROM pg_proc WHERE proname IN ('push', 'obtain', 'hook', 'caller', 'quiet')`: heir,
		`SELECT srvname, srvowner::regrole FROM pg_foreign_server WHERE srvname = 'warehouse'`:                          "warehouse|" + heir,
		`SELECT ftrelid::regclass, ftoptions FROM pg_foreign_table WHERE ftoptions IS NOT NULL ORDER BY 1::text`:        "far|{table_name=canary_table},filed|{filename=/inert.invalid/no-file},ran|{filename=/inert.invalid/no-file}",
		`SELECT fdwoptions FROM pg_foreign_data_wrapper WHERE fdwname = 'bespoke'`:                                      "{tap=canary-wrapper}",
		`SELECT attfdwoptions FROM pg_attribute WHERE attfdwoptions IS NOT NULL`:                                        "{column_name=canary_it's}",
		`SELECT tgenabled, tgnargs FROM pg_trigger WHERE tgname = 'tell'`:                                               "O|2",
		`SELECT prosrc LIKE '%dblink_send_query%' FROM pg_proc WHERE proname = 'hook'`:                                  "t",
		`SELECT prosrc LIKE '%inert on this copy%' FROM pg_proc WHERE proname = 'push'`:                                 "t",
	} {
		if got := strings.Join(s.staging.QueryStrings(t, query), ","); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	s.write("lethe.yaml", strings.Replace(s.read("lethe.yaml"), "publication:prices", "publication:price", 1))
	s.refused(statusRefused, []string{"check", "staging"}, "lethe.yaml:12", "publication:price", "known: publication:prices")
}

// TestATableThatReachesOutIsDroppedByARule holds that the remedy which the refusal names is one.
func TestATableThatReachesOutIsDroppedByARule(t *testing.T) {
	t.Parallel()
	s := newStage(t, "version: 1\n", func(s *stage) {
		s.production.Exec(t, "CREATE EXTENSION dblink")
		fill(`CREATE TABLE here (id int);
		CREATE FUNCTION far(n int) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN PERFORM public.dblink_connect('x'); RETURN true; END $$;
		CREATE TABLE calls (id int CHECK (far(id)))`)(s)
	}).adopted()
	s.staging.Exec(t, "ALTER ROLE "+s.builder.Name+" SUPERUSER") // nobody else can install dblink
	kept := "version: 1\ntables:\n  public.here: {columns: {id: {keep: \"k\"}}}\n"
	s.write("rules.yaml", kept+"  public.calls: {columns: {id: {keep: \"k\"}}}\n")
	s.refused(statusRefused, []string{"check", "staging"}, "constraint calls_id_check of public.calls", `or its table by a rule: drop: "reason"`)
	s.write("rules.yaml", kept+"  public.calls: {drop: \"reason\"}\n")
	s.ok("refresh", "staging")
	if got := s.staging.QueryStrings(t, `SELECT relname FROM pg_class WHERE relname IN ('here', 'calls')`); !slices.Equal(got, []string{"here"}) {
		t.Errorf("arrived: %v", got)
	}
}
