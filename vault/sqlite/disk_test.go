package sqlite

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
)

// op is one thing that SQLite asked of the disk.
type op struct {
	kind kind
	name string
	ino  int // which file had that name
	off  int64
	data []byte
	dir  bool // the folder is synced, too
}

type kind byte

const (
	opRead kind = iota
	opSize
	opAccess
	opOpen
	opCreate
	opWrite
	opTruncate
	opSync
	opDelete
	opLock
	opFailedSync // only in the log
	opSyncFolder // not by SQLite
)

// disk is a disk in memory below SQLite. It keeps a log from which the states
// can be made that a power cut would leave, and fails where it is told to. It
// behaves as package vfs does on Linux: the first sync of a journal syncs the
// folder, too, and a write leaves its neighbours alone.
type disk struct {
	vfs string // its name at SQLite

	mu    sync.Mutex
	names map[string]int
	files map[int][]byte
	next  int
	log   []op
	quiet bool                // keeps no log
	fault func(op *op) error  // nil: none
	locks map[string]vfs.File // who has the lock on a name
}

// newDisk makes a disk with the files given.
func newDisk(files map[string][]byte) *disk {
	d := &disk{names: map[string]int{}, files: map[int][]byte{}, locks: map[string]vfs.File{}}
	for name, b := range files {
		d.next++
		d.names[name], d.files[d.next] = d.next, b
	}
	d.vfs = fmt.Sprintf("disk-%p", d) // unique for as long as it is used
	return d
}

// newEmpty makes a disk for a new store.
func newEmpty() *disk { return newDisk(map[string][]byte{storeFile: nil}) }

// openWith opens the store of a disk under the pragmas given, as Open does on a
// real one. SQLite knows the disk for as long as the store is open.
func openWith(ctx context.Context, d *disk, list []pragma) (*Store, error) {
	vfs.Register(d.vfs, d)
	st, err := open(ctx, storeFile, "file:"+storeFile+"?vfs="+d.vfs, list, diskPlace{d})
	if err != nil {
		vfs.Unregister(d.vfs)
	}
	return st, err
}

func openOn(ctx context.Context, d *disk) (*Store, error) { return openWith(ctx, d, pragmas()) }

// storeFile is the store's name on a disk. It is there from the start: Open
// makes it and syncs the folder before SQLite sees it.
const storeFile = "store.db"

// do logs what is asked, or fails. Reads and the like are counted only.
func (d *disk) do(o op) error {
	if d.fault != nil {
		if err := d.fault(&o); err != nil {
			if o.kind == opSync && !d.quiet {
				d.log = append(d.log, op{kind: opFailedSync, ino: o.ino})
			}
			return err
		}
	}
	if !d.quiet && (o.kind >= opCreate && o.kind <= opDelete || o.kind == opSyncFolder) {
		o.data = bytes.Clone(o.data)
		d.log = append(d.log, o)
	}
	return nil
}

// Open is of vfs.VFS.
func (d *disk) Open(name string, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if name == "" {
		name = fmt.Sprintf("temporary-%d", d.next)
	}
	ino, there := d.names[name]
	if !there {
		if flags&vfs.OPEN_CREATE == 0 {
			return nil, flags, sqlite3.CANTOPEN
		}
		if err := d.do(op{kind: opCreate, name: name, ino: d.next + 1}); err != nil {
			return nil, flags, err
		}
		d.next++
		ino = d.next
		d.names[name], d.files[ino] = ino, nil
	} else if err := d.do(op{kind: opOpen, name: name, ino: ino}); err != nil {
		return nil, flags, err
	}
	const journals = vfs.OPEN_MAIN_JOURNAL | vfs.OPEN_SUPER_JOURNAL | vfs.OPEN_WAL
	return &file{d: d, name: name, ino: ino, dir: flags&vfs.OPEN_CREATE != 0 && flags&journals != 0}, flags, nil
}

// Delete is of vfs.VFS.
func (d *disk) Delete(name string, syncDir bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, ok := d.names[name]; !ok {
		return sqlite3.IOERR_DELETE_NOENT
	}
	if err := d.do(op{kind: opDelete, name: name, dir: syncDir}); err != nil {
		return err
	}
	delete(d.names, name)
	return nil
}

// Access is of vfs.VFS.
func (d *disk) Access(name string, _ vfs.AccessFlag) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, ok := d.names[name]
	return ok, d.do(op{kind: opAccess, name: name})
}

