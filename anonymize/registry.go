package anonymize

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/lethedb/lethe/internal/catalog"
)

// ErrNoKey says that a mask which needs a masking key was made without one.
var ErrNoKey = errors.New("no masking key was given; set keys.masking, or make a key with: lethe key generate")

// Registry knows masks by name. It is read-only once made; any number of goroutines may use it.
type Registry struct {
	definitions []Definition // by name
}

// NewRegistry makes a registry of definitions. It refuses a name that comes twice and a definition whose
// contract has a hole or contradicts itself, naming mask and field of every one it found.
//
// In the registry New is guarded: it returns ErrNoKey for a keyed mask without a key, and an error where
// the mask's own New returned neither mask nor error.
func NewRegistry(definitions []Definition) (*Registry, error) {
	var problems []error
	r := &Registry{definitions: slices.Clone(definitions)}
	slices.SortStableFunc(r.definitions, func(a, b Definition) int { return strings.Compare(a.Name, b.Name) })
	for i := range r.definitions {
		d := &r.definitions[i]
		for _, problem := range d.problems() {
			problems = append(problems, fmt.Errorf("register mask %q: %s", d.Name, problem))
		}
		if i > 0 && r.definitions[i-1].Name == d.Name {
			problems = append(problems, fmt.Errorf("register mask %q: the name is taken", d.Name))
		}
		if d.New != nil {
			d.New = guard(*d)
		}
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return r, nil
}

// guard returns d.New with the checks that hold for every mask.
func guard(d Definition) func(Args) (Mask, error) {
	return func(a Args) (Mask, error) {
		if d.Determinism == Keyed && a.Key.IsZero() {
			return nil, fmt.Errorf("make mask %s: %w", d.Name, ErrNoKey)
		}
		m, err := d.New(a)
		if err == nil && m == nil {
			return nil, fmt.Errorf("make mask %s: it made none", d.Name)
		}
		return m, err
	}
}

// Lookup returns the definition of a mask. The caller must not change it.
func (r *Registry) Lookup(name string) (*Definition, bool) {
	i, found := slices.BinarySearchFunc(r.definitions, name, func(d Definition, name string) int {
		return strings.Compare(d.Name, name)
	})
	if !found {
		return nil, false
	}
	return &r.definitions[i], true
}

// Names returns the names of all masks, sorted.
func (r *Registry) Names() []string {
	names := make([]string, len(r.definitions))
	for i, d := range r.definitions {
		names[i] = d.Name
	}
	return names
}

// All returns every definition, sorted by name. The caller must not change what they point to.
func (r *Registry) All() []Definition { return slices.Clone(r.definitions) }

// problems returns what is wrong with d's contract, in the order of its fields.
func (d *Definition) problems() []string {
	var found []string
	refuse := func(bad bool, format string, args ...any) {
		if bad {
			found = append(found, fmt.Sprintf(format, args...))
		}
	}
	refuse(!isWord(d.Name), "the name must be lower-case words joined by underscores")
	refuse(d.Determinism == Keyed && d.Family == "", "a keyed mask needs a family")
	refuse(d.KeyMask && d.Determinism != Keyed, "a mask for keys must be keyed")
	refuse(strings.TrimSpace(d.Summary) == "", "the summary is missing")
	refuse(!slices.Contains(Groups(), d.Group), "group %q is unknown", d.Group)
	refuse(len(d.Accepts) == 0, "it accepts no class of type")
	refuse(!distinctWithin(d.Accepts, classes()), "Accepts holds a class twice or an unknown one")
	refuse(!slices.Contains([]Reads{ReadsValue, ReadsRow, ReadsTable}, d.Reads), "it reads %q, which is unknown", d.Reads)
	refuse(!slices.Contains([]Determinism{Keyed, DataFree, Kept}, d.Determinism), "determinism %q is unknown", d.Determinism)
	refuse(!slices.Contains([]Uniqueness{UniqueExact, UniqueBounded, UniqueNone}, d.Uniqueness), "uniqueness %q is unknown", d.Uniqueness)
	refuse(!slices.Contains([]Nulls{NullsKept, NullsMasked}, d.Nulls), "null policy %q is unknown", d.Nulls)
	refuse(!distinctWithin(d.Discloses, disclosures()), "Discloses holds a word twice or an unknown one")
	refuse(d.Rank < 1 || d.Rank > 6, "rank %d is not between 1 and 6", d.Rank)
	refuse((d.Rank == 1) != (d.Determinism == DataFree), "rank 1 is for data-free masks and for all of them")
	refuse((d.Rank == 6) != (d.Determinism == Kept), "rank 6 is for keep and for it alone")
	refuse(d.Cost <= 0 && d.Determinism != Kept, "the cost is missing")
	if d.Determinism == DataFree {
		refuse(len(d.Discloses) > 0 || d.Reversible || d.Reads != ReadsValue, "a data-free mask discloses nothing, is not reversible, reads no row")
		refuse(d.Uniqueness != UniqueNone, "a data-free mask cannot keep values unique")
	}
	if d.Determinism == Kept {
		refuse(d.New != nil, "a kept column has no mask to make: New must be nil")
	} else {
		refuse(d.New == nil, "New is missing")
		refuse((d.Capacity == nil) != (d.Uniqueness == UniqueNone), "Capacity is for masks with a uniqueness, and for all of them")
		refuse(d.Determinism == Keyed && d.Example.Input == "", "the example has no input")
	}
	return append(append(found, d.paramProblems()...), d.exampleProblems()...)
}

// paramProblems returns what is wrong with the parameters of d.
func (d *Definition) paramProblems() []string {
	var found []string
	seen := map[string]bool{}
	readsColumns := false
	for _, p := range d.Params {
		refuse := func(bad bool, problem string) {
			if bad {
				found = append(found, fmt.Sprintf("parameter %q: %s", p.Name, problem))
			}
		}
		refuse(!isWord(p.Name), "the name must be lower-case words joined by underscores")
		refuse(seen[p.Name], "the name comes twice")
		refuse(slices.Contains(reservedNames(), p.Name), "the name is a word of the rules themselves")
		seen[p.Name] = true
		refuse(strings.TrimSpace(p.Doc) == "", "the doc is missing")
		refuse(!p.knownKind(), fmt.Sprintf("kind %q is unknown", p.Kind))
		refuse((p.Kind == ParamChoice) != (len(p.Choices) > 0), "choices are for a choice and for every choice")
		refuse(p.Nests != NestsText && !p.HoldsMasks(), "it nests nothing")
		refuse(p.Required && p.Default != nil, "it is required and has a default")
		refuse(p.Default != nil && !p.Takes(p.Default), "the default has another type than the kind, or is none of the choices")
		readsColumns = readsColumns || p.Kind == ParamColumn || p.Kind == ParamColumns
	}
	if readsColumns != (d.Reads == ReadsRow) && d.Reads != ReadsTable {
		found = append(found, "a mask reads the row if and only if a parameter names columns")
	}
	return found
}

// exampleProblems returns where the example of d does not fit its parameters.
func (d *Definition) exampleProblems() []string {
	var found []string
	for name, value := range d.Example.Params {
		i := slices.IndexFunc(d.Params, func(p Param) bool { return p.Name == name })
		if i < 0 || !d.Params[i].Takes(value) {
			found = append(found, fmt.Sprintf("the example's parameter %q is unknown or of another type", name))
		}
	}
	slices.Sort(found)
	for _, p := range d.Params {
		if _, given := d.Example.Params[p.Name]; p.Required && !given {
			found = append(found, fmt.Sprintf("the example lacks the required parameter %q", p.Name))
		}
	}
	return found
}

// reservedNames are the keys that stand beside parameters in a decision of the rules, those of later
// versions included.
func reservedNames() []string {
	return []string{
		"mask", "keep", "domain", "future", "per_run", "approved_by", "basis", "category", "owner", "proposed", "reviewed",
	}
}

// HoldsMasks reports whether p's values are masks: a []PathMask.
func (p Param) HoldsMasks() bool {
	return p.Kind == ParamPaths || p.Kind == ParamMask || p.Kind == ParamMasks
}

func (p Param) knownKind() bool {
	kinds := []ParamKind{ParamString, ParamInt, ParamNumber, ParamBool, ParamTexts, ParamFile, ParamColumn, ParamColumns, ParamChoice, ParamPaths, ParamMask, ParamMasks}
	return slices.Contains(kinds, p.Kind)
}

// Takes reports whether value has the Go type that Args.Params holds for p's kind and, for a choice, is
// one of its words.
func (p Param) Takes(value any) bool {
	ok := false
	switch p.Kind {
	case ParamString, ParamColumn:
		_, ok = value.(string)
	case ParamInt:
		_, ok = value.(int64)
	case ParamBool:
		_, ok = value.(bool)
	case ParamNumber:
		n, isNumber := value.(float64)
		ok = isNumber && !math.IsNaN(n) && !math.IsInf(n, 0)
	case ParamTexts:
		texts, isTexts := value.([]string)
		ok = isTexts && len(texts) > 0
	case ParamFile:
		_, ok = value.(FileText)
	case ParamColumns:
		_, ok = value.([]string)
	case ParamPaths, ParamMask, ParamMasks:
		masks, areMasks := value.([]PathMask)
		ok = areMasks && (p.Kind == ParamPaths || len(masks) == 1 || p.Kind == ParamMasks && len(masks) > 0)
	case ParamChoice:
		word, isText := value.(string)
		ok = isText && slices.Contains(p.Choices, word)
	}
	return ok
}

// isWord reports whether s is lower-case words joined by single underscores, beginning with a letter.
func isWord(s string) bool {
	if s == "" || s[0] < 'a' || s[0] > 'z' || strings.HasSuffix(s, "_") || strings.Contains(s, "__") {
		return false
	}
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789_") == ""
}

// distinctWithin reports whether words are all different and all known.
func distinctWithin[T comparable](words, known []T) bool {
	for i, word := range words {
		if !slices.Contains(known, word) || slices.Contains(words[:i], word) {
			return false
		}
	}
	return true
}

func classes() []catalog.Class {
	return []catalog.Class{
		catalog.ClassText, catalog.ClassInteger, catalog.ClassNumeric, catalog.ClassBoolean, catalog.ClassDate,
		catalog.ClassTimestamp, catalog.ClassTime, catalog.ClassUUID, catalog.ClassJSON, catalog.ClassBytes,
		catalog.ClassNetwork, catalog.ClassEnum, catalog.ClassArray, catalog.ClassOther,
	}
}

func disclosures() []Disclosure {
	return []Disclosure{
		DisclosesEquality, DisclosesFrequency, DisclosesLength, DisclosesOrder, DisclosesFormat, DisclosesProximity,
	}
}
