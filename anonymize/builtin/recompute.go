package builtin

import (
	"errors"
	"fmt"
	"strings"

	"github.com/lethedb/lethe/anonymize"
)

func recompute() anonymize.Definition {
	d := dataFree("recompute", "passes nothing on and has the new database compute the column again from masked rows, by an expression or by the table's own trigger; for search texts, vectors and counters")
	d.Group = anonymize.GroupRow
	d.Nulls = anonymize.NullsMasked
	d.Params = []anonymize.Param{
		{Name: "as", Kind: anonymize.ParamString, Doc: "an SQL expression over the row's columns as they arrive, with the schemas of functions and tables that are not pg_catalog's; it may hold a subquery on other tables, which are complete by then"},
		{Name: "trigger", Kind: anonymize.ParamString, Doc: "the name of a trigger of the table that runs before each row is updated and sets the column; it alone runs"},
	}
	d.Example = anonymize.Example{Input: "'mary':1 'smith':2", Params: map[string]any{"as": "to_tsvector('english', full_name)"}}
	d.Check = func(a anonymize.Args) error {
		if (strings.TrimSpace(stringOf(a, "as")) == "") == (stringOf(a, "trigger") == "") {
			return errors.New("name either the expression (as:) or the trigger that computes the column")
		}
		if _, ok := blank(a.Type); a.NotNull && (!ok || len(a.Type.DomainChecks) > 0) {
			return fmt.Errorf("the column does not allow NULL, and type %s has no blank value that could stand there meanwhile", a.Type.Name)
		}
		return nil
	}
	d.New = func(a anonymize.Args) (anonymize.Mask, error) {
		if text, ok := blank(a.Type); ok && a.NotNull {
			return fixedMask(text), nil
		}
		return nullMask{}, nil
	}
	return d
}
