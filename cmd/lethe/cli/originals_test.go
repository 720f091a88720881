package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestOriginalsAreShownToAPersonAlone holds what decisions allow: one row, on a terminal, with a reason, on record
// without the values, and nothing where all values are soon tried.
func TestOriginalsAreShownToAPersonAlone(t *testing.T) {
	t.Parallel()
	s := newStage(t, `version: 1
tables:
  public.customer:
    columns:
      id: {keep: "a number"}
      email: email
      level: permute_int
      parent_email: {mask: copy_from, column: id.email}
references:
  - {from: public.customer.id, to: public.customer.id}
`, fill(`CREATE TABLE customer (id int PRIMARY KEY, email text UNIQUE, level int2, parent_email text);
		INSERT INTO customer VALUES (7654321, 'canary@leak.test', 4711, NULL);`)).adopted()
	look := func(terminal bool, args ...string) result {
		return s.atTerminal("", terminal, append([]string{"preview", "public.customer"}, args...)...)
	}
	got := look(true, "--originals", "--reason", "ticket 4812")
	if got.status != 0 || !strings.Contains(got.out, "canary@leak.test") || !strings.Contains(got.out, "in production") || !strings.Contains(got.out, "(withheld)") {
		t.Errorf("status %d:\n%s%s", got.status, got.out, got.err)
	}
	if strings.Contains(got.out, "4711") {
		t.Error("a value of a small domain was shown")
	}
	for what, got := range map[string]result{
		"a reason":        look(true, "--originals"),
		"one row":         look(true, "--originals", "--reason", "x", "--rows", "2"),
		"a person alone":  look(false, "--originals", "--reason", "x"),
		"a person alone.": look(true, "--originals", "--reason", "x", "--json"),
	} {
		if got.status != statusUsage || !strings.Contains(got.err+got.out, strings.TrimSuffix(what, ".")) && !strings.Contains(got.err, "without a reason") || strings.Contains(got.out+got.err, "canary") {
			t.Errorf("%s: status %d:\n%s%s", what, got.status, got.out, got.err)
		}
	}
	if plain := look(true); strings.Contains(plain.out, "canary") {
		t.Error("originals were shown unasked")
	}
	files, err := filepath.Glob(filepath.Join(s.dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	recorded := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(text, []byte("canary")) {
			t.Errorf("%s holds the value", filepath.Base(file))
		}
		recorded += bytes.Count(text, []byte(`"reason":"ticket 4812"`))
	}
	if recorded == 0 {
		t.Error("nothing is on record")
	}
}
