package copytext

import "bytes"

// IsNull reports whether a raw field is SQL NULL.
func IsNull(raw []byte) bool { return len(raw) == 2 && raw[0] == '\\' && raw[1] == 'N' }

// IsPlain reports whether a raw field holds no escape, so that it is its own text.
func IsPlain(raw []byte) bool { return bytes.IndexByte(raw, '\\') < 0 }

// Unescape appends the value of a raw field to dst. A field of exactly \N is SQL NULL: dst comes back as
// it was and null is true. It takes every escape that the server takes: \b \f \n \r \t \v, a backslash
// with one to three octal digits or with x and one or two hex digits, and a backslash before any other
// character, which stands for that character. It refuses, with an *Error, a backslash that escapes
// nothing, \. and the byte zero; dst is then of no use.
func Unescape(dst, raw []byte) (text []byte, null bool, err error) {
	if IsNull(raw) {
		return dst, true, nil
	}
	for {
		k := bytes.IndexByte(raw, '\\')
		if k < 0 {
			return append(dst, raw...), false, nil
		}
		dst = append(dst, raw[:k]...)
		raw = raw[k+1:]
		if len(raw) == 0 {
			return dst, false, &Error{Err: ErrBackslash}
		}
		c, size := escape(raw)
		switch {
		case raw[0] == '.':
			return dst, false, &Error{Err: ErrEndMark}
		case c == 0:
			return dst, false, &Error{Err: ErrNUL}
		}
		dst = append(dst, c)
		raw = raw[size:]
	}
}

// escape returns the byte that an escape stands for, and how many bytes follow its backslash. s begins
// after the backslash and is not empty.
func escape(s []byte) (c byte, size int) {
	switch s[0] {
	case 'b':
		return '\b', 1
	case 'f':
		return '\f', 1
	case 'n':
		return '\n', 1
	case 'r':
		return '\r', 1
	case 't':
		return '\t', 1
	case 'v':
		return '\v', 1
	case '0', '1', '2', '3', '4', '5', '6', '7':
		n := 0 // kept to its lower eight bits, as the server does
		for size < 3 && size < len(s) && s[size] >= '0' && s[size] <= '7' {
			n = n<<3 | int(s[size]-'0')
			size++
		}
		return byte(n), size
	case 'x':
		for size = 1; size < 3 && size < len(s); size++ {
			digit, ok := hexDigit(s[size])
			if !ok {
				break
			}
			c = c<<4 | digit
		}
		if size > 1 {
			return c, size
		}
	}
	return s[0], 1
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// AppendEscaped appends text to dst as the server itself would write it. Text must hold no byte zero:
// the server refuses it on the way in.
func AppendEscaped(dst, text []byte) []byte {
	from := 0
	for i, c := range text {
		letter := letterOf(c)
		if letter == 0 {
			continue
		}
		dst = append(dst, text[from:i]...)
		dst = append(dst, '\\', letter)
		from = i + 1
	}
	return append(dst, text[from:]...)
}

// letterOf returns the letter that stands for c behind a backslash, or 0 when c stands for itself.
func letterOf(c byte) byte {
	if c > '\r' && c != '\\' {
		return 0
	}
	switch c {
	case '\b':
		return 'b'
	case '\f':
		return 'f'
	case '\n':
		return 'n'
	case '\r':
		return 'r'
	case '\t':
		return 't'
	case '\v':
		return 'v'
	case '\\':
		return '\\'
	}
	return 0
}

// AppendNull appends a field that is SQL NULL.
func AppendNull(dst []byte) []byte { return append(dst, '\\', 'N') }
