// Package arch holds the map of the packages: who may import whom, who may seal rows, how long a file
// may be. It has no code of its own.
package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/lethedb/lethe"

// floors lists every package, the ground first. A package may import packages of lower floors only;
// packages under a folder that stands on a floor belong to it and may import the folder's lower parts
// as their own entry says.
func floors() [][]string {
	return [][]string{
		// Ground: plain data and pure functions.
		{"internal/finding", "internal/catalog", "internal/secret", "internal/ledger", "internal/buildinfo", "internal/leak"},
		{"internal/work", "internal/masked", "internal/copytext", "internal/copybinary", "internal/personal", "internal/spill"},
		{"internal/preflight"},
		// Ground: one package for each outside thing.
		{"internal/config", "internal/state", "internal/pgserver", "internal/child"},
		{"internal/pg"},
		{"internal/pgtest"},
		// The engines.
		{"anonymize/derive"},
		{"anonymize"},
		{"anonymize/masktest", "anonymize/builtin/dictionary"},
		{"anonymize/builtin"},
		// What should happen.
		{"rules"},
		// When and how work runs.
		{"scheduler/refresh"},
		// The command line.
		{"cmd/lethe/demo"},
		{"cmd/lethe/cli"},
		{"cmd/lethe", "cmd/bench"},
		{"internal/arch"},
	}
}

// root is the module's root as seen from this package.
const root = "../.."

// packages returns the module's packages by path below the root, with the files of each.
func packages(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "bin") {
			return filepath.SkipDir
		}
		if !d.IsDir() && strings.HasSuffix(path, ".go") {
			dir, err := filepath.Rel(root, filepath.Dir(path))
			if err != nil {
				return err
			}
			found[filepath.ToSlash(dir)] = append(found[filepath.ToSlash(dir)], path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func floorOf(pkg string) int {
	return slices.IndexFunc(floors(), func(floor []string) bool { return slices.Contains(floor, pkg) })
}

func parse(t *testing.T, file string, mode parser.Mode) (*token.FileSet, *ast.File) {
	t.Helper()
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, file, nil, mode)
	if err != nil {
		t.Fatal(err)
	}
	return set, parsed
}

// TestImportsPointDown holds the map: strictly downward, no package off the map, no name on it that is gone.
func TestImportsPointDown(t *testing.T) {
	found := packages(t)
	for pkg, files := range found {
		from := floorOf(pkg)
		if from < 0 {
			t.Errorf("%s stands on no floor: add it to the map in this test and in ARCHITECTURE.md", pkg)
			continue
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue // a test may look up: it belongs to no binary
			}
			_, parsed := parse(t, file, parser.ImportsOnly)
			for _, spec := range parsed.Imports {
				path := strings.Trim(spec.Path.Value, `"`)
				to, ours := strings.CutPrefix(path, module+"/")
				if ours && floorOf(to) >= from {
					t.Errorf("%s imports %s, which does not stand below it: move what is shared down, or the caller up", pkg, to)
				}
			}
		}
	}
	for _, floor := range floors() {
		for _, pkg := range floor {
			if _, ok := found[pkg]; !ok {
				t.Errorf("the map names %s, which does not exist", pkg)
			}
		}
	}
}

// TestOutsideThingsHaveOneSpeaker holds that one package speaks to each outside thing.
func TestOutsideThingsHaveOneSpeaker(t *testing.T) {
	speakers := map[string][]string{
		"github.com/jackc/pgx":                        {"internal/pg", "internal/pgtest"},
		"github.com/spf13/cobra":                      {"cmd/lethe/cli"},
		"modernc.org/sqlite":                          {"internal/state"},
		"github.com/testcontainers/testcontainers-go": {"internal/pgtest"},
		"github.com/goccy/go-yaml":                    {"internal/config", "internal/yamlnode", "rules"},
		"github.com/vbauerster/mpb":                   {"cmd/lethe/cli"},
		"github.com/jedib0t/go-pretty":                {"cmd/lethe/cli"},
	}
	for pkg, files := range packages(t) {
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			_, parsed := parse(t, file, parser.ImportsOnly)
			for _, spec := range parsed.Imports {
				path := strings.Trim(spec.Path.Value, `"`)
				for thing, allowed := range speakers {
					if strings.HasPrefix(path, thing) && !slices.Contains(allowed, pkg) {
						t.Errorf("%s imports %s: only %s may", pkg, path, strings.Join(allowed, ", "))
					}
				}
			}
		}
	}
}

