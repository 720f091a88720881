package config

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"
)

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("lethe.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("lethe.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func instance(t interface{ Fatal(...any) }, text []byte) any {
	asJSON, err := yaml.YAMLToJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func full(t *testing.T) []byte {
	t.Helper()
	text, err := os.ReadFile("../../testdata/config/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestSchemaFileIsUpToDate(t *testing.T) {
	golden(t, "../../testdata/golden/lethe.schema.json", string(Schema()))
}

func TestSchemaAcceptsTheFullFile(t *testing.T) {
	if err := compiled(t).Validate(instance(t, full(t))); err != nil {
		t.Error(err)
	}
}

// TestSchemaAndLoadAgree changes one place of the full file in every way that a hand might slip, and
// asks both whether the keys, types and values are still right.
func TestSchemaAndLoadAgree(t *testing.T) {
	schema, text := compiled(t), full(t)
	disagreed := []string{"unknown-key", "wrong-type", "bad-value", "missing-key", "reserved-key", "duplicate-key", "broken-yaml"}
	rapid.Check(t, func(t *rapid.T) {
		asJSON, err := yaml.YAMLToJSON(text)
		if err != nil {
			t.Fatal(err)
		}
		var tree any
		if err := json.Unmarshal(asJSON, &tree); err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(1, 2).Draw(t, "changes") {
			mutate(t, tree)
		}
		changed, err := json.Marshal(tree)
		if err != nil {
			t.Fatal(err)
		}
		_, found := Parse("lethe.yaml", changed)
		complaint := ""
		for _, f := range found {
			if slices.Contains(disagreed, f.Code) {
				complaint = f.String()
			}
		}
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(changed))
		if err != nil {
			t.Fatal(err)
		}
		invalid := schema.Validate(v)
		if (invalid != nil) != (complaint != "") {
			t.Fatalf("schema says %v\nload says %q\nfile %s", invalid, complaint, changed)
		}
	})
}

// mutate walks down from node to a random place and changes one entry there.
func mutate(t *rapid.T, node any) {
	for {
		var inner any
		var put func(any)
		switch n := node.(type) {
		case map[string]any:
			if len(n) == 0 {
				return
			}
			keys := make([]string, 0, len(n))
			for k := range n {
				keys = append(keys, k)
			}
			slices.Sort(keys)
			k := rapid.SampledFrom(keys).Draw(t, "key")
			inner, put = n[k], func(v any) { n[k] = v }
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0:
				delete(n, k)
				return
			case 1:
				delete(n, k)
				n[k+"x"] = inner
				return
			case 2:
				n[rapid.SampledFrom([]string{"file", "env", "dsn", "databases", "A", "a__b", strings.Repeat("n", 41)}).Draw(t, "new")] = "x"
				return
			}
		case []any:
			if len(n) == 0 {
				return
			}
			i := rapid.IntRange(0, len(n)-1).Draw(t, "item")
			inner, put = n[i], func(v any) { n[i] = v }
		}
		_, isMap := inner.(map[string]any)
		_, isList := inner.([]any)
		if (isMap || isList) && rapid.IntRange(0, 3).Draw(t, "deeper") > 0 {
			node = inner
			continue
		}
		put(rapid.SampledFrom([]any{
			nil, true, 0, 3, -1, 2.5, 1e12, "", "x", "7d", "drain", "drain 5s", "refuse", "1", "A B", "12MB",
			[]any{}, []any{"a"}, []any{"a", "b", "c"}, []any{1}, map[string]any{}, map[string]any{"env": "X"},
			map[string]any{"env": "X", "file": "y"}, map[string]any{"command": []any{}},
		}).Draw(t, "value"))
		return
	}
}
