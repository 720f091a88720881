package rules

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/finding"
	"github.com/lethedb/lethe/internal/masked"
	"github.com/lethedb/lethe/internal/work"
)

// gathers reports whether the decision needs a look at the whole column before a value is masked.
func (r *resolved) gathers() bool {
	return r.definition != nil && r.definition.Reads == anonymize.ReadsTable
}

// addRowKey adds the primary key of f's table to what its mask reads.
func (f *family) addRowKey() {
	for _, index := range f.root().table.catalog.Indexes {
		if !index.Primary {
			continue
		}
		for _, part := range index.Columns {
			name := part.Column
			if !slices.ContainsFunc(f.siblings, func(s sibling) bool { return s.name == name }) {
				f.siblings = append(f.siblings, sibling{name: name, path: route{name}, place: f.final.place})
			}
			f.args.RowKey = append(f.args.RowKey, name)
		}
	}
}

// checkGathered reports columns that a mask which reads the whole of them cannot stand on.
func (k *compiler) checkGathered(f *family) bool {
	if !f.final.gathers() {
		return true
	}
	refused := finding.Finding{Code: "mask-refused", Place: f.final.place, Object: f.name(), Fix: "choose a mask that reads the value alone"}
	for _, l := range slices.Concat(f.up, f.down) {
		if !l.apart() {
			k.report(refused, "the mask %s cannot stand on a column that refers or is referred to (%s): their rows would no longer join", f.final.definition.Name, l.name)
			return false
		}
	}
	for _, m := range f.members {
		if m != f.root() && !m.table.catalog.IsPartition {
			k.report(refused, "the mask %s cannot stand on a column that %s inherits: no primary key tells the rows of both apart", f.final.definition.Name, m.table.name())
			return false
		}
	}
	for _, s := range f.siblings {
		if len(s.path) > 1 {
			k.report(finding.Finding{Code: "bad-path", Place: s.place, Object: f.name(), Fix: "name columns of the table itself"},
				"the mask %s reads no other rows", f.final.definition.Name)
			return false
		}
	}
	return true
}

// Gathered is a plan whose masks have seen what they must see beforehand. It is read-only; the caller closes it when
// no row is masked any more.
type Gathered struct {
	plan  *Plan
	ready map[anonymize.Mask]anonymize.Mask
	looks []anonymize.Gathering
}

// Gather looks at every column that a mask must have seen as a whole before rows of the given tables are masked; read
// writes the rows of a table that is to be read as it says, in the text form of COPY, and returns how many there were.
// What does not fit into memory goes to files in dir, which is private. It errs as Err does.
func (p *Plan) Gather(ctx context.Context, tables []catalog.Name, dir string, read func(ctx context.Context, table work.Table, w io.Writer) (int64, error)) (*Gathered, error) {
	if err := p.Err(); err != nil {
		return nil, err
	}
	g := &Gathered{plan: p, ready: map[anonymize.Mask]anonymize.Mask{}}
	for _, f := range p.compiled.gathered(tables) {
		if err := g.look(ctx, dir, f, read); err != nil {
			return nil, errors.Join(err, g.Close())
		}
	}
	return g, nil
}

// gathered returns the families that are looked at as a whole before rows of the tables are masked.
func (k *compiler) gathered(tables []catalog.Name) []*family {
	var out []*family
	add := func(f *family) {
		if f.final.gathers() && f.hasRows() && !slices.Contains(out, f) {
			out = append(out, f)
		}
	}
	for _, name := range tables {
		t := k.byName[name]
		if t == nil || !t.hasRows() {
			continue
		}
		for _, c := range t.columns {
			add(c.family)
		}
		for _, j := range t.joined {
			add(j.column.family)
		}
	}
	return out
}

// Gathers returns how many columns Gather would look at.
func (p *Plan) Gathers(tables []catalog.Name) int { return len(p.compiled.gathered(tables)) }

// Reads returns the tables that are read when rows of one are masked: itself, those whose rows it is read with, and
// those of the columns that Gather looks at.
func (p *Plan) Reads(table catalog.Name) []catalog.Name {
	reads := []catalog.Name{table}
	add := func(name catalog.Name) {
		if !slices.Contains(reads, name) {
			reads = append(reads, name)
		}
	}
	for _, join := range p.Table(table).Joins {
		add(join.Table)
	}
	for _, f := range p.compiled.gathered(reads[:1]) {
		for _, m := range f.members {
			if m.table.hasRows() {
				add(m.table.name())
			}
		}
	}
	return reads
}

// look shows a column's mask all of its rows.
func (g *Gathered) look(ctx context.Context, dir string, f *family, read func(context.Context, work.Table, io.Writer) (int64, error)) error {
	mask, ok := f.mask.(anonymize.Gatherer)
	if !ok {
		return fmt.Errorf("look at %s: the mask %s reads the table and cannot be shown it", f.name(), f.final.definition.Name)
	}
	gathering := mask.Gather(dir)
	g.looks = append(g.looks, gathering)
	for _, m := range f.members {
		if !m.table.hasRows() || m.table.catalog.Kind != catalog.Ordinary {
			continue
		}
		entry := g.plan.Table(m.table.name())
		table := work.Table{Table: entry.Table, Columns: []string{m.catalog.Name}, Where: entry.where()}
		made := m.plan()
		table.Columns = append(table.Columns, made.Siblings...)
		if _, err := anonymize.Look(gathering, entry.Table.Name, made.masked(m.catalog.Name), func(w io.Writer) (int64, error) {
			return read(ctx, table, w)
		}); err != nil {
			return err
		}
	}
	ready, err := gathering.Done()
	if err != nil {
		return fmt.Errorf("look at %s: %w", f.name(), err)
	}
	g.ready[f.mask] = ready
	return nil
}

// MaskerOf is Plan.MaskerOf with masks that have seen their columns.
func (g *Gathered) MaskerOf(name catalog.Name, format masked.Format) (*anonymize.Table, error) {
	return g.plan.masker(name, format, func(m anonymize.Mask) anonymize.Mask {
		if _, gathers := m.(anonymize.Gatherer); gathers {
			return g.ready[m]
		}
		return m
	})
}

// Close gives memory and files back.
func (g *Gathered) Close() error {
	var problems []error
	for _, look := range g.looks {
		problems = append(problems, look.Close())
	}
	return errors.Join(problems...)
}
