package gateway

import (
	"net"
	"sync"
)

// nobody is the account of a connection of which the kernel does not tell it.
const nobody = -1

// unkeyed is a connection by the door without keys.
type unkeyed struct {
	net.Conn
	uid int // nobody where that is not known
}

func (u unkeyed) CloseWrite() error { return closeWrite(u.Conn) }

// sorter takes connections and finds out whose they are, beside whoever serves them:
// one look at the kernel's tables, which may be long, for all that have come since the
// last.
type sorter struct {
	from  net.Listener
	whose func([]net.Conn) []int

	once sync.Once
	came chan net.Conn
	done chan struct{}
	ends sync.WaitGroup

	sorted chan net.Conn
	failed chan error
	shut   sync.Once
}

// mostUnsorted is how many connections may wait for one look; the kernel keeps more.
const mostUnsorted = 256

func newSorter(l net.Listener, whose func([]net.Conn) []int) *sorter {
	return &sorter{from: l, whose: whose, came: make(chan net.Conn, mostUnsorted), done: make(chan struct{}),
		sorted: make(chan net.Conn), failed: make(chan error)}
}

func (s *sorter) accept() (net.Conn, error) {
	s.once.Do(func() {
		s.ends.Go(s.take)
		s.ends.Go(s.sort)
	})
	select {
	case c := <-s.sorted:
		return c, nil
	case err := <-s.failed:
		return nil, err
	case <-s.done:
		return nil, net.ErrClosed
	}
}

// close returns when nothing waits any more. The listener was closed.
func (s *sorter) close() error {
	s.shut.Do(func() { close(s.done) })
	s.ends.Wait()
	for {
		select {
		case c := <-s.came:
			c.Close()
		default:
			return nil
		}
	}
}

func (s *sorter) take() {
	for {
		c, err := s.from.Accept()
		if err != nil {
			select {
			case s.failed <- err: // who serves knows whether to go on
				continue
			case <-s.done:
				return
			}
		}
		select {
		case s.came <- c:
		case <-s.done:
			c.Close()
			return
		}
	}
}

func (s *sorter) sort() {
	for {
		var some []net.Conn
		select {
		case c := <-s.came:
			some = append(some, c)
		case <-s.done:
			return
		}
		for more := true; more && len(some) < mostUnsorted; {
			select {
			case c := <-s.came:
				some = append(some, c)
			default:
				more = false
			}
		}
		for i, uid := range s.whose(some) {
			select {
			case s.sorted <- unkeyed{some[i], uid}:
			case <-s.done:
				some[i].Close()
			}
		}
	}
}
