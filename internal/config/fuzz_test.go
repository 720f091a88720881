package config

import (
	"os"
	"path/filepath"
	"testing"
	"unicode/utf8"
)

// FuzzParse holds that any text gives a Config or findings, that every finding has a place inside the
// text, and that none of them carries bytes that cannot be printed.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/findings/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range append(files, "../../testdata/config/full.yaml") {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(minimal))
	f.Add([]byte("{}"))
	f.Add([]byte("version: 1\nsources: {a: {dsn: {env: A}}}\nenvironments: {dev: {from: a, target: {dsn: {env: A}}, publish: {sessions: drain 999999999y}}}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		config, found := Parse("lethe.yaml", text)
		if (config == nil) != found.HasErrors() {
			t.Errorf("config is nil: %v, findings: %s", config == nil, show(found))
		}
		for _, finding := range found {
			if finding.Place.File != "lethe.yaml" || finding.Place.Line < 1 || finding.Place.Column < 1 {
				t.Errorf("no place: %s", finding)
			}
			if finding.Code == "" || finding.Message == "" || !utf8.ValidString(finding.String()) {
				t.Errorf("unfit to print: %q", finding)
			}
		}
	})
}
