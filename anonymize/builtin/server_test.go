package builtin_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/masktest"
	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// serverType is a type and values of it as COPY would write them.
type serverType struct {
	sql    string
	typ    catalog.Type
	values []string
}

func serverTypes() []serverType {
	texts := []string{"Mary", "mary.smith@shop.example", "(212) 736-5000", "SW1A 1AA", "", "n/a", "李小龍", `{"a": 1}`}
	stamps := []string{"1984-02-29 23:59:59.999999", "infinity", "-infinity", "4714-11-24 00:00:00 BC", "294276-12-31 23:59:59.999999"}
	typ := func(base string) catalog.Type { return catalog.Type{Name: base, Base: base} }
	sized := func(base string, n int) catalog.Type { return catalog.Type{Name: base, Base: base, MaxLength: n} }
	return []serverType{
		{"text", typ("text"), texts}, {"varchar(50)", sized("varchar", 50), texts}, {"varchar(26)", sized("varchar", 26), texts[1:]}, {"char(40)", sized("bpchar", 40), texts},
		{"citext", catalog.Type{Name: "citext", Base: "citext", CaseFolded: true}, texts}, {"name", typ("name"), texts},
		{"int2", typ("int2"), []string{"1", "16383"}}, {"int4", typ("int4"), []string{"1", "1073741823"}}, {"int8", typ("int8"), []string{"1", "4503599627370495"}},
		{"numeric(6,2)", catalog.Type{Name: "numeric", Base: "numeric", Precision: 6, Scale: 2}, []string{"12.50"}}, {"float8", typ("float8"), []string{"1e+20"}},
		{"money", typ("money"), []string{"$1,000.00"}}, {"bool", typ("bool"), []string{"t"}},
		{"date", typ("date"), []string{"1984-02-29", "infinity", "4714-11-24 BC", "5874897-12-31"}},
		{"timestamp", typ("timestamp"), stamps}, {"timestamptz", typ("timestamptz"), []string{"1984-02-29 23:59:59+00", "4714-11-24 00:00:00+00 BC"}},
		{"time", typ("time"), []string{"10:00:00"}}, {"timetz", typ("timetz"), []string{"10:00:00+00"}}, {"interval", typ("interval"), []string{"1 day"}},
		{"uuid", typ("uuid"), []string{"8c9f63d1-37a4-4a7c-b6cf-6e53a7f3c1d2"}}, {"json", typ("json"), []string{`{"a": "b", "n": 1}`}}, {"jsonb", typ("jsonb"), []string{`{"a": "b", "n": 1}`}},
		{"bytea", typ("bytea"), []string{`\xdeadbeef`, `\x`}}, {"inet", typ("inet"), []string{"10.0.0.1"}}, {"cidr", typ("cidr"), []string{"10.0.0.0/8"}},
		{"macaddr", typ("macaddr"), []string{"08:00:2b:01:02:03"}}, {"macaddr8", typ("macaddr8"), []string{"08:00:2b:01:02:03:04:05"}},
		{"mood", catalog.Type{Name: "mood", Base: "mood", Enum: []string{"sad", "happy"}}, []string{"happy"}},
		{"text[]", typ("text[]"), []string{"{a,b}"}}, {"mood[]", typ("mood[]"), []string{"{sad}"}},
		{"bit(7)", sized("bit", 7), []string{"1010101"}}, {"varbit", typ("varbit"), []string{"1"}}, {"xml", typ("xml"), []string{"<a/>"}}, {"tsvector", typ("tsvector"), []string{"'a'"}},
		{"tsquery", typ("tsquery"), []string{"'a'"}}, {`"char"`, typ("char"), []string{"a"}}, {"oid", typ("oid"), []string{"1"}}, {"pg_lsn", typ("pg_lsn"), []string{"0/1"}},
		{"int4range", typ("int4range"), []string{"[1,2)"}}, {"tstzmultirange", typ("tstzmultirange"), []string{"{}"}}, {"point", typ("point"), []string{"(1,2)"}},
		{"hstore", typ("hstore"), []string{`"name"=>"Mary", "size"=>NULL`, ""}},
		{"pair", catalog.Type{Name: "public.pair", Base: "public.pair", Composite: true, Fields: []string{"a", "b c"}}, []string{`("x, ""y""\\\\",)`, `(,"")`}},
		{"box", typ("box"), []string{"(1,1),(0,0)"}}, {"circle", typ("circle"), []string{"<(1,1),1>"}}, {"lseg", typ("lseg"), []string{"[(0,0),(1,1)]"}},
		{"path", typ("path"), []string{"((0,0))"}}, {"polygon", typ("polygon"), []string{"((0,0))"}}, {"xid8", typ("xid8"), []string{"1"}},
	}
}

