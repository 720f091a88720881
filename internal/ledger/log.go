package ledger

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// The actions that the ledger itself puts on record.
const (
	// actionRepair says that an unfinished entry was cut off; its bytes are counted and hashed in the facts.
	actionRepair = "repair"
	// actionRestart says that a broken ledger was laid aside and a new chain begun.
	actionRestart = "restart"
)

// lockPause is how long Append waits before it asks again for the lock: an append takes about as long.
const lockPause = 5 * time.Millisecond

// BrokenError says that the file does not hold what was written to it; nothing was appended.
type BrokenError struct {
	Path  string
	Break *Break
}

// Error names the file, the entry and the remedy.
func (e *BrokenError) Error() string {
	return fmt.Sprintf("append to ledger %s: %v; restore the file from a copy, or lay it aside with a reason", e.Path, e.Break)
}

// Unwrap returns the Break.
func (e *BrokenError) Unwrap() error { return e.Break }

// anchor keeps the newest head outside of the file, so that entries taken off its end are missed.
type anchor interface {
	LedgerHead(ctx context.Context) (Head, error)
	SetLedgerHead(ctx context.Context, head Head) error
}

// Log is a ledger in a file. Any number of goroutines and processes may append to it at once: each waits
// for the file's lock. It holds nothing open between calls.
type Log struct {
	path   string
	anchor anchor
	now    func() time.Time
}

// Open returns the ledger at path, which need not exist. anchor keeps its head elsewhere; nil keeps it
// nowhere. now gives the times of entries.
func Open(path string, anchor anchor, now func() time.Time) *Log {
	return &Log{path: path, anchor: anchor, now: now}
}

// Append puts record on record and returns its entry. When it returns nil the entry has reached the disk.
//
// An unfinished entry at the end, which a crash leaves, is cut off first and that is put on record too. A
// file that does not end with what was written last is a *BrokenError: nothing goes on top of it. When
// only the head could not be kept elsewhere the entry is returned together with the error.
func (l *Log) Append(ctx context.Context, record Record) (Entry, error) {
	if record.Action == "" {
		return Entry{}, errors.New("append to ledger: the action is missing")
	}
	var entry Entry
	err := l.locked(ctx, func(f *os.File) error {
		head, torn, err := l.tail(ctx, f)
		if err != nil {
			return err
		}
		if torn != nil {
			repair := next(head, l.now(), repairOf(record, torn))
			if err := write(f, repair); err != nil {
				return err
			}
			head = repair.Head()
		}
		e := next(head, l.now(), record)
		if err := write(f, e); err != nil {
			return err
		}
		entry = e
		return l.keep(ctx, e.Head())
	})
	if err != nil {
		return entry, fmt.Errorf("append to ledger %s: %w", l.path, err)
	}
	return entry, nil
}

// Head returns the newest head, the zero Head when there is no entry. An unfinished entry does not count;
// a broken file is a *BrokenError.
func (l *Log) Head(ctx context.Context) (Head, error) {
	var head Head
	err := l.reading(ctx, func(f content) (err error) {
		head, _, err = l.peek(ctx, f)
		return err
	})
	if err != nil {
		return Head{}, fmt.Errorf("read head of ledger %s: %w", l.path, err)
	}
	return head, nil
}

// Verify reads the whole file and compares it with the anchor's head and with those known otherwise, such
// as from certificates. No file is an empty ledger.
func (l *Log) Verify(ctx context.Context, known ...Head) (Verdict, error) {
	var verdict Verdict
	err := l.reading(ctx, func(f content) error {
		kept, err := l.kept(ctx)
		if err != nil {
			return err
		}
		if kept != (Head{}) {
			known = append(known[:len(known):len(known)], kept)
		}
		verdict, err = Verify(f, known...)
		return err
	})
	if err != nil {
		return verdict, fmt.Errorf("verify ledger %s: %w", l.path, err)
	}
	return verdict, nil
}

// Restart lays a broken ledger aside, under its name with the time after it, and begins a new chain whose
// first entry says so: who, why, and which head was lost. It refuses when nothing is broken.
func (l *Log) Restart(ctx context.Context, record Record) (Entry, error) {
	var entry Entry
	err := l.locked(ctx, func(f *os.File) error {
		kept, err := l.kept(ctx)
		if err != nil {
			return err
		}
		verdict, err := Verify(f, kept)
		if err != nil {
			return err
		}
		if verdict.Broken == nil {
			return errors.New("nothing is broken; go on with it")
		}
		aside := l.path + ".broken-" + l.now().UTC().Format("20060102T150405Z")
		record.Action = actionRestart
		record.Facts = map[string]string{
			"reason": record.Facts["reason"], "broken_at": strconv.FormatInt(verdict.Broken.Seq, 10), "problem": verdict.Broken.Problem,
			"laid_aside": filepath.Base(aside), "lost_head": kept.Hash, "lost_seq": strconv.FormatInt(kept.Seq, 10),
		}
		e := next(Head{}, l.now(), record)
		if err := l.replace(aside, e); err != nil {
			return err
		}
		entry = e
		return l.keep(ctx, e.Head())
	})
	if err != nil {
		return entry, fmt.Errorf("restart ledger %s: %w", l.path, err)
	}
	return entry, nil
}

