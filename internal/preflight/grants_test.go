package preflight

import (
	"strings"
	"testing"

	"github.com/lethedb/lethe/internal/catalog"
)

func shop() *catalog.Catalog {
	return &catalog.Catalog{
		Database: "The Shop",
		Schemas:  []catalog.Schema{{Name: "Odd One", Owner: "o'hara"}, {Name: "empty", Owner: "app"}, {Name: "public", Owner: "pg_database_owner"}},
		Tables: []catalog.Table{
			{Name: catalog.Name{Schema: "Odd One", Name: "t"}, Owner: "app"},
			{Name: catalog.Name{Schema: "public", Name: "t"}, Owner: "app"},
			{Name: catalog.Name{Schema: "public", Name: "e"}, Owner: "postgres", Extension: "postgis"},
		},
		Sequences: []catalog.Sequence{{Name: catalog.Name{Schema: "public", Name: "s"}, Owner: "app"}},
	}
}

func TestGrantsGiveWhatIsNeeded(t *testing.T) {
	const want = `-- On the source's server, in the database that is read, as a superuser.
-- Then give it a password, in psql: \password "lethe_source"
DO $make$ BEGIN IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'lethe_source') THEN CREATE ROLE "lethe_source" LOGIN; END IF; END $make$;
ALTER ROLE "lethe_source" NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
GRANT CONNECT ON DATABASE "The Shop" TO "lethe_source";
GRANT USAGE ON SCHEMA "Odd One" TO "lethe_source";
GRANT SELECT ON ALL TABLES IN SCHEMA "Odd One" TO "lethe_source";
GRANT SELECT ON ALL SEQUENCES IN SCHEMA "Odd One" TO "lethe_source";
-- New tables too: ALTER DEFAULT PRIVILEGES FOR ROLE "app" IN SCHEMA "Odd One" GRANT SELECT ON TABLES TO "lethe_source";
GRANT USAGE ON SCHEMA "public" TO "lethe_source";
GRANT SELECT ON ALL TABLES IN SCHEMA "public" TO "lethe_source";
GRANT SELECT ON ALL SEQUENCES IN SCHEMA "public" TO "lethe_source";
-- New tables too: ALTER DEFAULT PRIVILEGES FOR ROLE "app" IN SCHEMA "public" GRANT SELECT ON TABLES TO "lethe_source";

-- On the target's server, in database "postgres", as a superuser.
-- Then give it a password, in psql: \password "lethe_target"
-- CREATEDB: every refresh is built as a database of its own, and renamed.
DO $make$ BEGIN IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'lethe_target') THEN CREATE ROLE "lethe_target" LOGIN; END IF; END $make$;
ALTER ROLE "lethe_target" NOSUPERUSER NOCREATEROLE NOREPLICATION NOBYPASSRLS CREATEDB;
GRANT CONNECT ON DATABASE "postgres" TO "lethe_target";
-- To end the sessions of the database that is replaced. It does not reach superusers' sessions.
GRANT pg_signal_backend TO "lethe_target";
-- Optional, for speed (15 and later): foreign keys of big tables are then made before the rows and proven by lethe,
-- which takes a fraction of the server's own look at every row. The right reaches every database that the role may write to.
-- GRANT SET ON PARAMETER session_replication_role TO "lethe_target";
-- To replace the environment's database, and to give objects to the roles that own them at the source.
-- A superuser among them would make a superuser of the role: give what it owns to another role first, by
-- REASSIGN OWNED or ALTER ... OWNER TO. Roles that production's grants name must exist here too, without login.
GRANT "app" TO "lethe_target";
GRANT "o'hara" TO "lethe_target";
GRANT "staging_owner" TO "lethe_target";
`
	if got := Grants(shop(), GrantOptions{Environment: "staging", EnvironmentOwner: "staging_owner"}); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestGrantsGiveNoMoreThanIsNeeded(t *testing.T) {
	c := shop()
	got := Grants(c, GrantOptions{Slots: true, Target: "app", Source: "it's"})
	for text, want := range map[string]bool{
		" CREATEDB": false, "NOCREATEDB": true, `GRANT "app" TO "app"`: false, " BYPASSRLS": false, " SUPERUSER": false, "'it''s'": true, `"it's"`: true,
	} {
		if strings.Contains(got, text) != want {
			t.Errorf("%q in the SQL: %v\n%s", text, !want, got)
		}
	}
	c.Tables[0].RowSecurity = true
	c.LargeObjects = 3
	got = Grants(c, GrantOptions{Environment: "staging"})
	for _, text := range []string{" BYPASSRLS;", "3 large objects", `GRANT SELECT ON "pg_catalog"."pg_largeobject" TO`, "GRANT the owner of \"staging\""} {
		if !strings.Contains(got, text) {
			t.Errorf("%q is not in the SQL\n%s", text, got)
		}
	}
}
