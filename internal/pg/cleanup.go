package pg

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/finding"
)

// related is a database that this environment's runs made or replaced, or the one that serves. A copy
// that somebody made of one with CREATE DATABASE … TEMPLATE carries our certificate too, but no note,
// and is nobody's but theirs.
type related struct {
	name    string
	oid     uint32
	serving bool
	// run made it, "" for a database that was adopted with what it held.
	run   string
	cert  *Certificate
	state State
	// replaced is when it stopped serving, zero for a build.
	replaced time.Time
	note     note
	bytes    int64
	tables   int64
	// broken says that nobody can connect: it was being made or dropped when the server or we died.
	broken bool
	slots  []string
}

// previous reports a database that served before.
func (r related) previous() bool { return !r.serving && !r.broken && !r.replaced.IsZero() }

// unpublished reports a build that was verified and waits to be published.
func (r related) unpublished() bool {
	return !r.serving && !r.broken && r.replaced.IsZero() && r.state == Built
}

// leftover reports what a run left that ended before its build was good for anything, and what was being dropped
// when the server or we died, whatever it was before: the server lets nobody into it and takes only another DROP.
func (r related) leftover() bool {
	return !r.serving && (r.broken || r.replaced.IsZero() && r.state != Built)
}

// disposable reports whether a database holds nothing but what a run of ours put there: one that was
// adopted with tables and replaced since is never dropped without being asked.
func (r related) disposable() bool { return r.broken || r.cert != nil || r.tables == 0 }

