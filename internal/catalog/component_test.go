package catalog_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/lethedb/lethe/internal/catalog"
)

func public(name string) catalog.Name { return catalog.Name{Schema: "public", Name: name} }

// schema builds a catalog from lines such as "orders -> users shops", and "p/2024" for a partition of p.
func schema(lines ...string) *catalog.Catalog {
	c := &catalog.Catalog{}
	for _, line := range lines {
		name, references, _ := strings.Cut(line, " -> ")
		table := catalog.Table{Name: public(name), Kind: catalog.Ordinary}
		if i := strings.LastIndexByte(name, '/'); i >= 0 {
			table.IsPartition, table.Parents = true, []catalog.Name{public(name[:i])}
		}
		for _, to := range strings.Fields(references) {
			table.ForeignKeys = append(table.ForeignKeys, catalog.ForeignKey{Name: "fk_" + to, References: public(to)})
		}
		for _, other := range lines {
			other, _, _ = strings.Cut(other, " -> ")
			if strings.HasPrefix(other, name+"/") {
				table.Kind = catalog.Partitioned
			}
		}
		c.Tables = append(c.Tables, table)
	}
	slices.SortFunc(c.Tables, func(a, b catalog.Table) int { return a.Name.Compare(b.Name) })
	return c
}

// show writes components on one line: "a; b+c cyclic".
func show(components []catalog.Component) string {
	var out []string
	for _, component := range components {
		var names []string
		for _, name := range component.Tables {
			names = append(names, name.Name)
		}
		text := strings.Join(names, "+")
		if component.Cyclic {
			text += " cyclic"
		}
		out = append(out, text)
	}
	return strings.Join(out, "; ")
}

func TestComponentsNameWhatHangsTogether(t *testing.T) {
	for _, test := range []struct {
		name   string
		schema []string
		want   string
	}{
		{"no table", nil, ""},
		{"tables without references, by name", []string{"b", "a"}, "a; b"},
		{"parents first", []string{"a -> b", "b -> c", "c"}, "c; b; a"},
		{"a table that refers to itself", []string{"employee -> employee"}, "employee cyclic"},
		{"a circle and who hangs on it", []string{"teams -> users teams", "users -> teams", "posts -> users", "zone"},
			"teams+users cyclic; posts; zone"},
		{"two circles, one leading to the other", []string{"a -> b", "b -> a c", "c -> d", "d -> c"}, "c+d cyclic; a+b cyclic"},
		{"a diamond", []string{"a -> b c", "b -> d", "c -> d", "d"}, "d; b; c; a"},
		{"a reference out of the catalog", []string{"a -> elsewhere"}, "a"},
		{"a partition tree is one table", []string{"a -> p", "p", "p/1", "p/1/x", "z"}, "p+p/1+p/1/x; a; z"},
		{"a partition's own reference is the tree's", []string{"p", "p/1 -> q", "q"}, "q; p+p/1"},
		{"a reference to a leaf leads to the tree", []string{"a -> p/1", "p", "p/1"}, "p+p/1; a"},
		{"a tree that refers to itself", []string{"p -> p", "p/1"}, "p+p/1 cyclic"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := show(schema(test.schema...).Components()); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

// TestComponentsAgreeWithReachability compares with the definition: two tables are in one component
// exactly when each is reached from the other.
func TestComponentsAgreeWithReachability(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 9).Draw(t, "tables")
		lines := make([]string, n)
		reach := make([][]bool, n)
		for i := range n {
			reach[i] = make([]bool, n)
			var to []string
			for j := range n {
				if rapid.IntRange(0, 5).Draw(t, "edge") == 0 {
					to = append(to, fmt.Sprintf("t%d", j))
					reach[i][j] = true
				}
			}
			lines[i] = fmt.Sprintf("t%d -> %s", i, strings.Join(to, " "))
		}
		for k := range n {
			for i := range n {
				for j := range n {
					reach[i][j] = reach[i][j] || reach[i][k] && reach[k][j]
				}
			}
		}
		components := schema(lines...).Components()
		at := map[string]int{}
		for position, component := range components {
			if !slices.IsSortedFunc(component.Tables, catalog.Name.Compare) {
				t.Fatalf("not sorted: %s", show(components))
			}
			for _, name := range component.Tables {
				if _, twice := at[name.Name]; twice {
					t.Fatalf("%s twice: %s", name, show(components))
				}
				at[name.Name] = position
			}
		}
		if len(at) != n {
			t.Fatalf("%d of %d tables: %s", len(at), n, show(components))
		}
		for i := range n {
			own := at[fmt.Sprintf("t%d", i)]
			if components[own].Cyclic != reach[i][i] {
				t.Fatalf("t%d on a circle: got %v, want %v", i, components[own].Cyclic, reach[i][i])
			}
			for j := range n {
				other := at[fmt.Sprintf("t%d", j)]
				if together := i == j || reach[i][j] && reach[j][i]; together != (own == other) {
					t.Fatalf("t%d and t%d together: got %v, want %v", i, j, own == other, together)
				}
				if reach[i][j] && other > own {
					t.Fatalf("t%d comes before its parent t%d: %s", i, j, show(components))
				}
			}
		}
	})
}

