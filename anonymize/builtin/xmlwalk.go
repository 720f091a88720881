package builtin

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/lethedb/lethe/anonymize"
)

var (
	errNotXML   = errors.New("mask XML: the value is not well-formed")
	errDoctype  = errors.New("mask XML: the document brings a DOCTYPE of its own, whose entities could hold anything")
	errXMLDeep  = fmt.Errorf("mask XML: the document nests deeper than %d levels", deepest)
	errXMLWrote = errors.New("mask XML: a mask wrote a character that no XML document may hold")
)

// xmlWalk goes through one document or fragment once. What it keeps it copies byte for byte, blanks between elements
// included.
type xmlWalk struct {
	mask *xmlMask
	text []byte
	at   int
	out  []byte
	row  anonymize.Row
	// open are the names of the elements that have begun and not ended.
	open []string
	// dropped is how deep an element stands that is taken out, 0 when none is.
	dropped int
	// raw is the text that was gathered since the last element, as it stands, value the same unescaped.
	raw, value []byte
}

// document handles all of the text.
func (w *xmlWalk) document() error {
	for w.at < len(w.text) {
		rest := w.text[w.at:]
		if rest[0] != '<' {
			n := bytes.IndexByte(rest, '<')
			if n < 0 {
				n = len(rest)
			}
			if err := w.gather(rest[:n], false); err != nil {
				return err
			}
			w.at += n
			continue
		}
		if err := w.markup(rest); err != nil {
			return err
		}
	}
	if len(w.open) > 0 {
		return errNotXML
	}
	return w.flush()
}

// markup handles what begins with <.
func (w *xmlWalk) markup(rest []byte) error {
	const comment, data = "<!--", "<![CDATA["
	switch {
	case bytes.HasPrefix(rest, []byte(comment)):
		return w.skip(len(comment), "-->")
	case bytes.HasPrefix(rest, []byte("<?")):
		return w.skip(len("<?"), "?>")
	case bytes.HasPrefix(rest, []byte(data)):
		start := w.at
		if err := w.skip(len(data), "]]>"); err != nil {
			return err
		}
		return w.gather(w.text[start:w.at], true)
	case bytes.HasPrefix(rest, []byte("<!")):
		return errDoctype
	}
	if err := w.flush(); err != nil {
		return err
	}
	if bytes.HasPrefix(rest, []byte("</")) {
		return w.end()
	}
	return w.begin()
}

// skip moves behind the next end after so many bytes.
func (w *xmlWalk) skip(n int, end string) error {
	length := bytes.Index(w.text[w.at+n:], []byte(end))
	if length < 0 {
		return errNotXML
	}
	w.at += n + length + len(end)
	return nil
}

// gather adds text, as it stands, to what is gathered.
func (w *xmlWalk) gather(raw []byte, data bool) (err error) {
	w.raw = append(w.raw, raw...)
	if data {
		w.value = append(w.value, raw[len("<![CDATA["):len(raw)-len("]]>")]...)
		return nil
	}
	w.value, err = appendUnescaped(w.value, raw)
	return err
}

// flush writes the text that was gathered, as the path of its element decides.
func (w *xmlWalk) flush() error {
	defer func() { w.raw, w.value = w.raw[:0], w.value[:0] }()
	switch {
	case w.dropped > 0 || len(w.raw) == 0:
		return nil
	case len(bytes.TrimSpace(w.value)) == 0:
		w.out = append(w.out, w.raw...)
		return nil
	}
	p := w.mask.rules.find(w.open, "")
	switch {
	case p == nil && w.mask.refuse:
		return w.undecided("a text")
	case p == nil:
		return nil
	case p.Keep:
		w.out = append(w.out, w.raw...)
		return nil
	}
	masked, err := w.masked(p, w.value)
	if err == nil {
		w.out, err = appendXML(w.out, masked, false)
	}
	return err
}

// masked returns what the mask of a path makes of a value, nil for nothing.
func (w *xmlWalk) masked(p *xmlPath, value []byte) ([]byte, error) {
	return p.Mask.Append([]byte{}, anonymize.Value{Text: value, Row: w.row})
}

// undecided says where something stands that no path decides. Names of elements are not told: a document may spell
// anything in them.
func (w *xmlWalk) undecided(what string) error {
	return fmt.Errorf("mask XML: at depth %d stands %s that no path decides; add a path for it, or set unknown: redact", len(w.open), what)
}

// end handles an end tag.
func (w *xmlWalk) end() error {
	n := bytes.IndexByte(w.text[w.at:], '>')
	if n < 0 || len(w.open) == 0 {
		return errNotXML
	}
	tag := w.text[w.at : w.at+n+1]
	name := string(bytes.TrimRight(tag[2:n], " \t\r\n"))
	if name != w.open[len(w.open)-1] {
		return errNotXML
	}
	w.at += len(tag)
	if w.dropped == 0 {
		w.out = append(append(append(w.out, "</"...), name...), '>')
	}
	w.close()
	return nil
}

// close ends the innermost element.
func (w *xmlWalk) close() {
	if w.dropped == len(w.open) {
		w.dropped = 0
	}
	w.open = w.open[:len(w.open)-1]
}

