package cli

import (
	"fmt"
	"strings"
	"testing"
)

// tenants is how many schemas of seven tables there are, beside twenty tables of everybody's: 300 tables,
// 4,000 columns.
const tenants = 40

// tenantSQL makes one table of a tenant with 13 columns, or of everybody's with 18.
func tenantSQL(schema string, no, columns int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "CREATE TABLE %s.things%d (id integer PRIMARY KEY, first_name text, last_name text, email text, phone text", schema, no)
	for i := 5; i < columns; i++ {
		fmt.Fprintf(&b, ", total%d_amount numeric", i)
	}
	fmt.Fprintf(&b, "); INSERT INTO %s.things%d (id, first_name, email) SELECT i, 'canary', 'canary' || i || '@leak.test' FROM generate_series(1, 3) i;", schema, no)
	return b.String()
}

// TestManyTenantsAreDecidedByAFewLines refreshes 300 tables of 4,000 columns by rules that fit on a
// screen, also when a column nobody knows has come to one of them.
func TestManyTenantsAreDecidedByAFewLines(t *testing.T) {
	t.Parallel()
	var sql []string
	for i := range tenants {
		schema := fmt.Sprintf("tenant_%02d", i)
		all := "CREATE SCHEMA " + schema + ";"
		for no := range 7 {
			all += tenantSQL(schema, no, 13)
		}
		sql = append(sql, all)
	}
	for no := range 20 {
		sql = append(sql, tenantSQL("public", no, 18))
	}
	const rules = `version: 1
defaults:
  "*.*.id": {keep: "a surrogate key"}
  "*.*.first_name": first_name
  "*.*.last_name": last_name
  "*.*.email": email
  "*.*.phone": phone
  "*.*.total*_amount": {keep: "an amount names nobody"}
`
	s := newStage(t, rules, fill(sql...)).adopted()
	if got := s.production.QueryInt(t, `SELECT count(*) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind = 'r' AND attnum > 0 AND n.nspname ~ '^(public|tenant_)'`); got != 4000 {
		t.Fatalf("the database has %d columns, want 4000", got)
	}
	s.write("lethe.yaml", strings.Replace(s.read("lethe.yaml"), "    from: production\n", "    from: production\n    undecided: blank\n", 1))
	s.production.Exec(t, `ALTER TABLE tenant_07.things3 ADD COLUMN nick text; UPDATE tenant_07.things3 SET nick = 'canary-nick'`)
	if r := s.lethe("refresh", "staging"); r.status != 0 || !strings.Contains(r.err, "tenant_07.things3.nick") {
		t.Fatalf("status %d, want 0 and the new column named:\n%s", r.status, r.err)
	}
	if got := s.staging.QueryInt(t, `SELECT count(*) FROM tenant_07.things3 WHERE nick IS NULL AND email NOT LIKE '%canary%'`); got != 3 {
		t.Errorf("%d of 3 rows of the changed table are as they should be", got)
	}
	for table, rows := range contents(t, s.staging.DSN()) {
		if rows == "" {
			t.Errorf("%s was not compared", table)
		}
	}
}
