package pg

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/finding"
)

// KeyWay says when a foreign key was made.
type KeyWay string

// The ways. First is before the rows of the table that refers, with the referenced key in place, and rows
// that dangle are looked for by ourselves afterwards. Validated is after the rows, in two steps of which the
// second, which reads, runs beside others. Last is after the rows, as the archive has it.
const (
	KeyFirst     KeyWay = "first"
	KeyValidated KeyWay = "validated"
	KeyLast      KeyWay = "last"
)

// KeyProof says by what a foreign key is known to hold.
type KeyProof string

// The proofs: every key that was loaded was remembered and compared; a query looked for rows that dangle;
// the server looked itself; nothing, for a constraint that is not valid at the source either.
const (
	ProofKeys   KeyProof = "keys"
	ProofQuery  KeyProof = "query"
	ProofServer KeyProof = "server"
	ProofNone   KeyProof = "not valid at the source"
)

// ForeignKeyReport says which way a foreign key went and by what it is known to hold.
type ForeignKeyReport struct {
	Table      catalog.Name `json:"table"`
	Constraint string       `json:"constraint"`
	Way        KeyWay       `json:"way"`
	Proof      KeyProof     `json:"proof"`
	// Why says why it did not come first, "" when it did.
	Why string `json:"why,omitempty"`
}

// foreignKey is one foreign key on its way.
type foreignKey struct {
	*catalog.ForeignKey
	table *catalog.Table
	// parentKind is the kind of the referenced table.
	parentKind catalog.Kind
	entry      entry
	late       bool // it needs something that comes at the end
	way        KeyWay
	why        string
	proof      KeyProof
	// dangles reports that rows were found that refer to none.
	dangles bool
}

// name spells the constraint as findings name it.
func (k *foreignKey) name() string { return k.table.Name.Column(k.Name) }

// foreignKeys returns the source's foreign keys by the numbers under which the archive has them.
func (s *schedule) foreignKeys() map[uint32]*foreignKey {
	keys := make(map[uint32]*foreignKey)
	for i := range s.order.Catalog.Tables {
		table := &s.order.Catalog.Tables[i]
		for j := range table.ForeignKeys {
			keys[table.ForeignKeys[j].OID] = &foreignKey{ForeignKey: &table.ForeignKeys[j], table: table}
		}
	}
	return keys
}

// planKeys chooses each foreign key's way and makes its tasks.
func (s *schedule) planKeys(first bool) {
	component := make(map[catalog.Name]int)
	for i, c := range s.order.Catalog.Components() {
		for _, name := range c.Tables {
			component[name] = i
		}
	}
	for _, k := range s.keys {
		if parent := s.order.Catalog.Table(k.References); parent != nil {
			k.parentKind = parent.Kind
		}
		k.way, k.why = s.way(k, first, component)
		switch k.way {
		case KeyFirst:
			s.planFirst(k)
		case KeyValidated:
			s.planValidated(k)
		default:
			k.proof = ProofServer
			if !k.Validated || !k.Enforced {
				k.proof = ProofNone
			}
			s.after = append(s.after, k.entry)
		}
	}
	s.archive.byContents(s.after)
}

// way chooses when a foreign key is made, and says why not first. What the server does itself for a small
// table costs less than anything we could do about it.
func (s *schedule) way(k *foreignKey, first bool, component map[catalog.Name]int) (way KeyWay, why string) {
	child, parent := s.rowsOf(k.table.Name), s.rowsOf(k.References)
	switch {
	case !k.Validated || !k.Enforced:
		return KeyLast, "it is not valid at the source"
	case k.late:
		return KeyLast, "it needs what comes last"
	case child.tables == 0 || child.empty == child.tables:
		return KeyLast, "the table arrives empty"
	case child.bytes+parent.bytes < s.big:
		return KeyLast, "the tables are small"
	}
	way = KeyValidated
	if k.table.Kind == catalog.Partitioned || k.parentKind == catalog.Partitioned {
		// NOT VALID is refused on the one before 18; for the other, the clones that the server makes of the
		// constraint for each partition stay NOT VALID whatever is validated.
		way = KeyLast
	}
	switch {
	case !first:
		return way, "our role may not set session_replication_role"
	case component[k.table.Name] == component[k.References]:
		return way, "the tables refer to each other"
	case parent.tables == 0 || parent.empty+parent.partial > 0:
		return way, "not all rows of the referenced table arrive"
	case !ownEquality(k.table, k.Columns, s.order.Catalog.Table(k.References), k.ReferencedColumns):
		return way, "its columns are of types whose equality is not the server's own"
	}
	return KeyFirst, ""
}

// arriving is what arrives of a table with its partitions.
type arriving struct {
	bytes                  int64
	tables, empty, partial int
}

