package builtin

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/types"
	"github.com/expr-lang/expr/vm"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/internal/catalog"
)

// expression is a compiled expression over some columns of a row. It is safe for concurrent use.
type expression struct {
	program *vm.Program
	columns []expressionColumn
	// value reports that the expression sees the value itself, by that name.
	value  *catalog.Class
	states sync.Pool // of *expressionState
}

type expressionColumn struct {
	name  string
	index int
	class catalog.Class
}

// expressionState is what one evaluation works on; it is used again.
type expressionState struct {
	machine vm.VM
	env     map[string]any
	row     map[string]any
}

// The names that an expression has beside those of columns.
const (
	valueName = "value"
	rowName   = "row"
)

var errExpression = errors.New("evaluate the expression: it does not suit the values of this row; test for NULL with != nil, and compare what is of one type")

// newExpression compiles code over columns. What may differ from run to run is not to be had in it: equal rows give
// equal results.
func newExpression(a anonymize.Args, code string, columns []string, seesValue bool) (*expression, error) {
	e := &expression{}
	for _, name := range columns {
		e.columns = append(e.columns, expressionColumn{name: name, index: a.Siblings[name], class: a.SiblingTypes[name].Class()})
	}
	if seesValue {
		class := a.Type.Class()
		e.value = &class
	}
	e.states.New = func() any {
		s := &expressionState{env: map[string]any{}, row: map[string]any{}}
		s.env[rowName] = s.row
		for _, c := range e.columns {
			s.env[c.name], s.row[c.name] = nil, nil
		}
		if seesValue {
			s.env[valueName] = nil
		}
		return s
	}
	known := types.Map{rowName: types.Map{types.Extra: types.Any}}
	for _, name := range columns {
		known[name] = types.Any // each may be NULL
	}
	if seesValue {
		known[valueName] = types.Any
	}
	program, err := expr.Compile(code, expr.Env(known), expr.DisableBuiltin("now"))
	if err != nil {
		return nil, fmt.Errorf("read the expression: %w", err)
	}
	e.program = program
	return e, nil
}

// run evaluates the expression; read says which form of a column it sees.
func (e *expression) run(v anonymize.Value, read func(row anonymize.Row, i int) ([]byte, bool)) (any, error) {
	if v.Row == nil {
		return nil, errNoRow
	}
	s := e.states.Get().(*expressionState)
	defer e.states.Put(s)
	for _, c := range e.columns {
		text, ok := read(v.Row, c.index)
		field := fieldOf(text, ok, c.class)
		s.env[c.name], s.row[c.name] = field, field
	}
	if e.value != nil {
		s.env[valueName] = fieldOf(v.Text, true, *e.value)
	}
	out, err := s.machine.Run(e.program, s.env)
	clear(s.row)
	if err != nil {
		return nil, errExpression // what the machine says may quote a value
	}
	return out, nil
}

// fieldOf gives a field the type that expressions know: whole and other numbers, truth, text, nil for NULL.
func fieldOf(text []byte, ok bool, class catalog.Class) any {
	if !ok {
		return nil
	}
	s := string(text)
	switch class {
	case catalog.ClassInteger:
		if n, err := strconv.Atoi(s); err == nil {
			return n
		}
	case catalog.ClassNumeric:
		if n, err := strconv.ParseFloat(s, 64); err == nil {
			return n
		}
	case catalog.ClassBoolean:
		return s == "t"
	}
	return s
}

func readIn(row anonymize.Row, i int) ([]byte, bool)  { return row.In(i) }
func readOut(row anonymize.Row, i int) ([]byte, bool) { return row.Out(i) }

// columnsParam is the list of columns that an expression reads.
func columnsParam(doc string) anonymize.Param {
	return anonymize.Param{Name: "columns", Kind: anonymize.ParamColumns, Required: true, Doc: doc}
}

func columnsOf(a anonymize.Args) []string {
	columns, _ := a.Params["columns"].([]string)
	return columns
}

