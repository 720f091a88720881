package dictionary

import (
	"crypto/sha256"
	"encoding/hex"
	"math"
	"slices"
	"strings"
	"testing"
)

func TestReleasedPlacesNeverChange(t *testing.T) {
	for name, want := range map[string]string{
		"cities.tsv":    "475a57d6ad52f029d9b17331e7f4493c090115f038730cfb65e7d58cb4a0b0c0",
		"countries.tsv": "c16fa82fb3bc11f4111d40b072bb1271561b5f21f75c93129034d85cef354b2a",
	} {
		text, err := files.ReadFile(PlacesVersion + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(text)
		if got := hex.EncodeToString(sum[:]); got != want {
			t.Errorf("%s has digest %s, released was %s: add a new version, leave this one", name, got, want)
		}
		lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
		if !slices.IsSorted(lines) || len(slices.Compact(slices.Clone(lines))) != len(lines) {
			t.Errorf("%s is not sorted, or repeats a line", name)
		}
		if strings.ContainsFunc(string(text), func(r rune) bool { return r > '~' || r < ' ' && r != '\n' && r != '\t' }) {
			t.Errorf("%s holds more than printable ASCII", name)
		}
	}
}

// The same city twice in a country would be two lines that no reader of an address can tell apart.
func TestPlacesAreWhole(t *testing.T) {
	places := NewLibrary().Places()
	seen, countries := map[string]bool{}, map[string]int{}
	for _, p := range places.In("") {
		countries[p.Country.Code]++
		key := p.Country.Code + "/" + p.Region + "/" + p.City
		if seen[key] {
			t.Errorf("%s comes twice", key)
		}
		seen[key] = true
		if p.City == "" || p.Region == "" || len(p.Postcodes) == 0 || slices.Contains(p.Postcodes, "") || p.Latitude == 0 || p.Longitude == 0 {
			t.Errorf("%s has a hole", key)
		}
		if math.Abs(float64(p.Latitude)) > 90*DegreeUnits || math.Abs(float64(p.Longitude)) > 180*DegreeUnits {
			t.Errorf("%s lies nowhere", key)
		}
		for _, pattern := range p.Postcodes {
			if strings.Contains(pattern, "@") && p.Country.Letters == "" {
				t.Errorf("%s: %s has letters and its country none", key, pattern)
			}
		}
		c := p.Country
		if len(c.StreetNames) < 60 || len(c.StreetTypes) < 4 || slices.Contains(c.StreetNames, "") || slices.Contains(c.StreetTypes, "") {
			t.Errorf("%s has few streets", c.Code)
		}
		if strings.Trim(c.Street, "nab, ") != "" || strings.Trim(c.Address, "scrp, -") != "" {
			t.Errorf("%s: the forms %q and %q are not known", c.Code, c.Street, c.Address)
		}
	}
	for code, n := range countries {
		if n < 30 || len(places.In(code)) != n {
			t.Errorf("%s has %d cities, and gives out %d", code, n, len(places.In(code)))
		}
	}
	if len(countries) != 13 || places.In("XX") != nil && len(places.In("XX")) > 0 {
		t.Errorf("%d countries", len(countries))
	}
}