// TestOnlyEnginesSeal holds that nobody but the engines can vouch for rows.
func TestOnlyEnginesSeal(t *testing.T) {
	mayVouch := []string{"anonymize", "seed", "snapshot"}
	calls := 0
	for pkg, files := range packages(t) {
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			set, parsed := parse(t, file, parser.SkipObjectResolution)
			name := importName(parsed, module+"/internal/masked")
			if name == "" {
				continue
			}
			ast.Inspect(parsed, func(n ast.Node) bool {
				selector, ok := n.(*ast.SelectorExpr)
				if !ok || selector.Sel.Name != "Seal" {
					return true
				}
				if x, ok := selector.X.(*ast.Ident); ok && x.Name == name {
					calls++
					if !slices.Contains(mayVouch, pkg) {
						t.Errorf("%s: %s seals rows: only %s may", set.Position(n.Pos()), pkg, strings.Join(mayVouch, ", "))
					}
				}
				return true
			})
		}
	}
	if calls == 0 {
		t.Error("nobody seals rows: this test looks for the wrong name")
	}
}

// importName returns the name by which a file knows an import, "" when it does not import it.
func importName(file *ast.File, path string) string {
	for _, spec := range file.Imports {
		if strings.Trim(spec.Path.Value, `"`) == path {
			if spec.Name != nil {
				return spec.Name.Name
			}
			return filepath.Base(path)
		}
	}
	return ""
}

// TestServerErrorsAreReadInOnePlace holds that no code but the sanitizer touches the parts of a server
// error that may quote a value.
func TestServerErrorsAreReadInOnePlace(t *testing.T) {
	forbidden := []string{"Detail", "Hint", "Where", "InternalQuery"}
	for pkg, files := range packages(t) {
		if pkg != "internal/pg" {
			continue
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") || filepath.Base(file) == "errors.go" {
				continue
			}
			set, parsed := parse(t, file, parser.SkipObjectResolution)
			ast.Inspect(parsed, func(n ast.Node) bool {
				if selector, ok := n.(*ast.SelectorExpr); ok && selector.Sel.Name == "PgError" {
					t.Errorf("%s: names pgconn.PgError, whose fields (%s …) may quote values: use sanitize and ServerError",
						set.Position(n.Pos()), strings.Join(forbidden, ", "))
				}
				return true
			})
		}
	}
}

// TestNoInitAndShortFiles holds two habits that keep the code readable.
func TestNoInitAndShortFiles(t *testing.T) {
	const longest = 500 // lines
	for pkg, files := range packages(t) {
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if lines := strings.Count(string(text), "\n"); lines > longest {
				t.Errorf("%s has %d lines: at most %d, so that one can read it in one sitting", file, lines, longest)
			}
			_, parsed := parse(t, file, parser.SkipObjectResolution)
			for _, decl := range parsed.Decls {
				if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
					t.Errorf("%s in %s has an init(): register in a function one can read", file, pkg)
				}
			}
		}
	}
}

// TestArchitectureNamesEveryPackage holds the written map to the real one.
func TestArchitectureNamesEveryPackage(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "ARCHITECTURE.md"))
	if err != nil {
		t.Fatal(err)
	}
	for pkg := range packages(t) {
		if !strings.Contains(string(text), pkg) {
			t.Errorf("ARCHITECTURE.md does not name %s", pkg)
		}
	}
}
