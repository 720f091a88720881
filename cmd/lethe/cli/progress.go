package cli

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/work"
	"github.com/lethedb/lethe/scheduler/refresh"
)

// progress draws what a run does: one moving line on a terminal, one plain line for each phase
// elsewhere. Its methods are safe for concurrent use.
type progress struct {
	app *app
	mu  sync.Mutex
	// pool and bar are nil away from a terminal and outside the copy.
	pool  *mpb.Progress
	bar   *mpb.Bar
	began time.Time
	under map[catalog.Name]*underway
	// tables are still to land.
	tables int
	// rows have been loaded; the bar reads them on a goroutine of its own.
	rows atomic.Int64
}

// underway is how far one table is.
type underway struct {
	// weight is what the table counts for in the bar: its bytes on the source.
	weight int64
	// expected are the rows that the planner's statistics promise; zero when they promise nothing.
	expected    int64
	rows, bytes int64
	// moved is how much of weight the bar shows already.
	moved int64
}

// part is how much of the table's weight is done: by its rows, since the text of a row is larger or smaller
// than the row on disk by a factor that nobody knows beforehand, else by the bytes: rows that pass uncut are
// told at their part's end. The rest comes when the table lands.
func (u *underway) part() int64 {
	if u.expected > 0 && u.rows > 0 {
		return int64(float64(u.weight) * min(float64(u.rows)/float64(u.expected), 1))
	}
	return min(u.bytes, u.weight)
}

func (a *app) newProgress() *progress {
	return &progress{app: a, under: map[catalog.Name]*underway{}}
}

// phaseText says what a phase does, to a person.
func phaseText(p refresh.Phase) string {
	switch p {
	case refresh.PhaseBegin:
		return "building an empty database from production's schema"
	case refresh.PhaseTrial:
		return "trying a few rows of each table"
	case refresh.PhaseCopy:
		return "copying and masking"
	case refresh.PhaseFinish:
		return "finishing indexes and constraints"
	case refresh.PhaseVerify:
		return "verifying counts and every object"
	case refresh.PhaseRetain:
		return "carrying over the environment's own rows"
	case refresh.PhaseAfter:
		return "running what comes after the copy"
	case refresh.PhaseCheck:
		return "looking at what will be published"
	case refresh.PhaseBuilt, refresh.PhaseHooks:
		return "telling who wants to know"
	case refresh.PhaseWait:
		return "waiting for its time"
	case refresh.PhasePublish:
		return "publishing"
	}
	return string(p)
}

// event takes one step.
func (p *progress) event(e refresh.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case e.Held != nil:
		p.app.talkHanging(7, "%s %v; the rows still to come are copied, so that the run can be gone on with", p.app.paint(red, "lethe:"), e.Held)
	case e.Phase == refresh.PhaseCopy && e.Order != nil:
		p.start(e.Order)
	case e.Phase == refresh.PhaseCopy:
	case e.Phase != "":
		p.stop()
		p.app.talk("%s %s", p.app.paint(cyan, "·"), phaseText(e.Phase))
	case p.under[e.Table] == nil:
	case e.Landed:
		p.move(p.under[e.Table], p.under[e.Table].weight)
		if p.tables--; p.tables == 0 {
			p.stop()
			p.app.talk("%s %s", p.app.paint(cyan, "·"), phaseText(refresh.PhaseFinish))
		}
	case e.Bytes != 0 || e.Rows != 0:
		u := p.under[e.Table]
		u.rows, u.bytes = u.rows+e.Rows, u.bytes+e.Bytes
		p.rows.Add(e.Rows)
		p.move(u, u.part())
	}
}

// move takes the bar to where a table is now. It never goes back.
func (p *progress) move(u *underway, part int64) {
	if p.bar != nil && part > u.moved {
		p.bar.IncrInt64(part - u.moved)
		u.moved = part
	}
}

// smallest is what a table counts at least: an empty one takes a moment too.
const smallest = 8192

func (p *progress) start(order *work.Order) {
	var total int64
	for _, table := range order.Tables {
		if table.Empty {
			continue
		}
		u := &underway{weight: max(table.Table.Size.Bytes, smallest)}
		if table.Where == "" { // nobody knows how many rows a condition leaves
			u.expected = int64(table.Table.Size.Rows)
		}
		p.under[table.Table.Name] = u
		total += u.weight
		p.tables++
	}
	p.began = p.app.Now()
	p.app.talk("%s %s: %s, %s on the source", p.app.paint(cyan, "·"), phaseText(refresh.PhaseCopy), counted(p.tables, "table"), bytesText(total))
	if !p.app.ErrTerminal || total == 0 {
		return
	}
	// statusWidth is the room for what stands beside the bar.
	const statusWidth = 52
	p.pool = mpb.New(mpb.WithOutput(p.app.Err), mpb.WithWidth(max(min(p.app.Width-statusWidth, 40), 10)), mpb.WithRefreshRate(120*time.Millisecond))
	p.app.bar.Store(p.pool)
	p.bar = p.pool.AddBar(total,
		mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Percentage(decor.WC{W: 6})),
		mpb.AppendDecorators(decor.Any(func(s decor.Statistics) string { return p.status(s) })),
	)
}

// settled is when the time to go is worth saying: before that buffers fill, and it would only grow.
const settled = time.Second

// status is the moving part of the line: rate and time to go.
func (p *progress) status(s decor.Statistics) string {
	elapsed := p.app.Now().Sub(p.began)
	if s.Current <= 0 || elapsed <= 0 {
		return ""
	}
	rows := p.rows.Load()
	text := fmt.Sprintf(" %s rows, %s/s", countText(rows), countText(int64(float64(rows)/elapsed.Seconds())))
	if elapsed < settled {
		return text
	}
	left := time.Duration(float64(elapsed) * float64(s.Total-s.Current) / float64(s.Current))
	return text + ", " + wholeText(left) + " to go"
}

// stop takes the moving line away.
func (p *progress) stop() {
	if p.pool == nil {
		return
	}
	p.bar.Abort(true)
	pool := p.pool
	p.pool, p.bar = nil, nil
	p.app.bar.Store(nil)
	pool.Wait()
}

// close ends whatever is still drawn, after a failure.
func (p *progress) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stop()
}
