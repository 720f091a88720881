// Package copybinary reads and writes the binary form of COPY, as far as masks need it: rows are cut into
// fields, and fields that are masked become text and binary again. Text is what COPY's text form would
// hold, unescaped, so that a mask never knows in which form a row travels.
//
// Which types have a binary form that two servers of one major share, and where it pays, is decided here
// too: see Fits and Prefer.
package copybinary

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Signature begins every stream: eleven fixed bytes, no flags, no extension of the header.
const Signature = "PGCOPY\n\xff\r\n\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x00"

// Trailer ends every stream: a row of -1 fields.
const Trailer = "\xff\xff"

const (
	// CountSize is how many bytes the number of fields at a row's beginning takes.
	CountSize = 2
	// LengthSize is how many bytes the length before each field takes.
	LengthSize = 4
)

// What can be wrong with a stream. A server writes none of it.
var (
	ErrSignature  = errors.New("the data does not begin as COPY's binary form does, or has options that are not known")
	ErrFields     = errors.New("the row has another number of fields than the table has columns")
	ErrLength     = errors.New("a field's length is negative")
	ErrUnfinished = errors.New("the data ends before its trailer")
	ErrTrailing   = errors.New("there is more data behind the trailer")
	ErrUndrained  = errors.New("more was fed before every row was taken")
)

// Error says where a stream is malformed. It never holds a byte of the data.
type Error struct {
	// Row counts from 1, Column from 1 within the row; 0 is unknown.
	Row    int64
	Column int
	Err    error
}

// Error returns the place and the problem.
func (e *Error) Error() string {
	place := ""
	if e.Row > 0 {
		place += fmt.Sprintf(", row %d", e.Row)
	}
	if e.Column > 0 {
		place += fmt.Sprintf(", column %d", e.Column)
	}
	return "read binary COPY data" + place + ": " + e.Err.Error()
}

// Unwrap returns the problem without its place.
func (e *Error) Unwrap() error { return e.Err }

// Splitter cuts a stream, fed in any chunks, into rows of raw fields. It copies only rows that span chunks
// and allocates only while its buffer grows to the largest such row. It is for one goroutine, and is used
// as a Splitter of the text form is.
type Splitter struct {
	fields [][]byte
	chunk  []byte // what was fed and is not yet cut
	part   []byte // the beginning of a row whose end was not fed yet, or the row itself
	joined bool   // the current row is in part
	begun  bool   // the signature was read
	ended  bool   // the trailer was read
	line   []byte
	row    int64
	err    error
	// fieldsSeen and bytesSeen are how far the row was measured when its bytes ran out: it is not measured
	// anew for each of its fields.
	fieldsSeen, bytesSeen int
}

// NewSplitter returns a Splitter for rows of so many columns.
func NewSplitter(columns int) *Splitter { return &Splitter{fields: make([][]byte, columns)} }

// Feed hands over the next chunk, of which the Splitter keeps nothing once Next has returned false.
func (s *Splitter) Feed(chunk []byte) {
	if len(s.chunk) > 0 && s.err == nil {
		s.err = &Error{Row: s.row, Err: ErrUndrained}
	}
	s.chunk = chunk
}

// Next goes to the next whole row. It returns false when the chunk holds no more, at the trailer, and for
// ever after an error, which Err and Close return.
func (s *Splitter) Next() bool {
	if s.err != nil {
		return false
	}
	if s.joined {
		s.part, s.joined = s.part[:0], false
	}
	if !s.begun && !s.take(s.signature) {
		return false
	}
	s.begun = true
	if s.joined {
		s.part, s.joined = s.part[:0], false
	}
	if s.ended || !s.take(s.tuple) {
		if s.ended && len(s.chunk) > 0 {
			s.fail(0, ErrTrailing)
		}
		return false
	}
	if s.ended {
		if len(s.chunk) > 0 {
			s.fail(0, ErrTrailing)
		}
		return false
	}
	s.row++
	return true
}

