package builtin

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/derive"
	"github.com/lethedb/lethe/internal/catalog"
)

// mostDays is a century, beyond which nobody calls it a shift.
const mostDays = 36_525

// The days that the server can hold: the first of both types, the last of each.
const (
	firstYear         = -4713 // 4714 BC, of which the days from 24 November on exist
	lastDateYear      = 5_874_897
	lastTimestampYear = 294_276
)

func dateShift() anonymize.Definition {
	return anonymize.Definition{
		Name:     "date_shift",
		Group:    anonymize.GroupPerturb,
		Family:   "date_shift",
		Unmapped: true,
		Summary: "moves a date by whole days, never by none: all dates of one entity by the same number, so that the intervals " +
			"between them stay; without an entity each value by a number of its own",
		Accepts: []catalog.Class{catalog.ClassDate, catalog.ClassTimestamp},
		Params: []anonymize.Param{
			{
				Name: "entity", Kind: anonymize.ParamColumn,
				Doc: "the column that says whose date it is; where it is NULL the value is moved by a number of its own",
			},
			{
				Name: "days", Kind: anonymize.ParamInt, Required: true,
				Doc: "the most days a date moves, either way",
			},
		},
		Reads:       anonymize.ReadsRow,
		Determinism: anonymize.Keyed,
		Uniqueness:  anonymize.UniqueNone,
		Nulls:       anonymize.NullsKept,
		Discloses: []anonymize.Disclosure{
			anonymize.DisclosesEquality, anonymize.DisclosesFrequency, anonymize.DisclosesOrder, anonymize.DisclosesProximity,
		},
		Rank:    5,
		Cost:    170,
		Example: anonymize.Example{Input: "1984-02-29", Params: map[string]any{"days": int64(30)}},
		Check: func(a anonymize.Args) error {
			switch days, _ := intOf(a, "days"); {
			case days < 1:
				return errors.New("days is the most a date moves and must be 1 or more; 0 would mask nothing")
			case days > mostDays:
				return fmt.Errorf("days may be at most %d, a century", mostDays)
			}
			if entity := stringOf(a, "entity"); entity != "" && entity == a.Column {
				return errors.New("entity names the column itself; name the column that says whose date it is, or leave entity out")
			}
			return nil
		},
		New: func(a anonymize.Args) (anonymize.Mask, error) {
			days, _ := intOf(a, "days")
			m := &dateShiftMask{
				prf: derive.NewPRF(a.Key), form: canonicalOf(a.Type), days: uint64(max(1, days)), entity: -1,
				lastYear: lastTimestampYear,
			}
			if a.Type.Class() == catalog.ClassDate {
				m.lastYear = lastDateYear
			}
			if entity := stringOf(a, "entity"); entity != "" {
				i, ok := a.Siblings[entity]
				if !ok {
					return nil, fmt.Errorf("shift dates: column %q is not among those the mask may read", entity)
				}
				m.entity, m.entityForm = i, canonicalOf(a.SiblingTypes[entity])
			}
			return m, nil
		},
	}
}

// dateShiftMask draws its shift from the entity, or from the value. A first byte keeps the two apart, so
// that an entity called 2020-01-01 says nothing of a date.
type dateShiftMask struct {
	prf        *derive.PRF
	form       canonical
	days       uint64
	entity     int // row index, -1 for none
	entityForm canonical
	lastYear   int64
}

var errDate = errors.New("shift dates: the value is no date in the form that datestyle ISO writes")

// Append implements anonymize.Mask. Both infinities stay: they name no day.
func (m *dateShiftMask) Append(dst []byte, v anonymize.Value) ([]byte, error) {
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
	shift, err := m.shift(v)
	if err != nil {
		return nil, err
	}
	from := dayNumber(year, month, day)
	year, month, day = dateOf(from + shift)
	if year > m.lastYear || year < firstYear || year == firstYear && (month < 11 || month == 11 && day < 25) {
		// Off the calendar's edge the shift goes the other way. The first day itself is left unused: which
		// hours of it a timestamp may have depends on the zone.
		year, month, day = dateOf(from - shift)
	}
	return appendDate(dst, year, month, day, rest), nil
}

