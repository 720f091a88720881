package builtin

import (
	"bytes"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/lethedb/lethe/internal/catalog"
)

// Canonical appends the form of text that all values equal to it under the equality of type t share, and
// returns the extended slice. Masks derive from this form, so that equal values stay equal whatever their
// spelling, also across the types that foreign keys join: integers and numerics, inet and cidr, dates and
// timestamps.
//
// Text is what COPY writes under the settings every session pins. bpchar loses trailing blanks; citext and
// columns of a non-deterministic collation are lowered, character by character, and composed (NFC), one
// fold for both because foreign keys join them. Where a collation tells more apart than this fold, two
// values become one and a unique index over them fails to build: loudly. Numbers lose leading and trailing zeros, a plus
// sign, an exponent and the minus of zero; a timestamp loses "+00" and a midnight; inet and cidr lose a
// full mask. Every other type, intervals and JSON included, is taken as written.
func Canonical(dst []byte, t catalog.Type, text []byte) []byte {
	return canonicalOf(t).append(dst, text)
}

// canonical is the rule of one type, found once per mask.
type canonical uint8

const (
	asWritten canonical = iota
	blankPadded
	composed
	blankPaddedComposed
	number
	moment
	address
)

func canonicalOf(t catalog.Type) canonical {
	switch t.Class() {
	case catalog.ClassText:
		return canonicalText(t)
	case catalog.ClassInteger:
		return number
	case catalog.ClassNumeric:
		if t.Base != "money" {
			return number
		}
	case catalog.ClassDate, catalog.ClassTimestamp:
		return moment
	case catalog.ClassNetwork:
		if t.Base == "inet" || t.Base == "cidr" {
			return address
		}
	}
	return asWritten
}

func canonicalText(t catalog.Type) canonical {
	switch {
	case t.Base == "bpchar" && t.CaseFolded:
		return blankPaddedComposed
	case t.Base == "bpchar":
		return blankPadded
	case t.CaseFolded || t.Base == "citext":
		return composed
	}
	return asWritten
}

// of returns the canonical form of text, for which scratch may be used: most text is its own.
func (c canonical) of(scratch, text []byte) []byte {
	if c == asWritten {
		return text
	}
	return c.append(scratch, text)
}

func (c canonical) append(dst, text []byte) []byte {
	switch c {
	case blankPadded:
		return append(dst, bytes.TrimRight(text, " ")...)
	case composed:
		return appendComposed(dst, text)
	case blankPaddedComposed:
		return appendComposed(dst, bytes.TrimRight(text, " "))
	case number:
		return appendNumber(dst, text)
	case moment:
		return appendMoment(dst, text)
	case address:
		return appendAddress(dst, text)
	}
	return append(dst, text...)
}

// appendLower appends text with every character in lower case. Bytes that are no UTF-8 pass unchanged.
func appendLower(dst, text []byte) []byte {
	for i := 0; i < len(text); {
		b := text[i]
		if b < utf8.RuneSelf {
			dst = append(dst, lowerByte(b))
			i++
			continue
		}
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			dst = append(dst, b)
		} else {
			dst = utf8.AppendRune(dst, unicode.ToLower(r))
		}
		i += size
	}
	return dst
}

func lowerByte(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		return b + 'a' - 'A'
	}
	return b
}

// appendComposed appends text composed and in lower case. ASCII, the usual case, needs no composing.
func appendComposed(dst, text []byte) []byte {
	for _, b := range text {
		if b >= utf8.RuneSelf {
			// NFC again: lowering can undo a composition.
			return append(dst, norm.NFC.Bytes(appendLower(nil, norm.NFC.Bytes(bytes.Clone(text))))...)
		}
	}
	return appendLower(dst, text)
}

