package cli

import (
	"fmt"
	"maps"
	"math"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/lethedb/lethe/internal/leak"
	"github.com/lethedb/lethe/internal/pgtest"
)

// sample is a well-known database and what identifies people in it.
type sample struct {
	name string
	// people yields, for each table of people, a number that rows keep through masking, the first and the
	// last name. Keys are masked, so the number is that of a row elsewhere that points at the person.
	people map[string]string
	// then completes what the dump leaves open.
	then []string
	// identifying are single columns that must not be met again anywhere, by kind.
	identifying map[string]string
}

func pagila() sample {
	return sample{
		name: "pagila",
		then: []string{"REFRESH MATERIALIZED VIEW public.rental_by_category"},
		people: map[string]string{
			"customer": `SELECT min(r.rental_id), c.first_name, c.last_name FROM customer c JOIN rental r USING (customer_id) GROUP BY c.customer_id`,
			"staff":    `SELECT staff_id, first_name, last_name FROM staff`,
			"actor":    `SELECT actor_id, first_name, last_name FROM actor`,
		},
		identifying: map[string]string{
			"e-mail":   `SELECT email FROM customer UNION SELECT email FROM staff`,
			"street":   `SELECT address FROM address`,
			"phone":    `SELECT phone FROM address`,
			"username": `SELECT username FROM staff WHERE length(username) > 5`,
			"password": `SELECT password FROM staff`,
		},
	}
}

func chinook() sample {
	return sample{
		name: "chinook",
		people: map[string]string{
			"Customer": `SELECT min(i."InvoiceId"), c."FirstName", c."LastName" FROM "Customer" c JOIN "Invoice" i USING ("CustomerId") GROUP BY c."CustomerId"`,
		},
		identifying: map[string]string{
			"e-mail": `SELECT "Email" FROM "Customer" UNION SELECT "Email" FROM "Employee"`,
			"street": `SELECT "Address" FROM "Customer" UNION SELECT "Address" FROM "Employee" UNION SELECT "BillingAddress" FROM "Invoice"`,
			"phone":  `SELECT "Phone" FROM "Customer" UNION SELECT "Fax" FROM "Customer" UNION SELECT "Phone" FROM "Employee" UNION SELECT "Fax" FROM "Employee"`,
		},
	}
}

func (p sample) stage(t *testing.T) *stage {
	t.Helper()
	if _, err := pgtest.SamplePath(p.name); err != nil {
		pgtest.Skip(t, err.Error())
	}
	rules, err := os.ReadFile("../../../testdata/rules/" + p.name + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	s := newStage(t, string(rules), p.fill).adopted()
	// What the reader was granted stays behind otherwise, and the schema is to be the same.
	s.write("lethe.yaml", s.read("lethe.yaml")+"    roles: {map: {"+s.reader.Name+": "+s.reader.Name+"}}\n")
	return s
}

// fill loads the sample into production.
func (p sample) fill(s *stage) {
	pgtest.Load(s.t, s.production, p.name, s.owner)
	s.production.Exec(s.t, p.then...)
}

// TestRefreshCarriesASampleAndNobodyInIt is the promise itself, on databases that everybody knows.
func TestRefreshCarriesASampleAndNobodyInIt(t *testing.T) {
	for _, p := range []sample{pagila(), chinook()} {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			s := p.stage(t)
			s.ok("check", "staging")
			s.ok("refresh", "staging")
			t.Run("counts agree", func(t *testing.T) { countsAgree(t, s) })
			t.Run("constraints are valid", func(t *testing.T) { constraintsAreValid(t, s) })
			t.Run("the schema is the same", func(t *testing.T) { schemasAgree(t, s) })
			t.Run("nobody is found", func(t *testing.T) { p.nobodyIsFound(t, s) })
			t.Run("nobody keeps a name", func(t *testing.T) { p.nobodyKeepsAName(t, s) })
			t.Run("nothing is written down", func(t *testing.T) { p.nothingIsWrittenDown(t, s) })

			if p.name != "chinook" {
				return // what follows is about keys and not about what a database holds: the smaller one tells
			}
			first := contents(t, s.staging.DSN())
			s.ok("refresh", "staging")
			if again := contents(t, s.staging.DSN()); !maps.Equal(first, again) {
				t.Error("a second refresh with the same key gave other data")
			}
			s.env["LETHE_KEY"] = strings.Repeat("a1b2c3d4", 8)
			s.ok("refresh", "staging")
			if other := contents(t, s.staging.DSN()); maps.Equal(first, other) {
				t.Error("another key gave the same data")
			}
			s.ok("rollback", "staging")
			if back := contents(t, s.staging.DSN()); !maps.Equal(first, back) {
				t.Error("a rollback did not bring the previous data back")
			}
		})
	}
}

// ordinary lists the tables and partitions that hold rows.
const ordinary = `SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE c.relkind IN ('r', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'lethe') ORDER BY 1`

func countsAgree(t *testing.T, s *stage) {
	tables := s.production.QueryStrings(t, ordinary)
	if got := s.staging.QueryStrings(t, ordinary); !slices.Equal(got, tables) {
		t.Fatalf("got tables %v, want %v", got, tables)
	}
	for _, table := range tables {
		query := "SELECT count(*) FROM ONLY " + table
		if got, want := s.staging.QueryInt(t, query), s.production.QueryInt(t, query); got != want {
			t.Errorf("%s: %d rows of %d", table, got, want)
		}
	}
}