// shift returns a number of days in [-days, days] without 0.
func (m *dateShiftMask) shift(v anonymize.Value) (int64, error) {
	var scratch [scratchSize]byte
	var seed []byte
	if m.entity < 0 {
		seed = m.form.append(append(scratch[:0], 'v'), v.Text)
	} else {
		if v.Row == nil {
			return 0, errors.New("shift dates: the row is not at hand, so the entity cannot be read")
		}
		if entity, ok := v.Row.In(m.entity); ok {
			seed = m.entityForm.append(append(scratch[:0], 'e'), entity)
		} else {
			seed = m.form.append(append(scratch[:0], 'v'), v.Text)
		}
	}
	d := m.prf.Draw(seed)
	n := int64(d.N(2 * m.days))
	if n < int64(m.days) {
		return n + 1, nil
	}
	return int64(m.days) - 1 - n, nil
}

// parseDate takes YYYY-MM-DD off the front of text; years may have more digits. What follows is returned.
func parseDate(text []byte) (year, month, day int64, rest []byte, ok bool) {
	i := bytes.IndexByte(text, '-')
	if i < 4 || i > 7 || len(text) < i+6 || text[i+3] != '-' {
		return 0, 0, 0, nil, false
	}
	year, ok1 := digits(text[:i])
	month, ok2 := digits(text[i+1 : i+3])
	day, ok3 := digits(text[i+4 : i+6])
	rest = text[i+6:]
	ok = ok1 && ok2 && ok3 && month >= 1 && month <= 12 && day >= 1 && day <= 31 && (len(rest) == 0 || rest[0] == ' ')
	return year, month, day, rest, ok
}

func digits(text []byte) (int64, bool) {
	n := int64(0)
	for _, b := range text {
		if !isDigit(b) {
			return 0, false
		}
		n = n*10 + int64(b-'0')
	}
	return n, true
}

// appendDate writes a date as datestyle ISO does, the time of day and zone in rest, the era last.
func appendDate(dst []byte, year, month, day int64, rest []byte) []byte {
	bc := year < 1
	if bc {
		year = 1 - year
	}
	for pad := int64(1000); pad > year; pad /= 10 {
		dst = append(dst, '0')
	}
	dst = strconv.AppendInt(dst, year, 10)
	dst = append(dst, '-', '0'+byte(month/10), '0'+byte(month%10), '-', '0'+byte(day/10), '0'+byte(day%10))
	dst = append(dst, rest...)
	if bc {
		dst = append(dst, " BC"...)
	}
	return dst
}

// The proleptic Gregorian calendar repeats every 400 years. Counting years from March puts the leap day
// last, so that the days before a month are a straight line.
const (
	cycleYears = 400
	cycleDays  = 146_097
)

// dayNumber returns the days from 1 March of the year 0 (1 BC) to a date.
func dayNumber(year, month, day int64) int64 {
	if month <= 2 {
		year--
		month += 12
	}
	cycle := floorDiv(year, cycleYears)
	y := year - cycle*cycleYears
	return cycle*cycleDays + y*365 + y/4 - y/100 + (153*(month-3)+2)/5 + day - 1
}

// dateOf undoes dayNumber.
func dateOf(n int64) (year, month, day int64) {
	cycle := floorDiv(n, cycleDays)
	d := n - cycle*cycleDays
	y := (d - d/1460 + d/36_524 - d/146_096) / 365
	d -= y*365 + y/4 - y/100
	m := (5*d + 2) / 153
	day = d - (153*m+2)/5 + 1
	year, month = cycle*cycleYears+y, m+3
	if month > 12 {
		year++
		month -= 12
	}
	return year, month, day
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
