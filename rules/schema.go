package rules

import (
	"encoding/json"
	"fmt"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/internal/personal"
)

// object is a JSON Schema, or a part of one.
type object = map[string]any

// Schema returns the JSON Schema (draft 2020-12) of rules files for the masks of registry, indented. It
// is for editors: it completes names and finds most mistakes, and accepts whatever Parse and CheckMasks
// accept. Names of tables and columns, and the wording of patterns, are beyond it.
func Schema(registry masks) ([]byte, error) {
	definitions := object{
		"keep": closed("keeps the column as production has it", object{
			"keep": reason("why it names nobody, as the audit will show it"),
		}, "keep"),
		"keep_by_pattern": closed("keeps the columns that the pattern covers", object{
			"keep":   reason("why they name nobody, as the audit will show it"),
			"future": object{"type": "boolean", "description": "also columns that are newer than the last accepted catalog"},
		}, "keep"),
	}
	var words []any
	masked := []any{}
	for _, d := range registry.All() {
		if d.Name == keepMask {
			continue
		}
		if !needsParams(&d) {
			words = append(words, d.Name)
		}
		definitions["mask_"+d.Name] = maskSchema(&d)
		masked = append(masked, ref("mask_"+d.Name))
	}
	if len(masked) == 0 {
		return nil, fmt.Errorf("make the schema of rules: the registry holds no mask")
	}
	masked = append([]any{object{"enum": words}, object{"type": "null", "description": "the mask null"}}, masked...)
	definitions["mask"] = object{"anyOf": masked}
	definitions["decision"] = object{"anyOf": []any{ref("keep"), ref("mask")}}
	definitions["decision_by_pattern"] = object{"anyOf": []any{ref("keep_by_pattern"), ref("mask")}}
	definitions["texts"] = object{"anyOf": []any{
		object{"type": "string", "minLength": 1},
		object{"type": "array", "items": object{"type": "string", "minLength": 1}},
	}}
	definitions["table"] = tableSchema()
	definitions["reference"] = referenceSchema()

	schema := closed("what becomes of every column of a database", documentSchema(), "version")
	schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	schema["title"] = "Lethe rules"
	schema["$defs"] = definitions
	text, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the schema of rules: %w", err)
	}
	return append(text, '\n'), nil
}

// documentSchema returns the properties of a rules file.
func documentSchema() object {
	categories, known := object{}, []any{}
	for _, c := range personal.Categories() {
		key := categoryPrefix + string(c)
		known = append(known, key)
		categories[key] = described(ref("mask"), fmt.Sprintf("columns whose name and type say that they hold: %s; yields to every line and glob, comes before type:", c))
	}
	return object{
		"version":    object{"const": 1, "description": "the form of the file"},
		"derivation": object{"const": 1, "description": "how masks derive from the key"},
		"include":    described(ref("texts"), "more rules files, relative to this one"),
		"defaults": object{
			"type": "object",
			"description": `decisions by pattern: "schema.table.column" with * and ?, or "category:NAME" or "type:NAME", which may only mask; ` +
				`what decides a column: column > table > narrower glob > category > type`,
			"properties":           categories,
			"patternProperties":    object{"^type:.": ref("mask")},
			"additionalProperties": ref("decision_by_pattern"),
			"propertyNames":        object{"anyOf": []any{object{"not": object{"pattern": "^category:"}}, object{"enum": known}}},
		},
		"domains": object{
			"type": "object", "description": "what holds for all columns of a domain",
			"additionalProperties": closed("a domain", object{
				"max_length": object{"type": "integer", "minimum": 1, "description": "the most characters a masked value has, also in other databases"},
			}),
		},
		"references": object{
			"type": "array", "description": "foreign keys that the database does not know", "items": ref("reference"),
		},
		"tables": object{
			"type": "object", "description": "decisions by table, written schema.table",
			"additionalProperties": ref("table"),
		},
		largeObjectsKey: object{"description": "what becomes of large objects", "anyOf": []any{
			object{"enum": []any{largeObjectsEmpty, largeObjectsNone}, "description": "the objects without their content, or no objects"},
			closed("keeps the objects with their content", object{"keep": reason("why they name nobody, as the audit will show it")}, "keep"),
		}},
	}
}

