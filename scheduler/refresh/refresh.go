// Package refresh runs one plan: rows from a Producer, already masked, into a Sink that builds beside
// what serves now, is verified, and only then published.
//
// It knows neither PostgreSQL nor masks: both arrive through its interfaces. Nothing it returns or
// reports holds a value of a row.
package refresh

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/finding"
	"github.com/lethedb/lethe/internal/masked"
	"github.com/lethedb/lethe/internal/work"
)

// Producer makes the rows of one run, all of one instant. Its methods are safe for concurrent use.
type Producer interface {
	// Parts returns the parts that tile the table's rows, at least one.
	Parts(ctx context.Context, table work.Table) ([]work.Part, error)
	// Rows opens the rows of a part. The caller pushes them once or drops them.
	Rows(ctx context.Context, part work.Part) (*masked.Rows, error)
	// Count returns how many rows the whole table must arrive with, counted, not summed from parts: a
	// part that was never made would agree with such a sum.
	Count(ctx context.Context, table work.Table) (int64, error)
}

// Sink builds what the order says, beside what serves now. Write and Finish are called from several
// goroutines; the others from one.
type Sink interface {
	// Begin makes the empty tables. Nothing that serves is touched before Commit.
	Begin(ctx context.Context, order *work.Order) error
	// Write loads one part. A second call for the same part changes nothing and returns its count.
	Write(ctx context.Context, part work.Part, rows *masked.Rows) (work.Count, error)
	// Finish is called once for each table, after its last part; the last call returns when all that
	// stands on the data is in place: indexes, constraints, sequences, statistics.
	Finish(ctx context.Context, table catalog.Name) error
	// Commit publishes, atomically, and does nothing that could have been done before.
	Commit(ctx context.Context) error
	// Abort removes what was built. It is called after an error, also after one of Commit.
	Abort(ctx context.Context) error
}

// Verifier judges what a Sink built against the counts the source was asked for, by the source's table. A
// finding of severity Error keeps the run from being published.
type Verifier interface {
	Verify(ctx context.Context, want map[catalog.Name]int64) (finding.List, error)
}

// Schedule is the sink's own order of work, for a sink whose tables wait for each other: it says what may be
// loaded, and does what stands on the rows beside the loading, instead of in Finish.
type Schedule interface {
	// Next returns the table whose rows may be loaded next, each table of the order once, and waits for it
	// when there is none yet; ok is false when there will be none. It is called from one goroutine, when
	// every part of the table before has been taken up.
	Next(ctx context.Context) (table catalog.Name, ok bool, err error)
	// Work returns when all that stands on the data is in place, or with the first error: from then on Next
	// waits for nothing. It is called once,
	// after Begin, and runs beside Next, Write and Finish. Finished is told of each table whose indexes
	// stand, from several goroutines.
	Work(ctx context.Context, finished func(catalog.Name)) error
}

// Instant runs read inside one instant of a source: the order and the producer it is given are valid
// until it returns, and the source is let go of then.
type Instant func(ctx context.Context, read func(ctx context.Context, order *work.Order, from Producer) error) error

// Job is what Run needs. Into, Verify, and At or Landed are required.
type Job struct {
	At     Instant
	Into   Sink
	Verify Verifier
	// Trial tries a few rows of each table before the first is loaded; nil tries none.
	Trial Trial
	// Landed resumes a run whose rows had all arrived: nothing is read, and At is not called.
	Landed *Landed
	// OnLanded is told once every row has arrived and was counted, before the source is let go. What it
	// keeps is what Landed takes. An error fails the run. It may be nil.
	OnLanded func(ctx context.Context, landed *Landed) error
	// Schedule is the sink's own order of work; nil loads the largest tables first and leaves the rest to
	// Finish.
	Schedule Schedule
	// Steps are done in order once the copy was verified, also when Build is set. An error of one ends the
	// run, and what was built is removed.
	Steps []Step
	// Publishing are done in order right before Commit. An error of one ends the run and leaves what was
	// built, which is complete.
	Publishing []Step
	// Workers is how many parts are read and loaded at once. Defaults to 2.
	Workers int
	// Build stops before Commit and leaves what was built.
	Build bool
	// Events is told what happens, from several goroutines at once. It may be nil.
	Events func(Event)
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
	// Pause waits before a part is tried again, longer after each attempt, or until ctx ends. Defaults to a
	// quarter of a second and then a second.
	Pause func(ctx context.Context, attempt int) error
}

