package rules

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/finding"
)

// tuplesPerBlock is the most rows that a block of 8 KiB holds: 8,168 bytes of space over 28 bytes for the
// smallest tuple with its line pointer. It bounds the rows of a table that was never analysed.
const tuplesPerBlock = 291

// collisionBound is the highest probability that a bounded mask may make two values equal: 2⁻⁴⁰.
const collisionBound = 1.0 / (1 << 40)

// rowBound returns how many rows t has at most as far as anybody knows: the planner's estimate, or what
// fits its blocks where there is none. Rows of partitions count for their root.
func (t *table) rowBound() float64 {
	if t.catalog.Kind == catalog.Partitioned {
		sum := 0.0
		for _, child := range t.children {
			sum += child.rowBound()
		}
		return sum
	}
	size := t.catalog.Size
	if size.Rows < 0 || size.Rows == 0 && size.Blocks > 0 {
		return float64(size.Blocks) * tuplesPerBlock
	}
	return size.Rows
}

// survival is what becomes of the difference between two values of a column.
type survival int

const (
	stays   survival = iota // distinct values stay distinct
	bounded                 // with a probability that depends on the number of rows
	lost                    // two values may become one
	nulls                   // every value becomes NULL
)

func (c *column) survival() survival {
	final := c.family.final
	switch {
	case final == nil, final.definition == nil:
		return stays // undecided columns have a finding of their own
	case final.isNull():
		return nulls
	case final.definition.Uniqueness == anonymize.UniqueExact:
		return stays
	case final.definition.Uniqueness == anonymize.UniqueBounded:
		return bounded
	}
	return lost
}

func (c *column) masked() bool { return c.family.final != nil && c.family.final.definition != nil }

// checkUnique looks at every index that refuses equal rows: what is distinct in production must stay so.
func (k *compiler) checkUnique() {
	for _, t := range k.tables {
		if !t.hasRows() {
			continue
		}
		for i := range t.catalog.Indexes {
			switch index := &t.catalog.Indexes[i]; {
			case !index.Valid && t.catalog.Kind != catalog.Partitioned:
				// Its build failed in production: nothing is refused by it, and no dump carries it over.
			case index.Exclusion:
				k.checkExclusion(t, index)
			case index.Unique:
				k.checkIndex(t, index)
			}
		}
	}
}

// reads returns the copied columns that an index part reads, those behind generated columns included.
func (t *table) reads(part catalog.IndexPart) []*column {
	names := part.Reads
	if part.Column != "" {
		names = []string{part.Column}
	}
	var out []*column
	for _, name := range names {
		if c := t.byName[name]; c != nil {
			out = append(out, c)
			continue
		}
		out = append(out, t.sources(name)...)
	}
	return out
}

// sources returns the columns that a generated column is computed from.
func (t *table) sources(name string) []*column {
	generated := t.catalog.Column(name)
	if generated == nil || generated.Generated == "" {
		return nil
	}
	var out []*column
	for _, c := range t.columns {
		if mentions(generated.Default, c.catalog.Name) {
			out = append(out, c)
		}
	}
	return out
}

// unfold returns part with a generated column replaced by its expression.
func (t *table) unfold(part catalog.IndexPart) catalog.IndexPart {
	if c := t.catalog.Column(part.Column); c != nil && c.Generated != "" {
		return catalog.IndexPart{Expression: c.Default, Reads: []string{c.Name}}
	}
	return part
}

func (k *compiler) checkIndex(t *table, index *catalog.Index) {
	var weak []*column
	var why, fix string
	for _, part := range index.Columns {
		part = t.unfold(part)
		for _, c := range t.reads(part) {
			switch c.survival() {
			case nulls:
				plain := part.Column != "" || foldsCase(part.Expression)
				if plain && !index.NullsNotDistinct {
					return // NULL is distinct from NULL, so that nothing can collide
				}
				weak, why, fix = append(weak, c), "makes every value NULL, which the index may take for equal", ""
			case lost:
				weak, why, fix = append(weak, c), "may make two values equal", ""
			case stays, bounded:
				if reason, remedy := k.weakened(c, part); reason != "" {
					weak, why, fix = append(weak, c), reason, remedy
				}
			}
		}
	}
	masked := t.maskedIn(index)
	predicate := t.maskedInPredicate(index)
	switch {
	case len(masked) == 0 && len(predicate) == 0:
	case len(weak) > 0 && !t.otherwiseUnique(index, weak):
		k.reportIndex(t, index, weak[len(weak)-1], why, fix)
	case len(predicate) > 0 && !t.otherwiseUnique(index, append(predicate, masked...)):
		k.report(finding.Finding{
			Code: "unique-predicate", Place: predicate[0].family.final.place, Object: predicate[0].name(),
			Fix: "keep the column with a reason, or drop the rows that the index leaves out",
		}, "the condition of the unique index %s reads it: masked, it would let rows into the index that it left out", index.Name)
	default:
		for _, c := range masked {
			k.checkCapacity(t, index, c)
		}
	}
}

