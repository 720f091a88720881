package builtin_test

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/builtin/dictionary"
	"github.com/lethedb/lethe/anonymize/masktest"
	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/pgtest"
)

// postcodeForms are the forms of postcodes as the countries' posts publish them, written down beside the dictionary's
// patterns and independent of them.
func postcodeForms() map[string]string {
	return map[string]string{
		"AU": `\d{4}`, "BR": `\d{5}-\d{3}`, "CA": `[ABCEGHJ-NPRSTVXY]\d[ABCEGHJ-NPRSTV-Z] \d[ABCEGHJ-NPRSTV-Z]\d`,
		"DE": `(0[1-9]|[1-9]\d)\d{3}`, "ES": `(0[1-9]|[1-4]\d|5[0-2])\d{3}`, "FR": `(0[1-9]|[1-8]\d|9[0-8])\d{3}`,
		"GB": `[A-PR-UWYZ][A-HK-Y]?[1-9]\d? \d[ABD-HJLNP-UW-Z]{2}`, "IN": `[1-8]\d{5}`, "IT": `\d{5}`, "NL": `[1-9]\d{3} [A-EGHJ-NPRTVWXZ][A-EGHJ-NPR-TVWXZ]`,
		"PL": `\d{2}-\d{3}`, "SE": `[1-9]\d{2} \d{2}`, "US": `\d{5}`,
	}
}

// countryBoxes are the south, north, west and east of the countries' lands in degrees, islands that are meant included.
func countryBoxes() map[string][4]float64 {
	return map[string][4]float64{
		"AU": {-44, -10, 112, 154}, "BR": {-34, 6, -74, -34}, "CA": {41, 84, -141, -52}, "DE": {47, 55.1, 5.8, 15.1}, "ES": {27.6, 43.9, -18.2, 4.4},
		"FR": {41.3, 51.2, -5.3, 9.7}, "GB": {49.8, 60.9, -8.7, 1.8}, "IN": {6.7, 35.7, 68.1, 97.4}, "IT": {35.4, 47.1, 6.6, 18.6}, "NL": {50.7, 53.6, 3.3, 7.3},
		"PL": {49, 54.9, 14.1, 24.2}, "SE": {55.3, 69.1, 11, 24.2}, "US": {18.9, 71.4, -171.8, -66.9},
	}
}

// addressOf is what a row of entity n gets for each part.
func addressOf(t *testing.T, n int, params map[string]any) map[string]string {
	t.Helper()
	parts := map[string]string{}
	for _, part := range []string{"address", "street", "city", "region", "postcode", "country", "country_name", "latitude", "longitude"} {
		own := map[string]any{"entity": "n", "part": part}
		for name, value := range params {
			own[name] = value
		}
		got, err := write(t, "address_part", besides("text", own), rowOf("person", strconv.Itoa(n)), "x"+part)
		if err != nil {
			t.Fatalf("%s: %v", part, err)
		}
		parts[part] = got
	}
	return parts
}

// placeOf finds the one line of the dictionary that an address was drawn from.
func placeOf(t *testing.T, places []dictionary.Place, parts map[string]string) dictionary.Place {
	t.Helper()
	i := slices.IndexFunc(places, func(p dictionary.Place) bool {
		return p.City == parts["city"] && p.Region == parts["region"] && p.Country.Code == parts["country"] && p.Country.Name == parts["country_name"]
	})
	if i < 0 {
		t.Fatalf("%v is no line of the dictionary", parts)
	}
	return places[i]
}

