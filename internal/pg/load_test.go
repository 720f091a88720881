package pg

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/masked"
	"github.com/lethedb/lethe/internal/pgtest"
	"github.com/lethedb/lethe/internal/work"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// begun is a scene whose target has begun, with one table of one column to load.
type begun struct {
	*scene
	target *Target
	table  work.Table
}

// begin makes a source with the table "a (id int primary key)" and begins.
func begin(t *testing.T, change func(*TargetOptions)) *begun {
	t.Helper()
	b := &begun{scene: newScene(t, `CREATE TABLE a (id int PRIMARY KEY)`)}
	opts := b.options(t, "r1")
	if change != nil {
		change(&opts)
	}
	b.target = openTarget(t, opts)
	source, err := OpenSource(t.Context(), SourceOptions{Name: "production", DSN: b.source.DSN(), Run: "r1", Dir: opts.Dir})
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	c := mustCatalog(t, source)
	err = source.WithSnapshot(t.Context(), c, allTables(c), func(ctx context.Context, snap *Snapshot) error {
		order := &work.Order{Run: "r1", Environment: "staging", Catalog: c, Schema: t.TempDir() + "/schema", Digests: work.Digests{Plan: planDigest}}
		order.Tables = orderTable(&c.Tables[0])
		b.table = order.Tables[0]
		if err := snap.DumpSchema(ctx, opts.Tools, order.Schema, nil); err != nil {
			return err
		}
		return b.target.Begin(ctx, order)
	})
	if err != nil {
		t.Fatal(explain(err))
	}
	return b
}

func (b *begun) part(no int) work.Part {
	return work.Part{Run: "r1", Table: public("a"), No: no, Range: work.Range{Kind: work.Whole}}
}

func (b *begun) write(no int, text string) (work.Count, error) {
	return b.target.Write(context.Background(), b.part(no), sealed(b.table, text))
}

// rows counts what is in the table under construction.
func (b *begun) rows(t *testing.T) int64 {
	t.Helper()
	return pgtest.QueryInt(t, b.source.Database(b.target.build.database), `SELECT count(*) FROM public.a`)
}

func TestAPartTriedTwiceIsLoadedOnce(t *testing.T) {
	b := begin(t, nil)
	for range 2 {
		got, err := b.write(0, "1\n2\n3\n")
		if err != nil {
			t.Fatal(err)
		}
		assertEqual(t, "count", got, work.Count{Rows: 3, Bytes: 6})
	}
	if _, err := b.write(1, "4\n"); err != nil {
		t.Fatal(err)
	}
	assertEqual(t, "rows", b.rows(t), 4)
}

func TestAPartWhoseCommitWentUnansweredIsLoadedOnce(t *testing.T) {
	var p *proxy
	b := begin(t, func(opts *TargetOptions) { p, opts.DSN = newProxy(t, opts.DSN, "COPY", "COMMIT\x00") })
	p.armed.Store(true)
	if _, err := b.write(0, "1\n2\n"); err == nil {
		t.Fatal("the answer was cut off and nobody noticed")
	}
	<-p.cut
	got, err := b.write(0, "1\n2\n")
	if err != nil {
		t.Fatal(err)
	}
	assertEqual(t, "count", got.Rows, 2)
	assertEqual(t, "rows", b.rows(t), 2)
}

// TestASessionThatIsEndedMayBeReplaced holds that a part whose session is ended under it says that it may be
// tried again, and then is loaded once; without the environment's lock it may not.
func TestASessionThatIsEndedMayBeReplaced(t *testing.T) {
	b := begin(t, nil)
	ended := func(no int) error {
		rows := masked.Seal(sealed(b.table, "").Header(), func(w io.Writer) (int64, error) {
			const end = `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = $1 AND query LIKE 'COPY%'`
			// Rows are asked for beside the statement that will take them: it may not have begun.
			for t.Context().Err() == nil && pgtest.QueryInt(t, b.source.DSN(), end, b.target.build.database) == 0 {
				continue
			}
			_, err := io.WriteString(w, strings.Repeat(itoa(int64(no))+"\n", 1<<18))
			return 1 << 18, err
		})
		_, err := b.target.Write(t.Context(), b.part(no), rows)
		return err
	}
	if broken, ok := errors.AsType[*BrokenOffError](ended(0)); !ok || !broken.Transient() {
		t.Fatalf("got %v", broken)
	}
	if _, err := b.write(0, "1\n2\n"); err != nil {
		t.Fatal(err)
	}
	assertEqual(t, "rows", b.rows(t), 2)
	pgtest.QueryInt(t, b.target.opts.DSN, `SELECT pg_terminate_backend($1)::int`, int64(b.target.lock.conn.PgConn().PID()))
	err := ended(1)
	if lost, ok := errors.AsType[*LostError](err); !ok || lost.What != lostLock {
		t.Errorf("without the lock: %v", err)
	}
}

