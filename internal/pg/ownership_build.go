package pg

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/finding"
	"github.com/lethedb/lethe/internal/work"
)

// Ownership reads who owns what and who may do what with it, under the snapshot. The tables dropped do not arrive, nor
// what is theirs alone.
func (s *Snapshot) Ownership(ctx context.Context, dropped []catalog.Name) (*work.Ownership, error) {
	var o *work.Ownership
	err := s.under(ctx, catalog.Name{}, "", func(conn *pgx.Conn) (err error) {
		o, err = readOwnership(ctx, conn, numbersOf(s.Catalog(), dropped))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("source %s: %w", s.source.opts.Name, err)
	}
	return o, nil
}

// inherit decides who will own what in the new database. Where every name stays, pg_restore gives everything to
// its owner and grants all rights by itself; where one role arrives otherwise, or something is to be changed that
// our role may not be allowed to, it gives nothing to anybody, and giveOwnership does all of it.
func (b *build) inherit(ctx context.Context) error {
	o := b.order.Ownership
	if o == nil {
		return nil
	}
	err := b.t.maintain(ctx, func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `SELECT pg_get_userbyid(datdba)::text FROM pg_database WHERE datname = $1`, b.t.base).Scan(&b.heir)
	})
	if err != nil {
		return fmt.Errorf("look up the owner of %s: %w", b.t.base, err)
	}
	want, found := translate(o, b.order.Roles, b.heir)
	b.ownership = want
	b.skipped = append(b.skipped, found...)
	foreign := slices.ContainsFunc(o.Objects, func(object work.Owned) bool { return object.Foreign })
	if b.archive.anonymous = foreign || o.Mentions(b.order.Roles.Changes); !b.archive.anonymous {
		return nil
	}
	translated := map[uint32]work.Policy{}
	for _, policy := range want.Policies {
		translated[policy.OID] = policy
	}
	for _, policy := range o.Policies {
		if !slices.ContainsFunc(policy.Roles, b.order.Roles.Changes) {
			continue
		}
		i := slices.IndexFunc(b.archive.entries, func(e entry) bool { return e.kind == "POLICY" && e.oid == policy.OID })
		if i < 0 || b.archive.left[b.archive.entries[i].id] {
			continue // it goes with its table
		}
		b.archive.left[b.archive.entries[i].id] = true
		if made, arrives := translated[policy.OID]; arrives {
			b.policies = append(b.policies, made)
		} else {
			b.archive.leaveWith(b.archive.entries[i].id)
		}
	}
	return nil
}

// leaveWith leaves out all that needs an entry.
func (a *archive) leaveWith(id int) {
	for _, e := range a.entries {
		if slices.Contains(e.needs, id) && !a.left[e.id] {
			a.left[e.id] = true
			a.leaveWith(e.id)
		}
	}
}

// actors returns the roles that our role acts for when it gives what it built away, each once.
func actors(o *work.Ownership) []string {
	return roleSet(slices.Concat(owners(o), grantors(o)))
}

// owners returns the roles that own what is the user's, or have default privileges, each once.
func owners(o *work.Ownership) []string {
	var names []string
	for _, object := range o.Objects {
		if !object.Foreign {
			names = append(names, object.Owner)
		}
	}
	for _, d := range o.Defaults {
		names = append(names, d.Role)
	}
	return roleSet(names)
}

// grantors returns the roles that gave rights on what is the user's, each once.
func grantors(o *work.Ownership) []string {
	var names []string
	for _, object := range o.Objects {
		for _, right := range object.Rights {
			if !object.Foreign {
				names = append(names, right.Grantor)
			}
		}
	}
	return roleSet(names)
}

// roleSet sorts names of roles and leaves each in once.
func roleSet(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}

// numbersOf returns the numbers that a source has tables under.
func numbersOf(c *catalog.Catalog, tables []catalog.Name) []uint32 {
	oids := []uint32{}
	for _, name := range tables {
		if table := c.Table(name); table != nil {
			oids = append(oids, table.OID)
		}
	}
	return oids
}

// withoutExtensions returns the catalog without some extensions and what belongs to them.
func withoutExtensions(c *catalog.Catalog, names []string) *catalog.Catalog {
	if len(names) == 0 {
		return c
	}
	gone := func(extension string) bool { return slices.Contains(names, extension) }
	to := *c
	to.Tables = slices.DeleteFunc(slices.Clone(c.Tables), func(t catalog.Table) bool { return gone(t.Extension) })
	to.Sequences = slices.DeleteFunc(slices.Clone(c.Sequences), func(s catalog.Sequence) bool { return gone(s.Extension) })
	to.Schemas = slices.DeleteFunc(slices.Clone(c.Schemas), func(s catalog.Schema) bool { return gone(s.Extension) })
	to.Extensions = slices.DeleteFunc(slices.Clone(c.Extensions), func(e catalog.Extension) bool { return gone(e.Name) })
	return &to
}

// ownedHere returns the source's catalog with owners in the names of the target.
// It has nothing of the extensions that are left out.
func (b *build) ownedHere(c *catalog.Catalog) *catalog.Catalog {
	c = withoutExtensions(c, b.order.Without)
	if b.ownership == nil {
		return c
	}
	named := func(owner string) string {
		if to, arrives := b.order.Roles.Of(owner); arrives {
			return to
		}
		return b.heir
	}
	to := *c
	to.Tables, to.Sequences, to.Schemas = slices.Clone(c.Tables), slices.Clone(c.Sequences), slices.Clone(c.Schemas)
	for i := range to.Tables {
		if to.Tables[i].Made() {
			to.Tables[i].Owner = named(to.Tables[i].Owner)
		}
	}
	for i := range to.Sequences {
		if to.Sequences[i].Extension == "" {
			to.Sequences[i].Owner = named(to.Sequences[i].Owner)
		}
	}
	for i := range to.Schemas {
		if to.Schemas[i].Extension == "" {
			to.Schemas[i].Owner = named(to.Schemas[i].Owner)
		}
	}
	return &to
}

// verifyOwnership tells what giveOwnership found to differ.
func (b *build) verifyOwnership(context.Context, *pgx.Conn) (finding.List, error) {
	return b.misowned, nil
}
