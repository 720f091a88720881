package derive

import (
	"math"
	"math/big"
	"math/bits"
	"testing"

	"pgregory.net/rapid"
)

func permutation(t testing.TB, label string, size uint64, tweak string) *Permutation {
	t.Helper()
	p, err := NewPermutation(testKey(label), size, []byte(tweak))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPermutationIsABijectionOfEverySmallSize(t *testing.T) {
	sizes := []uint64{1023, 1024, 1025, 1<<14 - 1}
	for size := uint64(1); size <= 130; size++ {
		sizes = append(sizes, size)
	}
	for _, size := range sizes {
		p := permutation(t, "small", size, "t")
		seen := make([]bool, size)
		for x := range size {
			y := p.Encrypt(x)
			if y >= size {
				t.Fatalf("size %d: %d left the domain", size, x)
			}
			if seen[y] {
				t.Fatalf("size %d: %d was given twice", size, y)
			}
			seen[y] = true
			if back := p.Decrypt(y); back != x {
				t.Fatalf("size %d: decrypt gave %d for %d", size, back, x)
			}
		}
	}
}

func TestPermutationOfLargeSizesStaysInsideAndComesBack(t *testing.T) {
	fixed := rapid.SampledFrom([]uint64{1<<30 - 1, 1 << 30, 1<<52 - 1, 1<<52 + 1, 1 << 63, math.MaxUint64})
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.OneOf(fixed, rapid.Uint64Range(2, math.MaxUint64)).Draw(t, "size")
		tweak := rapid.SliceOfN(rapid.Byte(), 0, 60).Draw(t, "tweak")
		p, err := NewPermutation(testKey("large"), size, tweak)
		if err != nil {
			t.Fatal(err)
		}
		x := rapid.Uint64Range(0, size-1).Draw(t, "x")
		other := rapid.Uint64Range(0, size-1).Draw(t, "other")
		y := p.Encrypt(x)
		if y >= size || p.Decrypt(y) != x || p.Encrypt(p.Decrypt(x)) != x {
			t.Fatalf("size %d: %d went to %d and did not come back", size, x, y)
		}
		if (p.Encrypt(other) == y) != (other == x) {
			t.Fatalf("size %d: two numbers share an image", size)
		}
	})
}

// A permutation is what its contract says it is: the standard's FF1 over bits, walked until inside.
func TestPermutationEqualsTheReference(t *testing.T) {
	two := big.NewInt(2)
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.OneOf(rapid.Uint64Range(1, 300), rapid.Uint64Range(2, math.MaxUint64)).Draw(t, "size")
		x := rapid.Uint64Range(0, size-1).Draw(t, "x")
		tweak := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "tweak")
		k := testKey("reference")
		p, err := NewPermutation(k, size, tweak)
		if err != nil {
			t.Fatal(err)
		}
		n := max(2, bits.Len64(size-1))
		bit := numerals(new(big.Int).SetUint64(x), two, n)
		for {
			bit = reference(newAES(k.subkey(ff1Info)), 2, tweak, bit)
			if want := number(bit, two).Uint64(); want < size {
				if got := p.Encrypt(x); got != want {
					t.Fatalf("size %d: %d went to %d, want %d", size, x, got, want)
				}
				return
			}
		}
	})
}

func TestOtherKeysAndTweaksPermuteOtherwise(t *testing.T) {
	base := permutation(t, "a", 1<<30, "t")
	for name, other := range map[string]*Permutation{
		"key":   permutation(t, "b", 1<<30, "t"),
		"tweak": permutation(t, "a", 1<<30, "u"),
	} {
		same := 0
		for x := range uint64(1000) {
			if base.Encrypt(x) == other.Encrypt(x) {
				same++
			}
		}
		if same > 0 { // by chance once in a million runs, and the keys are fixed
			t.Errorf("another %s: %d of 1000 numbers go the same way", name, same)
		}
	}
}

func TestPermutationRefusesAnEmptyDomainAndStrangers(t *testing.T) {
	if _, err := NewPermutation(testKey("a"), 0, nil); err == nil {
		t.Error("a permutation of nothing was made")
	}
	p := permutation(t, "a", 100, "")
	if p.Size() != 100 {
		t.Errorf("size is %d, want 100", p.Size())
	}
	for name, call := range map[string]func(uint64) uint64{"Encrypt": p.Encrypt, "Decrypt": p.Decrypt} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s took a number outside the domain", name)
				}
			}()
			call(100)
		}()
	}
}