// weakened says why a mask that keeps values distinct does not do so under an index part, and what to do.
func (k *compiler) weakened(c *column, part catalog.IndexPart) (why, fix string) {
	if !c.masked() {
		return "", ""
	}
	if part.Column == "" && !foldsCase(part.Expression) {
		return "keeps values distinct, but not under the expression of the index", "keep the column with a reason, or empty it with the mask null"
	}
	if part.Column != "" && c.family.args.Type.CaseFolded && !c.catalog.Type.CaseFolded {
		return fmt.Sprintf("shares the domain %q with a column that ignores case, so that two values which differ in case become one", c.family.domain),
			"give the column a domain: of its own"
	}
	return "", ""
}

// foldsCase reports whether an expression over one column does no more than ignore case: what unique
// masks make is distinct under that too.
func foldsCase(expression string) bool {
	if upper := strings.ToUpper(expression); strings.Contains(upper, " IS ") || strings.Contains(upper, "NOT ") {
		return false // without its blanks a test would look like a name
	}
	e := strings.ToLower(strings.ReplaceAll(expression, " ", ""))
	for _, cast := range []string{"::text", "::citext", "::public.citext"} {
		e = strings.ReplaceAll(e, cast, "")
	}
	for _, function := range []string{"lower(", "upper("} {
		if rest, found := strings.CutPrefix(strings.Trim(e, "()"), strings.TrimSuffix(function, "(")); found && strings.HasPrefix(rest, "(") {
			e = rest
		}
	}
	e = strings.Trim(e, `()"`)
	return e != "" && !strings.ContainsAny(e, "(),|+-*/%<>=:[]")
}

// maskedIn returns the masked columns that an index reads.
func (t *table) maskedIn(index *catalog.Index) []*column {
	var out []*column
	for _, part := range index.Columns {
		for _, c := range t.reads(part) {
			if c.masked() && !slices.Contains(out, c) {
				out = append(out, c)
			}
		}
	}
	return out
}

// maskedInPredicate returns the masked columns whose names stand in the condition of a partial index. A
// condition that only asks for NULL or not is answered alike before and after a mask that keeps NULLs.
func (t *table) maskedInPredicate(index *catalog.Index) []*column {
	if index.Predicate == "" {
		return nil
	}
	var out []*column
	for _, c := range t.columns {
		if !c.masked() || !mentions(index.Predicate, c.catalog.Name) {
			continue
		}
		d := c.family.final.definition
		if onlyNullTest(index.Predicate, c.catalog.Name) && d.Nulls == anonymize.NullsKept && !c.family.final.isNull() {
			continue
		}
		out = append(out, c)
	}
	return out
}

// mentions reports whether name stands in sql as a whole word. The server spells a quote in a name twice.
func mentions(sql, name string) bool {
	name = strings.ReplaceAll(name, `"`, `""`)
	for at := 0; ; {
		i := strings.Index(sql[at:], name)
		if i < 0 {
			return false
		}
		start, end := at+i, at+i+len(name)
		if (start == 0 || !wordByte(sql[start-1])) && (end == len(sql) || !wordByte(sql[end])) {
			return true
		}
		at = start + 1
	}
}

func wordByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

func onlyNullTest(sql, name string) bool {
	quoted := catalog.QuoteIdentifier(name)
	for _, n := range []string{name, quoted} {
		for _, test := range []string{" IS NOT NULL", " IS NULL"} {
			sql = strings.ReplaceAll(sql, n+test, "")
		}
	}
	return !mentions(sql, name)
}

// otherwiseUnique reports whether rows stay distinct under index without the columns in weak: because
// another unique index without a condition holds over columns of it that stay distinct.
func (t *table) otherwiseUnique(index *catalog.Index, weak []*column) bool {
	strong := func(c *column) bool { return !slices.Contains(weak, c) && c.survival() == stays }
	for i := range t.catalog.Indexes {
		other := &t.catalog.Indexes[i]
		if other == index || !other.Unique || !other.Valid || other.Predicate != "" || other.Exclusion {
			continue
		}
		covered := true
		for _, part := range other.Columns {
			c := t.byName[part.Column]
			covered = covered && c != nil && strong(c) && (c.catalog.NotNull || other.NullsNotDistinct) &&
				slices.ContainsFunc(index.Columns, func(p catalog.IndexPart) bool { return p.Column == part.Column })
		}
		if covered {
			return true
		}
	}
	return false
}

