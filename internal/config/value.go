package config

import (
	"slices"

	"github.com/lethedb/lethe/internal/finding"
)

// value is a checked node of the file, or a default that stands in for one that is absent. A nil value
// is an absent one without a default, or one that was refused; every method may be called on it.
type value struct {
	place finding.Place
	// scalar is a string, int, float64 or bool; nil for lists and mappings.
	scalar any
	items  []*value
	// names are the keys of a mapping in the order of the file; entries hold their values, which are nil
	// where they were refused.
	names   []string
	entries map[string]*value
	mapping bool
}

// get returns the entry of a mapping.
func (v *value) get(name string) *value {
	if v == nil {
		return nil
	}
	return v.entries[name]
}

// text returns a string, "" when there is none.
func (v *value) text() string {
	if v == nil {
		return ""
	}
	s, _ := v.scalar.(string)
	return s
}

// integer returns a whole number, 0 when there is none.
func (v *value) integer() int {
	if v == nil {
		return 0
	}
	n, _ := v.scalar.(int)
	return n
}

// yes returns a boolean, false when there is none.
func (v *value) yes() bool {
	if v == nil {
		return false
	}
	b, _ := v.scalar.(bool)
	return b
}

// number returns a number, 0 when there is none.
func (v *value) number() float64 {
	if v == nil {
		return 0
	}
	x, _ := v.scalar.(float64)
	return x
}

// texts returns the strings of a list, leaving out what was refused.
func (v *value) texts() []string {
	if v == nil {
		return nil
	}
	var out []string
	for _, item := range v.items {
		if s := item.text(); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// list returns the items of a list, leaving out what was refused.
func (v *value) list() []*value {
	if v == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(v.items), func(item *value) bool { return item == nil })
}

// at returns the place of v, the zero Place when there is none.
func (v *value) at() finding.Place {
	if v == nil {
		return finding.Place{}
	}
	return v.place
}

// standIn returns the defaults of an absent field, placed where its parent stands.
func standIn(f field, place finding.Place) *value {
	switch {
	case f.standard != nil:
		return &value{place: place, scalar: f.standard}
	case f.whole:
		v := &value{place: place, mapping: true, entries: map[string]*value{}}
		for _, inner := range f.shape.fields {
			if d := standIn(inner, place); d != nil {
				v.entries[inner.name] = d
			}
		}
		return v
	}
	return nil
}
