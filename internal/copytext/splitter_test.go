package copytext_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/lethedb/lethe/internal/copytext"
)

// cut feeds text in chunks of the given sizes, the rest at once, and returns every row's fields.
func cut(text []byte, columns int, sizes ...int) (rows [][]string, err error) {
	s := copytext.NewSplitter(columns)
	feed := func(chunk []byte) {
		own := bytes.Clone(chunk)
		s.Feed(own)
		for s.Next() {
			row := make([]string, 0, columns)
			for _, field := range s.Fields() {
				row = append(row, string(field))
			}
			if string(s.Line()) != strings.Join(row, "\t") || s.Row() != int64(len(rows)+1) {
				panic("line or row number is wrong")
			}
			rows = append(rows, row)
		}
		for i := range own { // the caller's buffer is used again
			own[i] = '\\'
		}
	}
	for _, size := range sizes {
		size = min(size, len(text))
		feed(text[:size])
		text = text[size:]
	}
	feed(text)
	return rows, s.Close()
}

// model is the splitter written for nothing but to be read: byte by byte over the whole text.
func model(text []byte, columns int) (rows [][]string, err error) {
	row, field, begun := []string{}, []byte{}, false
	for i := 0; i < len(text); i++ {
		begun = true
		switch c := text[i]; c {
		case '\\':
			field = append(field, c)
			if i++; i == len(text) {
				return rows, copytext.ErrUnfinished
			}
			field = append(field, text[i])
		case '\t':
			row, field = append(row, string(field)), nil
		case '\n':
			if columns > 0 || len(row) > 0 || len(field) > 0 {
				row = append(row, string(field))
			}
			for _, f := range row {
				for j := 0; j < len(f); j++ {
					if f[j] == '\r' {
						return rows, copytext.ErrCarriageReturn
					}
					if f[j] == '\\' {
						if j++; f[j] == '.' {
							return rows, copytext.ErrEndMark
						}
					}
				}
			}
			if len(row) != columns {
				return rows, copytext.ErrFields
			}
			rows, row, field, begun = append(rows, row), []string{}, nil, false
		default:
			field = append(field, c)
		}
	}
	if begun {
		return rows, copytext.ErrUnfinished
	}
	return rows, nil
}

// requireModel compares rows and, in a text with one fault, its kind. Which of several faults of one row
// is named is free.
func requireModel(t interface{ Fatalf(string, ...any) }, text []byte, columns int, sizes ...int) {
	want, wantErr := model(text, columns)
	got, err := cut(text, columns, sizes...)
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("%q in %v: error %v, want %v", text, sizes, err, wantErr)
	}
	if len(got) != len(want) {
		t.Fatalf("%q in %v: %d rows, want %d", text, sizes, len(got), len(want))
	}
	for i := range want {
		if strings.Join(got[i], "\x00") != strings.Join(want[i], "\x00") {
			t.Fatalf("%q in %v: row %d is %q, want %q", text, sizes, i+1, got[i], want[i])
		}
	}
}

