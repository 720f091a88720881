package catalog

// Type is a column's type as far as a mask or a codec must know it.
type Type struct {
	// Name is the type as SQL writes it with its modifiers, such as "character varying(50)" or "public.mpaa_rating".
	Name string `json:"name"`
	// Base is the pg_catalog name of the type underneath all domains, without modifiers, such as "varchar",
	// "int4", "citext"; for an array the element's with "[]" appended.
	Base string `json:"base"`
	// Domain is the name of the outermost domain, "" when the type is none.
	Domain string `json:"domain,omitempty"`
	// MaxLength is the most characters (bits for bit types) the modifiers allow; 0 when there is no limit.
	MaxLength int `json:"max_length,omitempty"`
	// Precision and Scale are those of numeric(p,s); both 0 when unconstrained.
	Precision int `json:"precision,omitempty"`
	Scale     int `json:"scale,omitempty"`
	// Enum lists the labels of an enum in its order; nil for every other type.
	Enum []string `json:"enum,omitempty"`
	// CaseFolded reports that the type's own equality ignores case (citext) or that the column has a
	// non-deterministic collation.
	CaseFolded bool `json:"case_folded,omitempty"`
	// Composite reports a row type.
	Composite bool `json:"composite,omitempty"`
	// Fields are the names of a row type's fields in their order; for an array those of its elements. They are not
	// part of the digest: a field that is new meanwhile is met in the rows, and refused.
	Fields []string `json:"fields,omitempty" digest:"-"`
	// Extension names the extension that defines the type, "" for the server's and the user's own.
	Extension string `json:"extension,omitempty"`
	// DomainChecks are the CHECK constraints of all domains on the way to Base, as SQL.
	DomainChecks []string `json:"domain_checks,omitempty"`
}

// Class groups types by what a mask may do with their text form.
type Class string

// The classes. ClassOther can be kept or destroyed, never otherwise masked.
const (
	ClassText      Class = "text"      // text, varchar, bpchar, citext, name
	ClassInteger   Class = "integer"   // int2, int4, int8
	ClassNumeric   Class = "numeric"   // numeric, float4, float8, money
	ClassBoolean   Class = "boolean"   // bool
	ClassDate      Class = "date"      // date
	ClassTimestamp Class = "timestamp" // timestamp, timestamptz
	ClassTime      Class = "time"      // time, timetz, interval
	ClassUUID      Class = "uuid"      // uuid
	ClassJSON      Class = "json"      // json, jsonb
	ClassBytes     Class = "bytes"     // bytea
	ClassNetwork   Class = "network"   // inet, cidr, macaddr, macaddr8
	ClassEnum      Class = "enum"      // any enum
	ClassArray     Class = "array"     // any array
	ClassOther     Class = "other"     // everything else
)

// Class returns the class of t. Domains count as the type underneath.
func (t Type) Class() Class {
	if len(t.Base) > 2 && t.Base[len(t.Base)-2:] == "[]" {
		return ClassArray
	}
	if t.Enum != nil {
		return ClassEnum
	}
	switch t.Base {
	case "text", "varchar", "bpchar", "citext", "name":
		return ClassText
	case "int2", "int4", "int8":
		return ClassInteger
	case "numeric", "float4", "float8", "money":
		return ClassNumeric
	case "bool":
		return ClassBoolean
	case "date":
		return ClassDate
	case "timestamp", "timestamptz":
		return ClassTimestamp
	case "time", "timetz", "interval":
		return ClassTime
	case "uuid":
		return ClassUUID
	case "json", "jsonb":
		return ClassJSON
	case "bytea":
		return ClassBytes
	case "inet", "cidr", "macaddr", "macaddr8":
		return ClassNetwork
	}
	return ClassOther
}
