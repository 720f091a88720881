package derive

import (
	"crypto/cipher"
	"encoding/binary"
)

// cmacPoly is the constant R₁₂₈ of NIST SP 800-38B, section 5.3.
const cmacPoly = 0x87

// cmac is CMAC of NIST SP 800-38B over a 128-bit block cipher. It is safe for concurrent use.
type cmac struct {
	block  cipher.Block
	k1, k2 [blockSize]byte
}

func newCMAC(block cipher.Block) cmac {
	c := cmac{block: block}
	var l [blockSize]byte
	block.Encrypt(l[:], l[:])
	c.k1 = double(l)
	c.k2 = double(c.k1)
	return c
}

// double multiplies by x in GF(2¹²⁸).
func double(in [blockSize]byte) (out [blockSize]byte) {
	carry := byte(0)
	for i := blockSize - 1; i >= 0; i-- {
		out[i] = in[i]<<1 | carry
		carry = in[i] >> 7
	}
	out[blockSize-1] ^= carry * cmacPoly
	return out
}

// sum leaves the tag of msg in s.out. It never hands msg to the cipher, so that msg need not escape.
func (c *cmac) sum(s *scratch, msg []byte) {
	s.out = [blockSize]byte{}
	for len(msg) > blockSize {
		xor(&s.in, &s.out, (*[blockSize]byte)(msg))
		c.block.Encrypt(s.out[:], s.in[:])
		msg = msg[blockSize:]
	}
	var last [blockSize]byte
	mask := &c.k1
	if n := copy(last[:], msg); n < blockSize {
		last[n] = 0x80
		mask = &c.k2
	}
	xor(&last, &last, mask)
	xor(&s.in, &s.out, &last)
	c.block.Encrypt(s.out[:], s.in[:])
}

// xor sets dst to a xor b, in two words: a call would take longer than that.
func xor(dst, a, b *[blockSize]byte) {
	order := binary.NativeEndian
	first := order.Uint64(a[:8]) ^ order.Uint64(b[:8])
	second := order.Uint64(a[8:]) ^ order.Uint64(b[8:])
	order.PutUint64(dst[:8], first)
	order.PutUint64(dst[8:], second)
}
