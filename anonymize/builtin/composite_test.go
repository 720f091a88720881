package builtin_test

import (
	"strings"
	"testing"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/masktest"
	"github.com/lethedb/lethe/internal/catalog"
)

// besides are arguments of a mask that reads columns "kind" and "n", and the row that they stand in.
func besides(typ string, params map[string]any) anonymize.Args {
	a := args(typ, params)
	a.Siblings = map[string]int{"kind": 0, "n": 1}
	a.SiblingTypes = map[string]catalog.Type{"kind": typeOf("text"), "n": typeOf("int4")}
	return a
}

func rowOf(kind, n string) masktest.Row {
	return masktest.Row{Ins: [][]byte{[]byte(kind), []byte(n)}, Outs: [][]byte{[]byte("masked " + kind), []byte(n)}}
}

// nested is a parameter that holds the mask called name, on a column of type typ.
func nested(t testing.TB, name, typ string) []anonymize.PathMask {
	t.Helper()
	return []anonymize.PathMask{{Mask: made(t, name, args(typ, nil), 0)}}
}

func asItIs() []anonymize.PathMask { return []anonymize.PathMask{{Keep: true}} }

func TestMasksMadeOfOthersKeepTheLaws(t *testing.T) {
	inputs := []string{"Mary", "Smith", "n/a", "", "李小龍"}
	condition := map[string]any{"columns": []string{"kind", "n"}, "if": `kind == "person" && n > 3`, "then": nested(t, "last_name", "text"), "else": asItIs()}
	holds(t, lookup(t, "when"), masktest.Case{Name: "text", Args: besides("text", condition), Row: rowOf("person", "4"), Inputs: inputs, AnyKey: true, Nested: true, MayEqual: true},
		masktest.Case{Name: "no expression", Args: besides("text", map[string]any{"columns": []string{"kind"}, "if": "kind ==", "then": asItIs(), "else": asItIs()}), Refused: true},
		masktest.Case{Name: "an unknown column", Args: besides("text", map[string]any{"columns": []string{"kind"}, "if": "other == 1", "then": asItIs(), "else": asItIs()}), Refused: true},
		masktest.Case{Name: "the clock", Args: besides("text", map[string]any{"columns": []string{"kind"}, "if": "now().Year() > 2000", "then": asItIs(), "else": asItIs()}), Refused: true})
	choice := map[string]any{"column": "kind", "of": []anonymize.PathMask{{Path: "person", Mask: made(t, "last_name", args("text", nil), 0)}}, "else": nested(t, "email", "text")}
	holds(t, lookup(t, "case"), masktest.Case{Name: "text", Args: besides("text", choice), Row: rowOf("person", "4"), Inputs: inputs, AnyKey: true, Nested: true, MayEqual: true})
	links := map[string]any{"masks": append(nested(t, "full_name", "text"), nested(t, "email", "text")...)}
	holds(t, lookup(t, "chain"), masktest.Case{Name: "text", Args: args("text", links), Inputs: inputs, AnyKey: true, Nested: true},
		masktest.Case{Name: "keep", Args: args("text", map[string]any{"masks": asItIs()}), Refused: true})
	holds(t, lookup(t, "array"), masktest.Case{
		Name: "text[]", Args: args("text[]", map[string]any{"each": nested(t, "last_name", "text")}), AnyKey: true, Nested: true, MayEqual: true,
		Inputs: []string{"{}", "{Mary}", `{Mary,"O\"Brien \\ x",NULL,""}`, "{{a,b},{c,NULL}}", `[2:3]={a,b}`, `{"NULL"}`}, Valid: matches(`(\[[\d:\]\[-]+=)?\{.*\}`),
	}, masktest.Case{Name: "boxes", Args: args("box[]", map[string]any{"each": nested(t, "last_name", "text")}), Refused: true})
	keys := map[string]any{"keys": []anonymize.PathMask{{Path: "name", Mask: made(t, "last_name", args("text", nil), 0)}, {Path: "a b", Keep: true}}}
	holds(t, lookup(t, "hstore"), masktest.Case{
		Name: "hstore", Args: args("hstore", keys), AnyKey: true, Nested: true, MayEqual: true, Inputs: []string{``, `"name"=>"Mary"`, `"a b"=>"1", "name"=>NULL`, `"name"=>"O\"Brien, \\"`},
	}, masktest.Case{Name: "no hstore", Args: args("point", keys), Refused: true})
}

