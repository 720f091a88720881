package spill

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// TestAStoreGivesBackWhatWasPutIn holds for every limit of memory, and for several readers at once.
func TestAStoreGivesBackWhatWasPutIn(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		s := NewStore(dir, rapid.Int64Range(0, 300_000).Draw(t, "memory"))
		defer func() { _ = s.Close() }()
		var all []byte
		for range rapid.IntRange(0, 30).Draw(t, "pieces") {
			piece := bytes.Repeat([]byte{byte(len(all)), byte(len(all) >> 8), byte(len(all) >> 16)}, rapid.IntRange(0, 20_000).Draw(t, "piece"))
			at, err := s.Append(piece)
			if err != nil || at != int64(len(all)) {
				t.Fatalf("appended at %d, want %d: %v", at, len(all), err)
			}
			all = append(all, piece...)
		}
		if s.Size() != int64(len(all)) {
			t.Fatalf("%d bytes, want %d", s.Size(), len(all))
		}
		from := rapid.IntRange(0, len(all)).Draw(t, "from")
		to := rapid.IntRange(from, len(all)).Draw(t, "to")
		var group sync.WaitGroup
		for range 3 {
			group.Go(func() {
				got := make([]byte, to-from)
				if err := s.ReadAt(got, int64(from)); err != nil || !bytes.Equal(got, all[from:to]) {
					t.Errorf("read other bytes from %d to %d: %v", from, to, err)
				}
			})
		}
		group.Wait()
	})
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%d files were left: %v", len(left), err)
	}
}

func TestAFileHoldsNothingThatCanBeRead(t *testing.T) {
	s := NewStore(t.TempDir(), 0)
	defer func() { _ = s.Close() }()
	const canary = "canary@leak.test "
	if _, err := s.Append([]byte(strings.Repeat(canary, 20_000))); err != nil {
		t.Fatal(err)
	}
	raw := make([]byte, s.written)
	if _, err := s.file.ReadAt(raw, 0); err != nil || len(raw) < 4*pageSize {
		t.Fatalf("read %d bytes: %v", len(raw), err)
	}
	if bytes.Contains(raw, []byte("canary")) || bytes.Equal(raw[:pageSize], raw[pageSize:2*pageSize]) {
		t.Error("the file can be read")
	}
	if info, err := s.file.Stat(); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("its mode is %v, %v", info.Mode(), err)
	}
	if _, err := os.Stat(s.file.Name()); !os.IsNotExist(err) {
		t.Errorf("it can be found: %v", err)
	}
}

// TestASorterSorts holds in memory, in one run and in many.
func TestASorterSorts(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		s := NewSorter(dir, rapid.SampledFrom([]int{1, 100, 3_000, 1 << 20}).Draw(t, "memory"))
		defer func() { _ = s.Close() }()
		var want []string
		for i := range rapid.IntRange(0, 400).Draw(t, "records") {
			key := rapid.SliceOfN(rapid.Byte(), 0, 6).Draw(t, "key")
			value := fmt.Sprint(i, strings.Repeat("x", rapid.SampledFrom([]int{0, 10, 9_000}).Draw(t, "size")))
			if err := s.Add(key, []byte(value)); err != nil {
				t.Fatal(err)
			}
			want = append(want, fmt.Sprintf("%-20x %s", key, value))
		}
		var got, keys []string
		if err := s.Sorted(func(key, value []byte) error {
			got, keys = append(got, fmt.Sprintf("%-20x %s", key, value)), append(keys, string(key))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if !slices.IsSorted(keys) {
			t.Fatal("the keys are not in order")
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("%d records came out, want %d", len(got), len(want))
		}
	})
}
