package copytext_test

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"github.com/lethedb/lethe/internal/copytext"
	"github.com/lethedb/lethe/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// server is a session with tables to copy into and out of.
type server struct {
	ctx  context.Context
	conn *pgx.Conn
}

func connect(t *testing.T, statements ...string) *server {
	t.Helper()
	ctx := t.Context()
	db := pgtest.New(t)
	db.Exec(t, statements...)
	conn, err := pgx.Connect(ctx, db.DSN())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return &server{ctx, conn}
}

// in empties the table and copies text into it.
func (s *server) in(table string, text []byte) error {
	if _, err := s.conn.Exec(s.ctx, "TRUNCATE "+table); err != nil {
		return err
	}
	_, err := s.conn.PgConn().CopyFrom(s.ctx, bytes.NewReader(text), "COPY "+table+" FROM STDIN")
	return err
}

// out returns what the server writes for a query.
func (s *server) out(t interface{ Fatal(...any) }, query string) []byte {
	var text bytes.Buffer
	if _, err := s.conn.PgConn().CopyTo(s.ctx, &text, "COPY ("+query+") TO STDOUT"); err != nil {
		t.Fatal(err)
	}
	return text.Bytes()
}

// values returns two columns of every row, NULL as nil, in the order of the rows.
func (s *server) values(t interface{ Fatal(...any) }, table string) [][]*string {
	rows, err := s.conn.Query(s.ctx, "SELECT a, b FROM "+table+" ORDER BY ctid")
	if err != nil {
		t.Fatal(err)
	}
	values, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) ([]*string, error) {
		pair := make([]*string, 2)
		return pair, row.Scan(&pair[0], &pair[1])
	})
	if err != nil {
		t.Fatal(err)
	}
	return values
}

func spell(row []*string) string {
	var b strings.Builder
	for _, v := range row {
		if v == nil {
			b.WriteString("|NULL")
		} else {
			fmt.Fprintf(&b, "|%q", *v)
		}
	}
	return b.String()
}

// decode reads text of two columns as we do.
func decode(text []byte) (rows [][]*string, err error) {
	s := copytext.NewSplitter(2)
	s.Feed(text)
	for s.Next() {
		row := make([]*string, 2)
		for i, raw := range s.Fields() {
			value, null, err := copytext.Unescape(nil, raw)
			if err != nil {
				return rows, err
			}
			if !null {
				text := string(value)
				row[i] = &text
			}
		}
		rows = append(rows, row)
	}
	return rows, s.Close()
}

// What the server writes we read as the values that are there, and would have written byte for byte.
func TestWeReadAndWriteWhatTheServerWrites(t *testing.T) {
	s := connect(t, "CREATE TABLE t (a text, b text)")
	rapid.Check(t, func(t *rapid.T) {
		var want [][]*string
		var ours []byte
		for range rapid.IntRange(1, 20).Draw(t, "rows") {
			row := make([]*string, 2)
			for i := range row {
				if rapid.IntRange(0, 5).Draw(t, "null") > 0 {
					text := string(textOf().Draw(t, "text"))
					row[i] = &text
				}
			}
			want = append(want, row)
			ours = append(writeField(append(writeField(ours, row[0]), '\t'), row[1]), '\n')
		}
		if err := s.in("t", ours); err != nil {
			t.Fatalf("the server refuses what we wrote: %v", err)
		}
		for i, row := range s.values(t, "t") {
			if spell(row) != spell(want[i]) {
				t.Fatalf("row %d: wrote %s, the server has %s", i, spell(want[i]), spell(row))
			}
		}
		text := s.out(t, "SELECT * FROM t ORDER BY ctid")
		if !bytes.Equal(text, ours) {
			t.Fatalf("the server writes %q, we %q", text, ours)
		}
		got, err := decode(text)
		if err != nil || len(got) != len(want) {
			t.Fatalf("%d rows read, want %d (%v)", len(got), len(want), err)
		}
		for i := range got {
			if spell(got[i]) != spell(want[i]) {
				t.Fatalf("row %d: read %s, want %s", i, spell(got[i]), spell(want[i]))
			}
		}
	})
}

func writeField(dst []byte, value *string) []byte {
	if value == nil {
		return copytext.AppendNull(dst)
	}
	return copytext.AppendEscaped(dst, []byte(*value))
}

