package builtin

import (
	"fmt"
	"math"

	"github.com/lethedb/lethe/anonymize"
)

// nameBytes is NAMEDATALEN less its closing zero: what a column of type name holds.
const nameBytes = 63

// limit returns how many characters the column takes, math.MaxInt where it sets no limit. Masks write
// ASCII, so that a limit in bytes is one in characters.
func limit(a anonymize.Args) int {
	switch {
	case a.Type.MaxLength > 0:
		return a.Type.MaxLength
	case a.Type.Base == "name":
		return nameBytes
	}
	return math.MaxInt
}

// stringOf returns a parameter of kind string, choice or column, "" when it was not given.
func stringOf(a anonymize.Args, name string) string {
	s, _ := a.Params[name].(string)
	return s
}

// intOf returns a parameter of kind int and whether it was given.
func intOf(a anonymize.Args, name string) (int64, bool) {
	n, ok := a.Params[name].(int64)
	return n, ok
}

// numberOf returns a parameter of kind number and whether it was given.
func numberOf(a anonymize.Args, name string) (float64, bool) {
	n, ok := a.Params[name].(float64)
	return n, ok
}

// textsOf returns a parameter of kind texts, nil when it was not given.
func textsOf(a anonymize.Args, name string) []string {
	texts, _ := a.Params[name].([]string)
	return texts
}

// boolOf returns a parameter of kind bool, false when it was not given.
func boolOf(a anonymize.Args, name string) bool {
	b, _ := a.Params[name].(bool)
	return b
}

// tooNarrow is the error for a column that a mask's shortest output does not fit.
func tooNarrow(a anonymize.Args, what string) error {
	return fmt.Errorf("column of %d characters is too narrow for %s; use redact, constant or null there", limit(a), what)
}
