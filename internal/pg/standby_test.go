package pg

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/pgtest"
	"github.com/lethedb/lethe/internal/preflight"
	"github.com/lethedb/lethe/internal/work"
)

// TestAStandbyIsReadLikeItsPrimary holds, on one streaming standby: the rows, the schema and the sequences
// come from one instant; who would be cancelled is warned, and what cannot be read there is refused by name;
// a cancelled read is a lost snapshot; and a standby that falls behind makes a reader of its primary pause.
func TestAStandbyIsReadLikeItsPrimary(t *testing.T) {
	primary := pgtest.Private(t, map[string]string{"autovacuum": "off"})
	db := pgtest.NewOn(t, primary.DSN("postgres"))
	db.Exec(t, `CREATE TABLE a AS SELECT i AS id FROM generate_series(1, 5000) i`, `CREATE UNLOGGED TABLE u (id int)`, `CREATE SEQUENCE s START 7`)
	follower := pgtest.Standby(t, primary, map[string]string{"max_standby_streaming_delay": "200ms", "wal_receiver_status_interval": "1s"})
	caughtUp := func() {
		t.Helper()
		await(t, db, `SELECT count(*) FROM pg_stat_replication WHERE replay_lsn = pg_current_wal_lsn()`)
	}
	caughtUp()
	read := []catalog.Name{public("a")}

	t.Run("read", func(t *testing.T) {
		s := openSource(t, follower.DSN(db.Name()))
		c := mustCatalog(t, s)
		facts, err := s.Facts(t.Context(), c, allTables(c), nil)
		if err != nil || !facts.Standby || !c.Server.Standby {
			t.Fatalf("facts = %+v, %v", facts, err)
		}
		found := preflight.Judge(preflight.Facts{Catalog: c, Read: allTables(c), Source: &facts})
		if got := summary(found); got != "standby-conflict source production, unlogged-table public.u" {
			t.Errorf("found %s", got)
		}
		err = s.WithSnapshot(t.Context(), c, read, func(ctx context.Context, snap *Snapshot) error {
			db.Exec(t, `INSERT INTO a VALUES (0)`)
			caughtUp()
			if n, err := snap.Count(ctx, public("a"), ""); err != nil || n != 5000 {
				t.Errorf("count = %d, %v", n, err)
			}
			if got, err := snap.Sequences(ctx); err != nil || len(got) != 1 || got[0] != (work.SequenceValue{Name: public("s"), Last: 7}) || snap.LSN() == "0/0" {
				t.Errorf("sequences = %v at %s, %v", got, snap.LSN(), err)
			}
			return snap.DumpSchema(ctx, tools(t, db), s.opts.Dir+"/schema.dump", nil)
		})
		if err != nil {
			t.Fatal(err)
		}
	})

	t.Run("conflict", func(t *testing.T) {
		s := openSource(t, follower.DSN(db.Name()))
		err := s.WithSnapshot(t.Context(), mustCatalog(t, s), read, func(ctx context.Context, snap *Snapshot) error {
			// A reader that sees what VACUUM cleans away on the primary is cancelled once the delay is over.
			slow := whole(public("a"), "id")
			slow.Where = "pg_sleep(0.01) IS NOT NULL"
			db.Exec(t, `DELETE FROM a WHERE id < 4000`, `VACUUM a`)
			_, err := snap.CopyOut(ctx, slow, writeFunc(func(p []byte) (int, error) { return len(p), nil }))
			return err
		})
		if lost, ok := errors.AsType[*LostError](err); !ok || lost.What != "snapshot" {
			t.Errorf("got %v, want a lost snapshot", err)
		}
	})

	t.Run("lag", func(t *testing.T) {
		caughtUp()
		s := openSource(t, db.DSN())
		s.opts.StopWhen = StopWhen{ReplicationLag: time.Second, Lasts: time.Millisecond}
		pgtest.Exec(t, follower.DSN(db.Name()), `SELECT pg_wal_replay_pause()`)
		err := s.WithSnapshot(t.Context(), mustCatalog(t, s), read, func(ctx context.Context, _ *Snapshot) error {
			db.Exec(t, `INSERT INTO a VALUES (1)`)
			<-ctx.Done()
			return nil
		})
		pgtest.Exec(t, follower.DSN(db.Name()), `SELECT pg_wal_replay_resume()`)
		if _, ok := errors.AsType[*LoadError](err); !ok || !strings.Contains(err.Error(), "replication lag of ") {
			t.Errorf("got %v", err)
		}
		if s.Cost().PausedMS == 0 {
			t.Error("it did not pause")
		}
	})
}
