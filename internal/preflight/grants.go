package preflight

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lethedb/lethe/internal/catalog"
)

// GrantOptions name the two roles that Grants writes SQL for.
type GrantOptions struct {
	// Source is the role that reads production. Defaults to "lethe_source".
	Source string
	// Target is the role that builds and publishes. Defaults to "lethe_target".
	Target string
	// Environment is the environment's database and EnvironmentOwner the role that owns it; "" when not
	// known, and then a comment says what is left to be granted.
	Environment, EnvironmentOwner string
	// Maintenance is the target's maintenance database. Defaults to "postgres".
	Maintenance string
	// Slots says that two databases take turns and none is made.
	Slots bool
	// Watch says that the source's load is watched.
	Watch bool
}

// Grants returns SQL, with comments, that makes two roles which can do a full refresh of the database c
// and as little else as PostgreSQL's rights can tell apart. It can be run again. Neither role is a
// superuser; passwords are set by whoever runs it.
func Grants(c *catalog.Catalog, o GrantOptions) string {
	if o.Source == "" {
		o.Source = "lethe_source"
	}
	if o.Target == "" {
		o.Target = "lethe_target"
	}
	if o.Maintenance == "" {
		o.Maintenance = "postgres"
	}
	var b strings.Builder
	sourceGrants(&b, c, o)
	b.WriteString("\n")
	targetGrants(&b, c, o)
	return b.String()
}

// makeRole writes a CREATE ROLE that may be run twice.
func makeRole(b *strings.Builder, role, options string) {
	literal := "'" + strings.ReplaceAll(role, "'", "''") + "'"
	fmt.Fprintf(b, "DO $make$ BEGIN IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = %s) THEN CREATE ROLE %s LOGIN; END IF; END $make$;\n",
		literal, catalog.QuoteIdentifier(role))
	fmt.Fprintf(b, "ALTER ROLE %s %s;\n", catalog.QuoteIdentifier(role), options)
}

func sourceGrants(b *strings.Builder, c *catalog.Catalog, o GrantOptions) {
	role := catalog.QuoteIdentifier(o.Source)
	b.WriteString("-- On the source's server, in the database that is read, as a superuser.\n")
	fmt.Fprintf(b, "-- Then give it a password, in psql: \\password %s\n", role)
	options := "NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION"
	hidden := slices.ContainsFunc(c.Tables, func(t catalog.Table) bool { return t.RowSecurity })
	if hidden {
		b.WriteString("-- BYPASSRLS: there are tables with row security, and a policy would hide rows from the copy.\n")
		options += " BYPASSRLS"
	} else {
		options += " NOBYPASSRLS"
	}
	makeRole(b, o.Source, options)
	fmt.Fprintf(b, "GRANT CONNECT ON DATABASE %s TO %s;\n", catalog.QuoteIdentifier(c.Database), role)
	for _, schema := range c.Schemas {
		if !holdsRows(c, schema.Name) {
			continue
		}
		name := catalog.QuoteIdentifier(schema.Name)
		fmt.Fprintf(b, "GRANT USAGE ON SCHEMA %s TO %s;\n", name, role)
		fmt.Fprintf(b, "GRANT SELECT ON ALL TABLES IN SCHEMA %s TO %s;\n", name, role)
		fmt.Fprintf(b, "GRANT SELECT ON ALL SEQUENCES IN SCHEMA %s TO %s;\n", name, role)
		for _, owner := range ownersIn(c, schema.Name) {
			fmt.Fprintf(b, "-- New tables too: ALTER DEFAULT PRIVILEGES FOR ROLE %s IN SCHEMA %s GRANT SELECT ON TABLES TO %s;\n",
				catalog.QuoteIdentifier(owner), name, role)
		}
	}
	if o.Watch {
		b.WriteString("-- To see replication lag and active sessions, for stop_when:. It shows statements of others, no rows.\n")
		fmt.Fprintf(b, "GRANT pg_read_all_stats TO %s;\n", role)
	}
	if c.LargeObjects > 0 {
		fmt.Fprintf(b, "-- There are %d large objects; the server keeps their content in one table, which only a superuser may read otherwise.\n", c.LargeObjects)
		fmt.Fprintf(b, "GRANT SELECT ON %s TO %s;\n", catalog.LargeObjectPages().SQL(), role)
	}
}

