package pg

import "bytes"

// A page of a key set holds 32,768 neighbouring integers in 4 KiB: keys that a sequence handed out fill
// pages, so that ten million of them take 1.3 MB.
const (
	pageBits  = 15
	pageWords = 1 << (pageBits - 6)
	pageBytes = pageWords * 8
)

type page [pageWords]uint64

// keySet is an exact set of integers. The zero value is empty. It is not safe for concurrent use.
type keySet struct {
	pages map[int64]*page
	// The page that was used last: neighbours come together.
	last   *page
	lastNo int64
}

// add puts v into the set.
func (s *keySet) add(v int64) {
	no := v >> pageBits
	if s.last == nil || s.lastNo != no {
		if s.pages == nil {
			s.pages = make(map[int64]*page)
		}
		p := s.pages[no]
		if p == nil {
			p = new(page)
			s.pages[no] = p
		}
		s.last, s.lastNo = p, no
	}
	bit := uint64(v) & (1<<pageBits - 1)
	s.last[bit>>6] |= 1 << (bit & 63)
}

// size returns what the set takes, in bytes.
func (s *keySet) size() int64 { return int64(len(s.pages)) * pageBytes }

// merge puts what other holds into the set. The two share nothing afterwards.
func (s *keySet) merge(other *keySet) {
	if s.pages == nil {
		s.pages = make(map[int64]*page, len(other.pages))
	}
	for no, theirs := range other.pages {
		ours := s.pages[no]
		if ours == nil {
			copied := *theirs
			s.pages[no] = &copied
			continue
		}
		for i, word := range theirs {
			ours[i] |= word
		}
	}
	s.last = nil
}

// within reports whether every key of the set is in other too.
func (s *keySet) within(other *keySet) bool {
	for no, ours := range s.pages {
		theirs := other.pages[no]
		for i, word := range ours {
			if theirs == nil && word != 0 || theirs != nil && word&^theirs[i] != 0 {
				return false
			}
		}
	}
	return true
}

// keyReader reads integers out of rows of COPY as they pass, in pieces of any size.
type keyReader struct {
	// sets has, for each column up to the last that is read, where its keys go; nil for a column that is not
	// read.
	sets []*keySet
	// binary reports that rows come in the binary form.
	binary *binaryFields
	// most is what the sets may take together, in bytes.
	most int64
	// broken reports that a value was no integer or that there was no room: the sets say nothing.
	broken bool

	column         int
	value          uint64
	digits         int
	minus, nothing bool
	rows           int
}

// Write reads on. It takes everything and never fails: it only watches.
func (r *keyReader) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0 && !r.broken; {
		if r.binary != nil {
			rest = r.binaryField(rest)
		} else {
			rest = r.field(rest)
		}
	}
	return len(p), nil
}

// field reads to the end of a field, or of what there is of it, and returns what comes after.
func (r *keyReader) field(p []byte) []byte {
	if r.column >= len(r.sets) {
		end := bytes.IndexByte(p, '\n')
		if end < 0 {
			return nil
		}
		r.row()
		return p[end+1:]
	}
	if r.sets[r.column] == nil {
		end := bytes.IndexByte(p, '\t') // there is one: a column that is read comes after
		if end < 0 {
			return nil
		}
		r.column++
		return p[end+1:]
	}
	for i, c := range p {
		switch {
		case c >= '0' && c <= '9':
			r.value = r.value*10 + uint64(c-'0')
			r.digits++
		case c == '\t' || c == '\n':
			r.take()
			if c == '\n' {
				r.row()
			}
			return p[i+1:]
		case c == '-':
			r.minus = true
		case c == '\\':
			r.nothing = true
		case c == 'N' && r.nothing:
		default:
			r.broken = true
			return nil
		}
	}
	return nil
}

// take puts the field that ended into its set.
func (r *keyReader) take() {
	switch {
	case r.nothing:
	case r.digits == 0 || r.digits > 19:
		r.broken = true
	case r.minus:
		r.sets[r.column].add(-int64(r.value))
	default:
		r.sets[r.column].add(int64(r.value))
	}
	r.value, r.digits, r.minus, r.nothing = 0, 0, false, false
	r.column++
}

// row ends a row. Now and then it looks at the room that the sets take.
func (r *keyReader) row() {
	r.column = 0
	const between = 4096
	if r.rows++; r.rows%between != 0 {
		return
	}
	var size int64
	for _, set := range r.sets {
		if set != nil {
			size += set.size()
		}
	}
	r.broken = r.broken || size > r.most
}
