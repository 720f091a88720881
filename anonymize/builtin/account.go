package builtin

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/builtin/dictionary"
	"github.com/lethedb/lethe/anonymize/derive"
)

const (
	// symbols is Crockford's alphabet of base 32 in lower case: no i, l, o to misread and no u to swear with.
	// One case only, so that what differs also differs under lower() and citext.
	symbols = "0123456789abcdefghjkmnpqrstvwxyz"
	// symbolBits is what one symbol carries.
	symbolBits = 5
	// uniqueSymbols is how many end a unique name: 100 bits keep n²/2N ≤ 2⁻⁴⁰ up to n = 2³⁰ rows.
	uniqueSymbols = 20
	// fewestSymbols is the least a name is worth having with; a column that takes fewer is refused.
	fewestSymbols = 4
	// maxLocalPart leaves 17 characters for names. It is less than the 64 of RFC 5321 so that an address at
	// example.com has at most 50 and comes out the same wherever 50 fit: in a wider column and in JSON too.
	maxLocalPart = 38
	// maxUsername is the same thought at 32 characters.
	maxUsername = 32
)

// appendSymbols appends n ≤ 25 symbols drawn from d.
func appendSymbols(dst []byte, d *derive.Draw, n int) []byte {
	var random [16]byte
	d.Bytes(random[:(n*symbolBits+7)/8])
	return appendBase32(dst, random[:], n)
}

// appendBase32 appends the first n groups of five bits of raw, of which missing bits are zero.
func appendBase32(dst, raw []byte, n int) []byte {
	const together = 8 // symbols are in five bytes
	for ; n >= together && len(raw) >= symbolBits; n -= together {
		bits := uint64(raw[0])<<32 | uint64(binary.BigEndian.Uint32(raw[1:]))
		raw = raw[symbolBits:]
		dst = append(dst, symbols[bits>>35&31], symbols[bits>>30&31], symbols[bits>>25&31], symbols[bits>>20&31],
			symbols[bits>>15&31], symbols[bits>>10&31], symbols[bits>>5&31], symbols[bits&31])
	}
	bits, have, next := uint(0), 0, 0
	for range n {
		if have < symbolBits {
			bits <<= 8
			if next < len(raw) {
				bits |= uint(raw[next])
				next++
			}
			have += 8
		}
		have -= symbolBits
		dst = append(dst, symbols[bits>>have&31])
	}
	return dst
}

func email(library *dictionary.Library) anonymize.Definition {
	room := func(a anonymize.Args) int {
		return min(maxLocalPart, limit(a)-1-len(stringOf(a, "host")))
	}
	return anonymize.Definition{
		Name:    "email",
		Group:   anonymize.GroupRealistic,
		Family:  "email",
		Summary: "replaces an e-mail address by one that is unique, readable and cannot be delivered",
		Accepts: textOnly(),
		Params: []anonymize.Param{{
			Name: "host", Kind: anonymize.ParamString, Default: "example.com",
			Doc: "the domain of the addresses, one that RFC 2606 and RFC 6761 reserve: example.com, .net, .org or below, or under .test, .example or .invalid",
		}},
		Reads:       anonymize.ReadsValue,
		Determinism: anonymize.Keyed,
		Uniqueness:  anonymize.UniqueBounded,
		Nulls:       anonymize.NullsKept,
		Discloses:   equalityAndFrequency(),
		Rank:        3,
		Cost:        250,
		Example:     anonymize.Example{Input: "mary.smith@shop.example"},
		Capacity: func(a anonymize.Args) float64 {
			return math.Exp2(float64(symbolBits * max(0, min(uniqueSymbols, room(a)))))
		},
		Check: func(a anonymize.Args) error {
			if domain := stringOf(a, "host"); !isReserved(domain) {
				return fmt.Errorf("e-mail domain %q may belong to somebody; use example.com or a name under .test, .example or .invalid, in lower case", domain)
			}
			if room(a) < fewestSymbols {
				return tooNarrow(a, "an address at this domain")
			}
			return nil
		},
		New: func(a anonymize.Args) (anonymize.Mask, error) {
			return &emailMask{
				prf:    derive.NewPRF(a.Key),
				form:   canonicalOf(a.Type),
				names:  twoNames{chooseFrom(library.FirstNames(), math.MaxInt), chooseFrom(library.LastNames(), math.MaxInt)},
				room:   room(a),
				domain: "@" + stringOf(a, "host"),
			}, nil
		},
	}
}

