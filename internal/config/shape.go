package config

import "regexp"

// shape describes what may stand at one place of the file. Exactly one of its kinds is meant; the fields
// that belong to other kinds are empty.
type shape struct {
	kind kind
	// wants says in words what is asked for, such as "a duration such as 30s".
	wants string

	// pattern is what a text must match, in the part of the syntax that Go and JSON Schema share.
	pattern *regexp.Regexp
	// words are the only texts allowed, where there are any.
	words []string
	// min and max bound an integer or number.
	min, max float64

	// fields are the keys of an object.
	fields []field
	// oneOf and anyOf name keys of an object of which exactly one, or at least one, must be there.
	oneOf, anyOf []string

	// of is the shape of a list's items or of a named mapping's values; pattern is then that of its names.
	of *shape
	// longest is how many characters a name may have, 0 for no bound.
	longest int
	// atLeast and atMost bound a list's length; atMost 0 is no bound.
	atLeast, atMost int

	// choices are the alternatives of a choice, told apart by the form of the YAML node.
	choices []*shape
	// remedy is shown where nothing fits, "" where wants says enough.
	remedy string
}

type kind int

const (
	textKind    kind = iota // a string
	integerKind             // a whole number
	numberKind              // any number
	booleanKind             // true or false
	objectKind              // a mapping with known keys
	namesKind               // a mapping whose keys are names that the user gave
	listKind                // a sequence
	choiceKind              // one of several shapes
	openKind                // a mapping whose keys are settled by a later step
)

// field is one key of an object.
type field struct {
	name  string
	doc   string
	shape *shape
	// standard is the default: a string, int, float64 or bool, nil for none. An absent object with whole set gets the
	// defaults of its own fields.
	standard any
	whole    bool
	required bool
	// later marks keys of steps that are not built.
	later bool
	// reserved says why the key is known and refused; such a key has no shape.
	reserved string
}

func (f field) needed() field            { f.required = true; return f }
func (f field) defaults(value any) field { f.standard = value; return f }
func (f field) notYet() field            { f.later = true; return f }

func key(name string, s *shape, doc string) field { return field{name: name, shape: s, doc: doc} }

func object(fields ...field) *shape {
	return &shape{kind: objectKind, wants: "a mapping", fields: fields}
}

func (s *shape) exactlyOne(names ...string) *shape { s.oneOf = names; return s }
func (s *shape) someOf(names ...string) *shape     { s.anyOf = names; return s }

func named(pattern string, of *shape) *shape {
	return &shape{kind: namesKind, wants: "a mapping of names", pattern: regexp.MustCompile(pattern), of: of}
}

func list(of *shape) *shape {
	return &shape{kind: listKind, wants: "a list", of: of}
}

func (s *shape) length(atLeast, atMost int) *shape {
	s.atLeast, s.atMost = atLeast, atMost
	return s
}

func text(wants string) *shape { return matching(`^[^\x00]+$`, wants) }

func matching(pattern, wants string) *shape {
	return &shape{kind: textKind, wants: wants, pattern: regexp.MustCompile(pattern)}
}

func oneWordOf(words ...string) *shape {
	return &shape{kind: textKind, wants: join(words, "or"), words: words}
}

func integer(low, high int) *shape {
	return &shape{kind: integerKind, wants: "a whole number", min: float64(low), max: float64(high)}
}

func number(low, high float64) *shape {
	return &shape{kind: numberKind, wants: "a number", min: low, max: high}
}

func boolean() *shape { return &shape{kind: booleanKind, wants: "true or false"} }

func open() *shape { return &shape{kind: openKind, wants: "a mapping"} }

func choice(wants string, choices ...*shape) *shape {
	return &shape{kind: choiceKind, wants: wants, choices: choices}
}

// durationPattern is the grammar of durations: whole numbers with units, the largest a year of 365 days.
const durationPattern = `([0-9]{1,9}(ms|s|m|h|d|w|y))+`

func duration() *shape {
	return matching(`^`+durationPattern+`$`, "a duration such as 30s, 24h or 7d")
}

func size() *shape { return matching(`^[0-9]+(\.[0-9]+)?(B|kB|MB|GB|TB)$`, "a size such as 64MB") }

func path() *shape { return text("a path") }

func argv() *shape { return list(text("a text")).length(1, 0) }

// secretRef is where a secret is fetched from; the secret itself never stands in the file.
func secretRef() *shape {
	s := object(
		key("env", matching(`^[A-Za-z_][A-Za-z0-9_]*$`, "the name of an environment variable"), "Environment variable that holds the secret."),
		key("file", path(), "File that holds nothing but the secret, readable by its owner alone."),
		key("command", argv(), "Program and arguments, run without a shell, that print the secret."),
		key("aws_secret", text("a name"), "Name in AWS Secrets Manager.").notYet(),
		key("aws_parameter", text("a name"), "Name in AWS Parameter Store.").notYet(),
	).exactlyOne("env", "file", "command", "aws_secret", "aws_parameter")
	s.wants = "where the secret is"
	s.remedy = "write {env: NAME}, {file: PATH} or {command: [PROGRAM, ARGUMENT]}; the secret itself never stands in this file"
	return s
}
