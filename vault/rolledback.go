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
}

// Error gives both numbers and the next step.
func (e *RolledBack) Error() string {
	if e.Lost {
		return fmt.Sprintf("this machine does not remember this vault, which has %d changes: if you restored it from a backup or moved here, accept it; if not, somebody removed what the machine remembered, and the vault may be an old one", e.Have)
	}
	return fmt.Sprintf("the vault is not as you left it: it has %d changes, and it had %d when it was last seen here. If you restored a backup, accept it: what came later is lost; if not, somebody put an old copy in its place, so stop and ask who can write to this machine", e.Have, e.Remembered)
}

// Is makes it an ErrRolledBack.
func (e *RolledBack) Is(target error) bool { return target == ErrRolledBack }

// openChecked opens a vault against what is remembered of it. Open opens it
// against mark; where the person accepted another state, mark is forgotten
// first. Accepted says whether it came to that.
func (d *Directory) openChecked(ctx context.Context, id ID, mark Head, known bool, accept *RolledBack, open func(Head) (*Vault, error)) (v *Vault, accepted bool, err error) {
	if known {
		if v, err = open(mark); err == nil || !errors.Is(err, ErrRolledBack) {
			return v, false, err
		}
	}
	shell, err := d.config.Store.Shell(ctx, id)
	if err != nil && !errors.Is(err, ErrNoVault) {
		return nil, false, err
	}
	now := &RolledBack{Have: shell.Seq, Remembered: mark.Seq, Lost: !known}
	if accept == nil || *accept != *now {
		return nil, false, now
	}
	v, err = open(Head{})
	return v, true, err
}
