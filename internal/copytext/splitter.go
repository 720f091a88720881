// Package copytext reads and writes the text form of COPY: rows end with a newline, fields with a tab,
// \N is NULL, a backslash escapes.
//
// It splits without unescaping, so that what nobody masks is passed on byte for byte as it came, and it
// sees rows and fields exactly where the server's own parser sees them: a difference would be a mask on
// the wrong column. Text must be in an encoding whose multi-byte characters hold no ASCII, as UTF-8 is.
package copytext

import "bytes"

// Splitter cuts a stream of COPY text, fed in any chunks, into rows of raw fields. It copies only rows
// that span chunks, looks at each byte a fixed number of times however it was chunked, and allocates
// only while its buffer grows to the largest such row. It is for one goroutine.
//
//	s.Feed(chunk)
//	for s.Next() { use(s.Fields()) }
//	… at the end: err := s.Close()
type Splitter struct {
	fields [][]byte
	chunk  []byte // what was fed and is not yet cut
	part   []byte // the beginning of a row whose end was not fed yet, or the row itself
	joined bool   // the current row is in part
	line   []byte
	row    int64
	err    error
}

// NewSplitter returns a Splitter for rows of so many columns. Rows of no column are empty lines.
func NewSplitter(columns int) *Splitter {
	return &Splitter{fields: make([][]byte, columns)}
}

// Feed hands over the next chunk, of which the Splitter keeps nothing once Next has returned false. Rows
// of the chunk before must all have been taken; else Next reports ErrUndrained.
func (s *Splitter) Feed(chunk []byte) {
	if len(s.chunk) > 0 && s.err == nil {
		s.err = &Error{Row: s.row, Err: ErrUndrained}
	}
	s.chunk = chunk
}

// Next goes to the next whole row. It returns false when the chunk holds no more, and for ever after an
// error, which Err and Close return.
func (s *Splitter) Next() bool {
	if s.err != nil {
		return false
	}
	if s.joined {
		s.part, s.joined = s.part[:0], false
	}
	end := s.lineEnd()
	if end < 0 {
		s.part = append(s.part, s.chunk...)
		s.chunk = nil
		return false
	}
	s.line = s.chunk[:end]
	if len(s.part) > 0 {
		s.part = append(s.part, s.line...)
		s.line, s.joined = s.part, true
	}
	s.chunk = s.chunk[end+1:]
	s.row++
	if column, err := s.split(); err != nil {
		s.err = &Error{Row: s.row, Column: column, Err: err}
		return false
	}
	return true
}

// lineEnd returns where the newline that ends the first row of the chunk stands, or -1.
func (s *Splitter) lineEnd() int {
	for from := 0; ; {
		k := bytes.IndexByte(s.chunk[from:], '\n')
		if k < 0 {
			return -1
		}
		end := from + k
		if !s.escaped(end) {
			return end
		}
		from = end + 1
	}
}

// escaped reports whether the byte at i of the chunk has a backslash before it that is not itself
// escaped: whether the run of backslashes before it is odd.
func (s *Splitter) escaped(i int) bool {
	n := trailing(s.chunk[:i])
	if n == i {
		n += trailing(s.part)
	}
	return n%2 == 1
}

// trailing returns how many backslashes b ends with.
func trailing(b []byte) int {
	n := 0
	for n < len(b) && b[len(b)-1-n] == '\\' {
		n++
	}
	return n
}

// split cuts the line into fields. On an error it returns the column it concerns, from 1.
func (s *Splitter) split() (column int, err error) {
	line := s.line
	if len(s.fields) == 0 {
		if len(line) > 0 {
			return 1, ErrFields
		}
		return 0, nil
	}
	plain, returns := IsPlain(line), bytes.IndexByte(line, '\r') >= 0
	for n := 0; ; n++ {
		end := tab(line, 0)
		if !plain {
			if end, err = walk(line, end); err != nil {
				return n + 1, err
			}
		}
		if n == len(s.fields) {
			return n + 1, ErrFields
		}
		field := line[:end]
		if returns && hasBareReturn(field) {
			return n + 1, ErrCarriageReturn
		}
		s.fields[n] = field
		if end == len(line) {
			if n+1 < len(s.fields) {
				return n + 2, ErrFields
			}
			return 0, nil
		}
		line = line[end+1:]
	}
}

// tab returns where the first tab of line from at on stands, or the end of line.
func tab(line []byte, at int) int {
	if k := bytes.IndexByte(line[at:], '\t'); k >= 0 {
		return at + k
	}
	return len(line)
}

// walk goes over the escapes of the field that begins line and returns where it ends: at end, the first
// tab, or later when that one is escaped.
func walk(line []byte, end int) (int, error) {
	for at := 0; ; at += 2 {
		k := bytes.IndexByte(line[at:end], '\\')
		if k < 0 {
			return end, nil
		}
		at += k
		switch {
		case at+1 == len(line):
			return 0, ErrBackslash
		case line[at+1] == '.':
			return 0, ErrEndMark
		case at+1 == end:
			end = tab(line, end+1)
		}
	}
}

// hasBareReturn reports whether a carriage return in field is not escaped.
func hasBareReturn(field []byte) bool {
	for from := 0; ; {
		k := bytes.IndexByte(field[from:], '\r')
		if k < 0 {
			return false
		}
		if trailing(field[:from+k])%2 == 0 {
			return true
		}
		from += k + 1
	}
}

// Fields returns the raw fields of the current row. They are valid until the next call of Next or Feed
// and must not be changed; the slice is the Splitter's own.
func (s *Splitter) Fields() [][]byte { return s.fields }

// Line returns the current row as it came, without its newline; valid as Fields is.
func (s *Splitter) Line() []byte { return s.line }

// Row returns the number of the current row, from 1, which is also how many rows there were so far.
func (s *Splitter) Row() int64 { return s.row }

// Err returns what stopped Next, nil when it only ran out of data.
func (s *Splitter) Err() error { return s.err }

// Close ends the stream: it returns what stopped Next, or ErrUnfinished when a row had begun.
func (s *Splitter) Close() error {
	if s.err == nil && (len(s.chunk) > 0 || len(s.part) > 0 && !s.joined) {
		s.err = &Error{Row: s.row + 1, Err: ErrUnfinished}
	}
	return s.err
}
