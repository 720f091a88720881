package refresh

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/finding"
	"github.com/lethedb/lethe/internal/masked"
	"github.com/lethedb/lethe/internal/work"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a producer and a sink in one, that counts its operations and fails the n-th.
type world struct {
	mu       sync.Mutex
	failAt   int // the operation that fails, from 1; 0 for none
	done     int
	order    *work.Order
	rows     map[catalog.Name]int64 // what the source holds
	lose     catalog.Name           // rows of this table vanish on the way
	written  map[string]int64
	finished []catalog.Name
	reading  bool
	begun    bool
	commits  int
	aborts   int
	broken   []string       // laws that were broken
	cuts     map[string]int // how often a part's session is cut after its rows were sent
}

// cut is an error that says of itself that the part may be tried again.
type cut struct{}

func (cut) Error() string   { return "the session was cut" }
func (cut) Transient() bool { return true }

var errInjected = errors.New("injected")

// op counts one operation and fails it when its turn has come.
func (w *world) op() error {
	w.done++
	if w.done == w.failAt {
		return errInjected
	}
	return nil
}

func (w *world) law(ok bool, format string, args ...any) {
	if !ok {
		w.broken = append(w.broken, fmt.Sprintf(format, args...))
	}
}

func (w *world) at(ctx context.Context, read func(context.Context, *work.Order, Producer) error) error {
	w.mu.Lock()
	w.reading = true
	w.mu.Unlock()
	err := read(ctx, w.order, w)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reading = false
	return err
}

const partsPerTable = 3

func (w *world) Parts(_ context.Context, table work.Table) ([]work.Part, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	parts := make([]work.Part, partsPerTable)
	for i := range parts {
		parts[i] = work.Part{Run: w.order.Run, Table: table.Table.Name, No: i, Range: work.Range{Kind: work.Whole}}
	}
	return parts, w.op()
}

func (w *world) Rows(_ context.Context, part work.Part) (*masked.Rows, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.law(w.reading, "rows of %s were opened outside the instant", part)
	return masked.Seal(masked.Header{Table: part.Table}, func(io.Writer) (int64, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.law(w.reading, "rows of %s were read outside the instant", part)
		n := w.rows[part.Table] / partsPerTable
		if part.No == 0 {
			n += w.rows[part.Table] % partsPerTable
		}
		return n, w.op()
	}), w.op()
}

func (w *world) Count(_ context.Context, table work.Table) (int64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.law(w.reading, "%s was counted outside the instant", table.Table.Name)
	return w.rows[table.Table.Name], w.op()
}

func (w *world) Begin(context.Context, *work.Order) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.begun = true
	return w.op()
}

func (w *world) Write(_ context.Context, part work.Part, rows *masked.Rows) (work.Count, error) {
	n, err := rows.Push(io.Discard)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.law(!slices.Contains(w.finished, part.Table), "%s was written after its table was finished", part)
	if err != nil {
		return work.Count{}, err
	}
	if w.cuts[part.String()] > 0 {
		w.cuts[part.String()]--
		return work.Count{}, cut{}
	}
	if part.Table != w.lose {
		w.written[part.String()] = n
	}
	return work.Count{Rows: n, Bytes: n * 10}, w.op()
}

func (w *world) Finish(_ context.Context, table catalog.Name) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.law(!slices.Contains(w.finished, table), "%s was finished twice", table)
	w.finished = append(w.finished, table)
	return w.op()
}

func (w *world) Verify(_ context.Context, want map[catalog.Name]int64) (finding.List, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.law(!w.reading, "the source was still held while the copy was verified")
	var found finding.List
	for _, table := range w.order.Tables {
		var got int64
		for i := range partsPerTable {
			got += w.written[work.Part{Table: table.Table.Name, No: i}.String()]
		}
		if expected, asked := want[table.Table.Name]; !asked || expected != got {
			found = append(found, finding.Finding{Code: "count", Object: table.Table.Name.String(), Message: "rows are missing"})
		}
	}
	return found, w.op()
}

func (w *world) Commit(context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.law(len(w.finished) == len(w.order.Tables), "published with %d of %d tables finished", len(w.finished), len(w.order.Tables))
	w.commits++
	return w.op()
}

func (w *world) Abort(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.law(ctx.Err() == nil, "abort was given a context that had ended")
	w.aborts++
	return nil
}

