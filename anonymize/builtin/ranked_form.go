package builtin

import "strings"

// form is one way in which a scheme writes its numbers: a row of slots. What stands in the free ones is a number of
// mixed radix, the first slot being the highest: the rank. Forms of one scheme have no number in common.
type form struct {
	slots []slot
	// finish writes what follows from the rest of a number, its check digits, into its places, and reports whether
	// there is such a number at all. Where it is nil nothing follows, and all there is are numbers.
	finish func(number []byte) bool
}

// slotKind says what becomes of a slot.
type slotKind uint8

const (
	// free slots are permuted.
	free slotKind = iota
	// kept slots stay as they are.
	kept
	// follows is what finish writes.
	follows
	// omocode slots are free digits of a codice fiscale, each of which may be written as a letter; it stays one.
	omocode
	// repeated slots are the ten digits of an IdNr.
	repeated
)

// slot is one or more places of a number, and the words that may stand there.
type slot struct {
	kind slotKind
	// words are all of one width, one after the other; there are so many as radix says.
	words string
	width int
	radix uint64
	tails *repeatedTails
}

// wordsOf are a slot's words of some width.
func wordsOf(kind slotKind, width int, words string) []slot {
	return []slot{{kind: kind, words: words, width: width, radix: uint64(len(words) / width)}}
}

// places are n slots of one symbol each.
func places(kind slotKind, n int, alphabet string) []slot {
	var all []slot
	for range n {
		all = append(all, wordsOf(kind, 1, alphabet)...)
	}
	return all
}

// freeDigits are n free ones.
func freeDigits(n int) []slot { return places(free, n, tenDigits) }

// literal is a text that every number has.
func literal(text string) []slot { return wordsOf(kept, len(text), text) }

// checked are n places that finish writes.
func checked(n int) []slot { return []slot{{kind: follows, width: n, radix: 1}} }

// numerals are the numbers of a range, both ends in it, with zeros before them.
func numerals(low, high, width int) string {
	var all []byte
	for n := low; n <= high; n++ {
		all = appendWidth(all, uint64(n), width)
	}
	return string(all)
}

// size is how many ranks there are.
func (f *form) size() uint64 {
	n := uint64(1)
	for i := range f.slots {
		if f.slots[i].kind != kept {
			n *= f.slots[i].radix
		}
	}
	return n
}

// count is how many numbers there are at most, kept slots included.
func (f *form) count() float64 {
	n := 1.0
	for i := range f.slots {
		n *= float64(f.slots[i].radix)
	}
	return n
}

// rank is that of a number, which is taken apart in scratch, a slice of its length. It reports false for what is no
// number of this form.
func (f *form) rank(scratch, number []byte) (rank uint64, ok bool) {
	rest := number
	for i := range f.slots {
		s := &f.slots[i]
		if len(rest) < s.width {
			return 0, false
		}
		word, ok := s.read(rest[:s.width])
		if !ok {
			return 0, false
		}
		if s.kind != kept {
			rank = rank*s.radix + word
		}
		rest = rest[s.width:]
	}
	if len(rest) > 0 {
		return 0, false
	}
	if f.finish != nil {
		copy(scratch, number)
		return rank, f.finish(scratch) && string(scratch) == string(number)
	}
	return rank, true
}

// unrank writes the number of a rank over one of the same form, of which it keeps what is kept. It reports false where
// there is none; kept slots are then as they were, and so is what tells an omocode.
func (f *form) unrank(number []byte, rank uint64) bool {
	end := len(number)
	for i := len(f.slots) - 1; i >= 0; i-- {
		s := &f.slots[i]
		at := number[end-s.width : end]
		end -= s.width
		if s.kind == free || s.kind == omocode || s.kind == repeated {
			s.write(at, rank%s.radix)
			rank /= s.radix
		}
	}
	return f.finish == nil || f.finish(number)
}

// read returns which of its words stands in a slot.
func (s *slot) read(at []byte) (word uint64, ok bool) {
	switch s.kind {
	case follows:
		return 0, true
	case repeated:
		return s.tails.rank(at)
	case omocode:
		b, ok := omocoded(at[0])
		return uint64(b - '0'), ok && uint64(b-'0') < s.radix
	}
	if s.width == 1 {
		n := strings.IndexByte(s.words, at[0])
		return uint64(max(n, 0)), n >= 0
	}
	for n := 0; n < len(s.words); n += s.width {
		if s.words[n:n+s.width] == string(at) {
			return uint64(n / s.width), true
		}
	}
	return 0, false
}