func TestAnAddressIsOneLineOfTheDictionary(t *testing.T) {
	places := dictionary.NewLibrary().Places().In("")
	forms, boxes, met := postcodeForms(), countryBoxes(), map[string]int{}
	for n := range few(2000) {
		parts := addressOf(t, n, nil)
		p := placeOf(t, places, parts)
		code := parts["country"]
		met[code]++
		if !matches(forms[code])(parts["postcode"]) {
			t.Fatalf("%s is no postcode of %s", parts["postcode"], code)
		}
		if !slices.ContainsFunc(p.Postcodes, func(pattern string) bool {
			return matches(strings.NewReplacer("#", `\d`, "%", `[1-9]`, "@", `[A-Z]`).Replace(regexp.QuoteMeta(pattern)))(parts["postcode"])
		}) {
			t.Fatalf("%s is no postcode of %s", parts["postcode"], p.City)
		}
		north, east := parse(t, parts["latitude"]), parse(t, parts["longitude"])
		const most = 0.03 + 1e-9
		if math.Abs(north-float64(p.Latitude)/1e4) > most || math.Abs(east-float64(p.Longitude)/1e4) > most {
			t.Fatalf("%s, %s is far from %s", parts["latitude"], parts["longitude"], p.City)
		}
		if box := boxes[code]; north < box[0]-0.1 || north > box[1]+0.1 || east < box[2]-0.1 || east > box[3]+0.1 {
			t.Fatalf("%s, %s of %s is not in %s", parts["latitude"], parts["longitude"], p.City, code)
		}
		for _, part := range []string{"street", "city", "postcode"} {
			if !strings.Contains(parts["address"], parts[part]) {
				t.Fatalf("%q does not hold %q", parts["address"], parts[part])
			}
		}
	}
	if !testing.Short() && len(met) != len(forms) {
		t.Errorf("of %d countries %v were met", len(forms), met)
	}
}

func parse(t *testing.T, text string) float64 {
	t.Helper()
	x, err := strconv.ParseFloat(text, 64)
	if err != nil || !matches(`-?\d{1,3}\.\d{5}`)(text) {
		t.Fatalf("%q is no coordinate", text)
	}
	return x
}

func TestACountryHoldsEveryAddress(t *testing.T) {
	places := dictionary.NewLibrary().Places()
	for code := range postcodeForms() {
		cities := map[string]bool{}
		for n := range 200 {
			parts := addressOf(t, n, map[string]any{"country": strings.ToLower(code)})
			cities[parts["city"]] = true
			if p := placeOf(t, places.In(code), parts); p.Country.Code != code {
				t.Fatalf("%v is not in %s", parts, code)
			}
		}
		if len(cities) < 25 {
			t.Errorf("%s: 200 rows are in %d cities", code, len(cities))
		}
	}
}

func TestAddressesKeepTheLaws(t *testing.T) {
	d := lookup(t, "address_part")
	inputs := []string{"350 Fifth Avenue", "Springfield", "SW1A 1AA", "n/a", "", "李小龍"}
	with := func(typ, part string) anonymize.Args {
		return besides(typ, map[string]any{"entity": "n", "part": part})
	}
	for part, valid := range map[string]string{
		"address": `[A-Za-z0-9][A-Za-z0-9 ,.'()-]+`, "street": `[A-Za-z0-9][A-Za-z0-9 ,.-]+`, "city": `[A-Z'][A-Za-z '().-]+`, "region": `[A-Z][A-Za-z '-]+`,
		"postcode": `[A-Z0-9][A-Z0-9 -]{3,8}`, "country": `[A-Z]{2}`, "country_name": `[A-Z][A-Za-z ]+`, "latitude": `-?\d{1,2}\.\d{5}`, "longitude": `-?\d{1,3}\.\d{5}`,
	} {
		holds(t, d,
			masktest.Case{Name: part, Args: with("text", part), Row: rowOf("person", "5"), Inputs: inputs, FixedShape: true, MayEqual: true, Valid: matches(valid)},
			masktest.Case{Name: part + " of a row of nobody", Args: with("text", part), Row: masktest.Row{Ins: [][]byte{nil, nil}}, Inputs: inputs, FixedShape: true, MayEqual: true, Valid: matches(valid)},
			masktest.Case{Name: part + " citext", Args: with("citext", part), Row: rowOf("person", "5"), Inputs: inputs, FixedShape: true, MayEqual: true, Valid: matches(valid)},
			masktest.Case{Name: part + " too narrow", Args: with("varchar(1)", part), Refused: true})
	}
	holds(t, d,
		masktest.Case{Name: "country of two", Args: with("bpchar(2)", "country"), Row: rowOf("person", "5"), Inputs: []string{"PT", "  "}, FixedShape: true, MayEqual: true, Valid: matches(`[A-Z]{2}`)},
		masktest.Case{Name: "a city on a number", Args: with("numeric", "city"), Refused: true},
		masktest.Case{Name: "money", Args: with("money", "latitude"), Refused: true})
	for typ, valid := range map[string]string{"numeric": `-?\d{1,3}\.\d{5}`, "float8": `-?\d{1,3}\.\d{5}`, "float4": `-?\d{1,3}\.\d{5}`} {
		holds(t, d, masktest.Case{Name: typ, Args: with(typ, "longitude"), Row: rowOf("person", "5"), Inputs: []string{"12.5", "-0.1257", "NaN"}, FixedShape: true, MayEqual: true, Valid: matches(valid)})
	}
	for _, c := range []struct {
		precision, scale int
		valid            string
	}{{9, 6, `-?\d{1,3}\.\d{5}`}, {8, 5, `-?\d{1,3}\.\d{5}`}, {5, 2, `-?\d{1,3}\.\d{2}`}, {3, 0, `0|-?[1-9]\d{0,2}`}, {7, 5, ""}, {2, 0, ""}, {5, -2, ""}} {
		a := with("numeric", "longitude")
		a.Type.Precision, a.Type.Scale = c.precision, c.scale
		name := fmt.Sprintf("numeric(%d,%d)", c.precision, c.scale)
		if c.valid == "" {
			holds(t, d, masktest.Case{Name: name, Args: a, Refused: true})
			continue
		}
		holds(t, d, masktest.Case{Name: name, Args: a, Row: rowOf("person", "5"), Inputs: []string{"12.5", "0"}, FixedShape: true, MayEqual: true, Valid: matches(c.valid)})
	}
}

