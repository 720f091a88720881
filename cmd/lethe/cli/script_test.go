package cli

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/lethedb/lethe/internal/pgtest"
)

// canary marks everything that must not be told in a script: passwords, keys, values of rows.
const canary = "c4nary"

// scriptSchema is the production of every script: few tables, and people in them.
const scriptSchema = `
CREATE TABLE people (id integer PRIMARY KEY, email text UNIQUE, name text, note text);
CREATE TABLE orders (id integer PRIMARY KEY, person integer REFERENCES people, total numeric);
INSERT INTO people SELECT i, 'c4nary' || i || '@corp.example', 'C4nary C4nary', 'ask for c4nary' FROM generate_series(1, 20) i;
INSERT INTO orders SELECT i, 1 + i % 20, i FROM generate_series(1, 40) i;
`

const scriptRules = `version: 1
tables:
  public.people:
    columns:
      id: {keep: "surrogate key, names nobody"}
      email: email
      name: full_name
      note: redact_text
  public.orders:
    columns:
      id: {keep: "surrogate key, names nobody"}
      total: {keep: "an amount names nobody"}
`

// script is one story: a user's directory, one command line after the other, and what must stay as it was.
type script struct {
	t *testing.T
	// stage is nil in stories that need no server.
	stage  *stage
	status int
	// before is what the databases held when the story began or last changed them on purpose.
	before map[string]string
}

func TestScripts(t *testing.T) {
	files, err := filepath.Glob("../../../testdata/script/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("find scripts: %d, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			s := &script{t: t}
			testscript.RunT(storyteller{t}, testscript.Params{
				Files: []string{file}, RequireUniqueNames: true, ContinueOnError: true, Setup: s.setup,
				Cmds: map[string]func(*testscript.TestScript, bool, []string){
					"stage": s.stageCommand, "lethe": s.lethe, "refuses": s.refuses, "exit": s.exit,
					"sql": s.sql, "dsn": s.dsn, "untouched": s.untouched, "secret": s.secret,
				},
			})
		})
	}
}

// storyteller runs a script as the test itself and not as one below it, so that what the script's commands
// ask of the test, such as a database, they ask on its own goroutine.
type storyteller struct{ *testing.T }

// Run runs the one script.
func (s storyteller) Run(_ string, f func(testscript.T)) { f(s) }

// Parallel does nothing: the test is parallel already.
func (storyteller) Parallel() {}

// Verbose reports whether to tell more than failures.
func (storyteller) Verbose() bool { return testing.Verbose() }

func (s *script) setup(env *testscript.Env) error {
	env.Setenv("PATH", os.Getenv("PATH"))
	env.Setenv("LETHE_PG_BIN", os.Getenv("LETHE_PG_BIN"))
	env.Setenv("LETHE_KEY", testKey)
	return nil
}

// stageCommand makes a production, a staging and their roles: stage [granted] [adopted].
func (s *script) stageCommand(ts *testscript.TestScript, _ bool, args []string) {
	s.stage = newStage(s.t, scriptRules, func(st *stage) {
		st.production.Exec(s.t, "ALTER SCHEMA public OWNER TO "+st.owner.Name, "SET ROLE "+st.owner.Name, scriptSchema)
	})
	dir := ts.MkAbs(".")
	for _, name := range []string{"lethe.yaml", "rules.yaml"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			continue
		}
		ts.Check(os.WriteFile(filepath.Join(dir, name), []byte(s.stage.read(name)), 0o600))
	}
	s.stage.dir = dir
	for _, name := range []string{"PRODUCTION_DSN", "STAGING_DSN"} {
		ts.Setenv(name, s.stage.env[name])
	}
	ts.Setenv("PRODUCTION", s.stage.production.Name())
	ts.Setenv("STAGING", s.stage.staging.Name())
	ts.Setenv("READER", s.stage.reader.Name)
	ts.Setenv("BUILDER", s.stage.builder.Name)
	if slices.Contains(args, "granted") || slices.Contains(args, "adopted") {
		grants := s.stage.ok("check", "--grants")
		s.stage.production.Exec(s.t, strings.NewReplacer("lethe_source", s.stage.reader.Name, "lethe_target", s.stage.builder.Name).Replace(grants))
	}
	if slices.Contains(args, "adopted") {
		s.stage.ok("env", "adopt", "staging", "--same-server", "a test has one server")
		for _, name := range []string{"lethe.db", "lethe.ledger"} {
			_ = os.Remove(filepath.Join(dir, name)) // the story begins with nothing on record
		}
	}
	s.before = s.contents()
}

