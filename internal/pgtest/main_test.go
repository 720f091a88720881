package pgtest_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/lethedb/lethe/internal/pgtest"
)

// leak names the variable that makes a test leave a goroutine behind.
const leak = "LETHE_TEST_LEAK"

func TestMain(m *testing.M) { pgtest.Main(m) }

func TestEveryTestHasADatabaseOfItsOwn(t *testing.T) {
	first, second := pgtest.New(t), pgtest.New(t)
	first.Exec(t, "CREATE TABLE only_here (a int); INSERT INTO only_here SELECT generate_series(1, 3)")
	if got := first.QueryInt(t, "SELECT count(*) FROM only_here"); got != 3 {
		t.Errorf("first database: got %d rows, want 3", got)
	}
	if got := second.QueryStrings(t, "SELECT to_regclass('only_here')"); len(got) != 1 || got[0] != "NULL" {
		t.Errorf("second database sees the table of the first: %q", got)
	}
}

func TestDatabasesGoWithTheirTest(t *testing.T) {
	var dropped []string
	t.Run("a test with obstacles", func(t *testing.T) {
		db := pgtest.New(t)
		name := db.Name()
		dropped = []string{name, name + "__build", name + "__template"}
		db.Exec(t, "CREATE DATABASE "+name+"__build", "CREATE DATABASE "+name+"__template IS_TEMPLATE true ALLOW_CONNECTIONS false",
			"CREATE TABLE t ()")
		if db.QueryInt(t, "SELECT current_setting('max_prepared_transactions')::int") > 0 {
			db.Exec(t, "BEGIN; INSERT INTO t DEFAULT VALUES; PREPARE TRANSACTION '"+name+"'")
		}
		connect(t, db.Database(name+"__build"))
	})
	for _, name := range dropped {
		if got := pgtest.QueryInt(t, pgtest.AdminDSN(t), "SELECT count(*) FROM pg_database WHERE datname = $1", name); got != 0 {
			t.Errorf("database %s is still there", name)
		}
	}
}

func TestLeakOnRequest(t *testing.T) {
	if os.Getenv(leak) != "" {
		go func() { select {} }()
	}
}

// TestNothingIsSkippedInSilence runs this test binary where no server is to be found.
func TestNothingIsSkippedInSilence(t *testing.T) {
	for _, test := range []struct {
		name   string
		env    []string
		run    string
		passes bool
		says   []string
	}{
		{"a skip is loud", []string{"LETHE_PG_BIN=/nonexistent", "LETHE_TEST_REQUIRE="}, "TestEveryTestHas", true,
			[]string{"SKIPPED TestEveryTestHasADatabaseOfItsOwn", "LETHE_TEST_DSN"}},
		{"a skip fails where it is forbidden", []string{"LETHE_PG_BIN=/nonexistent", "LETHE_TEST_REQUIRE=1"}, "TestEveryTestHas", false,
			[]string{"LETHE_TEST_REQUIRE=1 and this test cannot run"}},
		{"a private server is required too", []string{"LETHE_PG_BIN=/nonexistent", "LETHE_TEST_REQUIRE=1"}, "TestAPrivateServer", false,
			[]string{"cannot run"}},
		{"a major that is not here", []string{"LETHE_TEST_MAJOR=3", "LETHE_TEST_REQUIRE="}, "TestEveryTestHas", true, []string{"of major 3"}},
		{"a sample that is not here", []string{"LETHE_SAMPLE_DATA=/nonexistent", "LETHE_TEST_REQUIRE=1"}, "TestASample/pagila", false,
			[]string{"LETHE_SAMPLE_DATA"}},
		{"a connection string of another form", []string{"LETHE_TEST_DSN=host=localhost"}, "TestEveryTestHas", false, []string{"postgres://user"}},
		{"a goroutine left behind", []string{leak + "=1"}, "TestLeakOnRequest", false, []string{"goroutines are left"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+test.run, "-test.v")
			cmd.Env = os.Environ()
			if !strings.HasPrefix(test.run, "TestASample") {
				cmd.Env = append(cmd.Env, "LETHE_TEST_DSN=")
			}
			cmd.Env = append(cmd.Env, test.env...)
			out, err := cmd.CombinedOutput()
			if (err == nil) != test.passes {
				t.Errorf("passes: got %v, want %v: %s", err == nil, test.passes, out)
			}
			for _, part := range test.says {
				if !strings.Contains(string(out), part) {
					t.Errorf("does not say %q: %s", part, out)
				}
			}
		})
	}
}
