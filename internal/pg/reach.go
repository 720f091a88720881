package pg

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/catalog"
)

// outwardExtensions are those whose functions reach other servers.
const outwardExtensions = `'dblink', 'postgres_fdw', 'plproxy', 'http', 'pg_net', 'aws_s3', 'aws_lambda'`

// reachingOut is a recursive table of the functions that reach other servers: those of extensions that do,
// of languages that do, and all whose bodies call one of them. The server keeps no note of what a body
// calls, so that the words of it have to do: a name with a parenthesis or a comment after it, also inside a
// string, because that may be run. What only looks alike is made inert for nothing.
const reachingOut = `reaching (oid, name) AS (
		SELECT p.oid, p.proname::text FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
		WHERE l.lanname = 'plproxy' OR EXISTS (SELECT FROM pg_depend x JOIN pg_extension e ON e.oid = x.refobjid
			WHERE x.classid = 'pg_proc'::regclass AND x.objid = p.oid AND x.refclassid = 'pg_extension'::regclass AND x.deptype = 'e'
				AND e.extname IN (` + outwardExtensions + `))
		UNION
		SELECT p.oid, p.proname::text FROM reaching r JOIN pg_proc p ON p.oid <> r.oid
			JOIN pg_namespace n ON n.oid = p.pronamespace AND ` + userSchemas + `
		WHERE strpos(lower(p.prosrc), lower(r.name)) > 0
				AND p.prosrc ~* ('(^|\W)' || regexp_replace(r.name, '(\W)', '\\\1', 'g') || '"?\s*(\(|/\*|--)')
			OR EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid
				AND d.refclassid = 'pg_proc'::regclass AND d.refobjid = r.oid)
	)`

// wiring reads what reaches out of the database or acts in it by itself, in the order in which it is told.
// It asks catalogs that everybody may read, and the lists of jobs where our role may.
func wiring(ctx context.Context, q querier) ([]catalog.Wire, error) {
	var wires []catalog.Wire
	for _, read := range []func(context.Context, querier) ([]catalog.Wire, error){
		readReplication, readWrappers, readServers, readMappings, readEventTriggers, readFunctions, readTriggers, readJobs,
	} {
		some, err := read(ctx, q)
		if err != nil {
			return nil, fmt.Errorf("look for what reaches out: %w", sanitize(err))
		}
		wires = append(wires, some...)
	}
	return wires, nil
}

