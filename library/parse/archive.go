package parse

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"io"
	"path"
	"strings"
)

// readZip hands back what an archive holds. Nothing is written anywhere, so
// names with dots or slashes lead nowhere.
func readZip(j *job, b []byte) error {
	z, err := readDirectory(b)
	if err != nil {
		return err
	}
	for _, f := range z.File {
		switch {
		case strings.HasSuffix(f.Name, "/"):
			continue
		case !f.Mode().IsRegular():
			j.cut(NotAFile)
			continue
		case f.Flags&1 != 0:
			j.cut(LockedEntry)
			continue
		}
		if err := j.entry(f); err != nil {
			return err
		}
	}
	return nil
}

func (j *job) entry(f *zip.File) error {
	r, err := f.Open()
	if err != nil {
		j.cut(Damaged)
		return nil
	}
	return j.unpacked(f.Name, j.expand(r))
}

// unpacked hands on one file; one that is damaged does not spoil the others.
func (j *job) unpacked(name string, r io.Reader) error {
	data, err := j.readAll(r, maxChild)
	if _, damaged := errors.AsType[*RefusedError](err); damaged {
		j.cut(Damaged)
		return nil
	}
	if err != nil {
		return err
	}
	return j.child(name, data)
}

func readTar(j *job, b []byte) error {
	t := tar.NewReader(bytes.NewReader(b))
	for {
		h, err := t.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil && !errors.Is(err, tar.ErrInsecurePath):
			return refuse(Damaged)
		}
		switch h.Typeflag {
		case tar.TypeReg, tar.TypeGNUSparse: // a sparse file may unpack to far more than it takes
			if err := j.unpacked(h.Name, j.expand(t)); err != nil {
				return err
			}
		case tar.TypeDir, tar.TypeXGlobalHeader:
		default:
			j.cut(NotAFile)
		}
	}
}

func readGzip(j *job, b []byte) error {
	r, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return refuse(Damaged)
	}
	return j.single(r, ".gz", ".tgz")
}

func readBzip2(j *job, b []byte) error {
	return j.single(bzip2.NewReader(bytes.NewReader(b)), ".bz2", ".tbz2")
}

// single hands back the one file that was packed, named as the pack without its
// extension.
func (j *job) single(r io.Reader, ext, ofTar string) error {
	name := path.Base(strings.ReplaceAll(j.name, "\\", "/"))
	switch old := path.Ext(name); {
	case strings.EqualFold(old, ofTar):
		name = strings.TrimSuffix(name, old) + ".tar"
	case strings.EqualFold(old, ext):
		name = strings.TrimSuffix(name, old)
	}
	data, err := j.readAll(j.expand(r), maxChild)
	if err != nil {
		return err
	}
	return j.child(name, data)
}
