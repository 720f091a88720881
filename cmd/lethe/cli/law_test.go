package cli

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/pgtest"
)

// fill loads SQL into production as its owner.
func fill(sql ...string) func(s *stage) {
	return func(s *stage) {
		s.production.Exec(s.t, fmt.Sprintf("ALTER DATABASE %s OWNER TO %s; ALTER SCHEMA public OWNER TO %s",
			s.production.Name(), s.owner.Name, s.owner.Name))
		pgtest.Exec(s.t, s.production.As(s.owner.Name, s.owner.Password), sql...)
	}
}

// before runs a refresh that publishes, changes production, and returns what staging holds.
func before(t *testing.T, s *stage, change string) map[string]string {
	t.Helper()
	s.ok("refresh", "staging")
	pgtest.Exec(t, s.production.As(s.owner.Name, s.owner.Password), change)
	return contents(t, s.staging.DSN())
}

// unchanged holds that staging serves what it did, and that nothing of ours lies beside it but what was
// kept of the first publication.
func (s *stage) unchanged(t *testing.T, was map[string]string, databases []string) {
	t.Helper()
	if is := contents(t, s.staging.DSN()); !maps.Equal(was, is) {
		t.Error("staging holds other data than before")
	}
	if got := s.databases(); !equal(got, databases) {
		t.Errorf("got databases %v, want %v", got, databases)
	}
}

func equal(a, b []string) bool { return strings.Join(a, ",") == strings.Join(b, ",") }

const people = `CREATE TABLE people (id integer PRIMARY KEY, email text NOT NULL, note text);
	INSERT INTO people SELECT i, 'canary' || i || '@leak.test', 'n' FROM generate_series(1, 300) i`

const peopleRules = `version: 1
tables:
  public.people:
    columns:
      id: {keep: "a surrogate key"}
      email: email
      note: redact_text
`

func TestANewColumnIsRefusedAndNothingIsTouched(t *testing.T) {
	t.Parallel()
	s := newStage(t, peopleRules, fill(people)).adopted()
	was := before(t, s, `ALTER TABLE people ADD COLUMN born date DEFAULT '1970-01-01'`)
	databases := s.databases()
	for _, verb := range []string{"check", "refresh", "plan"} {
		s.refused(statusRefused, []string{verb, "staging"}, "public.people.born", "undecided-column")
	}
	s.unchanged(t, was, databases)
}

func TestABlankedColumnArrivesWithoutItsValues(t *testing.T) {
	t.Parallel()
	s := newStage(t, peopleRules, fill(people)).adopted()
	s.write("lethe.yaml", strings.Replace(s.read("lethe.yaml"), "    from: production\n", "    from: production\n    undecided: blank\n", 1))
	before(t, s, `ALTER TABLE people ADD COLUMN nick text DEFAULT 'canary-nick', ADD COLUMN pet text NOT NULL DEFAULT 'canary-pet'`)
	r := s.lethe("refresh", "staging")
	if r.status != 0 || !strings.Contains(r.err, "public.people.nick") || !strings.Contains(r.err, "public.people.pet") {
		t.Fatalf("status %d, want 0 and both columns named:\n%s", r.status, r.err)
	}
	if got := s.staging.QueryInt(t, `SELECT count(*) FROM people WHERE nick IS NULL AND pet = ''`); got != 300 {
		t.Errorf("%d of 300 rows are blank", got)
	}
	// The default of the column is part of the schema, and stays: only rows are judged here.
	if got := s.staging.QueryInt(t, `SELECT count(*) FROM people p WHERE p::text LIKE '%canary%'`); got != 0 {
		t.Errorf("%d rows hold an original", got)
	}
}

// TestAKeepByPatternDoesNotCoverNewColumns holds that a pattern's keep is no promise for columns that
// did not exist when it was accepted.
func TestAKeepByPatternDoesNotCoverNewColumns(t *testing.T) {
	t.Parallel()
	rules := peopleRules + "defaults:\n  \"*.*.*_count\": {keep: \"a count names nobody\"}\n"
	s := newStage(t, rules, fill(people, `ALTER TABLE people ADD COLUMN visit_count integer`)).adopted()
	was := before(t, s, `ALTER TABLE people ADD COLUMN arrest_count integer`)
	s.refused(statusRefused, []string{"refresh", "staging"}, "public.people.arrest_count")
	s.unchanged(t, was, s.databases())
	s.write("rules.yaml", strings.Replace(rules, `nobody"}`, `nobody", future: true}`, 1))
	s.ok("refresh", "staging")
}

