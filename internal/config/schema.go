package config

import (
	"encoding/json"
	"fmt"
)

// Schema returns the JSON Schema (draft 2020-12) of lethe.yaml, for editors to complete and check by. It
// is made from the table that Load parses by: a file is valid against it exactly when Load has no
// complaint about its keys, types and values. What hangs on several keys at once only Load tells.
func Schema() []byte {
	s := file().schema()
	s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	s["title"] = "lethe.yaml"
	out, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		panic(fmt.Sprintf("encode schema: %v", err)) // maps of texts and numbers always encode
	}
	return append(out, '\n')
}

func (s *shape) schema() map[string]any {
	switch s.kind {
	case textKind:
		return s.textSchema()
	case integerKind:
		return map[string]any{"type": "integer", "minimum": s.min, "maximum": s.max}
	case numberKind:
		return map[string]any{"type": "number", "minimum": s.min, "maximum": s.max}
	case booleanKind:
		return map[string]any{"type": "boolean"}
	case objectKind:
		return s.objectSchema()
	case namesKind:
		names := map[string]any{"pattern": s.pattern.String()}
		if s.longest > 0 {
			names["maxLength"] = s.longest
		}
		return map[string]any{"type": "object", "propertyNames": names, "additionalProperties": s.of.schema()}
	case listKind:
		out := map[string]any{"type": "array", "items": s.of.schema(), "minItems": s.atLeast}
		if s.atMost > 0 {
			out["maxItems"] = s.atMost
		}
		return out
	case choiceKind:
		var choices []any
		for _, c := range s.choices {
			choices = append(choices, c.schema())
		}
		return map[string]any{"anyOf": choices}
	}
	return map[string]any{"type": "object"}
}

func (s *shape) textSchema() map[string]any {
	if len(s.words) > 0 {
		return map[string]any{"enum": s.words}
	}
	return map[string]any{"type": "string", "pattern": s.pattern.String(), "description": s.wants}
}

func (s *shape) objectSchema() map[string]any {
	properties, required := map[string]any{}, []string{}
	for _, f := range s.fields {
		if f.reserved != "" {
			continue
		}
		p := f.shape.schema()
		p["description"] = f.doc
		if f.later {
			p["description"] = "Not built yet. " + f.doc
		}
		if f.standard != nil {
			p["default"] = f.standard
		}
		properties[f.name] = p
		if f.required {
			required = append(required, f.name)
		}
	}
	out := map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		out["required"] = required
	}
	if len(s.oneOf) > 0 {
		out["oneOf"] = eachRequired(s.oneOf)
	}
	if len(s.anyOf) > 0 {
		out["anyOf"] = eachRequired(s.anyOf)
	}
	return out
}

func eachRequired(names []string) []any {
	var out []any
	for _, name := range names {
		out = append(out, map[string]any{"required": []string{name}})
	}
	return out
}
