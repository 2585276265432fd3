package vault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// state is where a person stands. The numbers lie in files.
type state uint8

const (
	active   state = 1
	disabled state = 2
	joining  state = 3 // their vault may not be there yet
	leaving  state = 4 // their vault may be gone already
)

// person is one person in the directory. Guarded by Directory.mu.
type person struct {
	id     PersonID
	Name   string `json:"name"`
	Role   Role   `json:"role"`
	State  state  `json:"state"`
	Day    string `json:"day"`              // of joining; not the hour
	Adopts bool   `json:"adopts,omitempty"` // joining with a vault that was there before
	// Passkeys by which their authenticators are known. Never changed in place.
	Passkeys []Passkey `json:"passkeys,omitempty"`
	order    uint64
}

// Person is what an owner sees of somebody: nothing about when they work.
type Person struct {
	ID       PersonID   `json:"id"`
	Name     string     `json:"name"`
	Role     Role       `json:"role"`
	Disabled bool       `json:"disabled"`
	Since    string     `json:"since"` // the day, as 2006-01-02
	Ways     []SlotKind `json:"ways"`  // with what the vault can be opened: each kind once, sorted
}

// Errors about people on which callers branch.
var (
	ErrNoPerson  = errors.New("there is no such person")
	ErrNameTaken = errors.New("somebody has this name already: take another")
	ErrLastOwner = errors.New("this is the last owner: make somebody else an owner first")
	ErrNotOwner  = errors.New("only an owner may do this")
	ErrDisabled  = errors.New("this person's access is switched off: ask an owner")
)

// readPeople fills the index from the directory's vault.
func (d *Directory) readPeople(ctx context.Context) error {
	for _, r := range d.vault.List(kindPerson, peopleContainer()) {
		b, err := d.vault.Read(ctx, r.ID)
		if err != nil {
			return err
		}
		p := &person{id: PersonID(r.ID.String()), order: r.Order}
		if err := json.Unmarshal(b, p); err != nil {
			return fmt.Errorf("a person's record: %w", err)
		}
		d.index(p)
	}
	if err := d.readInvitations(ctx); err != nil {
		return err
	}
	return d.readTokens(ctx)
}

// index takes a person into the maps. The caller holds mu, or is alone.
func (d *Directory) index(p *person) {
	d.people[p.id] = p
	d.names[folded(p.Name)] = p
	d.orders = max(d.orders, p.order)
}

// unindex takes a person out of the maps. The caller holds mu.
func (d *Directory) unindex(p *person) {
	delete(d.people, p.id)
	if q := d.names[folded(p.Name)]; q != nil && q.id == p.id {
		delete(d.names, folded(p.Name))
	}
}

// put is the record of a person.
func (p *person) put() (Put, error) {
	b, err := json.Marshal(p)
	if err != nil {
		return Put{}, fmt.Errorf("a person's record: %w", err)
	}
	return Put{ID: identity(p.id), Container: peopleContainer(), Kind: kindPerson, Order: p.order, Payload: b}, nil
}

// find gives a copy of a person by name.
func (d *Directory) find(name string) (person, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if p := d.names[folded(name)]; p != nil {
		return *p, true
	}
	return person{}, false
}

// who gives a copy of a person by ID.
func (d *Directory) who(id PersonID) (person, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if p := d.people[id]; p != nil {
		return *p, true
	}
	return person{}, false
}

// Known gives the ID of the person who has a name, or this ID. It tells that
// somebody is here: it is for whoever runs the machine.
func (d *Directory) Known(nameOrID string) (PersonID, bool) {
	if p, ok := d.who(PersonID(nameOrID)); ok {
		return p.id, true
	}
	p, ok := d.find(nameOrID)
	return p.id, ok
}

// Me is what the directory knows about a session's person.
func (d *Directory) Me(ctx context.Context, s Session) (Person, error) {
	p, ok := d.who(s.Person)
	if !ok || s.ended() {
		return Person{}, ErrNoPerson
	}
	return d.seen(ctx, p)
}

// seen is what may be seen of a person.
func (d *Directory) seen(ctx context.Context, p person) (Person, error) {
	shown := Person{ID: p.id, Name: p.Name, Role: p.Role, Disabled: p.State == disabled, Since: p.Day}
	shell, err := d.config.Store.Shell(ctx, identity(p.id))
	if err != nil {
		return shown, fmt.Errorf("the vault of a person: %w", err)
	}
	set, err := d.checkedSlots(identity(p.id), shell.Slots)
	if err != nil {
		return shown, nil // who can open it is not known; unlocking says more
	}
	for _, x := range set.slots {
		shown.Ways = append(shown.Ways, x.kind)
	}
	slices.Sort(shown.Ways)
	shown.Ways = slices.Compact(shown.Ways)
	return shown, nil
}

// owner checks that a session may manage people: an owner's, unlocked, and not
// by a token, which programs hold.
func (d *Directory) owner(s Session) error {
	if !s.Unlocked() {
		return ErrLocked
	}
	if p, ok := d.who(s.Person); !ok || p.Role != RoleOwner || p.State != active || s.Way() == SlotToken {
		return ErrNotOwner
	}
	return nil
}

