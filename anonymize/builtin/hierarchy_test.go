package builtin_test

import (
	"strings"
	"testing"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/masktest"
	"github.com/lethedb/lethe/internal/catalog"
)

func file(text string) anonymize.FileText {
	return anonymize.FileText{Path: "jobs.csv", Text: []byte(text)}
}

const jobs = "carpenter;crafts;work\nbaker;crafts;work\n\"nurse; night\";health;work\n"

func TestHierarchiesKeepTheLaws(t *testing.T) {
	params := func(text, unknown string, level int64) map[string]any {
		return map[string]any{"file": file(text), "level": level, "unknown": unknown}
	}
	mood := catalog.Type{Name: "mood", Base: "mood", Enum: []string{"sad", "happy", "some"}}
	enum := anonymize.Args{Column: "subject", Type: mood, Params: params("sad,some\nhappy,some\n", "refuse", 1)}
	bad := enum
	bad.Params = params("sad,other\nhappy,some\n", "refuse", 1)
	holds(t, lookup(t, "hierarchy"),
		masktest.Case{Name: "text", Args: args("text", params(jobs, "top", 1)), Inputs: []string{"carpenter", "nurse; night", "spy"}, AnyKey: true, MayEqual: true, Valid: matches("crafts|health|work")},
		masktest.Case{Name: "the top", Args: args("varchar(4)", params(jobs, "top", 2)), Inputs: []string{"carpenter", "spy", ""}, AnyKey: true, MayEqual: true, Valid: matches("work")},
		masktest.Case{Name: "an enum", Args: enum, Inputs: []string{"sad", "happy"}, AnyKey: true, MayEqual: true, Valid: matches("some")},
		masktest.Case{Name: "no label", Args: bad, Refused: true},
		masktest.Case{Name: "too narrow", Args: args("varchar(5)", params(jobs, "refuse", 1)), Refused: true},
		masktest.Case{Name: "no such level", Args: args("text", params(jobs, "refuse", 3)), Refused: true},
		masktest.Case{Name: "the value itself", Args: args("text", params(jobs, "refuse", 0)), Refused: true},
		masktest.Case{Name: "a value that passes", Args: args("citext", params("a;b;x\nWork;WORK;x\n", "top", 1)), Refused: true},
		masktest.Case{Name: "two tops", Args: args("text", params("a;b\nc;d\n", "top", 1)), Refused: true},
		masktest.Case{Name: "twice", Args: args("text", params("a;b;x\na;c;x\n", "top", 1)), Refused: true},
		masktest.Case{Name: "uneven", Args: args("text", params("a;b;x\nc;b\n", "top", 1)), Refused: true},
		masktest.Case{Name: "malformed", Args: args("text", params("a;\"b\n", "top", 1)), Refused: true},
		masktest.Case{Name: "empty", Args: args("text", params("", "top", 1)), Refused: true})
	m := made(t, "hierarchy", args("citext", params(jobs, "refuse", 1)), 0)
	if out, err := m.Append([]byte{}, anonymize.Value{Text: []byte("CARPENTER")}); err != nil || string(out) != "crafts" {
		t.Errorf("citext: %q, %v", out, err)
	}
	if out, err := m.Append([]byte{}, anonymize.Value{Text: []byte("canary")}); err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("what the file does not hold became %q, %v", out, err)
	}
}
