// Package anonymize turns rows of production into rows that may leave it.
//
// A Mask changes one field; a Definition is a mask's contract, which the rules compile against; a Table
// applies one mask per column to the text form of COPY and is the only thing that seals its output.
package anonymize

import (
	"github.com/lethedb/lethe/anonymize/derive"
	"github.com/lethedb/lethe/internal/catalog"
)

// Mask replaces one field. Implementations are safe for concurrent use and hold no state between calls.
type Mask interface {
	// Append appends the masked form of v, unescaped, to dst and returns the extended slice. dst is never
	// nil; a nil result means SQL NULL. An error names what is wrong with the value's form and never
	// quotes it; the run fails with table, column and row position added.
	Append(dst []byte, v Value) ([]byte, error)
}

// Value is one field as COPY delivers it, unescaped.
type Value struct {
	// Text is the value's text form, valid until the next field is read. It is nil when Null.
	Text []byte
	// Null reports SQL NULL. A mask sees one only when its Definition has Nulls set to NullsMasked.
	Null bool
	// Row gives the other fields of the row to a mask whose Definition reads them; else nil.
	Row Row
}

// Row gives a mask the other fields of its row. Indexes are those that Args.Siblings assigned.
type Row interface {
	// In returns a field as production has it. It reports false for NULL.
	In(i int) ([]byte, bool)
	// Out returns a field as it will leave. Compile orders columns so that it is ready. It reports
	// false for NULL.
	Out(i int) ([]byte, bool)
}

// Reads says what a mask may look at.
type Reads string

// What a mask may read: its own value, columns of its row and of rows that it refers to, or the whole table,
// which takes a Gatherer.
const (
	ReadsValue Reads = "value"
	ReadsRow   Reads = "row"
	ReadsTable Reads = "table"
)

// Uniqueness says what becomes of distinct values.
type Uniqueness string

// The uniqueness classes. A unique index accepts exact, or bounded where n²/2N ≤ 2⁻⁴⁰ at the column's
// row count n and the mask's capacity N.
const (
	UniqueExact   Uniqueness = "exact"
	UniqueBounded Uniqueness = "bounded"
	UniqueNone    Uniqueness = "none"
)

// Determinism says when two runs agree.
type Determinism string

// How a mask's output depends on its input. DataFree masks read nothing at all.
const (
	Keyed    Determinism = "keyed"
	DataFree Determinism = "data-free"
	Kept     Determinism = "kept"
)

// Group is where the catalogue lists a mask.
type Group string

// The groups, in the catalogue's order.
const (
	GroupDestroy      Group = "destroy"
	GroupPartial      Group = "partial"
	GroupPseudonymize Group = "pseudonymize"
	GroupRealistic    Group = "realistic"
	GroupIdentifier   Group = "identifier"
	GroupPerturb      Group = "perturb"
	GroupGeneralize   Group = "generalize"
	GroupRearrange    Group = "rearrange"
	GroupRow          Group = "row"
	GroupStructured   Group = "structured"
	GroupText         Group = "text"
	GroupControl      Group = "control"
)

// Groups returns every group in the catalogue's order.
func Groups() []Group {
	return []Group{
		GroupDestroy, GroupPartial, GroupPseudonymize, GroupRealistic, GroupIdentifier, GroupPerturb, GroupGeneralize,
		GroupRearrange, GroupRow, GroupStructured, GroupText, GroupControl,
	}
}

// Nulls says what becomes of SQL NULL.
type Nulls string

// The null policies. NullsKept is the usual one: a NULL stays NULL and the mask is not called.
const (
	NullsKept   Nulls = "kept"
	NullsMasked Nulls = "masked"
)

// Disclosure is one thing about the originals that remains visible in the output.
type Disclosure string

// What a mask may disclose.
const (
	DisclosesEquality  Disclosure = "equality"
	DisclosesFrequency Disclosure = "frequency"
	DisclosesLength    Disclosure = "length"
	DisclosesOrder     Disclosure = "order"
	DisclosesFormat    Disclosure = "format"
	DisclosesProximity Disclosure = "proximity"
)

// ParamKind is the type of a mask's parameter.
type ParamKind string

// The kinds of parameter and the Go type that Args.Params holds for each.
const (
	ParamString  ParamKind = "string"  // string
	ParamInt     ParamKind = "int"     // int64
	ParamNumber  ParamKind = "number"  // float64: finite
	ParamBool    ParamKind = "bool"    // bool
	ParamTexts   ParamKind = "texts"   // []string: one at least, in the order written
	ParamColumn  ParamKind = "column"  // string: a column of the same table, or of a row that it refers to
	ParamColumns ParamKind = "columns" // []string: such columns
	ParamChoice  ParamKind = "choice"  // string: one of Param.Choices
	ParamFile    ParamKind = "file"    // FileText: a file beside the rules
	ParamPaths   ParamKind = "paths"   // []PathMask: what the mask calls paths, and a mask for each
	ParamMask    ParamKind = "mask"    // []PathMask: one, without a path
	ParamMasks   ParamKind = "masks"   // []PathMask: one at least, in the order written, without paths
)

