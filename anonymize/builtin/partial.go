package builtin

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/derive"
	"github.com/lethedb/lethe/internal/catalog"
)

// partial returns the masks that leave a stated part of a value, or its shape alone.
func partial() []anonymize.Definition {
	return []anonymize.Definition{keepEnds(), maskEmail(), truncateText(), initials(), scramble(), lookup(), blankBytes()}
}

// cut is the contract of the masks that cut text and use no key: keyed for want of a better word, as redact is.
func cut(name, summary, example string) anonymize.Definition {
	return anonymize.Definition{
		Name: name, Family: name, Group: anonymize.GroupPartial, Unmapped: true, Summary: summary, Accepts: textOnly(),
		Reads: anonymize.ReadsValue, Determinism: anonymize.Keyed, Uniqueness: anonymize.UniqueNone, Nulls: anonymize.NullsKept,
		Discloses: everything(), Rank: 5, Cost: 50, Example: anonymize.Example{Input: example},
	}
}

func keepEnds() anonymize.Definition {
	d := cut("keep_ends", "leaves the first and last characters and covers those between; a value too short to have any between is covered whole", "4111111111111111")
	d.Params = []anonymize.Param{
		{Name: "first", Kind: anonymize.ParamInt, Default: int64(0), Doc: "how many characters at the beginning stay"},
		{Name: "last", Kind: anonymize.ParamInt, Default: int64(4), Doc: "how many characters at the end stay"},
		{Name: "char", Kind: anonymize.ParamString, Default: "*", Doc: "the character to write, printable ASCII and no blank"},
	}
	d.Check = func(a anonymize.Args) error {
		first, _ := intOf(a, "first")
		last, _ := intOf(a, "last")
		switch c := stringOf(a, "char"); {
		case first < 0 || last < 0:
			return errors.New("first and last are 0 or more")
		case first+last >= int64(limit(a)):
			return fmt.Errorf("%d characters would stay of at most %d, so that nothing would be covered; keep fewer", first+last, limit(a))
		case len(c) != 1 || c[0] < '!' || c[0] > '~':
			return errors.New("char must be one printable ASCII character other than a blank")
		}
		return nil
	}
	d.New = func(a anonymize.Args) (anonymize.Mask, error) {
		first, _ := intOf(a, "first")
		last, _ := intOf(a, "last")
		return keepEndsMask{int(first), int(last), stringOf(a, "char")[0]}, nil
	}
	return d
}

type keepEndsMask struct {
	first, last int
	char        byte
}

// Append implements anonymize.Mask. At least two characters are covered: of one the ends would say too much.
func (m keepEndsMask) Append(dst []byte, v anonymize.Value) ([]byte, error) {
	const fewest = 2
	n := utf8.RuneCount(v.Text)
	if n < m.first+m.last+fewest || !utf8.Valid(v.Text) {
		for range min(max(n, 1), redactedLength) {
			dst = append(dst, m.char)
		}
		return dst, nil
	}
	i := 0
	for _, r := range string(v.Text) {
		if i < m.first || i >= n-m.last {
			dst = utf8.AppendRune(dst, r)
		} else {
			dst = append(dst, m.char)
		}
		i++
	}
	return dst, nil
}

func maskEmail() anonymize.Definition {
	d := cut("mask_email", "covers the name in an e-mail address and leaves its domain", "mary.smith@shop.example")
	d.New = func(a anonymize.Args) (anonymize.Mask, error) { return maskEmailMask{limit(a)}, nil }
	return d
}

type maskEmailMask struct{ limit int }

// Append implements anonymize.Mask. What is no address is covered whole.
func (m maskEmailMask) Append(dst []byte, v anonymize.Value) ([]byte, error) {
	const covered = "****"
	start := len(dst)
	dst = append(dst, covered...)
	if at := bytes.LastIndexByte(v.Text, '@'); at > 0 && utf8.Valid(v.Text) && !bytes.HasPrefix(v.Text, []byte(covered)) {
		dst = append(dst, v.Text[at:]...)
	}
	return cutCharacters(dst, start, m.limit), nil
}

