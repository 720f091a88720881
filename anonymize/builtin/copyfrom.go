package builtin

import (
	"errors"
	"fmt"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/internal/catalog"
)

func copyFrom() anonymize.Definition {
	d := through("copy_from", "writes the masked value of another column, of the row itself or of one that it refers to, so that a copy kept beside the original stays one")
	d.Group = anonymize.GroupRow
	d.Params = []anonymize.Param{
		{Name: "column", Kind: anonymize.ParamColumn, Required: true, Doc: "the column whose masked value to write, such as customer_id.email"},
		{Name: "else", Kind: anonymize.ParamMask, Nests: anonymize.NestsSelf, Doc: "the mask for the value itself where that column is NULL or there is no such row; without it NULL is written"},
	}
	d.Example = anonymize.Example{Input: "mary@shop.example", Params: map[string]any{"column": "customer_id.email"}}
	d.Check = func(a anonymize.Args) error {
		if a.NotNull && len(masksOf(a, "else")) == 0 {
			return errors.New("the column does not allow NULL, and the other may be NULL; add else: with a mask for the value itself")
		}
		column := stringOf(a, "column")
		other, known := a.SiblingTypes[column]
		if known && !takesAll(a.Type, other) {
			return fmt.Errorf("a value of %s, of type %s, may not fit %s; mask the column itself in the same domain", column, other.Name, a.Type.Name)
		}
		return nil
	}
	d.New = func(a anonymize.Args) (anonymize.Mask, error) {
		i, ok := a.Siblings[stringOf(a, "column")]
		if !ok {
			return nil, errNoSibling
		}
		m := &copyMask{from: i, otherwise: anonymize.PathMask{Mask: nullMask{}}}
		if given := masksOf(a, "else"); len(given) > 0 {
			m.otherwise = given[0]
		}
		return m, whole([]anonymize.PathMask{m.otherwise})
	}
	return d
}

// takesAll reports whether every value of type other is one of t, spelled alike.
func takesAll(t, other catalog.Type) bool {
	switch {
	case t.Name == other.Name:
		return true
	case t.Class() != other.Class() || len(t.DomainChecks) > 0:
		return false
	case t.Class() == catalog.ClassText:
		return t.MaxLength == 0 || other.MaxLength > 0 && other.MaxLength <= t.MaxLength
	case t.Class() == catalog.ClassInteger:
		return other.Base <= t.Base // int2 < int4 < int8
	case t.Class() == catalog.ClassNumeric:
		return t.Base == other.Base && t.Precision == 0
	}
	return t.Base == other.Base && t.MaxLength == 0 && t.Class() != catalog.ClassEnum && t.Class() != catalog.ClassOther
}

type copyMask struct {
	from      int
	otherwise anonymize.PathMask
}

// Append implements anonymize.Mask.
func (m *copyMask) Append(dst []byte, v anonymize.Value) ([]byte, error) {
	if v.Row == nil {
		return nil, errNoRow
	}
	if other, ok := v.Row.Out(m.from); ok {
		return append(dst, other...), nil
	}
	return inner(dst, m.otherwise, v)
}
