package derive

import (
	"testing"

	"pgregory.net/rapid"
)

// TestFeistelIsABijection holds by its inverse, for any pair and key.
func TestFeistelIsABijection(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw := [keySize]byte{byte(rapid.IntRange(0, 255).Draw(t, "key"))}
		f, err := NewFeistel(MaskingKeyOf(raw).Key("feistel", "feistel"))
		if err != nil {
			t.Fatal(err)
		}
		left, right := rapid.Uint64Range(0, halfMask).Draw(t, "left"), rapid.Uint64Range(0, halfMask).Draw(t, "right")
		a, b := f.Encrypt(left, right)
		if x, y := f.Decrypt(a, b); x != left || y != right || a > halfMask || b > halfMask {
			t.Fatalf("%d, %d became %d, %d and then %d, %d", left, right, a, b, x, y)
		}
	})
}

// TestFeistelIsFrozen holds what the first release makes of two pairs.
func TestFeistelIsFrozen(t *testing.T) {
	f, err := NewFeistel(benchKey())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range [][4]uint64{{0, 0, 1591728686762134290, 2213361178550371823}, {1, halfMask, 1002913090856651590, 992403357065488062}} {
		if a, b := f.Encrypt(c[0], c[1]); a != c[2] || b != c[3] {
			t.Errorf("%d, %d became %d, %d", c[0], c[1], a, b)
		}
	}
	if _, err := NewFeistel(Key{}); err == nil {
		t.Error("a permutation was made without a key")
	}
}

func BenchmarkFeistel(b *testing.B) {
	f, err := NewFeistel(benchKey())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		f.Encrypt(4711, 42)
	}
}
