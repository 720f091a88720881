package builtin

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math"
	"strings"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/derive"
	"github.com/lethedb/lethe/internal/catalog"
)

// tagBits is the size of a PRF's result: a mask cannot tell more values apart than 2¹²⁸.
const tagBits = 128

// uuidBits is what version and variant leave of a UUID.
const uuidBits = 122

// encoding is how a digest is written. It is a number and no function, because what is handed to a function
// value escapes to the heap.
type encoding uint8

const (
	inHex encoding = iota
	inBase32
	inBytes // two hexadecimal digits each, as bytea is written
	inUUID
)

// bits returns what one unit of length carries.
func (e encoding) bits() int {
	switch e {
	case inBase32:
		return symbolBits
	case inBytes:
		return 8
	}
	return 4
}

// append appends n units of raw.
func (e encoding) append(dst, raw []byte, n int) []byte {
	switch e {
	case inBase32:
		return appendBase32(dst, raw, n)
	case inBytes:
		return appendHex(dst, raw, 2*n)
	case inUUID:
		return appendUUID(dst, raw)
	}
	return appendHex(dst, raw, n)
}

// appendHex appends the first n hexadecimal digits of raw.
func appendHex(dst, raw []byte, n int) []byte {
	const digits = "0123456789abcdef"
	for i := range n {
		dst = append(dst, digits[raw[i/2]>>(4*(1-i%2))&15])
	}
	return dst
}

func hmac() anonymize.Definition {
	return anonymize.Definition{
		Name:    "hmac",
		Group:   anonymize.GroupPseudonymize,
		Family:  "hmac",
		Summary: "replaces a value by a keyed digest of it (AES-256-CMAC), unique but for a chance that check prints",
		Accepts: []catalog.Class{catalog.ClassText, catalog.ClassUUID, catalog.ClassBytes},
		Params: []anonymize.Param{
			{
				Name: "encoding", Kind: anonymize.ParamChoice, Default: "hex", Choices: []string{"hex", "base32"},
				Doc: "the alphabet of text, in lower case only; uuid and bytea have their own form",
			},
			{
				Name: "length", Kind: anonymize.ParamInt,
				Doc: "the number of characters (bytes for bytea), at most 128 bits; as many as fit when absent",
			},
		},
		Reads:       anonymize.ReadsValue,
		Determinism: anonymize.Keyed,
		Uniqueness:  anonymize.UniqueBounded,
		Nulls:       anonymize.NullsKept,
		Discloses:   equalityAndFrequency(),
		Rank:        3,
		Cost:        90,
		Example:     anonymize.Example{Input: "QQ 12 34 56 C"},
		Capacity: func(a anonymize.Args) float64 {
			n, e := digestLength(a)
			if e == inUUID {
				return math.Exp2(uuidBits)
			}
			return math.Exp2(float64(min(tagBits, n*e.bits())))
		},
		Check: checkHMAC,
		New: func(a anonymize.Args) (anonymize.Mask, error) {
			n, e := digestLength(a)
			m := &digestMask{prf: derive.NewPRF(a.Key), form: canonicalOf(a.Type), length: n, encoding: e}
			if e == inBytes {
				m.prefix = `\x`
			}
			return m, nil
		},
	}
}

// digestLength returns how many characters the digest has (bytes on bytea) and what each carries.
func digestLength(a anonymize.Args) (int, encoding) {
	e := inHex
	switch class := a.Type.Class(); {
	case class == catalog.ClassBytes:
		e = inBytes
	case class == catalog.ClassUUID:
		e = inUUID
	case stringOf(a, "encoding") == "base32":
		e = inBase32
	}
	room := limit(a) - len(stringOf(a, "prefix"))
	if n, given := intOf(a, "length"); given {
		return int(min(max(n, 0), math.MaxInt32)), e
	}
	// Only whole characters: what hangs over 128 bits would be a constant.
	return max(0, min(tagBits/e.bits(), room)), e
}

func checkHMAC(a anonymize.Args) error {
	if a.Type.Class() == catalog.ClassUUID {
		if _, given := intOf(a, "length"); given {
			return fmt.Errorf("a uuid has one length; leave out length")
		}
		return nil
	}
	return checkLength(a, 0)
}

