package pg

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/work"
)

// bigTable is how large a table is whose indexes, keys and statistics are worth a process of their own
// each: reading it once takes as long as starting the process.
const bigTable = 64 << 20

// schedule is the order of work of one build: what must be there before any row, the agenda of what rows
// and tables wait for, and what needs everything. Every entry that is not left out is in exactly one of
// the three.
type schedule struct {
	archive *archive
	order   *work.Order
	big     int64
	before  []entry
	after   []entry
	keys    []*foreignKey
	proofs  *proofs

	roots map[catalog.Name]catalog.Name
	trees map[catalog.Name][]catalog.Name // a root and all below it
	// owners are the groups that entries belong to, in the order of their first entries.
	owners map[catalog.Name]*owner

	mu      sync.Mutex
	counted map[catalog.Name]int64 // rows of tables that were counted beside other work
	known   map[catalog.Name]bool  // tables whose statistics were gathered beside other work
	agenda  agenda
	loads   map[catalog.Name]*task
	left    map[catalog.Name]int // tasks of a table that are not done
	changed chan struct{}        // closed, and made anew, when the agenda changes
}

// owner is what entries belong to: a table, or a partition tree as a whole.
type owner struct {
	name    catalog.Name
	tables  []catalog.Name // that must be loaded before
	tree    bool           // the whole tree: its entries come after those of its tables
	entries []entry
	tasks   []*task
	bytes   int64
	serial  bool // indexes of the table may not be built beside each other
}

// newSchedule divides the archive. first says whether foreign keys may come before the rows.
func newSchedule(a *archive, order *work.Order, first bool, big int64) *schedule {
	s := &schedule{
		archive: a, order: order, big: big, roots: rootsOf(order.Catalog), trees: make(map[catalog.Name][]catalog.Name),
		owners: make(map[catalog.Name]*owner), loads: make(map[catalog.Name]*task), left: make(map[catalog.Name]int),
		changed: make(chan struct{}), proofs: newProofs(keyMemory), counted: make(map[catalog.Name]int64), known: make(map[catalog.Name]bool),
	}
	byOID := make(map[uint32]*owner, len(order.Tables))
	whole := make(map[catalog.Name]bool) // trees whose rows may lie in any of their tables
	for _, table := range order.Tables {
		name := table.Table.Name
		if s.roots[name].IsZero() { // it stands in no catalog, as large objects do
			s.roots[name] = name
		}
		s.trees[s.roots[name]] = append(s.trees[s.roots[name]], name)
		whole[s.roots[name]] = whole[s.roots[name]] || (!table.Into.IsZero() && table.Into != name)
		s.loads[name] = s.put(&task{table: name, load: true, cost: sizeOf(table)})
	}
	for _, table := range order.Tables {
		byOID[table.Table.OID] = s.owner(table, whole)
	}
	s.divide(byOID)
	s.plan(first)
	s.agenda.start()
	return s
}

// put adds a task and counts it for its table.
func (s *schedule) put(t *task, needs ...*task) *task {
	s.left[t.table]++
	return s.agenda.add(t, needs...)
}

// sizeOf returns how large the table is believed to arrive.
func sizeOf(table work.Table) int64 {
	if table.Empty {
		return 0
	}
	return table.Table.Size.Bytes
}

// owner returns what the table's entries belong to.
func (s *schedule) owner(ordered work.Table, whole map[catalog.Name]bool) *owner {
	table := ordered.Table
	root := s.roots[table.Name]
	name, tree := table.Name, table.Kind == catalog.Partitioned || whole[root]
	if tree {
		name = root
	}
	o := s.owners[name]
	if o == nil {
		o = &owner{name: name, tree: tree, tables: []catalog.Name{name}}
		if tree {
			o.tables = s.trees[root]
		}
		s.owners[name] = o
	}
	if table.Made() { // what comes with the server or an extension has nothing to be built
		o.bytes += sizeOf(ordered)
	}
	o.serial = o.serial || table.IndexMarks
	return o
}

