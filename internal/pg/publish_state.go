package pg

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/finding"
)

// databaseState is what a server keeps about a database outside it, and what clients of an environment
// expect to find again under its name.
type databaseState struct {
	oid     uint32
	owner   string
	limit   int
	comment *string
	grants  []grant
	// public tells that no rights were ever given or taken: everybody may connect.
	public   bool
	settings []databaseSetting
}

// grant is one right on a database. Role is "" for everybody.
type grant struct {
	role, right string
	grantable   bool
}

// databaseSetting is one ALTER DATABASE … SET, or ALTER ROLE … IN DATABASE … SET when role is not "".
type databaseSetting struct{ role, name, value string }

// readState reads it from the server's shared catalogs.
func readState(ctx context.Context, conn *pgx.Conn, database string) (databaseState, error) {
	var s databaseState
	const query = `SELECT oid, pg_get_userbyid(datdba), datconnlimit, shobj_description(oid, 'pg_database'), datacl IS NULL
		FROM pg_database WHERE datname = $1`
	err := conn.QueryRow(ctx, query, database).Scan(&s.oid, &s.owner, &s.limit, &s.comment, &s.public)
	if errors.Is(err, pgx.ErrNoRows) {
		return s, fmt.Errorf("look up database %s: it does not exist", database)
	}
	if err != nil {
		return s, fmt.Errorf("look up database %s: %w", database, err)
	}
	const grants = `SELECT CASE a.grantee WHEN 0 THEN '' ELSE pg_get_userbyid(a.grantee)::text END, a.privilege_type, bool_or(a.is_grantable)
		FROM pg_database d, aclexplode(d.datacl) a WHERE d.oid = $1 AND a.grantee <> d.datdba GROUP BY a.grantee, a.privilege_type ORDER BY 1, 2`
	result, err := conn.Query(ctx, grants, s.oid)
	if err != nil {
		return s, fmt.Errorf("read rights on %s: %w", database, err)
	}
	var g grant
	if _, err := pgx.ForEachRow(result, []any{&g.role, &g.right, &g.grantable}, func() error { s.grants = append(s.grants, g); return nil }); err != nil {
		return s, fmt.Errorf("read rights on %s: %w", database, err)
	}
	const settings = `SELECT coalesce(r.rolname::text, ''), split_part(c, '=', 1), substr(c, strpos(c, '=') + 1)
		FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = s.setrole, unnest(s.setconfig) c WHERE s.setdatabase = $1 ORDER BY 1, 2`
	result, err = conn.Query(ctx, settings, s.oid)
	if err != nil {
		return s, fmt.Errorf("read settings of %s: %w", database, err)
	}
	var d databaseSetting
	_, err = pgx.ForEachRow(result, []any{&d.role, &d.name, &d.value}, func() error { s.settings = append(s.settings, d); return nil })
	if err != nil {
		return s, fmt.Errorf("read settings of %s: %w", database, err)
	}
	return s, nil
}

// sql spells the setting for a database.
func (d databaseSetting) sql(database string) string {
	of := "ALTER DATABASE " + quoted(database)
	if d.role != "" {
		of = "ALTER ROLE " + quoted(d.role) + " IN DATABASE " + quoted(database)
	}
	return of + " SET " + quoted(d.name) + " TO " + settingValue(d.name, d.value)
}

// settingValue spells the stored value of a setting. Some settings are lists of names and are stored as
// such: quoted as one string they would become a single name.
func settingValue(name, value string) string {
	lists := []string{"local_preload_libraries", "search_path", "session_preload_libraries", "shared_preload_libraries", "temp_tablespaces",
		"unix_socket_directories"}
	if !slices.Contains(lists, name) {
		return quoteLiteral(value)
	}
	items := splitList(value)
	for i, item := range items {
		items[i] = quoteLiteral(item)
	}
	if len(items) == 0 {
		return "''"
	}
	return strings.Join(items, ", ")
}

// splitList splits a list of names at its commas, undoing double quotes.
func splitList(list string) []string {
	var items []string
	var item strings.Builder
	quotedItem, inside := false, false
	flush := func() {
		text := item.String()
		if !quotedItem {
			text = strings.TrimSpace(text)
		}
		if text != "" || quotedItem {
			items = append(items, text)
		}
		item.Reset()
		quotedItem = false
	}
	for i := 0; i < len(list); i++ {
		switch c := list[i]; {
		case c == '"' && inside && i+1 < len(list) && list[i+1] == '"':
			item.WriteByte('"')
			i++
		case c == '"':
			inside = !inside
			if inside {
				item.Reset() // the blanks before it
			}
			quotedItem = true
		case c == ',' && !inside:
			flush()
		case quotedItem && !inside: // blanks after a closing quote
		default:
			item.WriteByte(c)
		}
	}
	flush()
	return items
}

// carrySettings gives a database the owner, the settings and the connection limit, replacing its own, and
// takes the rights away that were given on it: those of the database that serves are given when it changes over.
func (s databaseState) carrySettings(ctx context.Context, conn *pgx.Conn, database string) error {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(ctx) }()
	was, err := readState(ctx, conn, database)
	if err != nil {
		return err
	}
	statements := []string{
		"ALTER DATABASE " + quoted(database) + " RESET ALL",
		fmt.Sprintf("ALTER DATABASE %s CONNECTION LIMIT %d", quoted(database), s.limit),
	}
	if was.owner != s.owner {
		statements = append(statements, "ALTER DATABASE "+quoted(database)+" OWNER TO "+quoted(s.owner))
	}
	for _, d := range was.settings { // of one that served before
		if d.role != "" {
			statements = append(statements, "ALTER ROLE "+quoted(d.role)+" IN DATABASE "+quoted(database)+" RESET "+quoted(d.name))
		}
	}
	for _, g := range was.grants {
		statements = append(statements, "REVOKE ALL ON DATABASE "+quoted(database)+" FROM "+g.to()+" CASCADE")
	}
	for _, d := range s.settings {
		statements = append(statements, d.sql(database))
	}
	for _, statement := range statements {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return fmt.Errorf("carry over the settings of the database: %w", err)
		}
	}
	return tx.Commit(ctx)
}

