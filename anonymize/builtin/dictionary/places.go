package dictionary

import (
	"fmt"
	"strconv"
	"strings"
)

// PlacesVersion names the directory of the files of places, for reports.
const PlacesVersion = "places/v1"

// DegreeUnits is how many units of Place's coordinates make a degree.
const DegreeUnits = 10_000

// Place is a real city and what belongs to it. All texts are ASCII.
type Place struct {
	Country *Country
	City    string
	// Region is what the country's addresses call it: its abbreviation in Australia, Brazil, Canada and the United
	// States, its name elsewhere.
	Region string
	// Postcodes are patterns of postcodes of the city: # stands for a digit, % for a digit but 0, @ for one of the
	// country's Letters, anything else for itself.
	Postcodes []string
	// Latitude and Longitude are those of the city's centre, in ten-thousandths of a degree.
	Latitude, Longitude int
}

// Country is how a country writes addresses.
type Country struct {
	// Code is the two letters of ISO 3166-1, Name its English name.
	Code, Name string
	// Street is the form of a street: a and b stand for one of StreetNames and StreetTypes, n for a number.
	Street string
	// Address is the form of an address: s stands for a street, c for a city, r for a region, p for a postcode.
	Address string
	// StreetNames and StreetTypes make streets that are invented.
	StreetNames, StreetTypes []string
	// Letters are those that postcodes have in the place of @, "" where they have none.
	Letters string
}

// Places are cities, sorted by country, then by name. They are read-only.
type Places struct {
	list []Place
	// from[code] is where a country's cities begin and end.
	from map[string][2]int
}

// In returns the cities of a country, all of them for "". It returns nil for a country that is not there.
func (p *Places) In(code string) []Place {
	if code == "" {
		return p.list
	}
	between := p.from[code]
	return p.list[between[0]:between[1]:between[1]]
}

// postcodeLetters are the letters of the second half of a postcode: of Royal Mail's, which leaves out C, I, K, M, O
// and V; of Canada Post's, which leaves out D, F, I, O, Q and U; and of PostNL's without F, I, O, Q, U and Y, and
// without S, because SA, SD and SS are not given out.
func postcodeLetters(code string) string {
	switch code {
	case "GB":
		return "ABDEFGHJLNPQRSTUWXYZ"
	case "CA":
		return "ABCEGHJKLMNPRSTVWXYZ"
	case "NL":
		return "ABCDEGHJKLMNPRTVWXZ"
	}
	return ""
}

// readPlaces parses the embedded files. What is wrong with them is a mistake of this package alone.
func readPlaces() *Places {
	countries := map[string]*Country{}
	for _, line := range fields("countries", 6) {
		countries[line[0]] = &Country{
			Code: line[0], Name: line[1], Street: line[2], Address: line[3],
			StreetNames: strings.Split(line[4], "|"), StreetTypes: strings.Split(line[5], "|"), Letters: postcodeLetters(line[0]),
		}
	}
	places := &Places{from: map[string][2]int{}}
	for i, line := range fields("cities", 6) {
		country := countries[line[0]]
		if country == nil {
			panic(fmt.Sprintf("dictionary: city %d is in a country without a line", i))
		}
		places.list = append(places.list, Place{
			Country: country, City: line[1], Region: line[2], Postcodes: strings.Split(line[3], "|"),
			Latitude: units(line[4]), Longitude: units(line[5]),
		})
		between, found := places.from[line[0]]
		if !found {
			between[0] = i
		}
		places.from[line[0]] = [2]int{between[0], i + 1}
	}
	return places
}

// fields returns the lines of a file of places, taken apart at the tabs.
func fields(name string, columns int) [][]string {
	var lines [][]string
	for _, line := range linesOf(PlacesVersion + "/" + name + ".tsv") {
		parts := strings.Split(line, "\t")
		if len(parts) != columns {
			panic(fmt.Sprintf("dictionary: %s has a line of %d fields", name, len(parts)))
		}
		lines = append(lines, parts)
	}
	return lines
}

// units returns a coordinate written with four digits behind the point.
func units(text string) int {
	n, err := strconv.Atoi(strings.Replace(text, ".", "", 1))
	if err != nil {
		panic("dictionary: " + err.Error())
	}
	return n
}
