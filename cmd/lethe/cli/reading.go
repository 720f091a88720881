package cli

import (
	"context"
	"io"
	"sync"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/pg"
	"github.com/lethedb/lethe/internal/work"
)

// snapshotReader is a snapshot as masking reads it.
type snapshotReader struct {
	snapshot *pg.Snapshot
	run      string
	readers  *readers
}

func newSnapshotReader(snapshot *pg.Snapshot, order *work.Order) snapshotReader {
	return snapshotReader{snapshot: snapshot, run: order.Run, readers: newReaders(order.Tables)}
}

// Parts cuts a table into parts of this run.
func (s snapshotReader) Parts(_ context.Context, t work.Table) ([]work.Part, error) {
	return s.snapshot.Parts(t, s.run), nil
}

// CopyPart writes the rows of one part to w, as they are in production: only masking may read them.
func (s snapshotReader) CopyPart(ctx context.Context, t work.Table, part work.Part, w io.Writer) (int64, error) {
	q := query(t)
	q.Range = part.Range
	return s.snapshot.CopyOut(ctx, q, w)
}

// trialBlocks bounds where rows to try are looked for, 16 MB: a condition that picks few rows must not have a
// large table read for them.
const trialBlocks = 2048

// CopySample writes a few rows from a table's beginning to w, as CopyPart does.
func (s snapshotReader) CopySample(ctx context.Context, t work.Table, limit int, w io.Writer) (int64, error) {
	q := query(t)
	q.Limit = limit
	if t.Table.AccessMethod == "heap" {
		q.Range = work.Range{Kind: work.Blocks, Hi: trialBlocks}
	}
	return s.snapshot.CopyOut(ctx, q, w)
}

// copyAll writes all rows of a table to w, as they are in production.
func (s snapshotReader) copyAll(ctx context.Context, t work.Table, w io.Writer) (int64, error) {
	return s.snapshot.CopyOut(ctx, query(t), w)
}

// query asks for all rows of a table.
func query(t work.Table) pg.Query {
	return pg.Query{
		Table: t.Table.Name, Columns: t.Columns, Joins: t.Joins, Joined: t.Joined,
		Range: work.Range{Kind: work.Whole}, Where: t.Where, Binary: t.Binary,
	}
}

// Count counts a table's rows under the snapshot, the last that is read of it: the locks that nobody needs any more
// are given back.
func (s snapshotReader) Count(ctx context.Context, t work.Table) (int64, error) {
	n, err := s.snapshot.Count(ctx, t.Table.Name, t.Where)
	if err == nil {
		for _, name := range s.readers.done(t) {
			s.snapshot.Done(name)
		}
	}
	return n, err
}

// readers knows which tables are still to be read, for their own rows or together with the rows of others: a table
// that is emptied in between would be read as if its rows had never been. It is safe for concurrent use.
type readers struct {
	// of lists what is locked while a table is read with others: itself, and its partitions.
	of map[catalog.Name][]catalog.Name
	mu sync.Mutex
	// left is how many tables are still to be read that read this one.
	left map[catalog.Name]int
}

func newReaders(tables []work.Table) *readers {
	r := &readers{of: map[catalog.Name][]catalog.Name{}, left: map[catalog.Name]int{}}
	children := map[catalog.Name][]catalog.Name{}
	for _, t := range tables {
		if t.Table.IsPartition {
			for _, parent := range t.Table.Parents {
				children[parent] = append(children[parent], t.Table.Name)
			}
		}
	}
	var add func(of, name catalog.Name)
	add = func(of, name catalog.Name) {
		r.of[of] = append(r.of[of], name)
		for _, child := range children[name] {
			add(of, child)
		}
	}
	for _, t := range tables {
		for _, join := range t.Joins {
			if r.of[join.Table] == nil {
				add(join.Table, join.Table)
			}
		}
	}
	for _, t := range tables {
		for _, name := range r.reads(t) {
			r.left[name]++
		}
	}
	return r
}

// reads returns what is read for the rows of t, without repeats.
func (r *readers) reads(t work.Table) []catalog.Name {
	names := []catalog.Name{t.Table.Name}
	seen := map[catalog.Name]bool{t.Table.Name: true}
	for _, join := range t.Joins {
		for _, name := range r.of[join.Table] {
			if !seen[name] {
				seen[name] = true
				names = append(names, name)
			}
		}
	}
	return names
}

// done says that t was read, and returns the tables that nobody reads any more.
func (r *readers) done(t work.Table) []catalog.Name {
	r.mu.Lock()
	defer r.mu.Unlock()
	var free []catalog.Name
	for _, name := range r.reads(t) {
		if r.left[name]--; r.left[name] == 0 {
			free = append(free, name)
		}
	}
	return free
}
