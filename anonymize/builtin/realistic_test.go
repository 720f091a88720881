package builtin_test

import (
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/lethedb/lethe/anonymize/masktest"
)

// documented reports whether an address is in a range that is reserved for documentation.
func documented(s string) bool {
	address, err := netip.ParseAddr(s)
	if err != nil {
		return false
	}
	for _, block := range []string{"192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"} {
		if netip.MustParsePrefix(block).Contains(address) {
			return true
		}
	}
	return false
}

func TestWhatLooksRealReachesNobody(t *testing.T) {
	for name, valid := range map[string]func(string) bool{
		"domain_name": matches(`[a-z][0-9a-z]{9}\.example\.com`), "hostname": matches(`host-[0-9a-z]{6}\.example\.com`),
		"url": func(s string) bool {
			u, err := url.Parse(s)
			return err == nil && u.Host == "www.example.com" && (u.Scheme == "http" || u.Scheme == "https")
		},
		"user_agent": matches(`Mozilla/5\.0 \(.*`), "company": matches(`[A-Z][A-Za-z]+ [A-Z][a-z]+`), "job": matches(`[A-Z][a-z]+ [A-Z][a-z]+`),
		"country_code": matches(`[A-Z]{2}`), "filename": matches(`[0-9a-z]{12}\.[a-z0-9]+`), "api_key": matches(`[0-9A-Za-z_-]+\.?[0-9A-Za-z]*`),
		"ip": documented, "mac": matches(`[0-9a-f][26ae](:[0-9a-f]{2}){5}((:[0-9a-f]{2}){2})?`),
	} {
		holds(t, lookup(t, name),
			masktest.Case{Name: name, Args: args("text", nil), Inputs: append(people(), "PT", "10.0.0.1", "fe80::1", "http://flowmart.com/x", "cv.PDF", "ghp_16C7e42F292c6912"), FixedShape: name != "ip", Valid: valid},
			masktest.Case{Name: name + " too narrow", Args: args("varchar(1)", nil), Refused: true})
	}
	inet := []string{"10.0.0.1", "10.0.0.0/8", "fe80::1", "::ffff:10.0.0.1"}
	holds(t, lookup(t, "ip"), masktest.Case{Name: "inet", Args: args("inet", nil), Inputs: inet, Valid: documented}, masktest.Case{Name: "macaddr", Args: args("macaddr", nil), Refused: true})
	holds(t, lookup(t, "mac"), masktest.Case{Name: "macaddr8", Args: args("macaddr8", nil), Inputs: []string{"08:00:2b:01:02:03:04:05", "08:00:2b:01:02:03:04:06"}},
		masktest.Case{Name: "inet", Args: args("inet", nil), Refused: true})
	for in, want := range map[string]string{"ghp_16C7e42F292c6912E7710c838347Ae178B4a": `ghp_[0-9A-Za-z]{36}`, "AKIAIOSFODNN7EXAMPLE": `AKIA[0-9A-Za-z]{16}`, "secret": `[0-9A-Za-z]{6}`} {
		if got := mask(t, "api_key", args("text", nil), in); !matches(want)(got) {
			t.Errorf("a key like %s is not %s", got, want)
		}
	}
}

func TestTestersCanLogIn(t *testing.T) {
	hash := mask(t, "password_hash", args("text", nil), "x")
	if err := bcrypt.CompareHashAndPassword([]byte(hash), []byte("password")); err != nil {
		t.Error(err)
	}
	plain := args("text", map[string]any{"scheme": "plain"})
	holds(t, lookup(t, "password_hash"), masktest.Case{Args: args("text", nil), Inputs: people(), FixedShape: true}, masktest.Case{Name: "plain", Args: plain, Inputs: people(), FixedShape: true},
		masktest.Case{Name: "too narrow", Args: args("varchar(40)", nil), Refused: true})
}

func TestSinksAreNobodys(t *testing.T) {
	holds(t, lookup(t, "sink_email"), masktest.Case{Args: args("text", nil), Inputs: people(), FixedShape: true},
		masktest.Case{Name: "somebody", Args: args("text", map[string]any{"address": "ops@flowmart.com"}), Refused: true},
		masktest.Case{Name: "no address", Args: args("text", map[string]any{"address": "example.com"}), Refused: true})
	holds(t, lookup(t, "sink_url"), masktest.Case{Args: args("text", nil), Inputs: people(), FixedShape: true},
		masktest.Case{Name: "localhost", Args: args("text", map[string]any{"url": "http://localhost:8080/hook"}), Inputs: people(), FixedShape: true},
		masktest.Case{Name: "somebody", Args: args("text", map[string]any{"url": "https://hooks.flowmart.com/x"}), Refused: true},
		masktest.Case{Name: "somebody behind a name", Args: args("text", map[string]any{"url": "https://example.com@flowmart.com/"}), Refused: true})
}

func TestFillerHasTheLengthOfItsOriginal(t *testing.T) {
	holds(t, lookup(t, "lorem"), masktest.Case{Args: args("text", nil), Inputs: people(), FixedShape: true}, masktest.Case{Name: "varchar", Args: args("varchar(3)", nil), Inputs: []string{"abc", "x", ""}, FixedShape: true})
	for _, in := range []string{"x", "Mary", strings.Repeat("Mary called. ", 50), "李小龍"} {
		if got := mask(t, "lorem", args("text", nil), in); len(got) != len([]rune(in)) {
			t.Errorf("%d characters became %d", len([]rune(in)), len(got))
		}
	}
}
