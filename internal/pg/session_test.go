package pg

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/pgtest"
)

// TestASourceCanOnlyRead holds the list of what a source can be asked: nothing on it takes a statement.
func TestASourceCanOnlyRead(t *testing.T) {
	for value, want := range map[any][]string{
		(*Source)(nil):   {"Catalog", "CheckWhere", "Close", "Cost", "Facts", "Identity", "Name", "UpdateTriggers", "Wiring", "WithSnapshot"},
		(*Snapshot)(nil): {"Catalog", "CopyOut", "Count", "Definitions", "Done", "DumpSchema", "ID", "LSN", "LargeObjects", "Ownership", "Parts", "Sequences", "Source", "Time"},
	} {
		var got []string
		for method := range reflect.TypeOf(value).Methods() {
			got = append(got, method.Name)
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("%T can %v, want %v: whatever is new must not run a caller's statement", value, got, want)
		}
	}
}

func TestASessionOfASourceCannotWrite(t *testing.T) {
	db := pgtest.New(t)
	db.Exec(t, `CREATE TABLE a (id int)`)
	conn := open(t, db.DSN(), openSource(t, db.DSN()).session())
	for _, statement := range []string{`INSERT INTO public.a VALUES (1)`, `CREATE TABLE public.b (id int)`, `SELECT nextval('x')`, `TRUNCATE public.a`} {
		if _, err := conn.Exec(t.Context(), statement); !hasCode(err, "25006", "42P01") {
			t.Errorf("%s: %v", statement, err)
		}
	}
}

func TestLiteralsMeanThemselvesUnderAnySetting(t *testing.T) {
	db := pgtest.New(t)
	conn := open(t, db.DSN(), session{})
	for _, setting := range []string{"on", "off"} {
		if _, err := conn.Exec(t.Context(), "SET standard_conforming_strings = "+setting); err != nil {
			t.Fatal(err)
		}
		rapid.Check(t, func(t *rapid.T) {
			want := rapid.StringOf(rapid.OneOf(rapid.SampledFrom([]rune{'\'', '\\', '"', '$', '\n', 'ü'}), rapid.Rune())).
				Filter(func(s string) bool { return !strings.ContainsRune(s, 0) }).Draw(t, "text")
			var got string
			if err := conn.QueryRow(context.Background(), "SELECT "+quoteLiteral(want)+"::text").Scan(&got); err != nil || got != want {
				t.Fatalf("%q came back as %q, %v", want, got, err)
			}
		})
	}
}

func TestAnyRunIDMakesASessionsName(t *testing.T) {
	db := pgtest.New(t)
	for _, name := range []string{"lethe/" + strings.Repeat("x", 100), "lethe/ünï", `lethe/a'b\c"`, ""} {
		conn, err := connect(t.Context(), db.DSN(), session{name: name})
		if err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}
		closeNow(conn)
	}
}

func TestBytesOfADatabaseWithoutEncodingArriveAsTheyAre(t *testing.T) {
	db := pgtest.New(t)
	for encoding, want := range map[string]string{"SQL_ASCII": "caf\xe9\n", "LATIN1": "caf\u00e9\n"} {
		name := db.Name() + "__" + strings.ToLower(encoding)
		pgtest.Exec(t, db.MaintenanceDSN(), "CREATE DATABASE "+name+" TEMPLATE template0 ENCODING '"+encoding+"' LC_COLLATE 'C' LC_CTYPE 'C'")
		pgtest.Exec(t, db.Database(name), `SET client_encoding = '`+encoding+`'; CREATE TABLE t (v text)`,
			`SET client_encoding = 'SQL_ASCII'; INSERT INTO t VALUES (E'caf\xe9')`)
		s := openSource(t, db.Database(name))
		if got := mustCatalog(t, s).Server.Encoding; got != encoding {
			t.Errorf("encoding = %s", got)
		}
		err := within(t, s, func(ctx context.Context, snap *Snapshot) error {
			if got := copyAll(ctx, t, snap, whole(public("t"), "v")); got != want {
				t.Errorf("%s: got %q, want %q", encoding, got, want)
			}
			return nil
		})
		if err != nil {
			t.Errorf("%s: %v", encoding, err)
		}
		s.Close()
	}
}

func TestAnEmptyDatabaseIsReadToo(t *testing.T) {
	db := pgtest.New(t)
	called := false
	err := within(t, openSource(t, db.DSN()), func(ctx context.Context, snap *Snapshot) error {
		called = true
		sequences, err := snap.Sequences(ctx)
		if len(sequences) != 0 {
			t.Errorf("sequences: %v", sequences)
		}
		return err
	})
	if err != nil || !called {
		t.Errorf("%v, called %v", err, called)
	}
}

func TestReadingTheCatalogWaitsPolitelyForWhoAlters(t *testing.T) {
	db := pgtest.New(t)
	db.Exec(t, `CREATE TABLE a (id int)`)
	s := openSource(t, db.DSN())
	s.opts.LockTimeout = 20 * time.Millisecond
	s.Close() // the next question opens a session that waits no longer than that
	ddl := open(t, db.DSN(), session{})
	if _, err := ddl.Exec(t.Context(), `BEGIN; LOCK TABLE public.a`); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Catalog(t.Context()); !hasCode(err, lockNotAvailable) {
		t.Errorf("got %v", err)
	}
	closeNow(ddl)
	s.opts.LockRetries = 1_000_000
	if got := mustCatalog(t, s); len(got.Tables) != 1 {
		t.Errorf("got %v", got.Tables)
	}
}

func TestATableOutsideTheCatalogIsNotLocked(t *testing.T) {
	s := openSource(t, pgtest.New(t).DSN())
	err := s.WithSnapshot(t.Context(), mustCatalog(t, s), []catalog.Name{public("ghost")}, func(context.Context, *Snapshot) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "public.ghost") {
		t.Errorf("got %v", err)
	}
}
