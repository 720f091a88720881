package derive_test

import (
	"fmt"

	"github.com/lethedb/lethe/anonymize/derive"
)

// exampleKey is a key that everybody knows; a real one comes from ParseMaskingKey.
func exampleKey() derive.MaskingKey { return derive.MaskingKeyOf([32]byte{31: 1}) }

func ExamplePRF_Draw() {
	names := []string{"Ana", "Bea", "Cleo", "Dora", "Eva"}
	prf := derive.NewPRF(exampleKey().Key("first_name", "first_name"))
	for _, name := range []string{"Maria", "Joana", "Maria"} {
		d := prf.Draw([]byte(name))
		fmt.Println(names[d.N(uint64(len(names)))])
	}
	// Output:
	// Dora
	// Bea
	// Dora
}

func ExamplePermutation() {
	p, err := derive.NewPermutation(exampleKey().Key("public.customer.id", "permute_int"), 1000, []byte("public.customer.id"))
	if err != nil {
		fmt.Println(err)
		return
	}
	for id := range uint64(3) {
		masked := p.Encrypt(id)
		fmt.Println(id, "->", masked, "->", p.Decrypt(masked))
	}
	// Output:
	// 0 -> 187 -> 0
	// 1 -> 689 -> 1
	// 2 -> 882 -> 2
}