// begin handles a start tag.
func (w *xmlWalk) begin() error {
	w.at++
	name := w.name()
	if !isXMLName(name) {
		return errNotXML
	}
	if len(w.open) == deepest {
		return errXMLDeep
	}
	w.open = append(w.open, name)
	if w.dropped == 0 && !w.mask.rules.leads(w.open) {
		if w.mask.refuse {
			return w.undecided("an element")
		}
		w.dropped = len(w.open)
	}
	if w.dropped == 0 {
		w.out = append(append(w.out, '<'), name...)
	}
	var seen []string
	for {
		blank := w.blank()
		if w.at == len(w.text) {
			return errNotXML
		}
		switch b := w.text[w.at]; {
		case b == '>':
			w.at++
			w.write(">")
			return nil
		case b == '/' && w.at+1 < len(w.text) && w.text[w.at+1] == '>':
			w.at += 2
			w.write("/>")
			w.close()
			return nil
		case !blank:
			return errNotXML
		}
		name, err := w.attribute(seen)
		if err != nil {
			return err
		}
		seen = append(seen, name)
	}
}

// write writes markup of an element that is not taken out.
func (w *xmlWalk) write(markup string) {
	if w.dropped == 0 {
		w.out = append(w.out, markup...)
	}
}

// name takes a name.
func (w *xmlWalk) name() string {
	start := w.at
	for w.at < len(w.text) && !endsXMLName(w.text[w.at]) {
		w.at++
	}
	return string(w.text[start:w.at])
}

// blank takes blanks and reports whether there were any.
func (w *xmlWalk) blank() bool {
	start := w.at
	for w.at < len(w.text) {
		switch w.text[w.at] {
		case ' ', '\t', '\r', '\n':
			w.at++
			continue
		}
		break
	}
	return w.at > start
}

// attribute handles one attribute and returns its name, which none of those seen may have.
func (w *xmlWalk) attribute(seen []string) (string, error) {
	name := w.name()
	w.blank()
	if !isXMLName(name) || slices.Contains(seen, name) || w.at == len(w.text) || w.text[w.at] != '=' {
		return "", errNotXML
	}
	w.at++
	w.blank()
	if w.at == len(w.text) || w.text[w.at] != '"' && w.text[w.at] != '\'' {
		return "", errNotXML
	}
	n := bytes.IndexByte(w.text[w.at+1:], w.text[w.at])
	if n < 0 {
		return "", errNotXML
	}
	raw := w.text[w.at : w.at+n+2]
	w.at += len(raw)
	value, err := appendUnescaped(nil, raw[1:len(raw)-1])
	if err != nil || bytes.IndexByte(raw, '<') >= 0 {
		return "", errNotXML
	}
	if w.dropped > 0 {
		return name, nil
	}
	return name, w.decide(name, raw, value)
}

// decide writes an attribute as its path says. Declarations of namespaces are a part of the names.
func (w *xmlWalk) decide(name string, raw, value []byte) error {
	p := w.mask.rules.find(w.open, name)
	switch {
	case name == "xmlns" || strings.HasPrefix(name, "xmlns:"), p != nil && p.Keep:
		w.out = append(append(append(append(w.out, ' '), name...), '='), raw...)
		return nil
	case p == nil && w.mask.refuse:
		return w.undecided("an attribute")
	case p == nil:
		return nil
	}
	masked, err := w.masked(p, value)
	if err != nil || masked == nil {
		return err
	}
	w.out = append(append(append(w.out, ' '), name...), `="`...)
	if w.out, err = appendXML(w.out, masked, true); err != nil {
		return err
	}
	w.out = append(w.out, '"')
	return nil
}

// appendUnescaped appends the text that raw stands for. It knows the five entities that need no declaration, and
// characters by their number.
func appendUnescaped(dst, raw []byte) ([]byte, error) {
	for {
		n := bytes.IndexByte(raw, '&')
		if n < 0 {
			return append(dst, raw...), nil
		}
		dst = append(dst, raw[:n]...)
		raw = raw[n+1:]
		end := bytes.IndexByte(raw, ';')
		if end < 0 {
			return nil, errNotXML
		}
		character, ok := entity(string(raw[:end]))
		if !ok {
			return nil, errNotXML
		}
		dst = utf8.AppendRune(dst, character)
		raw = raw[end+1:]
	}
}

// entity returns the character that an entity stands for.
func entity(name string) (rune, bool) {
	switch name {
	case "lt":
		return '<', true
	case "gt":
		return '>', true
	case "amp":
		return '&', true
	case "quot":
		return '"', true
	case "apos":
		return '\'', true
	}
	digits, ok := strings.CutPrefix(name, "#")
	base := 10
	if rest, hex := strings.CutPrefix(digits, "x"); hex {
		digits, base = rest, 16
	}
	n, err := strconv.ParseUint(digits, base, 32)
	if !ok || err != nil || !isXMLCharacter(rune(n)) || digits[0] == '+' {
		return 0, false
	}
	return rune(n), true
}

// isXMLCharacter reports whether XML 1.0 lets a document hold a character (production 2).
func isXMLCharacter(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || r >= 0x20 && r <= 0xD7FF || r >= 0xE000 && r <= 0xFFFD || r >= 0x10000 && r <= 0x10FFFF
}

// appendXML appends text such that it is read as it is.
func appendXML(dst, text []byte, attribute bool) ([]byte, error) {
	for _, r := range string(text) {
		switch {
		case r == '&':
			dst = append(dst, "&amp;"...)
		case r == '<':
			dst = append(dst, "&lt;"...)
		case r == '>':
			dst = append(dst, "&gt;"...)
		case r == '\r', attribute && (r == '"' || r == '\t' || r == '\n'):
			dst = append(strconv.AppendInt(append(dst, "&#"...), int64(r), 10), ';')
		case !isXMLCharacter(r):
			return nil, errXMLWrote
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return dst, nil
}