// TestAPolicyThatHidesRowsIsRefused is the copy that would be smaller without an error.
func TestAPolicyThatHidesRowsIsRefused(t *testing.T) {
	t.Parallel()
	s := newStage(t, peopleRules, fill(people)).adopted()
	was := before(t, s, `ALTER TABLE people ENABLE ROW LEVEL SECURITY; CREATE POLICY a_third ON people USING (id <= 100)`)
	s.refused(statusRefused, []string{"refresh", "staging"}, "public.people", "BYPASSRLS")
	s.unchanged(t, was, s.databases())
}

func TestAMaskThatErrsPublishesNothingAndQuotesNothing(t *testing.T) {
	t.Parallel()
	rules := strings.Replace(peopleRules, `id: {keep: "a surrogate key"}`, `id: {mask: permute_int, min: 1, max: 3000}`, 1)
	s := newStage(t, rules, fill(people)).adopted()
	was := before(t, s, `INSERT INTO people VALUES (987654321, 'canary@leak.test', 'canary-note')`)
	r := s.refused(statusFailed, []string{"refresh", "staging"}, "public.people", "id", "permute_int")
	for _, canary := range []string{"987654321", "canary"} {
		if strings.Contains(r.out+r.err+s.written(), canary) {
			t.Error("a value of the row was told")
		}
	}
	s.unchanged(t, was, s.databases())
}

// TestPartitionsAreMaskedByNameNotByPosition is the partition attached with another order of columns.
func TestPartitionsAreMaskedByNameNotByPosition(t *testing.T) {
	t.Parallel()
	s := newStage(t, `version: 1
tables:
  public.events:
    columns:
      id: {keep: "a surrogate key"}
      at: {keep: "a date of a machine"}
      note: {keep: "three words of a list"}
      email: email
  public.parent:
    columns: {id: {keep: "a surrogate key"}, email: email}
`, fill(`CREATE TABLE events (id int, at date, note text, email text) PARTITION BY RANGE (at)`,
		`CREATE TABLE events_old (email text, gone int, note text, at date, id int)`,
		`ALTER TABLE events_old DROP COLUMN gone`,
		`ALTER TABLE events ATTACH PARTITION events_old FOR VALUES FROM ('2000-01-01') TO ('2010-01-01')`,
		`CREATE TABLE events_new PARTITION OF events DEFAULT`,
		`INSERT INTO events SELECT i, date '2005-01-01' + i * 30, 'noted', 'canary' || i || '@leak.test' FROM generate_series(1, 200) i`,
		`CREATE TABLE parent (id int, email text); CREATE TABLE child (extra int) INHERITS (parent)`,
		`INSERT INTO child SELECT i, 'canary' || i || '@leak.test', NULL FROM generate_series(1, 50) i`)).adopted()
	s.refused(statusRefused, []string{"check", "staging"}, "public.child.extra")
	s.write("rules.yaml", s.read("rules.yaml")+"  public.child: {columns: {extra: null}}\n")
	s.ok("refresh", "staging")
	for query, want := range map[string]int64{
		`SELECT count(*) FROM events WHERE note = 'noted' AND email LIKE '%@%'`:        200,
		`SELECT count(*) FROM events_old WHERE email NOT LIKE 'canary%'`:               s.production.QueryInt(t, `SELECT count(*) FROM events_old`),
		`SELECT count(*) FROM child WHERE email LIKE '%@example.com'`:                  50,
		`SELECT count(*) FROM events e JOIN child c ON c.email = e.email`:              50,
		`SELECT count(*) FROM events e WHERE e::text LIKE '%canary%'`:                  0,
		`SELECT count(*) FROM child e WHERE e::text LIKE '%canary%'`:                   0,
		`SELECT count(*) FROM ONLY parent`:                                             0,
		`SELECT count(*) FROM pg_inherits WHERE inhparent = 'public.events'::regclass`: 2,
	} {
		if got := s.staging.QueryInt(t, query); got != want {
			t.Errorf("%s: got %d, want %d", query, got, want)
		}
	}
}

