package pg

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/work"
)

// ownedObjects lists everything that has an owner or rights in a database, one row each: its class, object id
// and column, its schema (0 for none), its owner, its rights, and the letter acldefault knows its kind by ('-'
// for what has no rights). Row types, arrays and
// multiranges, and the functions that make values of a range, belong with what they were made for.
const ownedObjects = `owned (class, oid, sub, schema, owner, acl, letter) AS (
	SELECT 'pg_class'::regclass, c.oid, 0, c.relnamespace, c.relowner, c.relacl, CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END
		FROM pg_class c WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND c.relpersistence <> 't'
	UNION ALL SELECT 'pg_class'::regclass, c.oid, a.attnum, c.relnamespace, c.relowner, a.attacl, 'c'
		FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid WHERE a.attacl IS NOT NULL AND NOT a.attisdropped AND c.relpersistence <> 't'
	UNION ALL SELECT 'pg_proc'::regclass, oid, 0, pronamespace, proowner, proacl, 'f' FROM pg_proc p
		WHERE NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'i')
	UNION ALL SELECT 'pg_type'::regclass, t.oid, 0, t.typnamespace, t.typowner, t.typacl, 'T' FROM pg_type t
		WHERE (t.typtype IN ('b', 'c', 'd', 'e', 'r') OR NOT t.typisdefined) AND (t.typrelid = 0 OR EXISTS (SELECT FROM pg_class c WHERE c.oid = t.typrelid AND c.relkind = 'c'))
			AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid)
	UNION ALL SELECT 'pg_namespace'::regclass, oid, 0, 0, nspowner, nspacl, 'n' FROM pg_namespace n WHERE nspname !~ '^pg_(temp|toast)' AND nspname <> 'lethe'
	UNION ALL SELECT 'pg_language'::regclass, oid, 0, 0, lanowner, lanacl, 'l' FROM pg_language
	UNION ALL SELECT 'pg_foreign_data_wrapper'::regclass, oid, 0, 0, fdwowner, fdwacl, 'F' FROM pg_foreign_data_wrapper
	UNION ALL SELECT 'pg_foreign_server'::regclass, oid, 0, 0, srvowner, srvacl, 'S' FROM pg_foreign_server
	UNION ALL SELECT 'pg_largeobject'::regclass, oid, 0, 0, lomowner, lomacl, 'L' FROM pg_largeobject_metadata
	UNION ALL SELECT 'pg_operator'::regclass, oid, 0, oprnamespace, oprowner, NULL, '-' FROM pg_operator
	UNION ALL SELECT 'pg_opclass'::regclass, oid, 0, opcnamespace, opcowner, NULL, '-' FROM pg_opclass
	UNION ALL SELECT 'pg_opfamily'::regclass, oid, 0, opfnamespace, opfowner, NULL, '-' FROM pg_opfamily
	UNION ALL SELECT 'pg_collation'::regclass, oid, 0, collnamespace, collowner, NULL, '-' FROM pg_collation
	UNION ALL SELECT 'pg_conversion'::regclass, oid, 0, connamespace, conowner, NULL, '-' FROM pg_conversion
	UNION ALL SELECT 'pg_ts_dict'::regclass, oid, 0, dictnamespace, dictowner, NULL, '-' FROM pg_ts_dict
	UNION ALL SELECT 'pg_ts_config'::regclass, oid, 0, cfgnamespace, cfgowner, NULL, '-' FROM pg_ts_config
	UNION ALL SELECT 'pg_statistic_ext'::regclass, oid, 0, stxnamespace, stxowner, NULL, '-' FROM pg_statistic_ext
)`

// firstUserOID is where object ids begin that no server is made with: FirstNormalObjectId.
const firstUserOID = "16384"

