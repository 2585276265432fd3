package enginepack

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"abaton.local/egress"
	"abaton.local/hardware"
)

// Index finds an archive of a Python package, as models.Pip does: its address,
// SHA-256 and size (bytes, -1 unknown). It tells the door what the address
// needs.
type Index interface {
	Resolve(ctx context.Context, door *egress.Door, name, version, suffix string) (address string, digest [32]byte, size int64, err error)
}

// Options of an install.
type Options struct {
	Prebuilt bool             // the ready-made archive, also where a compiler is
	Archive  string           // path of the archive on this machine; it must be the pinned one. Nothing is fetched
	BuildDir string           // folder for building, on a disk with 400 MB to spare; the store's own by default
	Door     *egress.Door     // nil: nothing can be fetched
	Pip      Index            // nil: no package index
	Machine  hardware.Machine // for the number of compilers at work; this one when zero
	Progress func(Step)       // may be nil; called from one goroutine at a time
}

func (o Options) step(s Step) {
	if o.Progress != nil {
		o.Progress(s)
	}
}

// Stage is a part of an install.
type Stage string

// The stages, in their order. Note may come at any time.
const (
	Note      Stage = "note"      // Text is a sentence for the person
	Waiting   Stage = "waiting"   // for another install
	Fetching  Stage = "fetching"  // Done and Total are bytes
	Unpacking Stage = "unpacking" //
	Preparing Stage = "preparing" // cmake
	Building  Stage = "building"  // Done and Total are build steps
	Checking  Stage = "checking"  //
	Ready     Stage = "ready"     //
)

// Step is one report of progress.
type Step struct {
	Stage       Stage
	Text        string // what is worked on, or a sentence
	Done, Total int64  // bytes when Fetching, steps when Building; Total -1: unknown
}

// Install gives the installed pack when it is whole, else makes one: built from
// the pinned source where the tools are, else from the ready-made archive. It
// says which way it goes. A failed build does not fall back: the person
// decides. Whatever stops it, nothing half-made can be taken for a pack.
func (s *Store) Install(ctx context.Context, o Options) (*Pack, error) {
	m, err := s.machine()
	if err != nil {
		return nil, fmt.Errorf("which engine fits: %w", err)
	}
	if o.Machine.LogicalCores == 0 {
		o.Machine = m
	}
	lock, err := s.lock(ctx, func() { o.step(Step{Stage: Waiting, Text: "another install is at work; waiting for it"}) })
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	o, done := s.reported(o)
	defer done()
	if err := s.sweep(); err != nil {
		return nil, err
	}
	platform := m.OS + "/" + m.Arch
	ready, hasReady := s.pins.readyMade[platform]
	built := sourcePlan(s.pins.source, m)

	if o.Prebuilt {
		if !hasReady {
			return nil, fmt.Errorf("there is no ready-made engine for %s; build one (without --prebuilt) or name one with --engine", platform)
		}
		return s.use(ctx, readyMadePlan(ready), o, func() (*Pack, error) { return s.installReadyMade(ctx, ready, o) })
	}
	fit, err := s.plans()
	if err != nil {
		return nil, err
	}
	for _, p := range fit {
		pack, err := s.whole(ctx, p, o)
		if err == nil || !errors.Is(err, ErrNone) {
			return pack, err
		}
	}
	missing := MissingTools()
	if len(missing) == 0 {
		return s.use(ctx, built, o, func() (*Pack, error) { return s.build(ctx, built, s.pins.source, o) })
	}
	if !hasReady {
		return nil, &ToolsError{Missing: missing}
	}
	o.step(Step{Stage: Note, Text: fmt.Sprintf("this machine cannot build an engine (%s missing), so the ready-made one is taken", strings.Join(missing, ", "))})
	return s.use(ctx, readyMadePlan(ready), o, func() (*Pack, error) { return s.installReadyMade(ctx, ready, o) })
}

// whole gives an installed pack, or ErrNone after a damaged one was discarded.
func (s *Store) whole(ctx context.Context, p plan, o Options) (*Pack, error) {
	pack, err := s.load(ctx, p)
	if damaged, ok := errors.AsType[*DamagedError](err); ok {
		o.step(Step{Stage: Note, Text: damaged.Error()})
		if err := s.discard(p.key()); err != nil {
			return nil, fmt.Errorf("a changed engine cannot be removed: %w", err)
		}
		return nil, ErrNone
	}
	return pack, err
}

// use makes a plan's pack where it is not installed, and the current one.
func (s *Store) use(ctx context.Context, p plan, o Options, install func() (*Pack, error)) (*Pack, error) {
	pack, err := s.whole(ctx, p, o)
	if errors.Is(err, ErrNone) {
		pack, err = install()
	}
	if err != nil {
		return nil, err
	}
	if err := writeFile(filepath.Join(s.dir, currentName), []byte(p.key()+"\n"), 0o600); err != nil {
		return nil, fmt.Errorf("engine folder: %w", space(err, s.dir, 1<<20))
	}
	o.step(Step{Stage: Ready, Text: pack.Origin})
	return pack, nil
}
