package gateway

import (
	"errors"
	"testing"
	"time"

	"abaton.local/vault"
)

// fullDisk is a shared record that takes no digest any more.
type fullDisk struct {
	recorder
	full bool
}

func (f *fullDisk) Bind([32]byte, ...time.Time) error {
	if f.full {
		return errors.New("the disk is full")
	}
	return nil
}

// Who is told that they could not come in leaves no session, in which their vault
// would stay open with nobody to lock it.
func TestWhoDoesNotComeInLeavesNoSession(t *testing.T) {
	record := new(fullDisk)
	v := newDirectoryOf(t, newClock(), record)
	claim, err := v.Claim()
	if err != nil {
		t.Fatal(err)
	}
	record.full = true
	people := Directory(v)
	e := Entry{Name: olga, Passphrase: []byte("the secret words of " + olga), Ticket: claim.Reveal()}
	if in, err := people.Enter(t.Context(), e); err == nil || in != (Entered{}) {
		t.Fatalf("joined: %v", err)
	}
	s, err := v.Unlock(t.Context(), vault.Attempt{Name: olga, Way: vault.SlotPassphrase, Secret: e.Passphrase})
	if err != nil {
		t.Fatal(err)
	}
	if n := v.Holding(s); n != 1 {
		t.Errorf("%d sessions hold the vault open", n)
	}
}