// contents is everything the databases hold: a digest of each table, and which databases there are.
func (s *script) contents() map[string]string {
	all := map[string]string{}
	for _, db := range []*pgtest.DB{s.stage.production, s.stage.staging} {
		for table, rows := range contents(s.t, db.DSN()) {
			all[db.Name()+"."+table] = rows
		}
		all["objects of "+db.Name()] = strings.Join(db.QueryStrings(s.t, `
			SELECT datname FROM pg_database WHERE starts_with(datname, current_database()) UNION ALL
			SELECT format('%s %s %s', relname, relkind, relfilenode) FROM pg_class WHERE oid >= 16384 ORDER BY 1`), " ")
	}
	return all
}

func (s *script) untouched(ts *testscript.TestScript, _ bool, _ []string) {
	if s.stage == nil {
		return
	}
	now := s.contents()
	for _, name := range slices.Sorted(maps.Keys(now)) {
		if now[name] != s.before[name] {
			ts.Fatalf("%s was touched", name)
		}
	}
	if len(now) != len(s.before) {
		ts.Fatalf("there were %d tables and there are %d", len(s.before), len(now))
	}
}

// run runs one command line in the user's directory.
func (s *script) run(ts *testscript.TestScript, args ...string) (status int, out, errs string) {
	var stdout, stderr bytes.Buffer
	w := World{
		In: strings.NewReader(""), Out: &stdout, Err: &stderr, Env: ts.Getenv, Now: time.Now,
		User: "tester", Host: "testhost", Width: 100,
	}
	if !slices.Contains(args, "--config") && !slices.Contains(args, "-c") {
		args = append([]string{"--config", ts.MkAbs("lethe.yaml")}, args...)
	}
	status = Main(s.t.Context(), args, w)
	s.silent(ts, stdout.String()+stderr.String())
	return status, stdout.String(), stderr.String()
}

// lethe runs a command line; "! lethe" expects it not to end well.
func (s *script) lethe(ts *testscript.TestScript, neg bool, args []string) {
	status, out, errs := s.run(ts, args...)
	s.status = status
	s.said(ts, out, errs)
	if neg == (status == 0) {
		ts.Fatalf("lethe %s: status %d\n%s%s", strings.Join(args, " "), status, out, errs)
	}
}

func (s *script) said(ts *testscript.TestScript, out, errs string) {
	_, outErr := io.WriteString(ts.Stdout(), out)
	_, errErr := io.WriteString(ts.Stderr(), errs)
	ts.Check(errors.Join(outErr, errErr))
}

// exit compares the status of the last command line.
func (s *script) exit(ts *testscript.TestScript, _ bool, args []string) {
	if fmt.Sprint(s.status) != args[0] {
		ts.Fatalf("status %d, want %s", s.status, args[0])
	}
}

