package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lethedb/lethe/internal/pgtest"
)

// asLethe is the environment variable that makes this test binary be lethe: a process that can be killed.
const asLethe = "LETHE_TEST_AS_LETHE"

func TestMain(m *testing.M) {
	if os.Getenv(asLethe) != "" {
		os.Exit(Main(context.Background(), os.Args[1:], Process()))
	}
	pgtest.Main(m)
}

// testKey masks in tests alone.
const testKey = "7e57000000000000000000000000000000000000000000000000000000000001"

// stage is a production, an adopted staging beside it, both roles, and the files of a user.
type stage struct {
	t          *testing.T
	production *pgtest.DB
	staging    *pgtest.DB
	owner      pgtest.Login
	reader     pgtest.Login
	builder    pgtest.Login
	dir        string
	env        map[string]string
	now        func() time.Time
	after      func(time.Duration) <-chan time.Time
	interrupts <-chan os.Signal
}

// newStage makes an empty production and staging; fill loads production as its owner.
func newStage(t *testing.T, rules string, fill func(s *stage)) *stage {
	t.Helper()
	return newStageOn(t, pgtest.New(t), pgtest.New(t), rules, fill)
}

// newStageOn is newStage on databases of the caller's, such as those of two servers.
func newStageOn(t *testing.T, production, staging *pgtest.DB, rules string, fill func(s *stage)) *stage {
	t.Helper()
	s := &stage{t: t, production: production, staging: staging, dir: t.TempDir(), now: time.Now}
	s.owner = pgtest.Role(t, s.production, "")
	s.reader = pgtest.Role(t, s.production, "")
	s.builder = pgtest.Role(t, s.staging, "CREATEDB")
	fill(s)
	s.staging.Exec(t, fmt.Sprintf("ALTER DATABASE %s OWNER TO %s", s.staging.Name(), s.builder.Name))
	s.env = map[string]string{
		"LETHE_KEY":      testKey,
		"PRODUCTION_DSN": s.production.As(s.reader.Name, s.reader.Password),
		"STAGING_DSN":    s.staging.As(s.builder.Name, s.builder.Password),
		"PATH":           os.Getenv("PATH"),
		"LETHE_PG_BIN":   os.Getenv("LETHE_PG_BIN"),
	}
	s.write("lethe.yaml", `version: 1
keys: {masking: {env: LETHE_KEY}}
sources:
  production: {dsn: {env: PRODUCTION_DSN}, connections: 6}
environments:
  staging:
    from: production
    target: {dsn: {env: STAGING_DSN}}
    publish: {sessions: terminate}
`)
	s.write("rules.yaml", rules)
	return s
}

// adopted grants both roles what lethe itself asks for, and adopts staging.
func (s *stage) adopted() *stage {
	s.t.Helper()
	grants := s.ok("check", "--grants")
	grants = strings.NewReplacer("lethe_source", s.reader.Name, "lethe_target", s.builder.Name).Replace(grants)
	source, target, _ := strings.Cut(grants, "-- On the target's server")
	s.production.Exec(s.t, source)
	// One at a time: all stages of a server grant rights on its maintenance database.
	pgtest.Exec(s.t, s.staging.MaintenanceDSN(), "SELECT pg_advisory_lock(4712)", "--"+target)
	s.ok("env", "adopt", "staging", "--same-server", "a test has one server")
	return s
}

func (s *stage) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// result is what one command line left behind.
type result struct {
	status   int
	out, err string
}

// lethe runs one command line in the user's directory.
func (s *stage) lethe(args ...string) result { return s.letheIn(s.t.Context(), args...) }

func (s *stage) letheIn(ctx context.Context, args ...string) result {
	var out, errs bytes.Buffer
	w := World{
		In: strings.NewReader(""), Out: &out, Err: &errs, Env: func(name string) string { return s.env[name] },
		Now: s.now, User: "tester", Host: "testhost", Width: 100, After: s.after, Interrupts: s.interrupts,
	}
	args = append([]string{"--config", filepath.Join(s.dir, "lethe.yaml")}, args...)
	status := Main(ctx, args, w)
	return result{status, out.String(), errs.String()}
}

// ok runs a command line that must succeed, and returns its stdout.
func (s *stage) ok(args ...string) string {
	s.t.Helper()
	r := s.lethe(args...)
	if r.status != 0 {
		s.t.Fatalf("lethe %s: status %d\n%s%s", strings.Join(args, " "), r.status, r.out, r.err)
	}
	return r.out
}

// refused runs a command line that must end with the status and say each of the words.
func (s *stage) refused(status int, args []string, words ...string) result {
	s.t.Helper()
	r := s.lethe(args...)
	if r.status != status {
		s.t.Fatalf("lethe %s: status %d, want %d\n%s%s", strings.Join(args, " "), r.status, status, r.out, r.err)
	}
	for _, word := range words {
		if !strings.Contains(r.err, word) {
			s.t.Errorf("lethe %s: does not say %q:\n%s", strings.Join(args, " "), word, r.err)
		}
	}
	return r
}

// document runs a command line with --json and reads what it prints.
func document[T any](s *stage, args ...string) T {
	s.t.Helper()
	var doc T
	if err := json.Unmarshal([]byte(s.ok(append(args, "--json")...)), &doc); err != nil {
		s.t.Fatalf("lethe %s --json: %v", strings.Join(args, " "), err)
	}
	return doc
}

// databases lists the server's databases that belong to this stage's staging.
func (s *stage) databases() []string {
	s.t.Helper()
	return s.staging.QueryStrings(s.t, fmt.Sprintf(
		"SELECT datname FROM pg_database WHERE datname = '%[1]s' OR starts_with(datname, '%[1]s__') ORDER BY 1", s.staging.Name()))
}

// contents is a digest of every table of a database, by name.
func contents(t *testing.T, dsn string) map[string]string {
	t.Helper()
	return pgtest.AllRows(t, dsn)
}

// everything the user's directory holds, for canaries.
func (s *stage) written() string {
	s.t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(s.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		all.Write(text)
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return all.String()
}

// withUser replaces the user of a connection URL.
func withUser(t *testing.T, dsn string, login pgtest.Login) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(login.Name, login.Password)
	return u.String()
}

// read returns a file of the user's directory.
func (s *stage) read(name string) string {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}
