package builtin

import (
	"strings"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/internal/catalog"
)

// coarser returns masks that leave less of a value than it had, or a stand-in of its kind.
func coarser() []anonymize.Definition { return []anonymize.Definition{zip3(), placeholderImage()} }

func zip3() anonymize.Definition {
	d := cut("zip3", "leaves the first three digits of a postcode of the United States, and 000 where few people live under them", "10001-1234")
	d.Group, d.Rank = anonymize.GroupGeneralize, 4
	d.Format = "the rule of 45 CFR 164.514(b)(2)(i)(B)"
	d.Check = func(a anonymize.Args) error {
		if limit(a) < zipDigits {
			return tooNarrow(a, "three digits")
		}
		return nil
	}
	d.New = func(anonymize.Args) (anonymize.Mask, error) { return zip3Mask{}, nil }
	return d
}

const (
	zipDigits = 3
	// sparseZips are the areas of 20,000 people and fewer, by the census of 2000, as the Office for Civil Rights lists
	// them in its guidance on de-identification.
	sparseZips = "036 059 063 102 203 556 692 790 821 823 830 831 878 879 884 890 893"
	// fewPeople is what stands for them, and for what is no postcode.
	fewPeople = "000"
)

type zip3Mask struct{}

// Append implements anonymize.Mask.
func (zip3Mask) Append(dst []byte, v anonymize.Value) ([]byte, error) {
	const whole = 5 // digits; more may follow behind a hyphen
	text := v.Text
	n := 0
	for n < len(text) && isDigit(text[n]) {
		n++
	}
	if n != whole || n < len(text) && text[n] != '-' && text[n] != ' ' || strings.Contains(sparseZips, string(text[:zipDigits])) {
		return append(dst, fewPeople...), nil
	}
	return append(dst, text[:zipDigits]...), nil
}

func placeholderImage() anonymize.Definition {
	d := dataFree("placeholder_image", "replaces a picture by one of a single pixel, which every program can read")
	d.Accepts, d.Format = []catalog.Class{catalog.ClassBytes}, "PNG"
	d.New = func(anonymize.Args) (anonymize.Mask, error) { return fixedMask(pixel), nil }
	return d
}

// pixel is a PNG of one pixel, as bytea is written.
const pixel = `\x89504e470d0a1a0a0000000d4948445200000001000000010804000000b51c0c020000000b4944415478da6364f80f00010501012718e3660000000049454e44ae426082`
