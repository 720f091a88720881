package pg

import (
	"context"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/masked"
	"github.com/lethedb/lethe/internal/work"
)

// keyMemory is what all remembered keys may take together: 32 MB hold 250 million keys of sequences, and
// keep a run of any size below its bound. What does not fit is looked for by a query.
const keyMemory = 32 << 20

// proofs remembers the keys that are loaded, so that no foreign key need be looked up twice: what refers
// must be within what is referred to. It is safe for concurrent use.
type proofs struct {
	mu    sync.Mutex
	most  int64
	taken int64
	// of are the columns that are remembered, by the table that a foreign key names; fed are those that a
	// table's rows belong to: a partition feeds the tables above it too.
	of, fed map[catalog.Name][]*remembered
}

// remembered are the keys of one column.
type remembered struct {
	column string
	keys   keySet
	seen   map[catalog.Name]bool // tables that a part was seen of
	lost   bool                  // some were not seen: the rest proves nothing
}

func newProofs(most int64) *proofs {
	return &proofs{most: most, of: make(map[catalog.Name][]*remembered), fed: make(map[catalog.Name][]*remembered)}
}

// remember asks for the keys of both sides of a foreign key, where they are integers. It is called before
// the first row.
func (p *proofs) remember(c *catalog.Catalog, k *foreignKey) {
	parent := c.Table(k.References)
	if len(k.Columns) != 1 || parent == nil || k.table.Column(k.Columns[0]).Type.Class() != catalog.ClassInteger {
		return
	}
	p.column(c, k.table, k.Columns[0])
	p.column(c, parent, k.ReferencedColumns[0])
}

func (p *proofs) column(c *catalog.Catalog, table *catalog.Table, column string) {
	if p.find(table.Name, column) != nil {
		return
	}
	r := &remembered{column: column, seen: make(map[catalog.Name]bool)}
	p.of[table.Name] = append(p.of[table.Name], r)
	for _, leaf := range c.LeafPartitions(table) {
		p.fed[leaf.Name] = append(p.fed[leaf.Name], r)
	}
}

func (p *proofs) find(table catalog.Name, column string) *remembered {
	for _, r := range p.of[table] {
		if r.column == column {
			return r
		}
	}
	return nil
}

// partKeys are the keys of one part, on their way into the table's.
type partKeys struct {
	reader *keyReader
	into   []*remembered
}

// Write reads the keys of rows that pass.
func (k *partKeys) Write(b []byte) (int, error) { return k.reader.Write(b) }

// watch returns what must see the rows of a part, nil when nobody asks for its keys.
func (p *proofs) watch(table work.Table) *partKeys {
	p.mu.Lock()
	defer p.mu.Unlock()
	// Some parts are loaded at once, and each has sets of its own.
	k := &partKeys{reader: &keyReader{most: (p.most - p.taken) / 4}}
	if formatOf(table) == masked.Binary {
		k.reader.binary = newBinaryFields()
	}
	for _, r := range p.fed[table.Table.Name] {
		if !r.lost {
			k.into = append(k.into, r)
		}
	}
	if len(k.into) == 0 {
		return nil
	}
	for i, column := range table.Columns {
		for _, r := range k.into {
			if r.column == column {
				k.reader.sets = append(k.reader.sets, make([]*keySet, i+1-len(k.reader.sets))...)
				k.reader.sets[i] = &keySet{}
			}
		}
	}
	return k
}

// keep takes over the keys of a part whose rows are in the table for good.
func (p *proofs) keep(table work.Table, k *partKeys) {
	if k == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, set := range k.reader.sets {
		if set == nil {
			continue
		}
		for _, r := range k.into {
			if r.column != table.Columns[i] || r.lost {
				continue
			}
			r.seen[table.Table.Name] = true
			before := r.keys.size()
			if k.reader.broken || p.taken+set.size() > p.most {
				p.taken -= before
				r.lost, r.keys = true, keySet{}
				continue
			}
			r.keys.merge(set)
			p.taken += r.keys.size() - before
		}
	}
}

// lose says that rows of a table are there whose keys nobody saw.
func (p *proofs) lose(table catalog.Name) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.fed[table] {
		p.taken -= r.keys.size()
		r.lost, r.keys = true, keySet{}
	}
}

// landed says that all rows of a table are there. Where no part of it was seen, its rows came another way.
func (p *proofs) landed(table catalog.Name) {
	p.mu.Lock()
	unseen := false
	for _, r := range p.fed[table] {
		unseen = unseen || !r.seen[table]
	}
	p.mu.Unlock()
	if unseen {
		p.lose(table)
	}
}

// prove finds out whether a foreign key holds that the server was not asked about: by the keys that were
// seen, or by a query.
func (p *proofs) prove(ctx context.Context, conn *pgx.Conn, k *foreignKey) error {
	p.mu.Lock()
	var child, parent *remembered
	if len(k.Columns) == 1 {
		child, parent = p.find(k.table.Name, k.Columns[0]), p.find(k.References, k.ReferencedColumns[0])
	}
	seen := child != nil && parent != nil && !child.lost && !parent.lost
	if seen {
		k.proof, k.dangles = ProofKeys, !child.keys.within(&parent.keys)
	}
	p.mu.Unlock()
	if seen {
		return nil
	}
	if err := k.query(ctx, conn); err != nil {
		return err
	}
	k.proof = ProofQuery
	return nil
}
