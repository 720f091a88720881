package pg

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/finding"
)

// object is what identifies an object on one server: its system catalog and its number there.
type object struct{ class, oid uint32 }

// verifyDefinitions compares every object's definition and comment with the source's, what was left out on
// purpose aside. Between two majors, which spell and number things in their own ways, every object must have
// arrived, with its comment; what it is defined as is the word of pg_dump.
func (b *build) verifyDefinitions(ctx context.Context, conn *pgx.Conn) (finding.List, error) {
	if b.order.Definitions == nil {
		return finding.List{mismatch("not-compared", b.database, "the source's definitions were not read, so that nobody can tell whether all of them arrived")}, nil
	}
	got, err := readDefinitions(ctx, conn)
	if err != nil {
		return nil, err
	}
	var version int
	if err := conn.QueryRow(ctx, `SELECT current_setting('server_version_num')::int`).Scan(&version); err != nil {
		return nil, sanitize(err)
	}
	arrived, changed := b.expected()
	compared := comparison{spelt: version/10000 == b.order.Catalog.Server.Major(), missing: arrived, changed: changed}
	return compared.run(b.order.Definitions, got), nil
}

// expected returns how to tell what of the source does not arrive, and what arrives otherwise, on purpose: what
// the archive leaves out or makes by other SQL, what is tolerated, dropped tables, those of extensions that are left out,
// and all that belongs to one of those.
func (b *build) expected() (missing, changed func(catalog.Definition) bool) {
	ordered := make(map[uint32]bool, len(b.order.Tables))
	for _, table := range b.order.Tables {
		ordered[table.Table.OID] = true
	}
	left, otherwise := make(map[object]bool), make(map[object]bool)
	for _, table := range b.order.Catalog.Tables {
		gone := table.Extension != "" && slices.Contains(b.order.Without, table.Extension)
		if gone || table.Made() && table.Kind != catalog.MaterialisedView && !ordered[table.OID] {
			left[object{classRelation, table.OID}] = true
		}
	}
	for _, e := range b.archive.entries {
		switch {
		case e.oid == 0:
		case b.archive.left[e.id]:
			left[object{e.class, e.oid}] = true
		case b.archive.instead[e.id] != "":
			otherwise[object{e.class, e.oid}] = true
		}
	}
	// A constraint's index has no entry of its own, nor has a check that comes with its table.
	forgiven := tolerations(b.t.opts.Tolerate, b.order.Catalog.Tables)
	missing = func(d catalog.Definition) bool {
		return left[object{d.Class, d.OID}] || d.On != 0 && left[object{classRelation, d.On}] ||
			slices.ContainsFunc(forgiven, func(t tolerated) bool { return t.definition(d) })
	}
	return missing, func(d catalog.Definition) bool { return otherwise[object{d.Class, d.OID}] }
}

// comparison says how two lists of definitions are compared.
type comparison struct {
	// spelt reports that both servers spell definitions alike.
	spelt bool
	// missing and changed tell what of the source does not arrive, or arrives otherwise, on purpose.
	missing, changed func(catalog.Definition) bool
}

// run names every object that is lost, that nobody asked for, or that arrived otherwise. What is left out is not
// missed, nor is it extra: an index may come back with the key that another entry makes.
func (c comparison) run(want, got []catalog.Definition) finding.List {
	type name struct{ kind, identity string }
	nameOf := func(d catalog.Definition) name {
		if !c.spelt {
			return name{d.Kind, sameName(d.Identity)}
		}
		return name{d.Kind, d.Identity}
	}
	have := make(map[name]catalog.Definition, len(got))
	for _, d := range got {
		have[nameOf(d)] = d
	}
	var found finding.List
	for _, d := range want {
		arrived, ok := have[nameOf(d)]
		delete(have, nameOf(d))
		switch {
		case c.missing(d):
		case !ok:
			found = append(found, mismatch("lost", d.Identity, "the %s did not arrive", d.Kind))
		case c.spelt && d.Digest != arrived.Digest && !c.changed(d):
			found = append(found, mismatch("changed", d.Identity, "the %s arrived otherwise than it is at the source: its definition", d.Kind))
		case d.Comment != arrived.Comment && !c.changed(d):
			found = append(found, mismatch("changed", d.Identity, "the %s arrived otherwise than it is at the source: its comment", d.Kind))
		}
	}
	for _, d := range have {
		if c.spelt {
			found = append(found, mismatch("extra", d.Identity, "the %s is not at the source", d.Kind))
		}
	}
	return found
}