// Wiring reads what reaches out of the database or acts in it by itself, as it stands now.
func (s *Source) Wiring(ctx context.Context) ([]catalog.Wire, error) {
	var wires []catalog.Wire
	err := s.atHome(ctx, func(tx pgx.Tx) (err error) {
		wires, err = wiring(ctx, tx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("source %s: %w", s.opts.Name, err)
	}
	return wires, nil
}

// calledByLoading finds what the server evaluates for each row that is loaded and that calls a function which
// reaches other servers: checks, domains, generated columns, indexes and partition keys, those of the tables $1 aside,
// which do not arrive.
const calledByLoading = `WITH RECURSIVE ` + reachingOut + `, called (class, oid) AS (
		SELECT 'pg_proc'::regclass::oid, oid FROM reaching UNION SELECT 'pg_operator'::regclass::oid, o.oid FROM pg_operator o JOIN reaching r ON r.oid = o.oprcode
	), callers (class, oid, sub) AS (
		SELECT DISTINCT d.classid, d.objid, d.objsubid FROM pg_depend d JOIN called c ON c.class = d.refclassid AND c.oid = d.refobjid
	)
	SELECT CASE k.conrelid WHEN 0 THEN 'domain ' ELSE '' END || 'constraint ' || quote_ident(k.conname) || ' of ' || coalesce(nullif(k.conrelid, 0)::regclass::text, k.contypid::regtype::text)
		FROM callers x JOIN pg_constraint k ON x.class = 'pg_constraint'::regclass AND k.oid = x.oid WHERE k.conrelid <> ALL ($1::oid[])
	UNION SELECT 'generated column ' || quote_ident(a.attname) || ' of ' || a.attrelid::regclass FROM callers x
		JOIN pg_attrdef f ON x.class = 'pg_attrdef'::regclass AND f.oid = x.oid JOIN pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum AND a.attgenerated <> ''
		WHERE a.attrelid <> ALL ($1::oid[])
	UNION SELECT CASE c.relkind WHEN 'p' THEN 'partition key of ' ELSE 'index ' END || c.oid::regclass FROM callers x
		JOIN pg_class c ON x.class = 'pg_class'::regclass AND c.oid = x.oid AND c.relkind IN ('i', 'I', 'p')
		WHERE coalesce((SELECT i.indrelid FROM pg_index i WHERE i.indexrelid = c.oid), c.oid) <> ALL ($1::oid[])
	ORDER BY 1`

// calledByUse finds what calls such a function by itself when it is used: views, rules, defaults, policies and
// conditions of triggers. They arrive as they are, with the address and the password that they spell. What calls a
// function of the user's own, which arrives inert, leads nowhere; nor does what is of the tables $1, which do not arrive.
const calledByUse = `WITH members (class, oid) AS (
		SELECT classid, objid FROM pg_depend WHERE deptype = 'e'
	), users (class, oid) AS (
		SELECT DISTINCT d.classid, d.objid FROM pg_depend d JOIN pg_depend x ON x.classid = d.refclassid AND x.objid = d.refobjid
			JOIN pg_extension e ON e.oid = x.refobjid AND x.refclassid = 'pg_extension'::regclass AND x.deptype = 'e'
		WHERE d.refclassid = 'pg_proc'::regclass AND e.extname IN (` + outwardExtensions + `)
	)
	SELECT CASE c.relkind WHEN 'v' THEN 'view ' WHEN 'm' THEN 'materialised view ' ELSE 'rule ' || quote_ident(r.rulename) || ' of ' END || c.oid::regclass
		FROM users u JOIN pg_rewrite r ON u.class = 'pg_rewrite'::regclass AND r.oid = u.oid JOIN pg_class c ON c.oid = r.ev_class
		WHERE (c.relkind <> 'm' OR NOT c.relispopulated) AND ('pg_class'::regclass, c.oid) NOT IN (SELECT * FROM members)
			AND (c.relkind IN ('v', 'm') OR c.oid <> ALL ($1::oid[]))
	UNION SELECT 'default of ' || a.attrelid::regclass || '.' || quote_ident(a.attname) FROM users u
		JOIN pg_attrdef f ON u.class = 'pg_attrdef'::regclass AND f.oid = u.oid
		JOIN pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum AND a.attgenerated = ''
		WHERE ('pg_class'::regclass, a.attrelid) NOT IN (SELECT * FROM members) AND a.attrelid <> ALL ($1::oid[])
	UNION SELECT 'policy ' || quote_ident(p.polname) || ' of ' || p.polrelid::regclass FROM users u JOIN pg_policy p ON u.class = 'pg_policy'::regclass AND p.oid = u.oid
		WHERE p.polrelid <> ALL ($1::oid[])
	UNION SELECT 'condition of trigger ' || quote_ident(t.tgname) || ' of ' || t.tgrelid::regclass FROM users u
		JOIN pg_trigger t ON u.class = 'pg_trigger'::regclass AND t.oid = u.oid AND t.tgqual IS NOT NULL WHERE t.tgrelid <> ALL ($1::oid[])
	ORDER BY 1`

// collect runs a query and makes a wire of each row.
func collect[T any](ctx context.Context, q querier, query string, make func(T) (catalog.Wire, error)) ([]catalog.Wire, error) {
	result, err := q.Query(ctx, query)
	if err != nil {
		return nil, err
	}
	found, err := pgx.CollectRows(result, pgx.RowToStructByPos[T])
	if err != nil {
		return nil, err
	}
	wires := []catalog.Wire{}
	for _, row := range found {
		wire, err := make(row)
		if err != nil {
			return nil, err
		}
		wires = append(wires, wire)
	}
	return wires, nil
}

// readReplication reads publications and subscriptions. Neither is made on the copy: a publication arrives
// only when it is revived, a subscription never, because it would take a slot of its publisher, and a
// database with one cannot be replaced.
func readReplication(ctx context.Context, q querier) ([]catalog.Wire, error) {
	type row struct {
		Kind, Name string
		Class, OID uint32
	}
	return collect(ctx, q, `SELECT 'publication', quote_ident(pubname), 'pg_publication'::regclass::oid, oid FROM pg_publication
		UNION ALL SELECT 'subscription', quote_ident(subname), 'pg_subscription'::regclass::oid, oid FROM pg_subscription
			WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database()) ORDER BY 1, 2`,
		func(r row) (catalog.Wire, error) {
			return catalog.Wire{Kind: catalog.WireKind(r.Kind), Name: r.Name, Class: r.Class, OID: r.OID}, nil
		})
}

// readMappings reads user mappings, never their options.
func readMappings(ctx context.Context, q querier) ([]catalog.Wire, error) {
	type row struct {
		Server, Role, SpeltServer, SpeltRole string
		Public                               bool
	}
	return collect(ctx, q, `SELECT srvname::text, coalesce(usename, '')::text, quote_ident(srvname), quote_ident(coalesce(usename, '')), umuser = 0 FROM pg_user_mappings ORDER BY 1, 2`,
		func(r row) (catalog.Wire, error) {
			role := quoted(r.Role)
			if r.Public {
				role, r.SpeltRole = "public", "public"
			}
			w := catalog.Wire{Kind: catalog.WireMapping, Name: r.SpeltRole + "@" + r.SpeltServer,
				Needs: string(catalog.WireServer) + ":" + r.SpeltServer}
			if !r.Public {
				w.Owner = r.Role
			}
			w.Alive = "CREATE USER MAPPING FOR " + role + " SERVER " + quoted(r.Server)
			return w, nil
		})
}

// readEventTriggers reads event triggers, which are made disabled, by superusers.
func readEventTriggers(ctx context.Context, q querier) ([]catalog.Wire, error) {
	type row struct {
		OID                          uint32
		Name, Spelt, Event, Function string
		Tags                         []string
		Enabled                      string
	}
	return collect(ctx, q, `SELECT e.oid, e.evtname::text, quote_ident(e.evtname), e.evtevent::text, e.evtfoid::regproc::text, coalesce(e.evttags, '{}'), e.evtenabled::text
		FROM pg_event_trigger e WHERE `+extensionOf("pg_event_trigger", "e.oid")+` = '' ORDER BY 2`,
		func(r row) (catalog.Wire, error) {
			w := catalog.Wire{Kind: catalog.WireEvent, Name: r.Spelt, Class: classEventTrigger, OID: r.OID}
			name := quoted(r.Name)
			create := "CREATE EVENT TRIGGER " + name + " ON " + r.Event
			if len(r.Tags) > 0 {
				tags := make([]string, len(r.Tags))
				for i, tag := range r.Tags {
					tags[i] = quoteLiteral(tag)
				}
				create += " WHEN TAG IN (" + strings.Join(tags, ", ") + ")"
			}
			create += " EXECUTE FUNCTION " + r.Function + "()"
			state := map[string]string{"O": "ENABLE", "R": "ENABLE REPLICA", "A": "ENABLE ALWAYS", "D": "DISABLE"}[r.Enabled]
			// Several commands in one message are one transaction: it is never there enabled.
			w.Inert = create + "; ALTER EVENT TRIGGER " + name + " DISABLE"
			w.Alive = create + "; ALTER EVENT TRIGGER " + name + " " + state
			return w, nil
		})
}

// readJobs reads what pg_cron and pg_partman do by themselves.
func readJobs(ctx context.Context, q querier) ([]catalog.Wire, error) {
	var wires []catalog.Wire
	for _, list := range []struct{ extension, table, name string }{
		{"pg_cron", "job", "coalesce(jobname, 'number ' || jobid)"},
		{"pg_partman", "part_config", "parent_table"},
	} {
		var schema string
		var readable bool
		const where = `SELECT n.nspname::text, has_table_privilege(c.oid, 'SELECT') AND has_schema_privilege(n.oid, 'USAGE')
			FROM pg_extension e JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.classid = 'pg_class'::regclass
			JOIN pg_class c ON c.oid = d.objid JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE e.extname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p', 'v')`
		result, err := q.Query(ctx, where, list.extension, list.table)
		if err != nil {
			return nil, err
		}
		there := false
		if _, err := pgx.ForEachRow(result, []any{&schema, &readable}, func() error { there = true; return nil }); err != nil {
			return nil, err
		}
		switch {
		case !there:
			continue
		case !readable:
			wires = append(wires, catalog.Wire{Kind: catalog.WireJob, Name: list.extension + ":*"})
			continue
		}
		type row struct{ Name string }
		some, err := collect(ctx, q, "SELECT "+list.name+"::text FROM "+catalog.Name{Schema: schema, Name: list.table}.SQL()+" ORDER BY 1",
			func(r row) (catalog.Wire, error) {
				return catalog.Wire{Kind: catalog.WireJob, Name: list.extension + ":" + r.Name}, nil
			})
		if err != nil {
			return nil, err
		}
		wires = append(wires, some...)
	}
	return wires, nil
}
