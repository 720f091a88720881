package masktest

import (
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/derive"
	"github.com/lethedb/lethe/internal/catalog"
)

// run tries every law on the case.
func (s *suite) run(t *testing.T) {
	if len(s.c.Inputs) < 2 {
		t.Fatal("a case needs two inputs at least")
	}
	m := s.make(t, s.c.Args)
	outputs := make([]output, len(s.c.Inputs))
	for i, input := range s.c.Inputs {
		outputs[i] = s.mask(t, m, s.value(input))
		if outputs[i].err != nil {
			t.Fatalf("input %d is refused: %v", i, outputs[i].err)
		}
		s.requireFit(t, s.c.Args, outputs[i])
		if !s.c.MayEqual && !outputs[i].null && outputs[i].text == input && s.definition.Determinism == anonymize.Keyed {
			t.Errorf("input %d comes out as it went in", i)
		}
	}
	s.repeats(t, m, outputs)
	s.isSafeConcurrently(t, m, outputs)
	s.keepsUnique(t, outputs)
	s.dependsOnTheKey(t, outputs)
	s.masksNull(t, m)
	s.survivesHostility(t, m)
	s.obeysNotNull(t)
	s.fitsAnyLength(t)
	s.statesCapacity(t)
	if s.c.FixedShape {
		s.doesNotAllocate(t, m)
	}
}

// repeats tries the same inputs in another order, on the same mask and on another of the same making.
func (s *suite) repeats(t *testing.T, m anonymize.Mask, outputs []output) {
	t.Helper()
	again := s.make(t, s.c.Args)
	for i := len(outputs) - 1; i >= 0; i-- {
		for name, mask := range map[string]anonymize.Mask{"the same mask": m, "another of the same making": again} {
			if got := s.mask(t, mask, s.value(s.c.Inputs[i])); got != outputs[i] {
				t.Errorf("input %d, in another order, comes out otherwise of %s", i, name)
			}
		}
	}
}

func (s *suite) isSafeConcurrently(t *testing.T, m anonymize.Mask, outputs []output) {
	t.Helper()
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for range 20 {
				for i, input := range s.c.Inputs {
					got, err := m.Append([]byte{}, s.value(input))
					if err != nil || (got == nil) != outputs[i].null || string(got) != outputs[i].text {
						t.Errorf("input %d comes out otherwise beside other goroutines", i)
						return
					}
				}
			}
		})
	}
	wait.Wait()
}

// keepsUnique holds the promise of uniqueness under the index's equality.
func (s *suite) keepsUnique(t *testing.T, outputs []output) {
	t.Helper()
	if s.definition.Uniqueness == anonymize.UniqueNone {
		return
	}
	seen := map[string]int{}
	for i, o := range outputs {
		text := o.text
		if s.c.Args.Type.CaseFolded {
			text = strings.ToLower(text)
		}
		if before, found := seen[text]; found || o.null {
			t.Errorf("inputs %d and %d come out equal, or as NULL, of a mask that promises uniqueness", before, i)
		}
		seen[text] = i
	}
}

func (s *suite) dependsOnTheKey(t *testing.T, outputs []output) {
	t.Helper()
	a := s.c.Args
	a.Key = TestKey(*s.definition, a, 1)
	switch {
	case s.definition.Determinism == anonymize.DataFree:
		// Data-free: no key, no input, no difference.
		a.Key = derive.Key{}
		m := s.make(t, a)
		for i, input := range s.c.Inputs {
			if got := s.mask(t, m, s.value(input)); got != outputs[0] {
				t.Errorf("input %d makes a difference to a data-free mask", i)
			}
		}
		return
	case s.c.AnyKey:
		return
	}
	other := s.make(t, a)
	for i, input := range s.c.Inputs {
		if got := s.mask(t, other, s.value(input)); got != outputs[i] {
			return
		}
	}
	t.Error("another key makes no difference")
	keyless := s.c.Args
	keyless.Key = derive.Key{}
	if _, err := s.definition.New(keyless); err == nil {
		t.Error("a keyed mask was made without a key")
	}
}

