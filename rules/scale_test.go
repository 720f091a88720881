package rules

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lethedb/lethe/internal/catalog"
)

// The size that the rules are made for.
const (
	scaleTenants = 40
	scaleTables  = 300
	scaleColumns = 4000
	// scaleLines is the most lines that may decide it.
	scaleLines = 250
	// scaleTime is the longest that parsing and compiling it may take.
	scaleTime = 2 * time.Second
)

// tenantTables are the tables that every tenant has: seven, with thirteen or fourteen columns each.
func tenantTables() []string {
	return []string{"users", "orders", "items", "notes", "events", "files", "invoices"}
}

// largeSketch makes 40 tenants of seven tables and 20 shared tables: 300 tables with 4,000 columns.
func largeSketch() string {
	var b strings.Builder
	columns := 0
	filler := func(n int) {
		kinds := []string{"amount_%d_total numeric", "is_flag_%d bool", "made_%d_at timestamptz", "size_%d_count int4"}
		for i := range n {
			fmt.Fprintf(&b, "  "+kinds[i%len(kinds)]+"\n", i)
		}
		columns += n
	}
	for tenant := range scaleTenants {
		for _, name := range tenantTables() {
			fmt.Fprintf(&b, "tenant_%02d.%s\n  id int8 pk\n", tenant, name)
			columns++
			switch name {
			case "users":
				b.WriteString("  email varchar(80) unique\n  first_name text\n  last_name text\n  phone text\n  note text\n  country_id int4 -> public.shared_00.id\n")
				columns += 6
			case "orders":
				fmt.Fprintf(&b, "  user_id int8 notnull -> tenant_%02d.users.id\n  contact_email varchar(60)\n", tenant)
				columns += 2
			default:
				fmt.Fprintf(&b, "  owner int8 -> tenant_%02d.users.id\n  body text\n  payload jsonb\n", tenant)
				columns += 3
			}
			filler(13 - columnsOf(name))
		}
	}
	for i := range scaleTables - scaleTenants*len(tenantTables()) {
		fmt.Fprintf(&b, "public.shared_%02d\n  id int4 pk\n", i)
		columns++
		rest := scaleTables - scaleTenants*len(tenantTables()) - i
		filler((scaleColumns - columns - (rest - 1)) / rest)
	}
	return b.String()
}

// columnsOf returns how many columns a tenant's table has before those that fill it up.
func columnsOf(name string) int {
	switch name {
	case "users":
		return 7
	case "orders":
		return 3
	}
	return 4
}

// largeRules decides the large sketch.
func largeRules() string {
	var b strings.Builder
	b.WriteString(`version: 1
defaults:
  "*.*.*_total": {keep: "an amount names nobody"}
  "*.*.*_count": {keep: "a count names nobody"}
  "*.*.is_*": {keep: "a flag names nobody"}
  "*.*.*_at": {keep: "a time names nobody"}
  "public.shared_*.id": {keep: "a key of a public list"}
  "tenant_*.users.id": permute_int
  "tenant_*.*.id": {keep: "a surrogate key"}
  "tenant_*.users.email": email
  "tenant_*.*.*_email": {mask: email, domain: contact}
  "*.*.first_name": first_name
  "*.*.last_name": last_name
  "*.*.phone": phone
  "tenant_*.users.note": {mask: redact_text, known: [first_name, last_name, email]}
  "tenant_*.*.body": redact
  "type:jsonb": null
tables:
`)
	for tenant := range scaleTenants {
		fmt.Fprintf(&b, "  tenant_%02d.events: {rows: none}\n", tenant)
		fmt.Fprintf(&b, "  tenant_%02d.files: {columns: {body: null}}\n", tenant)
	}
	return b.String()
}

func parseLarge(t testing.TB) *File {
	t.Helper()
	f, found := Parse("rules.yaml", files(map[string]string{"rules.yaml": largeRules()}))
	if len(found) > 0 {
		t.Fatal(render(found))
	}
	return f
}

