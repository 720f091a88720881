package preflight

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/finding"
)

// Judge returns everything that stands in the way of a run, sorted. It changes nothing and depends on
// nothing but its argument.
func Judge(f Facts) finding.List {
	j := &judge{facts: f, tables: map[catalog.Name]*catalog.Table{}}
	if f.Catalog != nil {
		for i := range f.Catalog.Tables {
			j.tables[f.Catalog.Tables[i].Name] = &f.Catalog.Tables[i]
		}
	}
	if f.Source != nil {
		j.endpoint(f.Source.Endpoint)
		j.source(*f.Source)
		j.idle(*f.Source)
	}
	if f.Catalog != nil {
		j.contents(*f.Catalog)
		j.tolerate(f.Catalog)
	}
	if f.Target != nil {
		j.endpoint(f.Target.Endpoint)
		j.target(*f.Target)
	}
	if f.Source != nil && f.Target != nil {
		j.both(*f.Source, *f.Target)
	}
	j.found.Sort()
	return j.found
}

// judge collects findings.
type judge struct {
	facts  Facts
	tables map[catalog.Name]*catalog.Table
	found  finding.List
}

// refuse adds an error, warn a warning.
func (j *judge) refuse(code, object, message, fix string) {
	j.found = append(j.found, finding.Finding{Code: code, Severity: finding.Error, Object: object, Message: message, Fix: fix})
}

func (j *judge) warn(code, object, message, fix string) {
	j.found = append(j.found, finding.Finding{Code: code, Severity: finding.Warning, Object: object, Message: message, Fix: fix})
}

// endpoint judges what either end must be.
func (j *judge) endpoint(e Endpoint) {
	if e.Major() < OldestMajor || e.Major() > NewestMajor {
		j.refuse("unsupported-version", e.Name, fmt.Sprintf("the server is PostgreSQL %d", e.Major()),
			fmt.Sprintf("use a server of version %d to %d", OldestMajor, NewestMajor))
	}
	if e.Pooled {
		j.refuse("pooler", e.Name, "a connection pooler stands between us and the server", "connect to the server itself")
	}
	if e.Scattered {
		j.refuse("scattered", e.Name, "two connections reached two servers", "use an address that leads to one server only")
	}
	if e.Free < e.Wanted {
		j.refuse("connections", e.Name, fmt.Sprintf("a run opens up to %d connections, and role %s can open %d", e.Wanted, e.Role, max(e.Free, 0)),
			"lower connections: in lethe.yaml, or raise the limit of the server, the database or the role")
	}
}

