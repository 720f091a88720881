package cli

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/lethedb/lethe/internal/pgtest"
)

// ownersAndRights lists who owns and may do what, an object or right a line, in what the catalogs say: every
// catalog with an owner or rights, default privileges and policies. Names of roles stand between bars.
const ownersAndRights = `WITH o (class, oid, sub, owner, acl, kind) AS (
		SELECT 'pg_class'::regclass, oid, 0, relowner, relacl, CASE relkind WHEN 'S' THEN 's' ELSE 'r' END FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c')
		UNION ALL SELECT 'pg_class'::regclass, attrelid, attnum, 0, attacl, 'c' FROM pg_attribute WHERE attacl IS NOT NULL
		UNION ALL SELECT 'pg_proc'::regclass, oid, 0, proowner, proacl, 'f' FROM pg_proc
		UNION ALL SELECT 'pg_type'::regclass, oid, 0, typowner, typacl, 'T' FROM pg_type
		UNION ALL SELECT 'pg_namespace'::regclass, oid, 0, nspowner, nspacl, 'n' FROM pg_namespace WHERE nspname <> 'lethe'
		UNION ALL SELECT 'pg_largeobject'::regclass, oid, 0, lomowner, lomacl, 'L' FROM pg_largeobject_metadata
		UNION ALL SELECT 'pg_operator'::regclass, oid, 0, oprowner, NULL, 'x' FROM pg_operator
		UNION ALL SELECT 'pg_opclass'::regclass, oid, 0, opcowner, NULL, 'x' FROM pg_opclass
		UNION ALL SELECT 'pg_opfamily'::regclass, oid, 0, opfowner, NULL, 'x' FROM pg_opfamily
		UNION ALL SELECT 'pg_collation'::regclass, oid, 0, collowner, NULL, 'x' FROM pg_collation
		UNION ALL SELECT 'pg_conversion'::regclass, oid, 0, conowner, NULL, 'x' FROM pg_conversion
		UNION ALL SELECT 'pg_ts_dict'::regclass, oid, 0, dictowner, NULL, 'x' FROM pg_ts_dict
		UNION ALL SELECT 'pg_ts_config'::regclass, oid, 0, cfgowner, NULL, 'x' FROM pg_ts_config
		UNION ALL SELECT 'pg_statistic_ext'::regclass, oid, 0, stxowner, NULL, 'x' FROM pg_statistic_ext)
	, mine AS (SELECT o.*, i.type || ' ' || i.identity AS name FROM o CROSS JOIN LATERAL pg_identify_object(o.class, o.oid, o.sub) i
		WHERE (o.oid >= 16384 OR i.identity = 'public') AND coalesce(i.schema, '') !~ '^(lethe|pg_toast|pg_temp)'
			AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = o.class AND d.objid = o.oid AND d.deptype IN ('e', 'i')))
	SELECT name || ' of |' || pg_get_userbyid(owner) || '|' FROM mine WHERE owner <> 0
	UNION SELECT format('%s: |%s| gave |%s| %s %s', name, pg_get_userbyid(x.grantor), CASE WHEN x.grantee <> 0 THEN pg_get_userbyid(x.grantee) END, x.privilege_type, x.is_grantable)
		FROM mine CROSS JOIN LATERAL aclexplode(CASE WHEN kind <> 'x' THEN coalesce(acl, acldefault(kind::"char", owner)) END) x
	UNION SELECT format('defaults of |%s| in %s for %s: |%s| %s %s', pg_get_userbyid(d.defaclrole), n.nspname, d.defaclobjtype,
			CASE WHEN x.grantee <> 0 THEN pg_get_userbyid(x.grantee) END, x.privilege_type, x.is_grantable)
		FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace CROSS JOIN LATERAL aclexplode(d.defaclacl) x
	UNION SELECT format('policy %s on %s for %s: |%s| %s %s', p.polname, p.polrelid::regclass, p.polcmd, CASE WHEN r <> 0 THEN pg_get_userbyid(r) END,
			CASE WHEN p.polrelid::regclass::text LIKE 'mapped.%' THEN pg_get_expr(p.polqual, p.polrelid) END, p.polpermissive) FROM pg_policy p, unnest(p.polroles) r
	ORDER BY 1`

