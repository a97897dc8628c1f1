package pgtest

import (
	"net"
	"net/url"
	"sync"
	"testing"
)

// Proxy stands between a client and a server and makes trouble when told to.
type Proxy struct {
	URL string // by way of the proxy

	target   string
	listener net.Listener
	running  sync.WaitGroup

	mu      sync.Mutex
	changed sync.Cond
	conns   map[net.Conn]struct{}
	down    bool
	stalls  bool
	allowed int  // bytes that still pass to the server while it stalls
	deaf    bool // the next answer is not passed on, its connection is cut
	passed  int  // bytes to the server
	over    bool
}

// NewProxy listens until t ends.
func NewProxy(t testing.TB, server string) *Proxy {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal("the server's URL cannot be read")
	}
	p := &Proxy{target: u.Host, conns: make(map[net.Conn]struct{})}
	p.changed.L = &p.mu
	if p.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	u.Host = p.listener.Addr().String()
	p.URL = u.String()
	p.running.Go(p.accept)
	t.Cleanup(p.close)
	return p
}

// Cut closes all connections; new ones are let through.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut()
}

func (p *Proxy) cut() {
	for conn := range p.conns {
		_ = conn.Close() // that is the point
	}
}

// Down closes all connections and lets none through until Up.
func (p *Proxy) Down() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = true
	p.cut()
}

// Up ends Down.
func (p *Proxy) Up() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = false
}

// Stall lets so many more bytes pass to the server, all connections together,
// and then nothing in either direction until Resume. The connections stay open:
// so a frozen client looks to the server.
func (p *Proxy) Stall(after int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stalls, p.allowed = true, after
}

// Resume ends Stall.
func (p *Proxy) Resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stalls = false
	p.changed.Broadcast()
}

// Deafen lets requests through and cuts the first connection whose answer
// comes, without it.
func (p *Proxy) Deafen() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deaf = true
}

// Deaf tells whether no answer has come since Deafen.
func (p *Proxy) Deaf() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.deaf
}

// Passed is how many bytes have passed to the server.
func (p *Proxy) Passed() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.passed
}

func (p *Proxy) close() {
	p.mu.Lock()
	p.over = true
	p.changed.Broadcast()
	_ = p.listener.Close() // nothing is written to it
	p.cut()
	p.mu.Unlock()
	p.running.Wait()
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target)
		p.mu.Lock()
		if err != nil || p.down || p.over {
			_ = client.Close() // refused, as far as the client can tell
			if server != nil {
				_ = server.Close() // nothing was sent
			}
			p.mu.Unlock()
			continue
		}
		p.conns[client], p.conns[server] = struct{}{}, struct{}{}
		p.mu.Unlock()
		p.running.Go(func() { p.forward(client, server, p.toServer) })
		p.running.Go(func() { p.forward(server, client, p.toClient) })
	}
}

// forward copies until one side ends.
func (p *Proxy) forward(from, to net.Conn, may func(int) int) {
	defer func() {
		p.mu.Lock()
		delete(p.conns, from)
		delete(p.conns, to)
		p.mu.Unlock()
		_ = from.Close() // the other direction ends with it
		_ = to.Close()
	}()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		for part := buffer[:n]; len(part) > 0; {
			allowed := may(len(part))
			if allowed == 0 {
				return
			}
			if _, err := to.Write(part[:allowed]); err != nil {
				return
			}
			part = part[allowed:]
		}
		if err != nil {
			return
		}
	}
}

// toServer waits until some of n bytes may pass and returns how many; 0 when the
// connection shall end.
func (p *Proxy) toServer(n int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.stalls && p.allowed == 0 && !p.over {
		p.changed.Wait()
	}
	if p.over {
		return 0
	}
	if p.stalls {
		n = min(n, p.allowed)
		p.allowed -= n
	}
	p.passed += n
	return n
}

// toClient is the same for the other direction.
func (p *Proxy) toClient(n int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.stalls && p.allowed == 0 && !p.over {
		p.changed.Wait()
	}
	if p.over || p.deaf {
		p.deaf = false
		return 0
	}
	return n
}
