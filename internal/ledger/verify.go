package ledger

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Break is the first place where a chain does not hold.
type Break struct {
	// Seq is the number of the entry that should stand there.
	Seq int64 `json:"seq"`
	// Problem says what is wrong.
	Problem string `json:"problem"`
}

// Error names the entry and the problem.
func (b *Break) Error() string { return fmt.Sprintf("ledger entry %d: %s", b.Seq, b.Problem) }

// Verdict is what Verify found.
type Verdict struct {
	// Head is that of the entries that hold, from the first on.
	Head Head `json:"head"`
	// Broken is where they end too early; nil when all hold.
	Broken *Break `json:"broken,omitempty"`
	// Torn is how many bytes of an unfinished entry stand at the end: somebody was stopped while writing.
	// The next Append cuts them off and says so on record.
	Torn int `json:"torn,omitempty"`
	// Anchored is the highest number of the known heads that were found in their places: whatever stands
	// up to it was there when that head was kept.
	Anchored int64 `json:"anchored"`
}

// Intact reports whether every byte is as it was written and no known head is missing.
func (v Verdict) Intact() bool { return v.Broken == nil && v.Torn == 0 }

// Verify reads a ledger from its beginning and compares it with heads that were kept elsewhere. The error
// is that of r alone; what is wrong with the ledger is in the Verdict.
func Verify(r io.Reader, known ...Head) (Verdict, error) {
	return scan(r, known, func(Entry) error { return nil })
}

// Read calls visit with every entry from the first on, as long as the chain holds, and then tells what
// Verify would. An error of visit ends it and is returned.
func Read(r io.Reader, visit func(Entry) error) (Verdict, error) { return scan(r, nil, visit) }

func scan(r io.Reader, known []Head, visit func(Entry) error) (Verdict, error) {
	var v Verdict
	lines := bufio.NewReaderSize(r, longestEntry+1)
	for {
		line, err := lines.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return v.broken(errForm.Error()), nil
		case errors.Is(err, io.EOF):
			v.Torn = len(line)
			return v.compared(known), nil
		case err != nil:
			return v, fmt.Errorf("read ledger after entry %d: %w", v.Head.Seq, err)
		}
		entry, err := parse(bytes.TrimSuffix(line, []byte("\n")))
		if err == nil {
			err = entry.follows(v.Head)
		}
		if err != nil {
			return v.broken(err.Error()), nil
		}
		if head, wrong := contradicts(entry, known); wrong {
			return v.broken(fmt.Sprintf("it is not the one that was here when head %d was kept", head.Seq)), nil
		}
		v.Head = entry.Head()
		if err := visit(entry); err != nil {
			return v, err
		}
	}
}

func (v Verdict) broken(problem string) Verdict {
	v.Broken = &Break{Seq: v.Head.Seq + 1, Problem: problem}
	return v
}

// contradicts returns a known head of e's number with another hash.
func contradicts(e Entry, known []Head) (Head, bool) {
	for _, head := range known {
		if head.Seq == e.Seq && head.Hash != e.Hash {
			return head, true
		}
	}
	return Head{}, false
}

// compared reports known heads beyond the end: entries were taken off.
func (v Verdict) compared(known []Head) Verdict {
	for _, head := range known {
		if head.Seq <= v.Head.Seq {
			v.Anchored = max(v.Anchored, head.Seq)
			continue
		}
		if v.Broken == nil {
			v = v.broken(fmt.Sprintf("it is missing, though entry %d was written once", head.Seq))
		}
	}
	return v
}
