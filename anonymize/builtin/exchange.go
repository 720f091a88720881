package builtin

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"sort"
	"sync"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/internal/spill"
)

const (
	// sortMemory, ringMemory and valueMemory are what a shuffled column may take of memory; what is more goes to files.
	sortMemory  = 16 << 20
	ringMemory  = 24 << 20
	valueMemory = 8 << 20
	// headSize is a seat, and the length of the value that its row gets.
	headSize = seatSize + 4
	// noValue is the length of NULL.
	noValue = 1<<32 - 1
	// longestInline is how long a value may be that stands with its seat; others lie apart, so that who looks for a
	// seat does not read them.
	longestInline = 64
	// stride is how many entries are looked through for a seat. A byte of memory for each two rows says where.
	stride = 64
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
	if v.Row != nil && len(e.mask.key) > 0 {
		if _, there := v.Row.In(e.mask.key[0]); !there {
			return nil, nil // no row has no primary key: one that another refers to is not there
		}
	}
	var scratch [seatSize]byte
	seat, err := e.mask.seat(scratch[:0], v.Row)
	if err != nil {
		return nil, err
	}
	start := len(dst)
	dst, found, err := e.own.find(dst, seat)
	if err == nil && !found {
		dst, found, err = e.pooled.find(dst, append(make([]byte, groupSize), seat[groupSize:]...))
	}
	switch {
	case err != nil:
		return nil, err
	case !found:
		return nil, errNewRow
	case dst[start] == 0:
		return nil, nil
	}
	return append(dst[:start], dst[start+1:]...), nil
}

var errNewRow = errors.New("shuffle: the row is none of those that the column had when it was looked at")

// Close implements anonymize.Gathering.
func (e *exchange) Close() error {
	return errors.Join(e.sorter.Close(), e.poolSorter.Close(), e.own.entries.Close(), e.pooled.entries.Close(), e.values.Close())
}

// rings hold, for each seat, the value of the next one in its group, that of the first for the last.
type rings struct {
	entries, values *spill.Store
	// count is how many entries there are, size how far they reach.
	count, size int64
	// directory has the seat of every stride-th entry, and where it begins.
	directory []byte
	// start is the first entry of the group that was begun last, startAt where it lies; open reports that the group has
	// not ended.
	start, startAt int64
	open           bool
	// first is the value of its first seat; previous is the seat that waits for the next one's value.
	first, previous []byte
	blocks          sync.Pool // of *[]byte
}

func newRings(dir string, values *spill.Store) *rings {
	return &rings{
		entries: spill.NewStore(dir, ringMemory), values: values,
		blocks: sync.Pool{New: func() any { return new([]byte) }},
	}
}

// add adds a seat, in the order of seats, with its own value.
func (r *rings) add(seat, value []byte) error {
	if !r.open {
		r.open, r.start, r.startAt = true, r.count, r.entries.Size()
		r.first = append(r.first[:0], value...)
	} else if err := r.put(r.previous, value); err != nil {
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

// put writes an entry.
func (r *rings) put(seat, value []byte) error {
	if r.count%stride == 0 {
		r.directory = binary.BigEndian.AppendUint64(append(r.directory, seat...), uint64(r.entries.Size()))
	}
	r.count++
	var scratch [headSize + longestInline]byte
	entry := append(scratch[:0], seat...)
	switch text := value[1:]; {
	case value[0] == 0:
		entry = binary.BigEndian.AppendUint32(entry, noValue)
	case len(text) <= longestInline:
		entry = append(binary.BigEndian.AppendUint32(entry, uint32(len(text))), text...)
	default:
		at, err := r.values.Append(text)
		if err != nil {
			return err
		}
		entry = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(entry, uint32(len(text))), uint64(at))
	}
	_, err := r.entries.Append(entry)
	r.size = r.entries.Size()
	return err
}

// bodySize is how many bytes of an entry come after its head.
func bodySize(entry []byte) int {
	switch length := binary.BigEndian.Uint32(entry[seatSize:]); {
	case length == noValue:
		return 0
	case length <= longestInline:
		return int(length)
	}
	return 8
}

// appendValueOf appends the value of an entry, as appendValue writes it.
func (r *rings) appendValueOf(dst, entry []byte) ([]byte, error) {
	length := binary.BigEndian.Uint32(entry[seatSize:])
	switch {
	case length == noValue:
		return append(dst, 0), nil
	case length <= longestInline:
		return append(append(dst, 1), entry[headSize:headSize+length]...), nil
	}
	dst = append(dst, 1)
	start := len(dst)
	dst = slices.Grow(dst, int(length))[:start+int(length)]
	return dst, r.values.ReadAt(dst[start:], int64(binary.BigEndian.Uint64(entry[headSize:])))
}

// takeBack removes the group that ended last and hands out its seats with their own values: each stands with the seat
// before it.
func (r *rings) takeBack(add func(seat, value []byte) error) error {
	own := slices.Clone(r.first)
	entry := make([]byte, headSize+longestInline)
	for i, at := r.start, r.startAt; i < r.count; i++ {
		if err := r.entries.ReadAt(entry[:headSize], at); err != nil {
			return err
		}
		body := bodySize(entry)
		if err := r.entries.ReadAt(entry[headSize:headSize+body], at+headSize); err != nil {
			return err
		}
		at += int64(headSize + body)
		if err := add(entry[:seatSize], own); err != nil {
			return err
		}
		var err error
		if own, err = r.appendValueOf(own[:0], entry); err != nil {
			return err
		}
	}
	r.count, r.size = r.start, r.startAt
	r.directory = r.directory[:(r.count+stride-1)/stride*directorySize]
	return nil
}

// directorySize is a seat, and where its entry begins.
const directorySize = seatSize + 8

// block returns from where to where the entries lie among which a seat would be.
func (r *rings) block(seat []byte) (from, to int64, found bool) {
	blocks := len(r.directory) / directorySize
	after := sort.Search(blocks, func(i int) bool {
		return bytes.Compare(r.directory[i*directorySize:i*directorySize+seatSize], seat) > 0
	})
	begin := func(i int) int64 { return int64(binary.BigEndian.Uint64(r.directory[i*directorySize+seatSize:])) }
	switch after {
	case 0:
		return 0, 0, false
	case blocks:
		return begin(after - 1), r.size, true
	}
	return begin(after - 1), begin(after), true
}

// find appends the value for a seat, as appendValue writes it.
func (r *rings) find(dst, seat []byte) (out []byte, found bool, err error) {
	from, to, found := r.block(seat)
	if !found {
		return dst, false, nil
	}
	buffer := r.blocks.Get().(*[]byte)
	defer r.blocks.Put(buffer)
	*buffer = slices.Grow((*buffer)[:0], int(to-from))[:to-from]
	if err := r.entries.ReadAt(*buffer, from); err != nil {
		return dst, false, err
	}
	for entry := *buffer; len(entry) > 0; {
		if bytes.Equal(entry[:seatSize], seat) {
			dst, err = r.appendValueOf(dst, entry)
			return dst, true, err
		}
		entry = entry[headSize+bodySize(entry):]
	}
	return dst, false, nil
}
