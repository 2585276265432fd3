package vault

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Claims and invitations are texts of 256 random bits that let one person in,
// one time. The directory keeps their digests.
const (
	claimPrefix  = "abc_"
	invitePrefix = "abi_"
	// InvitationLasts is how long an invitation can be used.
	InvitationLasts = 7 * 24 * time.Hour
	maxInvitations  = 1000
)

// Errors of those who want to come in.
var (
	ErrTicket  = errors.New("this invitation cannot be used: it was used already, has expired, was withdrawn, or is not complete; ask an owner for another")
	ErrClaimed = errors.New("this installation has an owner already: ask them for an invitation")
	ErrFull    = errors.New("there are too many open invitations: withdraw some first")
)

// invitation is an open invitation. Guarded by Directory.mu.
type invitation struct {
	id      ID
	Digest  []byte    `json:"sha256"`
	Role    Role      `json:"role"`
	Expires time.Time `json:"expires"`
}

// Invitation is what an owner sees of an open invitation.
type Invitation struct {
	ID      ID        `json:"id"`
	Role    Role      `json:"role"`
	Expires time.Time `json:"expires"`
}

func newTicket(prefix string) (shown Once, digest [32]byte) {
	var b [32]byte
	rand.Read(b[:]) // never fails: it ends the program instead
	text := base64.RawURLEncoding.AppendEncode([]byte(prefix), b[:])
	clear(b[:])
	return newOnce(text), ticketDigest(text)
}

func ticketDigest(text []byte) [32]byte {
	h := sha256.New()
	h.Write([]byte("abaton.local/vault/ticket/v1\x00"))
	h.Write(text)
	return [32]byte(h.Sum(nil))
}

// Claim gives the text with which the first owner is made: it is printed where
// only who runs the machine can read it. A later Claim, or a restart, makes the
// earlier one void.
func (d *Directory) Claim() (Once, error) {
	d.change.Lock()
	defer d.change.Unlock()
	if !d.Unclaimed() {
		return Once{}, ErrClaimed
	}
	shown, digest := newTicket(claimPrefix)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.claim = digest
	return shown, nil
}

// Usable tells whether a claim or an invitation is good at this moment: nil, or why
// it is not.
func (d *Directory) Usable(ticket []byte) error {
	_, _, err := d.admitted(ticket)
	return err
}

// AnyInvited tells whether an invitation is open.
func (d *Directory) AnyInvited() bool {
	now := d.config.Now()
	d.mu.RLock()
	defer d.mu.RUnlock()
	for _, n := range d.notes {
		if now.Before(n.Expires) {
			return true
		}
	}
	return false
}

// Unclaimed tells whether nobody owns this installation yet.
func (d *Directory) Unclaimed() bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	for _, p := range d.people {
		if p.Role == RoleOwner {
			return false
		}
	}
	return true
}

func (d *Directory) readInvitations(ctx context.Context) error {
	for _, r := range d.vault.List(kindInvitation, peopleContainer()) {
		b, err := d.vault.Read(ctx, r.ID)
		if err != nil {
			return err
		}
		n := &invitation{id: r.ID}
		if err := json.Unmarshal(b, n); err != nil || len(n.Digest) != sha256.Size {
			return fmt.Errorf("an invitation's record is damaged (%w)", err)
		}
		d.notes[r.ID] = n
	}
	return nil
}

// Invite makes an invitation for one more person.
func (d *Directory) Invite(ctx context.Context, s Session, role Role) (Once, Invitation, error) {
	if err := d.owner(s); err != nil {
		return Once{}, Invitation{}, err
	}
	if _, err := ParseRole(role.String()); err != nil {
		return Once{}, Invitation{}, err
	}
	d.change.Lock()
	defer d.change.Unlock()
	now := d.config.Now()
	stale := d.staleInvitations(now)
	d.mu.RLock()
	full := len(d.notes)-len(stale) >= maxInvitations
	d.mu.RUnlock()
	if full {
		return Once{}, Invitation{}, ErrFull
	}
	shown, digest := newTicket(invitePrefix)
	n := &invitation{id: NewID(), Digest: digest[:], Role: role, Expires: now.Add(InvitationLasts).UTC().Truncate(time.Second)}
	b, err := json.Marshal(n)
	if err != nil {
		return Once{}, Invitation{}, fmt.Errorf("an invitation: %w", err)
	}
	if err := d.onRecord(Event{What: InvitationMade, Actor: identity(s.Person), Detail: uint32(role)}); err != nil {
		return Once{}, Invitation{}, err
	}
	e := Edit{Put: []Put{{ID: n.id, Container: peopleContainer(), Kind: kindInvitation, Payload: b}}, Delete: stale}
	if err := d.vault.Write(ctx, e); err != nil {
		return Once{}, Invitation{}, fmt.Errorf("the directory: %w", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, id := range stale {
		delete(d.notes, id)
	}
	d.notes[n.id] = n
	return shown, Invitation{ID: n.id, Role: n.Role, Expires: n.Expires}, nil
}

// staleInvitations lists those that have expired.
func (d *Directory) staleInvitations(now time.Time) (stale []ID) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	for id, n := range d.notes {
		if !now.Before(n.Expires) {
			stale = append(stale, id)
		}
	}
	return stale
}

// Invitations lists the open ones, those that end first at the front.
func (d *Directory) Invitations(s Session) ([]Invitation, error) {
	if err := d.owner(s); err != nil {
		return nil, err
	}
	now := d.config.Now()
	d.mu.RLock()
	defer d.mu.RUnlock()
	var list []Invitation
	for _, n := range d.notes {
		if now.Before(n.Expires) {
			list = append(list, Invitation{ID: n.id, Role: n.Role, Expires: n.Expires})
		}
	}
	slices.SortFunc(list, func(a, b Invitation) int { return a.Expires.Compare(b.Expires) })
	return list, nil
}

// Withdraw makes an invitation void.
func (d *Directory) Withdraw(ctx context.Context, s Session, id ID) error {
	if err := d.owner(s); err != nil {
		return err
	}
	d.change.Lock()
	defer d.change.Unlock()
	d.mu.RLock()
	n := d.notes[id]
	d.mu.RUnlock()
	if n == nil {
		return ErrTicket
	}
	if err := d.vault.Write(ctx, Edit{Delete: []ID{id}}); err != nil {
		return fmt.Errorf("the directory: %w", err)
	}
	d.mu.Lock()
	delete(d.notes, id)
	d.mu.Unlock()
	d.fasten()
	return nil
}
