package config

import (
	"errors"
	"fmt"
	"time"
)

// Window is a time of day in which an environment may change over, on every day. It may cross midnight.
type Window struct {
	// From and To are minutes since midnight, To not included; they differ.
	From, To int
	// Zone is where the clock hangs.
	Zone *time.Location
}

// ParseWindow reads "05:00-06:00"; the Zone is left to the caller.
func ParseWindow(text string) (Window, error) {
	var from, fromMinute, to, toMinute int
	if _, err := fmt.Sscanf(text, "%d:%d-%d:%d", &from, &fromMinute, &to, &toMinute); err != nil {
		return Window{}, errors.New("read window: want two times such as 05:00-06:00")
	}
	w := Window{From: from*60 + fromMinute, To: to*60 + toMinute}
	if w.From >= day || w.To > day || w.To == 0 && w.From == 0 || w.From == w.To {
		return Window{}, errors.New("read window: want two different times from 00:00 to 24:00")
	}
	return w, nil
}

// day is how many minutes a day has on the clock, whatever becomes of summer time.
const day = 24 * 60

// String writes the window as it is configured.
func (w Window) String() string {
	return fmt.Sprintf("%02d:%02d-%02d:%02d", w.From/60, w.From%60, w.To/60, w.To%60)
}

// Next returns the first moment from t on that lies in the window. A time that the clock leaves out is
// the moment of the change; of a time that it shows twice a window begins at the first and ends at the
// second.
func (w Window) Next(t time.Time) time.Time {
	t = t.In(w.Zone)
	// The window that began yesterday may still be open; one that summer time swallows whole is skipped.
	for back := -1; ; back++ {
		on := time.Date(t.Year(), t.Month(), t.Day()+back, 12, 0, 0, 0, time.UTC)
		begins := w.at(on, w.From, false)
		ends := w.at(on, w.To, true)
		if w.To < w.From {
			ends = w.at(on.AddDate(0, 0, 1), w.To, true)
		}
		switch {
		case !begins.Before(ends), !t.Before(ends):
			continue
		case t.Before(begins):
			return begins
		}
		return t
	}
}

// at returns the instant at which the clock shows the minute of that day.
func (w Window) at(on time.Time, minute int, last bool) time.Time {
	shown := time.Date(on.Year(), on.Month(), on.Day(), 0, minute, 0, 0, time.UTC)
	// Zones change by less than a day: one of the offsets around is the one in effect.
	_, before := shown.Add(-24 * time.Hour).In(w.Zone).Zone()
	_, after := shown.Add(24 * time.Hour).In(w.Zone).Zone()
	var found []time.Time
	for _, offset := range []int{max(before, after), min(before, after)} { // the greater offset is the earlier instant
		candidate := shown.Add(-time.Duration(offset) * time.Second).In(w.Zone)
		if _, is := candidate.Zone(); is == offset {
			found = append(found, candidate)
		}
	}
	switch {
	case len(found) == 0:
		_, change := shown.Add(-time.Duration(max(before, after)) * time.Second).In(w.Zone).ZoneBounds()
		return change.In(w.Zone)
	case last:
		return found[len(found)-1]
	}
	return found[0]
}
