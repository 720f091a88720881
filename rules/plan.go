// Package rules decides every column: it parses what people wrote and compiles it, against a catalog and
// the masks there are, to a Plan or to findings that refuse the run.
//
// What decides a column, the first that there is: a line for the column; a line for its table, be it "*"
// or one that like: copies; the narrowest glob over schema.table.column; its category, as
// internal/personal tells it from name and type; its type. A column that refers to another follows it
// where only a category or a type speaks for the one that refers.
package rules

import (
	"errors"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/finding"
	"github.com/lethedb/lethe/internal/work"
)

// ErrRefused says that a plan was compiled with findings that are errors and must not be run.
var ErrRefused = errors.New("the rules were refused; mend what the findings name, see: lethe check")

// Plan is a decision for every column of every table of one catalog. It is read-only; any number of
// goroutines may use it.
type Plan struct {
	// Digests name the rules, the catalog, this plan and the key it was made with.
	Digests work.Digests
	// Tables holds every table of the catalog that is the user's, in the catalog's order. Tables of
	// extensions, their configuration aside, and materialised views, which are computed again from masked
	// rows, are absent.
	Tables []TablePlan
	// References are those that the rules declare beside the database's own foreign keys.
	References []Reference
	// Catalog is what the plan was compiled against.
	Catalog *catalog.Catalog

	byName   map[catalog.Name]int
	compiled *compiler
	refused  bool
}

// Table returns the decision for a table, nil when the plan does not have it. The caller must not change
// it.
func (p *Plan) Table(name catalog.Name) *TablePlan {
	i, ok := p.byName[name]
	if !ok {
		return nil
	}
	return &p.Tables[i]
}

// Err returns nil when the plan may be run, else ErrRefused, or anonymize.ErrNoKey when a column that
// arrives is masked by key and Compile was given none.
func (p *Plan) Err() error {
	if p.refused || p.byName == nil {
		return ErrRefused
	}
	for _, t := range p.Tables {
		for _, c := range t.Columns {
			if c.Run == nil && !c.Kept() {
				return anonymize.ErrNoKey
			}
		}
	}
	return nil
}

// NeedsKey reports whether any column that arrives is masked by the masking key.
func (p *Plan) NeedsKey() bool {
	for _, t := range p.Tables {
		for _, c := range t.Columns {
			if c.Definition != nil && c.Definition.Determinism == anonymize.Keyed && !c.PerRun {
				return true
			}
		}
	}
	return false
}

// Order returns the tables that arrive, those without rows included and dropped ones left out, in the
// plan's order. Partitioned tables are among them and hold no rows of their own. It errs as Err does.
func (p *Plan) Order() ([]work.Table, error) {
	if err := p.Err(); err != nil {
		return nil, err
	}
	var tables []work.Table
	for i := range p.Tables {
		if t := &p.Tables[i]; t.Rows != RowsDropped {
			tables = append(tables, t.Read())
		}
	}
	return tables, nil
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
	// Columns holds one entry per copied column, in attribute order. Generated columns are absent, and so
	// are all columns of a table of which no row arrives.
	Columns []ColumnPlan
	// Joins are the rows that each row is read together with, because masks read them; Joined are the columns of
	// those that are read. None of them arrives.
	Joins  []work.Join
	Joined []JoinedColumn
	// Into is the table that rows are loaded through on the target; see work.Table.
	Into catalog.Name
}

// Read returns the table as a run reads it.
func (t *TablePlan) Read() work.Table {
	made := work.Table{Table: t.Table, Empty: t.Rows == RowsNone, Where: t.where(), Into: t.Into, Joins: t.Joins}
	// What is put behind a row for masks to read has no place in the binary form.
	made.TextOnly = len(t.Joins) > 0
	for _, c := range t.Columns {
		if _, asks := c.Run.(anonymize.Asker); asks {
			made.TextOnly = true
		}
		made.Columns = append(made.Columns, c.Column.Name)
		if c.Mask == recomputeMask {
			as, _ := c.Params["as"].(string)
			trigger, _ := c.Params["trigger"].(string)
			made.Recompute = append(made.Recompute, work.Recompute{Column: c.Column.Name, As: as, Trigger: trigger})
		}
	}
	for _, c := range t.Joined {
		made.Joined = append(made.Joined, c.Read)
	}
	return made
}

// where returns the condition that rows are read by: that of the rules, and of an extension's configuration
// what is not the extension's own.
func (t *TablePlan) where() string {
	switch own := t.Table.ConfigurationWhere; {
	case own == "" || t.Where == own:
		return t.Where
	case t.Where == "":
		return own
	default:
		return "(" + t.Where + ") AND (" + own + ")"
	}
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
	// Pattern is what decided when By is not DecidedByColumn: the glob, category or type as written, the table that
	// like: names or "schema.table.*", or the column that the decision comes from.
	Pattern string
	// PerRun reports that the mask's outputs differ from run to run.
	PerRun bool
	// Blanked reports an undecided column that arrives NULL or typed-empty.
	Blanked bool
	// Siblings are the columns the mask reads, in the order of its row indexes.
	Siblings []string
	// Inputs is how many different values such a column can hold, where its mask depends on them alone; +Inf
	// where nothing bounds them.
	Inputs float64
}

// JoinedColumn is a column of a row that another row is read together with.
type JoinedColumn struct {
	// Path is how a row gets there, as rules spell it: columns that refer, the column last.
	Path string
	// Read says what is read.
	Read work.JoinedColumn
	// ColumnPlan is what is decided for the column, in its own table; Siblings are paths from the row that is read.
	ColumnPlan
}

// Decider is the kind of line that decided a column.
type Decider string

// The kinds of line, from the narrowest to the widest; then what decides without a line of its own.
const (
	DecidedByColumn    Decider = "column"
	DecidedByTable     Decider = "table"
	DecidedByGlob      Decider = "glob"
	DecidedByCategory  Decider = "category"
	DecidedByType      Decider = "type"
	DecidedByReference Decider = "reference"
	DecidedByUndecided Decider = "undecided"
	DecidedByInherited Decider = "inherited"
)

// Kept reports whether the column passes as it is.
func (c ColumnPlan) Kept() bool { return c.Run == nil && c.Mask == "keep" }