func TestRowMasksKeepTheLaws(t *testing.T) {
	inputs := []string{"Mary", "Smith", "n/a", "", "李小龍"}
	joined := map[string]any{"columns": []string{"kind", "n"}, "as": `kind + " " + string(n)`}
	holds(t, lookup(t, "derive"),
		masktest.Case{Name: "text", Args: besides("text", joined), Row: rowOf("person", "4"), Inputs: inputs, AnyKey: true, MayEqual: true, Valid: matches(`m.*`)},
		masktest.Case{Name: "itself", Args: besides("text", map[string]any{"columns": []string{"subject"}, "as": "subject"}), Refused: true})
	for part, valid := range map[string]string{
		"first_name": `[A-Z][a-z]+`, "last_name": `[A-Z][A-Za-z]+`, "full_name": `[A-Z][a-z]+ [A-Z][A-Za-z]+`,
		"email": `[a-z]+\.[a-z]+\.[0-9a-z]{10}@example\.com`, "username": `[a-z]+_[0-9a-z]{10}`,
	} {
		holds(t, lookup(t, "link"),
			masktest.Case{Name: part, Args: besides("text", map[string]any{"entity": "n", "part": part}), Row: rowOf("person", "4"), Inputs: inputs, FixedShape: true, MayEqual: true, Valid: matches(valid)},
			masktest.Case{Name: part + " too narrow", Args: besides("varchar(5)", map[string]any{"entity": "n", "part": part}), Refused: true})
	}
	copied := map[string]any{"column": "kind"}
	holds(t, lookup(t, "copy_from"),
		masktest.Case{Name: "text", Args: besides("text", copied), Row: rowOf("person", "4"), Inputs: inputs, AnyKey: true, Nested: true, MayEqual: true, Valid: matches("masked person")},
		masktest.Case{Name: "too narrow", Args: besides("varchar(20)", copied), Refused: true},
		masktest.Case{Name: "another type", Args: besides("uuid", copied), Refused: true})
	dates := besides("date", map[string]any{"column": "kind", "with": nested(t, "empty", "date")})
	dates.SiblingTypes = map[string]catalog.Type{"kind": typeOf("date")}
	holds(t, lookup(t, "not_before"), masktest.Case{Name: "date", Args: dates, Row: rowOf("2024-01-01", "1"), Inputs: []string{"2024-05-05", "infinity"}, AnyKey: true, MayEqual: true})
	dates.SiblingTypes = map[string]catalog.Type{"kind": typeOf("timestamptz")}
	holds(t, lookup(t, "not_before"), masktest.Case{Name: "another type", Args: dates, Refused: true})
}

func TestACopyOfWhatIsNotThereIsMaskedByItself(t *testing.T) {
	nobody := masktest.Row{Ins: [][]byte{nil, nil}, Outs: [][]byte{nil, nil}}
	a := besides("text", map[string]any{"column": "kind"})
	if out, err := write(t, "copy_from", a, nobody, "Mary"); out != "NULL" || err != nil {
		t.Errorf("without else it wrote %q, %v", out, err)
	}
	d := lookup(t, "copy_from")
	if a.NotNull = true; d.Check(a) == nil {
		t.Error("a column that allows no NULL was taken without else")
	}
	a.Params = map[string]any{"column": "kind", "else": nested(t, "last_name", "text")}
	if out, err := write(t, "copy_from", a, nobody, "Mary"); out == "NULL" || out == "Mary" || err != nil {
		t.Errorf("with else it wrote %q, %v", out, err)
	}
	if err := d.Check(a); err != nil {
		t.Error(err)
	}
}

// write returns what a mask makes of a value in a row.
func write(t *testing.T, name string, a anonymize.Args, row masktest.Row, input string) (string, error) {
	t.Helper()
	out, err := made(t, name, a, 0).Append([]byte{}, anonymize.Value{Text: []byte(input), Row: row})
	if out == nil {
		return "NULL", err
	}
	return string(out), err
}

