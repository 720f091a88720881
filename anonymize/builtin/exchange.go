package builtin

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"sync"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/internal/spill"
)

const (
	// sortMemory, ringMemory and valueMemory are what a shuffled column may take of memory; what is more goes to files.
	sortMemory  = 16 << 20
	ringMemory  = 8 << 20
	valueMemory = 8 << 20
	// entrySize is a seat, and where the value lies that its row gets: its place and its length.
	entrySize = seatSize + 8 + 4
	// noValue is the length of NULL.
	noValue = 1<<32 - 1
	// stride is how many entries lie between two whose seats are kept in memory, one byte for each five rows.
	stride = 128
)

// exchange gathers a column, and is then the mask that gives each row its value.
type exchange struct {
	mask   *shuffleMask
	sorter *spill.Sorter
	rows   int64
	// own are the groups that are large enough, pooled the rows of all others, sorted by their digests alone.
	own, pooled *rings
	poolSorter  *spill.Sorter
	values      *spill.Store
	record      []byte
}

func newExchange(dir string, m *shuffleMask) *exchange {
	values := spill.NewStore(dir, valueMemory)
	return &exchange{
		mask: m, values: values, sorter: spill.NewSorter(dir, sortMemory), poolSorter: spill.NewSorter(dir, sortMemory),
		own: newRings(dir, values), pooled: newRings(dir, values),
	}
}

// See implements anonymize.Gathering.
func (e *exchange) See(v anonymize.Value) error {
	var scratch [seatSize]byte
	seat, err := e.mask.seat(scratch[:0], v.Row)
	if err != nil {
		return err
	}
	e.rows++
	e.record = appendValue(e.record[:0], v.Text, v.Null)
	return e.sorter.Add(seat, e.record)
}

// appendValue appends a value such that NULL differs from the empty text.
func appendValue(dst, text []byte, null bool) []byte {
	if null {
		return append(dst, 0)
	}
	return append(append(dst, 1), text...)
}

// Done implements anonymize.Gathering.
func (e *exchange) Done() (anonymize.Mask, error) {
	if e.rows > 0 && e.rows < e.mask.least {
		return nil, tooFew(e.rows, e.mask.least)
	}
	small := &pool{exchange: e}
	if err := e.sorter.Sorted(small.take); err != nil {
		return nil, err
	}
	if err := small.end(); err != nil {
		return nil, err
	}
	err := e.poolSorter.Sorted(func(digest, value []byte) error {
		return e.pooled.add(append(make([]byte, groupSize), digest...), value)
	})
	if err == nil {
		err = e.pooled.end()
	}
	if err == nil {
		err = errors.Join(e.sorter.Close(), e.poolSorter.Close())
	}
	return e, err
}

// pool parts the groups: those with fewer rows than wanted go into one.
type pool struct {
	exchange *exchange
	group    []byte
	// waiting are the first rows of a group that is not large enough yet.
	waiting []record
	large   bool
	pooled  int64
}

type record struct{ seat, value []byte }

// take takes the next row in the order of seats.
func (p *pool) take(seat, value []byte) error {
	if !bytes.Equal(p.group, seat[:groupSize]) || p.group == nil {
		if err := p.leave(); err != nil {
			return err
		}
		p.group = append(p.group[:0], seat[:groupSize]...)
	}
	if p.large {
		return p.exchange.own.add(seat, value)
	}
	p.waiting = append(p.waiting, record{bytes.Clone(seat), bytes.Clone(value)})
	if int64(len(p.waiting)) < p.exchange.mask.least {
		return nil
	}
	p.large = true
	for _, r := range p.waiting {
		if err := p.exchange.own.add(r.seat, r.value); err != nil {
			return err
		}
	}
	p.waiting = p.waiting[:0]
	return nil
}

// leave ends the group.
func (p *pool) leave() error {
	for _, r := range p.waiting {
		if err := p.add(r.seat, r.value); err != nil {
			return err
		}
	}
	p.waiting, p.large = p.waiting[:0], false
	return p.exchange.own.end()
}

func (p *pool) add(seat, value []byte) error {
	p.pooled++
	return p.exchange.poolSorter.Add(seat[groupSize:], value)
}

// end ends the last group. Where the pool itself is too small, the last large group joins it.
func (p *pool) end() error {
	if err := p.leave(); err != nil {
		return err
	}
	if p.pooled == 0 || p.pooled >= p.exchange.mask.least {
		return nil
	}
	return p.exchange.own.takeBack(p.add)
}

// Append implements anonymize.Mask.
func (e *exchange) Append(dst []byte, v anonymize.Value) ([]byte, error) {
	var scratch [seatSize]byte
	seat, err := e.mask.seat(scratch[:0], v.Row)
	if err != nil {
		return nil, err
	}
	at, length, found, err := e.own.find(seat)
	if err == nil && !found {
		at, length, found, err = e.pooled.find(append(make([]byte, groupSize), seat[groupSize:]...))
	}
	switch {
	case err != nil:
		return nil, err
	case !found:
		return nil, errNewRow
	case length == noValue:
		return nil, nil
	}
	start := len(dst)
	dst = slices.Grow(dst, int(length))[:start+int(length)]
	return dst, e.values.ReadAt(dst[start:], at)
}

