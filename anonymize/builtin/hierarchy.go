package builtin

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/internal/catalog"
)

func hierarchyOf() anonymize.Definition {
	return anonymize.Definition{
		Name: "hierarchy", Family: "hierarchy", Group: anonymize.GroupGeneralize, Unmapped: true,
		Summary: "replaces a value by a wider one from a file, which says for each value what it is at every level",
		Accepts: []catalog.Class{catalog.ClassText, catalog.ClassEnum},
		Params: []anonymize.Param{
			{Name: "file", Kind: anonymize.ParamFile, Required: true, Doc: "lines of a value and what it becomes at level 1, 2 and so on, between semicolons or commas, as ARX reads them; the path is relative to the rules"},
			{Name: "level", Kind: anonymize.ParamInt, Default: int64(1), Doc: "which level to write, from 1; the value itself stands before it"},
			{
				Name: "unknown", Kind: anonymize.ParamChoice, Default: "refuse", Choices: []string{"refuse", "top"},
				Doc: "what becomes of a value that the file does not hold: refuse fails the run, top writes the last level, which must be one for all",
			},
		},
		Reads: anonymize.ReadsValue, Determinism: anonymize.Keyed, Uniqueness: anonymize.UniqueNone, Nulls: anonymize.NullsKept,
		Discloses: append(equalityAndFrequency(), anonymize.DisclosesProximity), Rank: 4, Cost: 60,
		Example: anonymize.Example{Input: "carpenter", Params: map[string]any{"file": anonymize.FileText{Text: []byte("carpenter;crafts;work\n")}}},
		Check: func(a anonymize.Args) error {
			_, err := newHierarchy(a)
			return err
		},
		New: func(a anonymize.Args) (anonymize.Mask, error) { return newHierarchy(a) },
	}
}

// hierarchy is one level of a file. It keeps values as the file spells them, those of citext in lower case.
type hierarchy struct {
	form canonical
	of   map[string]string
	top  string
	// refuse reports that a value which is not in the file is an error.
	refuse bool
}

var errOutside = errors.New("generalise a value: the file does not hold it; add a line for it, or set unknown: top")

// newHierarchy reads the file. Its errors name the file and the line.
func newHierarchy(a anonymize.Args) (*hierarchy, error) {
	file, _ := a.Params["file"].(anonymize.FileText)
	level := int64(1)
	if given, ok := a.Params["level"].(int64); ok {
		level = given
	}
	h := &hierarchy{form: canonicalOf(a.Type), of: map[string]string{}, refuse: stringOf(a, "unknown") != "top"}
	tops := map[string]bool{}
	r := csv.NewReader(bytes.NewReader(file.Text))
	r.Comma = separatorOf(file.Text)
	wrong := func(format string, args ...any) error {
		line, _ := r.FieldPos(0)
		return fmt.Errorf("%s:%d: %s", file.Path, line, fmt.Sprintf(format, args...))
	}
	for {
		fields, err := r.Read()
		if err == io.EOF {
			break
		}
		if malformed, ok := errors.AsType[*csv.ParseError](err); ok {
			return nil, fmt.Errorf("%s:%d: %w", file.Path, malformed.Line, malformed.Err)
		}
		if err != nil {
			return nil, err
		}
		if level < 1 || level >= int64(len(fields)) {
			return nil, wrong("there is no level %d; the line has %d", level, len(fields)-1)
		}
		wider := fields[level]
		if err := fitsColumn(a, wider); err != nil {
			return nil, wrong("level %d: %v", level, err)
		}
		value := string(h.form.of(nil, []byte(fields[0])))
		if string(h.form.of(nil, []byte(wider))) == value {
			return nil, wrong("level %d is the value itself, which would pass", level)
		}
		if known, twice := h.of[value]; twice && known != wider {
			return nil, wrong("the value was there already, and becomes something else")
		}
		h.of[value], h.top = wider, fields[len(fields)-1]
		tops[h.top] = true
	}
	switch {
	case len(h.of) == 0:
		return nil, fmt.Errorf("%s: the file is empty", file.Path)
	case !h.refuse && len(tops) > 1:
		return nil, fmt.Errorf("%s: the last level has %d values; with unknown: top it must be one for all", file.Path, len(tops))
	case !h.refuse:
		return h, fitsColumn(a, h.top)
	}
	return h, nil
}

// separatorOf tells what stands between the fields of a file.
func separatorOf(text []byte) rune {
	line, _, _ := bytes.Cut(text, []byte("\n"))
	if bytes.IndexByte(line, ';') >= 0 {
		return ';'
	}
	return ','
}

// fitsColumn reports what keeps a text from standing in the column.
func fitsColumn(a anonymize.Args, text string) error {
	switch {
	case a.Type.Class() == catalog.ClassEnum && !slices.Contains(a.Type.Enum, text):
		return fmt.Errorf("it is none of the labels %s", strings.Join(a.Type.Enum, ", "))
	case a.Type.Class() == catalog.ClassText && utf8.RuneCountInString(text) > limit(a):
		return fmt.Errorf("it has more characters than the %d of the column", a.Type.MaxLength)
	}
	return nil
}

// Append implements anonymize.Mask.
func (h *hierarchy) Append(dst []byte, v anonymize.Value) ([]byte, error) {
	var scratch [scratchSize]byte
	if wider, known := h.of[string(h.form.of(scratch[:0], v.Text))]; known {
		return append(dst, wider...), nil
	}
	if h.refuse {
		return nil, errOutside
	}
	return append(dst, h.top...), nil
}