// requiredParams gives the parameters that a mask cannot do without.
func requiredParams(t *testing.T, mask string, typ catalog.Type) map[string]any {
	switch mask {
	case "date_shift":
		return map[string]any{"days": int64(400)}
	case "json":
		return map[string]any{"paths": []anonymize.PathMask{{Path: "$.a", Mask: made(t, "email", args("text", nil), 0)}, {Path: "$.n", Keep: true}}}
	case "when":
		return map[string]any{"columns": []string{"c"}, "if": "c != nil", "then": blankOf(typ), "else": asItIs()}
	case "case":
		return map[string]any{"column": "c", "of": []anonymize.PathMask{{Path: "x", Keep: true}}, "else": blankOf(typ)}
	case "chain":
		return map[string]any{"masks": append(blankOf(typ), blankOf(typ)...)}
	case "not_before":
		return map[string]any{"column": "c", "with": blankOf(typ)}
	case "derive":
		return map[string]any{"columns": []string{"c"}, "as": "c"}
	case "array":
		element := typ
		element.Base = strings.TrimSuffix(typ.Base, "[]")
		if element.Base == "mood" {
			element.Enum = []string{"sad", "happy"}
		}
		return map[string]any{"each": blankOf(element)}
	case "hierarchy":
		wide := "x;work\n"
		if typ.Class() == catalog.ClassEnum {
			wide = "happy;sad\n"
		}
		return map[string]any{"file": anonymize.FileText{Text: []byte(wide)}, "unknown": "top"}
	case "composite":
		return map[string]any{"fields": []anonymize.PathMask{{Path: "b c", Mask: made(t, "email", args("text", nil), 0)}, {Path: "a", Keep: true}}}
	case "constant":
		switch typ.Class() {
		case catalog.ClassText:
			return map[string]any{"value": "x"}
		case catalog.ClassInteger, catalog.ClassNumeric:
			return map[string]any{"value": "7"}
		case catalog.ClassDate, catalog.ClassTimestamp:
			return map[string]any{"value": "2020-02-29"}
		case catalog.ClassBoolean:
			return map[string]any{"value": "true"}
		case catalog.ClassEnum:
			return map[string]any{"value": "sad"}
		case catalog.ClassJSON:
			return map[string]any{"value": `{"a": [1, 2]}`}
		case catalog.ClassUUID:
			return map[string]any{"value": "8c9f63d1-37a4-4a7c-b6cf-6e53a7f3c1d2"}
		}
		return nil
	}
	if params := lookup(t, mask).Example.Params; params != nil {
		return params
	}
	return map[string]any{} // there are none to ask for
}

// valuesFor returns the values that a mask is shown: those that refuse what is not of their form get some that are.
func valuesFor(d anonymize.Definition, st serverType) []string {
	switch d.Name {
	case "fpe":
		return []string{"123456", "C-204177", "000000"}
	case "url_parts":
		return []string{"https://shop.flowmart.com/"}
	case "xml":
		return []string{`<customer id="7"><name>Mary</name></customer>`}
	case "permute_number":
		return []string{"123-45-6789", "000000000"}
	case "permute_phone":
		if st.typ.Class() == catalog.ClassInteger {
			return []string{"2127365000", "999999999999999"}
		}
		return []string{"(212) 736-5000", "+44 20 7946 0000"}
	}
	return st.values
}

// blankOf is the mask empty on a type, null where it has no blank value.
func blankOf(typ catalog.Type) []anonymize.PathMask {
	for _, d := range masks() {
		a := anonymize.Args{Column: "subject", Type: typ}
		if d.Name == "empty" && d.Check(a) == nil {
			if m, err := d.New(a); err == nil {
				return []anonymize.PathMask{{Mask: m}}
			}
		}
	}
	return []anonymize.PathMask{{Mask: nothing{}}}
}

// nothing is NULL.
type nothing struct{}