// open returns the statements that give a database the rights and the comment.
func (s databaseState) open(database string) []string {
	name := quoted(database)
	statements := []string{"REVOKE ALL ON DATABASE " + name + " FROM PUBLIC"}
	if s.public {
		statements = append(statements, "GRANT CONNECT, TEMPORARY ON DATABASE "+name+" TO PUBLIC")
	}
	for _, g := range s.grants {
		statement := "GRANT " + g.right + " ON DATABASE " + name + " TO " + g.to()
		if g.grantable {
			statement += " WITH GRANT OPTION"
		}
		statements = append(statements, statement)
	}
	comment := "NULL"
	if s.comment != nil && readNote(*s.comment).Environment == "" {
		comment = quoteLiteral(*s.comment)
	}
	return append(statements, "COMMENT ON DATABASE "+name+" IS "+comment)
}

// shut returns the statements that leave a database to its owner alone.
func (s databaseState) shut(database string) []string {
	statements := []string{"REVOKE ALL ON DATABASE " + quoted(database) + " FROM PUBLIC"}
	for _, g := range s.grants {
		if g.role != "" && g.right == "CONNECT" {
			statements = append(statements, "REVOKE CONNECT ON DATABASE "+quoted(database)+" FROM "+g.to()+" CASCADE")
		}
	}
	return statements
}

func (g grant) to() string {
	if g.role == "" {
		return "PUBLIC"
	}
	return quoted(g.role)
}

// obstacles finds what forbids replacing a database, all of it: it is known before anything is built.
func (t *Target) obstacles(ctx context.Context, database string) (finding.List, error) {
	var found finding.List
	add := func(code, object, message, fix string) {
		found = append(found, finding.Finding{Code: code, Object: object, Message: message, Fix: fix})
	}
	err := t.maintain(ctx, func(conn *pgx.Conn) error {
		const query = `SELECT datistemplate, pg_has_role(current_user, datdba, 'USAGE'), pg_get_userbyid(datdba),
			(SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user)
			FROM pg_database WHERE datname = $1`
		var template, owner, createDB bool
		var ownerName string
		if err := conn.QueryRow(ctx, query, database).Scan(&template, &owner, &ownerName, &createDB); err != nil {
			return fmt.Errorf("look up database %s: %w", database, err)
		}
		if template {
			add("template", database, "the database is a template", "ALTER DATABASE … IS_TEMPLATE false")
		}
		if !owner {
			add("not-owner", database, "our role is no member of its owner "+ownerName, "grant that role to ours")
		}
		if !createDB {
			add("no-createdb", database, "our role lacks CREATEDB, without which no database is made or renamed", "grant it, or configure slots")
		}
		for _, o := range []struct{ code, query, message, fix string }{
			{"prepared-transaction", `SELECT gid FROM pg_prepared_xacts WHERE database = $1`, "a prepared transaction is open in the database", "commit it or roll it back"},
			{"logical-slot", `SELECT slot_name FROM pg_replication_slots WHERE database = $1`, "a logical replication slot reads the database", "drop the slot"},
			{"subscription", `SELECT s.subname FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid WHERE d.datname = $1`,
				"a subscription writes to the database", "drop the subscription"},
		} {
			names, err := column(ctx, conn, o.query, database)
			if err != nil {
				return err
			}
			for _, name := range names {
				if o.code == "prepared-transaction" {
					name = database // its name was chosen by an application and may hold anything
				}
				add(o.code, name, o.message, o.fix)
			}
		}
		if !owner {
			return nil
		}
		more, err := lostSettings(ctx, conn, database)
		found = append(found, more...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look for what forbids replacing %s: %w", database, err)
	}
	return found, nil
}

// column returns the single column of a query.
func column(ctx context.Context, conn *pgx.Conn, query string, args ...any) ([]string, error) {
	result, err := conn.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(result, pgx.RowTo[string])
}

// lostSettings finds settings of the database that our role may not give to another. It tries, in a
// transaction that is rolled back: only the server knows its rules.
func lostSettings(ctx context.Context, conn *pgx.Conn, database string) (finding.List, error) {
	state, err := readState(ctx, conn, database)
	if err != nil {
		return nil, err
	}
	var found finding.List
	for _, d := range state.settings {
		tx, err := conn.Begin(ctx)
		if err != nil {
			return nil, err
		}
		_, err = tx.Exec(ctx, d.sql(database))
		if undo := tx.Rollback(ctx); undo != nil {
			return nil, undo
		}
		if err == nil {
			continue
		}
		object := d.name
		if d.role != "" {
			object += " of role " + d.role
		}
		found = append(found, finding.Finding{Code: "setting", Object: object, Message: "our role may not carry this setting of the database over",
			Fix: "grant SET ON PARAMETER to our role, or reset the setting in the database"})
	}
	return found, nil
}

// Obstacles finds what on the target's server forbids to replace the environment's database, before
// anything is built. With slots there is nothing of that kind.
func (t *Target) Obstacles(ctx context.Context) (finding.List, error) {
	if t.opts.Slots != nil {
		return nil, nil
	}
	return t.obstacles(ctx, t.base)
}
