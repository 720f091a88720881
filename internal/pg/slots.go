package pg

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/finding"
	"github.com/lethedb/lethe/internal/work"
)

// Slots are two databases that take turns where our role may not create any: the idle one is emptied and
// filled, and publishing turns a pointer that clients follow.
type Slots struct {
	Databases [2]string
	Pointer   Pointer
}

// Pointer tells clients which slot serves. Exactly one of its fields is set.
type Pointer struct {
	// File holds the connection string of the serving slot, without user and password, and a line feed.
	// It is replaced atomically. Programs that serve as another machine's pointer are given by Command.
	File string
	// Command is a program and its arguments; the slot's name is appended. It must be repeatable: after a
	// crash it is run again. It gets an empty environment.
	Command []string
}

// validate reports what no server is needed to tell.
func (s *Slots) validate() error {
	switch {
	case s.Databases[0] == "" || s.Databases[1] == "" || s.Databases[0] == s.Databases[1]:
		return errors.New("read slots: name two different databases")
	case (s.Pointer.File == "") == (len(s.Pointer.Command) == 0):
		return errors.New("read slots: give the pointer either a file or a command")
	}
	return nil
}

// other returns the slot that is not database.
func (s *Slots) other(database string) string {
	if database == s.Databases[0] {
		return s.Databases[1]
	}
	return s.Databases[0]
}

// slotSchema holds the turns of a slot: when it was decided that it serves, and whether the pointer was
// turned since.
const slotSchema = `CREATE TABLE IF NOT EXISTS lethe.turn (
	single boolean PRIMARY KEY DEFAULT true CHECK (single), decided timestamptz NOT NULL, run text NOT NULL, turned boolean NOT NULL)`

// slotTurn is what a slot knows about its turn.
type slotTurn struct {
	decided time.Time
	run     string
	turned  bool
}

// loadTurn reads a slot's turn; zero when it never had one.
func loadTurn(ctx context.Context, conn *pgx.Conn) (slotTurn, error) {
	var turn slotTurn
	there, err := hasTable(ctx, conn, "lethe.turn")
	if err != nil || !there {
		return turn, err
	}
	err = conn.QueryRow(ctx, `SELECT decided, run, turned FROM lethe.turn`).Scan(&turn.decided, &turn.run, &turn.turned)
	if errors.Is(err, pgx.ErrNoRows) {
		err = nil
	}
	return turn, sanitize(err)
}

// storeTurn writes a slot's turn.
func storeTurn(ctx context.Context, conn *pgx.Conn, turn slotTurn) error {
	if _, err := conn.Exec(ctx, slotSchema); err != nil {
		return sanitize(err)
	}
	const write = `INSERT INTO lethe.turn (decided, run, turned) VALUES ($1, $2, $3)
		ON CONFLICT (single) DO UPDATE SET decided = excluded.decided, run = excluded.run, turned = excluded.turned`
	_, err := conn.Exec(ctx, write, turn.decided, turn.run, turn.turned)
	return sanitize(err)
}

// turns reads the turns of both slots.
func (t *Target) turns(ctx context.Context) (turns [2]slotTurn, err error) {
	for i, database := range t.opts.Slots.Databases {
		err := t.opts.within(ctx, database, func(conn *pgx.Conn) error {
			var err error
			turns[i], err = loadTurn(ctx, conn)
			return err
		})
		if err != nil {
			return turns, fmt.Errorf("read slot %s: %w", database, err)
		}
	}
	return turns, nil
}

// servingSlot returns the slot that serves: the one whose turn was decided last. Before the first turn it
// is the one that the pointer's file names, else the one that the DSN reaches, else the second, so that
// the first is filled first.
func (t *Target) servingSlot(ctx context.Context) (string, error) {
	s := t.opts.Slots
	turns, err := t.turns(ctx)
	if err != nil {
		return "", err
	}
	switch {
	case turns[0].decided.IsZero() && turns[1].decided.IsZero():
	case turns[1].decided.After(turns[0].decided):
		return s.Databases[1], nil
	default:
		return s.Databases[0], nil
	}
	if text, err := os.ReadFile(s.Pointer.File); s.Pointer.File != "" && err == nil {
		for _, database := range s.Databases {
			if pointsAt(string(text), database) {
				return database, nil
			}
		}
	}
	config, err := parse(t.opts.DSN)
	if err == nil && slices.Contains(s.Databases[:], config.Database) {
		return config.Database, nil
	}
	return s.Databases[1], err
}

// pointsAt reports whether a pointer's text names a database.
func pointsAt(text, database string) bool {
	config, err := parse(strings.TrimSpace(text))
	return err == nil && config.Database == database
}