func truncateText() anonymize.Definition {
	d := cut("truncate_text", "leaves the first characters of a text; one that has no more becomes empty", "Mary Smith, 350 Fifth Avenue")
	d.Params = []anonymize.Param{{Name: "length", Kind: anonymize.ParamInt, Required: true, Doc: "how many characters stay"}}
	d.Example.Params = map[string]any{"length": int64(4)}
	d.Check = func(a anonymize.Args) error {
		switch n, _ := intOf(a, "length"); {
		case n < 1:
			return errors.New("length is 1 or more; to leave nothing use empty")
		case n >= int64(limit(a)):
			return fmt.Errorf("column of %d characters is never longer than %d, so that nothing would be cut; leave fewer", limit(a), n)
		}
		return nil
	}
	d.New = func(a anonymize.Args) (anonymize.Mask, error) {
		n, _ := intOf(a, "length")
		return truncateTextMask(n), nil
	}
	return d
}

type truncateTextMask int

// Append implements anonymize.Mask.
func (m truncateTextMask) Append(dst []byte, v anonymize.Value) ([]byte, error) {
	if utf8.RuneCount(v.Text) <= int(m) || !utf8.Valid(v.Text) {
		return dst, nil
	}
	start := len(dst)
	return cutCharacters(append(dst, v.Text...), start, int(m)), nil
}

func initials() anonymize.Definition {
	d := cut("initials", "leaves the first letter of each word of a name", "Mary Jane Smith")
	d.New = func(a anonymize.Args) (anonymize.Mask, error) { return initialsMask{limit(a)}, nil }
	return d
}

type initialsMask struct{ limit int }

// mostInitials is how many words have their letter written: a text is no name.
const mostInitials = 4

// Append implements anonymize.Mask. A word of one letter would stay as it is, and becomes X.
func (m initialsMask) Append(dst []byte, v anonymize.Value) ([]byte, error) {
	start, words := len(dst), 0
	for field := range strings.FieldsSeq(strings.ToValidUTF8(string(v.Text), " ")) {
		if words++; words > mostInitials {
			break
		}
		r, size := utf8.DecodeRuneInString(field)
		if !unicode.IsLetter(r) || len(strings.TrimRight(field[size:], ".")) == 0 {
			r = 'X'
		}
		if words > 1 {
			dst = append(dst, ' ')
		}
		dst = append(utf8.AppendRune(dst, r), '.')
	}
	return cutCharacters(dst, start, m.limit), nil
}

func scramble() anonymize.Definition {
	return anonymize.Definition{
		Name: "scramble", Family: "scramble", Group: anonymize.GroupPseudonymize, Accepts: textOnly(),
		Summary: "replaces each letter by a letter of its case and each digit by a digit; all else stays, and so does the length",
		Reads:   anonymize.ReadsValue, Determinism: anonymize.Keyed, Uniqueness: anonymize.UniqueNone, Nulls: anonymize.NullsKept,
		Discloses: append(equalityAndFrequency(), anonymize.DisclosesLength, anonymize.DisclosesFormat), Rank: 4, Cost: 400,
		Example: anonymize.Example{Input: "Order 4711/B, gate 7"},
		New: func(a anonymize.Args) (anonymize.Mask, error) {
			return &scrambleMask{prf: derive.NewPRF(a.Key), form: canonicalOf(a.Type), limit: limit(a)}, nil
		},
	}
}

type scrambleMask struct {
	prf   *derive.PRF
	form  canonical
	limit int
}

// Append implements anonymize.Mask. Text without a letter or digit becomes letters.
func (m *scrambleMask) Append(dst []byte, v anonymize.Value) ([]byte, error) {
	var scratch [scratchSize]byte
	value := m.form.of(scratch[:0], v.Text)
	d := m.prf.Draw(value)
	start := len(dst)
	for range maxDraws {
		dst = m.write(dst[:start], &d, v.Text)
		if !bytes.Equal(dst[start:], v.Text) {
			break
		}
	}
	return cutCharacters(dst, start, m.limit), nil
}

