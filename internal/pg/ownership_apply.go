package pg

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/finding"
	"github.com/lethedb/lethe/internal/work"
)

// giveOwnership gives every object to its owner and makes the rights what the order says, by comparing what is
// there with what shall be: what pg_restore did already is left as it is. It comes last, because an owner may
// have taken rights from himself that building needs. What still differs afterwards is for Verify to tell.
func (b *build) giveOwnership(ctx context.Context) error {
	want := b.ownership
	if want == nil {
		return nil
	}
	return b.t.opts.within(ctx, b.database, func(conn *pgx.Conn) error {
		full, err := allPrivileges(ctx, conn)
		if err != nil {
			return err
		}
		// Owners before rights, because changing an owner rewrites the rights; schemas last, because rights on what
		// is in them are given while all who give may look into them.
		giveBack, err := lend(ctx, conn, want)
		if err != nil {
			return err
		}
		for _, step := range []func(got *work.Ownership) []statement{
			func(got *work.Ownership) []statement { return ownerStatements(want, got, false) },
			func(got *work.Ownership) []statement { return rightStatements(want, got, full, false) },
			func(*work.Ownership) []statement { return giveBack },
			func(got *work.Ownership) []statement { return ownerStatements(want, got, true) },
			func(got *work.Ownership) []statement { return rightStatements(want, got, full, true) },
			func(got *work.Ownership) []statement { return defaultStatements(want, got, full) },
		} {
			got, err := readOwnership(ctx, conn, nil)
			if err != nil {
				return err
			}
			if err := execute(ctx, conn, step(got)); err != nil {
				return err
			}
		}
		got, err := readOwnership(ctx, conn, nil)
		if err != nil {
			return err
		}
		b.misowned = misowned(want, got, full)
		return b.giveForeign(ctx, conn, want)
	})
}

// statement is SQL that changes one object, and the object's name for messages.
type statement struct{ object, sql string }

// ownershipBatch is how many statements share a transaction: each keeps locks, a table's owner that of every
// index of it too.
const ownershipBatch = 50

// execute runs statements, many in one round trip. Where one fails they are run again one by one, so that the
// error names the object.
func execute(ctx context.Context, conn *pgx.Conn, statements []statement) error {
	for batch := range slices.Chunk(statements, ownershipBatch) {
		var all strings.Builder
		for _, s := range batch {
			all.WriteString(s.sql + ";\n")
		}
		_, err := conn.PgConn().Exec(ctx, all.String()).ReadAll()
		if err == nil {
			continue
		}
		if len(batch) == 1 || conn.IsClosed() {
			return fmt.Errorf("give %s to its owner and others their rights: %w", batch[0].object, sanitize(err))
		}
		for _, s := range batch {
			if err := execute(ctx, conn, []statement{s}); err != nil {
				return err
			}
		}
	}
	return nil
}

// inSQL spells a kind of object as ALTER and GRANT do.
func inSQL(kind string, granting bool) string {
	switch kind {
	case "function", "aggregate", "procedure":
		return "ROUTINE"
	case "statistics object":
		return "STATISTICS"
	case "foreign-data wrapper":
		return "FOREIGN DATA WRAPPER"
	case "server":
		if granting {
			return "FOREIGN SERVER"
		}
		return "SERVER"
	case "view", "materialized view", "foreign table":
		if granting {
			return "TABLE"
		}
	}
	return strings.ToUpper(kind)
}

// letterOf returns the letter that acldefault knows a kind of object by.
func letterOf(o work.Owned) string {
	if o.Column != "" {
		return "c"
	}
	switch o.Kind {
	case "table", "view", "materialized view", "foreign table":
		return "r"
	case "sequence":
		return "s"
	case "function", "aggregate", "procedure":
		return "f"
	case "type":
		return "T"
	case "schema":
		return "n"
	case "language":
		return "l"
	case "foreign-data wrapper":
		return "F"
	case "server":
		return "S"
	case "large object":
		return "L"
	}
	return "-"
}

// label names an object for messages.
func label(o work.Owned) string {
	if o.Column != "" {
		return "column " + o.Identity + "." + quoted(o.Column)
	}
	return o.Kind + " " + o.Identity
}

// objectKey tells an object of one database from all others, on a server of any major: the identity is a sameName.
type objectKey struct{ kind, identity, column string }

