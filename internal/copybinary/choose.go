package copybinary

import (
	"strings"

	"github.com/lethedb/lethe/internal/catalog"
)

// gains says for each type whose binary form is sound what a value costs less in the binary form than in
// text, in nanoseconds of both servers' time together, written and read (PERFORMANCE.md has the measurement; types it does
// not list are put beside their like).
// Texts and the like are judged by their width. A type that is not here travels as text: unknown ones, those
// whose binary form holds the numbers of objects (regclass and its like) or depends on more than their
// major (xml), and those of users and extensions.
func gains(base string) (nanoseconds float64, known bool) {
	switch base {
	case "int2":
		return -20, true
	case "bool", "char":
		return -10, true
	case "int4", "int8", "oid", "xid", "xid8", "pg_lsn":
		return 10, true
	case "numeric", "float4", "money":
		return 35, true
	case "float8":
		return 140, true
	case "inet", "cidr", "macaddr", "macaddr8", "bit", "varbit":
		return 150, true
	case "date", "time", "timetz":
		return 170, true
	case "interval":
		return 200, true
	case "timestamp", "timestamptz":
		return 400, true
	case "uuid":
		return 450, true
	case "point", "line", "lseg", "box", "path", "polygon", "circle":
		return 300, true
	case "tsvector": // not tsquery: the server does not read the binary form of its own empty one
		return 300, true
	case "int4range", "int8range", "numrange", "daterange", "tsrange", "tstzrange",
		"int4multirange", "int8multirange", "nummultirange", "datemultirange", "tsmultirange", "tstzmultirange":
		return 100, true
	}
	return 0, false
}

const (
	// Of a text, the length word costs textFixed and each byte saves textByte: nobody looks for escapes.
	textFixed = -40
	textByte  = 2.5
	// assumedWidth is that of a text of which the planner knows nothing.
	assumedWidth = 8
	// hexByte is what a byte of bytea saves, which is two digits in text.
	hexByte = 7
	// arrayGain is what an array saves at least, whatever its elements.
	arrayGain = 20
	// leastGain per row is what the binary form must save to be taken: less is within what measuring tells.
	leastGain = 50
)

// width returns a column's average width.
func width(c *catalog.Column) float64 {
	if c.Stats.Width > 0 {
		return float64(c.Stats.Width)
	}
	return assumedWidth
}

// gain returns what a value of the column saves on average, and whether its type has a sound binary form.
func gain(c *catalog.Column) (float64, bool) {
	t := c.Type
	switch {
	case !Fits(t):
		return 0, false
	case t.Class() == catalog.ClassArray:
		return arrayGain, true
	case t.Enum != nil:
		return textFixed + textByte*assumedWidth, true
	}
	switch t.Base {
	case "text", "varchar", "bpchar", "name", "citext", "json", "jsonb", "jsonpath":
		return textFixed + textByte*width(c), true
	case "bytea":
		return hexByte * width(c), true
	}
	return gains(t.Base)
}

// Fits reports whether servers of one major understand each other's binary form of a type, whatever
// objects their databases hold: no number of an object that a user made stands in it. A domain is what is
// underneath, an enum's value its label.
func Fits(t catalog.Type) bool {
	switch {
	case t.Composite, strings.Contains(t.Base, ".") && t.Enum == nil:
		return false
	case t.Extension != "":
		return t.Base == "citext" && t.CaseFolded
	case t.Class() == catalog.ClassArray:
		// An array holds the number of its elements' type, which is the server's own only where neither a domain
		// nor a user's type is it; the name tells, as domains over elements are looked through.
		element := elementName(t.Base)
		name, ok := strings.CutPrefix(t.Name, element)
		return element != "" && ok && name != "" && t.Domain == "" && (name[:1] == "[" || name[:1] == "(" || name[:1] == " ")
	case t.Enum != nil:
		return true
	}
	switch t.Base {
	case "text", "varchar", "bpchar", "name", "citext", "json", "jsonb", "jsonpath", "bytea":
		return true
	}
	_, known := gains(t.Base)
	return known
}

// elementName returns what SQL calls the type of the elements of an array type, "" for those that travel
// as text.
func elementName(base string) string {
	switch base {
	case "int2[]":
		return "smallint"
	case "int4[]":
		return "integer"
	case "int8[]":
		return "bigint"
	case "bool[]":
		return "boolean"
	case "varchar[]":
		return "character varying"
	case "float4[]":
		return "real"
	case "float8[]":
		return "double precision"
	case "text[]", "numeric[]", "uuid[]", "date[]", "bytea[]", "inet[]", "jsonb[]":
		return strings.TrimSuffix(base, "[]")
	case "timestamptz[]", "timestamp[]":
		return "timestamp" // with its precision in the middle of the name
	}
	return ""
}

// Prefer reports whether the columns of a table had better travel in the binary form, between two servers
// of one major: every type must have a sound one, every column that read names, whose values masks see,
// a codec, and the row must cost less in all. Narrow rows of small numbers cost more.
func Prefer(table *catalog.Table, columns []string, read func(column string) bool) bool {
	total := 0.0
	wanted := make(map[string]bool, len(columns))
	for _, name := range columns {
		wanted[name] = true
	}
	for i := range table.Columns {
		c := &table.Columns[i]
		if !wanted[c.Name] {
			continue
		}
		saved, ok := gain(c)
		if !ok {
			return false
		}
		if _, ok := CodecFor(c.Type); read(c.Name) && !ok {
			return false
		}
		total += saved * (1 - c.Stats.NullFraction)
	}
	return total >= leastGain
}
