package anonymize

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/copytext"
	"github.com/lethedb/lethe/internal/masked"
)

func people() catalog.Name { return catalog.Name{Schema: "public", Name: "people"} }

// tableOf makes a table of columns under the name public.people.
func tableOf(t testing.TB, columns ...Column) *Table {
	t.Helper()
	header := masked.Header{Table: people(), Plan: "digest"}
	for _, c := range columns {
		if !c.Aside {
			header.Columns = append(header.Columns, c.Name)
		}
	}
	table, err := NewTable(header, columns)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// push masks text, fed in chunks of the given sizes and the rest at once.
func push(table *Table, text []byte, sizes ...int) (out string, rows int64, err error) {
	var sink bytes.Buffer
	rows, err = table.Rows(func(w io.Writer) (int64, error) { return feed(w, text, sizes...) }).Push(&sink)
	return sink.String(), rows, err
}

func feed(w io.Writer, text []byte, sizes ...int) (rows int64, err error) {
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++ // an escaped newline ends no row
		case '\n':
			rows++
		}
	}
	for _, size := range append(sizes, len(text)) {
		chunk := bytes.Clone(text[:min(size, len(text))])
		text = text[len(chunk):]
		if _, err := w.Write(chunk); err != nil {
			return rows, fmt.Errorf("copy: %w", err)
		}
		clear(chunk) // the source uses its buffer again
	}
	return rows, nil
}

// fixed masks everything to one text.
func fixed(text string) Mask {
	return maskFunc(func(dst []byte, _ Value) ([]byte, error) { return append(dst, text...), nil })
}

// bracket puts what the mask was shown in brackets, NULL as a question mark.
func bracket() Mask {
	return maskFunc(func(dst []byte, v Value) ([]byte, error) {
		if v.Null {
			return append(dst, "[?]"...), nil
		}
		return append(append(append(dst, '['), v.Text...), ']'), nil
	})
}

func keep(name string) Column { return Column{Name: name} }

func mask(name string, m Mask, siblings ...string) Column {
	return Column{Name: name, Mask: m, MaskName: "test", Nulls: NullsKept, Siblings: siblings}
}

func TestOnlyMaskedFieldsChange(t *testing.T) {
	table := tableOf(t, keep("a"), mask("b", bracket()), keep("c"), mask("d", bracket()))
	for in, want := range map[string]string{
		"1\tAna\tx\tBob\n":                  "1\t[Ana]\tx\t[Bob]\n",
		"\t\t\t\n":                          "\t[]\t\t[]\n",
		"\\N\t\\N\t\\N\t\\N\n":              "\\N\t\\N\t\\N\t\\N\n",
		"\\x41\tA\\tB\t\\101\t\\\\N\n":      "\\x41\t[A\\tB]\t\\101\t[\\\\N]\n",
		"\\\t\ta\\\tb\t\\\n\tC:\\\\New\n":   "\\\t\t[a\\tb]\t\\\n\t[C:\\\\New]\n",
		"{\"a\\\\\"b\"}\té\t\\\\.\t\\\\.\n": "{\"a\\\\\"b\"}\t[é]\t\\\\.\t[\\\\.]\n",
	} {
		got, rows, err := push(table, []byte(in))
		if err != nil || rows != 1 || got != want {
			t.Errorf("%q: got %q, want %q (%d rows, %v)", in, got, want, rows, err)
		}
	}
}

// aside is a column of another row, masked by m.
func aside(name string, m Mask, siblings ...string) Column {
	c := mask(name, m, siblings...)
	c.Aside = true
	return c
}

