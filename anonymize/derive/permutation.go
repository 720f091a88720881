package derive

import (
	"errors"
	"fmt"
	"math/bits"
)

// Permutation is a keyed bijection of [0, size). It is safe for concurrent use and allocates nothing per
// call.
//
// It is FF1 (NIST SP 800-38G) with AES-256 under HKDF-SHA-256(k, info = "lethe/v1/ff1"), radix 2, over the
// n-bit strings that write a number with its most significant bit first, n being the least number of bits
// (and at least 2) that hold size-1. A result of size or more is encrypted again until it is below size,
// which keeps the mapping a bijection and takes fewer than two rounds on average.
//
// The standard asks for a domain of at least 10⁶ elements, which a smallint's 2¹⁴ does not have. What is
// proven of FF1 does not depend on it, but what is lost below it cannot be mended by any cipher: whoever
// knows the masked form of a part of so few values has a good part of the whole table, and the published
// attacks on Feistel networks over small domains tell more of the rest than guessing would. The key stays
// safe. Treat such a column as renumbered, not as hidden.
type Permutation struct {
	f    *ff1
	size uint64
	// half is the bits of the right half; mask those bits set.
	half uint
	mask uint64
}

// NewPermutation returns the permutation of [0, size) that k and tweak name. It refuses the zero Key and a
// size of 0; every other size is served.
func NewPermutation(k Key, size uint64, tweak []byte) (*Permutation, error) {
	if size == 0 {
		return nil, errors.New("make permutation: its domain is empty; give it at least one number")
	}
	if k.IsZero() {
		return nil, errors.New("make permutation: no masking key was given")
	}
	n := max(2, bits.Len64(size-1))
	f, err := newFF1(newAES(k.subkey(ff1Info)), 2, n, tweak)
	if err != nil {
		return nil, err
	}
	half := uint(n - n/2)
	return &Permutation{f: f, size: size, half: half, mask: 1<<half - 1}, nil
}

// Format writes "[secret]" for every verb.
func (p *Permutation) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("[secret]")) }

// Size returns how many numbers are permuted.
func (p *Permutation) Size() uint64 { return p.size }

// Encrypt maps x, which must be below Size, to its image. It panics on other numbers, for which there is
// none.
func (p *Permutation) Encrypt(x uint64) uint64 {
	p.check(x)
	for {
		a, b := p.f.encrypt(x>>p.half, x&p.mask)
		if x = a<<p.half | b; x < p.size {
			return x
		}
	}
}

// Decrypt undoes Encrypt, with the same demand on x.
func (p *Permutation) Decrypt(x uint64) uint64 {
	p.check(x)
	for {
		a, b := p.f.decrypt(x>>p.half, x&p.mask)
		if x = a<<p.half | b; x < p.size {
			return x
		}
	}
}

// check keeps a caller's mistake from walking a cycle that never comes back below size.
func (p *Permutation) check(x uint64) {
	if x >= p.size {
		panic("derive: number outside the permutation's domain")
	}
}
