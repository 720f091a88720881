package anonymize

import (
	"bytes"
	"fmt"
	"io"

	"github.com/lethedb/lethe/internal/copybinary"
	"github.com/lethedb/lethe/internal/copytext"
	"github.com/lethedb/lethe/internal/masked"
)

// chunkSize is 64 KiB less the five bytes of a message header: what one CopyData message of the driver
// holds. A write of any other size would leave a short message behind it.
const chunkSize = 65_531

// run masks one part. It is the writer that the part's source writes to.
//
// A row is worked on in two passes: first every masked field in the order its reading demands, then the
// line is put together in the order of the columns. All memory is taken once and used again by every row.
type run struct {
	table  *Table
	sink   io.Writer
	split  splitter
	binary bool
	fields [][]byte
	cells  []cell
	views  []view
	// ins holds the unescaped fields of the current row, outs the masked ones; cells point into them.
	ins, outs []byte
	// out is what the sink will get next, less than chunkSize bytes between rows.
	out  []byte
	rows int64
	// err is the first error of ours; nothing is written after it.
	err error
}

// splitter cuts the part into rows of raw fields: of the text form, or of the binary one, in which a field
// that is NULL is nil.
type splitter interface {
	Feed(chunk []byte)
	Next() bool
	Fields() [][]byte
	Line() []byte
	Row() int64
	Err() error
	Close() error
}

// cell is what is known of one field: its value if inRow is the current row, its output once its column's
// turn has come.
type cell struct {
	inRow           int64
	in, out         []byte
	inNull, outNull bool
}

// view is the Row of one column's mask.
type view struct {
	run      *run
	siblings []int
}

func newRun(t *Table, w io.Writer) *run {
	r := &run{
		table: t,
		sink:  w,
		split: copytext.NewSplitter(len(t.columns)),
		cells: make([]cell, len(t.columns)),
		views: make([]view, len(t.columns)),
		ins:   make([]byte, 0, 1024),
		outs:  make([]byte, 0, 1024),
		out:   make([]byte, 0, chunkSize+1024),
	}
	if t.header.Format == masked.Binary {
		r.binary, r.split = true, copybinary.NewSplitter(len(t.columns))
		r.out = append(r.out, copybinary.Signature...)
	}
	r.fields = r.split.Fields()
	for i := range r.views {
		r.views[i] = view{run: r, siblings: t.columns[i].siblings}
	}
	return r
}

// Write takes the next chunk of the part.
func (r *run) Write(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	before := r.rows
	r.split.Feed(p)
	for r.split.Next() {
		if r.err = r.row(); r.err != nil {
			return 0, r.err
		}
		r.rows = r.split.Row()
	}
	if err := r.split.Err(); err != nil {
		r.err = fmt.Errorf("mask %s: %w", r.table.header.Table, err)
		return 0, r.err
	}
	if r.binary {
		masked.Tally(r.sink, int(r.rows-before))
	}
	return len(p), nil
}

// result returns how many rows were masked, and the first error of ours.
func (r *run) result() (int64, error) { return r.rows, r.err }

// close writes what is left once the source has written all.
func (r *run) close(int64) error {
	if r.err != nil {
		return r.err
	}
	if err := r.split.Close(); err != nil {
		return fmt.Errorf("mask %s: %w", r.table.header.Table, err)
	}
	if r.binary {
		r.out = append(r.out, copybinary.Trailer...)
	}
	return r.flush(0)
}

// row masks the current row and writes it out.
func (r *run) row() error {
	r.ins, r.outs = r.ins[:0], r.outs[:0]
	for _, i := range r.table.order {
		if err := r.mask(i); err != nil {
			c := &r.table.columns[i]
			return &MaskError{Table: r.table.header.Table, Column: c.Name, Mask: c.MaskName, Row: r.split.Row(), Err: err}
		}
	}
	line := r.split.Line()
	// In the text form fields end with one byte, in the binary form their length comes before them, and the
	// number of fields before all.
	start, prefix, suffix := 0, 0, 1
	if r.binary {
		start, prefix, suffix = copybinary.CountSize, copybinary.LengthSize, 0
	}
	from := 0 // kept bytes not yet written begin here, the field and what comes before it at start
	for i, field := range r.fields[:len(r.table.header.Columns)] {
		if r.table.columns[i].Mask != nil {
			if err := r.keep(line[from:start]); err != nil {
				return err
			}
			from = start + prefix + len(field)
			if err := r.put(i); err != nil {
				return err
			}
		}
		start += prefix + len(field) + suffix
	}
	if len(r.fields) > len(r.table.header.Columns) {
		line = line[:max(start-suffix, from)] // what was read for masks alone ends here
	}
	if err := r.keep(line[from:]); err != nil {
		return err
	}
	if !r.binary {
		r.out = append(r.out, '\n')
	}
	return r.flush(chunkSize)
}

