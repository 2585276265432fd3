package main

import (
	"testing"
	"time"

	"abaton.local/audit"
	"abaton.local/vault"
)

// Whatever the vault has to tell, the audit log takes: what cannot be recorded
// is not done.
func TestEveryEventOfTheVaultIsRecorded(t *testing.T) {
	keys := audit.Keys{Seed: make([]byte, 32), Pseudonym: make([]byte, 32)}
	log, err := audit.Open(t.TempDir(), keys, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	r := recorder{log}
	for what := vault.PersonCreated; what <= vault.PersonRenamed; what++ {
		e := vault.Event{What: what, Actor: vault.ID{1}, Object: vault.ID{2}}
		switch what {
		case vault.PersonCreated, vault.RoleChanged, vault.InvitationMade:
			e.Detail = uint32(vault.RoleMember)
		case vault.SlotAdded, vault.SlotRemoved, vault.SlotChanged, vault.UnlockFailed:
			e.Detail = uint32(vault.SlotRecovery)
		case vault.PersonDisabled:
			e.Detail = 1
		}
		if err := r.Record(e); err != nil {
			t.Errorf("event %d: %v", what, err)
		}
	}
	if r.Record(vault.Event{What: vault.PersonRenamed + 1}) == nil {
		t.Error("an event that nobody knows is recorded as something")
	}
}
