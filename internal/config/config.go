// Package config reads lethe.yaml: where and when, as types whose every value is checked and defaulted.
//
// One table describes every key of the file. Parsing, type checks, nearest-name suggestions and the JSON
// Schema are all made from it, so that none can drift from another. Keys of parts that are not built
// yet stand in the table too: they are checked like the others and then refused by the code "not-yet".
package config

import (
	"path/filepath"
	"strings"
	"time"

	"github.com/lethedb/lethe/internal/finding"
	"github.com/lethedb/lethe/internal/secret"
)

// Config is a lethe.yaml without an error in it. It is read-only; any number of goroutines may use it.
type Config struct {
	// File is the path that was loaded. Relative paths in the file are resolved against its directory,
	// so every path below is ready to open.
	File string
	Keys Keys
	// State is the path of the SQLite file that runs are recorded in. Defaults to lethe.db.
	State string
	// Rules is the path of the rules file. Defaults to rules.yaml.
	Rules string
	// AllowCustom are the programs that masks may have values masked by.
	AllowCustom  []Allowed
	Sources      map[string]Source
	Environments map[string]Environment
}

// Ledger returns the path of the ledger: that of the state file, whose head it is checked against, with
// ".ledger.jsonl" for its extension.
func (c *Config) Ledger() string {
	return strings.TrimSuffix(c.State, filepath.Ext(c.State)) + ".ledger.jsonl"
}

// Keys says where the keys are. All of it may be absent: verbs that mask then refuse.
type Keys struct {
	// Place is that of the keys: block; zero when there is none.
	Place finding.Place
	// Masking is where the masking key is fetched from; zero when there is none or Ephemeral is set.
	Masking secret.Ref
	// Ephemeral asks for a masking key that is made for one run and never written.
	Ephemeral bool
	// Signing is where the signing key is fetched from; zero means derived from the masking key.
	Signing secret.Ref
	// Trusted are paths of the public keys of those whose signatures count.
	Trusted []string
}

// Allowed is a program that may see values.
type Allowed struct {
	Place finding.Place
	// Path is absolute; SHA256 is the program's digest as 64 lower-case hex digits.
	Path, SHA256 string
	// Timeout is how long it may take for what it is asked at once. Defaults to a minute.
	Timeout time.Duration
}

// Source is a database that is read, and never written.
type Source struct {
	// Name is its key under sources:.
	Name  string
	Place finding.Place
	DSN   secret.Ref
	// Connections is the most sessions that a run has there at once, those that watch and that hold locks and
	// the snapshot counted, from 4 to 64. Defaults to 8.
	Connections int
	// Rate is how many bytes per second are read, by all sessions together; 0 for no limit.
	Rate int64
	// YieldAfter is how long others may wait for a lock of ours before the run ends. Defaults to 3s.
	YieldAfter time.Duration
	// MaxSnapshotAge is how long the snapshot may be held before the run ends. Defaults to 4h.
	MaxSnapshotAge time.Duration
	StopWhen       StopWhen
}

// StopWhen is the load of a source at which reading pauses, and ends when it lasts. Zero is no limit.
type StopWhen struct {
	// Place is that of the stop_when: block; zero when there is none.
	Place finding.Place
	// ReplicationLag is by how much the slowest standby may be behind.
	ReplicationLag time.Duration
	// ActiveSessions is how many sessions may be at work, whoever's.
	ActiveSessions int
	// Lasts is how long reading pauses before the run ends. Defaults to 1m.
	Lasts time.Duration
}

// Kind says what an environment is for.
type Kind string

// The kinds of environment.
const (
	ProductionCopy Kind = "production_copy"
	Staging        Kind = "staging"
	Dev            Kind = "dev"
	QA             Kind = "qa"
	Sandbox        Kind = "sandbox"
)

// Undecided says what becomes of a column that no rule decides.
type Undecided string

// Refuse stops the run before anything is touched; Blank lets the column arrive NULL or typed-empty.
const (
	Refuse Undecided = "refuse"
	Blank  Undecided = "blank"
)

// Environment is a database that is built from a source and published under a name.
type Environment struct {
	// Name is its key under environments:.
	Name  string
	Place finding.Place
	// Kind defaults to the environment's name when that is a kind; else it must be written.
	Kind Kind
	// From is the name of a source; it exists in Config.Sources.
	From   string
	Target Target
	// Slots are two databases that take turns where none can be created; nil when databases are created.
	Slots *Slots
	// Jobs is how many parts are copied and indexes built at once, from 1 to 64; 0 means as many as the
	// machine that runs the refresh has cores.
	Jobs int
	// Undecided defaults to Refuse.
	Undecided Undecided
	Publish   Publish
	// KeepPrevious says how long the database that was published before can be rolled back to.
	KeepPrevious KeepPrevious
	// Roles says what becomes of the source's roles; the zero Roles keeps every name.
	Roles Roles
	// Without names what is left out of the schema.
	Without Without
	// Retain are rows of the environment's own, carried from the old database into the new.
	Retain []Retain
	// After is run in the new database before it is published, in this order.
	After []After
	Hooks Hooks
	// Revive names what of the source's outward wiring may live on the copy; all else arrives inert.
	Revive []Revival
	// PostData says how indexes, constraints and materialised views are built.
	PostData PostData
	// Tolerate names unique indexes and constraints that the source's own rows violate; they are left out.
	Tolerate []Named
}

// Roles says what becomes of roles that the target does not have.
type Roles struct {
	// Map names a role of the target for a role of the source. A target may stand for several.
	Map map[string]string
	// Drop are roles of the source that get no rights on the copy; none of them is in Map.
	Drop []string
}

// Without names what is left out of the schema on purpose.
type Without struct {
	// Extensions are left out together with all that needs them.
	Extensions []string
}

// Target is the server that an environment is published on.
type Target struct {
	Place finding.Place
	// DSN names the published database itself; with Slots it names the server, whatever its database.
	DSN secret.Ref
	// Maintenance is the database that locks and renames go through. Defaults to postgres.
	Maintenance string
}

// Slots are two databases made by a database administrator: the idle one is filled, then Pointer turns.
type Slots struct {
	Place finding.Place
	// Databases are the two names; they differ.
	Databases [2]string
	Pointer   Pointer
}

// Pointer is what clients follow to the serving slot. Exactly one field is set.
type Pointer struct {
	// File is the path of a file that is replaced by one holding the serving database's DSN.
	File string
	// Command is a program and its arguments, run without a shell, that makes clients follow.
	Command []string
}

// Publish says how an environment changes over to what was built.
type Publish struct {
	Sessions Sessions
	// Window is when it may change over; nil for any time.
	Window *Window
	// Announce is how long before the change that is announced; 0 announces nothing.
	Announce time.Duration
}

// SessionsMode says what becomes of the sessions on the database that is replaced.
type SessionsMode string

// Drain waits for sessions to end by themselves, then ends them; Terminate ends them at once;
// RefuseSessions does not publish while there are any.
const (
	Drain          SessionsMode = "drain"
	Terminate      SessionsMode = "terminate"
	RefuseSessions SessionsMode = "refuse"
)

// Sessions is a SessionsMode with its patience. Defaults to "drain 30s".
type Sessions struct {
	Mode SessionsMode
	// Wait is how long Drain waits before it ends what is left; 0 in the other modes.
	Wait time.Duration
}

// KeepPrevious bounds what is kept of earlier databases.
type KeepPrevious struct {
	// Count is how many are kept, 0 to 9. Defaults to 1; 0 gives up rollback.
	Count int
	// For is how long each is kept at most. Defaults to 24h.
	For time.Duration
}
