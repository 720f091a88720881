package masked_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/masked"
)

func header() masked.Header {
	return masked.Header{
		Table:   catalog.Name{Schema: "public", Name: "customer"},
		Columns: []string{"id", "email"},
		Format:  masked.Text,
		Plan:    "digest",
		Origin:  masked.Anonymized,
	}
}

func TestPushWritesWhatWasSealed(t *testing.T) {
	rows := masked.Seal(header(), func(w io.Writer) (int64, error) {
		_, err := io.WriteString(w, "1\ta\n2\tb\n")
		return 2, err
	})
	var out bytes.Buffer
	n, err := rows.Push(&out)
	if n != 2 || err != nil || out.String() != "1\ta\n2\tb\n" {
		t.Errorf("pushed %d rows as %q, %v", n, out.String(), err)
	}
	if got := rows.Header(); got.Check(header()) != nil || got.Origin != masked.Anonymized {
		t.Errorf("the header became %+v", got)
	}
}

func TestRowsAreWrittenOnce(t *testing.T) {
	for name, first := range map[string]error{"after a success": nil, "after a failure": errors.New("connection lost")} {
		calls := 0
		rows := masked.Seal(header(), func(io.Writer) (int64, error) {
			calls++
			return 1, first
		})
		if _, err := rows.Push(io.Discard); !errors.Is(err, first) {
			t.Errorf("%s: the first push gave %v", name, err)
		}
		var out bytes.Buffer
		n, err := rows.Push(&out)
		if n != 0 || err == nil || out.Len() > 0 || calls != 1 {
			t.Errorf("%s: the second push gave %d rows, %d calls, %v", name, n, calls, err)
		}
		if err != nil && !strings.Contains(err.Error(), "public.customer") {
			t.Errorf("%s: the error does not name the table: %v", name, err)
		}
	}
}

func TestNothingIsWrittenBeforePush(t *testing.T) {
	masked.Seal(header(), func(io.Writer) (int64, error) {
		t.Error("the rows were written without a push")
		return 0, nil
	})
}

func TestAFailedPushTellsHowFarItCame(t *testing.T) {
	broken := errors.New("disk full")
	rows := masked.Seal(header(), func(io.Writer) (int64, error) { return 7, broken })
	if n, err := rows.Push(io.Discard); n != 7 || !errors.Is(err, broken) {
		t.Errorf("%d rows, %v", n, err)
	}
}

func TestCheckNamesTheFirstDifference(t *testing.T) {
	if err := header().Check(header()); err != nil {
		t.Errorf("a header differs from itself: %v", err)
	}
	for words, change := range map[string]func(*masked.Header){
		"of table public.customer, want public.staff": func(h *masked.Header) { h.Table.Name = "staff" },
		"other columns":            func(h *masked.Header) { h.Columns = []string{"email", "id"} },
		"format text, want binary": func(h *masked.Header) { h.Format = masked.Binary },
		"another plan":             func(h *masked.Header) { h.Plan = "other" },
	} {
		want := header()
		change(&want)
		if err := header().Check(want); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("want an error with %q, got %v", words, err)
		}
	}
	fewer := header()
	fewer.Columns = fewer.Columns[:1]
	if header().Check(fewer) == nil || fewer.Check(header()) == nil {
		t.Error("a column more or less goes unseen")
	}
	// Who sealed is for the record: a snapshot of anonymized rows loads as anonymized rows do.
	other := header()
	other.Origin = masked.Snapshotted
	if err := header().Check(other); err != nil {
		t.Errorf("another origin is refused: %v", err)
	}
}

func TestObserveCountsBytesAndTheRowsOfText(t *testing.T) {
	for format, want := range map[masked.Format][2]int{masked.Text: {16, 3}, masked.Binary: {16, 0}} {
		h := header()
		h.Format = format
		rows := masked.Seal(h, func(w io.Writer) (int64, error) {
			_, first := io.WriteString(w, "1\ta\\nb\n2\t")
			_, second := io.WriteString(w, "c\n3\tde\n")
			return 3, errors.Join(first, second)
		})
		var got [2]int
		rows.Observe(func(bytes, rows int) { got[0] += bytes; got[1] += rows })
		if _, err := rows.Push(io.Discard); err != nil || got != want {
			t.Errorf("%s: observed %v, want %v (%v)", format, got, want, err)
		}
	}
}