func TestComponentsAreTheSameEveryTime(t *testing.T) {
	lines := []string{"a -> b c", "b -> a", "c -> d", "d -> c", "e -> a d", "f"}
	want := schema(lines...).Components()
	for range 20 {
		if got := schema(lines...).Components(); !reflect.DeepEqual(got, want) {
			t.Fatalf("got %s, then %s", show(want), show(got))
		}
	}
}

func TestLongChainsAreWalked(t *testing.T) {
	const length = 20_000 // deeper than any schema, and deep enough to end a walk with a fixed stack
	c := &catalog.Catalog{}
	for i := range length {
		table := catalog.Table{Name: public(fmt.Sprintf("t%05d", i))}
		if i+1 < length {
			table.ForeignKeys = []catalog.ForeignKey{{References: public(fmt.Sprintf("t%05d", i+1))}}
		}
		c.Tables = append(c.Tables, table)
	}
	components := c.Components()
	if len(components) != length || components[0].Tables[0].Name != "t19999" {
		t.Errorf("got %d components, first %v", len(components), components[0].Tables)
	}
}

func names(tables []*catalog.Table) string {
	var out []string
	for _, table := range tables {
		out = append(out, table.Name.Name)
	}
	return strings.Join(out, " ")
}

func TestPartitionTreesAreWalkedBothWays(t *testing.T) {
	c := schema("a", "p", "p/1", "p/1/x", "p/1/y", "p/2", "q", "q/1")
	child := c.Table(public("a")) // inherits, which is no partition
	child.Parents = []catalog.Name{public("p")}
	for _, test := range []struct{ table, ancestors, root, leaves string }{
		{"p", "", "p", "p/1/x p/1/y p/2"},
		{"p/1", "p", "p", "p/1/x p/1/y"},
		{"p/1/x", "p/1 p", "p", "p/1/x"},
		{"p/2", "p", "p", "p/2"},
		{"a", "", "a", "a"},
		{"q", "", "q", "q/1"},
	} {
		table := c.Table(public(test.table))
		if got := names(c.Ancestors(table)); got != test.ancestors {
			t.Errorf("ancestors of %s: got %q, want %q", test.table, got, test.ancestors)
		}
		if got := c.Root(table).Name.Name; got != test.root {
			t.Errorf("root of %s: got %q, want %q", test.table, got, test.root)
		}
		if got := names(c.LeafPartitions(table)); got != test.leaves {
			t.Errorf("leaves of %s: got %q, want %q", test.table, got, test.leaves)
		}
	}
	empty := &catalog.Catalog{Tables: []catalog.Table{{Name: public("p"), Kind: catalog.Partitioned}}}
	if got := empty.LeafPartitions(&empty.Tables[0]); len(got) != 0 {
		t.Errorf("a partitioned table without partitions has leaves %q", names(got))
	}
}

