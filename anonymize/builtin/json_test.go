package builtin_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/lethedb/lethe/anonymize"
)

// bracket marks what it masked, so that a test sees where a mask was and on what.
type bracket struct{}

func (bracket) Append(dst []byte, v anonymize.Value) ([]byte, error) {
	return append(append(append(dst, '<'), v.Text...), '>'), nil
}

// digitsOnly masks with a number, as a permutation does.
type digitsOnly struct{}

func (digitsOnly) Append(dst []byte, _ anonymize.Value) ([]byte, error) {
	return append(dst, "77"...), nil
}

func jsonMask(t testing.TB, unknown string, paths ...anonymize.PathMask) anonymize.Mask {
	t.Helper()
	return made(t, "json", args("json", map[string]any{"paths": paths, "unknown": unknown}), 0)
}

func at(path string) anonymize.PathMask { return anonymize.PathMask{Path: path, Mask: bracket{}} }

func kept(path string) anonymize.PathMask { return anonymize.PathMask{Path: path, Keep: true} }

func TestPathsMaskWhatTheyNameAndNothingElse(t *testing.T) {
	null := anonymize.PathMask{Path: "$.null", Mask: made(t, "null", args("text", nil), 0)}
	fixed := anonymize.PathMask{Path: "$.fixed", Mask: made(t, "constant", args("text", map[string]any{"value": `a"b\`}), 0)}
	number := anonymize.PathMask{Path: "$.number", Mask: digitsOnly{}}
	m := jsonMask(t, "refuse", at("$.email"), at("$.people[*].name"), kept("$.people[*].age"), kept("$.kept"), at(`$["odd key"]`), at("$.map.*"),
		kept("$.map.safe"), at("$.deep[*][*]"), null, fixed, number)
	for _, c := range []struct{ input, want string }{
		{`{"email": "a"}`, `{"email": "<a>"}`},
		{` { "email" : "a" , "kept" : 1.50 } `, ` { "email" : "<a>" , "kept" : 1.50 } `},
		{`{"kept": [1e400, {"x": "\u0041\/"}, -0, 1.10, "é"], "email": ""}`, `{"kept": [1e400, {"x": "\u0041\/"}, -0, 1.10, "é"], "email": "<>"}`},
		{`{"email": "a", "email": "b"}`, `{"email": "<a>", "email": "<b>"}`},
		{`{"em\u0061il": "a\n\"\u00e9\ud83d\ude00"}`, `{"em\u0061il": "<a\u000a\"é😀>"}`},
		{`{"people": [{"name": "a", "age": 7}, {"age": 8}, {}, null]}`, `{"people": [{"name": "<a>", "age": 7}, {"age": 8}, {}, null]}`},
		{`{"odd key": "a", "map": {"x@y": "a", "safe": "b"}, "deep": [["a"], [], [null]]}`, `{"odd key": "<a>", "map": {"x@y": "<a>", "safe": "b"}, "deep": [["<a>"], [], [null]]}`},
		{`{"email": null}`, `{"email": null}`},
		{`{}`, `{}`},
		{`[]`, `[]`},
		{`null`, `null`},
		// Types stay.
		{`{"email": 5, "number": 12.5}`, `{"email": 0, "number": 77}`},
		{`{"email": true}`, `{"email": false}`},
		{`{"number": "12"}`, `{"number": "77"}`},
		// Masks that look at nothing take everything.
		{`{"null": {"a": ["b"]}, "fixed": ["b"]}`, `{"null": null, "fixed": []}`},
		{`{"null": "a", "fixed": "b"}`, `{"null": null, "fixed": "a\"b\\"}`},
		{`{"fixed": {"a": 1}}`, `{"fixed": {}}`},
		// Nothing in it, nothing to decide.
		{`{"email": {}, "people": {}}`, `{"email": {}, "people": {}}`},
	} {
		out, err := m.Append([]byte{}, anonymize.Value{Text: []byte(c.input)})
		if err != nil {
			t.Errorf("%s: %v", c.input, err)
		} else if string(out) != c.want {
			t.Errorf("%s\n became %s\n    want %s", c.input, out, c.want)
		}
	}
}

func TestWhatNoPathDecidesFailsTheRunByPlaceAndNeverByName(t *testing.T) {
	m := jsonMask(t, "refuse", at("$.email"), at("$.people[*].name"))
	for input, place := range map[string]string{
		`{"email": "a", "mary@shop.example": 1}`:            "member 2 of $ ",
		`{"people": [{"name": "a"}, {"mary smith": "a"}]}`:  "member 1 of $.people[*] ",
		`{"people": ["mary smith"]}`:                        "$.people[*] holds a string",
		`{"people": 5}`:                                     "$.people holds a number",
		`{"email": ["mary smith"]}`:                         "$.email holds an array",
		`{"email": {"mary smith": "mary smith"}}`:           "$.email holds an object",
		`"mary smith"`:                                      "$ holds a string",
		`[{"mary smith": 1}]`:                               "$ holds an array",
		strings.Repeat(`{"people":[`, 5) + `{"mary smith":`: "",
	} {
		out, err := m.Append([]byte{}, anonymize.Value{Text: []byte(input)})
		switch {
		case err == nil:
			t.Errorf("%s became %s", input, out)
		case !strings.Contains(err.Error(), place):
			t.Errorf("%s: the error does not say %q: %v", input, place, err)
		case strings.Contains(err.Error(), "mary"):
			t.Errorf("the error quotes the document: %v", err)
		}
	}
}

func TestRedactTakesOutWhatNoPathDecidesWithItsKey(t *testing.T) {
	m := jsonMask(t, "redact", at("$.email"), kept("$.kept"), at("$.people[*].name"))
	for _, c := range []struct{ input, want string }{
		{`{"mary@shop.example": 1, "email": "a", "x": [1, {"y": "}"}], "kept": 1.0, "z": 2}`, `{ "email": "<a>", "kept": 1.0}`},
		{`{"x": 1}`, `{}`},
		{`{"email": ["mary"], "people": ["mary", 5, true, null, {"name": "a", "b": 1}, [1]]}`, `{"email": [], "people": ["", 0, false, null, {"name": "<a>"}, []]}`},
		{`"mary"`, `""`},
		{`[1, 2]`, `[]`},
		{`3.5`, `0`},
	} {
		out, err := m.Append([]byte{}, anonymize.Value{Text: []byte(c.input)})
		if err != nil || string(out) != c.want {
			t.Errorf("%s\n became %s\n    want %s (%v)", c.input, out, c.want, err)
		}
	}
}

func TestDeepDocumentsAreRefusedOrCopiedAndNeverExhaustTheStack(t *testing.T) {
	deep := strings.Repeat("[", 1_000_000) + strings.Repeat("]", 1_000_000)
	m := jsonMask(t, "refuse", at("$.a"), kept("$.kept"))
	if out, err := m.Append([]byte{}, anonymize.Value{Text: []byte(`{"kept": ` + deep + `}`)}); err != nil || len(out) != len(deep)+len(`{"kept": }`) {
		t.Errorf("a deep document that is kept: %v", err)
	}
	if _, err := m.Append([]byte{}, anonymize.Value{Text: []byte(`{"a": ` + deep + `}`)}); err == nil {
		t.Error("a deep document passed where a single value is masked")
	}
	path := "$" + strings.Repeat("[*]", 600)
	m = jsonMask(t, "refuse", at(path))
	if _, err := m.Append([]byte{}, anonymize.Value{Text: []byte(strings.Repeat("[", 600) + "1" + strings.Repeat("]", 600))}); err == nil {
		t.Error("a document deeper than the limit was walked")
	}
}

func TestPathsAreRefusedBeforeTheRun(t *testing.T) {
	d := lookup(t, "json")
	for _, paths := range [][]anonymize.PathMask{
		nil, {}, {at("")}, {at("email")}, {at("$.")}, {at("$..a")}, {at("$.a.")}, {at("$[0]")}, {at("$[")}, {at(`$["a]`)}, {at("$a")}, {at(`$.a"b`)}, {at("$.a]")},
		{at("$.a"), at("$.a")}, {at("$.a"), at("$.a.b")}, {at("$.a.b"), at("$.a")}, {kept("$.a"), at("$.a[*]")}, {kept("$")}, {kept("$.a"), kept("$.b")},
		// What keeps without naming a key lets pass whatever a document gains tomorrow.
		{at("$.a"), kept("$.*")}, {at("$.a"), kept("$.*.*")}, {at("$[*].a"), kept("$[*].*")}, {at("$.a"), kept("$[*]")},
	} {
		if d.Check(args("jsonb", map[string]any{"paths": paths, "unknown": "refuse"})) == nil {
			t.Errorf("%d paths, the first %q, are agreed to", len(paths), append(paths, at("none"))[0].Path)
		}
	}
	// The rules are checked without a key, when no mask is made yet.
	if err := d.Check(args("jsonb", map[string]any{"paths": []anonymize.PathMask{{Path: `$.a['b.c'][*].*`}}, "unknown": "refuse"})); err != nil {
		t.Error(err)
	}
	if m, err := d.New(args("jsonb", map[string]any{"paths": []anonymize.PathMask{{Path: "$.a"}}})); err == nil {
		t.Errorf("a path without a mask made %v", m)
	}
}

// document draws a JSON document as Go values.
func document(t *rapid.T, depth int) any {
	kind := rapid.IntRange(0, 6).Draw(t, "kind")
	if depth == 0 && kind > 4 {
		kind = 0
	}
	switch kind {
	case 0, 1:
		return rapid.String().Draw(t, "string")
	case 2:
		return rapid.Float64Range(-1e9, 1e9).Draw(t, "number")
	case 3:
		return rapid.Bool().Draw(t, "boolean")
	case 4:
		return nil
	case 5:
		list := []any{}
		for range rapid.IntRange(0, 3).Draw(t, "length") {
			list = append(list, document(t, depth-1))
		}
		return list
	}
	object := map[string]any{}
	for range rapid.IntRange(0, 3).Draw(t, "members") {
		object[rapid.SampledFrom([]string{"a", "b", "kept", "", "é\n", `"`}).Draw(t, "key")] = document(t, depth-1)
	}
	return object
}

// blanked is what redact makes of a document by a second way: decoded, changed, encoded.
func blanked(v any, inside bool) any {
	switch v := v.(type) {
	case map[string]any:
		if inside {
			return map[string]any{}
		}
		out := map[string]any{}
		if a, ok := v["a"]; ok {
			out["a"] = blanked(a, true)
		}
		if k, ok := v["kept"]; ok {
			out["kept"] = k
		}
		return out
	case []any:
		return []any{}
	case string:
		if inside {
			return "<" + v + ">"
		}
		return ""
	case float64:
		return 0.0
	case bool:
		return false
	}
	return v
}

func TestTheWalkAgreesWithADecoder(t *testing.T) {
	m := jsonMask(t, "redact", at("$.a"), kept("$.kept"))
	rapid.Check(t, func(rt *rapid.T) {
		want := document(rt, 3)
		text, err := json.Marshal(want)
		if err != nil {
			rt.Skip()
		}
		if rapid.Bool().Draw(rt, "indented") {
			var b bytes.Buffer
			if err := json.Indent(&b, text, " ", "\t"); err != nil {
				rt.Fatal(err)
			}
			text = b.Bytes()
		}
		var decoded, got any
		if err := json.Unmarshal(text, &decoded); err != nil {
			rt.Fatal(err)
		}
		out, err := m.Append([]byte{}, anonymize.Value{Text: text})
		if err != nil {
			rt.Fatalf("%s: %v", text, err)
		}
		if err := json.Unmarshal(out, &got); err != nil {
			rt.Fatalf("%s became %s: %v", text, out, err)
		}
		wanted, _ := json.Marshal(blanked(decoded, false))
		again, _ := json.Marshal(got)
		if !bytes.Equal(wanted, again) {
			rt.Fatalf("%s became %s, want %s", text, again, wanted)
		}
	})
}

func FuzzJSON(f *testing.F) {
	for _, seed := range []string{`{"a": "b"}`, `{"a":{"b":[1,2]}}`, `[`, `{"a`, `{"a":}`, `{,}`, `{"a":1,}`, `"\u"`, `{"a":"\ud800"}`, `1e5`, `tru`, `{"\u0061":1}`} {
		f.Add(seed)
	}
	m := jsonMask(f, "redact", at("$.a"), kept("$.b.c"), at("$.d[*]"))
	strict := jsonMask(f, "refuse", at("$.a"), kept("$.b"))
	f.Fuzz(func(t *testing.T, input string) {
		out, err := m.Append([]byte{}, anonymize.Value{Text: []byte(input)})
		_, strictErr := strict.Append([]byte{}, anonymize.Value{Text: []byte(input)})
		if json.Valid([]byte(input)) && (err != nil || !json.Valid(out)) {
			t.Fatalf("%q became %q (%v)", input, out, err)
		}
		if strictErr == nil && err != nil {
			t.Fatalf("%q is refused where more is allowed", input)
		}
	})
}