func (nothing) Append([]byte, anonymize.Value) ([]byte, error) { return nil, nil }

// namedColumns are the columns that parameters name.
func namedColumns(d anonymize.Definition, a anonymize.Args) []string {
	var names []string
	for _, p := range d.Params {
		switch p.Kind {
		case anonymize.ParamColumn:
			if name, ok := a.Params[p.Name].(string); ok {
				names = append(names, name)
			}
		case anonymize.ParamColumns:
			some, _ := a.Params[p.Name].([]string)
			names = append(names, some...)
		}
	}
	return names
}

// readable gives a mask that names columns a row to read them from, all of the type it stands on.
func readable(d anonymize.Definition, a *anonymize.Args, st serverType) masktest.Row {
	var row masktest.Row
	a.Siblings, a.SiblingTypes = map[string]int{}, map[string]catalog.Type{}
	for _, name := range namedColumns(d, *a) {
		a.Siblings[name], a.SiblingTypes[name] = len(row.Ins), st.typ
		row.Ins, row.Outs = append(row.Ins, []byte(st.values[0])), append(row.Outs, []byte(st.values[0]))
	}
	return row
}

func TestTheServerTakesWhateverAMaskWrites(t *testing.T) {
	db := pgtest.New(t)
	db.Exec(t, "CREATE EXTENSION citext", "CREATE EXTENSION hstore", "CREATE TYPE mood AS ENUM ('sad', 'happy')", `CREATE TYPE pair AS (a text, "b c" varchar(80))`)
	tried := map[string]int{}
	blanks := 0
	for i, st := range serverTypes() {
		table := fmt.Sprintf("t%d", i)
		db.Exec(t, fmt.Sprintf("CREATE TABLE %s (v %s)", table, st.sql))
		var names, outputs []string
		for _, d := range masks() {
			params := requiredParams(t, d.Name, st.typ)
			if d.New == nil || params == nil || !accepts(d, st.typ) {
				continue
			}
			a := withDefaults(d, anonymize.Args{Column: "v", Type: st.typ, Params: params})
			a.Key = masktest.TestKey(d, a, 0)
			if d.Check != nil && d.Check(a) != nil {
				continue
			}
			row := readable(d, &a, st)
			m, err := d.New(a)
			if err != nil {
				t.Fatal(err)
			}
			for _, value := range valuesFor(d, st) {
				out, err := m.Append([]byte{}, anonymize.Value{Text: []byte(value), Row: row})
				if err != nil {
					t.Errorf("%s on %s: %v", d.Name, st.sql, err)
				} else if out != nil {
					names, outputs = append(names, d.Name), append(outputs, string(out))
				}
			}
			tried[d.Name]++
			if d.Name == "empty" {
				blanks++
			}
		}
		// The record's fields go through their types' input functions, with their modifiers, as COPY's do.
		insert := "INSERT INTO " + table + " SELECT (json_populate_record(NULL::" + table + ", json_build_object('v', o))).v FROM unnest($1::text[]) o RETURNING 1"
		if got := db.QueryStrings(t, insert, outputs); len(got) != len(outputs) {
			t.Errorf("%s took %d of %d outputs of %v", st.sql, len(got), len(outputs), names)
		}
	}
	for _, d := range masks() {
		// What reads the table gives out values of the column itself, and custom what a program writes.
		if d.New != nil && tried[d.Name] == 0 && d.Reads != anonymize.ReadsTable && d.Name != "custom" {
			t.Errorf("no output of %s reached the server", d.Name)
		}
	}
	if blanks < 40 {
		t.Errorf("only %d types have a blank value", blanks)
	}
}

func accepts(d anonymize.Definition, typ catalog.Type) bool {
	for _, class := range d.Accepts {
		if class == typ.Class() {
			return true
		}
	}
	return false
}

