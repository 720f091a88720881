package derive

import (
	"crypto/aes"
	"encoding/hex"
	"testing"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The examples of NIST SP 800-38B, appendix D: each key over 0, 16, 40 and 64 bytes of one message.
func TestCMACEqualsThePublishedExamples(t *testing.T) {
	message := unhex(t, "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"+
		"30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710")
	for _, example := range []struct {
		key  string
		tags map[int]string
	}{
		{"2b7e151628aed2a6abf7158809cf4f3c", map[int]string{
			0: "bb1d6929e95937287fa37d129b756746", 16: "070a16b46b4d4144f79bdd9dd04a287c",
			40: "dfa66747de9ae63030ca32611497c827", 64: "51f0bebf7e3b9d92fc49741779363cfe",
		}},
		{"8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b", map[int]string{
			0: "d17ddf46adaacde531cac483de7a9367", 16: "9e99a7bf31e710900662f65e617c5184",
			40: "8a1de5be2eb31aad089a82e6ee908b0e", 64: "a1d5df0eed790f794d77589659f39a11",
		}},
		{"603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4", map[int]string{
			0: "028962f61b7bf89efc6b551f4667d983", 16: "28a7023f452e8f82bd4bf28d8c37c35c",
			40: "aaf3d8f1de5640c232f5b169b9c911e6", 64: "e1992190549f6ed5696a2c056c315410",
		}},
	} {
		block, err := aes.NewCipher(unhex(t, example.key))
		if err != nil {
			t.Fatal(err)
		}
		mac := newCMAC(block)
		for size, want := range example.tags {
			var s scratch
			mac.sum(&s, message[:size])
			if got := hex.EncodeToString(s.out[:]); got != want {
				t.Errorf("AES-%d, %d bytes: got %s, want %s", len(example.key)*4, size, got, want)
			}
		}
	}
}
