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
	rememberedFormat = 1
	rememberedHead   = 1 + 16 + 4 // format, salt, number of heads
	rememberedKind   = 0xe0       // where the file's seal belongs
	markSize         = 16 + 8 + 32
	maxRemembered    = 64 << 20 // bytes
)

// remembered keeps the heads of all vaults outside the store, so that a store
// put back to an older state is noticed: in memory and in one file that is
// sealed under a key of the device secret. A mark is never ahead of the store:
// it is taken from what a commit has made durable. A
// head of sequence 0 is that of a vault about to be. It is safe for concurrent
// use.
type remembered struct {
	path   string
	place  seal.Place
	sealer *seal.Sealer

	writing sync.Mutex // held while the file is replaced: the last one written has the newest marks

	mu    sync.Mutex
	marks map[ID]Head // guarded by mu
	salt  [16]byte    // drawn for each writing; guarded by mu
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
		marks:  map[ID]Head{},
	}
	info, err := os.Lstat(r.path)
	if errors.Is(err, fs.ErrNotExist) {
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
		r.salt, r.marks, err = parseMarks(b)
	}
	if err != nil {
		return nil, fmt.Errorf("%s remembers how far each vault had got and cannot be read (%w): if this machine's device secret was changed, put the old one back; else delete the file, and everybody is asked once whether their vault is as they left it", r.path, err)
	}
	return r, nil
}

// encodeMarks writes the marks in the order of their vaults.
func encodeMarks(salt [16]byte, marks map[ID]Head) []byte {
	b := append([]byte{rememberedFormat}, salt[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(marks)))
	for _, id := range slices.SortedFunc(maps.Keys(marks), func(x, y ID) int { return bytes.Compare(x[:], y[:]) }) {
		m := marks[id]
		b = append(b, id[:]...)
		b = binary.BigEndian.AppendUint64(b, m.Seq)
		b = append(b, m.Sum[:]...)
	}
	return b
}

func parseMarks(b []byte) (salt [16]byte, marks map[ID]Head, err error) {
	errForm := errors.New("its form is unknown")
	if len(b) < rememberedHead || b[0] != rememberedFormat {
		return salt, nil, errForm
	}
	salt = [16]byte(b[1:])
	n := int(binary.BigEndian.Uint32(b[17:]))
	b = b[rememberedHead:]
	if len(b) != n*markSize {
		return salt, nil, errForm
	}
	marks = make(map[ID]Head, n)
	var last ID
	for ; len(b) > 0; b = b[markSize:] {
		id := ID(b)
		if bytes.Compare(id[:], last[:]) <= 0 {
			return salt, nil, errForm
		}
		last = id
		marks[id] = Head{Seq: binary.BigEndian.Uint64(b[16:]), Sum: [32]byte(b[24:])}
	}
	return salt, marks, nil
}

// of gives the mark of a vault; known says whether there is one.
func (r *remembered) of(id ID) (m Head, known bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m, known = r.marks[id]
	return m, known
}

// note takes a mark, in memory. The schedule writes it.
func (r *remembered) note(id ID, m Head) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.marks[id] = m
}

// forget drops the mark of a vault that is gone.
func (r *remembered) forget(id ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.marks, id)
}

// write puts all marks on the disk, changed or not: sealed anew, so that nobody
// sees which it was.
func (r *remembered) write() error {
	r.writing.Lock()
	defer r.writing.Unlock()
	r.mu.Lock()
	rand.Read(r.salt[:]) // never fails: it ends the program instead
	plain := encodeMarks(r.salt, r.marks)
	r.mu.Unlock()
	if err := replaceFile(r.path, r.sealer.Seal(nil, plain, r.place)); err != nil {
		return fmt.Errorf("remembering how far each vault has got: %w", err)
	}
	return nil
}

// digest stands for the heads of all vaults together as they were written last,
// for the audit log. It is another with every writing, for the salt in it is
// drawn anew: so it does not tell whether anybody worked since the one before.
func (r *remembered) digest() [32]byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return seal.Digest(append([]byte("abaton.local/vault/all-heads/v1\x00"), encodeMarks(r.salt, r.marks)...))
}

// replaceFile replaces path by b so that a crash leaves the old file or the new
// one, never a mixture; only this account can read it.
func replaceFile(path string, b []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // 0600 by CreateTemp's contract
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if _, err = f.Write(b); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}
