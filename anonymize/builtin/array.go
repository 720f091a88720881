package builtin

import (
	"bytes"
	"errors"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/internal/catalog"
)

func arrayOf() anonymize.Definition {
	d := through("array", "masks each element of an array, of any number of dimensions; NULL elements stay")
	d.Group, d.Reads = anonymize.GroupStructured, anonymize.ReadsValue
	d.Accepts = []catalog.Class{catalog.ClassArray}
	d.Params = []anonymize.Param{{Name: "each", Kind: anonymize.ParamMask, Nests: anonymize.NestsElement, Required: true, Doc: "the mask for every element"}}
	d.Example = anonymize.Example{Input: "{Mary,Bob}", Params: map[string]any{"each": []anonymize.PathMask{{Mask: fixedMask("somebody")}}}}
	d.Check = func(a anonymize.Args) error {
		if a.Type.Base == "box[]" {
			return errors.New("arrays of boxes are separated otherwise than others; use null, empty or constant")
		}
		return nil
	}
	d.New = func(a anonymize.Args) (anonymize.Mask, error) {
		return &arrayMask{each: masksOf(a, "each")[0]}, whole(masksOf(a, "each"))
	}
	return d
}

type arrayMask struct{ each anonymize.PathMask }

var errArray = errors.New("mask an array: the value is not written as arrays are")

// Append implements anonymize.Mask. Braces, commas and bounds stay where they are.
func (m *arrayMask) Append(dst []byte, v anonymize.Value) ([]byte, error) {
	text := v.Text
	if len(text) > 0 && text[0] == '[' { // bounds that do not begin at 1
		equals := bytes.IndexByte(text, '=')
		if equals < 0 || len(bytes.Trim(text[:equals], "[]:-+0123456789")) > 0 {
			return nil, errArray
		}
		dst = append(dst, text[:equals+1]...)
		text = text[equals+1:]
	}
	if len(text) == 0 || text[0] != '{' {
		return nil, errArray
	}
	depth := 0
	var element []byte
	for len(text) > 0 {
		switch b := text[0]; b {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 && len(text) > 1 {
				return nil, errArray
			}
		case ',':
		default:
			n, quoted := elementLength(text)
			if n == 0 || depth == 0 {
				return nil, errArray
			}
			var err error
			if dst, element, err = m.element(dst, element[:0], text[:n], quoted, v); err != nil {
				return nil, err
			}
			text = text[n:]
			continue
		}
		dst = append(dst, text[0])
		text = text[1:]
	}
	if depth != 0 {
		return nil, errArray
	}
	return dst, nil
}

// elementLength returns the length of the element that text begins with, quotes included, 0 for one without end.
func elementLength(text []byte) (n int, quoted bool) {
	if text[0] != '"' {
		for n < len(text) && text[n] != ',' && text[n] != '}' && text[n] != '{' && text[n] != '"' {
			if text[n] == '\\' {
				n++
			}
			n++
		}
		if n > len(text) {
			return 0, false
		}
		return n, false
	}
	for n = 1; n < len(text); n++ {
		switch text[n] {
		case '\\':
			n++
		case '"':
			return n + 1, true
		}
	}
	return 0, true
}

// element masks one element. Its plain text is put together in memory that is used again.
func (m *arrayMask) element(dst, plain, raw []byte, quoted bool, v anonymize.Value) (out, memory []byte, err error) {
	if !quoted && bytes.EqualFold(raw, []byte("NULL")) {
		return append(dst, raw...), plain, nil
	}
	if quoted {
		raw = raw[1 : len(raw)-1]
	}
	for i := 0; i < len(raw); i++ {
		if raw[i] == '\\' && i+1 < len(raw) {
			i++
		}
		plain = append(plain, raw[i])
	}
	end := len(plain)
	plain, err = inner(plain, m.each, anonymize.Value{Text: plain[:end:end], Row: v.Row})
	switch {
	case err != nil:
		return nil, nil, err
	case plain == nil:
		return append(dst, "NULL"...), nil, nil
	}
	return appendQuoted(dst, plain[end:]), plain, nil
}

// appendQuoted writes text between quotes, as arrays and hstore take any.
func appendQuoted(dst, text []byte) []byte {
	dst = append(dst, '"')
	for _, b := range text {
		if b == '"' || b == '\\' {
			dst = append(dst, '\\')
		}
		dst = append(dst, b)
	}
	return append(dst, '"')
}
