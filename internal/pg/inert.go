package pg

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/finding"
)

// Revival says that one Wire of the source may live on the copy.
type Revival struct {
	// Name is the Wire's, such as "server:warehouse".
	Name string
	// Options are those that a foreign server or a user mapping gets instead of production's. They may hold a
	// password and are never told.
	Options map[string]string
}

// revived returns the revival of a wire.
func revived(all []Revival, wire catalog.Wire) (Revival, bool) {
	i := slices.IndexFunc(all, func(r Revival) bool { return r.Name == wire.String() })
	if i < 0 {
		return Revival{}, false
	}
	return all[i], true
}

// sql returns the statement that makes a wire on the copy, "" when its entry of the archive does or nothing.
func (r Revival) sql(wire catalog.Wire) string {
	if len(r.Options) == 0 || wire.Alive == "" {
		return ""
	}
	var options []string
	for _, name := range slices.Sorted(maps.Keys(r.Options)) {
		options = append(options, quoted(name)+" "+quoteLiteral(r.Options[name]))
	}
	return wire.Alive + " OPTIONS (" + strings.Join(options, ", ") + ")"
}

// unplug decides of each entry that reaches out whether it is left out, or made by other SQL, and returns
// why the former are. What is listed was told beforehand; an entry of such a kind that is not listed was made
// since the wiring was read: it is left out, and told now.
func (a *archive) unplug(wires []catalog.Wire, revive []Revival) (map[int]string, finding.List) {
	known := make(map[object]catalog.Wire, len(wires))
	for _, w := range wires {
		if w.OID != 0 {
			known[object{w.Class, w.OID}] = w
		}
	}
	reasons := make(map[int]string)
	var found finding.List
	tables := lifeless(wires, revive)
	for _, e := range a.entries {
		if table, ok := tables[e.oid]; ok && e.kind == "FOREIGN TABLE" {
			a.bare[e.id] = table
			continue
		}
		wire, listed := known[object{e.class, e.oid}]
		revival, alive := revived(revive, wire)
		instead := ""
		switch e.kind {
		case "FUNCTION", "PROCEDURE", "TRIGGER":
			if !listed || alive {
				continue
			}
			instead = wire.Inert
		case "PUBLICATION":
			if listed && alive {
				continue
			}
		case "FOREIGN DATA WRAPPER":
			if !listed || alive {
				continue // it has no options
			}
			instead = wire.Inert
		case "SERVER":
			if instead = wire.Inert; alive {
				instead = revival.sql(wire)
			}
		case "USER MAPPING":
			// The archive gives it no number; what is revived is made at the end.
			listed = slices.ContainsFunc(wires, func(w catalog.Wire) bool { return w.Kind == catalog.WireMapping })
		case "PUBLICATION TABLE", "PUBLICATION TABLES IN SCHEMA", "SUBSCRIPTION", "SUBSCRIPTION TABLE", "EVENT TRIGGER":
			if strings.HasPrefix(e.kind, "PUBLICATION ") && !a.needsLeft(e) {
				continue
			}
		default:
			continue
		}
		if instead == "" {
			a.left[e.id], reasons[e.id] = true, "left out: it would wire the copy to other servers"
			if !listed && !strings.HasPrefix(e.kind, "PUBLICATION ") {
				found = append(found, finding.Finding{Code: "left-out", Severity: finding.Warning, Object: e.String(), Message: reasons[e.id]})
			}
			continue
		}
		if wire.Owner != "" {
			a.gives[e.id] = "; ALTER " + e.kind + " " + wire.Name + " OWNER TO " + quoted(wire.Owner)
		}
		a.instead[e.id] = instead
	}
	return reasons, found
}

// lifeless returns the foreign tables of servers that are not revived, by their numbers on the source.
func lifeless(wires []catalog.Wire, revive []Revival) map[uint32]bare {
	tables := make(map[uint32]bare)
	for _, wire := range wires {
		if _, alive := revived(revive, wire); alive {
			continue
		}
		for _, table := range wire.Tables {
			tables[table.OID] = bare{table: table, filler: wire.Filler}
		}
	}
	return tables
}

// needsLeft reports whether an entry needs one that is left out.
func (a *archive) needsLeft(e entry) bool {
	return slices.ContainsFunc(e.needs, func(id int) bool { return a.left[id] })
}

// restore makes the entries, in their order: by pg_restore or by the SQL that stands for them. That SQL is held back until an entry needs it, because each change between the two costs a
// process. A failure names the object.
func (a *archive) restore(ctx context.Context, database string, entries []entry, how restoring) error {
	if err := a.strip(ctx, entries); err != nil {
		return err
	}
	var plain, ours []entry
	owed := make(map[int]bool)
	flush := func() error {
		if err := a.restoreEntries(ctx, database, plain, how); err != nil {
			return err
		}
		if err := a.makeInstead(ctx, database, ours); err != nil {
			return err
		}
		plain, ours = nil, nil
		clear(owed)
		return nil
	}
	for _, e := range entries {
		if slices.ContainsFunc(e.needs, func(id int) bool { return owed[id] }) && a.instead[e.id] == "" {
			if err := flush(); err != nil {
				return err
			}
		}
		if a.instead[e.id] == "" {
			plain = append(plain, e)
			continue
		}
		ours = append(ours, e)
		owed[e.id] = true
	}
	return flush()
}