// newWorld makes tables with the given numbers of rows; -1 is a table that arrives empty by rule.
func newWorld(rows ...int64) *world {
	w := &world{order: &work.Order{Run: "r1"}, rows: map[catalog.Name]int64{}, written: map[string]int64{}}
	for i, n := range rows {
		name := catalog.Name{Schema: "public", Name: fmt.Sprintf("t%d", i)}
		table := &catalog.Table{Name: name, Kind: catalog.Ordinary, Size: catalog.Size{Bytes: n * 100}}
		w.order.Tables = append(w.order.Tables, work.Table{Table: table, Empty: n < 0, Into: name})
		w.rows[name] = max(n, 0)
	}
	return w
}

func (w *world) job(workers int) Job {
	return Job{At: w.at, Into: w, Verify: w, Workers: workers}
}

func TestRunPublishesOnceWhenEverythingArrived(t *testing.T) {
	w := newWorld(10, 0, -1, 7)
	report, err := Run(t.Context(), w.job(2))
	if err != nil {
		t.Fatal(err)
	}
	if w.commits != 1 || w.aborts != 0 || len(w.broken) > 0 {
		t.Errorf("got %d commits, %d aborts, broken laws %v", w.commits, w.aborts, w.broken)
	}
	if report.Total.Rows != 17 || len(report.Tables) != 4 {
		t.Errorf("got %+v, want 17 rows in 4 tables", report)
	}
}

// TestRunFailsClosedAtEveryOperation lets each operation of a run fail in turn, for any shape of the
// data: the failure is told, nothing is published, what was built is removed.
func TestRunFailsClosedAtEveryOperation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.SliceOfN(rapid.Int64Range(-1, 9), 0, 5).Draw(t, "rows")
		workers := rapid.IntRange(1, 4).Draw(t, "workers")
		whole := newWorld(rows...)
		if _, err := Run(t.Context(), whole.job(workers)); err != nil || len(whole.broken) > 0 {
			t.Fatalf("without a failure: %v, broken laws %v", err, whole.broken)
		}
		w := newWorld(rows...)
		w.failAt = rapid.IntRange(1, whole.done).Draw(t, "fails at")
		_, err := Run(t.Context(), w.job(workers))
		if !errors.Is(err, errInjected) {
			t.Fatalf("operation %d of %d failed and the run said: %v", w.failAt, whole.done, err)
		}
		if w.aborts != 1 || len(w.broken) > 0 {
			t.Fatalf("got %d aborts, broken laws %v", w.aborts, w.broken)
		}
		if w.commits > 0 && w.failAt < w.done {
			t.Fatalf("operation %d failed and the run was published", w.failAt)
		}
	})
}

func TestRunKeepsWhatServesWhenRowsAreLost(t *testing.T) {
	w := newWorld(10, 7)
	w.lose = catalog.Name{Schema: "public", Name: "t1"}
	_, err := Run(t.Context(), w.job(2))
	var verification *VerificationError
	if !errors.As(err, &verification) || len(verification.Findings) != 1 {
		t.Fatalf("got %v, want one finding", err)
	}
	if w.commits != 0 || w.aborts != 1 {
		t.Errorf("got %d commits and %d aborts, want none and one", w.commits, w.aborts)
	}
}

// TestAPartThatWasCutOffIsCopiedAgain holds that accidents to sessions are made good within the run, each part
// at most twice, and counted once; a part that is cut off again and again fails the run.
func TestAPartThatWasCutOffIsCopiedAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(rapid.SliceOfN(rapid.Int64Range(0, 9), 1, 4).Draw(t, "rows")...)
		w.cuts = map[string]int{}
		worst, all := 0, 0
		for _, table := range w.order.Tables {
			for no := range partsPerTable {
				n := rapid.SampledFrom([]int{0, 0, 0, 1, partAttempts - 1, partAttempts}).Draw(t, "cuts")
				w.cuts[work.Part{Table: table.Table.Name, No: no}.String()] = n
				worst, all = max(worst, n), all+n
			}
		}
		job := w.job(rapid.IntRange(1, 3).Draw(t, "workers"))
		var mu sync.Mutex
		var rows int64
		job.Events = func(e Event) {
			mu.Lock()
			defer mu.Unlock()
			rows += e.Rows
		}
		job.Pause = func(ctx context.Context, attempt int) error { return ctx.Err() }
		report, err := Run(t.Context(), job)
		if worst >= partAttempts {
			if !errors.Is(err, cut{}) || w.commits > 0 || w.aborts != 1 {
				t.Fatalf("cut %d times in a row: %v, %d commits, %d aborts", worst, err, w.commits, w.aborts)
			}
			return
		}
		if err != nil || w.commits != 1 || len(w.broken) > 0 {
			t.Fatalf("%d cuts: %v, %d commits, broken laws %v", all, err, w.commits, w.broken)
		}
		var want int64
		for _, n := range w.rows {
			want += n
		}
		if report.Retried != all || report.Total.Rows != want || rows < 0 || rows > want {
			t.Fatalf("%d retried of %d cuts, %d rows reported and %d shown of %d", report.Retried, all, report.Total.Rows, rows, want)
		}
	})
}

