package derive

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// rawKey has no byte twice, so that a byte too many or too few cannot go unseen.
func rawKey() (raw [keySize]byte) {
	for i := range raw {
		raw[i] = byte(0xF0 - 7*i)
	}
	return raw
}

func TestMaskingKeyIsReadInEveryFormItIsWrittenIn(t *testing.T) {
	raw := rawKey()
	want := MaskingKeyOf(raw)
	for name, text := range map[string]string{
		"hex":              hex.EncodeToString(raw[:]),
		"upper-case hex":   strings.ToUpper(hex.EncodeToString(raw[:])),
		"base64":           base64.StdEncoding.EncodeToString(raw[:]),
		"unpadded base64":  base64.RawStdEncoding.EncodeToString(raw[:]),
		"base64 of URLs":   base64.URLEncoding.EncodeToString(raw[:]),
		"with white space": " \t" + hex.EncodeToString(raw[:]) + "\r\n",
	} {
		got, err := ParseMaskingKey(text)
		if err != nil || **got.bytes != **want.bytes {
			t.Errorf("%s: not read (%v)", name, err)
		}
	}
}

func TestAWrongMaskingKeyIsRefusedAndNotQuoted(t *testing.T) {
	raw := rawKey()
	for name, text := range map[string]string{
		"empty":      "",
		"a password": "correct horse battery staple",
		"hex short":  hex.EncodeToString(raw[:31]),
		"hex long":   hex.EncodeToString(raw[:]) + "00",
		"base64 16":  base64.StdEncoding.EncodeToString(raw[:16]),
		"base64 33":  base64.StdEncoding.EncodeToString(append(raw[:], 1)),
		"zeros":      strings.Repeat("00", keySize),
		"ones":       strings.Repeat("ff", keySize),
	} {
		_, err := ParseMaskingKey(text)
		if !errors.Is(err, ErrKey) {
			t.Errorf("%s: got %v, want ErrKey", name, err)
			continue
		}
		if text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("%s: the error quotes the key", name)
		}
	}
}

// The mapping key is HKDF-SHA-256 (RFC 5869) with no salt, spelled out here with HMAC.
func TestMappingKeyIsTheDocumentedHKDF(t *testing.T) {
	raw := rawKey()
	mac := func(key, msg []byte) []byte {
		h := hmac.New(sha256.New, key)
		h.Write(msg)
		return h.Sum(nil)
	}
	prk := mac(make([]byte, sha256.Size), raw[:])
	info := []byte("lethe/v1")
	for _, part := range []string{"public.customer.email", "email"} {
		info = append(binary.BigEndian.AppendUint64(info, uint64(len(part))), part...)
	}
	want := mac(prk, append(info, 1))
	got := MaskingKeyOf(raw).Key("public.customer.email", "email")
	if !bytes.Equal((*got.bytes)[:], want) {
		t.Error("the key of a mapping is not HKDF-SHA-256 over version, domain and family")
	}
	if sub, want := got.subkey("lethe/v1/draw"), mac(mac(make([]byte, sha256.Size), want), []byte("lethe/v1/draw\x01")); !bytes.Equal(sub, want) {
		t.Error("the subkey of a use is not HKDF-SHA-256 over its name")
	}
}

func TestDomainAndFamilyDoNotRunTogether(t *testing.T) {
	m := MaskingKeyOf(rawKey())
	seen := map[[keySize]byte]string{}
	for _, pair := range [][2]string{{"ab", "c"}, {"a", "bc"}, {"abc", ""}, {"", "abc"}, {"c", "ab"}} {
		k := **m.Key(pair[0], pair[1]).bytes
		if before, found := seen[k]; found {
			t.Errorf("%v has the key of %s", pair, before)
		}
		seen[k] = fmt.Sprint(pair)
	}
}

func TestKeysNeverPrint(t *testing.T) {
	raw := rawKey()
	m := MaskingKeyOf(raw)
	k := m.Key("d", "f")
	var out bytes.Buffer
	type holder struct {
		M MaskingKey
		m MaskingKey
		k Key
	}
	permuted, err := NewPermutation(k, 100, nil)
	if err != nil {
		t.Fatal(err)
	}
	secrets := []any{m, &m, k, &k, holder{m, m, k}, &holder{m, m, k}, []Key{k}, map[string]Key{"k": k}, NewPRF(k), permuted}
	for _, secret := range secrets {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d", "%q"} {
			fmt.Fprintf(&out, verb+"\n", secret)
		}
		if err := json.NewEncoder(&out).Encode(secret); err != nil {
			t.Fatal(err)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("key", "k", secret)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("key", "k", secret)
	}
	if !strings.Contains(out.String(), "[secret]") {
		t.Error("nothing was printed in place of the key")
	}
	printed := strings.ToLower(out.String())
	for name, bytes := range map[string][]byte{"masking key": raw[:], "mapping key": (*k.bytes)[:]} {
		for _, form := range []string{
			hex.EncodeToString(bytes), strings.Trim(fmt.Sprintf("%d", bytes), "[]"),
			strings.ToLower(base64.StdEncoding.EncodeToString(bytes)), fmt.Sprintf("0x%x, 0x%x", bytes[0], bytes[1]),
			strings.ToLower(string(bytes)),
		} {
			if form == "" || strings.Contains(printed, form) {
				t.Errorf("the %s is printed", name)
			}
		}
	}
}

func TestIDsTellKeysApart(t *testing.T) {
	raw := rawKey()
	other := raw
	other[31] ^= 1
	a, b := MaskingKeyOf(raw), MaskingKeyOf(other)
	if a.ID() == b.ID() || len(a.ID()) != 16 {
		t.Errorf("ids are %s and %s", a.ID(), b.ID())
	}
	if bytes.Equal(a.Subkey("sign", 32), b.Subkey("sign", 32)) || bytes.Equal(a.Subkey("sign", 32), a.Subkey("id", 32)) {
		t.Error("subkeys of other keys or labels agree")
	}
	if len(a.Subkey("sign", 64)) != 64 {
		t.Error("a subkey has another size than asked for")
	}
}

func TestNothingIsDerivedFromNoKey(t *testing.T) {
	if !(MaskingKey{}).IsZero() || !(Key{}).IsZero() || MaskingKeyOf(rawKey()).IsZero() || testKey("a").IsZero() {
		t.Error("IsZero does not tell a key from none")
	}
	if _, err := NewPermutation(Key{}, 100, nil); err == nil {
		t.Error("a permutation was made without a key")
	}
	for name, call := range map[string]func(){
		"NewPRF": func() { NewPRF(Key{}) },
		"Key":    func() { MaskingKey{}.Key("d", "f") },
		"ID":     func() { MaskingKey{}.ID() },
		"Subkey": func() { MaskingKey{}.Subkey("sign", 32) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s went on without a key", name)
				}
			}()
			call()
		}()
	}
}