// TestAWorkerThatIsOvertakenLeavesNothing holds for a part among others and for a table that is loaded whole, which
// the one who hangs has locked.
func TestAWorkerThatIsOvertakenLeavesNothing(t *testing.T) {
	for _, whole := range []bool{false, true} {
		t.Run(fmt.Sprintf("whole %v", whole), func(t *testing.T) { overtaken(t, whole) })
	}
}

func overtaken(t *testing.T, whole bool) {
	b := begin(t, func(opts *TargetOptions) { opts.LockTimeout = 100 * time.Millisecond })
	table := b.target.build.tables[public("a")]
	table.Whole = whole
	b.target.build.tables[public("a")] = table
	started, resume := make(chan struct{}), make(chan struct{})
	slow := masked.Seal(sealed(b.table, "").Header(), func(w io.Writer) (int64, error) {
		// More than a frame, so that the server has rows of it.
		var text strings.Builder
		for i := range 20000 {
			text.WriteString(itoa(int64(100000+i)) + "\n")
		}
		if _, err := io.WriteString(w, text.String()); err != nil {
			return 0, err
		}
		close(started)
		<-resume
		return 20000, nil
	})
	var zombie sync.WaitGroup
	var zombieErr error
	zombie.Go(func() { _, zombieErr = b.target.Write(context.Background(), b.part(0), slow) })
	<-started
	began := time.Now()
	if _, err := b.write(0, "1\n2\n"); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("the take-over waited %v for the zombie", took)
	}
	close(resume)
	zombie.Wait()
	if broken, ended := errors.AsType[*BrokenOffError](zombieErr); whole && (!ended || !broken.Transient()) {
		t.Errorf("the zombie got %v", zombieErr)
	}
	if !whole && (!errors.Is(zombieErr, ErrPartTaken) || !hasCode(zombieErr, "23505")) {
		t.Errorf("the zombie got %v", zombieErr)
	}
	assertEqual(t, "rows", b.rows(t), 2)
}

func TestAWorkerThatHangsBeforeItsCommitIsEnded(t *testing.T) {
	b := begin(t, func(opts *TargetOptions) { opts.LockTimeout = 50 * time.Millisecond })
	hanging := open(t, asRole(b.source.Database(b.target.build.database), b.lethe), session{name: "lethe/r1"})
	if _, err := hanging.Exec(t.Context(), `BEGIN; INSERT INTO public.a VALUES (7); INSERT INTO lethe.part VALUES ('r1', 'public.a#0', 1, 2)`); err != nil {
		t.Fatal(err)
	}
	if _, err := b.write(0, "1\n2\n"); err != nil {
		t.Fatal(err)
	}
	assertEqual(t, "rows", b.rows(t), 2)
	if err := hanging.Ping(t.Context()); err == nil {
		t.Error("the worker that hung goes on")
	}
}