// TestARunWhoseRowsLandedIsResumedWithoutReading holds that a run that failed after its rows had arrived goes on
// from what OnLanded was told, reads nothing, and publishes what the first attempt brought.
func TestARunWhoseRowsLandedIsResumedWithoutReading(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(rapid.SliceOfN(rapid.Int64Range(-1, 9), 1, 5).Draw(t, "rows")...)
		var kept *Landed
		job := w.job(rapid.IntRange(1, 3).Draw(t, "workers"))
		job.OnLanded = func(_ context.Context, landed *Landed) error {
			w.law(w.reading, "told when the source was let go already")
			kept = landed
			return nil
		}
		job.Steps = []Step{{Phase: PhaseAfter, Do: func(context.Context) error { return errInjected }}}
		if _, err := Run(t.Context(), job); !errors.Is(err, errInjected) || kept == nil {
			t.Fatalf("the first attempt: %v, kept %v", err, kept)
		}
		again := Job{Landed: kept, Into: w, Verify: w, Workers: job.Workers}
		w.finished = nil
		report, err := Run(t.Context(), again)
		if err != nil || w.commits != 1 || len(w.broken) > 0 {
			t.Fatalf("resumed: %v, %d commits, broken laws %v", err, w.commits, w.broken)
		}
		var want int64
		for _, n := range w.rows {
			want += n
		}
		if report.Total.Rows != want || len(report.Tables) != len(w.order.Tables) {
			t.Fatalf("reported %d rows in %d tables, want %d in %d", report.Total.Rows, len(report.Tables), want, len(w.order.Tables))
		}
		lost := w.order.Tables[0].Table.Name
		delete(kept.Tables, lost)
		w.finished = nil
		if _, err := Run(t.Context(), again); !w.order.Tables[0].Empty && err == nil {
			t.Fatalf("%s had not arrived, and nobody noticed", lost)
		}
	})
}

// TestARunThatIsStoppedBetweenTwoTablesHasNotLanded holds that what was never begun is never told as arrived,
// though nothing that was begun has failed.
func TestARunThatIsStoppedBetweenTwoTablesHasNotLanded(t *testing.T) {
	w := newWorld(3, 4, 5)
	ctx, cancel := context.WithCancelCause(t.Context())
	job := w.job(1)
	job.Events = func(e Event) {
		if e.Landed {
			cancel(ErrStopped)
		}
	}
	job.OnLanded = func(_ context.Context, landed *Landed) error {
		t.Errorf("told of %d tables of %d", len(landed.Tables), len(w.order.Tables))
		return nil
	}
	if _, err := Run(ctx, job); !errors.Is(err, ErrStopped) || w.commits != 0 {
		t.Errorf("got %v and %d commits, want the cause and none", err, w.commits)
	}
}

func TestRunBuildsWithoutPublishing(t *testing.T) {
	w := newWorld(3)
	job := w.job(1)
	job.Build = true
	if _, err := Run(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	if w.commits != 0 || w.aborts != 0 {
		t.Errorf("got %d commits and %d aborts, want none", w.commits, w.aborts)
	}
}

func TestRunEndsWhenItsContextDoes(t *testing.T) {
	w := newWorld(3, 4)
	ctx, cancel := context.WithCancelCause(t.Context())
	job := w.job(1)
	job.Events = func(e Event) {
		if e.Phase == PhaseVerify {
			cancel(ErrStopped)
		}
	}
	if _, err := Run(ctx, job); err == nil {
		// The fake's verification does not look at the context; what follows it must.
		t.Error("a stopped run was published")
	}
	if w.commits != 0 {
		t.Errorf("got %d commits, want none", w.commits)
	}
}