// readOwnership reads who owns what, and who may do what with it. Objects that an extension or the server
// made are told of only where their rights are not as they were made; schema public, which the server makes
// and users treat as theirs, is told of as the user's from the version on that gives it to the database's owner.
// Nothing is told of the tables gone and of what is theirs alone: their sequences, statistics objects and policies;
// nor of large objects where the server's table of them is among those.
func readOwnership(ctx context.Context, q querier, gone []uint32) (*work.Ownership, error) {
	if gone == nil {
		gone = []uint32{} // not NULL, of which the server knows no element
	}
	o := &work.Ownership{}
	const exploded = `ARRAY(SELECT format('%s,%s,%s,%s', x.grantor, x.grantee, x.is_grantable, x.privilege_type) FROM aclexplode(coalesce(ACL, acldefault(t.letter::"char", t.owner))) x)`
	query := `WITH ` + ownedObjects + `, told AS (
		SELECT o.*, i.initprivs, n.nspname, o.oid < ` + firstUserOID + ` AND o.class <> 'pg_largeobject'::regclass
				AND NOT (o.class = 'pg_namespace'::regclass AND n.nspname = 'public' AND current_setting('server_version_num')::int4 >= 150000)
				OR EXISTS (SELECT FROM pg_depend d WHERE d.classid = o.class AND d.objid = o.oid AND d.deptype = 'e') AS made
			FROM owned o LEFT JOIN pg_namespace n ON n.oid = CASE WHEN o.class = 'pg_namespace'::regclass THEN o.oid ELSE o.schema END
			LEFT JOIN pg_init_privs i ON i.classoid = o.class AND i.objoid = o.oid AND i.objsubid = o.sub
			WHERE o.schema = 0 OR n.nspname !~ '^pg_(temp|toast)' AND n.nspname <> '` + ownSchema + `')
		SELECT i.type, i.identity,
			coalesce((SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = t.oid AND a.attnum = t.sub AND t.sub > 0), ''),
			coalesce(CASE WHEN t.class <> 'pg_namespace'::regclass THEN t.nspname END, '')::text, pg_get_userbyid(t.owner)::text, t.made, t.letter::text,
			CASE WHEN t.letter <> '-' THEN ` + strings.Replace(exploded, "ACL", "t.acl", 1) + ` END,
			CASE WHEN t.letter <> '-' AND t.made THEN ` + strings.Replace(exploded, "ACL", "t.initprivs", 1) + ` END
		FROM told t CROSS JOIN LATERAL pg_identify_object(t.class, t.oid, 0) i
		WHERE (NOT t.made OR t.acl IS DISTINCT FROM t.initprivs)
			AND NOT (t.class = 'pg_class'::regclass AND t.oid = ANY ($1::oid[]) OR t.class = 'pg_largeobject'::regclass AND t.class::oid = ANY ($1::oid[])
				OR EXISTS (SELECT FROM pg_depend d WHERE d.classid = t.class AND d.objid = t.oid AND d.deptype IN ('a', 'i')
						AND d.refclassid = 'pg_class'::regclass AND d.refobjid = ANY ($1::oid[]))
					AND NOT EXISTS (SELECT FROM pg_depend u WHERE u.refclassid = t.class AND u.refobjid = t.oid AND u.deptype = 'n' -- others use the sequence
						AND NOT (u.classid = 'pg_attrdef'::regclass AND u.objid IN (SELECT f.oid FROM pg_attrdef f WHERE f.adrelid = ANY ($1::oid[])))))`
	result, err := q.Query(ctx, query, gone)
	if err != nil {
		return nil, sanitize(fmt.Errorf("read owners: %w", err))
	}
	var object work.Owned
	type texts struct {
		letter      string
		have, first []string
	}
	var now texts
	var all []texts
	_, err = pgx.ForEachRow(result, []any{&object.Kind, &object.Identity, &object.Column, &object.Schema, &object.Owner, &object.Foreign, &now.letter, &now.have, &now.first}, func() error {
		o.Objects = append(o.Objects, object)
		all = append(all, texts{now.letter, slices.Clone(now.have), slices.Clone(now.first)})
		return nil
	})
	if err != nil {
		return nil, sanitize(fmt.Errorf("read owners: %w", err))
	}
	names, err := roleNames(ctx, q)
	if err != nil {
		return nil, err
	}
	full, err := allPrivileges(ctx, q)
	if err != nil {
		return nil, err
	}
	for i, t := range all {
		have, first := t.have, []string(nil)
		if o.Objects[i].Foreign {
			have = slices.DeleteFunc(slices.Clone(t.have), func(text string) bool { return slices.Contains(t.first, text) })
			first = slices.DeleteFunc(slices.Clone(t.first), func(text string) bool { return slices.Contains(t.have, text) })
		}
		if o.Objects[i].Rights, err = rightsOf(have, names, full[t.letter]); err != nil {
			return nil, err
		}
		if o.Objects[i].Revoked, err = rightsOf(first, names, full[t.letter]); err != nil {
			return nil, err
		}
	}
	if err := readDefaults(ctx, q, o, names, full); err != nil {
		return nil, err
	}
	return o, readPolicies(ctx, q, o, names, gone)
}

// roleNames reads the names of all roles; that of 0 is "", PUBLIC.
func roleNames(ctx context.Context, q querier) (map[string]string, error) {
	result, err := q.Query(ctx, `SELECT oid::text, rolname::text FROM pg_roles`)
	if err != nil {
		return nil, sanitize(fmt.Errorf("read roles: %w", err))
	}
	names := map[string]string{"0": ""}
	var oid, name string
	_, err = pgx.ForEachRow(result, []any{&oid, &name}, func() error {
		names[oid] = name
		return nil
	})
	return names, sanitize(err)
}

