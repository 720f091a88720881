package cli

import (
	"maps"
	"strings"
	"testing"
)

// staff has salaries that say whose they are, partitions, departments of one member, NULLs, and a key of two columns that
// is masked itself.
const staff = `CREATE TABLE staff (company int, id int, department text, salary numeric(12,2), street text, town text, PRIMARY KEY (company, id)) PARTITION BY LIST (company);
	CREATE TABLE staff_1 PARTITION OF staff FOR VALUES IN (1);
	CREATE TABLE staff_2 PARTITION OF staff FOR VALUES IN (2);
	CREATE TABLE review (id int PRIMARY KEY, company int, staff_id int, salary numeric(12,2), FOREIGN KEY (company, staff_id) REFERENCES staff);
	INSERT INTO staff SELECT 1 + i % 2, i, CASE WHEN i % 100 = 7 THEN 'lone ' || i ELSE 'd' || i % 3 END, CASE WHEN i % 50 <> 3 THEN i END, 'street ' || i, 'town ' || i FROM generate_series(1, 2000) i;
	INSERT INTO review SELECT i, 1 + i % 2, CASE WHEN i % 9 > 0 THEN i END, i FROM generate_series(1, 2000) i`

const staffRules = `version: 1
tables:
  public.staff:
    columns:
      company: {keep: "a company, no person"}
      id: permute_int
      department: {keep: "a department"}
      salary: {mask: shuffle, within: department}
      street: {mask: shuffle, group: address}
      town: {mask: shuffle, group: address}
  public.review:
    columns:
      id: {keep: "a surrogate key"}
      company: {keep: "a company, no person"}
      salary: {mask: copy_from, column: staff_id.salary}
`

// TestShuffledColumnsKeepTheirValuesAndNotTheirRows holds over partitions, and for who reads the column by a foreign key.
func TestShuffledColumnsKeepTheirValuesAndNotTheirRows(t *testing.T) {
	t.Parallel()
	s := newStage(t, strings.Replace(staffRules, "permute_int", `{keep: "a surrogate key"}`, 1), fill(staff)).adopted()
	s.ok("refresh", "staging")
	for what, query := range map[string]string{
		"rows":                                 `SELECT 2000 - count(*) FROM staff`,
		"values lost":                          `SELECT 1960 - count(DISTINCT salary) FROM staff`,
		"NULLs lost":                           `SELECT 40 - count(*) FROM staff WHERE salary IS NULL`,
		"own salaries":                         `SELECT count(*) FROM staff WHERE salary = id`,
		"own streets":                          `SELECT count(*) FROM staff WHERE street = 'street ' || id`,
		"streets torn from their town":         `SELECT count(*) FROM staff WHERE replace(street, 'street', 'town') <> town`,
		"salaries of other departments":        `SELECT count(*) FROM staff WHERE department LIKE 'd%' AND salary % 100 <> 7 AND department <> 'd' || salary::int % 3`,
		"lone ones with other lone ones alone": `SELECT 20 - count(*) FROM staff WHERE department LIKE 'lone%' AND salary % 100 = 7`,
		"reviews that differ":                  `SELECT count(*) FROM review r JOIN staff s ON s.company = r.company AND s.id = r.staff_id WHERE r.salary IS DISTINCT FROM s.salary`,
		"reviews of nobody with some":          `SELECT count(*) FROM review WHERE staff_id IS NULL AND salary IS NOT NULL`,
		"partitions left alone":                `SELECT count(*) FROM (SELECT 1 FROM staff WHERE street <> '' HAVING count(*) FILTER (WHERE right(street, 1)::int % 2 + 1 <> company) < 500) x`,
	} {
		if n := s.staging.QueryInt(t, query); n != 0 {
			t.Errorf("%d %s", n, what)
		}
	}
	first := contents(t, s.staging.DSN())
	s.ok("refresh", "staging", "--jobs", "1")
	if !maps.Equal(first, contents(t, s.staging.DSN())) {
		t.Error("another run gave other rows")
	}
	s.ok("preview", "public.staff_1")
	s.ok("preview", "public.review")
	// A key that is masked tells rows apart by what it is in production.
	s.write("rules.yaml", staffRules)
	s.ok("refresh", "staging")
	if n := s.staging.QueryInt(t, `SELECT count(*) FROM staff WHERE replace(street, 'street', 'town') <> town`); n != 0 {
		t.Errorf("%d streets are torn from their town", n)
	}
}

func TestAShuffleThatWouldHideNobodyIsRefused(t *testing.T) {
	t.Parallel()
	const tables = `CREATE TABLE few (id int PRIMARY KEY, salary int); INSERT INTO few SELECT i, i FROM generate_series(1, 9) i;
		CREATE TABLE keyless (salary int); CREATE TABLE empty (id int PRIMARY KEY, salary int)`
	rule := func(table, mask string) string {
		return "version: 1\ndefaults: {\"*.*.id\": {keep: \"a surrogate key\"}, \"*.*.salary\": null}\ntables: {public." + table + ": {columns: {salary: " + mask + "}}}\n"
	}
	s := newStage(t, rule("empty", "shuffle"), fill(tables)).adopted()
	s.ok("refresh", "staging")
	was, databases := contents(t, s.staging.DSN()), s.databases()
	s.write("rules.yaml", rule("keyless", "shuffle"))
	s.refused(statusRefused, []string{"refresh", "staging"}, "public.keyless.salary", "primary key")
	s.write("rules.yaml", rule("few", "shuffle"))
	s.refused(statusFailed, []string{"refresh", "staging"}, "public.few.salary", "write least: 9")
	s.unchanged(t, was, databases)
	s.write("rules.yaml", rule("few", "{mask: shuffle, least: 9}"))
	s.ok("refresh", "staging")
}
