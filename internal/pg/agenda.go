package pg

import (
	"cmp"
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/catalog"
)

// mode is a table lock as far as tasks meet each other in it; its names are the server's.
type mode int

const (
	accessShare          mode = iota // reading; ROW SHARE is no different here
	shareUpdateExclusive             // ANALYZE, VALIDATE CONSTRAINT, CREATE STATISTICS
	share                            // CREATE INDEX
	shareRowExclusive                // ADD FOREIGN KEY
	accessExclusive                  // ADD PRIMARY KEY and every other ALTER TABLE
)

// conflicts reports whether the server would make one wait for the other.
func (m mode) conflicts(other mode) bool {
	switch {
	case m == accessExclusive || other == accessExclusive:
		return true
	case m == accessShare || other == accessShare:
		return false
	}
	return m != share || other != share
}

// task is one piece of the work of a build.
type task struct {
	// table is what it is told as.
	table catalog.Name
	// load reports that the task is the loading of the table's rows, which others do.
	load bool
	// entries are restored from the archive, in the archive's order; run is called when there are none.
	entries []entry
	// builds reports that run makes an index: it gets as many of the server's processes as cores are left.
	builds bool
	run    func(ctx context.Context, conn *pgx.Conn) error
	// small tasks may be done together with others like them: a process for each would cost more.
	small bool
	// locks are what the server will lock: tasks that would wait for each other there do not run at once.
	locks map[catalog.Name]mode
	// cost is how long it takes, in bytes that are read: only comparisons matter.
	cost int64

	then    []*task
	waits   int
	path    int64 // what it and the dearest of those that wait for it cost
	running bool
}

// agenda holds the tasks of a build and says which comes next. It is pure: it starts nothing, and its
// caller sees to it that only one goroutine asks at once.
type agenda struct {
	tasks   []*task
	ready   []*task // in the order they are taken in
	running []*task
	open    int // tasks that are not done
	loads   int // loads that were not taken
}

// add puts a task on the agenda that waits for others; each of those must be on it already.
func (a *agenda) add(t *task, needs ...*task) *task {
	a.tasks = append(a.tasks, t)
	a.open++
	if t.load {
		a.loads++
	}
	for _, need := range needs {
		if !slices.Contains(need.then, t) {
			need.then = append(need.then, t)
			t.waits++
		}
	}
	return t
}

// wait makes a task of the agenda wait for another; it is called before start.
func (a *agenda) wait(t, need *task) {
	if !slices.Contains(need.then, t) {
		need.then = append(need.then, t)
		t.waits++
	}
}

// leading returns the tasks that the given one waits for, at first or second hand, and itself. Each task is looked at
// once: in a schema of many keys the ways from one task to another are without number.
func (a *agenda) leading(to *task) map[*task]bool {
	leads := map[*task]bool{to: true}
	known := map[*task]bool{to: true}
	var look func(t *task) bool
	look = func(t *task) bool {
		if !known[t] {
			known[t] = true
			for _, next := range t.then {
				if look(next) {
					leads[t] = true
				}
			}
		}
		return leads[t]
	}
	for _, t := range a.tasks {
		look(t)
	}
	return leads
}

// start orders the tasks: first what the longest rest of the work waits for, so that at its end every core
// has something left to do.
func (a *agenda) start() {
	known := make(map[*task]bool, len(a.tasks))
	var path func(t *task) int64
	path = func(t *task) int64 {
		if known[t] {
			return t.path
		}
		known[t] = true
		for _, next := range t.then {
			t.path = max(t.path, path(next))
		}
		t.path += t.cost
		return t.path
	}
	for _, t := range a.tasks {
		path(t)
		if t.waits == 0 {
			a.ready = append(a.ready, t)
		}
	}
	a.sort()
}

func (a *agenda) sort() {
	slices.SortStableFunc(a.ready, func(x, y *task) int { return cmp.Compare(y.path, x.path) })
}

// takeLoad returns the load that comes next, nil when none can be done now.
func (a *agenda) takeLoad() *task {
	for i, t := range a.ready {
		if t.load {
			a.loads--
			return a.take(i)
		}
	}
	return nil
}

// takeWork returns tasks to be done together, none when none can be done now: one, or a share of those that
// are small.
func (a *agenda) takeWork(jobs int) []*task {
	first := a.next(func(*task) bool { return true })
	if first < 0 {
		return nil
	}
	small := 0
	for _, t := range a.ready {
		if t.small {
			small++
		}
	}
	batch := []*task{a.take(first)}
	for batch[0].small && len(batch) < (small+jobs-1)/jobs {
		next := a.next(func(t *task) bool { return t.small })
		if next < 0 {
			break
		}
		batch = append(batch, a.take(next))
	}
	return batch
}

// busy reports whether there is enough to do beside a task that was taken for every one of the jobs, so that
// a second process for it would only take its core from others.
func (a *agenda) busy(jobs int) bool {
	others := -1 // the task itself
	for _, tasks := range [][]*task{a.running, a.ready} {
		for _, t := range tasks {
			if t.load && t.cost > 0 {
				return true // loading has as many workers as there are jobs
			}
			if !t.load {
				others++
			}
		}
	}
	return others >= jobs
}

// next finds the first ready task, other than a load, that nothing running stands in the way of.
func (a *agenda) next(fits func(*task) bool) int {
	return slices.IndexFunc(a.ready, func(t *task) bool { return !t.load && fits(t) && !a.blocked(t) })
}

// blocked reports whether the server would make the task wait for one that runs.
func (a *agenda) blocked(t *task) bool {
	for _, other := range a.running {
		for table, mode := range t.locks {
			if held, ok := other.locks[table]; ok && mode.conflicts(held) {
				return true
			}
		}
	}
	return false
}

func (a *agenda) take(i int) *task {
	t := a.ready[i]
	a.ready = slices.Delete(a.ready, i, i+1)
	t.running = true
	a.running = append(a.running, t)
	return t
}

// done notes that a task was done, and makes ready what waited for it alone.
func (a *agenda) done(t *task) {
	a.running = slices.DeleteFunc(a.running, func(other *task) bool { return other == t })
	t.running = false
	a.open--
	for _, next := range t.then {
		if next.waits--; next.waits == 0 {
			a.ready = append(a.ready, next)
		}
	}
	a.sort()
}

// release makes every load ready that was not taken, whatever it waits for.
func (a *agenda) release() {
	for _, t := range a.tasks {
		if !t.load || t.running || t.waits == 0 {
			continue
		}
		for _, other := range a.tasks {
			if i := slices.Index(other.then, t); i >= 0 {
				other.then = slices.Delete(other.then, i, i+1)
			}
		}
		t.waits = 0
		a.ready = append(a.ready, t)
	}
	a.sort()
}

// takeThis takes a load that was done without being asked for, though something it waits for may be open.
func (a *agenda) takeThis(load *task) {
	a.loads--
	if i := slices.Index(a.ready, load); i >= 0 {
		a.take(i)
		return
	}
	for _, t := range a.tasks {
		if i := slices.Index(t.then, load); i >= 0 {
			t.then = slices.Delete(t.then, i, i+1)
		}
	}
	load.running = true
	a.running = append(a.running, load)
}
