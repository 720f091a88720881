package child

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func startLines(t *testing.T, script string, timeout time.Duration) *Lines {
	t.Helper()
	l, err := StartLines(Command{Argv: []string{"/bin/sh", "-c", script}, Timeout: timeout, Grace: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func TestLinesAreAnsweredInTheirOrder(t *testing.T) {
	l := startLines(t, `while IFS= read -r line; do case $line in nobody) printf '\\N\n';; *) printf '%s!\n' "$line";; esac; done`, time.Minute)
	values := [][]byte{[]byte("Mary"), []byte(""), []byte("two\nlines\t\\"), []byte("nobody"), []byte(strings.Repeat("long ", 30_000))}
	for i := range 2_000 {
		values = append(values, fmt.Appendf(nil, "value %d", i))
	}
	for range 2 {
		answers, err := l.Ask(values)
		if err != nil || len(answers) != len(values) {
			t.Fatalf("%d answers, %v", len(answers), err)
		}
		for i, answer := range answers {
			if want := string(values[i]) + "!"; want == "nobody!" && answer != nil || want != "nobody!" && string(answer) != want {
				t.Fatalf("answer %d is %.40q, want %.40q", i, answer, want)
			}
		}
	}
}

func TestAProgramThatDoesNotAnswerIsAnError(t *testing.T) {
	for script, problem := range map[string]string{
		"printf 'a\\nb\\nc\\n'; cat >/dev/null": "more lines",
		"read line; echo secret >&2":            "ended before",
		"cat >/dev/null; sleep 60":              "did not answer",
		`echo 'a\'; cat >/dev/null`:             "form does not know",
		"exec 1>&-; cat >/dev/null; sleep 60":   "ended before",
	} {
		l := startLines(t, script, 300*time.Millisecond)
		values := [][]byte{[]byte("canary"), []byte("canary")}
		_, err := l.Ask(values)
		failed, ok := errors.AsType[*Error](err)
		if !ok || !strings.Contains(err.Error(), problem) || strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, want %q", script, err, problem)
			continue
		}
		if problem == "did not answer" != failed.TimedOut {
			t.Errorf("%s: timed out %t", script, failed.TimedOut)
		}
	}
	if _, err := StartLines(Command{Argv: []string{"/no/such/program"}}); err == nil {
		t.Error("a program that is not there was started")
	}
}