func tableSchema() object {
	return closed("a table", object{
		"rows": object{"description": "which rows arrive", "anyOf": []any{
			object{"enum": []any{string(RowsAll), string(RowsNone)}},
			closed("the rows that a condition picks", object{
				"where": object{"type": "string", "minLength": 1, "description": "a condition in SQL over the table's columns"},
			}, "where"),
		}},
		"drop": reason("why the table does not arrive at all"),
		"like": object{"type": "string", "description": "a table of these rules whose column lines hold here too"},
		"columns": object{
			"type": "object", "description": `decisions by column; "*" masks every column without a line of its own`,
			"properties":           object{"*": ref("mask")},
			"additionalProperties": ref("decision"),
		},
	})
}

func referenceSchema() object {
	scalar := object{"type": []any{"string", "integer", "boolean"}}
	return closed("a reference", object{
		"from": described(ref("texts"), "the columns that refer, as schema.table.column"),
		"to":   described(ref("texts"), "the columns referred to, in the same order"),
		"when": object{
			"type": "object", "description": "columns of the referring table and the texts that select this reference",
			"additionalProperties": object{"anyOf": []any{scalar, object{"type": "array", "items": scalar, "minItems": 1}}},
		},
	}, "from", "to")
}

// maskSchema returns the long form of a decision for one mask.
func maskSchema(d *anonymize.Definition) object {
	properties := object{"mask": object{"const": d.Name}}
	required := []string{"mask"}
	if d.Name == nullMask {
		properties["mask"] = object{"enum": []any{nullMask, nil}}
	}
	if d.Determinism == anonymize.Keyed {
		properties["domain"] = object{
			"type": "string", "minLength": 1, "description": fmt.Sprintf("the mapping's name; defaults to %s", defaultDomain(d)),
		}
		properties["per_run"] = object{"type": "boolean", "default": false, "description": "whether outputs differ from run to run"}
	}
	for _, p := range d.Params {
		made := paramSchema(p)
		made["description"] = p.Doc
		if p.Default != nil {
			made["default"] = p.Default
		}
		properties[p.Name] = made
		if p.Required {
			required = append(required, p.Name)
		}
	}
	return closed(d.Summary, properties, required...)
}

func defaultDomain(d *anonymize.Definition) string {
	if d.KeyMask {
		return "the key column referred to"
	}
	return d.Family
}

func paramSchema(p anonymize.Param) object {
	switch p.Kind {
	case anonymize.ParamInt:
		return object{"type": "integer"}
	case anonymize.ParamNumber:
		return object{"type": "number"}
	case anonymize.ParamTexts:
		scalar := object{"type": []any{"string", "number", "boolean"}}
		return object{"anyOf": []any{scalar, object{"type": "array", "items": scalar, "minItems": 1}}}
	case anonymize.ParamBool:
		return object{"type": "boolean"}
	case anonymize.ParamChoice:
		choices := make([]any, 0, len(p.Choices))
		for _, choice := range p.Choices {
			choices = append(choices, choice)
		}
		return object{"enum": choices}
	case anonymize.ParamColumns:
		return object{"$ref": "#/$defs/texts"}
	case anonymize.ParamPaths:
		return object{"type": "object", "minProperties": 1, "additionalProperties": object{"$ref": "#/$defs/decision"}}
	case anonymize.ParamMask:
		return object{"$ref": "#/$defs/decision"}
	case anonymize.ParamMasks:
		return object{"type": "array", "minItems": 1, "items": object{"$ref": "#/$defs/decision"}}
	case anonymize.ParamString:
		return object{"type": []any{"string", "number", "boolean"}}
	case anonymize.ParamColumn, anonymize.ParamFile:
	}
	return object{"type": "string"}
}

// closed returns a schema of mappings that have these keys and no others.
func closed(description string, properties object, required ...string) object {
	made := object{"type": "object", "description": description, "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		made["required"] = required
	}
	return made
}

func ref(name string) object { return object{"$ref": "#/$defs/" + name} }

func described(schema object, description string) object {
	schema["description"] = description
	return schema
}

func reason(description string) object {
	return object{"type": "string", "pattern": `\S`, "description": description}
}