var errNewRow = errors.New("shuffle: the row is none of those that the column had when it was looked at")

// Close implements anonymize.Gathering.
func (e *exchange) Close() error {
	return errors.Join(e.sorter.Close(), e.poolSorter.Close(), e.own.entries.Close(), e.pooled.entries.Close(), e.values.Close())
}

// rings hold, for each seat, the value of the next one in its group, that of the first for the last.
type rings struct {
	entries, values *spill.Store
	count           int64
	// directory has the seat of every stride-th entry.
	directory []byte
	// start is the first entry of the group that was begun last; open reports that it has not ended.
	start int64
	open  bool
	// first is where the value of its first seat lies; previous is the seat that waits for the next one's value.
	first    location
	previous []byte
	blocks   sync.Pool // of *[stride * entrySize]byte
}

// location is where a value lies; it takes noValue for a length when it is NULL.
type location struct {
	at     int64
	length uint32
}

func newRings(dir string, values *spill.Store) *rings {
	return &rings{
		entries: spill.NewStore(dir, ringMemory), values: values,
		blocks: sync.Pool{New: func() any { return new([stride * entrySize]byte) }},
	}
}

// add adds a seat, in the order of seats, with its own value.
func (r *rings) add(seat, value []byte) error {
	where := location{length: noValue}
	if value[0] == 1 {
		at, err := r.values.Append(value[1:])
		if err != nil {
			return err
		}
		where = location{at, uint32(len(value) - 1)}
	}
	if !r.open {
		r.open, r.start, r.first = true, r.count, where
	} else if err := r.put(r.previous, where); err != nil {
		return err
	}
	r.previous = append(r.previous[:0], seat...)
	return nil
}

// end ends the group, if one is open.
func (r *rings) end() error {
	if !r.open {
		return nil
	}
	r.open = false
	return r.put(r.previous, r.first)
}

func (r *rings) put(seat []byte, value location) error {
	if r.count%stride == 0 {
		r.directory = append(r.directory, seat...)
	}
	r.count++
	var entry [entrySize]byte
	copy(entry[:], seat)
	binary.BigEndian.PutUint64(entry[seatSize:], uint64(value.at))
	binary.BigEndian.PutUint32(entry[seatSize+8:], value.length)
	_, err := r.entries.Append(entry[:])
	return err
}

// takeBack removes the group that ended last and hands out its seats with their own values.
func (r *rings) takeBack(add func(seat, value []byte) error) error {
	entry := make([]byte, entrySize)
	var own location // the value of the first seat is the last one's
	for i := r.start - 1; i < r.count; i++ {
		at := i
		if i < r.start {
			at = r.count - 1
		}
		if err := r.entries.ReadAt(entry, at*entrySize); err != nil {
			return err
		}
		if i >= r.start {
			value := []byte{0}
			if own.length != noValue {
				value = append([]byte{1}, make([]byte, own.length)...)
				if err := r.values.ReadAt(value[1:], own.at); err != nil {
					return err
				}
			}
			if err := add(entry[:seatSize], value); err != nil {
				return err
			}
		}
		own = locationOf(entry)
	}
	r.count = r.start
	r.directory = r.directory[:(r.count+stride-1)/stride*seatSize]
	return nil
}

func locationOf(entry []byte) location {
	return location{int64(binary.BigEndian.Uint64(entry[seatSize:])), binary.BigEndian.Uint32(entry[seatSize+8:])}
}

// find returns where the value for a seat lies.
func (r *rings) find(seat []byte) (at int64, length uint32, found bool, err error) {
	blocks := len(r.directory) / seatSize
	low, high := 0, blocks // the first block that begins beyond the seat
	for low < high {
		middle := (low + high) / 2
		if bytes.Compare(r.directory[middle*seatSize:(middle+1)*seatSize], seat) > 0 {
			high = middle
		} else {
			low = middle + 1
		}
	}
	if low == 0 {
		return 0, 0, false, nil
	}
	from := int64(low-1) * stride
	block := r.blocks.Get().(*[stride * entrySize]byte)
	defer r.blocks.Put(block)
	entries := block[:min(int64(stride), r.count-from)*entrySize]
	if err := r.entries.ReadAt(entries, from*entrySize); err != nil {
		return 0, 0, false, err
	}
	i, found := binarySearch(entries, seat)
	if !found {
		return 0, 0, false, nil
	}
	where := locationOf(entries[i*entrySize:])
	return where.at, where.length, true, nil
}

// binarySearch finds the entry of a seat.
func binarySearch(entries, seat []byte) (int, bool) {
	low, high := 0, len(entries)/entrySize
	for low < high {
		middle := (low + high) / 2
		switch bytes.Compare(entries[middle*entrySize:middle*entrySize+seatSize], seat) {
		case 0:
			return middle, true
		case 1:
			high = middle
		default:
			low = middle + 1
		}
	}
	return 0, false
}
