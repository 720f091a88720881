package refresh

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/masked"
	"github.com/lethedb/lethe/internal/work"
)

// Trial is a sink that can try rows: what does not fit the new database is found in the first minute then, not
// when the last of a thousand million rows arrives.
type Trial interface {
	// Try puts rows of a table where they will go, has all that stands on them judge them, and takes everything
	// back. It is called between Begin and the first Write, from several goroutines.
	Try(ctx context.Context, table catalog.Name, rows *masked.Rows) error
}

// Sampler is a Producer that can show a few rows of each table beforehand.
type Sampler interface {
	// Sample returns a few of the table's rows, at most limit.
	Sample(ctx context.Context, table work.Table, limit int) (*masked.Rows, error)
}

// trialRows is how many rows of each table are tried: a mask that does not fit a column seldom fits three
// hundred values, and even wide ones are read, masked and written in some milliseconds.
const trialRows = 300

// try tries a few rows of each table, Workers tables at once.
func (r *run) try(ctx context.Context, from Producer) error {
	sampler, ok := from.(Sampler)
	if r.job.Trial == nil || r.job.Landed != nil || !ok {
		return nil
	}
	return r.timed(PhaseTrial, func() error {
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(r.job.Workers)
		for _, table := range r.order.Tables {
			// Large objects have no columns that rows could fit or not.
			if table.Empty || table.Table.Kind != catalog.Ordinary || table.Table.Size.Blocks == 0 || table.Table.Name == catalog.LargeObjectPages() {
				continue
			}
			group.Go(func() error {
				// A target that is gone must not wait for a source that is slow to answer.
				reading, stop := context.WithCancel(ctx)
				defer stop()
				rows, err := sampler.Sample(reading, table, trialRows)
				if err != nil {
					return fmt.Errorf("read rows of %s to try: %w", table.Table.Name, err)
				}
				rows.OnAbandon(stop)
				if err := r.job.Trial.Try(ctx, table.Table.Name, rows); err != nil {
					return fmt.Errorf("try rows of %s: %w", table.Table.Name, err)
				}
				return nil
			})
		}
		return group.Wait()
	})
}
