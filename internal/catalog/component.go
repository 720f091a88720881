package catalog

import "slices"

// Component is a set of tables whose rows can only be had together: each refers to each other, directly
// or by way of others of the set.
type Component struct {
	// Tables are sorted by name. A partitioned table stands there with all its partitions.
	Tables []Name
	// Cyclic reports that the references among them form a circle; a table that refers to itself is one.
	Cyclic bool
}

// Components returns the strongly connected components of the graph that foreign keys span over tables.
// Every table is in exactly one. A component comes after all those it refers to, so that loading them in
// order finds every parent in place; the order is the same for the same catalog. A partition tree counts
// as one table, because what refers to the root refers to rows in its leaves.
func (c *Catalog) Components() []Component {
	graph := newReferences(c)
	search := &tarjan{graph: graph, state: make([]visit, len(graph.members))}
	for node := range graph.members {
		if !search.state[node].seen {
			search.visit(node)
		}
	}
	components := make([]Component, 0, len(search.found))
	for _, nodes := range search.found {
		var component Component
		for _, node := range nodes {
			component.Tables = append(component.Tables, graph.members[node]...)
		}
		slices.SortFunc(component.Tables, Name.Compare)
		component.Cyclic = len(nodes) > 1 || slices.Contains(graph.to[nodes[0]], nodes[0])
		components = append(components, component)
	}
	return components
}

// references is the graph: a node is a table or a whole partition tree.
type references struct {
	members [][]Name
	// to lists the nodes a node refers to, ascending, each once.
	to [][]int
}

func newReferences(c *Catalog) references {
	var g references
	node := map[Name]int{}
	// Nodes are numbered in the order of the tables, which makes everything after deterministic.
	for i := range c.Tables {
		root := c.Root(&c.Tables[i]).Name
		n, known := node[root]
		if !known {
			n = len(g.members)
			node[root] = n
			g.members = append(g.members, nil)
		}
		node[c.Tables[i].Name] = n
		g.members[n] = append(g.members[n], c.Tables[i].Name)
	}
	g.to = make([][]int, len(g.members))
	for _, table := range c.Tables {
		from := node[table.Name]
		for _, key := range table.ForeignKeys {
			if to, known := node[key.References]; known {
				g.to[from] = append(g.to[from], to)
			}
		}
	}
	for n := range g.to {
		slices.Sort(g.to[n])
		g.to[n] = slices.Compact(g.to[n])
	}
	return g
}

// tarjan finds strongly connected components in one walk. A component is found only after all that it
// leads to, which is the order we promise.
type tarjan struct {
	graph references
	state []visit
	stack []int
	next  int
	found [][]int
}

// visit is what the walk knows of a node: when it was first seen, and the earliest node on the stack that
// it leads back to.
type visit struct {
	seen, onStack bool
	index, low    int
}

func (s *tarjan) visit(node int) {
	own := &s.state[node]
	*own = visit{seen: true, onStack: true, index: s.next, low: s.next}
	s.next++
	s.stack = append(s.stack, node)
	for _, next := range s.graph.to[node] {
		other := &s.state[next]
		if !other.seen {
			s.visit(next)
			own.low = min(own.low, other.low)
		} else if other.onStack {
			own.low = min(own.low, other.index)
		}
	}
	if own.low != own.index {
		return
	}
	var nodes []int
	for s.state[node].onStack {
		last := len(s.stack) - 1
		nodes = append(nodes, s.stack[last])
		s.state[s.stack[last]].onStack = false
		s.stack = s.stack[:last]
	}
	slices.Sort(nodes)
	s.found = append(s.found, nodes)
}