func TestWhatARowSaysDecides(t *testing.T) {
	fixed := func(text string) []anonymize.PathMask {
		return []anonymize.PathMask{{Mask: made(t, "constant", args("text", map[string]any{"value": text}), 0)}}
	}
	for _, c := range []struct {
		mask   string
		params map[string]any
		row    masktest.Row
		want   string
	}{
		{"when", map[string]any{"columns": []string{"kind"}, "if": `kind startsWith "p"`, "then": fixed("yes"), "else": fixed("no")}, rowOf("person", "1"), "yes"},
		{"when", map[string]any{"columns": []string{"n"}, "if": `n > 3 || value == "other"`, "then": fixed("yes"), "else": fixed("no")}, rowOf("person", "1"), "no"},
		{"when", map[string]any{"columns": []string{"n"}, "if": `value == "Mary"`, "then": fixed("yes"), "else": asItIs()}, rowOf("person", "1"), "yes"},
		{"when", map[string]any{"columns": []string{"kind"}, "if": `row["kind"] == nil`, "then": fixed("yes"), "else": fixed("no")}, masktest.Row{Ins: [][]byte{nil, nil}}, "yes"},
		{"case", map[string]any{"column": "kind", "of": []anonymize.PathMask{{Path: "a", Keep: true}}, "else": fixed("no")}, rowOf("a", "1"), "Mary"},
		{"case", map[string]any{"column": "kind", "of": []anonymize.PathMask{{Path: "a", Keep: true}}, "else": fixed("no")}, rowOf("b", "1"), "no"},
		{"chain", map[string]any{"masks": append(fixed("first"), nested(t, "redact", "text")...)}, rowOf("b", "1"), "****"},
		{"derive", map[string]any{"columns": []string{"kind", "n"}, "as": `upper(kind) + "-" + string(n)`}, rowOf("a", "7"), "MASKED A-7"},
		{"derive", map[string]any{"columns": []string{"kind"}, "as": `nil`}, rowOf("a", "7"), "NULL"},
	} {
		if got, err := write(t, c.mask, besides("text", c.params), c.row, "Mary"); err != nil || got != c.want {
			t.Errorf("%s %v: got %q, %v, want %q", c.mask, c.params["if"], got, err, c.want)
		}
	}
	for first, want := range map[string]string{"2024-01-01": "2024-05-05", "2024-05-06": "2024-05-06", "infinity": "infinity", "-infinity": "2024-05-05", "0044-03-15 BC": "2024-05-05", "12024-01-01": "12024-01-01"} {
		a := besides("date", map[string]any{"column": "kind", "with": asItIs()})
		a.SiblingTypes = map[string]catalog.Type{"kind": typeOf("date")}
		row := masktest.Row{Ins: [][]byte{nil, nil}, Outs: [][]byte{[]byte(first), nil}}
		if got, err := write(t, "not_before", a, row, "2024-05-05"); err != nil || got != want {
			t.Errorf("not before %s: got %s, %v, want %s", first, got, err, want)
		}
	}
}

func TestAnExpressionThatDoesNotSuitTellsNoValue(t *testing.T) {
	for _, c := range []struct {
		mask   string
		params map[string]any
	}{
		{"when", map[string]any{"columns": []string{"kind"}, "if": `kind > 3`, "then": asItIs(), "else": asItIs()}},
		{"when", map[string]any{"columns": []string{"kind"}, "if": `kind + "x"`, "then": asItIs(), "else": asItIs()}},
		{"derive", map[string]any{"columns": []string{"kind"}, "as": `int(kind)`}},
		{"derive", map[string]any{"columns": []string{"kind"}, "as": `[kind]`}},
	} {
		_, err := write(t, c.mask, besides("text", c.params), rowOf("canary", "1"), "canary")
		if err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s %v: %v", c.mask, c.params, err)
		}
	}
}

func TestColumnsOfOneEntityAgree(t *testing.T) {
	parts := map[string]string{}
	for _, part := range []string{"first_name", "last_name", "full_name", "email", "username"} {
		a := besides("text", map[string]any{"entity": "n", "part": part})
		for _, input := range []string{"x", "another"} { // the value itself says nothing
			got, err := write(t, "link", a, rowOf("person", "42"), input)
			if before, seen := parts[part]; err != nil || seen && before != got {
				t.Fatalf("%s: %q and %q, %v", part, before, got, err)
			}
			parts[part] = got
		}
	}
	first, last := strings.ToLower(parts["first_name"]), strings.ToLower(parts["last_name"])
	if parts["full_name"] != parts["first_name"]+" "+parts["last_name"] || !strings.HasPrefix(parts["email"], first+"."+last+".") || !strings.HasPrefix(parts["username"], first+"_") {
		t.Errorf("the parts do not agree: %v", parts)
	}
}
