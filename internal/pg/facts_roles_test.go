package pg

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/lethedb/lethe/internal/finding"
	"github.com/lethedb/lethe/internal/pgtest"
	"github.com/lethedb/lethe/internal/preflight"
)

// TestWhoeverABuildActsForIsFoundBeforehand holds for owners, also the first superuser, of whom the server keeps no note,
// and for who passed on what he was granted.
func TestWhoeverABuildActsForIsFoundBeforehand(t *testing.T) {
	db := pgtest.New(t)
	var roles []string
	for range 4 {
		roles = append(roles, pgtest.Role(t, db, "").Name)
	}
	first := db.QueryStrings(t, `SELECT quote_ident(rolname) FROM pg_roles WHERE oid = 10`)[0]
	db.Exec(t, fmt.Sprintf(`GRANT CREATE, USAGE ON SCHEMA public TO %[1]s, %[2]s, %[3]s; CREATE TABLE t (id int); ALTER TABLE t OWNER TO %[1]s; SET ROLE %[1]s;
		GRANT SELECT ON t TO %[2]s WITH GRANT OPTION; SET ROLE %[2]s; GRANT SELECT ON t TO %[3]s; RESET ROLE; ALTER DEFAULT PRIVILEGES FOR ROLE %[4]s GRANT SELECT ON TABLES TO %[3]s;
		CREATE TYPE theirs AS ENUM ('one'); ALTER TYPE theirs OWNER TO %[5]s`, roles[0], roles[1], roles[2], roles[3], first))
	t.Cleanup(func() {
		db.Exec(t, `DROP TABLE t; DROP TYPE theirs; ALTER DEFAULT PRIVILEGES FOR ROLE `+roles[3]+` REVOKE SELECT ON TABLES FROM `+roles[2]+
			fmt.Sprintf(`; REVOKE ALL ON SCHEMA public FROM %s, %s, %s`, roles[0], roles[1], roles[2]))
	})
	s := openSource(t, db.DSN())
	c := mustCatalog(t, s)
	f, err := s.Facts(t.Context(), c, allTables(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, role := range []string{roles[0], roles[3], strings.Trim(first, `"`)} {
		if !slices.Contains(f.Owners, role) {
			t.Errorf("role %s is not among the owners %v", role, f.Owners)
		}
	}
	if !slices.Contains(f.Grantors, roles[1]) || slices.Contains(f.Owners, roles[1]) || !slices.Contains(f.Grantees, roles[2]) {
		t.Errorf("owners %v, grantors %v, grantees %v", f.Owners, f.Grantors, f.Grantees)
	}
	target := preflight.Target{Endpoint: preflight.Endpoint{Role: "us"}, Exists: true, Roles: slices.Concat(f.Owners, f.Grantees), Member: f.Owners}
	found := preflight.Judge(preflight.Facts{Source: &f, Target: &target})
	i := slices.IndexFunc(found, func(f finding.Finding) bool { return f.Code == "not-member" })
	if i < 0 || found[i].Object != roles[1] || found[i].Message != "role us may not grant what this role granted" {
		t.Errorf("found %v", found)
	}
}