// isReserved reports whether domain is one that RFC 2606 or RFC 6761 sets aside so that nobody can own it.
// localhost is left out: mail to it does arrive, on the very machine.
func isReserved(domain string) bool {
	labels := strings.Split(domain, ".")
	for _, label := range labels {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" ||
			strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-") {
			return false
		}
	}
	switch n := len(labels); labels[n-1] {
	case "test", "example", "invalid":
		return n > 1
	case "com", "net", "org":
		return n > 1 && labels[n-2] == "example"
	}
	return false
}

// emailMask writes first.last.SYMBOLS@domain, leaving out names for which there is no room. The symbols
// alone make it unique, so that names may recur.
type emailMask struct {
	prf    *derive.PRF
	form   canonical
	names  twoNames
	room   int
	domain string
}

// Append implements anonymize.Mask.
func (m *emailMask) Append(dst []byte, v anonymize.Value) ([]byte, error) {
	var scratch, second [scratchSize]byte
	value := m.form.of(scratch[:0], v.Text)
	own := plainOf(second[:0], value)
	d := m.prf.Draw(value)
	first, last, err := m.names.pick(&d, own)
	if err != nil {
		return nil, err
	}
	n := min(uniqueSymbols, m.room)
	room := m.room - n
	if len(first)+1 <= room {
		dst = append(lowerCase.append(dst, first), '.')
		room -= len(first) + 1
		if len(last)+1 <= room {
			dst = append(lowerCase.append(dst, last), '.')
		}
	}
	dst = appendSymbols(dst, &d, n)
	return append(dst, m.domain...), nil
}

func username(library *dictionary.Library) anonymize.Definition {
	room := func(a anonymize.Args) int { return min(maxUsername, limit(a)) }
	return anonymize.Definition{
		Name:        "username",
		Group:       anonymize.GroupRealistic,
		Family:      "username",
		Summary:     "replaces a login name by a unique one in lower case that begins with a letter",
		Accepts:     textOnly(),
		Reads:       anonymize.ReadsValue,
		Determinism: anonymize.Keyed,
		Uniqueness:  anonymize.UniqueBounded,
		Nulls:       anonymize.NullsKept,
		Discloses:   equalityAndFrequency(),
		Rank:        3,
		Cost:        200,
		Example:     anonymize.Example{Input: "msmith77"},
		Capacity: func(a anonymize.Args) float64 {
			// One bit less: a name that begins with a symbol begins with one of sixteen letters.
			return math.Exp2(float64(symbolBits*min(uniqueSymbols, room(a)) - 1))
		},
		Check: func(a anonymize.Args) error {
			if room(a) < fewestSymbols {
				return tooNarrow(a, "a login name")
			}
			return nil
		},
		New: func(a anonymize.Args) (anonymize.Mask, error) {
			return &usernameMask{
				prf:   derive.NewPRF(a.Key),
				form:  canonicalOf(a.Type),
				first: chooseFrom(library.FirstNames(), math.MaxInt),
				room:  room(a),
			}, nil
		},
	}
}

// usernameMask writes first_SYMBOLS, or the symbols alone where there is no room.
type usernameMask struct {
	prf   *derive.PRF
	form  canonical
	first choice
	room  int
}

// Append implements anonymize.Mask.
func (m *usernameMask) Append(dst []byte, v anonymize.Value) ([]byte, error) {
	var scratch, second [scratchSize]byte
	value := m.form.of(scratch[:0], v.Text)
	own := plainOf(second[:0], value)
	d := m.prf.Draw(value)
	first, err := m.first.pick(&d, own)
	if err != nil {
		return nil, err
	}
	n := min(uniqueSymbols, m.room)
	if len(first)+1 <= m.room-n {
		dst = append(lowerCase.append(dst, first), '_')
		return appendSymbols(dst, &d, n), nil
	}
	start := len(dst)
	dst = appendSymbols(dst, &d, n)
	// The symbols from 10 on are letters; the first one keeps four of its five bits.
	at := strings.IndexByte(symbols, dst[start])
	dst[start] = symbols[10+at&15]
	return dst, nil
}
