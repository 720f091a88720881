package builtin

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/internal/catalog"
)

func compositeOf() anonymize.Definition {
	d := through("composite", "masks the fields of a row type, each of which must be decided")
	d.Group, d.Reads, d.Cost = anonymize.GroupStructured, anonymize.ReadsValue, 200
	d.Accepts = []catalog.Class{catalog.ClassOther}
	d.Params = []anonymize.Param{{
		Name: "fields", Kind: anonymize.ParamPaths, Required: true,
		Doc: "a mask or a reason to keep for each field of the type, by its name; in a row within a row by its place, from 1",
	}}
	d.Example = anonymize.Example{Input: `("350 Fifth Avenue",Springfield)`, Params: map[string]any{
		"fields": []anonymize.PathMask{{Path: "1", Mask: fixedMask("1 Maple Street")}, {Path: "2", Keep: true}},
	}}
	d.Check = func(a anonymize.Args) error {
		if a.Type.Class() == catalog.ClassOther && len(a.Type.Fields) == 0 {
			return fmt.Errorf("type %s has no fields; use null, empty or constant", a.Type.Name)
		}
		_, err := fieldsOf(a)
		return err
	}
	d.New = func(a anonymize.Args) (anonymize.Mask, error) {
		fields, err := fieldsOf(a)
		if err != nil {
			return nil, err
		}
		return compositeMask(fields), whole(fields)
	}
	return d
}

// fieldsOf returns what is decided for each field, in the order of the type. Every field must be decided, once.
func fieldsOf(a anonymize.Args) ([]anonymize.PathMask, error) {
	decided := masksOf(a, "fields")
	names := a.Type.Fields
	if len(names) == 0 {
		for i := range decided {
			names = append(names, strconv.Itoa(i+1))
		}
	}
	fields := make([]anonymize.PathMask, len(names))
	left := slices.Clone(names)
	for _, entry := range decided {
		i := slices.Index(names, entry.Path)
		if i < 0 {
			return nil, fmt.Errorf("there is no field %q; the fields are %s", entry.Path, strings.Join(names, ", "))
		}
		fields[i] = entry
		left = slices.DeleteFunc(left, func(name string) bool { return name == entry.Path })
	}
	if len(left) > 0 {
		return nil, fmt.Errorf("nothing decides the fields %s; add them", strings.Join(left, ", "))
	}
	return fields, nil
}

// compositeMask is what is decided for each field.
type compositeMask []anonymize.PathMask

var (
	errRecord       = errors.New("mask a row: the value is not written as the server writes it")
	errRecordFields = errors.New("mask a row: it has another number of fields than are decided")
)

// Append implements anonymize.Mask. Fields that are NULL stay so.
func (m compositeMask) Append(dst []byte, v anonymize.Value) ([]byte, error) {
	if len(v.Text) < 2 || v.Text[0] != '(' {
		return nil, errRecord
	}
	dst = append(dst, '(')
	rest := v.Text[1:]
	var plain, out []byte
	for i := 0; ; i++ {
		var null, ok bool
		if plain, rest, null, ok = recordField(plain[:0], rest); !ok {
			return nil, errRecord
		}
		if i == len(m) {
			return nil, errRecordFields
		}
		if i > 0 {
			dst = append(dst, ',')
		}
		if !null {
			var err error
			if out, err = inner(append(out[:0], ' ')[:0], m[i], anonymize.Value{Text: plain, Row: v.Row}); err != nil {
				return nil, err
			}
			if out != nil {
				dst = appendRecordField(dst, out)
			}
		}
		if rest[0] == ')' {
			if len(rest) > 1 {
				return nil, errRecord
			}
			if i+1 != len(m) {
				return nil, errRecordFields
			}
			return append(dst, ')'), nil
		}
		rest = rest[1:]
	}
}

// recordField takes a field off the front, undoing quotes and escapes, and leaves the comma or the parenthesis behind
// it. A field of nothing at all is NULL.
func recordField(plain, text []byte) (field, rest []byte, null, ok bool) {
	quoted := false
	for i := 0; i < len(text); i++ {
		switch b := text[i]; {
		case b == '\\':
			if i++; i == len(text) {
				return nil, nil, false, false
			}
			plain = append(plain, text[i])
		case b == '"' && quoted && i+1 < len(text) && text[i+1] == '"':
			plain = append(plain, '"')
			i++
		case b == '"':
			quoted = !quoted
		case (b == ',' || b == ')') && !quoted:
			return plain, text[i:], i == 0, true
		default:
			plain = append(plain, b)
		}
	}
	return nil, nil, false, false
}

// appendRecordField writes a field as the server does.
func appendRecordField(dst, field []byte) []byte {
	quote := len(field) == 0
	for _, b := range field {
		switch b {
		case '"', '\\', '(', ')', ',', ' ', '\t', '\n', '\r', '\v', '\f':
			quote = true
		}
	}
	if !quote {
		return append(dst, field...)
	}
	dst = append(dst, '"')
	for _, b := range field {
		if b == '"' || b == '\\' {
			dst = append(dst, b)
		}
		dst = append(dst, b)
	}
	return append(dst, '"')
}
