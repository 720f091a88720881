package pgtest_test

import (
	"testing"

	"github.com/lethedb/lethe/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func TestEveryTestHasADatabaseOfItsOwn(t *testing.T) {
	first, second := pgtest.New(t), pgtest.New(t)
	first.Exec(t, "CREATE TABLE only_here (a int); INSERT INTO only_here SELECT generate_series(1, 3)")
	if got := first.QueryInt(t, "SELECT count(*) FROM only_here"); got != 3 {
		t.Errorf("first database: got %d rows, want 3", got)
	}
	if got := second.QueryStrings(t, "SELECT to_regclass('only_here')"); len(got) != 1 || got[0] != "NULL" {
		t.Errorf("second database sees the table of the first: %q", got)
	}
}
