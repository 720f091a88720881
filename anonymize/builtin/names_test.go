package builtin_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/builtin/dictionary"
	"github.com/lethedb/lethe/anonymize/masktest"
)

func TestNamesOfEveryLocaleKeepTheLaws(t *testing.T) {
	inputs := []string{"Mary", "Smith", "Jürgen Müller", "Łukasz Żak", "João", "n/a", "", "李小龍"}
	library := dictionary.NewLibrary()
	is := func(words *dictionary.Words) func(string) bool {
		return func(s string) bool { return matches(`[A-Z][A-Za-z]+`)(s) && words.Has([]byte(strings.ToLower(s))) }
	}
	for _, locale := range dictionary.Locales() {
		if testing.Short() && locale != "de" {
			continue // one list has the goroutines of all
		}
		last := is(library.Surnames(locale))
		for _, gender := range []string{dictionary.AnyGender, dictionary.Female, dictionary.Male} {
			params, name := map[string]any{"locale": locale, "gender": gender}, locale+" "+gender
			given := is(library.GivenNames(locale, gender))
			if gender != dictionary.AnyGender && locale != "de" {
				if got := mask(t, "first_name", args("text", params), "Mary"); !given(got) {
					t.Errorf("%s is no %s name of %s", got, gender, locale)
				}
				continue // what differs is the list of given names alone
			}
			holds(t, lookup(t, "first_name"), masktest.Case{Name: name, Args: args("varchar(12)", params), Inputs: inputs[:3], FixedShape: true, Valid: given})
			both := func(s string) bool {
				first, rest, found := strings.Cut(s, " ")
				return found && given(first) && last(rest)
			}
			linked := besides("text", map[string]any{"entity": "n", "part": "full_name", "locale": locale, "gender": gender})
			holds(t, lookup(t, "full_name"), masktest.Case{Name: name, Args: args("varchar(19)", params), Inputs: inputs, FixedShape: true, Valid: both})
			holds(t, lookup(t, "link"), masktest.Case{Name: name, Args: linked, Row: rowOf("person", "5"), Inputs: inputs, FixedShape: true, MayEqual: true, Valid: both})
		}
		holds(t, lookup(t, "last_name"), masktest.Case{Name: locale, Args: args("text", map[string]any{"locale": locale}), Inputs: inputs, FixedShape: true, Valid: last},
			masktest.Case{Name: locale + " citext", Args: args("citext", map[string]any{"locale": locale}), Inputs: []string{"Mary", "Müller", ""}, Valid: last})
	}
}

// A list that writes ü as ue must not give Müller the name Mueller, however Müller is written. Short names are tried,
// of which there are few, so that it would happen often.
func TestNoGermanKeepsTheNameWithoutItsUmlaut(t *testing.T) {
	const room = 5
	words := dictionary.NewLibrary().Surnames("de")
	met, tries := 0, 0
	for key := range 64 {
		m := made(t, "last_name", args("varchar(5)", map[string]any{"locale": "de"}), byte(key))
		for i := range words.Fitting(room) {
			word := words.Word(i)
			for two, one := range map[string]string{"ae": "ä", "oe": "ö", "ue": "ü", "Ae": "Ä", "Oe": "Ö", "Ue": "Ü"} {
				if !strings.Contains(word, two) {
					continue
				}
				met++
				for _, original := range []string{strings.Replace(word, two, one, 1), strings.Replace(word, two, two[:1]+"\u0308", 1), word} {
					tries++
					out, err := m.Append([]byte{}, anonymize.Value{Text: []byte(original)})
					if err != nil || strings.EqualFold(string(out), word) {
						t.Fatalf("%s became %s, %v", original, out, err)
					}
				}
			}
		}
	}
	if often := tries / words.Fitting(room); often < 3 {
		t.Errorf("it would have happened %d times: %d names were met", often, met)
	}
}

// The row's own gender is chosen by the mask case: the example in the parameter's doc.
func TestTheRowsGenderIsChosenByCase(t *testing.T) {
	library := dictionary.NewLibrary()
	of := []anonymize.PathMask{
		{Path: "f", Mask: made(t, "first_name", args("text", map[string]any{"gender": "female", "locale": "de"}), 0)},
		{Path: "m", Mask: made(t, "first_name", args("text", map[string]any{"gender": "male", "locale": "de"}), 0)},
	}
	a := besides("text", map[string]any{"column": "kind", "of": of, "else": nested(t, "first_name", "text")})
	for kind, gender := range map[string]string{"f": dictionary.Female, "m": dictionary.Male} {
		for _, input := range people() {
			got, err := write(t, "case", a, rowOf(kind, "1"), input)
			if err != nil || !library.GivenNames("de", gender).Has([]byte(strings.ToLower(got))) {
				t.Errorf("%q of a row of %s became %q, %v", input, gender, got, err)
			}
		}
	}
}

// Names that every speaker of the language tells by their gender.
func TestGendersAreNotMixedUp(t *testing.T) {
	library := dictionary.NewLibrary()
	for locale, names := range map[string][2]string{
		"en": {"mary susan margaret", "john peter william"}, "de": {"ursula heike anna", "juergen wolfgang peter"}, "es": {"maria carmen lucia", "jose carlos pablo"},
		"fr": {"camille margaux sophie", "pierre jacques olivier"}, "hi": {"parvati priya shreya", "mohan vivek saurabh"}, "it": {"giulia chiara francesca", "giuseppe andrea luca"},
		"nl": {"femke sanne anouk", "daan bram thijs"}, "pl": {"agnieszka malgorzata ewa", "krzysztof lukasz jan"}, "pt_br": {"fernanda juliana beatriz", "joao rodrigo thiago"},
		"sv": {"astrid ingrid birgitta", "lars anders gustav"},
	} {
		for i, gender := range []string{dictionary.Female, dictionary.Male} {
			for name := range strings.FieldsSeq(names[i]) {
				if !library.GivenNames(locale, gender).Has([]byte(name)) {
					t.Errorf("%s is no %s name of %s", name, gender, locale)
				}
				other := []string{dictionary.Male, dictionary.Female}[i]
				if !slices.Contains([]string{"en", "fr"}, locale) && library.GivenNames(locale, other).Has([]byte(name)) {
					t.Errorf("%s is a %s name of %s too", name, other, locale)
				}
			}
		}
	}
}