func constraintsAreValid(t *testing.T, s *stage) {
	if bad := s.staging.QueryStrings(t, `SELECT conname FROM pg_constraint WHERE NOT convalidated`); len(bad) > 0 {
		t.Errorf("not valid: %v", bad)
	}
	const constraints = `SELECT count(*) FROM pg_constraint c JOIN pg_namespace n ON n.oid = c.connamespace WHERE n.nspname <> 'lethe'`
	if got, want := s.staging.QueryInt(t, constraints), s.production.QueryInt(t, constraints); got != want {
		t.Errorf("got %d constraints, want %d", got, want)
	}
}

// schemasAgree compares what pg_dump says of both databases.
func schemasAgree(t *testing.T, s *stage) {
	got, want := dumpSchema(t, s.staging.DSN()), dumpSchema(t, s.production.DSN())
	if got != want {
		t.Errorf("the schema differs:\n%s", firstDifference(got, want))
	}
}

func dumpSchema(t *testing.T, dsn string) string {
	t.Helper()
	out, err := exec.Command("pg_dump", "-s", "--restrict-key=x", "--exclude-schema=lethe", "-d", dsn).Output()
	if err != nil {
		t.Fatalf("run pg_dump: %v", err)
	}
	return string(out)
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return fmt.Sprintf("line %d\n got %s\nwant %s", i+1, g[i], w[i])
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(g), len(w))
}

// originals remembers everybody in production.
func (p sample) originals(t *testing.T, s *stage) *leak.Originals {
	o := leak.New()
	for kind, query := range p.identifying {
		for _, value := range s.production.QueryStrings(t, query) {
			if value != "NULL" {
				o.Add(kind, []byte(value))
			}
		}
	}
	for table := range p.people {
		for _, person := range p.names(t, s.production, table) {
			o.AddPair("name", []byte(person.first), []byte(person.last))
		}
	}
	if o.Len() < 100 {
		t.Fatalf("only %d originals: the queries are wrong", o.Len())
	}
	return o
}

type person struct{ first, last string }

// names returns the people of a table by the number that survives masking.
func (p sample) names(t *testing.T, db *pgtest.DB, table string) map[string]person {
	t.Helper()
	people := map[string]person{}
	for _, row := range db.QueryStrings(t, p.people[table]) {
		fields := strings.Split(row, "|")
		people[fields[0]] = person{fields[1], fields[2]}
	}
	return people
}

func (p sample) nobodyIsFound(t *testing.T, s *stage) {
	o := p.originals(t, s)
	for _, table := range s.staging.QueryStrings(t, ordinary) {
		for _, line := range pgtest.Rows(t, s.staging.DSN(), table) {
			var row [][]byte
			for field := range strings.SplitSeq(line, "\t") {
				row = append(row, []byte(field))
			}
			for _, hit := range o.Look(row) {
				t.Errorf("%s holds an original (%s) in field %d", table, hit.Kind, hit.Field)
			}
		}
	}
}

func (p sample) nobodyKeepsAName(t *testing.T, s *stage) {
	for table := range p.people {
		before, after := p.names(t, s.production, table), p.names(t, s.staging, table)
		if len(before) == 0 || !slices.Equal(slices.Sorted(maps.Keys(before)), slices.Sorted(maps.Keys(after))) {
			t.Errorf("%s: %d people before, %d after: rows do not find each other any more", table, len(before), len(after))
			continue
		}
		first, last := map[string]bool{}, map[string]bool{}
		for key, was := range before {
			is := after[key]
			if strings.EqualFold(was.first, is.first) || strings.EqualFold(was.last, is.last) {
				t.Errorf("%s %s keeps a name of its own", table, key)
			}
			first[strings.ToLower(was.first)], last[strings.ToLower(was.last)] = true, true
		}
		recurrence(t, table+" first names", first, after, func(p person) string { return p.first }, firstNames)
		recurrence(t, table+" last names", last, after, func(p person) string { return p.last }, lastNames)
	}
}

// How many words the dictionaries have, at least: what chance is measured with.
const (
	firstNames = 8000
	lastNames  = 40000
)

// recurrence holds that production's single names come up no more often than chance makes them: each of
// the names drawn meets one of the originals with probability at most |originals| / |dictionary|, and five
// standard deviations leave room for luck.
func recurrence(t *testing.T, what string, originals map[string]bool, after map[string]person, name func(person) string, dictionary int) {
	t.Helper()
	drawn, hits := map[string]bool{}, 0
	for _, p := range after {
		drawn[strings.ToLower(name(p))] = true
	}
	for word := range drawn {
		if originals[word] {
			hits++
		}
	}
	chance := float64(len(drawn)) * float64(len(originals)) / float64(dictionary)
	if limit := chance + 5*math.Sqrt(chance) + 1; float64(hits) > limit {
		t.Errorf("%s: %d of %d recur, chance explains %.1f", what, hits, len(drawn), limit)
	}
}

// nothingIsWrittenDown searches all that a run leaves on disk.
func (p sample) nothingIsWrittenDown(t *testing.T, s *stage) {
	o, written := p.originals(t, s), s.written()
	for _, hit := range o.Look([][]byte{[]byte(written)}) {
		t.Errorf("an original (%s) was written to a file", hit.Kind)
	}
	for _, secret := range []string{testKey, s.reader.Password, s.builder.Password} {
		if strings.Contains(written, secret) {
			t.Error("a secret was written to a file")
		}
	}
}