// masksNull shows NULL to the masks that ask to see it.
func (s *suite) masksNull(t *testing.T, m anonymize.Mask) {
	t.Helper()
	if s.definition.Nulls != anonymize.NullsMasked {
		return
	}
	null := anonymize.Value{Null: true, Row: s.c.Row}
	first := s.mask(t, m, null)
	if first.err != nil {
		t.Errorf("NULL is refused by a mask that asks to see it: %v", first.err)
	}
	s.requireFit(t, s.c.Args, first)
	if again := s.mask(t, m, null); again != first {
		t.Error("NULL comes out otherwise the second time")
	}
}

// survivesHostility shows every value that a text column can hold and some that it cannot: each is masked
// or refused, by the same rules as ordinary ones.
func (s *suite) survivesHostility(t *testing.T, m anonymize.Mask) {
	t.Helper()
	for name, input := range hostile(megabytes(t)) {
		got := s.mask(t, m, s.value(input))
		if got.err != nil {
			continue
		}
		s.requireFit(t, s.c.Args, got)
		if !s.c.MayEqual && !isSpecial(input) && got.text == input && s.definition.Determinism == anonymize.Keyed {
			t.Errorf("%s comes out as it went in", name)
		}
		if again := s.mask(t, m, s.value(input)); again != got {
			t.Errorf("%s comes out otherwise the second time", name)
		}
	}
}

// isSpecial reports whether a value names nobody in any type: it may leave as it is, as where a date that
// is infinite cannot be shifted.
func isSpecial(input string) bool {
	return slices.Contains([]string{"", "infinity", "-infinity", "NaN"}, input)
}

// megabytesVariable says how large the largest values are that a mask is shown; make long gives 16.
const megabytesVariable = "LETHE_MASK_MB"

func megabytes(t *testing.T) int {
	t.Helper()
	text := os.Getenv(megabytesVariable)
	if text == "" {
		return 1
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s is no number of megabytes", megabytesVariable)
	}
	return n
}

// hostile returns values that break what was only tried with names of people, two of them of so many megabytes.
func hostile(megabytes int) map[string]string {
	return map[string]string{
		"the empty string":      "",
		"a blank":               " ",
		"white space":           " \t\r\n\v\f\u00a0\u2003",
		"megabytes":             strings.Repeat("0123456789abcdef", megabytes<<16),
		"megabytes of one @":    strings.Repeat("@", megabytes<<20),
		"invalid UTF-8":         "Ana\xff\xfe Silva",
		"a cut rune":            "Jos\xc3",
		"a surrogate":           "\xed\xa0\x80",
		"control characters":    "\x01\x02\x7f\x1b[31m\b",
		"next to NUL":           "\x01\u0001a\u0080",
		"COPY's own signs":      "\\N\\.\t\n\\\\",
		"quotes":                `'"$$;--/*`,
		"emoji":                 "👩‍👩‍👧‍👦🇵🇹👍🏽",
		"combining marks":       "e" + strings.Repeat("\u0301", 300),
		"right to left":         "\u202eevil\u202c \u05d0\u05d1\u05d2 \u0627\u0644\u0639",
		"zero width":            "a\u200bb\u200c\ufeff",
		"case without a pair":   "ßẞİıſK",
		"not available":         "n/a",
		"an address of nothing": "@",
		"a number too large":    "99999999999999999999999999999999999999999",
		"minus zero":            "-0",
		"not a number":          "NaN",
		"the end of time":       "infinity",
		"before Christ":         "0044-03-15 BC",
		"broken JSON":           `{"a": [1, {"b": "`,
		"deep JSON":             strings.Repeat("[", 20000) + strings.Repeat("]", 20000),
		"a lone quote":          `"`,
		"lone JSON surrogate":   `{"k": "\ud800"}`,
	}
}

