package personal

// Check digits of numbers that authorities and issuers hand out. All take ASCII digits, in the order they are
// written, without separators; they are pure, allocate nothing and never look beyond what they are given.

// Luhn returns the digit that makes digits followed by it pass the check of ISO/IEC 7812-1, annex B.
func Luhn(digits []byte) byte {
	sum := 0
	for i := range digits {
		n := int(digits[len(digits)-1-i] - '0')
		if i%2 == 0 { // the last of them stands beside the check digit
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum += n
	}
	return '0' + byte((10-sum%10)%10)
}

// Mod97 returns the remainder by 97 of a text of digits and letters, a letter counting as two digits from A = 10 to
// Z = 35, as ISO 7064 (MOD 97-10) and IBAN (ISO 13616) have it. Other bytes count as nothing.
func Mod97(text []byte) int {
	n := 0
	for _, b := range text {
		switch {
		case '0' <= b && b <= '9':
			n = (n*10 + int(b-'0')) % 97
		case 'A' <= b && b <= 'Z':
			n = (n*100 + int(b-'A') + 10) % 97
		}
	}
	return n
}

// Mod11x10 returns the check digit of ISO 7064 (MOD 11,10), as the German tax number and the Croatian OIB have it.
func Mod11x10(digits []byte) byte {
	product := 10
	for _, b := range digits {
		sum := (int(b-'0') + product) % 10
		if sum == 0 {
			sum = 10
		}
		product = sum * 2 % 11
	}
	return '0' + byte((11-product)%10)
}

// Weighted returns the sum of digits times weights, of which the last is repeated.
func Weighted(digits []byte, weights ...int) int {
	sum := 0
	for i, b := range digits {
		sum += int(b-'0') * weights[min(i, len(weights)-1)]
	}
	return sum
}

// Verhoeff returns the check digit of J. Verhoeff's scheme over the dihedral group D5, as Aadhaar has it.
func Verhoeff(digits []byte) byte {
	check := 0
	for i := range digits {
		n := int(digits[len(digits)-1-i] - '0')
		check = dihedral(check, verhoeffPermuted(n, i+1))
	}
	for inverse := range 10 {
		if dihedral(check, inverse) == 0 {
			return '0' + byte(inverse)
		}
	}
	return '0'
}

// dihedral multiplies in D5, rotations 0 to 4 and reflections 5 to 9.
func dihedral(a, b int) int {
	switch {
	case a < 5 && b < 5:
		return (a + b) % 5
	case a < 5:
		return 5 + (a+b-5)%5
	case b < 5:
		return 5 + (a-5-b+5)%5
	}
	return (a - b + 5) % 5
}

// verhoeffPermuted applies the scheme's permutation, (1 5 8 9 4 2 7 0)(3 6), so often as the position is.
func verhoeffPermuted(n, times int) int {
	const next = "1576283094"
	for range times % 8 {
		n = int(next[n] - '0')
	}
	return n
}