// source judges rights and settings on the server that is read.
func (j *judge) source(s Source) {
	role := catalog.QuoteIdentifier(s.Role)
	for _, schema := range s.NoUsage {
		j.refuse("no-usage", catalog.QuoteIdentifier(schema), "role "+s.Role+" may not look into the schema",
			"GRANT USAGE ON SCHEMA "+catalog.QuoteIdentifier(schema)+" TO "+role)
	}
	for _, table := range s.NoSelect {
		j.refuse("no-select", table.String(), "role "+s.Role+" may not read the table", "GRANT SELECT ON "+table.SQL()+" TO "+role)
	}
	for _, sequence := range s.NoSequence {
		j.refuse("no-select", sequence.String(), "role "+s.Role+" may not read the sequence",
			"GRANT SELECT ON SEQUENCE "+sequence.SQL()+" TO "+role)
	}
	for _, table := range s.Hidden {
		j.refuse("row-security", table.String(), "a policy hides rows from role "+s.Role, "ALTER ROLE "+role+" BYPASSRLS, or leave the table out by a rule")
	}
	for _, view := range s.Outward {
		j.refuse("outward-view", view.String(), "refreshing the materialised view would pull rows from another server, behind the masks",
			"drop the view from the source, or leave it unpopulated there (REFRESH MATERIALIZED VIEW … WITH NO DATA)")
	}
	for _, object := range s.Calling {
		fix := `drop it on the source, or its table by a rule: drop: "reason"`
		if strings.HasPrefix(object, "domain ") { // it arrives whatever tables do
			fix = "drop it on the source"
		}
		j.refuse("reaches-out", object, "it calls a function that reaches other servers for each row that is loaded", fix)
	}
	for _, object := range s.Leading {
		j.refuse("reaches-out", object, "it calls a function that reaches other servers by itself, and would do so on the copy",
			"let it call a function of your own instead, which arrives inert, or drop it on the source")
	}
	j.found = append(j.found, Wiring(s.Wiring, j.facts.Revive)...)
	j.engines(s, j.facts.Catalog)
	for _, object := range s.Foreign {
		j.refuse("reserved-schema", object.String(), "the schema lethe is our own and left out of every copy, and this object in it is not ours",
			"move it into another schema: ALTER … SET SCHEMA")
	}
	// A fifth stays free for everybody else: a full lock table fails their statements too.
	if room := (s.LockSlots - s.LocksHeld) * 4 / 5; s.LocksWanted > room {
		j.refuse("lock-table", s.Name, fmt.Sprintf("a run locks %d tables, and the server's lock table has room for %d", s.LocksWanted, max(room, 0)),
			"raise max_locks_per_transaction and restart the server")
	}
	if len(s.Watched) > 0 && !s.Statistics {
		j.refuse("no-statistics", s.Name, fmt.Sprintf("role %s may not see what stop_when: {%s} is about", s.Role, strings.Join(s.Watched, ", ")),
			"GRANT pg_read_all_stats TO "+role+", or leave stop_when: out")
	}
	if s.Standby && !s.Feedback && s.StreamingDelay >= 0 {
		j.warn("standby-conflict", s.Name, fmt.Sprintf("the standby may cancel a read that lasts longer than %s", s.StreamingDelay),
			"set hot_standby_feedback = on, or max_standby_streaming_delay = -1")
	}
}

// contents judges what the source holds.
func (j *judge) contents(c catalog.Catalog) {
	for _, name := range j.facts.Read {
		table := j.tables[name]
		switch {
		case table == nil:
		case table.Kind == catalog.Foreign:
			j.refuse("foreign-table", name.String(), "the rows are on another server, and a copy of the table would write there",
				`decide rows: none, or drop: "reason"`)
		case table.AccessMethod != "" && table.AccessMethod != "heap":
			j.refuse("storage-engine", name.String(), "the rows are kept by the storage engine "+table.AccessMethod+", which is not copied",
				`decide rows: none, or drop: "reason"`)
		case table.Persistence == catalog.Unlogged && c.Server.Standby:
			j.refuse("unlogged-table", name.String(), "an unlogged table cannot be read on a standby", "read from the primary, or decide rows: none")
		}
	}
}

// target judges what swapping the environment's database needs.
func (j *judge) target(t Target) {
	role := catalog.QuoteIdentifier(t.Role)
	if t.Standby {
		j.refuse("standby", t.Name, "the server is a standby and takes no writes", "name the primary as target")
	}
	if !t.Exists {
		j.refuse("no-database", t.Database, "the environment's database does not exist", "create it, empty, and run lethe env adopt")
		return
	}
	if !t.Slots {
		j.swap(t, role)
	}
	for _, session := range t.Stuck {
		object := fmt.Sprintf("session %d of role %s", session.PID, session.Role)
		switch {
		case session.Superuser:
			j.warn("session", object, "publishing waits until a superuser's session has gone: role "+t.Role+" may not end it",
				"end it before publishing, or run lethe publish later")
		default:
			j.refuse("session", object, "role "+t.Role+" may not end it, and so cannot publish", "GRANT pg_signal_backend TO "+role)
		}
	}
	if !t.Signal && len(t.Stuck) == 0 {
		j.warn("no-signal", t.Name, "role "+t.Role+" may not end sessions of other roles, and cannot publish while there are any",
			"GRANT pg_signal_backend TO "+role)
	}
}

