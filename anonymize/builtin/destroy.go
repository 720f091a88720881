package builtin

import (
	"fmt"
	"unicode/utf8"

	"github.com/lethedb/lethe/anonymize"
)

// dataFree is the contract of the masks that read nothing of the value.
func dataFree(name, summary string) anonymize.Definition {
	return anonymize.Definition{
		Name:        name,
		Family:      name,
		Group:       anonymize.GroupDestroy,
		Summary:     summary,
		Accepts:     allClasses(),
		Reads:       anonymize.ReadsValue,
		Determinism: anonymize.DataFree,
		Uniqueness:  anonymize.UniqueNone,
		Nulls:       anonymize.NullsKept,
		Rank:        1,
		Cost:        10,
		Example:     anonymize.Example{Input: "anything"},
	}
}

// wholesale is a mask that fits every shape of value, because it looks at none. A JSON path may put it on
// an object or an array.
type wholesale interface {
	anonymize.Mask
	wholesale()
}

func null() anonymize.Definition {
	d := dataFree("null", "replaces every value by NULL")
	d.Check = func(a anonymize.Args) error {
		if a.NotNull {
			return fmt.Errorf("column does not allow NULL; use empty or constant")
		}
		return nil
	}
	d.New = func(anonymize.Args) (anonymize.Mask, error) { return nullMask{}, nil }
	return d
}

type nullMask struct{}

// Append implements anonymize.Mask.
func (nullMask) Append([]byte, anonymize.Value) ([]byte, error) { return nil, nil }
func (nullMask) wholesale()                                     {}

func constant() anonymize.Definition {
	d := dataFree("constant", "replaces every value by the same one")
	d.Params = []anonymize.Param{{
		Name: "value", Kind: anonymize.ParamString, Required: true,
		Doc: "the value in the text form of the column's type",
	}}
	d.Example.Params = map[string]any{"value": "confidential"}
	d.Check = func(a anonymize.Args) error {
		if err := checkLiteral(a.Type, stringOf(a, "value")); err != nil {
			return fmt.Errorf("the constant is no value of type %s: %w", a.Type.Name, err)
		}
		return nil
	}
	d.New = func(a anonymize.Args) (anonymize.Mask, error) { return fixedMask(stringOf(a, "value")), nil }
	return d
}

func empty() anonymize.Definition {
	d := dataFree("empty", "replaces every value by its type's blank: an empty text, zero, false, {} or the epoch")
	d.Check = func(a anonymize.Args) error {
		if _, ok := blank(a.Type); !ok {
			return fmt.Errorf("type %s has no blank value that is known; use constant or null", a.Type.Name)
		}
		if len(a.Type.DomainChecks) > 0 {
			return fmt.Errorf("domain %s has a CHECK that a blank value may break; use constant or null", a.Type.Domain)
		}
		return nil
	}
	d.New = func(a anonymize.Args) (anonymize.Mask, error) {
		text, ok := blank(a.Type)
		if !ok {
			return nil, fmt.Errorf("type %s has no blank value that is known; use constant or null", a.Type.Name)
		}
		return fixedMask(text), nil
	}
	return d
}

// fixedMask is the text that replaces every value.
type fixedMask string

// Append implements anonymize.Mask.
func (m fixedMask) Append(dst []byte, _ anonymize.Value) ([]byte, error) {
	return append(dst, m...), nil
}
func (fixedMask) wholesale() {}

// redactedLength is how many characters stand for a redacted value when its length is not to be seen.
const redactedLength = 4

func redact() anonymize.Definition {
	return anonymize.Definition{
		Name:     "redact",
		Group:    anonymize.GroupDestroy,
		Family:   "redact",
		Unmapped: true,
		Summary:  "replaces every character; four of them, or as many as there were with keep_length",
		Accepts:  textOnly(),
		Params: []anonymize.Param{
			{
				Name: "char", Kind: anonymize.ParamString, Default: "*",
				Doc: "the character to write, printable ASCII and no blank",
			},
			{
				Name: "keep_length", Kind: anonymize.ParamBool, Default: false,
				Doc: "write as many characters as the value has, at least one; this discloses its length",
			},
		},
		Reads: anonymize.ReadsValue,
		// Keyed for want of a better word: with keep_length the output depends on the value, so it is not
		// data-free. No key is used.
		Determinism: anonymize.Keyed,
		Uniqueness:  anonymize.UniqueNone,
		Nulls:       anonymize.NullsKept,
		Discloses:   []anonymize.Disclosure{anonymize.DisclosesLength},
		Rank:        2,
		Cost:        20,
		Example:     anonymize.Example{Input: "Mary Smith"},
		Check: func(a anonymize.Args) error {
			if c := stringOf(a, "char"); len(c) != 1 || c[0] < '!' || c[0] > '~' {
				return fmt.Errorf("char must be one printable ASCII character other than a blank; it must cover what it stands for, in every encoding")
			}
			return nil
		},
		New: func(a anonymize.Args) (anonymize.Mask, error) {
			c := stringOf(a, "char")
			if len(c) != 1 {
				return nil, fmt.Errorf("redact with %d bytes: char must be one character", len(c))
			}
			return &redactMask{
				char: c[0], keepLength: boolOf(a, "keep_length"), limit: limit(a), form: canonicalOf(a.Type),
			}, nil
		},
	}
}

type redactMask struct {
	char       byte
	keepLength bool
	limit      int
	form       canonical
}

// Append implements anonymize.Mask.
func (m *redactMask) Append(dst []byte, v anonymize.Value) ([]byte, error) {
	n := redactedLength
	if m.keepLength {
		text := v.Text
		for m.form == blankPadded && len(text) > 0 && text[len(text)-1] == ' ' {
			text = text[:len(text)-1]
		}
		n = max(1, utf8.RuneCount(text))
	}
	for range min(n, m.limit) {
		dst = append(dst, m.char)
	}
	return dst, nil
}

func (*redactMask) wholesale() {}
