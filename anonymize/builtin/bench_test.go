package builtin_test

import (
	"testing"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/masktest"
	"github.com/lethedb/lethe/internal/catalog"
)

// BenchmarkMasks prices one value of each mask on one core; Definition.Cost holds the order of it.
func BenchmarkMasks(b *testing.B) {
	note := "Mary called at 10:30 about the parcel of last week, reach her at mary@shop.example or (212) 736-5000, said Bob"
	known := args("text", map[string]any{"known": []string{"first_name", "last_name"}})
	known.Siblings = map[string]int{"first_name": 0, "last_name": 1}
	row := masktest.Row{Ins: [][]byte{[]byte("Mary"), []byte("Smith")}, Outs: [][]byte{[]byte("Velda"), []byte("Quimby")}}
	paths := args("jsonb", map[string]any{"paths": []anonymize.PathMask{
		{Path: "$.customer.email", Mask: made(b, "email", args("text", nil), 0)},
		{Path: "$.customer.name", Mask: made(b, "full_name", args("text", nil), 0)}, {Path: "$.items[*].sku", Keep: true}, {Path: "$.total", Keep: true},
	}})
	document := `{"total": 12.50, "customer": {"name": "Mary Smith", "email": "mary@shop.example"}, "items": [{"sku": "A-1"}, {"sku": "B-2"}]}`
	for _, c := range []struct {
		name  string
		args  anonymize.Args
		input string
	}{
		{"null", args("text", nil), "Mary"}, {"empty", args("text", nil), "Mary"}, {"constant", args("text", map[string]any{"value": "x"}), "Mary"},
		{"redact", args("text", nil), "Mary"}, {"first_name", args("text", nil), "Mary"}, {"last_name", args("text", nil), "Smith"},
		{"full_name", args("text", nil), "Mary Smith"}, {"email", args("varchar(50)", nil), "mary.smith@sakilacustomer.org"},
		{"username", args("text", nil), "msmith77"}, {"phone", args("text", nil), "(212) 736-5000"}, {"street", args("text", nil), "350 Fifth Avenue"},
		{"city", args("text", nil), "Springfield"}, {"postcode", args("text", nil), "SW1A 1AA"},
		{"date_shift", args("timestamptz", map[string]any{"days": int64(30)}), "2022-02-14 10:12:13.123456+00"},
		{"hmac", args("text", nil), "QQ 12 34 56 C"}, {"token", args("text", nil), "C-2041"}, {"permute_int", args("int4", nil), "4711"},
		{"permute_int", args("int8", nil), "4711"}, {"redact_text", known, note}, {"json", paths, document},
	} {
		m := made(b, c.name, c.args, 0)
		b.Run(c.name+"/"+c.args.Type.Base, func(b *testing.B) {
			dst := make([]byte, 0, 1<<10)
			v := anonymize.Value{Text: []byte(c.input), Row: row}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := m.Append(dst, v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkEveryMask prices each mask on its own example; MASKS.md shows the order of it, as Definition.Cost has it.
func BenchmarkEveryMask(b *testing.B) {
	for _, d := range masks() {
		if d.New == nil || d.Reads == anonymize.ReadsTable || d.Name == "custom" { // see BenchmarkShuffle; a program costs what it costs
			continue
		}
		a, row := exampleOf(d)
		m, err := d.New(a)
		if err != nil {
			b.Fatalf("%s: %v", d.Name, err)
		}
		b.Run(d.Name, func(b *testing.B) {
			dst := make([]byte, 0, 1<<10)
			v := anonymize.Value{Text: []byte(d.Example.Input), Row: row}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := m.Append(dst, v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// exampleOf are arguments for a mask's own example, and a row that has every column it names.
func exampleOf(d anonymize.Definition) (anonymize.Args, masktest.Row) {
	bases := map[catalog.Class]string{
		catalog.ClassText: "text", catalog.ClassInteger: "int4", catalog.ClassDate: "date", catalog.ClassTimestamp: "timestamptz", catalog.ClassUUID: "uuid",
		catalog.ClassJSON: "jsonb", catalog.ClassBytes: "bytea", catalog.ClassArray: "text[]", catalog.ClassOther: "hstore",
	}
	a := withDefaults(d, args(bases[d.Accepts[0]], d.Example.Params))
	a.Key = masktest.TestKey(d, a, 0)
	a.Siblings, a.SiblingTypes = map[string]int{}, map[string]catalog.Type{}
	var row masktest.Row
	for _, name := range namedColumns(d, a) {
		a.Siblings[name], a.SiblingTypes[name] = len(row.Ins), typeOf("text")
		row.Ins, row.Outs = append(row.Ins, []byte("person")), append(row.Outs, []byte("Velda"))
	}
	return a, row
}
