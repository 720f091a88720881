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

// proxy stands between a client and the server and, once armed, cuts the first connection on which the
// client has sent the one and the server answers the other: before the client hears of it.
type proxy struct {
	listener net.Listener
	server   string
	sent     []byte
	answer   []byte
	armed    atomic.Bool
	cut      chan struct{}
	running  sync.WaitGroup
}

// newProxy starts a proxy before the server of a connection string and returns the string through it.
func newProxy(t *testing.T, dsn, sent, answer string) (*proxy, string) {
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
		sent: []byte(sent), answer: []byte(answer), cut: make(chan struct{}),
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
	var asked atomic.Bool
	var both sync.WaitGroup
	both.Go(func() { // what the server answers
		buffer := make([]byte, 1<<16)
		for {
			n, err := server.Read(buffer)
			if asked.Load() && bytes.Contains(buffer[:n], p.answer) && p.armed.CompareAndSwap(true, false) {
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
		if bytes.Contains(buffer[:n], p.sent) {
			asked.Store(true)
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
