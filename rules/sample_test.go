package rules

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/builtin"
	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/pg"
	"github.com/lethedb/lethe/internal/pgtest"
)

func samples() []string { return []string{"pagila", "chinook"} }

func goldenCatalog(sample string) string {
	return filepath.Join("..", "testdata", "golden", "catalog_"+sample+".json")
}

func sampleCatalog(t testing.TB, sample string) *catalog.Catalog {
	t.Helper()
	text, err := os.ReadFile(goldenCatalog(sample))
	if err != nil {
		t.Fatal(err)
	}
	var c catalog.Catalog
	if err := json.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	return &c
}

func builtinMasks(t testing.TB) *anonymize.Registry {
	t.Helper()
	r, err := anonymize.NewRegistry(builtin.Masks())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// sampleRules parses the rules of a sample and fails on any finding.
func sampleRules(t testing.TB, sample string, r *anonymize.Registry) *File {
	t.Helper()
	f, found := Parse(filepath.Join("..", "testdata", "rules", sample+".yaml"), os.ReadFile)
	found = append(found, f.CheckMasks(r)...)
	if len(found) > 0 {
		t.Fatalf("%s:\n%s", sample, render(found))
	}
	return f
}

// portable leaves out what differs from server to server, so that the stored catalogs serve everywhere.
func portable(c *catalog.Catalog) []byte {
	c.Server, c.Database = catalog.Server{Version: 150000, Encoding: "UTF8", Provider: "libc", Collate: "C", Ctype: "C"}, "sample"
	for i := range c.Schemas {
		c.Schemas[i].Owner = "owner"
	}
	for i := range c.Sequences {
		c.Sequences[i].Owner = "owner"
	}
	for i := range c.Tables {
		t := &c.Tables[i]
		t.Owner, t.Size = "owner", catalog.Size{Rows: 1000, Blocks: 10, Bytes: 81920}
		for j := range t.Columns {
			t.Columns[j].Stats = catalog.Stats{}
		}
	}
	c.Extensions = slices.DeleteFunc(c.Extensions, func(e catalog.Extension) bool { return e.Name == "plpgsql" })
	text, err := json.MarshalIndent(c, "", " ")
	if err != nil {
		return []byte(err.Error())
	}
	return append(text, '\n')
}

// TestStoredCatalogsAreThoseOfTheSamples holds the stored catalogs to what a server says, so that the tests
// that need none do not drift from the truth.
func TestStoredCatalogsAreThoseOfTheSamples(t *testing.T) {
	for _, sample := range samples() {
		t.Run(sample, func(t *testing.T) {
			db := pgtest.New(t)
			pgtest.Load(t, db, sample, pgtest.Login{})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			source, err := pg.OpenSource(ctx, pg.SourceOptions{Name: sample, DSN: db.DSN(), Run: "test"})
			if err != nil {
				t.Fatal(err)
			}
			defer source.Close()
			c, err := source.Catalog(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if c.Server.Major() != 15 {
				t.Skip("the stored catalogs are those of PostgreSQL 15; other majors spell some expressions differently")
			}
			got := portable(c)
			if *update {
				if err := os.WriteFile(goldenCatalog(sample), got, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(goldenCatalog(sample))
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != string(want) {
				t.Errorf("the stored catalog of %s is stale; run the test with -update", sample)
			}
		})
	}
}

// TestSampleRulesDecideEveryColumn compiles the rules of both samples: no finding but warnings, and every
// column of a person masked.
func TestSampleRulesDecideEveryColumn(t *testing.T) {
	people := map[string][]string{
		"pagila": {
			"public.customer.first_name", "public.customer.last_name", "public.customer.email",
			"public.staff.first_name", "public.staff.last_name", "public.staff.email", "public.staff.username",
			"public.staff.password", "public.staff.picture", "public.actor.first_name", "public.actor.last_name",
			"public.address.address", "public.address.address2", "public.address.postal_code", "public.address.phone",
		},
		"chinook": {
			"public.Customer.FirstName", "public.Customer.LastName", "public.Customer.Email", "public.Customer.Phone",
			"public.Customer.Fax", "public.Customer.Address", "public.Customer.Company", "public.Customer.PostalCode",
			"public.Employee.FirstName", "public.Employee.LastName", "public.Employee.Email", "public.Employee.Phone",
			"public.Employee.Fax", "public.Employee.Address", "public.Employee.BirthDate",
			"public.Invoice.BillingAddress", "public.Invoice.BillingPostalCode",
		},
	}
	r := builtinMasks(t)
	for _, sample := range samples() {
		t.Run(sample, func(t *testing.T) {
			c := sampleCatalog(t, sample)
			plan, found := Compile(sampleRules(t, sample, r), c, r, Options{Key: key()})
			if found.HasErrors() {
				t.Fatalf("%s:\n%s", sample, render(found))
			}
			for _, table := range plan.Tables {
				if want := len(copied(table.Table)); len(table.Columns) != want {
					t.Errorf("%s: %d columns decided, want %d", table.Table.Name, len(table.Columns), want)
				}
				for _, column := range table.Columns {
					if column.Kept() && strings.TrimSpace(column.Reason) == "" {
						t.Errorf("%s is kept without a reason", table.Table.Name.Column(column.Column.Name))
					}
				}
				if _, err := plan.Masker(table.Table.Name); err != nil {
					t.Error(err)
				}
			}
			for _, column := range people[sample] {
				e, err := Explain(plan, column)
				if err != nil || e.Decision == "" || e.Decision == "keep" {
					t.Errorf("%s: %q, %v; want a mask", column, e.Decision, err)
				}
			}
		})
	}
}

// copied returns the columns of t that COPY moves.
func copied(t *catalog.Table) []catalog.Column {
	return slices.DeleteFunc(slices.Clone(t.Columns), func(c catalog.Column) bool { return c.Generated != "" })
}

// decides returns the column whose decision hangs on a line of the sample rules, "" when none does.
func decides(line string) string {
	key, _, _ := strings.Cut(strings.TrimSpace(line), ": ")
	switch {
	case strings.HasPrefix(line, "      "): // a column
		return key
	case strings.HasPrefix(line, `  "*`): // a pattern
		return strings.Trim(key[strings.LastIndex(key, ".")+1:], `"`)
	case strings.HasPrefix(line, "  - {from: ["): // a reference
		from, _, _ := strings.Cut(line, "]")
		return from[strings.LastIndex(from, ".")+1:]
	}
	return ""
}

// TestDroppingOneLineOfTheSampleRulesRefuses takes each line that decides something out of the rules, one
// at a time: the column is then named, or nothing was lost because another line covers it.
func TestDroppingOneLineOfTheSampleRulesRefuses(t *testing.T) {
	r := builtinMasks(t)
	path := filepath.Join("..", "testdata", "rules", "pagila.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	c := sampleCatalog(t, "pagila")
	lines := strings.Split(string(text), "\n")
	tried := 0
	for i, line := range lines {
		name := decides(line)
		if name == "" {
			continue
		}
		tried++
		without := strings.Join(slices.Delete(slices.Clone(lines), i, i+1), "\n")
		f, found := Parse(path, func(string) ([]byte, error) { return []byte(without), nil })
		if found.HasErrors() {
			continue // the table's columns: is empty now, which is refused by name
		}
		_, found = Compile(f, c, r, Options{Key: key()})
		named := false
		for _, f := range found {
			named = named || strings.HasSuffix(f.Object, "."+name) && (f.Place.Line > 0 || f.Code == "undecided-column")
		}
		if !found.HasErrors() || !named {
			t.Errorf("without %q: got\n%s", strings.TrimSpace(line), render(found))
		}
	}
	if tried < 30 {
		t.Errorf("only %d lines were tried", tried)
	}
}
