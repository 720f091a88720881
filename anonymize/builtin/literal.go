package builtin

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lethedb/lethe/internal/catalog"
)

// blank returns the text of t's blank value, the one that says least, and whether one is known.
func blank(t catalog.Type) (string, bool) {
	switch t.Class() {
	case catalog.ClassText:
		return "", true
	case catalog.ClassInteger, catalog.ClassNumeric:
		return "0", true
	case catalog.ClassBoolean:
		return "f", true
	case catalog.ClassDate:
		return "1970-01-01", true
	case catalog.ClassTimestamp:
		return "1970-01-01 00:00:00+00", true
	case catalog.ClassUUID:
		return "00000000-0000-0000-0000-000000000000", true
	case catalog.ClassJSON, catalog.ClassArray:
		return "{}", true
	case catalog.ClassBytes:
		return `\x`, true
	case catalog.ClassEnum:
		if len(t.Enum) > 0 {
			return t.Enum[0], true
		}
		return "", false
	}
	return blankByName(t)
}

// blankByName knows the types that share no class.
func blankByName(t catalog.Type) (string, bool) {
	switch t.Base {
	case "time", "interval":
		return "00:00:00", true
	case "timetz":
		return "00:00:00+00", true
	case "inet":
		return "0.0.0.0", true
	case "cidr":
		return "0.0.0.0/32", true
	case "macaddr":
		return "00:00:00:00:00:00", true
	case "macaddr8":
		return "00:00:00:00:00:00:00:00", true
	case "bit":
		return strings.Repeat("0", max(1, t.MaxLength)), true
	case "varbit", "xml", "tsvector", "tsquery", "hstore", "ltree", "char":
		return "", true
	case "oid", "xid", "cid", "xid8":
		return "0", true
	case "pg_lsn":
		return "0/0", true
	case "int4range", "int8range", "numrange", "daterange", "tsrange", "tstzrange":
		return "empty", true
	case "int4multirange", "int8multirange", "nummultirange", "datemultirange", "tsmultirange", "tstzmultirange":
		return "{}", true
	case "point":
		return "(0,0)", true
	case "box":
		return "(0,0),(0,0)", true
	case "circle":
		return "<(0,0),0>", true
	case "lseg":
		return "[(0,0),(0,0)]", true
	case "path", "polygon":
		return "((0,0))", true
	}
	return "", false
}

// checkLiteral returns why text is no value of t, as far as it can be told without a server. It quotes
// text nowhere: a constant may be a secret too.
func checkLiteral(t catalog.Type, text string) error {
	if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return fmt.Errorf("it is not UTF-8 or holds a zero byte")
	}
	switch t.Class() {
	case catalog.ClassText:
		if n := utf8.RuneCountInString(text); t.MaxLength > 0 && n > t.MaxLength {
			return fmt.Errorf("it has %d characters, the column takes %d", n, t.MaxLength)
		}
		if t.Base == "name" && len(text) > nameBytes {
			return fmt.Errorf("it has %d bytes, a name takes %d", len(text), nameBytes)
		}
	case catalog.ClassInteger:
		bits := 64
		switch t.Base {
		case "int2":
			bits = 16
		case "int4":
			bits = 32
		}
		if _, err := strconv.ParseInt(text, 10, bits); err != nil {
			return fmt.Errorf("write an integer of %d bits", bits)
		}
	case catalog.ClassNumeric:
		return checkNumeric(t, text)
	case catalog.ClassBoolean:
		if !slices.Contains([]string{"t", "f", "true", "false"}, text) {
			return fmt.Errorf("write true or false")
		}
	case catalog.ClassDate, catalog.ClassTimestamp:
		return checkMoment(text)
	case catalog.ClassEnum:
		if !slices.Contains(t.Enum, text) {
			return fmt.Errorf("it is none of the %d labels", len(t.Enum))
		}
	case catalog.ClassJSON:
		if !json.Valid([]byte(text)) {
			return fmt.Errorf("write valid JSON")
		}
	default:
		return checkByName(t, text)
	}
	return nil
}

func checkNumeric(t catalog.Type, text string) error {
	n, ok := splitNumber([]byte(text))
	if !ok && !slices.Contains([]string{"NaN", "Infinity", "-Infinity"}, text) {
		return fmt.Errorf("write a number with a decimal point")
	}
	if digits := len(strings.TrimLeft(string(n.whole), "0")); t.Precision > 0 && digits+n.exponent > t.Precision-t.Scale {
		return fmt.Errorf("it has more digits than numeric(%d,%d) takes", t.Precision, t.Scale)
	}
	return nil
}

// checkMoment accepts what the server writes under datestyle ISO, and infinity.
func checkMoment(text string) error {
	if text == "infinity" || text == "-infinity" {
		return nil
	}
	text = strings.TrimSuffix(text, " BC")
	for _, layout := range []string{
		"2006-01-02", "2006-01-02 15:04:05.999999", "2006-01-02 15:04:05.999999-07", "2006-01-02 15:04:05.999999-07:00", "2006-01-02 15:04",
	} {
		if _, err := time.Parse(layout, text); err == nil {
			return nil
		}
	}
	return fmt.Errorf("write it as 2006-01-31 or 2006-01-31 23:59:59")
}

// checkByName knows types whose text has one form that is quickly told. What it does not know is left to
// the server, which refuses it when the first row arrives.
func checkByName(t catalog.Type, text string) error {
	ok := true
	switch t.Base {
	case "uuid":
		raw, err := hex.DecodeString(strings.ReplaceAll(text, "-", ""))
		ok = err == nil && len(raw) == 16
	case "bytea":
		_, err := hex.DecodeString(strings.TrimPrefix(text, `\x`))
		ok = err == nil && strings.HasPrefix(text, `\x`)
	case "inet":
		_, errAddr := netip.ParseAddr(text)
		_, errPrefix := netip.ParsePrefix(text)
		ok = errAddr == nil || errPrefix == nil
	case "cidr":
		prefix, err := netip.ParsePrefix(text)
		ok = err == nil && prefix == prefix.Masked()
	default:
		if t.Class() == catalog.ClassArray {
			ok = strings.HasPrefix(text, "{") && strings.HasSuffix(text, "}") || strings.HasPrefix(text, "[")
		}
	}
	if !ok {
		return fmt.Errorf("write it as the server would")
	}
	return nil
}