// obeysNotNull makes the mask for a column that takes no NULL, where it agrees to stand on one.
func (s *suite) obeysNotNull(t *testing.T) {
	t.Helper()
	a := s.c.Args
	a.NotNull = true
	if s.check(a) != nil {
		return
	}
	m := s.make(t, a)
	for i, input := range s.c.Inputs {
		if s.mask(t, m, s.value(input)).null {
			t.Errorf("input %d becomes NULL in a column that takes none", i)
		}
	}
}

// fitsAnyLength narrows the column: either Check refuses, or every output fits.
func (s *suite) fitsAnyLength(t *testing.T) {
	t.Helper()
	if s.c.Args.Type.Class() != catalog.ClassText || s.c.Nested {
		return
	}
	for _, length := range []int{1, 2, 3, 4, 5, 7, 8, 10, 12, 16, 20, 24, 32, 50, 64, 255} {
		a := s.c.Args
		a.Type.MaxLength = length
		if a.Type.Base == "text" || a.Type.Base == "citext" {
			a.Type.Base = "varchar"
		}
		keyless := a
		keyless.Key = derive.Key{}
		if s.check(keyless) != nil {
			continue
		}
		m := s.make(t, a)
		for i, input := range s.c.Inputs {
			if utf8.RuneCountInString(input) > length {
				continue // no such column holds it
			}
			got := s.mask(t, m, s.value(input))
			if got.err != nil {
				t.Errorf("input %d is refused on a column of %d characters that Check agreed to: %v", i, length, got.err)
				continue
			}
			s.requireFit(t, a, got)
		}
	}
}

func (s *suite) statesCapacity(t *testing.T) {
	t.Helper()
	if s.definition.Capacity == nil {
		return
	}
	a := s.c.Args
	a.Key = derive.Key{}
	if n := s.definition.Capacity(a); math.IsNaN(n) || n < float64(len(s.c.Inputs)) {
		t.Errorf("the capacity is %v, and %d inputs stayed distinct", n, len(s.c.Inputs))
	}
}

func (s *suite) doesNotAllocate(t *testing.T, m anonymize.Mask) {
	t.Helper()
	if raceEnabled {
		return // under the race detector sync.Pool drops items on purpose
	}
	dst := make([]byte, 0, 1<<12)
	for i, input := range s.c.Inputs {
		v := s.value(input)
		if n := testing.AllocsPerRun(100, func() { _, _ = m.Append(dst, v) }); n != 0 {
			t.Errorf("input %d costs %v allocations", i, n)
		}
	}
}

// requireFit holds what any output must be: a value that the column can take.
func (s *suite) requireFit(t *testing.T, a anonymize.Args, o output) {
	t.Helper()
	if o.null {
		return
	}
	if strings.IndexByte(o.text, 0) >= 0 || !utf8.ValidString(o.text) {
		t.Errorf("the output holds a byte that a UTF-8 database refuses")
	}
	if most := a.Type.MaxLength; a.Type.Class() == catalog.ClassText && most > 0 && utf8.RuneCountInString(o.text) > most {
		t.Errorf("the output has %d characters, the column takes %d", utf8.RuneCountInString(o.text), most)
	}
	if labels := a.Type.Enum; labels != nil && !slices.Contains(labels, o.text) {
		t.Errorf("the output is no label of the enum")
	}
	if s.c.Valid != nil && !s.c.Valid(o.text) {
		t.Errorf("the output is no value of the column's type")
	}
}

// requireSilent holds that an error tells nothing of the value: it has no stretch of ten bytes of it, nor
// the whole of a shorter one. Very short values, and the words that types have for special values, may
// stand in a message by chance.
func requireSilent(t *testing.T, err error, text []byte) {
	t.Helper()
	const shortest, stretch = 4, 10
	value, message := string(text), err.Error()
	if len(value) < shortest || isSpecial(value) {
		return
	}
	if len(value) < stretch && strings.Contains(message, value) {
		t.Fatal("the error quotes the value")
	}
	for i := 0; i+stretch <= len(message); i++ {
		if strings.Contains(value, message[i:i+stretch]) {
			t.Fatal("the error quotes the value")
		}
	}
}