// FullPathname is of vfs.VFS.
func (d *disk) FullPathname(name string) (string, error) { return name, nil }

// diskPlace stands for the place of a store on a real disk.
type diskPlace struct{ *disk }

// Close syncs the folder, as that of a real place does.
func (p diskPlace) Close() error {
	vfs.Unregister(p.vfs)
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.do(op{kind: opSyncFolder})
}

type file struct {
	d    *disk
	name string
	ino  int
	dir  bool // the next sync syncs the folder, too
	lock vfs.LockLevel
}

func (f *file) do(o op) error {
	o.name, o.ino = f.name, f.ino
	return f.d.do(o)
}

func (f *file) Close() error {
	return f.Unlock(vfs.LOCK_NONE)
}

func (f *file) ReadAt(p []byte, off int64) (int, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if err := f.do(op{kind: opRead}); err != nil {
		return 0, err
	}
	b := f.d.files[f.ino]
	if off >= int64(len(b)) {
		return 0, io.EOF
	}
	n := copy(p, b[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *file) WriteAt(p []byte, off int64) (int, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if err := f.do(op{kind: opWrite, off: off, data: p}); err != nil {
		// A write that fails may have written something.
		half := p[:len(p)/2]
		f.d.files[f.ino] = writeAt(f.d.files[f.ino], half, off)
		if !f.d.quiet {
			f.d.log = append(f.d.log, op{kind: opWrite, name: f.name, ino: f.ino, off: off, data: bytes.Clone(half)})
		}
		return 0, err
	}
	f.d.files[f.ino] = writeAt(f.d.files[f.ino], p, off)
	return len(p), nil
}

func (f *file) Truncate(n int64) error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if err := f.do(op{kind: opTruncate, off: n}); err != nil {
		return err
	}
	f.d.files[f.ino] = truncate(f.d.files[f.ino], n)
	return nil
}

func (f *file) Sync(vfs.SyncFlag) error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if err := f.do(op{kind: opSync, dir: f.dir}); err != nil {
		return err
	}
	f.dir = false
	return nil
}

func (f *file) Size() (int64, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	return int64(len(f.d.files[f.ino])), f.do(op{kind: opSize})
}

// Lock is of vfs.File. Whoever has the shared lock excludes all others: in our
// use there are none.
func (f *file) Lock(l vfs.LockLevel) error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if err := f.do(op{kind: opLock}); err != nil {
		return err
	}
	if by, held := f.d.locks[f.name]; held && by != vfs.File(f) {
		return sqlite3.BUSY
	}
	f.d.locks[f.name] = f
	f.lock = max(f.lock, l)
	return nil
}

func (f *file) Unlock(l vfs.LockLevel) error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	f.lock = min(f.lock, l)
	if f.lock == vfs.LOCK_NONE && f.d.locks[f.name] == vfs.File(f) {
		delete(f.d.locks, f.name)
	}
	return nil
}

func (f *file) CheckReservedLock() (bool, error) { return f.lock >= vfs.LOCK_RESERVED, nil }
func (f *file) SectorSize() int                  { return 4096 }
func (f *file) DeviceCharacteristics() vfs.DeviceCharacteristic {
	return vfs.IOCAP_SUBPAGE_READ | vfs.IOCAP_POWERSAFE_OVERWRITE
}

func writeAt(b, p []byte, off int64) []byte {
	if need := int(off) + len(p); need > len(b) {
		b = append(b, make([]byte, need-len(b))...)
	}
	copy(b[off:], p)
	return b
}

func truncate(b []byte, n int64) []byte {
	if int64(len(b)) > n {
		return b[:n:n]
	}
	return b
}

// care is how much a disk that loses its power cares.
type care struct {
	lies   bool // about syncs
	strict bool // the sync of a file makes no names durable but, if that, its own
	aloof  bool // strict, and a file's first sync does not sync its folder: a deletion alone does
}