func (k *compiler) reportIndex(t *table, index *catalog.Index, c *column, why, fix string) {
	final := c.family.final
	if names := k.uniqueMasks(c); fix == "" && len(names) > 0 {
		fix = "choose a mask that keeps values distinct: " + strings.Join(names, ", ")
	}
	if final.blank {
		fix = k.undecidedFix(c.family.root())
	}
	if fix == "" {
		fix = "keep the column with a reason"
	}
	k.report(finding.Finding{Code: "unique-index", Place: final.place, Object: c.name(), Fix: fix},
		"the mask %s %s, and the unique index %s of %s would refuse that", final.definition.Name, why, index.Name, t.name())
}

// uniqueMasks returns the masks that keep values of c distinct, those for keys first.
func (k *compiler) uniqueMasks(c *column) []string {
	var keys, names []string
	for _, d := range k.masks.All() {
		switch {
		case d.Uniqueness == anonymize.UniqueNone || !fits(&d, c.catalog.Type) || d.Name == keepMask:
		case d.KeyMask:
			keys = append(keys, d.Name)
		default:
			names = append(names, d.Name)
		}
	}
	return append(keys, names...)
}

// checkCapacity compares what a mask can tell apart with the rows that a unique index holds.
func (k *compiler) checkCapacity(t *table, index *catalog.Index, c *column) {
	f := c.family
	d := f.final.definition
	if d.Capacity == nil || f.explained {
		return
	}
	n, capacity := t.rowBound(), d.Capacity(f.args)
	enough := capacity >= n
	if d.Uniqueness == anonymize.UniqueBounded {
		enough = n*n/(2*capacity) <= collisionBound
	}
	if enough {
		return
	}
	why := fmt.Sprintf("tells at most %s values apart", short(capacity))
	if d.Uniqueness == anonymize.UniqueBounded {
		why = fmt.Sprintf("tells %s values apart, so that two of the rows become equal with a probability of about %s, more than 2^-40",
			short(capacity), short(math.Min(1, n*n/(2*capacity))))
	}
	fix := "choose a mask or parameters with more room"
	if f.args.Type.MaxLength > 0 && f.args.Type.MaxLength != f.root().catalog.Type.MaxLength {
		fix = fmt.Sprintf("give the column a domain: of its own: the domain %q is compiled to its shortest column, %d characters", f.domain, f.args.Type.MaxLength)
	}
	unknown := ""
	if t.catalog.Size.Rows < 0 && t.catalog.Kind != catalog.Partitioned {
		fix += ", or ANALYZE the table, which was never analysed"
		unknown = "up to "
	}
	k.report(finding.Finding{
		Code: "unique-capacity", Place: f.final.place, Object: c.name(), Fix: fix,
	}, "the unique index %s has %s%s rows and the mask %s %s", index.Name, unknown, short(n), d.Name, why)
}

// short writes a count as people read it.
func short(n float64) string {
	if n < 1e6 && n == math.Trunc(n) {
		return fmt.Sprintf("%.0f", n)
	}
	return fmt.Sprintf("%.2g", n)
}

// checkExclusion refuses masks over exclusion constraints unless every one of them keeps equal and unequal
// values as they are: what an exclusion compares, and how, is its operator's affair.
func (k *compiler) checkExclusion(t *table, index *catalog.Index) {
	for _, c := range t.maskedIn(index) {
		if c.survival() == nulls {
			return // NULL excludes nothing
		}
	}
	for _, c := range append(t.maskedIn(index), t.maskedInPredicate(index)...) {
		class := c.catalog.Type.Class()
		simple := class == catalog.ClassText || class == catalog.ClassInteger || class == catalog.ClassUUID
		if c.family.final.definition.Uniqueness == anonymize.UniqueExact && simple && !slices.Contains(t.maskedInPredicate(index), c) {
			continue
		}
		k.report(finding.Finding{
			Code: "exclusion-constraint", Place: c.family.final.place, Object: c.name(),
			Fix: "keep the column with a reason, or empty it with the mask null",
		}, "the exclusion constraint %s of %s reads it, and the mask %s cannot promise to satisfy that",
			index.Name, t.name(), c.family.final.definition.Name)
		return
	}
}
