// Package preflight judges, before anything is touched, whether a run can succeed: it turns plain facts
// about both servers into findings, all of them at once. It asks nobody; internal/pg gathers the facts.
package preflight

import (
	"time"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/work"
)

// The versions of PostgreSQL that are read and written: all that its project maintains.
const (
	OldestMajor = 14
	NewestMajor = 18
)

// Facts is what was found out about both servers.
type Facts struct {
	// Catalog is the source's; nil when only a target was looked at.
	Catalog *catalog.Catalog
	// Read are the tables whose rows a run would read.
	Read []catalog.Name
	// Roles says under which names the source's roles arrive.
	Roles work.Roles
	// Source and Target are the two ends; nil when that end was not looked at.
	Source *Source
	Target *Target
	// Revive is what of the wiring may live on the copy; Tolerate names indexes and constraints that may be missing
	// there.
	Revive   []Named
	Tolerate []Named
	// Without names extensions that are left out on purpose.
	Without []string
	// Tools are the programs that were found; nil when nobody looked for them.
	Tools *Tools
}

// Endpoint is what there is to know of either end.
type Endpoint struct {
	// Name is what the configuration calls it, such as "source production".
	Name string
	// Role is who we are there.
	Role      string
	Superuser bool
	// Version is server_version_num, such as 150018.
	Version int
	// Standby reports whether the server is in recovery.
	Standby bool
	// Pooled reports that something between us and the server gives out sessions of its own.
	Pooled bool
	// Scattered reports that two connections reached two servers.
	Scattered bool
	// Free is how many more connections our role can open, Wanted how many a run opens at most.
	Free, Wanted int
}

// Major returns the major version, such as 15.
func (e Endpoint) Major() int { return e.Version / 10000 }

// Source is what there is to know of the database that is read.
type Source struct {
	Endpoint
	// NoUsage are schemas that our role may not look into; NoSelect tables and NoSequence sequences that it
	// may not read.
	NoUsage    []string
	NoSelect   []catalog.Name
	NoSequence []catalog.Name
	// Hidden are tables of which a policy would hide rows from our role.
	Hidden []catalog.Name
	// Outward are materialised views that read other servers when they are refreshed.
	Outward []catalog.Name
	// Wiring is what reaches out of the database or acts in it by itself; Calling are checks, indexes and the like
	// that call a function which reaches other servers for each row that is loaded; what is of a domain begins with
	// the word.
	Wiring  []catalog.Wire
	Calling []string
	// Leading are views, rules, defaults, policies and conditions of triggers that call such a function of an
	// extension's by themselves, when they are used.
	Leading []string
	// Engines are tables whose rows an extension keeps in a way of its own, with the extension.
	Engines []Engine
	// Foreign are objects in our own schema that are not ours: the schema is left out of every copy.
	Foreign []catalog.Name
	// Owners own objects that arrive, or have default privileges; Grantors gave rights on such objects, and Grantees
	// are named in grants and policies.
	Owners, Grantors, Grantees []string
	// Named are all roles that what arrives names in any way, the server's own among them.
	Named []string
	// Tablespaces are those in use other than the database's own.
	Tablespaces []string
	// Untrusted are functions and foreign-data wrappers, of no extension, that only a superuser can make.
	Untrusted []string
	// Collations are those that arrive, and the server's own that something is sorted by; Native are functions in C
	// of no extension.
	Collations []Collation
	Native     []Native
	// Numbered reports columns that hold a number of the server's own among their options (pgserver.ColumnNumber).
	Numbered bool
	// LockSlots is the size of the server's lock table, LocksHeld how many are taken, LocksWanted how many
	// tables a run locks.
	LockSlots, LocksHeld, LocksWanted int
	// Feedback is hot_standby_feedback; StreamingDelay is max_standby_streaming_delay, negative when a standby
	// waits for readers for ever. Both matter on a standby only.
	Feedback       bool
	StreamingDelay time.Duration
	// Watched are the limits of stop_when that need the right to see other roles' sessions and standbys;
	// Statistics whether our role has it.
	Watched    []string
	Statistics bool
}

// Target is what there is to know of the server that an environment lives on.
type Target struct {
	Endpoint
	// Database is the environment's; Exists whether there is one of that name.
	Database string
	Exists   bool
	// Slots reports that two databases take turns and none is made.
	Slots bool
	// CreateDB reports the right to make databases, Owner whether our role may act as the owner of Database,
	// who is OwnerName. Placed reports whether it may make databases in the tablespace of Database.
	CreateDB  bool
	Owner     bool
	OwnerName string
	Placed    bool
	// Template, Prepared, LogicalSlots and Subscriptions are what forbids renaming or dropping Database:
	// it is a template, has so many prepared transactions, feeds those slots, is fed by those subscriptions.
	Template      bool
	Prepared      int
	LogicalSlots  []string
	Subscriptions []string
	// Signal reports the right to end sessions of other roles; Stuck are sessions in Database, at the moment
	// of looking, that our role may not end.
	Signal bool
	Stuck  []Session
	// Roles are the roles that exist of those that were asked about; Member those that our role may give
	// objects to.
	Roles, Member []string
	// Extensions are those available of those that were asked about.
	Extensions []Extension
	// Tablespaces are those that exist and may be used of those that were asked about.
	Tablespaces []string
	// NoCollation are collations that the server neither has nor can make, NoLibrary functions in C whose library
	// it lacks.
	NoCollation, NoLibrary []string
	// Members are tables of extensions that the server's extensions do not make.
	Members []Member
	// Room is how many bytes are free where databases are made; RoomKnown whether that can be told.
	Room      int64
	RoomKnown bool
	// Locale reports that a database can be made with the source's encoding and locale.
	Locale bool
}

// Collation is a collation as a server defines it.
type Collation struct {
	// Name is its name as SQL, Bare without schema and quotes; Own says that it is none of the server's.
	Name, Bare string
	Own        bool
	// Provider is "libc", "icu" or "builtin"; Collate and Ctype are libc's, Locale and Rules the others'.
	Provider, Collate, Ctype, Locale, Rules string
	Deterministic                           bool
}

// Native is a function in C: its name with its arguments, and where its code is.
type Native struct{ Name, Library, Symbol string }

// Member is a table that belongs to an extension at the source; Untold reports that nobody could tell whether the
// target's extension makes it.
type Member struct {
	Extension string
	Table     catalog.Name
	Untold    bool
}

// Session is a session that our role may not end.
type Session struct {
	PID       int
	Role      string
	Superuser bool
}

// Engine is a table that an extension keeps in a way of its own, such as a hypertable of TimescaleDB.
type Engine struct {
	Table     catalog.Name
	Extension string
}

// Extension is an extension as a server offers it.
type Extension struct {
	Name string
	// Default is the version that is installed when none is named.
	Default string
	// Allowed reports that our role may install it: it is trusted, or we are a superuser.
	Allowed bool
}

// Tools are the majors of the programs found; 0 for one that was not.
type Tools struct {
	PgDump, PgRestore int
}