// TestFewLinesDecideALargeDatabase holds the promise that rules stay readable: 300 tables with 4,000
// columns in 40 tenant schemas are decided by at most 250 lines, in less than two seconds.
func TestFewLinesDecideALargeDatabase(t *testing.T) {
	c, masks := sketch(t, largeSketch()), testMasks(t)
	columns := 0
	for _, table := range c.Tables {
		columns += len(table.Columns)
	}
	if len(c.Tables) != scaleTables || columns != scaleColumns {
		t.Fatalf("the database has %d tables and %d columns, want %d and %d", len(c.Tables), columns, scaleTables, scaleColumns)
	}
	if lines := strings.Count(largeRules(), "\n"); lines > scaleLines {
		t.Errorf("the rules have %d lines, at most %d are wanted", lines, scaleLines)
	}
	began := time.Now()
	plan, found := Compile(parseLarge(t), c, masks, Options{Key: key()})
	took := time.Since(began)
	if len(found) > 0 {
		t.Fatal(render(found))
	}
	if took > scaleTime {
		t.Errorf("it took %v, at most %v is wanted", took, scaleTime)
	}
	for column, want := range map[string]string{
		"tenant_00.users.email": "email", "tenant_39.users.note": "redact_text", "tenant_17.orders.user_id": "permute_int",
		"tenant_17.notes.owner": "permute_int", "tenant_08.files.body": "null", "tenant_08.notes.body": "redact",
		"tenant_21.invoices.payload": "null", "tenant_30.users.country_id": "keep", "public.shared_19.id": "keep",
	} {
		e, err := Explain(plan, column)
		if err != nil || e.Decision != want {
			t.Errorf("%s: got %q, %v; want %q", column, e.Decision, err, want)
		}
	}
	for tenant := range scaleTenants {
		users := catalog.Name{Schema: fmt.Sprintf("tenant_%02d", tenant), Name: "users"}
		if got, want := plan.Table(users).Columns[0].Domain, users.Column("id"); got != want {
			t.Errorf("the domain of %s is %q, want its own", want, got)
		}
	}
}

// TestALargeDatabaseWithoutRulesIsNamedInFull holds that four thousand findings come at once and quickly.
func TestALargeDatabaseWithoutRulesIsNamedInFull(t *testing.T) {
	c, masks := sketch(t, largeSketch()), testMasks(t)
	f, _ := Parse("rules.yaml", files(map[string]string{"rules.yaml": "version: 1\n"}))
	began := time.Now()
	_, found := Compile(f, c, masks, Options{Key: key()})
	if took := time.Since(began); took > scaleTime {
		t.Errorf("it took %v, at most %v is wanted", took, scaleTime)
	}
	references := 0
	for _, table := range c.Tables {
		references += len(table.ForeignKeys)
	}
	if want := scaleColumns - references; len(found) != want {
		t.Errorf("%d findings, want one for each of the %d columns that refer to no other", len(found), want)
	}
}

func BenchmarkCompileLarge(b *testing.B) {
	c, masks, f := sketch(b, largeSketch()), testMasks(b), parseLarge(b)
	for b.Loop() {
		if _, found := Compile(f, c, masks, Options{Key: key()}); len(found) > 0 {
			b.Fatal(render(found))
		}
	}
}

func BenchmarkParseLarge(b *testing.B) {
	for b.Loop() {
		parseLarge(b)
	}
}

func BenchmarkParseALineForEachColumn(b *testing.B) {
	var text strings.Builder
	text.WriteString("version: 1\ntables:\n")
	for table := range scaleTables {
		fmt.Fprintf(&text, "  public.t%d:\n    columns:\n", table)
		for column := range scaleColumns / scaleTables {
			fmt.Fprintf(&text, "      c%d: {keep: \"a reason to keep it\"}\n", column)
		}
	}
	read := files(map[string]string{"rules.yaml": text.String()})
	for b.Loop() {
		if _, found := Parse("rules.yaml", read); len(found) > 0 {
			b.Fatal(render(found))
		}
	}
}
