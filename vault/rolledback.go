package vault

import (
	"context"
	"errors"
	"fmt"
)

// RolledBack says that a vault is not as it was last seen: an older state, or
// another one, was put in its place. Whoever restored a backup accepts it by
// giving the very same RolledBack back; for anybody else it is an attack.
type RolledBack struct {
	Have       uint64   // changes in the vault as it is
	Head       [32]byte // its head: accepted is this very state
	Remembered uint64   // changes in the vault when it was last seen
	Lost       bool     // this machine remembers nothing about the vault
	Stale      bool     // what it remembers is itself older than the audit log says, or newer
	Browser    bool     // it was not this machine that saw it, but the browser
}

// Error gives both numbers and the next step.
func (e *RolledBack) Error() string {
	if e.Lost {
		return fmt.Sprintf("this machine does not remember this vault, which has %s: if you restored it from a backup or moved here, accept it; if not, somebody removed what the machine remembered, and the vault may be an old one", e.state())
	}
	if e.Stale {
		return fmt.Sprintf("what this machine remembers of the vaults and its audit log are not of the same age: somebody put an earlier state of one of them back. This vault has %s, and what is remembered of it, %d changes, may be an old number. If you restored a backup of this machine, accept it: what came later is lost; if not, somebody put old copies in place, so stop and ask who can write to this machine", e.state(), e.Remembered)
	}
	if e.Browser {
		return fmt.Sprintf("the vault is not as this browser saw it last: it has %s, and it had %d changes then. The whole machine, or what remembers on it, was put back to an earlier day. If you know of a backup that was put back, accept it: what came later is lost; if not, stop and ask who can write to this machine", e.state(), e.Remembered)
	}
	return fmt.Sprintf("the vault is not as you left it: it has %s, and it had %d when it was last seen here. If you restored a backup, accept it: what came later is lost; if not, somebody put an old copy in its place, so stop and ask who can write to this machine", e.state(), e.Remembered)
}

// Is makes it an ErrRolledBack.
func (e *RolledBack) Is(target error) bool { return target == ErrRolledBack }

// Text is what accepts this rollback and no other, for a program to give back.
func (e *RolledBack) Text() string {
	return fmt.Sprintf("%d %x %d %t %t %t", e.Have, e.Head, e.Remembered, e.Lost, e.Stale, e.Browser)
}

// ParseRolledBack reads what Text wrote, and nothing else.
func ParseRolledBack(s string) (*RolledBack, error) {
	e, head := new(RolledBack), []byte(nil)
	_, err := fmt.Sscanf(s, "%d %x %d %t %t %t", &e.Have, &head, &e.Remembered, &e.Lost, &e.Stale, &e.Browser)
	copy(e.Head[:], head)
	if err != nil || e.Text() != s {
		return nil, errors.New("this accepts no older state of a vault: it is not what was said of one")
	}
	return e, nil
}

// state is the head in short, for people: two states of one number differ in it.
func (e *RolledBack) state() string { return fmt.Sprintf("%d changes, state %x", e.Have, e.Head[:4]) }

// openChecked opens a vault against what is remembered of it here, and against
// what the browser of its person saw (zero: nothing). Open opens it against mark,
// unless that is in doubt; where that does not hold, against nothing, and the vault
// is given only if this very state was accepted. It is the state that was looked
// at, whatever the store shows next.
func (d *Directory) openChecked(ctx context.Context, mark mark, known bool, seen Head, accept *RolledBack, open func(Head) (*Vault, error)) (v *Vault, accepted bool, err error) {
	now := &RolledBack{Remembered: mark.Seq, Lost: !known, Stale: known && mark.doubt}
	if known && !mark.doubt {
		v, err = open(mark.Head)
		if err == nil {
			if err = v.holds(ctx, seen); err == nil {
				return v, false, nil
			}
			v.wipe()
			now.Remembered, now.Browser = seen.Seq, true
		}
		if !errors.Is(err, ErrRolledBack) {
			return nil, false, err
		}
	}
	v, err = open(Head{})
	switch {
	case err == nil:
		h := v.Head()
		now.Have, now.Head = h.Seq, h.Sum
	case !errors.Is(err, ErrNoVault):
		return nil, false, err
	}
	if accept == nil || *accept != *now {
		if v != nil {
			v.wipe() // not Close: nothing is written into it
		}
		return nil, false, now
	}
	return v, err == nil, err
}
