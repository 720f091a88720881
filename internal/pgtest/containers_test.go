//go:build containers

package pgtest_test

// The tests of other packages run on other versions of PostgreSQL: their test binaries, static, inside
// the images, so that server, pg_dump and psql are all of the version in question.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/testcontainers/testcontainers-go"
	containerexec "github.com/testcontainers/testcontainers-go/exec"

	"github.com/lethedb/lethe/internal/pgtest"
)

const (
	// defaultImages are the versions we support; LETHE_TEST_IMAGES names others, separated by blanks or commas.
	defaultImages = "postgres:14 postgres:15 postgres:16 postgres:17 postgres:18"
	// defaultPackages hold the laws that a version can break; LETHE_TEST_PACKAGES names others.
	defaultPackages = "./internal/pgserver ./internal/pgtest ./internal/pg/..."
	// tree is where the source stands in a container: tests read their testdata beside them.
	tree = "/lethe"
)

func TestContainersRunTheTestsOnEveryVersion(t *testing.T) {
	needEngine(t)
	staged := stage(t, words("LETHE_TEST_PACKAGES", defaultPackages))
	for _, image := range words("LETHE_TEST_IMAGES", defaultImages) {
		t.Run(image, func(t *testing.T) {
			container := idle(t, image)
			if err := container.CopyDirToContainer(t.Context(), staged.dir, "/", 0o755); err != nil {
				t.Fatal(err)
			}
			for _, p := range staged.packages {
				t.Run(p.path, func(t *testing.T) { p.run(t, container, nil) })
			}
		})
	}
}

// idle starts a container in which nothing runs yet.
func idle(t *testing.T, image string) testcontainers.Container {
	t.Helper()
	container, err := testcontainers.Run(t.Context(), image, testcontainers.WithEntrypoint("sleep"), testcontainers.WithCmd("infinity"))
	testcontainers.CleanupContainer(t, container, testcontainers.StopTimeout(0)) // nobody in it needs a last word
	if err != nil {
		t.Fatal(err)
	}
	return container
}

// needEngine skips aloud where no Docker engine answers; the library panics where it finds none at all.
func needEngine(t *testing.T) {
	t.Helper()
	defer func() {
		if r := recover(); r != nil {
			pgtest.Skip(t, fmt.Sprintf("no Docker engine answers (%v): start one, set DOCKER_HOST, or run .ci/images make test-versions", r))
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	provider, err := testcontainers.NewDockerProvider()
	if err == nil {
		defer func() { _ = provider.Close() }()
		err = provider.Health(ctx)
	}
	if err != nil {
		panic(err)
	}
}

// staging is what is copied into every container.
type staging struct {
	dir      string
	packages []testPackage
}

// testPackage is a package's test binary and where it runs.
type testPackage struct{ path, binary, dir string }

// stage compiles the packages' test binaries and copies the source tree and the samples beside them.
func stage(t *testing.T, packages []string) staging {
	t.Helper()
	root := strings.TrimSpace(command(t, ".", "go", "list", "-m", "-f", "{{.Dir}}"))
	s := staging{dir: filepath.Join(t.TempDir(), filepath.Base(tree))}
	copyTree(t, root, s.dir)
	for _, sample := range []string{"pagila", "chinook"} {
		path, err := pgtest.SamplePath(sample)
		if err != nil {
			pgtest.Skip(t, err.Error())
		}
		copyFile(t, path, filepath.Join(s.dir, "samples", sample+".sql"))
	}
	list := append([]string{"list", "-f", "{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}} {{.Dir}}{{end}}"}, packages...)
	for _, line := range strings.Split(strings.TrimSpace(command(t, root, "go", list...)), "\n") {
		path, dir, found := strings.Cut(line, " ")
		if !found {
			continue
		}
		relative, err := filepath.Rel(root, dir)
		if err != nil {
			t.Fatal(err)
		}
		binary := filepath.Join("binaries", strings.ReplaceAll(relative, string(filepath.Separator), "_")+".test")
		command(t, root, "go", "test", "-c", "-o", filepath.Join(s.dir, binary), path)
		s.packages = append(s.packages, testPackage{
			path: relative, binary: tree + "/" + filepath.ToSlash(binary), dir: tree + "/" + filepath.ToSlash(relative),
		})
	}
	if len(s.packages) == 0 {
		t.Fatal("no package has tests; LETHE_TEST_PACKAGES names them")
	}
	return s
}

// run runs a package's tests, with further arguments and environment, in the container and passes on what
// they say.
func (p testPackage) run(t *testing.T, container testcontainers.Container, args []string, more ...string) {
	t.Helper()
	env := append([]string{
		"LETHE_SAMPLE_DATA=" + tree + "/samples", "LETHE_TEST_REQUIRE=" + os.Getenv("LETHE_TEST_REQUIRE"),
		"HOME=/tmp", "TMPDIR=/tmp",
	}, more...)
	code, output, err := container.Exec(t.Context(), append([]string{p.binary}, args...), containerexec.WithUser("0"),
		containerexec.WithWorkingDir(p.dir), containerexec.WithEnv(env), containerexec.Multiplexed())
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(output)
	if err != nil {
		t.Fatal(err)
	}
	if code != 0 {
		t.Fatalf("exit status %d:\n%s", code, text)
	}
	if strings.Contains(string(text), "no tests to run") {
		t.Error("no test ran")
	}
	// A test that could not run has said so: pgtest.Skip is loud.
	t.Logf("passed, %d tests skipped", strings.Count(string(text), "SKIPPED "))
}

// copyTree copies a source tree without what is no source: hidden directories and built programs.
func copyTree(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if entry.IsDir() && relative != "." && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "bin") {
			return filepath.SkipDir
		}
		if entry.Type().IsRegular() {
			copyFile(t, path, filepath.Join(to, relative))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, text, 0o644); err != nil {
		t.Fatal(err)
	}
}

// command runs a program of the Go distribution, for static Linux binaries, and returns what it prints.
func command(t *testing.T, dir, program string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v: %s", program, strings.Join(args, " "), err, stderr(err))
	}
	return string(out)
}

func stderr(err error) string {
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		return string(failed.Stderr)
	}
	return ""
}

// words returns the words of a variable, or of its default.
func words(variable, standard string) []string {
	text := os.Getenv(variable)
	if text == "" {
		text = standard
	}
	return strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == ',' || r == '\n' })
}
