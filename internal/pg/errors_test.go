package pg

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lethedb/lethe/internal/pgtest"
)

// assertClean fails when an error shows the canary in any way, or leads back to an error of the driver.
func assertClean(t *testing.T, err error, canary string) {
	t.Helper()
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if text := fmt.Sprintf(format, err); strings.Contains(text, canary) {
			t.Errorf("%s shows the canary: %s", format, text)
		}
	}
	var walk func(error)
	walk = func(err error) {
		if err == nil {
			return
		}
		for _, format := range []string{"%v", "%+v", "%#v"} {
			if text := fmt.Sprintf(format, err); strings.Contains(text, canary) {
				t.Errorf("%T shows the canary in %s", err, format)
			}
		}
		if strings.Contains(fmt.Sprintf("%T", err), "pgconn.") || strings.Contains(fmt.Sprintf("%T", err), "pgx.") {
			t.Errorf("an error of the driver is within reach: %T", err)
		}
		switch e := err.(type) { //nolint:errorlint // this walks the tree itself
		case interface{ Unwrap() error }:
			walk(e.Unwrap())
		case interface{ Unwrap() []error }:
			for _, inner := range e.Unwrap() {
				walk(inner)
			}
		}
	}
	walk(err)
	if _, ok := errors.AsType[*pgconn.PgError](err); ok {
		t.Error("errors.As reaches the server's error")
	}
}

func TestNoErrorOfTheServerQuotesAValue(t *testing.T) {
	const canary = "c4nary@example.org"
	db := pgtest.New(t)
	db.Exec(t,
		`CREATE TABLE t (id int PRIMARY KEY, email text UNIQUE, n int CHECK (n > 0))`,
		`INSERT INTO t VALUES (1, '`+canary+`', 1)`,
		`CREATE FUNCTION shout() RETURNS bool LANGUAGE plpgsql AS $$ BEGIN
			RAISE EXCEPTION 'mail %', '`+canary+`' USING DETAIL = '`+canary+`', HINT = '`+canary+`', COLUMN = '`+canary+`',
				TABLE = '`+canary+`', SCHEMA = '`+canary+`', CONSTRAINT = '`+canary+`'; END $$`)
	conn := open(t, db.DSN(), session{})
	for _, statement := range []string{
		`SELECT '` + canary + `'::int`,
		`SELECT email::int FROM public.t`,
		`INSERT INTO public.t VALUES (2, '` + canary + `', 1)`,
		`INSERT INTO public.t VALUES (3, '` + canary + `2', -1)`,
		`SELECT public.shout()`,
		`SELECT "` + canary + `" FROM public.t`,
		`DO $$ BEGIN PERFORM '` + canary + `'::int; END $$`,
		`SELECT lo_import('/nowhere/` + canary + `')`,
	} {
		_, err := conn.Exec(t.Context(), statement)
		if err == nil {
			t.Fatalf("%s went well", statement)
		}
		for _, wrapped := range []error{
			err, fmt.Errorf("do: %w", err), errors.Join(errors.New("first"), err, err), fmt.Errorf("%w, and %w", err, context.Canceled),
			fmt.Errorf("a message of its own about %s: %w", "lines\nthat break", err), fmt.Errorf("odd: %q: %w", err.Error(), err),
		} {
			safe := sanitize(wrapped)
			assertClean(t, safe, canary)
			server, ok := errors.AsType[*ServerError](safe)
			if !ok || server.Code == "" || !strings.Contains(safe.Error(), server.Code) {
				t.Errorf("%s: %v lost its SQLSTATE", statement, safe)
			}
			if errors.Is(wrapped, context.Canceled) != errors.Is(safe, context.Canceled) {
				t.Error("a cancelled context is not told from a failure")
			}
			if again := sanitize(fmt.Errorf("again: %w", safe)); !hasCode(again, server.Code) || !strings.HasPrefix(again.Error(), "again: ") {
				t.Errorf("sanitized twice: %v", again)
			}
		}
	}
}

func TestServerErrorsNameWhatTheyMay(t *testing.T) {
	db := pgtest.New(t)
	db.Exec(t, `CREATE TABLE "Odd Table" (id int CONSTRAINT "the key" PRIMARY KEY, n int)`)
	conn := open(t, db.DSN(), session{})
	copyIn := func(rows string) error {
		_, err := conn.PgConn().CopyFrom(t.Context(), strings.NewReader(rows), `COPY public."Odd Table" FROM STDIN`)
		return sanitize(fmt.Errorf("load: %w", err))
	}
	for rows, want := range map[string]string{
		"1\t1\n2\tsecret\n": `load: server error 22P02 (invalid_text_representation), column "n", line 2`,
		"1\t1\n1\t2\n":      `load: server error 23505 (unique_violation), schema "public", table "Odd Table", constraint "the key", line 2`,
		"1\n":               "load: server error 22P04 (bad_copy_file_format), line 1",
		"\\N\t1\n":          `load: server error 23502 (not_null_violation), schema "public", table "Odd Table", column "id", line 1`,
	} {
		if got := copyIn(rows); got == nil || got.Error() != want {
			t.Errorf("got  %v\nwant %s", got, want)
		}
	}
}