// makeInstead runs the SQL that stands for entries.
func (a *archive) makeInstead(ctx context.Context, database string, entries []entry) error {
	if len(entries) == 0 {
		return nil
	}
	return a.opts.within(ctx, database, func(conn *pgx.Conn) error {
		for _, e := range entries {
			// Several statements at once are one transaction: it is made and recorded, or neither.
			sql := a.instead[e.id]
			if !a.anonymous { // else it is given with all the rest
				sql += a.gives[e.id]
			}
			if _, err := conn.PgConn().Exec(ctx, sql+";"+noteSQL(e.word())).ReadAll(); err != nil {
				return &EntryError{ID: e.id, Object: e.String(), Err: sanitize(err)}
			}
		}
		return nil
	})
}

// nothingReaches makes sure that no function of the new database reaches out but those that are revived:
// one that was changed since the wiring was read would.
func (b *build) nothingReaches(ctx context.Context) error {
	var found finding.List
	err := b.t.opts.within(ctx, b.database, func(conn *pgx.Conn) error {
		wires, err := readFunctions(ctx, conn)
		if err != nil {
			return err
		}
		for _, wire := range wires {
			if _, alive := revived(b.t.opts.Revive, wire); alive {
				continue
			}
			found = append(found, finding.Finding{Code: "reaches-out", Object: wire.String(),
				Message: "the function has come to reach other servers since the run began", Fix: "run the refresh again"})
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("look for what reaches out: %w", err)
	}
	if len(found) > 0 {
		return &RefusedError{Findings: found}
	}
	return nil
}

// What wireUp did, in the list of what was done.
const (
	mapped    = "user mappings"
	triggered = "event triggers"
)

// wireUp makes what no archive restores: user mappings that are revived; event triggers, disabled unless they are
// revived, where our role is a superuser, because nobody else can make them. And it takes tables from pg_partman's maintenance, which would drop and make partitions
// of the copy by itself.
func (b *build) wireUp(ctx context.Context) error {
	mappings, left := mappingsSQL(b.order.Wiring, b.t.opts.Revive, b.order.Roles)
	b.skipped = append(b.skipped, left...)
	mappings = append(mappings, noteSQL(mapped))
	events := []string{noteSQL(triggered)}
	for _, wire := range b.order.Wiring {
		_, alive := revived(b.t.opts.Revive, wire)
		switch {
		case wire.Kind == catalog.WireEvent && alive:
			events = append(events, wire.Alive)
		case wire.Kind == catalog.WireEvent:
			events = append(events, wire.Inert)
		}
	}
	return b.t.opts.within(ctx, b.database, func(conn *pgx.Conn) error {
		if err := b.stopPartman(ctx, conn); err != nil {
			return err
		}
		// Several statements at once are one transaction: they are made and recorded, or neither.
		if !b.did(mapped) {
			if _, err := conn.PgConn().Exec(ctx, strings.Join(mappings, ";")).ReadAll(); err != nil {
				return fmt.Errorf("make user mappings: %w", err)
			}
		}
		var superuser bool
		if err := conn.QueryRow(ctx, `SELECT rolsuper FROM pg_roles WHERE rolname = current_user`).Scan(&superuser); err != nil || !superuser || b.did(triggered) {
			return err
		}
		if _, err := conn.PgConn().Exec(ctx, strings.Join(events, ";")).ReadAll(); err != nil {
			return fmt.Errorf("make event triggers: %w", err)
		}
		return nil
	})
}

// stopPartman turns pg_partman's maintenance off for every table that it is not revived for.
func (b *build) stopPartman(ctx context.Context, conn *pgx.Conn) error {
	keep := []string{} // not NULL, of which the server knows no element
	for _, r := range b.t.opts.Revive {
		if name, ok := strings.CutPrefix(r.Name, string(catalog.WireJob)+":pg_partman:"); ok {
			keep = append(keep, name)
		}
	}
	var schema string
	const where = `SELECT n.nspname::text FROM pg_extension e JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.classid = 'pg_class'::regclass
		JOIN pg_class c ON c.oid = d.objid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE e.extname = 'pg_partman' AND c.relname = 'part_config'`
	switch err := conn.QueryRow(ctx, where).Scan(&schema); {
	case errors.Is(err, pgx.ErrNoRows):
		return nil
	case err != nil:
		return fmt.Errorf("look for pg_partman: %w", err)
	}
	stop := "UPDATE " + quoted(schema) + ".part_config SET automatic_maintenance = 'off' WHERE parent_table <> ALL ($1::text[]) AND automatic_maintenance <> 'off'"
	if _, err := conn.Exec(ctx, stop, keep); err != nil {
		return fmt.Errorf("stop pg_partman: %w", err)
	}
	return nil
}
