package anonymize

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/copybinary"
	"github.com/lethedb/lethe/internal/masked"
)

// Column is what happens to one column of a Table.
type Column struct {
	// Name is the column's name as the catalog has it.
	Name string
	// Mask replaces the column's values; nil keeps them as they are.
	Mask Mask
	// MaskName is what the rules call the mask; errors name it.
	MaskName string
	// Nulls says what becomes of NULL. A masked column must set it.
	Nulls Nulls
	// Siblings are the columns that the mask reads, in the order of its Row's indexes; nil when it reads
	// its own value alone.
	Siblings []string
	// Type is the column's type. It is needed where the rows travel in the binary form, of columns that a mask
	// stands on or reads.
	Type catalog.Type
	// Aside reports a column of another row, which masks read and which does not leave. Such ones come last, and
	// travel in the text form alone.
	Aside bool
}

// Table masks the rows of one table. It is read-only; any number of parts may be masked at once.
type Table struct {
	header  masked.Header
	columns []column
	// order holds the masked columns such that each comes after all masked ones that it reads.
	order []int
	// asked are the columns whose values somebody else masks.
	asked []asked
}

// column is a Column with its siblings looked up.
type column struct {
	Column
	siblings []int
	// codec reads and writes its values in the binary form.
	codec copybinary.Codec
}

// NewTable makes a Table that seals rows with header, whose Columns must be those of columns that are not aside; its
// Origin is set here, and its Format, where it is not masked.Binary, to masked.Text.
//
// In the binary form it refuses a column whose values are masked or read and cannot be turned into text. It refuses
// a masked column without a null policy, a sibling that is not among the columns, and columns that read one another
// in a circle, as there is no order in which Row.Out would be ready.
func NewTable(header masked.Header, columns []Column) (*Table, error) {
	header.Origin = masked.Anonymized
	if header.Format != masked.Binary {
		header.Format = masked.Text
	}
	t := &Table{header: header, columns: make([]column, len(columns))}
	index := make(map[string]int, len(columns))
	for i, c := range columns {
		if c.Aside != (i >= len(header.Columns)) || !c.Aside && header.Columns[i] != c.Name {
			return nil, fmt.Errorf("mask table %s: its columns are not those of the header", header.Table)
		}
		index[c.Name] = i
	}
	if len(index) != len(columns) || len(columns) < len(header.Columns) {
		return nil, fmt.Errorf("mask table %s: its columns are not those of the header, or one comes twice", header.Table)
	}
	for i, c := range columns {
		t.columns[i].Column = c
		if c.Mask == nil {
			continue
		}
		if c.Nulls != NullsKept && c.Nulls != NullsMasked {
			return nil, fmt.Errorf("mask column %s: null policy %q is unknown", header.Table.Column(c.Name), c.Nulls)
		}
		for _, name := range c.Siblings {
			sibling, found := index[name]
			if !found {
				return nil, fmt.Errorf("mask column %s: it reads column %q, which is not copied", header.Table.Column(c.Name), name)
			}
			t.columns[i].siblings = append(t.columns[i].siblings, sibling)
		}
	}
	if err := t.addAsked(); err != nil {
		return nil, err
	}
	if header.Format == masked.Binary {
		if len(columns) > len(header.Columns) {
			return nil, fmt.Errorf("mask table %s: rows that are read with others travel as text alone", header.Table)
		}
		if err := t.setCodecs(); err != nil {
			return nil, err
		}
	}
	return t, t.arrange()
}

// setCodecs finds the codecs of all columns whose values a mask sees.
func (t *Table) setCodecs() error {
	for i := range t.columns {
		seen := t.columns[i].siblings
		if t.columns[i].Mask != nil {
			seen = append(slices.Clone(seen), i)
		}
		for _, at := range seen {
			c := &t.columns[at]
			var ok bool
			if c.codec, ok = copybinary.CodecFor(c.Type); !ok {
				return fmt.Errorf("mask column %s: type %s cannot be read in the binary form of COPY", t.header.Table.Column(c.Name), c.Type.Name)
			}
		}
	}
	return nil
}

