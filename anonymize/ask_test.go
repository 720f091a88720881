package anonymize

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/lethedb/lethe/internal/copytext"
	"github.com/lethedb/lethe/internal/masked"
)

// upper asks itself: it answers in upper case, with NULL for "none", and counts who is open.
type upper struct {
	Mask
	open  *int
	begin error
	ask   func(values [][]byte) ([][]byte, error)
}

func (u upper) Begin() (Answers, error) {
	if u.begin != nil {
		return nil, u.begin
	}
	*u.open++
	return u, nil
}

func (u upper) Ask(values [][]byte) ([][]byte, error) {
	if u.ask != nil {
		return u.ask(values)
	}
	var answers [][]byte
	for _, value := range values {
		answers = append(answers, append([]byte{}, bytes.ToUpper(value)...))
		if string(value) == "none" {
			answers[len(answers)-1] = nil
		}
	}
	return answers, nil
}

func (u upper) Close() error {
	*u.open--
	return nil
}

// TestAskedValuesComeBackToTheirRows holds for any rows in any chunks: the value asked for, another mask that reads
// what it was and what it becomes, and kept fields, which stay byte for byte.
func TestAskedValuesComeBackToTheirRows(t *testing.T) {
	open := 0
	both := maskFunc(func(dst []byte, v Value) ([]byte, error) {
		in, _ := v.Row.In(0)
		out, _ := v.Row.Out(0)
		return append(append(append(dst, in...), '>'), out...), nil
	})
	table := tableOf(t, keep("a"), mask("b", upper{open: &open}), mask("c", both, "b"), mask("d", upper{open: &open}))
	rapid.Check(t, func(rt *rapid.T) {
		rows := rowsOf(4).Draw(rt, "rows")
		for range rapid.SampledFrom([]int{0, 0, 9}).Draw(rt, "doubled") {
			rows = append(rows, rows...)
		}
		if len(rows) > 3000 {
			rows = rows[:3000]
		}
		var want [][]string
		up := func(raw string) (string, string) {
			text, null, err := copytext.Unescape([]byte{}, []byte(raw))
			if err != nil {
				rt.Skip()
			}
			if null || string(text) == "none" {
				return "", `\N`
			}
			return string(bytes.ToUpper(text)), string(copytext.AppendEscaped(nil, bytes.ToUpper(text)))
		}
		for _, row := range rows {
			text, b := up(row[1])
			_, d := up(row[3])
			c := row[2]
			if c != `\N` {
				in, _, _ := copytext.Unescape([]byte{}, []byte(row[1]))
				c = string(copytext.AppendEscaped(nil, []byte(string(in)+">"+text)))
			}
			want = append(want, []string{row[0], b, c, d})
		}
		got, n, err := push(table, join(rows), rapid.SliceOfN(rapid.IntRange(0, 50), 0, 20).Draw(rt, "chunks")...)
		if err != nil || n != int64(len(rows)) || got != string(join(want)) {
			rt.Fatalf("%d rows, %v:\n%q\nwant\n%q", n, err, got, join(want))
		}
	})
	if open != 0 {
		t.Errorf("%d are left open", open)
	}
}

func TestAnAnswerThatFailsEndsThePart(t *testing.T) {
	open := 0
	broken := errors.New("it broke")
	for name, u := range map[string]upper{
		"no beginning": {open: &open, begin: broken},
		"an error":     {open: &open, ask: func([][]byte) ([][]byte, error) { return nil, broken }},
		"too few":      {open: &open, ask: func(values [][]byte) ([][]byte, error) { return values[1:], nil }},
	} {
		table := tableOf(t, keep("a"), mask("b", u))
		out, _, err := push(table, []byte("1\tcanary\n2\tcanary\n"), 3)
		var at *MaskError
		if !errors.As(err, &at) || at.Column != "b" || strings.Contains(err.Error(), "canary") || out != "" {
			t.Errorf("%s: %q, %v", name, out, err)
		}
	}
	if out, _, err := push(tableOf(t, keep("a"), mask("b", upper{open: &open})), []byte("1\tcanary\n2\tcan")); err == nil {
		t.Errorf("a part that ends in a row gave %q", out)
	}
	if open != 0 {
		t.Errorf("%d are left open", open)
	}
	header := masked.Header{Table: people(), Columns: []string{"b"}, Format: masked.Binary}
	if _, err := NewTable(header, []Column{mask("b", upper{open: &open})}); err == nil {
		t.Error("the binary form was taken")
	}
}
