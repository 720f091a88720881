package builtin

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/builtin/dictionary"
	"github.com/lethedb/lethe/anonymize/derive"
	"github.com/lethedb/lethe/internal/catalog"
)

const (
	// coordinateDigits follow the point of a coordinate: to the metre, as maps give them.
	coordinateDigits = 5
	// coordinateUnits is how many of the coordinates written make one of the dictionary's.
	coordinateUnits = 10
	// coordinateJitter is the most that a coordinate lies beside the city's centre, in units written: 0.03 degrees,
	// which is 3.3 km along a meridian.
	coordinateJitter = 3000
	// tupleNumbers is one more than the greatest house number of an address.
	tupleNumbers = 1000
)

// anyCountry draws from the cities of all countries.
const anyCountry = "any"

// locales returns the masks that know countries.
func locales(words *dictionary.Library) []anonymize.Definition {
	return []anonymize.Definition{addressPart(words)}
}

func addressParts() []string {
	return []string{"address", "street", "city", "region", "postcode", "country", "country_name", "latitude", "longitude"}
}

// addressPart is link for addresses. It is Unmapped because nothing that is drawn depends on a column's width: a
// country of two letters and a city of fifty characters stand on one domain.
func addressPart(library *dictionary.Library) anonymize.Definition {
	d := wordList("address_part", "writes a part of an address that belongs to an entity of the row, so that city, region, postcode, country and coordinates of one row agree: a real city, a street that is invented",
		"350 Fifth Avenue", nil)
	d.Group, d.Reads, d.Unmapped = anonymize.GroupRow, anonymize.ReadsRow, true
	d.Accepts = []catalog.Class{catalog.ClassText, catalog.ClassNumeric}
	d.Params = []anonymize.Param{
		{Name: "entity", Kind: anonymize.ParamColumn, Required: true, Doc: "the column that says whose row it is; where it is NULL the value takes its place"},
		{
			Name: "part", Kind: anonymize.ParamChoice, Required: true, Choices: addressParts(),
			Doc: "what of the address to write: address is all of it in one line, country the two letters of ISO 3166-1; latitude and longitude lie within some kilometres of the city's centre and stand on numbers too; every column of the entity has the same domain and country",
		},
		{
			Name: "country", Kind: anonymize.ParamChoice, Default: anyCountry, Choices: append([]string{anyCountry}, tupleCountries()...),
			Doc: "the country that all addresses are in; any of its cities may be drawn, the row's own too; letters are written without accents",
		},
	}
	d.Discloses = equalityAndFrequency()
	d.Format = "a postcode of its country's form and of its city"
	d.Cost = 300
	d.Example.Params = map[string]any{"entity": "customer_id", "part": "address"}
	d.Check = func(a anonymize.Args) error { return checkAddressPart(a, placesFor(library, a)) }
	d.New = func(a anonymize.Args) (anonymize.Mask, error) {
		of, err := newEntityDraw(a)
		if err != nil {
			return nil, err
		}
		return &addressPartMask{
			entityDraw: of,
			places:     placesFor(library, a), part: stringOf(a, "part"), digits: coordinateScale(a.Type),
		}, nil
	}
	return d
}

// tupleCountries are the countries that the dictionary has cities of, in lower case. A test holds that it has them.
func tupleCountries() []string {
	return []string{"au", "br", "ca", "de", "es", "fr", "gb", "in", "it", "nl", "pl", "se", "us"}
}

func placesFor(library *dictionary.Library, a anonymize.Args) []dictionary.Place {
	country := stringOf(a, "country")
	if country == anyCountry {
		country = ""
	}
	return library.Places().In(strings.ToUpper(country))
}

// coordinateScale is how many digits behind the point a column keeps of a coordinate.
func coordinateScale(t catalog.Type) int {
	if t.Precision > 0 {
		return min(t.Scale, coordinateDigits)
	}
	return coordinateDigits
}

// checkAddressPart tells a column that cannot hold each output.
func checkAddressPart(a anonymize.Args, places []dictionary.Place) error {
	const wholeDigits = 3 // of a longitude
	part := stringOf(a, "part")
	coordinate := part == "latitude" || part == "longitude"
	switch {
	case a.Type.Class() != catalog.ClassNumeric:
		if most := addressRoom(part, places); most > limit(a) {
			return fmt.Errorf("column of %d characters is too narrow for the longest %s there is, of %d; use redact, constant or null there", limit(a), part, most)
		}
	case !coordinate:
		return fmt.Errorf("type %s holds no %s; numbers take latitude and longitude", a.Type.Name, part)
	case a.Type.Base == "money":
		return errors.New("type money holds no coordinate; use constant or null there")
	case a.Type.Precision > 0 && (a.Type.Scale < 0 || a.Type.Precision-a.Type.Scale < wholeDigits):
		return fmt.Errorf("type %s does not hold every coordinate; it needs %d digits before the point", a.Type.Name, wholeDigits)
	}
	return nil
}

