package builtin_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/masktest"
	"github.com/lethedb/lethe/internal/catalog"
)

// shifter returns a date_shift of at most days by the entity in field 0.
func shifter(t testing.TB, typ string, days int64) anonymize.Mask {
	t.Helper()
	a := args(typ, map[string]any{"days": days, "entity": "customer_id"})
	a.Siblings = map[string]int{"customer_id": 0}
	a.SiblingTypes = map[string]catalog.Type{"customer_id": typeOf("numeric")}
	return made(t, "date_shift", a, 0)
}

func shiftOf(t testing.TB, m anonymize.Mask, entity, date string) string {
	t.Helper()
	row := masktest.Row{Ins: [][]byte{[]byte(entity)}, Outs: [][]byte{[]byte("masked")}}
	out, err := m.Append([]byte{}, anonymize.Value{Text: []byte(date), Row: row})
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestIntervalsOfOneEntityStay(t *testing.T) {
	dates, stamps := shifter(t, "date", 30), shifter(t, "timestamptz", 30)
	shifts := map[time.Duration]int{}
	for entity := range 500 {
		// The entity's own spelling makes no difference: 7 is 7.00.
		born := parseDay(t, shiftOf(t, dates, fmt.Sprint(entity), "1984-02-29"))
		joined := shiftOf(t, stamps, fmt.Sprint(entity, ".00"), "2020-03-01 10:11:12.5+00")
		day, rest, _ := strings.Cut(joined, " ")
		if rest != "10:11:12.5+00" {
			t.Fatalf("the time of day became %s", rest)
		}
		shift := born.Sub(parseDay(t, "1984-02-29"))
		if got := parseDay(t, day).Sub(parseDay(t, "2020-03-01")); got != shift {
			t.Fatalf("two dates of one entity moved by %v and %v", shift, got)
		}
		if shift == 0 || shift.Abs() > 30*24*time.Hour {
			t.Fatalf("a date moved by %v", shift)
		}
		shifts[shift]++
	}
	if len(shifts) < 50 {
		t.Errorf("500 entities share %d of 60 shifts", len(shifts))
	}
}

func parseDay(t testing.TB, day string) time.Time {
	t.Helper()
	parsed, err := time.Parse(time.DateOnly, day)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// The calendar is that of the standard library, which counts as PostgreSQL does.
func TestShiftedDatesAreDatesOfTheCalendar(t *testing.T) {
	m := shifter(t, "date", 1)
	rapid.Check(t, func(rt *rapid.T) {
		from := time.Unix(rapid.Int64Range(-60_000_000_000, 250_000_000_000).Draw(rt, "seconds"), 0).UTC().Truncate(24 * time.Hour)
		got := parseDay(t, shiftOf(t, m, rapid.StringMatching(`[0-9]{1,4}`).Draw(rt, "entity"), from.Format(time.DateOnly)))
		if d := got.Sub(from); d != 24*time.Hour && d != -24*time.Hour {
			rt.Fatalf("%s moved by %v", from.Format(time.DateOnly), d)
		}
	})
}

func TestErasAndEdgesAreSafe(t *testing.T) {
	tomorrow, yesterday := "", ""
	m := shifter(t, "timestamptz", 1)
	for entity := 0; tomorrow == "" || yesterday == ""; entity++ {
		switch shiftOf(t, m, fmt.Sprint(entity), "2020-01-02 00:00:00+00") {
		case "2020-01-03 00:00:00+00":
			tomorrow = fmt.Sprint(entity)
		case "2020-01-01 00:00:00+00":
			yesterday = fmt.Sprint(entity)
		}
	}
	dates := shifter(t, "date", 1)
	for _, c := range []struct {
		mask               anonymize.Mask
		entity, from, want string
	}{
		{m, yesterday, "0001-01-01 05:00:00+00", "0001-12-31 05:00:00+00 BC"},
		{m, tomorrow, "0001-12-31 05:00:00+00 BC", "0001-01-01 05:00:00+00"},
		{m, tomorrow, "0005-02-28 05:00:00+00 BC", "0005-02-29 05:00:00+00 BC"},
		{m, yesterday, "10000-01-01 05:00:00+00", "9999-12-31 05:00:00+00"},
		{m, tomorrow, "9999-12-31 05:00:00+00", "10000-01-01 05:00:00+00"},
		{m, tomorrow, "294276-12-31 05:00:00+00", "294276-12-30 05:00:00+00"},
		{m, yesterday, "4714-11-25 05:00:00+00 BC", "4714-11-26 05:00:00+00 BC"},
		{dates, tomorrow, "294276-12-31", "294277-01-01"},
		{dates, tomorrow, "5874897-12-31", "5874897-12-30"},
		{m, tomorrow, "infinity", "infinity"},
		{m, yesterday, "-infinity", "-infinity"},
	} {
		if got := shiftOf(t, c.mask, c.entity, c.from); got != c.want {
			t.Errorf("%s became %s, want %s", c.from, got, c.want)
		}
	}
}

func TestWithoutAnEntityEachValueMovesByItself(t *testing.T) {
	m := made(t, "date_shift", args("date", map[string]any{"days": int64(365)}), 0)
	shifts := map[time.Duration]bool{}
	for day := range 200 {
		from := time.Date(2020, 1, 1+day, 0, 0, 0, 0, time.UTC)
		out, err := m.Append([]byte{}, anonymize.Value{Text: []byte(from.Format(time.DateOnly))})
		if err != nil {
			t.Fatal(err)
		}
		shifts[parseDay(t, string(out)).Sub(from)] = true
	}
	if len(shifts) < 100 {
		t.Errorf("200 values share %d shifts: one known date would tell the others", len(shifts))
	}
}

func TestWhatIsNoDateFailsTheRun(t *testing.T) {
	m := shifter(t, "date", 9)
	for _, input := range []string{"", "n/a", "2020-13-01", "2020-00-10", "2020-01-32", "20-01-01", "2020/01/01", "2020-01-01x", "99999999-01-01"} {
		row := masktest.Row{Ins: [][]byte{[]byte("1")}, Outs: [][]byte{nil}}
		if out, err := m.Append([]byte{}, anonymize.Value{Text: []byte(input), Row: row}); err == nil {
			t.Errorf("%q became %q", input, out)
		}
	}
	if _, err := m.Append([]byte{}, anonymize.Value{Text: []byte("2020-01-01")}); err == nil {
		t.Error("a date was shifted by an entity that nobody could read")
	}
}
