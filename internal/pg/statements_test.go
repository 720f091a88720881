package pg

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestStatementsAreTakenApartAsPsqlDoes(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", ""},
		{" ; ;\n;", ""},
		{"SELECT 1", "1:SELECT 1"},
		{"-- a; b\nSELECT 1; /* x; /* y; */ ; */\n\nSELECT\n2;", "2:SELECT 1|4:SELECT\n2"},
		{"SELECT ';', 'it''s;', E'\\';', \"a;\"\"b\" ; SELECT 2", `1:SELECT ';', 'it''s;', E'\';', "a;""b"|1:SELECT 2`},
		{"SELECT $$;$$, $a$ ; $$ ; $a$, a$b$;SELECT $1", "1:SELECT $$;$$, $a$ ; $$ ; $a$, a$b$|1:SELECT $1"},
		{"CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2); SELECT 3", "1:CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2)|1:SELECT 3"},
		{"create or replace function f() returns int begin atomic select case when true then 1 end; select 2; end;\nbegin; commit;",
			"1:create or replace function f() returns int begin atomic select case when true then 1 end; select 2; end|2:begin|2:commit"},
		{"INSERT INTO begin_log VALUES ('\n\n'); SELECT 1", "1:INSERT INTO begin_log VALUES ('\n\n')|3:SELECT 1"},
	} {
		all, err := ParseStatements(c.text)
		if err != nil {
			t.Errorf("%q: %v", c.text, err)
			continue
		}
		var got []string
		for _, s := range all {
			got = append(got, fmt.Sprintf("%d:%s", s.Line, s.Text))
		}
		if strings.Join(got, "|") != c.want {
			t.Errorf("%q\ngot  %s\nwant %s", c.text, strings.Join(got, "|"), c.want)
		}
	}
}

func TestWhatOnlyPsqlKnowsIsRefusedByItsLine(t *testing.T) {
	for text, line := range map[string]int{
		"SELECT 1;\n\\i other.sql\n": 2, "SELECT 1 \\gset": 1, "\n\nSELECT 'canary": 3, "/* canary": 1, "SELECT\n$x$ canary $y$": 2,
		"\n-- rows\nCOPY t FROM STDIN;\n1\n\\.\n": 4, "copy t (a) to stdout;": 1, "\ncopy t from\nstdin": 2,
	} {
		_, err := ParseStatements(text)
		if e, ok := errors.AsType[*SyntaxError](err); !ok || line != 4 && e.Line != line || strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: got %v, want line %d", text, err, line)
		}
	}
}

// TestNothingIsLostBetweenStatements holds that statements joined by semicolons come apart again.
func TestNothingIsLostBetweenStatements(t *testing.T) {
	piece := rapid.SampledFrom([]string{"SELECT 1", "SELECT ';'", "DO $x$ begin; end $x$", "INSERT INTO t VALUES (1, 'a''b;')", "COMMENT ON TABLE \"a;b\" IS E'\\';'"})
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(piece, 0, 8).Draw(t, "statements")
		glue := rapid.SampledFrom([]string{";", ";\n", "; -- c;\n", ";/*;*/;"}).Draw(t, "glue")
		all, err := ParseStatements(strings.Join(want, glue))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, s := range all {
			got = append(got, s.Text)
		}
		if strings.Join(got, "\x00") != strings.Join(want, "\x00") {
			t.Fatalf("got %q, want %q", got, want)
		}
	})
}
