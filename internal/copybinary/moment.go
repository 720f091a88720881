package copybinary

import (
	"math"
	"strconv"
)

const (
	// epoch is 2000-01-01 in days since 1970-01-01: the server counts from there.
	epoch = 10957
	day   = 86_400_000_000 // microseconds
)

// civil returns the date that is so many days after 1970-01-01 in the Gregorian calendar, extended to all
// times; the year before 1 is 0.
func civil(days int64) (year int64, month, dayOfMonth int) {
	// Years that begin in March have their leap day at the end, and eras of 400 years are all alike.
	days += 719468
	era := floor(days, 146097)
	inEra := days - era*146097
	yearOfEra := (inEra - inEra/1460 + inEra/36524 - inEra/146096) / 365
	inYear := inEra - (365*yearOfEra + yearOfEra/4 - yearOfEra/100)
	shifted := (5*inYear + 2) / 153
	dayOfMonth = int(inYear-(153*shifted+2)/5) + 1
	month = int(shifted) + 3
	year = yearOfEra + era*400
	if month > 12 {
		month -= 12
		year++
	}
	return year, month, dayOfMonth
}

// daysOf undoes civil.
func daysOf(year int64, month, dayOfMonth int) int64 {
	if month <= 2 {
		year--
		month += 12
	}
	era := floor(year, 400)
	inEra := year - era*400
	inYear := int64((153*(month-3)+2)/5 + dayOfMonth - 1)
	return era*146097 + inEra*365 + inEra/4 - inEra/100 + inYear - 719468
}

func floor(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// appendCivil appends a date without its era, and says whether it is before Christ.
func appendCivil(dst []byte, days int64) (text []byte, bc bool) {
	year, month, dayOfMonth := civil(days)
	if year <= 0 {
		year, bc = 1-year, true
	}
	for least := int64(1000); least > 1 && year < least; least /= 10 {
		dst = append(dst, '0')
	}
	dst = strconv.AppendInt(dst, year, 10)
	dst = appendTwo(append(dst, '-'), month)
	return appendTwo(append(dst, '-'), dayOfMonth), bc
}

func appendTwo(dst []byte, n int) []byte { return append(dst, byte('0'+n/10), byte('0'+n%10)) }

func appendDate(dst []byte, days int32) []byte {
	switch days {
	case math.MaxInt32:
		return append(dst, "infinity"...)
	case math.MinInt32:
		return append(dst, "-infinity"...)
	}
	dst, bc := appendCivil(dst, int64(days)+epoch)
	return appendEra(dst, bc)
}

func appendEra(dst []byte, bc bool) []byte {
	if bc {
		return append(dst, " BC"...)
	}
	return dst
}

func appendTimestamp(dst []byte, moment int64, zone bool) []byte {
	switch moment {
	case math.MaxInt64:
		return append(dst, "infinity"...)
	case math.MinInt64:
		return append(dst, "-infinity"...)
	}
	days := floor(moment, day)
	rest := moment - days*day
	dst, bc := appendCivil(dst, days+epoch)
	seconds, fraction := int(rest/1_000_000), int(rest%1_000_000)
	dst = appendTwo(append(dst, ' '), seconds/3600)
	dst = appendTwo(append(dst, ':'), seconds/60%60)
	dst = appendTwo(append(dst, ':'), seconds%60)
	if fraction > 0 {
		dst = append(dst, '.')
		for unit := 100_000; fraction > 0; unit /= 10 {
			dst = append(dst, byte('0'+fraction/unit))
			fraction %= unit
		}
	}
	if zone {
		dst = append(dst, "+00"...)
	}
	return appendEra(dst, bc)
}

// reader takes a text apart, digit by digit.
type reader struct {
	text []byte
	ok   bool
}

// number takes between least and most digits.
func (r *reader) number(least, most int) int64 {
	n, digits := int64(0), 0
	for digits < most && digits < len(r.text) && '0' <= r.text[digits] && r.text[digits] <= '9' {
		n = n*10 + int64(r.text[digits]-'0')
		digits++
	}
	r.text = r.text[digits:]
	r.ok = r.ok && digits >= least
	return n
}

// accept takes a mark that stands next and says whether it did.
func (r *reader) accept(mark string) bool {
	if len(r.text) < len(mark) || string(r.text[:len(mark)]) != mark {
		return false
	}
	r.text = r.text[len(mark):]
	return true
}

func (r *reader) expect(mark string) {
	if !r.accept(mark) {
		r.ok = false
	}
}

// mostYearDigits hold every year of a date that the server knows.
const mostYearDigits = 7

// parseMoment reads a date with or without a time, an offset and an era, into microseconds since 2000-01-01
// of its own clock, and what the offset takes from that.
func parseMoment(text []byte) (days, inDay, offset int64, err error) {
	r := reader{text: text, ok: true}
	year := r.number(4, mostYearDigits)
	r.expect("-")
	month := r.number(2, 2)
	r.expect("-")
	dayOfMonth := r.number(2, 2)
	if r.accept(" BC") {
		year = 1 - year
	} else if len(r.text) > 0 {
		r.expect(" ")
		if inDay, offset = r.clock(); r.accept(" BC") {
			year = 1 - year
		}
	}
	if !r.ok || len(r.text) > 0 || month < 1 || month > 12 || dayOfMonth < 1 {
		return 0, 0, 0, errText
	}
	days = daysOf(year, int(month), int(dayOfMonth))
	if y, m, d := civil(days); y != year || int64(m) != month || int64(d) != dayOfMonth {
		return 0, 0, 0, errText // the month has no such day
	}
	return days - epoch, inDay, offset, nil
}

// clock reads a time of day and an offset, in microseconds.
func (r *reader) clock() (inDay, offset int64) {
	hour := r.number(2, 2)
	r.expect(":")
	minute := r.number(2, 2)
	second, micro := int64(0), int64(0)
	if r.accept(":") {
		second = r.number(2, 2)
		if r.accept(".") {
			before := len(r.text)
			micro = r.number(1, 6)
			for digits := before - len(r.text); digits < 6; digits++ {
				micro *= 10
			}
		}
	}
	sign := int64(0)
	switch {
	case r.accept("+"):
		sign = 1
	case r.accept("-"):
		sign = -1
	}
	if sign != 0 {
		offset = r.number(2, 2) * 3600
		if r.accept(":") {
			offset += r.number(2, 2) * 60
		}
	}
	r.ok = r.ok && hour < 24 && minute < 60 && second < 60 && offset < 16*3600
	return (hour*3600+minute*60+second)*1_000_000 + micro, sign * offset * 1_000_000
}

func parseDate(text []byte) (int32, error) {
	switch string(text) {
	case "infinity":
		return math.MaxInt32, nil
	case "-infinity":
		return math.MinInt32, nil
	}
	days, _, _, err := parseMoment(text)
	if err == nil && (days <= math.MinInt32 || days >= math.MaxInt32) {
		err = errText
	}
	return int32(days), err
}

// parseTimestamp reads a moment. Without a time zone an offset counts for nothing, as for the server.
func parseTimestamp(text []byte, zone bool) (int64, error) {
	switch string(text) {
	case "infinity":
		return math.MaxInt64, nil
	case "-infinity":
		return math.MinInt64, nil
	}
	days, inDay, offset, err := parseMoment(text)
	// Years of six digits keep the product within 63 bits; the server has its own bounds within these.
	if err != nil || days < math.MinInt64/day+2 || days > math.MaxInt64/day-2 {
		return 0, errText
	}
	if !zone {
		offset = 0
	}
	return days*day + inDay - offset, nil
}
