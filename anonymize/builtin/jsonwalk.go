package builtin

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/lethedb/lethe/anonymize"
)

// deepest is how deep a document may nest where paths lead. What is kept or taken out whole may be as deep
// as the server lets it be.
const deepest = 500

var errNotJSON = errors.New("mask JSON: the value is no well-formed document")

// jsonWalk goes through one document once. Everything it does not mask it copies byte for byte, numbers,
// blanks and repeated keys included.
type jsonWalk struct {
	text   []byte
	at     int
	out    []byte
	row    anonymize.Row
	refuse bool
}

// value handles the value at w.at, which must be no blank, as node says.
func (w *jsonWalk) value(node *jsonNode, depth int) error {
	if w.at >= len(w.text) {
		return errNotJSON
	}
	first := w.text[w.at]
	switch {
	case depth > deepest:
		return fmt.Errorf("mask JSON: the document nests deeper than %d levels", deepest)
	case node.keep:
		return w.copyValue()
	case node.mask != nil && (first == '{' || first == '['):
		return w.maskContainer(node, first)
	case node.mask != nil:
		return w.maskScalar(node)
	case first == '{' && (node.members != nil || node.anyMember != nil):
		return w.object(node, depth)
	case first == '[' && node.elements != nil:
		return w.array(node, depth)
	}
	return w.misfit(node, first)
}

// misfit handles a value of another shape than the paths below node expect. What holds nothing passes.
func (w *jsonWalk) misfit(node *jsonNode, first byte) error {
	start := w.at
	if err := w.skipValue(); err != nil {
		return err
	}
	switch raw := w.text[start:w.at]; {
	case first == 'n', isEmptyContainer(raw):
		w.out = append(w.out, raw...)
	case w.refuse:
		return fmt.Errorf("mask JSON: %s holds %s, which no path decides; add a path for it, or set unknown: redact", node.path, kindOf(first))
	default:
		w.out = append(w.out, blankOf(first)...)
	}
	return nil
}

// maskContainer handles an object or array where a mask for single values stands. Masks that look at no
// value take it whole.
func (w *jsonWalk) maskContainer(node *jsonNode, first byte) error {
	start := w.at
	if err := w.skipValue(); err != nil {
		return err
	}
	_, takesAll := node.mask.(wholesale)
	_, nulls := node.mask.(nullMask)
	switch {
	case nulls:
		w.out = append(w.out, "null"...)
	case isEmptyContainer(w.text[start:w.at]):
		w.out = append(w.out, w.text[start:w.at]...)
	case takesAll || !w.refuse:
		w.out = append(w.out, blankOf(first)...)
	default:
		return fmt.Errorf("mask JSON: %s holds %s, and its mask is for single values; add paths below it, or set unknown: redact", node.path, kindOf(first))
	}
	return nil
}

// kindOf names what begins with first.
func kindOf(first byte) string {
	switch first {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	}
	return "a number"
}

// blankOf returns the value of the same type that says nothing.
func blankOf(first byte) string {
	switch first {
	case '{':
		return "{}"
	case '[':
		return "[]"
	case '"':
		return `""`
	case 't', 'f':
		return "false"
	case 'n':
		return "null"
	}
	return "0"
}

func isEmptyContainer(raw []byte) bool {
	return len(raw) >= 2 && (raw[0] == '{' || raw[0] == '[') && len(bytes.Trim(raw[1:len(raw)-1], " \t\r\n")) == 0
}

// object handles the members of an object. A member that no path decides is left out together with its
// key, because keys of such objects are often names or addresses themselves.
func (w *jsonWalk) object(node *jsonNode, depth int) error {
	w.at++
	w.out = append(w.out, '{')
	written := 0
	for number := 1; ; number++ {
		start := w.at
		w.skipSpace()
		if w.peek() == '}' && number == 1 {
			break
		}
		key, err := w.key()
		if err != nil {
			return err
		}
		child := node.member(key)
		switch {
		case child != nil:
			if written > 0 {
				w.out = append(w.out, ',')
			}
			w.out = append(w.out, w.text[start:w.at]...)
			written++
			if err := w.value(child, depth+1); err != nil {
				return err
			}
			w.space()
		case w.refuse:
			return fmt.Errorf("mask JSON: member %d of %s is decided by no path; add its path, or set unknown: redact", number, node.path)
		default:
			if err := w.skipValue(); err != nil {
				return err
			}
			w.skipSpace()
		}
		if w.peek() == '}' {
			break
		}
		if w.peek() != ',' {
			return errNotJSON
		}
		w.at++
	}
	w.at++
	w.out = append(w.out, '}')
	return nil
}