// Whatever stands between two newlines, the server and we see the same rows and values in it, or both
// refuse. Left out are the end mark and bare carriage returns, which the server takes in ways of its own.
func TestWeSplitAndUnescapeAsTheServerDoes(t *testing.T) {
	bareReturn := regexp.MustCompile(`(^|[^\\])(\\\\)*\r`)
	s := connect(t, "CREATE TABLE t (a text, b text)")
	piece := rapid.OneOf(
		rapid.SampledFrom([]string{
			`\N`, `\b`, `\f`, `\n`, `\r`, `\t`, `\v`, `\\`, `\"`, `\8`, `\q`, `\xg`, `\x`, `\x4`, `\x41`, `\x414`, `\1`, `\12`, `\101`,
			`\1011`, `\501`, `\0`, `\000`, `\400`, `\x00`, `\xff`, `\303\251`, `\xc3\xa9`, "\\\t", "\\\n", "\\\r", `\`,
		}),
		rapid.SampledFrom([]string{"N", "a", "é", "👍", "x", "7", "\x01", "\b", "\v", " "}),
	)
	refused, taken := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		var text []byte
		for range rapid.IntRange(1, 3).Draw(t, "rows") {
			for i, columns := 0, rapid.SampledFrom([]int{2, 2, 2, 2, 2, 2, 2, 2, 1, 3}).Draw(t, "columns"); i < columns; i++ {
				if i > 0 {
					text = append(text, '\t')
				}
				for _, p := range rapid.SliceOfN(piece, 0, 4).Draw(t, "field") {
					text = append(text, p...)
				}
			}
			text = append(text, '\n')
		}
		if bytes.HasSuffix(text, []byte("\\\n")) { // it may end inside a row, which the server forgives
			text = append(text, "\\N\t\\N\n"...)
		}
		if bareReturn.Match(text) { // two pieces make one: a backslash, and one that was to escape the return
			t.Skip("a bare carriage return")
		}
		ours, ourErr := decode(text)
		for _, row := range ours {
			for _, v := range row {
				if v != nil && !utf8.ValidString(*v) && ourErr == nil {
					ourErr = fmt.Errorf("the encoding is for the server to refuse")
				}
			}
		}
		err := s.in("t", text)
		if (err == nil) != (ourErr == nil) {
			t.Fatalf("%q: the server says %v, we %v", text, err, ourErr)
		}
		if err != nil {
			refused++
			return
		}
		taken++
		theirs := s.values(t, "t")
		if len(theirs) != len(ours) {
			t.Fatalf("%q: the server sees %d rows, we %d", text, len(theirs), len(ours))
		}
		for i := range ours {
			if spell(ours[i]) != spell(theirs[i]) {
				t.Fatalf("%q: row %d is %s to the server, %s to us", text, i, spell(theirs[i]), spell(ours[i]))
			}
		}
	})
	if refused == 0 || taken == 0 {
		t.Errorf("%d texts were taken and %d refused: one side was never tried", taken, refused)
	}
}

// The types whose text form is all backslashes, quotes and braces.
func TestEveryTypeComesBackByteForByte(t *testing.T) {
	const columns = `a bytea, b text[], c jsonb, d hstore_like, e interval, f money, g numeric, h timestamptz, i inet, j int4range, k xml, l bytea[]`
	s := connect(t,
		`CREATE TYPE hstore_like AS (k text, v text[])`,
		`CREATE TABLE t (`+columns+`)`, `CREATE TABLE copy (`+columns+`)`,
		`INSERT INTO t VALUES
		 ('\x00ff5c0a09'::bytea, ARRAY['a"b', 'c\d', NULL, 'NULL', '', E'tab\tnew\nline'], '{"k": "\\ \" \n", "n": null}', ROW(E'C:\\New folder', ARRAY['\N', '\.']),
		  '-1 year 2 days 03:04:05.678', '-12.34', 'NaN', '-infinity', '::1/64', '[,5)', E'<a b="\\N">\t</a>', ARRAY['\x5c'::bytea, NULL]),
		 ('', '{}', 'null', NULL, NULL, '0', 'Infinity', '0044-03-15 00:00:00+00 BC', '10.0.0.1', 'empty', '', '{}'),
		 (NULL, NULL, NULL, ROW(NULL, NULL), '0', NULL, '-0.00', 'infinity', NULL, NULL, NULL, NULL)`)
	text := s.out(t, "SELECT * FROM t")
	split := copytext.NewSplitter(12)
	split.Feed(text)
	var again []byte
	for split.Next() {
		for i, raw := range split.Fields() {
			value, null, err := copytext.Unescape(nil, raw)
			if err != nil {
				t.Fatal(err)
			}
			if i > 0 {
				again = append(again, '\t')
			}
			if null {
				again = copytext.AppendNull(again)
			} else {
				again = copytext.AppendEscaped(again, value)
			}
		}
		again = append(again, '\n')
	}
	if err := split.Close(); err != nil || split.Row() != 3 {
		t.Fatalf("%d rows, %v", split.Row(), err)
	}
	if !bytes.Equal(again, text) {
		t.Errorf("decoded and written again, the text is another:\n%s\n%s", text, again)
	}
	if err := s.in("copy", again); err != nil {
		t.Fatal(err)
	}
	if copied := s.out(t, "SELECT * FROM copy"); !bytes.Equal(copied, text) {
		t.Errorf("the copy reads otherwise:\n%s\n%s", text, copied)
	}
}

func TestTablesOfManyAndOfNoColumns(t *testing.T) {
	var columns, values []string
	for i := range 1600 {
		columns = append(columns, fmt.Sprintf("c%d bool", i))
		values = append(values, "true")
	}
	s := connect(t,
		"CREATE TABLE wide ("+strings.Join(columns, ", ")+")", "INSERT INTO wide VALUES ("+strings.Join(values, ", ")+")",
		"CREATE TABLE none ()", "INSERT INTO none SELECT FROM generate_series(1, 3)")
	for table, want := range map[string]struct {
		columns int
		rows    int64
	}{"wide": {1600, 1}, "none": {0, 3}} {
		split := copytext.NewSplitter(want.columns)
		split.Feed(s.out(t, "SELECT * FROM "+table))
		for split.Next() {
		}
		if err := split.Close(); err != nil || split.Row() != want.rows {
			t.Errorf("%s: %d rows, want %d (%v)", table, split.Row(), want.rows, err)
		}
	}
}
