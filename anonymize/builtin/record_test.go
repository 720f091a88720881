package builtin_test

import (
	"testing"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/masktest"
	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/pgtest"
)

func pairArgs(fields ...anonymize.PathMask) anonymize.Args {
	a := args("public.pair", map[string]any{"fields": fields})
	a.Type = catalog.Type{Name: "public.pair", Base: "public.pair", Composite: true, Fields: []string{"a", "b"}}
	return a
}

func TestRowsKeepTheLaws(t *testing.T) {
	name := anonymize.PathMask{Path: "a", Mask: made(t, "last_name", args("text", nil), 0)}
	kept := anonymize.PathMask{Path: "b", Keep: true}
	holds(t, lookup(t, "composite"),
		masktest.Case{Name: "pair", Args: pairArgs(kept, name), Inputs: []string{"(Mary,1)", `("Mary ""the"" \\\\ Smith",)`, `(,"")`}, AnyKey: true, Nested: true, MayEqual: true, Valid: matches(`\(([A-Za-z]+|),(.*)\)`)},
		masktest.Case{Name: "a field nobody decided", Args: pairArgs(name), Refused: true},
		masktest.Case{Name: "a field that is not there", Args: pairArgs(name, kept, anonymize.PathMask{Path: "c", Keep: true}), Refused: true},
		masktest.Case{Name: "no row type", Args: args("point", map[string]any{"fields": []anonymize.PathMask{name, kept}}), Refused: true})
}

// TestTheServerReadsRowsAsTheyWere sends every odd text through a row in which it is kept.
func TestTheServerReadsRowsAsTheyWere(t *testing.T) {
	db := pgtest.New(t)
	db.Exec(t, "CREATE TYPE pair AS (a text, b text)", "CREATE TYPE nest AS (p pair, c text)")
	odd := []string{"", " ", "a", "NULL", `"`, `""`, `\`, `\\`, ",", ")", "(", "(a,b)", "a b", "\t", "\n", "ä,ö", `\"`, "x\u00a0y", "\v\f", "'"}
	db.Exec(t, "CREATE TABLE t (v pair, w nest)")
	for _, a := range odd {
		for _, b := range odd {
			if got := db.QueryInt(t, "WITH i AS (INSERT INTO t VALUES (ROW($1::text, $2::text), ROW(ROW($2::text, NULL), $1::text)) RETURNING 1) SELECT count(*) FROM i", a, b); got != 1 {
				t.Fatal("nothing was written")
			}
		}
	}
	keep := func(path string) anonymize.PathMask { return anonymize.PathMask{Path: path, Keep: true} }
	pair := made(t, "composite", pairArgs(keep("a"), keep("b")), 0)
	inner := made(t, "composite", args("text", map[string]any{"fields": []anonymize.PathMask{keep("1"), keep("2")}}), 0)
	outer := pairArgs(anonymize.PathMask{Path: "p", Mask: inner}, keep("c"))
	outer.Type.Fields = []string{"p", "c"}
	nest := made(t, "composite", outer, 0)
	for column, m := range map[string]anonymize.Mask{"v": pair, "w": nest} {
		for _, text := range db.QueryStrings(t, "SELECT "+column+"::text FROM t ORDER BY ctid") {
			out, err := m.Append([]byte{}, anonymize.Value{Text: []byte(text)})
			if err != nil || string(out) != text {
				t.Errorf("%s became %s, %v", text, out, err)
			}
		}
	}
}
