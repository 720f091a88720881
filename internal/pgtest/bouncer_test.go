package pgtest_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/pgtest"
)

func TestThePoolerSharesConnectionsAsItIsTold(t *testing.T) {
	for pooling, shared := range map[pgtest.Pooling]bool{pgtest.SessionPooling: false, pgtest.TransactionPooling: true} {
		t.Run(string(pooling), func(t *testing.T) {
			db := pgtest.New(t)
			role := pgtest.Role(t, db, "")
			pooler := pgtest.PgBouncer(t, db, pooling, map[string]string{"application_name_add_host": "1"}, role)
			first, second := connect(t, pooler.DSN(role, db.Name())), connect(t, pooler.DSN(role, db.Name()))
			// Both clients are connected; a pool by transaction needs one server for their taking turns.
			a, b := backend(t, first), backend(t, second)
			if got := a == b; got != shared {
				t.Errorf("two clients on one backend: got %v, want %v", got, shared)
			}
			if got := pgtest.QueryStrings(t, pooler.DSN(role, db.Name()), "SELECT current_user, current_database()"); got[0] != role.Name+"|"+db.Name() {
				t.Errorf("got %q", got)
			}
		})
	}
}

func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func backend(t *testing.T, conn *pgx.Conn) int {
	t.Helper()
	var pid int
	if err := conn.QueryRow(t.Context(), "SELECT pg_backend_pid()").Scan(&pid); err != nil {
		t.Fatal(err)
	}
	return pid
}
