package pg

import (
	"context"

	"github.com/lethedb/lethe/internal/catalog"
)

// indexes reads all indexes.
func (r *reader) indexes(ctx context.Context) error {
	type row struct {
		Table                                               uint32
		Name                                                string
		Unique, Primary, Exclusion, NullsNotDistinct, Valid bool
		Marks                                               bool
		Predicate, Definition                               string
		Numbers                                             []int32
		Parts                                               []string
		Expressions, Excludes                               string
		Adoptable                                           uint32
	}
	found, err := rows[row](ctx, r, "indexes", `SELECT i.indrelid, x.relname::text, i.indisunique, i.indisprimary, i.indisexclusion,
			`+r.since(15, `i.indnullsnotdistinct`, `false`)+`, i.indisvalid,
			i.indisclustered OR i.indisreplident,
			coalesce(pg_get_expr(i.indpred, i.indrelid), ''), coalesce(pg_get_indexdef(i.indexrelid), ''),
			ARRAY(SELECT u.k::int4 FROM unnest(i.indkey::int2[]) WITH ORDINALITY u (k, no)
				WHERE u.no <= i.indnkeyatts ORDER BY u.no),
			ARRAY(SELECT coalesce(pg_get_indexdef(i.indexrelid, no, false), '') FROM generate_series(1, i.indnkeyatts) no ORDER BY no),
			coalesce(i.indexprs::text, ''),
			CASE WHEN i.indisexclusion THEN coalesce((SELECT pg_get_constraintdef(k.oid) FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype = 'x'), '') ELSE '' END,
			coalesce((SELECT k.oid FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.conrelid = i.indrelid AND k.contype IN ('p', 'u')
				AND NOT k.condeferrable AND k.conislocal AND k.coninhcount = 0 AND k.conname = x.relname AND x.reltablespace = 0
				AND x.relam = 403 AND c.relkind = 'r' AND NOT c.relispartition AND NOT i.indisclustered AND NOT i.indisreplident), 0)
		FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_class c ON c.oid = i.indrelid
		JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind IN ('r', 'p', 'm') AND c.relpersistence <> 't' AND `+userSchemas)
	if err != nil {
		return err
	}
	for _, f := range found {
		table := r.tablesByOID[f.Table]
		if table == nil {
			continue
		}
		index := catalog.Index{
			Name: f.Name, Unique: f.Unique, Primary: f.Primary, Exclusion: f.Exclusion, Predicate: f.Predicate,
			NullsNotDistinct: f.NullsNotDistinct, Valid: f.Valid, Definition: f.Definition, Excludes: f.Excludes, Adoptable: f.Adoptable,
		}
		expressions := splitNodes(f.Expressions)
		for i, number := range f.Numbers {
			part := catalog.IndexPart{Column: r.columnsOf[f.Table][int(number)]}
			if number == 0 && len(expressions) > 0 {
				part.Expression, part.Reads = f.Parts[i], r.reads(table, expressions[0])
				expressions = expressions[1:]
			}
			index.Columns = append(index.Columns, part)
		}
		table.Indexes = append(table.Indexes, index)
		table.IndexMarks = table.IndexMarks || f.Marks
	}
	return nil
}

// constraints reads foreign keys and checks. A foreign key with a parent is a clone that the server made
// on a partition, or for each partition referred to.
func (r *reader) constraints(ctx context.Context) error {
	type row struct {
		OID, Table          uint32
		Name, Kind          string
		Columns             []int32
		References          uint32
		Referenced          []int32
		Validated, Enforced bool
		Definition          string
	}
	found, err := rows[row](ctx, r, "constraints", `SELECT k.oid, k.conrelid, k.conname::text, k.contype::text,
			ARRAY(SELECT u.k::int4 FROM unnest(k.conkey) WITH ORDINALITY u (k, no) ORDER BY u.no), k.confrelid,
			ARRAY(SELECT u.k::int4 FROM unnest(k.confkey) WITH ORDINALITY u (k, no) ORDER BY u.no),
			k.convalidated, `+r.since(18, `k.conenforced`, `true`)+`, coalesce(pg_get_constraintdef(k.oid), '')
		FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE (k.contype = 'c' OR k.contype = 'f' AND k.conparentid = 0) AND c.relpersistence <> 't' AND `+userSchemas)
	if err != nil {
		return err
	}
	for _, f := range found {
		table := r.tablesByOID[f.Table]
		if table == nil {
			continue
		}
		if f.Kind == "c" {
			table.Checks = append(table.Checks, catalog.Check{
				Name: f.Name, Columns: r.names(f.Table, f.Columns), Definition: f.Definition,
			})
			continue
		}
		key := catalog.ForeignKey{
			OID: f.OID, Name: f.Name, Columns: r.names(f.Table, f.Columns), ReferencedColumns: r.names(f.References, f.Referenced),
			Validated: f.Validated, Enforced: f.Enforced, Definition: f.Definition,
		}
		if parent := r.tablesByOID[f.References]; parent != nil {
			key.References = parent.Name
		}
		table.ForeignKeys = append(table.ForeignKeys, key)
	}
	return nil
}

// names returns the names of a table's columns by their numbers.
func (r *reader) names(table uint32, numbers []int32) []string {
	var names []string
	for _, number := range numbers {
		names = append(names, r.columnsOf[table][int(number)])
	}
	return names
}