// take cuts one thing off the stream, whose end measure finds: it returns its size, or how many bytes it
// needs to tell more, as a negative number. It leaves the thing in line.
func (s *Splitter) take(measure func([]byte) int) bool {
	if len(s.part) == 0 {
		size := measure(s.chunk)
		if s.err != nil {
			return false
		}
		if size > 0 {
			s.line, s.chunk = s.chunk[:size], s.chunk[size:]
			return true
		}
		s.part, s.chunk = append(s.part, s.chunk...), nil
		return false
	}
	for {
		size := measure(s.part)
		switch {
		case s.err != nil:
			return false
		case size > 0:
			s.line, s.joined = s.part[:size], true
			return true
		case len(s.chunk) == 0:
			return false
		}
		// Only what is surely of this row is joined to it.
		n := min(-size-len(s.part), len(s.chunk))
		s.part, s.chunk = append(s.part, s.chunk[:n]...), s.chunk[n:]
	}
}

// signature measures the header.
func (s *Splitter) signature(b []byte) int {
	if len(b) < len(Signature) {
		return -len(Signature)
	}
	if string(b[:len(Signature)]) != Signature {
		s.fail(0, ErrSignature)
	}
	return len(Signature)
}

// tuple measures a row and sets the fields, or finds the trailer.
func (s *Splitter) tuple(b []byte) int {
	at, again := s.bytesSeen, s.bytesSeen > 0
	if !again {
		if len(b) < CountSize {
			return -CountSize
		}
		switch count := int(int16(binary.BigEndian.Uint16(b))); {
		case count == -1:
			s.ended = true
			return CountSize
		case count != len(s.fields):
			s.fail(0, ErrFields)
			return 0
		}
		at = CountSize
	}
	for i := s.fieldsSeen; i < len(s.fields); i++ {
		end, ok := s.field(b, at, i)
		if s.err != nil {
			return 0
		}
		if !ok {
			s.fieldsSeen, s.bytesSeen = i, at
			return -end
		}
		at = end
	}
	s.fieldsSeen, s.bytesSeen = 0, 0
	if again { // the fields before lie in memory that has moved
		for i, from := 0, CountSize; i < len(s.fields); i++ {
			from, _ = s.field(b, from, i)
		}
	}
	return at
}

// field sets the i-th field, which begins at a place of b, and returns where it ends. Where b does not hold
// it, it returns false and how many bytes b must have to tell more.
func (s *Splitter) field(b []byte, at, i int) (end int, ok bool) {
	if len(b)-at < LengthSize {
		return at + LengthSize, false
	}
	size := int(int32(binary.BigEndian.Uint32(b[at:])))
	at += LengthSize
	switch {
	case size == -1:
		s.fields[i] = nil
		return at, true
	case size < 0:
		s.fail(i+1, ErrLength)
		return at, false
	case len(b)-at < size:
		return at + size, false
	}
	s.fields[i] = b[at : at+size : at+size]
	return at + size, true
}

func (s *Splitter) fail(column int, err error) {
	e := &Error{Row: s.row + 1, Column: column, Err: err}
	if errors.Is(err, ErrSignature) || errors.Is(err, ErrTrailing) {
		e.Row = 0
	}
	s.err = e
}

// Fields returns the raw fields of the current row, nil for NULL. They are valid until the next call of
// Next or Feed and must not be changed; the slice is the Splitter's own.
func (s *Splitter) Fields() [][]byte { return s.fields }

// Line returns the current row as it came, with the number of its fields and their lengths; valid as
// Fields is.
func (s *Splitter) Line() []byte { return s.line }

// Row returns the number of the current row, from 1, which is also how many rows there were so far.
func (s *Splitter) Row() int64 { return s.row }

// Err returns what stopped Next, nil when it only ran out of data.
func (s *Splitter) Err() error { return s.err }

// Close ends the stream: it returns what stopped Next, or ErrUnfinished when the trailer did not come.
func (s *Splitter) Close() error {
	if s.err == nil && !s.ended {
		s.err = &Error{Row: s.row + 1, Err: ErrUnfinished}
	}
	return s.err
}
