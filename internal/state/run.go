package state

import (
	"time"

	"github.com/lethedb/lethe/internal/work"
)

// Kind says what a run does.
type Kind string

// The kinds of run.
const (
	Refresh  Kind = "refresh"
	Resume   Kind = "resume"
	Publish  Kind = "publish"
	Rollback Kind = "rollback"
	Adopt    Kind = "adopt"
	Hold     Kind = "hold"
	Release  Kind = "release"
)

// Outcome says how a run ended.
type Outcome string

// The outcomes. Running is that of a run that has not ended; one whose process is known to be gone
// without ending it reads as Interrupted.
const (
	Running            Outcome = "running"
	Published          Outcome = "published"
	Built              Outcome = "built"
	Done               Outcome = "done"
	Failed             Outcome = "failed"
	Refused            Outcome = "refused"
	VerificationFailed Outcome = "verification failed"
	Interrupted        Outcome = "interrupted"
)

// Run is one run on record. It holds names, sizes and times, never a value of a row or a secret.
type Run struct {
	// ID is that of NewRunID.
	ID          string `json:"id"`
	Environment string `json:"environment"`
	// Source is the source's name, "" for runs that read none.
	Source  string    `json:"source,omitempty"`
	Kind    Kind      `json:"kind"`
	Started time.Time `json:"started"`
	// Host, User and Version say who ran it and with which build.
	Host    string `json:"host"`
	User    string `json:"user"`
	Version string `json:"version"`
	// Resumes is the run that this one goes on with, whose data it publishes; "" for one that begins anew.
	Resumes string `json:"resumes,omitempty"`
	// ResumedBy are the runs that went on with this one, the oldest first, those that were refused aside; read by Run
	// and Runs.
	ResumedBy []string `json:"resumed_by,omitempty"`
	// Process tells the process that runs it from every other; set by Begin.
	Process Process `json:"process,omitzero"`
	Result
}

// Result is what is known of a run when it has ended.
type Result struct {
	// Ended is zero while the run goes on and for interrupted ones.
	Ended   time.Time `json:"ended,omitzero"`
	Outcome Outcome   `json:"outcome"`
	// Exit is the status the process ended with.
	Exit int `json:"exit"`
	// Code is the word of the error that ended it, such as "undecided-column"; "" when there was none.
	Code    string       `json:"code,omitempty"`
	Digests work.Digests `json:"digests,omitzero"`
	// Publication is nil when nothing was published.
	Publication *Publication `json:"publication,omitempty"`
	Tables      []Table      `json:"tables,omitempty"`
	Phases      []Phase      `json:"phases,omitempty"`
	// Cost is what the run cost its source; zero when it read nothing.
	Cost work.Cost `json:"source_cost,omitzero"`
}

// Total returns the sum of all tables.
func (r Result) Total() work.Count {
	var total work.Count
	for _, t := range r.Tables {
		total = total.Add(work.Count{Rows: t.Rows, Bytes: t.Bytes})
	}
	return total
}

// Publication says what was put in place of what.
type Publication struct {
	// Database is the one that serves now; Previous the one that did, "" when there was none.
	Database string `json:"database"`
	Previous string `json:"previous,omitempty"`
	// OutageMS is how many milliseconds new connections failed for.
	OutageMS int64 `json:"outage_ms"`
	// Sessions is how many sessions were ended.
	Sessions int `json:"ended_sessions"`
}

// Table is what arrived of one table.
type Table struct {
	Schema string `json:"schema"`
	Name   string `json:"name"`
	Rows   int64  `json:"rows"`
	Bytes  int64  `json:"bytes"`
	// Milliseconds is the time from the table's first part to its last.
	Milliseconds int64 `json:"ms"`
}

// Phase is how long one phase took.
type Phase struct {
	Name         string `json:"name"`
	Milliseconds int64  `json:"ms"`
}

// Filter picks runs. Its zero value picks all.
type Filter struct {
	// Environment, Kind and Outcome must be equal where they are not "".
	Environment string
	Kind        Kind
	Outcome     Outcome
	// Since picks runs that started then or later.
	Since time.Time
	// Limit is how many at most, the newest; 0 for no limit.
	Limit int
}

// Key is a masking key that was used here, by its id.
type Key struct {
	ID        string    `json:"id"`
	FirstSeen time.Time `json:"first_seen"`
	LastSeen  time.Time `json:"last_seen"`
}
