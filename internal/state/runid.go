package state

import (
	"errors"
	"fmt"
	"io"
	"time"
)

// alphabet has 32 digits in the order of their bytes, so that ids sort as the times they were made at;
// i, l, o and u are left out, which read as others or make words.
const alphabet = "0123456789abcdefghjkmnpqrstvwxyz"

const (
	timeDigits   = 8 // 40 bits of milliseconds: 34 years
	randomDigits = 5 // 25 bits: two runs of one millisecond meet once in 33 million
)

// RunIDLength is the number of characters of an id: short enough for the name of a database beside that
// of an environment.
const RunIDLength = timeDigits + randomDigits

// idEpoch is when the time in ids begins.
func idEpoch() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }

// NewRunID returns an id of lower-case letters and digits that sorts by now, to the millisecond, and is
// unique over all machines by five digits of random. It errs when random does, and for times that the
// digits cannot hold: before 2026 and after 2060.
func NewRunID(now time.Time, random io.Reader) (string, error) {
	elapsed := now.Sub(idEpoch()).Milliseconds()
	if now.Before(idEpoch()) || elapsed >= 1<<(5*timeDigits) {
		return "", errors.New("make run id: the clock is not between 2026 and 2060; set it")
	}
	var noise [randomDigits]byte
	if _, err := io.ReadFull(random, noise[:]); err != nil {
		return "", fmt.Errorf("make run id: %w", err)
	}
	id := make([]byte, RunIDLength)
	for i := range timeDigits {
		id[timeDigits-1-i] = alphabet[(elapsed>>(5*i))&31]
	}
	for i, b := range noise {
		id[timeDigits+i] = alphabet[b&31]
	}
	return string(id), nil
}