func TestEveryOwnerAndGrantIsMappedAndNoneIsLost(t *testing.T) {
	t.Parallel()
	s := newStage(t, "version: 1\n", func(s *stage) { tellCorpus(s, false) })
	named := func(options string) string { return pgtest.Role(t, s.production, options).Name }
	second, gone, kept := named(""), named(""), named("")
	s.production.Exec(t, fmt.Sprintf(`GRANT %[1]s, %[2]s, %[3]s TO %[4]s; SET ROLE %[4]s; CREATE SCHEMA mapped; GRANT USAGE, CREATE ON SCHEMA mapped TO %[1]s, %[2]s;
		CREATE TABLE mapped.of_two (id serial PRIMARY KEY, note text); CREATE TABLE mapped.of_gone (id int); ALTER TABLE mapped.of_gone OWNER TO %[2]s;
		CREATE VIEW mapped.v AS SELECT 1 AS one; ALTER VIEW mapped.v OWNER TO %[1]s; CREATE AGGREGATE mapped.total(int) (sfunc = int4pl, stype = int);
		GRANT SELECT ON mapped.of_two TO %[1]s WITH GRANT OPTION; SET ROLE %[1]s; GRANT SELECT ON mapped.of_two TO %[3]s, PUBLIC; SET ROLE %[4]s;
		GRANT UPDATE (note), SELECT (id) ON mapped.of_two TO %[2]s, %[3]s; GRANT INSERT ON mapped.of_two TO %[2]s WITH GRANT OPTION;
		SET ROLE %[2]s; GRANT INSERT ON mapped.of_two TO %[3]s; SET ROLE %[4]s; REVOKE EXECUTE ON FUNCTION mapped.total(int) FROM PUBLIC;
		ALTER DEFAULT PRIVILEGES FOR ROLE %[1]s IN SCHEMA mapped GRANT SELECT ON TABLES TO %[2]s, %[3]s; ALTER DEFAULT PRIVILEGES FOR ROLE %[1]s REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
		ALTER DEFAULT PRIVILEGES FOR ROLE %[2]s IN SCHEMA mapped GRANT SELECT ON TABLES TO %[3]s;
		ALTER TABLE mapped.of_two ENABLE ROW LEVEL SECURITY; CREATE POLICY few ON mapped.of_two FOR SELECT TO %[1]s, %[2]s USING (id > 0);
		COMMENT ON POLICY few ON mapped.of_two IS 'of two roles'; CREATE POLICY nobody ON mapped.of_two AS RESTRICTIVE TO %[2]s USING (false);
		SELECT lo_create(81); ALTER LARGE OBJECT 81 OWNER TO %[1]s; GRANT SELECT ON LARGE OBJECT 81 TO %[2]s, %[3]s`, second, gone, kept, s.owner.Name))
	t.Cleanup(func() { // DROP OWNED leaves what others than the owner granted
		for _, db := range []*pgtest.DB{s.production, s.staging} {
			db.Exec(t, "DROP SCHEMA IF EXISTS mapped CASCADE")
		}
	})
	s.adopted()
	s.write("rules.yaml", keepAll(s, nil))

	// Nothing stands for three roles yet: each is told of, in one go.
	owner, other := s.owner.Name, pgtest.Role(t, s.production, "").Name
	s.staging.Exec(t, fmt.Sprintf("GRANT %s TO %s", other, s.builder.Name))
	mapping := fmt.Sprintf("    roles: {map: {%s: %s, %s: %s}, drop: [%s]}\n", owner, other, second, "no_such_role", gone)
	plain := s.read("lethe.yaml")
	s.write("lethe.yaml", plain+mapping)
	s.refused(3, []string{"check", "staging"}, "no_such_role", "roles: {map:")

	s.write("lethe.yaml", plain+strings.Replace(mapping, "no_such_role", other, 1))
	said := s.lethe("refresh", "staging")
	if said.status != 0 || !strings.Contains(said.err+said.out, gone) {
		t.Fatalf("status %d, want 0 and role %s told of:\n%s%s", said.status, gone, said.out, said.err)
	}

	var want []string
	heir := strings.NewReplacer("of |"+gone+"|", "of |"+s.builder.Name+"|", "|"+owner+"|", "|"+other+"|", "|"+second+"|", "|"+other+"|")
	for _, line := range s.production.QueryStrings(t, ownersAndRights) {
		switch {
		case strings.HasPrefix(line, "table mapped.of_gone: "):
			line = strings.ReplaceAll(line, "|"+gone+"|", "|"+s.builder.Name+"|") // what the owner may, the heir may
		case strings.Contains(line, "|"+gone+"| gave"):
			line = strings.Replace(line, "|"+gone+"| gave", "|"+owner+"| gave", 1)
		}
		line = heir.Replace(line)
		if strings.Contains(line, "|"+gone+"|") || strings.Contains(line, "defaults of |"+s.builder.Name+"|") || strings.Contains(line, "|"+s.reader.Name+"|") ||
			strings.HasPrefix(line, "table mapped.of_two: |"+other+"| gave |"+other+"| SELECT t") {
			continue
		}
		want = append(want, line)
	}
	slices.Sort(want)
	want = slices.Compact(want)
	got := s.staging.QueryStrings(t, ownersAndRights)
	slices.Sort(got)
	for _, line := range want {
		if !slices.Contains(got, line) {
			t.Errorf("lost: %s", line)
		}
	}
	for _, line := range got {
		if !slices.Contains(want, line) {
			t.Errorf("extra: %s", line)
		}
	}
	if n := s.staging.QueryInt(t, `SELECT count(*) FROM pg_policy p WHERE obj_description(p.oid, 'pg_policy') = 'of two roles'`); n != 1 {
		t.Error("the policy's comment is lost")
	}
}

