package pg

import (
	"context"
	"sync"
	"time"
)

const (
	// probeEvery is how often the probe connects. Closer together it would be a load of its own.
	probeEvery = 20 * time.Millisecond
	// probeSlow is from when on a connection that succeeded counts as having had to wait: an ordinary one
	// takes a few milliseconds, over TLS a few dozen.
	probeSlow = 250 * time.Millisecond
	// probeLongest bounds one attempt, and how long the probe goes on after the swap until it succeeds.
	probeLongest = 10 * time.Second
)

// probe measures how long new connections fail, as a client sees it: from the beginning of the first
// attempt that failed to the end of the first that succeeded after it.
type probe struct {
	opts     TargetOptions
	database string
	finish   chan struct{}
	running  sync.WaitGroup
	total    time.Duration
	failing  time.Time // zero while connections succeed
}

// startProbe begins to connect in a loop.
func startProbe(ctx context.Context, opts TargetOptions, database string) *probe {
	p := &probe{opts: opts, database: database, finish: make(chan struct{})}
	// What is measured must be measured to its end, also when the caller has given up meanwhile.
	ctx = context.WithoutCancel(ctx)
	p.running.Go(func() { p.run(ctx) })
	return p
}

// stop ends the probe once a connection succeeds, and returns the time in which none did.
func (p *probe) stop() time.Duration {
	close(p.finish)
	p.running.Wait()
	return p.total
}

func (p *probe) run(ctx context.Context) {
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	var deadline <-chan time.Time
	finish := p.finish
	for {
		p.try(ctx)
		if finish == nil && p.failing.IsZero() {
			return
		}
		select {
		case <-finish:
			// One more attempt at least, so that an outage that lasts to the end is seen as one.
			finish = nil
			timer := time.NewTimer(probeLongest)
			defer timer.Stop()
			deadline = timer.C
		case <-deadline:
			p.total += time.Since(p.failing)
			return
		case <-tick.C:
		}
	}
}

// try makes one connection and books it.
func (p *probe) try(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, probeLongest)
	defer cancel()
	began := time.Now()
	err := p.opts.ping(ctx, p.database)
	ended := time.Now()
	switch {
	case err != nil && p.failing.IsZero():
		p.failing = began
	case err == nil && !p.failing.IsZero():
		p.total += ended.Sub(p.failing)
		p.failing = time.Time{}
	case err == nil && ended.Sub(began) > probeSlow:
		p.total += ended.Sub(began)
	}
}
