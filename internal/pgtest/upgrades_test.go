//go:build containers

package pgtest_test

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/testcontainers/testcontainers-go"
	containerexec "github.com/testcontainers/testcontainers-go/exec"
)

// law is the test that a copy is the same, in the package that has it.
const lawPackage, lawTest = "./cmd/lethe/cli", "^TestACopyIsTheSame$"

// startSource starts a server that everybody in the network of the containers may use: it holds a corpus.
const startSource = `set -e
bin=$(ls -d /usr/lib/postgresql/*/bin | tail -n 1)
$bin/initdb -D /tmp/source -A trust -U postgres -E UTF8 --locale=C >/dev/null
echo "host all all all trust" >>/tmp/source/pg_hba.conf
$bin/pg_ctl -D /tmp/source -w -l /tmp/source.log -o "-c listen_addresses=* -c unix_socket_directories=/tmp -c fsync=off" start >/dev/null`

// TestContainersCopyWithinAndAcrossVersions runs the law of fidelity on every version, and from every older one
// to it.
func TestContainersCopyWithinAndAcrossVersions(t *testing.T) {
	needEngine(t)
	staged := stage(t, []string{lawPackage})
	images := words("LETHE_TEST_IMAGES", defaultImages)
	slices.SortFunc(images, func(a, b string) int { return cmp.Compare(major(t, a), major(t, b)) })
	for i, target := range images {
		for _, source := range images[:i+1] {
			t.Run(fmt.Sprintf("%d to %d", major(t, source), major(t, target)), func(t *testing.T) {
				container := idle(t, target)
				if err := container.CopyDirToContainer(t.Context(), staged.dir, "/", 0o755); err != nil {
					t.Fatal(err)
				}
				var env []string
				if source != target {
					other := idle(t, source)
					lend(t, other, container, major(t, source))
					env = append(env, "LETHE_TEST_SOURCE_DSN="+serve(t, other))
				}
				staged.packages[0].run(t, container, []string{"-test.run", lawTest}, env...)
			})
		}
	}
}

// lend gives a container the client programs of an older major, as a machine has them that serves an upgrade: the
// server's own pg_dump may be of a minor release too old for the source's.
func lend(t *testing.T, from, to testcontainers.Container, major int) {
	t.Helper()
	dir := fmt.Sprintf("/usr/lib/postgresql/%d/bin", major)
	code, output, err := to.Exec(t.Context(), []string{"mkdir", "-p", dir}, containerexec.Multiplexed())
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(output); err != nil || code != 0 {
		t.Fatalf("make %s: status %d: %s %v", dir, code, text, err)
	}
	for _, name := range []string{"pg_dump", "pg_restore"} {
		program, err := from.CopyFileFromContainer(t.Context(), dir+"/"+name)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(program)
		_ = program.Close()
		if err != nil {
			t.Fatal(err)
		}
		if err := to.CopyToContainer(t.Context(), text, dir+"/"+name, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// major reads an image's major version from its tag.
func major(t *testing.T, image string) int {
	t.Helper()
	_, tag, _ := strings.Cut(image, ":")
	n, err := strconv.Atoi(tag)
	if err != nil {
		t.Fatalf("image %s: its tag is no major version", image)
	}
	return n
}

// serve starts a server in the container and returns a superuser's connection string to it.
func serve(t *testing.T, container testcontainers.Container) string {
	t.Helper()
	code, output, err := container.Exec(t.Context(), []string{"sh", "-c", startSource}, containerexec.WithUser("postgres"), containerexec.Multiplexed())
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(output); err != nil || code != 0 {
		t.Fatalf("start the source: status %d: %s %v", code, text, err)
	}
	address, err := container.ContainerIP(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return "postgres://postgres@" + address + ":5432/postgres"
}
