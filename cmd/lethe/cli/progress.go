package cli

import (
	"fmt"
	"sync"
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
	// weights are what tables count for in the bar: their bytes on the source, as text differs from it by
	// a factor that nobody knows beforehand.
	weights map[catalog.Name]int64
	loaded  map[catalog.Name]int64
	tables  int
	done    int
	rows    int64
	bytes   int64
}

func (a *app) newProgress() *progress {
	return &progress{app: a, weights: map[catalog.Name]int64{}, loaded: map[catalog.Name]int64{}}
}

// phaseText says what a phase does, to a person.
func phaseText(p refresh.Phase) string {
	switch p {
	case refresh.PhaseBegin:
		return "building an empty database from production's schema"
	case refresh.PhaseCopy:
		return "copying and masking"
	case refresh.PhaseFinish:
		return "finishing indexes and constraints"
	case refresh.PhaseVerify:
		return "verifying counts and every object"
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
	case e.Phase == refresh.PhaseCopy && e.Order != nil:
		p.start(e.Order)
	case e.Phase == refresh.PhaseCopy:
	case e.Phase != "":
		p.stop()
		p.app.talk("%s %s", p.app.paint(cyan, "·"), phaseText(e.Phase))
	case e.Landed:
		p.done++
		p.move(e.Table, p.weights[e.Table]-p.loaded[e.Table])
		if p.done == p.tables {
			p.stop()
		}
	case e.Bytes > 0:
		p.bytes += e.Bytes
		p.move(e.Table, min(e.Bytes, p.weights[e.Table]-p.loaded[e.Table]))
	case e.Rows > 0:
		p.rows += e.Rows
	}
}

func (p *progress) move(table catalog.Name, n int64) {
	p.loaded[table] += n
	if p.bar != nil {
		p.bar.IncrInt64(n)
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
		weight := max(table.Table.Size.Bytes, smallest)
		p.weights[table.Table.Name] = weight
		total += weight
		p.tables++
	}
	p.began = p.app.Now()
	p.app.talk("%s %s: %d tables, %s on the source", p.app.paint(cyan, "·"), phaseText(refresh.PhaseCopy), p.tables, bytesText(total))
	if !p.app.ErrTerminal || total == 0 {
		return
	}
	p.pool = mpb.New(mpb.WithOutput(p.app.Err), mpb.WithWidth(min(p.app.Width, 60)), mpb.WithRefreshRate(120*time.Millisecond))
	p.bar = p.pool.AddBar(total,
		mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Percentage(decor.WC{W: 6})),
		mpb.AppendDecorators(decor.Any(func(s decor.Statistics) string { return p.status(s) })),
	)
}

// status is the moving part of the line: rate and time to go.
func (p *progress) status(s decor.Statistics) string {
	elapsed := p.app.Now().Sub(p.began)
	if s.Current <= 0 || elapsed <= 0 {
		return ""
	}
	left := time.Duration(float64(elapsed) * float64(s.Total-s.Current) / float64(s.Current))
	rate := float64(s.Current) / elapsed.Seconds()
	return fmt.Sprintf(" %s/s, %s to go", bytesText(int64(rate)), durationText(left))
}

// stop takes the moving line away.
func (p *progress) stop() {
	if p.pool == nil {
		return
	}
	p.bar.Abort(true)
	pool := p.pool
	p.pool, p.bar = nil, nil
	pool.Wait()
}

// close ends whatever is still drawn, after a failure.
func (p *progress) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stop()
}