// swap judges what renaming databases needs.
func (j *judge) swap(t Target, role string) {
	if !t.CreateDB {
		j.refuse("no-createdb", t.Name, "role "+t.Role+" lacks CREATEDB, without which no database is made or renamed",
			"ALTER ROLE "+role+" CREATEDB, or configure slots")
	}
	if !t.Owner {
		j.refuse("not-owner", t.Database, "role "+t.Role+" is no member of the database's owner "+t.OwnerName,
			"GRANT "+catalog.QuoteIdentifier(t.OwnerName)+" TO "+role)
	}
	if !t.Placed {
		j.refuse("no-create-in-tablespace", t.Database, "role "+t.Role+" may not make a database in the tablespace of this one",
			"GRANT CREATE ON TABLESPACE … TO "+role)
	}
	if t.Template {
		j.refuse("template", t.Database, "the database is a template", "ALTER DATABASE "+catalog.QuoteIdentifier(t.Database)+" IS_TEMPLATE false")
	}
	if t.Prepared > 0 {
		j.refuse("prepared-transaction", t.Database, fmt.Sprintf("%d prepared transactions are open in the database", t.Prepared),
			"commit them or roll them back")
	}
	for _, slot := range t.LogicalSlots {
		j.refuse("logical-slot", slot, "a logical replication slot reads the environment's database", "drop the slot")
	}
	for _, subscription := range t.Subscriptions {
		j.refuse("subscription", subscription, "a subscription writes to the environment's database", "drop the subscription")
	}
}

// both judges whether the one end can hold what the other has.
func (j *judge) both(s Source, t Target) {
	if t.Major() < s.Major() {
		j.refuse("older-target", t.Name, fmt.Sprintf("the server is PostgreSQL %d, and the source is PostgreSQL %d", t.Major(), s.Major()),
			"use a target of the source's version or a newer one")
	}
	if !t.Locale && j.facts.Catalog != nil {
		server := j.facts.Catalog.Server
		j.refuse("locale", t.Name, fmt.Sprintf("the server cannot make a database with the source's encoding %s, provider %s, collation %s",
			server.Encoding, server.Provider, server.Collate), "install the locale on the target's server")
	}
	j.room(t)
	j.roles(s, t)
	j.extensions(t)
	j.lacking(t)
	for _, tablespace := range s.Tablespaces {
		if !slices.Contains(t.Tablespaces, tablespace) {
			j.warn("missing-tablespace", tablespace, "the target has no such tablespace, or role "+t.Role+" may not use it: all that arrives goes to the database's own",
				"to have it, create it on the target's server, and GRANT CREATE ON TABLESPACE "+catalog.QuoteIdentifier(tablespace)+" TO "+catalog.QuoteIdentifier(t.Role))
		}
	}
	if !t.Superuser {
		for _, object := range s.Untrusted {
			j.refuse("needs-superuser", object, "only a superuser can make this on the target", "drop it on the source, or use a superuser on the target")
		}
	}
	if tools := j.facts.Tools; tools != nil {
		fits := tools.PgDump >= s.Major() && tools.PgDump <= t.Major() && tools.PgRestore == tools.PgDump
		if !fits {
			j.refuse("tools", "pg_dump", fmt.Sprintf("no pg_dump and pg_restore of one version from %d to %d were found", s.Major(), t.Major()),
				fmt.Sprintf("install the client programs of PostgreSQL %d", s.Major()))
		}
	}
}

// room judges whether the new database fits beside what is there. It is as large as the source's tables at
// most, and smaller by what updates left behind in those; half of them is more than is usual, and then the
// room is known not to suffice.
func (j *judge) room(t Target) {
	var size int64
	for _, name := range j.facts.Read {
		if table := j.tables[name]; table != nil {
			size += table.Size.Bytes + table.Size.IndexBytes
		}
	}
	if !t.RoomKnown || t.Room >= size {
		return
	}
	const fix = "make room on the target's server, or copy less"
	message := fmt.Sprintf("the new database takes about %d MB beside what is there, and %d MB are free", size/1e6, t.Room/1e6)
	if t.Room < size/2 {
		j.refuse("no-room", t.Name, message, fix)
		return
	}
	j.warn("little-room", t.Name, message, fix)
}

