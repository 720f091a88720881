package derive

import (
	"encoding/binary"
	"errors"
)

const (
	// halfBits is half of the 122 bits of a UUID that are free.
	halfBits = 61
	halfMask = 1<<halfBits - 1
	// feistelRounds is as many as FF1 has (NIST SP 800-38G). Luby and Rackoff prove four enough where nobody can
	// ask for more than the square root of a half's size; more rounds leave that far behind.
	feistelRounds = 10
)

// Feistel is a keyed bijection of the 2¹²² pairs of numbers below 2⁶¹, for domains that are too large for
// Permutation. It is a balanced Feistel network whose round function is AES-256-CMAC under k over the round's number
// (one byte) and the half (eight bytes, big-endian), of which the low 61 bits are taken. It is safe for concurrent use
// and allocates nothing per call.
type Feistel struct{ prf *PRF }

// NewFeistel returns the bijection that k names. It refuses the zero Key.
func NewFeistel(k Key) (*Feistel, error) {
	if k.IsZero() {
		return nil, errors.New("make permutation: no masking key was given")
	}
	return &Feistel{prf: NewPRF(k)}, nil
}

// Encrypt maps a pair; numbers of 2⁶¹ and more are taken modulo 2⁶¹.
func (f *Feistel) Encrypt(left, right uint64) (uint64, uint64) {
	left, right = left&halfMask, right&halfMask
	for i := range feistelRounds {
		left, right = right, left^f.round(byte(i), right)
	}
	return left, right
}

// Decrypt undoes Encrypt.
func (f *Feistel) Decrypt(left, right uint64) (uint64, uint64) {
	left, right = left&halfMask, right&halfMask
	for i := feistelRounds - 1; i >= 0; i-- {
		left, right = right^f.round(byte(i), left), left
	}
	return left, right
}

func (f *Feistel) round(i byte, half uint64) uint64 {
	var message [9]byte
	message[0] = i
	binary.BigEndian.PutUint64(message[1:], half)
	tag := f.prf.Sum(message[:])
	return binary.BigEndian.Uint64(tag[:8]) & halfMask
}
