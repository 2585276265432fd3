package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"abaton.local/library"
	"abaton.local/vault"
)

// traces is what a watch remembers of the disk. A document goes only where its
// file was surely deleted. A folder that vanished with what was named, that
// cannot be read, or in whose place another one is (a disk that was taken out)
// takes none along.
type traces struct {
	args    []string
	files   map[string]trace   // those that have a verdict, by path
	before  map[string]stamp   // those of the last look, nil before the first
	steady  map[uint64]int64   // of each device, since when a file lies on it as it does now
	judged  int64              // when the look began by which it was last said what is gone
	same    map[string]bool    // documents that were there when the watch began, and whose file has their bytes
	reads   map[string]reading // those that are being read, by path as text
	homes   map[string]lair    // each folder as it was when it was last listed
	had     map[string]bool    // documents that were there from these paths when the watch began
	missing map[string]bool    // what was gone at the last look
}

// trace is a file that was seen, and the folder that it was in.
type trace struct {
	stamp
	folder      inode
	first, last int64 // looks that saw it so, by when they began
}

type reading struct {
	path string
	trace
}

// lair is a folder and the one that it was in.
type lair struct {
	inode
	above inode
}

func newTraces(args []string) *traces {
	return &traces{args: args, files: map[string]trace{}, reads: map[string]reading{}, homes: map[string]lair{}, missing: map[string]bool{}, same: map[string]bool{}}
}

// stock tells what was there from these paths before the watch began.
func (t *traces) stock(list map[string]vault.ID) {
	t.had = map[string]bool{}
	for text := range list {
		if path, ok := pathOf(text); ok && t.covers(path) {
			t.had[path] = true
		}
	}
}

// covers tells whether a path is one of those that are watched.
func (t *traces) covers(path string) bool {
	return slices.ContainsFunc(t.args, func(arg string) bool {
		if path == arg || strings.HasPrefix(path, strings.TrimSuffix(arg, "/")+"/") {
			return true
		}
		is, err := filepath.Match(arg, path)
		return err == nil && is
	})
}

// news are the files that have no verdict as they are now. One that was seen
// before is given time to come to rest.
func (t *traces) news(l *look) (list []string) {
	clear(t.reads)
	for _, path := range l.order {
		now := trace{l.files[path], l.folders[filepath.Dir(path)], l.from, l.from}
		if last, is := t.files[path]; is && last.stamp == now.stamp {
			now.first = last.first
			t.files[path] = now
			continue
		}
		if t.before == nil || t.before[path] == now.stamp {
			t.reads[pathText(path)] = reading{path, now}
			list = append(list, path)
		}
	}
	t.before = l.files
	return list
}

// verdict takes note of what became of a file. One that changed while it was read
// is looked at again.
func (t *traces) verdict(text string, x outcomeJSON) {
	if r, is := t.reads[text]; is && x.Why != changing {
		t.files[r.path] = r.trace
		t.same[r.path] = x.Verdict == library.Unchanged
	}
}

func (t *traces) forget(path string) {
	delete(t.files, path)
	delete(t.had, path)
	delete(t.missing, path)
	delete(t.same, path)
}

// gone are the files whose documents are to go: twice in a row they were surely
// deleted. Of the others that are not there it tells the folders.
func (t *traces) gone(l *look) (list []string, kept []remark) {
	for dir, f := range l.folders {
		t.homes[dir] = lair{f, l.folders[filepath.Dir(dir)]}
	}
	t.steady = map[uint64]int64{}
	for path, now := range l.files {
		if was, is := t.files[path]; is && was.stamp == now {
			if first, is := t.steady[now.dev]; !is || was.first < first {
				t.steady[now.dev] = was.first
			}
		}
	}
	missing, stay := map[string]bool{}, map[string]bool{}
	look := func(path string) {
		if _, is := l.files[path]; is || !isGone(path) {
			return
		}
		switch {
		case !t.deleted(path, l):
			stay[t.lost(path, l)] = true
		case t.missing[path]:
			list = append(list, path)
		default:
			missing[path] = true
		}
	}
	for path := range t.files {
		look(path)
	}
	for path := range t.had {
		if _, seen := t.files[path]; !seen {
			look(path)
		}
	}
	t.missing, t.judged = missing, l.from
	slices.Sort(list)
	for _, dir := range slices.Sorted(maps.Keys(stay)) {
		kept = append(kept, remark{dir, stays, "it is gone or cannot be read, or it is not the folder that it was: documents from it stay"})
	}
	return list, kept
}

