package builtin_test

import (
	"testing"

	"github.com/lethedb/lethe/anonymize"
)

// BenchmarkLocales prices the masks that know countries and languages, beside what BenchmarkMasks has of them.
func BenchmarkLocales(b *testing.B) {
	part := func(name string) anonymize.Args {
		return besides("text", map[string]any{"entity": "n", "part": name})
	}
	german := args("text", map[string]any{"locale": "de", "gender": "female"})
	for _, c := range []struct {
		name, mask string
		args       anonymize.Args
		input      string
	}{
		{"address", "address_part", part("address"), "350 Fifth Avenue"}, {"street", "address_part", part("street"), "350 Fifth Avenue"},
		{"city", "address_part", part("city"), "Springfield"}, {"postcode", "address_part", part("postcode"), "10001"}, {"latitude", "address_part", part("latitude"), "40.7"},
		{"de", "first_name", german, "Mary"}, {"de/umlaut", "first_name", german, "Jürgen"}, {"de", "full_name", german, "Mary Smith"},
	} {
		m := made(b, c.mask, c.args, 0)
		b.Run(c.mask+"/"+c.name, func(b *testing.B) {
			dst := make([]byte, 0, 1<<10)
			v := anonymize.Value{Text: []byte(c.input), Row: rowOf("person", "4711")}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := m.Append(dst, v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