func TestColumnsOfOtherRowsAreReadAndDoNotLeave(t *testing.T) {
	// both shows a column of another row as it is and as it will be there.
	both := maskFunc(func(dst []byte, v Value) ([]byte, error) {
		for i := range 2 {
			in, ok := v.Row.In(i)
			if !ok {
				in = []byte("?")
			}
			out, ok := v.Row.Out(i)
			if !ok {
				out = []byte("?")
			}
			dst = append(append(append(append(dst, in...), '>'), out...), ' ')
		}
		return append(dst, v.Text...), nil
	})
	kept := Column{Name: "o.kept", Aside: true}
	for _, table := range []*Table{
		tableOf(t, keep("a"), mask("b", both, "o.name", "o.kept"), aside("o.name", bracket(), "o.kept"), kept),
		tableOf(t, mask("a", bracket()), mask("b", both, "o.name", "o.kept"), aside("o.name", bracket()), kept),
	} {
		for in, want := range map[string]string{
			"1\tx\tAna\tk\\t\n":          "1\tAna>[Ana] k\\t>k\\t x\n",
			"1\tx\t\\N\t\\N\n1\ty\t\t\n": "1\t?>? ?>? x\n1\t>[] > y\n",
		} {
			if table.columns[0].Mask != nil {
				want = strings.ReplaceAll(want, "1\t", "[1]\t")
			}
			for size := range len(in) {
				got, _, err := push(table, []byte(in), size)
				if err != nil || got != want {
					t.Errorf("%q: got %q, want %q (%v)", in, got, want, err)
				}
			}
		}
	}
	if got, _, err := push(tableOf(t, keep("a"), kept), []byte("a\tb\nc\td\n")); got != "a\nc\n" || err != nil {
		t.Errorf("where nothing is masked, got %q, %v", got, err)
	}
	header := masked.Header{Table: people(), Plan: "digest", Columns: []string{"a"}}
	for name, columns := range map[string][]Column{"an own column after them": {kept, keep("a")}, "own columns alone": {keep("a"), keep("o.kept")}} {
		if _, err := NewTable(header, columns); err == nil {
			t.Errorf("%s: it was taken", name)
		}
	}
	header.Format = masked.Binary
	if _, err := NewTable(header, []Column{keep("a"), kept}); err == nil {
		t.Error("the binary form was taken")
	}
}

// rowsOf generates COPY text: of ordinary rows, with every escape that a field can hold.
func rowsOf(columns int) *rapid.Generator[[][]string] {
	field := rapid.OneOf(
		rapid.SampledFrom([]string{"", `\N`, `\\N`, `\\.`, `\t`, "\\\t", "\\\n", `\x41\101`, "é👍", `\\\\`, `C:\\New`}),
		rapid.StringMatching(`[a-z0-9 @.]{0,20}`),
	)
	return rapid.SliceOfN(rapid.SliceOfN(field, columns, columns), 0, 12)
}

func join(rows [][]string) []byte {
	var text []byte
	for _, row := range rows {
		text = append(append(text, strings.Join(row, "\t")...), '\n')
	}
	return text
}

// The same output for any chunking, and that output is the one of a model that masks field by field.
func TestMaskingKnowsNoChunks(t *testing.T) {
	joined := maskFunc(func(dst []byte, v Value) ([]byte, error) {
		for i := range 2 {
			in, hasIn := v.Row.In(i)
			out, hasOut := v.Row.Out(i)
			dst = fmt.Appendf(dst, "%q%v%q%v;", in, hasIn, out, hasOut)
		}
		return dst, nil
	})
	// The first column waits for the last, which waits for none.
	table := tableOf(t, mask("first", joined, "kept", "last"), keep("kept"),
		Column{Name: "all", Mask: bracket(), Nulls: NullsMasked}, mask("last", bracket()))
	model := func(rows [][]string) (text []byte) {
		for _, row := range rows {
			value := func(i int) ([]byte, bool) {
				v, null, err := copytext.Unescape([]byte{}, []byte(row[i]))
				if err != nil {
					t.Fatal(err)
				}
				if null {
					return nil, false
				}
				return v, true
			}
			kept, hasKept := value(1)
			all, hasAll := value(2)
			last, hasLast := value(3)
			first := `\N`
			if row[0] != `\N` {
				out := []byte(nil)
				if hasLast {
					out = fmt.Appendf(nil, "[%s]", last)
				}
				text := fmt.Appendf(nil, "%q%v%q%v;%q%v%q%v;", kept, hasKept, kept, hasKept, last, hasLast, out, hasLast)
				first = string(copytext.AppendEscaped(nil, text))
			}
			if !hasAll {
				all = []byte("?")
			}
			wantAll := string(copytext.AppendEscaped(nil, fmt.Appendf(nil, "[%s]", all)))
			wantLast := `\N`
			if hasLast {
				wantLast = string(copytext.AppendEscaped(nil, fmt.Appendf(nil, "[%s]", last)))
			}
			text = append(text, strings.Join([]string{first, row[1], wantAll, wantLast}, "\t")+"\n"...)
		}
		return text
	}
	rapid.Check(t, func(t *rapid.T) {
		rows := rowsOf(4).Draw(t, "rows")
		sizes := rapid.SliceOfN(rapid.IntRange(0, 30), 0, 30).Draw(t, "sizes")
		got, n, err := push(table, join(rows), sizes...)
		if err != nil || n != int64(len(rows)) {
			t.Fatalf("%d rows, want %d (%v)", n, len(rows), err)
		}
		if want := string(model(rows)); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	})
}

