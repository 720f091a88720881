package copybinary

import (
	"encoding/binary"
	"errors"
	"math"
	"strconv"

	"github.com/lethedb/lethe/internal/catalog"
)

// Codec turns the values of one type from their binary form into text and back. It holds no state.
type Codec uint8

// The codecs.
const (
	none  Codec = iota
	raw         // the text itself
	jsonb       // a version and the text
	boolean
	int2
	int4
	int8
	date
	timestamp
	timestamptz
	uuid
)

// CodecFor returns the codec of a type, and whether there is one: a column whose values a mask must see
// can travel in the binary form only then.
func CodecFor(t catalog.Type) (Codec, bool) {
	c := none
	switch {
	case !Fits(t):
	case t.Enum != nil:
		c = raw
	default:
		switch t.Base {
		case "text", "varchar", "bpchar", "name", "citext", "json":
			c = raw
		case "jsonb":
			c = jsonb
		case "bool":
			c = boolean
		case "int2":
			c = int2
		case "int4":
			c = int4
		case "int8":
			c = int8
		case "date":
			c = date
		case "timestamp":
			c = timestamp
		case "timestamptz":
			c = timestamptz
		case "uuid":
			c = uuid
		}
	}
	return c, c != none
}

// jsonbVersion begins every binary jsonb there is.
const jsonbVersion = 1

// What can be wrong with a value. It is never quoted.
var (
	errSize    = errors.New("a binary value has another length than its type")
	errVersion = errors.New("a binary value has a version that is not known")
	errText    = errors.New("the text is no value of the column's type")
)

// Plain reports that the binary form is the text itself.
func (c Codec) Plain() bool { return c == raw }

// Text appends the text of a binary value to dst: what COPY's text form holds under the settings that
// every session pins.
func (c Codec) Text(dst, value []byte) ([]byte, error) {
	switch c {
	case raw:
		return append(dst, value...), nil
	case jsonb:
		if len(value) == 0 || value[0] != jsonbVersion {
			return dst, errVersion
		}
		return append(dst, value[1:]...), nil
	}
	if len(value) != c.size() {
		return dst, errSize
	}
	switch c {
	case boolean:
		if value[0] == 0 {
			return append(dst, 'f'), nil
		}
		return append(dst, 't'), nil
	case int2:
		return strconv.AppendInt(dst, int64(int16(binary.BigEndian.Uint16(value))), 10), nil
	case int4:
		return strconv.AppendInt(dst, int64(int32(binary.BigEndian.Uint32(value))), 10), nil
	case int8:
		return strconv.AppendInt(dst, int64(binary.BigEndian.Uint64(value)), 10), nil
	case date:
		return appendDate(dst, int32(binary.BigEndian.Uint32(value))), nil
	case uuid:
		return appendUUID(dst, value), nil
	}
	return appendTimestamp(dst, int64(binary.BigEndian.Uint64(value)), c == timestamptz), nil
}

// size is the length of every value of a type of fixed length.
func (c Codec) size() int {
	switch c {
	case boolean:
		return 1
	case int2:
		return 2
	case int4, date:
		return 4
	case uuid:
		return 16
	}
	return 8
}

// Binary appends the binary form of a text to dst. It takes what Text makes and what masks write; for any
// other spelling it errs, though the server might take it.
func (c Codec) Binary(dst, text []byte) ([]byte, error) {
	switch c {
	case raw:
		return append(dst, text...), nil
	case jsonb:
		return append(append(dst, jsonbVersion), text...), nil
	case boolean:
		switch string(text) {
		case "t", "true":
			return append(dst, 1), nil
		case "f", "false":
			return append(dst, 0), nil
		}
		return dst, errText
	case uuid:
		return appendUUIDBytes(dst, text)
	case date:
		days, err := parseDate(text)
		return binary.BigEndian.AppendUint32(dst, uint32(days)), err
	case timestamp, timestamptz:
		moment, err := parseTimestamp(text, c == timestamptz)
		return binary.BigEndian.AppendUint64(dst, uint64(moment)), err
	}
	n, err := strconv.ParseInt(string(text), 10, 8*c.size())
	if err != nil {
		return dst, errText // the cause would quote the text
	}
	switch c {
	case int2:
		return binary.BigEndian.AppendUint16(dst, uint16(n)), nil
	case int4:
		return binary.BigEndian.AppendUint32(dst, uint32(n)), nil
	}
	return binary.BigEndian.AppendUint64(dst, uint64(n)), nil
}

const hexDigits = "0123456789abcdef"

func appendUUID(dst, value []byte) []byte {
	for i, b := range value {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			dst = append(dst, '-')
		}
		dst = append(dst, hexDigits[b>>4], hexDigits[b&15])
	}
	return dst
}

func appendUUIDBytes(dst, text []byte) ([]byte, error) {
	start, high, half := len(dst), byte(0), false
	for _, b := range text {
		switch {
		case b == '-' && !half:
			continue
		case '0' <= b && b <= '9':
			b -= '0'
		case 'a' <= b|0x20 && b|0x20 <= 'f':
			b = b | 0x20 - 'a' + 10
		default:
			return dst, errText
		}
		if half {
			dst = append(dst, high|b)
		}
		high, half = b<<4, !half
	}
	if half || len(dst)-start != uuid.size() {
		return dst, errText
	}
	return dst, nil
}

// AppendField appends a field: the length of a text's binary form, and that form.
func AppendField(dst []byte, c Codec, text []byte) ([]byte, error) {
	start := len(dst)
	dst, err := c.Binary(append(dst, 0, 0, 0, 0), text)
	if err != nil {
		return dst, err
	}
	size := len(dst) - start - LengthSize
	if size > math.MaxInt32 {
		return dst, errSize
	}
	binary.BigEndian.PutUint32(dst[start:], uint32(size))
	return dst, nil
}

// AppendNull appends a field that is NULL.
func AppendNull(dst []byte) []byte { return append(dst, 0xff, 0xff, 0xff, 0xff) }