func targetGrants(b *strings.Builder, c *catalog.Catalog, o GrantOptions) {
	role := catalog.QuoteIdentifier(o.Target)
	fmt.Fprintf(b, "-- On the target's server, in database %s, as a superuser.\n", catalog.QuoteIdentifier(o.Maintenance))
	fmt.Fprintf(b, "-- Then give it a password, in psql: \\password %s\n", role)
	options := "NOSUPERUSER NOCREATEROLE NOREPLICATION NOBYPASSRLS"
	if o.Slots {
		options += " NOCREATEDB"
	} else {
		b.WriteString("-- CREATEDB: every refresh is built as a database of its own, and renamed.\n")
		options += " CREATEDB"
	}
	makeRole(b, o.Target, options)
	fmt.Fprintf(b, "GRANT CONNECT ON DATABASE %s TO %s;\n", catalog.QuoteIdentifier(o.Maintenance), role)
	b.WriteString("-- To end the sessions of the database that is replaced. It does not reach superusers' sessions.\n")
	fmt.Fprintf(b, "GRANT pg_signal_backend TO %s;\n", role)
	b.WriteString("-- Optional, for speed (15 and later): foreign keys of big tables are then made before the rows and proven by lethe,\n" +
		"-- which takes a fraction of the server's own look at every row. The right reaches every database that the role may write to.\n")
	fmt.Fprintf(b, "-- GRANT SET ON PARAMETER session_replication_role TO %s;\n", role)
	owners := objectOwners(c)
	if o.EnvironmentOwner != "" {
		b.WriteString("-- To replace the environment's database, and to give objects to the roles that own them at the source.\n")
		owners = append(owners, o.EnvironmentOwner)
	} else {
		b.WriteString("-- To give objects to the roles that own them at the source.\n")
		if o.Environment != "" {
			fmt.Fprintf(b, "-- To replace the environment's database: GRANT the owner of %s TO %s;\n", catalog.QuoteIdentifier(o.Environment), role)
		}
	}
	b.WriteString("-- A superuser among them would make a superuser of the role: give what it owns to another role first, by\n" +
		"-- REASSIGN OWNED or ALTER ... OWNER TO. Roles that production's grants name must exist here too, without login.\n")
	slices.Sort(owners)
	for _, owner := range slices.Compact(owners) {
		if owner != o.Target {
			fmt.Fprintf(b, "GRANT %s TO %s;\n", catalog.QuoteIdentifier(owner), role)
		}
	}
}

// holdsRows reports whether a schema holds anything of the user's that is read.
func holdsRows(c *catalog.Catalog, schema string) bool {
	return slices.ContainsFunc(c.Tables, func(t catalog.Table) bool { return t.Name.Schema == schema && t.Decided() }) ||
		slices.ContainsFunc(c.Sequences, func(s catalog.Sequence) bool { return s.Name.Schema == schema && s.Extension == "" })
}

// ownersIn returns who owns tables in a schema.
func ownersIn(c *catalog.Catalog, schema string) []string {
	var owners []string
	for _, table := range c.Tables {
		if table.Name.Schema == schema && table.Made() {
			owners = append(owners, table.Owner)
		}
	}
	slices.Sort(owners)
	return slices.Compact(owners)
}

// objectOwners returns who owns what arrives. The server's own roles are left out: nobody joins those.
func objectOwners(c *catalog.Catalog) []string {
	var owners []string
	add := func(owner, extension string) {
		if extension == "" && !strings.HasPrefix(owner, "pg_") {
			owners = append(owners, owner)
		}
	}
	for _, schema := range c.Schemas {
		// Before 15 public belongs to whoever made the server, and is left with them.
		if schema.Name != "public" || c.Server.Major() >= 15 {
			add(schema.Owner, schema.Extension)
		}
	}
	for _, table := range c.Tables {
		if table.Made() {
			add(table.Owner, table.Extension)
		}
	}
	for _, sequence := range c.Sequences {
		add(sequence.Owner, sequence.Extension)
	}
	slices.Sort(owners)
	return slices.Compact(owners)
}
