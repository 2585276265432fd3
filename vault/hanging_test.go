package vault

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"abaton.local/vault/internal/seal"
)

func wiped(k *seal.Key) (yes bool) {
	defer func() { yes = recover() != nil }()
	k.Bytes()
	return false
}

// A store that hangs, as a disk does whose cable is loose, keeps no keys in
// memory: a lock waits a moment, then goes on without it. Who waited for the
// store, holding whatever lock, is told that the vault is locked.
func TestALockDoesNotWaitForAStoreThatHangs(t *testing.T) {
	write := func(s Session) error {
		v, err := s.Vault()
		if err != nil {
			return err
		}
		return v.Write(context.Background(), Edit{Put: []Put{{ID: NewID(), Container: ID{1, 2, 3}, Kind: KindSetting, Payload: []byte("more")}}})
	}
	for name, hangs := range map[string]func(d *Directory, s Session) error{
		"a write": func(_ *Directory, s Session) error { return write(s) },
		"a change of the slots": func(d *Directory, s Session) error { // by whoever holds the home
			return d.lobby.with(s.seat, func(o *home) error {
				set, _ := o.vault.Slots()
				return o.vault.ReplaceSlots(context.Background(), set)
			})
		},
		"a step of a rotation": func(_ *Directory, s Session) error {
			v, err := s.Vault()
			if err != nil {
				return err
			}
			return v.Rotate(context.Background(), NewKey(), []byte("slots that nobody will open"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			d := p.open()
			olga := p.owner(d)
			kept := p.keep(olga, "words")
			v, err := olga.Vault()
			if err != nil {
				t.Fatal(err)
			}
			keys := v.Secrets()
			root := d.lobby.open[olga.Person].root
			if *root == [cellSize]byte{} || slices.ContainsFunc(keys, wiped) {
				t.Fatal("the control: keys that are in use are not there")
			}
			reached, mend := make(chan struct{}), make(chan struct{})
			p.store.fail = func(int) error { // with the store's lock held: reading hangs, too
				p.store.fail = nil
				close(reached)
				<-mend
				return errors.New("too late")
			}
			hung, read := make(chan error, 1), make(chan error, 1)
			go func() { hung <- hangs(d, olga) }()
			<-reached
			go func() {
				_, err := v.Read(context.Background(), kept)
				read <- err
			}()
			locked := make(chan struct{})
			go func() {
				olga.End()
				close(locked)
			}()
			select {
			case <-locked:
			case <-time.After(10 * closing):
				t.Fatal("the lock waits for the store")
			}
			if *root != [cellSize]byte{} {
				t.Error("the root key outlives the lock")
			}
			for _, k := range keys {
				if !wiped(k) {
					t.Error("a key outlives the lock")
				}
			}
			if !slices.Contains(p.left(), olga.Person) {
				t.Error("nobody was told that the keys are gone")
			}
			for _, err := range []error{<-hung, <-read} {
				if !errors.Is(err, ErrLocked) {
					t.Errorf("who waited for the store: %v", err)
				}
			}
			close(mend)
			again := p.unlock(d, "Olga", ownerPass)
			p.has(again, kept, "words")
			if err := write(again); err != nil {
				t.Error(err)
			}
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}
