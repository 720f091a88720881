package pg

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/masked"
	"github.com/lethedb/lethe/internal/work"
)

const (
	// copyFrame is what one CopyData message carries: pgx reads into 64 KiB and keeps 5 bytes for the header
	// of the message; shorter reads make many small messages of it.
	copyFrame = 65536 - 5
	// copyFrames is how many may wait between masking and sending, so that neither stops for the other's
	// hiccups. What keeps the server busy meanwhile is the connection's own buffer.
	copyFrames = 4
)

// formatOf returns the form that a table's rows travel in.
func formatOf(table work.Table) masked.Format {
	if table.Binary {
		return masked.Binary
	}
	return masked.Text
}

// copyIn streams the rows into the table that they are loaded through, frozen if the transaction emptied it.
// What is sent is shown to see, unless that is nil.
func copyIn(ctx context.Context, conn *pgx.Conn, table work.Table, frozen bool, rows *masked.Rows, see io.Writer) (work.Count, error) {
	into := table.Into
	if into.IsZero() {
		into = table.Table.Name
	}
	columns := make([]string, len(table.Columns))
	for i, c := range table.Columns {
		columns[i] = quoted(c)
	}
	list := "(" + strings.Join(columns, ", ") + ")"
	if len(columns) == 0 {
		list = "" // a table without columns has rows all the same, and an empty list is a syntax error
	}
	statement := fmt.Sprintf("COPY %s %s FROM STDIN (FORMAT %s, FREEZE %t)", into.SQL(), list, formatOf(table), frozen)
	frames := newFrameQueue()
	var pushing sync.WaitGroup
	var pushed int64
	var pushErr error
	ended := make(chan struct{}) // when the rows have, before the server is told
	pushing.Go(func() {
		to := io.Writer(frames)
		if see != nil {
			to = io.MultiWriter(frames, see)
		}
		pushed, pushErr = rows.Push(to)
		close(ended)
		// The queue ends with the error of pushing, so that the server is told to forget the rows.
		pushErr = frames.finish(pushErr)
	})
	tag, err := conn.PgConn().CopyFrom(ctx, frames, statement)
	frames.abandon() // a server that stopped reading must not leave the pusher waiting
	refused := false
	select {
	case <-ended:
	default:
		// Nor its source, which may be long in coming with the next row.
		refused = err != nil
		rows.Abandon()
	}
	pushing.Wait()
	count := work.Count{Bytes: frames.taken}
	switch {
	case refused:
		return count, fmt.Errorf("copy into %s: %w", into, err)
	case pushErr != nil && !errors.Is(pushErr, errAbandoned):
		return count, pushErr // the cause; what the server says of it is an echo
	case err != nil:
		return count, fmt.Errorf("copy into %s: %w", into, err)
	case pushErr != nil:
		return count, fmt.Errorf("copy into %s: %w", into, pushErr)
	case tag.RowsAffected() != pushed:
		return count, fmt.Errorf("copy into %s: %d rows were sent and %d arrived", into, pushed, tag.RowsAffected())
	}
	count.Rows = pushed
	return count, nil
}

// errAbandoned says that nobody reads any more.
var errAbandoned = errors.New("the rows are not read any more")

// frameQueue is a pipe that holds a few frames: one goroutine writes and finishes, another reads. Memory
// is taken once, for as many frames as the two of them need.
type frameQueue struct {
	full  chan []byte // closed at the end
	empty chan []byte
	gone  chan struct{} // closed when nobody reads any more
	once  sync.Once
	// filling is the writer's, reading and rest the reader's; made counts the frames there are.
	filling, reading, rest []byte
	made                   int
	// taken counts the bytes that were handed to the reader's side.
	taken int64
	// err is what finish was told; it is read after full was closed.
	err error
}

func newFrameQueue() *frameQueue {
	return &frameQueue{full: make(chan []byte, copyFrames), empty: make(chan []byte, copyFrames), gone: make(chan struct{})}
}

// Write queues p, and waits while the queue is full.
func (q *frameQueue) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		if q.filling == nil {
			if err := q.frame(); err != nil {
				return len(p) - len(rest), err
			}
		}
		n := min(len(rest), copyFrame-len(q.filling))
		q.filling = append(q.filling, rest[:n]...)
		rest = rest[n:]
		if len(q.filling) == copyFrame {
			if err := q.hand(); err != nil {
				return len(p) - len(rest), err
			}
		}
	}
	return len(p), nil
}

// frame gets an empty frame to fill.
func (q *frameQueue) frame() error {
	select {
	case q.filling = <-q.empty:
		return nil
	default:
	}
	if q.made < copyFrames {
		q.made++
		q.filling = make([]byte, 0, copyFrame)
		return nil
	}
	select {
	case q.filling = <-q.empty:
		return nil
	case <-q.gone:
		return errAbandoned
	}
}

// hand gives the frame to the reader.
func (q *frameQueue) hand() error {
	frame := q.filling
	q.filling = nil
	select {
	case <-q.gone:
		return errAbandoned
	case q.full <- frame:
		q.taken += int64(len(frame))
		return nil
	}
}

// finish hands over what is left, or the error that ended the writing, and returns the writer's error.
func (q *frameQueue) finish(err error) error {
	if err == nil && len(q.filling) > 0 {
		err = q.hand()
	}
	q.err = err
	close(q.full)
	return err
}

// Read takes a frame, or the rest of one.
func (q *frameQueue) Read(p []byte) (int, error) {
	if len(q.rest) == 0 {
		if q.reading != nil {
			q.empty <- q.reading[:0]
			q.reading = nil
		}
		frame, ok := <-q.full
		if !ok {
			if q.err != nil {
				return 0, q.err
			}
			return 0, io.EOF
		}
		q.reading, q.rest = frame, frame
	}
	n := copy(p, q.rest)
	q.rest = q.rest[n:]
	return n, nil
}

// abandon ends the reading.
func (q *frameQueue) abandon() { q.once.Do(func() { close(q.gone) }) }