// checkLength holds what all digests share; prefix characters stand in front.
func checkLength(a anonymize.Args, prefix int) error {
	n, e := digestLength(a)
	most := tagBits / e.bits()
	switch {
	case n > most:
		return fmt.Errorf("length %d is more than the digest's %d bits fill; use at most %d", n, tagBits, most)
	case n > limit(a)-prefix:
		return fmt.Errorf("length %d does not fit a column of %d characters; leave length out for as many as fit", n, limit(a))
	case n < fewestSymbols && a.Type.Class() == catalog.ClassText, n < 1:
		return fmt.Errorf("a digest of %d characters tells hardly any values apart; use a length of %d or more, or redact", n, fewestSymbols)
	}
	return nil
}

func token() anonymize.Definition {
	return anonymize.Definition{
		Name:    "token",
		Group:   anonymize.GroupPseudonymize,
		Family:  "token",
		Summary: "replaces a value by a prefix and a keyed digest in base 32, for identifiers that people read",
		Accepts: textOnly(),
		Params: []anonymize.Param{
			{
				Name: "prefix", Kind: anonymize.ParamString, Default: "",
				Doc: "what every token begins with, in printable ASCII, such as cus_",
			},
			{
				Name: "length", Kind: anonymize.ParamInt,
				Doc: "the number of characters after the prefix, at most 25; as many as fit when absent",
			},
			// The digest is always in base 32; the parameter is not offered so that tokens look alike.
		},
		Reads:       anonymize.ReadsValue,
		Determinism: anonymize.Keyed,
		Uniqueness:  anonymize.UniqueBounded,
		Nulls:       anonymize.NullsKept,
		Discloses:   equalityAndFrequency(),
		Rank:        3,
		Cost:        90,
		Example:     anonymize.Example{Input: "C-2041", Params: map[string]any{"prefix": "cus_"}},
		Capacity: func(a anonymize.Args) float64 {
			n, e := digestLength(asToken(a))
			return math.Exp2(float64(n * e.bits()))
		},
		Check: func(a anonymize.Args) error {
			prefix := stringOf(a, "prefix")
			if strings.ContainsFunc(prefix, func(r rune) bool { return r < '!' || r > '~' }) {
				return fmt.Errorf("the prefix may hold printable ASCII only, no blank; every server encoding has those")
			}
			return checkLength(asToken(a), len(prefix))
		},
		New: func(a anonymize.Args) (anonymize.Mask, error) {
			n, e := digestLength(asToken(a))
			return &digestMask{
				prf: derive.NewPRF(a.Key), form: canonicalOf(a.Type),
				prefix: stringOf(a, "prefix"), length: n, encoding: e,
			}, nil
		},
	}
}

// asToken returns a with the encoding that tokens have.
func asToken(a anonymize.Args) anonymize.Args {
	params := map[string]any{"encoding": "base32", "prefix": stringOf(a, "prefix")}
	if n, given := intOf(a, "length"); given {
		params["length"] = n
	}
	a.Params = params
	return a
}

// digestMask writes the PRF's tag of the canonical value.
type digestMask struct {
	prf      *derive.PRF
	form     canonical
	prefix   string
	length   int
	encoding encoding
}

// Append implements anonymize.Mask.
func (m *digestMask) Append(dst []byte, v anonymize.Value) ([]byte, error) {
	var scratch [scratchSize]byte
	value := m.form.of(scratch[:0], v.Text)
	tag := m.prf.Sum(value)
	start := len(dst)
	dst = m.encoding.append(append(dst, m.prefix...), tag[:], m.length)
	if !bytes.EqualFold(dst[start:], value) {
		return dst, nil
	}
	// A short digest can meet its own value: then the stream of the same value gives another.
	d := m.prf.Draw(value)
	for range maxDraws {
		var again [16]byte
		d.Bytes(again[:])
		dst = m.encoding.append(append(dst[:start], m.prefix...), again[:], m.length)
		if !bytes.EqualFold(dst[start:], value) {
			break
		}
	}
	return dst, nil
}

// appendUUID appends raw as a UUID of version 4, which every parser of UUIDs takes.
func appendUUID(dst, raw []byte) []byte {
	var id [16]byte
	copy(id[:], raw)
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	for i := range id {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			dst = append(dst, '-')
		}
		dst = hex.AppendEncode(dst, id[i:i+1])
	}
	return dst
}
