package builtin_test

import (
	"strings"
	"testing"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/masktest"
)

// addressArgs are arguments of url_parts that write "x y" for the parts named, and keep those after "=".
func addressArgs(t testing.TB, typ, unknown string, parts ...string) anonymize.Args {
	t.Helper()
	x := made(t, "constant", args("text", map[string]any{"value": "x y&"}), 0)
	host := made(t, "constant", args("text", map[string]any{"value": "www.example.com"}), 0)
	var entries []anonymize.PathMask
	for _, part := range parts {
		entry := anonymize.PathMask{Path: part, Mask: x}
		if kept, ok := strings.CutPrefix(part, "="); ok {
			entry = anonymize.PathMask{Path: kept, Keep: true}
		} else if part == "host" {
			entry.Mask = host
		}
		entries = append(entries, entry)
	}
	return args(typ, map[string]any{"parts": entries, "unknown": unknown})
}

func TestWebAddressesAreMaskedByTheirParts(t *testing.T) {
	for _, c := range []struct {
		in, want, unknown string
		parts             []string
	}{
		{"https://shop.test:8443/a/b?c=1&mail=m%40x#top", "https://www.example.com:8443/a/b?c=1&mail=x+y%26#x%20y&", "refuse", []string{"host", "=path", "=query.c", "query.*", "fragment"}},
		{"https://mary:secret@shop.test/", "https://www.example.com/", "refuse", []string{"host"}},
		{"https://shop.test", "https://www.example.com", "refuse", []string{"host"}},
		{"https://shop.test/mary?mary=1#mary", "https://www.example.com/", "redact", []string{"host"}},
		{"/orders/7?id=7", "/orders/7?id=7", "refuse", []string{"=path", "=query.id"}},
		{"//shop.test/p", "//www.example.com/x%20y&", "refuse", []string{"host", "path"}},
		{"http://[2001:db8::1]:80/", "http://www.example.com:80/", "refuse", []string{"host"}},
		{"http://[2001:db8::1]:80/?a=1", "http://[2001:db8::1]:80/?a=x+y%26", "refuse", []string{"=host", "query.a"}},
		{"mailto:mary@shop.test", "https://www.example.com/", "redact", []string{"host"}},
		{"", "https://www.example.com/", "redact", []string{"host"}},
		{"https://shop.test/%zz", "https://www.example.com/", "redact", []string{"host"}},
		{"https://shop.test/?a=%zz&b=1", "https://www.example.com/?b=1", "redact", []string{"host", "=query.b"}},
	} {
		out, err := made(t, "url_parts", addressArgs(t, "text", c.unknown, c.parts...), 0).Append([]byte{}, anonymize.Value{Text: []byte(c.in)})
		if err != nil || string(out) != c.want {
			t.Errorf("%s became %s, want %s (%v)", c.in, out, c.want, err)
		}
	}
	m := made(t, "url_parts", addressArgs(t, "varchar(30)", "refuse", "host", "query.a", "=query.b"), 0)
	for _, in := range []string{
		"https://canary.test/canary", "https://canary.test/?canary=1", "https://canary.test/#canary", "canary@leak.test:80:80", "mailto:canary@leak.test", "",
		"https://canary.test/?b=%zz", "https://canary.test/?b=" + strings.Repeat("canary", 9), "://canary", "https://canary.test/\x7f",
	} {
		if out, err := m.Append([]byte{}, anonymize.Value{Text: []byte(in)}); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s became %s, %v", in, out, err)
		}
	}
}

func TestWebAddressesKeepTheLaws(t *testing.T) {
	holds(t, lookup(t, "url_parts"),
		masktest.Case{Name: "text", Args: addressArgs(t, "text", "redact", "host", "path"), Inputs: []string{"https://shop.test/a", "ftp://shop.test/b"}, AnyKey: true, Nested: true, MayEqual: true, Valid: matches(`((https?|ftp)://www\.example\.com.*|[^:]*)`)},
		masktest.Case{Name: "no part", Args: addressArgs(t, "text", "redact", "port"), Refused: true},
		masktest.Case{Name: "keeps anything", Args: addressArgs(t, "text", "redact", "host", "=query.*"), Refused: true},
		masktest.Case{Name: "too narrow", Args: addressArgs(t, "varchar(9)", "redact", "host"), Refused: true})
}
