package cli

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/pgtest"
)

// patience bounds every wait for something that must happen: far longer than it takes, so that only what
// never happens is told as that.
const patience = 30 * time.Second

// lookEvery is how often a wait looks.
const lookEvery = 5 * time.Millisecond

// gate is the advisory lock in production that reading public.gate waits for: who holds it stops a copy
// in its midst.
const gate = 4711

// generationRules keep all but an e-mail, and read public.gate through the gate.
var generationRules = fmt.Sprintf(`version: 1
defaults:
  "*.*.email": email
tables:
  public.one: {columns: {id: {keep: "a number"}, generation: {keep: "a number"}, filler: {keep: "fills"}}}
  public.two: {columns: {id: {keep: "a number"}, generation: {keep: "a number"}}}
  public.gate: {rows: {where: "public.pass(%d)"}, columns: {generation: {keep: "a number"}}}
`, gate)

// fillGenerations makes tables that each name the same generation in every row.
func fillGenerations(s *stage) {
	pgtest.Exec(s.t, s.production.As(s.owner.Name, s.owner.Password),
		`CREATE TABLE one (id int PRIMARY KEY, generation int NOT NULL, email text UNIQUE, filler text)`,
		`CREATE TABLE two (id int PRIMARY KEY REFERENCES one, generation int NOT NULL)`,
		`CREATE INDEX ON two (generation)`,
		`CREATE TABLE gate (generation int)`,
		// A reading session waits for no lock longer than two seconds; the gate keeps it as long as it likes.
		`CREATE FUNCTION pass(gate bigint) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
			PERFORM pg_catalog.set_config('lock_timeout', '0', true);
			PERFORM pg_catalog.pg_advisory_xact_lock_shared(gate);
			RETURN true;
		END $$`,
		`INSERT INTO one SELECT n, 1, 'person' || n || '@flowmart.example' FROM generate_series(1, 3000) n`,
		`INSERT INTO two SELECT n, 1 FROM generate_series(1, 3000) n`,
		`INSERT INTO gate VALUES (1)`,
		`GRANT SELECT ON one, two, gate TO PUBLIC`,
	)
}

// generations is a stage whose production changes from one generation to the next, and its clients' role.
type generations struct {
	*stage
	app pgtest.Login
	tmp string
	at  int
}

func newGenerations(t *testing.T) *generations {
	t.Helper()
	return newGenerationsOn(t, pgtest.New(t), pgtest.New(t))
}

func newGenerationsOn(t *testing.T, production, staging *pgtest.DB) *generations {
	t.Helper()
	g := &generations{tmp: t.TempDir(), at: 1}
	g.stage = newStageOn(t, production, staging, generationRules, func(s *stage) {
		pgtest.Exec(t, s.production.DSN(), "GRANT CREATE ON SCHEMA public TO "+s.owner.Name)
		pgtest.Exec(t, s.staging.MaintenanceDSN(), grantOwner(s)...)
		fillGenerations(s)
	})
	g.app = pgtest.Role(t, g.staging, "")
	return g
}

// grantOwner lets the target's role act for the owner of the source's tables. Roles that the schema names
// exist on both servers.
func grantOwner(s *stage) []string {
	statements := []string{fmt.Sprintf("GRANT %s TO %s", s.owner.Name, s.builder.Name)}
	if s.staging.MaintenanceDSN() != s.production.MaintenanceDSN() {
		statements = append([]string{"CREATE ROLE " + s.owner.Name, "CREATE ROLE " + s.reader.Name}, statements...)
	}
	return statements
}

// replace changes a file of the user's.
func (s *stage) replace(name, before, after string) {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil || !strings.Contains(string(text), before) {
		s.t.Fatalf("%s does not hold %q: %v", name, before, err)
	}
	s.write(name, strings.ReplaceAll(string(text), before, after))
}

// next changes production.
func (g *generations) next() {
	g.t.Helper()
	g.at++
	g.production.Exec(g.t, `UPDATE one SET generation = generation + 1; UPDATE two SET generation = generation + 1; UPDATE gate SET generation = generation + 1`)
}

// serves returns what a client reads in staging, as "one|two".
func (g *generations) serves() string {
	g.t.Helper()
	return strings.Join(pgtest.QueryStrings(g.t, g.app.DSN(g.staging), readPair), ",")
}

// readPair reads every generation that the two tables name; one row unless they are a mixture.
const readPair = `SELECT DISTINCT one.generation || '|' || two.generation FROM public.one FULL JOIN public.two USING (id)`

// pair is what serves at a generation.
func pair(generation int) string { return fmt.Sprintf("%d|%d", generation, generation) }

// process is a running lethe.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	lines chan string
	ended chan struct{}

	mu   sync.Mutex
	text strings.Builder
}

// start runs lethe as a process of its own, whose temporary files are in g.tmp.
func (g *generations) start(args ...string) *process {
	g.t.Helper()
	p := &process{t: g.t, lines: make(chan string, 1000), ended: make(chan struct{})}
	p.cmd = exec.Command(os.Args[0], append([]string{"--config", filepath.Join(g.dir, "lethe.yaml")}, args...)...)
	p.cmd.Env = []string{asLethe + "=1", "TMPDIR=" + g.tmp}
	for name, value := range g.env {
		p.cmd.Env = append(p.cmd.Env, name+"="+value)
	}
	talk, err := p.cmd.StderrPipe()
	if err != nil {
		g.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		g.t.Fatal(err)
	}
	go p.listen(bufio.NewScanner(talk))
	g.t.Cleanup(func() { p.kill() })
	return p
}

// listen keeps what is said, until the process has ended and nobody holds its stderr.
func (p *process) listen(talk *bufio.Scanner) {
	for talk.Scan() {
		p.mu.Lock()
		p.text.WriteString(talk.Text() + "\n")
		p.mu.Unlock()
		p.lines <- talk.Text()
	}
	close(p.lines)
	_ = p.cmd.Wait()
	close(p.ended)
}

func (p *process) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

// says waits until the process says something, and reports false when it ended without.
func (p *process) says(word string) bool {
	p.t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		select {
		case line, more := <-p.lines:
			if !more {
				return false
			}
			if strings.Contains(line, word) {
				return true
			}
		case <-late.C:
			p.t.Fatalf("it never said %q:\n%s", word, p.said())
		}
	}
}

// signal sends a signal; the process may have ended.
func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Fatal(err)
	}
}

// kill ends the process without a word, and waits until it is gone.
func (p *process) kill() {
	p.t.Helper()
	p.signal(syscall.SIGKILL)
	p.status()
}

// status waits for the end and returns the exit status, -1 after a kill.
func (p *process) status() int {
	p.t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-p.ended:
	case <-late.C:
		p.t.Fatalf("it did not end:\n%s", p.said())
	}
	return p.cmd.ProcessState.ExitCode()
}

// connected opens a session that ends with the test.
func connected(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeSession(t, conn) })
	return conn
}

// execute runs a statement that must succeed.
func execute(t *testing.T, conn *pgx.Conn, statement string, args ...any) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), statement, args...); err != nil {
		t.Fatal(err)
	}
}

// eventually asks until the query yields a number above 0.
func eventually(t *testing.T, conn *pgx.Conn, query string, args ...any) int {
	t.Helper()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-tick.C {
		var n int
		if err := conn.QueryRow(t.Context(), query, args...).Scan(&n); err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			return n
		}
	}
	t.Fatalf("this never came true: %s", query)
	return 0
}
