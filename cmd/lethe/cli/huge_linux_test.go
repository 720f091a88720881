package cli

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// hugeVariable says how many megabytes the largest values have: few in every run, 200 in the long suite.
const hugeVariable = "LETHE_HUGE_MB"

// TestHugeValuesArriveAndMemoryIsBounded holds for kept values, which are held nowhere, and for masked ones, of
// which a row is held: lethe takes no more than 150 MB and twice the largest row for each connection.
func TestHugeValuesArriveAndMemoryIsBounded(t *testing.T) {
	t.Parallel()
	size := 8
	if text := os.Getenv(hugeVariable); text != "" {
		var err error
		if size, err = strconv.Atoi(text); err != nil || size < 1 {
			t.Fatalf("%s is no number of megabytes", hugeVariable)
		}
	}
	s := newStage(t, `version: 1
tables:
  public.kept: {columns: {id: {keep: "a number"}, t: {keep: "filler"}, b: {keep: "filler"}, j: {keep: "filler"}}}
  public.masked: {columns: {id: {keep: "a number"}, name: last_name, t: {mask: redact_text, known: [name]}, b: {keep: "filler"}}}
`, fill(fmt.Sprintf(`
		CREATE TABLE kept (id int PRIMARY KEY, t text, b bytea, j jsonb);
		CREATE TABLE masked (id int PRIMARY KEY, name text, t text, b bytea);
		INSERT INTO kept SELECT i, repeat('a\b	', %[1]d << 18), decode(repeat('00ff5c0a', %[1]d << 17), 'hex'), to_jsonb(repeat('"x" ', %[1]d << 16)) FROM generate_series(1, 2) i;
		INSERT INTO masked SELECT i, 'Miller', 'Miller ' || repeat('the parcel of Miller is late ', %[1]d << 15), NULL FROM generate_series(1, 2) i;`, size))).adopted()
	command := exec.Command(os.Args[0], "--config", filepath.Join(s.dir, "lethe.yaml"), "refresh", "staging")
	command.Env = []string{asLethe + "=1", "TMPDIR=" + t.TempDir()}
	for name, value := range s.env {
		command.Env = append(command.Env, name+"="+value)
	}
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	const rows = `SELECT id || md5(t) || md5(b) || md5(j::text) FROM kept ORDER BY id`
	assertSameLines(t, s.staging.QueryStrings(t, rows), s.production.QueryStrings(t, rows))
	const named = `SELECT count(*) FROM masked WHERE t LIKE '%Miller%' OR length(t) < 1000000`
	if n := s.staging.QueryInt(t, named); n != 0 {
		t.Errorf("%d masked values still name somebody, or were cut", n)
	}
	// As COPY spells a row: escapes, and bytes as digits.
	const connections = 2
	row := 3 * int64(size) << 20
	most := 150<<20 + 2*connections*row
	peak := command.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10
	t.Logf("rows of %d MB: %d MB at most", row>>20, peak>>20)
	if peak > most {
		t.Errorf("%d MB were taken, %d at most were promised", peak>>20, most>>20)
	}
}

func assertSameLines(t *testing.T, got, want []string) {
	t.Helper()
	if len(want) == 0 || !bytes.Equal(fmt.Append(nil, got), fmt.Append(nil, want)) {
		t.Errorf("got %v, want %v", got, want)
	}
}
