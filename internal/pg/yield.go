package pg

import (
	"fmt"
	"time"

	"github.com/lethedb/lethe/internal/catalog"
)

// YieldError says that somebody waits for a run: to alter a table that it has locked or is about to read, or
// for its snapshot to end. The run gave way.
type YieldError struct {
	// Table is what is waited for; zero where it is the snapshot, or where nobody can tell.
	Table catalog.Name
	// Snapshot reports that the end of the run's transaction is waited for.
	Snapshot bool
	// Waited is for how long; 0 when the run gave way at once.
	Waited time.Duration
	// Err is the server's refusal of a lock; nil when the run let go by itself.
	Err error
}

// Error names the table and what to do.
func (e *YieldError) Error() string {
	waited := ""
	if e.Waited > 0 {
		waited = " since " + e.Waited.Round(100*time.Millisecond).String()
	}
	switch {
	case e.Snapshot:
		return "somebody waits" + waited + " for older snapshots to end, as CREATE INDEX CONCURRENTLY does, and the run gave way; start it again when that is done"
	case e.Table.IsZero():
		return "somebody waits" + waited + " for a table that the run has locked, and it gave way; start it again when that is done"
	}
	return fmt.Sprintf("somebody waits%s to alter %s, and the run gave way; start it again when that is done", waited, e.Table)
}

// Unwrap returns the server's refusal.
func (e *YieldError) Unwrap() error { return e.Err }
