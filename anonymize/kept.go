package anonymize

import (
	"fmt"
	"io"

	"github.com/lethedb/lethe/internal/copybinary"
	"github.com/lethedb/lethe/internal/copytext"
	"github.com/lethedb/lethe/internal/masked"
)

// kept passes on a part of which no column is masked: nothing is taken apart. That so many rows went in is the
// source's word; the server that loads them judges their form and says how many arrived.
type kept struct {
	uncut
	// open reports that the last row has not ended yet.
	open bool
}

// uncut is what both forms of a kept part do.
type uncut struct {
	table *Table
	sink  io.Writer
	rows  int64
	err   error
}

// pass hands a chunk to the sink as it is.
func (u *uncut) pass(p []byte) (int, error) {
	n, err := u.sink.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	if err != nil {
		u.err = fmt.Errorf("write rows of %s: %w", u.table.header.Table, err)
	}
	return n, u.err
}

// result returns what was passed on and what stopped it.
func (u *uncut) result() (int64, error) { return u.rows, u.err }

// Write passes on the next chunk. Inside of values the server writes a newline as an escape.
func (k *kept) Write(p []byte) (int, error) {
	if k.err != nil || len(p) == 0 {
		return 0, k.err
	}
	n, err := k.pass(p)
	if err == nil {
		k.open = p[len(p)-1] != '\n'
	}
	return n, err
}

// close says whether the part ended within a row, and takes the source's word for the rows.
func (k *kept) close(sent int64) error {
	if k.open {
		return fmt.Errorf("mask %s: %w", k.table.header.Table, &copytext.Error{Err: copytext.ErrUnfinished})
	}
	k.rows = sent
	return nil
}

// keptBinary is kept in the binary form, whose rows can only be counted by walking over each field. Its
// beginning and its end are looked at.
type keptBinary struct {
	uncut
	// head is what came of the header, tail the last bytes there were.
	head, tail []byte
}

// Write passes on the next chunk.
func (k *keptBinary) Write(p []byte) (int, error) {
	if k.err != nil || len(p) == 0 {
		return 0, k.err
	}
	if missing := len(copybinary.Signature) - len(k.head); missing > 0 {
		k.head = append(k.head, p[:min(missing, len(p))]...)
		if string(k.head) != copybinary.Signature[:len(k.head)] {
			return 0, k.fail(copybinary.ErrSignature)
		}
	}
	n, err := k.pass(p)
	if err != nil {
		return n, err
	}
	k.tail = append(k.tail, p[max(0, len(p)-len(copybinary.Trailer)):]...)
	k.tail = k.tail[:copy(k.tail, k.tail[max(0, len(k.tail)-len(copybinary.Trailer)):])]
	return n, nil
}

func (k *keptBinary) fail(err error) error {
	k.err = fmt.Errorf("mask %s: %w", k.table.header.Table, &copybinary.Error{Err: err})
	return k.err
}

// close says whether the trailer came, and takes the source's word for the rows.
func (k *keptBinary) close(sent int64) error {
	if k.err != nil {
		return k.err
	}
	if len(k.head) < len(copybinary.Signature) || string(k.tail) != copybinary.Trailer {
		return k.fail(copybinary.ErrUnfinished)
	}
	k.rows = sent
	masked.Tally(k.sink, int(sent))
	return nil
}
