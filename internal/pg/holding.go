package pg

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/work"
)

// holding is what a run has on its source while a snapshot is held: a lookout, sessions that hold locks, one
// that holds the snapshot, and those that read.
type holding struct {
	source   *Source
	cancel   context.CancelCauseFunc
	meter    *meter
	began    time.Time
	lookout  *lookout
	groups   []*lockGroup
	conn     *pgx.Conn
	holder   *watcher
	readers  *pool
	exported time.Time
	snapshot *Snapshot
}

// take begins to watch, takes the locks, and only then the snapshot. Whatever it has taken when it fails,
// close gives back.
func (h *holding) take(ctx context.Context, c *catalog.Catalog, tables []catalog.Name) (err error) {
	s := h.source
	names, err := closure(c, tables)
	if err != nil {
		return err
	}
	groups := 0
	if len(names) > 0 {
		groups = min(s.opts.groups(), len(names)/groupSize+1)
	}
	if err := h.moveIn(ctx, s.opts.Connections-keepers-groups); err != nil {
		return err
	}
	if h.groups, err = s.lockTables(ctx, c, tables, names, groups); err != nil {
		return err
	}
	how := s.session()
	how.waits = true
	if h.conn, err = s.open(ctx, how); err != nil {
		return err
	}
	err = s.politely(ctx, func() error {
		var err error
		if h.snapshot, err = s.export(ctx, h.conn); err != nil {
			return err
		}
		return h.snapshot.check(ctx, h.conn, c, tables)
	})
	if err != nil {
		return err
	}
	h.exported = time.Now()
	h.snapshot.groups, h.snapshot.readers, h.snapshot.meter = h.groups, h.readers, h.meter
	h.lookout.snapshot(h.snapshot.time)
	h.holder = watch(ctx, h.conn, func(err error) { h.cancel(&LostError{What: "snapshot", Err: err}) })
	for _, group := range h.groups {
		group.watch = watch(ctx, group.conn, func(err error) { h.cancel(&LostError{What: "locks", Err: err}) })
	}
	return nil
}

// moveIn gives the source's own session to the lookout, and questions to so many readers from now on.
func (h *holding) moveIn(ctx context.Context, readers int) error {
	s := h.source
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.comeHome(ctx); err != nil {
		return err
	}
	conn := s.home
	s.home = nil
	h.readers = newPool(readers, s.openReader)
	s.reading = h.readers
	h.lookout = s.keepLookout(ctx, conn, h.meter, h.cancel)
	return nil
}

// unwatch ends the watching of the sessions that hold something, so that they may be asked themselves.
func (h *holding) unwatch() {
	if h.holder != nil {
		h.holder.stop()
	}
	for _, group := range h.groups {
		if group.watch != nil {
			group.watch.stop()
		}
	}
}

// close gives everything back, the lookout last, and counts what it cost.
func (h *holding) close() {
	if h.lookout == nil {
		return
	}
	h.cancel(nil)
	h.unwatch()
	sessions := keepers + len(h.groups) + int(h.readers.most.Load())
	h.readers.close()
	for _, group := range h.groups {
		closeNow(group.conn)
	}
	if h.conn != nil {
		closeNow(h.conn)
	} else {
		sessions--
	}
	ended := time.Now()
	h.lookout.stop()
	cost := work.Cost{
		Bytes: h.meter.bytes.Load(), Milliseconds: ended.Sub(h.began).Milliseconds(), Sessions: sessions,
		LongestWaitMS: h.lookout.longestWait().Milliseconds(), PausedMS: h.meter.gate.paused().Milliseconds(),
	}
	if !h.exported.IsZero() {
		cost.SnapshotMS = ended.Sub(h.exported).Milliseconds()
	}
	s := h.source
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cost = s.cost.Add(cost)
	s.reading = nil
	if h.lookout.conn.IsClosed() {
		return
	}
	s.home = h.lookout.conn
}