// key reads a key, its colon and the blanks around it.
func (w *jsonWalk) key() ([]byte, error) {
	start := w.at
	if w.peek() != '"' || !w.skipString() {
		return nil, errNotJSON
	}
	raw := w.text[start+1 : w.at-1]
	w.skipSpace()
	if w.peek() != ':' {
		return nil, errNotJSON
	}
	w.at++
	w.skipSpace()
	text, ok := unquote(raw)
	if !ok {
		return nil, errNotJSON
	}
	return text, nil
}

func (w *jsonWalk) array(node *jsonNode, depth int) error {
	w.at++
	w.out = append(w.out, '[')
	w.space()
	if w.peek() == ']' {
		w.at++
		w.out = append(w.out, ']')
		return nil
	}
	for {
		if err := w.value(node.elements, depth+1); err != nil {
			return err
		}
		w.space()
		end := w.peek()
		if end != ',' && end != ']' {
			return errNotJSON
		}
		w.at++
		w.out = append(w.out, end)
		if end == ']' {
			return nil
		}
		w.space()
	}
}

// maskScalar masks a string, a number or a boolean so that its type stays. JSON null stays null, as SQL
// NULL does. Where the mask makes no number of a number, or no boolean of a boolean, the type's blank
// stands in: the type is what programs rely on, and a blank tells nothing.
func (w *jsonWalk) maskScalar(node *jsonNode) error {
	start := w.at
	first := w.text[start]
	if err := w.skipValue(); err != nil {
		return err
	}
	raw := w.text[start:w.at]
	if first == 'n' {
		w.out = append(w.out, raw...)
		return nil
	}
	text, begin := raw, len(w.out)
	if first == '"' {
		var ok bool
		if text, ok = unquote(raw[1 : len(raw)-1]); !ok {
			return errNotJSON
		}
		w.out = append(w.out, '"')
	}
	out, err := node.mask.Append(w.out, anonymize.Value{Text: text, Row: w.row})
	switch {
	case err != nil:
		return fmt.Errorf("mask JSON at %s: %w", node.path, err)
	case out == nil:
		w.out = append(w.out[:begin], "null"...)
		return nil
	case first == '"':
		w.out = append(quoteFrom(out, begin+1), '"')
		return nil
	}
	w.out = typedFrom(out, begin, first)
	return nil
}

// typedFrom makes what was appended from position start on a number or a boolean, as first says.
func typedFrom(out []byte, start int, first byte) []byte {
	got := string(out[start:])
	switch {
	case first != 't' && first != 'f':
		if !isNumber(out[start:]) {
			out = append(out[:start], blankOf(first)...)
		}
	case got == "t" || got == "true":
		out = append(out[:start], "true"...)
	default:
		out = append(out[:start], blankOf(first)...)
	}
	return out
}

// quoteFrom escapes what must be escaped in a JSON string from position start of out on.
func quoteFrom(out []byte, start int) []byte {
	i := start
	for i < len(out) && out[i] >= ' ' && out[i] != '"' && out[i] != '\\' {
		i++
	}
	if i == len(out) {
		return out
	}
	rest := bytes.Clone(out[i:])
	out = out[:i]
	for _, b := range rest {
		switch {
		case b == '"' || b == '\\':
			out = append(out, '\\', b)
		case b < ' ':
			out = appendHex(append(out, `\u00`...), []byte{b}, 2)
		default:
			out = append(out, b)
		}
	}
	return out
}

// isNumber reports whether text is a number as JSON writes one.
func isNumber(text []byte) bool {
	text = bytes.TrimPrefix(text, []byte("-"))
	whole, rest := leadingDigits(text)
	if len(whole) == 0 || len(whole) > 1 && whole[0] == '0' {
		return false
	}
	if len(rest) > 0 && rest[0] == '.' {
		var fraction []byte
		if fraction, rest = leadingDigits(rest[1:]); len(fraction) == 0 {
			return false
		}
	}
	if len(rest) == 0 {
		return true
	}
	if rest[0]|0x20 != 'e' {
		return false
	}
	rest = rest[1:]
	if len(rest) > 0 && (rest[0] == '+' || rest[0] == '-') {
		rest = rest[1:]
	}
	exponent, rest := leadingDigits(rest)
	return len(exponent) > 0 && len(rest) == 0
}

