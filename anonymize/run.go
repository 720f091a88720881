package anonymize

import (
	"bytes"
	"fmt"
	"io"

	"github.com/lethedb/lethe/internal/copytext"
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
	split  *copytext.Splitter
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
	return len(p), nil
}

// result returns how many rows were masked, and the first error of ours.
func (r *run) result() (int64, error) { return r.rows, r.err }

// close writes what is left once the source has written all.
func (r *run) close() error {
	if r.err != nil {
		return r.err
	}
	if err := r.split.Close(); err != nil {
		return fmt.Errorf("mask %s: %w", r.table.header.Table, err)
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
	from, start := 0, 0 // kept bytes not yet written begin at from, the field at start
	for i, field := range r.fields {
		if r.table.columns[i].Mask != nil {
			if err := r.keep(line[from:start]); err != nil {
				return err
			}
			from = start + len(field)
			if err := r.put(&r.cells[i]); err != nil {
				return err
			}
		}
		start += len(field) + 1
	}
	if err := r.keep(line[from:]); err != nil {
		return err
	}
	r.out = append(r.out, '\n')
	return r.flush(chunkSize)
}

// mask makes the output of one field.
func (r *run) mask(i int) error {
	c, column := &r.cells[i], &r.table.columns[i]
	c.out, c.outNull = nil, true
	null := copytext.IsNull(r.fields[i])
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
	c.inRow, c.in, c.inNull = r.split.Row(), raw, copytext.IsNull(raw)
	if c.inNull || copytext.IsPlain(raw) {
		return nil
	}
	// Where ins grows, the cells before keep the old memory, which stays as it is.
	before := len(r.ins)
	ins, _, err := copytext.Unescape(r.ins, raw)
	if err != nil {
		return err
	}
	c.in, r.ins = ins[before:], ins
	return nil
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
func (r *run) put(c *cell) error {
	if c.outNull {
		r.out = copytext.AppendNull(r.out)
	} else {
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
