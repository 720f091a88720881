package builtin

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/derive"
	"github.com/lethedb/lethe/internal/catalog"
)

// timed is the contract of the masks over dates and times with one parameter.
func timed(name string, group anonymize.Group, summary, example string, param anonymize.Param, usual any, accepts ...catalog.Class) anonymize.Definition {
	return anonymize.Definition{
		Name: name, Family: name, Group: group, Unmapped: true, Summary: summary, Accepts: accepts, Params: []anonymize.Param{param},
		Reads: anonymize.ReadsValue, Determinism: anonymize.Keyed, Uniqueness: anonymize.UniqueNone, Nulls: anonymize.NullsKept,
		Discloses: []anonymize.Disclosure{
			anonymize.DisclosesEquality, anonymize.DisclosesFrequency, anonymize.DisclosesOrder, anonymize.DisclosesProximity,
		},
		Rank: 5, Cost: 100, Example: anonymize.Example{Input: example, Params: map[string]any{param.Name: usual}},
	}
}

func timeTruncate() anonymize.Definition {
	units := []string{"minute", "hour", "day", "month", "quarter", "year", "decade"}
	d := timed("time_truncate", anonymize.GroupGeneralize, "takes a date or time back to the beginning of its unit", "1984-02-29",
		anonymize.Param{Name: "unit", Kind: anonymize.ParamChoice, Required: true, Choices: units, Doc: "the unit that is left"}, "month",
		catalog.ClassDate, catalog.ClassTimestamp)
	d.Check = func(a anonymize.Args) error {
		if unit := stringOf(a, "unit"); a.Type.Class() == catalog.ClassDate && (unit == "minute" || unit == "hour" || unit == "day") {
			return fmt.Errorf("a date is whole days already, so that the unit %s would mask nothing; choose month or more", unit)
		}
		return nil
	}
	d.New = func(a anonymize.Args) (anonymize.Mask, error) {
		return truncateMask{unit: stringOf(a, "unit"), last: lastYearOf(a.Type)}, nil
	}
	return d
}

// lastYearOf returns the last year that a type holds.
func lastYearOf(t catalog.Type) int64 {
	if t.Class() == catalog.ClassDate {
		return lastDateYear
	}
	return lastTimestampYear
}

type truncateMask struct {
	unit string
	last int64
}

// Append implements anonymize.Mask. Infinities stay; the first year of the calendar, which has no beginning, becomes
// the second.
func (m truncateMask) Append(dst []byte, v anonymize.Value) ([]byte, error) {
	if string(v.Text) == "infinity" || string(v.Text) == "-infinity" {
		return append(dst, v.Text...), nil
	}
	year, month, day, rest, ok := parseDate(v.Text)
	if !ok {
		return nil, errDate
	}
	rest, bc := cutSuffix(rest, " BC")
	if bc {
		year = 1 - year
	}
	var memory [scratchSize]byte
	clock := truncateClock(memory[:0], rest, m.unit)
	switch m.unit {
	case "decade":
		year, month, day = year-(year%10+10)%10, 1, 1
	case "year":
		month, day = 1, 1
	case "quarter":
		month, day = (month-1)/3*3+1, 1
	case "month":
		day = 1
	}
	if year <= firstYear {
		year, month, day = firstYear+1, 1, 1
	}
	return appendDate(dst, year, month, day, clock), nil
}

// truncateClock sets what is below the unit to zero in the time that follows a date. The zone, which is UTC in every
// session, stays.
func truncateClock(dst, rest []byte, unit string) []byte {
	if len(rest) < len(" 00:00:00") {
		return append(dst, rest...)
	}
	kept := 1 // the blank
	switch unit {
	case "hour":
		kept = len(" 00")
	case "minute":
		kept = len(" 00:00")
	}
	const midnight = " 00:00:00"
	dst = append(append(dst, rest[:kept]...), midnight[kept:]...)
	tail := rest[len(midnight):]
	if i := bytes.IndexAny(tail, "+-"); i >= 0 { // fractions of seconds go
		dst = append(dst, tail[i:]...)
	}
	return dst
}

func timeJitter() anonymize.Definition {
	d := timed("time_jitter", anonymize.GroupPerturb, "moves the time of a day by seconds that belong to the value, within its day", "1984-02-29 10:30:00+00",
		anonymize.Param{Name: "seconds", Kind: anonymize.ParamInt, Required: true, Doc: "the most seconds a time moves, either way"}, int64(600),
		catalog.ClassTimestamp)
	d.Cost = 170
	d.Check = func(a anonymize.Args) error {
		if n, _ := intOf(a, "seconds"); n < 1 || n > secondsOfDay/2 {
			return fmt.Errorf("seconds is between 1 and %d, half a day; to move further use date_shift", secondsOfDay/2)
		}
		return nil
	}
	d.New = func(a anonymize.Args) (anonymize.Mask, error) {
		n, _ := intOf(a, "seconds")
		return &jitterMask{prf: derive.NewPRF(a.Key), form: canonicalOf(a.Type), seconds: uint64(max(n, 1))}, nil
	}
	return d
}

const secondsOfDay = 86_400

type jitterMask struct {
	prf     *derive.PRF
	form    canonical
	seconds uint64
}

var errClock = errors.New("move a time: the value is no time as datestyle ISO writes it")

// Append implements anonymize.Mask. A day is a circle: what would leave it comes in again at its other end.
func (m *jitterMask) Append(dst []byte, v anonymize.Value) ([]byte, error) {
	if string(v.Text) == "infinity" || string(v.Text) == "-infinity" {
		return append(dst, v.Text...), nil
	}
	_, _, _, rest, ok := parseDate(v.Text)
	if !ok || len(rest) < len(" 00:00:00") || rest[3] != ':' || rest[6] != ':' {
		return nil, errClock
	}
	hour, ok1 := digits(rest[1:3])
	minute, ok2 := digits(rest[4:6])
	second, ok3 := digits(rest[7:9])
	if !ok1 || !ok2 || !ok3 {
		return nil, errClock
	}
	var scratch [scratchSize]byte
	d := m.prf.Draw(m.form.of(scratch[:0], v.Text))
	shift := int64(1 + d.N(m.seconds))
	if d.N(2) == 0 {
		shift = -shift
	}
	at := uint64((hour*3600 + minute*60 + second + shift + secondsOfDay) % secondsOfDay)
	dst = append(dst, v.Text[:len(v.Text)-len(rest)+1]...)
	dst = append(appendWidth(dst, at/3600, 2), ':')
	dst = append(appendWidth(dst, at/60%60, 2), ':')
	return append(appendWidth(dst, at%60, 2), rest[len(" 00:00:00"):]...), nil
}
