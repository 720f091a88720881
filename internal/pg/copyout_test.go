package pg

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"github.com/lethedb/lethe/internal/pgtest"
)

// message is one message of the server's.
func message(kind byte, body string) []byte {
	m := binary.BigEndian.AppendUint32([]byte{kind}, uint32(len(body)+lengthItself))
	return append(m, body...)
}

// chunked gives a stream in pieces of the sizes that next returns.
type chunked struct {
	rest []byte
	next func() int
}

func (c *chunked) Read(p []byte) (int, error) {
	if len(c.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.rest[:min(len(c.rest), c.next())])
	c.rest = c.rest[n:]
	return n, nil
}

func TestTheTapTakesOutTheRowsAndNothingElse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var stream, rows, others []byte
		for range rapid.IntRange(0, 40).Draw(t, "messages") {
			body := rapid.StringN(0, 60, -1).Draw(t, "body")
			kind := rapid.SampledFrom([]byte("dddddCNSZE")).Draw(t, "kind")
			m := message(kind, body)
			stream = append(stream, m...)
			if kind == copyData {
				rows = append(rows, body...)
			} else {
				others = append(others, m...)
			}
		}
		var sink bytes.Buffer
		from := &chunked{stream, func() int { return rapid.IntRange(1, 90).Draw(t, "chunk") }}
		tap := &copyTap{from: from, buffer: make([]byte, rapid.IntRange(messageHeader, 100).Draw(t, "buffer")), sink: &sink}
		if rapid.Bool().Draw(t, "closed") {
			tap.sink, rows, others = nil, nil, stream // a closed tap passes everything on
		}
		got, err := io.ReadAll(iotest.OneByteReader(tap))
		if err != nil || !bytes.Equal(got, others) || !bytes.Equal(sink.Bytes(), rows) {
			t.Fatalf("the driver got %q, want %q; the sink got %q, want %q; %v", got, others, sink.Bytes(), rows, err)
		}
	})
}

func TestTheTapRefusesAnImpossibleLength(t *testing.T) {
	for _, kind := range []byte("dC") {
		for _, length := range []uint32{0, 3, 1 << 31, 1<<32 - 1} {
			tap := &copyTap{from: bytes.NewReader(binary.BigEndian.AppendUint32([]byte{kind}, length)), buffer: make([]byte, 16), sink: io.Discard}
			if _, err := io.ReadAll(tap); !errors.Is(err, errMessage) {
				t.Errorf("%c of length %d: %v", kind, length, err)
			}
		}
	}
}

// tapped is a session and its database.
func tapped(t *testing.T, statements ...string) (*pgtest.DB, *pgx.Conn) {
	t.Helper()
	db := pgtest.New(t)
	db.Exec(t, statements...)
	return db, open(t, db.DSN(), session{name: "lethe/tap"})
}

func TestReadingRowsEndsAsTheServerSays(t *testing.T) {
	db, conn := tapped(t, `CREATE FUNCTION noisy(n int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN
		IF n % 100 = 0 THEN RAISE WARNING 'a notice between rows'; END IF;
		IF n % 1000 = 0 THEN PERFORM set_config('application_name', 'n' || n, false); END IF; -- sends a parameter's status
		RETURN n / (5001 - n); END $$`)
	const query = "COPY (SELECT g, public.noisy(g) FROM generate_series(1, 6000) g) TO STDOUT"
	var text strings.Builder
	rows, err := copyOut(t.Context(), conn, "COPY (SELECT g, public.noisy(g) FROM generate_series(1, 5000) g) TO STDOUT", &text)
	if err != nil || rows != 5000 || strings.Count(text.String(), "\n") != 5000 || !strings.HasSuffix(text.String(), "\n5000\t5000\n") {
		t.Fatalf("%d rows, %v", rows, err)
	}
	assertEqual(t, "the setting the server told of", conn.PgConn().ParameterStatus("application_name"), "n5000")
	// An error in the middle is the server's, the rows before it came, and the session goes on.
	text.Reset()
	if _, err := copyOut(t.Context(), conn, query, &text); !hasCode(err, "22012") || strings.Count(text.String(), "\n") != 5000 {
		t.Errorf("%d rows and then %v", strings.Count(text.String(), "\n"), err)
	}
	var one int
	if err := conn.QueryRow(t.Context(), "SELECT 1").Scan(&one); err != nil || one != 1 {
		t.Errorf("and then: %v", err)
	}
	// The sink's error is the cause, and nothing goes on.
	full := errors.New("the sink is full")
	other := open(t, db.DSN(), session{name: "lethe/tap"})
	if _, err := copyOut(t.Context(), other, query, fullSink{full}); !errors.Is(err, full) || !other.IsClosed() {
		t.Errorf("the sink failed: %v", err)
	}
}

// fullSink takes nothing.
type fullSink struct{ err error }

func (f fullSink) Write([]byte) (int, error) { return 0, f.err }

// after calls do once the first rows are here.
type after struct {
	do   func()
	done bool
}

func (a *after) Write(p []byte) (int, error) {
	if !a.done {
		a.done = true
		a.do()
	}
	return len(p), nil
}

func TestReadingRowsCanBeCancelledAndSurvivesNoServer(t *testing.T) {
	db, conn := tapped(t)
	const endless = "COPY (SELECT generate_series(1, 1000000000), repeat('x', 100)) TO STDOUT"
	ctx, cancel := context.WithCancel(t.Context())
	began := time.Now()
	if _, err := copyOut(ctx, conn, endless, &after{do: cancel}); err == nil {
		t.Error("cancelled and went on")
	}
	if took := time.Since(began); took > cancelGrace+2*time.Second {
		t.Errorf("the cancellation took %v", took)
	}
	other := open(t, db.DSN(), session{name: "lethe/tap"})
	kill := func() { db.QueryInt(t, "SELECT count(pg_terminate_backend($1))", int64(other.PgConn().PID())) }
	if _, err := copyOut(t.Context(), other, endless, &after{do: kill}); err == nil || !other.IsClosed() {
		t.Errorf("the server went away: %v", err)
	}
}

// counting counts bytes and holds none.
type counting struct{ n, largest int }

func (c *counting) Write(p []byte) (int, error) {
	c.n += len(p)
	c.largest = max(c.largest, len(p))
	return len(p), nil
}

func TestAHugeRowIsReadInPiecesAndHeldNowhere(t *testing.T) {
	_, conn := tapped(t)
	const size = 20_000_000
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	var got counting
	if _, err := copyOut(t.Context(), conn, "COPY (SELECT repeat('x', 20000000)) TO STDOUT", &got); err != nil || got.n != size+1 {
		t.Fatalf("%d bytes, %v", got.n, err)
	}
	runtime.ReadMemStats(&now)
	if taken := now.TotalAlloc - before.TotalAlloc; got.largest > tapBuffer || taken > 1<<20 {
		t.Errorf("pieces of up to %d bytes, %d bytes of memory taken", got.largest, taken)
	}
}
