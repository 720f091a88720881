package pg

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// StatementError says at which statement of a file the server stopped. It unwraps to the server's error.
type StatementError struct {
	File string
	Line int
	Err  error
}

// Error names file and line of the statement.
func (e *StatementError) Error() string { return fmt.Sprintf("run %s:%d: %v", e.File, e.Line, e.Err) }

// Unwrap returns what the server said.
func (e *StatementError) Unwrap() error { return e.Err }

// Furnish gives the new database the settings of the one that serves, so that what runs in it before it
// is published meets them too. With slots each database has its own.
func (t *Target) Furnish(ctx context.Context) error {
	b := t.current()
	if b == nil {
		return errNotBegun
	}
	if t.opts.Slots != nil {
		return nil
	}
	return t.maintain(ctx, func(conn *pgx.Conn) error {
		state, err := readState(ctx, conn, t.base)
		if err != nil {
			return err
		}
		return state.carrySettings(ctx, conn, b.database)
	})
}

// RunStatements runs the statements of a file in the new database, in order and in one session that has
// the settings any client would have. Each is a transaction of its own unless the file says otherwise.
// The first that fails ends it, as a *StatementError.
func (t *Target) RunStatements(ctx context.Context, file string, statements []Statement) error {
	b := t.current()
	if b == nil {
		return errNotBegun
	}
	return t.opts.within(ctx, b.database, func(conn *pgx.Conn) error {
		// Ours are made for reading and writing values; statements of others are written for a server's own.
		const own = `RESET ALL; SET client_encoding = 'UTF8'; SET standard_conforming_strings = on`
		if conn.PgConn().ParameterStatus("server_encoding") != "SQL_ASCII" {
			if _, err := conn.PgConn().Exec(ctx, own).ReadAll(); err != nil {
				return err
			}
		}
		for _, s := range statements {
			if _, err := conn.PgConn().Exec(ctx, s.Text).ReadAll(); err != nil {
				return &StatementError{File: file, Line: s.Line, Err: sanitize(err)}
			}
		}
		if conn.PgConn().TxStatus() != 'I' {
			return fmt.Errorf("run %s: it leaves a transaction open, and what it did is lost; end it with COMMIT", file)
		}
		return nil
	})
}

// Sound makes sure that what is about to be complete is still what was built: ours, and whole. Statements
// and programs of others have been at it.
func (t *Target) Sound(ctx context.Context) error {
	b := t.current()
	if b == nil {
		return errNotBegun
	}
	return t.opts.within(ctx, b.database, func(conn *pgx.Conn) error {
		marker, err := loadMarker(ctx, conn)
		if err == nil && marker.ID != t.marker.ID {
			err = errNoMarker
		}
		if err != nil && !errors.Is(err, errNoMarker) {
			return err
		}
		if err == nil {
			var c Certificate
			if c, err = loadCertificate(ctx, conn); err == nil && c.Run != b.order.Run {
				err = errNoCertificate
			}
		}
		if errors.Is(err, errNoMarker) || errors.Is(err, errNoCertificate) {
			b.refute()
			return fmt.Errorf("look at %s: schema lethe was changed in it, so that nobody could tell what it is; leave that schema alone", b.database)
		}
		if err != nil {
			return err
		}
		found, err := verifyValidity(ctx, conn)
		if err != nil {
			return err
		}
		if found.HasErrors() {
			return fmt.Errorf("look at %s: %s", b.database, found[0])
		}
		return nil
	})
}
