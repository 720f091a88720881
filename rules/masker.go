package rules

import (
	"fmt"
	"slices"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/masked"
)

// Masker returns the table of masks for one table, which seals rows under this plan's digest and takes them
// in the text form of COPY. It errs as Err does, and for a table that the plan does not have or of which no
// row arrives.
func (p *Plan) Masker(name catalog.Name) (*anonymize.Table, error) {
	return p.MaskerOf(name, masked.Text)
}

// MaskerOf is Masker for either form of COPY. In the binary form it errs also for a table with a column
// whose values masks see and whose type has no text made of it there.
//
// A mask that must have seen its column errs in it; see Gather.
func (p *Plan) MaskerOf(name catalog.Name, format masked.Format) (*anonymize.Table, error) {
	return p.masker(name, format, func(m anonymize.Mask) anonymize.Mask { return m })
}

// masker is MaskerOf with the masks that ready returns for those of the plan.
func (p *Plan) masker(name catalog.Name, format masked.Format, ready func(anonymize.Mask) anonymize.Mask) (*anonymize.Table, error) {
	if err := p.Err(); err != nil {
		return nil, fmt.Errorf("mask %s: %w", name, err)
	}
	t := p.Table(name)
	if t == nil || t.Rows == RowsNone || t.Rows == RowsDropped {
		return nil, fmt.Errorf("mask %s: no row of it arrives by this plan", name)
	}
	header := masked.Header{Table: name, Format: format, Plan: p.Digests.Plan}
	columns := make([]anonymize.Column, 0, len(t.Columns))
	for _, c := range t.Columns {
		header.Columns = append(header.Columns, c.Column.Name)
		columns = append(columns, c.masked(c.Column.Name))
	}
	for _, c := range t.Joined {
		made := c.masked(c.Path)
		made.Aside = true
		columns = append(columns, made)
	}
	for i := range columns {
		if columns[i].Mask != nil {
			columns[i].Mask = ready(columns[i].Mask)
		}
	}
	table, err := anonymize.NewTable(header, columns)
	if err != nil {
		return nil, fmt.Errorf("mask %s: %w", name, err)
	}
	return table, nil
}

// masked returns what happens to the column, which the rows call name.
func (c *ColumnPlan) masked(name string) anonymize.Column {
	made := anonymize.Column{Name: name, Mask: c.Run, Siblings: c.Siblings, Type: c.Column.Type}
	if c.Definition != nil {
		made.MaskName, made.Nulls = c.Definition.Name, c.Definition.Nulls
	}
	return made
}

// Sees reports whether a mask of the table sees the values of a column: it stands on it or reads it.
func (t *TablePlan) Sees(column string) bool {
	for i := range t.Columns {
		c := &t.Columns[i]
		if c.Run != nil && (c.Column.Name == column || slices.Contains(c.Siblings, column)) {
			return true
		}
	}
	return false
}
