// Package work describes what a run has to do as plain data: the order a sink builds from and the parts
// it is loaded in. Nothing in it ever holds a value read from a table.
package work

import (
	"fmt"

	"github.com/lethedb/lethe/internal/catalog"
)

// Order is everything a sink must know before the first row: what to build, from which schema, and for
// whom. It is read-only once a run has begun.
type Order struct {
	// Run is the run's id, unique over all machines; it is part of the name of what is being built.
	Run string
	// Environment is the name of the environment that is being refreshed.
	Environment string
	// Catalog is the source's catalog under the run's snapshot.
	Catalog *catalog.Catalog
	// Tables are the tables to arrive, those without rows included; dropped ones are absent.
	Tables []Table
	// Schema is the path of a pg_dump archive (custom format, no data) of the source under the run's
	// snapshot. It belongs to who made it and is read-only.
	Schema string
	// Definitions are what every object of the source is defined as, under the run's snapshot; nil when they
	// were not read, and then what arrives cannot be verified.
	Definitions []catalog.Definition
	// Wiring is what of the source reaches out of its database; it arrives inert.
	Wiring []catalog.Wire
	// Sequences are the values of the catalog's sequences under the run's snapshot; an archive without
	// data holds none. A sequence that is missing here starts anew, above the data it feeds.
	Sequences []SequenceValue
	// LargeObjects are those that arrive; their content travels as the rows of their table.
	LargeObjects LargeObjects
	// Ownership is who owns what at the source; nil leaves it to the archive alone.
	Ownership *Ownership
	// Roles says under which names the source's roles arrive; Without which extensions do not.
	Roles   Roles
	Without []string
	// Flat puts everything into the database's own tablespace.
	Flat bool
	// Source says where the rows come from, free of secrets.
	Source Source
	// Digests name what the run was decided by.
	Digests Digests
}

// Source says which instant of which database a run reads.
type Source struct {
	// Name is the source's name in the configuration.
	Name string `json:"name"`
	// SystemIdentifier is the server's, as text; Database the database's name.
	SystemIdentifier string `json:"system_identifier"`
	Database         string `json:"database"`
	// Time is the snapshot's time on the source, RFC 3339 in UTC; LSN its position in the WAL.
	Time string `json:"time"`
	LSN  string `json:"lsn"`
}

// Digests name, as lower-case hex SHA-256, what a run was decided by. KeyID is an id, not a digest.
type Digests struct {
	Rules   string `json:"rules"`
	Plan    string `json:"plan"`
	Catalog string `json:"catalog"`
	KeyID   string `json:"key_id"`
}

// SequenceValue is where a sequence stands. It counts rows and names nobody.
type SequenceValue struct {
	Name catalog.Name `json:"name"`
	// Last is the sequence's last_value; Called whether it was handed out already.
	Last   int64 `json:"last"`
	Called bool  `json:"called"`
}

// LargeObjects are the large objects of a source, without their content.
type LargeObjects struct {
	// Page is how many bytes a full row of their table holds.
	Page int64
	List []LargeObject
}

// LargeObject is one of them.
type LargeObject struct {
	// OID is what columns refer to it by; it is the same on the target.
	OID uint32
	// Size is how far its content reaches, holes included; 0 when it arrives without content.
	Size    int64
	Comment string
}

// Table is one table of an Order.
type Table struct {
	// Table is the table as the source has it.
	Table *catalog.Table
	// Columns are those that are copied, in attribute order: all but generated ones.
	Columns []string
	// Empty reports that the table arrives without rows.
	Empty bool
	// Joins are the rows that each row is read together with, and Joined those of their columns that are read, after
	// Columns. None of them arrives.
	Joins  []Join
	Joined []JoinedColumn
	// Recompute are the columns that the sink computes again once all rows of all tables are there.
	Recompute []Recompute
	// Where is the rule's condition on the rows as SQL, "" for all.
	Where string
	// Into is the table on the target that the rows are loaded through: the table itself, or its
	// partition root when a partition key above it is masked.
	Into catalog.Name
	// Binary has the rows travel in the binary form of COPY, source and target speaking it to each other;
	// in the text form otherwise.
	Binary bool
	// TextOnly keeps the rows in the text form.
	TextOnly bool
	// Whole has the rows travel as one part, loaded in the transaction that empties the table, so that they
	// arrive frozen. See ChooseWhole.
	Whole bool
}

// Recompute says how a column is computed from the rows as they arrived: by an SQL expression, or by a trigger of its
// table that runs before each row is updated.
type Recompute struct {
	Column  string `json:"column"`
	As      string `json:"as,omitempty"`
	Trigger string `json:"trigger,omitempty"`
}

// Join is the row that another row refers to. There is one at most, and none where what refers is NULL or dangles.
type Join struct {
	// From says whose columns refer: 0 for the table's own row, n for that of the n-th join.
	From int `json:"from"`
	// Table is the table referred to; Tree reports that its rows lie in its partitions.
	Table catalog.Name `json:"table"`
	Tree  bool         `json:"tree,omitempty"`
	// Columns[i] refers to Referenced[i], which together tell one row of the table from all others.
	Columns    []string `json:"columns"`
	Referenced []string `json:"referenced"`
}

// JoinedColumn is a column of the row that the Join-th join finds, counting from 1.
type JoinedColumn struct {
	Join   int    `json:"join"`
	Column string `json:"column"`
}

// Part is the unit of work: of loading, of progress, of retry and of distribution.
type Part struct {
	Run   string       `json:"run"`
	Table catalog.Name `json:"table"`
	// No counts a table's parts from 0.
	No    int   `json:"no"`
	Range Range `json:"range"`
}

// String names the part for messages, such as "public.customer#3".
func (p Part) String() string { return fmt.Sprintf("%s#%d", p.Table, p.No) }

// Range says which rows of a table a part holds.
type Range struct {
	Kind RangeKind `json:"kind"`
	// Lo and Hi bound Blocks and Ordinals: Lo is the first, Hi the first that is out; Hi is 0 when there
	// is no upper bound.
	Lo int64 `json:"lo,omitempty"`
	Hi int64 `json:"hi,omitempty"`
	// Name is the file of Keys or the object of Stored.
	Name string `json:"name,omitempty"`
}

// RangeKind tells the forms of a Range.
type RangeKind string

// The forms of a Range.
const (
	Whole    RangeKind = "whole"
	Blocks   RangeKind = "blocks"
	Keys     RangeKind = "keys"
	Ordinals RangeKind = "ordinals"
	Stored   RangeKind = "stored"
)

// Count is what became of one part or table.
type Count struct {
	Rows  int64 `json:"rows"`
	Bytes int64 `json:"bytes"`
}

// Add returns the sum of c and other.
func (c Count) Add(other Count) Count {
	return Count{Rows: c.Rows + other.Rows, Bytes: c.Bytes + other.Bytes}
}
