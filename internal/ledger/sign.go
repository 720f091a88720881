package ledger

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// signDomain goes before what is signed, with the purpose, so that no signature counts for anything but
// what it was made for.
const signDomain = "lethe/v1/signature"

// publicPrefix begins the text of a public key.
const publicPrefix = "ed25519:"

// Errors about keys and signatures; compare with errors.Is.
var (
	// ErrSigningKey says that a signing key has the wrong form. It never quotes the key.
	ErrSigningKey = errors.New("signing key must be 32 bytes: 64 hex digits or base64")
	// ErrPublicKey says that a text is no public key.
	ErrPublicKey = errors.New(`public key must be "ed25519:" and 64 hex digits`)
	// ErrSignature says that a signature is not that of the key over the content.
	ErrSignature = errors.New("the signature does not hold")
	// ErrUntrusted says that a signature was made by a key that is not among the trusted ones.
	ErrUntrusted = errors.New("signed by a key that is not trusted; add its public key to keys: {trusted: [...]}")
)

// SigningKey is an Ed25519 key. It prints as "[secret]". The zero SigningKey is none: signing with it
// panics.
type SigningKey struct{ seed *string }

// NewSigningKey returns the key of a seed of 32 bytes, such as one derived from the masking key by the
// label "sign"; any other length is ErrSigningKey.
func NewSigningKey(seed []byte) (SigningKey, error) {
	if len(seed) != ed25519.SeedSize {
		return SigningKey{}, ErrSigningKey
	}
	text := string(seed)
	return SigningKey{seed: &text}, nil
}

// ParseSigningKey reads a seed as 64 hex digits or base64; white space around it is ignored.
func ParseSigningKey(text string) (SigningKey, error) {
	text = strings.TrimSpace(text)
	if raw, err := hex.DecodeString(text); err == nil {
		return NewSigningKey(raw)
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return SigningKey{}, ErrSigningKey
	}
	return NewSigningKey(raw)
}

func (k SigningKey) private() ed25519.PrivateKey { return ed25519.NewKeyFromSeed([]byte(*k.seed)) }

// Public returns the key that others verify by.
func (k SigningKey) Public() PublicKey {
	var p PublicKey
	copy(p.key[:], k.private()[ed25519.SeedSize:])
	return p
}

// Sign returns a signature of message for one purpose, a word such as "certificate".
func (k SigningKey) Sign(purpose string, message []byte) Signature {
	return Signature{Key: k.Public(), Bytes: hex.EncodeToString(ed25519.Sign(k.private(), signed(purpose, message)))}
}

// Format writes "[secret]" for every verb.
func (k SigningKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[secret]") }

// MarshalText writes "[secret]".
func (k SigningKey) MarshalText() ([]byte, error) { return []byte("[secret]"), nil }

func signed(purpose string, message []byte) []byte {
	return append([]byte(signDomain+"\x00"+purpose+"\x00"), message...)
}

// PublicKey is the public half of a SigningKey. It is comparable and may be printed.
type PublicKey struct{ key [ed25519.PublicKeySize]byte }

// ParsePublicKey reads what String writes; white space around it, and anything after a blank, such as
// the owner's name, is ignored.
func ParsePublicKey(text string) (PublicKey, error) {
	fields := strings.Fields(text)
	if len(fields) == 0 {
		return PublicKey{}, ErrPublicKey
	}
	digits, found := strings.CutPrefix(fields[0], publicPrefix)
	raw, err := hex.DecodeString(digits)
	if !found || err != nil || len(raw) != ed25519.PublicKeySize {
		return PublicKey{}, ErrPublicKey
	}
	var p PublicKey
	copy(p.key[:], raw)
	return p, nil
}

// String returns "ed25519:" and 64 hex digits.
func (p PublicKey) String() string { return publicPrefix + hex.EncodeToString(p.key[:]) }

// ID returns 16 hex digits that tell keys apart.
func (p PublicKey) ID() string {
	sum := sha256.Sum256(p.key[:])
	return hex.EncodeToString(sum[:8])
}

// MarshalText writes what String does.
func (p PublicKey) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (p *PublicKey) UnmarshalText(text []byte) (err error) {
	*p, err = ParsePublicKey(string(text))
	return err
}

// Signature is a signature with the public key it holds under. Whether that key is trusted is another
// question.
type Signature struct {
	Key PublicKey `json:"key"`
	// Bytes are the signature's 64 as hex digits.
	Bytes string `json:"signature"`
}

// Verify returns nil when s signs message for purpose and its key is among trusted; otherwise
// ErrUntrusted or ErrSignature.
func (s Signature) Verify(purpose string, message []byte, trusted ...PublicKey) error {
	known := false
	for _, key := range trusted {
		known = known || key == s.Key
	}
	if !known {
		return fmt.Errorf("%w (key %s)", ErrUntrusted, s.Key.ID())
	}
	raw, err := hex.DecodeString(s.Bytes)
	if err != nil || !ed25519.Verify(s.Key.key[:], signed(purpose, message), raw) {
		return fmt.Errorf("%w (key %s)", ErrSignature, s.Key.ID())
	}
	return nil
}

// SignedHead is a head that somebody vouches for: the chain up to it stood when it was signed.
type SignedHead struct {
	Head
	Time time.Time `json:"time"`
	Signature
}

// headPurpose is what heads are signed for.
const headPurpose = "ledger head"

// SignHead signs a head and the time it was the newest.
func SignHead(key SigningKey, head Head, at time.Time) SignedHead {
	s := SignedHead{Head: head, Time: at.UTC().Truncate(time.Microsecond)}
	s.Signature = key.Sign(headPurpose, s.message())
	return s
}

// VerifyHead returns nil when one of trusted signed h as it stands; otherwise ErrUntrusted or
// ErrSignature.
func VerifyHead(h SignedHead, trusted ...PublicKey) error {
	if err := h.Verify(headPurpose, h.message(), trusted...); err != nil {
		return fmt.Errorf("verify ledger head %d: %w", h.Seq, err)
	}
	return nil
}

func (h SignedHead) message() []byte {
	out, err := json.Marshal(struct {
		Head
		Time time.Time `json:"time"`
	}{h.Head, h.Time})
	if err != nil {
		panic(fmt.Sprintf("encode ledger head: %v", err)) // a number, digits and a time of this millennium always encode
	}
	return out
}