// TestAMaskedPartitionKeyIsLoadedThroughItsRoot moves rows to the partitions their masked keys belong in.
func TestAMaskedPartitionKeyIsLoadedThroughItsRoot(t *testing.T) {
	t.Parallel()
	p := pagila()
	// A shift may make two keys equal, so the unique index goes, and a default partition takes what moves out.
	p.then = append(p.then, `ALTER TABLE payment DROP CONSTRAINT payment_pkey`, `CREATE TABLE payment_default PARTITION OF payment DEFAULT`)
	s := p.stage(t)
	s.write("rules.yaml", strings.Replace(s.read("rules.yaml"),
		`payment_date: {keep: "the key of the partitions; the customer behind it arrives under another number"}`,
		`payment_date: {mask: date_shift, entity: customer_id, days: 40}`, 1))
	s.ok("refresh", "staging")
	const total = `SELECT count(*) FROM payment`
	if got, want := s.staging.QueryInt(t, total), s.production.QueryInt(t, total); got != want || want == 0 {
		t.Errorf("got %d payments, want %d", got, want)
	}
	const january = `SELECT count(*) FROM payment_p2022_01`
	if got, was := s.staging.QueryInt(t, january), s.production.QueryInt(t, january); got == was {
		t.Errorf("the partition of January holds %d rows as before: nothing moved", got)
	}
}

// TestKeysOfOtherTypesStayJoined masks an int4 key and the int8 and numeric columns that refer to it.
func TestKeysOfOtherTypesStayJoined(t *testing.T) {
	t.Parallel()
	s := newStage(t, `version: 1
tables:
  public.a: {columns: {id: permute_int, code: hmac}}
  public.b: {columns: {id: {keep: "a surrogate key"}}}
`, fill(`CREATE TABLE a (id integer PRIMARY KEY, code varchar(64) UNIQUE)`,
		`CREATE TABLE b (id integer PRIMARY KEY, a_id bigint REFERENCES a, a_code text REFERENCES a (code))`,
		`INSERT INTO a SELECT i, 'canary' || i FROM generate_series(1, 500) i`,
		`INSERT INTO b SELECT i, 1 + i % 500, 'canary' || (1 + (i * 7) % 500) FROM generate_series(1, 1000) i`)).adopted()
	s.ok("refresh", "staging")
	const joined = `SELECT count(*), count(DISTINCT a.id), count(DISTINCT c.id) FROM b JOIN a ON a.id = b.a_id JOIN a c ON c.code = b.a_code`
	if got, want := s.staging.QueryStrings(t, joined), s.production.QueryStrings(t, joined); !equal(got, want) {
		t.Errorf("got joins %v, want %v", got, want)
	}
	if got := s.staging.QueryInt(t, `SELECT count(*) FROM a WHERE code LIKE 'canary%' OR id <= 500`); got > 5 {
		t.Errorf("%d keys are as they were", got)
	}
}

func TestOddTablesArrive(t *testing.T) {
	t.Parallel()
	var wide, numbers strings.Builder
	for i := range 1599 {
		fmt.Fprintf(&wide, ", col%d smallint", i)
		fmt.Fprintf(&numbers, ", %d", i)
	}
	s := newStage(t, `version: 1
defaults:
  "public.wide.col*": {keep: "a number of a machine"}
tables:
  public.nothing: {}
  public.nobody: {columns: {id: {keep: "a surrogate key"}}}
  public.wide: {columns: {id: {keep: "a surrogate key"}}}
  public.loose: {columns: {note: redact_text}}
  "Foo Bar.With a space": {columns: {select: {keep: "three words of a list"}, '"Größe.x"': null}}
`, fill(`CREATE TABLE nothing (); INSERT INTO nothing DEFAULT VALUES; INSERT INTO nothing DEFAULT VALUES`,
		`CREATE TABLE nobody (id int PRIMARY KEY)`,
		`CREATE TABLE wide (id int`+wide.String()+`); INSERT INTO wide SELECT i`+numbers.String()+` FROM generate_series(1, 20) i`,
		`CREATE TABLE loose (note text); INSERT INTO loose VALUES ('canary'), ('canary'), (NULL), ('')`,
		`CREATE SCHEMA "Foo Bar"; CREATE TABLE "Foo Bar"."With a space" ("select" text, "Größe.x" text);
			INSERT INTO "Foo Bar"."With a space" VALUES ('C:\New \. folder', 'canary'), (E'tab\tline\nend\\N', NULL)`)).adopted()
	s.ok("refresh", "staging")
	for query, want := range map[string]int64{
		`SELECT count(*) FROM nothing`:                                              2,
		`SELECT count(*) FROM nobody`:                                               0,
		`SELECT sum(col1598) FROM wide`:                                             20 * 1598,
		`SELECT count(*) FROM loose WHERE note LIKE '%canary%'`:                     0,
		`SELECT count(*) FROM loose`:                                                4,
		`SELECT count(*) FROM "Foo Bar"."With a space" WHERE "Größe.x" IS NOT NULL`: 0,
		`SELECT count(*) FROM "Foo Bar"."With a space" WHERE "select" = E'tab\tline\nend\\N' OR "select" = 'C:\New \. folder'`: 2,
	} {
		if got := s.staging.QueryInt(t, query); got != want {
			t.Errorf("%s: got %d, want %d", query, got, want)
		}
	}
}

