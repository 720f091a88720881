package builtin

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"sync"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/derive"
	"github.com/lethedb/lethe/internal/catalog"
)

// numeric returns the masks that move or coarsen numbers and times.
func numeric() []anonymize.Definition {
	amount := anonymize.Param{Name: "amount", Kind: anonymize.ParamNumber, Required: true, Doc: "the most that the number moves, either way"}
	percent := anonymize.Param{Name: "percent", Kind: anonymize.ParamNumber, Required: true, Doc: "the most that the number moves, in percent of itself, either way"}
	step := anonymize.Param{Name: "step", Kind: anonymize.ParamNumber, Required: true, Doc: "what the number becomes a multiple of"}
	most := anonymize.Param{Name: "max", Kind: anonymize.ParamNumber, Required: true, Doc: "the greatest number that is left"}
	least := anonymize.Param{Name: "min", Kind: anonymize.ParamNumber, Required: true, Doc: "the least number that is left"}
	return []anonymize.Definition{
		moved("noise", anonymize.GroupPerturb, "moves a number by an amount that belongs to the value, up to the one given", amount, 10,
			func(p float64) arithmetic {
				return func(x float64, d *derive.Draw) float64 { return x + p*fraction(d) }
			}),
		moved("noise_ratio", anonymize.GroupPerturb, "moves a number by a share of itself that belongs to the value, up to the one given", percent, 10,
			func(p float64) arithmetic {
				return func(x float64, d *derive.Draw) float64 { return x * (1 + p/100*fraction(d)) }
			}),
		moved("laplace", anonymize.GroupPerturb, "moves a number by Laplace noise of the scale given, which belongs to the value: it is added once, so that asking again tells nothing more",
			anonymize.Param{Name: "scale", Kind: anonymize.ParamNumber, Required: true, Doc: "the noise's scale: the column's sensitivity over epsilon"}, 5,
			func(p float64) arithmetic {
				return func(x float64, d *derive.Draw) float64 {
					u := fraction(d) / 2 // in (-1/2, 1/2)
					return x - p*math.Copysign(math.Log1p(-2*math.Abs(u)), u)
				}
			}),
		moved("round_to", anonymize.GroupGeneralize, "rounds a number to a multiple of the step given", step, 1000,
			func(p float64) arithmetic {
				return func(x float64, _ *derive.Draw) float64 { return math.Round(x/p) * p }
			}),
		moved("range_of", anonymize.GroupGeneralize, "lowers a number to the beginning of its range of the width given", step, 1000,
			func(p float64) arithmetic {
				return func(x float64, _ *derive.Draw) float64 { return math.Floor(x/p) * p }
			}),
		moved("top_code", anonymize.GroupGeneralize, "lowers every number above the greatest given to it; all others are left as they are", most, 1000,
			func(p float64) arithmetic {
				return func(x float64, _ *derive.Draw) float64 { return min(x, p) }
			}),
		moved("bottom_code", anonymize.GroupGeneralize, "raises every number below the least given to it; all others are left as they are", least, 5000,
			func(p float64) arithmetic {
				return func(x float64, _ *derive.Draw) float64 { return max(x, p) }
			}),
		bucket(),
		timeTruncate(),
		timeJitter(),
	}
}

// arithmetic makes a number of a number.
type arithmetic func(x float64, d *derive.Draw) float64

// fraction draws a number in (-1, 1), each of 2^53 equally likely, and never 0.
func fraction(d *derive.Draw) float64 {
	const size = 1 << 53
	n := 1 + d.N(size-1)
	x := float64(n) / size
	if d.N(2) == 0 {
		return -x
	}
	return x
}

// moved is the contract of the masks that compute a number from a number with one parameter.
func moved(name string, group anonymize.Group, summary string, param anonymize.Param, example float64, of func(p float64) arithmetic) anonymize.Definition {
	return anonymize.Definition{
		Name: name, Family: name, Group: group, Unmapped: true, Summary: summary,
		Accepts: []catalog.Class{catalog.ClassInteger, catalog.ClassNumeric}, Params: []anonymize.Param{param},
		Reads: anonymize.ReadsValue, Determinism: anonymize.Keyed, Uniqueness: anonymize.UniqueNone, Nulls: anonymize.NullsKept,
		Discloses: []anonymize.Disclosure{
			anonymize.DisclosesEquality, anonymize.DisclosesFrequency, anonymize.DisclosesOrder, anonymize.DisclosesProximity,
		},
		Rank: 5, Cost: 200, Example: anonymize.Example{Input: "4711", Params: map[string]any{param.Name: example}},
		Check: func(a anonymize.Args) error {
			if p, _ := numberOf(a, param.Name); p <= 0 && (group == anonymize.GroupPerturb || param.Name == "step") {
				return fmt.Errorf("%s must be above 0; 0 would mask nothing", param.Name)
			}
			return nil
		},
		New: func(a anonymize.Args) (anonymize.Mask, error) {
			p, _ := numberOf(a, param.Name)
			return newArithmetic(a, of(p), group == anonymize.GroupPerturb), nil
		},
	}
}

// numbers is how a column writes numbers.
type numbers struct {
	base string
	// scale is how many digits follow the point, -1 for as many as the value has, -2 for the shortest spelling.
	scale int
	// low and high are what the column holds, both included.
	low, high float64
	bits      int
}

const (
	scaleOfValue = -1
	shortest     = -2
)

