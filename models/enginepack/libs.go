package enginepack

import (
	"bytes"
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// links is what a pack asks of the system. It is read from the files before
// the server becomes unreadable, and kept in the record.
type links struct {
	Loader  string   `json:"loader"`            // absolute path of the dynamic loader; empty for a program that needs none
	Needed  []string `json:"needed"`            // names of libraries that are not in the pack
	Runpath []string `json:"runpath,omitempty"` // folders outside of the pack that its files name
}

// linksOf reads the server and the libraries among a folder's files.
func linksOf(dir, server string, files []string) (l links, err error) {
	for _, name := range files {
		if name != server && !isLibrary(name) {
			continue
		}
		d, err := dependencies(filepath.Join(dir, name))
		if err != nil {
			return l, err
		}
		if name == server {
			l.Loader = d.loader
		}
		for _, n := range d.needed {
			if !slices.Contains(files, n) && !slices.Contains(l.Needed, n) {
				l.Needed = append(l.Needed, n)
			}
		}
		for _, r := range d.runpath {
			if r != filepath.Clean(dir) && !slices.Contains(l.Runpath, r) {
				l.Runpath = append(l.Runpath, r)
			}
		}
	}
	slices.Sort(l.Needed)
	return l, nil
}

// libs finds what is linked and what that links in turn, in the order of
// ld.so(8) without an environment: RUNPATH, the folders of /etc/ld.so.conf, the
// built-in ones. The headers are read here; the loader is never run to tell,
// because ldd starts the program. The result is sorted, the loader among it.
func (l links) libs() ([]string, error) {
	var found []string
	done := make(map[string]bool) // by name that was asked for
	if l.Loader != "" {
		if _, err := os.Stat(l.Loader); err != nil {
			return nil, fmt.Errorf("the engine needs the dynamic loader %s, which this system lacks (another C library?): %w", l.Loader, err)
		}
		found = append(found, l.Loader)
		done[filepath.Base(l.Loader)] = true
	}
	type ask struct {
		name    string
		runpath []string
	}
	var queue []ask
	for _, n := range l.Needed {
		queue = append(queue, ask{n, l.Runpath})
	}
	system := searchPath()
	for len(queue) > 0 {
		a := queue[0]
		queue = queue[1:]
		if done[a.name] {
			continue
		}
		done[a.name] = true
		lib := ""
		for _, dir := range slices.Concat(a.runpath, system) {
			if c := filepath.Join(dir, a.name); isELF(c) {
				lib = c
				break
			}
		}
		if lib == "" {
			return nil, fmt.Errorf("the engine needs the library %s, which this machine does not have (on Debian and Ubuntu: apt-get install libstdc++6 libgomp1)", a.name)
		}
		found = append(found, lib)
		d, err := dependencies(lib)
		if err != nil {
			return nil, fmt.Errorf("the engine's libraries: %w", err)
		}
		for _, n := range d.needed {
			queue = append(queue, ask{n, d.runpath})
		}
	}
	slices.Sort(found)
	return found, nil
}

// dependency is what one ELF file asks for.
type dependency struct {
	loader  string
	needed  []string
	runpath []string
}

func dependencies(path string) (d dependency, err error) {
	e, err := openELF(path)
	if err != nil {
		return d, err
	}
	defer e.Close()
	for _, p := range e.Progs {
		if p.Type == elf.PT_INTERP && p.Filesz < 4096 {
			b := make([]byte, p.Filesz)
			if _, err := p.ReadAt(b, 0); err != nil {
				return d, fmt.Errorf("%s: interpreter: %w", path, err)
			}
			d.loader = string(bytes.TrimRight(b, "\x00"))
		}
	}
	if d.needed, err = e.DynString(elf.DT_NEEDED); err != nil {
		return d, fmt.Errorf("%s: %w", path, err)
	}
	for _, n := range d.needed {
		if n != filepath.Base(n) {
			return d, fmt.Errorf("%s: needs a library by path: %q", path, n)
		}
	}
	for _, tag := range []elf.DynTag{elf.DT_RPATH, elf.DT_RUNPATH} {
		lists, err := e.DynString(tag)
		if err != nil {
			return d, fmt.Errorf("%s: %w", path, err)
		}
		for _, list := range lists {
			for dir := range strings.SplitSeq(list, ":") {
				dir = strings.NewReplacer("$ORIGIN", filepath.Dir(path), "${ORIGIN}", filepath.Dir(path)).Replace(dir)
				if filepath.IsAbs(dir) && !strings.Contains(dir, "$") {
					d.runpath = append(d.runpath, filepath.Clean(dir))
				}
			}
		}
	}
	return d, nil
}

// isELF reports a readable ELF file of this machine. On a system with several
// processors' libraries, a name alone may be another's.
func isELF(path string) bool {
	f, err := openELF(path)
	if err != nil {
		return false
	}
	f.Close()
	return true
}

// searchPath lists the folders in which the dynamic loader looks.
func searchPath() []string {
	dirs := loaderConfig("/etc/ld.so.conf", 0)
	if triplet := map[string]string{"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}[runtime.GOARCH]; triplet != "" {
		dirs = append(dirs, "/lib/"+triplet, "/usr/lib/"+triplet)
	}
	return append(dirs, "/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib") // the last is musl's
}

// loaderConfig reads ld.so.conf (ldconfig(8)): a folder on each line, or
// "include" and a pattern of further files.
func loaderConfig(path string, depth int) (dirs []string) {
	b, err := os.ReadFile(path)
	if err != nil || depth > 4 {
		return nil
	}
	for line := range strings.Lines(string(b)) {
		line, _, _ = strings.Cut(line, "#")
		line = strings.TrimSpace(line)
		if pattern, ok := strings.CutPrefix(line, "include "); ok {
			pattern = strings.TrimSpace(pattern)
			if !filepath.IsAbs(pattern) {
				pattern = filepath.Join(filepath.Dir(path), pattern)
			}
			more, _ := filepath.Glob(pattern) // sorted
			for _, m := range more {
				dirs = append(dirs, loaderConfig(m, depth+1)...)
			}
			continue
		}
		if filepath.IsAbs(line) {
			dirs = append(dirs, filepath.Clean(line))
		}
	}
	return dirs
}
