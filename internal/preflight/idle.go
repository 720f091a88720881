package preflight

import (
	"maps"
	"slices"
	"strings"

	"github.com/lethedb/lethe/internal/catalog"
)

// idle warns of names under roles and without that match nothing: whoever wrote one believes that something arrives
// otherwise, or not at all. It is no error, because what they named may have gone from the source since.
func (j *judge) idle(s Source) {
	named := append(slices.Clone(s.Named), s.Role)
	for _, wire := range s.Wiring {
		if wire.Kind == catalog.WireMapping && wire.Owner != "" {
			named = append(named, wire.Owner)
		}
	}
	slices.Sort(named)
	named = slices.Compact(named)
	for _, list := range []struct {
		key   string
		roles []string
	}{{"map", slices.Sorted(maps.Keys(j.facts.Roles.Map))}, {"drop", j.facts.Roles.Drop}} {
		for _, role := range list.roles {
			if !slices.Contains(named, role) {
				j.warn("names-nothing", role, "roles: {"+list.key+": …} names the role, and nothing that arrives does", meant(role, named))
			}
		}
	}
	if j.facts.Catalog == nil {
		return
	}
	var extensions []string
	for _, extension := range j.facts.Catalog.Extensions {
		extensions = append(extensions, extension.Name)
	}
	for _, extension := range j.facts.Without {
		if !slices.Contains(extensions, extension) {
			j.warn("names-nothing", extension, "without: {extensions: …} names the extension, and the source does not have it", meant(extension, extensions))
		}
	}
}

// meant suggests what a name that matches nothing may have been meant for.
func meant(name string, known []string) string {
	plain := func(name string) string {
		return strings.NewReplacer("-", "", "_", "", " ", "").Replace(strings.ToLower(name))
	}
	for _, other := range known {
		if plain(other) == plain(name) {
			return "did you mean " + other + "?"
		}
	}
	return "correct it, or take it out"
}