// roles judges whether the roles that the schema names are there and ours to act for. A role that does not
// arrive leaves what it owns to the owner of the environment's database, whom we act for anyway.
func (j *judge) roles(s Source, t Target) {
	named := slices.Concat(s.Owners, s.Grantors, s.Grantees)
	for _, wire := range s.Wiring {
		alive := slices.ContainsFunc(j.facts.Revive, func(r Named) bool { return r.Name == wire.String() })
		if wire.Kind == catalog.WireMapping && wire.Owner != "" && alive {
			named = append(named, wire.Owner)
		}
	}
	slices.Sort(named)
	for _, from := range slices.Compact(named) {
		name, arrives := j.facts.Roles.Of(from)
		if !arrives {
			continue
		}
		if !slices.Contains(t.Roles, name) {
			as := ""
			if name != from {
				as = " for " + from
			}
			j.refuse("missing-role", name, "the schema names a role"+as+" that the target does not have", "CREATE ROLE "+catalog.QuoteIdentifier(name)+
				" on the target's server, or write roles: {map: {"+from+": OTHER}} or roles: {drop: ["+from+"]} in lethe.yaml")
			continue
		}
		owns, gave := slices.Contains(s.Owners, from), slices.Contains(s.Grantors, from)
		if (owns || gave) && !slices.Contains(t.Member, name) && !t.Superuser {
			what := "make objects that this role owns"
			if !owns {
				what = "grant what this role granted"
			}
			j.refuse("not-member", name, "role "+t.Role+" may not "+what, "GRANT "+
				catalog.QuoteIdentifier(name)+" TO "+catalog.QuoteIdentifier(t.Role)+" on the target's server, or map or drop the role in lethe.yaml")
		}
	}
}

// extensions judges whether the source's extensions can be had.
func (j *judge) extensions(t Target) {
	if j.facts.Catalog == nil {
		return
	}
	for _, wanted := range j.facts.Catalog.Extensions {
		if wanted.Name == "plpgsql" {
			continue // every database is made with it
		}
		if slices.Contains(j.facts.Without, wanted.Name) {
			j.without(wanted.Name)
			continue
		}
		i := slices.IndexFunc(t.Extensions, func(e Extension) bool { return e.Name == wanted.Name })
		switch {
		case i < 0:
			j.refuse("missing-extension", wanted.Name, "the target's server does not offer the extension",
				"install its package there, or write without: {extensions: ["+wanted.Name+"]} in lethe.yaml")
		case !t.Extensions[i].Allowed && !t.Superuser:
			j.refuse("untrusted-extension", wanted.Name, "only a superuser can install the extension on the target",
				"use a superuser on the target, or have the extension marked as trusted there")
		case t.Extensions[i].Default != wanted.Version:
			j.warn("extension-version", wanted.Name, fmt.Sprintf("the source has version %s, the target installs %s", wanted.Version, t.Extensions[i].Default),
				"install the same version's package on both servers")
		}
	}
}

// without judges whether the data does without an extension: no column is of a type of its, and no row of its
// configuration is to arrive.
func (j *judge) without(extension string) {
	const fix = "install the extension on the target's server, or leave the table out by a rule"
	for i := range j.facts.Catalog.Tables {
		table := &j.facts.Catalog.Tables[i]
		if table.Extension == extension && slices.Contains(j.facts.Read, table.Name) {
			j.refuse("extension-needed", table.Name.String(), "rows of an extension that the environment is without are to arrive", "decide rows: none for the table")
		}
		if !table.Made() {
			continue
		}
		for _, column := range table.Columns {
			if column.Type.Extension == extension {
				j.refuse("extension-needed", table.Name.Column(column.Name), "the column's type belongs to extension "+extension+", which the environment is without", fix)
			}
		}
	}
}
