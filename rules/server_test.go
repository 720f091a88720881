package rules

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/pg"
	"github.com/lethedb/lethe/internal/pgtest"
)

// serverCatalog reads the catalog of testdata/schemas/rules.sql from a server.
func serverCatalog(t *testing.T) *catalog.Catalog {
	t.Helper()
	db := pgtest.New(t)
	pgtest.LoadFile(t, db, filepath.Join("..", "testdata", "schemas", "rules.sql"), pgtest.Login{})
	db.Exec(t, "ANALYZE")
	source, err := pg.OpenSource(t.Context(), pg.SourceOptions{Name: "rules", DSN: db.DSN(), Run: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	c, err := source.Catalog(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const serverRules = `version: 1
tables:
  public.person: {columns: {id: permute_int, email: email, nick: phone, closed: {keep: "a time"}}}
  public.digest: {columns: {email: email}}
  public.visit: {columns: {day: {mask: date_shift, entity: person_id}, note: null}}
  public.trip: {columns: {day: {mask: date_shift, entity: person_id}}}
  public.spread: {columns: {day: {keep: "a day"}}}
  public.pair: {columns: {a: permute_int, b: {keep: "a number"}}}
  public.pair_user: {columns: {a: null}}
  public.booking: {columns: {room: {keep: "a number"}, during: empty}}
  public.base: {columns: {id: {keep: "a number"}, email: email}}
  public.derived: {columns: {extra: null}}
`

// TestWhatAServerSaysIsUnderstood compiles rules against a catalog as a server spells it: bounds,
// predicates, expressions and constraints come in PostgreSQL's own words.
func TestWhatAServerSaysIsUnderstood(t *testing.T) {
	c := serverCatalog(t)
	f, found := Parse("rules.yaml", files(map[string]string{"rules.yaml": serverRules}))
	if len(found) > 0 {
		t.Fatal(render(found))
	}
	plan, found := Compile(f, c, testMasks(t), Options{Key: key()})
	var got []string
	for _, f := range found {
		got = append(got, f.Severity.String()+" "+f.Code+" "+f.Object)
	}
	slices.Sort(got)
	want := []string{
		"error exclusion-constraint public.booking.during",
		"error linked-columns public.pair_user.a",        // MATCH FULL
		"error partition-key public.trip_low.day",        // no default partition one level down
		"error unique-index public.digest.email",         // md5(email)
		"warning check-constraint public.person.email",   // has_at
		"warning check-constraint public.person.nick",    // of the domain
		"warning partition-bounds public.trip.person_id", // bounds spell the key
		"warning partition-bounds public.visit.day",      // and here
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s", render(found))
	}
	for name, into := range map[string]string{
		"visit": "visit", "visit_2024": "visit", "visit_rest": "visit", "trip_low_2024": "trip", "spread_0": "spread", "person": "person",
	} {
		table := plan.Table(catalog.Name{Schema: "public", Name: name})
		if table.Into.Name != into {
			t.Errorf("%s is loaded through %s, want %s", name, table.Into, into)
		}
	}
}

// TestPartitionsAreMaskedByColumnName holds trap 1: a partition with another order of columns.
func TestPartitionsAreMaskedByColumnName(t *testing.T) {
	f, _ := Parse("rules.yaml", files(map[string]string{"rules.yaml": serverRules}))
	plan, _ := Compile(f, serverCatalog(t), testMasks(t), Options{Key: key()})
	for _, name := range []string{"visit", "visit_2024", "visit_rest"} {
		table := plan.Table(catalog.Name{Schema: "public", Name: name})
		masks := map[string]string{}
		for i, column := range table.Columns {
			if column.Column.Name != table.Table.Columns[i].Name {
				t.Errorf("%s: column %d of the plan is %s, of the table %s", name, i, column.Column.Name, table.Table.Columns[i].Name)
			}
			masks[column.Column.Name] = column.Mask
		}
		if masks["person_id"] != "permute_int" || masks["day"] != "date_shift" || masks["note"] != "null" {
			t.Errorf("%s: %v", name, masks)
		}
	}
	if e, err := Explain(plan, "public.derived.email"); err != nil || e.Decision != "email" || e.By != DecidedByInherited {
		t.Errorf("%+v, %v", e, err)
	}
}
