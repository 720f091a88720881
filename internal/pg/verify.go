package pg

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/finding"
)

// Verify judges what was built: every table's rows are counted and compared with want, and the catalog
// of the new database is compared with the source's: every table, column, index, constraint, sequence
// and extension, and the definition and comment of every other object, functions, views and triggers among them. want holds the source's count of every table of the order that has rows; one that is
// missing is a finding. What was left out on purpose is reported as warnings. A build without a finding
// of severity Error may be published from then on.
func (t *Target) Verify(ctx context.Context, want map[catalog.Name]int64) (finding.List, error) {
	b := t.current()
	if b == nil {
		return nil, errNotBegun
	}
	if !b.complete {
		return nil, errors.New("verify: tables are not finished")
	}
	found := slices.Clone(b.skipped)
	if b.did(verified) {
		return found, nil // an earlier attempt of this run passed, and more was done to it since
	}
	counted, err := b.verifyCounts(ctx, want)
	if err != nil {
		return nil, fmt.Errorf("count rows: %w", err)
	}
	found = append(append(found, counted...), b.schedule.verifyKeys()...)
	err = t.opts.within(ctx, b.database, func(conn *pgx.Conn) error {
		for _, check := range []func(context.Context, *pgx.Conn) (finding.List, error){
			b.verifyCatalog, b.verifyDefinitions, verifyValidity, b.verifySequences, b.verifyOwnership, b.tellTolerated,
		} {
			more, err := check(ctx, conn)
			if err != nil {
				return err
			}
			found = append(found, more...)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("compare catalogs: %w", err)
	}
	found.Sort()
	if found.HasErrors() {
		b.refute()
		return found, nil
	}
	if !t.opts.Steps {
		return found, b.markBuilt(ctx, Built)
	}
	return found, errors.Join(b.markBuilt(ctx, Building), b.note(ctx, verified))
}

// markBuilt records that the build was verified, and as Built that it may be published.
func (b *build) markBuilt(ctx context.Context, state State) error {
	b.mu.Lock()
	b.verified = state == Built
	b.cert.State, b.cert.BuiltAt = state, b.t.opts.Now().UTC()
	cert := b.cert
	b.mu.Unlock()
	return b.t.opts.within(ctx, b.database, func(conn *pgx.Conn) error {
		if state == Built { // what only a run that goes on would need
			if _, err := conn.Exec(ctx, `DROP TABLE IF EXISTS lethe.part, lethe.done`); err != nil {
				return fmt.Errorf("drop the lists of what was done: %w", err)
			}
		}
		return storeCertificate(ctx, conn, cert)
	})
}

// mismatch is a finding of Verify.
func mismatch(code, object, format string, args ...any) finding.Finding {
	return finding.Finding{Code: code, Object: object, Message: fmt.Sprintf(format, args...)}
}

// verifyCounts counts every table that rows were loaded into. Tables that share a partitioned table to
// be loaded through are counted there, together: their rows may lie in any of its partitions.
func (b *build) verifyCounts(ctx context.Context, want map[catalog.Name]int64) (finding.List, error) {
	var found finding.List
	expected := make(map[catalog.Name]int64)
	through := make(map[catalog.Name]bool)
	counting := make(map[catalog.Name]string) // the condition on rows that are not an extension's own
	for _, table := range b.order.Tables {
		name := table.Table.Name
		n, asked := want[name]
		switch {
		case name == catalog.LargeObjectPages():
			found = append(found, b.largeObjects.verify(n)...)
			continue
		case table.Table.Kind == catalog.Partitioned || table.Table.Kind == catalog.Foreign || table.Table.Kind == catalog.MaterialisedView:
			continue // it holds no rows of its own
		case table.Empty && table.Table.Configuration:
			continue // what the extension itself put there stays
		case table.Empty && n != 0:
			found = append(found, mismatch("count", name.String(), "%d rows were expected of a table that arrives empty", n))
			continue
		case !table.Empty && !asked:
			found = append(found, mismatch("count", name.String(), "the source's rows were not counted"))
			continue
		}
		into := table.Into
		if into.IsZero() {
			into = name
		}
		expected[into] += n
		through[into] = into != name
		if own := table.Table.ConfigurationWhere; own != "" {
			counting[into] = " WHERE " + own
		}
	}
	var mu sync.Mutex
	names := make([]catalog.Name, 0, len(expected))
	for name := range expected {
		names = append(names, name)
	}
	err := each(ctx, b, names, func(ctx context.Context, conn *pgx.Conn, name catalog.Name) error {
		only := "ONLY "
		if through[name] {
			only = ""
		}
		n, counted := b.schedule.counted[name]
		var err error
		if !counted {
			err = withRight(ctx, conn, "TABLE", name.SQL(), func(q rowQuerier) error {
				return q.QueryRow(ctx, "SELECT count(*) FROM "+only+name.SQL()+counting[name]).Scan(&n)
			})
		}
		lost := hasCode(err, "42P01")
		if err != nil && !lost {
			return fmt.Errorf("count %s: %w", name, err)
		}
		if lost || n != expected[name] {
			mu.Lock()
			defer mu.Unlock()
			found = append(found, mismatch("count", name.String(), "%d rows arrived of %d", n, expected[name]))
		}
		return nil
	})
	return found, err
}

// verifyCatalog compares the new database's catalog with the source's, dropped tables aside.
func (b *build) verifyCatalog(ctx context.Context, conn *pgx.Conn) (finding.List, error) {
	got, err := readCatalog(ctx, conn)
	if err != nil {
		return nil, err
	}
	want := b.ownedHere(b.order.Catalog)
	arrives := make(map[catalog.Name]bool)
	for _, table := range b.order.Tables {
		arrives[table.Table.Name] = true
	}
	dropped := func(name catalog.Name) bool { return !arrives[name] }
	var tables []catalog.Table
	for _, table := range want.Tables {
		if (table.Made() || table.Name == catalog.LargeObjectPages()) && table.Kind != catalog.MaterialisedView && dropped(table.Name) {
			continue
		}
		tables = append(tables, table)
	}
	var sequences []catalog.Sequence
	for _, s := range want.Sequences {
		if s.Extension == "" && !s.Table.IsZero() && dropped(s.Table) {
			if !slices.ContainsFunc(got.Sequences, func(have catalog.Sequence) bool { return have.Name == s.Name }) {
				continue
			}
			s.Table, s.Column = catalog.Name{}, "" // something else needs it
		}
		sequences = append(sequences, s)
	}
	schemas, arrived := want.Schemas, unnumbered(got.Tables)
	tables = unnumbered(withoutTolerated(b.t.opts.Tolerate, tables))
	if want.Server.Major() != got.Server.Major() {
		respell(tables, arrived)
		schemas = ownedByTheServer(schemas, got.Schemas)
	} else {
		skeletons(tables, arrived)
	}
	wanted, have := ofInstaller(catalog.Catalog{Tables: tables, Sequences: sequences, Schemas: schemas}),
		ofInstaller(catalog.Catalog{Tables: arrived, Sequences: got.Sequences, Schemas: got.Schemas})
	extensions, found := otherVersions(want.Extensions, got.Extensions)
	found = append(found, differences("table", wanted.Tables, have.Tables, func(t catalog.Table) string { return t.Name.String() })...)
	found = append(found, differences("sequence", wanted.Sequences, have.Sequences, func(s catalog.Sequence) string { return s.Name.String() })...)
	found = append(found, differences("schema", wanted.Schemas, have.Schemas, func(s catalog.Schema) string { return s.Name })...)
	found = append(found, differences("extension", extensions, got.Extensions, func(e catalog.Extension) string { return e.Name })...)
	a, z := want.Server, got.Server
	a.Version, a.Standby, z.Version, z.Standby = 0, false, 0, false
	if a != z {
		found = append(found, mismatch("locale", b.database, "the database has another encoding or locale than the source"))
	}
	return found, nil
}

// unnumbered returns the tables without the numbers of their columns: columns that were dropped leave gaps
// at the source that a copy does not have. A table that was made to inherit later keeps the order of columns
// that it was made with, and a dump can only make it with its parents' columns first: rows are read and
// loaded by name, so that the order there says nothing.
func unnumbered(tables []catalog.Table) []catalog.Table {
	copied := slices.Clone(tables)
	for i := range copied {
		copied[i].Columns = slices.Clone(copied[i].Columns)
		for j := range copied[i].Columns {
			copied[i].Columns[j].Number = 0
		}
		if len(copied[i].Parents) > 0 && !copied[i].IsPartition {
			slices.SortFunc(copied[i].Columns, func(a, b catalog.Column) int { return strings.Compare(a.Name, b.Name) })
		}
	}
	return copied
}

// differences names every object that is lost, that nobody asked for, or that arrived otherwise.
func differences[T any](kind string, want, got []T, name func(T) string) finding.List {
	have := make(map[string]T, len(got))
	for _, object := range got {
		have[name(object)] = object
	}
	var found finding.List
	for _, object := range want {
		arrived, ok := have[name(object)]
		delete(have, name(object))
		switch {
		case !ok:
			found = append(found, mismatch("lost", name(object), "the %s did not arrive", kind))
		case !bytes.Equal(lasting(object), lasting(arrived)):
			found = append(found, mismatch("changed", name(object), "the %s arrived otherwise than it is at the source: %s", kind, what(object, arrived)))
		}
	}
	for extra := range have {
		found = append(found, mismatch("extra", extra, "the %s is not at the source", kind))
	}
	return found
}

// what tells which part of an object differs, as far as that helps a reader.
func what(want, got any) string {
	a, ok := want.(catalog.Table)
	if !ok {
		return "its properties"
	}
	z := got.(catalog.Table) //nolint:forcetypeassert // both come from lists of one type
	parts := []struct {
		name string
		same bool
	}{
		{"columns", sameList(a.Columns, z.Columns)},
		{"indexes", sameList(a.Indexes, z.Indexes)},
		{"foreign keys", sameList(a.ForeignKeys, z.ForeignKeys)},
		{"check constraints", sameList(a.Checks, z.Checks)},
		{"owner", a.Owner == z.Owner},
		{"partitioning", slices.Equal(a.Parents, z.Parents) && a.PartitionBound == z.PartitionBound && slices.Equal(a.PartitionKey, z.PartitionKey)},
		{"row security", a.RowSecurity == z.RowSecurity && a.ForcedRowSecurity == z.ForcedRowSecurity},
		{"data", a.Populated == z.Populated},
	}
	for _, part := range parts {
		if !part.same {
			return "its " + part.name
		}
	}
	return "its properties"
}

// sameList compares two lists as the digest of a catalog sees them.
func sameList[T any](a, b []T) bool {
	return firstOther(a, b, func(T) string { return "other" }) == ""
}

// verifyValidity finds indexes and constraints that stand in the catalog and do not hold.
func verifyValidity(ctx context.Context, conn *pgx.Conn) (finding.List, error) {
	const query = `SELECT n.nspname, c.relname, 'index' FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE NOT (i.indisready AND i.indislive) AND ` + userSchemas
	result, err := conn.Query(ctx, query)
	if err != nil {
		return nil, sanitize(err)
	}
	var found finding.List
	var name catalog.Name
	var kind string
	_, err = pgx.ForEachRow(result, []any{&name.Schema, &name.Name, &kind}, func() error {
		found = append(found, mismatch("invalid", name.String(), "the %s is not usable", kind))
		return nil
	})
	return found, sanitize(err)
}

// verifySequences finds sequences that would hand out a value that is there already.
func (b *build) verifySequences(ctx context.Context, conn *pgx.Conn) (finding.List, error) {
	var found finding.List
	for _, s := range b.feeding() {
		last, furthest, up, err := sequenceState(ctx, conn, s)
		if err != nil {
			return nil, sanitize(fmt.Errorf("look up sequence %s: %w", s.Name, err))
		}
		if last != nil && furthest != nil && ((up && *last < *furthest) || (!up && *last > *furthest)) {
			found = append(found, mismatch("sequence", s.Name.String(), "it stands behind the data of %s", s.Table.Column(s.Column)))
		}
	}
	return found, nil
}
