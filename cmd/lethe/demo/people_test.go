package demo

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// TestThePeopleAreTheSameEverywhere holds that everybody who runs the demonstration sees the same.
func TestThePeopleAreTheSameEverywhere(t *testing.T) {
	var first, again bytes.Buffer
	for _, w := range []*bytes.Buffer{&first, &again} {
		if err := Write(w, Size{Customers: 50}); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(first.Bytes(), again.Bytes()) {
		t.Error("two runs made other people")
	}
	if strings.Count(first.String(), "COPY ") != 7 || strings.Count(first.String(), "\n\\.\n") != 7 {
		t.Error("the shop has seven tables, each with its end")
	}
}

func TestEveryTableOfTheShopHasItsRules(t *testing.T) {
	for line := range strings.Lines(Schema()) {
		table, found := strings.CutPrefix(line, "CREATE TABLE ")
		if !found {
			continue
		}
		name, _, _ := strings.Cut(table, " ")
		if !strings.Contains(Rules(), "public."+name+":") {
			t.Errorf("no rules for %s", name)
		}
	}
	if !strings.Contains(Config(), "staging:") {
		t.Error("the configuration has no staging")
	}
}

// full fails after some bytes, as a pipe does whose reader is gone.
type full struct{ room int }

func (f *full) Write(p []byte) (int, error) {
	if f.room -= len(p); f.room < 0 {
		return 0, errFull
	}
	return len(p), nil
}

var errFull = errors.New("full")

func TestWritePassesTheWritersErrorOn(t *testing.T) {
	if err := Write(&full{room: 1000}, Size{Customers: 50}); !errors.Is(err, errFull) {
		t.Errorf("got %v, want the writer's error", err)
	}
}