// isNull reports whether a field is NULL.
func (r *run) isNull(i int) bool {
	if r.binary {
		return r.fields[i] == nil
	}
	return copytext.IsNull(r.fields[i])
}

// mask makes the output of one field.
func (r *run) mask(i int) error {
	c, column := &r.cells[i], &r.table.columns[i]
	c.out, c.outNull = nil, true
	null := r.isNull(i)
	if null && column.Nulls == NullsKept {
		return nil
	}
	v := Value{Null: null}
	if !null {
		if err := r.read(i); err != nil {
			return err
		}
		v.Text = c.in
	}
	if len(column.siblings) > 0 {
		v.Row = &r.views[i]
	}
	before := len(r.outs)
	outs, err := column.Mask.Append(r.outs, v)
	switch {
	case r.err != nil:
		return r.err // what the mask read of its row was no value
	case err != nil:
		return err
	case outs == nil:
		return nil
	case len(outs) < before:
		return errOverwrote
	case bytes.IndexByte(outs[before:], 0) >= 0:
		return errZero
	}
	c.out, c.outNull = outs[before:], false
	r.outs = outs
	return nil
}

// read sees that the cell of a field holds its value.
func (r *run) read(i int) error {
	c, raw := &r.cells[i], r.fields[i]
	if c.inRow == r.split.Row() {
		return nil
	}
	c.inRow, c.in, c.inNull = r.split.Row(), raw, r.isNull(i)
	if c.inNull || r.isText(i) {
		return nil
	}
	// Where ins grows, the cells before keep the old memory, which stays as it is.
	before := len(r.ins)
	ins, err := r.unpack(i)
	if err != nil {
		return err
	}
	c.in, r.ins = ins[before:], ins
	return nil
}

// isText reports whether the raw field is the text of its value.
func (r *run) isText(i int) bool {
	if r.binary {
		return r.table.columns[i].codec.Plain()
	}
	return copytext.IsPlain(r.fields[i])
}

// unpack appends the text of a raw field to ins.
func (r *run) unpack(i int) ([]byte, error) {
	if r.binary {
		return r.table.columns[i].codec.Text(r.ins, r.fields[i])
	}
	ins, _, err := copytext.Unescape(r.ins, r.fields[i])
	return ins, err
}

// keep writes bytes of the line as they came.
func (r *run) keep(b []byte) error {
	for len(r.out)+len(b) >= chunkSize {
		n := chunkSize - len(r.out)
		r.out = append(r.out, b[:n]...)
		b = b[n:]
		if err := r.flush(chunkSize); err != nil {
			return err
		}
	}
	r.out = append(r.out, b...)
	return nil
}

// put writes the output of a masked field.
func (r *run) put(i int) error {
	c := &r.cells[i]
	switch {
	case r.binary && c.outNull:
		r.out = copybinary.AppendNull(r.out)
	case r.binary:
		var err error
		if r.out, err = copybinary.AppendField(r.out, r.table.columns[i].codec, c.out); err != nil {
			column := &r.table.columns[i]
			return &MaskError{Table: r.table.header.Table, Column: column.Name, Mask: column.MaskName, Row: r.split.Row(), Err: err}
		}
	case c.outNull:
		r.out = copytext.AppendNull(r.out)
	default:
		r.out = copytext.AppendEscaped(r.out, c.out)
	}
	return r.flush(chunkSize)
}

// flush writes whole chunks while at least that many bytes wait, and with 0 the rest too.
func (r *run) flush(least int) error {
	if len(r.out) < least {
		return nil
	}
	rest := r.out
	for len(rest) > 0 && len(rest) >= least {
		n, err := r.sink.Write(rest[:min(len(rest), chunkSize)])
		if err == nil && n < min(len(rest), chunkSize) {
			err = io.ErrShortWrite
		}
		if err != nil {
			return fmt.Errorf("write rows of %s: %w", r.table.header.Table, err)
		}
		rest = rest[n:]
	}
	r.out = r.out[:copy(r.out, rest)]
	return nil
}

// In returns a sibling as production has it.
func (v *view) In(i int) ([]byte, bool) {
	r := v.run
	if i < 0 || i >= len(v.siblings) {
		r.err = errNoValue
		return nil, false
	}
	at := v.siblings[i]
	if err := r.read(at); err != nil {
		r.err = err
		return nil, false
	}
	c := &r.cells[at]
	if c.inNull {
		return nil, false
	}
	return c.in, true
}

// Out returns a sibling as it will leave: the order of the columns has it ready.
func (v *view) Out(i int) ([]byte, bool) {
	if i >= 0 && i < len(v.siblings) && v.run.table.columns[v.siblings[i]].Mask != nil {
		c := &v.run.cells[v.siblings[i]]
		return c.out, !c.outNull
	}
	return v.In(i)
}
