package rules

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/derive"
	"github.com/lethedb/lethe/internal/catalog"
)

// compile parses and compiles rules against a sketch; findings that are errors fail the test.
func compile(t testing.TB, rules, tables string, o Options) *Plan {
	t.Helper()
	f, found := Parse("rules.yaml", files(map[string]string{"rules.yaml": rules}))
	if found.HasErrors() {
		t.Fatal(render(found))
	}
	plan, found := Compile(f, sketch(t, tables), testMasks(t), o)
	if found.HasErrors() {
		t.Fatal(render(found))
	}
	return plan
}

const (
	shopRules = `version: 1
defaults:
  "*.*.*_at": {keep: "a time", future: true}
tables:
  public.customer: {columns: {id: permute_int, email: email, name: null, note: {mask: redact_text, known: [name, email]}}}
  public.log: {rows: none}
  public.old: {drop: "gone soon"}
  public.order: {rows: {where: "id > 5"}, columns: {id: {keep: "a number"}}}
`
	shopTables = `
public.customer
  id int4 pk
  email varchar(60) notnull unique
  name text
  note text
  made_at timestamptz
  initial text generated
public.log
  line text
public.old
  line text
public.order
  id int4 pk
  customer_id int4 -> public.customer.id
`
)

func TestWhatMasksReadOfOtherRowsIsReadTogetherWithATable(t *testing.T) {
	plan := compile(t, `version: 1
defaults:
  "type:int4": permute_int
  "type:text": email
tables:
  public.customer: {columns: {name: {mask: redact_text, known: [email]}}}
  public.items: {columns: {kind: {keep: "a kind"}, note: {mask: redact_text, known: [order_id.customer_id.name, order_id.note, line]}}}
`, `
public.customer
  id int4 pk
  email text
  name text
public.order
  id int4 pk
  customer_id int4 -> public.customer.id
  note text
public.items partitioned (kind)
  kind int4
  order_id int4 -> public.order.id
  line text
  note text
public.item of public.items FOR VALUES IN (1)
  kind int4
  order_id int4
  line text
  note text
`, Options{Key: key()})
	entry := plan.Table(catalog.Name{Schema: "public", Name: "item"})
	read := entry.Read()
	var got []string
	for i, join := range read.Joins {
		got = append(got, fmt.Sprintf("row %d: %s where %s = %s of row %d", i+1, join.Table, join.Referenced, join.Columns, join.From))
	}
	for i, c := range read.Joined {
		got = append(got, fmt.Sprintf("%s of row %d, as %s with %s", c.Column, c.Join, entry.Joined[i].Path, entry.Joined[i].Siblings))
	}
	want := []string{
		"row 1: public.order where [id] = [order_id] of row 0", "row 2: public.customer where [id] = [customer_id] of row 1",
		"name of row 2, as order_id.customer_id.name with [order_id.customer_id.email]", "email of row 2, as order_id.customer_id.email with []",
		"note of row 1, as order_id.note with []",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if _, err := plan.Masker(entry.Table.Name); err != nil {
		t.Error(err)
	}
}

// TestAFileThatAMaskNamesIsReadBesideTheRulesAndDecides: another content is another plan, another place is not.
func TestAFileThatAMaskNamesIsReadBesideTheRulesAndDecides(t *testing.T) {
	digest := func(dir, content string) (string, string) {
		t.Helper()
		f, found := Parse(dir+"rules.yaml", files(map[string]string{
			dir + "rules.yaml": "version: 1\ninclude: [more/tables.yaml]\n",
			dir + "more/tables.yaml": `version: 1
tables: {public.customer: {columns: {name: {mask: wide, file: jobs.csv}}}}
`, dir + "more/jobs.csv": content,
		}))
		if found.HasErrors() {
			t.Fatal(render(found))
		}
		plan, found := Compile(f, sketch(t, "\npublic.customer\n  name text\n"), testMasks(t), Options{Key: key()})
		return plan.Digests.Plan, render(found)
	}
	one, found := digest("a/", "x;y")
	if found != "nothing\n" {
		t.Fatal(found)
	}
	if moved, _ := digest("b/", "x;y"); moved != one {
		t.Error("the same file elsewhere is another plan")
	}
	if changed, _ := digest("a/", "x;z"); changed == one {
		t.Error("another content is the same plan")
	}
	f, _ := Parse("rules.yaml", files(map[string]string{"rules.yaml": "version: 1\ntables: {public.customer: {columns: {name: {mask: wide, file: no.csv}}}}\n"}))
	if found := f.CheckMasks(testMasks(t)); len(found) != 1 || found[0].Code != "unreadable-file" || found[0].Place.Line != 2 {
		t.Errorf("a file that is not there: %v", found)
	}
}

func TestAnOrderHoldsEveryTableThatArrives(t *testing.T) {
	plan := compile(t, shopRules, shopTables, Options{Key: key()})
	order, err := plan.Order()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, table := range order {
		line := table.Table.Name.String() + " " + strings.Join(table.Columns, ",")
		if table.Empty {
			line += " empty"
		}
		if table.Where != "" {
			line += " where " + table.Where
		}
		got = append(got, line)
	}
	want := []string{
		"public.customer id,email,name,note,made_at", "public.log  empty", "public.order id,customer_id where id > 5",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if table := plan.Table(catalog.Name{Schema: "public", Name: "old"}); table == nil || table.Reason != "gone soon" {
		t.Errorf("the dropped table is %+v", table)
	}
	if plan.Table(catalog.Name{Schema: "public", Name: "nothing"}) != nil {
		t.Error("the plan has a table that is not there")
	}
}

func TestAPlanWithoutAKeyCannotBeRun(t *testing.T) {
	plan := compile(t, shopRules, shopTables, Options{})
	if !errors.Is(plan.Err(), anonymize.ErrNoKey) || !plan.NeedsKey() {
		t.Errorf("got %v, needs a key %v", plan.Err(), plan.NeedsKey())
	}
	if _, err := plan.Order(); !errors.Is(err, anonymize.ErrNoKey) {
		t.Errorf("order: %v", err)
	}
	if _, err := plan.Masker(catalog.Name{Schema: "public", Name: "customer"}); !errors.Is(err, anonymize.ErrNoKey) {
		t.Errorf("masker: %v", err)
	}
	free := compile(t, "version: 1\ntables: {public.a: {columns: {x: null, y: {keep: \"why\"}}}}\n", "public.a\n  x text\n  y text\n", Options{NeedKey: true})
	if free.Err() != nil || free.NeedsKey() {
		t.Errorf("data-free masks want a key: %v", free.Err())
	}
}

func TestARefusedPlanCannotBeRun(t *testing.T) {
	f, _ := Parse("rules.yaml", files(map[string]string{"rules.yaml": "version: 1\n"}))
	plan, found := Compile(f, sketch(t, "public.a\n  x text\n"), testMasks(t), Options{Key: key()})
	if !found.HasErrors() || !errors.Is(plan.Err(), ErrRefused) {
		t.Fatalf("got %v, %v", found, plan.Err())
	}
	if _, err := plan.Masker(catalog.Name{Schema: "public", Name: "a"}); !errors.Is(err, ErrRefused) {
		t.Errorf("masker: %v", err)
	}
	if e, err := Explain(plan, "public.a.x"); err != nil || e.Decision != "" || !strings.Contains(e.String(), "undecided") {
		t.Errorf("explain: %v, %v", e, err)
	}
	if !errors.Is((&Plan{}).Err(), ErrRefused) {
		t.Error("the zero plan can be run")
	}
	unknown, _ := Parse("rules.yaml", files(map[string]string{"rules.yaml": "version: 1\ndefaults: {\"*.*.x\": nothing_such}\n"}))
	plan, found = Compile(unknown, sketch(t, "public.a\n  x text\n"), testMasks(t), Options{Key: key()})
	if !found.HasErrors() || !errors.Is(plan.Err(), ErrRefused) {
		t.Errorf("an unknown mask: %v, %v", found, plan.Err())
	}
	if _, err := Explain(plan, "public.a.x"); !errors.Is(err, ErrRefused) {
		t.Errorf("explain without a plan: %v", err)
	}
}

func TestAMaskerMasksByThePlan(t *testing.T) {
	plan := compile(t, shopRules, shopTables, Options{Key: key()})
	table, err := plan.Masker(catalog.Name{Schema: "public", Name: "customer"})
	if err != nil {
		t.Fatal(err)
	}
	if got := table.Header(); got.Plan != plan.Digests.Plan || strings.Join(got.Columns, ",") != "id,email,name,note,made_at" {
		t.Errorf("header %+v", got)
	}
	in := "7\tmary@shop.example\tMary\thello Mary\t2024-01-01\n8\tx@y.example\t\\N\t\\N\t\\N\n"
	rows := table.Rows(func(w io.Writer) (int64, error) {
		_, err := io.WriteString(w, in)
		return 2, err
	})
	var out bytes.Buffer
	if _, err := rows.Push(&out); err != nil {
		t.Fatal(err)
	}
	want := "permute_int\temail\tnull\tredact_text\t2024-01-01\npermute_int\temail\t\\N\t\\N\t\\N\n"
	if out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
	for _, name := range []string{"log", "old", "nowhere"} {
		if _, err := plan.Masker(catalog.Name{Schema: "public", Name: name}); err == nil {
			t.Errorf("%s has a masker", name)
		}
	}
}

// TestThePlanDigestNamesEveryDecision holds that what changes the outcome changes the digest, and nothing
// else does.
func TestThePlanDigestNamesEveryDecision(t *testing.T) {
	base := compile(t, shopRules, shopTables, Options{Key: key()})
	for range 20 { // maps are walked in another order each time
		again := compile(t, shopRules, shopTables, Options{Key: key()})
		if again.Digests != base.Digests {
			t.Fatalf("got %+v, then %+v", base.Digests, again.Digests)
		}
	}
	if strings.Contains(base.Digests.Plan+base.Digests.Rules, " ") || len(base.Digests.Plan) != 64 || len(base.Digests.KeyID) != 16 {
		t.Errorf("digests %+v", base.Digests)
	}
	other := derive.MaskingKeyOf([32]byte{9})
	for name, plan := range map[string]*Plan{
		"another key":    compile(t, shopRules, shopTables, Options{Key: &other}),
		"no key":         compile(t, shopRules, shopTables, Options{}),
		"another mask":   compile(t, strings.Replace(shopRules, "name: null", "name: first_name", 1), shopTables, Options{Key: key()}),
		"a reason":       compile(t, strings.Replace(shopRules, "a number", "a mere number", 1), shopTables, Options{Key: key()}),
		"a parameter":    compile(t, strings.Replace(shopRules, "[name, email]", "[name]", 1), shopTables, Options{Key: key()}),
		"a condition":    compile(t, strings.Replace(shopRules, "id > 5", "id > 6", 1), shopTables, Options{Key: key()}),
		"a domain":       compile(t, strings.Replace(shopRules, "email: email", "email: {mask: email, domain: d}", 1), shopTables, Options{Key: key()}),
		"another length": compile(t, shopRules, strings.Replace(shopTables, "varchar(60)", "varchar(59)", 1), Options{Key: key()}),
	} {
		if plan.Digests.Plan == base.Digests.Plan {
			t.Errorf("%s does not change the digest", name)
		}
	}
	if grown := compile(t, shopRules, strings.Replace(shopTables, "public.order", "public.order rows 5000", 1), Options{Key: key()}); grown.Digests != base.Digests {
		t.Error("the size of a table changes a digest")
	}
}

// TestColumnsOfADomainAreCompiledToTheNarrowest holds that every column of one mapping is told the same
// length and integer, and is so in whatever order the tables stand.
func TestColumnsOfADomainAreCompiledToTheNarrowest(t *testing.T) {
	seen := map[string]anonymize.Args{}
	definitions := testMasks(t).All()
	for i := range definitions {
		name := definitions[i].Name
		if definitions[i].New != nil {
			definitions[i].New = func(a anonymize.Args) (anonymize.Mask, error) {
				seen[a.Column] = a
				return fake{name}, nil
			}
		}
	}
	registry, err := anonymize.NewRegistry(definitions)
	if err != nil {
		t.Fatal(err)
	}
	f, found := Parse("rules.yaml", files(map[string]string{"rules.yaml": `version: 1
domains: {capped: {max_length: 25}}
tables:
  public.a: {columns: {a_id: permute_int, a_mail: email, a_own: {mask: email, domain: own}, a_cap: {mask: email, domain: capped}}}
  public.b: {columns: {b_mail: email, b_free: email}}
`}))
	if found.HasErrors() {
		t.Fatal(render(found))
	}
	_, found = Compile(f, sketch(t, `
public.a
  a_id int8 pk
  a_mail varchar(60)
  a_own varchar(60)
  a_cap varchar(60)
public.b
  b_id int4 -> public.a.a_id
  b_mail varchar(40)
  b_free text
`), registry, Options{Key: key()})
	if found.HasErrors() {
		t.Fatal(render(found))
	}
	for column, want := range map[string]struct {
		base   string
		length int
		domain string
	}{
		"a_id": {"int4", 0, "public.a.a_id"}, "b_id": {"int4", 0, "public.a.a_id"},
		"a_mail": {"varchar", 40, "email"}, "b_mail": {"varchar", 40, "email"}, "b_free": {"text", 40, "email"},
		"a_own": {"varchar", 60, "own"}, "a_cap": {"varchar", 25, "capped"},
	} {
		got := seen[column]
		if got.Type.Base != want.base || got.Type.MaxLength != want.length || got.Domain != want.domain {
			t.Errorf("%s: got %s(%d) in %q, want %s(%d) in %q", column, got.Type.Base, got.Type.MaxLength, got.Domain, want.base, want.length, want.domain)
		}
		if got.Key.IsZero() {
			t.Errorf("%s has no key", column)
		}
	}
	print := func(column string) any { return derive.NewPRF(seen[column].Key).Sum([]byte("x")) }
	if print("a_id") != print("b_id") || print("a_mail") == print("a_own") || print("a_mail") != print("b_free") {
		t.Error("keys do not follow domains")
	}
}

// TestEveryColumnIsDecidedOrFound is the law of the package: over drawn schemas and rules, a plan that may
// be run has a decision for every copied column, kept ones have a reason, linked ones agree.
func TestEveryColumnIsDecidedOrFound(t *testing.T) {
	masks := testMasks(t)
	patterns := []string{"*.*.a", "*.*.b", "*.*.c", "*.t*.a", "*.t1.*", "public.*.?", "*.*.*", "type:int4", "type:text"}
	words := []string{"null", "empty", "redact", "permute_int", "email", "phone", `{keep: "why", future: true}`, `{keep: "why"}`}
	rapid.Check(t, func(r *rapid.T) {
		rules, tables := drawRules(r, patterns, words), drawTables(r)
		f, found := Parse("rules.yaml", files(map[string]string{"rules.yaml": rules}))
		if found.HasErrors() {
			return
		}
		o := Options{Key: key(), Undecided: rapid.SampledFrom([]Undecided{Refuse, Blank}).Draw(r, "undecided")}
		if rapid.Bool().Draw(r, "accepted") {
			o.Accepted = func(column string) bool { return strings.HasSuffix(column, ".a") }
		}
		plan, found := Compile(f, sketch(t, tables), masks, o)
		if (plan.Err() == nil) == found.HasErrors() {
			r.Fatalf("the plan says %v, the findings %s", plan.Err(), render(found))
		}
		if plan.Err() != nil {
			return
		}
		for _, table := range plan.Tables {
			if table.Rows != RowsNone && len(table.Columns) != len(table.Table.Columns) {
				r.Fatalf("%s: %d of %d columns decided", table.Table.Name, len(table.Columns), len(table.Table.Columns))
			}
			for _, c := range table.Columns {
				if c.Kept() == (c.Run != nil) || c.Kept() && c.Reason == "" {
					r.Fatalf("%s is neither kept for a reason nor masked", table.Table.Name.Column(c.Column.Name))
				}
			}
			checkJoins(r, plan, table)
		}
	})
}

// checkJoins holds that a column and the one it refers to have one mask and one domain, or the reference is
// NULL.
func checkJoins(r *rapid.T, plan *Plan, table TablePlan) {
	at := func(t *TablePlan, name string) *ColumnPlan {
		i := slices.IndexFunc(t.Columns, func(c ColumnPlan) bool { return c.Column.Name == name })
		if i < 0 {
			return nil
		}
		return &t.Columns[i]
	}
	for _, key := range table.Table.ForeignKeys {
		child, parent := at(&table, key.Columns[0]), at(plan.Table(key.References), key.ReferencedColumns[0])
		if child == nil || child.Mask == "null" {
			continue
		}
		if parent == nil || parent.Mask != child.Mask || parent.Domain != child.Domain {
			r.Fatalf("%s does not join its parent", table.Table.Name.Column(child.Column.Name))
		}
	}
}

func drawRules(r *rapid.T, patterns, words []string) string {
	word := rapid.SampledFrom(words)
	var b strings.Builder
	b.WriteString("version: 1\ndefaults:\n")
	for _, pattern := range rapid.SliceOfNDistinct(rapid.SampledFrom(patterns), 0, 3, rapid.ID[string]).Draw(r, "patterns") {
		b.WriteString("  \"" + pattern + "\": " + word.Draw(r, "mask") + "\n")
	}
	b.WriteString("  \"*.*.never\": null\ntables:\n")
	for _, table := range []string{"t1", "t2", "t3"} {
		b.WriteString("  public." + table + ":\n    columns:\n      never: null\n")
		for _, column := range []string{"a", "b", "c"} {
			if rapid.Bool().Draw(r, "line") {
				b.WriteString("      " + column + ": " + word.Draw(r, "mask") + "\n")
			}
		}
	}
	return strings.Replace(b.String(), "  \"*.*.never\": null\n", "", 1)
}

func drawTables(r *rapid.T) string {
	var b strings.Builder
	kinds := rapid.SampledFrom([]string{"int4", "text", "varchar(40)"})
	for _, table := range []string{"t1", "t2", "t3"} {
		b.WriteString("public." + table + "\n  never int8\n  a int4 pk\n")
		b.WriteString("  b " + kinds.Draw(r, "b") + rapid.SampledFrom([]string{"", " unique", " notnull"}).Draw(r, "b") + "\n")
		b.WriteString("  c int4" + rapid.SampledFrom([]string{
			"", " notnull", " -> public.t1.a", " notnull -> public.t2.a", " -> public.t3.a",
		}).Draw(r, "c") + "\n")
	}
	return b.String()
}

// TestWhatIsNotEnforcedRefusesNothing holds that an index whose build failed, and a foreign key that is
// declared and not enforced, are no reason to refuse; the latter still links masks.
func TestWhatIsNotEnforcedRefusesNothing(t *testing.T) {
	f, found := Parse("rules.yaml", files(map[string]string{"rules.yaml": `version: 1
tables:
  public.a: {rows: none}
  public.b: {columns: {a_id: {keep: "a number"}, name: first_name}}
`}))
	if len(found) > 0 {
		t.Fatal(render(found))
	}
	c := sketch(t, "public.a\n  id int4 pk\npublic.b\n  a_id int4 -> public.a.id\n  name text unique\n")
	codes := func() string {
		_, found := Compile(f, c, testMasks(t), Options{Key: key()})
		var codes []string
		for _, f := range found {
			codes = append(codes, f.Code)
		}
		return strings.Join(codes, " ")
	}
	if got, want := codes(), "dangling-rows unique-index"; got != want {
		t.Fatalf("enforced: got %q, want %q", got, want)
	}
	c.Tables[1].Indexes[0].Valid = false
	c.Tables[1].ForeignKeys[0].Enforced = false
	if got := codes(); got != "" {
		t.Errorf("not enforced: got %q", got)
	}
}
