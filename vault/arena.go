package vault

import (
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

const cellSize = 32 // bytes: one key

// arena is memory for keys, outside the heap: locked, so that it never reaches
// a swap file; left out of core images; empty in a child. It is safe for
// concurrent use.
type arena struct {
	mu    sync.Mutex
	pages [][]byte          // guarded by mu
	free  []*[cellSize]byte // cells, zero; guarded by mu
}

// newArena makes an arena with room for the first keys, so that a machine that
// will not lock memory is noticed at the start.
func newArena() (*arena, error) {
	a := &arena{}
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.grow(); err != nil {
		return nil, err
	}
	return a, nil
}

// grow adds one page. The caller holds mu.
func (a *arena) grow() error {
	page, err := unix.Mmap(-1, 0, unix.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return fmt.Errorf("memory for keys: %w", err)
	}
	if err := protect(page); err != nil {
		unix.Munmap(page)
		return err
	}
	a.pages = append(a.pages, page)
	for i := 0; i+cellSize <= len(page); i += cellSize {
		a.free = append(a.free, (*[cellSize]byte)(page[i:]))
	}
	return nil
}

// protect locks a page and keeps it from core images and children, or says why
// it cannot: keys in memory that may be swapped out are not accepted.
func protect(page []byte) error {
	if err := unix.Mlock(page); err != nil {
		var limit unix.Rlimit
		unix.Getrlimit(unix.RLIMIT_MEMLOCK, &limit)
		return lockError(err, uint64(limit.Cur))
	}
	return shield(page)
}

func lockError(err error, limit uint64) error {
	return fmt.Errorf("keys must never reach the swap file, and this account may lock only %d KiB of memory (%w): raise the limit (`ulimit -l 8192` before the start, LimitMEMLOCK=8M in a systemd unit, memlock in /etc/security/limits.conf)", limit>>10, err)
}

// cell gives room for one key.
func (a *arena) cell() (*[cellSize]byte, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.free) == 0 {
		if err := a.grow(); err != nil {
			return nil, err
		}
	}
	c := a.free[len(a.free)-1]
	a.free = a.free[:len(a.free)-1]
	return c, nil
}

// release wipes a cell and takes it back. Nobody may use it afterwards.
func (a *arena) release(c *[cellSize]byte) {
	clear(c[:])
	a.mu.Lock()
	defer a.mu.Unlock()
	a.free = append(a.free, c)
}

// close wipes everything and gives the memory back. No key of the arena may be
// in use.
func (a *arena) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, page := range a.pages {
		clear(page)
		unix.Munmap(page)
	}
	a.pages, a.free = nil, nil
}