func TestACircleOfPartitionsEnds(t *testing.T) {
	c := schema("p", "p/1")
	c.Tables[0].IsPartition, c.Tables[0].Parents = true, []catalog.Name{public("p/1")}
	if got := c.Ancestors(&c.Tables[0]); len(got) > len(c.Tables) {
		t.Errorf("got %d ancestors of %d tables", len(got), len(c.Tables))
	}
}

func TestLookupsFindWhatIsThere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		part := rapid.StringMatching(`[aAzé]{1,2}`)
		wanted := rapid.SliceOfDistinct(rapid.Custom(func(t *rapid.T) catalog.Name {
			return catalog.Name{Schema: part.Draw(t, "schema"), Name: part.Draw(t, "name")}
		}), func(n catalog.Name) catalog.Name { return n }).Draw(t, "names")
		asked := catalog.Name{Schema: part.Draw(t, "asked schema"), Name: part.Draw(t, "asked name")}
		c := &catalog.Catalog{}
		for _, name := range wanted {
			c.Tables = append(c.Tables, catalog.Table{Name: name})
		}
		slices.SortFunc(c.Tables, func(a, b catalog.Table) int { return a.Name.Compare(b.Name) })
		for _, name := range append(wanted, asked) {
			got := c.Table(name)
			if there := slices.Contains(wanted, name); there != (got != nil) || there && got.Name != name {
				t.Fatalf("%v: got %v, there %v", name, got, there)
			}
		}
	})
	table := &catalog.Table{
		Columns: []catalog.Column{{Name: "a"}, {Name: "b"}},
		Indexes: []catalog.Index{
			{Name: "i", Unique: true, Columns: []catalog.IndexPart{{Column: "a"}}},
			{Name: "pk", Unique: true, Primary: true, Columns: []catalog.IndexPart{{Column: "b"}, {Column: "a"}}},
		},
	}
	if got := table.Column("b"); got != &table.Columns[1] {
		t.Errorf("column b: got %v", got)
	}
	if got := table.Column("B"); got != nil {
		t.Errorf("column B: got %v, want none", got)
	}
	if got := table.PrimaryKey(); !slices.Equal(got, []string{"b", "a"}) {
		t.Errorf("primary key: got %q", got)
	}
	if got := (&catalog.Table{Indexes: table.Indexes[:1]}).PrimaryKey(); got != nil {
		t.Errorf("no primary key: got %q", got)
	}
}

func TestEveryTypeHasItsClass(t *testing.T) {
	for base, want := range map[string]catalog.Class{
		"text": catalog.ClassText, "varchar": catalog.ClassText, "bpchar": catalog.ClassText, "citext": catalog.ClassText,
		"int2": catalog.ClassInteger, "int8": catalog.ClassInteger, "numeric": catalog.ClassNumeric, "money": catalog.ClassNumeric,
		"bool": catalog.ClassBoolean, "date": catalog.ClassDate, "timestamptz": catalog.ClassTimestamp, "interval": catalog.ClassTime,
		"uuid": catalog.ClassUUID, "jsonb": catalog.ClassJSON, "bytea": catalog.ClassBytes, "inet": catalog.ClassNetwork,
		"text[]": catalog.ClassArray, "[]": catalog.ClassOther, "": catalog.ClassOther, "tsvector": catalog.ClassOther, "xml": catalog.ClassOther,
	} {
		if got := (catalog.Type{Base: base}).Class(); got != want {
			t.Errorf("%q: got %s, want %s", base, got, want)
		}
	}
	if got := (catalog.Type{Base: "mood", Enum: []string{"sad"}}).Class(); got != catalog.ClassEnum {
		t.Errorf("an enum: got %s", got)
	}
	if got := (catalog.Type{Base: "mood[]", Enum: []string{"sad"}}).Class(); got != catalog.ClassArray {
		t.Errorf("an array of an enum: got %s", got)
	}
}
