package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"abaton.local/vault"
)

// listPeople is who is here, for owners.
func listPeople() call[struct{}, []vault.Person] {
	return call[struct{}, []vault.Person]{"people/list", func(ctx context.Context, h *home, s vault.Session, _ struct{}) ([]vault.Person, error) {
		return h.people.People(ctx, s)
	}}
}

// findPerson is one person, by name: for owners anybody, for others they themselves.
func findPerson() call[string, vault.Person] {
	return call[string, vault.Person]{"people/find", func(ctx context.Context, h *home, s vault.Session, name string) (vault.Person, error) {
		return h.person(ctx, s, name)
	}}
}

// invited is an invitation that was just made, with its text.
type invited struct {
	vault.Invitation
	Text string `json:"invitation"`
}

// makeInvitation invites somebody in a role.
func makeInvitation() call[vault.Role, invited] {
	return call[vault.Role, invited]{"people/invite", func(ctx context.Context, h *home, s vault.Session, role vault.Role) (invited, error) {
		text, x, err := h.people.Invite(ctx, s, role)
		if err != nil {
			return invited{}, err
		}
		defer text.Clear()
		return invited{x, string(text.Reveal())}, nil
	}}
}

// listInvitations is the open invitations, without their texts.
func listInvitations() call[struct{}, []vault.Invitation] {
	return call[struct{}, []vault.Invitation]{"people/invitations", func(_ context.Context, h *home, s vault.Session, _ struct{}) ([]vault.Invitation, error) {
		return h.people.Invitations(s)
	}}
}

// withdraw makes an invitation void, by the beginning of its identifier.
func withdraw() call[string, vault.Invitation] {
	return call[string, vault.Invitation]{"people/withdraw", func(ctx context.Context, h *home, s vault.Session, id string) (vault.Invitation, error) {
		list, err := h.people.Invitations(s)
		if err != nil {
			return vault.Invitation{}, err
		}
		i, err := theOne(list, "no open invitation begins with that ID: `abaton people invitations` lists them", "several invitations begin with that ID: type more of it",
			func(x vault.Invitation) bool { return id != "" && strings.HasPrefix(x.ID.String(), id) })
		if err != nil {
			return vault.Invitation{}, err
		}
		return list[i], h.people.Withdraw(ctx, s, list[i].ID)
	}}
}

type roleOf struct {
	Name string     `json:"name"`
	Role vault.Role `json:"role"`
}

// setRole changes what somebody may do.
func setRole() call[roleOf, vault.Person] {
	return call[roleOf, vault.Person]{"people/role", func(ctx context.Context, h *home, s vault.Session, in roleOf) (vault.Person, error) {
		x, err := h.person(ctx, s, in.Name)
		if err != nil {
			return x, err
		}
		x.Role = in.Role
		return x, h.people.SetRole(ctx, s, x.ID, in.Role)
	}}
}

type accessOf struct {
	Name string `json:"name"`
	Off  bool   `json:"off"`
}

// setDisabled shuts somebody out, or lets them in again.
func setDisabled() call[accessOf, vault.Person] {
	return call[accessOf, vault.Person]{"people/access", func(ctx context.Context, h *home, s vault.Session, in accessOf) (vault.Person, error) {
		x, err := h.person(ctx, s, in.Name)
		if err != nil {
			return x, err
		}
		x.Disabled = in.Off
		return x, h.people.SetDisabled(ctx, s, x.ID, in.Off)
	}}
}

type newName struct {
	Name string `json:"name"`
	New  string `json:"new"`
}

// rename gives somebody another name: an owner anybody, others themselves.
func rename() call[newName, vault.Person] {
	return call[newName, vault.Person]{"people/rename", func(ctx context.Context, h *home, s vault.Session, in newName) (vault.Person, error) {
		x, err := h.person(ctx, s, in.Name)
		if err != nil {
			return x, err
		}
		if x.Name, err = vault.ParseName(in.New); err != nil {
			return x, err
		}
		return x, h.people.Rename(ctx, s, x.ID, x.Name)
	}}
}

// dismiss destroys somebody's keys and forgets them: an owner anybody's, others
// their own.
func dismiss() call[string, vault.Person] {
	return call[string, vault.Person]{"people/remove", func(ctx context.Context, h *home, s vault.Session, name string) (vault.Person, error) {
		x, err := h.person(ctx, s, name)
		if err != nil {
			return x, err
		}
		return x, h.people.Remove(ctx, s, x.ID)
	}}
}

// person finds somebody by name. Who is no owner finds themselves, and learns
// of nobody else whether they are here.
func (h *home) person(ctx context.Context, s vault.Session, name string) (vault.Person, error) {
	name, err := vault.ParseName(name)
	if err != nil {
		return vault.Person{}, err
	}
	list, err := h.people.People(ctx, s)
	if errors.Is(err, vault.ErrNotOwner) {
		me, e := h.people.Me(ctx, s)
		if e != nil || !strings.EqualFold(me.Name, name) {
			return vault.Person{}, err
		}
		return me, nil
	}
	if err != nil {
		return vault.Person{}, err
	}
	i := slices.IndexFunc(list, func(x vault.Person) bool { return strings.EqualFold(x.Name, name) })
	if i < 0 {
		return vault.Person{}, fmt.Errorf("%w with that name: `abaton people` lists them", vault.ErrNoPerson)
	}
	return list[i], nil
}

// theOne finds the one entry that fits, or says why there is not one. The first
// rule that any entry fits decides.
func theOne[T any](list []T, none, several string, rules ...func(T) bool) (int, error) {
	for _, fits := range rules {
		at := slices.IndexFunc(list, fits)
		if at >= 0 && slices.ContainsFunc(list[at+1:], fits) {
			return -1, errors.New(several)
		}
		if at >= 0 {
			return at, nil
		}
	}
	return -1, errors.New(none)
}