func when() anonymize.Definition {
	d := through("when", "masks the value one way where a condition on its row holds, and another way where it does not")
	d.Cost = 500
	d.Params = []anonymize.Param{
		columnsParam("the columns that the condition reads, as production has them"),
		{
			Name: "if", Kind: anonymize.ParamString, Required: true,
			Doc: `the condition in the expression language of expr-lang.org: columns by name or as row["odd name"], the value itself as value, NULL as nil`,
		},
		{Name: "then", Kind: anonymize.ParamMask, Nests: anonymize.NestsSelf, Required: true, Doc: "the mask where it holds"},
		{Name: "else", Kind: anonymize.ParamMask, Nests: anonymize.NestsSelf, Required: true, Doc: "the mask where it does not"},
	}
	d.Example = anonymize.Example{Input: "Mary Smith", Params: map[string]any{
		"columns": []string{"kind"}, "if": `kind == "person"`,
		"then": []anonymize.PathMask{{Mask: fixedMask("somebody")}}, "else": []anonymize.PathMask{{Keep: true}},
	}}
	d.Check = func(a anonymize.Args) error {
		_, err := newExpression(a, stringOf(a, "if"), columnsOf(a), true)
		return err
	}
	d.New = func(a anonymize.Args) (anonymize.Mask, error) {
		condition, err := newExpression(a, stringOf(a, "if"), columnsOf(a), true)
		if err != nil {
			return nil, err
		}
		return &whenMask{condition, masksOf(a, "then")[0], masksOf(a, "else")[0]}, whole(masksOf(a, "then"), masksOf(a, "else"))
	}
	return d
}

type whenMask struct {
	condition       *expression
	then, otherwise anonymize.PathMask
}

var errCondition = errors.New("evaluate the condition: it is neither true nor false; write a comparison")

// Append implements anonymize.Mask.
func (m *whenMask) Append(dst []byte, v anonymize.Value) ([]byte, error) {
	out, err := m.condition.run(v, readIn)
	if err != nil {
		return nil, err
	}
	holds, ok := out.(bool)
	switch {
	case !ok:
		return nil, errCondition
	case holds:
		return inner(dst, m.then, v)
	}
	return inner(dst, m.otherwise, v)
}

func deriveExpression() anonymize.Definition {
	d := through("derive", "writes what an expression makes of other columns of the row as they leave; the value itself is not seen")
	d.Group = anonymize.GroupRow
	d.Accepts = []catalog.Class{
		catalog.ClassText, catalog.ClassInteger, catalog.ClassNumeric, catalog.ClassBoolean, catalog.ClassDate, catalog.ClassTimestamp,
	}
	d.Discloses, d.Cost = everything(), 500
	d.Params = []anonymize.Param{
		columnsParam("the columns that the expression reads, masked as they are"),
		{
			Name: "as", Kind: anonymize.ParamString, Required: true,
			Doc: `the expression in the language of expr-lang.org, such as first_name + " " + last_name; NULL is nil, and nil becomes NULL; text is cut to the column's length`,
		},
	}
	d.Example = anonymize.Example{Input: "Mary Smith", Params: map[string]any{"columns": []string{"first_name", "last_name"}, "as": `first_name + " " + last_name`}}
	d.Check = func(a anonymize.Args) error {
		if slices.Contains(columnsOf(a), a.Column) {
			return errors.New("columns names the column itself, whose value is not seen; name the columns that it is made of")
		}
		_, err := newExpression(a, stringOf(a, "as"), columnsOf(a), false)
		return err
	}
	d.New = func(a anonymize.Args) (anonymize.Mask, error) {
		made, err := newExpression(a, stringOf(a, "as"), columnsOf(a), false)
		return &deriveMask{made: made, limit: limit(a), notNull: a.NotNull}, err
	}
	return d
}

type deriveMask struct {
	made    *expression
	limit   int
	notNull bool
}

var errDerived = errors.New("write what the expression made: it is no text, number or truth; convert it in the expression")

// Append implements anonymize.Mask.
func (m *deriveMask) Append(dst []byte, v anonymize.Value) ([]byte, error) {
	out, err := m.made.run(v, readOut)
	if err != nil {
		return nil, err
	}
	start := len(dst)
	switch x := out.(type) {
	case nil:
		if m.notNull {
			return nil, errors.New("write what the expression made: it is NULL, and the column takes none; give it another result with ??")
		}
		return nil, nil
	case string:
		dst = append(dst, x...)
	case int:
		dst = strconv.AppendInt(dst, int64(x), 10)
	case float64:
		dst = strconv.AppendFloat(dst, x, 'f', -1, 64)
	case bool:
		dst = strconv.AppendBool(dst, x)
	default:
		return nil, errDerived
	}
	return cutCharacters(dst, start, m.limit), nil
}
