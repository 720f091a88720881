package pg

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lethedb/lethe/internal/pgtest"
)

// ownLeft counts the sessions that a test's run has on a source.
const ownLeft = `SELECT count(*) FROM pg_stat_activity WHERE application_name = 'lethe/test' AND datname = current_database() AND state <> 'idle'`

// altered alters table b while a run reads, with a reader behind it, and returns how long the reader waited.
func altered(t *testing.T, db *pgtest.DB) <-chan time.Duration {
	t.Helper()
	ddl, reader := open(t, db.DSN(), session{name: "other"}), open(t, db.DSN(), session{name: "other"})
	go func() { _, _ = ddl.Exec(t.Context(), `ALTER TABLE public.b ADD COLUMN x int`) }()
	await(t, db, `SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'public.b'::regclass`)
	waited := make(chan time.Duration, 1)
	go func() {
		began := time.Now()
		_, err := reader.Exec(t.Context(), `SELECT FROM public.b`)
		if err != nil {
			t.Error(err)
		}
		waited <- time.Since(began)
	}()
	await(t, db, `SELECT count(*) - 1 FROM pg_locks WHERE NOT granted AND relation = 'public.b'::regclass`)
	return waited
}

// TestWhoWaitsForARunWaitsNoLongerThanItMay holds that a run gives way, whatever it is doing: copying into a
// writer that takes nothing more, or dumping the schema.
func TestWhoWaitsForARunWaitsNoLongerThanItMay(t *testing.T) {
	const patience = 400 * time.Millisecond
	db := pgtest.New(t)
	db.Exec(t, `CREATE TABLE a AS SELECT i AS id, repeat('x', 100) AS filler FROM generate_series(1, 200000) i`, `CREATE TABLE b (id int)`)
	programs := tools(t, db)
	for what, busy := range map[string]func(ctx context.Context, s *Source, snap *Snapshot) error{
		"copying": func(ctx context.Context, _ *Source, snap *Snapshot) error {
			_, err := snap.CopyOut(ctx, whole(public("a"), "id", "filler"), writeFunc(func([]byte) (int, error) {
				<-ctx.Done()
				return 0, context.Cause(ctx)
			}))
			return err
		},
		"dumping": func(ctx context.Context, s *Source, snap *Snapshot) error {
			// pg_dump reads this late, when it has locked every table.
			blocker := open(t, db.DSN(), session{name: "other"})
			if _, err := blocker.Exec(ctx, `BEGIN; LOCK TABLE pg_catalog.pg_ts_parser`); err != nil {
				return err
			}
			defer closeNow(blocker)
			return snap.DumpSchema(ctx, programs, filepath.Join(s.opts.Dir, "schema.dump"), nil)
		},
	} {
		t.Run(what, func(t *testing.T) {
			s := openSource(t, db.DSN())
			s.opts.YieldAfter = patience
			var waited <-chan time.Duration
			err := within(t, s, func(ctx context.Context, snap *Snapshot) error {
				running := make(chan error, 1)
				go func() { running <- busy(ctx, s, snap) }()
				await(t, db, `SELECT count(*) FROM pg_stat_activity WHERE application_name = 'lethe/test' AND datname = current_database()
					AND (query LIKE 'COPY%' AND wait_event = 'ClientWrite' OR wait_event = 'relation')`)
				waited = altered(t, db)
				if took := <-waited; took > patience+time.Second {
					t.Errorf("a reader waited %v", took)
				} else {
					t.Logf("a reader waited %v", took)
				}
				return <-running
			})
			yield, ok := errors.AsType[*YieldError](err)
			if !ok || yield.Table != public("b") || yield.Waited < patience || !strings.Contains(err.Error(), "public.b") {
				t.Errorf("got %v, want a YieldError about public.b", err)
			}
			if cost := s.Cost(); cost.LongestWaitMS < patience.Milliseconds() || cost.LongestWaitMS > (patience+time.Second).Milliseconds() {
				t.Errorf("cost = %+v", cost)
			}
			await(t, db, strings.Replace(ownLeft, "count(*)", "(count(*) = 0)::int", 1))
			db.Exec(t, `ALTER TABLE b DROP COLUMN x`)
		})
	}
}

// TestARunGivesWayToWhoWaitsForItsSnapshot holds that an index that is built concurrently does not wait for
// hours either.
func TestARunGivesWayToWhoWaitsForItsSnapshot(t *testing.T) {
	db := pgtest.New(t)
	db.Exec(t, `CREATE TABLE a AS SELECT 1 AS id`)
	s := openSource(t, db.DSN())
	s.opts.YieldAfter = 300 * time.Millisecond
	built := make(chan error, 1)
	err := within(t, s, func(ctx context.Context, _ *Snapshot) error {
		conn := open(t, db.DSN(), session{name: "other"})
		go func() {
			_, err := conn.Exec(t.Context(), `CREATE INDEX CONCURRENTLY ON public.a (id)`)
			built <- err
		}()
		<-ctx.Done()
		return nil
	})
	if yield, ok := errors.AsType[*YieldError](err); !ok || !yield.Snapshot {
		t.Errorf("got %v", err)
	}
	if err := <-built; err != nil {
		t.Error(err)
	}
}

