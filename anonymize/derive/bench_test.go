package derive

import (
	"crypto/hmac"
	"crypto/sha256"
	"testing"
)

func benchKey() Key {
	return MaskingKeyOf([keySize]byte{1, 2, 3}).Key("bench", "bench")
}

// BenchmarkPRF is what one value costs the function chosen, beside one bare block of the cipher, which is no PRF over
// values of any length, and HMAC-SHA-256, its state kept from value to value.
func BenchmarkPRF(b *testing.B) {
	message := []byte("ana.silva@example.com") // two blocks, as most e-mail addresses
	b.Run("cmac", func(b *testing.B) {
		p := NewPRF(benchKey())
		b.ReportAllocs()
		for b.Loop() {
			p.Sum(message)
		}
	})
	b.Run("bare block", func(b *testing.B) {
		block, s := newAES((*benchKey().bytes)[:]), new(scratch)
		b.ReportAllocs()
		for b.Loop() {
			block.Encrypt(s.out[:], s.in[:])
		}
	})
	b.Run("hmac-sha-256", func(b *testing.B) {
		mac, sum := hmac.New(sha256.New, (*benchKey().bytes)[:]), make([]byte, 0, sha256.Size)
		b.ReportAllocs()
		for b.Loop() {
			mac.Reset()
			mac.Write(message)
			sum = mac.Sum(sum[:0])
		}
	})
}

func BenchmarkDrawOne(b *testing.B) {
	p := NewPRF(benchKey())
	message := []byte("Ana")
	b.ReportAllocs()
	for b.Loop() {
		d := p.Draw(message)
		d.N(20_000)
	}
}

func BenchmarkDrawFour(b *testing.B) {
	p := NewPRF(benchKey())
	message := []byte("Ana")
	b.ReportAllocs()
	for b.Loop() {
		d := p.Draw(message)
		for range 4 {
			d.N(20_000)
		}
	}
}

func BenchmarkPermutation(b *testing.B) {
	for _, size := range []struct {
		name string
		size uint64
	}{{"smallint", 1<<14 - 1}, {"integer", 1<<30 - 1}, {"bigint", 1<<52 - 1}} {
		b.Run(size.name, func(b *testing.B) {
			p, err := NewPermutation(benchKey(), size.size, []byte("public.customer.customer_id"))
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			x := uint64(0)
			for b.Loop() {
				x = p.Encrypt(x)
			}
		})
	}
}
