package pg

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/lethedb/lethe/internal/catalog"
)

// tables reads every relation that holds rows, without its columns.
func (r *reader) tables(ctx context.Context) error {
	type row struct {
		OID                                    uint32
		Schema, Name, Kind, Persistence, Owner string
		Method, Extension, Bound, Where        string
		Configuration                          bool
		Partition, Security, Forced, Populated bool
		Rows                                   float64
		Blocks, Bytes, IndexBytes              int64
	}
	found, err := rows[row](ctx, r, "tables", `SELECT c.oid, n.nspname::text, c.relname::text,
			CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned' WHEN 'f' THEN 'foreign'
				ELSE 'materialised view' END,
			CASE c.relpersistence WHEN 'u' THEN 'unlogged' ELSE 'permanent' END,
			pg_get_userbyid(c.relowner)::text, coalesce(am.amname, '')::text,
			`+extensionOf("pg_class", "c.oid")+`,
			coalesce(pg_get_expr(c.relpartbound, c.oid), ''),
			coalesce(x.condition, ''), x.condition IS NOT NULL,
			c.relispartition, c.relrowsecurity, c.relforcerowsecurity, c.relispopulated,
			c.reltuples::float8,
			coalesce(pg_relation_size(c.oid), 0) / current_setting('block_size')::int8,
			coalesce(pg_table_size(c.oid), 0), coalesce(pg_indexes_size(c.oid), 0)
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_am am ON am.oid = c.relam
			LEFT JOIN (SELECT u.table_, coalesce(u.condition, '') AS condition FROM pg_extension e, unnest(e.extconfig, e.extcondition) u (table_, condition)) x
				ON x.table_ = c.oid
		WHERE c.relkind IN ('r', 'p', 'f', 'm') AND c.relpersistence <> 't' AND `+userSchemas)
	if err != nil {
		return err
	}
	r.tablesByOID = make(map[uint32]*catalog.Table, len(found))
	for _, f := range found {
		table := &catalog.Table{
			OID: f.OID, Name: catalog.Name{Schema: f.Schema, Name: f.Name},
			Kind: catalog.Kind(f.Kind), Persistence: catalog.Persistence(f.Persistence), Owner: f.Owner,
			AccessMethod: f.Method, Extension: f.Extension, Configuration: f.Configuration, ConfigurationWhere: plainCondition(f.Where),
			IsPartition: f.Partition, PartitionBound: f.Bound,
			RowSecurity: f.Security, ForcedRowSecurity: f.Forced, Populated: f.Populated,
			Size: catalog.Size{Rows: f.Rows, Blocks: f.Blocks, Bytes: f.Bytes, IndexBytes: f.IndexBytes},
		}
		if table.Kind == catalog.Partitioned || table.Kind == catalog.Foreign {
			table.AccessMethod = "" // 17 and later let a partitioned table name one for its partitions
		}
		r.tablesByOID[f.OID] = table
	}
	return nil
}

// inheritance reads who is a partition or a child of whom.
func (r *reader) inheritance(ctx context.Context) error {
	type row struct{ Child, Parent uint32 }
	found, err := rows[row](ctx, r, "inheritance", `SELECT i.inhrelid, i.inhparent FROM pg_inherits i ORDER BY i.inhrelid, i.inhseqno`)
	if err != nil {
		return err
	}
	for _, f := range found {
		child, parent := r.tablesByOID[f.Child], r.tablesByOID[f.Parent]
		if child != nil && parent != nil {
			child.Parents = append(child.Parents, parent.Name)
		}
	}
	return nil
}

// columns reads all columns.
func (r *reader) columns(ctx context.Context) error {
	type row struct {
		Table                        uint32
		Name                         string
		Number                       int
		Type                         uint32
		Modifier                     int32
		TypeName                     string
		NotNull                      bool
		Default, Identity, Generated string
		Inherited, Folded            bool
	}
	found, err := rows[row](ctx, r, "columns", `SELECT a.attrelid, a.attname::text, a.attnum::int4, a.atttypid, a.atttypmod,
			format_type(a.atttypid, a.atttypmod), a.attnotnull,
			coalesce(pg_get_expr(d.adbin, d.adrelid), ''),
			CASE a.attidentity WHEN 'a' THEN 'always' WHEN 'd' THEN 'by default' ELSE '' END,
			CASE a.attgenerated WHEN 's' THEN 'stored' WHEN 'v' THEN 'virtual' ELSE '' END,
			a.attinhcount > 0, coalesce(NOT l.collisdeterministic, false)
		FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
		LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
		LEFT JOIN pg_collation l ON l.oid = a.attcollation
		WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'f', 'm') AND c.relpersistence <> 't'
			AND `+userSchemas+`
		ORDER BY a.attrelid, a.attnum`)
	if err != nil {
		return err
	}
	r.columnsOf = make(map[uint32]map[int]string, len(r.tablesByOID))
	for _, table := range r.tablesByOID {
		table.Columns = []catalog.Column{} // a table may have none
	}
	for _, f := range found {
		table := r.tablesByOID[f.Table]
		if table == nil {
			continue
		}
		typ, notNull := r.columnType(f.Type, f.Modifier)
		typ.Name = f.TypeName
		typ.CaseFolded = typ.CaseFolded || f.Folded
		table.Columns = append(table.Columns, catalog.Column{
			Name: f.Name, Number: f.Number, Type: typ, NotNull: f.NotNull || notNull, Default: f.Default,
			Identity: f.Identity, Generated: f.Generated, Inherited: f.Inherited,
		})
		if r.columnsOf[f.Table] == nil {
			r.columnsOf[f.Table] = map[int]string{}
		}
		r.columnsOf[f.Table][f.Number] = f.Name
	}
	return nil
}

