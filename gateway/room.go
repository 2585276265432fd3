package gateway

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// room is a listener with a fixed number of seats. Who comes when all are taken
// is told so and shown out, rather than left waiting before the door.
type room struct {
	net.Listener
	seats   chan struct{}
	ushers  chan struct{} // connections being shown out
	leaving sync.WaitGroup
	mute    bool // what we could say would be no TLS

	share func(c net.Conn, seats int) (from string, most int) // whose a connection is, and the seats of one of those; nil: all are anybody's
	mu    sync.Mutex
	each  map[string]int // guarded by mu
}

const (
	mostUshers = 128
	goodbye    = 2 * time.Second // for showing out
	// fullHouse is a whole response, for no request is read.
	fullHouse = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 135\r\n\r\n" +
		`{"error":{"message":"Too many connections are open. Close some, or try again.","type":"server_error","param":null,"code":"overloaded"}}`
)

func newRoom(l net.Listener, seats int) *room {
	return &room{Listener: l, seats: make(chan struct{}, seats), ushers: make(chan struct{}, mostUshers), each: map[string]int{}}
}

// Accept gives the next connection that finds a seat.
func (r *room) Accept() (net.Conn, error) {
	for {
		c, err := r.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if leave := r.sit(c); leave != nil {
			return &seat{Conn: c, free: sync.OnceFunc(leave)}, nil
		}
		r.showOut(c)
	}
}

// sit takes a seat; it is nil when there is none left, or none for that source.
func (r *room) sit(c net.Conn) (leave func()) {
	from, most := "", cap(r.seats)
	if r.share != nil {
		from, most = r.share(c, cap(r.seats))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.each[from] >= most {
		return nil
	}
	select {
	case r.seats <- struct{}{}:
	default:
		return nil
	}
	r.each[from]++
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		<-r.seats
		if r.each[from]--; r.each[from] == 0 {
			delete(r.each, from)
		}
	}
}

// bySource gives each source a quarter.
func bySource(c net.Conn, seats int) (from string, most int) {
	return sourceOf(c.RemoteAddr().String()), max(1, seats/4)
}

// showOut answers and closes. A fresh connection has room for the few bytes of
// the answer, so writing it does not hold up the next in line. What the client
// has sent is read for a moment, or else the kernel would reset the connection
// and could take the answer with it; where all ushers are busy that is risked.
func (r *room) showOut(c net.Conn) {
	if r.mute {
		c.Close()
		return
	}
	if c.SetDeadline(time.Now().Add(goodbye)) == nil {
		io.WriteString(c, fullHouse)
	}
	select {
	case r.ushers <- struct{}{}:
	default:
		c.Close()
		return
	}
	r.leaving.Go(func() {
		defer func() { <-r.ushers }()
		defer c.Close()
		if closeWrite(c) == nil {
			io.CopyN(io.Discard, c, 1<<20)
		}
	})
}

// wait returns when everybody was shown out.
func (r *room) wait() { r.leaving.Wait() }

// seat is a connection that gives its place back when it is closed.
type seat struct {
	net.Conn
	free func()
}

func (s *seat) Close() error {
	defer s.free()
	return s.Conn.Close()
}

// CloseWrite lets net/http end a response before it closes.
func (s *seat) CloseWrite() error { return closeWrite(s.Conn) }

func closeWrite(c net.Conn) error {
	if c, ok := c.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return errors.ErrUnsupported
}
