package rules

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/derive"
	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/finding"
	"github.com/lethedb/lethe/internal/work"
)

// Undecided says what becomes of a column that no rule decides.
type Undecided string

// What becomes of undecided columns: they refuse the run, or they arrive NULL or typed-empty and are
// reported while the run goes on.
const (
	Refuse Undecided = "refuse"
	Blank  Undecided = "blank"
)

// Options are what Compile may be told. The zero value checks without a key and refuses what is undecided.
type Options struct {
	// Key makes the masks. Without one the plan is checked in full but cannot be run where a mask is keyed.
	Key *derive.MaskingKey
	// NeedKey makes a finding of it when a mask is keyed and Key is nil.
	NeedKey bool
	// RunKey makes the masks that are to differ from run to run. It is drawn for one run and kept nowhere.
	RunKey *derive.MaskingKey
	// Programs are those that masks may have values masked by, by their paths.
	Programs map[string]anonymize.Program
	// Undecided defaults to Refuse.
	Undecided Undecided
	// Accepted reports whether a column, as schema.table.column, was in the last accepted catalog. Nil
	// means that none was accepted yet, so that nothing counts as new.
	Accepted func(column string) bool
}

// Compile decides every column of every table of c that is the user's by the rules of f, or says why it
// cannot: the findings need the catalog and are refusals (exit status 3), except those of CheckMasks,
// which are returned alone when there are any. The plan is never nil; with a finding that is an error it
// explains what is known and refuses to be run. c must stay unchanged as long as the plan is used.
func Compile(f *File, c *catalog.Catalog, registry masks, o Options) (*Plan, finding.List) {
	k := &compiler{file: f, catalog: c, masks: registry, options: o, byName: map[catalog.Name]*table{}, deciding: map[*decision]bool{}}
	plan := &Plan{Catalog: c, compiled: k}
	if k.resolved, k.findings = f.resolve(registry); k.findings.HasErrors() {
		return plan, k.findings
	}
	k.index()
	k.checkNames()
	k.inherit()
	k.checkRows()
	k.checkLargeObjects()
	k.own()
	k.link()
	k.checkParts()
	k.derive()
	k.checkMasks()
	k.joinRows()
	k.checkUnique()
	k.checkPartitionKeys()
	k.checkConstraints()
	k.checkIdle()
	k.checkKey()
	k.fill(plan)
	k.findings.Sort()
	plan.refused = k.findings.HasErrors()
	return plan, k.findings
}

// compiler is the state of one Compile. Each step reads what the steps before it wrote.
type compiler struct {
	file     *File
	catalog  *catalog.Catalog
	masks    masks
	options  Options
	resolved map[*decision]*resolved
	tables   []*table
	byName   map[catalog.Name]*table
	families []*family
	// deciding marks the decisions of patterns that decided a column.
	deciding map[*decision]bool
	findings finding.List
}

// table is a user's table that is decided about.
type table struct {
	catalog  *catalog.Table
	rule     *tableRule
	parents  []*table
	children []*table
	columns  []*column
	byName   map[string]*column
	rows     RowsMode
	where    string
	reason   string
	// rowsPlace is where rows: or drop: stands, zero when none does.
	rowsPlace finding.Place
	// into is the table that rows are loaded through.
	into catalog.Name
	// joins are the rows that its rows are read with, joined the columns of them that masks read.
	joins  []work.Join
	joined []joinedColumn
}

// hasRows reports whether rows arrive.
func (t *table) hasRows() bool { return t.rows == RowsAll || t.rows == RowsWhere }

func (t *table) name() catalog.Name { return t.catalog.Name }

// root returns the partitioned table at the top, t itself when it is no partition.
func (t *table) root() *table {
	for t.catalog.IsPartition && len(t.parents) > 0 {
		t = t.parents[0]
	}
	return t
}

// column is one copied column.
type column struct {
	table   *table
	catalog *catalog.Column
	family  *family
}

func (c *column) name() string { return c.table.name().Column(c.catalog.Name) }

// family is a column together with its partitions' and inheriting tables' columns of the same name: they
// are decided as one.
type family struct {
	// roots are the columns that are inherited from nowhere: one, but for multiple inheritance.
	roots   []*column
	members []*column
	// own is what a line or pattern decides for the roots; nil when nothing does.
	own *choice
	// final is what holds in the end; nil only when a finding says why.
	final *choice
	// up are the links to the columns this one refers to, down those of the columns that refer to it.
	up, down []*link
	group    *group
	// mask is the compiled mask, nil for kept columns and without a key.
	mask anonymize.Mask
	args anonymize.Args
	// siblings are the columns that the mask reads, in the order of its row's indexes.
	siblings []sibling
	// domain names the mapping.
	domain string
	// fresh is the pattern that alone keeps a column newer than the last accepted catalog.
	fresh *choice
	// explained is set once a finding says why there is no decision.
	explained bool
}

