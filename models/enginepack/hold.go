package enginepack

import (
	"context"
	"errors"
	"os"
	"path/filepath"
)

// Held are the folder and the program of a pack that is Unchanged, by
// descriptors of the very inodes that were checked. Until it is closed no other
// check sets the mode of an installed file.
type Held struct {
	Dir    *os.File // for reading
	Server *os.File // names the program and cannot read it, which nobody may
}

// Hold is Unchanged for whoever is about to start the engine: a path may lead
// elsewhere a moment after it was checked, a descriptor may not. Others who
// hold or check this pack wait, so it is closed as soon as the engine runs.
func (p *Pack) Hold(ctx context.Context) (*Held, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	folder, err := p.checked(ctx)
	h := &Held{Dir: folder}
	if err == nil {
		h.Server, err = openPath(p.Server)
	}
	if err == nil {
		var now stamp
		name := filepath.Base(p.Server)
		if now, err = stampIn(h.Server); err == nil && now != p.seen[name] {
			err = &DamagedError{Dir: p.Dir, File: name, Reason: errChanging.Error()}
		}
	}
	if err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
}

// Close lets go of the files.
func (h *Held) Close() error {
	var errs []error
	for _, f := range []*os.File{h.Server, h.Dir} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}
