package enginepack

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"unicode/utf8"
)

// caps bound what an archive may make of a disk. They hold for the whole
// archive, also for entries that are not wanted.
type caps struct {
	entries int
	file    int64 // bytes of one file
	total   int64 // bytes of all files
	links   bool  // links to files inside are made into further names of those files
}

var (
	sourceCaps    = caps{entries: 20_000, file: 64 << 20, total: 1 << 30}
	readyMadeCaps = caps{entries: 2_000, file: 512 << 20, total: 2 << 30, links: true}
)

// maxName bounds an entry's name, in bytes.
const maxName = 512

// ArchiveError says why an archive was refused. Nothing of it is used.
type ArchiveError struct {
	Entry  string // empty: the archive as a whole
	Reason string
	Err    error // may be nil
}

func (e *ArchiveError) Error() string {
	s := "the archive is refused: "
	if e.Entry != "" {
		s += fmt.Sprintf("entry %q: ", e.Entry)
	}
	if e.Err != nil {
		return s + e.Reason + ": " + e.Err.Error()
	}
	return s + e.Reason
}

func (e *ArchiveError) Unwrap() error { return e.Err }

// unpack writes the wanted files of a tar.gz below dest, under the names that
// want gives them ("" skips one). Every entry is judged, wanted or not: an
// archive that holds one name that leads outside, a device or a link that
// leaves is refused as a whole. Links never come to the disk as links, so
// nothing can be written through one; os.Root is the second wall.
func unpack(ctx context.Context, r io.Reader, dest *os.Root, c caps, want func(name string) string) error {
	z, err := gzip.NewReader(&withContext{ctx, r})
	if err != nil {
		return broken(ctx, "", err)
	}
	t := tar.NewReader(z)
	links := make(map[string]string) // wanted name in dest: archive name that it points to
	placed := make(map[string]string)
	var total int64
	for n := 0; ; n++ {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return broken(ctx, "", err)
		}
		if n >= c.entries {
			return &ArchiveError{Reason: fmt.Sprintf("more than %d entries", c.entries)}
		}
		if h.Typeflag == tar.TypeXGlobalHeader {
			continue // git writes the commit there
		}
		name, err := safeName(h.Name)
		if err != nil {
			return &ArchiveError{Entry: h.Name, Reason: err.Error()}
		}
		if h.Size < 0 || h.Size > c.file {
			return &ArchiveError{Entry: h.Name, Reason: fmt.Sprintf("larger than %d bytes", c.file)}
		}
		if total += h.Size; total > c.total {
			return &ArchiveError{Reason: fmt.Sprintf("more than %d bytes in all", c.total)}
		}
		to := want(name)
		switch h.Typeflag {
		case tar.TypeDir:
		case tar.TypeReg:
			if to == "" {
				continue
			}
			if err := place(ctx, t, dest, to, h); err != nil {
				return err
			}
			placed[name] = to
		case tar.TypeSymlink, tar.TypeLink:
			target := h.Linkname // of a hard link: a name in the archive
			if h.Typeflag == tar.TypeSymlink {
				target = path.Join(path.Dir(name), h.Linkname)
			}
			if path.IsAbs(h.Linkname) {
				return &ArchiveError{Entry: h.Name, Reason: "a link to an absolute path"}
			}
			if target, err = safeName(target); err != nil {
				return &ArchiveError{Entry: h.Name, Reason: "a link that leaves the archive"}
			}
			if !c.links {
				return &ArchiveError{Entry: h.Name, Reason: "a link, where none is expected"}
			}
			if to != "" {
				links[to] = target
			}
		default:
			return &ArchiveError{Entry: h.Name, Reason: fmt.Sprintf("neither a file nor a folder (type %q)", h.Typeflag)}
		}
	}
	// What follows the end mark is read too: a checksum that fails shows only
	// there.
	if _, err := io.Copy(io.Discard, io.LimitReader(z, 1<<20)); err != nil {
		return broken(ctx, "", err)
	}
	return resolve(dest, links, placed, want)
}

// resolve gives files their further names. A chain of links is followed.
func resolve(dest *os.Root, links, placed map[string]string, want func(string) string) error {
	for _, to := range names(links) {
		target := links[to]
		for range len(links) {
			next, isLink := links[want(target)]
			if !isLink {
				break
			}
			target = next
		}
		file, ok := placed[target]
		if !ok {
			return &ArchiveError{Entry: to, Reason: "a link to what is not in the archive"}
		}
		if err := dest.Link(file, to); err != nil {
			return fmt.Errorf("unpack %s: %w", to, err)
		}
	}
	return nil
}

// place writes one file. It must not exist: no archive has two of a name.
func place(ctx context.Context, t *tar.Reader, dest *os.Root, to string, h *tar.Header) error {
	if dir := path.Dir(to); dir != "." {
		if err := dest.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("unpack %s: %w", to, err)
		}
	}
	mode := fs.FileMode(0o644)
	if h.Mode&0o100 != 0 {
		mode = 0o755
	}
	f, err := dest.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if errors.Is(err, fs.ErrExist) {
		return &ArchiveError{Entry: h.Name, Reason: "stands there twice"}
	}
	if err != nil {
		return fmt.Errorf("unpack %s: %w", to, err)
	}
	n, err := io.Copy(f, t)
	err = errors.Join(err, f.Close())
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("unpack %s: %w", to, pathErr.Err) // of the disk, not of the archive
	}
	if err != nil {
		return broken(ctx, h.Name, err)
	}
	if n != h.Size {
		return &ArchiveError{Entry: h.Name, Reason: "shorter than it says"}
	}
	return nil
}

// broken tells a damaged archive from a cancelled read.
func broken(ctx context.Context, entry string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return &ArchiveError{Entry: entry, Reason: "it ends too early", Err: err}
	}
	return &ArchiveError{Entry: entry, Reason: "it is damaged", Err: err}
}

// safeName gives an entry's name in its shortest form, or says what is wrong
// with it.
func safeName(name string) (string, error) {
	switch {
	case name == "" || len(name) > maxName:
		return "", fmt.Errorf("a name of %d bytes", len(name))
	case !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' }):
		return "", errors.New("a name with characters that no file of ours has")
	case path.IsAbs(name):
		return "", errors.New("an absolute name")
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == ".." {
			return "", errors.New("a name with .. in it")
		}
	}
	return path.Clean(name), nil
}
