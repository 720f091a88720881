package builtin

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lethedb/lethe/anonymize"
)

func custom() anonymize.Definition {
	d := through("custom", "has a program of yours mask the values, which it reads and answers line by line, a thousand at a time; what it promises is yours to know")
	d.Reads = anonymize.ReadsValue
	d.Cost = 2_000
	d.Params = []anonymize.Param{
		{Name: "command", Kind: anonymize.ParamTexts, Required: true, Doc: "the program's absolute path, which allow_custom: of lethe.yaml must list with its digest, and its arguments"},
		{Name: "may_keep", Kind: anonymize.ParamBool, Default: false, Doc: "let the program give a value back as it is; without it that ends the run"},
	}
	d.Example = anonymize.Example{Input: "B-MW 1234", Params: map[string]any{"command": []string{"/opt/masks/plates", "--country", "de"}}}
	d.Check = func(a anonymize.Args) error {
		_, err := programOf(a)
		return err
	}
	d.New = func(a anonymize.Args) (anonymize.Mask, error) {
		program, err := programOf(a)
		if err != nil {
			return nil, err
		}
		command, _ := a.Params["command"].([]string)
		return &customMask{program: program, arguments: command[1:], mayKeep: boolOf(a, "may_keep")}, nil
	}
	return d
}

// programOf finds the program among those that are allowed.
func programOf(a anonymize.Args) (anonymize.Program, error) {
	command, _ := a.Params["command"].([]string)
	if len(command) == 0 {
		return nil, errors.New("name the program")
	}
	if a.Programs == nil {
		return nil, errors.New("a program masks a column alone, and not inside another mask")
	}
	program, ok := a.Programs[command[0]]
	if !ok {
		known := "it lists none"
		if len(a.Programs) > 0 {
			known = "it lists " + strings.Join(slices.Sorted(maps.Keys(a.Programs)), ", ")
		}
		return nil, fmt.Errorf("the program %s is not allowed; add its path and its SHA-256 to allow_custom: in lethe.yaml (%s)", command[0], known)
	}
	return program, nil
}

type customMask struct {
	program   anonymize.Program
	arguments []string
	mayKeep   bool
}

// Append implements anonymize.Mask.
func (*customMask) Append([]byte, anonymize.Value) ([]byte, error) {
	return nil, errors.New("have a value masked by a program: it stands on a column alone")
}

// Begin implements anonymize.Asker.
func (m *customMask) Begin() (anonymize.Answers, error) {
	began, err := m.program.Start(m.arguments)
	if err != nil || m.mayKeep {
		return began, err
	}
	return noneKept{began}, nil
}

// noneKept refuses values that come back as they are.
type noneKept struct{ anonymize.Answers }

// Ask implements anonymize.Answers.
func (n noneKept) Ask(values [][]byte) ([][]byte, error) {
	answers, err := n.Answers.Ask(values)
	for i := range min(len(answers), len(values)) {
		if answers[i] != nil && bytes.Equal(answers[i], values[i]) {
			return nil, errors.New("the program gave a value back as it is; correct it, or write may_keep: true")
		}
	}
	return answers, err
}
