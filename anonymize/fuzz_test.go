package anonymize

import (
	"bytes"
	"testing"

	"github.com/lethedb/lethe/internal/copytext"
)

// Whatever is fed, in whatever chunks: the same rows leave, what is kept is as it came, nothing that must
// be masked is there, and what the table refuses it refuses however it was cut.
func FuzzTable(f *testing.F) {
	for _, seed := range []string{"", "a\tb\tc\n", "\\N\t\\N\t\\N\n", "a\tb\\\n\tc\n", "a\tb\tc\n\\.\n", "a\t\\0\tc\n", "a\tb\tc\r\n"} {
		f.Add([]byte(seed), byte(1))
	}
	f.Fuzz(func(t *testing.T, text []byte, size byte) {
		table := tableOf(t, keep("a"), Column{Name: "b", Mask: bracket(), Nulls: NullsMasked}, keep("c"))
		want, wantRows, wantErr := push(table, text)
		var sizes []int
		for range len(text) {
			sizes = append(sizes, int(size%11)+1)
		}
		got, rows, err := push(table, text, sizes...)
		if rows != wantRows || (err == nil) != (wantErr == nil) || err == nil && got != want {
			t.Fatalf("%q in chunks of %d: %q, %d rows, %v; whole: %q, %d rows, %v", text, size%11+1, got, rows, err, want, wantRows, wantErr)
		}
		if err != nil {
			return
		}
		before, after := copytext.NewSplitter(3), copytext.NewSplitter(3)
		before.Feed(text)
		after.Feed([]byte(got))
		for before.Next() {
			if !after.Next() {
				t.Fatalf("%q: row %d was lost", text, before.Row())
			}
			in, out := before.Fields(), after.Fields()
			if !bytes.Equal(in[0], out[0]) || !bytes.Equal(in[2], out[2]) || !bytes.HasPrefix(out[1], []byte("[")) {
				t.Fatalf("%q became %q", text, got)
			}
		}
		if after.Next() || before.Close() != nil || after.Close() != nil {
			t.Fatalf("%q became %q, which is another number of rows", text, got)
		}
	})
}
