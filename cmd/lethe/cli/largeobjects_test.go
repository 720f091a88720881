package cli

import (
	"fmt"
	"strings"
	"testing"
)

// largeObjectsSQL makes an object for every size around a page and around the pieces that clients write, and
// the shapes that only truncating and writing far away leave behind.
func largeObjectsSQL() string {
	var b strings.Builder
	for i, size := range []int{0, 1, 2047, 2048, 2049, 4095, 4096, 4097, 8191, 8192, 65535, 65536, 262144, 262145, 1 << 20} {
		fmt.Fprintf(&b, `SELECT lo_from_bytea(%d, (SELECT coalesce(string_agg(decode(md5(i::text || '%[2]d'), 'hex'), ''), '') FROM generate_series(1, %[2]d / 16) i)
			|| repeat('z', %[2]d %% 16)::bytea);`, 70000+i, size)
	}
	b.WriteString(`
		SELECT lo_create(71000); SELECT lo_put(71000, 3000000000, 'far away'); SELECT lo_put(71000, 5000, 'near');
		SELECT lo_create(71001); SELECT lo_put(71001, 0, 'short'); SELECT lo_put(71001, 10000, 'after a short page');
		SELECT lo_create(71002); DO $$ DECLARE fd int; BEGIN fd := lo_open(71002, 131072); PERFORM lo_truncate64(fd, 40960); PERFORM lo_close(fd); END $$;
		SELECT lo_from_bytea(71003, repeat('x', 9000)::bytea); DO $$ DECLARE fd int; BEGIN fd := lo_open(71003, 131072); PERFORM lo_truncate64(fd, 4096); PERFORM lo_close(fd); END $$;
		COMMENT ON LARGE OBJECT 70003 IS 'a photo of nobody''s cat'; GRANT SELECT ON LARGE OBJECT 70004 TO PUBLIC;
		CREATE TABLE photo (id int PRIMARY KEY, content oid); INSERT INTO photo SELECT row_number() OVER (), oid FROM pg_largeobject_metadata;`)
	return b.String()
}

// largeObjects is a digest of every large object, read in pieces: no hole is read as one value.
const largeObjects = `SELECT format('%s %s bytes %s %s %s %s', m.oid, s.size, (SELECT md5(string_agg(md5(lo_get(m.oid, p.pageno::int8 * 2048, 2048)), ' ' ORDER BY p.pageno))
		FROM pg_largeobject p WHERE p.loid = m.oid AND length(p.data) > 0), obj_description(m.oid, 'pg_largeobject'), pg_get_userbyid(m.lomowner),
		(SELECT string_agg(x, ',' ORDER BY x) FROM (SELECT grantee::regrole || ' ' || privilege_type || is_grantable AS x
			FROM aclexplode(coalesce(m.lomacl, acldefault('L', m.lomowner)))) y))
	FROM pg_largeobject_metadata m CROSS JOIN LATERAL (SELECT coalesce((SELECT p.pageno::int8 * 2048 + length(p.data) FROM pg_largeobject p
		WHERE p.loid = m.oid ORDER BY p.pageno DESC LIMIT 1), 0) AS size) s ORDER BY m.oid`

func TestLargeObjectsArriveWholeWithOwnerRightsAndComment(t *testing.T) {
	t.Parallel()
	const undecided = "version: 1\ntables: {public.photo: {columns: {id: {keep: \"a number\"}, content: {keep: \"a number\"}}}}\n"
	s := newStage(t, undecided, fill(largeObjectsSQL())).adopted()
	s.refused(3, []string{"refresh", "staging"}, "19 large objects", "large_objects:")

	s.write("rules.yaml", undecided+"large_objects: {keep: \"drawings\"}\n")
	for _, builder := range []string{"NOSUPERUSER", "SUPERUSER"} { // who may keep triggers from acting, and does
		s.staging.Exec(t, "ALTER ROLE "+s.builder.Name+" "+builder)
		s.ok("refresh", "staging")
		want, got := s.production.QueryStrings(t, largeObjects), s.staging.QueryStrings(t, largeObjects)
		if strings.Join(got, "\n") != strings.Join(want, "\n") || len(want) != 19 {
			t.Errorf("built by a %s: got\n%s\nwant\n%s", builder, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	if n := s.staging.QueryInt(t, `SELECT count(*) FROM photo p WHERE NOT EXISTS (SELECT FROM pg_largeobject_metadata m WHERE m.oid = p.content)`); n != 0 {
		t.Errorf("%d rows refer to an object that is not there", n)
	}

	s.write("rules.yaml", undecided+"large_objects: empty\n")
	s.ok("refresh", "staging")
	if n := s.staging.QueryInt(t, `SELECT count(*) * 1000 + (SELECT count(*) FROM pg_largeobject) FROM pg_largeobject_metadata`); n != 19000 {
		t.Errorf("%d objects, with %d pages of content", n/1000, n%1000)
	}
}
