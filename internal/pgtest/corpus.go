package pgtest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/catalog"
)

// Chapter is one file of testdata/schemas/corpus: statements about one topic. What its first lines say
// after "-- as:", "-- needs:" and "-- since:" decides where it can be loaded.
type Chapter struct {
	// Name is the file's.
	Name string
	// Superuser reports that only a superuser can make, and restore, what is in it.
	Superuser bool
	// Needs are the extensions whose files the server must have.
	Needs []string
	// Since is the first major that understands it, 0 for all.
	Since int
	text  string
}

// Corpus returns the chapters of the corpus in their order.
func Corpus(t testing.TB) []Chapter {
	t.Helper()
	root, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for dir := root; len(paths) == 0; dir = filepath.Dir(dir) {
		if paths, err = filepath.Glob(filepath.Join(dir, "testdata", "schemas", "corpus", "*.sql")); err != nil {
			t.Fatal(err)
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("find testdata/schemas/corpus: it is in no directory above")
		}
	}
	var chapters []Chapter
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		c := Chapter{Name: filepath.Base(path), text: string(text)}
		for _, line := range strings.Split(c.text, "\n") {
			if !strings.HasPrefix(line, "-- ") {
				break
			}
			if needs, ok := strings.CutPrefix(line, "-- needs: "); ok {
				c.Needs = strings.Fields(needs)
			}
			if since, ok := strings.CutPrefix(line, "-- since: "); ok {
				if c.Since, err = strconv.Atoi(since); err != nil {
					t.Fatalf("%s: %v", c.Name, err)
				}
			}
			c.Superuser = c.Superuser || line == "-- as: superuser"
		}
		chapters = append(chapters, c)
	}
	return chapters
}

// Fits reports whether the server of db can hold the chapter. An extension that it lacks is told aloud, and
// fails the test where nothing may be skipped; what it is too old for is not.
func (c Chapter) Fits(t testing.TB, db *DB) bool {
	t.Helper()
	if major := db.QueryInt(t, `SELECT current_setting('server_version_num')::int / 10000`); int(major) < c.Since {
		return false
	}
	there := db.QueryStrings(t, `SELECT name FROM pg_available_extensions`)
	for _, name := range c.Needs {
		if !slices.Contains(there, name) {
			LeaveOut(t, c.Name+" needs extension "+name+": install its package on the server")
			return false
		}
	}
	return true
}

// Tell loads the chapter into db as the given roles: :"owner" and so on in its text stand for them, as in
// psql. The owner must be a member of the others. A chapter for superusers is loaded by one.
func (c Chapter) Tell(t testing.TB, db *DB, owner Login, others map[string]Login) {
	t.Helper()
	words := []string{`:"owner"`, catalog.QuoteIdentifier(owner.Name), `:'owner'`, "'" + owner.Name + "'"}
	for name, login := range others {
		words = append(words, `:"`+name+`"`, catalog.QuoteIdentifier(login.Name), `:'`+name+`'`, "'"+login.Name+"'")
	}
	text := strings.NewReplacer(words...).Replace(c.text)
	dsn := db.DSN()
	if !c.Superuser {
		dsn = owner.DSN(db)
	}
	run(t, dsn, func(ctx context.Context, conn *pgx.Conn) error {
		if _, err := conn.PgConn().Exec(ctx, text).ReadAll(); err != nil {
			return fmt.Errorf("load %s: %w", c.Name, err)
		}
		return nil
	})
}
