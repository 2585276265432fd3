package vault

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"time"

	"abaton.local/vault/internal/seal"
)

// Passkey is what the directory keeps of a passkey, to know it again before its
// vault is open: nothing of it is secret, and none of it opens anything. When it is
// used lies in its person's own vault alone.
type Passkey struct {
	Credential []byte `json:"credential"`       // its identifier
	Key        []byte `json:"key"`              // the public one, as COSE
	Handle     []byte `json:"handle"`           // by which authenticators call its person; random
	Synced     bool   `json:"synced,omitempty"` // it may be copied to its person's other devices
	Place      string `json:"place"`            // the name of this server for which it was made
	Way        ID     `json:"way"`              // the slot that it opens
	Day        string `json:"day"`              // on which it was made
}

// PasskeyUse is a passkey as its person sees it.
type PasskeyUse struct {
	Way    ID
	Place  string
	Synced bool
	Day    string
	Used   time.Time // zero: not yet, or too long ago to be in the journal of acts
}

// Bounds of passkeys.
const (
	mostPasskeys  = 16   // of one person
	maxCredential = 1023 // bytes, by the standard
	maxPasskeyKey = 2048
	maxHandle     = 64
)

// Errors about passkeys.
var (
	ErrPasskeyKnown = errors.New("this passkey is in use here already: take another, or remove it first")
	ErrPasskeys     = errors.New("sixteen passkeys open this vault, and more cannot be: remove one that is not needed any more")
	errPasskeyForm  = errors.New("this is no passkey that could be kept")
)

// digest is how a slot names the passkey that opens it.
func (k *Passkey) digest() [32]byte { return CredentialDigest(k.Credential) }

// CredentialDigest is that of a passkey's identifier, for an Attempt.
func CredentialDigest(credential []byte) [32]byte { return sha256.Sum256(credential) }

func (k *Passkey) check() error {
	if len(k.Credential) == 0 || len(k.Credential) > maxCredential || len(k.Key) == 0 || len(k.Key) > maxPasskeyKey ||
		len(k.Handle) == 0 || len(k.Handle) > maxHandle || k.Place == "" {
		return errPasskeyForm
	}
	return nil
}

// PasskeySalt is what browsers evaluate a passkey's PRF at. It is one for all:
// each passkey has a key of its own under it, and whoever comes to the door is told
// it, whether or not there is a passkey.
func (d *Directory) PasskeySalt() [32]byte {
	return d.config.Device.key.MAC("passkey-salt", nil)
}

// FindPasskey gives the passkey of an identifier, and the name of its person.
func (d *Directory) FindPasskey(credential []byte) (name string, k Passkey, ok bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	for _, p := range d.people {
		for _, x := range p.Passkeys {
			if bytes.Equal(x.Credential, credential) {
				return p.Name, x, true
			}
		}
	}
	return "", Passkey{}, false
}

// AddPasskey lets a passkey open the vault. Secret is what the browser derived
// from its PRF output at PasskeySalt.
func (d *Directory) AddPasskey(ctx context.Context, s Session, k Passkey, secret []byte) error {
	switch {
	case s.own() == nil:
		return ErrLocked
	case s.seat.way == SlotToken:
		return ErrNotByToken
	case len(secret) != passkeySecret:
		return errPasskeySecret
	}
	d.passkeys.Lock()
	defer d.passkeys.Unlock()
	k.Way, k.Day = NewID(), d.today()
	if err := d.prunePasskeys(ctx, s); err != nil { // what a crash left
		return err
	}
	// The directory first: a crash leaves a passkey there that opens nothing, and
	// no way in that nobody could tell from others.
	if err := d.keepPasskey(ctx, s.Person, k); err != nil {
		return err
	}
	err := d.reslot(ctx, s, Event{What: SlotAdded, Detail: uint32(SlotPasskey)}, Deed{What: DeedSlotAdded, Way: SlotPasskey.String(), Slot: k.Way.String()},
		func(next *slotSet, root *seal.Key) error {
			x, err := next.newPasskeySlot(&d.smith, root, k.Way, passkey{credential: k.digest(), salt: d.PasskeySalt()}, secret)
			if err == nil {
				next.put(x, false)
			}
			return err
		})
	if err != nil {
		return errors.Join(err, d.prunePasskeys(context.WithoutCancel(ctx), s))
	}
	return nil
}

// keepPasskey writes a passkey into the record of its person.
func (d *Directory) keepPasskey(ctx context.Context, id PersonID, k Passkey) error {
	if err := k.check(); err != nil {
		return err
	}
	d.change.Lock()
	defer d.change.Unlock()
	p, ok := d.who(id)
	if !ok {
		return ErrLocked
	}
	if _, _, known := d.FindPasskey(k.Credential); known {
		return ErrPasskeyKnown
	}
	if len(p.Passkeys) >= mostPasskeys {
		return ErrPasskeys
	}
	p.Passkeys = append(slices.Clone(p.Passkeys), k)
	return d.save(ctx, p)
}

// forgetPasskeys drops those of a session's person that open nothing any more.
func (d *Directory) forgetPasskeys(ctx context.Context, s Session) error {
	d.passkeys.Lock()
	defer d.passkeys.Unlock()
	return d.prunePasskeys(ctx, s)
}

// prunePasskeys is forgetPasskeys for who holds passkeys.
func (d *Directory) prunePasskeys(ctx context.Context, s Session) error {
	set, err := d.ownSlots(ctx, s)
	if err != nil {
		return err
	}
	d.change.Lock()
	defer d.change.Unlock()
	p, ok := d.who(s.Person)
	if !ok {
		return ErrLocked
	}
	left := slices.DeleteFunc(slices.Clone(p.Passkeys), func(k Passkey) bool {
		_, there := set.named(k.Way)
		return !there
	})
	if len(left) == len(p.Passkeys) {
		return nil
	}
	p.Passkeys = left
	return d.save(ctx, p)
}

// PasskeysOf gives the passkeys of a session's person, to show to an authenticator
// which it need not make again.
func (d *Directory) PasskeysOf(s Session) []Passkey {
	p, ok := d.who(s.Person)
	if !ok || !s.Unlocked() {
		return nil
	}
	return slices.Clone(p.Passkeys)
}

// PasskeyUses lists the passkeys that open a session's vault, and when each was
// last used.
func (d *Directory) PasskeyUses(ctx context.Context, s Session) ([]PasskeyUse, error) {
	set, err := d.ownSlots(ctx, s)
	if err != nil {
		return nil, err
	}
	deeds, err := d.Deeds(ctx, s)
	if err != nil {
		return nil, err
	}
	used := map[string]time.Time{}
	for _, x := range deeds {
		if x.What == DeedUnlocked && x.Slot != "" {
			used[x.Slot] = x.At
		}
	}
	var list []PasskeyUse
	for _, k := range d.PasskeysOf(s) {
		if _, there := set.named(k.Way); there {
			list = append(list, PasskeyUse{Way: k.Way, Place: k.Place, Synced: k.Synced, Day: k.Day, Used: used[k.Way.String()]})
		}
	}
	return list, nil
}
