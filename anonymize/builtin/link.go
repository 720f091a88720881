package builtin

import (
	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/builtin/dictionary"
	"github.com/lethedb/lethe/anonymize/derive"
)

func linkPerson(library *dictionary.Library) anonymize.Definition {
	d := wordList("link", "writes a part of a person who belongs to an entity of the row, so that name, e-mail address and login name of one row agree", "Mary Smith", nil)
	// Nothing that is drawn depends on a column's width, and the parts have widths of their own.
	d.Group, d.Reads, d.Unmapped = anonymize.GroupRow, anonymize.ReadsRow, true
	d.Summary += ", wherever the entity stands"
	d.Params = append([]anonymize.Param{
		{Name: "entity", Kind: anonymize.ParamColumn, Required: true, Doc: "the column that says whose row it is; where it is NULL the value takes its place"},
		{
			Name: "part", Kind: anonymize.ParamChoice, Required: true, Choices: []string{"first_name", "last_name", "full_name", "email", "username"},
			Doc: "what of the person to write; every column of the entity has the same domain",
		},
	}, append(d.Params, localeParam(), genderParam())...)
	d.Cost = 250
	d.Safe = "addresses are at example.com, which RFC 2606 reserves"
	d.Example.Params = map[string]any{"entity": "customer_id", "part": "full_name"}
	d.Check = func(a anonymize.Args) error {
		if linkRoom(library, a) > limit(a) {
			return tooNarrow(a, "the longest "+stringOf(a, "part")+" there is")
		}
		return nil
	}
	d.New = func(a anonymize.Args) (anonymize.Mask, error) {
		of, err := newEntityDraw(a)
		if err != nil {
			return nil, err
		}
		return &linkMask{
			entityDraw: of,
			names:      twoNames{chooseFrom(givenNames(library, a), linkName), chooseFrom(surnames(library, a), linkName)},
			part:       stringOf(a, "part"), style: caseOf(stringOf(a, "case")),
		}, nil
	}
	return d
}

// entityDraw draws for the entity of a row, so that all columns of one domain that name it draw the same; for the
// value itself where the entity is NULL.
type entityDraw struct {
	prf              *derive.PRF
	form, entityForm canonical
	entity           int
}

// newEntityDraw reads the parameter entity.
func newEntityDraw(a anonymize.Args) (entityDraw, error) {
	column := stringOf(a, "entity")
	i, ok := a.Siblings[column]
	if !ok {
		return entityDraw{}, errNoSibling
	}
	return entityDraw{prf: derive.NewPRF(a.Key), form: canonicalOf(a.Type), entity: i, entityForm: canonicalOf(a.SiblingTypes[column])}, nil
}

func (e *entityDraw) draw(v anonymize.Value) (derive.Draw, error) {
	if v.Row == nil {
		return derive.Draw{}, errNoRow
	}
	var scratch [scratchSize]byte
	if entity, ok := v.Row.In(e.entity); ok {
		return e.prf.Draw(e.entityForm.append(append(scratch[:0], 'e'), entity)), nil
	}
	return e.prf.Draw(e.form.append(append(scratch[:0], 'v'), v.Text)), nil
}

const (
	// linkName is how long a name of a person is at most: nearly all are, and columns of any width agree then.
	linkName = 10
	// linkSymbols end an address and a login name: 50 bits, since entities, not values, tell people apart.
	linkSymbols = 10
	linkHost    = "@example.com"
)

// linkRoom is how many characters a part has at most.
func linkRoom(library *dictionary.Library, a anonymize.Args) int {
	first, last := min(linkName, givenNames(library, a).Longest()), min(linkName, surnames(library, a).Longest())
	switch stringOf(a, "part") {
	case "first_name":
		return first
	case "last_name":
		return last
	case "email":
		return first + 1 + last + 1 + linkSymbols + len(linkHost)
	case "username":
		return first + 1 + linkSymbols
	}
	return first + 1 + last
}

// linkMask draws a person from the entity alone, so that every column that names it draws the same. That a person
// is drawn who has the original's name happens as often as there are names.
type linkMask struct {
	entityDraw
	names twoNames
	part  string
	style letterCase
}

// Append implements anonymize.Mask.
func (m *linkMask) Append(dst []byte, v anonymize.Value) ([]byte, error) {
	d, err := m.draw(v)
	if err != nil {
		return nil, err
	}
	first, last, err := m.names.pick(&d, plain{})
	if err != nil {
		return nil, err
	}
	style := m.style.of(v.Text)
	switch m.part {
	case "first_name":
		return style.append(dst, first), nil
	case "last_name":
		return style.append(dst, last), nil
	case "email":
		dst = append(lowerCase.append(append(lowerCase.append(dst, first), '.'), last), '.')
		return append(appendSymbols(dst, &d, linkSymbols), linkHost...), nil
	case "username":
		return appendSymbols(append(lowerCase.append(dst, first), '_'), &d, linkSymbols), nil
	}
	return style.append(append(style.append(dst, first), ' '), last), nil
}
