package anonymize

import (
	"bytes"
	"fmt"
	"io"

	"github.com/lethedb/lethe/internal/copybinary"
	"github.com/lethedb/lethe/internal/copytext"
	"github.com/lethedb/lethe/internal/masked"
)

// kept passes on a part of which no column is masked: rows are counted and nothing is taken apart. The
// server that loads them is the one that judges their form.
type kept struct {
	table *Table
	sink  io.Writer
	rows  int64
	// open reports that the last row has not ended yet.
	open bool
	err  error
}

// Write passes on the next chunk. Inside of values the server writes a newline as an escape.
func (k *kept) Write(p []byte) (int, error) {
	if k.err != nil || len(p) == 0 {
		return 0, k.err
	}
	n, err := k.sink.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	if err != nil {
		k.err = fmt.Errorf("write rows of %s: %w", k.table.header.Table, err)
		return n, k.err
	}
	k.rows += int64(bytes.Count(p, []byte{'\n'}))
	k.open = p[len(p)-1] != '\n'
	return n, nil
}

// close says whether the part ended within a row.
func (k *kept) close() error {
	if k.open {
		return fmt.Errorf("mask %s: %w", k.table.header.Table, &copytext.Error{Row: k.rows + 1, Err: copytext.ErrUnfinished})
	}
	return nil
}

// result returns what was passed on and what stopped it.
func (k *kept) result() (int64, error) { return k.rows, k.err }

// keptBinary is kept in the binary form, whose rows must be walked to be counted.
type keptBinary struct {
	table *Table
	sink  io.Writer
	split *copybinary.Splitter
	err   error
}

// Write walks over the next chunk and passes it on.
func (k *keptBinary) Write(p []byte) (int, error) {
	if k.err != nil || len(p) == 0 {
		return 0, k.err
	}
	before := k.split.Row()
	k.split.Feed(p)
	for k.split.Next() { // counting is all there is to do
	}
	if err := k.split.Err(); err != nil {
		k.err = fmt.Errorf("mask %s: %w", k.table.header.Table, err)
		return 0, k.err
	}
	n, err := k.sink.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	if err != nil {
		k.err = fmt.Errorf("write rows of %s: %w", k.table.header.Table, err)
		return n, k.err
	}
	masked.Tally(k.sink, int(k.split.Row()-before))
	return n, nil
}

// close says whether the trailer came.
func (k *keptBinary) close() error {
	if err := k.split.Close(); err != nil {
		return fmt.Errorf("mask %s: %w", k.table.header.Table, err)
	}
	return nil
}

// result returns what was passed on and what stopped it.
func (k *keptBinary) result() (int64, error) { return k.split.Row(), k.err }