// refuses STATUS CODE VERB… runs a command line that must fail so, for a person and with --json, must say
// what to do, and must leave both databases as they were. What follows can match its stderr.
func (s *script) refuses(ts *testscript.TestScript, _ bool, args []string) {
	want, code, line := args[0], args[1], args[2:]
	status, out, errs := s.run(ts, line...)
	s.said(ts, out, errs)
	if fmt.Sprint(status) != want || out != "" || !strings.Contains(errs, "lethe: ") {
		ts.Fatalf("lethe %s: status %d, want %s; stdout %q\n%s", strings.Join(line, " "), status, want, out, errs)
	}
	status, out, errs = s.run(ts, append(slices.Clone(line), "--json")...)
	var doc errorDocument
	decoder := json.NewDecoder(strings.NewReader(out))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&doc); err != nil || decoder.More() {
		ts.Fatalf("lethe %s --json: stdout is not one document: %v\n%s", strings.Join(line, " "), err, out)
	}
	if fmt.Sprint(status) != want || doc.Error.Status != status || doc.Error.Code != code || doc.Error.Message == "" {
		ts.Fatalf("lethe %s --json: status %d, want %s %s:\n%s%s", strings.Join(line, " "), status, want, code, out, errs)
	}
	remedy := doc.Error.Fix
	for _, f := range doc.Error.Findings {
		remedy = cmp.Or(remedy, f.Fix)
		if strings.Contains(f.Message, " wants ") { // what is wanted is what to write
			remedy = cmp.Or(remedy, f.Message)
		}
	}
	if remedy == "" && !strings.Contains(doc.Error.Message, "; ") {
		ts.Fatalf("lethe %s --json: no remedy:\n%s", strings.Join(line, " "), out)
	}
	s.untouched(ts, false, nil)
}

// sql runs statements as a superuser, on purpose: sql production|staging STATEMENT….
func (s *script) sql(ts *testscript.TestScript, _ bool, args []string) {
	db := s.stage.production
	if args[0] == "staging" {
		db = s.stage.staging
	}
	db.Exec(s.t, args[1:]...)
	s.before = s.contents()
}

// dsn NAME production|staging KEY=VALUE… sets a variable to a connection string of production's reader or
// staging's builder, with another host, port, user, password or database. host=socket is the server's own.
func (s *script) dsn(ts *testscript.TestScript, _ bool, args []string) {
	u, err := url.Parse(s.stage.env[strings.ToUpper(args[1])+"_DSN"])
	ts.Check(err)
	for _, arg := range args[2:] {
		key, value, _ := strings.Cut(arg, "=")
		user := u.User.Username()
		password, _ := u.User.Password()
		switch key {
		case "host":
			u.Host = value + ":" + u.Port()
		case "port":
			u.Host = u.Hostname() + ":" + value
		case "user":
			u.User = url.UserPassword(value, password)
		case "password":
			u.User = url.UserPassword(user, value)
		case "database":
			u.Path = "/" + value
		default:
			ts.Fatalf("dsn: what is %s?", key)
		}
	}
	if strings.HasPrefix(u.Host, "socket:") {
		dir, _, _ := strings.Cut(s.stage.production.QueryStrings(s.t, "SHOW unix_socket_directories")[0], ",")
		query := u.Query()
		query.Set("host", dir)
		query.Set("port", u.Port())
		u.Host, u.RawQuery = "", query.Encode()
	}
	ts.Setenv(args[0], u.String())
}

// secret keeps a text out of everything that is said and written from here on.
func (s *script) secret(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv("SECRETS", strings.TrimSpace(ts.Getenv("SECRETS")+" "+strings.Join(args, " ")))
}

// silent holds that no secret was said, nor written anywhere in the user's directory but where the user
// put it.
func (s *script) silent(ts *testscript.TestScript, said string) {
	secrets := append(strings.Fields(ts.Getenv("SECRETS")), canary, testKey)
	if s.stage != nil {
		secrets = append(secrets, s.stage.reader.Password, s.stage.builder.Password, s.stage.owner.Password)
	}
	places := map[string]string{"the output": said}
	err := filepath.WalkDir(ts.MkAbs("."), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasPrefix(d.Name(), "lethe.") || d.Name() == "lethe.yaml" {
			return err
		}
		text, err := os.ReadFile(path)
		places[d.Name()] = string(text)
		return err
	})
	ts.Check(err)
	for place, text := range places {
		for _, secret := range secrets {
			if strings.Contains(strings.ToLower(text), strings.ToLower(secret)) {
				ts.Fatalf("%s holds a secret (%s…)", place, secret[:min(len(secret), 6)])
			}
		}
	}
}