// Two values have one canonical form if and only if the server calls them equal.
func TestCanonicalFormsMeetWhereTheServerSaysEqual(t *testing.T) {
	db := pgtest.New(t)
	db.Exec(t, "ALTER DATABASE "+db.Name()+" SET timezone TO UTC", "CREATE EXTENSION citext", "CREATE COLLATION ignore_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false)")
	texts := []string{"bob", "Bob", "BOB ", "bob  ", " bob", "", " ", "é", "É", "ß", "SS", "bob\t"}
	for _, c := range []struct {
		sql    string
		typ    catalog.Type
		values []string
	}{
		{"text", typeOf("text"), texts},
		{"varchar(20)", typeOf("varchar(20)"), texts},
		{"char(20)", typeOf("bpchar(20)"), texts},
		{"citext", typeOf("citext"), texts},
		{`text COLLATE ignore_case`, catalog.Type{Base: "text", CaseFolded: true}, append(texts, "e\u0301", "E\u0301")},
		{"int4", typeOf("int4"), []string{"7", "007", "-7", "-0", "0", "+7"}},
		{"numeric", typeOf("numeric"), []string{"1.50", "1.5", "1.500", "-0.0", "0", "100", "1e2", "NaN", "Infinity", "-Infinity", "0.001", "1e-3"}},
		{"float8", typeOf("float8"), []string{"1.5", "-0", "0", "1e20", "100000000000000000000", "1e-7", "NaN", "0.1", "1e300"}},
		{"float4", typeOf("float4"), []string{"1.5", "-0", "0", "1e20", "0.1"}},
		{"date", typeOf("date"), []string{"2020-02-29", "2020-02-28", "infinity", "0044-03-15 BC", "0044-03-15"}},
		{"timestamp", typeOf("timestamp"), []string{"2020-02-29", "2020-02-29 00:00:00", "2020-02-29 10:00:00", "2020-02-29 10:00:00.000", "0044-03-15 BC"}},
		{"timestamptz", typeOf("timestamptz"), []string{"2020-02-29 00:00:00+00", "2020-02-29 02:00:00+02", "2020-02-29 10:00:00+00", "infinity"}},
		{"inet", typeOf("inet"), []string{"10.0.0.1", "10.0.0.1/32", "10.0.0.1/8", "::1", "::1/128"}},
		{"cidr", typeOf("cidr"), []string{"10.0.0.1/32", "10.0.0.0/8", "::/128"}},
		{"uuid", typeOf("uuid"), []string{"8c9f63d1-37a4-4a7c-b6cf-6e53a7f3c1d2", "8C9F63D1-37A4-4A7C-B6CF-6E53A7F3C1D2"}},
		{"bytea", typeOf("bytea"), []string{`\x00`, `\x`, `\x0000`}},
	} {
		base, collate, _ := strings.Cut(c.sql, " ")
		query := fmt.Sprintf(`SELECT array_to_string(ARRAY[a::%[1]s], '') || '|' || array_to_string(ARRAY[b::%[1]s], '') || '|' || (a::%[1]s = b::%[1]s %[2]s)
			FROM unnest($1::text[]) a, unnest($1::text[]) b`, base, collate)
		pairs := db.QueryStrings(t, query, c.values)
		if len(pairs) != len(c.values)*len(c.values) {
			t.Fatalf("%s: %d pairs", c.sql, len(pairs))
		}
		for _, pair := range pairs {
			part := strings.Split(pair, "|")
			equal := canonical(c.typ, part[0]) == canonical(c.typ, part[1])
			if want := part[2] == "true"; equal != want {
				t.Errorf("%s: %q and %q are equal: server %v, canonical %v", c.sql, part[0], part[1], want, equal)
			}
		}
	}
}

func TestTheServerCountsTheDaysAsTheShiftDoes(t *testing.T) {
	db := pgtest.New(t)
	m := made(t, "date_shift", args("date", map[string]any{"days": int64(30)}), 0)
	days := db.QueryStrings(t, "SELECT (d::int * 977 + date '4714-11-26 BC')::text FROM generate_series(0, 2190) d UNION SELECT (date '5874897-12-31' - d)::text FROM generate_series(0, 40) d")
	shifted := make([]string, len(days))
	for i, day := range days {
		out, err := m.Append([]byte{}, anonymize.Value{Text: []byte(day)})
		if err != nil {
			t.Fatal(err)
		}
		shifted[i] = string(out)
	}
	wrong := db.QueryInt(t, "SELECT count(*) FROM unnest($1::text[], $2::text[]) AS x(a, b) WHERE abs(b::date - a::date) NOT BETWEEN 1 AND 30 OR b::date::text <> b", days, shifted)
	if wrong != 0 || len(days) < 2000 {
		t.Errorf("%d of %d dates moved by nothing or by more than 30 days", wrong, len(days))
	}
}
