package pg

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/finding"
)

// respell makes the tables of two servers of different majors comparable: each spells expressions in its
// own way, so that of a default, a check, an index or a bound only its being there is compared. The lists
// are changed in place.
func respell(lists ...[]catalog.Table) {
	for _, tables := range lists {
		for i, table := range tables {
			tables[i] = unspelled(table)
		}
	}
}

// sameName is a name as every major spells it: since 16 json is a word of the grammar, so that a server quotes what
// is called so and leaves its schema out, and since 17 a transform is named without "on".
func sameName(identity string) string {
	if strings.Contains(identity, `"`) {
		identity = regexp.MustCompile(`"([a-z_][a-z0-9_]*)"`).ReplaceAllString(identity, "$1")
	}
	return strings.ReplaceAll(strings.ReplaceAll(identity, "pg_catalog.", ""), " on language ", " language ")
}

// unspelled returns a table without the text of its expressions, and a partition without the identity of its
// columns, which since 17 is its parent's and before was nobody's.
func unspelled(t catalog.Table) catalog.Table {
	t = rewritten(t, func(text *string) {
		if *text != "" {
			*text = "an expression"
		}
	})
	for i := range t.Columns {
		t.Columns[i].Type.Name = sameName(t.Columns[i].Type.Name)
		if t.IsPartition {
			t.Columns[i].Identity = ""
		}
		t.Columns[i].Type.DomainChecks = make([]string, len(t.Columns[i].Type.DomainChecks))
	}
	return t
}

// rewritten returns a copy of a table with every expression that a server spells changed by rewrite.
func rewritten(t catalog.Table, rewrite func(*string)) catalog.Table {
	rewrite(&t.PartitionBound)
	t.Columns = slices.Clone(t.Columns)
	for i := range t.Columns {
		column := &t.Columns[i]
		rewrite(&column.Default)
		column.Type.DomainChecks = slices.Clone(column.Type.DomainChecks)
		for j := range column.Type.DomainChecks {
			rewrite(&column.Type.DomainChecks[j])
		}
	}
	t.Indexes = slices.Clone(t.Indexes)
	for i := range t.Indexes {
		index := &t.Indexes[i]
		rewrite(&index.Definition)
		rewrite(&index.Predicate)
		rewrite(&index.Excludes)
		index.Columns = slices.Clone(index.Columns)
		for j := range index.Columns {
			rewrite(&index.Columns[j].Expression)
		}
	}
	t.ForeignKeys = slices.Clone(t.ForeignKeys)
	for i := range t.ForeignKeys {
		rewrite(&t.ForeignKeys[i].Definition)
	}
	t.Checks = slices.Clone(t.Checks)
	for i := range t.Checks {
		rewrite(&t.Checks[i].Definition)
	}
	return t
}

// ownedByTheServer gives the schema public the owner it has on the new server: before 15 initdb gave it
// to the superuser, since then to whoever owns the database, and no dump says so.
func ownedByTheServer(want, got []catalog.Schema) []catalog.Schema {
	want = slices.Clone(want)
	for i := range want {
		for _, schema := range got {
			if want[i].Name == "public" && schema.Name == "public" {
				want[i].Owner = schema.Owner
			}
		}
	}
	return want
}

// ofInstaller returns a catalog's objects without the owners of those that come with an extension: they belong
// to whoever installed it here, and no dump says who did there.
func ofInstaller(c catalog.Catalog) catalog.Catalog {
	c.Tables, c.Sequences, c.Schemas = slices.Clone(c.Tables), slices.Clone(c.Sequences), slices.Clone(c.Schemas)
	for i := range c.Tables {
		if !c.Tables[i].Made() {
			c.Tables[i].Owner = ""
		}
	}
	for i := range c.Sequences {
		if c.Sequences[i].Extension != "" {
			c.Sequences[i].Owner = ""
		}
	}
	for i := range c.Schemas {
		if c.Schemas[i].Extension != "" {
			c.Schemas[i].Owner = ""
		}
	}
	return c
}

// otherVersions tells extensions that arrived in another version than the source's, as a warning: a dump
// names none, and the server installs its own.
func otherVersions(want, got []catalog.Extension) ([]catalog.Extension, finding.List) {
	want = slices.Clone(want)
	var found finding.List
	for i := range want {
		for _, arrived := range got {
			if arrived.Name != want[i].Name || arrived.Version == want[i].Version {
				continue
			}
			found = append(found, finding.Finding{Code: "extension-version", Severity: finding.Warning, Object: arrived.Name,
				Message: fmt.Sprintf("the extension is version %s at the source and %s on the target", want[i].Version, arrived.Version)})
			want[i].Version = arrived.Version
		}
	}
	return want, found
}