func keyOf(o work.Owned) objectKey { return objectKey{o.Kind, sameName(o.Identity), o.Column} }

// wholeOf is the key of the relation that a column belongs to.
func wholeOf(o work.Owned) objectKey {
	o.Column = ""
	return keyOf(o)
}

func byKey(o *work.Ownership) map[objectKey]work.Owned {
	all := make(map[objectKey]work.Owned, len(o.Objects))
	for _, object := range o.Objects {
		all[keyOf(object)] = object
	}
	return all
}

// lend lets everybody who will own something in a schema, or gave rights on it, look and make things there: the
// server asks for that at the moment that something is given to him. It returns what takes these rights away.
func lend(ctx context.Context, conn *pgx.Conn, want *work.Ownership) (giveBack []statement, err error) {
	var schemas, roles []string
	seen := map[[2]string]bool{}
	add := func(schema, role string) {
		if pair := [2]string{schema, role}; schema != "" && !seen[pair] {
			seen[pair] = true
			schemas, roles = append(schemas, schema), append(roles, role)
		}
	}
	for _, object := range want.Objects {
		if object.Foreign {
			continue
		}
		add(object.Schema, object.Owner)
		for _, right := range object.Rights {
			add(object.Schema, right.Grantor)
		}
	}
	lent := []statement{}
	for _, right := range []string{"USAGE", "CREATE"} {
		found, err := conn.Query(ctx, `SELECT n.nspname::text, w.role FROM unnest($1::text[], $2::text[]) w (schema, role) JOIN pg_namespace n ON n.nspname = w.schema
			WHERE NOT has_schema_privilege(w.role, n.oid, $3)`, schemas, roles, right)
		if err != nil {
			return nil, sanitize(fmt.Errorf("look up rights on schemas: %w", err))
		}
		var schema, role string
		if _, err := pgx.ForEachRow(found, []any{&schema, &role}, func() error {
			lent = append(lent, statement{"schema " + schema, "GRANT " + right + " ON SCHEMA " + quoted(schema) + " TO " + quoted(role)})
			giveBack = append(giveBack, statement{"schema " + schema, "REVOKE " + right + " ON SCHEMA " + quoted(schema) + " FROM " + quoted(role)})
			return nil
		}); err != nil {
			return nil, sanitize(fmt.Errorf("look up rights on schemas: %w", err))
		}
	}
	return giveBack, execute(ctx, conn, lent)
}

// ownerStatements gives objects to their owners: schemas, or all else. Tables come before sequences, whose owner
// follows the table's.
func ownerStatements(want, got *work.Ownership, schemas bool) []statement {
	var owners, sequences []statement
	there := byKey(got)
	for _, object := range want.Objects {
		have, ok := there[keyOf(object)]
		if !ok || object.Foreign || object.Column != "" || have.Owner == object.Owner || (object.Kind == "schema") != schemas {
			continue
		}
		s := statement{label(object), "ALTER " + inSQL(object.Kind, false) + " " + have.Identity + " OWNER TO " + quoted(object.Owner)}
		if object.Kind == "sequence" {
			sequences = append(sequences, s)
		} else {
			owners = append(owners, s)
		}
	}
	return slices.Concat(owners, sequences)
}

// rightStatements makes the rights on schemas, or on all else, those that are wanted.
func rightStatements(want, got *work.Ownership, full map[string][]string, schemas bool) []statement {
	var all []statement
	there := byKey(got)
	for _, object := range want.Objects {
		have, ok := there[keyOf(object)]
		if object.Foreign || (object.Kind == "schema") != schemas || letterOf(object) == "-" {
			continue
		}
		if !ok {
			if object.Column == "" || there[wholeOf(object)].Owner == "" {
				continue // it did not arrive
			}
			have = work.Owned{Owner: object.Owner, Identity: there[wholeOf(object)].Identity} // a column of which nobody has rights yet
		}
		on := " ON " + inSQL(object.Kind, true) + " " + have.Identity
		for _, sql := range changes(expanded(have.Rights, full[letterOf(object)]), expanded(object.Rights, full[letterOf(object)]), "", object.Column, on) {
			all = append(all, statement{label(object), sql})
		}
	}
	return all
}

