package spill

import (
	"bytes"
	"container/heap"
	"encoding/binary"
	"fmt"
	"slices"
)

// Sorter puts records in the order of their keys, however many there are. It is used by one goroutine. The caller
// closes it.
type Sorter struct {
	memory int
	store  *Store
	// held are records that are not in the store yet, starts where each begins.
	held   []byte
	starts []int
	runs   []run
}

// run is a sorted part of the store.
type run struct{ from, to int64 }

// headSize is the length of a key and of a value, before both.
const headSize = 8

// leastReading is the least that a run is read by at a time when runs are merged.
const leastReading = 4 << 10

// NewSorter returns a Sorter that takes about so many bytes of memory; what is more goes to a Store in dir.
func NewSorter(dir string, memory int) *Sorter {
	return &Sorter{memory: memory, store: NewStore(dir, 0)}
}

// Add adds a record, which is copied.
func (s *Sorter) Add(key, value []byte) error {
	s.starts = append(s.starts, len(s.held))
	s.held = binary.BigEndian.AppendUint32(s.held, uint32(len(key)))
	s.held = binary.BigEndian.AppendUint32(s.held, uint32(len(value)))
	s.held = append(append(s.held, key...), value...)
	if len(s.held)+8*len(s.starts) < s.memory {
		return nil
	}
	return s.flush()
}

// flush sorts what is held and makes a run of it.
func (s *Sorter) flush() error {
	s.sort()
	from := s.store.Size()
	for _, start := range s.starts {
		if _, err := s.store.Append(s.held[start : start+recordSize(s.held[start:])]); err != nil {
			return err
		}
	}
	s.runs = append(s.runs, run{from, s.store.Size()})
	s.held, s.starts = s.held[:0], s.starts[:0]
	return nil
}

func (s *Sorter) sort() {
	slices.SortFunc(s.starts, func(a, b int) int { return bytes.Compare(keyOf(s.held[a:]), keyOf(s.held[b:])) })
}

func keyOf(record []byte) []byte {
	return record[headSize : headSize+binary.BigEndian.Uint32(record)]
}

func valueOf(record []byte) []byte {
	return record[headSize+binary.BigEndian.Uint32(record) : recordSize(record)]
}

func recordSize(record []byte) int {
	return headSize + int(binary.BigEndian.Uint32(record)) + int(binary.BigEndian.Uint32(record[4:]))
}

// Sorted calls yield with every record by its key, once; equal keys come in any order. Key and value are valid until
// yield returns. Nothing may be added afterwards.
func (s *Sorter) Sorted(yield func(key, value []byte) error) error {
	if len(s.runs) == 0 {
		s.sort()
		for _, start := range s.starts {
			record := s.held[start:]
			if err := yield(keyOf(record), valueOf(record)); err != nil {
				return err
			}
		}
		return nil
	}
	if err := s.flush(); err != nil {
		return err
	}
	s.held, s.starts = nil, nil
	var merged readers
	for _, r := range s.runs {
		reader := &reader{store: s.store, next: r.from, to: r.to, size: max(s.memory/len(s.runs), leastReading)}
		if more, err := reader.advance(); err != nil {
			return err
		} else if more {
			merged = append(merged, reader)
		}
	}
	heap.Init(&merged)
	for len(merged) > 0 {
		first := merged[0]
		if err := yield(keyOf(first.record), valueOf(first.record)); err != nil {
			return err
		}
		more, err := first.advance()
		if err != nil {
			return err
		}
		if more {
			heap.Fix(&merged, 0)
		} else {
			heap.Pop(&merged)
		}
	}
	return nil
}

// Close gives memory and file back.
func (s *Sorter) Close() error {
	s.held, s.starts = nil, nil
	return s.store.Close()
}

// reader reads the records of one run.
type reader struct {
	store    *Store
	next, to int64
	size     int
	// buffer holds what was read and is not passed; record is its first record.
	buffer, record []byte
	at             int
}

// advance goes on to the next record and reports whether there is one.
func (r *reader) advance() (bool, error) {
	r.at += len(r.record)
	r.record = nil
	if err := r.fill(headSize); err != nil || r.at == len(r.buffer) {
		return false, err
	}
	size := recordSize(r.buffer[r.at:])
	if err := r.fill(size); err != nil {
		return false, err
	}
	r.record = r.buffer[r.at : r.at+size]
	return true, nil
}

// fill sees that so many bytes are at hand, unless the run ends before the first of them.
func (r *reader) fill(n int) error {
	have := len(r.buffer) - r.at
	if have >= n || have == 0 && r.next == r.to {
		return nil
	}
	want := min(int64(max(r.size, n)-have), r.to-r.next)
	if int64(have)+want < int64(n) {
		return fmt.Errorf("read a file of intermediate rows: a record is cut off")
	}
	r.buffer = slices.Grow(r.buffer[:copy(r.buffer, r.buffer[r.at:])], int(want))[:have+int(want)]
	r.at = 0
	if err := r.store.ReadAt(r.buffer[have:], r.next); err != nil {
		return err
	}
	r.next += want
	return nil
}

// readers is a heap by the key of each one's record.
type readers []*reader

func (r readers) Len() int { return len(r) }
func (r readers) Less(i, j int) bool {
	return bytes.Compare(keyOf(r[i].record), keyOf(r[j].record)) < 0
}
func (r readers) Swap(i, j int) { r[i], r[j] = r[j], r[i] }

// Push adds a reader.
func (r *readers) Push(x any) { *r = append(*r, x.(*reader)) }

// Pop removes the last reader.
func (r *readers) Pop() any {
	last := (*r)[len(*r)-1]
	*r = (*r)[:len(*r)-1]
	return last
}
