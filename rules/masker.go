package rules

import (
	"fmt"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/masked"
)

// Masker returns the table of masks for one table, which seals rows under this plan's digest. It errs as
// Err does, and for a table that the plan does not have or of which no row arrives.
func (p *Plan) Masker(name catalog.Name) (*anonymize.Table, error) {
	if err := p.Err(); err != nil {
		return nil, fmt.Errorf("mask %s: %w", name, err)
	}
	t := p.Table(name)
	if t == nil || t.Rows == RowsNone || t.Rows == RowsDropped {
		return nil, fmt.Errorf("mask %s: no row of it arrives by this plan", name)
	}
	header := masked.Header{Table: name, Plan: p.Digests.Plan}
	columns := make([]anonymize.Column, 0, len(t.Columns))
	for _, c := range t.Columns {
		header.Columns = append(header.Columns, c.Column.Name)
		made := anonymize.Column{Name: c.Column.Name, Mask: c.Run, Siblings: c.Siblings}
		if c.Definition != nil {
			made.MaskName, made.Nulls = c.Definition.Name, c.Definition.Nulls
		}
		columns = append(columns, made)
	}
	table, err := anonymize.NewTable(header, columns)
	if err != nil {
		return nil, fmt.Errorf("mask %s: %w", name, err)
	}
	return table, nil
}
