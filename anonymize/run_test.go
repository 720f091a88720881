package anonymize

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/lethedb/lethe/anonymize/derive"
)

func TestChunksFillTheDriversMessages(t *testing.T) {
	for name, row := range map[string]string{
		"small rows":        "kept\tmasked\n",
		"large kept fields": strings.Repeat("k", 3*chunkSize+7) + "\tmasked\n",
		"large masked ones": "kept\t" + strings.Repeat(`m\n`, chunkSize) + "\n",
	} {
		table := tableOf(t, keep("a"), mask("b", bracket()))
		text := bytes.Repeat([]byte(row), 10+4*chunkSize/len(row))
		var sizes []int
		var got bytes.Buffer
		_, err := table.Rows(func(w io.Writer) (int64, error) { return feed(w, text, 1000, 100_000) }).Push(writerFunc(func(p []byte) (int, error) {
			sizes = append(sizes, len(p))
			return got.Write(p)
		}))
		if err != nil {
			t.Fatal(err)
		}
		for i, size := range sizes {
			if size != chunkSize && i < len(sizes)-1 || size > chunkSize || size == 0 {
				t.Errorf("%s: chunk %d of %d has %d bytes", name, i, len(sizes), size)
			}
		}
		fields := strings.SplitN(strings.TrimSuffix(row, "\n"), "\t", 2)
		want := strings.Repeat(fields[0]+"\t["+fields[1]+"]\n", bytes.Count(text, []byte("\n")))
		if got.String() != want {
			t.Errorf("%s: the bytes differ", name)
		}
	}
}

// A field of 64 MB, kept or masked, takes the time of a few copies.
func TestHugeFieldsPass(t *testing.T) {
	size := 64 << 20
	if testing.Short() { // under the race detector
		size = 4 << 20
	}
	huge := strings.Repeat("0123456\\t", size/9)
	table := tableOf(t, keep("a"), mask("b", bracket()))
	for name, text := range map[string]string{"kept": huge + "\tx\n", "masked": "x\t" + huge + "\n"} {
		left := int64(0)
		_, err := table.Rows(func(w io.Writer) (int64, error) {
			for rest := []byte(text); len(rest) > 0; rest = rest[min(8192, len(rest)):] {
				if _, err := w.Write(rest[:min(8192, len(rest))]); err != nil {
					return 0, err
				}
			}
			return 1, nil
		}).Push(writerFunc(func(p []byte) (int, error) { left += int64(len(p)); return len(p), nil }))
		if err != nil || left != int64(len(text))+2 {
			t.Errorf("%s: %d bytes of %d left, %v", name, left, len(text), err)
		}
	}
}

func TestPartsAreMaskedAtOnce(t *testing.T) {
	prf := derive.NewPRF(derive.MaskingKeyOf([32]byte{1}).Key("d", "f"))
	table := tableOf(t, keep("a"), mask("b", pseudonym(prf)))
	text := bytes.Repeat([]byte("1\tAna\n2\tB\\tC\n"), 2000)
	want, _, err := push(table, text)
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	for i := range 4 {
		wait.Go(func() {
			if got, rows, err := push(table, text, 1+i, 50_000); err != nil || got != want || rows != 4000 {
				t.Errorf("part %d: %d rows, %v, or other bytes", i, rows, err)
			}
		})
	}
	wait.Wait()
}

// pseudonym is a mask as the builtin ones are: a draw from a list.
func pseudonym(prf *derive.PRF) Mask {
	names := []string{"Ana", "Bea", "Cleo", "Dora", "Eva", "Fay", "Gina", "Hedda"}
	return maskFunc(func(dst []byte, v Value) ([]byte, error) {
		d := prf.Draw(v.Text)
		return append(dst, names[d.N(uint64(len(names)))]...), nil
	})
}

// benchTable is a table like Pagila's customer: nine columns, three masked, one of them reading another.
func benchTable(t testing.TB) *Table {
	prf := derive.NewPRF(derive.MaskingKeyOf([32]byte{1}).Key("d", "f"))
	email := maskFunc(func(dst []byte, v Value) ([]byte, error) {
		name, _ := v.Row.Out(0)
		sum := prf.Sum(v.Text)
		return fmtHex(append(append(dst, name...), '.'), sum[:6]), nil
	})
	return tableOf(t, keep("customer_id"), keep("store_id"), mask("first_name", pseudonym(prf)), mask("last_name", pseudonym(prf)),
		mask("email", email, "last_name"), keep("address_id"), keep("active"), keep("create_date"), keep("last_update"))
}

func fmtHex(dst, b []byte) []byte {
	const digits = "0123456789abcdef"
	for _, c := range b {
		dst = append(dst, digits[c>>4], digits[c&15])
	}
	return dst
}

// customers is a part as a server sends it, a row in each chunk.
func customers() [][]byte {
	return [][]byte{
		[]byte("1\t1\tMARY\tSMITH\tMARY.SMITH@sakilacustomer.org\t5\tt\t2006-02-14\t2006-02-15 09:57:20\n"),
		[]byte("2\t1\tPAT\\tRICIA\t\\N\tPATRICIA.JOHNSON@sakilacustomer.org\t6\tt\t2006-02-14\t\\N\n"),
		[]byte("3\t2\tLINDA\tWILLIAMS\t\\N\t7\tf\tbackslash \\\\ and\\nline\t2006-02-15 09:57:20\n"),
	}
}

func TestMaskingARowCostsNoAllocation(t *testing.T) {
	if raceEnabled {
		t.Skip("under the race detector sync.Pool drops items on purpose")
	}
	r, rows := newRun(benchTable(t), io.Discard), customers()
	allocated := testing.AllocsPerRun(2000, func() { // enough rows to write whole chunks, too
		for _, row := range rows {
			if _, err := r.Write(row); err != nil {
				t.Fatal(err)
			}
		}
	})
	if allocated != 0 {
		t.Errorf("three rows cost %v allocations", allocated)
	}
}

func BenchmarkTable(b *testing.B) {
	kept := make([]Column, 9)
	for i := range kept {
		kept[i] = keep(fmt.Sprint(i))
	}
	for name, table := range map[string]*Table{"masked": benchTable(b), "kept": tableOf(b, kept...)} {
		b.Run(name, func(b *testing.B) {
			row := customers()[0]
			r := newRun(table, io.Discard)
			b.SetBytes(int64(len(row)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Write(row); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
