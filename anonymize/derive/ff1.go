package derive

import (
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"sync"
)

// ff1Rounds is fixed by NIST SP 800-38G.
const ff1Rounds = 10

// ff1 is the mode FF1 of NIST SP 800-38G for numeral strings of one radix, length and tweak, as long as
// each half of a string is a number below 2⁶⁴. It is safe for concurrent use.
//
// All but the last block of what FF1's PRF runs over is the same for every string, so it is run over once,
// here: a round costs one or two block ciphers.
type ff1 struct {
	block cipher.Block
	// modulus holds radixᵘ and radixᵛ, the sizes of the halves in even and in odd rounds.
	modulus [2]uint64
	// numberBytes is b of the standard, the bytes of NUM(B).
	numberBytes int
	// wide reports that y takes 12 bytes (d of the standard) instead of 8.
	wide bool
	// hi and lo are the last block that goes into the cipher, before round number and NUM(B) are put in:
	// the last block of Q over the CBC-MAC of P and of Q's leading blocks.
	hi, lo uint64
	pool   sync.Pool // of *scratch
}

// newFF1 prepares FF1 for strings of n numerals. It refuses a radix beyond 2¹⁶, n below 2, a half of 2⁶⁴
// or more, and a tweak of 2³² bytes or more.
func newFF1(block cipher.Block, radix, n int, tweak []byte) (*ff1, error) {
	if radix < 2 || radix > 1<<16 {
		return nil, errors.New("prepare FF1: radix must be between 2 and 65536")
	}
	if n < 2 || n > 2*63 {
		return nil, errors.New("prepare FF1: strings must have between 2 and 126 numerals")
	}
	if uint64(len(tweak)) > math.MaxUint32 {
		return nil, errors.New("prepare FF1: the tweak must be shorter than 2^32 bytes")
	}
	u := n / 2
	v := n - u
	even, ok1 := power(uint64(radix), u)
	odd, ok2 := power(uint64(radix), v)
	if !ok1 || !ok2 {
		return nil, fmt.Errorf("prepare FF1: half of %d numerals of radix %d does not fit 64 bits", n, radix)
	}
	f := &ff1{
		block:   block,
		modulus: [2]uint64{even, odd},
		// ⌈v·log₂ radix⌉ is the bit length of the greatest number of v numerals.
		numberBytes: (bits.Len64(odd-1) + 7) / 8,
		pool:        sync.Pool{New: newScratch},
	}
	f.wide = f.numberBytes > 4
	f.prepare(radix, u, n, tweak)
	return f, nil
}

// power returns base to the power of n and whether it fits.
func power(base uint64, n int) (uint64, bool) {
	result := uint64(1)
	for range n {
		hi, lo := bits.Mul64(result, base)
		if hi != 0 {
			return 0, false
		}
		result = lo
	}
	return result, true
}

// prepare runs the PRF over P and over all blocks of Q but the last.
func (f *ff1) prepare(radix, u, n int, tweak []byte) {
	p := make([]byte, 0, blockSize)
	p = append(p, 1, 2, 1, byte(radix>>16), byte(radix>>8), byte(radix), ff1Rounds, byte(u))
	p = binary.BigEndian.AppendUint32(p, uint32(n))
	p = binary.BigEndian.AppendUint32(p, uint32(len(tweak)))
	var state [blockSize]byte
	f.block.Encrypt(state[:], p)

	// Q = T ‖ 0… ‖ round ‖ NUM(B), in whole blocks.
	size := (len(tweak) + 1 + f.numberBytes + blockSize - 1) / blockSize * blockSize
	q := make([]byte, size)
	copy(q, tweak)
	for ; len(q) > blockSize; q = q[blockSize:] {
		subtle.XORBytes(state[:], state[:], q[:blockSize])
		f.block.Encrypt(state[:], state[:])
	}
	f.hi = binary.BigEndian.Uint64(state[:8]) ^ binary.BigEndian.Uint64(q[:8])
	f.lo = binary.BigEndian.Uint64(state[8:]) ^ binary.BigEndian.Uint64(q[8:])
}

// round returns y of the standard for round i and NUM(B) = b, reduced by m.
func (f *ff1) round(s *scratch, i int, b, m uint64) uint64 {
	// The round number stands right above the numberBytes of b, which may be a whole word.
	hi, lo := f.hi, f.lo^b
	if f.numberBytes == 8 {
		hi ^= uint64(i)
	} else {
		lo ^= uint64(i) << (8 * f.numberBytes)
	}
	binary.BigEndian.PutUint64(s.in[:8], hi)
	binary.BigEndian.PutUint64(s.in[8:], lo)
	f.block.Encrypt(s.out[:], s.in[:])
	y := binary.BigEndian.Uint64(s.out[:8])
	switch {
	case f.wide:
		// y has 96 bits; the upper 32 are reduced first, so that the quotient fits.
		low := y<<32 | uint64(binary.BigEndian.Uint32(s.out[8:12]))
		_, y = bits.Div64((y>>32)%m, low, m)
	case m&(m-1) == 0:
		y &= m - 1 // radix 2: no division
	default:
		y %= m
	}
	return y
}

// encrypt maps the halves of a string, each as a number, to those of its cipher text.
func (f *ff1) encrypt(a, b uint64) (uint64, uint64) {
	s := f.pool.Get().(*scratch)
	for i := range ff1Rounds {
		m := f.modulus[i&1]
		a, b = b, addMod(a, f.round(s, i, b, m), m)
	}
	f.pool.Put(s)
	return a, b
}

// decrypt undoes encrypt.
func (f *ff1) decrypt(a, b uint64) (uint64, uint64) {
	s := f.pool.Get().(*scratch)
	for i := ff1Rounds - 1; i >= 0; i-- {
		m := f.modulus[i&1]
		a, b = addMod(b, m-f.round(s, i, a, m), m), a
	}
	f.pool.Put(s)
	return a, b
}

// addMod returns a+y mod m for a < m and y ≤ m.
func addMod(a, y, m uint64) uint64 {
	sum, carry := bits.Add64(a, y, 0)
	if carry != 0 || sum >= m {
		sum -= m
	}
	return sum
}