func TestKeptColumnsLeaveByteForByte(t *testing.T) {
	table := tableOf(t, keep("a"), mask("b", fixed("x")), keep("c"))
	untouched := tableOf(t, keep("a"), keep("b"), keep("c"))
	rapid.Check(t, func(t *rapid.T) {
		rows := rowsOf(3).Draw(t, "rows")
		out, _, err := push(untouched, join(rows))
		if err != nil || out != string(join(rows)) {
			t.Fatalf("a table that keeps all changed (%v)", err)
		}
		for _, row := range rows {
			if row[1] != `\N` {
				row[1] = "x"
			}
		}
		if out, _, err = push(table, join(rows)); err != nil || out != string(join(rows)) {
			t.Fatalf("got %q, want %q (%v)", out, join(rows), err)
		}
	})
}

func TestTablesWithoutRowsOrColumns(t *testing.T) {
	if out, rows, err := push(tableOf(t, mask("a", fixed("x"))), nil); out != "" || rows != 0 || err != nil {
		t.Errorf("no rows: got %q, %d, %v", out, rows, err)
	}
	if out, rows, err := push(tableOf(t), []byte("\n\n\n"), 1); out != "\n\n\n" || rows != 3 || err != nil {
		t.Errorf("no columns: got %q, %d, %v", out, rows, err)
	}
	if out, rows, err := push(tableOf(t, mask("a", bracket())), []byte("\n\nx\n")); out != "[]\n[]\n[x]\n" || rows != 3 || err != nil {
		t.Errorf("one column: got %q, %d, %v", out, rows, err)
	}
}

func TestMalformedTextStopsTheTable(t *testing.T) {
	table := tableOf(t, keep("a"), mask("b", fixed("x")))
	for text, want := range map[string]error{
		"a\tb\n\\.\n":       copytext.ErrEndMark,
		"a\tb\nc\\.\td\n":   copytext.ErrEndMark,
		"a\tb\nc\n":         copytext.ErrFields,
		"a\tb\nc\td\te\n":   copytext.ErrFields,
		"a\tb\nc":           copytext.ErrUnfinished,
		"a\tb\nc\td":        copytext.ErrUnfinished,
		"a\tb\nc\td\r\n":    copytext.ErrCarriageReturn,
		"a\tb\nc\tSEC\\0\n": copytext.ErrNUL,
	} {
		_, rows, err := push(table, []byte(text), 3)
		var place *copytext.Error
		if !errors.Is(err, want) || !errors.As(err, &place) || rows != 1 || !strings.Contains(err.Error(), "public.people") || strings.Contains(err.Error(), "SEC") {
			t.Errorf("%q: %d rows, %v", text, rows, err)
		}
	}
}

func TestAMaskErrorNamesThePlaceAndStopsTheTable(t *testing.T) {
	bad := errors.New("not a date")
	failing := maskFunc(func(dst []byte, v Value) ([]byte, error) {
		if string(v.Text) == "SECRET" {
			return dst, bad
		}
		return append(dst, 'x'), nil
	})
	table := tableOf(t, keep("id"), Column{Name: "born", Mask: failing, MaskName: "date_shift", Nulls: NullsKept})
	text := []byte("1\tfine\n2\tSECRET\n3\tfine\n")
	out, rows, err := push(table, text)
	var at *MaskError
	if !errors.As(err, &at) || !errors.Is(err, bad) {
		t.Fatalf("got %v", err)
	}
	if at.Table != people() || at.Column != "born" || at.Mask != "date_shift" || at.Row != 2 {
		t.Errorf("the place is %+v", at)
	}
	if want := "mask public.people.born with date_shift, row 2 of the part: not a date"; err.Error() != want {
		t.Errorf("got %q, want %q", err.Error(), want)
	}
	if rows != 1 || strings.Contains(out, "SECRET") || strings.Contains(out, "3") {
		t.Errorf("%d rows, and this left: %q", rows, out)
	}

	// A source that loses our error cannot turn it into a success.
	_, err = table.Rows(func(w io.Writer) (int64, error) {
		rows, _ := feed(w, text)
		return rows, nil
	}).Push(io.Discard)
	if !errors.As(err, &at) {
		t.Errorf("the error was lost: %v", err)
	}
}

