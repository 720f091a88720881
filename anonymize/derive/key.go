// Package derive turns one masking key into the keys, numbers and permutations that masks are made of.
//
// It implements derivation version 1. Everything in it is frozen by golden vectors: a change of any
// output is a new version, named in the rules file, never a repair.
package derive

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// Version names the derivation in every HKDF info string.
const Version = "lethe/v1"

// keySize is that of AES-256.
const keySize = 32

// ErrKey says that a masking key has the wrong form. It never quotes the key.
var ErrKey = errors.New("masking key must be 32 bytes: 64 hex digits or base64; make one with: lethe key generate")

// MaskingKey is the one secret that every mapping of a run depends on. It prints as "[secret]". The zero
// MaskingKey is no key; deriving from it panics, so that nothing is ever masked under a key that everybody
// knows.
type MaskingKey struct{ bytes hidden }

// hidden is where a key's bytes are: two pointers away. In another struct's unexported field package fmt
// does not ask a value how it prints, it looks for itself, and follows one pointer but not two.
type hidden **[keySize]byte

func hide(raw [keySize]byte) hidden {
	p := &raw
	return &p
}

// ParseMaskingKey reads a key from 64 hex digits or base64 (standard or URL alphabet, padded or not);
// white space around it is ignored. Any other text, and a key of 32 equal bytes, is ErrKey.
func ParseMaskingKey(text string) (MaskingKey, error) {
	text = strings.TrimSpace(text)
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != keySize {
		raw = decodeBase64(text)
	}
	if len(raw) != keySize {
		return MaskingKey{}, ErrKey
	}
	if strings.Count(string(raw), string(raw[:1])) == keySize {
		return MaskingKey{}, fmt.Errorf("%w (all its bytes are equal)", ErrKey)
	}
	return MaskingKeyOf([keySize]byte(raw)), nil
}

func decodeBase64(text string) []byte {
	text = strings.TrimRight(text, "=")
	text = strings.NewReplacer("-", "+", "_", "/").Replace(text)
	raw, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return nil
	}
	return raw
}

// MaskingKeyOf returns a key made of exactly these bytes, such as those of a random generator.
func MaskingKeyOf(raw [keySize]byte) MaskingKey { return MaskingKey{bytes: hide(raw)} }

// IsZero reports that k is no key.
func (k MaskingKey) IsZero() bool { return k.bytes == nil }

// ID returns the key's public name: 16 hex digits that tell keys apart and say nothing else about them.
func (k MaskingKey) ID() string { return hex.EncodeToString(k.expand(Version+"/id", 8)) }

// Subkey returns size bytes for another purpose than masking, such as signing, separated by label.
func (k MaskingKey) Subkey(label string, size int) []byte { return k.expand(Version+"/"+label, size) }

// Key derives the key of one mapping: K(domain, family) = HKDF-SHA-256(masking key, info = "lethe/v1" ‖
// len‖domain ‖ len‖family), each length as eight bytes, big endian.
func (k MaskingKey) Key(domain, family string) Key {
	info := []byte(Version)
	for _, part := range []string{domain, family} {
		info = binary.BigEndian.AppendUint64(info, uint64(len(part)))
		info = append(info, part...)
	}
	return Key{bytes: hide([keySize]byte(k.expand(string(info), keySize)))}
}

func (k MaskingKey) expand(info string, size int) []byte { return expand(k.bytes, info, size) }

// expand is HKDF-SHA-256 without salt. It panics without a key, and on sizes beyond 255 hashes, which no
// caller asks for.
func expand(secret hidden, info string, size int) []byte {
	if secret == nil {
		panic("derive: no masking key was given")
	}
	out, err := hkdf.Key(sha256.New, (*secret)[:], nil, info, size)
	if err != nil {
		panic(fmt.Sprintf("derive %d bytes: %v", size, err))
	}
	return out
}

// Format writes "[secret]" for every verb.
func (k MaskingKey) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("[secret]")) }

// MarshalText writes "[secret]": a key has no textual form outside its own file.
func (k MaskingKey) MarshalText() ([]byte, error) { return []byte("[secret]"), nil }

// Key is the key of one mapping, for one domain and mask family. It prints as "[secret]", as MaskingKey
// does. The zero Key is no key.
type Key struct{ bytes hidden }

// IsZero reports that k is no key, as where rules are checked without one.
func (k Key) IsZero() bool { return k.bytes == nil }

// subkey derives the AES-256 key of one use of k. It panics when k is zero.
func (k Key) subkey(info string) []byte { return expand(k.bytes, info, keySize) }

// Format writes "[secret]" for every verb.
func (k Key) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("[secret]")) }

// MarshalText writes "[secret]".
func (k Key) MarshalText() ([]byte, error) { return []byte("[secret]"), nil }