// TestASnapshotIsHeldNoLongerThanItMay holds it, and that sessions are counted and a rate is kept meanwhile.
func TestASnapshotIsHeldNoLongerThanItMay(t *testing.T) {
	db := pgtest.New(t)
	db.Exec(t, `CREATE TABLE a AS SELECT i AS id FROM generate_series(1, 100000) i`)
	s := openSource(t, db.DSN())
	s.opts.MaxSnapshotAge = 300 * time.Millisecond
	s.opts.Rate = 100_000
	err := within(t, s, func(ctx context.Context, snap *Snapshot) error {
		_, err := snap.CopyOut(ctx, whole(public("a"), "id"), io.Discard)
		return err
	})
	if _, ok := errors.AsType[*AgeError](err); !ok || !strings.Contains(err.Error(), "max_snapshot_age") {
		t.Errorf("got %v", err)
	}
	cost := s.Cost()
	if cost.SnapshotMS < 300 || cost.SnapshotMS > 2000 || cost.Sessions != 4 || cost.Bytes == 0 || cost.Bytes > 4*tapBuffer {
		t.Errorf("cost = %+v", cost)
	}
	// The source answers as before.
	mustCatalog(t, s)
}

// TestAThrottleKeepsTheRateOverAllReaders holds that at no time more went through than the rate allows, one
// write and one burst aside, and that nobody waits for nothing.
func TestAThrottleKeepsTheRateOverAllReaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const rate, chunk, readers, chunks = 1_000_000, 64 << 10, 3, 40
		m := &meter{throttle: throttle{rate: rate, now: time.Now}}
		began := time.Now()
		done := make(chan struct{})
		for range readers {
			go func() {
				w := m.through(t.Context(), io.Discard)
				for range chunks {
					if _, err := w.Write(make([]byte, chunk)); err != nil {
						t.Error(err)
					}
					most := float64(rate)*(time.Since(began)+burst).Seconds() + readers*chunk
					if got := m.bytes.Load(); float64(got) > most {
						t.Errorf("after %v: %d bytes, want at most %.0f", time.Since(began), got, most)
					}
				}
				done <- struct{}{}
			}()
		}
		for range readers {
			<-done
		}
		want := time.Duration(float64(readers*chunks*chunk) / rate * float64(time.Second))
		if took := time.Since(began); took > want || took < want-2*burst {
			t.Errorf("took %v, want %v", took, want)
		}
	})
}

// TestReadingPausesBeforeItStops holds that readers wait at the gate while production is too busy, go on when
// it is not, and that the run ends when it lasts.
func TestReadingPausesBeforeItStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &meter{}
		l := &strain{limits: StopWhen{ActiveSessions: 1, Lasts: time.Minute}, now: time.Now}
		var passed int
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			w := m.through(t.Context(), io.Discard)
			for range 2 {
				_, _ = w.Write(nil)
				passed++
				time.Sleep(1500 * time.Millisecond) //nolint:forbidigo // fake time
			}
		}()
		m.gate.set(false)
		synctest.Wait()
		for second := range 130 {
			var busy *LoadError
			if second != 40 {
				busy = &LoadError{What: "2 active sessions", Limit: "active_sessions: 1"}
			}
			open, err := l.judge(time.Now(), busy)
			if want := second >= 41+60; (err != nil) != want {
				t.Fatalf("after %d s: %v", second, err)
			}
			if err != nil {
				if !strings.Contains(err.Error(), "for 1m0s") {
					t.Error(err)
				}
				break
			}
			m.gate.set(open)
			synctest.Wait()
			want := 0
			if second >= 40 {
				want = 1
			}
			if passed != want {
				t.Fatalf("after %d s %d writes passed, want %d", second, passed, want)
			}
			time.Sleep(time.Second) //nolint:forbidigo // fake time
		}
		m.gate.set(true)
		<-ended
	})
}

// TestALagIsSeenThoughTheStandbySaysNothing holds that what has not been replayed counts from when it was
// written.
func TestALagIsSeenThoughTheStandbySaysNothing(t *testing.T) {
	start := time.Now()
	at := func(second int) time.Time { return start.Add(time.Duration(second) * time.Second) }
	l := &strain{}
	for second := range 10 {
		if got := l.remember(mark{at(second), int64(100 * second)}, int64(100*second)); got != 0 {
			t.Errorf("caught up, and lags %v", got)
		}
	}
	// It stands still at 500 while the log goes on: 600 was written at second 6.
	for second := 10; second < 2*mostMarks; second += mostMarks / 4 {
		if got, want := l.remember(mark{at(second), int64(100 * second)}, 500), time.Duration(second-6)*time.Second; got != want {
			t.Errorf("at %d s: lag %v, want %v", second, got, want)
		}
	}
}
