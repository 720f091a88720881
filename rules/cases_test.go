package rules

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/lethedb/lethe/anonymize/derive"
	"github.com/lethedb/lethe/internal/finding"
)

var update = flag.Bool("update", false, "write what the tests find as what they want")

// key is a masking key for tests.
func key() *derive.MaskingKey {
	k := derive.MaskingKeyOf([32]byte{1, 2, 3})
	return &k
}

// files serves Parse from memory.
func files(texts map[string]string) func(string) ([]byte, error) {
	return func(path string) ([]byte, error) {
		text, ok := texts[path]
		if !ok {
			return nil, fmt.Errorf("open %s: %w", path, os.ErrNotExist)
		}
		return []byte(text), nil
	}
}

// render writes findings as the golden files hold them: severity, code, then the finding's own line.
func render(list finding.List) string {
	var b strings.Builder
	for _, f := range list {
		fmt.Fprintf(&b, "%s %s\n  %s\n", f.Severity, f.Code, f)
	}
	if len(list) == 0 {
		return "nothing\n"
	}
	return b.String()
}

// decisions writes a plan as the golden files hold it.
func decisions(p *Plan) string {
	var b strings.Builder
	for _, t := range p.Tables {
		fmt.Fprintf(&b, "%s: rows %s", t.Table.Name, t.Rows)
		if t.Into != t.Table.Name {
			fmt.Fprintf(&b, ", through %s", t.Into)
		}
		b.WriteString("\n")
		for _, c := range t.Columns {
			fmt.Fprintf(&b, "  %s: %s by %s", c.Column.Name, c.Mask, c.By)
			if c.Pattern != "" {
				fmt.Fprintf(&b, " %s", c.Pattern)
			}
			if c.Domain != "" {
				fmt.Fprintf(&b, ", domain %s", c.Domain)
			}
			if c.Blanked {
				b.WriteString(", blanked")
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}

// TestCases runs every archive under testdata/rules/cases: rules and a sketch of a catalog go in; the
// findings, each with its place and remedy, and the decisions come out. Files named *.yaml are rules,
// rules.yaml first; "catalog" is a sketch; "options" holds words for Options; "explain" a column.
func TestCases(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join("..", "testdata", "rules", "cases", "*.txtar"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			got := runCase(t, archive)
			for i, file := range archive.Files {
				want, checked := got[file.Name]
				if !checked {
					continue
				}
				if *update {
					archive.Files[i].Data = []byte(want)
				} else if string(file.Data) != want {
					t.Errorf("%s: got\n%s\nwant\n%s", file.Name, want, file.Data)
				}
				delete(got, file.Name)
			}
			if _, missing := got["findings"]; missing {
				if !*update {
					t.Errorf("the case has no findings")
				}
				archive.Files = append(archive.Files, txtar.File{Name: "findings", Data: []byte(got["findings"])})
			}
			if *update {
				if err := os.WriteFile(path, txtar.Format(archive), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// runCase returns what an archive leads to, by the name of the file that should hold it.
func runCase(t *testing.T, archive *txtar.Archive) map[string]string {
	t.Helper()
	texts, sketched, column := map[string]string{}, "", ""
	o := Options{Key: key(), RunKey: key()}
	for _, file := range archive.Files {
		switch {
		case strings.HasSuffix(file.Name, ".yaml"):
			texts[file.Name] = string(file.Data)
		case file.Name == "catalog":
			sketched = string(file.Data)
		case file.Name == "options":
			setOptions(t, &o, string(file.Data))
		case file.Name == "explain":
			column = strings.TrimSpace(string(file.Data))
		}
	}
	f, found := Parse("rules.yaml", files(texts))
	checkPlaces(t, found)
	masks := testMasks(t)
	if !found.HasErrors() {
		offline := f.CheckMasks(masks)
		checkPlaces(t, offline)
		found = append(found, offline...)
	}
	if found.HasErrors() || sketched == "" {
		return map[string]string{"findings": render(found)}
	}
	plan, found := Compile(f, sketch(t, sketched), masks, o)
	if (plan.Err() == nil) == found.HasErrors() {
		t.Errorf("the plan says %v, the findings %v", plan.Err(), found)
	}
	got := map[string]string{"findings": render(found), "plan": decisions(plan)}
	if column != "" {
		e, err := Explain(plan, column)
		got["explanation"] = e.String() + "\n"
		if err != nil {
			got["explanation"] = err.Error() + "\n"
		}
	}
	return got
}

func setOptions(t *testing.T, o *Options, text string) {
	t.Helper()
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		switch word, rest, _ := strings.Cut(line, " "); word {
		case "blank":
			o.Undecided = Blank
		case "no-key":
			o.Key = nil
		case "need-key":
			o.NeedKey = true
		case "accepted":
			known := strings.Fields(rest)
			o.Accepted = func(column string) bool {
				for _, k := range known {
					if k == column {
						return true
					}
				}
				return false
			}
		default:
			t.Fatalf("unknown option %q", line)
		}
	}
}

// checkPlaces holds the law that what stands in a file is found with file, line and column.
func checkPlaces(t *testing.T, list finding.List) {
	t.Helper()
	for _, f := range list {
		if f.Place.File == "" || f.Code == "" || f.Message == "" {
			t.Errorf("a finding without a place: %+v", f)
		}
		if f.Place.Line == 0 && f.Code != "unreadable-file" {
			t.Errorf("a finding without a line: %+v", f)
		}
	}
}
