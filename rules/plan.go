// Package rules decides every column: it parses what people wrote and compiles it, against a catalog and
// the masks there are, to a Plan or to findings that refuse the run.
package rules

import (
	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/finding"
	"github.com/lethedb/lethe/internal/work"
)

// Plan is a decision for every column of every table of one catalog. It is read-only; any number of
// goroutines may use it.
type Plan struct {
	// Digests name the rules, the catalog, this plan and the key it was made with.
	Digests work.Digests
	// Tables holds every table of the catalog that is the user's, in the catalog's order. Tables of
	// extensions are absent.
	Tables []TablePlan
	// Catalog is what the plan was compiled against.
	Catalog *catalog.Catalog
}

// RowsMode says which rows of a table arrive.
type RowsMode string

// The modes: every row (or those a condition picks), none, or not even the table.
const (
	RowsAll     RowsMode = "all"
	RowsWhere   RowsMode = "where"
	RowsNone    RowsMode = "none"
	RowsDropped RowsMode = "drop"
)

// TablePlan is the decision for one table.
type TablePlan struct {
	Table *catalog.Table
	Rows  RowsMode
	// Where is the condition of RowsWhere as SQL over the table's columns.
	Where string
	// Reason is why the table is dropped, in the words of the rules.
	Reason string
	// Columns holds one entry per copied column, in attribute order; generated columns are absent.
	Columns []ColumnPlan
	// Into is the table that rows are loaded through on the target; see work.Table.
	Into catalog.Name
}

// ColumnPlan is the decision for one column.
type ColumnPlan struct {
	Column *catalog.Column
	// Mask is the name of the mask, "keep" for a kept column.
	Mask string
	// Run is the compiled mask; nil means kept, on the record.
	Run anonymize.Mask
	// Definition is the mask's contract.
	Definition *anonymize.Definition
	// Params are the parameters as compiled, defaults included.
	Params map[string]any
	// Domain names the mapping, "" for kept and data-free columns.
	Domain string
	// Reason is why the column is kept, in the words of the rules.
	Reason string
	// By says what kind of line decided, Place where it stands.
	By    Decider
	Place finding.Place
	// Pattern is the glob, type or table that decided when By is not DecidedByColumn.
	Pattern string
	// Blanked reports an undecided column that arrives NULL or typed-empty.
	Blanked bool
	// Siblings are the columns the mask reads, in the order of its row indexes.
	Siblings []string
}

// Decider is the kind of line that decided a column.
type Decider string

// The kinds of line, from the narrowest to the widest; then what decides without a line of its own.
const (
	DecidedByColumn     Decider = "column"
	DecidedByTable      Decider = "table"
	DecidedByGlob       Decider = "glob"
	DecidedByType       Decider = "type"
	DecidedByReference  Decider = "reference"
	DecidedByUndecided  Decider = "undecided"
	DecidedByInherited  Decider = "inherited"
	DecidedByCategory   Decider = "category"
)

// Kept reports whether the column passes as it is.
func (c ColumnPlan) Kept() bool { return c.Run == nil && c.Mask == "keep" }
