package catalog

import "slices"

// Table returns the table of that name, nil when there is none. It is found by bisection, which needs
// Tables to be sorted as Catalog says.
func (c *Catalog) Table(name Name) *Table {
	i, found := slices.BinarySearchFunc(c.Tables, name, func(t Table, name Name) int { return t.Name.Compare(name) })
	if !found {
		return nil
	}
	return &c.Tables[i]
}

// Column returns the column of that name, nil when there is none.
func (t *Table) Column(name string) *Column {
	for i := range t.Columns {
		if t.Columns[i].Name == name {
			return &t.Columns[i]
		}
	}
	return nil
}

// PrimaryKey returns the columns of the primary key in order, nil when there is none.
func (t *Table) PrimaryKey() []string {
	for _, index := range t.Indexes {
		if !index.Primary {
			continue
		}
		columns := make([]string, len(index.Columns))
		for i, part := range index.Columns {
			columns[i] = part.Column
		}
		return columns
	}
	return nil
}

// Ancestors returns the tables that t is a partition of, the nearest first and the root last; none when
// t is no partition. Inheritance that is not partitioning does not count.
func (c *Catalog) Ancestors(t *Table) []*Table {
	var ancestors []*Table
	for t.IsPartition && len(t.Parents) == 1 {
		parent := c.Table(t.Parents[0])
		if parent == nil || len(ancestors) == len(c.Tables) {
			break // not a catalog that a server would show
		}
		ancestors = append(ancestors, parent)
		t = parent
	}
	return ancestors
}

// Root returns the table at the top of t's partition tree; t itself when it is no partition.
func (c *Catalog) Root(t *Table) *Table {
	if ancestors := c.Ancestors(t); len(ancestors) > 0 {
		return ancestors[len(ancestors)-1]
	}
	return t
}

// LeafPartitions returns the tables that hold the rows of a partitioned table, at any depth, sorted by
// name; t itself when it is not partitioned. A partitioned table without partitions holds none.
func (c *Catalog) LeafPartitions(t *Table) []*Table {
	if t.Kind != Partitioned {
		return []*Table{t}
	}
	var leaves []*Table
	for i := range c.Tables {
		candidate := &c.Tables[i]
		if candidate.Kind == Partitioned || !candidate.IsPartition {
			continue
		}
		below := func(ancestor *Table) bool { return ancestor.Name == t.Name }
		if slices.ContainsFunc(c.Ancestors(candidate), below) {
			leaves = append(leaves, candidate)
		}
	}
	return leaves
}
