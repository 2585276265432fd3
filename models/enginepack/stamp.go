package enginepack

import (
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// A stamp is what a file's inode says of it. Contents cannot change without
// changing the change time, short of setting the clock or writing the disk
// under the file system.
type stamp struct {
	Device uint64 `json:"device"`
	Inode  uint64 `json:"inode"`
	Size   int64  `json:"size"`  // bytes
	MTime  int64  `json:"mtime"` // nanoseconds since 1970
	CTime  int64  `json:"ctime"` // nanoseconds since 1970
}

func stampOf(st *unix.Stat_t) stamp {
	return stamp{uint64(st.Dev), uint64(st.Ino), st.Size, unix.TimespecToNsec(st.Mtim), unix.TimespecToNsec(st.Ctim)}
}

// stampAt does not follow a link and refuses everything but a plain file.
func stampAt(path string) (stamp, fs.FileMode, error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return stamp{}, 0, &fs.PathError{Op: "lstat", Path: path, Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return stamp{}, 0, &fs.PathError{Op: "open", Path: path, Err: errNotPlain}
	}
	return stampOf(&st), fs.FileMode(st.Mode & 0o7777), nil
}

// stampIn is the stamp of an open file.
func stampIn(f *os.File) (stamp, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return stamp{}, &fs.PathError{Op: "stat", Path: f.Name(), Err: err}
	}
	return stampOf(&st), nil
}

var errNotPlain = errors.New("not a plain file")

// A verdict remembers, for one boot, that a pack's files had their digests.
// After a boot everything is hashed once more: the disk may have been in
// another machine.
type verdict struct {
	Record [32]byte         `json:"record"` // SHA-256 of pack.json
	Seen   map[string]stamp `json:"seen"`
}

type verdicts struct {
	Boot  string             `json:"boot"`
	Packs map[string]verdict `json:"packs"` // by key
}

const verdictsName = ".verified.json"

// remembered is what was found since the machine started: empty when nothing
// was, or when it cannot be read.
func (s *Store) remembered() verdicts {
	none := verdicts{Boot: bootID(), Packs: make(map[string]verdict)}
	b, err := os.ReadFile(filepath.Join(s.dir, verdictsName))
	if err != nil {
		return none
	}
	var v verdicts
	if json.Unmarshal(b, &v) != nil || v.Packs == nil || v.Boot != none.Boot || v.Boot == "" {
		return none
	}
	return v
}

// remember adds a verdict. A failure costs a second hashing, nothing else, so
// it is not told.
func (s *Store) remember(key string, v verdict) {
	all := s.remembered()
	if all.Boot == "" {
		return
	}
	all.Packs[key] = v
	if b, err := json.Marshal(all); err == nil {
		writeFile(filepath.Join(s.dir, verdictsName), b, 0o600)
	}
}

// writeFile replaces a file as a whole.
func writeFile(path string, b []byte, mode fs.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".write-*")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// names are a map's keys in order.
func names[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
