package builtin

import (
	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/builtin/dictionary"
	"github.com/lethedb/lethe/anonymize/derive"
)

// caseParam is shared by the masks that write words.
func caseParam() anonymize.Param {
	return anonymize.Param{
		Name: "case", Kind: anonymize.ParamChoice, Default: "title", Choices: []string{"title", "upper", "lower", "like"},
		Doc: "how to write it; like follows the value and so discloses its case",
	}
}

// wordList is the contract that the masks over one list of words share.
func wordList(name, summary, example string, list func() *dictionary.Words) anonymize.Definition {
	return anonymize.Definition{
		Name:        name,
		Family:      name,
		Group:       anonymize.GroupRealistic,
		Summary:     summary,
		Accepts:     textOnly(),
		Params:      []anonymize.Param{caseParam()},
		Reads:       anonymize.ReadsValue,
		Determinism: anonymize.Keyed,
		Uniqueness:  anonymize.UniqueNone,
		Nulls:       anonymize.NullsKept,
		Discloses:   append(equalityAndFrequency(), anonymize.DisclosesFormat),
		Rank:        3,
		Cost:        100,
		Example:     anonymize.Example{Input: example},
		Check: func(a anonymize.Args) error {
			if list().Fitting(limit(a)) < fewestWords {
				return tooNarrow(a, name)
			}
			return nil
		},
		New: func(a anonymize.Args) (anonymize.Mask, error) {
			return &wordMask{
				prf:    derive.NewPRF(a.Key),
				form:   canonicalOf(a.Type),
				choice: chooseFrom(list(), limit(a)),
				style:  caseOf(stringOf(a, "case")),
			}, nil
		},
	}
}

func firstName(library *dictionary.Library) anonymize.Definition {
	return wordList("first_name", "replaces a given name by another from a list, the same name always by the same", "Mary", library.FirstNames)
}

func lastName(library *dictionary.Library) anonymize.Definition {
	return wordList("last_name", "replaces a surname by another from a list, the same name always by the same", "Smith", library.LastNames)
}

func city(library *dictionary.Library) anonymize.Definition {
	return wordList("city", "replaces a town by another from a list, most of them invented", "Springfield", library.Cities)
}

// wordMask chooses one word. Anything is masked, also text that is no name and the empty string.
type wordMask struct {
	prf    *derive.PRF
	form   canonical
	choice choice
	style  letterCase
}

// Append implements anonymize.Mask.
func (m *wordMask) Append(dst []byte, v anonymize.Value) ([]byte, error) {
	var scratch, second [scratchSize]byte
	value := m.form.of(scratch[:0], v.Text)
	own := plainOf(second[:0], value)
	d := m.prf.Draw(value)
	word, err := m.choice.pick(&d, own)
	if err != nil {
		return nil, err
	}
	return m.style.of(v.Text).append(dst, word), nil
}

// fullName is a definition of its own because its parts share the column's width.
func fullName(library *dictionary.Library) anonymize.Definition {
	parts := func(a anonymize.Args) twoNames {
		room := limit(a)
		if room <= library.FirstNames().Longest()+1+library.LastNames().Longest() {
			half := (room - 1) / 2
			return twoNames{chooseFrom(library.FirstNames(), half), chooseFrom(library.LastNames(), room-1-half)}
		}
		return twoNames{chooseFrom(library.FirstNames(), room), chooseFrom(library.LastNames(), room)}
	}
	d := wordList("full_name", "replaces a person's name by a given name and a surname from lists", "Mary Smith", library.LastNames)
	d.Cost = 110
	d.Check = func(a anonymize.Args) error {
		if names := parts(a); names.first.n < fewestWords || names.last.n < fewestWords {
			return tooNarrow(a, "a given name and a surname")
		}
		return nil
	}
	d.New = func(a anonymize.Args) (anonymize.Mask, error) {
		return &fullNameMask{
			prf:   derive.NewPRF(a.Key),
			form:  canonicalOf(a.Type),
			names: parts(a),
			style: caseOf(stringOf(a, "case")),
		}, nil
	}
	return d
}

// twoNames chooses a given name and a surname, in this order from one draw.
type twoNames struct{ first, last choice }

func (t twoNames) pick(d *derive.Draw, own plain) (first, last string, err error) {
	if first, err = t.first.pick(d, own); err != nil {
		return "", "", err
	}
	last, err = t.last.pick(d, own)
	return first, last, err
}

type fullNameMask struct {
	prf   *derive.PRF
	form  canonical
	names twoNames
	style letterCase
}

// Append implements anonymize.Mask.
func (m *fullNameMask) Append(dst []byte, v anonymize.Value) ([]byte, error) {
	var scratch, second [scratchSize]byte
	value := m.form.of(scratch[:0], v.Text)
	own := plainOf(second[:0], value)
	d := m.prf.Draw(value)
	first, last, err := m.names.pick(&d, own)
	if err != nil {
		return nil, err
	}
	style := m.style.of(v.Text)
	dst = append(style.append(dst, first), ' ')
	return style.append(dst, last), nil
}
