package catalog_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/lethedb/lethe/internal/catalog"
)

// fill sets every field below v to something, lists to two elements, from a counter, so that no two
// leaves are alike.
func fill(v reflect.Value, counter *int) {
	*counter++
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), counter)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), counter)
		fill(v.Index(1), counter)
	case reflect.String:
		v.SetString(fmt.Sprintf("text %d", *counter))
	case reflect.Bool:
		v.SetBool(*counter%2 == 0)
	case reflect.Float64:
		v.SetFloat(float64(*counter) + 0.5)
	case reflect.Uint32:
		v.SetUint(uint64(*counter))
	default:
		v.SetInt(int64(*counter))
	}
}

// leaves calls f with the path of every leaf and list below v.
func leaves(path string, v reflect.Value, f func(path string, v reflect.Value)) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			leaves(path+"."+v.Type().Field(i).Name, v.Field(i), f)
		}
	case reflect.Slice:
		f(path, v)
		for i := range v.Len() {
			leaves(fmt.Sprintf("%s[%d]", path, i), v.Index(i), f)
		}
	default:
		f(path, v)
	}
}

// change makes a leaf another value, or a list shorter, and returns how to undo it.
func change(v reflect.Value) (undo func()) {
	old := reflect.New(v.Type()).Elem()
	old.Set(v)
	switch v.Kind() {
	case reflect.Slice:
		v.Set(v.Slice(0, v.Len()-1))
	case reflect.String:
		v.SetString(v.String() + "!")
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Float64:
		v.SetFloat(v.Float() + 1)
	case reflect.Uint32:
		v.SetUint(v.Uint() + 1)
	default:
		v.SetInt(v.Int() + 1)
	}
	return func() { v.Set(old) }
}

func TestDigestChangesWithEveryFieldOfTheSchemaAndWithNoOther(t *testing.T) {
	// What moves while a schema stands still; whatever is not named here must count.
	volatile := []string{".OID", ".Size.", ".Stats.", ".LargeObjects", ".Server.Standby", ".Server.Version", ".IndexMarks", ".Adoptable", ".Type.Fields"}
	var c catalog.Catalog
	counter := 0
	fill(reflect.ValueOf(&c).Elem(), &counter)
	c.Server.Version = 150003
	before := c.Digest()
	if len(before) != 64 || strings.Trim(before, "0123456789abcdef") != "" {
		t.Fatalf("got %q, want 64 hex digits", before)
	}
	seen, counted := 0, map[string]string{before: "nothing"}
	leaves("", reflect.ValueOf(&c).Elem(), func(path string, v reflect.Value) {
		seen++
		undo := change(v)
		defer undo()
		after := c.Digest()
		for _, word := range volatile {
			if strings.Contains(path+".", word) {
				if after != before {
					t.Errorf("%s changes the digest, though it is no part of the schema", path)
				}
				return
			}
		}
		if other, known := counted[after]; known {
			t.Errorf("a change of %s gives the digest of a change of %s", path, other)
		}
		counted[after] = path
	})
	if seen < 200 || c.Digest() != before {
		t.Errorf("the test is void: %d leaves seen, undone %v", seen, c.Digest() == before)
	}
}

func TestDigestCountsTheMajorVersionAlone(t *testing.T) {
	digest := func(version int) string {
		c := catalog.Catalog{Server: catalog.Server{Version: version}}
		return c.Digest()
	}
	if digest(150003) != digest(150018) {
		t.Error("a minor upgrade changes the digest")
	}
	if digest(150018) == digest(160018) {
		t.Error("a major upgrade does not change the digest")
	}
}

// TestDigestTellsNeighboursApart moves text between fields and elements: what a plain concatenation would
// not notice.
func TestDigestTellsNeighboursApart(t *testing.T) {
	part := rapid.StringMatching(`[ab"\x00,]{0,4}`)
	rapid.Check(t, func(t *rapid.T) {
		draw := func(label string) ([]string, catalog.Catalog) {
			reads := rapid.SliceOfN(part, 0, 3).Draw(t, label+" reads")
			database, encoding := part.Draw(t, label+" database"), part.Draw(t, label+" encoding")
			return append([]string{database, encoding, "|"}, reads...), catalog.Catalog{
				Database: database, Server: catalog.Server{Encoding: encoding},
				Tables: []catalog.Table{{PartitionKey: reads}},
			}
		}
		textA, a := draw("a")
		textB, b := draw("b")
		same := fmt.Sprintf("%q", textA) == fmt.Sprintf("%q", textB)
		if got := a.Digest() == b.Digest(); got != same {
			t.Fatalf("%q and %q: same digest %v, want %v", textA, textB, got, same)
		}
	})
}

func TestDigestTellsBytesApartThatAreNotText(t *testing.T) {
	a := catalog.Catalog{Database: "\xff"}
	b := catalog.Catalog{Database: "\xfe"}
	if a.Digest() == b.Digest() {
		t.Error("names that are not UTF-8 are not told apart")
	}
}

// TestDigestIsFrozen holds the encoding: digests stand in certificates and approvals.
func TestDigestIsFrozen(t *testing.T) {
	c := catalog.Catalog{
		Database: "shop", Server: catalog.Server{Version: 150018, Encoding: "UTF8"},
		Tables: []catalog.Table{{
			Name: catalog.Name{Schema: "public", Name: "customer"}, Kind: catalog.Ordinary,
			Columns: []catalog.Column{{Name: "id", Number: 1, NotNull: true}},
		}},
	}
	const want = "14fb49579bdc9a194c15b1d9c9fcd3ec0c3baafaa7660e7e2ccef0684d4bf0bf"
	if got := c.Digest(); got != want {
		t.Errorf("got %s, want %s: approvals and certificates that hold the old one no longer fit; raise digestVersion when that is meant", got, want)
	}
}
