package preflight

import (
	"slices"

	"github.com/lethedb/lethe/internal/catalog"
)

// lacking refuses what the target's server has no means to make.
func (j *judge) lacking(t Target) {
	for _, name := range t.NoCollation {
		j.refuse("missing-collation", name, "the target's server neither has the collation nor can make it", "install its locale, or a server built with its provider, there")
	}
	for _, name := range t.NoLibrary {
		j.refuse("missing-library", name, "the target's server lacks the library of the function, or it has no such function", "install it on the target's server, or drop the function at the source")
	}
	for _, member := range t.Members {
		if slices.Contains(j.facts.Without, member.Extension) {
			continue
		}
		fix := "ALTER EXTENSION " + catalog.QuoteIdentifier(member.Extension) + " DROP TABLE " + member.Table.SQL() + " on the source"
		if member.Untold {
			j.warn("extension-member", member.Table.String(), "the table belongs to extension "+member.Extension+", and nobody can tell whether the target's makes it: role "+t.Role+" may not try",
				"where ALTER EXTENSION … ADD TABLE made it so: "+fix)
			continue
		}
		j.refuse("extension-member", member.Table.String(), "the table belongs to extension "+member.Extension+", which the target makes without it: it would not arrive", fix)
	}
}

// engines refuses what would be copied by half: tables that an extension spreads over tables or servers of its
// own, and extensions that cannot be made in a database under construction.
func (j *judge) engines(s Source, c *catalog.Catalog) {
	names := map[string]string{"timescaledb": "TimescaleDB", "citus": "Citus"}
	for _, engine := range s.Engines {
		j.refuse("storage-engine", engine.Table.String(), names[engine.Extension]+" keeps the rows of the table in chunks or on servers of its own, which are not copied",
			`decide drop: "reason" for the table, or read an ordinary copy of it`)
	}
	if c == nil {
		return
	}
	for _, extension := range c.Extensions {
		if slices.Contains(j.facts.Without, extension.Name) {
			continue
		}
		fix := "without: {extensions: [" + extension.Name + "]}"
		switch extension.Name {
		case "timescaledb", "citus":
			j.refuse("storage-engine", extension.Name, names[extension.Name]+" keeps rows in ways of its own: a copy of its catalog without them would be a broken one", fix)
		case "pg_cron":
			j.refuse("pg_cron", extension.Name, "pg_cron can be made in one database of a server alone, never in one that is being built; its jobs would run on the copy", fix)
		}
	}
}
