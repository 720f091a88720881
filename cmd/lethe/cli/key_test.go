package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestAKeyIsWrittenForItsOwnerAloneAndNeverShown holds what a key file is and what is said of it.
func TestAKeyIsWrittenForItsOwnerAloneAndNeverShown(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "masking.key")
	config := filepath.Join(dir, "lethe.yaml")
	text := "version: 1\nkeys: {masking: {file: masking.key}}\nsources: {p: {dsn: {env: P}}}\nenvironments: {dev: {from: p, target: {dsn: {env: S}}}}\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	run := func(args ...string) {
		t.Helper()
		r := atDesk(t, append(args, "--config", config)...)
		if r.status != 0 {
			t.Fatalf("lethe %s: status %d: %s", strings.Join(args, " "), r.status, r.err)
		}
		said.WriteString(r.out + r.err)
	}
	run("key", "generate", path)
	first, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	run("key", "show")
	run("key", "show", "--json")
	run("key", "rotate")
	second, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := filepath.Glob(path + ".*")
	if err != nil || len(kept) != 1 {
		t.Fatalf("beside the key: %v, %v", kept, err)
	}
	old, err := os.ReadFile(kept[0])
	if err != nil || string(old) != string(first) || string(second) == string(first) {
		t.Errorf("after rotate the old key is not beside the new one: %v", err)
	}
	for _, key := range []string{string(first), string(second)} {
		if len(strings.TrimSpace(key)) != 64 || strings.Contains(said.String(), strings.TrimSpace(key)[:16]) {
			t.Errorf("a key of %d digits was written, or shown", len(strings.TrimSpace(key)))
		}
	}
	for _, name := range []string{path, kept[0]} {
		info, err := os.Stat(name)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v", name, info.Mode(), err)
		}
	}
	// What is left of a rotation that died is never taken for a key: it is named, and nothing changes.
	if err := os.WriteFile(path+".new", []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := atDesk(t, "key", "rotate", "--config", config); r.status == 0 || !strings.Contains(r.err, ".new") {
		t.Errorf("rotate over a leftover: status %d, %s", r.status, r.err)
	}
	if now, err := os.ReadFile(path); err != nil || string(now) != string(second) {
		t.Errorf("a rotation that was refused changed the key: %v", err)
	}
	// The one that died after it had kept the old key goes on.
	if err := os.Remove(path + ".new"); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(path, path+"."+idOf(t, config)); err != nil {
		t.Fatal(err)
	}
	run("key", "rotate")
}

// idOf returns the id of the key in use.
func idOf(t *testing.T, config string) string {
	t.Helper()
	_, id, _ := strings.Cut(atDesk(t, "key", "show", "--json", "--config", config).out, `"id": "`)
	id, _, _ = strings.Cut(id, `"`)
	if len(id) != 16 {
		t.Fatalf("the id is %q", id)
	}
	return id
}