func TestAnEnvironmentDoesWithoutAnExtensionThatNoDataNeeds(t *testing.T) {
	t.Parallel()
	s := newStage(t, "version: 1\ntables: {public.person: {columns: {name: {keep: \"a test\"}}}}\n", fill(`CREATE EXTENSION citext; CREATE EXTENSION hstore;
		CREATE TABLE person (name citext); CREATE TRIGGER paired BEFORE UPDATE ON person FOR EACH ROW WHEN (hstore(NEW) IS NULL) EXECUTE FUNCTION suppress_redundant_updates_trigger(); CREATE FUNCTION pairs(hstore) RETURNS text LANGUAGE sql AS 'SELECT $1::text'`)).adopted()
	plain := s.read("lethe.yaml")
	s.write("lethe.yaml", plain+"    without: {extensions: [citext]}\n")
	s.refused(3, []string{"refresh", "staging"}, "public.person.name", "extension citext")
	s.write("lethe.yaml", plain+"    without: {extensions: [hstore, HStore]}\n    roles: {map: {nobody_prod: nobody}, drop: ["+strings.ToUpper(s.owner.Name)+", "+s.reader.Name+"]}\n")
	check := document[checkDocument](s, "check", "staging")
	if got, want := objectsOf(check.Findings, "names-nothing"), []string{"HStore", strings.ToUpper(s.owner.Name), "nobody_prod"}; !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))) {
		t.Errorf("names that match nothing: %v, want %v", got, want)
	}
	for _, f := range check.Findings {
		if f.Object == "HStore" && f.Fix != "did you mean hstore?" || f.Object == "nobody_prod" && f.Fix != "correct it, or take it out" {
			t.Errorf("%s: %s", f.Object, f.Fix)
		}
	}
	s.write("lethe.yaml", plain+"    without: {extensions: [hstore]}\n")
	if r := s.lethe("refresh", "staging"); r.status != 0 || !strings.Contains(r.err, "pairs") || !strings.Contains(r.err, "person paired") {
		t.Fatalf("status %d, want 0 and what needs the extension named:\n%s", r.status, r.err)
	}
	if got := s.staging.QueryStrings(t, `SELECT extname::text FROM pg_extension UNION ALL SELECT proname::text FROM pg_proc WHERE proname = 'pairs' ORDER BY 1`); strings.Join(got, " ") != "citext plpgsql" {
		t.Errorf("arrived: %v", got)
	}
}

// TestWhoseOwnerWeAreNoMemberOfIsToldBeforehand holds for what the server's first superuser owns, of which the server
// keeps no note, and that who owns what the rules drop is nobody's matter.
func TestWhoseOwnerWeAreNoMemberOfIsToldBeforehand(t *testing.T) {
	t.Parallel()
	s := newStage(t, "version: 1\ntables:\n  public.person: {columns: {id: {keep: \"k\"}}}\n  public.gone: {drop: \"k\"}\n",
		fill(`CREATE TABLE person (id int); CREATE TABLE gone (id serial); CREATE STATISTICS of_gone ON (id + 1), (id + 2) FROM gone`)).adopted()
	other := pgtest.Role(t, s.production, "").Name
	s.production.Exec(t, `ALTER TABLE gone OWNER TO `+other, `ALTER STATISTICS of_gone OWNER TO `+other, `CREATE POLICY few ON gone TO `+other)
	s.ok("refresh", "staging")
	first := s.production.QueryStrings(t, `SELECT rolname FROM pg_roles WHERE oid = 10`)[0]
	s.production.Exec(t, `CREATE FUNCTION theirs() RETURNS int LANGUAGE sql AS 'SELECT 1'`, `ALTER FUNCTION theirs() OWNER TO `+`"`+first+`"`)
	s.refused(statusRefused, []string{"check", "staging"}, first+": role "+s.builder.Name+" may not make objects that this role owns")
	s.replace("lethe.yaml", "    publish:", `    roles: {drop: ["`+first+`"]}`+"\n    publish:")
	s.ok("refresh", "staging")
	if got := s.staging.QueryStrings(t, `SELECT proowner::regrole FROM pg_proc WHERE proname = 'theirs'`); !slices.Equal(got, []string{s.builder.Name}) {
		t.Errorf("the function belongs to %v", got)
	}
}
