package cli

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/builtin"
	"github.com/lethedb/lethe/internal/config"
	"github.com/lethedb/lethe/rules"
)

var update = flag.Bool("update", false, "write the golden files anew")

// atDesk runs a command line that needs no server.
func atDesk(t *testing.T, args ...string) result {
	t.Helper()
	var out, errs bytes.Buffer
	w := World{
		In: strings.NewReader(""), Out: &out, Err: &errs, Env: func(string) string { return "" }, Now: time.Now,
		User: "tester", Host: "testhost", Width: 100,
	}
	status := Main(t.Context(), args, w)
	return result{status, out.String(), errs.String()}
}

// verbs returns every command that a person can type, by its path.
func verbs() map[string]*cobra.Command {
	all := map[string]*cobra.Command{}
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		c.InitDefaultHelpFlag()
		all[c.CommandPath()] = c
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk((&app{}).root())
	return all
}

// TestHelpIsAsItWasReviewed compares every help with testdata/golden/help; go test -update writes them.
func TestHelpIsAsItWasReviewed(t *testing.T) {
	const dir = "../../../testdata/golden/help"
	if *update {
		if err := os.MkdirAll(dir, 0o750); err != nil {
			t.Fatal(err)
		}
	}
	var names []string
	for path := range verbs() {
		name := strings.ReplaceAll(path, " ", "_") + ".txt"
		names = append(names, name)
		r := atDesk(t, append(strings.Fields(path)[1:], "--help")...)
		if r.status != 0 || r.err != "" {
			t.Errorf("%s --help: status %d, stderr %q", path, r.status, r.err)
		}
		file := filepath.Join(dir, name)
		if *update {
			if err := os.WriteFile(file, []byte(r.out), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil || string(want) != r.out {
			t.Errorf("%s --help differs from %s (%v); look at it, then go test -update:\n%s", path, name, err, r.out)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if !slices.Contains(names, entry.Name()) {
			t.Errorf("%s is the help of no verb", entry.Name())
		}
	}
}

// TestEveryHelpTeaches holds what each help has: examples that begin with the verb itself, the exit
// statuses, and lines that fit a terminal.
func TestEveryHelpTeaches(t *testing.T) {
	for path, c := range verbs() {
		help := atDesk(t, append(strings.Fields(path)[1:], "--help")...).out
		if !strings.Contains(c.Example, path+" ") && !strings.Contains(c.Example+"\n", path+"\n") {
			t.Errorf("%s --help has no example of it", path)
		}
		for status := range strings.FieldsSeq("0 1 2 3 4 130") {
			if !regexp.MustCompile(`(?s)Exit status:.*[ \n]` + status + ` \w`).MatchString(help) {
				t.Errorf("%s --help does not say what exit status %s means", path, status)
			}
		}
		for line := range strings.Lines(help) {
			if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > 80 {
				t.Errorf("%s --help: a line of %d characters: %s", path, n, line)
			}
		}
		if c.Short == "" || strings.HasSuffix(c.Short, ".") || c.Short[0] < 'A' || c.Short[0] > 'Z' {
			t.Errorf("%s: the summary %q is not a line of a list", path, c.Short)
		}
	}
}

func TestCompletionKnowsEnvironmentsMasksAndVerbs(t *testing.T) {
	file := filepath.Join(t.TempDir(), "lethe.yaml")
	text := `version: 1
sources: {production: {dsn: {env: P}}}
environments:
  staging: {from: production, target: {dsn: {env: S}}}
  dev: {from: production, target: {dsn: {env: D}}}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string][]string{
		"refresh":            {"dev", "staging"},
		"check":              {"dev", "staging"},
		"env adopt":          {"dev", "staging"},
		"env show":           {"dev", "staging"},
		"publish":            {"dev", "staging"},
		"rollback":           {"dev", "staging"},
		"plan":               {"dev", "staging"},
		"runs --env":         {"dev", "staging"},
		"preview x.y --env":  {"dev", "staging"},
		"masks":              {"email", "redact_text"},
		"schema":             {"config", "rules"},
		"completion":         {"bash", "zsh", "fish", "powershell"},
		"key":                {"generate", "show", "rotate"},
		"help env":           {"adopt", "list", "show"},
		"help":               {"refresh"},
		"refresh staging":    nil,
		"masks email":        nil,
		"env list":           nil,
		"runs 0t1ptbd8cekrm": nil,
	} {
		r := atDesk(t, append([]string{"__complete", "--config", file}, append(strings.Fields(line), "")...)...)
		got := map[string]bool{}
		for offer := range strings.Lines(r.out) {
			name, _, _ := strings.Cut(strings.TrimSpace(offer), "\t")
			if !strings.HasPrefix(name, ":") {
				got[name] = true
			}
		}
		for _, name := range want {
			if !got[name] {
				t.Errorf("lethe %s <TAB> does not offer %s:\n%s", line, name, r.out)
			}
		}
		if want == nil && len(got) > 0 {
			t.Errorf("lethe %s <TAB> offers %v", line, got)
		}
		if r.status != 0 || !strings.Contains(r.out, "\n:4\n") && !strings.HasPrefix(r.out, ":4\n") {
			t.Errorf("lethe %s <TAB> offers files: status %d\n%s", line, r.status, r.out)
		}
	}
	for _, shell := range shells() {
		if r := atDesk(t, "completion", shell); r.status != 0 || !strings.Contains(r.out, "lethe") || r.err != "" {
			t.Errorf("completion %s: status %d, %d bytes, stderr %q", shell, r.status, len(r.out), r.err)
		}
	}
}

// blocksOf returns a document and its fenced blocks, in order.
func blocksOf(t *testing.T, name string) (text string, blocks []string) {
	t.Helper()
	raw, err := os.ReadFile("../../../" + name)
	if err != nil {
		t.Fatal(err)
	}
	for _, match := range regexp.MustCompile("(?s)```[a-z]*\n(.*?)```").FindAllStringSubmatch(string(raw), -1) {
		blocks = append(blocks, match[1])
	}
	return string(raw), blocks
}

// TestDocumentsFilesAreRead holds that what a newcomer copies from the documents is accepted.
func TestDocumentsFilesAreRead(t *testing.T) {
	_, blocks := blocksOf(t, "README.md")
	_, reference := blocksOf(t, "RULES.md")
	blocks = append(blocks, reference...)
	registry, err := anonymize.NewRegistry(builtin.Masks())
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, block := range blocks {
		name, _, _ := strings.Cut(strings.TrimPrefix(block, "# "), ":")
		seen[name] = true
		switch name {
		case "large_objects": // one line of rules, shown where its words are told
			if _, found := rules.Parse(name, func(string) ([]byte, error) { return []byte("version: 1\n" + block), nil }); len(found) > 0 {
				t.Errorf("the documents' %s: %v", name, found)
			}
		case "allow_custom":
			if cfg, found := config.Parse(name, []byte("version: 1\n"+block)); len(found) > 0 || len(cfg.AllowCustom) != 1 {
				t.Errorf("the documents' %s: %v", name, found)
			}
		case "lethe.yaml":
			cfg, found := config.Parse(name, []byte(block))
			if len(found) > 0 || cfg.Environments["staging"].From != "production" {
				t.Errorf("the documents' %s: %v", name, found)
			}
		case "rules.yaml":
			file, found := rules.Parse(name, func(path string) ([]byte, error) {
				if path != name {
					return []byte("version: 1\n"), nil // what is included
				}
				return []byte(block), nil
			})
			if len(found) == 0 {
				found = file.CheckMasks(registry)
			}
			if len(found) > 0 {
				t.Errorf("the documents' %s: %v", name, found)
			}
		}
	}
	if !seen["lethe.yaml"] || !seen["rules.yaml"] || !seen["large_objects"] || len(reference) != 8 {
		t.Errorf("the documents show %v, want both files, the reference and its line on large objects", seen)
	}
}

// TestDocumentsNameWhatThereIs holds that every command line in the documents exists with its flags, and
// every make target.
func TestDocumentsNameWhatThereIs(t *testing.T) {
	all := verbs()
	makefile, err := os.ReadFile("../../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	count, paths := 0, 0
	for _, name := range []string{"README.md", "RULES.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"} {
		raw, err := os.ReadFile("../../../" + name)
		if err != nil {
			t.Fatal(err)
		}
		// A command line stands in backquotes, or begins a line of a block.
		for _, match := range regexp.MustCompile("(?m)(?:^|`)lethe ((?:[a-z-]+ ?)+)([^`\n]*)").FindAllStringSubmatch(string(raw), -1) {
			line := match[1] + match[2]
			count++
			c := all["lethe"]
			for _, word := range strings.Fields(match[1]) {
				if sub := all[c.CommandPath()+" "+word]; sub != nil {
					c = sub
				}
			}
			if first := strings.Fields(match[1])[0]; c == all["lethe"] && !strings.HasPrefix(first, "--") {
				t.Errorf("%s names lethe %s: no such verb", name, line)
			}
			for _, long := range regexp.MustCompile(`--([a-z-]+)`).FindAllStringSubmatch(line, -1) {
				if lookup(c, long[1]) == nil {
					t.Errorf("%s names lethe %s: %s has no flag --%s", name, line, c.CommandPath(), long[1])
				}
			}
		}
		// A path of a package, such as internal/pg or scheduler/refresh, is a directory.
		for _, match := range regexp.MustCompile(`(?:^|[\s`+"`"+`(])((?:internal|cmd|scheduler|rules|anonymize|testdata)(?:/[a-z0-9]+)+)\b[^/.]`).FindAllStringSubmatch(string(raw), -1) {
			paths++
			if info, err := os.Stat("../../../" + match[1]); err != nil || !info.IsDir() {
				t.Errorf("%s names %s: no such directory", name, match[1])
			}
		}
		for _, target := range regexp.MustCompile("`?make ([a-z-]+)[`\n ]").FindAllStringSubmatch(string(raw), -1) {
			if !regexp.MustCompile(`(?m)^`+target[1]+`:`).Match(makefile) && strings.HasPrefix(target[0], "`") {
				t.Errorf("%s names make %s: no such target", name, target[1])
			}
		}
	}
	if count < 10 || paths < 20 {
		t.Errorf("%d command lines and %d paths were found in the documents: the pattern is broken", count, paths)
	}
}

func lookup(c *cobra.Command, flag string) *pflag.Flag {
	if f := c.Flags().Lookup(flag); f != nil {
		return f
	}
	return c.InheritedFlags().Lookup(flag)
}
