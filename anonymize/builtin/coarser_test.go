package builtin_test

import (
	"bytes"
	"encoding/hex"
	"image/png"
	"testing"

	"github.com/lethedb/lethe/anonymize/masktest"
)

func TestZipsAreCutToWhereManyLive(t *testing.T) {
	holds(t, lookup(t, "zip3"), masktest.Case{Args: args("text", nil), Inputs: append(people(), "10001", "03601"), AnyKey: true, MayEqual: true, Valid: matches(`\d{3}`)},
		masktest.Case{Name: "too narrow", Args: args("varchar(2)", nil), Refused: true})
	for in, want := range map[string]string{"10001": "100", "10001-1234": "100", "03601": "000", "1000": "000", "SW1A 1AA": "000", "": "000", "100012": "000"} {
		if got := mask(t, "zip3", args("text", nil), in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

func TestThePlaceholderIsAPicture(t *testing.T) {
	holds(t, lookup(t, "placeholder_image"), masktest.Case{Args: args("bytea", nil), Inputs: []string{`\xdeadbeef`, `\x`}})
	raw, err := hex.DecodeString(mask(t, "placeholder_image", args("bytea", nil), `\x00`)[2:])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := png.Decode(bytes.NewReader(raw)); err != nil {
		t.Error(err)
	}
}
