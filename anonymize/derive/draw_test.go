package derive

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

func testKey(label string) Key {
	return MaskingKeyOf([keySize]byte{9, 8, 7}).Key("test", label)
}

// The stream is what the standard library's counter mode makes of the tag, read in any portions.
func TestDrawIsACounterModeStreamFromTheTag(t *testing.T) {
	k := testKey("stream")
	p := NewPRF(k)
	rapid.Check(t, func(t *rapid.T) {
		msg := rapid.SliceOfN(rapid.Byte(), 0, 80).Draw(t, "msg")
		tag := p.Sum(msg)
		want := make([]byte, 200)
		cipher.NewCTR(newAES(k.subkey(drawInfo)), tag[:]).XORKeyStream(want, want)
		d := p.Draw(msg)
		for at := 0; at < len(want)-24; {
			if rapid.Bool().Draw(t, "number") {
				if got := d.Uint64(); got != binary.BigEndian.Uint64(want[at:]) {
					t.Fatalf("number at byte %d of the stream differs", at)
				}
				at += 8
				continue
			}
			got := make([]byte, rapid.IntRange(0, 24).Draw(t, "bytes"))
			d.Bytes(got)
			if !bytes.Equal(got, want[at:at+len(got)]) {
				t.Fatalf("%d bytes at byte %d of the stream differ", len(got), at)
			}
			at += len(got)
		}
	})
}

// The counter is one number of 128 bits: it carries from the lower half, and wraps.
func TestDrawCounterCarries(t *testing.T) {
	p := NewPRF(testKey("carry"))
	for _, start := range [][2]uint64{{5, math.MaxUint64}, {math.MaxUint64, math.MaxUint64}} {
		d := Draw{prf: p, hi: start[0], lo: start[1], used: blockSize}
		got := make([]byte, 3*blockSize)
		d.Bytes(got)
		iv := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, start[0]), start[1])
		want := make([]byte, len(got))
		cipher.NewCTR(p.stream, iv).XORKeyStream(want, want)
		if !bytes.Equal(got, want) {
			t.Errorf("counter from %x does not carry", iv)
		}
	}
}

// N is what its contract says, number by number: rejection from the same stream, then the remainder.
func TestNRejectsTheBiasedTop(t *testing.T) {
	p := NewPRF(testKey("n"))
	rejected := false
	rapid.Check(t, func(t *rapid.T) {
		msg := rapid.SliceOfN(rapid.Byte(), 0, 8).Draw(t, "msg")
		n := rapid.OneOf(rapid.Uint64Range(1, 1000), rapid.Uint64Range(1<<63, math.MaxUint64)).Draw(t, "n")
		d, raw := p.Draw(msg), p.Draw(msg)
		for range 4 {
			got := d.N(n)
			quotient, _ := bits.Div64(1%n, 0, n) // ⌊2⁶⁴/n⌋ for n above 1
			for {
				x := raw.Uint64()
				if n == 1 || x < quotient*n || quotient*n == 0 {
					if got != x%n {
						t.Fatalf("N(%d) = %d, want %d", n, got, x%n)
					}
					break
				}
				rejected = true
			}
		}
	})
	if !rejected {
		t.Error("no number was ever rejected: the test saw only the easy way")
	}
}

func TestNIsUniform(t *testing.T) {
	p := NewPRF(testKey("uniform"))
	const sides, throws = 7, 70_000
	var seen [sides]int
	for i := range throws {
		d := p.Draw(binary.BigEndian.AppendUint32(nil, uint32(i)))
		seen[d.N(sides)]++
	}
	chi := 0.0
	for _, n := range seen {
		chi += math.Pow(float64(n)-throws/sides, 2) / (throws / sides)
	}
	if chi > 30 { // six degrees of freedom: beyond 30 once in 25,000 keys, and the key is fixed
		t.Errorf("chi squared is %.1f over %v", chi, seen)
	}
}

func TestNOfNothingPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("N(0) returned")
		}
	}()
	d := NewPRF(testKey("zero")).Draw(nil)
	d.N(0)
}

func TestACopyOfADrawGoesOnFromTheSamePlace(t *testing.T) {
	d := NewPRF(testKey("copy")).Draw([]byte("x"))
	d.Uint64()
	c := d
	if got, want := c.Uint64(), d.Uint64(); got != want {
		t.Errorf("copy gave %d, original %d", got, want)
	}
}

func TestOtherMessagesKeysAndUsesGiveOtherStreams(t *testing.T) {
	var seen [][]byte
	for _, label := range []string{"a", "b"} {
		p := NewPRF(testKey(label))
		for _, msg := range []string{"", "\x00", "a", "aaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaa\x80"} {
			tag, stream := p.Sum([]byte(msg)), make([]byte, blockSize)
			d := p.Draw([]byte(msg))
			d.Bytes(stream)
			for _, out := range [][]byte{tag[:], stream} {
				if slices.ContainsFunc(seen, func(b []byte) bool { return bytes.Equal(b, out) }) {
					t.Errorf("key %s, message %q: bytes seen before", label, msg)
				}
				seen = append(seen, bytes.Clone(out))
			}
		}
	}
}

func TestPRFIsSafeForConcurrentUse(t *testing.T) {
	p := NewPRF(testKey("concurrent"))
	want := p.Draw([]byte("x"))
	number := want.Uint64()
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for range 2000 {
				if d := p.Draw([]byte("x")); d.Uint64() != number {
					t.Error("another number from another goroutine")
					return
				}
			}
		})
	}
	wait.Wait()
}

func TestNothingAllocates(t *testing.T) {
	if raceEnabled {
		t.Skip("under the race detector sync.Pool drops items on purpose")
	}
	p := NewPRF(testKey("alloc"))
	perm, err := NewPermutation(testKey("alloc"), 1<<30-1, []byte("public.t.id"))
	if err != nil {
		t.Fatal(err)
	}
	msg, dst := []byte("a message longer than one block of AES"), make([]byte, 40)
	for name, work := range map[string]func(){
		"Sum":     func() { p.Sum(msg) },
		"Draw":    func() { d := p.Draw(msg); d.N(10); d.Bytes(dst); d.Uint64() },
		"Encrypt": func() { perm.Encrypt(12345) },
		"Decrypt": func() { perm.Decrypt(12345) },
	} {
		if got := testing.AllocsPerRun(200, work); got != 0 {
			t.Errorf("%s allocates %v times", name, got)
		}
	}
}

func TestCMACEqualsTheStandardTextOverAnyLength(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "key")
		msg := rapid.SliceOfN(rapid.Byte(), 0, 100).Draw(t, "msg")
		b, err := aes.NewCipher(key)
		if err != nil {
			t.Fatal(err)
		}
		mac := newCMAC(b)
		// The text: complete the last block, add its subkey, CBC over all.
		padded, sub := bytes.Clone(msg), mac.k1
		if len(msg) == 0 || len(msg)%16 != 0 {
			padded, sub = append(padded, 0x80), mac.k2
			for len(padded)%16 != 0 {
				padded = append(padded, 0)
			}
		}
		for i := range sub {
			padded[len(padded)-16+i] ^= sub[i]
		}
		cbc := make([]byte, len(padded))
		cipher.NewCBCEncrypter(b, make([]byte, 16)).CryptBlocks(cbc, padded)
		var s scratch
		mac.sum(&s, msg)
		if !bytes.Equal(s.out[:], cbc[len(cbc)-16:]) {
			t.Fatalf("tag of %d bytes differs", len(msg))
		}
	})
}
