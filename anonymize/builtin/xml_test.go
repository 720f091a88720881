package builtin_test

import (
	"strings"
	"testing"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/masktest"
	"github.com/lethedb/lethe/internal/pgtest"
)

// xmlArgs are arguments of xml on a column of the type, with a mask that writes <x&"> and those paths, "=" before kept ones.
func xmlArgs(t testing.TB, typ, unknown string, paths ...string) anonymize.Args {
	t.Helper()
	x := made(t, "constant", args("text", map[string]any{"value": `<x&">`}), 0)
	var entries []anonymize.PathMask
	for _, path := range paths {
		if kept, ok := strings.CutPrefix(path, "="); ok {
			entries = append(entries, anonymize.PathMask{Path: kept, Keep: true})
			continue
		}
		entries = append(entries, anonymize.PathMask{Path: path, Mask: x})
	}
	return args(typ, map[string]any{"paths": entries, "unknown": unknown})
}

func TestXMLIsMaskedByPaths(t *testing.T) {
	const x, quoted = "&lt;x&amp;\"&gt;", "&lt;x&amp;&#34;&gt;"
	for _, c := range []struct {
		in, want, unknown string
		paths             []string
	}{
		{`<c id="7"><name>Mary</name></c>`, `<c id="7"><name>` + x + `</name></c>`, "refuse", []string{"=/c/@id", "/c/name"}},
		{"<?xml version='1.0'?>\n<c>\n <!-- Mary --><name>Ma<!-- r -->ry</name >\n</c>\n", "\n<c>\n <name>" + x + "</name>\n</c>\n", "refuse", []string{"/c/name"}},
		{`<c><name>a<![CDATA[<b>]]>&#67;</name></c>`, `<c><name>` + x + `</name></c>`, "refuse", []string{"/c/name"}},
		{`<c><name>a<![CDATA[<b>]]>&#67;</name><mail/></c>`, `<c><name>a<![CDATA[<b>]]>&#67;</name><mail/></c>`, "refuse", []string{"=/c/name", "/c/mail"}},
		{`<c><a x='1' y = "2"/></c>`, `<c><a x="` + quoted + `" y="2"/></c>`, "refuse", []string{"/c/a/@*", "=/c/a/@y"}},
		{`<c><a>1</a><b><d>2</d>3</b></c>`, `<c><a>1</a><b></b></c>`, "redact", []string{"=/c/a", "/c/b/@x"}},
		{`<c><a z="9">1</a></c>t`, `<c><a>` + x + `</a></c>`, "redact", []string{"/c/a"}},
		{`<c><a>1</a><d><a>2</a></d></c>`, `<c><a>1</a><d><a>` + x + `</a></d></c>`, "refuse", []string{"//a", "=/c/a"}},
		{`<n:c xmlns:n="u"><n:a>1</n:a></n:c>`, `<n:c xmlns:n="u"><n:a>` + x + `</n:a></n:c>`, "refuse", []string{"/n:c/*"}},
		{``, ``, "refuse", []string{"/c/name"}},
	} {
		out, err := made(t, "xml", xmlArgs(t, "xml", c.unknown, c.paths...), 0).Append([]byte{}, anonymize.Value{Text: []byte(c.in)})
		if err != nil || string(out) != c.want {
			t.Errorf("%s by %v became\n%s, want\n%s (%v)", c.in, c.paths, out, c.want, err)
		}
	}
}