// Step is one more thing that is done to what was built before it is published.
type Step struct {
	// Phase names it in events and in the report.
	Phase Phase
	Do    func(ctx context.Context) error
}

// Phase names what a run is doing.
type Phase string

// The phases of a run, in their order.
const (
	PhaseBegin  Phase = "build"
	PhaseTrial  Phase = "trial"
	PhaseCopy   Phase = "copy"
	PhaseFinish Phase = "finish"
	PhaseVerify Phase = "verify"
	// Then come the phases of the steps, such as these.
	PhaseRetain  Phase = "retain"
	PhaseAfter   Phase = "after"
	PhaseCheck   Phase = "check"
	PhaseBuilt   Phase = "built"
	PhaseWait    Phase = "wait"
	PhaseHooks   Phase = "hooks"
	PhasePublish Phase = "publish"
)

// Event is one step of progress.
type Event struct {
	// Phase is set when a phase begins.
	Phase Phase
	// Order is set once, with PhaseCopy, so that whoever draws progress knows what is to come.
	Order *work.Order
	// Table is the table that moved on; zero for phases.
	Table catalog.Name
	// Bytes and Rows were just loaded; below 0 they are taken back, for the part is loaded again.
	Bytes int64
	Rows  int64
	// Held is a failure that can be mended: the run will end with it, and copies on so that it can be resumed.
	Held error
	// Landed reports that the table's last part landed; Finished that its indexes stand.
	Landed, Finished bool
}

// Report says what a run did.
type Report struct {
	Tables []TableReport `json:"tables"`
	Phases []PhaseReport `json:"phases"`
	// Findings are what verification found, warnings included.
	Findings finding.List `json:"findings,omitempty"`
	Total    work.Count   `json:"total"`
	// Retried is how many attempts at a part were lost to accidents and made again.
	Retried int `json:"retried,omitempty"`
}

// TableReport says what became of one table.
type TableReport struct {
	Table catalog.Name `json:"table"`
	work.Count
	// Expected is the source's own count.
	Expected int64 `json:"expected"`
	// Milliseconds is the time from the table's first part to its last, others running beside it.
	Milliseconds int64 `json:"ms"`
}

// PhaseReport says how long a phase took.
type PhaseReport struct {
	Phase        Phase `json:"phase"`
	Milliseconds int64 `json:"ms"`
}

// VerificationError says that the data was built and did not pass; nothing was published.
type VerificationError struct{ Findings finding.List }

// Error names the first finding and how many there are.
func (e *VerificationError) Error() string {
	switch len(e.Findings) {
	case 0:
		return "verify the new database: nothing was checked"
	case 1:
		return "verify the new database: " + e.Findings[0].String()
	}
	return fmt.Sprintf("verify the new database: %d findings, the first: %s", len(e.Findings), e.Findings[0])
}

// ErrStopped is the cause of a run that was asked to end.
var ErrStopped = errors.New("stopped on request")

// teardown bounds what Abort may take once the run's own context has ended.
const teardown = time.Minute

// Run builds, verifies and publishes. On any error the sink is aborted and what served before serves on.
func Run(ctx context.Context, job Job) (*Report, error) {
	job = job.withDefaults()
	r := &run{job: job, report: &Report{}, tables: map[catalog.Name]*progress{}}
	err := r.run(ctx)
	if err == nil || r.kept {
		return r.report, err
	}
	// The run's context may be what ended; removing a half-built database must still be tried.
	clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), teardown)
	defer cancel()
	if abortErr := job.Into.Abort(clean); abortErr != nil {
		err = errors.Join(err, fmt.Errorf("remove what was built: %w", abortErr))
	}
	return r.report, err
}

func (j Job) withDefaults() Job {
	if j.Workers <= 0 {
		j.Workers = 2
	}
	if j.Events == nil {
		j.Events = func(Event) {}
	}
	if j.Now == nil {
		j.Now = time.Now
	}
	if j.Pause == nil {
		j.Pause = pause
	}
	return j
}

