package derive

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// sample is one of the nine FF1 samples that NIST publishes beside SP 800-38G.
type sample struct {
	key, tweak    string
	radix         int
	plain, cipher string
}

func samples() []sample {
	const (
		k128 = "2b7e151628aed2a6abf7158809cf4f3c"
		k192 = k128 + "ef4359d8d580aa4f"
		k256 = k192 + "7f036d6f04fc6a94"
		t10  = "39383736353433323130"
		t11  = "3737373770717273373737"
	)
	const digits, letters = "0123456789", "0123456789abcdefghi"
	return []sample{
		{k128, "", 10, digits, "2433477484"},
		{k128, t10, 10, digits, "6124200773"},
		{k128, t11, 36, letters, "a9tv40mll9kdu509eum"},
		{k192, "", 10, digits, "2830668132"},
		{k192, t10, 10, digits, "2496655549"},
		{k192, t11, 36, letters, "xbj3kv35jrawxv32ysr"},
		{k256, "", 10, digits, "6657667009"},
		{k256, t10, 10, digits, "1001623463"},
		{k256, t11, 36, letters, "xs8a0azh2avyalyzuwd"},
	}
}

func block(t testing.TB, key []byte) cipher.Block {
	t.Helper()
	b, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// halves reads the two halves of a numeral string.
func halves(t testing.TB, text string, radix int) (a, b uint64) {
	t.Helper()
	u := len(text) / 2
	left, ok1 := new(big.Int).SetString(text[:u], radix)
	right, ok2 := new(big.Int).SetString(text[u:], radix)
	if !ok1 || !ok2 {
		t.Fatalf("not a numeral string of radix %d: %s", radix, text)
	}
	return left.Uint64(), right.Uint64()
}

// join writes the two halves of a string of n numerals.
func join(a, b uint64, radix, n int) string {
	write := func(x uint64, width int) string {
		text := new(big.Int).SetUint64(x).Text(radix)
		return strings.Repeat("0", width-len(text)) + text
	}
	return write(a, n/2) + write(b, n-n/2)
}

func TestFF1EqualsThePublishedSamples(t *testing.T) {
	for i, s := range samples() {
		f, err := newFF1(block(t, unhex(t, s.key)), s.radix, len(s.plain), unhex(t, s.tweak))
		if err != nil {
			t.Fatal(err)
		}
		a, b := f.encrypt(halves(t, s.plain, s.radix))
		if got := join(a, b, s.radix, len(s.plain)); got != s.cipher {
			t.Errorf("sample %d: encrypted to %s, want %s", i+1, got, s.cipher)
		}
		a, b = f.decrypt(halves(t, s.cipher, s.radix))
		if got := join(a, b, s.radix, len(s.plain)); got != s.plain {
			t.Errorf("sample %d: decrypted to %s, want %s", i+1, got, s.plain)
		}
	}
}

// reference is FF1.Encrypt written step by step as the standard has it, over numerals and big integers.
func reference(block cipher.Block, radix int, tweak []byte, x []int) []int {
	n, t := len(x), len(tweak)
	u := n / 2
	v := n - u
	a, b := append([]int(nil), x[:u]...), append([]int(nil), x[u:]...)
	r := big.NewInt(int64(radix))

	top := new(big.Int).Exp(r, big.NewInt(int64(v)), nil)
	size := (top.Sub(top, big.NewInt(1)).BitLen() + 7) / 8
	d := 4*((size+3)/4) + 4
	p := []byte{1, 2, 1, byte(radix >> 16), byte(radix >> 8), byte(radix), 10, byte(u)}
	p = binary.BigEndian.AppendUint32(p, uint32(n))
	p = binary.BigEndian.AppendUint32(p, uint32(t))
	for i := range 10 {
		q := append([]byte(nil), tweak...)
		for (len(q)+1+size)%16 != 0 {
			q = append(q, 0)
		}
		q = append(q, byte(i))
		q = append(q, number(b, r).FillBytes(make([]byte, size))...)
		y := make([]byte, 16)
		for message := append(append([]byte(nil), p...), q...); len(message) > 0; message = message[16:] {
			for j := range y {
				y[j] ^= message[j]
			}
			block.Encrypt(y, y)
		}
		s := append([]byte(nil), y...)
		for j := uint64(1); len(s) < d; j++ {
			next := append([]byte(nil), y...)
			binary.BigEndian.PutUint64(next[8:], binary.BigEndian.Uint64(next[8:])^j)
			block.Encrypt(next, next)
			s = append(s, next...)
		}
		m := u
		if i%2 == 1 {
			m = v
		}
		c := number(a, r)
		c.Add(c, new(big.Int).SetBytes(s[:d]))
		c.Mod(c, new(big.Int).Exp(r, big.NewInt(int64(m)), nil))
		a, b = b, numerals(c, r, m)
	}
	return append(a, b...)
}

func number(x []int, radix *big.Int) *big.Int {
	n := new(big.Int)
	for _, digit := range x {
		n.Mul(n, radix).Add(n, big.NewInt(int64(digit)))
	}
	return n
}

func numerals(n, radix *big.Int, width int) []int {
	out := make([]int, width)
	n, digit := new(big.Int).Set(n), new(big.Int)
	for i := width - 1; i >= 0; i-- {
		n.DivMod(n, radix, digit)
		out[i] = int(digit.Int64())
	}
	return out
}

func TestTheReferenceEqualsThePublishedSamples(t *testing.T) {
	for i, s := range samples() {
		x := make([]int, len(s.plain))
		for j := range x {
			x[j] = strings.IndexByte("0123456789abcdefghijklmnopqrstuvwxyz", s.plain[j])
		}
		var got strings.Builder
		for _, digit := range reference(block(t, unhex(t, s.key)), s.radix, unhex(t, s.tweak), x) {
			got.WriteByte("0123456789abcdefghijklmnopqrstuvwxyz"[digit])
		}
		if got.String() != s.cipher {
			t.Errorf("sample %d: reference gives %s, want %s", i+1, got.String(), s.cipher)
		}
	}
}

// Every radix, length and tweak that fits in 64 bits a half takes the same way as the standard's text.
func TestFF1In64BitsEqualsTheReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "key")
		radix := rapid.OneOf(rapid.Just(2), rapid.IntRange(2, 64), rapid.IntRange(2, 1<<16)).Draw(t, "radix")
		longest := 2
		for fits := true; fits && longest < 126; {
			if _, fits = power(uint64(radix), (longest+2)/2); fits {
				longest++
			}
		}
		n := rapid.IntRange(2, longest).Draw(t, "n")
		tweak := rapid.SliceOfN(rapid.Byte(), 0, 70).Draw(t, "tweak")
		x := rapid.SliceOfN(rapid.IntRange(0, radix-1), n, n).Draw(t, "x")

		cipher, err := aes.NewCipher(key)
		if err != nil {
			t.Fatal(err)
		}
		f, err := newFF1(cipher, radix, n, tweak)
		if err != nil {
			t.Fatal(err)
		}
		r := big.NewInt(int64(radix))
		want := reference(cipher, radix, tweak, x)
		a, b := f.encrypt(number(x[:n/2], r).Uint64(), number(x[n/2:], r).Uint64())
		if wantA, wantB := number(want[:n/2], r).Uint64(), number(want[n/2:], r).Uint64(); a != wantA || b != wantB {
			t.Fatalf("radix %d, %d numerals: got %d %d, want %d %d", radix, n, a, b, wantA, wantB)
		}
		if backA, backB := f.decrypt(a, b); backA != number(x[:n/2], r).Uint64() || backB != number(x[n/2:], r).Uint64() {
			t.Fatalf("radix %d, %d numerals: decrypt does not undo encrypt", radix, n)
		}
	})
}

func TestFF1RefusesWhatItCannotHold(t *testing.T) {
	b := block(t, make([]byte, 32))
	for _, refused := range []struct{ radix, n int }{{1, 10}, {1<<16 + 1, 4}, {2, 1}, {2, 128}, {10, 40}, {1 << 16, 8}} {
		if _, err := newFF1(b, refused.radix, refused.n, nil); err == nil {
			t.Errorf("radix %d, %d numerals: accepted", refused.radix, refused.n)
		}
	}
}