// divide puts every entry into its place, in the archive's order.
func (s *schedule) divide(byOID map[uint32]*owner) {
	ownerOf := make(map[int]*owner) // of entries of tables, and of what belongs to one
	late := make(map[int]bool)      // post-data entries that wait for the end
	keys := s.foreignKeys()
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
			if o := byOID[e.oid]; o != nil && e.class == classRelation {
				ownerOf[e.id] = o
			}
			continue
		}
		if k := keys[e.oid]; k != nil && e.kind == "FK CONSTRAINT" {
			k.entry = e
			s.keys = append(s.keys, k)
			continue // its way is chosen when all is divided
		}
		o := s.ownerOf(e, ownerOf, late)
		if o == nil {
			late[e.id] = true
			s.after = append(s.after, e)
			continue
		}
		ownerOf[e.id] = o
		o.entries = append(o.entries, e)
	}
	for _, k := range s.keys {
		k.late = slices.ContainsFunc(k.entry.needs, func(id int) bool { return late[id] })
	}
}

// ownerOf returns what an entry after the rows can be restored with: it must be an index, a key or a
// statistics object, and need nothing of another table, other than of the same tree, nor anything that
// comes at the end.
func (s *schedule) ownerOf(e entry, known map[int]*owner, late map[int]bool) *owner {
	if !slices.Contains([]string{"INDEX", "CONSTRAINT", "INDEX ATTACH", "STATISTICS"}, e.kind) {
		return nil
	}
	var own *owner
	for _, id := range e.needs {
		if late[id] {
			return nil
		}
		o := known[id]
		switch {
		case o == nil, o == own: // nil is a type or a function: there before the rows
		case own == nil:
			own = o
		case s.roots[own.name] == s.roots[o.name] && s.owners[s.roots[o.name]] != nil && s.owners[s.roots[o.name]].tree:
			own = s.owners[s.roots[o.name]]
		default:
			return nil
		}
	}
	return own
}

// plan makes the tasks.
func (s *schedule) plan(first bool) {
	var trees []*owner
	for _, table := range s.order.Tables {
		for _, name := range []catalog.Name{table.Table.Name, s.roots[table.Table.Name]} {
			o := s.owners[name]
			if o == nil || o.tasks != nil || slices.Contains(trees, o) {
				continue
			}
			if o.tree {
				trees = append(trees, o)
			} else {
				s.planTable(o)
			}
		}
	}
	for _, o := range trees {
		s.planTree(o)
	}
	s.planKeys(first)
}

// loaded returns the tasks that load what an owner stands on.
func (s *schedule) loaded(o *owner) []*task {
	loads := make([]*task, len(o.tables))
	for i, name := range o.tables {
		loads[i] = s.loads[name]
	}
	return loads
}

// planTable makes the tasks of a table: one for a small table, one for each index and key of a big one.
func (s *schedule) planTable(o *owner) {
	if o.bytes < s.big {
		if len(o.entries) > 0 {
			o.tasks = []*task{s.put(&task{
				table: o.name, entries: o.entries, small: true, cost: o.bytes, locks: map[catalog.Name]mode{o.name: accessExclusive},
			}, s.loaded(o)...)}
		}
		return
	}
	for _, e := range o.entries {
		if index := s.adoptable(o.name, e); index != nil {
			o.tasks = append(o.tasks, s.planKey(o, e, index))
			continue
		}
		t := &task{table: o.name, entries: []entry{e}, cost: o.bytes / 2, locks: map[catalog.Name]mode{o.name: accessExclusive}}
		switch {
		case e.kind == "STATISTICS":
			t.cost, t.locks[o.name] = 0, shareUpdateExclusive
		case e.kind == "INDEX" && o.serial:
			t.locks[o.name] = shareRowExclusive
		case e.kind == "INDEX":
			t.locks[o.name] = share
		}
		needs := s.loaded(o)
		for _, other := range o.tasks {
			if slices.ContainsFunc(other.entries, func(before entry) bool { return slices.Contains(e.needs, before.id) }) {
				needs = append(needs, other)
			}
		}
		o.tasks = append(o.tasks, s.put(t, needs...))
	}
	s.planReading(o)
}