// related finds the environment's databases: by the note on each or the intent to make it, and then by
// what stands inside, which alone decides.
func (t *Target) related(ctx context.Context) ([]related, error) {
	intents, err := t.intents(ctx)
	if err != nil {
		return nil, err
	}
	var candidates []related
	err = t.maintain(ctx, func(conn *pgx.Conn) error {
		const query = `SELECT d.datname, d.oid, coalesce(shobj_description(d.oid, 'pg_database'), ''), d.datconnlimit = -2, d.datconnlimit = 0,
				d.datname = ANY ($2::text[]),
				coalesce((SELECT array_agg(slot_name::text) FROM pg_replication_slots s WHERE s.database = d.datname), '{}')
			FROM pg_database d WHERE d.datname = $1 OR d.datname = ANY ($2::text[])
				OR (starts_with(shobj_description(d.oid, 'pg_database'), $3) AND NOT d.datistemplate)
			ORDER BY d.datname`
		result, err := conn.Query(ctx, query, t.base, intents, notePrefix)
		if err != nil {
			return err
		}
		var r related
		var comment string
		var invalid, limited, announced bool
		_, err = pgx.ForEachRow(result, []any{&r.name, &r.oid, &comment, &invalid, &limited, &announced, &r.slots}, func() error {
			c := r
			c.slots = slices.Clone(r.slots)
			c.serving = r.name == t.base
			c.note = readNote(comment)
			if !c.serving && c.note.Environment != t.marker.ID && !announced {
				return nil
			}
			c.run = c.note.Run
			c.broken = !c.serving && (invalid || (limited && announced && c.note.Environment == ""))
			if c.note.Replaced != nil {
				c.replaced = *c.note.Replaced
			}
			candidates = append(candidates, c)
			return nil
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list the environment's databases: %w", err)
	}
	var all []related
	for _, r := range candidates {
		ours, err := t.lookInside(ctx, &r)
		if err != nil {
			return nil, fmt.Errorf("look into %s: %w", r.name, err)
		}
		if ours {
			all = append(all, r)
		}
	}
	return all, nil
}

// intents returns the names of databases that runs were about to make.
func (t *Target) intents(ctx context.Context) ([]string, error) {
	var names []string
	err := t.opts.within(ctx, t.base, func(conn *pgx.Conn) error {
		var err error
		names, err = column(ctx, conn, `SELECT database FROM lethe.intent`)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read what earlier runs began: %w", err)
	}
	return names, nil
}

// lookInside fills in what a database says of itself, and reports whether it is this environment's.
func (t *Target) lookInside(ctx context.Context, r *related) (ours bool, err error) {
	if r.broken {
		return true, nil
	}
	err = t.opts.within(ctx, r.name, func(conn *pgx.Conn) error {
		const size = `SELECT pg_database_size(current_database()), count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE c.relkind IN ('r', 'p', 'm', 'f') AND ` + userSchemas
		if err := conn.QueryRow(ctx, size).Scan(&r.bytes, &r.tables); err != nil {
			return err
		}
		marker, err := loadMarker(ctx, conn)
		if errors.Is(err, errNoMarker) {
			// Made by a run that died before its first word: announced, and still empty.
			ours = r.tables == 0
			return nil
		}
		if err != nil {
			return err
		}
		ours = marker.ID == t.marker.ID
		c, err := loadCertificate(ctx, conn)
		switch {
		case errors.Is(err, errNoCertificate):
			return nil
		case err != nil:
			return err
		}
		r.cert, r.run, r.state = &c, c.Run, c.State
		return nil
	})
	return ours, err
}

// cleanUp drops what earlier runs left: builds that never got anywhere, previous databases whose time is
// over, and, once something newer was published, builds that wait for nothing. It is called by the
// holder of the environment's lock only.
func (t *Target) cleanUp(ctx context.Context, published bool) error {
	if t.opts.Slots != nil {
		return nil
	}
	all, err := t.related(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, r := range t.expendable(all, published) {
		if len(r.slots) > 0 {
			errs = append(errs, fmt.Errorf("drop %s: a logical replication slot reads it: drop the slot first", r.name))
			continue
		}
		t.opts.Event(Event{Phase: "drop", Object: r.name})
		errs = append(errs, t.dropDatabase(ctx, r.name))
	}
	return errors.Join(errs...)
}

// expendable picks the databases that may go.
func (t *Target) expendable(all []related, published bool) []related {
	var gone, previous []related
	for _, r := range all {
		switch {
		case r.previous():
			previous = append(previous, r)
		case t.opts.Resume && r.run == t.opts.Run: // it is gone on with
		case r.leftover(), published && r.unpublished():
			gone = append(gone, r)
		}
	}
	slices.SortFunc(previous, func(a, b related) int { return b.replaced.Compare(a.replaced) })
	for i, r := range previous {
		expired := t.opts.Keep.For > 0 && !r.replaced.Add(t.opts.Keep.For).After(t.opts.Now())
		if (i >= t.opts.Keep.Count || expired) && r.disposable() {
			gone = append(gone, r)
		}
	}
	return gone
}

// prune is cleanUp after a publication: what does not work is told, for the new data serves already.
func (t *Target) prune(ctx context.Context) finding.List {
	err := t.cleanUp(ctx, true)
	if err == nil {
		return nil
	}
	return finding.List{{Code: "not-tidied", Severity: finding.Warning, Object: t.opts.Environment,
		Message: fmt.Sprintf("databases that are not needed any more could not be dropped: %v", err), Fix: "drop them by hand, or let the next run try again"}}
}

// dropDatabase drops a database of ours, whoever is connected, and forgets the intent to make it.
func (t *Target) dropDatabase(ctx context.Context, name string) error {
	if name == t.base {
		return fmt.Errorf("drop %s: it serves", name) // no caller does; none ever may
	}
	err := t.maintain(ctx, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, "DROP DATABASE IF EXISTS "+quoted(name)+" WITH (FORCE)")
		return err
	})
	if err != nil {
		return fmt.Errorf("drop %s: %w", name, err)
	}
	return t.forget(ctx, name)
}

// forget removes the intent to make a database: it carries its certificate now, or is gone.
func (t *Target) forget(ctx context.Context, name string) error {
	return t.opts.within(ctx, t.base, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `DELETE FROM lethe.intent WHERE database = $1`, name)
		return err
	})
}

// everything is related, or the two slots.
func (t *Target) everything(ctx context.Context) ([]related, error) {
	if t.opts.Slots != nil {
		return t.relatedSlots(ctx)
	}
	return t.related(ctx)
}
