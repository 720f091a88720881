package builtin_test

import (
	"math"
	"strconv"
	"testing"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/masktest"
	"github.com/lethedb/lethe/internal/catalog"
)

func numericType(precision, scale int) anonymize.Args {
	return anonymize.Args{Column: "subject", Type: catalog.Type{Name: "numeric", Base: "numeric", Precision: precision, Scale: scale}}
}

// numberMasks are the masks for numbers, with parameters.
func numberMasks() map[string]map[string]any {
	return map[string]map[string]any{
		"noise": {"amount": 10.0}, "noise_ratio": {"percent": 20.0}, "laplace": {"scale": 5.0},
		"round_to": {"step": 25.0}, "range_of": {"step": 25.0}, "top_code": {"max": 89.0}, "bottom_code": {"min": 18.0}, "bucket": {"edges": []string{"0", "18", "65"}},
	}
}

func TestNumbersThatAreMovedKeepTheLaws(t *testing.T) {
	whole := matches(`-?\d+`)
	for name, params := range numberMasks() {
		perturbs := lookup(t, name).Group == anonymize.GroupPerturb
		small := numericType(4, 2)
		small.Params = params
		holds(t, lookup(t, name),
			masktest.Case{Name: name + " int4", Args: args("int4", params), Inputs: []string{"4711", "-20", "2147483647", "55"}, FixedShape: true, MayEqual: true, AnyKey: !perturbs, Valid: whole},
			masktest.Case{Name: name + " int2", Args: args("int2", params), Inputs: []string{"32767", "-32768"}, FixedShape: true, MayEqual: true, AnyKey: !perturbs, Valid: whole},
			masktest.Case{Name: name + " numeric(4,2)", Args: small, Inputs: []string{"99.99", "-99.99", "12.50"}, MayEqual: true, FixedShape: true, AnyKey: !perturbs, Valid: matches(`-?\d{1,2}\.\d\d|NaN`)},
			masktest.Case{Name: name + " numeric", Args: args("numeric", params), Inputs: []string{"12.5", "NaN", "123456789012345678901234567890.5"}, MayEqual: true, AnyKey: !perturbs, Valid: matches(`-?\d+(\.\d)?|NaN`)},
			masktest.Case{Name: name + " float8", Args: args("float8", params), Inputs: []string{"1e+20", "-12.25", "Infinity"}, MayEqual: true, AnyKey: !perturbs},
			masktest.Case{Name: name + " money", Args: args("money", params), Inputs: []string{"$1,000.00", "-$5.00"}, MayEqual: true, AnyKey: !perturbs, Valid: matches(`-?\d+\.\d\d`)})
	}
	holds(t, lookup(t, "noise"), masktest.Case{Args: args("int4", map[string]any{"amount": 0.0}), Refused: true})
	holds(t, lookup(t, "bucket"), masktest.Case{Args: args("int4", map[string]any{"edges": []string{"5", "3"}}), Refused: true})
}

func TestNoiseStaysWithinItsBoundAndIsNeverNone(t *testing.T) {
	for i := range 2000 {
		in := strconv.Itoa(1000 + i)
		got, err := strconv.Atoi(mask(t, "noise", args("int4", map[string]any{"amount": 10.0}), in))
		if moved := math.Abs(float64(got - 1000 - i)); err != nil || moved > 10 || moved == 0 {
			t.Fatalf("%s moved by %v, %v", in, moved, err)
		}
	}
}

func TestCoarserNumbersAndTimesAreWhatTheySay(t *testing.T) {
	number := func(name string, value float64) map[string]any { return map[string]any{name: value} }
	for _, c := range []struct {
		mask, typ string
		params    map[string]any
		in, want  string
	}{
		{"round_to", "int4", number("step", 25), "4711", "4700"}, {"round_to", "int4", number("step", 25), "-13", "-25"}, {"round_to", "numeric", number("step", 0.5), "12.34", "12.50"},
		{"range_of", "int4", number("step", 10), "-1", "-10"}, {"range_of", "int4", number("step", 10), "47", "40"},
		{"top_code", "int4", number("max", 89), "97", "89"}, {"top_code", "int4", number("max", 89), "42", "42"}, {"bottom_code", "int4", number("min", 18), "3", "18"},
		{"bucket", "int4", map[string]any{"edges": []string{"0", "18", "65"}}, "17", "0"}, {"bucket", "int4", map[string]any{"edges": []string{"0", "18", "65"}}, "65", "65"},
		{"bucket", "int4", map[string]any{"edges": []string{"0", "18", "65"}}, "-4", "0"}, {"round_to", "int4", number("step", 1000), "-400", "0"},
		{"time_truncate", "date", map[string]any{"unit": "month"}, "1984-02-29", "1984-02-01"}, {"time_truncate", "date", map[string]any{"unit": "quarter"}, "1984-08-31", "1984-07-01"},
		{"time_truncate", "date", map[string]any{"unit": "decade"}, "1984-08-31", "1980-01-01"}, {"time_truncate", "date", map[string]any{"unit": "year"}, "0044-03-15 BC", "0044-01-01 BC"},
		{"time_truncate", "timestamptz", map[string]any{"unit": "hour"}, "1984-02-29 23:59:59.5+00", "1984-02-29 23:00:00+00"},
		{"time_truncate", "timestamp", map[string]any{"unit": "minute"}, "1984-02-29 23:59:59.999", "1984-02-29 23:59:00"},
		{"time_truncate", "timestamptz", map[string]any{"unit": "day"}, "1984-02-29 23:59:59+00 BC", "1984-02-29 00:00:00+00 BC"},
		{"time_truncate", "timestamp", map[string]any{"unit": "month"}, "infinity", "infinity"},
	} {
		if got := mask(t, c.mask, args(c.typ, c.params), c.in); got != c.want {
			t.Errorf("%s %v of %s: got %s, want %s", c.mask, c.params, c.in, got, c.want)
		}
	}
}

func TestTimesKeepTheLaws(t *testing.T) {
	stamps := []string{"1984-02-29 23:59:59.5+00", "infinity", "4714-11-24 00:00:00+00 BC", "294276-12-31 23:59:59.999999+00"}
	valid := matches(`\d{4,6}-\d\d-\d\d( \d\d:\d\d:\d\d(\.\d+)?\+00)?( BC)?|-?infinity`)
	holds(t, lookup(t, "time_truncate"),
		masktest.Case{Name: "timestamptz", Args: args("timestamptz", map[string]any{"unit": "year"}), Inputs: stamps, FixedShape: true, MayEqual: true, AnyKey: true, Valid: valid},
		masktest.Case{Name: "date", Args: args("date", map[string]any{"unit": "month"}), Inputs: []string{"1984-02-29", "infinity", "5874897-12-31"}, FixedShape: true, MayEqual: true, AnyKey: true},
		masktest.Case{Name: "nothing to take off", Args: args("date", map[string]any{"unit": "hour"}), Refused: true})
	holds(t, lookup(t, "time_jitter"),
		masktest.Case{Name: "timestamptz", Args: args("timestamptz", map[string]any{"seconds": int64(600)}), Inputs: stamps, FixedShape: true, MayEqual: true, Valid: valid},
		masktest.Case{Name: "too far", Args: args("timestamptz", map[string]any{"seconds": int64(90000)}), Refused: true})
}
