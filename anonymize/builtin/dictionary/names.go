package dictionary

import (
	"slices"
	"sync"
)

// NamesVersion names the directory of the files of names by locale and gender, for reports.
const NamesVersion = "names/v1"

// English is the locale of FirstNames and LastNames.
const English = "en"

// Female, Male and AnyGender are what GivenNames knows.
const (
	Female    = "female"
	Male      = "male"
	AnyGender = "any"
)

// Locales returns the locales that there are names of, English first.
func Locales() []string {
	return []string{English, "de", "es", "fr", "hi", "it", "nl", "pl", "pt_br", "sv"}
}

// localeNames are the lists of one locale, each read when it is first asked for.
type localeNames struct {
	given    map[string]func() *Words // by gender
	surnames func() *Words
}

// namesByLocale returns what reads the lists of every locale. Those of English that are not told by gender are the
// library's own.
func namesByLocale(firstNames, lastNames func() *Words) map[string]localeNames {
	all := map[string]localeNames{}
	for _, locale := range Locales() {
		dir := NamesVersion + "/" + locale + "/"
		list := func(names ...string) func() *Words {
			return sync.OnceValue(func() *Words {
				var lines []string
				for _, name := range names {
					lines = append(lines, linesOf(dir+name+".txt")...)
				}
				slices.Sort(lines)
				return newWords(slices.Compact(lines))
			})
		}
		names := localeNames{
			given:    map[string]func() *Words{Female: list(Female), Male: list(Male), AnyGender: list(Female, Male)},
			surnames: list("last"),
		}
		if locale == English {
			names.given[AnyGender], names.surnames = firstNames, lastNames
		}
		all[locale] = names
	}
	return all
}

// GivenNames returns the given names of a locale for a gender, each one word with a capital; a name for either gender
// is in both. It panics on a locale or a gender that is not there.
func (l *Library) GivenNames(locale, gender string) *Words { return l.names[locale].given[gender]() }

// Surnames returns the surnames of a locale, each one word with a capital. Those of Polish have one form for both
// genders. It panics on a locale that is not there.
func (l *Library) Surnames(locale string) *Words { return l.names[locale].surnames() }