// allPrivileges reads which privileges the server has for each kind of object: an owner has them all.
func allPrivileges(ctx context.Context, q querier) (map[string][]string, error) {
	result, err := q.Query(ctx, `SELECT l, array_agg(x.privilege_type ORDER BY x.privilege_type) FROM unnest(ARRAY['r', 's', 'f', 'T', 'n', 'l', 'F', 'S', 'L']) l
		CROSS JOIN LATERAL aclexplode(acldefault(l::"char", 10)) x WHERE x.grantee = 10 GROUP BY l`)
	if err != nil {
		return nil, sanitize(fmt.Errorf("read privileges: %w", err))
	}
	full := map[string][]string{}
	var letter string
	var privileges []string
	_, err = pgx.ForEachRow(result, []any{&letter, &privileges}, func() error {
		full[letter] = slices.Clone(privileges)
		return nil
	})
	return full, sanitize(err)
}

// rightsOf reads rights as the query writes them. Somebody who has all that the server knows for the kind of
// object has "ALL": newer servers know more, and a copy there means all of those.
func rightsOf(texts []string, names map[string]string, full []string) ([]work.Right, error) {
	// In the order the server has them: it writes them into a dump like that.
	by := map[work.Right][]string{}
	var keys []work.Right
	for _, text := range texts {
		parts := strings.SplitN(text, ",", 4)
		if len(parts) != 4 {
			return nil, fmt.Errorf("read rights: the server answered in another form than asked")
		}
		key := work.Right{Grantor: names[parts[0]], Grantee: names[parts[1]], Grantable: parts[2] == "t"}
		if by[key] == nil {
			keys = append(keys, key)
		}
		by[key] = append(by[key], parts[3])
	}
	var rights []work.Right
	for _, key := range keys {
		privileges := by[key]
		slices.Sort(privileges)
		if len(full) > 0 && slices.Equal(privileges, full) {
			privileges = []string{"ALL"}
		}
		for _, privilege := range privileges {
			key.Privilege = privilege
			rights = append(rights, key)
		}
	}
	return rights, nil
}

// readDefaults reads default privileges. Those for all schemas are told as they are together with what the
// server gives by itself.
func readDefaults(ctx context.Context, q querier, o *work.Ownership, names map[string]string, full map[string][]string) error {
	result, err := q.Query(ctx, `SELECT pg_get_userbyid(d.defaclrole)::text, coalesce(n.nspname::text, ''), d.defaclobjtype::text,
			ARRAY(SELECT format('%s,%s,%s,%s', x.grantor, x.grantee, x.is_grantable, x.privilege_type) FROM aclexplode(d.defaclacl) x)
		FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace ORDER BY 1, 2, 3`)
	if err != nil {
		return sanitize(fmt.Errorf("read default privileges: %w", err))
	}
	kinds := map[string][2]string{"r": {"TABLES", "r"}, "S": {"SEQUENCES", "s"}, "f": {"ROUTINES", "f"}, "T": {"TYPES", "T"}, "n": {"SCHEMAS", "n"}, "L": {"LARGE OBJECTS", "L"}}
	var d work.Defaults
	var letter string
	var texts []string
	_, err = pgx.ForEachRow(result, []any{&d.Role, &d.Schema, &letter, &texts}, func() error {
		kind, ok := kinds[letter]
		if !ok {
			return fmt.Errorf("read default privileges: the server has them for a kind of object that is not known here")
		}
		d.Kind = kind[0]
		var err error
		d.Rights, err = rightsOf(texts, names, full[kind[1]])
		o.Defaults = append(o.Defaults, d)
		return err
	})
	return sanitize(err)
}

// readPolicies reads the policies of the user's tables, those that are gone aside.
func readPolicies(ctx context.Context, q querier, o *work.Ownership, names map[string]string, gone []uint32) error {
	result, err := q.Query(ctx, `SELECT p.oid, format('%I.%I', n.nspname, c.relname), p.polname::text, NOT p.polpermissive,
			CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
			ARRAY(SELECT r::text FROM unnest(p.polroles) r WHERE r <> 0),
			coalesce(pg_get_expr(p.polqual, p.polrelid), ''), coalesce(pg_get_expr(p.polwithcheck, p.polrelid), '')
		FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE `+userSchemas+` AND c.oid <> ALL ($1::oid[]) ORDER BY 2, 3`, gone)
	if err != nil {
		return sanitize(fmt.Errorf("read policies: %w", err))
	}
	var p work.Policy
	var roles []string
	_, err = pgx.ForEachRow(result, []any{&p.OID, &p.Table, &p.Name, &p.Restrictive, &p.Command, &roles, &p.Using, &p.Check}, func() error {
		p.Roles = nil
		for _, oid := range roles {
			p.Roles = append(p.Roles, names[oid])
		}
		o.Policies = append(o.Policies, p)
		return nil
	})
	return sanitize(err)
}
