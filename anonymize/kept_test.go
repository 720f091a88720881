package anonymize

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/lethedb/lethe/internal/copybinary"
	"github.com/lethedb/lethe/internal/masked"
)

// TestKeptBinaryPassesUncutOrNotAtAll holds for the binary form without masks, in pieces of any size: what
// came leaves byte for byte, and a stream without its beginning or its end is refused.
func TestKeptBinaryPassesUncutOrNotAtAll(t *testing.T) {
	table, err := NewTable(masked.Header{Table: people(), Columns: []string{"a"}, Format: masked.Binary}, []Column{{Name: "a"}})
	if err != nil {
		t.Fatal(err)
	}
	row := "\x00\x01\x00\x00\x00\x02ab"
	for _, c := range []struct {
		name, stream string
		want         error
	}{
		{"rows", copybinary.Signature + row + row + copybinary.Trailer, nil},
		{"no rows", copybinary.Signature + copybinary.Trailer, nil},
		{"text", strings.Repeat("1\n", 20), copybinary.ErrSignature},
		{"no trailer", copybinary.Signature + row, copybinary.ErrUnfinished},
		{"half a trailer", copybinary.Signature + row + "\xff", copybinary.ErrUnfinished},
		{"half a header", copybinary.Signature[:12], copybinary.ErrUnfinished},
		{"nothing", "", copybinary.ErrUnfinished},
	} {
		for _, piece := range []int{1, 2, 5, 1000} {
			var out bytes.Buffer
			rows, err := table.Rows(func(w io.Writer) (int64, error) {
				for rest := []byte(c.stream); len(rest) > 0; rest = rest[min(piece, len(rest)):] {
					if _, err := w.Write(rest[:min(piece, len(rest))]); err != nil {
						return 0, err
					}
				}
				return 2, nil
			}).Push(&out)
			switch {
			case !errors.Is(err, c.want):
				t.Errorf("%s in pieces of %d: %v, want %v", c.name, piece, err, c.want)
			case c.want == nil && (out.String() != c.stream || rows != 2):
				t.Errorf("%s in pieces of %d: %d rows of %d bytes left", c.name, piece, rows, out.Len())
			case c.want != nil && rows != 0:
				t.Errorf("%s in pieces of %d: %d rows, and it was refused", c.name, piece, rows)
			}
		}
	}
}

func TestRowsThatTheSourceSentAndDidNotComeAreMissed(t *testing.T) {
	_, err := tableOf(t, mask("a", fixed("x"))).Rows(func(w io.Writer) (int64, error) {
		rows, err := feed(w, []byte("1\n2\n"))
		return rows + 1, err
	}).Push(io.Discard)
	if err == nil || !strings.Contains(err.Error(), "sent 3 rows, and 2 came") {
		t.Errorf("a row was lost: %v", err)
	}
}
