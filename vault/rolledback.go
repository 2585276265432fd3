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
	Have       uint64 // changes in the vault as it is
	Remembered uint64 // changes in the vault when it was last seen
	Lost       bool   // this machine remembers nothing about the vault
	Stale      bool   // what it remembers is itself older than the audit log says, or newer
}

// Error gives both numbers and the next step.
func (e *RolledBack) Error() string {
	if e.Lost {
		return fmt.Sprintf("this machine does not remember this vault, which has %d changes: if you restored it from a backup or moved here, accept it; if not, somebody removed what the machine remembered, and the vault may be an old one", e.Have)
	}
	if e.Stale {
		return fmt.Sprintf("what this machine remembers of the vaults and its audit log are not of the same age: somebody put an earlier state of one of them back. This vault has %d changes, and what is remembered of it, %d, may be an old number. If you restored a backup of this machine, accept it: what came later is lost; if not, somebody put old copies in place, so stop and ask who can write to this machine", e.Have, e.Remembered)
	}
	return fmt.Sprintf("the vault is not as you left it: it has %d changes, and it had %d when it was last seen here. If you restored a backup, accept it: what came later is lost; if not, somebody put an old copy in its place, so stop and ask who can write to this machine", e.Have, e.Remembered)
}

// Is makes it an ErrRolledBack.
func (e *RolledBack) Is(target error) bool { return target == ErrRolledBack }

// openChecked opens a vault against what is remembered of it. Open opens it
// against mark, unless that is in doubt; where the person accepted another
// state, against nothing. Accepted says whether it came to that.
func (d *Directory) openChecked(ctx context.Context, id ID, mark mark, known bool, accept *RolledBack, open func(Head) (*Vault, error)) (v *Vault, accepted bool, err error) {
	if known && !mark.doubt {
		if v, err = open(mark.Head); err == nil || !errors.Is(err, ErrRolledBack) {
			return v, false, err
		}
	}
	shell, err := d.config.Store.Shell(ctx, id)
	if err != nil && !errors.Is(err, ErrNoVault) {
		return nil, false, err
	}
	now := &RolledBack{Have: shell.Seq, Remembered: mark.Seq, Lost: !known, Stale: known && mark.doubt}
	if accept == nil || *accept != *now {
		return nil, false, now
	}
	v, err = open(Head{})
	return v, true, err
}