// appendNumber appends the shortest plain decimal form of a number. Text that is no finite number, such
// as NaN or Infinity, is appended as written.
func appendNumber(dst, text []byte) []byte {
	n, ok := splitNumber(text)
	if !ok {
		return append(dst, text...)
	}
	whole, fraction := n.whole, n.fraction
	start := len(dst)
	if n.negative {
		dst = append(dst, '-')
	}
	digits := len(dst)
	// The decimal point stands n.exponent digits to the right of where it was written.
	point := len(whole) + n.exponent
	for i := 0; i < point; i++ {
		dst = appendDigit(dst, digits, digitAt(whole, fraction, i))
	}
	if len(dst) == digits {
		dst = append(dst, '0')
	}
	mark := len(dst)
	if end := len(whole) + len(fraction); point < end {
		dst = append(dst, '.')
		for i := point; i < end; i++ {
			dst = append(dst, digitAt(whole, fraction, i))
		}
		for dst[len(dst)-1] == '0' {
			dst = dst[:len(dst)-1]
		}
		if len(dst) == mark+1 {
			dst = dst[:mark]
		}
	}
	if n.negative && len(dst) == digits+1 && dst[digits] == '0' {
		return append(dst[:start], '0')
	}
	return dst
}

// appendDigit appends a digit of the whole part, of which leading zeros are dropped.
func appendDigit(dst []byte, digits int, digit byte) []byte {
	if digit == '0' && len(dst) == digits {
		return dst
	}
	return append(dst, digit)
}

// digitAt returns the i-th digit of whole‖fraction, '0' on both sides of it.
func digitAt(whole, fraction []byte, i int) byte {
	switch {
	case i < 0 || i >= len(whole)+len(fraction):
		return '0'
	case i < len(whole):
		return whole[i]
	}
	return fraction[i-len(whole)]
}

// decimal is a number taken apart: ±whole.fraction × 10^exponent.
type decimal struct {
	negative        bool
	whole, fraction []byte
	exponent        int
}

// maxExponent is beyond the reach of float8 and of any exponent the server writes.
const maxExponent = 400

func splitNumber(text []byte) (decimal, bool) {
	var n decimal
	if len(text) > 0 && (text[0] == '-' || text[0] == '+') {
		n.negative = text[0] == '-'
		text = text[1:]
	}
	n.whole, text = leadingDigits(text)
	if len(text) > 0 && text[0] == '.' {
		n.fraction, text = leadingDigits(text[1:])
	}
	if len(n.whole)+len(n.fraction) == 0 {
		return n, false
	}
	if len(text) > 0 && (text[0] == 'e' || text[0] == 'E') {
		ok := false
		if n.exponent, ok = parseExponent(text[1:]); !ok {
			return n, false
		}
		text = nil
	}
	return n, len(text) == 0
}

func leadingDigits(text []byte) (digits, rest []byte) {
	n := 0
	for n < len(text) && isDigit(text[n]) {
		n++
	}
	return text[:n], text[n:]
}

func parseExponent(text []byte) (int, bool) {
	negative := false
	if len(text) > 0 && (text[0] == '-' || text[0] == '+') {
		negative = text[0] == '-'
		text = text[1:]
	}
	digits, rest := leadingDigits(text)
	if len(digits) == 0 || len(rest) > 0 {
		return 0, false
	}
	n := 0
	for _, d := range digits {
		if n = n*10 + int(d-'0'); n > maxExponent {
			return 0, false
		}
	}
	if negative {
		n = -n
	}
	return n, true
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

// appendMoment appends a date or timestamp so that a date, the midnight it begins with, and that midnight
// in UTC are one. The era stays, behind what was cut.
func appendMoment(dst, text []byte) []byte {
	text, era := cutSuffix(text, " BC")
	text, _ = cutSuffix(text, "+00")
	text, _ = cutSuffix(text, " 00:00:00")
	dst = append(dst, text...)
	if era {
		dst = append(dst, " BC"...)
	}
	return dst
}

// appendAddress appends an inet or cidr without the mask that says "this one host".
func appendAddress(dst, text []byte) []byte {
	full := "/32"
	if bytes.IndexByte(text, ':') >= 0 {
		full = "/128"
	}
	text, _ = cutSuffix(text, full)
	return append(dst, text...)
}

func cutSuffix(text []byte, suffix string) ([]byte, bool) {
	if n := len(text) - len(suffix); n >= 0 && string(text[n:]) == suffix {
		return text[:n], true
	}
	return text, false
}
