package builtin_test

import (
	"bytes"
	"encoding/xml"
	"regexp"
	"strings"
	"testing"

	"github.com/lethedb/lethe/anonymize"
)

// FuzzArray holds that nothing of an element passes: what is left between the masked ones is of the array's own.
func FuzzArray(f *testing.F) {
	for _, seed := range []string{`{}`, `{a,b}`, `{{"a b",NULL},{c,"\"\\"}}`, `[0:1]={a,b}`, `{"`, `{a`, `{a}}`, `{\`, `[=]{a}`, `{null,"NULL"}`, `{"a""b"}`, `{"a"b}`} {
		f.Add(seed)
	}
	fixed := anonymize.PathMask{Mask: made(f, "constant", args("text", map[string]any{"value": "x"}), 0)}
	m := made(f, "array", args("text[]", map[string]any{"each": []anonymize.PathMask{fixed}}), 0)
	form := regexp.MustCompile(`^([\[\]:0-9+-]*=)?(\{|\}|,|"x"|(?i:null))*$`)
	f.Fuzz(func(t *testing.T, input string) {
		out, err := m.Append([]byte{}, anonymize.Value{Text: []byte(input)})
		if err == nil && !form.Match(out) {
			t.Fatalf("%q became %q", input, out)
		}
	})
}

// FuzzHstore holds that what no key decides is taken out, and refused where that is asked for.
func FuzzHstore(f *testing.F) {
	for _, seed := range []string{``, `"a"=>"b"`, `"a"=>NULL, "b"=>"c"`, `"b"=>"\"", "a"=>"\\"`, `"a"=>`, `"a`, `"a"=>"b",`, `"\a"=>"b"`, `"a"=>"b", "a"=>"c"`, `a=>b`} {
		f.Add(seed)
	}
	keys := []anonymize.PathMask{{Path: "a", Mask: made(f, "constant", args("text", map[string]any{"value": "x"}), 0)}}
	loose := made(f, "hstore", args("hstore", map[string]any{"keys": keys, "unknown": "redact"}), 0)
	strict := made(f, "hstore", args("hstore", map[string]any{"keys": keys, "unknown": "refuse"}), 0)
	form := regexp.MustCompile(`^("a"=>("x"|NULL)(, "a"=>("x"|NULL))*)?$`)
	f.Fuzz(func(t *testing.T, input string) {
		out, err := loose.Append([]byte{}, anonymize.Value{Text: []byte(input)})
		if err == nil && !form.Match(out) {
			t.Fatalf("%q became %q", input, out)
		}
		if same, strictErr := strict.Append([]byte{}, anonymize.Value{Text: []byte(input)}); strictErr == nil && (err != nil || string(same) != string(out)) {
			t.Fatalf("%q became %q, and %q (%v) where more is allowed", input, same, out, err)
		}
	})
}

// FuzzNumbers holds that every number is masked with a number, and that what else comes in becomes one or is refused.
func FuzzNumbers(f *testing.F) {
	for _, seed := range []string{"0", "-1", "12.50", "NaN", "Infinity", "1e400", "-", ".", "$1,000.00", "9999999999999999999999", "0.000000000000000000001"} {
		f.Add(seed)
	}
	masks := map[string]anonymize.Mask{}
	for name, params := range numberMasks() {
		masks[name] = made(f, name, args("numeric", params), 1)
	}
	written := regexp.MustCompile(`^-?[0-9]{1,30}(\.[0-9]{1,30})?$`)
	number := regexp.MustCompile(`^(-?[0-9]+(\.[0-9]+)?|NaN|-?Infinity)$`)
	f.Fuzz(func(t *testing.T, input string) {
		for name, m := range masks {
			out, err := m.Append([]byte{}, anonymize.Value{Text: []byte(input)})
			if err == nil && out != nil && !number.Match(out) {
				t.Fatalf("%s made %q of %q", name, out, input)
			}
			if err != nil && written.MatchString(input) {
				t.Fatalf("%s refuses %q: %v", name, input, err)
			}
		}
	})
}

// FuzzRow holds that a row that passes is of the server's form and keeps nothing of a masked field.
func FuzzRow(f *testing.F) {
	for _, seed := range []string{`()`, `(,)`, `(a,b)`, `("",)`, `("a,b","c""d")`, `(a\,b,c)`, `("a"b,c)`, `(a,b`, `(a,b)c`, `(a,"b)`, `(\`, `(a,b,c)`, `((x),y)`} {
		f.Add(seed)
	}
	fields := []anonymize.PathMask{{Path: "1", Mask: made(f, "constant", args("text", map[string]any{"value": "x"}), 0)}, {Path: "2", Keep: true}}
	m := made(f, "composite", args("text", map[string]any{"fields": fields}), 0)
	form := regexp.MustCompile(`(?s)^\((x|),([^"\\(),\s]*|"([^"\\]|""|\\\\)*")\)$`)
	f.Fuzz(func(t *testing.T, input string) {
		out, err := m.Append([]byte{}, anonymize.Value{Text: []byte(input)})
		if err != nil {
			return
		}
		if !form.Match(out) {
			t.Fatalf("%q became %q", input, out)
		}
		if again, err := m.Append([]byte{}, anonymize.Value{Text: out}); err != nil || string(again) != string(out) {
			t.Fatalf("%q became %q, and that %q, %v", input, out, again, err)
		}
	})
}

// FuzzXML holds that nothing passes where every text and attribute is masked: what another parser finds in the output
// is masks, blanks and names.
func FuzzXML(f *testing.F) {
	for _, seed := range []string{
		`<a/>`, `<a b="c">d</a>`, `<a><![CDATA[x<y]]>&amp;&#65;</a>`, `<?xml version="1.0"?><a><!-- c --><b x='1' y="2"/></a>`, `<!DOCTYPE a><a/>`,
		`<a b="1" b="2"/>`, `<a>`, `</a>`, `<a></b>`, `<a b=c/>`, `a<b/>c`, `<a:b xmlns:a="u">t</a:b>`, `<a>&lt;b&gt;</a>`, `<a>]]></a>`, `<a b="&#0;"/>`, `<a b="<"/>`, `< a/>`,
	} {
		f.Add(seed)
	}
	x := made(f, "constant", args("text", map[string]any{"value": "x"}), 0)
	m := made(f, "xml", args("xml", map[string]any{"unknown": "redact", "paths": []anonymize.PathMask{{Path: "//*", Mask: x}, {Path: "//@*", Mask: x}}}), 0)
	f.Fuzz(func(t *testing.T, input string) {
		out, err := m.Append([]byte{}, anonymize.Value{Text: []byte(input)})
		if err != nil {
			return
		}
		d := xml.NewDecoder(bytes.NewReader(out))
		d.Strict = false
		for {
			token, err := d.RawToken()
			if err != nil {
				break // names that this parser does not take are the server's to judge
			}
			switch v := token.(type) {
			case xml.CharData:
				if text := strings.TrimSpace(string(v)); text != "" && text != "x" {
					t.Fatalf("%q became %q, which holds the text %q", input, out, text)
				}
			case xml.StartElement:
				for _, a := range v.Attr {
					if a.Value != "x" && a.Name.Space != "xmlns" && a.Name.Local != "xmlns" {
						t.Fatalf("%q became %q, which holds the attribute %q", input, out, a.Value)
					}
				}
			case xml.Comment, xml.ProcInst, xml.Directive:
				t.Fatalf("%q became %q", input, out)
			}
		}
	})
}
