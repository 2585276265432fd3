package main

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"abaton.local/library"
)

// look is what lies on the disk at one moment, where somebody named it.
type look struct {
	order   []string // files, as the system knows them
	files   map[string]stamp
	folders map[string]inode // those that were read to their end
	changed map[string]int64 // when something in these was last made or removed
	from    int64            // when it began
	remarks []remark         // on what is no file to add
	passed  int              // names that begin with a dot
}

// inode tells a file or folder from all others, for as long as it is there.
type inode struct{ dev, ino uint64 }

// stamp changes when a file does.
type stamp struct {
	inode
	size, modified int64
	mode           fs.FileMode
}

// remark is a verdict on what was never sent.
type remark struct {
	path    string
	verdict library.Verdict
	why     string
}

// lookAt finds what arguments stand for: files, folders with all in them, and
// what patterns match. Its error is that it was stopped.
func lookAt(ctx context.Context, args []string) (*look, error) {
	l := &look{files: map[string]stamp{}, folders: map[string]inode{}, changed: map[string]int64{}, from: time.Now().UnixNano()}
	for _, arg := range args {
		if ctx.Err() != nil {
			return nil, errStopped
		}
		names, err := onDisk(arg)
		if err != nil {
			l.refuse(arg, err.Error())
		}
		l.beside(arg)
		for _, name := range names {
			if err := l.named(ctx, filepath.Clean(name)); err != nil {
				return nil, err
			}
		}
	}
	return l, nil
}

func (l *look) refuse(path, why string) {
	l.remarks = append(l.remarks, remark{path, library.Refused, why})
}

// named looks at what a person named: a link that they name is followed, for it
// is theirs. A folder that is a link is walked where it leads.
func (l *look) named(ctx context.Context, name string) error {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		l.refuse(name, whyNot(err))
	case info.IsDir():
		return l.folder(ctx, name, 0)
	default:
		l.file(name, info)
	}
	return nil
}

// beside notes what the folder is that files are named of, which is not walked.
func (l *look) beside(arg string) {
	dir := filepath.Dir(arg)
	if info, err := os.Stat(dir); err == nil && info.IsDir() && l.folders[dir] == (inode{}) {
		l.folders[dir], l.changed[dir] = inodeOf(info), info.ModTime().UnixNano()
	}
}

func (l *look) file(path string, info fs.FileInfo) {
	if _, is := l.files[path]; !is { // it may be named twice
		l.order = append(l.order, path)
	}
	l.files[path] = stamp{inodeOf(info), info.Size(), info.ModTime().UnixNano(), info.Mode()}
}

// folder walks one, in the order of names. A link in it is not followed, so it
// has no loops; by its flags neither is one that was put in its place meanwhile.
func (l *look) folder(ctx context.Context, path string, flags int) error {
	if ctx.Err() != nil {
		return errStopped
	}
	here, entries, err := listed(path, flags)
	if err != nil {
		l.refuse(path, whyNot(err))
		return nil
	}
	l.folders[path], l.changed[path] = inodeOf(here), here.ModTime().UnixNano()
	for _, e := range entries {
		name := filepath.Join(path, e.Name())
		switch {
		case strings.HasPrefix(e.Name(), "."):
			l.passed++
		case e.IsDir():
			if err := l.folder(ctx, name, syscall.O_NOFOLLOW); err != nil {
				return err
			}
		case e.Type()&fs.ModeSymlink != 0:
			l.remarks = append(l.remarks, remark{name, skipped, "a link, which is not followed: name it to add what it leads to"})
		default:
			if info, err := e.Info(); err != nil {
				l.refuse(name, whyNot(err))
			} else {
				l.file(name, info)
			}
		}
	}
	return nil
}

// listed reads a folder through one descriptor, so that what it was and what it
// held belong together.
func listed(path string, flags int) (here fs.FileInfo, entries []fs.DirEntry, err error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NONBLOCK|flags, 0)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	if here, err = f.Stat(); err != nil {
		return nil, nil, err
	}
	entries, err = f.ReadDir(-1)
	return here, inOrder(entries), err
}

func inOrder(entries []fs.DirEntry) []fs.DirEntry {
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries
}

func inodeOf(info fs.FileInfo) inode {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return inode{}
	}
	return inode{uint64(st.Dev), st.Ino}
}
