package pg

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/pgtest"
)

// TestADiskThatIsFullLeavesTheOldServing needs the right to mount a small file system.
func TestADiskThatIsFullLeavesTheOldServing(t *testing.T) {
	t.Parallel()
	server := pgtest.Private(t, nil)
	small := filepath.Join(filepath.Dir(server.DataDir()), "small")
	if err := os.Mkdir(small, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", small, "tmpfs", 0, "size=32m,mode=700"); err != nil {
		t.Skipf("no small file system can be mounted: %v", err)
	}
	t.Cleanup(func() {
		server.Kill()
		if err := syscall.Unmount(small, 0); err != nil {
			t.Error(err)
		}
	})
	ownAs(t, small, server.DataDir())
	source := pgtest.NewOn(t, server.DSN("postgres"))
	target := pgtest.NewOn(t, server.DSN("postgres"))
	source.Exec(t, `CREATE TABLE big (t text)`, `INSERT INTO big VALUES ('x')`)
	target.Exec(t, `CREATE TABLE serving (n int)`, `INSERT INTO serving VALUES (7)`)
	pgtest.Exec(t, server.DSN("postgres"), `CREATE TABLESPACE small LOCATION '`+small+`'`, `ALTER DATABASE `+target.Name()+` SET TABLESPACE small`)
	s := &scene{source: source, target: target}
	if _, err := Adopt(t.Context(), AdoptOptions{DSN: target.DSN(), Environment: "staging", SameServer: "test", Confirm: target.Name()}); err != nil {
		t.Fatal(err)
	}
	opts := TargetOptions{DSN: target.DSN(), Environment: "staging", Run: "r1", Tools: tools(t, source), Dir: t.TempDir()}
	run := openTarget(t, opts)
	row := strings.Repeat("x", 1<<10) + "\n"
	_, err := s.run(t, run, course{rows: map[catalog.Name]string{public("big"): strings.Repeat(row, 40<<10)}})
	if !hasCode(err, "53100") {
		t.Fatalf("got %v, want disk full", err)
	}
	if err := run.Abort(t.Context()); err != nil {
		t.Fatal(err)
	}
	assertEqual(t, "serves", target.QueryInt(t, `SELECT n FROM serving`), 7)
	assertList(t, "databases", s.databases(t), "")
	run.lock.release()
	opts.Run = "r2"
	next := openTarget(t, opts)
	s.build(t, next, course{})
	if err := next.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	assertEqual(t, "the next run publishes", target.QueryInt(t, `SELECT count(*) FROM big`), 1)
}
