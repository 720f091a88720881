package builtin

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/derive"
	"github.com/lethedb/lethe/internal/catalog"
)

// preserving returns the masks that are permutations: distinct values stay distinct, whatever they are.
func preserving() []anonymize.Definition {
	return []anonymize.Definition{permuteUUID(), formatPreserving(), permuteNumber(), permutePhone()}
}

func permuteUUID() anonymize.Definition {
	return anonymize.Definition{
		Name: "permute_uuid", Family: "permute_uuid", Group: anonymize.GroupPseudonymize, KeyMask: true,
		Summary: "replaces a UUID by another one of its version and variant, by a keyed permutation of all of them",
		Accepts: []catalog.Class{catalog.ClassUUID},
		Reads:   anonymize.ReadsValue, Determinism: anonymize.Keyed, Uniqueness: anonymize.UniqueExact, Nulls: anonymize.NullsKept,
		Discloses: equalityAndFrequency(), Rank: 4, Cost: 700, Reversible: true, Format: "version and variant are those of the original",
		Example:  anonymize.Example{Input: "8c9f63d1-37a4-4a7c-b6cf-6e53a7f3c1d2"},
		Capacity: func(anonymize.Args) float64 { return math.Exp2(122) },
		New: func(a anonymize.Args) (anonymize.Mask, error) {
			f, err := derive.NewFeistel(a.Key)
			return &uuidMask{f}, err
		},
	}
}

type uuidMask struct{ permutation *derive.Feistel }

var errUUID = errors.New("permute a UUID: the value is none as the server writes it")

// Append implements anonymize.Mask. The four bits of the version and the two of the variant stay; the 122 others are
// the two halves of the permutation.
func (m *uuidMask) Append(dst []byte, v anonymize.Value) ([]byte, error) {
	const written = len("8c9f63d1-37a4-4a7c-b6cf-6e53a7f3c1d2")
	var digits [32]byte
	if len(v.Text) != written {
		return nil, errUUID
	}
	compact := append(append(append(append(append(digits[:0], v.Text[:8]...), v.Text[9:13]...), v.Text[14:18]...), v.Text[19:23]...), v.Text[24:]...)
	var raw [16]byte
	if _, err := hex.Decode(raw[:], compact); err != nil {
		return nil, errUUID
	}
	high, low := binary.BigEndian.Uint64(raw[:8]), binary.BigEndian.Uint64(raw[8:])
	// The version stands in bits 15 to 12 of the upper word, the variant in the two highest of the lower one.
	const version, variant = 0xf000, 3 << 62
	free := high>>16<<12 | high&0xfff // 60 bits
	left, right := free<<1|low>>61&1, low&(1<<61-1)
	left, right = m.permutation.Encrypt(left, right)
	free = left >> 1
	high = high&version | free>>12<<16 | free&0xfff
	low = low&variant | left&1<<61 | right
	binary.BigEndian.PutUint64(raw[:8], high)
	binary.BigEndian.PutUint64(raw[8:], low)
	for i, b := range raw {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			dst = append(dst, '-')
		}
		dst = append(dst, hexDigits[b>>4], hexDigits[b&15])
	}
	return dst, nil
}

const hexDigits = "0123456789abcdef"

const (
	// fewestDigits is the least that is encrypted: a number of fewer is soon tried.
	fewestDigits = 6
	// mostEncrypted is the most: 10^18 is the largest power of ten whose permutation fits.
	mostEncrypted = 18
)

func formatPreserving() anonymize.Definition {
	return anonymize.Definition{
		Name: "fpe", Family: "fpe", Group: anonymize.GroupPseudonymize, KeyMask: true,
		Summary: "encrypts the digits of a number in their places (FF1 of NIST SP 800-38G), so that distinct values stay distinct; a value of fewer than 6 or more than 18 digits fails the run",
		Accepts: textOnly(),
		Reads:   anonymize.ReadsValue, Determinism: anonymize.Keyed, Uniqueness: anonymize.UniqueExact, Nulls: anonymize.NullsKept,
		Discloses: append(equalityAndFrequency(), anonymize.DisclosesLength, anonymize.DisclosesFormat), Rank: 4, Cost: 500, Reversible: true,
		Format:  "as many digits, and everything between them, are those of the original",
		Example: anonymize.Example{Input: "C-2041-77300"},
		// What has as many digits can have no more distinct values than outputs.
		Capacity: func(anonymize.Args) float64 { return math.Inf(1) },
		New: func(a anonymize.Args) (anonymize.Mask, error) {
			m := &fpeMask{form: canonicalOf(a.Type)}
			size := uint64(1)
			for n := range mostEncrypted + 1 {
				if n >= fewestDigits {
					p, err := derive.NewPermutation(a.Key, size, []byte(a.Domain))
					if err != nil {
						return nil, err
					}
					m.of[n] = p
				}
				size *= 10
			}
			return m, nil
		},
	}
}

type fpeMask struct {
	form canonical
	of   [mostEncrypted + 1]*derive.Permutation // by how many digits there are
}

var errDigits = errors.New("encrypt digits: the value has fewer than 6 or more than 18 of them; where it need not stay unique use scramble, hmac or token")

// Append implements anonymize.Mask. Leading zeros are digits like others.
func (m *fpeMask) Append(dst []byte, v anonymize.Value) ([]byte, error) {
	var scratch [scratchSize]byte
	value := m.form.of(scratch[:0], v.Text)
	number, n := uint64(0), 0
	for _, b := range value {
		if isDigit(b) {
			if n++; n > mostEncrypted {
				return nil, errDigits
			}
			number = number*10 + uint64(b-'0')
		}
	}
	if n < fewestDigits {
		return nil, errDigits
	}
	var memory [mostEncrypted]byte
	digits := appendWidth(memory[:0], m.of[n].Encrypt(number), n)
	for _, b := range value {
		if isDigit(b) {
			b, digits = digits[0], digits[1:]
		}
		dst = append(dst, b)
	}
	return dst, nil
}
