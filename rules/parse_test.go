package rules

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzParse holds that no text makes Parse panic or find anything without a place, and that parsing and
// checking are the same twice.
func FuzzParse(f *testing.F) {
	paths, err := filepath.Glob(filepath.Join("..", "testdata", "rules", "*.yaml"))
	if err != nil || len(paths) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	for _, seed := range []string{
		"", "version: 1", "{", "[[[[[[", "- - - -", "a: &a [*a]", "? a\n: b", "version: 1\ninclude: rules.yaml", "\xff", "\x00",
		"version: 1\ntables:\n  a.b: {like: a.b}", "version: 1\ndefaults: {\"a.b.c\": {mask: json, paths: {x: {keep: \"\"}}}}",
		"version: 1\nreferences: [{from: a.b.c, to: [d.e.f], when: {x: [1, 2]}}]", "<<: {}", "!!map {}", "---\n---\n", "a: |\n  b\n c",
	} {
		f.Add([]byte(seed))
	}
	masks := testMasks(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 1<<14 {
			return // the parser's time grows with the square of some texts
		}
		read := func(path string) ([]byte, error) {
			if path == "rules.yaml" {
				return text, nil
			}
			return nil, os.ErrNotExist
		}
		file, found := Parse("rules.yaml", read)
		checkPlaces(t, found)
		found = append(found, file.CheckMasks(masks)...)
		checkPlaces(t, found)
		again, same := Parse("rules.yaml", read)
		same = append(same, again.CheckMasks(masks)...)
		if render(found) != render(same) || file.Digest() != again.Digest() {
			t.Fatal("a second reading differs from the first")
		}
		if !found.HasErrors() {
			Compile(file, sketch(t, "public.a\n  id int4 pk\n  email text\n"), masks, Options{Undecided: Blank})
		}
	})
}

func TestHostileTextsAreRefusedQuickly(t *testing.T) {
	for name, text := range map[string]string{
		"open brackets":  strings.Repeat("[", 1<<20),
		"open braces":    strings.Repeat("{", 1<<20),
		"dashes":         strings.Repeat("- ", 1<<20) + "a",
		"too large":      strings.Repeat("#", maxFileSize+1),
		"binary":         "version: 1\ntables:\n  a.b: \xff\xfe",
		"nul":            "version: 1\x00",
		"many anchors":   "a: &a [x]\n" + strings.Repeat("b: [*a, *a]\n", 1000),
		"question marks": strings.Repeat("? ", 1<<16) + "a",
	} {
		t.Run(name, func(t *testing.T) {
			_, found := Parse("rules.yaml", files(map[string]string{"rules.yaml": text}))
			if !found.HasErrors() {
				t.Error("it was taken")
			}
			checkPlaces(t, found)
		})
	}
}

func TestAnUnreadableRootIsNamed(t *testing.T) {
	cause := errors.New("permission denied")
	f, found := Parse("conf/rules.yaml", func(string) ([]byte, error) { return nil, cause })
	if len(found) != 1 || found[0].Code != "unreadable-file" || found[0].Place.File != "conf/rules.yaml" ||
		!strings.Contains(found[0].Message, cause.Error()) {
		t.Errorf("got %v", found)
	}
	if f == nil || f.Path() != "conf/rules.yaml" {
		t.Errorf("got %v", f)
	}
}

func TestFilesAreTheRootAndItsIncludes(t *testing.T) {
	f, found := Parse("conf/rules.yaml", files(map[string]string{
		"conf/rules.yaml": "version: 1\ninclude: [b/one.yaml, /etc/two.yaml]\n",
		"conf/b/one.yaml": "version: 1\ninclude: ../c.yaml\n",
		"conf/c.yaml":     "version: 1\n",
		"/etc/two.yaml":   "version: 1\n",
	}))
	if len(found) > 0 {
		t.Fatal(render(found))
	}
	if got, want := strings.Join(f.Files(), " "), "conf/rules.yaml conf/b/one.yaml conf/c.yaml /etc/two.yaml"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestConditionsMustStandAlone(t *testing.T) {
	for sql, good := range map[string]bool{
		"id > 1": true, "name = 'a;b)'": true, `"a)" = 1`: true, "(a or b) and c": true, "a in ('x''y', 'z')": true, "a - 1 = 2": true,
		"": false, "  ": false, "a)": false, "(a": false, "a; b": false, "a -- b": false, "a /* b */": false, "a = 'b": false, "true) or (true": false,
	} {
		if got := badCondition(sql) == ""; got != good {
			t.Errorf("%q: taken %v, want %v", sql, got, good)
		}
	}
}

func TestTheDigestIsThatOfTheMeaning(t *testing.T) {
	parse := func(texts map[string]string) string {
		f, found := Parse("rules.yaml", files(texts))
		if found.HasErrors() {
			t.Fatal(render(found))
		}
		return f.Digest()
	}
	one := func(text string) string { return parse(map[string]string{"rules.yaml": text}) }
	base := one("version: 1\ndefaults:\n  \"*.*.a\": email\n  \"*.*.b\": {mask: redact, char: x, keep_length: true}\ntables:\n  p.t: {columns: {x: {keep: \"why\"}, y: null}}\n")
	for name, same := range map[string]string{
		"layout":   "# a comment\nversion: 1\n\ndefaults: {\"*.*.b\": {keep_length: true, mask: redact, char: \"x\"}, '*.*.a': email}\ntables:\n  p.t:\n    columns:\n      y: {mask: null}\n      x: {keep: 'why'}\n",
		"explicit": "version: 1\nderivation: 1\ndefaults:\n  \"*.*.a\": {mask: email}\n  \"*.*.b\": {mask: redact, char: x, keep_length: true}\ntables:\n  p.t: {rows: all, columns: {x: {keep: \"why\"}, y: null}}\n",
	} {
		if one(same) != base {
			t.Errorf("%s changes the digest", name)
		}
	}
	windows := "\ufeff" + strings.ReplaceAll("version: 1\ndefaults:\n  \"*.*.a\": email\n  \"*.*.b\": {mask: redact, char: x, keep_length: true}\ntables:\n  p.t: {columns: {x: {keep: \"why\"}, y: null}}\n", "\n", "\r\n")
	if one(windows) != base {
		t.Error("a byte order mark or other line ends change the digest")
	}
	if parse(map[string]string{
		"rules.yaml": "version: 1\ninclude: [t.yaml]\ndefaults:\n  \"*.*.a\": email\n  \"*.*.b\": {mask: redact, char: x, keep_length: true}\n",
		"t.yaml":     "version: 1\ntables:\n  p.t: {columns: {x: {keep: \"why\"}, y: null}}\n",
	}) != base {
		t.Error("spreading rules over files changes the digest")
	}
	for name, other := range map[string]string{
		"a reason": "why not", "a mask": "",
	} {
		text := "version: 1\ndefaults:\n  \"*.*.a\": email\n  \"*.*.b\": {mask: redact, char: x, keep_length: true}\ntables:\n  p.t: {columns: {x: {keep: \"why\"}, y: null}}\n"
		if other == "" {
			text = strings.Replace(text, "y: null", "y: email", 1)
		} else {
			text = strings.Replace(text, "why", other, 1)
		}
		if one(text) == base {
			t.Errorf("%s does not change the digest", name)
		}
	}
}
