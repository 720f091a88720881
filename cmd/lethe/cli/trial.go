package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/lethedb/lethe/internal/pg"
)

// searchPathFix is what to do about a function behind an index, a check or a view that names something without
// its schema.
const searchPathFix = "a function names something without its schema: say where to look under post_data: {search_path: […]}, or give the function a search_path of its own"

// blame says of rows that do not fit which masks made them: the built data failed a check, and nothing was
// published. Other errors stay as they are.
func (r *refreshing) blame(err error) error {
	trial, ok := errors.AsType[*pg.TrialError](err)
	if !ok {
		return err
	}
	var masks []string
	if table := r.plan.Table(trial.Table); table != nil {
		for _, name := range trial.Columns {
			for _, column := range table.Columns {
				if column.Column.Name == name && !column.Kept() {
					masks = append(masks, column.Mask+" on "+trial.Table.Column(name))
				}
			}
		}
	}
	failed := &failure{status: statusVerification, code: "trial-failed", err: fmt.Errorf("%w; nothing was published", err)}
	switch {
	case pg.MissingName(err):
		failed.fix = searchPathFix
	case len(masks) > 0:
		failed.fix = "choose another mask or other parameters: " + strings.Join(masks, ", ")
	case trial.Object != "":
		failed.fix = "production's own rows violate it: correct them there, or name it under tolerate:"
	default:
		failed.fix = "see the column's type on both servers"
	}
	return failed
}