// addressRoom is how many characters a part of the address has at most.
func addressRoom(part string, places []dictionary.Place) int {
	most := 0
	for i := range places {
		p := &places[i]
		n := 0
		switch part {
		case "address":
			n = formRoom(p.Country.Address, map[rune]int{
				's': addressRoom("street", places[i:i+1]), 'c': len(p.City), 'r': len(p.Region), 'p': longest(p.Postcodes),
			})
		case "street":
			n = formRoom(p.Country.Street, map[rune]int{'a': longest(p.Country.StreetNames), 'b': longest(p.Country.StreetTypes), 'n': len("999")})
		case "city":
			n = len(p.City)
		case "region":
			n = len(p.Region)
		case "postcode":
			n = longest(p.Postcodes)
		case "country":
			n = len(p.Country.Code)
		case "country_name":
			n = len(p.Country.Name)
		default:
			n = len("-179.99999")
		}
		most = max(most, n)
	}
	return most
}

// formRoom is how many characters a form has when its letters have as many as of says.
func formRoom(form string, of map[rune]int) int {
	n := 0
	for _, r := range form {
		if size, found := of[r]; found {
			n += size
		} else {
			n++
		}
	}
	return n
}

func longest(texts []string) int {
	return len(slices.MaxFunc(texts, func(a, b string) int { return len(a) - len(b) }))
}

// addressPartMask draws an address from the entity alone, so that every column that names it draws the same. That
// the original's city is drawn happens as often as there are cities.
type addressPartMask struct {
	entityDraw
	places []dictionary.Place
	part   string
	digits int
}

// Append implements anonymize.Mask.
func (m *addressPartMask) Append(dst []byte, v anonymize.Value) ([]byte, error) {
	d, err := m.draw(v)
	if err != nil {
		return nil, err
	}
	p := &m.places[d.N(uint64(len(m.places)))]
	switch m.part {
	case "city":
		return append(dst, p.City...), nil
	case "region":
		return append(dst, p.Region...), nil
	case "country":
		return append(dst, p.Country.Code...), nil
	case "country_name":
		return append(dst, p.Country.Name...), nil
	}
	// Drawn in this order whatever the part, so that parts agree with the whole.
	north, east := nearby(&d, p.Latitude), nearby(&d, p.Longitude)
	switch m.part {
	case "latitude":
		return appendCoordinate(dst, north, m.digits), nil
	case "longitude":
		return appendCoordinate(dst, east, m.digits), nil
	}
	s := drawStreet(&d, p.Country)
	switch m.part {
	case "street":
		return s.append(dst, p.Country), nil
	case "postcode":
		return appendPostcode(dst, &d, p), nil
	}
	for _, part := range []byte(p.Country.Address) {
		switch part {
		case 's':
			dst = s.append(dst, p.Country)
		case 'c':
			dst = append(dst, p.City...)
		case 'r':
			dst = append(dst, p.Region...)
		case 'p':
			dst = appendPostcode(dst, &d, p)
		default:
			dst = append(dst, part)
		}
	}
	return dst, nil
}

// streetOf is a street of a country that was drawn.
type streetOf struct{ number, name, kind uint64 }

func drawStreet(d *derive.Draw, c *dictionary.Country) streetOf {
	return streetOf{number: 1 + d.N(tupleNumbers-1), name: d.N(uint64(len(c.StreetNames))), kind: d.N(uint64(len(c.StreetTypes)))}
}

func (s streetOf) append(dst []byte, c *dictionary.Country) []byte {
	for _, part := range []byte(c.Street) {
		switch part {
		case 'n':
			dst = strconv.AppendUint(dst, s.number, 10)
		case 'a':
			dst = append(dst, c.StreetNames[s.name]...)
		case 'b':
			dst = append(dst, c.StreetTypes[s.kind]...)
		default:
			dst = append(dst, part)
		}
	}
	return dst
}

// appendPostcode draws a postcode of the city.
func appendPostcode(dst []byte, d *derive.Draw, p *dictionary.Place) []byte {
	pattern := p.Postcodes[d.N(uint64(len(p.Postcodes)))]
	for _, symbol := range []byte(pattern) {
		switch symbol {
		case '#':
			symbol = '0' + byte(d.N(10))
		case '%':
			symbol = '1' + byte(d.N(9))
		case '@':
			symbol = p.Country.Letters[d.N(uint64(len(p.Country.Letters)))]
		}
		dst = append(dst, symbol)
	}
	return dst
}

// nearby draws a coordinate beside one of the dictionary, in units of coordinateDigits.
func nearby(d *derive.Draw, centre int) int {
	return centre*coordinateUnits + int(d.N(2*coordinateJitter+1)) - coordinateJitter
}

// appendCoordinate writes a coordinate with so many digits behind the point, which is left out with 0.
func appendCoordinate(dst []byte, n, digits int) []byte {
	unit := 1
	for range digits {
		unit *= 10
	}
	all := dictionary.DegreeUnits * coordinateUnits
	size := n
	if n < 0 {
		size = -n
	}
	size = (size + all/unit/2) / (all / unit) // rounded
	if n < 0 && size > 0 {
		dst = append(dst, '-')
	}
	n = size
	dst = strconv.AppendInt(dst, int64(n/unit), 10)
	if digits == 0 {
		return dst
	}
	dst = append(dst, '.')
	for unit /= 10; unit > 0; unit /= 10 {
		dst = append(dst, '0'+byte(n/unit%10))
	}
	return dst
}
