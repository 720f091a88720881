package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// typed runs a command line on a terminal at which somebody types.
func (s *stage) typed(line string, args ...string) result { return s.atTerminal(line, false, args...) }

// atTerminal runs a command line at which somebody types, and reads where seen says so.
func (s *stage) atTerminal(line string, seen bool, args ...string) result {
	s.t.Helper()
	var out, errs bytes.Buffer
	w := World{
		In: strings.NewReader(line), Out: &out, Err: &errs, Env: func(name string) string { return s.env[name] },
		Now: s.now, User: "tester", Host: "testhost", Width: 160, InTerminal: true, OutTerminal: seen,
	}
	status := Main(s.t.Context(), append([]string{"--config", filepath.Join(s.dir, "lethe.yaml")}, args...), w)
	return result{status, out.String(), errs.String()}
}

// TestAValueIsTranslatedAsTheCopyHasIt holds what decisions allow: one value, typed by a person, with a reason, on
// record without the value, and never where all values are soon tried.
func TestAValueIsTranslatedAsTheCopyHasIt(t *testing.T) {
	t.Parallel()
	const canary = "canary.person@flowmart.example"
	s := newStage(t, `version: 1
tables:
  public.customer:
    columns:
      id: {keep: "a number"}
      email: email
      level: permute_int
      name: {mask: link, entity: id, part: full_name}
`, fill(`CREATE TABLE customer (id int PRIMARY KEY, email text UNIQUE, level int2, name text);
		INSERT INTO customer VALUES (1, '`+canary+`', 3, 'Canary Person');`)).adopted()
	s.ok("refresh", "staging")
	want := s.staging.QueryStrings(t, `SELECT email FROM customer`)[0]
	got := s.typed(canary+"\n", "translate", "public.customer.email", "--reason", "ticket 4711")
	if got.status != 0 || strings.TrimSpace(got.out) != want {
		t.Fatalf("status %d: %s%s, want %s", got.status, got.out, got.err, want)
	}
	for _, c := range []struct {
		args []string
		code string
	}{
		{[]string{"translate", "public.customer.email"}, "a reason"},
		{[]string{"translate", "public.customer.level", "--reason", "x"}, "fewer than a million"},
		{[]string{"translate", "public.customer.name", "--reason", "x"}, "other columns of the row"},
		{[]string{"translate", "public.customer.id", "--reason", "x"}, "is kept"},
		{[]string{"translate", "public.customer.none", "--reason", "x"}, "no column"},
		{[]string{"translate", "email", "--reason", "x"}, "schema.table.column"},
	} {
		if got := s.typed(canary+"\n", c.args...); got.status == 0 || !strings.Contains(got.err, c.code) {
			t.Errorf("%v: status %d, %s", c.args, got.status, got.err)
		}
	}
	s.refused(2, []string{"translate", "public.customer.email", "--reason", "x"}, "a person alone") // not at a terminal
	files, err := filepath.Glob(filepath.Join(s.dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	recorded := false
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(text, []byte(canary)) || bytes.Contains(text, []byte(want)) {
			t.Errorf("%s holds the value", filepath.Base(file))
		}
		recorded = recorded || bytes.Contains(text, []byte("ticket 4711")) && bytes.Contains(text, []byte("public.customer.email"))
	}
	if !recorded {
		t.Error("nothing is on record")
	}
}