func numbersOf(t catalog.Type) numbers {
	switch t.Base {
	case "int2":
		return numbers{t.Base, 0, math.MinInt16, math.MaxInt16, 64}
	case "int4":
		return numbers{t.Base, 0, math.MinInt32, math.MaxInt32, 64}
	case "int8":
		// The next smaller numbers that floats can tell apart.
		return numbers{t.Base, 0, -9223372036854774784, 9223372036854774784, 64}
	case "float4":
		return numbers{t.Base, shortest, -math.MaxFloat32, math.MaxFloat32, 32}
	case "float8":
		return numbers{t.Base, shortest, -math.MaxFloat64, math.MaxFloat64, 64}
	case "money":
		return numbers{t.Base, 2, -9e16, 9e16, 64} // in cents it is a bigint
	}
	if t.Precision > 0 {
		most := math.Pow10(t.Precision-t.Scale) - math.Pow10(-t.Scale)
		return numbers{t.Base, max(t.Scale, 0), -most, most, 64}
	}
	return numbers{t.Base, scaleOfValue, -math.MaxFloat64, math.MaxFloat64, 64}
}

type arithmeticMask struct {
	prf     *derive.PRF
	form    canonical
	numbers numbers
	of      arithmetic
	// drawn reports that what is computed is drawn: it is drawn again where it rounds to the original.
	drawn bool
	// draws is pooled because what an arithmetic is handed escapes to the heap.
	draws sync.Pool // of *derive.Draw
}

// newArithmetic makes a mask that computes with of.
func newArithmetic(a anonymize.Args, of arithmetic, drawn bool) *arithmeticMask {
	return &arithmeticMask{
		prf: derive.NewPRF(a.Key), form: canonicalOf(a.Type), numbers: numbersOf(a.Type), of: of, drawn: drawn,
		draws: sync.Pool{New: func() any { return new(derive.Draw) }},
	}
}

var errNumber = errors.New("compute with a number: the value is none as the server writes it")

// Append implements anonymize.Mask. It computes with 53 bits, which is what noise and steps can use: digits beyond
// are not the original's. Infinities and NaN stay: they are nobody's number.
func (m *arithmeticMask) Append(dst []byte, v anonymize.Value) ([]byte, error) {
	switch string(v.Text) {
	case "NaN", "Infinity", "-Infinity":
		if m.numbers.base == "numeric" || m.numbers.scale == shortest {
			return append(dst, v.Text...), nil // other types have none of them
		}
	}
	var scratch, plain [scratchSize]byte
	x, scale, ok := readNumber(plain[:0], v.Text)
	if !ok {
		return nil, errNumber
	}
	d := m.draws.Get().(*derive.Draw)
	defer m.draws.Put(d)
	*d = m.prf.Draw(m.form.of(scratch[:0], v.Text))
	start := len(dst)
	for range maxDraws {
		dst = m.numbers.append(dst[:start], m.of(x, d), scale)
		if !m.drawn || !bytes.Equal(dst[start:], v.Text) {
			break
		}
	}
	return dst, nil
}

// readNumber returns a number and how many digits follow its point. Signs of currency and commas between groups, as
// money has them, are passed over.
func readNumber(plain, text []byte) (x float64, scale int, ok bool) {
	point := false
	for _, b := range text {
		switch {
		case b == '$' || b == ',':
			continue
		case b == '.':
			point = true
		case point && isDigit(b):
			scale++
		}
		plain = append(plain, b)
	}
	x, err := strconv.ParseFloat(string(plain), 64)
	return x, scale, err == nil && !math.IsNaN(x) && !math.IsInf(x, 0)
}

// append writes x as the column holds it.
func (n numbers) append(dst []byte, x float64, scale int) []byte {
	x = min(max(x, n.low), n.high)
	switch n.scale {
	case shortest:
		return strconv.AppendFloat(dst, x, 'g', -1, n.bits)
	case scaleOfValue:
	default:
		scale = n.scale
	}
	start := len(dst)
	dst = strconv.AppendFloat(dst, x, 'f', scale, 64)
	for _, b := range dst[start:] {
		if b >= '1' && b <= '9' {
			return dst
		}
	}
	if dst[start] == '-' { // minus zero
		dst = append(dst[:start], dst[start+1:]...)
	}
	return dst
}

func bucket() anonymize.Definition {
	edges := func(a anonymize.Args) ([]float64, error) {
		var list []float64
		for _, text := range textsOf(a, "edges") {
			x, err := strconv.ParseFloat(text, 64)
			if err != nil || math.IsNaN(x) || math.IsInf(x, 0) || len(list) > 0 && x <= list[len(list)-1] {
				return nil, errors.New("edges are numbers that grow, such as [0, 18, 65]")
			}
			list = append(list, x)
		}
		return list, nil
	}
	d := moved("bucket", anonymize.GroupGeneralize, "lowers a number to the edge below it; what lies below all edges becomes the first",
		anonymize.Param{Name: "edges", Kind: anonymize.ParamTexts, Required: true, Doc: "the edges, in growing order"}, 0, nil)
	d.Example.Params = map[string]any{"edges": []string{"0", "1000", "5000"}}
	d.Check = func(a anonymize.Args) error {
		_, err := edges(a)
		return err
	}
	d.New = func(a anonymize.Args) (anonymize.Mask, error) {
		list, err := edges(a)
		if err != nil {
			return nil, err
		}
		below := func(x float64, _ *derive.Draw) float64 {
			at := list[0]
			for _, edge := range list {
				if edge <= x {
					at = edge
				}
			}
			return at
		}
		return newArithmetic(a, below, false), nil
	}
	return d
}
