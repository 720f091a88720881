package builtin

import (
	"cmp"

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

// localeParam chooses the lists that names are drawn from.
func localeParam() anonymize.Param {
	return anonymize.Param{
		Name: "locale", Kind: anonymize.ParamChoice, Default: dictionary.English, Choices: dictionary.Locales(),
		Doc: "whose names to choose from, those of hi romanised; they are written without accents, so that they fit any column: Mueller, Lukasz, Joao",
	}
}

// genderParam chooses among given names. That of a row is chosen by the mask case.
func genderParam() anonymize.Param {
	return anonymize.Param{
		Name: "gender", Kind: anonymize.ParamChoice, Default: dictionary.AnyGender, Choices: []string{dictionary.AnyGender, dictionary.Female, dictionary.Male},
		Doc: "whose given names to choose from; by what a column says: {mask: case, column: sex, of: {f: {mask: first_name, gender: female}, m: {mask: first_name, gender: male}}, else: first_name}",
	}
}

// givenNames are the given names that the parameters locale and gender choose, surnames the surnames.
func givenNames(library *dictionary.Library, a anonymize.Args) *dictionary.Words {
	return library.GivenNames(cmp.Or(stringOf(a, "locale"), dictionary.English), cmp.Or(stringOf(a, "gender"), dictionary.AnyGender))
}

func surnames(library *dictionary.Library, a anonymize.Args) *dictionary.Words {
	return library.Surnames(cmp.Or(stringOf(a, "locale"), dictionary.English))
}

// hasUmlauts reports whether the lists of the locale write umlauts as two letters.
func hasUmlauts(a anonymize.Args) bool { return stringOf(a, "locale") == "de" }

// always is a list whatever the parameters.
func always(list func() *dictionary.Words) listOf {
	return func(anonymize.Args) *dictionary.Words { return list() }
}

// listOf returns the words that a mask with such arguments chooses from.
type listOf func(a anonymize.Args) *dictionary.Words

// wordList is the contract that the masks over one list of words share.
func wordList(name, summary, example string, list listOf) anonymize.Definition {
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
			if list(a).Fitting(limit(a)) < fewestWords {
				return tooNarrow(a, name)
			}
			return nil
		},
		New: func(a anonymize.Args) (anonymize.Mask, error) {
			return &wordMask{
				prf:     derive.NewPRF(a.Key),
				form:    canonicalOf(a.Type),
				choice:  chooseFrom(list(a), limit(a)),
				style:   caseOf(stringOf(a, "case")),
				umlauts: hasUmlauts(a),
			}, nil
		},
	}
}

func firstName(library *dictionary.Library) anonymize.Definition {
	d := wordList("first_name", "replaces a given name by another from a list, the same name always by the same", "Mary",
		func(a anonymize.Args) *dictionary.Words { return givenNames(library, a) })
	d.Params = append(d.Params, localeParam(), genderParam())
	return d
}

func lastName(library *dictionary.Library) anonymize.Definition {
	d := wordList("last_name", "replaces a surname by another from a list, the same name always by the same", "Smith",
		func(a anonymize.Args) *dictionary.Words { return surnames(library, a) })
	d.Params = append(d.Params, localeParam())
	return d
}

func city(library *dictionary.Library) anonymize.Definition {
	return wordList("city", "replaces a town by another from a list, most of them invented", "Springfield", always(library.Cities))
}

// wordMask chooses one word. Anything is masked, also text that is no name and the empty string.
type wordMask struct {
	prf    *derive.PRF
	form   canonical
	choice choice
	style  letterCase
	// umlauts reports that the words write them as two letters.
	umlauts bool
}

// Append implements anonymize.Mask.
func (m *wordMask) Append(dst []byte, v anonymize.Value) ([]byte, error) {
	var scratch, second [scratchSize]byte
	value := m.form.of(scratch[:0], v.Text)
	own := plainIn(second[:0], value, m.umlauts)
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
		room, given, last := limit(a), givenNames(library, a), surnames(library, a)
		if room <= given.Longest()+1+last.Longest() {
			half := (room - 1) / 2
			return twoNames{chooseFrom(given, half), chooseFrom(last, room-1-half)}
		}
		return twoNames{chooseFrom(given, room), chooseFrom(last, room)}
	}
	d := wordList("full_name", "replaces a person's name by a given name and a surname from lists", "Mary Smith", nil)
	d.Params = append(d.Params, localeParam(), genderParam())
	d.Cost = 110
	d.Check = func(a anonymize.Args) error {
		if names := parts(a); names.first.n < fewestWords || names.last.n < fewestWords {
			return tooNarrow(a, "a given name and a surname")
		}
		return nil
	}
	d.New = func(a anonymize.Args) (anonymize.Mask, error) {
		return &fullNameMask{
			prf:     derive.NewPRF(a.Key),
			form:    canonicalOf(a.Type),
			names:   parts(a),
			style:   caseOf(stringOf(a, "case")),
			umlauts: hasUmlauts(a),
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
	// umlauts reports that the words write them as two letters.
	umlauts bool
}

// Append implements anonymize.Mask.
func (m *fullNameMask) Append(dst []byte, v anonymize.Value) ([]byte, error) {
	var scratch, second [scratchSize]byte
	value := m.form.of(scratch[:0], v.Text)
	own := plainIn(second[:0], value, m.umlauts)
	d := m.prf.Draw(value)
	first, last, err := m.names.pick(&d, own)
	if err != nil {
		return nil, err
	}
	style := m.style.of(v.Text)
	dst = append(style.append(dst, first), ' ')
	return style.append(dst, last), nil
}
