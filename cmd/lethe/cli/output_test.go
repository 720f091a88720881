package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/goccy/go-yaml"

	"github.com/lethedb/lethe/cmd/lethe/demo"
	"github.com/lethedb/lethe/internal/finding"
	"github.com/lethedb/lethe/internal/pg"
	"github.com/lethedb/lethe/internal/pgtest"
)

// files lists everything below a directory.
func files(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		all = append(all, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// canaryStage is a production whose every value of a person is a canary, and which would command a terminal.
func canaryStage(t *testing.T) *stage {
	t.Helper()
	return newStage(t, `version: 1
tables:
  public.people:
    columns:
      id: permute_int
      email: email
      name: full_name
      note: redact_text
      city: city
      born: {mask: date_shift, days: 90}
  public.signs:
    columns:
      id: {keep: "surrogate key"}
      sign: {keep: "a sign on a wall"}
`, func(s *stage) {
		s.production.Exec(t, "ALTER SCHEMA public OWNER TO "+s.owner.Name, "SET ROLE "+s.owner.Name, `
			CREATE TABLE people (id integer PRIMARY KEY, email text UNIQUE, name text, note text, city text, born date);
			INSERT INTO people SELECT 770000 + i, 'c4nary' || i || '@corp.example', 'C4nary Cánary', 'c4nary says c4nary', 'C4narytown', '1999-09-09'
			  FROM generate_series(1, 30) i;
			CREATE TABLE signs (id integer PRIMARY KEY, sign text);
			INSERT INTO signs VALUES (1, E'\x1b[31mred\x1b]0;title\x07 \u009b2J\u202Eback\u200b\r\nend'), (2, NULL), (3, repeat('w', 500))`)
	}).adopted()
}

// TestLookingWritesNothing is trap 32: verbs that look leave no file and change nothing on either server,
// and with --json they print one document and nothing else.
func TestLookingWritesNothing(t *testing.T) {
	t.Parallel()
	s := canaryStage(t)
	for _, name := range []string{"lethe.db", "lethe.ledger.jsonl"} {
		if err := os.Remove(filepath.Join(s.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	state := func() map[string]string {
		all := contents(t, s.production.DSN())
		for name, rows := range contents(t, s.staging.DSN()) {
			all["staging."+name] = rows
		}
		all["databases"] = strings.Join(s.databases(), " ")
		all["files"] = strings.Join(files(t, s.dir), " ")
		for _, db := range []*pgtest.DB{s.production, s.staging} {
			all["objects of "+db.Name()] = strings.Join(db.QueryStrings(t, "SELECT oid, relname, relfilenode FROM pg_class WHERE oid >= 16384 ORDER BY 1"), " ")
		}
		return all
	}
	before := state()
	for _, line := range []string{
		"check", "check staging", "check --explain public.people.email", "plan staging", "preview public.people", "preview public.signs --rows 2",
		"masks", "masks email", "env list", "env show staging", "runs", "key show", "version", "schema config", "schema rules",
	} {
		args := strings.Fields(line)
		out := s.ok(args...)
		if out == "" || strings.ContainsAny(out, "\x1b\x07\r\u009b\u202e\u200b") {
			t.Errorf("lethe %s: %q commands the terminal, or says nothing", line, out)
		}
		r := s.lethe(append(args, "--json")...)
		decoder := json.NewDecoder(strings.NewReader(r.out))
		var document any
		if err := decoder.Decode(&document); err != nil || decoder.More() || r.status != 0 || strings.ContainsAny(r.out, "\x1b\x07\r\u009b\u202e\u200b") {
			t.Errorf("lethe %s --json: status %d, not one document: %v\n%s", line, r.status, err, r.out)
		}
		if text := strings.ToLower(out + r.out + r.err); strings.Contains(text, canary) || strings.Contains(text, "cánary") || strings.Contains(text, "1999-09-09") || strings.Contains(text, "77000") {
			t.Errorf("lethe %s shows an original:\n%s", line, text)
		}
	}
	if after := state(); !maps.Equal(before, after) {
		for name := range after {
			if before[name] != after[name] {
				t.Errorf("%s: %.200s became %.200s", name, before[name], after[name])
			}
		}
	}
}

// TestWorkingVerbsPrintOneDocument holds that each verb that changes something says so in one document too.
func TestWorkingVerbsPrintOneDocument(t *testing.T) {
	t.Parallel()
	s := canaryStage(t)
	for _, c := range []struct{ line, has string }{
		{"env adopt staging --same-server reason", "id"},
		{"refresh staging --no-publish", "total"},
		{"publish staging", "publication"},
		{"refresh staging", "publication"},
		{"rollback staging", "publication"},
		{"rollback staging", "publication"},
	} {
		r := s.lethe(append(strings.Fields(c.line), "--json")...)
		decoder := json.NewDecoder(strings.NewReader(r.out))
		var document map[string]any
		if err := decoder.Decode(&document); err != nil || decoder.More() || r.status != 0 || document[c.has] == nil {
			t.Fatalf("lethe %s --json: status %d, not one document with %s: %v\n%s%s", c.line, r.status, c.has, err, r.out, r.err)
		}
		if text := strings.ToLower(r.out + r.err + s.written()); strings.Contains(text, canary) || strings.Contains(text, strings.ToLower(testKey)) || strings.Contains(text, s.reader.Password) {
			t.Errorf("lethe %s --json tells or writes a secret", c.line)
		}
	}
}

// TestTheDemonstrationFindsNobody runs the demonstration as make demo does, for a script to read: one
// document, and nothing left behind.
func TestTheDemonstrationFindsNobody(t *testing.T) {
	t.Parallel()
	var out, errs strings.Builder
	w := World{In: strings.NewReader(""), Out: &out, Err: &errs, Env: os.Getenv, Now: time.Now, User: "tester", Host: "testhost", Width: 100}
	status := Main(t.Context(), []string{"demo", "--json"}, w)
	if status == statusRefused && strings.Contains(out.String(), "no-postgresql") {
		pgtest.Skip(t, "no PostgreSQL programs: "+errs.String())
	}
	var doc demoDocument
	decoder := json.NewDecoder(strings.NewReader(out.String()))
	if err := decoder.Decode(&doc); err != nil || decoder.More() || status != 0 {
		t.Fatalf("status %d, not one document: %v\n%s%s", status, err, out.String(), errs.String())
	}
	if doc.Found != 0 || doc.Identifying < 1000 || doc.Searched < 10_000 || doc.Refresh == nil || !doc.Refresh.Published {
		t.Errorf("found %d of %d in %d rows", doc.Found, doc.Identifying, doc.Searched)
	}
	if strings.Contains(errs.String(), "next:") || !strings.Contains(errs.String(), "\n5. ") {
		t.Errorf("the story is not told in order:\n%s", errs.String())
	}
}

// pressing presses Ctrl-C once, as soon as a text is written to it.
type pressing struct {
	at   string
	keys chan os.Signal
	mu   sync.Mutex // the answer to Ctrl-C comes from a goroutine of its own
	text strings.Builder
	done bool
}

func (p *pressing) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n, err := p.text.Write(text)
	if !p.done && strings.Contains(p.text.String(), p.at) {
		p.done = true
		p.keys <- os.Interrupt
	}
	return n, err
}

func (p *pressing) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

// TestCtrlCEndsInOrder holds that the first Ctrl-C is answered at once, ends with status 130, and leaves what
// serves and nothing else.
func TestCtrlCEndsInOrder(t *testing.T) {
	t.Parallel()
	s := canaryStage(t)
	s.ok("refresh", "staging")
	before, databases := contents(t, s.staging.DSN()), s.databases()
	errs := &pressing{at: "building an empty database", keys: make(chan os.Signal, 1)}
	var out strings.Builder
	w := World{
		In: strings.NewReader(""), Out: &out, Err: errs, Env: func(name string) string { return s.env[name] },
		Now: s.now, User: "tester", Host: "testhost", Width: 80, Interrupts: errs.keys,
	}
	status := Main(t.Context(), []string{"--config", filepath.Join(s.dir, "lethe.yaml"), "refresh", "staging", "--json"}, w)
	var doc errorDocument
	if err := json.Unmarshal([]byte(out.String()), &doc); err != nil || status != statusInterrupted || doc.Error.Code != "interrupted" || !doc.Error.Retryable {
		t.Errorf("status %d, %v\n%s%s", status, err, out.String(), errs.String())
	}
	if !strings.Contains(errs.String(), "stopping in order") {
		t.Errorf("Ctrl-C is not answered:\n%s", errs.String())
	}
	if after := contents(t, s.staging.DSN()); !maps.Equal(before, after) || !slices.Equal(databases, s.databases()) {
		t.Errorf("staging changed: %v became %v", databases, s.databases())
	}
	if run := document[[]struct{ Outcome string }](s, "runs"); len(run) == 0 || run[0].Outcome != "interrupted" {
		t.Errorf("on record: %v", run)
	}
}

// TestAPersonsTerminalIsRespected holds what a terminal adds: colours, and lines that fit it.
func TestAPersonsTerminalIsRespected(t *testing.T) {
	t.Parallel()
	s := canaryStage(t)
	for _, line := range []string{
		"check", "plan staging", "preview public.people", "preview public.signs", "masks", "masks json", "env list", "env show staging", "runs", "key show", "refresh staging",
	} {
		const width = 80
		r := s.letheAt(width, strings.Fields(line)...)
		if r.status != 0 {
			t.Fatalf("lethe %s: status %d\n%s%s", line, r.status, r.out, r.err)
		}
		for text := range strings.Lines(stripped(r.out)) {
			// A name that is wider than what is left of a line stays whole, to be copied.
			if n := len([]rune(strings.TrimSuffix(text, "\n"))); n > width && strings.Count(strings.TrimSpace(text), " ") > 2 {
				t.Errorf("lethe %s at %d columns: a line of %d: %s", line, width, n, text)
			}
		}
	}
	if r := s.letheAt(80, "env", "show", "staging"); stripped(r.out) == r.out {
		t.Error("nothing is coloured on a terminal")
	}
	if r := s.letheAt(80, "env", "show", "staging", "--no-color"); stripped(r.out+r.err) != r.out+r.err {
		t.Errorf("--no-color: %q", r.out)
	}
	s.env["NO_COLOR"] = "1"
	if r := s.letheAt(80, "check", "nowhere"); stripped(r.out+r.err) != r.out+r.err || r.status != statusUsage {
		t.Errorf("NO_COLOR: status %d, %q", r.status, r.err)
	}
}

// stripped is text without escape sequences.
func stripped(s string) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(s, "\x1b[")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		_, s, _ = strings.Cut(after, "m")
	}
}

// letheAt runs a command line on a terminal of that width.
func (s *stage) letheAt(width int, args ...string) result {
	var out, errs strings.Builder
	w := World{
		In: strings.NewReader(""), Out: &out, Err: &errs, Env: func(name string) string { return s.env[name] },
		Now: s.now, User: "tester", Host: "testhost", Width: width, OutTerminal: true, ErrTerminal: true,
	}
	args = append([]string{"--config", filepath.Join(s.dir, "lethe.yaml")}, args...)
	status := Main(s.t.Context(), args, w)
	return result{status, out.String(), errs.String()}
}

// TestEveryFailureHasItsStatus holds the table of exit statuses where no server can be made to fail so.
func TestEveryFailureHasItsStatus(t *testing.T) {
	for name, c := range map[string]struct {
		err       error
		status    int
		code      string
		retryable bool
	}{
		"a version that is not supported": {&pg.VersionError{}, statusRefused, "unsupported-version", false},
		"another run at work":             {&pg.BusyError{}, statusRefused, "busy", true},
		"a catalog that changed":          {&pg.ChangedError{}, statusRefused, "catalog-changed", true},
		"disk full":                       {&pg.ServerError{Code: "53100", Condition: "disk_full"}, statusFailed, "disk_full", true},
		"a connection that broke":         {&pg.ServerError{Code: "08006", Condition: "connection_failure"}, statusFailed, "connection_failure", true},
		"a constraint that fails":         {&pg.ServerError{Code: "23505", Condition: "unique_violation"}, statusFailed, "unique_violation", false},
		"anything else":                   {errors.New("something"), statusFailed, "failed", false},
		"findings of the configuration":   {refusedBy(statusUsage, "read x", finding.List{{Code: "broken-yaml"}}), statusUsage, "broken-yaml", false},
	} {
		a := &app{}
		f := a.classify(t.Context(), fmt.Errorf("wrapped: %w", c.err))
		if f.status != c.status || f.code != c.code || f.retryable != c.retryable {
			t.Errorf("%s: status %d, code %s, retryable %v; want %d, %s, %v", name, f.status, f.code, f.retryable, c.status, c.code, c.retryable)
		}
	}
}

// TestSchemasAcceptWhatIsShown holds the printed JSON Schemas against README.md, the demonstration and
// testdata.
func TestSchemasAcceptWhatIsShown(t *testing.T) {
	examples := map[string][]string{"config": {demo.Config()}, "rules": {demo.Rules()}}
	_, blocks := blocksOf(t, "README.md")
	for _, block := range blocks {
		switch {
		case strings.HasPrefix(block, "# lethe.yaml"):
			examples["config"] = append(examples["config"], block)
		case strings.HasPrefix(block, "# rules.yaml"):
			examples["rules"] = append(examples["rules"], block)
		}
	}
	for _, pattern := range []string{"testdata/rules/*.yaml", "testdata/config/*.yaml"} {
		names, err := filepath.Glob("../../../" + pattern)
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: %v, %v", pattern, names, err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			kind := filepath.Base(filepath.Dir(name))
			examples[kind] = append(examples[kind], string(text))
		}
	}
	for kind, texts := range examples {
		if len(texts) < 3 {
			t.Errorf("%s: %d examples, want README.md's, the demonstration's and testdata's", kind, len(texts))
		}
		document, err := jsonschema.UnmarshalJSON(strings.NewReader(atDesk(t, "schema", kind).out))
		if err != nil {
			t.Fatal(err)
		}
		compiler := jsonschema.NewCompiler()
		if err := compiler.AddResource(kind+".json", document); err != nil {
			t.Fatal(err)
		}
		schema, err := compiler.Compile(kind + ".json")
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range texts {
			raw, err := yaml.YAMLToJSON([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(raw)))
			if err != nil {
				t.Fatal(err)
			}
			if err := schema.Validate(value); err != nil {
				t.Errorf("the schema of %s refuses an example: %v\n%.200s", kind, err, text)
			}
		}
		if schema.Validate(map[string]any{"version": 1, "frobnicate": true}) == nil {
			t.Errorf("the schema of %s accepts an unknown key", kind)
		}
	}
}

// TestNamesCannotCommandATerminal holds it for names, which come from production like values do.
func TestNamesCannotCommandATerminal(t *testing.T) {
	var errs strings.Builder
	a := &app{World: World{Err: &errs, Env: func(string) string { return "" }}}
	evil := "public.\x1b]0;title\x07\u009b2J\u202e"
	a.showFindings(finding.List{{Code: "c", Object: evil, Message: "of " + evil, Fix: "GRANT ON " + evil + ";\nGRANT more;"}})
	if strings.ContainsAny(errs.String(), "\x1b\x07\u009b\u202e") || strings.Count(errs.String(), "\n") != 3 {
		t.Errorf("%q", errs.String())
	}
	text := inert("{\"a\": \"\u009b\u202e\U000e0001 \u00e4\"}")
	var back map[string]string
	if err := json.Unmarshal([]byte(text), &back); err != nil || back["a"] != "\u009b\u202e\U000e0001 \u00e4" || !strings.Contains(text, "\u00e4") {
		t.Errorf("%q, %v", text, err)
	}
}

// TestTheBarGoesByRowsAndEndsWithTheTable holds how far a table is said to be.
func TestTheBarGoesByRowsAndEndsWithTheTable(t *testing.T) {
	for _, c := range []struct {
		u    underway
		want int64
	}{
		{underway{weight: 1000, expected: 100, rows: 25, bytes: 9999}, 250},
		{underway{weight: 1000, expected: 100, rows: 250}, 1000}, // more rows than statistics knew of
		{underway{weight: 1000, bytes: 400}, 400},
		{underway{weight: 1000, bytes: 4000}, 1000},
		{underway{weight: 1000, expected: 100}, 0},
	} {
		if got := c.u.part(); got != c.want {
			t.Errorf("%+v: %d, want %d", c.u, got, c.want)
		}
	}
}

func TestLinesAreWrappedAtSpaces(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		hang  int
		want  string
	}{
		{"short", 10, 2, "short"},
		{"one two three", 8, 2, "one two\n  three"},
		{"  indented words stay", 12, 4, "  indented\n    words\n    stay"},
		{"averyverylongword stays", 8, 0, "averyverylongword\nstays"},
		{"two\nlines that are long", 10, 1, "two\nlines that\n are long"},
		{"\x1b[31mred\x1b[0m one two", 11, 0, "\x1b[31mred\x1b[0m one two"},
		{"äöü äöü", 7, 0, "äöü äöü"},
		{"", 5, 2, ""},
	} {
		if got := wrap(c.text, c.width, c.hang); got != c.want {
			t.Errorf("wrap(%q, %d, %d) = %q, want %q", c.text, c.width, c.hang, got, c.want)
		}
	}
}