// rowsOf says what arrives of a table.
func (s *schedule) rowsOf(name catalog.Name) arriving {
	var a arriving
	below := s.order.Catalog.Table(name)
	if below == nil {
		return a
	}
	for _, leaf := range s.order.Catalog.LeafPartitions(below) {
		for _, table := range s.order.Tables {
			if table.Table.Name != leaf.Name {
				continue
			}
			a.tables++
			a.bytes += table.Table.Size.Bytes
			if table.Empty || table.Table.Kind != catalog.Ordinary {
				a.empty++
			} else if table.Where != "" {
				a.partial++
			}
		}
	}
	return a
}

// ownEquality reports whether a query of ours may compare the columns as the constraint does: types of the
// server's own with one equality.
func ownEquality(child *catalog.Table, columns []string, parent *catalog.Table, referenced []string) bool {
	if parent == nil || len(columns) != len(referenced) {
		return false
	}
	for i := range columns {
		c, p := child.Column(columns[i]), parent.Column(referenced[i])
		if c == nil || p == nil || c.Type.CaseFolded || p.Type.CaseFolded {
			return false
		}
		if c.Type.Class() == catalog.ClassInteger && p.Type.Class() == catalog.ClassInteger {
			continue
		}
		if c.Type.Base != p.Type.Base || !slices.Contains([]string{"uuid", "text", "varchar", "bpchar", "numeric", "date", "timestamp", "timestamptz"}, c.Type.Base) {
			return false
		}
	}
	return true
}

// below are the loads of a table and its partitions.
func (s *schedule) below(table catalog.Name) []*task {
	var loads []*task
	known := s.order.Catalog.Table(table)
	for _, leaf := range s.order.Catalog.LeafPartitions(known) {
		if load := s.loads[leaf.Name]; load != nil {
			loads = append(loads, load)
		}
	}
	return loads
}

// standing returns the tasks that make what an entry needs, and all keys of the table it refers to.
func (s *schedule) standing(k *foreignKey) []*task {
	var needs []*task
	root := s.roots[k.References]
	for _, o := range s.owners {
		if s.roots[o.name] != root {
			continue
		}
		for _, t := range o.tasks {
			if t.small || o.tree || slices.ContainsFunc(t.entries, func(e entry) bool { return slices.Contains(k.entry.needs, e.id) }) {
				needs = append(needs, t)
			}
		}
	}
	return needs
}

// planFirst makes the key's task, which the loading of the table waits for, and the proof's, which waits
// for both tables' rows.
func (s *schedule) planFirst(k *foreignKey) {
	s.proofs.remember(s.order.Catalog, k)
	add := s.put(&task{table: k.table.Name, entries: []entry{k.entry}, locks: s.bothLocks(k, shareRowExclusive, shareRowExclusive)}, s.standing(k)...)
	s.giveWay(k, add)
	children := s.below(k.table.Name)
	for _, load := range children {
		s.agenda.wait(load, add)
	}
	s.put(&task{
		table: k.table.Name, locks: s.bothLocks(k, accessShare, accessShare),
		run: func(ctx context.Context, conn *pgx.Conn) error { return s.proofs.prove(ctx, conn, k) },
	}, append(children, s.below(k.References)...)...)
}

// giveWay has everything else that stands on the referenced table's rows wait for the key: the server locks the
// table to add it, which would wait for each index that is being built, and the rows that refer wait for the key.
func (s *schedule) giveWay(k *foreignKey, add *task) {
	o := s.owners[k.References]
	if o == nil || o.tree {
		return // what stands on a whole tree comes late anyway
	}
	leading := s.agenda.leading(add)
	for _, t := range s.agenda.tasks {
		if t.table == o.name && !t.load && !leading[t] {
			s.agenda.wait(t, add)
		}
	}
}

// planValidated makes the key without looking at rows, and then lets the server look: that locks neither
// table against reading, nor against other keys of other tables.
func (s *schedule) planValidated(k *foreignKey) {
	k.proof = ProofServer
	needs := slices.Concat(s.standing(k), s.below(k.table.Name), s.below(k.References))
	add := s.put(&task{table: k.table.Name, run: k.link, locks: s.bothLocks(k, shareRowExclusive, shareRowExclusive)}, needs...)
	s.put(&task{
		table: k.table.Name, run: k.validate, cost: s.rowsOf(k.table.Name).bytes + s.rowsOf(k.References).bytes,
		locks: s.bothLocks(k, shareUpdateExclusive, accessShare),
	}, add)
}

// bothLocks are the locks on the table that refers and on the referenced one.
func (s *schedule) bothLocks(k *foreignKey, child, parent mode) map[catalog.Name]mode {
	locks := s.locks(k.References, parent)
	for name, m := range s.locks(k.table.Name, child) {
		locks[name] = max(locks[name], m)
	}
	return locks
}