// pause is the default of Job.Pause.
func pause(ctx context.Context, attempt int) error {
	timer := time.NewTimer(250 * time.Millisecond << (2 * (attempt - 1)))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// run is the state of one Run.
type run struct {
	job    Job
	report *Report
	order  *work.Order
	mu     sync.Mutex
	tables map[catalog.Name]*progress
	// held is a failure that can be mended, and that was held back until all rows had arrived.
	held error
	// kept reports that what was built is complete and stays, although the run did not publish it.
	kept bool
}

// progress is what is known of one table while the run goes on.
type progress struct {
	left     int
	began    time.Time
	count    work.Count
	expected int64
	took     time.Duration
}

func (r *run) run(ctx context.Context) error {
	if err := r.load(ctx); err != nil {
		return err
	}
	r.summarise()
	if err := r.timed(PhaseVerify, func() error { return r.verify(ctx) }); err != nil {
		return err
	}
	if err := r.steps(ctx, r.job.Steps); err != nil || r.job.Build {
		return err
	}
	if err := r.steps(ctx, r.job.Publishing); err != nil {
		r.kept = true
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return r.timed(PhasePublish, func() error { return r.job.Into.Commit(ctx) })
}

// steps does one after the other, and none once the run was asked to end.
func (r *run) steps(ctx context.Context, steps []Step) error {
	for _, step := range steps {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := r.timed(step.Phase, func() error { return step.Do(ctx) }); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) timed(p Phase, f func() error) error {
	r.job.Events(Event{Phase: p})
	began := r.job.Now()
	err := f()
	r.report.Phases = append(r.report.Phases, PhaseReport{Phase: p, Milliseconds: r.job.Now().Sub(began).Milliseconds()})
	return err
}

// load reads inside the instant and lets go of it when the last row is here, while the indexes of the
// last tables may still be building.
func (r *run) load(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	var copied time.Time
	at := r.job.At
	if known := r.job.Landed; known != nil {
		at = known.instant
	}
	group.Go(func() error {
		defer func() { copied = r.job.Now() }()
		return at(ctx, func(reading context.Context, order *work.Order, from Producer) error {
			r.order = order
			if err := r.timed(PhaseBegin, func() error { return r.job.Into.Begin(reading, order) }); err != nil {
				return err
			}
			if err := r.try(reading, from); err != nil {
				return err
			}
			// Every table fits, so that a slow index never keeps the source's instant open.
			landed := make(chan catalog.Name, len(order.Tables))
			defer close(landed)
			for range r.job.Workers {
				group.Go(func() error { return r.finish(ctx, landed) })
			}
			next := largestFirst(order)
			if r.job.Schedule != nil {
				next = r.job.Schedule.Next
				group.Go(func() error { return r.holdBack(r.job.Schedule.Work(ctx, r.finished)) })
			}
			r.job.Events(Event{Phase: PhaseCopy, Order: order})
			return r.timed(PhaseCopy, func() error {
				if err := r.copy(reading, from, next, landed); err != nil {
					return err
				}
				return r.landed(reading)
			})
		})
	})
	if err := group.Wait(); err != nil {
		return err
	}
	if r.held != nil {
		return r.held
	}
	r.report.Phases = append(r.report.Phases, PhaseReport{Phase: PhaseFinish, Milliseconds: r.job.Now().Sub(copied).Milliseconds()})
	return nil
}

func (r *run) track(name catalog.Name, p *progress) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tables[name] = p
}

// verify asks for every table that was ordered: one that is missing here cannot be missed there.
func (r *run) verify(ctx context.Context) error {
	want := make(map[catalog.Name]int64, len(r.order.Tables))
	for _, table := range r.order.Tables {
		p, ok := r.tables[table.Table.Name]
		if !ok {
			return fmt.Errorf("verify %s: the table was ordered and never copied", table.Table.Name)
		}
		want[table.Table.Name] = p.expected
	}
	found, err := r.job.Verify.Verify(ctx, want)
	if err != nil {
		return fmt.Errorf("verify the new database: %w", err)
	}
	r.report.Findings = found
	if found.HasErrors() {
		return &VerificationError{Findings: found}
	}
	return nil
}

// summarise fills the report's tables in the order's order.
func (r *run) summarise() {
	for _, table := range r.order.Tables {
		p := r.tables[table.Table.Name]
		if p == nil {
			continue
		}
		r.report.Tables = append(r.report.Tables, TableReport{
			Table: table.Table.Name, Count: p.count, Expected: p.expected, Milliseconds: p.took.Milliseconds(),
		})
		r.report.Total = r.report.Total.Add(p.count)
	}
}
