package pg

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
)

const (
	// tapBuffer is what one read from a connection may bring: the server sends 8 KiB at a time, and what
	// piles up meanwhile is taken at once.
	tapBuffer = 64 << 10
	// messageHeader is a message's type and its length, which counts itself but not the type.
	messageHeader = 5
	lengthItself  = 4
	// copyData is the type of the messages that carry the rows of a COPY, usually one each.
	copyData = 'd'
)

// copyTap stands between a connection and the driver. While a COPY is read it takes the rows out of the
// stream and writes them on, many at once; everything else passes to the driver, which so keeps to its
// own business: errors, notices, cancellation, the end of the statement. The driver itself would hand over
// row by row, with a message made and a writer called for each.
//
// It always knows where messages begin, and holds no more than its buffer however long a row is. It is
// used by one goroutine at a time, as the driver reads.
type copyTap struct {
	from   io.Reader
	buffer []byte
	// next and end bound what was read and not passed on yet.
	next, end int
	// driver and data count the bytes still to come of the message that has begun: one for the driver, or rows.
	driver, data int
	// sink gets the rows while a COPY is read; else nil, and rows pass like everything else.
	sink io.Writer
	// err is what the sink said; fault what the connection said together with its last bytes.
	err, fault error
}

// What ends a connection from within the tap. The driver hands the error on as one of the network.
var (
	errSink    = errors.New("the rows could not be passed on")
	errMessage = errors.New("the server sent a message of an impossible length")
)

// Read gives the driver the next bytes that are its own.
func (t *copyTap) Read(p []byte) (int, error) {
	for len(p) > 0 {
		if t.driver == 0 && t.sink != nil {
			if err := t.drain(); err != nil {
				return 0, err
			}
		}
		if t.driver == 0 && t.data == 0 && t.end-t.next >= messageHeader {
			size, err := t.bodySize()
			if err != nil {
				return 0, err
			}
			t.driver = messageHeader + size
		}
		if n := min(t.driver, t.end-t.next); n > 0 {
			n = copy(p, t.buffer[t.next:t.next+n])
			t.next += n
			t.driver -= n
			return n, nil
		}
		if err := t.fill(); err != nil {
			return 0, err
		}
	}
	return 0, nil
}

// bodySize returns how many bytes follow the header that stands next.
func (t *copyTap) bodySize() (int, error) {
	size := int(int32(binary.BigEndian.Uint32(t.buffer[t.next+1:]))) - lengthItself
	if size < 0 {
		return 0, errMessage
	}
	return size, nil
}

// fill reads more, behind a header of which only a part is here.
func (t *copyTap) fill() error {
	if t.fault != nil {
		return t.fault
	}
	t.end = copy(t.buffer, t.buffer[t.next:t.end])
	t.next = 0
	n, err := t.from.Read(t.buffer[t.end:])
	t.end += n
	if n > 0 {
		// A timeout is not for ever: the driver may read again.
		if timeout, ok := errors.AsType[net.Error](err); !ok || !timeout.Timeout() {
			t.fault = err
		}
		return nil
	}
	return err
}

// drain writes the rows that stand next to the sink, put together in place.
func (t *copyTap) drain() error {
	start := t.next
	to := start
	for {
		if t.data > 0 {
			n := min(t.data, t.end-t.next)
			copy(t.buffer[to:], t.buffer[t.next:t.next+n])
			to += n
			t.next += n
			t.data -= n
		}
		if t.data > 0 || t.end-t.next < messageHeader || t.buffer[t.next] != copyData {
			break
		}
		size, err := t.bodySize()
		if err != nil {
			return err
		}
		t.next += messageHeader
		t.data = size
	}
	if to == start {
		return nil
	}
	if _, err := t.sink.Write(t.buffer[start:to]); err != nil {
		t.err = err
		return errSink
	}
	return nil
}

// taps makes the taps of one dialling, which may try several servers.
type taps struct {
	mu sync.Mutex
	of map[io.Writer]*copyTap
}

// frontend makes the driver's frontend of one connection, with a tap before it.
func (t *taps) frontend(r io.Reader, w io.Writer) *pgproto3.Frontend {
	tap := &copyTap{from: r, buffer: make([]byte, tapBuffer)}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.of[w] = tap
	return pgproto3.NewFrontend(tap, w)
}

// tapKey is where a connection keeps its tap.
const tapKey = "lethe copy tap"

// attach leaves the connection's tap where copyOut finds it.
func (t *taps) attach(conn *pgx.Conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	conn.PgConn().CustomData()[tapKey] = t.of[conn.PgConn().Conn()]
	t.of = nil
}

// copyOut runs a COPY … TO STDOUT and writes what it yields to w, which gets whole rows or pieces of them
// and must not keep them. It returns how many rows the server says it sent. When w errs the connection is
// closed and the error is w's own.
func copyOut(ctx context.Context, conn *pgx.Conn, statement string, w io.Writer) (rows int64, err error) {
	tap, ok := conn.PgConn().CustomData()[tapKey].(*copyTap)
	if !ok || tap == nil {
		return 0, errors.New("the connection was not made to read rows")
	}
	tap.sink, tap.err = w, nil
	defer func() { tap.sink = nil }()
	// The driver gets no rows to write.
	tag, err := conn.PgConn().CopyTo(ctx, io.Discard, statement)
	switch {
	case tap.err != nil:
		return 0, tap.err
	case err != nil:
		return 0, err
	case tap.data > 0:
		return 0, fmt.Errorf("the server ended the statement within a row")
	}
	return tag.RowsAffected(), nil
}