func TestAnEmptyDatabaseIsPublished(t *testing.T) {
	t.Parallel()
	s := newStage(t, "version: 1\n", fill()).adopted()
	s.ok("refresh", "staging")
	s.ok("env", "show", "staging")
}

// TestOneInstantForAllTables moves money between two tables in small transactions while refreshes run: the
// sum is the same in every copy.
func TestOneInstantForAllTables(t *testing.T) {
	t.Parallel()
	s := newStage(t, `version: 1
tables:
  public.checking: {columns: {id: {keep: "a surrogate key"}, amount: {keep: "an amount of nobody"}}}
  public.saving: {columns: {id: {keep: "a surrogate key"}, amount: {keep: "an amount of nobody"}}}
`, fill(`CREATE TABLE checking (id int PRIMARY KEY, amount int); INSERT INTO checking SELECT i, 100 FROM generate_series(1, 2000) i`,
		`CREATE TABLE saving (LIKE checking INCLUDING ALL); INSERT INTO saving SELECT * FROM checking`)).adopted()
	ctx, cancel := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	defer writers.Wait()
	defer cancel()
	for w := range 2 {
		writers.Go(func() { transfer(ctx, t, s.production.As(s.owner.Name, s.owner.Password), w) })
	}
	for range 3 {
		s.ok("refresh", "staging")
		if sum := s.staging.QueryInt(t, `SELECT (SELECT sum(amount) FROM checking) + (SELECT sum(amount) FROM saving)`); sum != 400000 {
			t.Errorf("the copy holds %d of 400000", sum)
		}
	}
}

// transfer moves money until the context ends.
func transfer(ctx context.Context, t *testing.T, dsn string, seed int) {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = conn.Close(context.Background()) }()
	for i := seed; ctx.Err() == nil; i += 7 {
		_, err := conn.Exec(ctx, fmt.Sprintf(`BEGIN; UPDATE checking SET amount = amount - 1 WHERE id = %[1]d;
			UPDATE saving SET amount = amount + 1 WHERE id = %[1]d; COMMIT`, i%2000+1))
		if err != nil && ctx.Err() == nil {
			t.Error(err)
			return
		}
	}
}

// TestNoKeyIsAMatterOfConfiguration holds that nothing is masked by no key, and that saying so is status 2.
func TestNoKeyIsAMatterOfConfiguration(t *testing.T) {
	t.Parallel()
	s := newStage(t, peopleRules, fill(people)).adopted()
	s.write("lethe.yaml", strings.Replace(s.read("lethe.yaml"), "keys: {masking: {env: LETHE_KEY}}\n", "", 1))
	for _, verb := range []string{"check", "refresh", "plan"} {
		s.refused(statusUsage, []string{verb, "staging"}, "missing-key", "lethe key generate")
	}
	s.write("lethe.yaml", "keys: {masking: ephemeral}\n"+s.read("lethe.yaml"))
	first := before(t, s, `SELECT 1`)
	s.ok("refresh", "staging")
	if again := contents(t, s.staging.DSN()); maps.Equal(first, again) {
		t.Error("two ephemeral keys gave the same data")
	}
}

func TestWhatDiffersFromRunToRunAgreesWithinOne(t *testing.T) {
	t.Parallel()
	s := newStage(t, `version: 1
tables:
  public.people:
    columns:
      id: {keep: "a surrogate key"}
      email: {mask: email, per_run: true}
      note: {mask: copy_from, column: email}
`, fill(people)).adopted()
	s.ok("refresh", "staging")
	first := s.staging.QueryStrings(t, `SELECT email FROM people ORDER BY id`)
	s.ok("refresh", "staging")
	second := s.staging.QueryStrings(t, `SELECT email FROM people ORDER BY id`)
	for i := range first {
		if first[i] == second[i] {
			t.Errorf("row %d has the same address in both runs", i)
		}
	}
	if n := s.staging.QueryInt(t, `SELECT count(*) FROM people WHERE note <> email`); n != 0 || len(first) != 300 {
		t.Errorf("%d of %d copies differ", n, len(first))
	}
	if out := s.ok("preview", "public.people", "--json"); !strings.Contains(out, `"per-run"`) {
		t.Errorf("preview says nothing of it:\n%s", out)
	}
}