func TestErrorsOfSourceAndSinkArePassedOn(t *testing.T) {
	table := tableOf(t, mask("a", fixed("x")))
	broken := errors.New("connection lost")
	rows, err := table.Rows(func(w io.Writer) (int64, error) {
		if rows, err := feed(w, []byte("1\n2\n")); err != nil {
			return rows, err
		}
		return 2, broken
	}).Push(io.Discard)
	if !errors.Is(err, broken) || rows != 2 {
		t.Errorf("of the source: %d rows, %v", rows, err)
	}
	for name, sink := range map[string]writerFunc{
		"an error":      func([]byte) (int, error) { return 0, broken },
		"a short write": func(p []byte) (int, error) { return len(p) - 1, nil },
	} {
		_, err = table.Rows(func(w io.Writer) (int64, error) { return feed(w, []byte("1\n")) }).Push(sink)
		if !errors.Is(err, broken) && !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("%s of the sink: %v", name, err)
		}
	}
	// A sink that errs in the middle is not written to again.
	calls := 0
	_, err = table.Rows(func(w io.Writer) (int64, error) {
		for range 10 {
			_, _ = feed(w, bytes.Repeat([]byte("1\n"), chunkSize))
		}
		return 10 * chunkSize, nil
	}).Push(writerFunc(func([]byte) (int, error) { calls++; return 0, broken }))
	if !errors.Is(err, broken) || calls != 1 {
		t.Errorf("the sink was called %d times, %v", calls, err)
	}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestAMaskThatBreaksItsContractFailsTheRun(t *testing.T) {
	for want, m := range map[error]Mask{
		errOverwrote: maskFunc(func([]byte, Value) ([]byte, error) { return []byte{}, nil }),
		errZero:      fixed("a\x00b"),
		errNoValue: maskFunc(func(dst []byte, v Value) ([]byte, error) {
			_, _ = v.Row.In(1)
			return dst, nil
		}),
	} {
		table := tableOf(t, mask("first", fixed("something")), mask("a", m, "first"))
		if _, _, err := push(table, []byte("x\ty\n")); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
}

func TestNullPolicies(t *testing.T) {
	toNull := maskFunc(func([]byte, Value) ([]byte, error) { return nil, nil })
	empty := maskFunc(func(dst []byte, _ Value) ([]byte, error) { return dst, nil })
	table := tableOf(t,
		Column{Name: "kept", Mask: bracket(), Nulls: NullsKept}, Column{Name: "masked", Mask: bracket(), Nulls: NullsMasked},
		Column{Name: "nulled", Mask: toNull, Nulls: NullsKept}, Column{Name: "emptied", Mask: empty, Nulls: NullsMasked})
	out, _, err := push(table, []byte("\\N\t\\N\t\\N\t\\N\na\tb\tc\td\n"))
	if want := "\\N\t[?]\t\\N\t\n[a]\t[b]\t\\N\t\n"; err != nil || out != want {
		t.Errorf("got %q, want %q (%v)", out, want, err)
	}
}

func TestColumnsThatReadOneAnotherAreRefused(t *testing.T) {
	header := func(columns []Column) masked.Header {
		h := masked.Header{Table: people()}
		for _, c := range columns {
			h.Columns = append(h.Columns, c.Name)
		}
		return h
	}
	x := fixed("x")
	for words, columns := range map[string][]Column{
		"columns a, c read one another": {mask("a", x, "c"), keep("b"), mask("c", x, "b", "a"), mask("d", x)},
		"columns a read one another":    {mask("a", x, "a")},
		`"ghost", which is not copied`:  {mask("a", x, "ghost")},
		`null policy "" is unknown`:     {{Name: "a", Mask: x}},
		"or one comes twice":            {keep("a"), keep("a")},
	} {
		if _, err := NewTable(header(columns), columns); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("want an error with %q, got %v", words, err)
		}
	}
	for _, columns := range [][]string{{"b", "a"}, {"a"}, {"a", "b", "c"}, nil} {
		if _, err := NewTable(masked.Header{Table: people(), Columns: columns}, []Column{keep("a"), keep("b")}); err == nil {
			t.Errorf("a header of %v was taken for columns a and b", columns)
		}
	}
}

func TestRowsAreSealedWithTheHeader(t *testing.T) {
	table := tableOf(t, keep("a"))
	want := masked.Header{Table: people(), Columns: []string{"a"}, Format: masked.Text, Plan: "digest", Origin: masked.Anonymized}
	rows := table.Rows(func(w io.Writer) (int64, error) { return feed(w, []byte("1\n")) })
	if err := rows.Header().Check(want); err != nil || rows.Header().Origin != masked.Anonymized {
		t.Errorf("%+v: %v", rows.Header(), err)
	}
	if table.Header().Plan != "digest" {
		t.Error("the table lost its header")
	}
}