// FileText is a file that a parameter names, as it was read with the rules.
type FileText struct {
	// Path is the file's; Digest its SHA-256 as lower-case hex digits, which alone tells it from others.
	Path   string `json:"-"`
	Digest string `json:"digest"`
	Text   []byte `json:"-"`
}

// Nesting says what the masks of a parameter stand on.
type Nesting string

// The nestings: text without a limit, as inside a document; the column's own type, with its row at hand; the
// elements of an array.
const (
	NestsText    Nesting = ""
	NestsSelf    Nesting = "self"
	NestsElement Nesting = "element"
)

// Param describes one parameter of a mask.
type Param struct {
	Name     string
	Kind     ParamKind
	Required bool
	// Default is what an absent parameter means; nil when Required or when absence has a meaning of its own.
	Default any
	// Choices are the words a ParamChoice accepts.
	Choices []string
	// Nests is what the masks of a ParamPaths, ParamMask or ParamMasks stand on.
	Nests Nesting
	// Doc says what it does, in one sentence that begins in lower case.
	Doc string
}

// PathMask is one entry of a parameter that holds masks: the compiled mask, and in a ParamPaths the path to what
// it stands on. A nested mask sees no NULL.
type PathMask struct {
	Path string
	Mask Mask
	// Keep reports that the value at the path passes as it is; Mask is then nil.
	Keep bool
}

// Definition is a mask's contract. It is plain data but for New, Capacity and Check.
type Definition struct {
	// Name is what rules call the mask: lower case, words joined by underscores.
	Name string
	// Family names the default domain: columns under masks of one family agree with each other. Key
	// masks (KeyMask) take the referenced key's name instead.
	Family string
	// Group is where the catalogue lists it.
	Group Group
	// KeyMask reports a mask for keys, whose default domain is the key column it stands on.
	KeyMask bool
	// Unmapped reports that the mask draws nothing from its domain but what one row needs, so that columns
	// under it are not compiled to the narrowest length among them.
	Unmapped bool
	// Summary says what the mask does, in one sentence.
	Summary string
	// Accepts lists the classes of type it can stand on.
	Accepts []catalog.Class
	Params  []Param
	Reads   Reads
	// Determinism, Uniqueness, Nulls and Discloses are promises that property tests hold.
	Determinism Determinism
	Uniqueness  Uniqueness
	Nulls       Nulls
	Discloses   []Disclosure
	// Rank is the privacy rank from 1 (data-free) to 6 (kept).
	Rank int
	// Cost is the order of nanoseconds per value on one core, measured by the package's benchmarks.
	Cost int
	// Reversible reports that who holds the key can get the original back.
	Reversible bool
	// Format says what form the output keeps, such as "a valid Luhn check digit"; "" where it is any text or
	// number that the column takes.
	Format string
	// Safe says why no output can reach or name anybody, such as "RFC 2606 reserves the domain"; "" where
	// nothing promises it.
	Safe string
	// Example is an input and parameters for the catalogue, which shows what the mask makes of them.
	Example Example
	// Capacity returns how many outputs the mask can tell apart on a column of type t, +Inf for no limit.
	// It is nil for masks whose Uniqueness is none.
	Capacity func(a Args) float64
	// Inputs returns how many different values such a column can hold, where the values' own form bounds them:
	// a mask is only as strong as it is long to try them all, whatever the key. It is nil where they are not
	// bounded, or where the output does not depend on them.
	Inputs func(a Args) float64
	// Check returns why the mask cannot stand on such a column with such parameters, or nil. It sees no
	// key, so that rules can be checked without one. It may be nil.
	Check func(a Args) error
	// New makes the mask. It is called once per column, after Check agreed.
	New func(a Args) (Mask, error)
}

// Program is one that may be asked to mask values.
type Program interface {
	// Start starts it with arguments. It errs where the program is not the one that was allowed.
	Start(arguments []string) (Answers, error)
}

// Example is a sample of a mask's work for the catalogue.
type Example struct {
	Input  string
	Params map[string]any
}

// Args is what a mask is made from.
type Args struct {
	// Column is the column's name, Type its type; for a domain of several columns, MaxLength of Type is
	// already the narrowest among them.
	Column string
	Type   catalog.Type
	// Params holds every parameter given and every default, by name, in the Go types of ParamKind.
	Params map[string]any
	// Siblings gives the index by which Row knows each column a parameter names.
	Siblings map[string]int
	// SiblingTypes gives the type of each column in Siblings.
	SiblingTypes map[string]catalog.Type
	// Domain names the mapping; Key is derived for it and the mask's family. Key is the zero Key where
	// no key was configured and only Check is called.
	Domain string
	Key    derive.Key
	// Table is the column's table, that of the partitioned table for its partitions; RowKey are the columns of its
	// primary key, among Siblings. Both are for masks that read the table.
	Table  catalog.Name
	RowKey []string
	// Programs are those that a mask may have values masked by, by their paths.
	Programs map[string]Program
	// NotNull reports that the column does not allow NULL.
	NotNull bool
}