func TestOnlyRowsThatWereOrderedArrive(t *testing.T) {
	b := begin(t, nil)
	header := sealed(b.table, "").Header()
	for name, change := range map[string]func(*masked.Header, *work.Part){
		"another plan":    func(h *masked.Header, _ *work.Part) { h.Plan = "other" },
		"another table":   func(h *masked.Header, _ *work.Part) { h.Table = public("b") },
		"other columns":   func(h *masked.Header, _ *work.Part) { h.Columns = []string{"id", "x"} },
		"binary":          func(h *masked.Header, _ *work.Part) { h.Format = masked.Binary },
		"another run":     func(_ *masked.Header, p *work.Part) { p.Run = "r2" },
		"no such table":   func(_ *masked.Header, p *work.Part) { p.Table = public("b") },
		"our own catalog": func(_ *masked.Header, p *work.Part) { p.Table = catalog.Name{Schema: "lethe", Name: "part"} },
	} {
		h, p := header, b.part(0)
		change(&h, &p)
		rows := masked.Seal(h, func(io.Writer) (int64, error) {
			t.Errorf("%s: rows were read", name)
			return 0, nil
		})
		if _, err := b.target.Write(t.Context(), p, rows); err == nil {
			t.Errorf("%s: loaded", name)
		}
	}
	assertEqual(t, "rows", b.rows(t), 0)
}

func TestRowsThatFailLeaveNothingAndSayNoValue(t *testing.T) {
	b := begin(t, nil)
	cause := errors.New("mask public.a.id: line 2")
	rows := masked.Seal(sealed(b.table, "").Header(), func(w io.Writer) (int64, error) {
		_, _ = io.WriteString(w, "1\n")
		return 1, cause
	})
	if _, err := b.target.Write(t.Context(), b.part(0), rows); !errors.Is(err, cause) {
		t.Errorf("got %v, want the cause", err)
	}
	_, err := b.write(0, "1\nmy secret\n")
	if !hasCode(err, "22P02") || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("a bad value: %v", err)
	}
	lying := masked.Seal(sealed(b.table, "").Header(), func(w io.Writer) (int64, error) {
		_, err := io.WriteString(w, "1\n2\n")
		return 3, err
	})
	if _, err := b.target.Write(t.Context(), b.part(0), lying); err == nil || !strings.Contains(err.Error(), "3 rows were sent and 2 arrived") {
		t.Errorf("a row was lost on the way: %v", err)
	}
	assertEqual(t, "rows", b.rows(t), 0)
	if got, err := b.write(0, "1\n2\n"); err != nil || got.Rows != 2 {
		t.Errorf("and then: %v, %v", got, err)
	}
}

func TestACancelledLoadEndsOnBothSides(t *testing.T) {
	b := begin(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	started := make(chan struct{})
	endless := masked.Seal(sealed(b.table, "").Header(), func(w io.Writer) (int64, error) {
		for i := int64(0); ; i++ {
			if _, err := io.WriteString(w, itoa(i)+"\n"); err != nil {
				return i, err
			}
			if i == 100000 {
				close(started)
			}
		}
	})
	go func() {
		<-started
		cancel()
	}()
	if _, err := b.target.Write(ctx, b.part(0), endless); !errors.Is(err, context.Canceled) && !hasCode(err, "57014") {
		t.Errorf("got %v", err)
	}
	await(t, b.target0(), `SELECT (count(*) = 0)::int FROM pg_stat_activity WHERE query LIKE 'COPY%' AND datname = $1`, b.target.build.database)
	assertEqual(t, "rows", b.rows(t), 0)
}

// target0 is the environment's database, for questions about the server.
func (b *begun) target0() *pgtest.DB { return b.scene.target }

func TestNothingIsWrittenBeforeBegin(t *testing.T) {
	s := newScene(t)
	target := openTarget(t, s.options(t, "r1"))
	rows := masked.Seal(masked.Header{}, func(io.Writer) (int64, error) { return 0, nil })
	if _, err := target.Write(t.Context(), work.Part{}, rows); !errors.Is(err, errNotBegun) {
		t.Errorf("Write: %v", err)
	}
	if err := target.Finish(t.Context(), public("a")); !errors.Is(err, errNotBegun) {
		t.Errorf("Finish: %v", err)
	}
	if _, err := target.Verify(t.Context(), nil); !errors.Is(err, errNotBegun) {
		t.Errorf("Verify: %v", err)
	}
	if err := target.Commit(t.Context()); !errors.Is(err, errNotBegun) {
		t.Errorf("Commit: %v", err)
	}
	if err := target.Abort(t.Context()); err != nil {
		t.Errorf("Abort: %v", err)
	}
	assertList(t, "databases", s.databases(t), "")
}
