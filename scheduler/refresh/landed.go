package refresh

import (
	"context"
	"errors"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/work"
)

// Landed is a run whose rows have all arrived: what is left to do needs its source no more. It is plain
// data, holds no value, and can be kept in a file.
type Landed struct {
	Order *work.Order
	// Tables are those that were copied, by their names on the source.
	Tables map[catalog.Name]Arrived
}

// Arrived says what arrived of one table.
type Arrived struct {
	work.Count
	// Expected is the source's own count.
	Expected int64
}

// holdBack keeps a failure of what stands on the rows until all of them have arrived, where it can be mended
// and the run then be resumed: what was read of the source is not read again.
func (r *run) holdBack(err error) error {
	can, ok := errors.AsType[interface {
		error
		Mendable() bool
	}](err)
	if !ok || !can.Mendable() || r.job.OnLanded == nil || r.job.Landed != nil {
		return err
	}
	r.held = err
	r.job.Events(Event{Held: err})
	return nil
}

// instant is an Instant without a source.
func (l *Landed) instant(ctx context.Context, read func(context.Context, *work.Order, Producer) error) error {
	return read(ctx, l.Order, nil)
}

// landed tells what arrived, once all has.
func (r *run) landed(ctx context.Context) error {
	if r.job.OnLanded == nil || r.job.Landed != nil {
		return nil
	}
	l := &Landed{Order: r.order, Tables: make(map[catalog.Name]Arrived, len(r.tables))}
	r.mu.Lock()
	for name, p := range r.tables {
		l.Tables[name] = Arrived{Count: p.count, Expected: p.expected}
	}
	r.mu.Unlock()
	return r.job.OnLanded(ctx, l)
}
