package derive

import "testing"

func benchKey() Key {
	return MaskingKeyOf([keySize]byte{1, 2, 3}).Key("bench", "bench")
}

func BenchmarkPRFSum(b *testing.B) {
	p := NewPRF(benchKey())
	message := []byte("ana.silva@example.com") // two blocks, as most e-mail addresses
	b.ReportAllocs()
	for b.Loop() {
		p.Sum(message)
	}
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