// write writes a word into a slot that holds another one.
func (s *slot) write(at []byte, word uint64) {
	switch {
	case s.kind == repeated:
		s.tails.unrank(at, word)
	case s.kind == omocode && isLetter(at[0]):
		at[0] = omocodes[word]
	case s.kind == omocode:
		at[0] = '0' + byte(word)
	default:
		copy(at, s.words[int(word)*s.width:])
	}
}

// omocodes are the letters that stand for digits in a codice fiscale where two people would have one.
const omocodes = "LMNPQRSTUV"

// omocoded is the digit that a digit or such a letter stands for.
func omocoded(b byte) (digit byte, ok bool) {
	if isDigit(b) {
		return b, true
	}
	n := strings.IndexByte(omocodes, b)
	return '0' + byte(max(n, 0)), n >= 0
}

// repeatedTails counts in how many ways digits can go on so that in the end one digit has come twice or three times and
// no other more than once. It is indexed by how many digits are to come, how many different ones have come, how often
// the one has, and how often it shall.
type repeatedTails [repeatedDigits + 1][repeatedDigits + 1][4][4]uint64

const repeatedDigits = 10

// newRepeatedTails counts.
func newRepeatedTails() *repeatedTails {
	t := new(repeatedTails)
	for left := range repeatedDigits + 1 {
		for used := range repeatedDigits + 1 {
			for _, goal := range []int{2, 3} {
				for times := 1; times <= goal; times++ {
					switch {
					case left == 0 && times == goal:
						t[left][used][times][goal] = 1
					case left > 0:
						t[left][used][times][goal] = t.ways(left-1, used, times, goal)
					}
				}
			}
		}
	}
	return t
}

// ways counts the ways to go on with one digit more, left to come behind it.
func (t *repeatedTails) ways(left, used, times, goal int) uint64 {
	n := uint64(0)
	if used < repeatedDigits {
		n = uint64(repeatedDigits-used) * t[left][used+1][times][goal]
	}
	if times == 1 {
		n += uint64(used) * t[left][used][2][goal]
	} else if times < goal {
		n += t[left][used][times+1][goal]
	}
	return n
}

// repeatedSlot is the slot of ten digits of which one comes twice or three times.
func repeatedSlot() []slot {
	t := newRepeatedTails()
	return []slot{{kind: repeated, width: repeatedDigits, tails: t, radix: t[repeatedDigits][0][1][2] + t[repeatedDigits][0][1][3]}}
}

// repetition is how far one has come in such digits.
type repetition struct {
	counts      [10]int
	used, times int
}

// after counts the ways to go on behind a digit, with left more to come, and takes the step if asked to.
func (t *repeatedTails) after(r *repetition, digit, left, goal int, step bool) uint64 {
	used, times := r.used, r.times
	switch {
	case r.counts[digit] == 0:
		used++
	case r.counts[digit] == times && (times == 1 || times < goal):
		times++
	default:
		return 0
	}
	if step {
		r.counts[digit]++
		r.used, r.times = used, times
	}
	return t[left][used][times][goal]
}

// rank is the place of ten digits in the list of all, those with a digit twice first.
func (t *repeatedTails) rank(number []byte) (rank uint64, ok bool) {
	var counts [10]int
	goal := 1
	for _, b := range number {
		if !isDigit(b) {
			return 0, false
		}
		counts[b-'0']++
		goal = max(goal, counts[b-'0'])
	}
	if goal == 3 {
		rank = t[repeatedDigits][0][1][2]
	}
	if goal != 2 && goal != 3 {
		return 0, false
	}
	r := repetition{times: 1}
	for i, b := range number {
		left := repeatedDigits - 1 - i
		for smaller := range int(b - '0') {
			rank += t.after(&r, smaller, left, goal, false)
		}
		if t.after(&r, int(b-'0'), left, goal, true) == 0 {
			return 0, false
		}
	}
	return rank, true
}

// unrank undoes rank.
func (t *repeatedTails) unrank(number []byte, rank uint64) {
	goal := 2
	if twice := t[repeatedDigits][0][1][2]; rank >= twice {
		goal, rank = 3, rank-twice
	}
	r := repetition{times: 1}
	for i := range number {
		left := repeatedDigits - 1 - i
		for digit := range 10 {
			ways := t.after(&r, digit, left, goal, false)
			if rank < ways {
				t.after(&r, digit, left, goal, true)
				number[i] = '0' + byte(digit)
				break
			}
			rank -= ways
		}
	}
}
