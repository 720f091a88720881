package pg

import (
	"context"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// burst is how much may be read at once after a pause, as time: enough that readers keep each other's gaps
// filled, too little for production's disks to notice.
const burst = 100 * time.Millisecond

// throttle paces what all readers of a run read together. The zero throttle lets everything through.
type throttle struct {
	// rate is in bytes per second; 0 is no limit.
	rate int64
	now  func() time.Time

	mu sync.Mutex
	// paid is the time at which all that was let through so far would have come at the rate.
	paid time.Time
}

// charge counts n bytes and returns how long to wait before the next are read.
func (t *throttle) charge(n int) time.Duration {
	if t.rate <= 0 {
		return 0
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	if earliest := now.Add(-burst); t.paid.Before(earliest) {
		t.paid = earliest
	}
	t.paid = t.paid.Add(time.Duration(float64(n) / float64(t.rate) * float64(time.Second)))
	return max(t.paid.Sub(now), 0)
}

// gate lets readers through, or keeps them waiting while production is busy. The zero gate is open.
type gate struct {
	mu sync.Mutex
	// shut is closed when the gate opens again; nil while it is open.
	shut chan struct{}
	// since is when it was shut, held for how long it was, before that.
	since time.Time
	held  time.Duration
}

// set opens or shuts the gate.
func (g *gate) set(open bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case open && g.shut != nil:
		close(g.shut)
		g.shut = nil
		g.held += time.Since(g.since)
	case !open && g.shut == nil:
		g.shut = make(chan struct{})
		g.since = time.Now()
	}
}

// paused returns for how long the gate was shut, once it is open.
func (g *gate) paused() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.held
}

// pass waits until the gate is open.
func (g *gate) pass(ctx context.Context) error {
	g.mu.Lock()
	shut := g.shut
	g.mu.Unlock()
	if shut == nil {
		return nil
	}
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-shut:
		return nil
	}
}

// meter counts and paces what is read of one snapshot.
type meter struct {
	throttle throttle
	gate     gate
	bytes    atomic.Int64
}

// writeFunc is a writer.
type writeFunc func(p []byte) (int, error)

// Write calls f.
func (f writeFunc) Write(p []byte) (int, error) { return f(p) }

// through returns a writer to w that counts, waits at the gate, and keeps to the rate. A reader that waits
// here stops the server's session too, once the network's buffers are full.
func (m *meter) through(ctx context.Context, w io.Writer) io.Writer {
	return writeFunc(func(p []byte) (int, error) {
		if err := m.gate.pass(ctx); err != nil {
			return 0, err
		}
		m.bytes.Add(int64(len(p)))
		if wait := m.throttle.charge(len(p)); wait > 0 {
			timer := time.NewTimer(wait)
			defer timer.Stop()
			select {
			case <-ctx.Done():
				return 0, context.Cause(ctx)
			case <-timer.C:
			}
		}
		return w.Write(p)
	})
}