// unquote returns the text of a JSON string without its quotes. A lone half of a surrogate pair, which
// the type json lets in, becomes U+FFFD.
func unquote(raw []byte) ([]byte, bool) {
	escape := bytes.IndexByte(raw, '\\')
	if escape < 0 {
		return raw, true
	}
	text := bytes.Clone(raw[:escape])
	for i := escape; i < len(raw); i++ {
		if raw[i] != '\\' {
			text = append(text, raw[i])
			continue
		}
		if i++; i == len(raw) {
			return nil, false
		}
		if raw[i] == 'u' {
			r, ok := hexRune(raw[i+1:])
			if !ok {
				return nil, false
			}
			i += 4
			if utf16.IsSurrogate(r) && i+6 < len(raw) && raw[i+1] == '\\' && raw[i+2] == 'u' {
				if low, ok := hexRune(raw[i+3:]); ok && utf16.DecodeRune(r, low) != utf8.RuneError {
					r = utf16.DecodeRune(r, low)
					i += 6
				}
			}
			text = utf8.AppendRune(text, r)
			continue
		}
		at := bytes.IndexByte([]byte(`"\/bfnrt`), raw[i])
		if at < 0 {
			return nil, false
		}
		text = append(text, "\"\\/\b\f\n\r\t"[at])
	}
	return text, true
}

// hexRune reads four hexadecimal digits.
func hexRune(raw []byte) (rune, bool) {
	if len(raw) < 4 {
		return 0, false
	}
	r := rune(0)
	for _, b := range raw[:4] {
		switch {
		case isDigit(b):
			r = r<<4 | rune(b-'0')
		case 'a' <= b|0x20 && b|0x20 <= 'f':
			r = r<<4 | rune(b|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

func (w *jsonWalk) peek() byte {
	if w.at < len(w.text) {
		return w.text[w.at]
	}
	return 0
}

func (w *jsonWalk) skipSpace() {
	for w.at < len(w.text) && (w.text[w.at] == ' ' || w.text[w.at] == '\n' || w.text[w.at] == '\t' || w.text[w.at] == '\r') {
		w.at++
	}
}

// space copies blanks.
func (w *jsonWalk) space() {
	start := w.at
	w.skipSpace()
	w.out = append(w.out, w.text[start:w.at]...)
}

func (w *jsonWalk) copyValue() error {
	start := w.at
	if err := w.skipValue(); err != nil {
		return err
	}
	w.out = append(w.out, w.text[start:w.at]...)
	return nil
}

// skipValue moves behind one value. The server has vouched for its form, so inside containers only
// brackets are counted; no recursion, however deep it is.
func (w *jsonWalk) skipValue() error {
	for open := 0; ; {
		switch b := w.peek(); b {
		case '{', '[':
			open++
			w.at++
		case '}', ']':
			if open--; open < 0 {
				return errNotJSON
			}
			w.at++
		case '"':
			if !w.skipString() {
				return errNotJSON
			}
		case ',', ':', ' ', '\t', '\r', '\n':
			if open == 0 {
				return errNotJSON
			}
			w.at++
			continue
		default:
			if !w.skipWord() {
				return errNotJSON
			}
		}
		if open == 0 {
			return nil
		}
	}
}

// skipString moves behind a string.
func (w *jsonWalk) skipString() bool {
	for w.at++; w.at < len(w.text); w.at++ {
		switch w.text[w.at] {
		case '\\':
			w.at++
		case '"':
			w.at++
			return true
		}
	}
	return false
}

// skipWord moves behind a number, true, false or null.
func (w *jsonWalk) skipWord() bool {
	start := w.at
	for w.at < len(w.text) && (isDigit(w.text[w.at]) || isLetter(w.text[w.at]) || bytes.IndexByte([]byte("+-."), w.text[w.at]) >= 0) {
		w.at++
	}
	switch word := w.text[start:w.at]; string(word) {
	case "true", "false", "null":
		return true
	default:
		return isNumber(word)
	}
}
