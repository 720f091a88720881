package pg

import (
	"bufio"
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

// copyFrame is what one CopyData message carries: pgx reads into 64 KiB and keeps 5 bytes for the header
// of the message; shorter reads make many small messages of it.
const copyFrame = 65536 - 5

// formatOf returns the form that a table's rows travel in.
func formatOf(table work.Table) masked.Format {
	if table.Binary {
		return masked.Binary
	}
	return masked.Text
}

// copyIn streams the rows into the table that they are loaded through.
func copyIn(ctx context.Context, conn *pgx.Conn, table work.Table, rows *masked.Rows) (work.Count, error) {
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
	statement := "COPY " + into.SQL() + " " + list + " FROM STDIN (FORMAT " + string(formatOf(table)) + ")"
	var count work.Count
	reader, writer := io.Pipe()
	var pushing sync.WaitGroup
	var pushed int64
	var pushErr error
	pushing.Go(func() {
		// The pipe is closed with the error of pushing, so that the server is told to forget the rows.
		defer func() { _ = writer.CloseWithError(pushErr) }()
		counted := &countingWriter{w: writer}
		buffer := bufio.NewWriterSize(counted, copyFrame)
		if pushed, pushErr = rows.Push(buffer); pushErr == nil {
			pushErr = buffer.Flush()
		}
		count.Bytes = counted.n
	})
	tag, err := conn.PgConn().CopyFrom(ctx, reader, statement)
	_ = reader.CloseWithError(io.ErrClosedPipe) // a server that stopped reading must not leave the pusher waiting
	pushing.Wait()
	switch {
	case pushErr != nil && !errors.Is(pushErr, io.ErrClosedPipe):
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

// countingWriter counts what goes through it.
type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
