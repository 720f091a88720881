package state

import (
	"bytes"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestRunIDsSortByTimeAndDiffer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		span := rapid.Int64Range(0, 1<<40-1)
		a, b := span.Draw(t, "a"), span.Draw(t, "b")
		id := func(ms int64) string {
			got, err := NewRunID(idEpoch().Add(time.Duration(ms)*time.Millisecond), rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != RunIDLength || strings.Trim(got, alphabet) != "" {
				t.Fatalf("got %s", got)
			}
			return got
		}
		x, y := id(a), id(b)
		if a < b && x >= y || a > b && x <= y {
			t.Fatalf("%d gives %s, %d gives %s", a, x, b, y)
		}
	})
	seen := map[string]bool{}
	for range 200 {
		id, err := NewRunID(noon(), rand.Reader)
		if err != nil || seen[id] {
			t.Fatalf("%s again, %v", id, err)
		}
		seen[id] = true
	}
}

func TestRunIDIsFrozen(t *testing.T) {
	got, err := NewRunID(noon(), bytes.NewReader([]byte{0, 31, 32, 255, 10}))
	if want := "0t0zjgg00z0za"; err != nil || got != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}

func TestRunIDRefusesImpossibleClocks(t *testing.T) {
	for _, now := range []time.Time{{}, idEpoch().Add(-1), idEpoch().AddDate(35, 0, 0)} {
		if id, err := NewRunID(now, rand.Reader); err == nil {
			t.Errorf("%s gives %s", now, id)
		}
	}
	if _, err := NewRunID(noon(), strings.NewReader("abc")); err == nil {
		t.Error("made without randomness")
	}
}
