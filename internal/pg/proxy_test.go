package pg

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/lethedb/lethe/internal/pgtest"
)

// proxy stands between a client and the server and, once armed, cuts the first connection that sends the
// given bytes: after the server has answered, before the client hears of it.
type proxy struct {
	listener net.Listener
	server   string
	needle   []byte
	armed    atomic.Bool
	cut      chan struct{}
	running  sync.WaitGroup
}

// newProxy starts a proxy before the server of a connection string and returns the string through it.
func newProxy(t *testing.T, dsn string, needle string) (*proxy, string) {
	t.Helper()
	config, err := parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{
		listener: listener, server: net.JoinHostPort(config.Host, itoa(int64(config.Port))),
		needle: []byte(needle), cut: make(chan struct{}),
	}
	p.running.Go(p.serve)
	t.Cleanup(func() {
		_ = listener.Close()
		p.running.Wait()
	})
	return p, pgtest.Rewrite(dsn, func(u *url.URL) { u.Host = listener.Addr().String() })
}

func (p *proxy) serve() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.running.Go(func() { p.relay(client) })
	}
}

func (p *proxy) relay(client net.Conn) {
	server, err := net.Dial("tcp", p.server)
	if err != nil {
		_ = client.Close()
		return
	}
	var deaf atomic.Bool
	var both sync.WaitGroup
	both.Go(func() { // what the server answers
		buffer := make([]byte, 1<<16)
		for {
			n, err := server.Read(buffer)
			if deaf.Load() && n > 0 {
				close(p.cut)
				break
			}
			if _, writeErr := client.Write(buffer[:n]); err != nil || writeErr != nil {
				break
			}
		}
		_ = client.Close()
		_ = server.Close()
	})
	buffer := make([]byte, 1<<16)
	for {
		n, err := client.Read(buffer)
		if bytes.Contains(buffer[:n], p.needle) && p.armed.CompareAndSwap(true, false) {
			deaf.Store(true)
		}
		if _, writeErr := server.Write(buffer[:n]); err != nil || writeErr != nil {
			break
		}
		if errors.Is(err, io.EOF) {
			break
		}
	}
	_ = server.Close()
	both.Wait()
}