func (m *scrambleMask) write(dst []byte, d *derive.Draw, text []byte) []byte {
	start, masked := len(dst), false
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		switch {
		case unicode.IsDigit(r):
			dst, masked = append(dst, '0'+byte(d.N(10))), true
		case unicode.IsUpper(r):
			dst, masked = append(dst, 'A'+byte(d.N(26))), true
		case unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r):
			dst, masked = append(dst, 'a'+byte(d.N(26))), true
		case r == utf8.RuneError && size == 1, r > unicode.MaxLatin1:
			dst = append(dst, '-') // signs of their own may say who writes them
		default:
			dst = append(dst, text[i:i+size]...)
		}
		i += size
	}
	if !masked {
		dst = dst[:start]
		for range min(redactedLength, m.limit) {
			dst = append(dst, 'a'+byte(d.N(26)))
		}
	}
	return dst
}

func lookup() anonymize.Definition {
	return anonymize.Definition{
		Name: "lookup", Family: "lookup", Group: anonymize.GroupPseudonymize, Accepts: textOnly(),
		Summary: "replaces a value by one of a list, the same value always by the same",
		Params:  []anonymize.Param{{Name: "values", Kind: anonymize.ParamTexts, Required: true, Doc: "the values to choose from, two at least"}},
		Reads:   anonymize.ReadsValue, Determinism: anonymize.Keyed, Uniqueness: anonymize.UniqueNone, Nulls: anonymize.NullsKept,
		Discloses: equalityAndFrequency(), Rank: 3, Cost: 100,
		Example: anonymize.Example{Input: "oncology", Params: map[string]any{"values": []string{"surgery", "medicine", "paediatrics"}}},
		Check: func(a anonymize.Args) error {
			values := textsOf(a, "values")
			if len(values) < 2 {
				return errors.New("values has two at least; to write one value use constant")
			}
			for _, value := range values {
				if utf8.RuneCountInString(value) > limit(a) || !utf8.ValidString(value) || strings.IndexByte(value, 0) >= 0 {
					return fmt.Errorf("one of the values is longer than the column's %d characters, or no text", limit(a))
				}
			}
			return nil
		},
		New: func(a anonymize.Args) (anonymize.Mask, error) {
			return &lookupMask{prf: derive.NewPRF(a.Key), form: canonicalOf(a.Type), values: textsOf(a, "values")}, nil
		},
	}
}

type lookupMask struct {
	prf    *derive.PRF
	form   canonical
	values []string
}

// Append implements anonymize.Mask. A value of the list becomes another one of it.
func (m *lookupMask) Append(dst []byte, v anonymize.Value) ([]byte, error) {
	var scratch [scratchSize]byte
	value := m.form.of(scratch[:0], v.Text)
	d := m.prf.Draw(value)
	i := int(d.N(uint64(len(m.values))))
	for range m.values {
		if !strings.EqualFold(m.values[i], string(value)) {
			break
		}
		i = (i + 1) % len(m.values)
	}
	return append(dst, m.values[i]...), nil
}

func blankBytes() anonymize.Definition {
	d := cut("blank_bytes", "replaces bytes by as many zeros, so that sizes stay", `\xdeadbeef`)
	d.Group, d.Accepts, d.Rank = anonymize.GroupDestroy, []catalog.Class{catalog.ClassBytes}, 2
	d.Discloses = []anonymize.Disclosure{anonymize.DisclosesLength}
	d.New = func(anonymize.Args) (anonymize.Mask, error) { return blankBytesMask{}, nil }
	return d
}

type blankBytesMask struct{}

// Append implements anonymize.Mask. bytea_output is hex in every session: two digits a byte behind \x.
func (blankBytesMask) Append(dst []byte, v anonymize.Value) ([]byte, error) {
	if len(v.Text) < 2 || v.Text[0] != '\\' || v.Text[1] != 'x' {
		return nil, errors.New("blank bytes: the value is not written in hex")
	}
	dst = append(dst, `\x`...)
	for range len(v.Text) - 2 {
		dst = append(dst, '0')
	}
	return dst, nil
}
