package builtin_test

import (
	"fmt"
	"testing"
)

// A given name of ten characters and an address of eighty stand on one domain, which must not make the address's
// column as narrow as the name's: what is drawn of an entity is the same on any column that takes it.
func TestPartsOfOneEntityHaveWidthsOfTheirOwn(t *testing.T) {
	for mask, parts := range map[string][]string{
		"link":         {"first_name", "last_name", "full_name", "email", "username"},
		"address_part": {"address", "street", "city", "region", "postcode", "country", "country_name", "latitude", "longitude"},
	} {
		d := lookup(t, mask)
		if !d.Unmapped {
			t.Errorf("%s compiles all columns of its domain to the narrowest", mask)
		}
		for _, part := range parts {
			params := map[string]any{"entity": "n", "part": part}
			want, err := write(t, mask, besides("text", params), rowOf("person", "42"), "x")
			if err != nil {
				t.Fatal(err)
			}
			agreed := 0
			for width := 1; width <= 120; width++ {
				a := withDefaults(d, besides(fmt.Sprintf("varchar(%d)", width), params))
				if d.Check(a) != nil {
					continue
				}
				agreed++
				if got, err := write(t, mask, a, rowOf("person", "42"), "x"); err != nil || got != want {
					t.Errorf("%s of %s on %s: %q, and %q on text: %v", part, mask, a.Type.Name, got, want, err)
				}
			}
			if agreed < 10 {
				t.Errorf("%s of %s stands on %d widths", part, mask, agreed)
			}
		}
	}
}
