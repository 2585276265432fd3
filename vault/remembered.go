package vault

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"abaton.local/vault/internal/seal"
)

// rememberedEvery is the schedule on which marks are written. It is fixed, so
// that the time of the file tells when the program ran and never who worked.
const rememberedEvery = 15 * time.Minute

const (
	rememberedFile   = "heads"
	rememberedFormat = 2
	rememberedHead   = 1 + 16 + 32 + 32 + 4 // format, salt, bound, tried, number of heads
	rememberedKind   = 0xe0                 // where the file's seal belongs
	markSize         = 16 + 8 + 32 + 1
	// Format 1 knew of no record and no doubt.
	unboundFormat = 1
	unboundHead   = 1 + 16 + 4
	unboundMark   = 16 + 8 + 32
	maxRemembered = 64 << 20 // bytes
)

// remembered keeps the heads of all vaults outside the store, so that a store
// put back to an older state is noticed: in memory and in one file that is
// sealed under a key of the device secret. A mark is never ahead of the store:
// it is taken from what a commit has made durable. A head of sequence 0 is that
// of a vault about to be. The shared record says in turn how far the file had
// got, so that store and file put back together are noticed as well: bound.go.
// It is safe for concurrent use.
type remembered struct {
	path   string
	place  seal.Place
	sealer *seal.Sealer

	writing sync.Mutex // held while the file is replaced: the last one written has the newest marks

	mu   sync.Mutex
	file memory // guarded by mu
	lost bool   // there was no file; guarded by mu
	torn bool   // the record failed: it is not written to again; guarded by mu
}

// memory is what the file holds.
type memory struct {
	salt  [16]byte // drawn for each writing
	bound [32]byte // the digest of a memory, newest on the record
	tried [32]byte // that of one of which it is not known whether it is there
	marks map[ID]mark
}

// mark is the head of a vault as it was last seen.
type mark struct {
	Head
	doubt bool // it may be an old one, and the vault with it: its person is asked
}

// openRemembered reads the file. Without one nothing is remembered, and every
// vault has to be accepted once.
func openRemembered(dir string, device *Device, directory ID) (r *remembered, err error) {
	key := device.heads()
	defer key.Clear()
	r = &remembered{
		path:   filepath.Join(dir, rememberedFile),
		place:  seal.Place{Vault: directory, Kind: rememberedKind},
		sealer: seal.NewSealer(key),
		file:   memory{marks: map[ID]mark{}},
	}
	info, err := os.Lstat(r.path)
	if errors.Is(err, fs.ErrNotExist) {
		r.lost = true
		return r, nil
	}
	if err == nil && (!info.Mode().IsRegular() || info.Size() > maxRemembered) {
		err = errors.New("it is not a plain file of a sound size")
	}
	var b []byte
	if err == nil {
		b, err = os.ReadFile(r.path)
	}
	if err == nil {
		b, err = r.sealer.Open(nil, b, r.place)
	}
	if err == nil {
		r.file, err = parseMemory(b)
	}
	if err != nil {
		r.sealer.Clear()
		return nil, fmt.Errorf("%s remembers how far each vault had got and cannot be read (%w): if this machine's device secret was changed, put the old one back; else delete the file, and everybody is asked once whether their vault is as they left it", r.path, err)
	}
	return r, nil
}

// encode writes the marks in the order of their vaults.
func (m *memory) encode() []byte {
	b := append([]byte{rememberedFormat}, m.salt[:]...)
	b = append(b, m.bound[:]...)
	b = append(b, m.tried[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(m.marks)))
	for _, id := range slices.SortedFunc(maps.Keys(m.marks), func(x, y ID) int { return bytes.Compare(x[:], y[:]) }) {
		k := m.marks[id]
		b = append(b, id[:]...)
		b = binary.BigEndian.AppendUint64(b, k.Seq)
		b = append(b, k.Sum[:]...)
		b = appendFlag(b, k.doubt)
	}
	return b
}

func parseMemory(b []byte) (m memory, err error) {
	r := reader{b: b}
	format := r.u8()
	unbound := format == unboundFormat
	m.salt = [16]byte(r.take(16))
	size := unboundMark
	if !unbound {
		m.bound, m.tried = r.digest(), r.digest()
		size = markSize
	}
	n := int(r.u32())
	if format != rememberedFormat && !unbound || r.bad || len(r.b) != n*size {
		return m, errors.New("its form is unknown")
	}
	m.marks = make(map[ID]mark, n)
	var last ID
	for range n {
		id := r.id()
		r.bad = r.bad || bytes.Compare(id[:], last[:]) <= 0
		last = id
		k := mark{Head: Head{Seq: r.u64(), Sum: r.digest()}}
		k.doubt = !unbound && r.flag()
		m.marks[id] = k
	}
	return m, r.end()
}

// digest stands for a memory as a whole. It is another with every writing, for
// the salt in it is drawn anew: so it does not tell whether anybody worked.
func (m *memory) digest() [32]byte {
	return seal.Digest(append([]byte("abaton.local/vault/all-heads/v2\x00"), m.encode()...))
}

// of gives the mark of a vault; known says whether there is one.
func (r *remembered) of(id ID) (m mark, known bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m, known = r.file.marks[id]
	return m, known
}

// note takes a mark, in memory. The schedule writes it. Who notes it has opened
// the vault, so there is no doubt left.
func (r *remembered) note(id ID, h Head) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.file.marks[id] = mark{Head: h}
}

// forget drops the mark of a vault that is gone.
func (r *remembered) forget(id ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.file.marks, id)
}

// write puts all marks on the disk, changed or not: sealed anew, so that nobody
// sees which it was.
func (r *remembered) write() error {
	r.writing.Lock()
	defer r.writing.Unlock()
	_, err := r.replace()
	return err
}

// replace is write, and gives the digest of what was written. The caller holds
// writing.
func (r *remembered) replace() (digest [32]byte, err error) {
	r.mu.Lock()
	rand.Read(r.file.salt[:]) // never fails: it ends the program instead
	plain, digest := r.file.encode(), r.file.digest()
	r.mu.Unlock()
	if err := ReplaceFile(r.path, r.sealer.Seal(nil, plain, r.place)); err != nil {
		return digest, fmt.Errorf("remembering how far each vault has got: %w", err)
	}
	return digest, nil
}
