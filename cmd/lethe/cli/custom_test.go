package cli

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestAProgramMasksWhatItIsAllowedToSee holds that a custom mask runs the program that lethe.yaml names with its digest,
// with nothing of our environment, and no other.
func TestAProgramMasksWhatItIsAllowedToSee(t *testing.T) {
	t.Parallel()
	s := newStage(t, "version: 1\n", fill(people)).adopted()
	program := filepath.Join(s.dir, "plates")
	install := func(script string) {
		t.Helper()
		if err := os.WriteFile(program, []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	const script = "#!/bin/sh\nn=0\nwhile IFS= read -r line; do n=$((n+1)); printf '%s %s%s\\n' \"$1\" \"$n\" \"$LETHE_KEY\"; done\n"
	install(script)
	digest := sha256.Sum256([]byte(script))
	config := s.read("lethe.yaml")
	allow := func(sum string) {
		s.write("lethe.yaml", config+"allow_custom: [{path: "+program+", sha256: "+sum+"}]\n")
	}
	rules := `version: 1
tables:
  public.people:
    columns:
      id: {keep: "a surrogate key"}
      email: {mask: custom, command: [` + program + `, plate]}
      note: {mask: custom, command: [` + program + `, note], may_keep: true}
`
	s.write("rules.yaml", rules)
	s.refused(statusRefused, []string{"refresh", "staging"}, "public.people.email", "allow_custom:")
	allow(strings.Repeat("0a", 32))
	s.refused(statusUsage, []string{"refresh", "staging"}, "not the one that was allowed")
	allow(hex.EncodeToString(digest[:]))
	s.ok("refresh", "staging")
	if n := s.staging.QueryInt(t, `SELECT count(DISTINCT email) FROM people WHERE email ~ '^plate [0-9]+$' AND note ~ '^note [0-9]+$'`); n != 300 {
		t.Errorf("%d of 300 rows were masked", n)
	}
	if out := s.ok("preview", "public.people"); !strings.Contains(out, "plate 1") {
		t.Errorf("preview shows\n%s", out)
	}
	was, databases := contents(t, s.staging.DSN()), s.databases()
	for script, words := range map[string]string{
		"#!/bin/sh\ncat\n":                       "as it is",
		"#!/bin/sh\nread line; echo x; exit 3\n": "ended before",
	} {
		install(script)
		digest := sha256.Sum256([]byte(script))
		allow(hex.EncodeToString(digest[:]))
		s.refused(statusFailed, []string{"refresh", "staging"}, "public.people", words)
	}
	s.unchanged(t, was, databases)
	s.write("rules.yaml", "version: 1\ntables: {public.people: {columns: {id: {keep: \"a key\"}, email: email, note: {mask: chain, masks: [{mask: custom, command: "+program+"}]}}}}\n")
	s.refused(statusRefused, []string{"refresh", "staging"}, "not inside another mask")
}
