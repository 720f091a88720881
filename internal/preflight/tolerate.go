package preflight

import (
	"slices"
	"strings"

	"github.com/lethedb/lethe/internal/catalog"
)

// tolerate refuses names of unique indexes and constraints that the source does not have: whoever wrote one
// believes that something else is left out.
func (j *judge) tolerate(c *catalog.Catalog) {
	if len(j.facts.Tolerate) == 0 {
		return
	}
	var known []string
	for _, table := range c.Tables {
		for _, index := range table.Indexes {
			if index.Unique || index.Exclusion {
				known = append(known, catalog.Name{Schema: table.Name.Schema, Name: index.Name}.String(), table.Name.Column(index.Name))
			}
		}
		for _, check := range table.Checks {
			known = append(known, table.Name.Column(check.Name))
		}
		for _, key := range table.ForeignKeys {
			known = append(known, table.Name.Column(key.Name))
		}
	}
	for _, named := range j.facts.Tolerate {
		if slices.Contains(known, named.Name) {
			continue
		}
		fix := "name a unique index as schema.index, or a constraint as schema.table.constraint"
		last := named.Name[strings.LastIndex(named.Name, ".")+1:]
		if i := slices.IndexFunc(known, func(name string) bool { return strings.HasSuffix(name, "."+last) }); i >= 0 {
			fix = "did you mean " + known[i] + "?"
		}
		j.refuse("tolerate", named.Name, "the source has no unique index and no constraint of that name", fix)
		j.found[len(j.found)-1].Place = named.Place
	}
}
