package personal

import (
	"math/big"
	"strings"
	"testing"
)

// TestCheckDigitsArePublishedOnes holds examples that the issuers or the standards themselves print.
func TestCheckDigitsArePublishedOnes(t *testing.T) {
	for number, check := range map[string]func([]byte) byte{
		"79927398713":      Luhn,     // the usual worked example
		"4111111111111111": Luhn,     // a card network's test number
		"490154203237518":  Luhn,     // the IMEI of 3GPP TS 23.003's example
		"2363":             Verhoeff, // Verhoeff's own
		"1428570":          Verhoeff,
		"86095742719":      Mod11x10, // the tax number of the German authority's leaflet
		"94577403194":      Mod11x10, // an OIB
	} {
		digits := []byte(number)
		if got := check(digits[:len(digits)-1]); got != digits[len(digits)-1] {
			t.Errorf("%s: check digit %c", number, got)
		}
	}
}

// TestMod97IsTheRemainder holds against the arithmetic of big numbers.
func TestMod97IsTheRemainder(t *testing.T) {
	for _, text := range []string{"", "0", "97", "3214282912345698765432161182", "WEST12345698765432GB82", "ZZZZZZZZZZZZZZZZZZ"} {
		var digits strings.Builder
		for _, r := range text {
			if r >= 'A' {
				digits.WriteString(big.NewInt(int64(r-'A') + 10).String())
			} else {
				digits.WriteRune(r)
			}
		}
		want := new(big.Int)
		want.SetString("0"+digits.String(), 10)
		if got := Mod97([]byte(text)); int64(got) != want.Mod(want, big.NewInt(97)).Int64() {
			t.Errorf("%s: %d", text, got)
		}
	}
	if Mod97([]byte("WEST12345698765432GB82")) != 1 {
		t.Error("the example of ISO 13616 does not check")
	}
}

// TestEveryWrongDigitIsFoundByVerhoeff holds what the scheme promises: any one digit wrong, any two neighbours
// exchanged.
func TestEveryWrongDigitIsFoundByVerhoeff(t *testing.T) {
	digits := []byte("23412341234")
	check := Verhoeff(digits)
	for i := range digits {
		for other := byte('0'); other <= '9'; other++ {
			changed := []byte(string(digits))
			if changed[i] = other; other != digits[i] && Verhoeff(changed) == check {
				t.Errorf("digit %d as %c goes unseen", i, other)
			}
		}
		if swapped := []byte(string(digits)); i > 0 && digits[i] != digits[i-1] {
			swapped[i], swapped[i-1] = swapped[i-1], swapped[i]
			if Verhoeff(swapped) == check {
				t.Errorf("digits %d and %d exchanged go unseen", i-1, i)
			}
		}
	}
}