// emptySlot closes the idle slot, ends its sessions, and drops all that is in it. A slot with another
// encoding or locale than the source is refused before.
func (t *Target) emptySlot(ctx context.Context, database string, order *work.Order) error {
	if _, err := t.readMarker(ctx, database); err != nil {
		return err
	}
	if err := t.finishTurn(ctx); err != nil {
		return err
	}
	err := t.opts.within(ctx, database, func(conn *pgx.Conn) error {
		got, err := readServer(ctx, conn)
		if err != nil {
			return err
		}
		want := order.Catalog.Server
		got.Version, got.Standby, want.Version, want.Standby = 0, false, 0, false
		if got != want {
			return refuse("locale", database, "the slot has another encoding or locale than the source", "have it made again with the source's")
		}
		return t.closeSlot(ctx, conn, database)
	})
	if err != nil {
		return err
	}
	return t.opts.within(ctx, database, func(conn *pgx.Conn) error { return dropEverything(ctx, conn, t.marker) })
}

// readServer reads what a database runs on.
func readServer(ctx context.Context, conn *pgx.Conn) (catalog.Server, error) {
	c, err := readCatalog(ctx, conn)
	if err != nil {
		return catalog.Server{}, err
	}
	return c.Server, nil
}

// closeSlot takes everybody's right to connect, the owner's aside, keeps them on record for the day the
// slot serves again, and ends who is connected.
func (t *Target) closeSlot(ctx context.Context, conn *pgx.Conn, database string) error {
	state, err := readState(ctx, conn, database)
	if err != nil {
		return err
	}
	for _, statement := range state.shut(database) {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("close slot %s: %w", database, err)
		}
	}
	e, err := newEnder(ctx, t.opts, state.oid)
	if err != nil {
		return err
	}
	defer e.close()
	return e.end(ctx, false)
}

// dropEverything empties the session's database: extensions, schemas, and what belongs to none.
func dropEverything(ctx context.Context, conn *pgx.Conn, marker Marker) error {
	const drops = `SELECT 'EXTENSION ' || quote_ident(extname) FROM pg_extension WHERE extname <> 'plpgsql'
		UNION ALL SELECT 'PUBLICATION ' || quote_ident(pubname) FROM pg_publication
		UNION ALL SELECT 'SCHEMA ' || quote_ident(nspname) FROM pg_namespace n WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'`
	names, err := column(ctx, conn, drops)
	if err != nil {
		return fmt.Errorf("list what the slot holds: %w", err)
	}
	tx, err := conn.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(ctx) }()
	for _, name := range names {
		if _, err := tx.Exec(ctx, "DROP "+name+" CASCADE"); err != nil {
			if hasCode(err, "42501") {
				return refuse("slot-not-ours", name, "our role may not drop what the slot holds", "make its owner a role that ours is a member of")
			}
			return fmt.Errorf("drop %s: %w", name, err)
		}
	}
	// As initdb makes it, so that a dump that says nothing of it means the same here as there.
	const fresh = `CREATE SCHEMA public AUTHORIZATION pg_database_owner; GRANT USAGE ON SCHEMA public TO PUBLIC;
		COMMENT ON SCHEMA public IS 'standard public schema'; SELECT lo_unlink(oid) FROM pg_largeobject_metadata`
	if _, err := conn.PgConn().Exec(ctx, fresh).ReadAll(); err != nil {
		return fmt.Errorf("make schema public: %w", err)
	}
	// The marker stays, whatever happens next: without it nobody could fill the slot again.
	if err := storeMarker(ctx, conn, marker); err != nil {
		return err
	}
	return tx.Commit(ctx)
}

// turn makes a filled slot serve: it is opened, the decision is recorded in it, the pointer is turned,
// and the other slot's sessions are ended.
func (t *Target) turn(ctx context.Context, incoming, run string) (Publication, error) {
	began := t.opts.Now().UTC()
	var unretained time.Duration
	outgoing := t.opts.Slots.other(incoming)
	err := t.opts.within(ctx, incoming, func(conn *pgx.Conn) error {
		if there, err := hasTable(ctx, conn, "lethe.certificate"); err != nil {
			return err
		} else if there {
			if c, err := loadCertificate(ctx, conn); err != nil {
				return err
			} else if c.PublishedAt.IsZero() && !c.RetainedAt.IsZero() {
				unretained = began.Sub(c.RetainedAt)
			}
			if _, err := conn.Exec(ctx, `UPDATE lethe.certificate SET published_at = $1`, began); err != nil {
				return err
			}
		}
		old, err := readState(ctx, conn, outgoing)
		if err != nil {
			return err
		}
		for _, statement := range old.open(incoming) {
			if _, err := conn.Exec(ctx, statement); err != nil {
				return fmt.Errorf("open slot %s: %w", incoming, err)
			}
		}
		return storeTurn(ctx, conn, slotTurn{decided: began, run: run})
	})
	if err != nil {
		return Publication{}, fmt.Errorf("turn to slot %s: %w", incoming, err)
	}
	t.base = incoming
	if err := t.finishTurn(ctx); err != nil {
		return Publication{}, err
	}
	ended, err := t.endSlot(ctx, outgoing)
	p := Publication{Database: incoming, Previous: outgoing, Run: run, Ended: ended, Unretained: unretained}
	if err != nil {
		p.Notes = finding.List{{Code: "sessions", Severity: finding.Warning, Object: outgoing,
			Message: fmt.Sprintf("the old slot's sessions could not be ended: %v", err), Fix: "end them by hand"}}
	}
	return p, nil
}

