// Package builtin holds the masks that come with the engine, as one plain list.
//
// What a keyed mask makes of a value is frozen by golden vectors: a change of any output is a new mask or
// a new version of the derivation, never a repair.
package builtin

import (
	"slices"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/builtin/dictionary"
	"github.com/lethedb/lethe/internal/catalog"
)

// Masks returns every mask there is, by family. The definitions share one library of words, read when the
// first mask that needs it is checked or made, so call it once per process.
func Masks() []anonymize.Definition {
	words := dictionary.NewLibrary()
	return slices.Concat(
		[]anonymize.Definition{
			keep(),
			null(),
			empty(),
			constant(),
			redact(),
			firstName(words),
			lastName(words),
			fullName(words),
			email(words),
			username(words),
			phone(),
			street(words),
			city(words),
			postcode(),
			dateShift(),
			hmac(),
			token(),
			permuteInt(),
			redactText(words),
			jsonPaths(),
		},
		preserving(),
		coarser(),
		identifiers(),
		realistic(words),
		partial(),
		numeric(),
		composite(words),
		locales(words),
	)
}

// keep is the only way to pass values on. It has no mask to make: its column is copied untouched, and the
// reason that the rules demand stands in the audit.
func keep() anonymize.Definition {
	return anonymize.Definition{
		Name:        "keep",
		Group:       anonymize.GroupControl,
		Family:      "keep",
		Summary:     "passes the value as it is, for the reason that the rules must give",
		Accepts:     allClasses(),
		Reads:       anonymize.ReadsValue,
		Determinism: anonymize.Kept,
		Uniqueness:  anonymize.UniqueExact,
		Nulls:       anonymize.NullsKept,
		Discloses: []anonymize.Disclosure{
			anonymize.DisclosesEquality, anonymize.DisclosesFrequency, anonymize.DisclosesLength,
			anonymize.DisclosesOrder, anonymize.DisclosesFormat, anonymize.DisclosesProximity,
		},
		Rank:    6,
		Example: anonymize.Example{Input: "in stock"},
	}
}

func allClasses() []catalog.Class {
	return []catalog.Class{
		catalog.ClassText, catalog.ClassInteger, catalog.ClassNumeric, catalog.ClassBoolean, catalog.ClassDate,
		catalog.ClassTimestamp, catalog.ClassTime, catalog.ClassUUID, catalog.ClassJSON, catalog.ClassBytes,
		catalog.ClassNetwork, catalog.ClassEnum, catalog.ClassArray, catalog.ClassOther,
	}
}

func textOnly() []catalog.Class { return []catalog.Class{catalog.ClassText} }

// equalityAndFrequency is what every keyed choice from a list discloses: equal values become equal, so
// the most frequent value stays the most frequent one.
func equalityAndFrequency() []anonymize.Disclosure {
	return []anonymize.Disclosure{anonymize.DisclosesEquality, anonymize.DisclosesFrequency}
}