// planReading makes the tasks that only read a big table: they fill the gaps between others.
func (s *schedule) planReading(o *owner) {
	s.put(&task{table: o.name, cost: o.bytes / 16, locks: map[catalog.Name]mode{o.name: accessShare}, run: func(ctx context.Context, conn *pgx.Conn) error {
		var n int64
		if err := conn.QueryRow(ctx, "SELECT count(*) FROM ONLY "+o.name.SQL()).Scan(&n); err != nil {
			return fmt.Errorf("count %s: %w", o.name, err)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.counted[o.name] = n
		return nil
	}}, s.loaded(o)...)
	if aboveForeign(s.order.Catalog)[o.name] {
		return
	}
	// Expressions of indexes and statistics objects have statistics too.
	s.put(&task{table: o.name, cost: o.bytes / 64, locks: map[catalog.Name]mode{o.name: shareUpdateExclusive}, run: func(ctx context.Context, conn *pgx.Conn) error {
		if _, err := conn.Exec(ctx, "ANALYZE "+o.name.SQL()); err != nil {
			return fmt.Errorf("analyse %s: %w", o.name, err)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.known[o.name] = true
		return nil
	}}, append(s.loaded(o), o.tasks...)...)
}

// planTree makes the task of what stands on a whole tree. It comes after what stands on its tables.
func (s *schedule) planTree(o *owner) {
	if len(o.entries) == 0 {
		return
	}
	needs := s.loaded(o)
	for _, name := range o.tables {
		if leaf := s.owners[name]; leaf != nil && leaf != o {
			needs = append(needs, leaf.tasks...)
		}
	}
	cost := int64(0)
	if slices.ContainsFunc(o.entries, func(e entry) bool { return e.kind != "INDEX ATTACH" }) {
		cost = o.bytes
	}
	o.tasks = []*task{s.put(&task{table: o.name, entries: o.entries, cost: cost, locks: s.locks(o.name, accessExclusive)}, needs...)}
}

// locks are those of one mode on a table and all of its partitions.
func (s *schedule) locks(table catalog.Name, m mode) map[catalog.Name]mode {
	locks := map[catalog.Name]mode{table: m}
	if s.roots[table] == table {
		for _, name := range s.trees[table] {
			locks[name] = m
		}
	}
	return locks
}

// rootsOf returns the topmost partitioned table above each table; a table that is no partition is its own.
func rootsOf(c *catalog.Catalog) map[catalog.Name]catalog.Name {
	roots := make(map[catalog.Name]catalog.Name, len(c.Tables))
	for i := range c.Tables {
		roots[c.Tables[i].Name] = c.Root(&c.Tables[i]).Name
	}
	return roots
}

// finished notes that tasks are done, and returns the tables that have none left. The caller holds mu.
func (s *schedule) finished(done []*task) []catalog.Name {
	var complete []catalog.Name
	for _, t := range done {
		s.agenda.done(t)
		if s.left[t.table]--; s.left[t.table] == 0 {
			complete = append(complete, t.table)
		}
	}
	close(s.changed)
	s.changed = make(chan struct{})
	return complete
}

// entriesOf returns the entries of all tasks, as the archive has them.
func (s *schedule) entriesOf(tasks []*task) []entry {
	var entries []entry
	for _, t := range tasks {
		entries = append(entries, t.entries...)
	}
	s.archive.byContents(entries)
	return entries
}

// namesOf spells the tables of tasks for progress.
func namesOf(tasks []*task) string {
	var names []string
	for _, t := range tasks {
		if name := t.table.String(); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}