// finishTurn turns the pointer to the serving slot when that was decided and not yet done. A run that
// died in between left it undone, and which slot the pointer names is then known to nobody.
func (t *Target) finishTurn(ctx context.Context) error {
	return t.opts.within(ctx, t.base, func(conn *pgx.Conn) error {
		turn, err := loadTurn(ctx, conn)
		if err != nil || turn.decided.IsZero() || turn.turned {
			return err
		}
		if err := t.point(ctx, t.base); err != nil {
			return fmt.Errorf("turn the pointer to %s: %w", t.base, err)
		}
		turn.turned = true
		return storeTurn(ctx, conn, turn)
	})
}

// point turns the pointer.
func (t *Target) point(ctx context.Context, database string) error {
	p := t.opts.Slots.Pointer
	if p.File != "" {
		text, err := t.pointerText(database)
		if err != nil {
			return err
		}
		return replaceFile(p.File, text)
	}
	cmd := exec.CommandContext(ctx, p.Command[0], append(slices.Clone(p.Command[1:]), database)...)
	cmd.Env = []string{} // not nil: that would be ours
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("run %s: %w", filepath.Base(p.Command[0]), err)
	}
	return nil
}

// pointerText is the connection string of a slot, without user and password: clients have their own.
func (t *Target) pointerText(database string) ([]byte, error) {
	config, err := parse(t.opts.DSN)
	if err != nil {
		return nil, err
	}
	quote := strings.NewReplacer(`\`, `\\`, `'`, `\'`)
	var b bytes.Buffer
	fmt.Fprintf(&b, "host='%s' port=%d dbname='%s'\n", quote.Replace(config.Host), config.Port, quote.Replace(database))
	return b.Bytes(), nil
}

// replaceFile writes a file so that readers see the old text or the new, also after a power failure.
func replaceFile(path string, text []byte) error {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = file.Write(text)
	// Clients of other users follow the pointer, and it holds no secret.
	err = errors.Join(err, file.Chmod(0o644), file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(file.Name()))
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// endSlot closes the slot that does not serve any more, and ends its sessions.
func (t *Target) endSlot(ctx context.Context, database string) (int, error) {
	var state databaseState
	err := t.maintain(ctx, func(conn *pgx.Conn) (err error) {
		if state, err = readState(ctx, conn, database); err != nil {
			return err
		}
		// Who still follows the old pointer is told so, and does not go on with old data unnoticed.
		for _, statement := range state.shut(database) {
			if _, err := conn.Exec(ctx, statement); err != nil {
				return fmt.Errorf("close slot %s: %w", database, err)
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	e, err := newEnder(ctx, t.opts, state.oid)
	if err != nil {
		return 0, err
	}
	defer e.close()
	if err := e.drain(ctx, t.opts.Event); err != nil {
		return 0, err
	}
	if t.opts.Sessions.Mode != Refuse {
		if err := e.end(ctx, false); err != nil {
			return e.ended(), err
		}
	}
	return e.ended(), e.admissible(ctx, database)
}

// relatedSlots is related for slots: the serving one and the other.
func (t *Target) relatedSlots(ctx context.Context) ([]related, error) {
	turns, err := t.turns(ctx)
	if err != nil {
		return nil, err
	}
	var all []related
	for i, database := range t.opts.Slots.Databases {
		r := related{name: database, serving: database == t.base}
		ours, err := t.lookInside(ctx, &r)
		if err != nil {
			return nil, fmt.Errorf("look into %s: %w", database, err)
		}
		if !ours {
			return nil, refuse("not-adopted", database, "the slot was never adopted with the other", "run lethe env adopt again")
		}
		if !r.serving && !turns[i].decided.IsZero() {
			r.replaced = turns[1-i].decided
		}
		all = append(all, r)
	}
	return all, nil
}
