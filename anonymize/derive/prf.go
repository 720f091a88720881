package derive

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"
	"sync"
)

// blockSize is that of AES, in bytes.
const blockSize = aes.BlockSize

// Info strings that separate the subkeys of a Key by use, so that nothing a mask prints under one use
// says anything about another.
const (
	drawInfo = Version + "/draw"
	ff1Info  = Version + "/ff1"
)

// PRF turns values into unpredictable, repeatable bytes under one Key. It is safe for concurrent use and
// allocates nothing per call.
type PRF struct {
	mac    cmac
	stream cipher.Block
	pool   sync.Pool // of *scratch
}

// scratch is the memory that a block cipher works on. It is pooled because what is handed to an interface
// escapes to the heap, which would cost an allocation per value.
type scratch struct{ in, out [blockSize]byte }

func newScratch() any { return new(scratch) }

// NewPRF returns the PRF of k: Sum is AES-256-CMAC under k itself, Draw's stream runs under
// HKDF-SHA-256(k, info = "lethe/v1/draw"). It panics when k is zero: a mask under a key that everybody
// knows must not come to be.
func NewPRF(k Key) *PRF {
	if k.IsZero() {
		panic("derive: no masking key was given")
	}
	return &PRF{
		mac:    newCMAC(newAES((*k.bytes)[:])),
		stream: newAES(k.subkey(drawInfo)),
		pool:   sync.Pool{New: newScratch},
	}
}

// Format writes "[secret]" for every verb.
func (p *PRF) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("[secret]")) }

// Sum returns AES-256-CMAC(k, msg) as NIST SP 800-38B defines it.
func (p *PRF) Sum(msg []byte) [blockSize]byte {
	s := p.pool.Get().(*scratch)
	p.mac.sum(s, msg)
	tag := s.out
	p.pool.Put(s)
	return tag
}

// Draw returns the stream of numbers that belongs to msg: the same msg always gives the same stream, and
// streams of different messages have nothing to do with each other.
//
// The stream's bytes are the key stream of AES-256-CTR under HKDF-SHA-256(k, info = "lethe/v1/draw"), the
// first counter block being Sum(msg), each next one its successor as a 128-bit big-endian integer. That is
// the construction of AES-SIV (RFC 5297): a CMAC tag as the starting point of a counter mode under a key
// of its own, so that printing the tag (as a mask for tokens does) tells nothing of the stream.
func (p *PRF) Draw(msg []byte) Draw {
	d := Draw{prf: p}
	s := p.pool.Get().(*scratch)
	p.mac.sum(s, msg)
	d.hi, d.lo = binary.BigEndian.Uint64(s.out[:8]), binary.BigEndian.Uint64(s.out[8:])
	d.fill(s)
	p.pool.Put(s)
	return d
}

// Draw is a deterministic stream of numbers for one value. It is a plain value: a copy goes on from where
// the original stood. It is not safe for concurrent use; its PRF is.
type Draw struct {
	prf    *PRF
	hi, lo uint64 // the next counter block
	buffer [blockSize]byte
	used   int // bytes of buffer that were given out
}

// Uint64 returns the next eight bytes of the stream as a big-endian number.
func (d *Draw) Uint64() uint64 {
	if d.used <= blockSize-8 {
		n := binary.BigEndian.Uint64(d.buffer[d.used:])
		d.used += 8
		return n
	}
	var b [8]byte
	d.Bytes(b[:])
	return binary.BigEndian.Uint64(b[:])
}

// N returns a number in [0, n), each equally likely: Uint64 is called until it gives an x below the
// largest multiple of n that is at most 2⁶⁴, and the result is x mod n. N panics when n is 0.
func (d *Draw) N(n uint64) uint64 {
	if n == 0 {
		panic("derive: draw from an empty range")
	}
	// -n mod n = 2⁶⁴ mod n is how many numbers at the top would favour the small results.
	excess := -n % n
	for {
		if x := d.Uint64(); excess == 0 || x < -excess {
			return x % n
		}
	}
}

// Bytes fills dst with the next len(dst) bytes of the stream.
func (d *Draw) Bytes(dst []byte) {
	for len(dst) > 0 {
		if d.used == blockSize {
			s := d.prf.pool.Get().(*scratch)
			d.fill(s)
			d.prf.pool.Put(s)
		}
		n := copy(dst, d.buffer[d.used:])
		d.used += n
		dst = dst[n:]
	}
}

// fill makes the next block of the stream and steps the counter.
func (d *Draw) fill(s *scratch) {
	binary.BigEndian.PutUint64(s.in[:8], d.hi)
	binary.BigEndian.PutUint64(s.in[8:], d.lo)
	d.prf.stream.Encrypt(s.out[:], s.in[:])
	d.buffer, d.used = s.out, 0
	if d.lo++; d.lo == 0 {
		d.hi++
	}
}

// newAES returns AES under a key whose size its caller fixed.
func newAES(key []byte) cipher.Block {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(fmt.Sprintf("derive: %v", err)) // only an odd key size can err, and the message tells just that size
	}
	return block
}