func TestTablesGiveWayFromTheWidestColumn(t *testing.T) {
	long := strings.Repeat("x", 100)
	for _, width := range []int{40, 60, 80} {
		var out strings.Builder
		a := &app{World: World{OutTerminal: true, Width: width, Env: func(string) string { return "" }}}
		a.grid(&out, table.Row{"name", "a", "b"}, []int{2}, []table.Row{{"public.customer", "1", long}, {"x", long, "\x1b[31m" + long + "\x1b[0m"}}, table.Row{"2 tables", "", ""})
		for line := range strings.Lines(stripped(out.String())) {
			if n := len([]rune(strings.TrimRight(line, "\n"))); n > width || strings.HasSuffix(line, " \n") {
				t.Errorf("width %d: a line of %d: %q", width, n, line)
			}
		}
		if !strings.Contains(out.String(), "public.customer") {
			t.Errorf("width %d: the name was cut:\n%s", width, out.String())
		}
	}
}

func TestNumbersAreWrittenForPeople(t *testing.T) {
	for got, want := range map[string]string{
		counted(0, "table"): "0 tables", counted(1, "table"): "1 table", counted(1234, "row"): "1,234 rows",
		bytesText(999): "999 B", bytesText(1000): "1.0 kB", bytesText(45_300_000): "45.3 MB", bytesText(2e12): "2.0 TB",
		countText(-1234567): "-1,234,567", countText(12): "12",
		durationText(12 * time.Millisecond): "12 ms", durationText(90 * time.Second): "1 min 30 s", durationText(72 * time.Hour): "3 days",
		wholeText(5400 * time.Millisecond): "5 s", wholeText(61 * time.Second): "1 min 01 s",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if !slices.Contains(shells(), "bash") {
		t.Error("no completion for bash")
	}
}
