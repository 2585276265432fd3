package audit

import (
	"bytes"
	"io/fs"
	"path"
	"time"
)

// Files is what a witness may be shown, read-only, under the names that C2SP
// tlog-tiles gives: checkpoint, tile/L/N[.p/W], tile/entries/N[.p/W], and beside
// them key and cosigned/…. Records that are not signed yet are not shown. It
// holds no secret and no name, but is no affair of the public either.
func (l *Log) Files() fs.FS { return view{l} }

type view struct{ log *Log }

// Open reads the whole file at once: none has more than 25,088 bytes.
func (v view) Open(name string) (fs.File, error) {
	b, err := v.read(name)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return &shown{bytes.NewReader(b), path.Base(name), int64(len(b))}, nil
}

func (v view) read(name string) ([]byte, error) {
	v.log.mu.Lock()
	signed, msg := v.log.signed.Size, v.log.note
	v.log.mu.Unlock()
	switch {
	case name == checkpointFile:
		return msg, nil
	case name == keyFile:
		return []byte(v.log.key + "\n"), nil
	case path.Dir(name) == cosignedDir && isWitnessFile(path.Base(name)):
		return orNone(readSome(v.log.fsys, name, largestCheckpoint))
	}
	t, ok := parsePath(name)
	if !ok || t.N > signed || t.N*tileWidth+int64(t.W) > parts(t.L, signed) {
		return nil, fs.ErrNotExist
	}
	b, err := orNone(readSome(v.log.fsys, tilePath(t.L, t.N), bundleSize))
	if err != nil {
		return nil, err
	}
	size := int64(t.W) * unit(t.L)
	if int64(len(b)) < size {
		return nil, fs.ErrNotExist
	}
	return b[:size], nil
}

func orNone(b []byte, err error) ([]byte, error) {
	if err == nil && b == nil {
		err = fs.ErrNotExist
	}
	return b, err
}

// shown is one file of the view.
type shown struct {
	*bytes.Reader
	name string
	size int64
}

func (f *shown) Stat() (fs.FileInfo, error) { return f, nil }
func (f *shown) Close() error               { return nil }
func (f *shown) Name() string               { return f.name }
func (f *shown) Size() int64                { return f.size }
func (f *shown) Mode() fs.FileMode          { return 0o400 }
func (f *shown) ModTime() time.Time         { return time.Time{} } // tells nobody when
func (f *shown) IsDir() bool                { return false }
func (f *shown) Sys() any                   { return nil }