func TestErrorsWithoutAServersPassUnchanged(t *testing.T) {
	for _, err := range []error{nil, errors.New("plain"), fmt.Errorf("wrapped: %w", context.Canceled), newToolError("pg_dump", 1, []byte("out"))} {
		if got := sanitize(err); got != err { //nolint:errorlint // the very same, not one that is like it
			t.Errorf("got %v, want %v", got, err)
		}
	}
}

func TestConnectionErrorsKeepTheirMessage(t *testing.T) {
	db := pgtest.New(t)
	role := pgtest.Role(t, db, "")
	for dsn, want := range map[string]string{
		"postgres://someone:wr0ng@127.0.0.1:1/db":                 "connect to 127.0.0.1:1 (database db)",
		db.As(role.Name, "wr0ng"):                                 "password authentication failed",
		strings.Replace(db.DSN(), db.Name(), "no_such_db_wr0", 1): "does not exist",
	} {
		_, err := connect(t.Context(), dsn, session{name: "lethe/test"})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("got %v, want %q", err, want)
		}
		assertClean(t, err, "wr0ng")
	}
}

func TestCopyLineReadsNothingButTheLine(t *testing.T) {
	for where, want := range map[string]int64{
		`COPY t, line 12, column x: "COPY t, line 99"`:                 12,
		`COPY t, line 3: "..."`:                                        3,
		`COPY a, b, line 4`:                                            4,
		"COPY t, line 5\nSQL function":                                 5,
		"PL/pgSQL function f() line 3 at RAISE\nCOPY t, line 12: \"\"": 0,
		`SQL statement "COPY t, line 4"`:                               0,
		`COPY t, line 123456789012345678901234567890`:                  0,
		`COPY t, line x`:                                               0,
		"":                                                             0,
	} {
		if got, _ := copyPlace(where); got != want {
			t.Errorf("copyPlace(%q) = line %d, want %d", where, got, want)
		}
	}
	for where, want := range map[string]string{
		`COPY t, line 12, column x: "COPY t, line 99, column y: "`: "x",
		`COPY t, line 12, column x y: null input`:                  "x y",
		`COPY t, line 3: "1, line 5, column secret: "`:             "",
		`COPY t, line 3, column "`:                                 "",
	} {
		if _, got := copyPlace(where); got != want {
			t.Errorf("copyPlace(%q) = column %q, want %q", where, got, want)
		}
	}
}

func TestConditionNamesAreThoseOfTheServer(t *testing.T) {
	for code, want := range map[string]string{
		"23505": "unique_violation", "22P02": "invalid_text_representation", "55P03": "lock_not_available", "25P04": "transaction_timeout",
		"00000": "successful_completion", "XX000": "internal_error", "ZZZZZ": "", "": "", "2": "", "23505x": "",
	} {
		if got := condition(code); got != want {
			t.Errorf("condition(%q) = %q, want %q", code, got, want)
		}
	}
}

func TestAToolsErrorGivesAReasonWithoutItsOutput(t *testing.T) {
	err := newToolError("pg_restore", 1, []byte(`pg_restore: error: canary: could not extend file "base/1/2": No space left on device`))
	assertClean(t, err, "canary")
	if want := "pg_restore ended with status 1: no space left on device"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
}

func TestAToolsOutputIsNoPartOfItsError(t *testing.T) {
	err := newToolError("pg_restore", 1, []byte("canary"))
	assertClean(t, fmt.Errorf("restore: %w", err), "canary")
	if err.Output() != "canary" || !strings.Contains(err.Error(), "pg_restore ended with status 1") {
		t.Errorf("error %v, output %q", err, err.Output())
	}
}

func FuzzSanitizeNeverShowsAServersText(f *testing.F) {
	f.Add("c4n4ry", "do", "COPY t, line 2")
	f.Add("a\nc4n4ry", "x: ", "c4n4ry")
	f.Fuzz(func(t *testing.T, message, prefix, where string) {
		const canary = "c4n4ry"
		if strings.Contains(prefix, canary) {
			t.Skip()
		}
		raw := &pgconn.PgError{Severity: "ERROR", Code: "22P02", Message: message + canary, Detail: canary, Hint: canary, Where: where + canary}
		assertClean(t, sanitize(fmt.Errorf("%s: %w", prefix, raw)), canary)
		assertClean(t, sanitize(fmt.Errorf("%s %s: %w", prefix, strings.ReplaceAll(prefix, "a", "b"), fmt.Errorf("[%w]", raw))), canary)
	})
}
