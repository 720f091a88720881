package pg

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/lethedb/lethe/internal/pgtest"
)

// TestFreeSpaceIsKnownWhereTheServerProvesToBeHere holds that it is told to who may see the directory, and to
// nobody else; and that another server's directory is not believed.
func TestFreeSpaceIsKnownWhereTheServerProvesToBeHere(t *testing.T) {
	db := pgtest.New(t)
	dir := db.QueryStrings(t, `SHOW data_directory`)[0]
	_, err := os.ReadFile(filepath.Join(dir, "postmaster.pid"))
	free, known, asked := FreeSpace(t.Context(), TargetOptions{DSN: db.DSN(), Run: "r", Maintenance: "postgres"})
	if asked != nil || known != (err == nil) || known && free == 0 {
		t.Errorf("%d bytes, known %v, %v; the directory: %v", free, known, asked, err)
	}
	role := pgtest.Role(t, db, "")
	if free, known, err := FreeSpace(t.Context(), TargetOptions{DSN: role.DSN(db), Run: "r", Maintenance: "postgres"}); known || err != nil {
		t.Errorf("a role that may not see the directory is told %d, %v", free, err)
	}

	other, started := t.TempDir(), time.Now()
	for text, want := range map[string]bool{
		"1\nx\n" + strconv.FormatInt(started.Unix(), 10) + "\n5432\n": true, "1\nx\n" + strconv.FormatInt(started.Unix(), 10) + "\n5433\n": false,
		"1\nx\n" + strconv.FormatInt(started.Unix()-60, 10) + "\n5432\n": false, "1\n": false,
	} {
		if err := os.WriteFile(filepath.Join(other, "postmaster.pid"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := runsFrom(other, "5432", started); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}