// Every place is met by some entity, each about as often as any other.
func TestPlacesAreDrawnEvenly(t *testing.T) {
	all := dictionary.NewLibrary().Places().In("")
	m := made(t, "address_part", besides("text", map[string]any{"entity": "n", "part": "city"}), 0)
	met := map[string]int{}
	rows := 100 * len(all)
	for n := range rows {
		out, err := m.Append([]byte{}, anonymize.Value{Text: []byte("x"), Row: rowOf("person", strconv.Itoa(n))})
		if err != nil {
			t.Fatal(err)
		}
		met[string(out)]++
	}
	for _, p := range all {
		if met[p.City] < 50 { // the chance of fewer is 10⁻⁸
			t.Errorf("%s is the city of %d of %d rows", p.City, met[p.City], rows)
		}
	}
}

// The server takes coordinates on numbers of every width that Check agrees to, and they stay within half a unit of
// its last digit.
func TestTheServerTakesCoordinates(t *testing.T) {
	db := pgtest.New(t)
	for i, c := range []struct {
		sql string
		typ catalog.Type
	}{
		{"numeric", catalog.Type{Name: "numeric", Base: "numeric"}}, {"numeric(9,6)", catalog.Type{Name: "numeric", Base: "numeric", Precision: 9, Scale: 6}},
		{"numeric(5,2)", catalog.Type{Name: "numeric", Base: "numeric", Precision: 5, Scale: 2}}, {"numeric(3,0)", catalog.Type{Name: "numeric", Base: "numeric", Precision: 3}},
		{"float4", typeOf("float4")}, {"float8", typeOf("float8")},
	} {
		table := fmt.Sprintf("t%d", i)
		db.Exec(t, fmt.Sprintf("CREATE TABLE %s (v %s)", table, c.sql))
		a := besides("text", map[string]any{"entity": "n", "part": "longitude"})
		exact := made(t, "address_part", a, 0)
		a.Type = c.typ
		m := made(t, "address_part", a, 0)
		var outputs, wants []string
		for n := range 300 {
			v := anonymize.Value{Text: []byte("1"), Row: rowOf("person", strconv.Itoa(n))}
			out, err := m.Append([]byte{}, v)
			if err != nil {
				t.Fatal(err)
			}
			want, err := exact.Append([]byte{}, v)
			if err != nil {
				t.Fatal(err)
			}
			outputs, wants = append(outputs, string(out)), append(wants, string(want))
		}
		wrong := db.QueryInt(t, fmt.Sprintf("SELECT count(*) FROM unnest($1::text[], $2::text[]) AS x(o, w) WHERE o::%[1]s IS DISTINCT FROM w::numeric::%[1]s", c.sql), outputs, wants)
		if wrong != 0 {
			t.Errorf("%s: %d coordinates are not the ones drawn, rounded", c.sql, wrong)
		}
	}
}
