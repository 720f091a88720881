package copytext

import (
	"errors"
	"fmt"
	"strings"
)

// What can be wrong with COPY text. The server writes none of it; who finds it has lost bytes on the way
// or reads something that is not COPY's.
var (
	ErrFields         = errors.New("the row has another number of fields than the table has columns")
	ErrBackslash      = errors.New("a backslash stands at the end and escapes nothing")
	ErrEndMark        = errors.New(`the end-of-data mark (backslash, dot) stands inside the data`)
	ErrCarriageReturn = errors.New("a carriage return is not escaped")
	ErrNUL            = errors.New("an escape spells the byte zero, which no value can hold")
	ErrUnfinished     = errors.New("the data ends in the middle of a row")
	ErrUndrained      = errors.New("more was fed before every row was taken")
)

// Error says where COPY text is malformed. It never holds a byte of the data. It unwraps to one of the
// package's sentinel errors.
type Error struct {
	// Row counts from 1 within what one Splitter was fed, Column from 1 within the row; 0 is unknown.
	Row    int64
	Column int
	Err    error
}

// Error returns the place and the problem.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("read COPY text")
	if e.Row > 0 {
		fmt.Fprintf(&b, ", row %d", e.Row)
	}
	if e.Column > 0 {
		fmt.Fprintf(&b, ", column %d", e.Column)
	}
	return b.String() + ": " + e.Err.Error()
}

// Unwrap returns the problem without its place.
func (e *Error) Unwrap() error { return e.Err }
