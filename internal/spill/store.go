// Package spill holds what is too much for memory while a run lasts, originals among it: in a file that has no name,
// encrypted under a key that exists in this process alone.
package spill

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"os"
)

// pageSize is how much is encrypted and written at once.
const pageSize = 64 << 10

// Store is a sequence of bytes that only grows. Append is called from one goroutine; ReadAt from any number, once the
// last Append has returned. The caller closes it.
type Store struct {
	dir    string
	memory int64
	// tail is what was appended and is not in the file: all of it as long as there is no file.
	tail []byte
	// written is how many bytes the file holds.
	written int64
	file    *os.File
	block   cipher.Block
}

// NewStore returns a Store that takes so many bytes of memory before it begins a file in dir, which must exist and be
// private.
func NewStore(dir string, memory int64) *Store { return &Store{dir: dir, memory: memory} }

// Size returns how many bytes there are.
func (s *Store) Size() int64 { return s.written + int64(len(s.tail)) }

// Append adds p and returns where it begins.
func (s *Store) Append(p []byte) (at int64, err error) {
	at = s.Size()
	s.tail = append(s.tail, p...)
	if s.file == nil && int64(len(s.tail)) <= s.memory {
		return at, nil
	}
	if s.file == nil {
		if err := s.open(); err != nil {
			return 0, err
		}
	}
	for len(s.tail) >= pageSize {
		if err := s.write(s.tail[:pageSize]); err != nil {
			return 0, err
		}
		s.tail = s.tail[:copy(s.tail, s.tail[pageSize:])]
	}
	return at, nil
}

// open begins the file. Its name is gone before the first byte is written: what a crash leaves is free space.
func (s *Store) open() error {
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return fmt.Errorf("draw a key for a file of intermediate rows: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(s.dir, "spill-")
	if err != nil {
		return fmt.Errorf("begin a file of intermediate rows: %w", err)
	}
	if err := os.Remove(file.Name()); err != nil {
		_ = file.Close()
		return fmt.Errorf("hide a file of intermediate rows: %w", err)
	}
	s.file, s.block = file, block
	// What was held in memory goes out in pages, and its memory with it.
	held := s.tail
	for len(held) >= pageSize {
		if err := s.write(held[:pageSize]); err != nil {
			return err
		}
		held = held[pageSize:]
	}
	s.tail = append(make([]byte, 0, 2*pageSize), held...)
	return nil
}

// write encrypts a page over itself and writes it. Every byte of the file is encrypted once, so that no part of the
// key stream serves twice.
func (s *Store) write(page []byte) error {
	s.crypt(page, s.written)
	if _, err := s.file.WriteAt(page, s.written); err != nil {
		return fmt.Errorf("write a file of intermediate rows: %w", err)
	}
	s.written += int64(len(page))
	return nil
}

// crypt encrypts or decrypts, in place, what stands at a place of the file: AES in counter mode, the counter being
// the number of the block.
func (s *Store) crypt(p []byte, at int64) {
	var counter, skipped [aes.BlockSize]byte
	binary.BigEndian.PutUint64(counter[8:], uint64(at/aes.BlockSize))
	stream := cipher.NewCTR(s.block, counter[:])
	within := skipped[:at%aes.BlockSize]
	stream.XORKeyStream(within, within)
	stream.XORKeyStream(p, p)
}

// ReadAt fills p with what stands at a place. It panics where that reaches beyond the end.
func (s *Store) ReadAt(p []byte, at int64) error {
	if at < 0 || at+int64(len(p)) > s.Size() {
		panic("spill: read beyond the end")
	}
	inFile := int(max(min(s.written-at, int64(len(p))), 0))
	copy(p[inFile:], s.tail[max(at-s.written, 0):])
	if inFile == 0 {
		return nil
	}
	if _, err := s.file.ReadAt(p[:inFile], at); err != nil {
		return fmt.Errorf("read a file of intermediate rows: %w", err)
	}
	s.crypt(p[:inFile], at)
	return nil
}

// Close gives memory and file back. The Store must not be used any more, but may be closed again.
func (s *Store) Close() error {
	file := s.file
	s.tail, s.file = nil, nil
	if file == nil {
		return nil
	}
	return file.Close()
}