func TestSplitterEqualsItsModelInAnyChunking(t *testing.T) {
	field := rapid.OneOf(
		rapid.SampledFrom([]string{"", `\N`, "a", "abc", `\\`, `\t`, "\\\t", "\\\n", `\\\\`, "\\\r", `x\101`}),
		rapid.Custom(func(t *rapid.T) string { return string(copytext.AppendEscaped(nil, textOf().Draw(t, "text"))) }),
		rapid.SampledFrom([]string{`\`, `\.`, "\r", "\t", "\n", "\\\\\n"}), // faults, sometimes
	)
	rapid.Check(t, func(t *rapid.T) {
		columns := rapid.IntRange(0, 4).Draw(t, "columns")
		var text []byte
		for range rapid.IntRange(0, 5).Draw(t, "rows") {
			fields := rapid.SliceOfN(field, columns, columns).Draw(t, "fields")
			text = append(append(text, strings.Join(fields, "\t")...), '\n')
		}
		sizes := rapid.SliceOfN(rapid.IntRange(0, 9), 0, 40).Draw(t, "sizes")
		requireModel(t, text, columns, sizes...)
	})
}

func FuzzSplitter(f *testing.F) {
	for _, seed := range []string{"", "a\tb\n", "\\N\t\\\\\n", "a\\\n\tb\n", "\\.\n", "\r\n", "a\\"} {
		f.Add([]byte(seed), byte(2), byte(1))
	}
	f.Fuzz(func(t *testing.T, text []byte, columns, size byte) {
		var sizes []int
		for range len(text) {
			sizes = append(sizes, int(size%7)+1)
		}
		requireModel(t, text, int(columns%5), sizes...)
	})
}

func TestMalformedTextIsRefusedByRowAndColumn(t *testing.T) {
	for name, c := range map[string]struct {
		text   string
		row    int64
		column int
		want   error
	}{
		"a field too many":              {"a\tb\tc\nd\te\tf\tg\n", 2, 4, copytext.ErrFields},
		"a field too few":               {"a\tb\n", 1, 3, copytext.ErrFields},
		"an empty line":                 {"a\tb\tc\n\n", 2, 2, copytext.ErrFields},
		"the end mark alone":            {"a\tb\tc\n\\.\n", 2, 1, copytext.ErrEndMark},
		"the end mark in a field":       {"a\tb\\.b\tc\n", 1, 2, copytext.ErrEndMark},
		"a bare carriage return":        {"a\tb\tc\r\n", 1, 3, copytext.ErrCarriageReturn},
		"one beside an escape":          {"\\N\tb\rb\tc\n", 1, 2, copytext.ErrCarriageReturn},
		"one behind an escaped escape":  {"\\\\\r\tb\tc\n", 1, 1, copytext.ErrCarriageReturn},
		"an end inside a row":           {"a\tb\tc\na\tb", 2, 0, copytext.ErrUnfinished},
		"an end behind a backslash":     {"a\tb\tc\\", 1, 0, copytext.ErrUnfinished},
		"an end behind an escaped line": {"a\tb\tc\\\n", 1, 0, copytext.ErrUnfinished},
	} {
		for _, size := range []int{len(c.text), 1, 2, 3} {
			var sizes []int
			for range len(c.text) / size {
				sizes = append(sizes, size)
			}
			_, err := cut([]byte(c.text), 3, sizes...)
			var at *copytext.Error
			if !errors.As(err, &at) || !errors.Is(err, c.want) || at.Row != c.row || at.Column != c.column {
				t.Errorf("%s, chunks of %d: got %v", name, size, err)
			}
		}
	}
}

func TestErrorsNameThePlaceAndNoByte(t *testing.T) {
	_, err := cut([]byte("a\tb\nSECRET\tSECRET\\.\n"), 2)
	if want := "read COPY text, row 2, column 2: the end-of-data mark (backslash, dot) stands inside the data"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestRowsWithoutColumnsAreEmptyLines(t *testing.T) {
	rows, err := cut([]byte("\n\n\n"), 0, 1)
	if err != nil || len(rows) != 3 {
		t.Errorf("%d rows, %v", len(rows), err)
	}
	if _, err := cut([]byte("\nx\n"), 0); !errors.Is(err, copytext.ErrFields) {
		t.Errorf("a field in a table without columns: %v", err)
	}
}

func TestNothingGoesOnAfterAnError(t *testing.T) {
	s := copytext.NewSplitter(1)
	s.Feed([]byte("a\tb\nc\n"))
	if s.Next() || s.Err() == nil {
		t.Fatal("two fields were taken for one")
	}
	first := s.Err()
	s.Feed([]byte("d\n"))
	if s.Next() || !errors.Is(s.Err(), first) || !errors.Is(s.Close(), first) {
		t.Error("rows came after an error, or it was forgotten")
	}
}

func TestRowsLeftBehindAreNoticed(t *testing.T) {
	s := copytext.NewSplitter(1)
	s.Feed([]byte("a\nb\n"))
	s.Next()
	s.Feed([]byte("c\n"))
	if s.Next() || !errors.Is(s.Err(), copytext.ErrUndrained) {
		t.Errorf("a row was lost without an error (%v)", s.Err())
	}
	s = copytext.NewSplitter(1)
	s.Feed([]byte("a\nb\n"))
	s.Next()
	if err := s.Close(); !errors.Is(err, copytext.ErrUnfinished) {
		t.Errorf("closed with rows left: %v", err)
	}
}

// 64 MB in the smallest chunks that a socket would give: the time is that of a few copies. A splitter that
// looked at what it has again with every chunk would need hours.
func TestHugeFieldsAreNotScannedTwice(t *testing.T) {
	const chunk = 1 << 10
	size := 64 << 20
	if testing.Short() { // under the race detector
		size = 4 << 20
	}
	deadline := time.Now().Add(20 * time.Second)
	for name, filler := range map[string]string{"plain": "0123456789abcdef", "backslashes": `\\\\\\\\\\\\\\\\`, "escaped lines": "\\\n\\\t\\\n\\\t\\\n\\\t\\\n\\\t"} {
		field := strings.Repeat(filler, size/3/len(filler))
		text := []byte("a\t" + field + "\tb\n")
		s := copytext.NewSplitter(3)
		rows := 0
		for rest := text; len(rest) > 0; rest = rest[min(chunk, len(rest)):] {
			s.Feed(rest[:min(chunk, len(rest))])
			for s.Next() {
				rows++
				if string(s.Fields()[1]) != field {
					t.Fatalf("%s: the field changed", name)
				}
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s: still at it after 20 s", name)
			}
		}
		if err := s.Close(); err != nil || rows != 1 {
			t.Errorf("%s: %d rows, %v", name, rows, err)
		}
	}
}

// rows returns COPY text as a server sends it: one row in each chunk.
func sampleRows() [][]byte {
	return [][]byte{
		[]byte("1\tMary\tSmith\tMARY.SMITH@sakilacustomer.org\t5\tt\t2006-02-14\t2006-02-15 09:57:20\t1\n"),
		[]byte("2\tPatricia\t\\N\tPATRICIA.JOHNSON@sakilacustomer.org\t6\tt\t2006-02-14\t2006-02-15 09:57:20\t1\n"),
		[]byte("3\tLinda\tWilliams\\tJr\t\\N\t7\tf\t2006-02-14\t\\N\t0\n"),
	}
}

func TestWholeRowsCostNoAllocation(t *testing.T) {
	s, rows := copytext.NewSplitter(9), sampleRows()
	dst := make([]byte, 0, 1024)
	got := testing.AllocsPerRun(100, func() {
		for _, row := range rows {
			s.Feed(row)
			for s.Next() {
				for _, field := range s.Fields() {
					text, null, err := copytext.Unescape(dst[:0], field)
					if err != nil {
						t.Fatal(err)
					}
					if !null {
						copytext.AppendEscaped(dst[len(text):len(text)], text)
					}
				}
			}
		}
	})
	if got != 0 || s.Close() != nil {
		t.Errorf("%v allocations, %v", got, s.Close())
	}
}

func BenchmarkSplitter(b *testing.B) {
	for name, row := range map[string][]byte{"plain": sampleRows()[0], "escapes": sampleRows()[2]} {
		b.Run(name, func(b *testing.B) {
			s := copytext.NewSplitter(9)
			b.SetBytes(int64(len(row)))
			b.ReportAllocs()
			for b.Loop() {
				s.Feed(row)
				for s.Next() {
				}
			}
		})
	}
}

func BenchmarkEscape(b *testing.B) {
	text := []byte("a note of ordinary length,\nwith a line break and a \\ in it")
	dst := make([]byte, 0, 256)
	b.ReportAllocs()
	for b.Loop() {
		copytext.AppendEscaped(dst, text)
	}
}
