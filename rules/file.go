package rules

import (
	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/finding"
	"github.com/lethedb/lethe/internal/personal"
)

// File is what people wrote, all included files taken together. It is read-only after Parse.
type File struct {
	path string
	// read returns the bytes of a file that a mask's parameter names.
	read       func(path string) ([]byte, error)
	files      []string
	defaults   []*defaultRule
	domains    map[string]*domainRule
	references []Reference
	tables     map[catalog.Name]*tableRule
	// order holds the tables as they stand in the files.
	order []*tableRule
}

// Path returns the file that Parse began with.
func (f *File) Path() string { return f.path }

// Files returns every file that was read, the first one first, in the order of inclusion. The caller
// must not change it.
func (f *File) Files() []string { return f.files }

// References returns the references that the rules declare beside the database's own foreign keys, in
// the order written. The caller must not change it.
func (f *File) References() []Reference { return f.references }

// Reference is a foreign key that the database does not know: virtual, or polymorphic when it has
// conditions. It serves the linking of masks, subsets, seeds and the audit alike.
type Reference struct {
	Place finding.Place
	// From and To are the tables; FromColumns[i] refers to ToColumns[i].
	From, To               catalog.Name
	FromColumns, ToColumns []string
	// When limits the reference to rows of From whose columns hold one of the texts given; it is sorted
	// by column and empty for a plain reference.
	When []Condition
}

// Condition is one column of a polymorphic reference and the texts that select the reference.
type Condition struct {
	Column string
	Values []string
}

// defaultRule is one entry of defaults: a decision for every column that a pattern covers.
type defaultRule struct {
	place finding.Place
	// text is the key as written: a glob, category:NAME or type:NAME.
	text string
	glob glob
	// category is that of a rule by category, "" for every other.
	category personal.Category
	// typeName is the type of a rule by type, without "type:"; "" for every other.
	typeName string
	decision decision
}

// by returns what kind of line r is.
func (r *defaultRule) by() Decider {
	switch {
	case r.category != "":
		return DecidedByCategory
	case r.typeName != "":
		return DecidedByType
	}
	return DecidedByGlob
}

// key returns a text that two rules share exactly when they cover the same columns.
func (r *defaultRule) key() string {
	switch r.by() {
	case DecidedByCategory:
		return "category:" + string(r.category)
	case DecidedByType:
		return "type:" + r.typeName
	default:
		return r.glob.key()
	}
}

// domainRule is one entry of domains.
type domainRule struct {
	place     finding.Place
	maxLength int
}

// tableRule is one entry of tables.
type tableRule struct {
	place finding.Place
	name  catalog.Name
	rows  RowsMode
	// rowsPlace is where rows: or drop: stands.
	rowsPlace finding.Place
	where     string
	reason    string
	like      catalog.Name
	likePlace finding.Place
	columns   map[string]*columnRule
	order     []*columnRule
	// others is the decision for "*": every column of the table without a line of its own.
	others *columnRule
}

// columnRule is one entry of columns.
type columnRule struct {
	place    finding.Place
	name     string
	decision decision
}

// decision says what becomes of a column: kept for a reason, or masked.
type decision struct {
	place  finding.Place
	keep   bool
	reason string
	// future lets a pattern keep columns that are newer than the last accepted catalog.
	future bool
	mask   string
	// maskPlace is where the mask's name stands.
	maskPlace   finding.Place
	domain      string
	domainPlace finding.Place
	// perRun lets the mask's outputs differ from run to run.
	perRun      bool
	perRunPlace finding.Place
	params      []field
}

// word returns the mask's name, "keep" for a kept column.
func (d decision) word() string {
	if d.keep {
		return "keep"
	}
	return d.mask
}

// eachDecision calls visit for every decision of f, in the order written, defaults first.
func (f *File) eachDecision(visit func(d *decision)) {
	for _, rule := range f.defaults {
		visit(&rule.decision)
	}
	for _, table := range f.order {
		for _, column := range table.order {
			visit(&column.decision)
		}
		if table.others != nil {
			visit(&table.others.decision)
		}
	}
}
