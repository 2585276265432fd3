package audit

import (
	"errors"
	"io"
	"io/fs"
	"os"
)

// folder is where a log writes. Its files are made where they are not there,
// readable by this account only, and never emptied.
type folder interface {
	OpenFile(name string) (file, error)
	Mkdir(name string) error // one that is there is no error
	Rename(old, name string) error
	SyncDir(name string) error
}

// file is one of them.
type file interface {
	WriteAt(b []byte, at int64) (int, error)
	Truncate(size int64) error
	Sync() error
	Close() error
}

// disk is a folder below which nothing can be reached that lies elsewhere.
type disk struct{ root *os.Root }

func (d disk) OpenFile(name string) (file, error) {
	f, err := d.root.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err // not f: a nil *os.File in an interface is not nil
	}
	return f, nil
}

func (d disk) Mkdir(name string) error {
	if err := d.root.Mkdir(name, 0o700); !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

func (d disk) Rename(old, name string) error { return d.root.Rename(old, name) }

func (d disk) SyncDir(name string) error {
	f, err := d.root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// write puts b at its place in a file and waits until it is there for good. A
// file that ends before is an error, for a hole would be read as a record.
func write(dir folder, name string, b []byte, at int64) (err error) {
	f, err := dir.OpenFile(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.WriteAt(b, at); err != nil {
		return err
	}
	return f.Sync()
}

// truncate cuts a file for good.
func truncate(dir folder, name string, size int64) (err error) {
	f, err := dir.OpenFile(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := f.Truncate(size); err != nil {
		return err
	}
	return f.Sync()
}

// replace puts b in the place of a file, whole or not at all.
func replace(dir folder, name string, b []byte) error {
	temp := name + ".new"
	f, err := dir.OpenFile(temp)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(b, 0)
	if err == nil {
		err = f.Truncate(int64(len(b))) // an earlier try may have left more
	}
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := dir.Rename(temp, name); err != nil {
		return err
	}
	dirs := append([]string{"."}, folders(name)...)
	return dir.SyncDir(dirs[len(dirs)-1])
}

// readSome reads a file of at most max bytes. None there is nil.
func readSome(fsys fs.FS, name string, max int64) ([]byte, error) {
	f, err := fsys.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := make([]byte, 0, 512)
	if info, err := f.Stat(); err == nil && info.Size() < max {
		b = make([]byte, 0, info.Size()+1)
	}
	for int64(len(b)) <= max {
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
		n, err := f.Read(b[len(b):min(cap(b), int(max)+1)])
		b = b[:len(b)+n]
		if err == io.EOF {
			return b, nil
		}
		if err != nil {
			return nil, err
		}
	}
	return nil, &Fault{None, None, name + " is larger than it can be"}
}
