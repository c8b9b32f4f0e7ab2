package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/eventproof/eventproof/fakes"
	"github.com/eventproof/eventproof/fakes/world"
)

// Who comes first to a broker's name holds the broker, and runs the sidecars of
// those who come later: these keep their own ports and pass on what comes in there.
// The end of their connection is the end of their sidecar, as if a daprd were killed.
//
// A connection begins with one line of JSON, a knock. It is either a sidecar that is
// to run, and messages follow in both directions, or a connection that came in at
// one of its ports, and its bytes follow.

// knock is the first line of a connection.
type knock struct {
	Run   *options          // the flags of a sidecar that is to run
	Serve map[string]string // the addresses of its listeners, by name

	Carry    string // the app id whose connection this is
	Listener string // by name
}

// message is any later line: from the holder a line of the log or the end, to the
// holder that the sidecar is to end.
type message struct {
	Level, Log string
	End        bool
	Forced     bool
	Error      string
}

// address is where a broker of that name is: a loopback host:port, or the path of a
// Unix socket.
func address(name string) (network, at string, err error) {
	if host, _, err := net.SplitHostPort(name); err == nil {
		if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return "", "", fmt.Errorf("--broker %s: want a loopback address, as 127.0.0.1:7777: whoever reaches it reads and writes all events", name)
		}
		return "tcp", name, nil
	}
	at, err = filepath.Abs(name)
	return "unix", at, err
}

// share holds the broker of the name or, where somebody does already, joins it.
func (o *options) share(ctx context.Context, p fakes.Process, log *logger) error {
	network, at, err := address(o.Broker)
	if err != nil {
		return err
	}
	// Of two who come at the same time one fails to listen, and then finds the other.
	for range 20 {
		if conn, err := net.Dial(network, at); err == nil {
			if o.AppID == "" {
				_ = conn.Close()
				return fmt.Errorf("--broker %s is held already", o.Broker)
			}
			return o.join(ctx, conn, p, log)
		}
		if network == "unix" {
			_ = os.Remove(at) // of a holder that was killed: nobody answers there
		}
		var l net.Listener
		if l, err = net.Listen(network, at); err == nil {
			return o.hold(ctx, l, p, log)
		}
		time.Sleep(10 * time.Millisecond) //nolint:forbidigo // a program's patience with another one
	}
	return fmt.Errorf("--broker %s: %w", o.Broker, err)
}

// hold holds the broker until the context ends.
func (o *options) hold(ctx context.Context, l net.Listener, p fakes.Process, log *logger) error {
	host, err := fakes.NewHost(ctx, world.Config{})
	if err != nil {
		return errors.Join(err, l.Close())
	}
	stop, err := follow(host, o.Journal)
	if err != nil {
		return errors.Join(err, l.Close(), host.Close())
	}
	log.log("info", "holding the broker "+o.Broker)
	h := &holder{host: host, guests: make(map[string]*guest), conns: make(map[net.Conn]bool)}
	h.serving.Go(func() { h.serve(l) })
	if o.AppID != "" {
		err = host.Run(ctx, p)
	} else {
		<-ctx.Done()
	}
	return errors.Join(err, h.close(l), stop(), host.Close())
}

// holder serves those who come later.
type holder struct {
	host    *fakes.Host
	serving sync.WaitGroup

	mu     sync.Mutex
	guests map[string]*guest
	conns  map[net.Conn]bool
	closed bool
}

// guest is a sidecar of somebody who came later.
type guest struct{ listeners map[string]*passed }

func (h *holder) serve(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		h.mu.Lock()
		if h.closed {
			h.mu.Unlock()
			_ = conn.Close()
			return
		}
		h.conns[conn] = true
		h.mu.Unlock()
		h.serving.Go(func() {
			kept := h.welcome(conn)
			h.mu.Lock()
			delete(h.conns, conn)
			h.mu.Unlock()
			if !kept {
				_ = conn.Close()
			}
		})
	}
}

// close ends the sidecars of the guests, and returns when they have ended.
func (h *holder) close(l net.Listener) error {
	err := l.Close()
	h.mu.Lock()
	h.closed = true
	for conn := range h.conns {
		_ = conn.Close()
	}
	h.mu.Unlock()
	h.serving.Wait()
	return err
}

// welcome serves one connection; kept is that somebody else closes it.
func (h *holder) welcome(conn net.Conn) (kept bool) {
	in := bufio.NewReader(conn)
	line, err := in.ReadBytes('\n')
	var k knock
	if err != nil || json.Unmarshal(line, &k) != nil {
		return false
	}
	if k.Run != nil {
		h.run(conn, in, k)
		return false
	}
	h.mu.Lock()
	g := h.guests[k.Carry]
	h.mu.Unlock()
	if g == nil || g.listeners[k.Listener] == nil {
		return false
	}
	return g.listeners[k.Listener].pass(&carried{Conn: conn, in: in})
}

