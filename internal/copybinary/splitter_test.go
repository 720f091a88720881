package copybinary

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// stream writes rows as the server does; nil is NULL.
func stream(rows [][][]byte) []byte {
	out := []byte(Signature)
	for _, row := range rows {
		out = binary.BigEndian.AppendUint16(out, uint16(len(row)))
		for _, field := range row {
			if field == nil {
				out = AppendNull(out)
				continue
			}
			out = append(binary.BigEndian.AppendUint32(out, uint32(len(field))), field...)
		}
	}
	return append(out, Trailer...)
}

// split cuts a stream fed in chunks of the sizes that next returns.
func split(columns int, data []byte, next func() int) (rows [][][]byte, lines []byte, err error) {
	s := NewSplitter(columns)
	for len(data) > 0 {
		n := min(next(), len(data))
		chunk := bytes.Clone(data[:n])
		data = data[n:]
		s.Feed(chunk)
		for s.Next() {
			row := make([][]byte, columns)
			for i, field := range s.Fields() {
				row[i] = bytes.Clone(field)
			}
			rows, lines = append(rows, row), append(lines, s.Line()...)
		}
		clear(chunk) // the source uses its buffer again
	}
	return rows, lines, s.Close()
}

func TestRowsAreCutTheSameInAnyChunks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		columns := rapid.IntRange(0, 5).Draw(t, "columns")
		var want [][][]byte
		for range rapid.IntRange(0, 12).Draw(t, "rows") {
			row := make([][]byte, columns)
			for i := range row {
				if rapid.IntRange(0, 4).Draw(t, "null") > 0 {
					row[i] = append([]byte{}, rapid.SliceOfN(rapid.Byte(), 0, 30).Draw(t, "field")...)
				}
			}
			want = append(want, row)
		}
		data := stream(want)
		got, lines, err := split(columns, data, func() int { return rapid.IntRange(1, 40).Draw(t, "chunk") })
		if err != nil || len(got) != len(want) {
			t.Fatalf("%d rows of %d, %v", len(got), len(want), err)
		}
		for i := range want {
			for j := range want[i] {
				if !bytes.Equal(got[i][j], want[i][j]) || (got[i][j] == nil) != (want[i][j] == nil) {
					t.Fatalf("row %d, field %d: %q, want %q", i, j, got[i][j], want[i][j])
				}
			}
		}
		if whole := Signature + string(lines) + Trailer; whole != string(data) {
			t.Fatalf("the lines are %q, of %q", whole, data)
		}
	})
}

func TestAMalformedStreamIsAnErrorWithItsPlace(t *testing.T) {
	good := string(stream([][][]byte{{[]byte("a"), nil}, {[]byte("b"), []byte("c")}}))
	rows := strings.TrimSuffix(strings.TrimPrefix(good, Signature), Trailer)
	for _, c := range []struct {
		data  string
		want  error
		place string
	}{
		{"", ErrUnfinished, "row 1"}, {"PGCOPY\n\xff\r\n\x01" + good[11:], ErrSignature, ""}, {"a\tb\n" + good, ErrSignature, ""},
		{good[:11] + "\x00\x01\x00\x00" + good[15:], ErrSignature, ""},
		{Signature + rows, ErrUnfinished, "row 3"}, {good[:len(good)-3], ErrUnfinished, "row 2"}, {good + "\x00", ErrTrailing, ""},
		{Signature + rows + "\x00\x03" + Trailer, ErrFields, "row 3"}, {Signature + rows + "\xff\xfe", ErrFields, "row 3"},
		{Signature + rows + "\x00\x02\xff\xff\xff\xff\xff\xff\xff\xfe", ErrLength, "row 3, column 2"},
	} {
		for _, size := range []int{1, 7, 1000} {
			_, _, err := split(2, []byte(c.data), func() int { return size })
			if _, ok := errors.AsType[*Error](err); !ok || !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.place) {
				t.Errorf("%q by %d: %v, want %v at %q", c.data, size, err, c.want, c.place)
			}
		}
	}
}

func TestARowAcrossChunksIsNotMeasuredAgainForEachField(t *testing.T) {
	const columns = 1600
	row := make([][]byte, columns)
	for i := range row {
		row[i] = []byte("x")
	}
	data := stream([][][]byte{row, row, row})
	rows, _, err := split(columns, data, func() int { return 1 })
	if err != nil || len(rows) != 3 || string(rows[2][columns-1]) != "x" {
		t.Errorf("%d rows, %v", len(rows), err)
	}
}

func FuzzSplitter(f *testing.F) {
	f.Add(stream([][][]byte{{[]byte("a"), nil}, {[]byte("b"), []byte("c")}}), uint8(3))
	f.Add([]byte(Signature+"\x00\x02\x7f\xff\xff\xff"), uint8(1))
	f.Fuzz(func(t *testing.T, data []byte, size uint8) {
		whole, _, err := split(2, data, func() int { return len(data) })
		pieces, _, piecesErr := split(2, data, func() int { return int(size)%16 + 1 })
		if len(whole) != len(pieces) || (err == nil) != (piecesErr == nil) {
			t.Fatalf("at once %d rows and %v, in pieces %d and %v", len(whole), err, len(pieces), piecesErr)
		}
	})
}

func FuzzCodecs(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 1})
	f.Add([]byte("4714-11-24 00:00:00 BC"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for c := raw; c <= uuid; c++ {
			if text, err := c.Text(nil, data); err == nil && c != boolean {
				if again, err := c.Binary(nil, text); err == nil && !bytes.Equal(again, data) {
					t.Fatalf("codec %d: %x became %x", c, data, again)
				}
			}
			if made, err := c.Binary(nil, data); err == nil {
				if _, err := c.Text(nil, made); err != nil {
					t.Fatalf("codec %d: what was made of a text cannot be read: %v", c, err)
				}
			}
		}
	})
}
