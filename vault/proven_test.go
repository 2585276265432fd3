package vault

import (
	"context"
	"slices"
	"testing"
)

// slotsOf reads the slots that the store shows for a person.
func (d *Directory) slotsOf(ctx context.Context, p PersonID) (*slotSet, error) {
	shell, err := d.config.Store.Shell(ctx, identity(p))
	if err != nil {
		return nil, err
	}
	return d.checkedSlots(identity(p), shell.Slots)
}

// A store that shows an older set of slots while the vault is open neither hides
// a way in nor gets one that was taken away into the next set.
func TestOldSlotsShownToAnOpenVaultAreNotTakenUp(t *testing.T) {
	p := newPlace(t)
	d := p.open()
	defer d.Close()
	olga := p.owner(d)
	id := identity(olga.Person)
	kinds := func() (k []SlotKind) {
		ways, err := d.Ways(t.Context(), olga)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range ways {
			k = append(k, w.Kind)
		}
		return k
	}
	if err := d.AddPasskey(t.Context(), olga, testPasskey(), make([]byte, 32)); err != nil {
		t.Fatal(err)
	}
	old := p.store.copyOf(id).shell.Slots
	ways, err := d.Ways(t.Context(), olga)
	if err != nil || len(ways) != 2 {
		t.Fatal(ways, err)
	}
	if err := d.RemoveWay(t.Context(), olga, ways[1].ID); err != nil {
		t.Fatal(err)
	}
	v := p.store.copyOf(id)
	v.shell.Slots = old
	p.store.putBack(id, v)
	if set, err := d.slotsOf(t.Context(), olga.Person); err != nil || len(set.slots) != 2 {
		t.Fatalf("the control: this machine vouches for the old set: %v", err)
	}
	if k := kinds(); slices.Contains(k, SlotPasskey) {
		t.Errorf("listed as ways in: %v", k)
	}
	if err := d.ChangePassphrase(t.Context(), olga, []byte(ownerPass), []byte(ownerPass+"!")); err != nil {
		t.Fatal(err)
	}
	set, err := d.slotsOf(t.Context(), olga.Person)
	if err != nil {
		t.Fatal(err)
	}
	if _, revived := set.of(SlotPasskey); revived {
		t.Error("the passkey that was removed opens the vault again")
	}
	if v, err := olga.Vault(); err != nil {
		t.Error(err)
	} else if _, version := v.Slots(); version != set.version {
		t.Errorf("the header names version %d, the set is %d", version, set.version)
	}
}
