package cli

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/lethedb/lethe/internal/pgtest"
)

// smallDisk mounts a file system of so many megabytes, in which the server's account may make files, and
// unmounts it when the test ends. Only root may do that.
func smallDisk(t *testing.T, megabytes int) string {
	t.Helper()
	if os.Geteuid() != 0 {
		// Not pgtest.Skip: that no disk can be made full without root is not a database that is missing.
		fmt.Fprintf(os.Stderr, "SKIPPED %s: only root may mount the small file system that is filled\n", t.Name())
		t.Skip("only root may mount the small file system that is filled")
	}
	dir, err := os.MkdirTemp("/tmp", "lethe-test-disk-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove(dir) })
	out, err := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", "mode=0755,size="+strconv.Itoa(megabytes)+"m", "lethe-test", dir).CombinedOutput()
	if err != nil {
		pgtest.Skip(t, fmt.Sprintf("a small file system cannot be mounted: %v: %s", err, out))
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
	own := filepath.Join(dir, "tablespace")
	if err := os.Mkdir(own, 0o700); err != nil {
		t.Fatal(err)
	}
	if account, err := user.Lookup("postgres"); err == nil {
		uid, uidErr := strconv.Atoi(account.Uid)
		gid, gidErr := strconv.Atoi(account.Gid)
		if uidErr == nil && gidErr == nil {
			if err := os.Chown(own, uid, gid); err != nil {
				t.Fatal(err)
			}
		}
	}
	return own
}

// free is how much of a file system is not used, in bytes.
func free(t *testing.T, dir string) int64 {
	t.Helper()
	var stat syscall.Statfs_t
	if err := syscall.Statfs(dir, &stat); err != nil {
		t.Fatal(err)
	}
	return int64(stat.Bfree) * stat.Bsize
}

// TestAFullDiskLeavesTheOldServing lets staging's disk fill up in the middle of a copy: the run fails,
// staging serves on unharmed, what was built gives its space back, and with less data the next run goes
// through.
func TestAFullDiskLeavesTheOldServing(t *testing.T) {
	t.Parallel()
	disk := smallDisk(t, 34)
	server := pgtest.Private(t, nil)
	g := newGenerationsOn(t, pgtest.NewOn(t, server.DSN("postgres")), pgtest.NewOn(t, server.DSN("postgres")))
	pgtest.Exec(t, g.staging.MaintenanceDSN(), "CREATE TABLESPACE small LOCATION '"+disk+"'", "GRANT CREATE ON TABLESPACE small TO "+g.builder.Name,
		"ALTER DATABASE "+g.staging.Name()+" SET TABLESPACE small")
	g.adopted()
	g.ok("refresh", "staging")
	g.ok("refresh", "staging") // an empty database that was adopted is kept no longer
	before, old, room := g.databases(), contents(t, g.staging.DSN()), free(t, disk)

	g.next()
	// Twice what is left.
	g.production.Exec(t, fmt.Sprintf(`INSERT INTO one SELECT n + 10000, 2, 'filler' || n || '@flowmart.example', repeat('x', 1000)
		FROM generate_series(1, %d) n`, 2*room/1000))
	r := g.refused(statusFailed, []string{"refresh", "staging"}, "disk_full")
	if strings.Contains(r.err, "flowmart") {
		t.Errorf("a value is shown:\n%s", r.err)
	}
	if got := g.serves(); got != pair(1) || !maps.Equal(contents(t, g.staging.DSN()), old) {
		t.Errorf("generation %s serves after the failure, want 1, unharmed", got)
	}
	if got := g.databases(); strings.Join(got, " ") != strings.Join(before, " ") {
		t.Errorf("it left %v, want %v", got, before)
	}
	if got := free(t, disk); got < room-1<<20 {
		t.Errorf("%d bytes are free afterwards, %d were before", got, room)
	}

	g.production.Exec(t, `DELETE FROM one WHERE id > 10000`)
	g.ok("refresh", "staging")
	if got := g.serves(); got != pair(2) {
		t.Errorf("generation %s serves after the next run, want 2", got)
	}
}

// TestADiskThatIsFullAfterTheRowsIsGoneOnFrom lets the disk that the target's server sorts on be full in each
// phase after the rows have arrived, at an index, at a materialised view and at a statement of the user's: the
// old generation serves, and with room again the run goes on and publishes.
func TestADiskThatIsFullAfterTheRowsIsGoneOnFrom(t *testing.T) {
	t.Parallel()
	disk := smallDisk(t, 1)
	// Too little memory to sort three megabytes in.
	server := pgtest.Private(t, map[string]string{"shared_buffers": "1MB", "maintenance_work_mem": "1MB", "work_mem": "64kB"})
	s := resumption{newGenerationsOn(t, pgtest.NewOn(t, server.DSN("postgres")), pgtest.NewOn(t, server.DSN("postgres")))}
	pgtest.Exec(t, s.staging.MaintenanceDSN(), "CREATE TABLESPACE tiny LOCATION '"+disk+"'", "GRANT CREATE ON TABLESPACE tiny TO "+s.builder.Name)
	owner := s.production.As(s.owner.Name, s.owner.Password)
	pgtest.Exec(t, owner, `UPDATE one SET filler = (SELECT string_agg(md5(id::text || k), '') FROM generate_series(1, 30) k)`)
	s.adopted()
	s.ok("refresh", "staging")
	s.write("sort.sql", "SELECT count(*) FROM (SELECT filler FROM public.one ORDER BY filler OFFSET 0) q;\n")
	for _, full := range []struct {
		at, make, drop string
		prepare        func()
	}{
		{at: "an index", make: `CREATE INDEX wide ON one (filler)`, drop: `DROP INDEX wide`},
		{at: "a materialised view", make: `CREATE MATERIALIZED VIEW sorted AS SELECT filler FROM one ORDER BY filler`, drop: `DROP MATERIALIZED VIEW sorted`},
		{at: "a statement", make: `SELECT`, drop: `SELECT`, prepare: func() { s.replace("lethe.yaml", "    publish:", "    after: [sort.sql]\n    publish:") }},
	} {
		pgtest.Exec(t, owner, full.make)
		if full.prepare != nil {
			full.prepare()
		}
		s.next()
		s.staging.Exec(t, "ALTER ROLE "+s.builder.Name+" SET temp_tablespaces = tiny")
		r := s.lethe("refresh", "staging")
		if r.status != statusFailed || !strings.Contains(r.err, "disk_full") && !strings.Contains(r.err, "no space left") {
			t.Fatalf("full at %s: status %d\n%s", full.at, r.status, r.err)
		}
		s.staging.Exec(t, "ALTER ROLE "+s.builder.Name+" RESET temp_tablespaces")
		s.goOn(full.at, r.err)
		pgtest.Exec(t, owner, full.drop)
	}
}
