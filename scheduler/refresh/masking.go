package refresh

import (
	"context"
	"fmt"
	"io"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/masked"
	"github.com/lethedb/lethe/internal/work"
)

// Snapshot is one instant of a production database, as far as masking needs it. Its methods are safe for
// concurrent use.
type Snapshot interface {
	// Parts divides a table.
	Parts(ctx context.Context, table work.Table) ([]work.Part, error)
	// CopyPart pushes the part's rows in the table's form of COPY, its Columns in their order, and returns how
	// many the server says there were.
	CopyPart(ctx context.Context, table work.Table, part work.Part, w io.Writer) (rows int64, err error)
	// CopySample pushes a few rows of the table, at most limit, as CopyPart does.
	CopySample(ctx context.Context, table work.Table, limit int, w io.Writer) (rows int64, err error)
	// Count counts the rows of the table that its condition picks.
	Count(ctx context.Context, table work.Table) (int64, error)
}

// Masking is the Producer of a full refresh: a snapshot of production read through the masks of a plan.
type Masking struct {
	snapshot Snapshot
	tables   map[catalog.Name]work.Table
	masks    map[catalog.Name]*anonymize.Table
}

// NewMasking pairs the tables of an order with their masks. A table with rows but without masks is an
// error: nothing may pass undecided.
func NewMasking(snapshot Snapshot, order *work.Order, masks func(catalog.Name) (*anonymize.Table, error)) (*Masking, error) {
	m := &Masking{snapshot: snapshot, tables: map[catalog.Name]work.Table{}, masks: map[catalog.Name]*anonymize.Table{}}
	for _, table := range order.Tables {
		if table.Empty {
			continue
		}
		name := table.Table.Name
		mask, err := masks(name)
		if err != nil {
			return nil, fmt.Errorf("make the masks of %s: %w", name, err)
		}
		if mask == nil {
			return nil, fmt.Errorf("make the masks of %s: the plan has none", name)
		}
		m.tables[name], m.masks[name] = table, mask
	}
	return m, nil
}

// Parts divides a table.
func (m *Masking) Parts(ctx context.Context, table work.Table) ([]work.Part, error) {
	return m.snapshot.Parts(ctx, table)
}

// Rows returns the part's rows; reading and masking happen while they are pushed.
func (m *Masking) Rows(ctx context.Context, part work.Part) (*masked.Rows, error) {
	mask, ok := m.masks[part.Table]
	if !ok {
		return nil, fmt.Errorf("mask %s: the plan does not know it", part.Table)
	}
	return mask.Rows(func(w io.Writer) (int64, error) {
		return m.snapshot.CopyPart(ctx, m.tables[part.Table], part, w)
	}), nil
}

// Sample returns a few masked rows of a table, at most limit.
func (m *Masking) Sample(ctx context.Context, table work.Table, limit int) (*masked.Rows, error) {
	mask, ok := m.masks[table.Table.Name]
	if !ok {
		return nil, fmt.Errorf("mask %s: the plan does not know it", table.Table.Name)
	}
	return mask.Rows(func(w io.Writer) (int64, error) {
		return m.snapshot.CopySample(ctx, m.tables[table.Table.Name], limit, w)
	}), nil
}

// Count counts the rows of the table on the source.
func (m *Masking) Count(ctx context.Context, table work.Table) (int64, error) {
	return m.snapshot.Count(ctx, table)
}
