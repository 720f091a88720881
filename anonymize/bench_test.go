package anonymize

import (
	"encoding/binary"
	"fmt"
	"io"
	"testing"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/copybinary"
	"github.com/lethedb/lethe/internal/masked"
)

// BenchmarkForms prices a row of fourteen columns on its way through a table of masks, without what the
// masks themselves do: none is masked, or seven are, in either form.
func BenchmarkForms(b *testing.B) {
	const rows = 500
	fields := []string{
		"mary@shop.example", "Mary Smith", "(212) 736-5000", "1984-02-29", "ID-000012345", "350 Fifth Avenue", "called about the parcel",
		"4711", "US", "active", "12.50", "2024-01-01 10:00:00.5+00", "2024-01-01 10:00:00.5+00", "{new,web}",
	}
	forms := map[masked.Format][]byte{masked.Binary: []byte(copybinary.Signature)}
	for range rows {
		row := binary.BigEndian.AppendUint16(nil, uint16(len(fields)))
		for i, field := range fields {
			row = append(binary.BigEndian.AppendUint32(row, uint32(len(field))), field...)
			forms[masked.Text] = append(append(forms[masked.Text], field...), "\t\n"[i/(len(fields)-1)])
		}
		forms[masked.Binary] = append(forms[masked.Binary], row...)
	}
	forms[masked.Binary] = append(forms[masked.Binary], copybinary.Trailer...)
	for _, format := range []masked.Format{masked.Text, masked.Binary} {
		for _, masks := range []int{0, 1, 7} {
			header := masked.Header{Table: people(), Plan: "digest", Format: format}
			var columns []Column
			for i := range fields {
				c := Column{Name: fmt.Sprintf("c%d", i), Type: catalog.Type{Name: "text", Base: "text"}}
				if i < masks {
					c.Mask, c.MaskName, c.Nulls = fixed("another value"), "fixed", NullsKept
				}
				header.Columns, columns = append(header.Columns, c.Name), append(columns, c)
			}
			table, err := NewTable(header, columns)
			if err != nil {
				b.Fatal(err)
			}
			b.Run(fmt.Sprintf("%s/%d-masked", format, masks), func(b *testing.B) {
				data := forms[format]
				b.SetBytes(int64(len(data)))
				b.ReportAllocs()
				for b.Loop() {
					got, err := table.Rows(func(w io.Writer) (int64, error) {
						_, err := w.Write(data)
						return rows, err
					}).Push(io.Discard)
					if err != nil || got != rows {
						b.Fatal(got, err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
			})
		}
	}
}