// cut gives the files that are there after a power cut before the n-th logged
// operation: what was synced, and of the rest what chance leaves of it, in
// pieces of 512 bytes, in any order, some of them as rubbish. Names that were
// made or deleted and not synced may be in either state.
func (d *disk) cut(n int, r *rand.Rand, c care) map[string][]byte {
	s := &survivor{
		names: map[string]int{storeFile: 1}, data: map[int][]byte{1: nil},
		renamed: map[string][]int{}, written: map[int][]op{},
	}
	for _, o := range d.log[:n] {
		switch o.kind {
		case opCreate:
			s.renamed[o.name] = append(s.renamed[o.name], o.ino)
		case opDelete:
			s.renamed[o.name] = append(s.renamed[o.name], 0)
			if o.dir && !c.lies {
				s.syncNames()
			}
		case opWrite, opTruncate:
			s.written[o.ino] = append(s.written[o.ino], o)
		case opSync:
			if c.lies {
				continue
			}
			s.sync(o.ino)
			switch {
			case c.aloof:
				if n := len(s.renamed[o.name]); n > 0 && s.renamed[o.name][n-1] == o.ino {
					s.names[o.name] = o.ino
					delete(s.renamed, o.name)
				}
			case o.dir || !c.strict:
				s.syncNames()
			}
		case opSyncFolder:
			if !c.lies {
				s.syncNames()
			}
		case opFailedSync: // the system drops what it could not write
			s.tear(o.ino, r)
		}
	}
	// In a fixed order, so that a seed gives the same again.
	for _, name := range slices.Sorted(maps.Keys(s.renamed)) {
		if k := r.IntN(len(s.renamed[name]) + 1); k > 0 {
			s.name(name, s.renamed[name][k-1])
		}
	}
	for _, ino := range slices.Sorted(maps.Keys(s.written)) {
		s.tear(ino, r)
	}
	files := map[string][]byte{}
	for name, ino := range s.names {
		files[name] = s.data[ino]
	}
	return files
}

// survivor is what is durable, and beside it what is not yet.
type survivor struct {
	names   map[string]int
	data    map[int][]byte
	renamed map[string][]int // 0: deleted
	written map[int][]op
}

func (s *survivor) name(name string, ino int) {
	if ino == 0 {
		delete(s.names, name)
	} else {
		s.names[name] = ino
	}
}

func (s *survivor) syncNames() {
	for name, states := range s.renamed {
		s.name(name, states[len(states)-1])
	}
	clear(s.renamed)
}

func (s *survivor) sync(ino int) {
	b := s.data[ino]
	for _, o := range s.written[ino] {
		if o.kind == opWrite {
			b = writeAt(b, o.data, o.off)
		} else {
			b = truncate(b, o.off)
		}
	}
	s.data[ino] = b
	delete(s.written, ino)
}

// tear makes what chance leaves of a file's unsynced writes durable.
func (s *survivor) tear(ino int, r *rand.Rand) {
	b := bytes.Clone(s.data[ino])
	list := s.written[ino]
	delete(s.written, ino)
	const piece = 512
	mode := r.IntN(4)
	for i, o := range list {
		switch {
		case mode == 0: // nothing more came
		case mode == 1 && i >= len(list)/2: // only what was first
		case o.kind == opTruncate:
			if r.IntN(2) == 0 {
				b = truncate(b, o.off)
			}
		case mode == 1:
			b = writeAt(b, o.data, o.off)
		default:
			for k := 0; k < len(o.data); k += piece {
				p := o.data[k:min(k+piece, len(o.data))]
				switch r.IntN(8) {
				case 0, 1, 2, 3:
					b = writeAt(b, p, o.off+int64(k))
				case 4:
					rubbish := make([]byte, len(p))
					for i := range rubbish {
						rubbish[i] = byte(r.Uint32())
					}
					b = writeAt(b, rubbish, o.off+int64(k))
				}
			}
		}
	}
	s.data[ino] = b
}

// breakAt makes the n-th operation that counts fail, or every one from there.
func (d *disk) breakAt(n int64, forever bool, counts func(kind) bool, err func(kind) error) (seen *atomic.Int64) {
	seen = new(atomic.Int64)
	d.fault = func(o *op) error {
		if !counts(o.kind) {
			return nil
		}
		if i := seen.Add(1); i == n || forever && i > n {
			return err(o.kind)
		}
		return nil
	}
	return seen
}

// failing is the error that SQLite expects for a kind of operation.
func failing(k kind) error {
	switch k {
	case opRead:
		return sqlite3.IOERR_READ
	case opSize:
		return sqlite3.IOERR_FSTAT
	case opAccess:
		return sqlite3.IOERR_ACCESS
	case opOpen, opCreate:
		return sqlite3.CANTOPEN
	case opWrite:
		return sqlite3.IOERR_WRITE
	case opTruncate:
		return sqlite3.IOERR_TRUNCATE
	case opSync:
		return sqlite3.IOERR_FSYNC
	case opDelete:
		return sqlite3.IOERR_DELETE
	default:
		return sqlite3.IOERR_LOCK
	}
}