func (f *family) root() *column { return f.roots[0] }

func (f *family) name() string { return f.root().name() }

// hasRows reports whether any row of any member arrives.
func (f *family) hasRows() bool {
	return slices.ContainsFunc(f.members, func(c *column) bool { return c.table.hasRows() })
}

// notNull reports whether any member forbids NULL.
func (f *family) notNull() bool {
	return slices.ContainsFunc(f.members, func(c *column) bool { return c.catalog.NotNull })
}

// choice is a decision and the line it came from.
type choice struct {
	*resolved
	decision *decision
	by       Decider
	place    finding.Place
	// pattern is what ColumnPlan.Pattern says.
	pattern string
	blank   bool
}

// explicit reports whether a line for the column or its table decided.
func (c *choice) explicit() bool { return c.by == DecidedByColumn || c.by == DecidedByTable }

// loose reports whether no name that somebody wrote decided, but a category or a type.
func (c *choice) loose() bool { return c.by == DecidedByCategory || c.by == DecidedByType }

func (k *compiler) report(f finding.Finding, format string, args ...any) {
	f.Message = fmt.Sprintf(format, args...)
	k.findings = append(k.findings, f)
}

// index makes the tables that are decided about. Tables of extensions are the extension's, those that hold
// rows of the user's aside, and materialised views are computed again from masked rows: both are left out.
func (k *compiler) index() {
	for i := range k.catalog.Tables {
		t := &k.catalog.Tables[i]
		if !t.Decided() {
			continue
		}
		made := &table{catalog: t, rule: k.file.tables[t.Name], byName: map[string]*column{}, into: t.Name, rows: RowsAll}
		for j := range t.Columns {
			c := &t.Columns[j]
			if c.Generated != "" {
				continue
			}
			col := &column{table: made, catalog: c}
			made.columns = append(made.columns, col)
			made.byName[c.Name] = col
		}
		k.tables = append(k.tables, made)
		k.byName[t.Name] = made
	}
	for _, t := range k.tables {
		for _, name := range t.catalog.Parents {
			if parent := k.byName[name]; parent != nil {
				t.parents = append(t.parents, parent)
				parent.children = append(parent.children, t)
			}
		}
	}
}

// inherit joins columns to families: a column belongs to that of the same name in each parent.
func (k *compiler) inherit() {
	for _, t := range k.parentsFirst() {
		for _, c := range t.columns {
			for _, parent := range t.parents {
				above := parent.byName[c.catalog.Name]
				switch {
				case above == nil || above.family == c.family:
				case c.family == nil:
					c.family = above.family
					c.family.members = append(c.family.members, c)
				default: // multiple inheritance: the families become one
					from := above.family
					for _, m := range from.members {
						m.family = c.family
					}
					c.family.roots = append(c.family.roots, from.roots...)
					c.family.members = append(c.family.members, from.members...)
					k.families = slices.DeleteFunc(k.families, func(f *family) bool { return f == from })
				}
			}
			if c.family == nil {
				c.family = &family{roots: []*column{c}, members: []*column{c}}
				k.families = append(k.families, c.family)
			}
		}
	}
	for _, f := range k.families {
		slices.SortFunc(f.roots, compareColumns)
		slices.SortFunc(f.members, compareColumns)
	}
	slices.SortFunc(k.families, func(a, b *family) int { return compareColumns(a.root(), b.root()) })
}

func compareColumns(a, b *column) int {
	return cmp.Or(a.table.name().Compare(b.table.name()), cmp.Compare(a.catalog.Number, b.catalog.Number))
}

// parentsFirst returns the tables so that each comes after all its parents.
func (k *compiler) parentsFirst() []*table {
	out := make([]*table, 0, len(k.tables))
	done := map[*table]bool{}
	var visit func(t *table)
	visit = func(t *table) {
		if done[t] {
			return
		}
		done[t] = true
		for _, parent := range t.parents {
			visit(parent)
		}
		out = append(out, t)
	}
	for _, t := range k.tables {
		visit(t)
	}
	return out
}
