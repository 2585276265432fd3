package enginepack

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"abaton.local/models"
)

// FromPath takes a llama-server that the person names, or a folder that holds
// one. It is not refused for what it is, not started and not changed; its
// digests are recorded, so that it cannot be exchanged while it is in use.
// Libraries in its own folder make it a Shared pack.
func FromPath(path string) (*Pack, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, serverName)
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return nil, fmt.Errorf("engine: %w; name the llama-server program or its folder", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	if !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
		return nil, fmt.Errorf("engine: %s is not a program that can be started", path)
	}
	dir, server := filepath.Split(path)
	if at, err := os.Stat(dir); err != nil || at.Mode()&0o002 != 0 && at.Mode()&os.ModeSticky == 0 {
		return nil, errors.Join(fmt.Errorf("engine: every account may exchange what lies in %s: chmod o-w", dir), err)
	}
	p := &Pack{Dir: filepath.Clean(dir), Server: path, Layout: Static, Origin: path, Build: "unknown", Trust: TrustNamed,
		When: time.Now(), Files: make(map[string]models.Digest)}
	files := []string{server}
	if runtime.GOOS == "linux" {
		if files, err = p.link(server); err != nil {
			return nil, fmt.Errorf("engine: %w", err)
		}
	}
	root, err := os.OpenRoot(p.Dir)
	if err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	defer root.Close()
	for _, name := range files {
		_, mode, err := stampAt(filepath.Join(p.Dir, name))
		if errors.Is(err, errNotPlain) {
			continue // a link to a library that is listed by its own name
		}
		if err != nil {
			return nil, fmt.Errorf("engine: %w", err)
		}
		if mode&0o002 != 0 {
			return nil, fmt.Errorf("engine: every account may write to %s, so it can be exchanged at any time: chmod o-w", filepath.Join(p.Dir, name))
		}
		if p.Files[name], _, err = readSettled(context.Background(), root, name, asItIs); err != nil {
			return nil, fmt.Errorf("engine: %s: %w", filepath.Join(p.Dir, name), err)
		}
	}
	p.Key = "named-" + p.Files[server].String()[:16]
	return p, nil
}

// link finds the layout, the files that belong to it and the system libraries.
func (p *Pack) link(server string) (files []string, err error) {
	e, err := openELF(p.Server)
	if err != nil {
		return nil, err
	}
	needed, err := e.DynString(elf.DT_NEEDED)
	e.Close()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.Server, err)
	}
	files = []string{server}
	for _, n := range needed {
		if n == filepath.Base(n) && isELF(filepath.Join(p.Dir, n)) {
			p.Layout = Shared
		}
	}
	if p.Layout == Shared {
		entries, err := os.ReadDir(p.Dir)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if e.Name() != server && isLibrary(e.Name()) {
				files = append(files, e.Name())
			}
		}
	}
	l, err := linksOf(p.Dir, server, files)
	if err != nil {
		return nil, err
	}
	p.Libs, err = l.libs()
	return files, err
}
