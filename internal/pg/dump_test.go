package pg

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/pgtest"
)

// tools finds pg_dump and pg_restore of a major that fits the test's server.
func tools(t *testing.T, db *pgtest.DB) Tools {
	t.Helper()
	major := db.QueryInt(t, `SELECT current_setting('server_version_num')::int / 10000`)
	for _, dir := range []string{fmt.Sprintf("/usr/lib/postgresql/%d/bin", major), os.Getenv("PGBIN")} {
		found := Tools{PgDump: filepath.Join(dir, "pg_dump"), PgRestore: filepath.Join(dir, "pg_restore")}
		if got, err := ToolVersion(t.Context(), found.PgDump); err == nil && int64(got) == major {
			return found
		}
	}
	path, err := exec.LookPath("pg_dump")
	if err == nil {
		if got, err := ToolVersion(t.Context(), path); err == nil && int64(got) == major {
			return Tools{PgDump: path, PgRestore: filepath.Join(filepath.Dir(path), "pg_restore")}
		}
	}
	pgtest.Skip(t, fmt.Sprintf("no pg_dump of version %d is installed", major))
	return Tools{}
}

func TestTheSchemaIsDumpedAsTheSnapshotSeesIt(t *testing.T) {
	db := load(t, "catalog.sql")
	role := pgtest.Role(t, db, "SUPERUSER")
	password := `od:d\pass word'"`
	db.Exec(t, `ALTER ROLE `+role.Name+` PASSWORD `+quoteLiteral(password), `CREATE SUBSCRIPTION wired CONNECTION 'host=nowhere password=canary' PUBLICATION p WITH (connect = false)`,
		`CREATE EXTENSION IF NOT EXISTS postgres_fdw`, `CREATE SERVER afar FOREIGN DATA WRAPPER postgres_fdw`, `CREATE USER MAPPING FOR PUBLIC SERVER afar OPTIONS (password 'canary')`)
	t.Cleanup(func() { db.Exec(t, `ALTER SUBSCRIPTION wired SET (slot_name = NONE)`, `DROP SUBSCRIPTION wired`) })
	s := openSource(t, db.As(role.Name, password))
	programs := tools(t, db)
	path := filepath.Join(s.opts.Dir, "schema.dump")
	err := within(t, s, func(ctx context.Context, snap *Snapshot) error {
		db.Exec(t, `CREATE TABLE too_late (id int)`)
		return snap.DumpSchema(ctx, programs, path, []catalog.Name{{Schema: "Foo Bar", Name: "With a space"}, public("no*thing"), public("heir")})
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, outputOf(err))
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("archive: %v, %v", info, err)
	}
	if files, err := os.ReadDir(s.opts.Dir); err != nil || len(files) != 1 {
		t.Errorf("files are left beside the archive: %v, %v", files, err)
	}
	if archive, err := os.ReadFile(path); err != nil || bytes.Contains(archive, []byte("canary")) {
		t.Errorf("a password is in the archive: %v", err)
	}
	list, err := exec.CommandContext(t.Context(), programs.PgRestore, "--list", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	for object, want := range map[string]bool{
		"TABLE public types ": true, "TABLE Foo Bar select ": true, "TABLE public nothing ": true, "EXTENSION - citext": true,
		"TABLE Foo Bar With a space": false, "TABLE public heir ": false, "too_late": false, "SCHEMA - lethe": false, "TABLE lethe": false, "SUBSCRIPTION": false, "TABLE DATA": false,
	} {
		if got := strings.Contains(string(list), object); got != want {
			t.Errorf("%q in the archive: %v, want %v", object, got, want)
		}
	}
}

// outputOf is what a program said, for the person who reads the test's log.
func outputOf(err error) string {
	if failure, ok := errors.AsType[*ToolError](err); ok {
		return failure.Output()
	}
	return ""
}

func TestADumpThatFailsLeavesNothingAndTellsNothing(t *testing.T) {
	db := pgtest.New(t)
	db.Exec(t, `CREATE TABLE a (id int)`)
	s := openSource(t, db.DSN())
	programs := tools(t, db)
	path := filepath.Join(s.opts.Dir, "schema.dump")
	err := within(t, s, func(ctx context.Context, snap *Snapshot) error {
		snap.id = "00000009-00000009-9"
		return snap.DumpSchema(ctx, programs, path, nil)
	})
	failure, ok := errors.AsType[*ToolError](err)
	if !ok || failure.Tool != "pg_dump" || failure.ExitCode != 1 || !strings.Contains(failure.Output(), "00000009") {
		t.Fatalf("got %v, output %q", err, outputOf(err))
	}
	assertClean(t, err, "00000009")
	if files, err := os.ReadDir(s.opts.Dir); err != nil || len(files) != 0 {
		t.Errorf("left behind: %v, %v", files, err)
	}
	if err := os.WriteFile(path, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	err = within(t, s, func(ctx context.Context, snap *Snapshot) error { return snap.DumpSchema(ctx, programs, path, nil) })
	if text, _ := os.ReadFile(path); err == nil || string(text) != "mine" {
		t.Errorf("a file that was there was overwritten: %v", err)
	}
}

// script writes a program that stands in for pg_dump.
func script(t *testing.T, body string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pg_dump")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestProgramsGetWhatIsNamedAndNoSecretInTheirArguments(t *testing.T) {
	db := pgtest.New(t)
	db.Exec(t, `CREATE TABLE a (id int)`)
	role := pgtest.Role(t, db, "SUPERUSER")
	t.Setenv("LETHE_KEY", "canary-key")
	t.Setenv("PGPASSWORD", "canary-password")
	s := openSource(t, pgtest.Rewrite(role.DSN(db), func(u *url.URL) {
		q := u.Query()
		q.Set("connect_timeout", "7")
		q.Set("search_path", "public")
		u.RawQuery = q.Encode()
	}))
	seen := filepath.Join(t.TempDir(), "seen")
	programs := Tools{PgDump: script(t, fmt.Sprintf(`[ "$1" = --version ] && { echo "pg_dump (PostgreSQL) 18.1"; exit; }
		{ echo "$@"; env; echo; cat "$PGPASSFILE"; ls -l "$PGPASSFILE"; } > %s`, seen))}
	err := within(t, s, func(ctx context.Context, snap *Snapshot) error {
		return snap.DumpSchema(ctx, programs, filepath.Join(s.opts.Dir, "schema.dump"), nil)
	})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(seen)
	if err != nil {
		t.Fatal(err)
	}
	before, passfile, _ := strings.Cut(string(text), "\n\n")
	arguments, environment, _ := strings.Cut(before, "\n")
	for _, want := range []string{"--schema-only", "--snapshot=", "--no-statistics", "--lock-wait-timeout=200", "--exclude-schema=lethe"} {
		if !strings.Contains(arguments, want) {
			t.Errorf("arguments lack %s: %s", want, arguments)
		}
	}
	for _, want := range []string{"PGUSER=" + role.Name, "PGDATABASE=" + db.Name(), "PGAPPNAME=lethe/test", "PGCONNECT_TIMEOUT=7", "PGHOST="} {
		if !strings.Contains(environment, want) {
			t.Errorf("environment lacks %s:\n%s", want, environment)
		}
	}
	for _, secret := range []string{role.Password, "canary"} {
		if strings.Contains(before, secret) {
			t.Errorf("a secret is in arguments or environment:\n%s", before)
		}
	}
	if !strings.Contains(passfile, "*:*:*:*:"+role.Password+"\n") || !strings.Contains(passfile, "-rw-------") {
		t.Errorf("passfile: %s", passfile)
	}
}

func TestACancelledProgramIsEnded(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	ready := filepath.Join(t.TempDir(), "ready")
	ended := make(chan error, 1)
	program := script(t, "trap 'exit 3' INT\n: > "+ready+"\nwhile :; do sleep 0.05; done")
	go func() { ended <- runTool(ctx, program, toolBase()) }()
	for {
		if _, err := os.Stat(ready); err == nil {
			break
		}
	}
	cancel(why)
	if err := <-ended; !errors.Is(err, why) {
		t.Errorf("got %v", err)
	}
}

func TestAProgramsOutputIsRememberedUpToALimit(t *testing.T) {
	err := runTool(t.Context(), script(t, "head -c 3000000 /dev/zero\necho the end >&2\nexit 4"), toolBase())
	failure, ok := errors.AsType[*ToolError](err)
	if !ok || failure.ExitCode != 4 || len(failure.Output()) != outputLimit {
		t.Errorf("got %v with %d bytes", err, len(outputOf(err)))
	}
	if err := runTool(t.Context(), "/nowhere/pg_dump", nil); err == nil {
		t.Error("a program that is not there ran")
	}
	if _, err := ToolVersion(t.Context(), script(t, "echo something else")); err == nil {
		t.Error("a program of another kind has a version")
	}
}

func TestSettingsOfAConnectionStringReachPrograms(t *testing.T) {
	for _, variable := range libpqVariables() {
		t.Setenv(variable, "")
		if err := os.Unsetenv(variable); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PGSSLSNI", "0")
	for _, dsn := range []string{
		"postgres://u:secret@h/db?sslmode=verify-full&sslrootcert=%2Fa%20b%2Fc.pem&options=-c%20x%3Dy&search_path=z&password=secret",
		`host=h user=u password='se cr=et sslmode=disable' sslmode = verify-full sslrootcert='/a b/c.pem' options='-c x=y' search_path=z`,
		`host=h password=secret\ sslmode=disable sslmode=verify-full sslrootcert=/a\ b/c.pem options=-c\ x=y`,
	} {
		got := libpqSettings(dsn)
		want := map[string]string{"PGSSLMODE": "verify-full", "PGSSLROOTCERT": "/a b/c.pem", "PGOPTIONS": "-c x=y", "PGSSLSNI": "0"}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s\ngot  %v\nwant %v", dsn, got, want)
		}
	}
}

func TestProgramsComeToTheHostThatWasReached(t *testing.T) {
	config, err := parse("host=192.0.2.1,localhost port=5432,5433 user=u dbname=d sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		remote        net.Addr
		host, address string
	}{
		{&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 5433}, "localhost", "127.0.0.1"},
		{&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 5432}, "192.0.2.1", "192.0.2.1"},
		{&net.TCPAddr{IP: net.IPv4(192, 0, 2, 9), Port: 5432}, "192.0.2.9", "192.0.2.9"},
		{&net.UnixAddr{Name: "/tmp/x"}, "192.0.2.1", ""},
		{nil, "192.0.2.1", ""},
	} {
		if host, address := reached(t.Context(), config, c.remote); host != c.host || address != c.address {
			t.Errorf("%v: got %s %s", c.remote, host, address)
		}
	}
}

func TestAPasswordThatNoPassfileHoldsIsRefused(t *testing.T) {
	dsn := (&url.URL{Scheme: "postgres", User: url.UserPassword("u", "new\nline"), Host: "h", Path: "/d"}).String()
	_, _, err := toolEnvironment(t.Context(), dsn, session{}, nil, t.TempDir())
	if err == nil {
		t.Fatal("written")
	}
	assertClean(t, err, "new\nline")
}