// replace links the file to a second name and renames a new one over the first, so that at no moment
// there is none.
func (l *Log) replace(aside string, first Entry) error {
	if err := os.Link(l.path, aside); err != nil {
		return err
	}
	fresh := l.path + ".new"
	f, err := os.OpenFile(fresh, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(write(f, first), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(fresh, l.path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(l.path))
}

// content is what a ledger is read from: its file, or nothing where there is none.
type content interface {
	io.ReadSeeker
	io.ReaderAt
}

// reading runs f under the lock, and makes no file where there is none.
func (l *Log) reading(ctx context.Context, f func(content) error) error {
	if _, err := os.Stat(l.path); errors.Is(err, fs.ErrNotExist) {
		return f(bytes.NewReader(nil))
	}
	return l.locked(ctx, func(file *os.File) error { return f(file) })
}

// locked opens the file, waits for its lock, and runs f on it. The lock ends with the descriptor.
func (l *Log) locked(ctx context.Context, f func(*os.File) error) (err error) {
	file, err := l.lock(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return f(file)
}

func (l *Log) lock(ctx context.Context) (*os.File, error) {
	for {
		file, err := l.open()
		if err != nil {
			return nil, err
		}
		if err := wait(ctx, file); err != nil {
			return nil, errors.Join(err, file.Close())
		}
		// A restart may have put another file in its place while we waited.
		held, err := file.Stat()
		if err != nil {
			return nil, errors.Join(err, file.Close())
		}
		if named, err := os.Stat(l.path); err == nil && os.SameFile(held, named) {
			return file, nil
		}
		if err := file.Close(); err != nil {
			return nil, err
		}
	}
}

func (l *Log) open() (*os.File, error) {
	_, missing := os.Stat(l.path)
	file, err := os.OpenFile(l.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && info.Mode().Perm()&0o077 != 0 {
		err = fmt.Errorf("others than its owner may use it (mode %04o); run: chmod 600 %s", info.Mode().Perm(), l.path)
	}
	if err == nil && errors.Is(missing, fs.ErrNotExist) {
		err = syncDir(filepath.Dir(l.path))
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// wait asks for the lock until it is ours or ctx ends: a blocking request could not be given up.
func wait(ctx context.Context, file *os.File) error {
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil || !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return err
		}
		pause := time.NewTimer(lockPause)
		select {
		case <-ctx.Done():
			pause.Stop()
			return fmt.Errorf("wait for its lock: %w", context.Cause(ctx))
		case <-pause.C:
		}
	}
}

// tail leaves f ready to be appended to and returns its head, and what was cut off its end, nil when
// nothing was.
func (l *Log) tail(ctx context.Context, f *os.File) (Head, []byte, error) {
	head, torn, err := l.peek(ctx, f)
	if err != nil {
		return Head{}, nil, err
	}
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil || len(torn) == 0 {
		return head, nil, err
	}
	// Only the line end is missing: the entry was written, and is kept.
	if last, err := parse(torn); err == nil && last.follows(head) == nil {
		_, err := f.WriteString("\n")
		return last.Head(), nil, err
	}
	if err := f.Truncate(end - int64(len(torn))); err != nil {
		return Head{}, nil, err
	}
	_, err = f.Seek(0, io.SeekEnd)
	return head, torn, err
}

// peek returns the head of the finished entries and the bytes after them. The chain's end is compared
// with the anchor; where they differ, as after a crash between the two, the whole file is read.
func (l *Log) peek(ctx context.Context, f content) (Head, []byte, error) {
	kept, err := l.kept(ctx)
	if err != nil {
		return Head{}, nil, err
	}
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return Head{}, nil, err
	}
	line, torn, err := lastLine(f, end)
	if err != nil {
		return Head{}, nil, err
	}
	if last, err := parse(line); err == nil && (l.anchor == nil || last.Head() == kept) {
		return last.Head(), torn, nil
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return Head{}, nil, err
	}
	verdict, err := Verify(f, kept)
	if err != nil {
		return Head{}, nil, err
	}
	if verdict.Broken != nil {
		return Head{}, nil, &BrokenError{Path: l.path, Break: verdict.Broken}
	}
	return verdict.Head, torn, nil
}

// lastLine returns the last finished line without its end, and what stands after it. Either may be
// empty. An unfinished line longer than an entry may be is returned as far as the bound.
func lastLine(f io.ReaderAt, end int64) (line, torn []byte, err error) {
	// Two entries and their ends: the last finished one and an unfinished one.
	size := min(end, 2*(longestEntry+1))
	chunk := make([]byte, size)
	if _, err := f.ReadAt(chunk, end-size); err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	last := bytes.LastIndexByte(chunk, '\n')
	torn = chunk[last+1:]
	if last < 0 {
		return nil, torn, nil
	}
	return chunk[bytes.LastIndexByte(chunk[:last], '\n')+1 : last], torn, nil
}

// repairOf says who found what at the end of the file. Of the bytes only their number and hash are kept.
func repairOf(record Record, torn []byte) Record {
	sum := sha256.Sum256(torn)
	return Record{
		Action: actionRepair, User: record.User, Host: record.Host, Version: record.Version,
		Facts: map[string]string{"bytes": strconv.Itoa(len(torn)), "sha256": hex.EncodeToString(sum[:])},
	}
}

// write appends one entry and waits until it is on the disk. What did not get there whole is taken back.
func write(f *os.File, e Entry) error {
	line := append(e.canonical(), '\n')
	if len(line) > longestEntry {
		return fmt.Errorf("the entry has %d bytes, %d are the most", len(line), longestEntry)
	}
	start, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if _, err = f.Write(line); err == nil {
		err = f.Sync()
	}
	if err != nil {
		return errors.Join(err, f.Truncate(start))
	}
	return nil
}

func (l *Log) kept(ctx context.Context) (Head, error) {
	if l.anchor == nil {
		return Head{}, nil
	}
	return l.anchor.LedgerHead(ctx)
}

func (l *Log) keep(ctx context.Context, head Head) error {
	if l.anchor == nil {
		return nil
	}
	// The entry is written: that its head is kept must not hang on whether somebody is still waiting.
	return l.anchor.SetLedgerHead(context.WithoutCancel(ctx), head)
}

// syncDir makes the names in a directory survive a crash.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
