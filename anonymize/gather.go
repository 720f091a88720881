package anonymize

import (
	"fmt"
	"io"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/copytext"
)

// Gatherer is a mask that must have seen its whole column before it masks a value, as its Definition says by
// ReadsTable. Until then its Append errs.
type Gatherer interface {
	Mask
	// Gather begins to look at a column. What does not fit into memory goes to files in dir, which is private.
	Gather(dir string) Gathering
}

// Gathering is a look at a whole column. The caller closes it once the mask that it led to masks no more.
type Gathering interface {
	// See is called once for each row of the column, in any order and from one goroutine, NULLs included. Of the
	// row it may read what Row.In gives.
	See(v Value) error
	// Done returns the mask that masks the rows that were seen, and no others.
	Done() (Mask, error)
	Close() error
}

// Look shows a Gathering the rows of one table that source writes, in chunks of any size, in the text form of COPY:
// the column itself, then those that its mask reads, in the order of its Row's indexes. It returns how many there were.
// An error names table, column and row, and no value.
func Look(g Gathering, table catalog.Name, column Column, source func(w io.Writer) (rows int64, err error)) (int64, error) {
	l := &look{
		gathering: g, table: table, column: column, split: copytext.NewSplitter(1 + len(column.Siblings)),
		fields: make([][]byte, 1+len(column.Siblings)), text: make([]byte, 0, 256),
	}
	sent, err := source(l)
	if err == nil {
		err = l.split.Close()
	}
	switch {
	case l.err != nil:
		err = l.err // the source may have wrapped it, or dropped it
	case err != nil:
		err = fmt.Errorf("look at %s: %w", table.Column(column.Name), err)
	case l.split.Row() != sent:
		err = fmt.Errorf("look at %s: the source says it sent %d rows, and %d came", table.Column(column.Name), sent, l.split.Row())
	}
	return l.split.Row(), err
}

// look is the writer that a source writes to.
type look struct {
	gathering Gathering
	table     catalog.Name
	column    Column
	split     *copytext.Splitter
	// fields are the values of the current row, nil for NULL; they point into text.
	fields [][]byte
	text   []byte
	err    error
}

// Write takes the next chunk.
func (l *look) Write(p []byte) (int, error) {
	l.split.Feed(p)
	for l.err == nil && l.split.Next() {
		err := l.unpack()
		if err == nil {
			err = l.gathering.See(Value{Text: l.fields[0], Null: l.fields[0] == nil, Row: l})
		}
		if err != nil {
			l.err = &MaskError{Table: l.table, Column: l.column.Name, Mask: l.column.MaskName, Row: l.split.Row(), Err: err}
		}
	}
	if l.err == nil {
		l.err = l.split.Err()
	}
	return len(p), l.err
}

// unpack sets fields.
func (l *look) unpack() error {
	l.text = l.text[:0]
	for i, raw := range l.split.Fields() {
		before := len(l.text)
		// Where text grows, the fields before keep the old memory, which stays as it is.
		text, null, err := copytext.Unescape(l.text, raw)
		if err != nil {
			return err
		}
		l.text, l.fields[i] = text, text[before:len(text):len(text)]
		if null {
			l.fields[i] = nil
		}
	}
	return nil
}

// In implements Row.
func (l *look) In(i int) ([]byte, bool) {
	if i < 0 || i+1 >= len(l.fields) {
		l.err = errNoValue
		return nil, false
	}
	return l.fields[i+1], l.fields[i+1] != nil
}

// Out implements Row. While a column is looked at no masked value is there.
func (l *look) Out(int) ([]byte, bool) {
	l.err = errNoValue
	return nil, false
}
