package pg

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/work"
)

// stages is the order in which an archive is restored: what rows need, what each table's rows are needed
// for, and what needs all tables. Every entry that is not left out is in exactly one stage.
type stages struct {
	archive *archive
	before  []entry
	after   []entry

	mu       sync.Mutex
	units    map[catalog.Name]*unit
	ready    []*unit
	unloaded int
	failed   error
	// running holds one token for each restore that may run beside others.
	running chan struct{}
}

// unit is a set of tables whose indexes belong together: a table alone, or a partitioned table with all
// of its partitions, whose indexes are attached to each other.
type unit struct {
	name     catalog.Name
	unloaded int
	entries  []entry
}

// newStages divides the archive. Tables with the same root are one unit.
func newStages(a *archive, order *work.Order, jobs int) *stages {
	s := &stages{
		archive: a, units: make(map[catalog.Name]*unit, len(order.Tables)), unloaded: len(order.Tables),
		running: make(chan struct{}, jobs),
	}
	roots := rootsOf(order.Catalog)
	byRoot := make(map[catalog.Name]*unit)
	byOID := make(map[uint32]*unit)
	for _, table := range order.Tables {
		root := roots[table.Table.Name]
		u := byRoot[root]
		if u == nil {
			u = &unit{name: root}
			byRoot[root] = u
		}
		u.unloaded++
		s.units[table.Table.Name] = u
		byOID[table.Table.OID] = u
	}
	s.divide(byOID)
	return s
}

// divide puts every entry into its stage, in the archive's order.
func (s *stages) divide(byOID map[uint32]*unit) {
	unitOf := make(map[int]*unit) // of entries of tables, and of what was put into a unit
	late := make(map[int]bool)    // post-data entries that wait for the end
	for _, e := range s.archive.entries {
		if s.archive.left[e.id] || e.section == otherSection {
			continue
		}
		if e.kind == "ACL" && !isSchemaACL(e) {
			// Rows come first: an owner may have taken its own rights on a table away.
			s.after = append(s.after, e)
			continue
		}
		if e.section == preData {
			s.before = append(s.before, e)
			if u := byOID[e.oid]; u != nil && e.class == classRelation {
				unitOf[e.id] = u
			}
			continue
		}
		u := ownUnit(e, unitOf, late)
		if u == nil {
			late[e.id] = true
			s.after = append(s.after, e)
			continue
		}
		unitOf[e.id] = u
		u.entries = append(u.entries, e)
	}
}

// ownUnit returns the unit that an entry after the rows can be restored with: it must be an index or a
// key and need nothing of another unit nor anything that comes at the end.
func ownUnit(e entry, unitOf map[int]*unit, late map[int]bool) *unit {
	if !slices.Contains([]string{"INDEX", "CONSTRAINT", "INDEX ATTACH"}, e.kind) {
		return nil
	}
	var own *unit
	for _, id := range e.needs {
		if late[id] {
			return nil
		}
		u := unitOf[id]
		if u == nil {
			continue // a type or a function: there before the rows
		}
		if own != nil && own != u {
			return nil
		}
		own = u
	}
	return own
}

// rootsOf returns the topmost partitioned table above each table; a table that is no partition is its own.
func rootsOf(c *catalog.Catalog) map[catalog.Name]catalog.Name {
	parent := make(map[catalog.Name]catalog.Name)
	for _, table := range c.Tables {
		if table.IsPartition && len(table.Parents) == 1 {
			parent[table.Name] = table.Parents[0]
		}
	}
	roots := make(map[catalog.Name]catalog.Name, len(c.Tables))
	for _, table := range c.Tables {
		root := table.Name
		for {
			above, ok := parent[root]
			if !ok {
				break
			}
			root = above
		}
		roots[table.Name] = root
	}
	return roots
}

// Finish builds the indexes and keys of a table whose last part has landed, and of others that wait. It
// is called once for each table of the order, tables without rows included; the call for the last table
// returns when everything but publishing is done: constraints, triggers, sequences, materialised views,
// statistics. An index or constraint that does not hold is an EntryError that names it.
func (t *Target) Finish(ctx context.Context, table catalog.Name) error {
	b := t.current()
	if b == nil {
		return errNotBegun
	}
	last, err := b.stages.loaded(table)
	if err != nil {
		return err
	}
	if err := b.buildIndexes(ctx); err != nil {
		return err
	}
	if !last {
		return nil
	}
	if err := b.stages.wait(ctx); err != nil {
		return err
	}
	return b.finish(ctx)
}

// loaded notes that a table's rows are there, and reports whether it was the last.
func (s *stages) loaded(table catalog.Name) (last bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, ok := s.units[table]
	if !ok {
		return false, fmt.Errorf("finish %s: it was not ordered, or was finished before", table)
	}
	delete(s.units, table)
	s.unloaded--
	if u.unloaded--; u.unloaded == 0 && len(u.entries) > 0 {
		s.ready = append(s.ready, u)
	}
	return s.unloaded == 0, nil
}

// buildIndexes takes a share of the units that are ready and builds their indexes, again and again until
// none is left. No more than Jobs do so at once.
func (b *build) buildIndexes(ctx context.Context) error {
	s := b.stages
	for {
		select {
		case s.running <- struct{}{}:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		batch := s.share()
		if len(batch) == 0 {
			<-s.running
			return nil
		}
		var entries []entry
		for _, u := range batch {
			b.t.opts.Event(Event{Phase: "indexes", Object: u.name.String()})
			entries = append(entries, u.entries...)
		}
		s.archive.byContents(entries)
		err := s.archive.restore(ctx, b.database, entries, 1)
		if err != nil {
			s.fail(err)
		}
		<-s.running
		if err != nil {
			return fmt.Errorf("build indexes: %w", err)
		}
	}
}

// share takes units to restore in one go: a process for each of a thousand small tables would cost more
// than their indexes.
func (s *stages) share() []*unit {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		return nil
	}
	n := (len(s.ready) + cap(s.running) - 1) / cap(s.running)
	batch := slices.Clone(s.ready[:n])
	s.ready = s.ready[n:]
	return batch
}

func (s *stages) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed = errors.Join(s.failed, err)
}

// wait returns when no restore runs any more, with the errors of those that failed.
func (s *stages) wait(ctx context.Context) error {
	for range cap(s.running) {
		select {
		case s.running <- struct{}{}:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	// Who came late and waits for a turn to find that nothing is left must still get one.
	for range cap(s.running) {
		<-s.running
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		return fmt.Errorf("build indexes: %w", s.failed)
	}
	return nil
}
