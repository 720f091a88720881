package config

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestWindowAgreesWithTheClockOnTheWall is a table over midnight and over both changes of summer time.
func TestWindowAgreesWithTheClockOnTheWall(t *testing.T) {
	for _, c := range []struct{ window, zone, from, want string }{
		{"05:00-06:00", "UTC", "2026-11-20T04:59:59Z", "2026-11-20T05:00:00Z"},
		{"05:00-06:00", "UTC", "2026-11-20T05:00:00Z", "2026-11-20T05:00:00Z"},
		{"05:00-06:00", "UTC", "2026-11-20T05:59:59Z", "2026-11-20T05:59:59Z"},
		{"05:00-06:00", "UTC", "2026-11-20T06:00:00Z", "2026-11-21T05:00:00Z"},
		{"23:00-02:00", "UTC", "2026-11-20T00:30:00Z", "2026-11-20T00:30:00Z"},
		{"23:00-02:00", "UTC", "2026-11-20T02:00:00Z", "2026-11-20T23:00:00Z"},
		{"23:00-02:00", "UTC", "2026-12-31T23:30:00Z", "2026-12-31T23:30:00Z"},
		{"00:00-24:00", "UTC", "2026-11-20T12:34:56Z", "2026-11-20T12:34:56Z"},
		{"22:00-24:00", "UTC", "2026-11-20T23:59:59Z", "2026-11-20T23:59:59Z"},
		{"05:00-06:00", "America/New_York", "2026-11-20T05:30:00Z", "2026-11-20T10:00:00Z"},
		// Berlin, 29 March 2026: after 01:59:59 (+1) comes 03:00:00 (+2).
		{"02:30-04:00", "Europe/Berlin", "2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z"},
		{"01:00-02:30", "Europe/Berlin", "2026-03-29T00:59:59Z", "2026-03-29T00:59:59Z"},
		{"01:00-02:30", "Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03-29T23:00:00Z"},
		{"02:10-02:50", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-30T00:10:00Z"}, // swallowed whole
		{"05:00-06:00", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T03:00:00Z"},
		// Berlin, 25 October 2026: after 02:59:59 (+2) comes 02:00:00 (+1).
		{"02:30-03:30", "Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z"},
		{"01:00-02:30", "Europe/Berlin", "2026-10-25T01:15:00Z", "2026-10-25T01:15:00Z"},
		{"01:00-02:30", "Europe/Berlin", "2026-10-25T01:30:00Z", "2026-10-26T00:00:00Z"},
		{"22:00-05:00", "Europe/Berlin", "2026-10-25T03:30:00Z", "2026-10-25T03:30:00Z"},
		{"22:00-05:00", "Europe/Berlin", "2026-10-25T04:00:00Z", "2026-10-25T21:00:00Z"},
		// Lord Howe Island changes by half an hour.
		{"02:15-02:45", "Australia/Lord_Howe", "2026-10-03T12:00:00Z", "2026-10-03T15:30:00Z"},
	} {
		w, err := ParseWindow(c.window)
		if err != nil {
			t.Fatal(err)
		}
		if w.Zone, err = time.LoadLocation(c.zone); err != nil {
			t.Fatal(err)
		}
		from, err := time.Parse(time.RFC3339, c.from)
		if err != nil {
			t.Fatal(err)
		}
		if got := w.Next(from).UTC().Format(time.RFC3339); got != c.want {
			t.Errorf("%s in %s, from %s: got %s, want %s", c.window, c.zone, c.from, got, c.want)
		}
	}
}

// TestNextIsInTheWindowAndNothingIsSkipped holds on any day of any zone: what is found lies in the window,
// not before the moment asked for, and no moment between the two lies in it.
func TestNextIsInTheWindowAndNothingIsSkipped(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		zone, err := time.LoadLocation(rapid.SampledFrom([]string{"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca"}).Draw(t, "zone"))
		if err != nil {
			t.Fatal(err)
		}
		w := Window{From: rapid.IntRange(0, day-1).Draw(t, "from"), To: rapid.IntRange(1, day).Draw(t, "to"), Zone: zone}
		if w.From == w.To {
			t.Skip("no window")
		}
		from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(rapid.IntRange(0, 366*day).Draw(t, "minute")) * time.Minute)
		next := w.Next(from)
		if next.Before(from) || next.Sub(from) > 50*time.Hour || !next.Equal(w.Next(next)) {
			t.Fatalf("%s in %s: from %s to %s", w, zone, from, next)
		}
		inside := func(at time.Time) bool {
			at = at.In(zone)
			m := at.Hour()*60 + at.Minute()
			if w.From < w.To {
				return m >= w.From && m < w.To
			}
			return m >= w.From || m < w.To
		}
		for at := from; at.Before(next); at = at.Add(7 * time.Minute) {
			// Of an hour that the clock shows twice the window takes what lies between: it may be open while the
			// clock shows less, and never closed while it shows more.
			_, now := at.In(zone).Zone()
			_, earlier := at.Add(-3 * time.Hour).In(zone).Zone()
			_, later := at.Add(3 * time.Hour).In(zone).Zone()
			if inside(at) && now == earlier && now == later {
				t.Fatalf("%s in %s: %s was skipped, asked from %s, got %s", w, zone, at.In(zone), from, next)
			}
		}
	})
}

func TestWindowThatIsNoneIsRefused(t *testing.T) {
	for _, text := range []string{"05:00-05:00", "24:00-05:00", "05:00-24:01", "29:00-05:00", "05:60-29:00", "", "x"} {
		if w, err := ParseWindow(text); err == nil {
			t.Errorf("%q was read as %s", text, w)
		}
	}
}