// deleted tells whether a file that is not there was deleted for certain.
func (t *traces) deleted(path string, l *look) bool {
	dir := filepath.Dir(path)
	f, listed := l.folders[dir]
	last, seen := t.files[path]
	switch {
	case listed && seen:
		return f == last.folder && t.sure(path, dir, l)
	case listed: // it went before the watch began: is this the folder?
		return t.neighbour(dir, l)
	}
	if !seen || last.folder != t.homes[dir].inode {
		return false
	}
	above, gone := t.folderDeleted(dir, l)
	return gone && t.sure(path, above, l)
}

// neighbour tells whether another document of a folder is still there, byte by byte:
// one of the same name lies on many a disk.
func (t *traces) neighbour(dir string, l *look) bool {
	for path := range t.had {
		if now, is := l.files[path]; is && t.same[path] && t.files[path].stamp == now && filepath.Dir(path) == dir {
			return true
		}
	}
	return false
}

// sure tells whether a folder is on the disk that it was on. Of two that are put into
// one place, one after the other, the numbers of folders and even of the device may be
// the same. So a file is there as it was when what is gone was still seen; or, at the
// first look that misses it, the folder has changed since the last one. FAT counts in
// steps of two seconds.
func (t *traces) sure(path, dir string, l *look) bool {
	last := t.files[path].last
	if t.missing[path] || last >= t.judged && l.changed[dir] >= last-2e9 {
		return true
	}
	first, is := t.steady[l.folders[dir].dev]
	return is && first <= last
}

// folderDeleted tells whether a folder went out of one that is still there, which, and
// was no disk of its own. What somebody named is never taken for deleted.
func (t *traces) folderDeleted(dir string, l *look) (in string, gone bool) {
	for {
		if _, listed := l.folders[dir]; listed {
			return dir, true
		}
		was, known := t.homes[dir]
		up := filepath.Dir(dir)
		above := t.homes[up].inode // as it is, or as it was last
		if !known || slices.Contains(t.args, dir) || !t.covers(dir) || !isGone(dir) || was.above != above || was.dev != above.dev {
			return "", false
		}
		dir = up
	}
}

// lost is the highest folder above a path that cannot be looked into.
func (t *traces) lost(path string, l *look) string {
	dir := filepath.Dir(path)
	for !slices.Contains(t.args, dir) {
		up := filepath.Dir(dir)
		if _, listed := l.folders[up]; listed || !t.covers(up) {
			break
		}
		dir = up
	}
	return dir
}

// isGone tells whether there is nothing at a path, for certain.
func isGone(path string) bool {
	_, err := os.Lstat(path)
	return os.IsNotExist(err)
}

// pathOf is the path that pathText made a text of.
func pathOf(text string) (path string, ok bool) {
	var b strings.Builder
	for text != "" {
		head, rest, escaped := strings.Cut(text, `\`)
		b.WriteString(head)
		switch {
		case !escaped:
			return b.String(), true
		case strings.HasPrefix(rest, `\`):
			b.WriteByte('\\')
			text = rest[1:]
		case len(rest) >= 3 && rest[0] == 'x':
			n, err := strconv.ParseUint(rest[1:3], 16, 8)
			if err != nil {
				return "", false
			}
			b.WriteByte(byte(n))
			text = rest[3:]
		default:
			return "", false
		}
	}
	return b.String(), true
}
