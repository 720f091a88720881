package pg

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/finding"
	"github.com/lethedb/lethe/internal/masked"
	"github.com/lethedb/lethe/internal/pgtest"
	"github.com/lethedb/lethe/internal/work"
)

// planDigest is what rows and orders of these tests agree on.
const planDigest = "plan"

// scene is a source and an environment on one server, and the roles between them: everything is done as
// a role that owns nothing and is a member of the owner.
type scene struct {
	source, target *pgtest.DB
	owner, lethe   pgtest.Login
	marker         Marker
}

// newScene makes the databases, loads the source, and adopts the environment. The test runs beside
// others: most of its time is waiting for processes to start.
func newScene(t *testing.T, statements ...string) *scene {
	t.Helper()
	t.Parallel()
	return newLoneScene(t, statements...)
}

// newLoneScene is newScene for a test that measures time.
func newLoneScene(t *testing.T, statements ...string) *scene {
	t.Helper()
	s := &scene{source: pgtest.New(t), target: pgtest.New(t)}
	s.owner = pgtest.Role(t, s.target, "")
	s.lethe = pgtest.Role(t, s.target, "CREATEDB")
	s.target.Exec(t,
		"GRANT "+s.owner.Name+", pg_signal_backend, pg_read_all_stats TO "+s.lethe.Name,
		"ALTER DATABASE "+s.target.Name()+" OWNER TO "+s.owner.Name,
		"ALTER DATABASE "+s.source.Name()+" OWNER TO "+s.owner.Name,
	)
	pgtest.Exec(t, s.source.As(s.owner.Name, s.owner.Password), statements...)
	var err error
	s.marker, err = Adopt(t.Context(), AdoptOptions{DSN: s.dsn(), Environment: "staging", By: "test", SameServer: "this is a test"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// dsn is how the environment is reached.
func (s *scene) dsn() string { return s.lethe.DSN(s.target) }

// options are those of a run.
func (s *scene) options(t *testing.T, run string) TargetOptions {
	t.Helper()
	return TargetOptions{
		DSN: s.dsn(), Environment: "staging", Run: run, Version: "test", Tools: tools(t, s.source), Dir: t.TempDir(),
		Sessions: Sessions{Mode: Terminate}, Keep: Keep{Count: 1, For: time.Hour},
	}
}

// openTarget opens a target and closes it when the test ends.
func openTarget(t *testing.T, opts TargetOptions) *Target {
	t.Helper()
	target, err := OpenTarget(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := target.Close(); err != nil {
			t.Error(err)
		}
	})
	return target
}

// course is what a test changes about an ordinary run.
type course struct {
	// order changes the order before it begins.
	order func(*work.Order)
	// rows replaces the rows of a table.
	rows map[catalog.Name]string
	// parts divides each table into that many parts; 0 means one.
	parts int
}

// run builds everything up to Commit from the source as it stands, and returns the source's counts.
func (s *scene) run(t *testing.T, target *Target, l course) (map[catalog.Name]int64, error) {
	t.Helper()
	opts := target.opts
	source, err := OpenSource(t.Context(), SourceOptions{Name: "production", DSN: s.source.DSN(), Run: opts.Run, Dir: opts.Dir})
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	c := mustCatalog(t, source)
	want := make(map[catalog.Name]int64)
	begun := false
	stoppable, cancel := context.WithCancel(t.Context())
	defer cancel()
	group, working := errgroup.WithContext(stoppable)
	err = source.WithSnapshot(t.Context(), c, allTables(c), func(ctx context.Context, snap *Snapshot) error {
		order := &work.Order{
			Run: opts.Run, Environment: "staging", Catalog: c, Source: snap.Source(), Schema: filepath.Join(t.TempDir(), "schema"),
			Digests: work.Digests{Rules: "rules", Plan: planDigest, Catalog: "catalog", KeyID: "key"},
		}
		for i := range c.Tables {
			order.Tables = append(order.Tables, orderTable(&c.Tables[i])...)
		}
		if order.Sequences, err = snap.Sequences(ctx); err != nil {
			return err
		}
		if order.Definitions, err = snap.Definitions(ctx); err != nil {
			return err
		}
		if err := snap.DumpSchema(ctx, opts.Tools, order.Schema, nil); err != nil {
			return err
		}
		if l.order != nil {
			l.order(order)
		}
		if err := target.Begin(ctx, order); err != nil {
			return err
		}
		begun = true
		group.Go(func() error { return target.Work(working, nil) })
		for {
			name, ok, err := target.Next(working)
			if err != nil || !ok {
				return errors.Join(err, os.Remove(order.Schema)) // the archive belongs to the source, which lets go of it here
			}
			n, err := s.loadTable(ctx, target, snap, target.build.tables[name], opts.Run, l)
			if err != nil {
				return err
			}
			want[name] = n
			if err := target.Finish(ctx, name); err != nil {
				return err
			}
		}
	})
	if err != nil {
		cancel()
	}
	if worked := group.Wait(); begun && worked != nil && (err == nil || errors.Is(err, context.Canceled)) {
		err = worked
	}
	if err != nil {
		return nil, err
	}
	return want, nil
}

// orderTable orders every column that is not generated.
func orderTable(table *catalog.Table) []work.Table {
	if table.Extension != "" || table.Kind == catalog.MaterialisedView {
		return nil
	}
	o := work.Table{Table: table, Into: table.Name, Empty: table.Kind != catalog.Ordinary}
	for _, c := range table.Columns {
		if c.Generated == "" {
			o.Columns = append(o.Columns, c.Name)
		}
	}
	return []work.Table{o}
}

// loadTable moves one table as it is, and returns the source's count.
func (s *scene) loadTable(ctx context.Context, target *Target, snap *Snapshot, table work.Table, run string, l course) (int64, error) {
	if table.Empty {
		return 0, nil
	}
	count, err := snap.Count(ctx, table.Table.Name, "")
	if err != nil {
		return 0, err
	}
	var text bytes.Buffer
	query := Query{Table: table.Table.Name, Columns: table.Columns, Range: work.Range{Kind: work.Whole}}
	if _, err := snap.CopyOut(ctx, query, &text); err != nil {
		return 0, err
	}
	if rows, ok := l.rows[table.Table.Name]; ok {
		text.Reset()
		text.WriteString(rows)
	}
	lines := strings.SplitAfter(text.String(), "\n")
	lines = lines[:len(lines)-1]
	parts := max(l.parts, 1)
	for no := range parts {
		chunk := strings.Join(lines[len(lines)*no/parts:len(lines)*(no+1)/parts], "")
		part := work.Part{Run: run, Table: table.Table.Name, No: no, Range: work.Range{Kind: work.Blocks}}
		if table.Whole {
			part.Range.Kind = work.Whole
		}
		if _, err := target.Write(ctx, part, sealed(table, chunk)); err != nil {
			return 0, err
		}
	}
	return count, nil
}

// sealed makes rows of COPY text.
func sealed(table work.Table, text string) *masked.Rows {
	h := masked.Header{Table: table.Table.Name, Columns: table.Columns, Format: masked.Text, Plan: planDigest, Origin: masked.Anonymized}
	return masked.Seal(h, func(w io.Writer) (int64, error) {
		_, err := io.WriteString(w, text)
		return int64(strings.Count(text, "\n")), err
	})
}

// refresh runs everything and fails the test on any error.
func (s *scene) refresh(t *testing.T, run string, l course) *Target {
	t.Helper()
	target := openTarget(t, s.options(t, run))
	s.build(t, target, l)
	if err := target.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	return target
}

// build runs everything up to and including Verify.
func (s *scene) build(t *testing.T, target *Target, l course) {
	t.Helper()
	want, err := s.run(t, target, l)
	if err != nil {
		t.Fatal(explain(err))
	}
	found, err := target.Verify(t.Context(), want)
	if err != nil {
		t.Fatal(err)
	}
	if found.HasErrors() {
		t.Fatal(found)
	}
}

// explain adds what a program of PostgreSQL's wrote.
func explain(err error) error {
	if tool, ok := errors.AsType[*ToolError](err); ok {
		return fmt.Errorf("%w\n%s", err, tool.Output())
	}
	return err
}

// databases lists the databases named after the environment's.
func (s *scene) databases(t *testing.T) []string {
	t.Helper()
	names := s.target.QueryStrings(t, `SELECT substr(datname, length($1) + 1) FROM pg_database WHERE starts_with(datname, $1) ORDER BY 1`, s.target.Name())
	return names
}

func assertEqual[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func assertList(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

// code returns the codes of a refusal's findings, joined.
func code(err error) string {
	refused, ok := errors.AsType[*RefusedError](err)
	if !ok {
		return fmt.Sprint(err)
	}
	return codes(refused.Findings)
}

func codes(l finding.List) string {
	var names []string
	for _, f := range l {
		if f.Severity == finding.Error {
			names = append(names, f.Code)
		}
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ",")
}

// shop is a small schema with one of most things.
func shop() []string {
	return []string{
		`CREATE TABLE customer (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email text UNIQUE, note text DEFAULT 'x')`,
		`CREATE TABLE "Order" ("order id" serial PRIMARY KEY, customer int NOT NULL REFERENCES customer (id) DEFERRABLE, total numeric(9,2) CHECK (total >= 0),
			doubled numeric GENERATED ALWAYS AS (total * 2) STORED)`,
		`CREATE INDEX ON "Order" (lower("order id"::text))`,
		`CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.note := ''fired''; RETURN NEW; END'`,
		`CREATE TRIGGER shout BEFORE INSERT ON customer FOR EACH ROW EXECUTE FUNCTION shout()`,
		`CREATE VIEW totals AS SELECT customer, sum(total) AS total FROM "Order" GROUP BY customer`,
		`CREATE MATERIALIZED VIEW big AS SELECT * FROM totals WHERE total > 10`,
		`CREATE MATERIALIZED VIEW a_bigger AS SELECT count(*) AS n FROM big`,
		`CREATE MATERIALIZED VIEW empty AS SELECT 1 AS one WITH NO DATA`,
		`CREATE UNIQUE INDEX ON big (customer)`,
		`CREATE TABLE nothing ()`,
		`ALTER TABLE customer DISABLE TRIGGER shout`,
		`INSERT INTO customer (email) SELECT 'c' || i || '@example.com' FROM generate_series(1, 20) i`,
		`ALTER TABLE customer ENABLE TRIGGER shout`,
		`INSERT INTO "Order" (customer, total) SELECT 1 + i % 20, i FROM generate_series(1, 200) i`,
		`INSERT INTO nothing DEFAULT VALUES`, `INSERT INTO nothing DEFAULT VALUES`,
		`REFRESH MATERIALIZED VIEW big`, `REFRESH MATERIALIZED VIEW a_bigger`,
		`COMMENT ON TABLE customer IS 'who buys'`,
		`ALTER TABLE "Order" ENABLE ROW LEVEL SECURITY`, `CREATE POLICY own ON "Order" USING (customer > 0)`,
		`CREATE SEQUENCE free START 1000`, `SELECT nextval('free')`,
	}
}

func TestARefreshArrivesWholeAndServes(t *testing.T) {
	s := newScene(t, shop()...)
	target := s.refresh(t, "r1", course{parts: 3})

	assertList(t, "databases", s.databases(t), "", "__previous_adopted")
	for _, table := range []string{"public.customer", `public."Order"`, "public.nothing", "public.big", "public.a_bigger"} {
		got, want := pgtest.Rows(t, s.target.DSN(), table), pgtest.Rows(t, s.source.DSN(), table)
		assertList(t, "rows of "+table, got, want...)
	}
	assertEqual(t, "triggers fired by the load", s.target.QueryInt(t, `SELECT count(*) FROM customer WHERE note = 'fired'`), 0)
	assertEqual(t, "trigger is on", s.target.QueryInt(t, `SELECT count(*) FROM pg_trigger WHERE tgname = 'shout' AND tgenabled = 'O'`), 1)
	assertEqual(t, "views over views", s.target.QueryInt(t, `SELECT n FROM a_bigger`), 20)
	assertEqual(t, "unpopulated stays so", s.target.QueryInt(t, `SELECT count(*) FROM pg_matviews WHERE NOT ispopulated`), 1)
	assertEqual(t, "next order", s.target.QueryInt(t, `SELECT nextval('"Order_order id_seq"')`), 201)
	assertEqual(t, "next of a free sequence", s.target.QueryInt(t, `SELECT nextval('free')`), 1001)
	assertEqual(t, "analysed", s.target.QueryInt(t, `SELECT count(*) FROM pg_class WHERE relname IN ('customer', 'Order') AND reltuples > 0`), 2)
	assertEqual(t, "list of parts is gone", s.target.QueryInt(t, `SELECT count(*) FROM pg_class WHERE relname = 'part'`), 0)

	p := target.Result()
	assertEqual(t, "serving", p.Database, s.target.Name())
	assertEqual(t, "previous", p.Previous, s.target.Name()+"__previous_adopted")
	if p.Outage < 0 || p.Outage > 5*time.Second || p.KeptUntil.IsZero() {
		t.Errorf("publication %+v", p)
	}
}

func TestAPublishedDatabaseCarriesItsCertificate(t *testing.T) {
	s := newScene(t, shop()...)
	target := openTarget(t, s.options(t, "r1"))
	s.build(t, target, course{})
	if err := target.Certify(t.Context(), json.RawMessage(`{"leaks":0}`), json.RawMessage(`["public.customer.id"]`)); err != nil {
		t.Fatal(err)
	}
	if err := target.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	status, err := Inspect(t.Context(), TargetOptions{DSN: s.dsn(), Environment: "staging"})
	if err != nil {
		t.Fatal(err)
	}
	c := status.Certificate
	if c == nil {
		t.Fatal("no certificate")
	}
	assertEqual(t, "run", c.Run, "r1")
	assertEqual(t, "state", c.State, Published)
	assertEqual(t, "environment", c.Environment, s.marker.ID)
	assertEqual(t, "digests", c.Digests, work.Digests{Rules: "rules", Plan: planDigest, Catalog: "catalog", KeyID: "key"})
	assertEqual(t, "verdicts", string(c.Verdicts), `{"leaks":0}`)
	assertEqual(t, "accepted", string(c.Accepted), `["public.customer.id"]`)
	assertEqual(t, "source", c.Source.Database, s.source.Name())
	if c.BuiltAt.IsZero() || c.PublishedAt.Before(c.BuiltAt) || c.Source.LSN == "" {
		t.Errorf("times of %+v", c)
	}
	assertEqual(t, "marker travels", status.Marker, s.marker)
	assertEqual(t, "holder", status.Holder.Application, "lethe/r1")
	assertEqual(t, "previous", len(status.Previous), 1)
}

// asRole replaces the user of a connection string.
func asRole(dsn string, login pgtest.Login) string {
	return pgtest.Rewrite(dsn, func(u *url.URL) { u.User = url.UserPassword(login.Name, login.Password) })
}