// arrange sets order, or returns which columns wait for one another.
func (t *Table) arrange() error {
	done := make([]bool, len(t.columns))
	waiting := 0
	for i := range t.columns {
		if done[i] = t.columns[i].Mask == nil; !done[i] {
			waiting++
		}
	}
	for waiting > 0 {
		before := waiting
		for i := range t.columns {
			ready := !done[i] && !slices.ContainsFunc(t.columns[i].siblings, func(s int) bool { return !done[s] })
			if ready {
				done[i] = true
				t.order = append(t.order, i)
				waiting--
			}
		}
		if waiting == before {
			var names []string
			for i := range t.columns {
				if !done[i] {
					names = append(names, t.columns[i].Name)
				}
			}
			return fmt.Errorf("mask table %s: columns %s read one another in a circle; let one of them read fewer",
				t.header.Table, strings.Join(names, ", "))
		}
	}
	return nil
}

// Header returns what the table's rows are sealed with. The caller must not change its Columns.
func (t *Table) Header() masked.Header { return t.header }

// Rows returns the masked rows of one part. When they are pushed, source is called once to write the part
// in the table's form of COPY, in chunks of any size, to the writer it is given, and returns how many rows its
// server says they were; its error, unless one of ours came first, is Push's. A part that ends inside a row
// is an error, and so is one of which another number of rows passed.
//
// Kept fields leave byte for byte as they came. The sink's writer gets chunks of exactly 65,531 bytes and
// one shorter at the end, so that rows may span chunks; where no column is masked it gets the source's own
// chunks, what is not of COPY's form is left to the server that loads it, and their number is the source's
// word alone.
func (t *Table) Rows(source func(w io.Writer) (rows int64, err error)) *masked.Rows {
	return masked.Seal(t.header, func(w io.Writer) (int64, error) {
		p := t.pass(w)
		sent, err := source(p)
		if err == nil {
			err = p.close(sent)
		}
		if ends, ok := p.(io.Closer); ok {
			err = errors.Join(err, ends.Close())
		}
		rows, own := p.result()
		switch {
		case own != nil:
			err = own // the source may have wrapped it, or dropped it
		case err == nil && rows != sent:
			err = fmt.Errorf("mask %s: the source says it sent %d rows, and %d came", t.header.Table, sent, rows)
		}
		return rows, err
	})
}

// pass is one part on its way from the source to w.
type pass interface {
	io.Writer
	// close is called once the source has written all, so many rows as it says.
	close(sent int64) error
	// result returns how many rows went on, and the first error of ours.
	result() (rows int64, err error)
}

func (t *Table) pass(w io.Writer) pass {
	switch {
	case len(t.asked) > 0:
		return newAsking(t, w)
	case len(t.order) > 0 || len(t.columns) > len(t.header.Columns):
	case t.header.Format == masked.Binary:
		return &keptBinary{uncut: uncut{table: t, sink: w}}
	default:
		return &kept{uncut: uncut{table: t, sink: w}}
	}
	return newRun(t, w)
}

// MaskError says at which field of which row masking stopped. It never holds a value.
type MaskError struct {
	Table  catalog.Name
	Column string
	// Mask is what the rules call the mask.
	Mask string
	// Row counts from 1 within the part.
	Row int64
	Err error
}

// Error returns the place and the mask's own words.
func (e *MaskError) Error() string {
	return fmt.Sprintf("mask %s with %s, row %d of the part: %v", e.Table.Column(e.Column), e.Mask, e.Row, e.Err)
}

// Unwrap returns what the mask said.
func (e *MaskError) Unwrap() error { return e.Err }

// What a mask must not do; its run ends with one of these inside a MaskError.
var (
	errOverwrote = errors.New("the mask overwrote other values instead of appending its own")
	errZero      = errors.New("the mask wrote the byte zero, which no text can hold")
	errNoValue   = errors.New("the mask looked at a column that it did not declare")
)
