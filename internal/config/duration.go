package config

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

// errDuration says that a text is no duration, or one beyond the 292 years that time.Duration counts.
var errDuration = errors.New("read duration: want whole numbers with units, such as 30s, 24h or 7d")

// units are those of durations, the longer of two with a common beginning first.
func units() []struct {
	name string
	is   time.Duration
} {
	const day = 24 * time.Hour
	return []struct {
		name string
		is   time.Duration
	}{
		{"ms", time.Millisecond}, {"s", time.Second}, {"m", time.Minute}, {"h", time.Hour},
		{"d", day}, {"w", 7 * day}, {"y", 365 * day},
	}
}

// ParseDuration reads whole numbers with units, such as "30s", "1h30m" or "7d"; a day is 24 hours and a
// year 365 days. It errs on anything else and on what time.Duration cannot count.
func ParseDuration(text string) (time.Duration, error) {
	if text == "" {
		return 0, errDuration
	}
	var total time.Duration
	for text != "" {
		digits := len(text) - len(strings.TrimLeft(text, "0123456789"))
		n, err := strconv.ParseInt(text[:digits], 10, 64)
		if err != nil {
			return 0, errDuration
		}
		text = text[digits:]
		unit := time.Duration(0)
		for _, u := range units() {
			if rest, ok := strings.CutPrefix(text, u.name); ok {
				unit, text = u.is, rest
				break
			}
		}
		if unit == 0 || n > int64((math.MaxInt64-total)/unit) {
			return 0, errDuration
		}
		total += time.Duration(n) * unit
	}
	return total, nil
}
