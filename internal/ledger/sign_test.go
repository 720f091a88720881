package ledger

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func signingKey(t interface{ Fatal(...any) }, fill string) SigningKey {
	k, err := NewSigningKey([]byte(strings.Repeat(fill, 32)))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestPublicKeyIsThatOfRFC8032 takes the first key pair of the standard's section 7.1.
func TestPublicKeyIsThatOfRFC8032(t *testing.T) {
	k, err := ParseSigningKey(" 9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60\n")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := k.Public().String(), "ed25519:d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestSignedHeadHoldsForWhatWasSignedOnly(t *testing.T) {
	anna, ben := signingKey(t, "a"), signingKey(t, "b")
	head := Head{Seq: 7, Hash: strings.Repeat("0f", 32)}
	good := SignHead(anna, head, noon())
	if err := VerifyHead(good, ben.Public(), anna.Public()); err != nil {
		t.Fatal(err)
	}
	change := func(f func(*SignedHead)) SignedHead { h := good; f(&h); return h }
	for name, c := range map[string]struct {
		head    SignedHead
		trusted []PublicKey
		want    error
	}{
		"nobody trusted":    {good, nil, ErrUntrusted},
		"another trusted":   {good, []PublicKey{ben.Public()}, ErrUntrusted},
		"number":            {change(func(h *SignedHead) { h.Seq++ }), []PublicKey{anna.Public()}, ErrSignature},
		"hash":              {change(func(h *SignedHead) { h.Hash = strings.Repeat("0e", 32) }), []PublicKey{anna.Public()}, ErrSignature},
		"time":              {change(func(h *SignedHead) { h.Time = h.Time.Add(time.Second) }), []PublicKey{anna.Public()}, ErrSignature},
		"key":               {change(func(h *SignedHead) { h.Key = ben.Public() }), []PublicKey{anna.Public(), ben.Public()}, ErrSignature},
		"no signature":      {change(func(h *SignedHead) { h.Bytes = "" }), []PublicKey{anna.Public()}, ErrSignature},
		"half a signature":  {change(func(h *SignedHead) { h.Bytes = h.Bytes[:64] }), []PublicKey{anna.Public()}, ErrSignature},
		"no hex":            {change(func(h *SignedHead) { h.Bytes = "zz" + h.Bytes[2:] }), []PublicKey{anna.Public()}, ErrSignature},
		"nothing at all":    {SignedHead{}, []PublicKey{anna.Public()}, ErrUntrusted},
		"the key of nobody": {SignedHead{}, []PublicKey{{}}, ErrSignature},
	} {
		if err := VerifyHead(c.head, c.trusted...); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
}

func TestSignatureCountsForItsPurposeAlone(t *testing.T) {
	k := signingKey(t, "a")
	rapid.Check(t, func(t *rapid.T) {
		purpose, message := rapid.StringMatching(`[a-z ]{1,8}`), rapid.SliceOf(rapid.Byte())
		p, q := purpose.Draw(t, "purpose"), purpose.Draw(t, "other purpose")
		m, n := message.Draw(t, "message"), message.Draw(t, "other message")
		err := k.Sign(p, m).Verify(q, n, k.Public())
		if same := p == q && string(m) == string(n); (err == nil) != same {
			t.Fatalf("same: %v, %v", same, err)
		}
	})
}

func TestSignedHeadSurvivesJSON(t *testing.T) {
	k := signingKey(t, "a")
	want := SignHead(k, Head{Seq: 1, Hash: "ab"}, noon())
	raw, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got SignedHead
	if err := json.Unmarshal(raw, &got); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v: %s", got, err, want, raw)
	}
	if err := VerifyHead(got, k.Public()); err != nil {
		t.Error(err)
	}
}

func TestKeysAreReadInTheirFormsOnly(t *testing.T) {
	seed := []byte(strings.Repeat("k", 32))
	for _, text := range []string{hex.EncodeToString(seed), base64.StdEncoding.EncodeToString(seed) + "\n"} {
		if k, err := ParseSigningKey(text); err != nil || k.Public() != signingKey(t, "k").Public() {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range []string{"", "abcd", strings.Repeat("ab", 31), strings.Repeat("ab", 33), strings.Repeat("x", 64)} {
		if _, err := ParseSigningKey(text); !errors.Is(err, ErrSigningKey) || len(text) > 0 && strings.Contains(err.Error(), text) {
			t.Errorf("%q: %v", text, err)
		}
	}
	public := signingKey(t, "k").Public()
	for _, text := range []string{public.String(), " " + public.String() + " privacy@acme.example\n"} {
		if got, err := ParsePublicKey(text); err != nil || got != public || got.ID() != public.ID() || len(got.ID()) != 16 {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "ed25519:", strings.TrimPrefix(public.String(), "ed25519:"), public.String() + "ab", public.String()[:70]} {
		if _, err := ParsePublicKey(text); !errors.Is(err, ErrPublicKey) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestSigningKeyNeverPrints(t *testing.T) {
	k := signingKey(t, "q")
	type holder struct {
		Outer SigningKey
		inner SigningKey
	}
	h := holder{k, k}
	raw, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	all := string(raw)
	for _, verb := range strings.Split("%v %+v %#v %s %q %x %X %d %t %p %c %U", " ") {
		all += fmt.Sprintf(verb+verb+verb+verb, k, &k, h, &h)
	}
	for _, bad := range []string{"qqqq", "7171", "113 113"} {
		if strings.Contains(all, bad) {
			t.Errorf("%s in %s", bad, all)
		}
	}
}
