// Package masked holds Rows, the proof that bytes may leave: only what is sealed can reach a sink.
//
// Seal may be called from anonymize, seed and snapshot alone; a test in internal/arch says so. That is
// how "every column was decided" becomes something the compiler and the tests hold, not a habit.
package masked

import (
	"bytes"
	"fmt"
	"io"
	"slices"

	"github.com/lethedb/lethe/internal/catalog"
)

// Format is the form the rows are written in.
type Format string

// The formats: the text form of COPY everywhere; the binary form only between a source and a target that
// speak it to each other.
const (
	Text   Format = "text"
	Binary Format = "binary"
)

// Origin says who vouches for the rows.
type Origin string

// The origins, one for each package that may seal.
const (
	Anonymized  Origin = "anonymize"
	Seeded      Origin = "seed"
	Snapshotted Origin = "snapshot"
)

// Header says what Rows hold. Sinks compare it with what they were ordered to load.
type Header struct {
	// Table is the table the rows belong to on the source.
	Table catalog.Name
	// Columns are the columns of each row, in order.
	Columns []string
	Format  Format
	// Plan is the digest of the plan that decided every column.
	Plan   string
	Origin Origin
}

// Check returns an error that names the first difference between h and want.
func (h Header) Check(want Header) error {
	switch {
	case h.Table != want.Table:
		return fmt.Errorf("check rows: of table %s, want %s", h.Table, want.Table)
	case !slices.Equal(h.Columns, want.Columns):
		return fmt.Errorf("check rows of %s: other columns than ordered", h.Table)
	case h.Format != want.Format:
		return fmt.Errorf("check rows of %s: format %s, want %s", h.Table, h.Format, want.Format)
	case h.Plan != want.Plan:
		return fmt.Errorf("check rows of %s: decided by another plan", h.Table)
	}
	return nil
}

// Rows are rows of one table that may leave. They can be written once, by one goroutine.
type Rows struct {
	header  Header
	write   func(io.Writer) (int64, error)
	observe func(bytes, rows int)
	abandon func()
	spent   bool
}

// Seal makes Rows from a header and a function that pushes every row, in the header's format, to a
// writer and returns how many it pushed. The function runs at most once.
func Seal(h Header, write func(io.Writer) (int64, error)) *Rows {
	return &Rows{header: h, write: write}
}

// Header returns what the rows hold. The caller must not change its Columns.
func (r *Rows) Header() Header { return r.header }

// Observe has see called with the size of every write that Push makes and with how many rows of the text
// format end in it, on Push's goroutine; rows of the binary format are those that its writer has told of by
// Tally, which may be all at the end. It is for progress, must be called before Push, and sees no bytes.
func (r *Rows) Observe(see func(bytes, rows int)) { r.observe = see }

// OnAbandon has stop called when whoever loads the rows wants no more of them, so that a Push that waits for
// its source ends. It must be called before Push.
func (r *Rows) OnAbandon(stop func()) { r.abandon = stop }

// Abandon says that nobody wants the rows that Push has not written yet. It may be called beside Push.
func (r *Rows) Abandon() {
	if r.abandon != nil {
		r.abandon()
	}
}

// Push writes all rows to w and returns how many there were. A second call is an error: the source of
// the rows is spent.
func (r *Rows) Push(w io.Writer) (rows int64, err error) {
	if r.spent {
		return 0, fmt.Errorf("write rows of %s: already written", r.header.Table)
	}
	r.spent = true
	if r.observe != nil {
		w = observed{w, r.header.Format, r.observe}
	}
	return r.write(w)
}

// observed tells see how much went to the writer behind it.
type observed struct {
	io.Writer
	format Format
	see    func(bytes, rows int)
}

func (o observed) Write(p []byte) (int, error) {
	n, err := o.Writer.Write(p)
	rows := 0
	if o.format == Text {
		rows = bytes.Count(p[:n], []byte{'\n'}) // inside of values it is escaped
	}
	o.see(n, rows)
	return n, err
}

// Tally tells whoever observes w, the writer that Push hands to the rows' function, that so many more rows
// of the binary format went to it: there they cannot be told from their bytes.
func Tally(w io.Writer, rows int) {
	if o, ok := w.(observed); ok && o.format == Binary && rows > 0 {
		o.see(0, rows)
	}
}
