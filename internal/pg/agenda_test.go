package pg

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/lethedb/lethe/internal/catalog"
)

// TestNoTaskIsTakenBeforeWhatItNeedsNorBesideWhatItWouldWaitFor holds for any agenda and any order in which
// what was taken ends; and everything is taken once.
func TestNoTaskIsTakenBeforeWhatItNeedsNorBesideWhatItWouldWaitFor(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, jobs := rapid.IntRange(0, 25).Draw(t, "tasks"), rapid.IntRange(1, 4).Draw(t, "jobs")
		var a agenda
		tasks := make([]*task, n)
		needs := make(map[*task][]*task)
		for i := range tasks {
			tasks[i] = &task{
				table: public(fmt.Sprintf("t%d", rapid.IntRange(0, 3).Draw(t, "table"))), load: rapid.IntRange(0, 3).Draw(t, "load") == 0,
				cost: rapid.Int64Range(0, 9).Draw(t, "cost"), small: rapid.Bool().Draw(t, "small"),
			}
			if !tasks[i].load {
				tasks[i].locks = map[catalog.Name]mode{tasks[i].table: mode(rapid.IntRange(0, 4).Draw(t, "mode"))}
			}
			tasks[i].small = tasks[i].small && !tasks[i].load
			for _, need := range rapid.SliceOfNDistinct(rapid.IntRange(0, max(i-1, 0)), 0, min(i, 3), rapid.ID).Draw(t, "needs") {
				needs[tasks[i]] = append(needs[tasks[i]], tasks[need])
			}
			a.add(tasks[i], needs[tasks[i]]...)
		}
		a.start()
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		ended, taken := make(map[*task]bool), make(map[*task]bool)
		var running [][]*task
		for len(ended) < n {
			batch := a.takeWork(jobs)
			if load := a.takeLoad(); len(batch) == 0 && load != nil {
				batch = []*task{load}
			} else if load != nil {
				running = append(running, []*task{load})
				checkTask(t, load, needs, ended, taken)
			}
			for _, next := range batch {
				checkTask(t, next, needs, ended, taken)
				for _, others := range running {
					for _, other := range others {
						held, both := other.locks[next.table]
						if want, locks := next.locks[next.table]; both && locks && want.conflicts(held) {
							t.Fatalf("two tasks run at once on %s with locks %d and %d", next.table, want, held)
						}
					}
				}
			}
			if len(batch) > 0 {
				running = append(running, batch)
			}
			if len(running) == 0 {
				t.Fatalf("nothing can go on with %d of %d tasks done", len(ended), n)
			}
			if i := random.IntN(len(running)); len(batch) == 0 || random.IntN(2) == 0 {
				for _, end := range running[i] {
					a.done(end)
					ended[end] = true
				}
				running = append(running[:i], running[i+1:]...)
			}
		}
		if a.open != 0 || a.loads != 0 || len(a.running) != 0 {
			t.Fatalf("%d open, %d loads, %d running at the end", a.open, a.loads, len(a.running))
		}
	})
}

// TestWhatLeadsToATaskIsFoundOnAnyLadder holds for agendas with more ways through them than could ever be gone, and
// against the definition.
func TestWhatLeadsToATaskIsFoundOnAnyLadder(t *testing.T) {
	var a agenda
	step := []*task{a.add(&task{})}
	aside := a.add(&task{}, step...)
	for range 200 {
		step = []*task{a.add(&task{}, step...), a.add(&task{}, step...), a.add(&task{}, step...)}
	}
	last := a.add(&task{}, step...)
	after := a.add(&task{}, last)
	leads := a.leading(last)
	if len(leads) != len(a.tasks)-2 || leads[aside] || leads[after] {
		t.Errorf("%d of %d tasks lead to the last but one", len(leads), len(a.tasks))
	}
	rapid.Check(t, func(t *rapid.T) {
		var a agenda
		n := rapid.IntRange(1, 12).Draw(t, "tasks")
		needs := make([][]bool, n) // transitively, each of itself too
		for i := range n {
			var some []*task
			needs[i] = make([]bool, n)
			needs[i][i] = true
			for j := range i {
				if rapid.IntRange(0, 3).Draw(t, "needs") == 0 {
					some = append(some, a.tasks[j])
					for k := range j + 1 {
						needs[i][k] = needs[i][k] || needs[j][k]
					}
				}
			}
			a.add(&task{}, some...)
		}
		to := rapid.IntRange(0, n-1).Draw(t, "to")
		leads := a.leading(a.tasks[to])
		for i := range n {
			if leads[a.tasks[i]] != needs[to][i] {
				t.Fatalf("task %d leads to %d: %v", i, to, leads[a.tasks[i]])
			}
		}
	})
}

func checkTask(t *rapid.T, next *task, needs map[*task][]*task, ended, taken map[*task]bool) {
	if taken[next] {
		t.Fatalf("a task was taken twice")
	}
	taken[next] = true
	for _, need := range needs[next] {
		if !ended[need] {
			t.Fatalf("a task was taken before what it needs was done")
		}
	}
}

func TestLocksConflictAsTheServerSaysTheyDo(t *testing.T) {
	modes := []mode{accessShare, shareUpdateExclusive, share, shareRowExclusive, accessExclusive}
	want := []string{"....X", ".XXXX", ".X.XX", ".XXXX", "XXXXX"}
	for i, a := range modes {
		for j, b := range modes {
			if got := a.conflicts(b); got != (want[i][j] == 'X') {
				t.Errorf("lock %d and lock %d: got %v", i, j, got)
			}
		}
	}
}

func TestATaskGetsASecondProcessOnlyWhereACoreIsLeft(t *testing.T) {
	var a agenda
	load := a.add(&task{table: public("a"), load: true, cost: 5})
	for range 4 {
		a.add(&task{table: public("a"), cost: 1, locks: map[catalog.Name]mode{public("a"): share}}, load)
	}
	a.start()
	a.takeLoad()
	if !a.busy(2) {
		t.Error("rows are being loaded and a core is said to be left")
	}
	a.done(load)
	for left, want := range []bool{true, true, false, false} {
		done := a.takeWork(2)[0]
		if got := a.busy(2); got != want {
			t.Errorf("with %d tasks gone: got %v, want %v", left, got, want)
		}
		a.done(done)
	}
}

func TestWhatTheLongestRestWaitsForComesFirst(t *testing.T) {
	var a agenda
	big := a.add(&task{table: public("big"), load: true, cost: 5})
	parent := a.add(&task{table: public("parent"), load: true, cost: 3})
	key := a.add(&task{table: public("parent"), cost: 1}, parent)
	a.add(&task{table: public("child"), load: true, cost: 4}, key)
	a.start()
	if got := a.takeLoad(); got != parent {
		t.Errorf("got %s first, want parent: its child comes after it", got.table)
	}
	if got := a.takeLoad(); got != big {
		t.Errorf("got %s second, want big", got.table)
	}
	if got := a.takeLoad(); got != nil {
		t.Errorf("got %s before the key it refers to", got.table)
	}
}
