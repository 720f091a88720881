package rules

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/lethedb/lethe/anonymize"
)

func compileSchema(t *testing.T, registry *anonymize.Registry) *jsonschema.Schema {
	t.Helper()
	text, err := Schema(registry)
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("rules.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("rules.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func validate(t *testing.T, schema *jsonschema.Schema, text []byte) error {
	t.Helper()
	asJSON, err := yaml.YAMLToJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		t.Fatal(err)
	}
	return schema.Validate(document)
}

func TestTheSchemaTakesTheSampleRules(t *testing.T) {
	schema := compileSchema(t, builtinMasks(t))
	for _, sample := range samples() {
		text, err := os.ReadFile(filepath.Join("..", "testdata", "rules", sample+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		if err := validate(t, schema, text); err != nil {
			t.Errorf("%s: %v", sample, err)
		}
	}
}

// TestTheSchemaAgreesWithTheParser holds both to the same verdict over texts that are wrong in one way
// each, and over some that are right.
func TestTheSchemaAgreesWithTheParser(t *testing.T) {
	masks := testMasks(t)
	schema := compileSchema(t, masks)
	for _, test := range []struct {
		text string
		good bool
	}{
		{"version: 1", true},
		{"version: 1\nderivation: 1\ninclude: [a.yaml]", true},
		{"version: 1\ninclude: a.yaml", true},
		{"version: 1\ndefaults: {\"*.*.a\": email, \"*.*.b\": null, \"type:inet\": null, \"*.*.cc\": {keep: \"why\", future: true}}", true},
		{"version: 1\ndefaults: {\"*.*.a\": {mask: redact, char: 7, keep_length: false, domain: d}}", true},
		{"version: 1\ndefaults: {\"*.*.a\": {mask: json, paths: {\"$.a\": email, \"$.b\": {keep: \"why\"}}, unknown: redact}}", true},
		{"version: 1\ndefaults: {\"*.*.a\": {mask: redact_text, known: [a, b]}, \"*.*.b\": {mask: redact_text, known: a}}", true},
		{"version: 1\ndomains: {d: {max_length: 3}}", true},
		{"version: 1\nreferences: [{from: a.b.c, to: [d.e.f], when: {x: [1, y], z: true}}]", true},
		{"version: 1\ntables: {a.b: {rows: none}, a.c: {rows: {where: \"x\"}}, a.d: {drop: \"why\"}, a.e: {like: a.b, columns: {x: null, \"*\": null}}}", true},
		{"version: 2", false},
		{"tables: {}", false},
		{"version: 1\ntabels: {}", false},
		{"version: 1\ninclude: 7", false},
		{"version: 1\ndefaults: {\"*.*.a\": emial}", false},
		{"version: 1\ndefaults: {\"*.*.a\": keep}", false},
		{"version: 1\ndefaults: {\"*.*.a\": {keep: \"\"}}", false},
		{"version: 1\ndefaults: {\"*.*.a\": {keep: \" \"}}", false},
		{"version: 1\ndefaults: {\"*.*.a\": {keep: \"why\", future: 1}}", false},
		{"version: 1\ndefaults: {\"*.*.a\": {keep: \"why\", mask: email}}", false},
		{"version: 1\ndefaults: {\"type:inet\": {keep: \"why\"}}", false},
		{"version: 1\ndefaults: {\"category:email\": email, \"category:free_text\": null, \"category:secret\": {mask: redact, char: x}}", true},
		{"version: 1\ndefaults: {\"category:emial\": email}", false},
		{"version: 1\ndefaults: {\"category:Email\": email}", false},
		{"version: 1\ndefaults: {\"category:\": email}", false},
		{"version: 1\ndefaults: {\"category:email\": emial}", false},
		{"version: 1\ndefaults: {\"category:email\": keep}", false},
		{"version: 1\ndefaults: {\"category:email\": {keep: \"why\"}}", false},
		{"version: 1\ndefaults: {\"*.*.a\": constant}", false},
		{"version: 1\ndefaults: {\"*.*.a\": {mask: constant}}", false},
		{"version: 1\ndefaults: {\"*.*.a\": {mask: constant, value: [x]}}", false},
		{"version: 1\ndefaults: {\"*.*.a\": {mask: redact, chars: x}}", false},
		{"version: 1\ndefaults: {\"*.*.a\": {mask: null, domain: x}}", false},
		{"version: 1\ndefaults: {\"*.*.a\": {mask: json, paths: {\"$.a\": emial}}}", false},
		{"version: 1\ndefaults: {\"*.*.a\": {mask: json, paths: {}, unknown: pass}}", false},
		{"version: 1\ndefaults: {\"*.*.a\": {mask: date_shift, entity: a, days: 1.5}}", false},
		{"version: 1\ndefaults: {\"*.*.a\": [email]}", false},
		{"version: 1\ndomains: {d: {max_length: 0}}", false},
		{"version: 1\nreferences: {from: x}", false},
		{"version: 1\nreferences: [{from: a.b.c}]", false},
		{"version: 1\ntables: {a.b: {rows: some}}", false},
		{"version: 1\ntables: {a.b: {rows: {were: x}}}", false},
		{"version: 1\ntables: {a.b: {columns: {\"*\": {keep: \"why\"}}}}", false},
		{"version: 1\ntables: {a.b: {columns: {x: {keep: \"why\", future: true}}}}", false},
		{"version: 1\ntables: {a.b: {columns: {x: {keep: \"why\", owner: me}}}}", false},
		{"version: 1\ntables: {a.b: {colums: {}}}", false},
	} {
		err := validate(t, schema, []byte(test.text))
		if (err == nil) != test.good {
			t.Errorf("the schema on %q: %v", test.text, err)
		}
		f, found := Parse("rules.yaml", func(path string) ([]byte, error) {
			if path == "rules.yaml" {
				return []byte(test.text), nil
			}
			return []byte("version: 1"), nil
		})
		if found = append(found, f.CheckMasks(masks)...); found.HasErrors() == test.good {
			t.Errorf("the parser on %q:\n%s", test.text, render(found))
		}
	}
}

func TestTheSchemaIsTheSameTwice(t *testing.T) {
	a, err := Schema(testMasks(t))
	if err != nil {
		t.Fatal(err)
	}
	b, err := Schema(testMasks(t))
	if err != nil || !bytes.Equal(a, b) || !json.Valid(a) {
		t.Errorf("not the same twice, or not JSON: %v", err)
	}
	empty, err := anonymize.NewRegistry(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Schema(empty); err == nil {
		t.Error("a schema without masks")
	}
}