func TestXMLThatNobodyDecidedOrThatIsNoneIsRefused(t *testing.T) {
	m := made(t, "xml", xmlArgs(t, "xml", "refuse", "/c/name", "/c/@id"), 0)
	for _, in := range []string{
		`<c>canary</c>`, `<c><canary/></c>`, `<c canary="1"/>`, `<c x="canary"/>`, `canary`, `<c><name><b>canary</b></name></c>`,
		`<c>`, `</c>`, `<c></d>`, `<c id=canary/>`, `<c id="canary/>`, `<c id="1"id="2"/>`, `<c id="1" id="2"/>`, `<c id="<"/>`, `<c><name>&canary;</name></c>`, `<c><name>&#0;</name></c>`,
		`<c><name>&canary</name></c>`, `<!DOCTYPE c [<!ENTITY e "canary">]><c/>`, `<c><![CDATA[canary</c>`, `<c><!-- canary</c>`, `<?canary`, `<1/>`, `< c/>`, `<c/ >`, strings.Repeat("<c>", 600),
	} {
		out, err := m.Append([]byte{}, anonymize.Value{Text: []byte(in)})
		if err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s became %s, %v", in, out, err)
		}
	}
	odd := made(t, "constant", args("text", map[string]any{"value": "a\u0001"}), 0)
	m = made(t, "xml", args("xml", map[string]any{"paths": []anonymize.PathMask{{Path: "/c", Mask: odd}}}), 0)
	if out, err := m.Append([]byte{}, anonymize.Value{Text: []byte("<c>1</c>")}); err == nil {
		t.Errorf("a character that XML does not know became %q", out)
	}
}

func TestXMLKeepsTheLaws(t *testing.T) {
	holds(t, lookup(t, "xml"),
		masktest.Case{Name: "xml", Args: xmlArgs(t, "xml", "refuse", "//name"), Inputs: []string{"<c><name>Mary</name></c>", "<name>Bob</name>"}, AnyKey: true, Nested: true, MayEqual: true},
		masktest.Case{Name: "no path", Args: xmlArgs(t, "xml", "refuse", "name"), Refused: true},
		masktest.Case{Name: "keeps anything", Args: xmlArgs(t, "xml", "refuse", "=//*", "/c"), Refused: true},
		masktest.Case{Name: "masks nothing", Args: xmlArgs(t, "xml", "refuse", "=/c"), Refused: true},
		masktest.Case{Name: "an attribute of nothing", Args: xmlArgs(t, "xml", "refuse", "/@x"), Refused: true},
		masktest.Case{Name: "an empty step", Args: xmlArgs(t, "xml", "refuse", "/c//d"), Refused: true},
		masktest.Case{Name: "no xml", Args: xmlArgs(t, "point", "refuse", "/c"), Refused: true},
		masktest.Case{Name: "limited", Args: xmlArgs(t, "varchar(20)", "refuse", "/c"), Refused: true})
}

func TestTheServerReadsMaskedXML(t *testing.T) {
	db := pgtest.New(t)
	m := made(t, "xml", xmlArgs(t, "xml", "redact", "//*", "//@*", "=//kept"), 0)
	for _, in := range []string{
		`<a b="c" d='&quot;&#10;'>text &amp; more<b/><![CDATA[<data>]]></a>`, `a fragment<b>of two</b><c/>`, `<n:a xmlns:n="http://example.com/">ü</n:a>`, "<?xml version=\"1.0\"?><a>\r\n</a>",
		`<a><kept>a<![CDATA[<b>]]>&gt;</kept></a>`,
	} {
		out, err := m.Append([]byte{}, anonymize.Value{Text: []byte(in)})
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		if n := db.QueryInt(t, `SELECT count(*) FROM (SELECT xmlparse(CONTENT $1::text)) x`, string(out)); n != 1 {
			t.Errorf("%s became %s", in, out)
		}
	}
}

// BenchmarkXML prices a document of some kilobytes, most of it kept.
func BenchmarkXML(b *testing.B) {
	var document strings.Builder
	document.WriteString("<order id=\"7\">\n")
	for range 50 {
		document.WriteString("  <line sku=\"A-1\"><text>a box of pencils, sharpened and sorted by colour</text><name>Mary Smith</name></line>\n")
	}
	document.WriteString("</order>")
	in := []byte(document.String())
	m := made(b, "xml", xmlArgs(b, "xml", "refuse", "=/order/@id", "=/order/line/@sku", "=/order/line/text", "/order/line/name"), 0)
	dst := make([]byte, 0, 2*len(in))
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Append(dst, anonymize.Value{Text: in}); err != nil {
			b.Fatal(err)
		}
	}
}
