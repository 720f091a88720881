package builtin

import (
	"errors"
	"fmt"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/internal/catalog"
)

func hstoreOf() anonymize.Definition {
	d := through("hstore", "masks the values of an hstore by their keys; what no key decides fails the run or is taken out")
	d.Group, d.Reads, d.Cost = anonymize.GroupStructured, anonymize.ReadsValue, 200
	d.Accepts = []catalog.Class{catalog.ClassOther}
	d.Params = []anonymize.Param{
		{Name: "keys", Kind: anonymize.ParamPaths, Required: true, Doc: "a mask or a reason to keep for each key"},
		{
			Name: "unknown", Kind: anonymize.ParamChoice, Default: "refuse", Choices: []string{"refuse", "redact"},
			Doc: "what becomes of a key that is not listed: refuse fails the run, redact takes it out",
		},
	}
	d.Example = anonymize.Example{Input: `"name"=>"Mary", "size"=>"9"`, Params: map[string]any{
		"keys": []anonymize.PathMask{{Path: "name", Mask: fixedMask("somebody")}, {Path: "size", Keep: true}},
	}}
	d.Check = func(a anonymize.Args) error {
		if a.Type.Base != "hstore" {
			return fmt.Errorf("type %s is no hstore; use null, empty or constant", a.Type.Name)
		}
		return nil
	}
	d.New = func(a anonymize.Args) (anonymize.Mask, error) {
		m := &hstoreMask{keys: map[string]anonymize.PathMask{}, refuse: stringOf(a, "unknown") != "redact"}
		for _, entry := range masksOf(a, "keys") {
			m.keys[entry.Path] = entry
		}
		return m, whole(masksOf(a, "keys"))
	}
	return d
}

type hstoreMask struct {
	keys   map[string]anonymize.PathMask
	refuse bool
}

var (
	errHstore    = errors.New("mask an hstore: the value is not written as the server writes it")
	errHstoreKey = errors.New(`mask an hstore: it holds a key that nothing decides; add it under keys, or set unknown: redact`)
)

// Append implements anonymize.Mask. It takes what the server writes: "key"=>"value" or NULL, a comma and a blank
// between pairs.
func (m *hstoreMask) Append(dst []byte, v anonymize.Value) ([]byte, error) {
	text, first := v.Text, true
	for len(text) > 0 {
		key, rest, ok := hstoreText(text)
		if !ok || len(rest) < 2 || rest[0] != '=' || rest[1] != '>' {
			return nil, errHstore
		}
		value, null := []byte(nil), false
		if text = rest[2:]; len(text) >= 4 && string(text[:4]) == "NULL" {
			null, rest = true, text[4:]
		} else if value, rest, ok = hstoreText(text); !ok {
			return nil, errHstore
		}
		if text = rest; len(text) > 0 {
			if len(text) < 3 || text[0] != ',' || text[1] != ' ' {
				return nil, errHstore
			}
			text = text[2:]
		}
		entry, known := m.keys[string(key)]
		switch {
		case !known && m.refuse:
			return nil, errHstoreKey
		case !known:
			continue
		}
		var out []byte
		if !null {
			var err error
			if out, err = inner([]byte{}, entry, anonymize.Value{Text: value, Row: v.Row}); err != nil {
				return nil, err
			}
		}
		if !first {
			dst = append(dst, ", "...)
		}
		first = false
		dst = append(appendQuoted(dst, key), "=>"...)
		if out == nil {
			dst = append(dst, "NULL"...)
			continue
		}
		dst = appendQuoted(dst, out)
	}
	return dst, nil
}

// hstoreText takes a quoted text off the front, without its quotes and escapes.
func hstoreText(text []byte) (plain, rest []byte, ok bool) {
	n, quoted := 0, false
	if len(text) > 0 {
		n, quoted = elementLength(text)
	}
	if !quoted || n == 0 {
		return nil, nil, false
	}
	plain = make([]byte, 0, n)
	for i := 1; i < n-1; i++ {
		if text[i] == '\\' {
			i++
		}
		plain = append(plain, text[i])
	}
	return plain, text[n:], true
}
