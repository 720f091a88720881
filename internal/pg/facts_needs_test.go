package pg

import (
	"slices"
	"strings"
	"testing"

	"github.com/lethedb/lethe/internal/pgtest"
	"github.com/lethedb/lethe/internal/preflight"
	"github.com/lethedb/lethe/internal/work"
)

// TestWhatTheTargetsServerLacksIsNamedBeforehand holds for collations, libraries and tables that an extension was
// given: what the server has is not refused, and what it lacks is, by name.
func TestWhatTheTargetsServerLacksIsNamedBeforehand(t *testing.T) {
	production, staging := pgtest.New(t), pgtest.New(t)
	production.Exec(t, `CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false)`, `CREATE COLLATION plain (locale = 'C')`,
		`CREATE TABLE t (a text COLLATE loose, b text COLLATE "de-x-icu", c text COLLATE "C")`,
		`CREATE FUNCTION native() RETURNS language_handler LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler'`,
		`CREATE EXTENSION hstore`, `CREATE TABLE given (id serial)`, `ALTER EXTENSION hstore ADD TABLE given`)
	s := openSource(t, production.DSN())
	c := mustCatalog(t, s)
	source, err := s.Facts(t.Context(), c, allTables(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	judge := func(dsn string, source preflight.Source, without ...string) string {
		t.Helper()
		target, err := TargetFacts(t.Context(), TargetOptions{DSN: dsn, Environment: "staging"}, c, source, work.Roles{})
		if err != nil {
			t.Fatal(err)
		}
		var found []string
		for _, f := range preflight.Judge(preflight.Facts{Catalog: c, Source: &source, Target: &target, Without: without}) {
			if slices.Contains([]string{"missing-collation", "missing-library", "extension-member"}, f.Code) {
				found = append(found, f.Severity.String()+" "+f.Code+" "+f.Object)
			}
		}
		return strings.Join(found, "\n")
	}
	if got := judge(staging.DSN(), source); got != "error extension-member public.given" {
		t.Errorf("of what is there and one table that is not: %s", got)
	}
	if got := judge(staging.DSN(), source, "hstore"); got != "" {
		t.Errorf("without the extension: %s", got)
	}
	source.Collations = append(source.Collations, preflight.Collation{Name: "far", Own: true, Provider: "libc", Collate: "tlh_KLINGON.UTF-8", Ctype: "C"},
		preflight.Collation{Name: "pg_catalog.nobodys", Bare: "nobodys", Provider: "icu"})
	source.Native = append(source.Native, preflight.Native{Name: "lost()", Library: "$libdir/no_such_library", Symbol: "f"},
		preflight.Native{Name: "older()", Library: "$libdir/plpgsql", Symbol: "no_such_function"})
	want := "error missing-collation far\nerror missing-library lost()\nerror missing-library older()\nerror missing-collation pg_catalog.nobodys\nerror extension-member public.given"
	if got := judge(staging.DSN(), source); got != want {
		t.Errorf("of what is not there:\n%s\nwant:\n%s", got, want)
	}
	builder := pgtest.Role(t, staging, "")
	if got := judge(builder.DSN(staging), source); !strings.Contains(got, "warning extension-member public.given") || strings.Contains(got, "missing-library") {
		t.Errorf("where our role may try nothing: %s", got)
	}
	if left := staging.QueryInt(t, `SELECT count(*) FROM pg_extension WHERE extname <> 'plpgsql'`) + pgtest.QueryInt(t, staging.MaintenanceDSN(), `SELECT count(*) FROM pg_namespace WHERE nspname = 'lethe_probe'`); left > 0 {
		t.Error("something was left behind")
	}
}
