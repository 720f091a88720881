package builtin

import "strings"

// fiction is a range of numbers that a country's authority keeps free of subscribers so that stories can name them:
// its area code without the zero before it, the rest as it is grouped, N for a digit that is drawn, and which numbers
// the drawn digits may be.
type fiction struct {
	area, rest string
	low, count uint64
}

// regions are the countries whose ranges are drawn from, their codes, and the ranges.
func regions(name string) (country string, ranges []fiction) {
	switch name {
	case "au":
		// ACMA, "Phone numbers for use in TV shows, films and creative works": 5550 and 7010 of each of the four areas.
		for _, area := range []string{"2", "3", "7", "8"} {
			ranges = append(ranges, fiction{area, "5550 NNNN", 0, 1e4}, fiction{area, "7010 NNNN", 0, 1e4})
		}
		return "61", ranges
	case "de":
		// Bundesnetzagentur, "Rufnummern für Medienproduktionen": a thousand numbers of each of five cities.
		return "49", []fiction{{"30", "23125 NNN", 0, 1e3}, {"69", "90009 NNN", 0, 1e3}, {"40", "66969 NNN", 0, 1e3}, {"221", "4710 NNN", 0, 1e3}, {"89", "99998 NNN", 0, 1e3}}
	case "fr":
		// ARCEP, décision 2018-0881, numbers for audiovisual works: ten thousand of each of five zones and of mobiles.
		return "33", []fiction{
			{"1", "99 00 NN NN", 0, 1e4}, {"2", "61 91 NN NN", 0, 1e4}, {"3", "53 01 NN NN", 0, 1e4}, {"4", "65 71 NN NN", 0, 1e4}, {"5", "36 49 NN NN", 0, 1e4}, {"6", "39 98 NN NN", 0, 1e4},
		}
	case "ie":
		// ComReg, numbering conventions: 020 91X XXXX is for drama.
		return "353", []fiction{{"20", "91N NNNN", 0, 1e5}}
	case "se":
		// PTS, "Telefonnummer till böcker och filmer": Göteborg, Malmö, Stockholm, Kiruna, and mobiles from 605 on.
		return "46", []fiction{{"31", "390 06 NN", 0, 100}, {"40", "628 04 NN", 0, 100}, {"8", "465 004 NN", 0, 100}, {"980", "319 2NN", 0, 100}, {"70", "174 06 NN", 5, 95}}
	}
	return "", nil
}

// plansOf are the ways to write the numbers of a region: one for each of its ranges.
func plansOf(region string) (plans []plan) {
	country, ranges := regions(region)
	for _, f := range ranges {
		bare := f.area + strings.ReplaceAll(f.rest, " ", "")
		plans = append(plans, plan{
			plain: "0" + bare, national: "0" + f.area + " " + f.rest, paren: "(0" + f.area + ") " + f.rest,
			compact: "+" + country + bare, spaced: "+" + country + " " + f.area + " " + f.rest, integer: country + bare, low: f.low, count: f.count,
		})
	}
	return plans
}

// phoneForm is one of the ways in which a plan writes its numbers.
type phoneForm uint8

const (
	phonePlain phoneForm = iota
	phoneNational
	phoneParen
	phoneCompact
	phoneSpaced
	phoneInteger
)

// form is one of a plan's forms.
func (p *plan) form(f phoneForm) string {
	switch f {
	case phoneNational:
		return p.national
	case phoneParen:
		return p.paren
	case phoneCompact:
		return p.compact
	case phoneSpaced:
		return p.spaced
	case phoneInteger:
		return p.integer
	}
	return p.plain
}

// longestForm is how many characters a form has in the plan in which it has most.
func longestForm(plans []plan, f phoneForm) int {
	longest := 0
	for i := range plans {
		longest = max(longest, len(plans[i].form(f)))
	}
	return longest
}
