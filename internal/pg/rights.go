package pg

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
)

// rowQuerier asks for one row: a session or a transaction.
type rowQuerier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// withRight calls read, and again with the right to see all of a relation when it is denied: an owner may have
// taken its own rights away, or be under its own policies, and a copy has both as they are. kind is TABLE or
// SEQUENCE, name as SQL writes it. The right is given in a transaction that is rolled back, so that nobody
// else ever has it.
func withRight(ctx context.Context, conn *pgx.Conn, kind, name string, read func(rowQuerier) error) error {
	err := read(conn)
	if !hasCode(err, "42501") {
		return err
	}
	give := "GRANT SELECT ON " + kind + " " + name + " TO CURRENT_USER"
	if kind == "TABLE" {
		give += "; ALTER TABLE ONLY " + name + " NO FORCE ROW LEVEL SECURITY"
	}
	tx, beginErr := conn.Begin(ctx)
	if beginErr != nil {
		return errors.Join(err, sanitize(beginErr))
	}
	if _, giveErr := tx.Conn().PgConn().Exec(ctx, give).ReadAll(); giveErr != nil {
		return errors.Join(err, sanitize(giveErr), tx.Rollback(ctx))
	}
	return errors.Join(read(tx), tx.Rollback(ctx))
}