// giveForeign gives and takes the rights on what the server or an extension made. Where our role may not do so,
// or the object is not there, they stay as they were made: that is told, and gives nobody more.
func (b *build) giveForeign(ctx context.Context, conn *pgx.Conn, want *work.Ownership) error {
	for _, object := range want.Objects {
		if !object.Foreign {
			continue
		}
		on := " ON " + inSQL(object.Kind, true) + " " + object.Identity
		sql := changes(object.Revoked, object.Rights, object.Owner, object.Column, on)
		_, err := conn.PgConn().Exec(ctx, strings.Join(sql, ";\n")).ReadAll()
		switch {
		case err == nil:
		case hasCode(err, "42501", "42883", "42P01", "42704", "3F000"):
			b.misowned = append(b.misowned, finding.Finding{Code: "left-out", Severity: finding.Warning, Object: label(object),
				Message: "rights on it that were changed at the source are here as the server or its extension made them: our role may not change them, or it is not there"})
		default:
			return fmt.Errorf("give rights on %s: %w", label(object), sanitize(err))
		}
	}
	return nil
}

// expanded writes ALL as what the server has, so that rights can be compared one by one.
func expanded(rights []work.Right, full []string) []work.Right {
	var out []work.Right
	for _, right := range rights {
		list := []string{right.Privilege}
		if right.Privilege == "ALL" && len(full) > 0 {
			list = full
		}
		for _, privilege := range list {
			if right.Privilege = privilege; !slices.Contains(out, right) {
				out = append(out, right)
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(out), func(right work.Right) bool { // who may pass it on has it
		more := right
		more.Grantable = true
		return !right.Grantable && slices.Contains(out, more)
	})
}

// changes returns the statements that make rights those wanted, each in the name of who grants: a role that may
// grant the same for several reasons is not free to choose. Grants go from the owner outward, so that who
// grants has the right to. What the plain role grants is granted as it comes.
func changes(have, want []work.Right, plain, column, on string) []string {
	var out []string
	in := func(grantor, sql string) {
		if grantor != plain {
			sql = "SET ROLE " + quoted(grantor) + "; " + sql + "; RESET ROLE"
		}
		out = append(out, sql)
	}
	for _, group := range grouped(without(have, want)) {
		// CASCADE: what hangs on it is granted again below where it is wanted.
		in(group.Grantor, "REVOKE "+privileges(group.list, column)+on+" FROM "+grantee(group.Grantee)+" CASCADE")
	}
	missing := without(want, have)
	if len(out) > 0 {
		missing = want // revoking may have taken more with it
	}
	groups := grouped(missing)
	waits := func(g bundle) bool {
		return slices.ContainsFunc(groups, func(other bundle) bool {
			return other.Grantable && other.Grantee == g.Grantor && other.Grantor != g.Grantor
		})
	}
	for len(groups) > 0 {
		i := slices.IndexFunc(groups, func(g bundle) bool { return !waits(g) })
		i = max(i, 0) // in a circle the server decides
		g := groups[i]
		groups = slices.Delete(groups, i, i+1)
		option := ""
		if g.Grantable {
			option = " WITH GRANT OPTION"
		}
		in(g.Grantor, "GRANT "+privileges(g.list, column)+on+" TO "+grantee(g.Grantee)+option)
	}
	return out
}

// bundle is several rights that one statement gives or takes.
type bundle struct {
	work.Right
	list []string
}

// grouped joins rights that differ in the privilege alone.
func grouped(rights []work.Right) []bundle {
	var groups []bundle
	for _, right := range rights {
		key := right
		key.Privilege = ""
		i := slices.IndexFunc(groups, func(g bundle) bool { return g.Right == key })
		if i < 0 {
			i = len(groups)
			groups = append(groups, bundle{Right: key})
		}
		groups[i].list = append(groups[i].list, right.Privilege)
	}
	return groups
}

// without returns the rights of a that b does not have.
func without(a, b []work.Right) []work.Right {
	return slices.DeleteFunc(slices.Clone(a), func(right work.Right) bool { return slices.Contains(b, right) })
}

func privileges(list []string, column string) string {
	if column == "" {
		return strings.Join(list, ", ")
	}
	return strings.Join(list, " ("+quoted(column)+"), ") + " (" + quoted(column) + ")"
}

func grantee(role string) string {
	if role == "" {
		return "PUBLIC"
	}
	return quoted(role)
}

// defaultStatements makes the default privileges those that are wanted. Where none are written down for all
// schemas, those that the server gives by itself hold.
func defaultStatements(want, got *work.Ownership, full map[string][]string) []statement {
	letters := map[string]string{"TABLES": "r", "SEQUENCES": "s", "ROUTINES": "f", "TYPES": "T", "SCHEMAS": "n", "LARGE OBJECTS": "L"}
	var all []statement
	for _, d := range want.Defaults {
		have := builtIn(d, full[letters[d.Kind]])
		for _, g := range got.Defaults {
			if g.Role == d.Role && g.Schema == d.Schema && g.Kind == d.Kind {
				have = g.Rights
			}
		}
		alter := "ALTER DEFAULT PRIVILEGES FOR ROLE " + quoted(d.Role)
		if d.Schema != "" {
			alter += " IN SCHEMA " + quoted(d.Schema)
		}
		letter := letters[d.Kind]
		for _, sql := range changes(expanded(have, full[letter]), expanded(d.Rights, full[letter]), d.Role, "", " ON "+d.Kind) {
			all = append(all, statement{"default privileges of " + d.Role, alter + " " + strings.TrimSuffix(sql, " CASCADE")})
		}
	}
	return all
}

// builtIn returns the rights that new objects have where nobody said otherwise.
func builtIn(d work.Defaults, full []string) []work.Right {
	if d.Schema != "" {
		return nil // those for one schema come on top
	}
	rights := expanded([]work.Right{{Grantor: d.Role, Grantee: d.Role, Privilege: "ALL"}}, full)
	switch d.Kind {
	case "ROUTINES":
		rights = append(rights, work.Right{Grantor: d.Role, Privilege: "EXECUTE"})
	case "TYPES":
		rights = append(rights, work.Right{Grantor: d.Role, Privilege: "USAGE"})
	}
	return rights
}

// misowned names every object whose owner or rights are not what was wanted.
func misowned(want, got *work.Ownership, full map[string][]string) finding.List {
	var found finding.List
	there := byKey(got)
	for _, object := range want.Objects {
		if object.Foreign {
			continue
		}
		have, ok := there[keyOf(object)]
		switch {
		case !ok && (object.Column == "" || there[wholeOf(object)].Owner == ""):
			continue // whether it is there at all is compared elsewhere
		case !ok:
			have = work.Owned{Owner: object.Owner}
		case have.Owner != object.Owner:
			found = append(found, mismatch("owner", label(object), "it belongs to %s instead of %s", have.Owner, object.Owner))
			continue
		}
		full := full[letterOf(object)]
		a, z := expanded(object.Rights, full), expanded(have.Rights, full)
		for _, right := range without(a, z) {
			found = append(found, mismatch("rights", label(object), "it lacks a right that it shall have: %s", spelled(right)))
		}
		for _, right := range without(z, a) {
			found = append(found, mismatch("rights", label(object), "it has a right that it shall not have: %s", spelled(right)))
		}
	}
	return found
}

// spelled writes a right for a person.
func spelled(r work.Right) string {
	option := ""
	if r.Grantable {
		option = " with grant option"
	}
	return r.Privilege + " for " + cmp.Or(r.Grantee, "PUBLIC") + option + ", granted by " + r.Grantor
}

// createPolicies makes the policies that name roles by other names than the archive does. They come before the
// rest of the schema, whose comments they may have.
func (b *build) createPolicies(ctx context.Context) error {
	var statements []statement
	for _, p := range b.policies {
		sql := "CREATE POLICY " + quoted(p.Name) + " ON " + p.Table + " AS PERMISSIVE"
		if p.Restrictive {
			sql = strings.TrimSuffix(sql, "PERMISSIVE") + "RESTRICTIVE"
		}
		sql += " FOR " + p.Command + " TO "
		for i, role := range p.Roles {
			if i > 0 {
				sql += ", "
			}
			sql += quoted(role)
		}
		if p.Using != "" {
			sql += " USING (" + p.Using + ")"
		}
		if p.Check != "" {
			sql += " WITH CHECK (" + p.Check + ")"
		}
		statements = append(statements, statement{"policy " + p.Name + " on " + p.Table, sql})
	}
	if len(statements) == 0 {
		return nil
	}
	return b.t.opts.within(ctx, b.database, func(conn *pgx.Conn) error { return execute(ctx, conn, statements) })
}
