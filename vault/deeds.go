package vault

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Deed is one act of a person, in the journal that lies sealed in their own
// vault: nobody else reads when they worked.
type Deed struct {
	At   time.Time `json:"at"`
	What string    `json:"what"`
	Way  string    `json:"way,omitempty"`  // with which kind of slot, or which was changed
	N    int       `json:"n,omitempty"`    // how many; what of is said by What
	Slot string    `json:"slot,omitempty"` // which passkey it was, as Way.ID has it
}

// What deeds say.
const (
	DeedUnlocked     = "unlocked"
	DeedLocked       = "locked"
	DeedFailed       = "wrong attempts before this unlocking"
	DeedTokenUsed    = "token used"
	DeedTokenMade    = "token made"
	DeedTokenRevoked = "token revoked"
	DeedSlotAdded    = "way to open added"
	DeedSlotRemoved  = "way to open removed"
	DeedSlotChanged  = "way to open changed"
	DeedEscrowUsed   = "opened by the organisation's escrow key"
	DeedRotated      = "root key changed"
	DeedExported     = "exported"
	DeedRollback     = "an older state of the vault accepted"
	maxDeeds         = 2000
	deedsDropped     = 500 // at once, the oldest
	deedTimeout      = 5 * time.Second
	tokenDeedsApart  = time.Hour
)

// Containers of what a vault keeps about itself. Their names are small numbers,
// which no random identifier is.
func deedsContainer() ID  { return ID{15: 1} }
func tokensContainer() ID { return ID{15: 2} }

// noteDeed writes a deed into an open vault.
func noteDeed(ctx context.Context, v *Vault, d Deed) error {
	ctx, stop := context.WithTimeout(ctx, deedTimeout)
	defer stop()
	d.At = d.At.UTC().Truncate(time.Second)
	b, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("the journal of acts: %w", err)
	}
	have := v.List(KindAct, deedsContainer())
	order := uint64(1)
	if len(have) > 0 {
		order = have[len(have)-1].Order + 1
	}
	e := Edit{Put: []Put{{ID: NewID(), Container: deedsContainer(), Kind: KindAct, Order: order, Payload: b}}}
	if len(have) >= maxDeeds {
		for _, r := range have[:deedsDropped] {
			e.Delete = append(e.Delete, r.ID)
		}
	}
	if err := v.Write(ctx, e); err != nil {
		return fmt.Errorf("the journal of acts: %w", err)
	}
	return nil
}

// Deeds gives what the person did, oldest first.
func (d *Directory) Deeds(ctx context.Context, s Session) ([]Deed, error) {
	v, err := s.Vault()
	if err != nil {
		return nil, err
	}
	var deeds []Deed
	for _, r := range v.List(KindAct, deedsContainer()) {
		b, err := v.Read(ctx, r.ID)
		if err != nil {
			return nil, err
		}
		var x Deed
		if err := json.Unmarshal(b, &x); err != nil {
			return nil, fmt.Errorf("the journal of acts: %w", err)
		}
		deeds = append(deeds, x)
	}
	return deeds, nil
}