// People lists everybody, by the order of their joining.
func (d *Directory) People(ctx context.Context, s Session) ([]Person, error) {
	if err := d.owner(s); err != nil {
		return nil, err
	}
	d.mu.RLock()
	all := make([]person, 0, len(d.people))
	for _, p := range d.people {
		if p.State == active || p.State == disabled {
			all = append(all, *p)
		}
	}
	d.mu.RUnlock()
	slices.SortFunc(all, func(a, b person) int {
		if a.order != b.order {
			return int(int64(a.order) - int64(b.order))
		}
		return strings.Compare(string(a.id), string(b.id))
	})
	list := make([]Person, 0, len(all))
	for _, p := range all {
		shown, err := d.seen(ctx, p)
		if err != nil {
			return nil, err
		}
		list = append(list, shown)
	}
	return list, nil
}

// RoleOf is the role of a session's person; false for guests and strangers, for
// those whose access is switched off, and for tokens, which have no role.
func (d *Directory) RoleOf(s Session) (Role, bool) {
	p, ok := d.who(s.Person)
	if !ok || p.State != active || s.ended() || s.Way() == SlotToken {
		return 0, false
	}
	return p.Role, true
}

// owners counts owners who can act.
func (d *Directory) owners() (n int) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	for _, p := range d.people {
		if p.Role == RoleOwner && p.State == active {
			n++
		}
	}
	return n
}

// SetRole changes what somebody may do. Their open sessions go on.
func (d *Directory) SetRole(ctx context.Context, s Session, id PersonID, role Role) error {
	if _, err := ParseRole(role.String()); err != nil {
		return err
	}
	return d.alter(ctx, s, id, Event{What: RoleChanged, Detail: uint32(role)}, func(p *person) error {
		if p.Role == RoleOwner && p.State == active && role != RoleOwner && d.owners() == 1 {
			return ErrLastOwner
		}
		p.Role = role
		return nil
	})
}

// Rename gives somebody another name, by which they come in from now on: a
// person does it for themself, an owner for anybody. Open sessions and tokens go
// on; the shared record knows nobody by name.
func (d *Directory) Rename(ctx context.Context, s Session, id PersonID, name string) error {
	name, err := ParseName(name)
	if err != nil {
		return err
	}
	if !s.Unlocked() || s.Way() == SlotToken {
		return ErrLocked
	}
	if s.Person != id {
		if err := d.owner(s); err != nil {
			return err
		}
	}
	return d.amend(ctx, s, id, Event{What: PersonRenamed}, func(p *person) error {
		if other, taken := d.find(name); taken && other.id != id {
			return ErrNameTaken
		}
		p.Name = name
		return nil
	})
}

// SetDisabled switches somebody's access off, or on again. Switched off, their
// sessions and tokens end at once; their vault stays as it is.
func (d *Directory) SetDisabled(ctx context.Context, s Session, id PersonID, off bool) error {
	event := Event{What: PersonDisabled}
	if !off {
		event.Detail = 1
	}
	err := d.alter(ctx, s, id, event, func(p *person) error {
		if off && p.Role == RoleOwner && p.State == active && d.owners() == 1 {
			return ErrLastOwner
		}
		p.State = active
		if off {
			p.State = disabled
		}
		return nil
	})
	if err == nil && off {
		d.expel(id)
	}
	return err
}

// expel ends all that somebody has open. A token that only asks opens no vault,
// and what it asks is in the memory of an engine all the same. Whoever comes by one
// of their tokens after they were let in again has another grant.
func (d *Directory) expel(id PersonID) {
	d.mu.Lock()
	for _, t := range d.tokens {
		if t.person == id {
			t.grant.back.Store(true)
			t.grant = new(grant)
		}
	}
	d.mu.Unlock()
	d.lobby.lockAll(id, nil)
	d.wasLocked(id)
}

// alter changes one person's record under the rules that f checks, and puts it
// on the shared record first.
func (d *Directory) alter(ctx context.Context, s Session, id PersonID, event Event, f func(*person) error) error {
	if err := d.owner(s); err != nil {
		return err
	}
	return d.amend(ctx, s, id, event, f)
}

// amend is alter for whoever may do it.
func (d *Directory) amend(ctx context.Context, s Session, id PersonID, event Event, f func(*person) error) error {
	d.change.Lock()
	defer d.change.Unlock()
	p, ok := d.who(id)
	if !ok || p.State != active && p.State != disabled {
		return ErrNoPerson
	}
	before := p
	if err := f(&p); err != nil {
		return err
	}
	event.Actor, event.Object = identity(s.Person), identity(id)
	if err := d.config.Audit.Record(event); err != nil {
		return fmt.Errorf("the shared record: %w", err)
	}
	if err := d.save(ctx, p); err != nil {
		return err
	}
	if folded(before.Name) != folded(p.Name) {
		d.mu.Lock()
		delete(d.names, folded(before.Name))
		d.mu.Unlock()
	}
	d.fasten()
	return nil
}

// save writes a person and then knows it. The caller holds change.
func (d *Directory) save(ctx context.Context, p person) error {
	put, err := p.put()
	if err != nil {
		return err
	}
	if err := d.vault.Write(ctx, Edit{Put: []Put{put}}); err != nil {
		return fmt.Errorf("the directory: %w", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.index(&p)
	return nil
}

// today is the day, without the hour.
func (d *Directory) today() string { return d.config.Now().UTC().Format(time.DateOnly) }
