package pgserver

import (
	"io"
	"strings"
	"sync"
)

// tailSize is how much of a child's talk is kept for an error: the last few lines of a failed start.
const tailSize = 2048

// tail passes everything on and remembers the end of it.
type tail struct {
	mu   sync.Mutex
	next io.Writer
	kept []byte
}

// Write never fails: a server must not stop because its log cannot be written.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, _ = t.next.Write(p)
	t.kept = append(t.kept, p...)
	if over := len(t.kept) - tailSize; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
	return len(p), nil
}

// String returns what is remembered, trimmed.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.kept))
}

func (t *tail) reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = t.kept[:0]
}
