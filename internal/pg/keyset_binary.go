package pg

import (
	"encoding/binary"

	"github.com/lethedb/lethe/internal/copybinary"
)

// binaryFields is where a keyReader stands in the binary form of COPY.
type binaryFields struct {
	step binaryStep
	// gathered are the bytes that there are of what the step reads; need is how many it takes.
	gathered [binaryHeader]byte
	have     int
	need     int
	// skip is how many bytes nobody reads.
	skip int
	// fields is how many a row has; length is the current one's.
	fields, length int
}

// binaryStep is what is read next.
type binaryStep int

const (
	readHeader binaryStep = iota
	readCount             // of a row's fields
	readLength
	readValue
	readNothing // the trailer was there
)

// binaryHeader is the signature of 11 bytes, the flags, and the length of what extends the header.
const binaryHeader = 19

func newBinaryFields() *binaryFields { return &binaryFields{need: binaryHeader} }

// binaryField reads to the end of a step, or of what there is of it, and returns what comes after.
func (r *keyReader) binaryField(p []byte) []byte {
	b := r.binary
	if b.step == readNothing {
		return nil
	}
	if b.skip > 0 {
		n := min(b.skip, len(p))
		b.skip -= n
		return p[n:]
	}
	if b.step == readCount && b.have == 0 {
		if p = r.binaryRows(p); len(p) == 0 || r.broken {
			return nil
		}
	}
	n := copy(b.gathered[b.have:b.need], p)
	if b.have += n; b.have == b.need {
		b.have = 0
		r.binaryStep(b)
	}
	return p[n:]
}

// binaryRows reads the rows that p holds as a whole, nothing gathered, and returns what comes after: the
// trailer, or a row whose end is still to come, which is then read once more; a set does not mind.
func (r *keyReader) binaryRows(p []byte) []byte {
	for !r.broken && len(p) >= copybinary.CountSize {
		fields := int(int16(binary.BigEndian.Uint16(p)))
		if fields < 0 {
			return p
		}
		at := copybinary.CountSize
		for i := range fields {
			if len(p)-at < copybinary.LengthSize {
				return p
			}
			length := int(int32(binary.BigEndian.Uint32(p[at:])))
			at += copybinary.LengthSize
			if length > len(p)-at {
				return p
			}
			if length < 0 {
				continue
			}
			if i < len(r.sets) && r.sets[i] != nil && !r.sets[i].addBinary(p[at:at+length]) {
				r.broken = true
			}
			at += length
		}
		r.row()
		p = p[at:]
	}
	return p
}

// addBinary puts an integer in its binary form into the set. It returns false for what is none.
func (s *keySet) addBinary(b []byte) bool {
	switch len(b) {
	case 2:
		s.add(int64(int16(binary.BigEndian.Uint16(b))))
	case 4:
		s.add(int64(int32(binary.BigEndian.Uint32(b))))
	case 8:
		s.add(int64(binary.BigEndian.Uint64(b)))
	default:
		return false
	}
	return true
}

// binaryStep uses what was gathered and says what comes next.
func (r *keyReader) binaryStep(b *binaryFields) {
	switch b.step {
	case readHeader:
		b.skip = int(binary.BigEndian.Uint32(b.gathered[binaryHeader-4:]))
		b.step, b.need = readCount, 2
	case readCount:
		b.fields = int(int16(binary.BigEndian.Uint16(b.gathered[:])))
		switch {
		case b.fields < 0:
			b.step = readNothing
		case b.fields == 0:
			r.row()
		default:
			b.step, b.need = readLength, 4
		}
	case readLength:
		b.length = int(int32(binary.BigEndian.Uint32(b.gathered[:])))
		wanted := r.column < len(r.sets) && r.sets[r.column] != nil
		switch {
		case wanted && b.length > 0 && b.length <= 8:
			b.step, b.need = readValue, b.length
		default:
			r.broken = r.broken || wanted && b.length >= 0
			b.skip = max(b.length, 0)
			r.nextBinary(b)
		}
	case readValue:
		r.broken = !r.sets[r.column].addBinary(b.gathered[:b.length]) || r.broken
		r.nextBinary(b)
	}
}

// nextBinary goes on to the next field, or to the next row.
func (r *keyReader) nextBinary(b *binaryFields) {
	if r.column++; r.column < b.fields {
		b.step, b.need = readLength, 4
		return
	}
	r.row()
	b.step, b.need = readCount, 2
}