// partitionKeys reads which columns each partitioned table's key reads.
func (r *reader) partitionKeys(ctx context.Context) error {
	type row struct {
		Table       uint32
		Numbers     []int32
		Expressions string
	}
	found, err := rows[row](ctx, r, "partition keys", `SELECT p.partrelid,
			ARRAY(SELECT u.k::int4 FROM unnest(p.partattrs::int2[]) WITH ORDINALITY u (k, no) ORDER BY u.no),
			coalesce(p.partexprs::text, '')
		FROM pg_partitioned_table p`)
	if err != nil {
		return err
	}
	for _, f := range found {
		table := r.tablesByOID[f.Table]
		if table == nil {
			continue
		}
		expressions := splitNodes(f.Expressions)
		for _, number := range f.Numbers {
			columns := []string{r.columnsOf[f.Table][int(number)]}
			if number == 0 && len(expressions) > 0 {
				columns, expressions = r.reads(table, expressions[0]), expressions[1:]
			}
			for _, column := range columns {
				if !slices.Contains(table.PartitionKey, column) {
					table.PartitionKey = append(table.PartitionKey, column)
				}
			}
		}
	}
	return nil
}

// reads returns the columns that an expression of the table reads, in attribute order. The expression is
// given as the server's own tree: its text form would have to be parsed as SQL, and pg_depend does not
// tell one expression of an index from another. A reference to the whole row reads every column.
func (r *reader) reads(table *catalog.Table, tree string) []string {
	numbers := map[int]bool{}
	for _, match := range regexp.MustCompile(`:varattno (-?[0-9]+)`).FindAllStringSubmatch(tree, -1) {
		number, err := strconv.Atoi(match[1])
		if err == nil {
			numbers[number] = true
		}
	}
	var names []string
	for _, column := range table.Columns {
		if numbers[0] || numbers[column.Number] {
			names = append(names, column.Name)
		}
	}
	return names
}

// splitNodes splits a pg_node_tree that is a list, "({A …} {B …})", into its members. Constants are
// written there as bytes in brackets and names with escapes, so that braces always nest.
func splitNodes(tree string) []string {
	var members []string
	depth, start := 0, 0
	for i := 0; i < len(tree); i++ {
		switch tree[i] {
		case '\\':
			i++
		case '{':
			if depth == 0 {
				start = i
			}
			depth++
		case '}':
			if depth--; depth == 0 {
				members = append(members, tree[start:i+1])
			}
		}
	}
	return members
}

// statistics reads what the planner knows of the columns, free of values. The view shows only tables
// that the role may read; of the others nothing is known.
func (r *reader) statistics(ctx context.Context) error {
	type row struct {
		Table     uint32
		Number    int
		Nulls     float64
		Distinct  float64
		Width     int
		Commonest float64
	}
	found, err := rows[row](ctx, r, "statistics", `SELECT DISTINCT ON (a.attrelid, a.attnum) a.attrelid, a.attnum::int4,
			s.null_frac::float8, s.n_distinct::float8, s.avg_width, coalesce(s.most_common_freqs[1], 0)::float8
		FROM pg_stats s JOIN pg_namespace n ON n.nspname = s.schemaname
		JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = s.tablename
		JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = s.attname
		WHERE `+userSchemas+`
		ORDER BY a.attrelid, a.attnum, s.inherited <> (c.relkind = 'p')`)
	if err != nil {
		return err
	}
	for _, f := range found {
		table := r.tablesByOID[f.Table]
		if table == nil {
			continue
		}
		for i := range table.Columns {
			if table.Columns[i].Number == f.Number {
				table.Columns[i].Stats = catalog.Stats{NullFraction: f.Nulls, Distinct: f.Distinct, Width: f.Width, Commonest: f.Commonest}
			}
		}
	}
	return nil
}

// plainCondition returns an extension's condition on its configuration without the keyword it begins with.
func plainCondition(where string) string {
	return strings.TrimSpace(regexp.MustCompile(`(?i)^\s*where\b`).ReplaceAllString(where, ""))
}