// link adds the constraint as the source spells it, unproven.
func (k *foreignKey) link(ctx context.Context, conn *pgx.Conn) error {
	if there, err := isLinked(ctx, conn, k.table.Name, k.Name); err != nil || there {
		return err
	}
	statement := "ALTER TABLE " + k.table.Name.SQL() + " ADD CONSTRAINT " + quoted(k.Name) + " " + k.Definition + " NOT VALID"
	if _, err := conn.Exec(ctx, statement); err != nil {
		return fmt.Errorf("add foreign key %s: %w", k.name(), err)
	}
	return nil
}

// validate lets the server look for rows that dangle. Finding some is no error: the build's verification
// names the key.
func (k *foreignKey) validate(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, "ALTER TABLE "+k.table.Name.SQL()+" VALIDATE CONSTRAINT "+quoted(k.Name))
	if hasCode(err, "23503") {
		k.dangles = true
		return nil
	}
	if err != nil {
		return fmt.Errorf("validate foreign key %s: %w", k.name(), err)
	}
	return nil
}

// query looks for rows that dangle. It is asked in the constraint's own operators, of as many processes as
// the server gives; the server's own look is of one.
func (k *foreignKey) query(ctx context.Context, conn *pgx.Conn) error {
	const look = `SELECT array(SELECT format('OPERATOR(%I.%s)', n.nspname, o.oprname) FROM unnest(k.conpfeqop) WITH ORDINALITY u (op, no)
			JOIN pg_operator o ON o.oid = u.op JOIN pg_namespace n ON n.oid = o.oprnamespace ORDER BY u.no), k.confmatchtype::text
		FROM pg_constraint k WHERE k.conrelid = $1::regclass AND k.conname = $2`
	var operators []string
	var match string
	if err := conn.QueryRow(ctx, look, k.table.Name.SQL(), k.Name).Scan(&operators, &match); err != nil {
		return fmt.Errorf("look up foreign key %s: %w", k.name(), err)
	}
	if len(operators) != len(k.Columns) {
		return fmt.Errorf("look up foreign key %s: %w", k.name(), errors.New("the server has it otherwise"))
	}
	err := conn.QueryRow(ctx, k.dangling(operators, match == "f")).Scan(&k.dangles)
	if err != nil {
		return fmt.Errorf("check foreign key %s: %w", k.name(), err)
	}
	return nil
}

// dangling spells the query. With MATCH FULL a key that is null in a part dangles too.
func (k *foreignKey) dangling(operators []string, full bool) string {
	var joined, given, missing []string
	for i, column := range k.Columns {
		joined = append(joined, "p."+quoted(k.ReferencedColumns[i])+" "+operators[i]+" c."+quoted(column))
		given, missing = append(given, "c."+quoted(column)+" IS NOT NULL"), append(missing, "c."+quoted(column)+" IS NULL")
	}
	from := func(table catalog.Name, kind catalog.Kind) string {
		if kind == catalog.Partitioned {
			return table.SQL()
		}
		return "ONLY " + table.SQL()
	}
	condition := strings.Join(given, " AND ") + " AND NOT EXISTS (SELECT FROM " + from(k.References, k.parentKind) + " p WHERE " + strings.Join(joined, " AND ") + ")"
	if full {
		condition += " OR (" + strings.Join(given, " OR ") + ") AND (" + strings.Join(missing, " OR ") + ")"
	}
	// Counting, not asking whether one exists: a plan for the first row is one that never runs in parallel well.
	return "SELECT count(*) > 0 FROM " + from(k.table.Name, k.table.Kind) + " c WHERE " + condition
}

// verifyKeys finds the foreign keys that were checked by ourselves and do not hold.
func (s *schedule) verifyKeys() finding.List {
	var found finding.List
	for _, k := range s.keys {
		switch {
		case k.dangles:
			found = append(found, (&DanglingError{Table: k.table.Name, Constraint: k.Name, References: k.References}).finding())
		case k.proof == "":
			found = append(found, mismatch("unproven", k.name(), "nobody looked for rows that refer to none"))
		}
	}
	return found
}

// ForeignKeys says which way each foreign key went. It may be called after Work.
func (t *Target) ForeignKeys() []ForeignKeyReport {
	b := t.current()
	if b == nil || b.schedule == nil {
		return nil
	}
	var reports []ForeignKeyReport
	for _, k := range b.schedule.keys {
		reports = append(reports, ForeignKeyReport{Table: k.table.Name, Constraint: k.Name, Way: k.way, Proof: k.proof, Why: k.why})
	}
	return reports
}