// run runs a guest's sidecar until the guest says so or its connection ends.
func (h *holder) run(conn net.Conn, in *bufio.Reader, k knock) {
	var sending sync.Mutex
	send := func(m message) {
		line, _ := json.Marshal(m)
		sending.Lock()
		defer sending.Unlock()
		_, _ = conn.Write(append(line, '\n'))
	}
	p, err := k.Run.process()
	if err != nil {
		send(message{End: true, Error: err.Error()})
		return
	}
	g := &guest{listeners: make(map[string]*passed)}
	for name, at := range k.Serve {
		g.listeners[name] = newPassed(guestAddress(at))
	}
	p.GRPC, p.HTTP, p.Public, p.Metrics = g.listener("grpc"), g.listener("http"), g.listener("public"), g.listener("metrics")
	p.Log = func(level, text string) { send(message{Level: level, Log: text}) }
	h.mu.Lock()
	if h.guests[p.AppID] != nil {
		h.mu.Unlock()
		send(message{End: true, Error: fmt.Sprintf("app id %q is run already at this broker", p.AppID)})
		return
	}
	h.guests[p.AppID] = g
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.guests, p.AppID)
	}()
	ctx, end := context.WithCancel(context.Background())
	defer end()
	var told sync.WaitGroup
	told.Go(func() {
		var m message
		if line, err := in.ReadBytes('\n'); err != nil || json.Unmarshal(line, &m) != nil || !m.End {
			h.host.Kill(p.AppID)
		}
		end()
	})
	stop, err := follow(h.host, k.Run.Journal)
	if err == nil {
		err = errors.Join(h.host.Run(ctx, p), stop())
	}
	m := message{End: true, Forced: errors.Is(err, fakes.ErrForced)}
	if err != nil {
		m.Error = err.Error()
	}
	send(m)
	_ = conn.SetReadDeadline(time.Now())
	told.Wait()
}

func (g *guest) listener(name string) net.Listener {
	if l := g.listeners[name]; l != nil {
		return l
	}
	return nil
}

// join runs the sidecar at the holder's.
func (o *options) join(ctx context.Context, conn net.Conn, p fakes.Process, log *logger) error {
	defer conn.Close()
	listeners := map[string]net.Listener{"grpc": p.GRPC, "http": p.HTTP, "public": p.Public, "metrics": p.Metrics}
	k := knock{Run: o, Serve: make(map[string]string)}
	for name, l := range listeners {
		if l != nil {
			k.Serve[name] = l.Addr().String()
		}
	}
	if o.Journal != "" {
		file, err := filepath.Abs(o.Journal)
		if err != nil {
			return err
		}
		o.Journal = file
	}
	line, err := json.Marshal(k)
	if err != nil {
		return err
	}
	if _, err := conn.Write(append(line, '\n')); err != nil {
		return err
	}
	log.log("info", "sharing the broker "+o.Broker)
	var carrying sync.WaitGroup
	for name, l := range listeners {
		if l != nil {
			carrying.Go(func() { carry(l, conn.RemoteAddr(), knock{Carry: o.AppID, Listener: name}) })
			defer l.Close()
		}
	}
	ended := context.AfterFunc(ctx, func() {
		line, _ := json.Marshal(message{End: true})
		_, _ = conn.Write(append(line, '\n'))
	})
	defer ended()
	for in := bufio.NewReader(conn); ; {
		var m message
		line, err := in.ReadBytes('\n')
		switch {
		case err != nil:
			return fmt.Errorf("the holder of --broker %s has ended", o.Broker)
		case json.Unmarshal(line, &m) != nil:
			return fmt.Errorf("--broker %s: somebody else than fakedaprd answers there", o.Broker)
		case m.Forced:
			return fakes.ErrForced
		case m.End && m.Error != "":
			return errors.New(m.Error)
		case m.End:
			return nil
		}
		log.log(m.Level, m.Log)
	}
}

// carry passes on each connection that comes in.
func carry(l net.Listener, to net.Addr, k knock) {
	line, _ := json.Marshal(k)
	line = append(line, '\n')
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			through, err := net.Dial(to.Network(), to.String())
			if err != nil {
				return
			}
			defer through.Close()
			if _, err := through.Write(line); err != nil {
				return
			}
			back := make(chan struct{})
			go func() {
				_, _ = io.Copy(conn, through)
				closeWrite(conn)
				close(back)
			}()
			_, _ = io.Copy(through, conn)
			closeWrite(through)
			<-back
		}()
	}
}

// closeWrite tells the other side that nothing more comes.
func closeWrite(conn net.Conn) {
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}

// carried is a connection whose first line has been read.
type carried struct {
	net.Conn
	in *bufio.Reader
}

func (c *carried) Read(b []byte) (int, error) { return c.in.Read(b) }

// guestAddress is where a guest listens.
type guestAddress string

func (a guestAddress) Network() string { return "tcp" }
func (a guestAddress) String() string  { return string(a) }

// passed is a listener whose connections come from a guest's.
type passed struct {
	at    net.Addr
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func newPassed(at net.Addr) *passed {
	return &passed{at: at, conns: make(chan net.Conn), done: make(chan struct{})}
}

func (p *passed) pass(conn net.Conn) bool {
	select {
	case p.conns <- conn:
		return true
	case <-p.done:
		return false
	}
}

// Accept implements [net.Listener].
func (p *passed) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

// Close implements [net.Listener].
func (p *passed) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

// Addr implements [net.Listener].
func (p *passed) Addr() net.Addr { return p.at }
